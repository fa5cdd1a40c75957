/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/pgp_keys.h"

#include "platform/clock.h"
#include "platform/fs.h"
#include "platform/text.h"

#include <stdio.h>
#include <time.h>

#define ARENA_BYTES (4 * LP_PGP_KEYS_BYTES)
#define BODY_HEAD   6 /* bytes of a key's packet before its material */

/* One line on its way: what is left of it, and where it stands. */
struct line {
	const char *file;
	unsigned number;
	char *at; /* NUL-terminated; ours to cut into pieces */
	struct arena *arena;
	struct err *err;
};

LP_PRINTF(2, 3)
static enum lp_code bad(struct line *l, const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return lp_err_set(l->err, LP_CONFIG, "%s:%u: %s", l->file, l->number, what);
}

static enum lp_code take_word(struct line *l, const char *expected, char **ret)
{
	char *start = l->at;

	l->at += strcspn(start, " ");
	if (*l->at)
		*l->at++ = '\0';
	l->at += strspn(l->at, " ");
	if (!*start)
		return bad(l, "expected %s", expected);
	*ret = start;
	return LP_OK;
}

/* Takes the name of an algorithm and base64: the body of the key's packet, but for its date. */
static enum lp_code take_body(struct line *l, const char **ret_name, uint8_t **ret, size_t *ret_len)
{
	LP_AUTO(lp_buf_free) struct buf material = LP_BUF(LP_PGP_KEYS_LINE);
	char *name = NULL, *base64 = NULL;

	LP_TRY(take_word(l, "an algorithm, such as rsa, ecdsa-p256 or eddsa", &name));
	enum pgp_algorithm algorithm = lp_pgp_algorithm(name);
	if (algorithm == PGP_OTHER)
		return bad(l,
			   "\"%.32s\": expected rsa, ecdsa-p256, ecdsa-p384, ecdsa-p521, eddsa "
			   "or ed25519",
			   name);
	LP_TRY(take_word(l, "a key in base64 after its algorithm", &base64));
	struct slice text = {(const uint8_t *)base64, strlen(base64)};
	if (lp_base64_decode(text, &material, l->err) != LP_OK)
		return bad(l, "after %s: not a key in base64", name);
	uint8_t *body = lp_arena_alloc(l->arena, BODY_HEAD + material.len);
	if (!body)
		return lp_arena_full(l->arena, "OpenPGP keys", l->err);
	body[0] = 4;
	body[BODY_HEAD - 1] = (uint8_t)algorithm;
	memcpy(body + BODY_HEAD, material.data, material.len);
	*ret_name = name;
	*ret = body;
	*ret_len = BODY_HEAD + material.len;
	return LP_OK;
}

/* 2026-11-21T07:40:00Z, within what the four bytes of a key's date can say. */
static enum lp_code read_time(struct line *l, const char *word, const char *what, int64_t *ret_s)
{
	char again[LP_TIME_TEXT];
	struct tm tm = {0};

	const char *end = strptime(word, "%Y-%m-%dT%H:%M:%SZ", &tm);
	*ret_s = end && !*end ? timegm(&tm) : 0;
	if (*ret_s <= 0 || *ret_s > 2 * (int64_t)UINT32_MAX ||
	    strcmp(lp_time_text(*ret_s, again), word) != 0)
		return bad(l, "\"%.32s\": expected %s as 2026-11-21T07:40:00Z", word, what);
	return LP_OK;
}

static enum lp_code take_dates(struct line *l, int64_t *ret_created_s, int64_t *ret_expires_s)
{
	char *word = NULL;

	LP_TRY(take_word(l, "the date it was made", &word));
	LP_TRY(read_time(l, word, "the date it was made", ret_created_s));
	if (*ret_created_s > UINT32_MAX)
		return bad(l, "no key can be made at %.32s", word);
	LP_TRY(take_word(l, "the date it expires, or -", &word));
	*ret_expires_s = 0;
	return strcmp(word, "-") == 0
		       ? LP_OK
		       : read_time(l, word, "the date it expires, or -,", ret_expires_s);
}

static enum lp_code take_label(struct line *l, const char **ret)
{
	char shown[LP_SIGNER_TEXT];
	size_t n = strlen(l->at);

	if (n == 0)
		return bad(l, "expected a label after the dates: the user id");
	if (n >= LP_SIGNER_TEXT)
		return bad(l, "a label of more than %d bytes", LP_SIGNER_TEXT - 1);
	lp_printable((struct slice){(const uint8_t *)l->at, n}, shown, sizeof(shown));
	if (strcmp(shown, l->at) != 0)
		return bad(l, "a label that cannot be shown as it is");
	*ret = lp_arena_strn(l->arena, l->at, n);
	return *ret ? LP_OK : lp_arena_full(l->arena, "OpenPGP keys", l->err);
}

/* The key must be one that can be verified with, and the one that its fingerprint names. */
static enum lp_code check_key(struct line *l, const char *name, const char *fingerprint,
			      const struct pgp_key *key)
{
	char own[LP_PGP_FINGERPRINT_TEXT];

	if (key->algorithm == PGP_OTHER || strcmp(key->name, name) != 0)
		return bad(l, "the key is not of the algorithm it says, %s", name);
	if (key->algorithm == PGP_RSA &&
	    (key->bits < LP_RSA_BITS_MIN || key->bits > LP_RSA_BITS_MAX || key->bits % 8))
		return bad(l, "an RSA key of %u bits; %d to %d bits are read", key->bits,
			   LP_RSA_BITS_MIN, LP_RSA_BITS_MAX);
	if (strcmp(lp_pgp_fingerprint(key, own), fingerprint) != 0)
		return bad(l,
			   "the fingerprint of this key and its date is %s, and not what the line "
			   "says",
			   own);
	return LP_OK;
}

static enum lp_code read_line(struct line *l, struct pgp_line *ret)
{
	const char *name = NULL;
	char *fingerprint = NULL;
	uint8_t *body = NULL;
	size_t len = 0;
	int64_t created_s = 0;

	*ret = (struct pgp_line){.number = l->number};
	LP_TRY(take_body(l, &name, &body, &len));
	LP_TRY(take_word(l, "a fingerprint after the key", &fingerprint));
	LP_TRY(take_dates(l, &created_s, &ret->expires_s));
	LP_TRY(take_label(l, &ret->label));
	for (int i = 0; i < 4; i++)
		body[1 + i] = (uint8_t)(created_s >> (24 - 8 * i));
	if (lp_pgp_key_parse((struct slice){body, len}, &ret->key, l->err) != LP_OK)
		return bad(l, "a malformed key");
	LP_TRY(check_key(l, name, fingerprint, &ret->key));
	if (ret->expires_s && ret->expires_s <= ret->key.created_s)
		return bad(l, "it expires before it was made");
	return LP_OK;
}

/* A signature may name its key by no more than an id. */
static enum lp_code check_alone(struct line *l, const struct pgp_keys *k, const struct pgp_key *key)
{
	const size_t at = sizeof(key->fingerprint) - LP_PGP_KEY_ID;

	for (size_t i = 0; i < k->len; i++)
		if (memcmp(k->list[i].key.fingerprint + at, key->fingerprint + at, LP_PGP_KEY_ID) ==
		    0)
			return bad(l, "the key of line %u for the second time, or one with its id",
				   k->list[i].number);
	return LP_OK;
}

/* Copies one line to where it can be cut, and looks at its bytes. */
static enum lp_code open_line(struct slice raw, struct line *l, char to[LP_PGP_KEYS_LINE + 1])
{
	if (raw.len > LP_PGP_KEYS_LINE)
		return lp_err_set(l->err, LP_LIMIT, "%s:%u: a line of more than %u bytes", l->file,
				  l->number, LP_PGP_KEYS_LINE);
	for (size_t i = 0; i < raw.len; i++)
		if (raw.data[i] < ' ' || raw.data[i] == 0x7f)
			return bad(l, "a control character");
	if (raw.len)
		memcpy(to, raw.data, raw.len);
	to[raw.len] = '\0';
	l->at = to + strspn(to, " ");
	return LP_OK;
}

static enum lp_code add_line(struct pgp_keys *k, struct line *l, size_t room)
{
	if (!*l->at || *l->at == '#')
		return LP_OK;
	if (k->len == room)
		return lp_err_set(l->err, LP_LIMIT, "%s:%u: more than %u keys", l->file, l->number,
				  LP_PGP_KEYS_LINES);
	LP_TRY(read_line(l, &k->list[k->len]));
	LP_TRY(check_alone(l, k, &k->list[k->len].key));
	k->len++;
	return LP_OK;
}

static size_t count_lines(struct slice text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n < LP_PGP_KEYS_LINES ? n : LP_PGP_KEYS_LINES;
}

static enum lp_code parse(struct slice text, const char *name, struct pgp_keys *k, struct err *err)
{
	char room[LP_PGP_KEYS_LINE + 1];
	struct line l = {.file = name, .arena = &k->arena, .err = err};
	size_t lines = count_lines(text);

	if (text.len > LP_PGP_KEYS_BYTES)
		return lp_err_set(err, LP_LIMIT, "%s: more than %u bytes", name, LP_PGP_KEYS_BYTES);
	k->list = lp_arena_alloc(&k->arena, lines * sizeof(*k->list));
	if (!k->list)
		return lp_arena_full(&k->arena, "OpenPGP keys", err);
	while (text.len) {
		const uint8_t *eol = memchr(text.data, '\n', text.len);
		size_t n = eol ? (size_t)(eol - text.data) : text.len;

		l.number++;
		LP_TRY(open_line((struct slice){text.data, n}, &l, room));
		LP_TRY(add_line(k, &l, lines));
		n += eol ? 1 : 0;
		text = (struct slice){text.data + n, text.len - n};
	}
	return LP_OK;
}

enum lp_code lp_pgp_keys_parse(struct slice text, const char *name, struct pgp_keys *ret,
			       struct err *err)
{
	*ret = (struct pgp_keys){.arena = LP_ARENA(ARENA_BYTES)};
	if (parse(text, name, ret, err) != LP_OK) {
		lp_pgp_keys_free(ret);
		return err->code;
	}
	lp_sha256(text.data, text.len, ret->digest);
	return LP_OK;
}

enum lp_code lp_pgp_keys_load(const char *path, struct pgp_keys *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_PGP_KEYS_BYTES);

	*ret = (struct pgp_keys){0};
	LP_TRY(lp_file_read(path, &text, err));
	return lp_pgp_keys_parse(LP_SLICE_OF(&text), path, ret, err);
}

void lp_pgp_keys_free(struct pgp_keys *k)
{
	lp_arena_free(&k->arena);
	*k = (struct pgp_keys){0};
}

const struct pgp_line *lp_pgp_keys_find(const struct pgp_keys *k, const struct pgp_signature *s)
{
	for (size_t i = 0; i < k->len; i++)
		if (lp_pgp_signature_is_by(s, &k->list[i].key))
			return &k->list[i];
	return NULL;
}

enum lp_code lp_pgp_keys_write(const struct pgp_key *key, int64_t expires_s, const char *label,
			       struct buf *out, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf base64 = LP_BUF(LP_PGP_KEYS_LINE);
	char fingerprint[LP_PGP_FINGERPRINT_TEXT], created[LP_TIME_TEXT], expires[LP_TIME_TEXT];

	LP_TRY(lp_base64_encode(key->material, &base64, err));
	return lp_buf_printf(out, err, "%s %s %s %s %s %s\n", key->name, lp_buf_text(&base64),
			     lp_pgp_fingerprint(key, fingerprint),
			     lp_time_text(key->created_s, created),
			     expires_s ? lp_time_text(expires_s, expires) : "-", label);
}

const char *lp_pgp_signer(const struct pgp_line *line, char to[LP_SIGNER_TEXT])
{
	const char *open = strrchr(line->label, '<');
	size_t n = open ? strcspn(open + 1, ">") : 0;

	if (n && open[1 + n] == '>' && !open[2 + n])
		snprintf(to, LP_SIGNER_TEXT, "%.*s", (int)n, open + 1);
	else
		snprintf(to, LP_SIGNER_TEXT, "%s", line->label);
	return to;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/revocation.h"

#include "agent/trust/limits.h"
#include "platform/fs.h"

#include <string.h>

void lp_revocation_free(struct revocation *r)
{
	lp_buf_free(&r->krl);
	lp_buf_free(&r->keys);
	*r = (struct revocation){0};
}

/* Cuts the next word off the front of a line. */
static struct slice take_word(struct slice *line)
{
	size_t n = 0, blanks;

	while (n < line->len && line->data[n] != ' ' && line->data[n] != '\t')
		n++;
	for (blanks = n; blanks < line->len; blanks++)
		if (line->data[blanks] != ' ' && line->data[blanks] != '\t')
			break;
	struct slice word = {line->data, n};
	*line = (struct slice){line->data + blanks, line->len - blanks};
	return word;
}

/* The key that a line of a list means: a certificate there stands for its key. */
static enum lp_code read_key(struct slice blob, struct ssh_cert *cert, struct ssh_key *ret,
			     struct err *err)
{
	enum verdict verdict;

	LP_TRY(lp_ssh_key_parse(blob, ret, err));
	if (!lp_ssh_is_cert_name(ret->name))
		return LP_OK;
	LP_TRY(lp_ssh_cert_parse(blob, cert, &verdict, err));
	struct slice name = ret->name;
	*ret = cert->subject;
	ret->name = name; /* as the line has it */
	return LP_OK;
}

static enum lp_code add_line(struct slice line, struct revocation *r, struct err *err)
{
	LP_AUTO(lp_ssh_cert_free) struct ssh_cert cert = {0};
	LP_AUTO(lp_buf_free) struct buf blob = LP_BUF(LP_REVOKED_LINE);
	uint8_t digest[LP_SHA256_BYTES];
	struct ssh_key key;

	struct slice type = take_word(&line), base64 = take_word(&line);
	if (lp_base64_decode(base64, &blob, err) != LP_OK || blob.len == 0)
		return lp_err_set(err, LP_CONFIG,
				  "expected a public key, as in a .pub file, or a KRL as "
				  "ssh-keygen -k makes it");
	LP_TRY(read_key(LP_SLICE_OF(&blob), &cert, &key, err));
	if (!lp_slice_equal(key.name, type))
		return lp_err_set(err, LP_CONFIG, "the key is not of the type it says");
	lp_sha256(key.blob.data, key.blob.len, digest);
	return lp_buf_append(&r->keys, digest, sizeof(digest), err);
}

/* A line without what surrounds it; false when a byte in it is none of text. */
static bool trim(struct slice *line)
{
	if (line->len && line->data[line->len - 1] == '\r')
		line->len--;
	while (line->len && (line->data[0] == ' ' || line->data[0] == '\t'))
		*line = (struct slice){line->data + 1, line->len - 1};
	for (size_t i = 0; i < line->len; i++)
		if ((line->data[i] < ' ' && line->data[i] != '\t') || line->data[i] == 0x7f)
			return false;
	return true;
}

static enum lp_code read_line(struct slice line, struct revocation *r, struct err *err)
{
	if (line.len > LP_REVOKED_LINE)
		return lp_err_set(err, LP_LIMIT, "a line of more than %u bytes", LP_REVOKED_LINE);
	if (!trim(&line))
		return lp_err_set(err, LP_CONFIG, "a control character");
	if (line.len == 0 || line.data[0] == '#')
		return LP_OK;
	return add_line(line, r, err);
}

static enum lp_code read_list(struct slice text, const char *name, struct revocation *r,
			      struct err *err)
{
	for (unsigned number = 1; text.len; number++) {
		const uint8_t *eol = memchr(text.data, '\n', text.len);
		size_t n = eol ? (size_t)(eol - text.data) : text.len;

		if (read_line((struct slice){text.data, n}, r, err) != LP_OK) {
			lp_err_wrap(err, "%s:%u", name, number);
			if (err->code == LP_REJECTED)
				err->code = LP_CONFIG;
			return err->code;
		}
		n += eol ? 1 : 0;
		text = (struct slice){text.data + n, text.len - n};
	}
	return LP_OK;
}

static enum lp_code parse(struct slice content, const char *name, struct revocation *r,
			  struct err *err)
{
	enum revoked ignored;

	if (content.len > LP_REVOKED_BYTES)
		return lp_err_set(err, LP_LIMIT, "%s: more than %u bytes", name, LP_REVOKED_BYTES);
	if (content.len == 0)
		return lp_err_set(err, LP_CONFIG,
				  "%s: empty; when nothing is revoked, say so in a line that "
				  "begins with #",
				  name);
	if (!lp_krl_is(content))
		return read_list(content, name, r, err);
	if (lp_krl_ask(content, NULL, &ignored, err) != LP_OK)
		return lp_err_wrap(err, "%s", name);
	return lp_buf_append(&r->krl, content.data, content.len, err);
}

enum lp_code lp_revocation_parse(struct slice content, const char *name, struct revocation *ret,
				 struct err *err)
{
	*ret = (struct revocation){.krl = LP_BUF(LP_REVOKED_BYTES),
				   .keys = LP_BUF(LP_REVOKED_BYTES)};
	if (parse(content, name, ret, err) != LP_OK) {
		lp_revocation_free(ret);
		return err->code;
	}
	lp_sha256(content.data, content.len, ret->digest);
	return LP_OK;
}

enum lp_code lp_revocation_load(const char *path, struct revocation *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf content = LP_BUF(LP_REVOKED_BYTES);

	*ret = (struct revocation){0};
	LP_TRY(lp_file_read(path, &content, err));
	return lp_revocation_parse(LP_SLICE_OF(&content), path, ret, err);
}

static void name_key(const struct ssh_key *key, struct revoked_name *ret)
{
	ret->blob = key->blob;
	lp_sha1(key->blob.data, key->blob.len, ret->sha1);
	lp_sha256(key->blob.data, key->blob.len, ret->sha256);
}

static bool list_has(const struct buf *keys, const uint8_t digest[LP_SHA256_BYTES])
{
	for (size_t at = 0; at < keys->len; at += LP_SHA256_BYTES)
		if (memcmp(keys->data + at, digest, LP_SHA256_BYTES) == 0)
			return true;
	return false;
}

static enum revoked ask(const struct revocation *r, const struct revoked_question *q)
{
	enum revoked answer;
	struct err err;

	if (r->krl.len == 0) {
		if (list_has(&r->keys, q->key.sha256))
			return REVOKED_KEY;
		return q->cert && list_has(&r->keys, q->authority.sha256) ? REVOKED_AUTHORITY
									  : REVOKED_NOT;
	}
	/* it was read to its end when it was loaded; were it not, everything would be in it */
	return lp_krl_ask(LP_SLICE_OF(&r->krl), q, &answer, &err) == LP_OK ? answer : REVOKED_KEY;
}

bool lp_revocation_has(const struct revocation *r, const struct ssh_key *key,
		       const struct ssh_cert *cert, const char **ret_what)
{
	static const char *const names[] = {
		[REVOKED_NOT] = "",
		[REVOKED_KEY] = "key",
		[REVOKED_AUTHORITY] = "authority of its certificate",
		[REVOKED_SERIAL] = "certificate, by its serial number",
		[REVOKED_KEY_ID] = "certificate, by its key id",
	};
	struct revoked_question q = {.cert = cert};

	if (!r)
		return false;
	name_key(key, &q.key);
	if (cert)
		name_key(&cert->authority, &q.authority);
	enum revoked answer = ask(r, &q);
	if (ret_what)
		*ret_what = names[answer];
	return answer != REVOKED_NOT;
}

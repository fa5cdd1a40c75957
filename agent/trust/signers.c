/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/signers.h"

#include "platform/fs.h"

#include <strings.h>

#define ARENA_BYTES (4 * LP_SIGNERS_BYTES)

/* One line on its way: what is left of it, and where it stands. */
struct line {
	const char *file;
	unsigned number;
	char *at; /* NUL-terminated; ours to cut into pieces */
	struct arena *arena;
	struct err *err;
};

static enum lp_code bad(struct line *l, const char *what)
{
	lp_err_set(l->err, LP_CONFIG, "%s:%u: %s", l->file, l->number, what);
	return LP_CONFIG;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(struct line *l)
{
	while (is_blank(*l->at))
		l->at++;
}

/* Cuts off the next word, which ends at a blank. Quotes around a whole word are dropped. */
static enum lp_code take_word(struct line *l, const char *expected, char **ret)
{
	char *start = l->at;

	if (*start == '"') {
		char *close = strchr(++start, '"');
		if (!close || (close[1] && !is_blank(close[1])))
			return bad(l, "a quote that is not closed at the end of its word");
		*close = '\0';
		l->at = close + 1;
	} else {
		l->at += strcspn(start, " \t");
		if (*l->at)
			*l->at++ = '\0';
		if (strchr(start, '"'))
			return bad(l, "a quote inside a word");
	}
	skip_blanks(l);
	if (!*start) {
		lp_err_set(l->err, LP_CONFIG, "%s:%u: expected %s", l->file, l->number, expected);
		return LP_CONFIG;
	}
	*ret = start;
	return LP_OK;
}

/* Reads width digits at *at as a number. */
static int take_digits(const char **at, int width)
{
	int value = 0;

	for (int i = 0; i < width; i++)
		value = value * 10 + (*(*at)++ - '0');
	return value;
}

/* YYYYMMDD[HHMM[SS]]Z. Without the Z it would be local time, which a device does not have. */
static bool read_time(const char *text, int64_t *ret_s)
{
	size_t digits = strspn(text, "0123456789");
	struct tm tm = {0};

	if ((digits != 8 && digits != 12 && digits != 14) || strcmp(text + digits, "Z") != 0)
		return false;
	tm.tm_year = take_digits(&text, 4) - 1900;
	tm.tm_mon = take_digits(&text, 2) - 1;
	tm.tm_mday = take_digits(&text, 2);
	if (digits >= 12) {
		tm.tm_hour = take_digits(&text, 2);
		tm.tm_min = take_digits(&text, 2);
	}
	if (digits == 14)
		tm.tm_sec = take_digits(&text, 2);
	struct tm asked = tm;
	*ret_s = timegm(&tm);
	return *ret_s > 0 && tm.tm_year == asked.tm_year && tm.tm_mon == asked.tm_mon &&
	       tm.tm_mday == asked.tm_mday && tm.tm_hour == asked.tm_hour &&
	       tm.tm_min == asked.tm_min && tm.tm_sec == asked.tm_sec;
}

/* Takes a quoted value after '=', with \" for a quote. */
static enum lp_code take_value(struct line *l, char **ret)
{
	if (*l->at != '"')
		return bad(l, "expected a value in double quotes after =");
	char *out = ++l->at;
	*ret = out;
	while (*l->at && *l->at != '"') {
		if (l->at[0] == '\\' && l->at[1] == '"')
			l->at++;
		*out++ = *l->at++;
	}
	if (!*l->at)
		return bad(l, "a quote that is not closed");
	l->at++;
	*out = '\0';
	return LP_OK;
}

static enum lp_code set_namespaces(struct line *l, struct signer *s, const char *value)
{
	if (s->namespaces)
		return bad(l, "namespaces= for the second time");
	if (!*value)
		return bad(l, "namespaces= is empty");
	s->namespaces = lp_arena_str(l->arena, value);
	return s->namespaces ? LP_OK : lp_arena_full(l->arena, "allowed signers", l->err);
}

static enum lp_code set_time(struct line *l, const char *option, int64_t *time_s, const char *value)
{
	if (*time_s)
		return lp_err_set(l->err, LP_CONFIG, "%s:%u: %s= for the second time", l->file,
				  l->number, option);
	if (!read_time(value, time_s))
		return lp_err_set(l->err, LP_CONFIG,
				  "%s:%u: %s=\"%.32s\": expected YYYYMMDDZ, YYYYMMDDHHMMZ or "
				  "YYYYMMDDHHMMSSZ (with the Z: UTC)",
				  l->file, l->number, option, value);
	return LP_OK;
}

static enum lp_code take_option(struct line *l, struct signer *s)
{
	size_t n = strcspn(l->at, "=, \t");
	const char *name = l->at;
	char *value = NULL;

	l->at += n;
	if (n == 14 && strncasecmp(name, "cert-authority", n) == 0) {
		if (s->cert_authority)
			return bad(l, "cert-authority for the second time");
		s->cert_authority = true;
		return LP_OK;
	}
	if (*l->at != '=')
		return bad(l, "expected an option: cert-authority, namespaces=\"...\", "
			      "valid-after=\"...\", valid-before=\"...\"");
	l->at++;
	LP_TRY(take_value(l, &value));
	if (n == 10 && strncasecmp(name, "namespaces", n) == 0)
		return set_namespaces(l, s, value);
	if (n == 11 && strncasecmp(name, "valid-after", n) == 0)
		return set_time(l, "valid-after", &s->valid_after_s, value);
	if (n == 12 && strncasecmp(name, "valid-before", n) == 0)
		return set_time(l, "valid-before", &s->valid_before_s, value);
	return lp_err_set(l->err, LP_CONFIG, "%s:%u: unknown option \"%.*s\"", l->file, l->number,
			  n > 40 ? 40 : (int)n, name);
}

static enum lp_code take_options(struct line *l, struct signer *s)
{
	for (;;) {
		LP_TRY(take_option(l, s));
		if (*l->at != ',')
			break;
		l->at++;
	}
	if (!is_blank(*l->at))
		return bad(l, "expected a comma or a space after an option");
	skip_blanks(l);
	if (s->valid_after_s && s->valid_before_s && s->valid_before_s <= s->valid_after_s)
		return bad(l, "valid-before is not after valid-after");
	return LP_OK;
}

/* Options hold '=' or are cert-authority; the name of a key type is neither. */
static bool at_options(const struct line *l)
{
	size_t n = strcspn(l->at, " \t");

	return memchr(l->at, '=', n) || memchr(l->at, ',', n) ||
	       (n == 14 && strncasecmp(l->at, "cert-authority", n) == 0);
}

static enum lp_code take_key(struct line *l, struct ssh_key *ret)
{
	LP_AUTO(lp_buf_free) struct buf blob = LP_BUF(LP_SIGNERS_LINE);
	char *type = NULL, *base64 = NULL;

	LP_TRY(take_word(l, "a key type, such as ssh-ed25519", &type));
	LP_TRY(take_word(l, "a key in base64 after its type", &base64));
	struct slice text = {(const uint8_t *)base64, strlen(base64)};
	if (lp_base64_decode(text, &blob, l->err) != LP_OK)
		return lp_err_set(l->err, LP_CONFIG, "%s:%u: after %.64s: not a key in base64",
				  l->file, l->number, type);
	/* not lp_arena_strn: the blob has zeros */
	uint8_t *copy = lp_arena_alloc(l->arena, blob.len + 1);
	if (!copy)
		return lp_arena_full(l->arena, "allowed signers", l->err);
	memcpy(copy, blob.data, blob.len);
	if (lp_ssh_key_parse((struct slice){copy, blob.len}, ret, l->err) != LP_OK) {
		lp_err_wrap(l->err, "%s:%u", l->file, l->number);
		l->err->code = LP_CONFIG;
		return LP_CONFIG;
	}
	if (!lp_slice_is(ret->name, type))
		return lp_err_set(l->err, LP_CONFIG,
				  "%s:%u: the key is not of the type it says, %.64s", l->file,
				  l->number, type);
	return LP_OK;
}

/* match_pattern() of OpenSSH: * and ?; no recursion, one place to come back to. */
static bool match_pattern(struct slice pattern, struct slice text)
{
	const uint8_t *p = pattern.data, *p_end = p + pattern.len, *star = NULL;
	const uint8_t *t = text.data, *t_end = t + text.len, *back = NULL;

	while (t < t_end) {
		if (p < p_end && *p == '*') {
			star = ++p;
			back = t;
		} else if (p < p_end && (*p == '?' || *p == *t)) {
			p++;
			t++;
		} else if (star) {
			p = star;
			t = ++back;
		} else {
			return false;
		}
	}
	while (p < p_end && *p == '*')
		p++;
	return p == p_end;
}

static bool match_list(const char *list, struct slice text)
{
	bool matched = false;

	for (const char *at = list;; at++) {
		size_t n = strcspn(at, ",");
		bool refuses = *at == '!';

		if (match_pattern((struct slice){(const uint8_t *)at + refuses, n - refuses},
				  text)) {
			if (refuses)
				return false;
			matched = true;
		}
		at += n;
		if (!*at)
			return matched;
	}
}

bool lp_pattern_list_match(const char *list, const char *text)
{
	return match_list(list, (struct slice){(const uint8_t *)text, strlen(text)});
}

/* The next word of a pattern list as it is written; *at goes past it, to NULL after the last. */
static struct slice next_word(const char **at)
{
	struct slice word = {(const uint8_t *)*at, strcspn(*at, ",")};

	*at = (*at)[word.len] ? *at + word.len + 1 : NULL;
	return word;
}

/*
 * Whether a line lets one of those sign whom another line (or itself) names. ssh-keygen takes
 * the words of a line for names, as they are written: a list of refusals, or one that refuses its
 * own names, is nobody's.
 */
static bool names_one_of(const struct signer *line, const struct signer *named)
{
	for (const char *at = named->principals; at;)
		if (match_list(line->principals, next_word(&at)))
			return true;
	return false;
}

/* An empty name between commas: ssh-keygen looks no further than that, so nothing stands after. */
static bool has_empty_word(const char *list)
{
	return *list == ',' || strstr(list, ",,") || list[strlen(list) - 1] == ',';
}

static enum lp_code read_line(struct line *l, struct signer *ret)
{
	char *principals = NULL;

	*ret = (struct signer){.line = l->number};
	LP_TRY(take_word(l, "a principal", &principals));
	if (has_empty_word(principals))
		return bad(l, "an empty name among the principals");
	ret->principals = lp_arena_str(l->arena, principals);
	if (!ret->principals)
		return lp_arena_full(l->arena, "allowed signers", l->err);
	if (at_options(l))
		LP_TRY(take_options(l, ret));
	return take_key(l, &ret->key); /* what follows is a comment */
}

/* Copies one line to where it can be cut, and looks at its bytes. */
static enum lp_code open_line(struct slice raw, struct line *l, char to[LP_SIGNERS_LINE + 1])
{
	if (raw.len && raw.data[raw.len - 1] == '\r')
		raw.len--;
	if (raw.len > LP_SIGNERS_LINE)
		return bad(l, "a line of more than 16 KiB");
	for (size_t i = 0; i < raw.len; i++)
		if ((raw.data[i] < ' ' && raw.data[i] != '\t') || raw.data[i] == 0x7f)
			return bad(l, "a control character");
	if (raw.len)
		memcpy(to, raw.data, raw.len);
	to[raw.len] = '\0';
	l->at = to;
	skip_blanks(l);
	return LP_OK;
}

static size_t count_lines(struct slice text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.len; i++)
		n += text.data[i] == '\n';
	return n;
}

static enum lp_code add_line(struct signers *s, struct line *l, size_t room)
{
	if (!*l->at || *l->at == '#')
		return LP_OK;
	if (s->len == room)
		return lp_err_set(l->err, LP_LIMIT, "%s:%u: more than %u keys", l->file, l->number,
				  LP_SIGNERS_LINES);
	LP_TRY(read_line(l, &s->list[s->len]));
	s->len++;
	return LP_OK;
}

/* The names of a certificate are not in the line of its authority. */
static bool has_anybody(const struct signers *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->list[i].cert_authority || names_one_of(&s->list[i], &s->list[i]))
			return true;
	return false;
}

static enum lp_code parse(struct slice text, const char *name, struct signers *s, struct err *err)
{
	char room[LP_SIGNERS_LINE + 1] = {0};
	struct line l = {.file = name, .arena = &s->arena, .err = err};
	size_t lines = count_lines(text);

	if (text.len > LP_SIGNERS_BYTES)
		return lp_err_set(err, LP_LIMIT, "%s: more than %u bytes", name, LP_SIGNERS_BYTES);
	if (lines > LP_SIGNERS_LINES)
		lines = LP_SIGNERS_LINES;
	s->list = lp_arena_alloc(&s->arena, lines * sizeof(*s->list));
	if (!s->list)
		return lp_arena_full(&s->arena, "allowed signers", err);
	while (text.len) {
		const uint8_t *eol = memchr(text.data, '\n', text.len);
		size_t n = eol ? (size_t)(eol - text.data) : text.len;

		l.number++;
		LP_TRY(open_line((struct slice){text.data, n}, &l, room));
		LP_TRY(add_line(s, &l, lines));
		n += eol ? 1 : 0;
		text = (struct slice){text.data + n, text.len - n};
	}
	if (!has_anybody(s))
		return lp_err_set(err, LP_CONFIG, "%s: no key in it: nobody could sign", name);
	return LP_OK;
}

enum lp_code lp_signers_parse(struct slice text, const char *name, struct signers *ret,
			      struct err *err)
{
	*ret = (struct signers){.arena = LP_ARENA(ARENA_BYTES)};
	if (parse(text, name, ret, err) != LP_OK) {
		lp_signers_free(ret);
		return err->code;
	}
	lp_sha256(text.data, text.len, ret->digest);
	return LP_OK;
}

enum lp_code lp_signers_load(const char *path, struct signers *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_SIGNERS_BYTES);

	*ret = (struct signers){0};
	LP_TRY(lp_file_read(path, &text, err));
	return lp_signers_parse(LP_SLICE_OF(&text), path, ret, err);
}

void lp_signers_free(struct signers *s)
{
	lp_arena_free(&s->arena);
	*s = (struct signers){0};
}

static enum verdict ask_time(const struct signer *line, int64_t time_s)
{
	if (line->valid_before_s && time_s > line->valid_before_s)
		return VERDICT_EXPIRED_KEY;
	if (line->valid_after_s && time_s < line->valid_after_s)
		return VERDICT_NOT_YET_VALID_KEY;
	return VERDICT_ACCEPTED;
}

/*
 * A commit dated 0 has no date to git, which then asks for now. What a line with dates says to
 * that is not known here: the first such line of the key settles it. Sets *ret_line in any case.
 */
static bool is_without_date(const struct signers *s, const struct ssh_key *key, bool authority,
			    int64_t time_s, const struct signer **ret_line, enum verdict *ret)
{
	*ret_line = NULL;
	for (size_t i = 0; time_s == 0 && i < s->len; i++) {
		const struct signer *line = &s->list[i];

		if (line->cert_authority != authority ||
		    (!line->valid_after_s && !line->valid_before_s) ||
		    !lp_slice_equal(line->key.blob, key->blob))
			continue;
		*ret_line = line;
		*ret = line->valid_before_s ? VERDICT_EXPIRED_KEY : VERDICT_NOT_YET_VALID_KEY;
		return true;
	}
	return false;
}

/* What a line that names the key, or its authority, says of a namespace at a time. */
static enum verdict ask_line(const struct signer *line, const char *name_space, int64_t time_s)
{
	if (line->namespaces && !lp_pattern_list_match(line->namespaces, name_space))
		return VERDICT_UNKNOWN_SIGNER;
	return ask_time(line, time_s);
}

/*
 * git asks ssh-keygen whose the key is, and is told the names of the first line that has it and
 * is valid; then whether it may sign as one of these, by any line.
 */
enum verdict lp_signers_find(const struct signers *s, const struct ssh_key *key,
			     const char *name_space, int64_t time_s,
			     const struct signer **ret_signer)
{
	enum verdict verdict = VERDICT_UNKNOWN_SIGNER;
	const struct signer *first = NULL;

	if (is_without_date(s, key, false, time_s, ret_signer, &verdict))
		return verdict;
	for (size_t i = 0; i < s->len && verdict != VERDICT_ACCEPTED; i++) {
		const struct signer *line = &s->list[i];
		enum verdict here = VERDICT_UNSUPPORTED_KEY;

		if (!lp_slice_equal(line->key.blob, key->blob))
			continue;
		if (!line->cert_authority) {
			if (!first && ask_time(line, time_s) == VERDICT_ACCEPTED)
				first = line;
			here = ask_line(line, name_space, time_s);
		}
		if (here == VERDICT_ACCEPTED && !names_one_of(line, first))
			here = VERDICT_UNKNOWN_SIGNER;
		if (here == VERDICT_ACCEPTED || verdict == VERDICT_UNKNOWN_SIGNER) {
			verdict = here;
			*ret_signer = line;
		}
	}
	return verdict;
}

/* One that ssh-keygen can hand back to itself: it joins and splits them by commas and lines. */
static bool is_plain_principal(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] == ',' || name.data[i] < ' ' || name.data[i] == 0x7f)
			return false;
	return name.len != 0;
}

/* Whether a word of a line, refusals included as they are written, matches the name. */
static bool has_word_for(const struct signer *line, struct slice name)
{
	for (const char *at = line->principals; at;)
		if (match_pattern(next_word(&at), name))
			return true;
	return false;
}

/* Whether ssh-keygen names a principal of the certificate by this line. */
static bool names_a_principal(const struct signer *line, const struct ssh_cert *cert)
{
	struct ssh_reader left = LP_SSH_READER(cert->principals);
	struct slice name;

	while (lp_ssh_cert_principal(&left, &name))
		if (has_word_for(line, name))
			return true;
	return false;
}

/* A principal of the certificate that the first line names and that the line lets sign. */
static bool find_principal(const struct signer *line, const struct signer *first,
			   const struct ssh_cert *cert, struct slice *ret)
{
	struct ssh_reader left = LP_SSH_READER(cert->principals);

	while (lp_ssh_cert_principal(&left, ret))
		if (is_plain_principal(*ret) && has_word_for(first, *ret) &&
		    match_list(line->principals, *ret))
			return true;
	*ret = (struct slice){0};
	return false;
}

/* As lp_signers_find: the names are then those of the certificate. */
enum verdict lp_signers_find_cert(const struct signers *s, const struct ssh_cert *cert,
				  const char *name_space, int64_t time_s,
				  const struct signer **ret_signer, struct slice *ret_principal)
{
	enum verdict verdict = VERDICT_UNKNOWN_SIGNER;
	const struct signer *first = NULL;

	*ret_principal = (struct slice){0};
	if (is_without_date(s, &cert->authority, true, time_s, ret_signer, &verdict))
		return find_principal(*ret_signer, *ret_signer, cert, ret_principal)
			       ? verdict
			       : VERDICT_UNKNOWN_SIGNER;
	for (size_t i = 0; i < s->len && verdict != VERDICT_ACCEPTED; i++) {
		const struct signer *line = &s->list[i];
		enum verdict here = VERDICT_UNKNOWN_SIGNER;
		struct slice principal;

		if (!line->cert_authority || !lp_slice_equal(line->key.blob, cert->authority.blob))
			continue;
		if (!first && ask_time(line, time_s) == VERDICT_ACCEPTED &&
		    names_a_principal(line, cert))
			first = line;
		if (find_principal(line, first ? first : line, cert, &principal))
			here = ask_line(line, name_space, time_s);
		if (here == VERDICT_ACCEPTED || verdict == VERDICT_UNKNOWN_SIGNER) {
			verdict = here;
			*ret_signer = line;
			*ret_principal = principal;
		}
	}
	return verdict;
}

const char *lp_signer_principal(const struct signer *s, char to[LP_SIGNER_TEXT])
{
	const char *at = s->principals;

	/* "!mallory,*@example.com": who is refused is not who signed */
	while (*at == '!' && strchr(at, ','))
		at = strchr(at, ',') + 1;
	snprintf(to, LP_SIGNER_TEXT, "%.*s", (int)strcspn(at, ","), at);
	return to;
}

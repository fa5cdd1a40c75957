/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/commit.h"

#include "agent/trust/limits.h"
#include "platform/crypto.h"

#include <strings.h>

/* Where in the object the reader is. */
struct reader {
	const uint8_t *data;
	size_t len;
	size_t at;
	unsigned line; /* of the last line taken, from 1 */
	struct err *err;
};

/* One header: its name, and its value with continuation lines as they stand. */
struct header {
	struct slice name;
	struct slice value;
	size_t start, end; /* in the object, the last LF included */
	unsigned line;
};

static enum lp_code malformed(struct reader *r, const char *what)
{
	lp_err_set(r->err, LP_REJECTED, "line %u: %s", r->line, what);
	return LP_REJECTED;
}

/* The line at r->at without its LF; false when there is no LF before the end. */
static bool peek_line(const struct reader *r, struct slice *ret)
{
	const uint8_t *start = r->data + r->at;
	const uint8_t *end = r->at < r->len ? memchr(start, '\n', r->len - r->at) : NULL;

	if (!end)
		return false;
	*ret = (struct slice){start, (size_t)(end - start)};
	return true;
}

static enum lp_code take_line(struct reader *r, struct slice *ret)
{
	r->line++;
	if (!peek_line(r, ret))
		return malformed(r, "the object ends inside its headers");
	if (memchr(ret->data, '\r', ret->len))
		return malformed(r, "a carriage return in a header");
	r->at += ret->len + 1;
	return LP_OK;
}

/* Takes "prefix" + 40 hex digits + LF. */
static enum lp_code take_oid(struct reader *r, const char *prefix, struct oid *ret)
{
	struct slice line;
	size_t n = strlen(prefix);

	LP_TRY(take_line(r, &line));
	if (!lp_slice_starts(line, prefix) ||
	    !lp_oid_parse((const char *)line.data + n, line.len - n, ret))
		return lp_err_set(r->err, LP_REJECTED,
				  "line %u: expected \"%s\" and 40 lower-case hex digits", r->line,
				  prefix);
	return LP_OK;
}

static bool next_is(const struct reader *r, const char *prefix)
{
	return lp_slice_starts((struct slice){r->data + r->at, r->len - r->at}, prefix);
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* "1700000000 +0100": the zone is checked and not used. */
static bool read_date(struct slice text, int64_t *ret_s)
{
	size_t digits = 0;
	int64_t value = 0;

	while (digits < text.len && is_digit(text.data[digits]))
		value = digits < LP_DATE_DIGITS ? value * 10 + (text.data[digits] - '0') : 0,
		digits++;
	if (digits == 0 || digits > LP_DATE_DIGITS || (digits > 1 && text.data[0] == '0'))
		return false;
	const uint8_t *zone = text.data + digits;
	if (text.len - digits != 6 || zone[0] != ' ' || (zone[1] != '+' && zone[1] != '-'))
		return false;
	for (int i = 2; i < 6; i++)
		if (!is_digit(zone[i]))
			return false;
	*ret_s = value;
	return true;
}

/* "Name <email> date zone", or without the name. */
static bool read_ident(struct slice text, struct commit_ident *ret)
{
	const uint8_t *open = memchr(text.data, '<', text.len);
	if (!open)
		return false;
	size_t name = (size_t)(open - text.data);
	const uint8_t *email = open + 1;
	size_t rest = text.len - name - 1;
	const uint8_t *close = memchr(email, '>', rest);

	if (!close || memchr(email, '<', rest) || memchr(text.data, '>', name))
		return false;
	size_t after = rest - (size_t)(close - email) - 1;
	if (after < 1 || close[1] != ' ' || memchr(close + 1, '>', after))
		return false;
	if (name && text.data[name - 1] != ' ')
		return false;
	ret->name = (struct slice){text.data, name ? name - 1 : 0};
	ret->email = (struct slice){email, (size_t)(close - email)};
	return read_date((struct slice){close + 2, after - 1}, &ret->time_s);
}

static enum lp_code take_ident(struct reader *r, const char *prefix, struct commit_ident *ret)
{
	struct slice line;
	size_t n = strlen(prefix);

	LP_TRY(take_line(r, &line));
	if (!lp_slice_starts(line, prefix) ||
	    !read_ident((struct slice){line.data + n, line.len - n}, ret))
		return lp_err_set(r->err, LP_REJECTED,
				  "line %u: expected \"%sName <email> seconds +0000\"", r->line,
				  prefix);
	return LP_OK;
}

static enum lp_code take_parents(struct reader *r, struct commit *c)
{
	while (next_is(r, "parent ")) {
		if (c->parents_len == LP_COMMIT_PARENTS)
			return lp_err_set(r->err, LP_LIMIT, "more than %d parents",
					  LP_COMMIT_PARENTS);
		LP_TRY(take_oid(r, "parent ", &c->parents[c->parents_len]));
		c->parents_len++;
	}
	return LP_OK;
}

/* Takes one header line and the lines that continue it, which begin with a space. */
static enum lp_code take_header(struct reader *r, struct header *ret)
{
	struct slice line;

	ret->start = r->at;
	LP_TRY(take_line(r, &line));
	ret->line = r->line;
	const uint8_t *space = memchr(line.data, ' ', line.len);
	if (!space || space == line.data)
		return malformed(r, "expected a header: a name, a space, a value");
	ret->name = (struct slice){line.data, (size_t)(space - line.data)};
	for (size_t i = 0; i < ret->name.len; i++)
		if (ret->name.data[i] <= ' ' || ret->name.data[i] > '~')
			return malformed(r, "a header's name has a byte that is not printable");
	while (next_is(r, " "))
		LP_TRY(take_line(r, &line));
	ret->end = r->at;
	ret->value.data = space + 1;
	ret->value.len = (size_t)(r->data + r->at - 1 - ret->value.data);
	return LP_OK;
}

static enum lp_code take_signature(struct reader *r, const struct header *h, struct commit *c)
{
	if (c->is_signed)
		return malformed(r, "a second gpgsig header");
	if (h->value.len > LP_ARMOR_BYTES)
		return lp_err_set(r->err, LP_LIMIT, "a signature of more than %u bytes",
				  LP_ARMOR_BYTES);
	c->is_signed = true;
	c->armor = h->value;
	c->payload[0] = (struct slice){r->data, h->start};
	c->payload[1] = (struct slice){r->data + h->end, r->len - h->end};
	return LP_OK;
}

/* Refuses the names that Git knows at another place, and look-alikes of gpgsig. */
static enum lp_code check_name(struct reader *r, struct slice name)
{
	static const char *const elsewhere[] = {"tree", "parent", "author", "committer"};

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (lp_slice_is(name, elsewhere[i]))
			return lp_err_set(r->err, LP_REJECTED, "line %u: a second \"%s\" header",
					  r->line, elsewhere[i]);
	if (name.len >= 6 && strncasecmp((const char *)name.data, "gpgsig", 6) == 0)
		return malformed(r, "a header that only looks like gpgsig");
	return LP_OK;
}

/* The headers after committer, up to the empty line and with it. */
static enum lp_code take_headers(struct reader *r, struct commit *c)
{
	struct slice seen[LP_COMMIT_HEADERS];
	size_t seen_len = 0;

	while (!next_is(r, "\n")) {
		struct header h = {0};

		LP_TRY(take_header(r, &h));
		if (lp_slice_is(h.name, "gpgsig")) {
			LP_TRY(take_signature(r, &h, c));
			continue;
		}
		LP_TRY(check_name(r, h.name));
		if (lp_slice_is(h.name, "mergetag"))
			continue;
		for (size_t i = 0; i < seen_len; i++)
			if (lp_slice_equal(seen[i], h.name))
				return malformed(r, "a header for the second time");
		if (seen_len == LP_COMMIT_HEADERS)
			return lp_err_set(r->err, LP_LIMIT, "more than %d headers",
					  LP_COMMIT_HEADERS);
		seen[seen_len++] = h.name;
		if (lp_slice_is(h.name, "encoding") && memchr(h.value.data, '\n', h.value.len))
			return malformed(r, "an encoding of more than one line");
	}
	r->at++;
	r->line++;
	return LP_OK;
}

/*
 * libgit2 takes a gpgsig line of the message for a signature, Git does not. Nobody
 * writes such a message by accident, so both readings are refused.
 */
static enum lp_code check_message(struct reader *r, struct commit *c)
{
	struct slice line;

	c->subject = (struct slice){r->data + r->at, r->len - r->at};
	if (peek_line(r, &line))
		c->subject = line;
	while (r->at < r->len) {
		r->line++;
		if (!peek_line(r, &line))
			line = (struct slice){r->data + r->at, r->len - r->at};
		if (lp_slice_starts(line, "gpgsig") &&
		    memmem(line.data, line.len, "-----BEGIN ", 11))
			return malformed(r, "a signature inside the message");
		r->at += line.len + 1;
	}
	return LP_OK;
}

static void set_payload_id(struct commit *c)
{
	LP_AUTO(lp_hash_abort) struct lp_hash h = {0};

	lp_hash_begin(&h, LP_SHA256);
	lp_hash_add(&h, c->payload[0].data, c->payload[0].len);
	lp_hash_add(&h, c->payload[1].data, c->payload[1].len);
	lp_hash_end(&h, c->payload_id.bytes);
}

enum lp_code lp_commit_parse(const uint8_t *data, size_t len, struct commit *ret, struct err *err)
{
	struct reader r = {.data = data, .len = len, .err = err};

	*ret = (struct commit){.payload = {{data, len}, {data + len, 0}}};
	if (len > LP_COMMIT_BYTES)
		return lp_err_set(err, LP_LIMIT, "a commit of %zu bytes, more than %u", len,
				  LP_COMMIT_BYTES);
	if (len && memchr(data, '\0', len))
		return lp_err_set(err, LP_REJECTED, "a NUL byte in the commit");
	LP_TRY(take_oid(&r, "tree ", &ret->tree));
	LP_TRY(take_parents(&r, ret));
	LP_TRY(take_ident(&r, "author ", &ret->author));
	LP_TRY(take_ident(&r, "committer ", &ret->committer));
	LP_TRY(take_headers(&r, ret));
	LP_TRY(check_message(&r, ret));
	set_payload_id(ret);
	return LP_OK;
}

bool lp_commit_is_sha256(const uint8_t *data, size_t len)
{
	uint8_t tree[32];

	return len > 70 && memcmp(data, "tree ", 5) == 0 && data[69] == '\n' &&
	       lp_unhex((const char *)data + 5, 64, tree, sizeof(tree));
}

void lp_commit_oid(const uint8_t *data, size_t len, struct oid *ret)
{
	LP_AUTO(lp_hash_abort) struct lp_hash h = {0};
	char header[32];
	int n = snprintf(header, sizeof(header), "commit %zu", len);

	lp_hash_begin(&h, LP_SHA1);
	lp_hash_add(&h, header, (size_t)n + 1);
	lp_hash_add(&h, data, len);
	lp_hash_end(&h, ret->bytes);
}

enum lp_code lp_commit_read(commit_reader *read, void *ctx, const struct oid *id, struct buf *out,
			    struct err *err)
{
	char hex[LP_OID_TEXT];
	struct oid have;

	lp_buf_clear(out);
	LP_TRY(read(ctx, id, out, err));
	lp_commit_oid(out->data, out->len, &have);
	if (!lp_oid_equal(id, &have))
		return lp_err_set(err, LP_CORRUPT, "the object store gave another object for %s",
				  lp_oid_hex(id, hex));
	return LP_OK;
}

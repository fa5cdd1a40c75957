/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a tree as YAML in block style. Needs no library: the reader's rules are in yaml_type.h. */
#include "platform/yaml.h"
#include "platform/yaml_type.h"

#include <stdio.h>
#include <string.h>

static enum lp_code write_value(const struct jval *v, unsigned indent, bool in_list,
				struct buf *out, struct err *err);

/* A word that every YAML reader takes for this very text; anything else is quoted. */
static bool is_plain(const char *text, size_t n)
{
	struct yaml_scalar scalar;
	const char *why;

	if (!n || n > 200 || strchr("-.=<~@", text[0]) || text[n - 1] == ':')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || (c && strchr("_./-+=@", c));
		bool inside = i && i < n - 1 && (c == ':' ? text[i + 1] != ' ' : c == ' ');
		if (!word && !inside)
			return false;
	}
	if (strchr("0123456789+@", text[0]) && strspn(text, "0123456789+-.:_eEabcdefxTtZz @") == n)
		return false; /* numbers, times and base 60 of any version of YAML */
	return lp_yaml_resolve(NULL, true, text, n, &scalar, &why) && scalar.type == JSON_STR;
}

/*
 * Whether text can stand in a literal block: printable lines with no space at
 * their end, the first not indented.
 */
static bool is_literal(const char *text, size_t n)
{
	if (!memchr(text, '\n', n) || text[0] == ' ' || text[0] == '\n' || text[0] == '\t')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		bool ends = i + 1 == n || text[i + 1] == '\n';
		if ((c < 0x20 && c != '\n') || c > 0x7e || (c == ' ' && ends))
			return false;
	}
	return true;
}

static enum lp_code write_literal(const char *text, size_t n, unsigned indent, struct buf *out,
				  struct err *err)
{
	size_t breaks = 0;

	while (breaks < n && text[n - 1 - breaks] == '\n')
		breaks++;
	LP_TRY(lp_buf_str(out, breaks == 0 ? "|-" : breaks == 1 ? "|" : "|+", err));
	for (size_t at = 0; at < n;) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t len = end ? (size_t)(end - text) - at : n - at;
		LP_TRY(lp_buf_byte(out, '\n', err));
		if (len)
			LP_TRY(lp_buf_printf(out, err, "%*s", (int)indent, ""));
		LP_TRY(lp_buf_append(out, text + at, len, err));
		at += len + 1;
	}
	return LP_OK;
}

/* Characters that YAML does not print, or takes for line ends: behind an escape. */
static size_t must_escape(const uint8_t *p, size_t n, unsigned *ret)
{
	*ret = p[0];
	if (p[0] < 0x20 || p[0] == 0x7f || p[0] == '"' || p[0] == '\\')
		return 1;
	if (n >= 2 && p[0] == 0xc2 && p[1] < 0xa0) {
		*ret = p[1];
		return 2;
	}
	if (n < 3 || (p[0] & 0xf0) != 0xe0)
		return 0;
	*ret = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	return *ret == 0x2028 || *ret == 0x2029 || *ret == 0xfeff || *ret >= 0xfffe ? 3 : 0;
}

static enum lp_code write_escape(unsigned c, struct buf *out, struct err *err)
{
	static const char forms[] = "\"\"\\\\\nn\rr\tt";

	for (const char *form = forms; *form; form += 2)
		if ((unsigned char)form[0] == c)
			return lp_buf_printf(out, err, "\\%c", form[1]);
	return lp_buf_printf(out, err, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
}

static enum lp_code write_quoted(const char *text, size_t n, struct buf *out, struct err *err)
{
	const uint8_t *p = (const uint8_t *)text;
	unsigned c;

	LP_TRY(lp_buf_byte(out, '"', err));
	for (size_t i = 0; i < n;) {
		size_t len = must_escape(p + i, n - i, &c);
		if (len)
			LP_TRY(write_escape(c, out, err));
		else
			LP_TRY(lp_buf_byte(out, p[i], err));
		i += len ? len : 1;
	}
	return lp_buf_byte(out, '"', err);
}

static enum lp_code write_text(struct slice text, bool key, unsigned indent, struct buf *out,
			       struct err *err)
{
	const char *at = (const char *)text.data;

	if (is_plain(at, text.len))
		return lp_buf_append(out, at, text.len, err);
	if (!key && is_literal(at, text.len))
		return write_literal(at, text.len, indent, out, err);
	return write_quoted(at, text.len, out, err);
}

static enum lp_code write_line(unsigned indent, struct buf *out, struct err *err)
{
	return lp_buf_printf(out, err, "\n%*s", (int)indent, "");
}

/* A reader looks for the colon in the next 1024 characters only; "? " lifts that. */
static enum lp_code write_key(struct slice key, unsigned indent, struct buf *out, struct err *err)
{
	bool is_long = key.len > 128;

	if (is_long)
		LP_TRY(lp_buf_str(out, "? ", err));
	LP_TRY(write_text(key, true, indent, out, err));
	if (is_long)
		LP_TRY(write_line(indent, out, err));
	return lp_buf_byte(out, ':', err);
}

static enum lp_code write_mapping(const struct jval *v, unsigned indent, bool in_list,
				  struct buf *out, struct err *err)
{
	struct json_iter it = lp_json_iter(v);

	while (lp_json_next(&it)) {
		struct slice key = {(const uint8_t *)it.key, strlen(it.key)};
		if (it.index || !in_list)
			LP_TRY(write_line(indent, out, err));
		LP_TRY(write_key(key, indent, out, err));
		LP_TRY(write_value(it.value, indent, false, out, err));
	}
	return LP_OK;
}

static enum lp_code write_list(const struct jval *v, unsigned indent, bool in_list, struct buf *out,
			       struct err *err)
{
	struct json_iter it = lp_json_iter(v);

	while (lp_json_next(&it)) {
		if (it.index || !in_list)
			LP_TRY(write_line(indent, out, err));
		LP_TRY(lp_buf_byte(out, '-', err));
		LP_TRY(write_value(it.value, indent, true, out, err));
	}
	return LP_OK;
}

/* A number, a bool or null. The float that JSON writes as -0 would be read as the integer 0. */
static enum lp_code write_plain(const struct jval *v, struct buf *out, struct err *err)
{
	size_t before = out->len;

	LP_TRY(lp_json_write(v, out, err));
	if (out->len - before == 2 && memcmp(out->data + before, "-0", 2) == 0)
		return lp_buf_str(out, ".0", err);
	return LP_OK;
}

/*
 * Writes v behind "key:" or "-" on the line that stands at indent. A mapping in a list begins
 * on the dash's line; a list in a mapping stands at its key's indent, as kubectl writes it.
 */
static enum lp_code write_value(const struct jval *v, unsigned indent, bool in_list,
				struct buf *out, struct err *err)
{
	bool full = lp_json_len(v) > 0;

	if (full && lp_json_is(v, JSON_ARR) && !in_list)
		return write_list(v, indent, false, out, err);
	if (full && lp_json_is(v, JSON_OBJ) && !in_list)
		return write_mapping(v, indent + 2, false, out, err);
	LP_TRY(lp_buf_byte(out, ' ', err));
	if (full && lp_json_is(v, JSON_ARR))
		return write_list(v, indent + 2, true, out, err);
	if (full && lp_json_is(v, JSON_OBJ))
		return write_mapping(v, indent + 2, true, out, err);
	if (lp_json_is(v, JSON_STR))
		return write_text(lp_json_slice(v), false, indent + 2, out, err);
	return write_plain(v, out, err);
}

enum lp_code lp_yaml_write(const struct jval *v, struct buf *out, struct err *err)
{
	size_t before = out->len;

	if (lp_json_len(v) && lp_json_is(v, JSON_OBJ))
		LP_TRY(write_mapping(v, 0, true, out, err));
	else if (lp_json_len(v))
		LP_TRY(write_list(v, 0, true, out, err));
	else if (lp_json_is(v, JSON_STR))
		LP_TRY(write_text(lp_json_slice(v), false, 2, out, err));
	else
		LP_TRY(write_plain(v, out, err));
	return out->len > before ? lp_buf_byte(out, '\n', err) : LP_OK;
}

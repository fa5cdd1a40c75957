/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/skim.h"

#include <errno.h>
#include <string.h>

#define DEPTH 128

static const uint8_t *skip_space(const uint8_t *at, const uint8_t *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

/* Behind the closing quote of the string that begins at at, or NULL. */
static const uint8_t *skip_string(const uint8_t *at, const uint8_t *end)
{
	for (at++; at < end; at++) {
		if (*at == '"')
			return at + 1;
		if (*at == '\\')
			at++;
	}
	return NULL;
}

/* Behind the number or word that begins at at; at itself when there is none. */
static const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end)
{
	while (at < end && ((*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
			    *at == '-' || *at == '+' || *at == '.' || *at == 'E'))
		at++;
	return at;
}

/* Behind the bracket that closes the one at at, or NULL; kinds of brackets are compared. */
static const uint8_t *skip_nested(const uint8_t *at, const uint8_t *end)
{
	uint8_t open[DEPTH];
	size_t depth = 0;

	while (at && at < end) {
		uint8_t c = *at;
		if (c == '"') {
			at = skip_string(at, end);
			continue;
		}
		if (c == '{' || c == '[') {
			if (depth == DEPTH)
				return NULL;
			open[depth++] = c;
		} else if (c == '}' || c == ']') {
			/* '{' and '}', '[' and ']' are two apart in ASCII; depth is never 0 here */
			if (open[--depth] != c - 2)
				return NULL;
			if (!depth)
				return at + 1;
		}
		at++;
	}
	return NULL;
}

/* Behind the value that begins at at, or NULL when it has no end. */
static const uint8_t *skip_value(const uint8_t *at, const uint8_t *end)
{
	if (at >= end)
		return NULL;
	if (*at == '"')
		return skip_string(at, end);
	if (*at == '{' || *at == '[')
		return skip_nested(at, end);
	const uint8_t *behind = skip_plain(at, end);
	return behind == at ? NULL : behind;
}

bool lp_skim_whole(struct slice text)
{
	if (!text.len)
		return false;
	const uint8_t *end = text.data + text.len;
	const uint8_t *at = skip_value(skip_space(text.data, end), end);
	return at && skip_space(at, end) == end;
}

struct skim_iter lp_skim_iter(struct slice v)
{
	if (!v.len)
		return (struct skim_iter){0};
	struct skim_iter it = {.end = v.data + v.len};

	it.at = skip_space(v.data, it.end);
	if (it.at < it.end && (*it.at == '{' || *it.at == '[')) {
		it.object = *it.at == '{';
		it.at++;
	} else {
		it.at = it.end;
	}
	return it;
}

static bool stop(struct skim_iter *it)
{
	it->at = it->end;
	it->key = it->value = (struct slice){0};
	return false;
}

/* Takes "key": off an object; false when that is not what comes. */
static bool take_key(struct skim_iter *it)
{
	if (it->at >= it->end || *it->at != '"')
		return false;
	const uint8_t *behind = skip_string(it->at, it->end);
	if (!behind)
		return false;
	it->key = (struct slice){it->at + 1, (size_t)(behind - it->at) - 2};
	it->at = skip_space(behind, it->end);
	if (it->at >= it->end || *it->at != ':')
		return false;
	it->at = skip_space(it->at + 1, it->end);
	return true;
}

bool lp_skim_next(struct skim_iter *it)
{
	it->at = skip_space(it->at, it->end);
	if (it->at < it->end && *it->at == ',')
		it->at = skip_space(it->at + 1, it->end);
	if (it->at >= it->end || *it->at == '}' || *it->at == ']')
		return stop(it);
	if (it->object && !take_key(it))
		return stop(it);
	const uint8_t *behind = skip_value(it->at, it->end);
	if (!behind)
		return stop(it);
	it->value = (struct slice){it->at, (size_t)(behind - it->at)};
	it->at = behind;
	return true;
}

struct slice lp_skim_get(struct slice object, const char *key)
{
	struct skim_iter it = lp_skim_iter(object);

	while (it.object && lp_skim_next(&it))
		if (lp_slice_is(it.key, key))
			return it.value;
	return (struct slice){0};
}

struct slice lp_skim_at(struct slice object, ...)
{
	va_list keys;

	va_start(keys, object);
	for (const char *key; object.len && (key = va_arg(keys, const char *));)
		object = lp_skim_get(object, key);
	va_end(keys);
	return object;
}

bool lp_skim_is_object(struct slice v)
{
	return lp_skim_iter(v).object;
}

struct slice lp_skim_raw(struct slice v)
{
	if (v.len < 2 || v.data[0] != '"' || v.data[v.len - 1] != '"')
		return (struct slice){0};
	return (struct slice){v.data + 1, v.len - 2};
}

bool lp_skim_is(struct slice v, const char *text)
{
	return v.len >= 2 && v.data[0] == '"' && lp_slice_is(lp_skim_raw(v), text);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u at at (the u), or -1. */
static int32_t unicode_escape(const uint8_t *at, const uint8_t *end)
{
	int32_t value = 0;

	if (end - at < 5)
		return -1;
	for (int i = 1; i <= 4; i++) {
		int digit = hex_digit(at[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* Writes a code point as UTF-8; returns its bytes. */
static size_t put_utf8(uint32_t c, uint8_t to[4])
{
	if (c < 0x80) {
		to[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (uint8_t)(0xc0 | c >> 6);
		to[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (uint8_t)(0xe0 | c >> 12);
		to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		to[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	to[0] = (uint8_t)(0xf0 | c >> 18);
	to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	to[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

/* \uXXXX, or two of them for one character; *at is moved behind. A lone half is U+FFFD. */
static uint32_t take_unicode(const uint8_t **at, const uint8_t *end)
{
	int32_t high = unicode_escape(*at, end);

	if (high < 0) {
		*at += 1;
		return 0xfffd;
	}
	*at += 5;
	if (high < 0xd800 || high > 0xdfff)
		return (uint32_t)high;
	if (high <= 0xdbff && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
		int32_t low = unicode_escape(*at + 1, end);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*at += 6;
			return 0x10000u + ((uint32_t)(high - 0xd800) << 10) +
			       (uint32_t)(low - 0xdc00);
		}
	}
	return 0xfffd;
}

/* Takes one character off the raw text of a string; returns its bytes in to. */
static size_t take_character(const uint8_t **at, const uint8_t *end, uint8_t to[4])
{
	static const char from[] = "bfnrt", real[] = "\b\f\n\r\t";
	uint8_t c = *(*at)++;

	if (c == '\\' && *at < end) {
		c = *(*at);
		if (c == 'u')
			return put_utf8(take_unicode(at, end), to);
		const char *known = c ? strchr(from, c) : NULL;
		to[0] = known ? (uint8_t)real[known - from] : c;
		*at += 1;
		return 1;
	}
	size_t n = 1;
	to[0] = c;
	if (c >= 0xc0)
		for (; n < 4 && *at < end && (**at & 0xc0) == 0x80; n++)
			to[n] = *(*at)++;
	return n;
}

/* False when something had to be left out. */
static bool unescape(struct slice raw, char *to, size_t size)
{
	const uint8_t *at = raw.data, *end = raw.len ? raw.data + raw.len : raw.data;
	size_t used = 0;
	uint8_t character[4];

	while (at < end) {
		size_t n = take_character(&at, end, character);
		if (used + n >= size || character[0] == '\0') {
			to[used] = '\0';
			return false;
		}
		memcpy(to + used, character, n);
		used += n;
	}
	to[used] = '\0';
	return true;
}

bool lp_skim_str(struct slice v, char *to, size_t size)
{
	bool fits = v.len >= 2 && v.data[0] == '"' && unescape(lp_skim_raw(v), to, size);

	if (!fits)
		to[0] = '\0';
	return fits;
}

bool lp_skim_name(struct slice v, char *to, size_t size)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-";

	if (!lp_skim_str(v, to, size))
		return false;
	if (!to[strspn(to, allowed)])
		return true;
	to[0] = '\0';
	return false;
}

void lp_skim_cut(struct slice v, char *to, size_t size)
{
	to[0] = '\0';
	unescape(lp_skim_raw(v), to, size);
}

void lp_skim_cut_middle(struct slice v, char *to, size_t size)
{
	static const char gap[] = " ... ";
	struct slice raw = lp_skim_raw(v);
	size_t half = (size - sizeof(gap)) / 2;

	to[0] = '\0';
	if (unescape(raw, to, size))
		return;
	unescape(raw, to, half);
	if (raw.len <= half)
		return; /* short, but with a NUL in it */
	/* the end begins behind a space, which is in no escape and in no character */
	size_t from = raw.len - half + 1;
	while (from < raw.len && raw.data[from - 1] != ' ')
		from++;
	size_t used = strlen(to);
	snprintf(to + used, size - used, "%s", gap);
	used = strlen(to);
	unescape((struct slice){raw.data + from, raw.len - from}, to + used, size - used);
}

bool lp_skim_int(struct slice v, int64_t *ret)
{
	char text[24], *end;

	if (!v.len || v.len >= sizeof(text))
		return false;
	memcpy(text, v.data, v.len);
	text[v.len] = '\0';
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno || *end || (text[0] != '-' && (text[0] < '0' || text[0] > '9')))
		return false;
	*ret = value;
	return true;
}

bool lp_skim_true(struct slice v)
{
	return lp_slice_is(v, "true");
}

/* Bytes of the UTF-8 character at at, or 0 when it is none. */
static size_t utf8_bytes(const uint8_t *at)
{
	size_t n = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
	uint32_t c = *at & (0xffu >> (n + 1));

	if (*at < 0xc2 || *at > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (at[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) ||
	    (c >= 0xd800 && c <= 0xdfff))
		return 0;
	/* C1 controls, which a terminal may obey as well */
	return n == 2 && c < 0xa0 ? 0 : n;
}

void lp_text_clean(char *text)
{
	for (uint8_t *at = (uint8_t *)text; *at;) {
		size_t n = *at < 0x80 ? 1 : utf8_bytes(at);
		if (*at == '\n' || *at == '\r' || *at == '\t')
			*at = ' ';
		else if (!n || *at < ' ' || *at == 0x7f)
			*at = '?';
		at += n ? n : 1;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/yaml_type.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG "tag:yaml.org,2002:"

struct word {
	const char *text;
	enum json_type type;
	double value;
};

/* The words of resolve.go, which are YAML 1.1's. Sorted for no reason but the reader's. */
static const struct word words[] = {
	{"", JSON_NULL, 0},
	{"~", JSON_NULL, 0},
	{"null", JSON_NULL, 0},
	{"Null", JSON_NULL, 0},
	{"NULL", JSON_NULL, 0},
	{"y", JSON_BOOL, 1},
	{"Y", JSON_BOOL, 1},
	{"yes", JSON_BOOL, 1},
	{"Yes", JSON_BOOL, 1},
	{"YES", JSON_BOOL, 1},
	{"true", JSON_BOOL, 1},
	{"True", JSON_BOOL, 1},
	{"TRUE", JSON_BOOL, 1},
	{"on", JSON_BOOL, 1},
	{"On", JSON_BOOL, 1},
	{"ON", JSON_BOOL, 1},
	{"n", JSON_BOOL, 0},
	{"N", JSON_BOOL, 0},
	{"no", JSON_BOOL, 0},
	{"No", JSON_BOOL, 0},
	{"NO", JSON_BOOL, 0},
	{"false", JSON_BOOL, 0},
	{"False", JSON_BOOL, 0},
	{"FALSE", JSON_BOOL, 0},
	{"off", JSON_BOOL, 0},
	{"Off", JSON_BOOL, 0},
	{"OFF", JSON_BOOL, 0},
	{".nan", JSON_REAL, NAN},
	{".NaN", JSON_REAL, NAN},
	{".NAN", JSON_REAL, NAN},
	{".inf", JSON_REAL, INFINITY},
	{".Inf", JSON_REAL, INFINITY},
	{".INF", JSON_REAL, INFINITY},
	{"+.inf", JSON_REAL, INFINITY},
	{"+.Inf", JSON_REAL, INFINITY},
	{"+.INF", JSON_REAL, INFINITY},
	{"-.inf", JSON_REAL, -INFINITY},
	{"-.Inf", JSON_REAL, -INFINITY},
	{"-.INF", JSON_REAL, -INFINITY},
};

static bool find_word(const char *text, size_t n, struct yaml_scalar *ret)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].text) != n || memcmp(words[i].text, text, n) != 0)
			continue;
		ret->type = words[i].type;
		ret->boolean = words[i].type == JSON_BOOL && words[i].value > 0;
		ret->real = words[i].value;
		return true;
	}
	return false;
}

/* Go's strconv.ParseUint of a text without sign, which must not be empty; false past 64 bits. */
static bool parse_digits(const char *text, unsigned base, uint64_t *ret)
{
	uint64_t sum = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned lower = (unsigned char)*text | 0x20u;
		unsigned digit = *text >= '0' && *text <= '9'   ? (unsigned)(*text - '0')
				 : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
								: 99;
		if (digit >= base || __builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, digit, &sum))
			return false;
	}
	*ret = sum;
	return true;
}

/* Go's base 0: 0b, 0o, 0x in either case, a leading 0 for octal. */
static bool parse_prefixed(const char *text, uint64_t *ret)
{
	char lower = (char)(text[0] == '0' && text[1] && text[2] ? text[1] | 0x20 : 0);

	if (lower == 'b')
		return parse_digits(text + 2, 2, ret);
	if (lower == 'o')
		return parse_digits(text + 2, 8, ret);
	if (lower == 'x')
		return parse_digits(text + 2, 16, ret);
	if (text[0] == '0' && text[1])
		return parse_digits(text + 1, 8, ret);
	return parse_digits(text, 10, ret);
}

static bool set_int(struct yaml_scalar *ret, char sign, uint64_t value)
{
	if (sign == '-' && value > (uint64_t)INT64_MAX + 1)
		return false;
	if (sign == '+' && value > INT64_MAX)
		return false; /* Go tries the unsigned form only without a sign */
	ret->type = JSON_INT;
	ret->negative = sign == '-' && value;
	ret->uint = value;
	ret->sint = sign == '-' ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

static bool is_int(const char *text, struct yaml_scalar *ret)
{
	bool has_sign = *text == '-' || *text == '+';
	uint64_t value;

	return parse_prefixed(text + has_sign, &value) &&
	       set_int(ret, (char)(has_sign ? *text : 0), value);
}

/* The last attempt of resolve.go, which takes a sign behind 0b. */
static bool is_binary(const char *text, struct yaml_scalar *ret)
{
	uint64_t value;

	if (text[0] != '0' || text[1] != 'b' || (text[2] != '-' && text[2] != '+'))
		return false;
	return parse_digits(text + 3, 2, &value) && set_int(ret, text[2], value);
}

static const char *skip_digits(const char *text)
{
	while (*text >= '0' && *text <= '9')
		text++;
	return text;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? as in resolve.go. */
static bool is_real(const char *text, struct yaml_scalar *ret)
{
	const char *at = text + (*text == '-' || *text == '+'), *from = at;

	at = skip_digits(at);
	bool whole = at > from;
	if (*at == '.') {
		const char *fraction = ++at;
		at = skip_digits(at);
		if (!whole && at == fraction)
			return false;
	} else if (!whole) {
		return false;
	}
	if (*at == 'e' || *at == 'E') {
		at += 1 + (at[1] == '-' || at[1] == '+');
		if (skip_digits(at) == at)
			return false;
		at = skip_digits(at);
	}
	if (*at)
		return false;
	ret->real = strtod(text, NULL);
	ret->type = JSON_REAL;
	return isfinite(ret->real) != 0; /* out of range: a string */
}

/* Copies without underscores; false when it is too long to be a number. */
static bool strip(const char *text, size_t n, bool underscores, char to[LP_YAML_NUMBER_CHARS])
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (underscores && text[i] == '_')
			continue;
		if (len == LP_YAML_NUMBER_CHARS - 1 || !text[i])
			return false;
		to[len++] = text[i];
	}
	to[len] = '\0';
	return true;
}

/* What a scalar is by its looks alone. */
static void guess(const char *text, size_t n, struct yaml_scalar *ret)
{
	char number[LP_YAML_NUMBER_CHARS];

	*ret = (struct yaml_scalar){.type = JSON_STR};
	if (n == 0 || strchr("yYnNtTfFoO~.+-", text[0]))
		if (find_word(text, n, ret))
			return;
	if (n == 0 || !strchr(".+-0123456789", text[0]) || !strip(text, n, text[0] != '.', number))
		return;
	if (text[0] != '.' && is_int(number, ret))
		return;
	if (is_real(number, ret))
		return;
	if (text[0] != '.' && is_binary(number, ret))
		return;
	*ret = (struct yaml_scalar){.type = JSON_STR};
}

static bool fit(const char *type, struct yaml_scalar *s)
{
	if (strcmp(type, "float") == 0 && s->type == JSON_INT &&
	    (s->negative || s->uint <= INT64_MAX)) {
		s->type = JSON_REAL;
		s->real = (double)s->sint;
	}
	return (strcmp(type, "bool") == 0 && s->type == JSON_BOOL) ||
	       (strcmp(type, "int") == 0 && s->type == JSON_INT) ||
	       (strcmp(type, "float") == 0 && s->type == JSON_REAL) ||
	       (strcmp(type, "null") == 0 && s->type == JSON_NULL);
}

bool lp_yaml_resolve(const char *tag, bool plain, const char *text, size_t n,
		     struct yaml_scalar *ret, const char **ret_why)
{
	static const char *const checked[][2] = {
		{"bool", "the tag !!bool is on something that is no boolean"},
		{"int", "the tag !!int is on something that is no integer"},
		{"float", "the tag !!float is on something that is no number"},
		{"null", "the tag !!null is on something that is not null"},
		{"timestamp", "the tag !!timestamp is not supported; write the time as a string"},
	};
	const char *type =
		tag && strncmp(tag, TAG, sizeof(TAG) - 1) == 0 ? tag + sizeof(TAG) - 1 : NULL;

	if (!tag && plain) {
		guess(text, n, ret);
		return true;
	}
	for (size_t i = 0; type && i < sizeof(checked) / sizeof(checked[0]); i++) {
		if (strcmp(type, checked[i][0]) != 0)
			continue;
		guess(text, n, ret);
		*ret_why = checked[i][1];
		return fit(type, ret);
	}
	/* quoted, !!str, !!binary, and tags that mean nothing here: the text */
	*ret = (struct yaml_scalar){.type = JSON_STR,
				    .binary = type && strcmp(type, "binary") == 0};
	return true;
}

/* Go's strconv.FormatFloat(x, 'g', -1, 32), which is what becomes of a real key there. */
static const char *real_key(double value, char to[LP_YAML_KEY_TEXT])
{
	float narrow = (float)value;
	char digits[LP_YAML_KEY_TEXT];
	int precision = 0;

	if (isnan(narrow))
		return ".nan";
	if (isinf(narrow))
		return narrow > 0 ? ".inf" : "-.inf";
	do
		snprintf(digits, sizeof(digits), "%.*e", precision, (double)narrow);
	while (precision++ < 9 && strtof(digits, NULL) != narrow);
	long exponent = strtol(strchr(digits, 'e') + 1, NULL, 10);
	int places = precision - 1 - (int)exponent; /* precision: digits of the shortest form */

	if (exponent < -4 || exponent >= 6)
		return memcpy(to, digits, sizeof(digits));
	snprintf(to, LP_YAML_KEY_TEXT, "%.*f", places > 0 ? places : 0, (double)narrow);
	return to;
}

const char *lp_yaml_key(const struct yaml_scalar *s, char to[LP_YAML_KEY_TEXT])
{
	switch (s->type) {
	case JSON_BOOL:
		return s->boolean ? "true" : "false";
	case JSON_REAL:
		return real_key(s->real, to);
	case JSON_INT:
		if (!s->negative && s->uint > INT64_MAX)
			return NULL;
		snprintf(to, LP_YAML_KEY_TEXT, "%lld", (long long)s->sint);
		return to;
	default:
		return NULL;
	}
}

/* Bytes of the character at p, of at most n bytes; 0 when it is none (RFC 3629). */
static size_t character(const uint8_t *p, size_t n)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (!len || len > n || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0; /* too long a form, a surrogate, past U+10FFFF */
	return len;
}

size_t lp_yaml_utf8(const void *text, size_t n)
{
	const uint8_t *p = text;
	size_t at = 0;

	while (at < n) {
		size_t len = character(p + at, n - at);
		if (!len)
			break;
		at += len;
	}
	return at;
}

static int sextet(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

bool lp_yaml_binary(char *text, size_t *n)
{
	size_t chars = 0, pads = 0, len = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < *n; i++) {
		if (text[i] == '\n' || text[i] == '\r')
			continue;
		pads += text[i] == '=';
		int value = text[i] == '=' ? 0 : sextet(text[i]);
		if (value < 0 || (pads && text[i] != '='))
			return false;
		bits = bits << 6 | (uint32_t)value;
		if (++chars % 4)
			continue;
		text[len++] = (char)(bits >> 16);
		text[len++] = (char)(bits >> 8);
		text[len++] = (char)bits;
	}
	if (chars % 4 || pads > 2)
		return false;
	*n = len - pads;
	return true;
}

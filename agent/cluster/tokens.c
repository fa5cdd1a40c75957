/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/tokens.h"

#include <string.h>

enum state {
	BEFORE_VALUE, /* at the top, behind ':' or behind ',' of an array */
	FIRST_KEY,    /* behind '{' */
	NEXT_KEY,     /* behind ',' of an object */
	FIRST_VALUE,  /* behind '[' */
	BEFORE_COLON,
	BEHIND_VALUE,
	/* here white space is none */
	IN_STRING,
	BEHIND_BACKSLASH,
	IN_UNICODE,
	IN_NUMBER,
	IN_WORD,
};

enum number { BEGIN, MINUS, ZERO, WHOLE, DOT, FRACTION, EXPONENT, SIGN, POWER, NO_NUMBER };

#define REPLACEMENT 0xfffd /* for half of a pair that came alone */

static const struct token more = {.kind = TOKEN_MORE}, bad = {.kind = TOKEN_BAD};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_space(struct slice *input)
{
	while (input->len && is_space(*input->data)) {
		input->data++;
		input->len--;
	}
}

static uint8_t take_byte(struct slice *input)
{
	input->len--;
	return *input->data++;
}

/* What was read of input since it was as in from. */
static struct slice between(struct slice from, struct slice input)
{
	return (struct slice){from.data, from.len - input.len};
}

/* A value at this depth is over. */
static void end_value(struct tokens *t)
{
	t->state = t->depth ? BEHIND_VALUE : BEFORE_VALUE;
}

static bool in_array(const struct tokens *t)
{
	unsigned at = t->depth - 1;

	return t->depth && (t->arrays[at / 8] >> at % 8 & 1);
}

static struct token open_bracket(struct tokens *t, bool array)
{
	uint8_t bit = (uint8_t)(1u << t->depth % 8);

	if (t->depth == LP_STREAM_DEPTH)
		return (struct token){.kind = TOKEN_DEEP};
	if (array)
		t->arrays[t->depth / 8] |= bit;
	else
		t->arrays[t->depth / 8] &= (uint8_t)~bit;
	t->depth++;
	t->state = array ? FIRST_VALUE : FIRST_KEY;
	return (struct token){.kind = array ? TOKEN_ARRAY : TOKEN_OBJECT};
}

static struct token close_bracket(struct tokens *t, bool array)
{
	if (!t->depth || in_array(t) != array)
		return bad;
	t->depth--;
	end_value(t);
	return (struct token){.kind = array ? TOKEN_ARRAY_END : TOKEN_OBJECT_END};
}

static struct token begin_string(struct tokens *t, bool key)
{
	t->key = key;
	t->state = IN_STRING;
	return more;
}

static struct token begin_word(struct tokens *t, const char *word)
{
	t->word = word;
	t->state = IN_WORD;
	return more;
}

/* Of a number or word nothing is read yet: all of it is told. */
static struct token begin_value(struct tokens *t, struct slice *input)
{
	uint8_t c = *input->data;

	if (c == '{' || c == '[' || c == '"')
		take_byte(input);
	switch (c) {
	case '{':
	case '[':
		return open_bracket(t, c == '[');
	case '"':
		return begin_string(t, false);
	case 't':
		return begin_word(t, "true");
	case 'f':
		return begin_word(t, "false");
	case 'n':
		return begin_word(t, "null");
	default:
		t->number = BEGIN;
		t->state = IN_NUMBER;
		return more;
	}
}

/* Behind a value: a comma, or the end of what it is in. */
static struct token go_on(struct tokens *t, uint8_t c)
{
	if (c == ']' || c == '}')
		return close_bracket(t, c == ']');
	if (c != ',')
		return bad;
	t->state = in_array(t) ? BEFORE_VALUE : NEXT_KEY;
	return more;
}

/* Between keys and values. */
static struct token read_structure(struct tokens *t, struct slice *input)
{
	uint8_t c = *input->data;

	switch (t->state) {
	case FIRST_VALUE:
		if (c == ']')
			return go_on(t, take_byte(input));
		return begin_value(t, input);
	case FIRST_KEY:
		if (c == '}')
			return go_on(t, take_byte(input));
		return take_byte(input) == '"' ? begin_string(t, true) : bad;
	case NEXT_KEY:
		return take_byte(input) == '"' ? begin_string(t, true) : bad;
	case BEFORE_COLON:
		t->state = BEFORE_VALUE;
		return take_byte(input) == ':' ? more : bad;
	case BEHIND_VALUE:
		return go_on(t, take_byte(input));
	default:
		return begin_value(t, input);
	}
}

/* A piece of the string that we are in. */
static struct token piece_of_string(const struct tokens *t, struct slice piece)
{
	return (struct token){.kind = t->key ? TOKEN_KEY : TOKEN_STRING, .piece = piece};
}

/* Writes a character as UTF-8; returns its bytes. */
static size_t put_utf8(uint8_t *to, uint32_t c)
{
	unsigned follow = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	size_t n = 0;

	to[n++] = (uint8_t)(follow ? 0xff00u >> (follow + 1) | c >> 6 * follow : c);
	while (follow--)
		to[n++] = (uint8_t)(0x80 | (c >> 6 * follow & 0x3f));
	return n;
}

/* Tells n bytes of utf8, which an escape stood for; the string goes on. */
static struct token tell_utf8(struct tokens *t, size_t n)
{
	t->state = IN_STRING;
	return piece_of_string(t, (struct slice){t->utf8, n});
}

/* The first half of a pair came alone; what comes behind it is read as if it had not. */
static struct token tell_lone_half(struct tokens *t)
{
	t->high = 0;
	return piece_of_string(t, (struct slice){t->utf8, put_utf8(t->utf8, REPLACEMENT)});
}

static struct token read_string(struct tokens *t, struct slice *input)
{
	const uint8_t *at = input->data, *end = at + input->len;

	if (t->high && *at != '\\')
		return tell_lone_half(t);
	while (at < end && *at != '"' && *at != '\\' && *at >= ' ')
		at++;
	struct slice piece = {input->data, (size_t)(at - input->data)};
	*input = (struct slice){at, (size_t)(end - at)};
	struct token token = piece_of_string(t, piece);
	if (!input->len)
		return token;
	uint8_t c = take_byte(input);
	if (c == '\\') {
		t->state = BEHIND_BACKSLASH;
		return token.piece.len ? token : more;
	}
	if (c != '"')
		return bad;
	token.ends = true;
	if (t->key)
		t->state = BEFORE_COLON;
	else
		end_value(t);
	return token;
}

static struct token read_escape(struct tokens *t, struct slice *input)
{
	static const char escapes[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";

	if (t->high && *input->data != 'u')
		return tell_lone_half(t);
	uint8_t c = take_byte(input);
	if (c == 'u') {
		t->state = IN_UNICODE;
		t->digits = 0;
		t->code = 0;
		return more;
	}
	const char *known = c ? strchr(escapes, c) : NULL;
	if (!known)
		return bad;
	t->utf8[0] = (uint8_t)characters[known - escapes];
	return tell_utf8(t, 1);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Of a \u escape all four digits are there. */
static struct token end_unicode(struct tokens *t)
{
	bool is_high = t->code >= 0xd800 && t->code <= 0xdbff;
	bool is_low = t->code >= 0xdc00 && t->code <= 0xdfff;
	uint32_t high = t->high, c = is_low ? REPLACEMENT : t->code;
	size_t n = 0;

	if (high && is_low)
		c = 0x10000 + ((high - 0xd800) << 10) + (t->code - 0xdc00u);
	else if (high)
		n = put_utf8(t->utf8, REPLACEMENT);
	t->high = is_high ? t->code : 0;
	if (!is_high)
		n += put_utf8(t->utf8 + n, c);
	return tell_utf8(t, n);
}

static struct token read_unicode(struct tokens *t, struct slice *input)
{
	int digit = hex_digit(take_byte(input));

	if (digit < 0)
		return bad;
	t->code = (uint16_t)(t->code << 4 | digit);
	return ++t->digits == 4 ? end_unicode(t) : more;
}

/* Where in a number c leads to, or NO_NUMBER. */
static enum number go_through_number(enum number at, uint8_t c)
{
	bool digit = c >= '0' && c <= '9', sign = c == '-' || c == '+';
	enum number exponent = c == 'e' || c == 'E' ? EXPONENT : NO_NUMBER;
	enum number whole = c == '0' ? ZERO : digit ? WHOLE : NO_NUMBER;

	switch (at) {
	case BEGIN:
		return c == '-' ? MINUS : whole;
	case MINUS:
		return whole;
	case ZERO:
		return c == '.' ? DOT : exponent;
	case WHOLE:
		return digit ? WHOLE : c == '.' ? DOT : exponent;
	case DOT:
		return digit ? FRACTION : NO_NUMBER;
	case FRACTION:
		return digit ? FRACTION : exponent;
	case EXPONENT:
		return digit ? POWER : sign ? SIGN : NO_NUMBER;
	default:
		return digit ? POWER : NO_NUMBER;
	}
}

/* A number ends before the first byte that is none of it, which may not be there yet. */
static struct token read_number(struct tokens *t, struct slice *input)
{
	struct slice from = *input;
	enum number at = t->number, next;

	for (; input->len; take_byte(input), at = next) {
		next = go_through_number(at, *input->data);
		if (next == NO_NUMBER)
			break;
	}
	t->number = (uint8_t)at;
	bool ends = input->len > 0;
	if (ends && at != ZERO && at != WHOLE && at != FRACTION && at != POWER)
		return bad;
	if (ends)
		end_value(t);
	return (struct token){TOKEN_PLAIN, between(from, *input), ends};
}

static struct token read_word(struct tokens *t, struct slice *input)
{
	struct slice from = *input;

	while (input->len && *t->word)
		if (take_byte(input) != (uint8_t)*t->word++)
			return bad;
	bool ends = !*t->word;
	if (ends)
		end_value(t);
	return (struct token){TOKEN_PLAIN, between(from, *input), ends};
}

/* Reads a step on; TOKEN_MORE also when there is nothing to tell yet. input is not empty. */
static struct token read_step(struct tokens *t, struct slice *input)
{
	if (t->state < IN_STRING) {
		skip_space(input);
		return input->len ? read_structure(t, input) : more;
	}
	switch (t->state) {
	case IN_STRING:
		return read_string(t, input);
	case BEHIND_BACKSLASH:
		return read_escape(t, input);
	case IN_UNICODE:
		return read_unicode(t, input);
	case IN_NUMBER:
		return read_number(t, input);
	default:
		return read_word(t, input);
	}
}

void lp_tokens_pass(struct tokens *t)
{
	t->passing = true;
	t->passed_space = false;
	t->base = t->depth;
}

/* Whether a value is over with this token, if it was at this depth. */
static bool ends_value(const struct token *token)
{
	return token->kind == TOKEN_OBJECT_END || token->kind == TOKEN_ARRAY_END ||
	       ((token->kind == TOKEN_STRING || token->kind == TOKEN_PLAIN) && token->ends);
}

static struct token pass_value(struct tokens *t, struct slice *input)
{
	if (!t->passed_space) {
		if (t->state == BEFORE_COLON && read_step(t, input).kind == TOKEN_BAD)
			return bad;
		skip_space(input);
		if (!input->len)
			return more;
		t->passed_space = true;
	}
	struct slice from = *input;
	bool ends = false;
	while (input->len && !ends) {
		struct token token = read_step(t, input);
		if (token.kind == TOKEN_BAD || token.kind == TOKEN_DEEP)
			return token;
		ends = t->depth == t->base && ends_value(&token);
	}
	t->passing = !ends;
	return (struct token){TOKEN_RAW, between(from, *input), ends};
}

struct token lp_tokens_next(struct tokens *t, struct slice *input)
{
	if (t->passing)
		return pass_value(t, input);
	while (input->len) {
		struct token token = read_step(t, input);
		if (token.kind != TOKEN_MORE)
			return token;
	}
	return more;
}

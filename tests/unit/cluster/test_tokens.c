/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/tokens.h"
#include "tests/unit/check.h"

static char trace[4096];

/* What a kind of token is written as in a trace; with its text for those that have one. */
static void note(const struct token *token, bool *inside)
{
	static const char *const marks[] = {
		[TOKEN_OBJECT] = "{",    [TOKEN_OBJECT_END] = "}", [TOKEN_ARRAY] = "[",
		[TOKEN_ARRAY_END] = "]", [TOKEN_KEY] = "k:",       [TOKEN_STRING] = "s:",
		[TOKEN_PLAIN] = "p:",    [TOKEN_RAW] = "r:",       [TOKEN_BAD] = " bad ",
		[TOKEN_DEEP] = " deep "};
	size_t used = strlen(trace);
	bool text = token->kind >= TOKEN_KEY && token->kind <= TOKEN_RAW;
	bool goes_on = *inside && text;

	snprintf(trace + used, sizeof(trace) - used, "%s%.*s%s", goes_on ? "" : marks[token->kind],
		 (int)token->piece.len, token->piece.len ? (const char *)token->piece.data : "",
		 token->ends ? " " : "");
	*inside = text && !token->ends;
}

/* Reads json in pieces of n bytes; values of the key "raw" are passed over. */
static const char *traced(const char *json, size_t n)
{
	struct tokens t = {0};
	bool inside = false;

	trace[0] = '\0';
	for (size_t at = 0, len = strlen(json); at < len; at += n) {
		struct slice input = {(const uint8_t *)json + at, len - at < n ? len - at : n};
		while (input.len) {
			struct token token = lp_tokens_next(&t, &input);
			if (token.kind == TOKEN_MORE)
				break;
			note(&token, &inside);
			if (token.kind == TOKEN_BAD || token.kind == TOKEN_DEEP)
				return trace;
			size_t used = strlen(trace);
			if (token.kind == TOKEN_KEY && token.ends && used >= 6 &&
			    strcmp(trace + used - 6, "k:raw ") == 0)
				lp_tokens_pass(&t);
		}
	}
	return trace;
}

static void check_trace(const char *json, const char *wanted)
{
	for (size_t n = 1; n <= strlen(json); n++)
		CHECK_STR(traced(json, n), wanted);
}

static void values_are_told_in_pieces_of_any_size(void)
{
	check_trace("{\"a\" : [1, -2.5e+10 ,true,false,null,\"x\",\"\",{},[]] }\n{\"b\":{\"c\":0}}",
		    "{k:a [p:1 p:-2.5e+10 p:true p:false p:null s:x s: {}[]]}{k:b {k:c p:0 }}");
}

static void escapes_are_told_as_what_they_stand_for(void)
{
	check_trace("{\"\\u006bey\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t|\"}",
		    "{k:key s:\"\\/\b\f\n\r\t| }");
	check_trace("[\"\\u00e9\\u20AC\\ud83d\\ude00.\"]",
		    "[s:\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80. ]");
}

static void half_a_pair_is_no_character(void)
{
#define NONE "\xef\xbf\xbd"
	check_trace("[\"\\ud83d\"]", "[s:" NONE " ]");
	check_trace("[\"\\ude00\"]", "[s:" NONE " ]");
	check_trace("[\"\\ud83dx\"]", "[s:" NONE "x ]");
	check_trace("[\"\\ud83d\\n\"]", "[s:" NONE "\n ]");
	check_trace("[\"\\ud83d\\u20ac\"]", "[s:" NONE "\xe2\x82\xac ]");
	check_trace("[\"\\ud83d\\ud83d\\ude00\"]", "[s:" NONE "\xf0\x9f\x98\x80 ]");
}

static void a_value_that_is_passed_comes_as_written(void)
{
	check_trace("{\"raw\" : {\"\\u0061\": [1 , 2] } ,\"b\":1}",
		    "{k:raw r:{\"\\u0061\": [1 , 2] } k:b p:1 }");
	check_trace("{\"raw\":12 ,\"b\":{\"raw\":\"\\u0061\"}}",
		    "{k:raw r:12 k:b {k:raw r:\"\\u0061\" }}");
	check_trace("{\"raw\":[]}", "{k:raw r:[] }");
	check_trace("{\"raw\":null}", "{k:raw r:null }");
	check_trace("{\"raw\":{\"raw\":{}}}", "{k:raw r:{\"raw\":{}} }");
}

static void what_is_no_json_is_bad_also_where_it_is_passed(void)
{
	static const char *const bad[] = {
		"}",
		"]",
		",",
		":",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{,}",
		"{\"a\"}",
		"{1:2}",
		"{\"a\":}",
		"{\"a\" 1}",
		"{\"a\":1,}",
		"[}",
		"{\"a\":1]",
		"[tru]",
		"[truE]",
		"[nullx]",
		"[01]",
		"[-]",
		"[1.]",
		"[.5]",
		"[1e]",
		"[+1]",
		"[1e+]",
		"[0x1]",
		"[\"\n\"]",
		"[\"\\x\"]",
		"[\"\\u00g0\"]",
		"[--1]",
		"[1.5.5]",
		"['a']",
		"[\"\x1f\"]",
		"{\"a\":1 \"b\":2}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (size_t n = 1; n <= strlen(bad[i]); n++) {
			char json[64];
			CHECK_HAS(traced(bad[i], n), " bad ");
			if (bad[i][0] == '[' || bad[i][0] == '{') {
				snprintf(json, sizeof(json), "{\"raw\":%s}", bad[i]);
				CHECK_HAS(traced(json, n), " bad ");
			}
		}
}

static void brackets_are_counted(void)
{
	char json[2 * LP_STREAM_DEPTH + 3];

	for (unsigned i = 0; i < LP_STREAM_DEPTH; i++) {
		json[i] = '[';
		json[2 * LP_STREAM_DEPTH - 1 - i] = ']';
	}
	json[2 * LP_STREAM_DEPTH] = '\0';
	CHECK_STR(traced(json, 7), json);
	memset(json, '[', LP_STREAM_DEPTH + 1);
	CHECK_HAS(traced(json, 7), " deep ");
	memcpy(json, "{\"raw\":", 7);
	memset(json + 7, '[', LP_STREAM_DEPTH);
	CHECK_HAS(traced(json, 7), " deep ");
}

int main(void)
{
	TEST(values_are_told_in_pieces_of_any_size);
	TEST(escapes_are_told_as_what_they_stand_for);
	TEST(half_a_pair_is_no_character);
	TEST(a_value_that_is_passed_comes_as_written);
	TEST(what_is_no_json_is_bad_also_where_it_is_passed);
	TEST(brackets_are_counted);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/json.h"
#include "platform/limits.h"
#include "tests/unit/check.h"

#define ROOM LP_MIB

static struct json *doc; /* of the test that runs */
static struct buf out;

static struct jval *parse(const char *text)
{
	lp_json_freep(&doc);
	CHECK_OK(lp_json_parse(text, strlen(text), ROOM, &doc, &err));
	return lp_json_root(doc);
}

static const char *written(const struct jval *v)
{
	lp_buf_free(&out);
	out = LP_BUF(ROOM);
	CHECK_OK(lp_json_write(v, &out, &err));
	return lp_buf_text(&out);
}

static const char *canonical(const char *text)
{
	const struct jval *v = parse(text);

	lp_buf_free(&out);
	out = LP_BUF(ROOM);
	CHECK_OK(lp_json_canonical(v, &out, &err));
	return lp_buf_text(&out);
}

static const char *real(double value)
{
	lp_json_freep(&doc);
	CHECK_OK(lp_json_new(ROOM, &doc, &err));
	return written(lp_json_new_real(doc, value));
}

static void refused(const char *text, enum lp_code code, const char *why)
{
	lp_json_freep(&doc);
	CHECK_CODE(lp_json_parse(text, strlen(text), ROOM, &doc, &err), code, why);
	CHECK(doc == NULL);
}

static void a_document_is_written_as_it_was_read(void)
{
	static const char text[] =
		"{\"b\":[1,-2,3.5,true,false,null],\"a\":{\"x\":\"\\\"\\\\\\n\\u0001/\"},"
		"\"e\":{},\"l\":[]}";
	CHECK_STR(written(parse(text)), text);
}

static void the_canonical_form_has_its_keys_sorted_by_bytes_at_every_level(void)
{
	CHECK_STR(canonical("{\"b\":1,\"a\":[{\"d\":1,\"c\":2}],\"ab\":0,\"B\":3, \"\\u00e9\":4}"),
		  "{\"B\":3,\"a\":[{\"c\":2,\"d\":1}],\"ab\":0,\"b\":1,\"\xc3\xa9\":4}");
}

static void the_pretty_form_indents_by_two(void)
{
	const struct jval *v = parse("{\"a\":[1,{}],\"b\":{\"c\":[]}}");

	lp_buf_free(&out);
	out = LP_BUF(ROOM);
	CHECK_OK(lp_json_write_pretty(v, &out, &err));
	CHECK_STR(lp_buf_text(&out),
		  "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": []\n  }\n}");
}

static void reals_are_written_as_go_writes_them(void)
{
	CHECK_STR(real(1000.0), "1000");
	CHECK_STR(real(0.1), "0.1");
	CHECK_STR(real(-0.0), "-0");
	CHECK_STR(real(0.000001), "0.000001");
	CHECK_STR(real(0.0000001), "1e-7");
	CHECK_STR(real(1.5e-9), "1.5e-9");
	CHECK_STR(real(1e20), "100000000000000000000");
	CHECK_STR(real(1e21), "1e+21");
	CHECK_STR(real(-1.2345e300), "-1.2345e+300");
	CHECK_STR(real(123456.789), "123456.789");
	CHECK_STR(real(5e-324), "5e-324");
	CHECK_STR(real(1.7976931348623157e308), "1.7976931348623157e+308");
}

static void a_number_that_json_does_not_have_cannot_be_written(void)
{
	lp_json_freep(&doc);
	CHECK_OK(lp_json_new(ROOM, &doc, &err));
	lp_buf_free(&out);
	out = LP_BUF(ROOM);
	CHECK_CODE(lp_json_write(lp_json_new_real(doc, __builtin_inf()), &out, &err), LP_REJECTED,
		   "JSON cannot hold");
}

static void whole_numbers_keep_all_their_digits(void)
{
	CHECK_STR(written(parse("[0,-0,-0.0]")), "[0,-0,-0]");
	CHECK_STR(written(parse("[9223372036854775807,18446744073709551615,-9223372036854775808]")),
		  "[9223372036854775807,18446744073709551615,-9223372036854775808]");
}

static void what_is_not_strict_json_is_refused_with_its_place(void)
{
	refused("", LP_REJECTED, "byte 0");
	refused("{\"a\":1,}", LP_REJECTED, "byte 6");
	refused("// x\n1", LP_REJECTED, "byte 0");
	refused("[1] 2", LP_REJECTED, "byte 4");
	refused("[NaN]", LP_REJECTED, "byte 1");
	refused("[01]", LP_REJECTED, "byte 1");
	refused("[\"\xff\"]", LP_REJECTED, "byte 2");
	refused("[\"\\ud800\"]", LP_REJECTED, "byte");
	refused("{a:1}", LP_REJECTED, "byte 1");
}

static void a_key_that_is_there_twice_is_refused(void)
{
	refused("{\"a\":{\"k\":1,\"x\":2,\"k\":3}}", LP_REJECTED, "\"k\" is there twice");
	refused("[{\"a\":1,\"\\u0061\":1}]", LP_REJECTED, "\"a\" is there twice");
}

static void a_key_that_holds_a_nul_is_refused(void)
{
	refused("{\"a\\u0000b\":1}", LP_REJECTED, "NUL");
}

static void depth_is_limited_before_anything_is_built(void)
{
	char deep[2 * LP_JSON_DEPTH + 3] = {0};

	memset(deep, '[', LP_JSON_DEPTH);
	memset(deep + LP_JSON_DEPTH, ']', LP_JSON_DEPTH);
	parse(deep);
	memset(deep, '[', LP_JSON_DEPTH + 1);
	memset(deep + LP_JSON_DEPTH + 1, ']', LP_JSON_DEPTH + 1);
	refused(deep, LP_LIMIT, "more than 128 levels");
	parse("[\"[[[[ \\\" [[[\"]");
}

static void a_document_past_its_ceiling_is_refused(void)
{
	static char text[4000];
	int n = 0;

	for (int i = 0; i < 300; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%d", i ? "," : "[", i);
	snprintf(text + n, sizeof(text) - (size_t)n, "]");
	lp_json_freep(&doc);
	CHECK_CODE(lp_json_parse(text, strlen(text), 8 * LP_KIB, &doc, &err), LP_LIMIT,
		   "more than 8192 bytes of memory");
	CHECK(doc == NULL);
	CHECK_OK(lp_json_parse(text, strlen(text), 64 * LP_KIB, &doc, &err));
}

static void what_reading_took_for_a_while_can_be_used_again(void)
{
	static char text[30003];
	int added = 0;

	memset(text, 'x', sizeof(text) - 1);
	text[0] = '[';
	text[1] = text[sizeof(text) - 3] = '"';
	text[sizeof(text) - 2] = ']';
	lp_json_freep(&doc);
	CHECK_OK(lp_json_parse(text, strlen(text), 160 * LP_KIB, &doc, &err));
	text[1000] = '\0';
	while (added < 1000 && lp_json_new_str(doc, text))
		added++;
	CHECK(added > 50 && added < 160);
}

static void building_past_the_ceiling_yields_nothing_and_says_why(void)
{
	bool done = true;

	lp_json_freep(&doc);
	CHECK_OK(lp_json_new(4 * LP_KIB, &doc, &err));
	struct jval *arr = lp_json_arr(doc);
	for (int i = 0; done && i < 10000; i++)
		done = lp_json_add(arr, lp_json_new_str(doc, "a piece of text"));
	CHECK(!done);
	CHECK(!lp_json_put_str(doc, lp_json_obj(doc), "key", "value"));
	CHECK_CODE(lp_json_full(doc, "a test", &err), LP_LIMIT, "a test: more than 4096 bytes");
}

static void reading_what_is_not_there_is_no_error(void)
{
	const struct jval *v =
		parse("{\"a\":{\"b\":\"x\"},\"n\":7,\"t\":true,\"big\":9223372036854775808}");
	int64_t n = -1;
	bool b = false;

	CHECK(lp_json_at(v, "a", "b", "c", NULL) == NULL);
	CHECK(lp_json_at(v, "nothing", "b", NULL) == NULL);
	CHECK_STR(lp_json_text(lp_json_get(v, "a"), "b"), "x");
	CHECK_STR(lp_json_text(v, "n"), "");
	CHECK_STR(lp_json_text(NULL, "n"), "");
	CHECK(lp_json_str(lp_json_get(v, "n")) == NULL);
	CHECK(lp_json_int(lp_json_get(v, "n"), &n) && n == 7);
	CHECK(!lp_json_int(lp_json_get(v, "big"), &n));
	CHECK(lp_json_bool(lp_json_get(v, "t"), &b) && b);
	CHECK(!lp_json_bool(lp_json_get(v, "n"), &b));
	CHECK(lp_json_len(NULL) == 0 && lp_json_len(v) == 4);
	struct json_iter it = lp_json_iter(NULL);
	CHECK(!lp_json_next(&it));
	CHECK_STR(lp_json_type_name(NULL), "nothing");
	CHECK_STR(lp_json_type_name(v), "an object");
}

static void an_object_is_walked_in_its_order(void)
{
	struct json_iter it = lp_json_iter(parse("{\"z\":1,\"a\":2,\"m\":3}"));
	char seen[8] = "";
	int64_t n, sum = 0;

	while (lp_json_next(&it)) {
		seen[it.index] = it.key[0];
		CHECK(lp_json_int(it.value, &n));
		sum += n;
	}
	CHECK_STR(seen, "zam");
	CHECK(sum == 6 && !lp_json_next(&it));
}

static void putting_replaces_in_place_and_keeps_the_value_alive(void)
{
	struct jval *v = parse("{\"a\":1,\"b\":2,\"c\":3}");
	struct jval *made = lp_json_obj(doc);

	CHECK(lp_json_put(doc, v, "b", made));
	CHECK(lp_json_put_str(doc, made, "later", "x"));
	CHECK(lp_json_put_int(doc, v, "c", -4));
	CHECK(lp_json_put_bool(doc, v, "d", true));
	CHECK(lp_json_put(doc, v, "b", lp_json_get(v, "b")));
	CHECK_STR(written(v), "{\"a\":1,\"b\":{\"later\":\"x\"},\"c\":-4,\"d\":true}");
	CHECK(!lp_json_put_int(doc, lp_json_get(v, "a"), "x", 1));
	CHECK(!lp_json_put(doc, v, "x", NULL));
}

static void an_object_is_made_where_there_is_none(void)
{
	struct jval *v = parse("{\"n\":null,\"s\":\"x\",\"o\":{\"k\":1}}");

	CHECK(lp_json_put_obj(doc, v, "s") == NULL);
	CHECK(lp_json_put_obj(doc, v, "o") == lp_json_get(v, "o"));
	CHECK(lp_json_put_int(doc, lp_json_put_obj(doc, v, "n"), "x", 1));
	CHECK(lp_json_put_int(doc, lp_json_put_obj(doc, v, "new"), "y", 2));
	CHECK_STR(written(v), "{\"n\":{\"x\":1},\"s\":\"x\",\"o\":{\"k\":1},\"new\":{\"y\":2}}");
}

static void members_and_elements_can_be_removed(void)
{
	struct jval *v = parse("{\"a\":1,\"l\":[0,1,2],\"b\":2}");

	CHECK(lp_json_del(v, "a") && !lp_json_del(v, "a"));
	lp_json_arr_del(lp_json_get(v, "l"), 1);
	lp_json_arr_del(lp_json_get(v, "l"), 7);
	CHECK(lp_json_del(v, "b"));
	CHECK_STR(written(v), "{\"l\":[0,2]}");
}

static void equality_does_not_mind_the_order_of_members(void)
{
	LP_AUTO(lp_json_freep) struct json *other = NULL;
	static const char text[] = "{\"b\":[1,2,{\"x\":null}],\"a\":\"t\"}";

	CHECK_OK(lp_json_parse(text, strlen(text), ROOM, &other, &err));
	const struct jval *b = lp_json_root(other);
	CHECK(lp_json_equal(parse("{\"a\":\"t\",\"b\":[1,2,{\"x\":null}]}"), b));
	CHECK(!lp_json_equal(parse("{\"a\":\"t\",\"b\":[2,1,{\"x\":null}]}"), b));
	CHECK(!lp_json_equal(parse("{\"a\":\"t\",\"b\":[1,2,{\"y\":null}]}"), b));
	CHECK(!lp_json_equal(parse("{\"a\":\"t\"}"), b));
	CHECK(!lp_json_equal(NULL, b) && lp_json_equal(NULL, NULL));
}

static void a_copy_lives_in_its_own_document(void)
{
	LP_AUTO(lp_json_freep) struct json *other = NULL;
	static const char text[] = "{\"a\":[1,-1,1.5,\"x\\u0000y\",null,true,{\"b\":{}}]}";

	CHECK_OK(lp_json_new(ROOM, &other, &err));
	struct jval *copy = lp_json_copy(other, parse(text));
	lp_json_set_root(other, copy);
	CHECK(lp_json_equal(copy, lp_json_root(doc)));
	lp_json_freep(&doc);
	CHECK_STR(written(lp_json_root(other)), text);
}

int main(void)
{
	TEST(a_document_is_written_as_it_was_read);
	TEST(the_canonical_form_has_its_keys_sorted_by_bytes_at_every_level);
	TEST(the_pretty_form_indents_by_two);
	TEST(reals_are_written_as_go_writes_them);
	TEST(a_number_that_json_does_not_have_cannot_be_written);
	TEST(whole_numbers_keep_all_their_digits);
	TEST(what_is_not_strict_json_is_refused_with_its_place);
	TEST(a_key_that_is_there_twice_is_refused);
	TEST(a_key_that_holds_a_nul_is_refused);
	TEST(depth_is_limited_before_anything_is_built);
	TEST(a_document_past_its_ceiling_is_refused);
	TEST(what_reading_took_for_a_while_can_be_used_again);
	TEST(building_past_the_ceiling_yields_nothing_and_says_why);
	TEST(reading_what_is_not_there_is_no_error);
	TEST(an_object_is_walked_in_its_order);
	TEST(putting_replaces_in_place_and_keeps_the_value_alive);
	TEST(an_object_is_made_where_there_is_none);
	TEST(members_and_elements_can_be_removed);
	TEST(equality_does_not_mind_the_order_of_members);
	TEST(a_copy_lives_in_its_own_document);
	lp_json_freep(&doc);
	lp_buf_free(&out);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/skim.h"
#include "tests/unit/check.h"

static struct slice text(const char *json)
{
	return (struct slice){(const uint8_t *)json, strlen(json)};
}

static void members_are_found_at_any_depth(void)
{
	struct slice json =
		text(" { \"a\" : {\"b\":[1, {\"c\":\"}]\\\"\"}], \"d\":true } , \"e\":-7 }");
	int64_t number = 0;

	CHECK(lp_skim_whole(json));
	CHECK(lp_skim_true(lp_skim_at(json, "a", "d", NULL)));
	CHECK(lp_skim_int(lp_skim_get(json, "e"), &number) && number == -7);
	CHECK(lp_skim_at(json, "a", "x", NULL).len == 0);
	CHECK(lp_skim_at(json, "e", "x", NULL).len == 0);
	CHECK(lp_skim_get(text("[1]"), "a").len == 0);
}

static void a_key_inside_a_string_or_a_deeper_object_is_not_found(void)
{
	CHECK(lp_skim_get(text("{\"x\":\"{\\\"a\\\":1}\",\"y\":{\"a\":2}}"), "a").len == 0);
}

static void arrays_are_walked_in_order(void)
{
	struct skim_iter it = lp_skim_iter(text("[\"x\",{},[1,2],null,3.5e2]"));
	const char *want[] = {"\"x\"", "{}", "[1,2]", "null", "3.5e2"};

	for (size_t i = 0; i < 5; i++) {
		CHECK(lp_skim_next(&it));
		CHECK(lp_slice_is(it.value, want[i]));
		CHECK(it.key.len == 0);
	}
	CHECK(!lp_skim_next(&it));
	CHECK(!lp_skim_next(&it));
}

static void broken_text_is_not_whole(void)
{
	static const char *const broken[] = {
		"",   "   ", "{",          "}",  "[",    "{\"a\":1", "{\"a\":\"x}", "[1]]", "{}{}",
		"{]", "[}",  "{\"a\":[}]", "\"", "\"\\", "\"\\\"",   ",",           "{}x",
	};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		if (lp_skim_whole(text(broken[i])))
			printf("  taken as whole: %s\n", broken[i]);
		CHECK(!lp_skim_whole(text(broken[i])));
	}
}

static void a_hundred_levels_are_read_and_a_thousand_are_not(void)
{
	char deep[2001] = "";

	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	CHECK(lp_skim_whole(text(deep)));
	memset(deep, '[', 1000);
	memset(deep + 1000, ']', 1000);
	CHECK(!lp_skim_whole(text(deep)));
}

static void escapes_are_undone(void)
{
	char to[64];

	CHECK(lp_skim_str(text("\"a\\n\\\"\\\\\\/\\u003c\\u00e9\\ud83d\\ude00\""), to, sizeof(to)));
	CHECK_STR(to, "a\n\"\\/<\xc3\xa9\xf0\x9f\x98\x80");
	CHECK(lp_skim_str(text("\"\\ud83d x\""), to, sizeof(to)));
	CHECK_STR(to, "\xef\xbf\xbd x");
	CHECK(!lp_skim_str(text("\"a\\u0000b\""), to, sizeof(to)));
	CHECK_STR(to, "");
	CHECK(!lp_skim_str(text("12"), to, sizeof(to)));
}

static void what_is_too_long_is_refused_or_cut_at_a_character(void)
{
	char to[5];

	CHECK(!lp_skim_str(text("\"abcde\""), to, sizeof(to)));
	CHECK_STR(to, "");
	lp_skim_cut(text("\"abcde\""), to, sizeof(to));
	CHECK_STR(to, "abcd");
	lp_skim_cut(text("\"abc\xc3\xa9\""), to, sizeof(to));
	CHECK_STR(to, "abc");
}

static void numbers_that_do_not_fit_are_refused(void)
{
	int64_t number = 5;

	CHECK(!lp_skim_int(text("99999999999999999999"), &number));
	CHECK(!lp_skim_int(text("1.5"), &number));
	CHECK(!lp_skim_int(text("\"1\""), &number));
	CHECK(!lp_skim_int((struct slice){0}, &number));
	CHECK(number == 5);
	CHECK(lp_skim_int(text("9223372036854775807"), &number) && number == INT64_MAX);
}

static void a_long_text_can_lose_its_middle(void)
{
	char to[40];

	lp_skim_cut_middle(text("\"short\""), to, sizeof(to));
	CHECK_STR(to, "short");
	lp_skim_cut_middle(text("\"the beginning of it and of everything else and the end\""), to,
			   sizeof(to));
	CHECK_STR(to, "the beginning of ... else and the end");
	lp_skim_cut_middle(text("\"nospaceatallinthisverylongtextwhichgoesonandon\""), to,
			   sizeof(to));
	CHECK_STR(to, "nospaceatallinth ... ");
	lp_skim_cut_middle(text("\"a\\u0000b\""), to, sizeof(to));
	CHECK_STR(to, "a");
}

static void names_have_nothing_that_a_url_cares_about(void)
{
	char to[16];

	CHECK(lp_skim_name(text("\"shop.example-1\""), to, sizeof(to)));
	CHECK(!lp_skim_name(text("\"a/b\""), to, sizeof(to)));
	CHECK(!lp_skim_name(text("\"a?b\""), to, sizeof(to)));
	CHECK(!lp_skim_name(text("\"a b\""), to, sizeof(to)));
	CHECK(!lp_skim_name(text("\"\xc3\xa9\""), to, sizeof(to)));
	CHECK_STR(to, "");
}

static void a_text_is_made_fit_for_a_line(void)
{
	char dirty[] =
		"a\nb\tc\x1b[31m\x7f \xff\xc3=\xc3\xa9 \xe2\x82\xac \xed\xa0\x80 \xc2\x9b \xf0\x9f\x98";

	lp_text_clean(dirty);
	CHECK_STR(dirty, "a b c?[31m? ?"
			 "?=\xc3\xa9 \xe2\x82\xac ??? ?? ???");
}

int main(void)
{
	TEST(a_long_text_can_lose_its_middle);
	TEST(names_have_nothing_that_a_url_cares_about);
	TEST(a_text_is_made_fit_for_a_line);
	TEST(members_are_found_at_any_depth);
	TEST(a_key_inside_a_string_or_a_deeper_object_is_not_found);
	TEST(arrays_are_walked_in_order);
	TEST(broken_text_is_not_whole);
	TEST(a_hundred_levels_are_read_and_a_thousand_are_not);
	TEST(escapes_are_undone);
	TEST(what_is_too_long_is_refused_or_cut_at_a_character);
	TEST(numbers_that_do_not_fit_are_refused);
	return check_report();
}

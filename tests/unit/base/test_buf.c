/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/buf.h"
#include "tests/unit/check.h"

static void appending_grows_to_exactly_the_ceiling(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(1000);

	for (int i = 0; i < 1000; i++) {
		uint8_t byte = (uint8_t)i;
		CHECK_OK(lp_buf_append(&b, &byte, 1, &err));
		CHECK(b.len == (size_t)i + 1 && b.data[b.len] == '\0');
	}
	for (size_t i = 0; i < 1000; i++)
		CHECK(b.data[i] == (uint8_t)i);
	CHECK(b.cap <= 1001);
}

static void past_the_ceiling_the_buffer_is_as_before(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(8);

	CHECK_OK(lp_buf_str(&b, "12345", &err));
	CHECK_CODE(lp_buf_str(&b, "6789", &err), LP_LIMIT, "more than 8 bytes");
	CHECK_CODE(lp_buf_printf(&b, &err, "%d", 6789), LP_LIMIT, "more than 8 bytes");
	CHECK_CODE(lp_buf_reserve(&b, SIZE_MAX, &err), LP_LIMIT, "more than 8 bytes");
	CHECK_CODE(lp_buf_append(&b, NULL, SIZE_MAX - 4, &err), LP_LIMIT, "more than 8 bytes");
	CHECK_STR(lp_buf_text(&b), "12345");
	CHECK(b.len == 5);
	CHECK_OK(lp_buf_str(&b, "678", &err));
	CHECK_CODE(lp_buf_byte(&b, '9', &err), LP_LIMIT, "more than 8 bytes");
	CHECK_STR(lp_buf_text(&b), "12345678");
}

static void a_buffer_without_a_ceiling_takes_nothing(void)
{
	struct buf b = {0};

	CHECK_CODE(lp_buf_byte(&b, 'x', &err), LP_LIMIT, "more than 0 bytes");
	CHECK_OK(lp_buf_append(&b, NULL, 0, &err));
	CHECK_STR(lp_buf_text(&b), "");
	lp_buf_free(&b);
}

static void nothing_appended_to_an_empty_buffer_is_text_too(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(10);

	CHECK_STR(lp_buf_text(&b), "");
	CHECK_OK(lp_buf_append(&b, NULL, 0, &err));
	CHECK_STR(lp_buf_text(&b), "");
	CHECK_OK(lp_buf_printf(&b, &err, "%s", ""));
	CHECK(b.len == 0);
}

static void bytes_of_any_value_are_kept(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(10);

	CHECK_OK(lp_buf_append(&b, "a\0b", 3, &err));
	CHECK_OK(lp_buf_byte(&b, 0xff, &err));
	CHECK(b.len == 4 && memcmp(b.data, "a\0b\xff", 5) == 0);
}

static void formatted_text_is_appended_whole_however_long(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(5000);

	CHECK_OK(lp_buf_str(&b, "n=", &err));
	CHECK_OK(lp_buf_printf(&b, &err, "%04000d|", 7));
	CHECK(b.len == 2 + 4000 + 1);
	CHECK(b.data[0] == 'n' && b.data[2] == '0' && b.data[4001] == '7' && b.data[4002] == '|');
}

static void consuming_moves_the_rest_to_the_front(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(20);

	lp_buf_consume(&b, 0); /* never appended to: there is no memory yet */
	CHECK_OK(lp_buf_str(&b, "first,second", &err));
	lp_buf_consume(&b, 6);
	CHECK_STR(lp_buf_text(&b), "second");
	lp_buf_consume(&b, 0);
	CHECK_STR(lp_buf_text(&b), "second");
	lp_buf_consume(&b, 6);
	CHECK(b.len == 0);
	CHECK_STR(lp_buf_text(&b), "");
}

static void clearing_keeps_the_memory_and_freeing_keeps_the_ceiling(void)
{
	struct buf b = LP_BUF(100);

	CHECK_OK(lp_buf_str(&b, "some text", &err));
	const uint8_t *data = b.data;
	lp_buf_clear(&b);
	CHECK(b.len == 0 && b.data == data);
	CHECK_STR(lp_buf_text(&b), "");
	lp_buf_free(&b);
	CHECK(!b.data && !b.len && !b.cap && b.max == 100);
	lp_buf_clear(&b);
	lp_buf_free(&b);
	lp_buf_free(NULL);
}

static void reserving_makes_room_without_content(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(4096);

	CHECK_OK(lp_buf_reserve(&b, 4096, &err));
	CHECK(b.len == 0 && b.cap == 4097);
	memset(b.data, 'x', 4097);
}

static void slices_are_compared_by_content(void)
{
	struct slice a = LP_SLICE("tree"), same = {(const uint8_t *)"trees", 4};
	struct slice none = {NULL, 0};

	CHECK(lp_slice_equal(a, same));
	CHECK(!lp_slice_equal(a, LP_SLICE("trex")));
	CHECK(!lp_slice_equal(a, LP_SLICE("tre")));
	CHECK(lp_slice_equal(none, LP_SLICE("")));
	CHECK(!lp_slice_equal(LP_SLICE("a\0b"), LP_SLICE("a\0c")));
	CHECK(lp_slice_is(a, "tree") && !lp_slice_is(a, "tre") && !lp_slice_is(a, "trees"));
	CHECK(lp_slice_is(none, "") && !lp_slice_is(LP_SLICE("a\0"), "a"));
	CHECK(lp_slice_starts(a, "tr") && lp_slice_starts(a, "tree") && lp_slice_starts(a, ""));
	CHECK(!lp_slice_starts(a, "trees") && !lp_slice_starts(a, "re"));
	CHECK(!lp_slice_starts(same, "trees")); /* what follows it is not its own */
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(10);
	CHECK_OK(lp_buf_str(&b, "tree", &err));
	CHECK(lp_slice_equal(LP_SLICE_OF(&b), a));
}

static void a_copy_that_does_not_fit_is_refused_and_leaves_nothing(void)
{
	char to[5] = "????";

	CHECK_OK(lp_copy(to, sizeof(to), "site", &err));
	CHECK_STR(to, "site");
	CHECK_CODE(lp_copy(to, sizeof(to), "sites", &err), LP_LIMIT,
		   "\"sites...\" is longer than 4 bytes");
	CHECK_STR(to, "");
	CHECK_OK(lp_copy(to, 1, "", &err));
	CHECK(lp_copy(to, 1, "x", &err) == LP_LIMIT);
}

static void hex_goes_both_ways_and_only_in_lower_case(void)
{
	static const uint8_t bytes[] = {0x00, 0x9f, 0xa0, 0xff};
	uint8_t back[4];
	char text[9];

	lp_hex(bytes, 4, text);
	CHECK_STR(text, "009fa0ff");
	CHECK(lp_unhex(text, 8, back, 4) && memcmp(back, bytes, 4) == 0);
	CHECK(!lp_unhex("009fA0ff", 8, back, 4));
	CHECK(!lp_unhex("009fg0ff", 8, back, 4));
	CHECK(!lp_unhex("009f/0ff", 8, back, 4));
	CHECK(!lp_unhex("009f:0ff", 8, back, 4));
	CHECK(!lp_unhex("009f`0ff", 8, back, 4));
	CHECK(!lp_unhex("009fa0f", 7, back, 4));
	CHECK(!lp_unhex("009fa0ff0", 9, back, 4));
	CHECK(lp_unhex("", 0, back, 0));
	lp_hex(bytes, 0, text);
	CHECK_STR(text, "");
}

int main(void)
{
	TEST(appending_grows_to_exactly_the_ceiling);
	TEST(past_the_ceiling_the_buffer_is_as_before);
	TEST(a_buffer_without_a_ceiling_takes_nothing);
	TEST(nothing_appended_to_an_empty_buffer_is_text_too);
	TEST(bytes_of_any_value_are_kept);
	TEST(formatted_text_is_appended_whole_however_long);
	TEST(consuming_moves_the_rest_to_the_front);
	TEST(clearing_keeps_the_memory_and_freeing_keeps_the_ceiling);
	TEST(reserving_makes_room_without_content);
	TEST(slices_are_compared_by_content);
	TEST(a_copy_that_does_not_fit_is_refused_and_leaves_nothing);
	TEST(hex_goes_both_ways_and_only_in_lower_case);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/arena.h"
#include "tests/unit/check.h"

static void what_is_given_is_zeroed_aligned_and_apart(void)
{
	LP_AUTO(lp_arena_free) struct arena a = LP_ARENA(1 << 20);
	uint8_t *last = NULL;

	for (size_t n = 1; n < 600; n++) {
		uint8_t *data = lp_arena_alloc(&a, n);
		CHECK(data && (uintptr_t)data % _Alignof(max_align_t) == 0);
		for (size_t i = 0; i < n; i++)
			CHECK(data[i] == 0);
		memset(data, 0xff, n);
		CHECK(!last || last[0] == 0xff);
		last = data;
	}
}

static void the_ceiling_bounds_all_blocks_together(void)
{
	LP_AUTO(lp_arena_free) struct arena a = LP_ARENA(10000);
	size_t given = 0;

	while (lp_arena_alloc(&a, 100))
		given++;
	CHECK(given >= 80 && given <= 100); /* what is left of a block is lost */
	CHECK(a.used_bytes <= 10000);
	CHECK_CODE(lp_arena_full(&a, "inventory", &err), LP_LIMIT,
		   "inventory: more than 10000 bytes of memory");
}

static void one_piece_may_be_as_large_as_the_ceiling_and_no_larger(void)
{
	LP_AUTO(lp_arena_free) struct arena a = LP_ARENA(64000);

	CHECK(lp_arena_alloc(&a, 64000));
	CHECK(!lp_arena_alloc(&a, 1));
	lp_arena_free(&a);
	CHECK(a.used_bytes == 0 && a.max_bytes == 64000);
	CHECK(!lp_arena_alloc(&a, 64001));
	CHECK(!lp_arena_alloc(&a, SIZE_MAX));
	CHECK(!lp_arena_alloc(&a, SIZE_MAX - 8));
	CHECK(lp_arena_alloc(&a, 0));
}

static void a_refused_piece_leaves_the_others_usable(void)
{
	LP_AUTO(lp_arena_free) struct arena a = LP_ARENA(4000);

	char *text = lp_arena_str(&a, "kept");
	CHECK(text && !lp_arena_alloc(&a, 5000));
	CHECK_STR(text, "kept");
	CHECK(lp_arena_alloc(&a, 100));
}

static void text_is_copied_with_its_end(void)
{
	LP_AUTO(lp_arena_free) struct arena a = LP_ARENA(1 << 16);
	char from[] = "namespace";

	char *copy = lp_arena_str(&a, from), *part = lp_arena_strn(&a, from, 4);
	char *nothing = lp_arena_strn(&a, NULL, 0);
	char *made = lp_arena_printf(&a, "%s/%d", from, 7);
	memset(from, 'x', sizeof(from) - 1);
	CHECK_STR(copy, "namespace");
	CHECK_STR(part, "name");
	CHECK_STR(nothing, "");
	CHECK_STR(made, "namespace/7");
}

static void text_past_the_ceiling_is_not_copied(void)
{
	LP_AUTO(lp_arena_free) struct arena a = LP_ARENA(32);
	static const char text[] = "more than thirty-two bytes of text";

	CHECK(!lp_arena_str(&a, text));
	CHECK(!lp_arena_strn(&a, text, 32));
	CHECK(!lp_arena_printf(&a, "%s", text));
	CHECK(lp_arena_strn(&a, text, 31));
}

static void a_freed_arena_begins_again(void)
{
	struct arena a = LP_ARENA(8000), none = {0};

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 6; i++)
			CHECK(lp_arena_alloc(&a, 1000));
		lp_arena_free(&a);
	}
	lp_arena_free(&none);
	CHECK(!lp_arena_alloc(&none, 1));
}

int main(void)
{
	TEST(what_is_given_is_zeroed_aligned_and_apart);
	TEST(the_ceiling_bounds_all_blocks_together);
	TEST(one_piece_may_be_as_large_as_the_ceiling_and_no_larger);
	TEST(a_refused_piece_leaves_the_others_usable);
	TEST(text_is_copied_with_its_end);
	TEST(text_past_the_ceiling_is_not_copied);
	TEST(a_freed_arena_begins_again);
	return check_report();
}

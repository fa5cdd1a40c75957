/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pointers.h"
#include "tests/unit/check.h"

static struct slice text_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void pointers_stand_between_commas_and_line_ends(void)
{
	const char *text = " /spec/replicas ,\n/data/a b\n\n,/x\t\r\n";
	static const char *const expected[] = {"/spec/replicas", "/data/a b", "/x"};
	struct slice pointer;
	size_t at = 0, n = 0;

	while (lp_pointer_next(text_of(text), &at, &pointer)) {
		CHECK(n < 3 && lp_slice_is(pointer, expected[n]));
		n++;
	}
	CHECK(n == 3);
	at = 0;
	CHECK(!lp_pointer_next(text_of(""), &at, &pointer));
	at = 0;
	CHECK(!lp_pointer_next(text_of(" , ,"), &at, &pointer));
}

static void what_is_no_pointer_is_told(void)
{
	CHECK(!lp_pointer_wrong(text_of("/spec/replicas")));
	CHECK(!lp_pointer_wrong(text_of("/metadata/annotations/a~1b~0c")));
	CHECK_HAS(lp_pointer_wrong(text_of("spec/replicas")), "begins with");
	CHECK_HAS(lp_pointer_wrong(text_of("")), "begins with");
	CHECK_HAS(lp_pointer_wrong(text_of("/a~")), "~1");
	CHECK_HAS(lp_pointer_wrong(text_of("/a~2")), "~1");
	CHECK_HAS(lp_pointer_wrong(text_of("/a\nb")), "control");
}

static void what_makes_an_object_ours_stays_ours(void)
{
	CHECK_HAS(lp_pointer_wrong(text_of("/metadata")), "cannot be ignored");
	CHECK_HAS(lp_pointer_wrong(text_of("/metadata/name")), "cannot be ignored");
	CHECK_HAS(lp_pointer_wrong(text_of("/kind")), "cannot be ignored");
	CHECK_HAS(lp_pointer_wrong(text_of("/metadata/labels")), "cannot be ignored");
	CHECK_HAS(lp_pointer_wrong(text_of("/metadata/labels/applyset.kubernetes.io~1part-of")),
		  "cannot be ignored");
	CHECK(!lp_pointer_wrong(text_of("/metadata/labels/mesh")));
}

static void a_pointer_is_found_only_as_a_whole(void)
{
	CHECK(lp_pointer_in(text_of("/spec/replicas\n"), "/spec/replicas"));
	CHECK(lp_pointer_in(text_of("/data/x\n/spec/replicas\n/a\n"), "/spec/replicas"));
	CHECK(!lp_pointer_in(text_of("/spec/worker/spec/replicas\n"), "/spec/replicas"));
	CHECK(!lp_pointer_in(text_of("/spec/replicas/x\n"), "/spec/replicas"));
	CHECK(!lp_pointer_in(text_of("/data/a,/spec/replicas\n"), "/spec/replicas"));
	CHECK(!lp_pointer_in(text_of(""), "/spec/replicas"));
	CHECK(!lp_pointer_in((struct slice){0}, "/spec/replicas"));
}

static void a_star_stands_for_any_letters(void)
{
	CHECK(lp_pattern_fits("*", "till") && lp_pattern_fits("*", ""));
	CHECK(lp_pattern_fits("till", "till") && !lp_pattern_fits("till", "till-1"));
	CHECK(lp_pattern_fits("till-*", "till-1") && !lp_pattern_fits("till-*", "till"));
	CHECK(lp_pattern_fits("*-db", "a-db-db") && !lp_pattern_fits("*-db", "a-dbx"));
	CHECK(lp_pattern_fits("a*b*c", "axxbyyc") && !lp_pattern_fits("a*b*c", "axxcyyb"));
	CHECK(lp_pattern_fits("", "") && !lp_pattern_fits("", "x"));
}

int main(void)
{
	TEST(pointers_stand_between_commas_and_line_ends);
	TEST(what_is_no_pointer_is_told);
	TEST(what_makes_an_object_ours_stays_ours);
	TEST(a_pointer_is_found_only_as_a_whole);
	TEST(a_star_stands_for_any_letters);
	return check_report();
}

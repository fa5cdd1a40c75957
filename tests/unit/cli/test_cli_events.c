/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/events.h"
#include "store/limits.h"
#include "tests/unit/check.h"

#define NOW 1795255200 /* 2026-11-21T10:00:00Z */

static int64_t since(const char *text)
{
	int64_t since_s = -1;

	CHECK_OK(lp_events_since(text, NOW, &since_s, &err));
	return since_s;
}

static void since_a_while_is_counted_back_from_now(void)
{
	CHECK(since("1h") == NOW - 3600);
	CHECK(since("1h30m") == NOW - 5400);
	CHECK(since("90s") == NOW - 90);
	CHECK(since("2d") == NOW - 2 * 86400);
	CHECK(since("500ms") == NOW);
}

static void since_a_time_is_that_time_and_a_day_begins_in_utc(void)
{
	CHECK(since("2026-11-21T10:00:00Z") == NOW);
	CHECK(since("2026-11-21") == NOW - 10 * 3600);
	CHECK(since("2026-11-21T10:00:01Z") == NOW + 1);
}

static void any_other_word_is_refused_with_what_was_expected(void)
{
	static const char *const words[] = {"",
					    "yesterday",
					    "-1h",
					    "10",
					    "1h ago",
					    "2026-11-31",
					    "2026-11-2x",
					    "2026-11-21 10:00:00",
					    "2026-11-21T10:00:00",
					    "2026-11-21T10:00:00+01:00",
					    "2026-11-21T10:00"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		int64_t since_s = 7;
		CHECK_CODE(lp_events_since(words[i], NOW, &since_s, &err), LP_REJECTED, words[i]);
		CHECK_HAS(err.msg, "2026-11-21T10:00:00Z");
		CHECK(since_s == 7);
	}
}

static void as_many_lines_as_are_kept_can_be_asked_for_and_none(void)
{
	char text[16];
	unsigned count = 7;

	CHECK_OK(lp_events_count("0", &count, &err));
	CHECK(count == 0);
	CHECK_OK(lp_events_count("007", &count, &err));
	CHECK(count == 7);
	snprintf(text, sizeof(text), "%u", LP_HAPPENINGS_KEPT);
	CHECK_OK(lp_events_count(text, &count, &err));
	CHECK(count == LP_HAPPENINGS_KEPT);
	snprintf(text, sizeof(text), "%u", LP_HAPPENINGS_KEPT + 1);
	CHECK_CODE(lp_events_count(text, &count, &err), LP_REJECTED, "-n 1001");
	CHECK(count == LP_HAPPENINGS_KEPT);
}

static void what_is_no_number_is_refused(void)
{
	static const char *const words[] = {"", "-1", "+1", "1x", "many", "99999999999999999999"};
	unsigned count = 7;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		CHECK_CODE(lp_events_count(words[i], &count, &err), LP_REJECTED, "0 to 1000");
		CHECK(count == 7);
	}
}

int main(void)
{
	TEST(since_a_while_is_counted_back_from_now);
	TEST(since_a_time_is_that_time_and_a_day_begins_in_utc);
	TEST(any_other_word_is_refused_with_what_was_expected);
	TEST(as_many_lines_as_are_kept_can_be_asked_for_and_none);
	TEST(what_is_no_number_is_refused);
	return check_report();
}

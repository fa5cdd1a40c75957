/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/requests.h"
#include "tests/unit/check.h"

#define MINUTE 60000ll
#define BOOTED (5 * 24 * 60 * MINUTE) /* counting begins so long after the boot */

static struct request_ring ring;

static void begin(int64_t now_ms)
{
	ring = (struct request_ring){.begun_ms = now_ms};
}

static void add(int64_t now_ms, uint32_t writes, uint32_t reads, uint32_t watches)
{
	lp_requests_add(&ring, now_ms, &(struct requests){writes, reads, watches});
}

static bool told(int64_t now_ms, int64_t writes, int64_t reads, int64_t watches, int64_t since_s)
{
	struct requests_told told = lp_requests_hour(&ring, now_ms);

	if (told.writes == writes && told.reads == reads && told.watches == watches &&
	    told.since_s == since_s)
		return true;
	printf("  have: %d writes, %d reads, %d watches since %d s\n", (int)told.writes,
	       (int)told.reads, (int)told.watches, (int)told.since_s);
	return false;
}

static void nothing_was_sent_at_the_start(void)
{
	begin(BOOTED);
	CHECK(told(BOOTED, 0, 0, 0, 0));
	CHECK(told(BOOTED + 90000, 0, 0, 0, 90));
}

static void what_is_sent_within_the_hour_adds_up(void)
{
	begin(BOOTED);
	add(BOOTED + 1000, 2, 3, 12);
	add(BOOTED + 2000, 1, 0, 0);
	add(BOOTED + 30 * MINUTE, 0, 0, 1);
	CHECK(told(BOOTED + 30 * MINUTE, 3, 3, 13, 1800));
}

static void what_is_older_than_an_hour_is_forgotten_minute_by_minute(void)
{
	begin(BOOTED);
	add(BOOTED, 1, 0, 0);
	add(BOOTED + MINUTE, 10, 0, 0);
	CHECK(told(BOOTED + LP_REQUEST_MINUTES * MINUTE - 1, 11, 0, 0, 3599));
	CHECK(told(BOOTED + LP_REQUEST_MINUTES * MINUTE, 10, 0, 0, 3540));
	CHECK(told(BOOTED + (LP_REQUEST_MINUTES + 1) * MINUTE, 0, 0, 0, 3540));
	add(BOOTED + (LP_REQUEST_MINUTES + 1) * MINUTE, 0, 7, 0);
	CHECK(told(BOOTED + (LP_REQUEST_MINUTES + 1) * MINUTE, 0, 7, 0, 3540));
}

static void a_long_silence_leaves_nothing_behind(void)
{
	begin(BOOTED);
	for (int i = 0; i < LP_REQUEST_MINUTES; i++)
		add(BOOTED + i * MINUTE, 1, 1, 1);
	CHECK(told(BOOTED + 59 * MINUTE, 60, 60, 60, 3540));
	add(BOOTED + 10000 * MINUTE, 0, 1, 0);
	CHECK(told(BOOTED + 10000 * MINUTE, 0, 1, 0, 3540));
}

static void a_gap_of_some_minutes_empties_only_those(void)
{
	begin(BOOTED);
	for (int i = 0; i < 2 * LP_REQUEST_MINUTES; i++)
		add(BOOTED + i * MINUTE, 1, 0, 0);
	add(BOOTED + (2 * LP_REQUEST_MINUTES + 9) * MINUTE, 1, 0, 0);
	/* the newest, 9 empty ones before it, and 50 */
	CHECK(told(BOOTED + (2 * LP_REQUEST_MINUTES + 9) * MINUTE, 51, 0, 0, 3540));
}

static void a_device_that_has_just_booted_counts_too(void)
{
	begin(3000);
	add(4000, 1, 2, 3);
	CHECK(told(65000, 1, 2, 3, 62));
	add(2 * MINUTE, 1, 0, 0);
	CHECK(told(2 * MINUTE, 2, 2, 3, 117));
}

int main(void)
{
	TEST(nothing_was_sent_at_the_start);
	TEST(what_is_sent_within_the_hour_adds_up);
	TEST(what_is_older_than_an_hour_is_forgotten_minute_by_minute);
	TEST(a_long_silence_leaves_nothing_behind);
	TEST(a_gap_of_some_minutes_empties_only_those);
	TEST(a_device_that_has_just_booted_counts_too);
	return check_report();
}

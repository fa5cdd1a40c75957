/* SPDX-License-Identifier: Apache-2.0 */
#include "store/clock.h"
#include "tests/unit/store/fixture.h"

static struct stored_clock clock_of(const char *source)
{
	struct stored_clock clock;

	CHECK_OK(lp_clock_get(db, source, &clock, &err));
	return clock;
}

static void put(const char *source, int64_t floor_s, int64_t quiet_s, int64_t uptime_s)
{
	const struct stored_clock clock = {
		.floor_s = floor_s, .quiet_s = quiet_s, .uptime_s = uptime_s};

	CHECK_OK(lp_clock_put(db, source, &clock, &err));
}

static void nothing_is_known_of_time_before_it_was_stored(void)
{
	int64_t floor_s = -1;

	start();
	CHECK_OK(lp_clock_floor(db, &floor_s, &err));
	struct stored_clock clock = clock_of("site");
	CHECK(floor_s == 0 && !clock.present && lp_clock_quiet_s(&clock, 12345) == 0);
}

static void the_floor_of_time_is_there_after_a_restart_and_never_falls(void)
{
	int64_t floor_s = -1;

	start();
	put("site", 2000, 7, 100);
	put("other", 3000, 8, 100);
	reopen();
	put("site", 1000, 9, 200);
	struct stored_clock clock = clock_of("site");
	CHECK(clock.present && clock.floor_s == 2000 && clock.quiet_s == 9);
	CHECK(clock.uptime_s == 200);
	CHECK_OK(lp_clock_floor(db, &floor_s, &err));
	CHECK(floor_s == 3000);
}

static void uptime_without_news_is_summed_over_boots(void)
{
	struct stored_clock clock = {.present = true, .quiet_s = 500, .uptime_s = 100};

	CHECK(lp_clock_quiet_s(&clock, 100) == 500);
	CHECK(lp_clock_quiet_s(&clock, 160) == 560); /* the same boot, with limpet or without */
	CHECK(lp_clock_quiet_s(&clock, 30) == 530);  /* another one */
}

static int64_t count_of(const char *source, const char *name)
{
	int64_t count = -1;

	CHECK_OK(lp_verdict_count(db, source, name, &count, &err));
	return count;
}

static void verdicts_are_counted_over_restarts(void)
{
	struct stored_refusal refusal = {.verdict = "unsigned"};

	start();
	CHECK(count_of("site", "unsigned") == 0);
	CHECK_OK(lp_refusal_put(db, "site", &refusal, &err));
	CHECK_OK(lp_refusal_put(db, "site", &refusal, &err));
	CHECK_OK(lp_verdict_add(db, "site", "accepted", &err));
	reopen();
	refusal.tip[0] = 1;
	CHECK_OK(lp_refusal_put(db, "site", &refusal, &err));
	CHECK(count_of("site", "unsigned") == 3 && count_of("site", "accepted") == 1);
	CHECK(count_of("other", "unsigned") == 0);
}

static void a_verdict_is_counted_with_its_refusal_or_not_at_all(void)
{
	struct stored_refusal refusal = {.verdict = "unsigned"};
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	start();
	CHECK_OK(lp_tx_begin(db, &tx, &err));
	CHECK_OK(lp_refusal_put(db, "site", &refusal, &err));
	lp_tx_end(&tx);
	CHECK(count_of("site", "unsigned") == 0);
}

int main(void)
{
	TEST(nothing_is_known_of_time_before_it_was_stored);
	TEST(the_floor_of_time_is_there_after_a_restart_and_never_falls);
	TEST(uptime_without_news_is_summed_over_boots);
	TEST(verdicts_are_counted_over_restarts);
	TEST(a_verdict_is_counted_with_its_refusal_or_not_at_all);
	remove_folder();
	return check_report();
}

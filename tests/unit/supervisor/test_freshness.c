/* SPDX-License-Identifier: Apache-2.0 */
/* What is written of time, and when; with clocks that the test sets. */
#include "agent/supervisor/freshness.h"
#include "agent/supervisor/run.h"
#include "tests/unit/store/fixture.h"

#include <sys/timex.h>
#include <time.h>

#define HOUR_S 3600
#define DAY_S  (24 * HOUR_S)

/* --- the clocks --- */

static int64_t boot_s, wall_s;
static bool synced;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	*now = (struct timespec){.tv_sec = clock == CLOCK_REALTIME ? wall_s : boot_s};
	return 0;
}

int adjtimex(struct timex *clock)
{
	clock->maxerror = synced ? 1000 : 16000000;
	return 0;
}

/* --- the device --- */

static struct supervisor super;
static struct source_run *const run = &super.run;

static void begin(enum wish_kind kind)
{
	struct config *config = &super.config;

	lp_loop_free(&super.loop);
	super = (struct supervisor){.db = db, .lock_fd = -1, .notify.fd = -1};
	super.wish.kind = kind;
	config->source_count = 1;
	snprintf(config->sources[0].name, sizeof(config->sources[0].name), "site");
	run->super = &super;
	run->config = &config->sources[0];
	CHECK_OK(lp_loop_new(&super.loop, &err));
	lp_freshness_open(run);
}

/* A device that was up for a day when limpet was first started on it. */
static void start_device(enum wish_kind kind)
{
	start();
	boot_s = DAY_S;
	wall_s = lp_wall_floor_s() + 100; /* it never falls in one process */
	synced = false;
	begin(kind);
}

static struct stored_clock stored(void)
{
	struct stored_clock clock;

	CHECK_OK(lp_clock_get(db, "site", &clock, &err));
	return clock;
}

static void pass(int64_t seconds)
{
	boot_s += seconds;
	wall_s += seconds;
}

static void the_first_start_begins_to_count(void)
{
	start_device(WISH_SYNC);
	CHECK(stored().present && stored().quiet_s == 0 && stored().uptime_s == DAY_S);
	CHECK(stored().floor_s == lp_wall_floor_s());
}

static void a_sync_by_hand_writes_once_an_hour_at_most(void)
{
	start_device(WISH_SYNC);
	for (int i = 0; i < 59; i++) {
		pass(60);
		begin(WISH_SYNC);
		lp_freshness_close(run);
		CHECK(stored().uptime_s == DAY_S);
	}
	pass(60);
	begin(WISH_SYNC);
	lp_freshness_close(run);
	CHECK(stored().uptime_s == DAY_S + HOUR_S && stored().quiet_s == HOUR_S);
	/* after a boot, whose uptime says nothing of the last writing */
	boot_s = 60;
	begin(WISH_SYNC);
	lp_freshness_close(run);
	CHECK(stored().uptime_s == 60 && stored().quiet_s == HOUR_S + 60);
}

static void what_was_written_at_an_accept_is_not_written_again(void)
{
	start_device(WISH_SYNC);
	pass(2 * HOUR_S);
	begin(WISH_SYNC);
	lp_freshness_accepted(run, 0);
	int64_t then_s = boot_s;
	pass(10);
	lp_freshness_close(run);
	CHECK(stored().uptime_s == then_s && stored().quiet_s == 0);
}

static void a_daemon_writes_every_hour_and_at_its_end(void)
{
	start_device(WISH_RUN);
	CHECK(run->hour.set && run->hour.at_ms == (boot_s + HOUR_S) * 1000);
	pass(HOUR_S);
	lp_loop_timer_cancel(super.loop, &run->hour);
	run->hour.fire(run->hour.ctx);
	CHECK(stored().uptime_s == DAY_S + HOUR_S && stored().quiet_s == HOUR_S);
	CHECK(run->hour.set && run->hour.at_ms == (boot_s + HOUR_S) * 1000);
	pass(10);
	lp_freshness_close(run);
	CHECK(stored().quiet_s == HOUR_S + 10);
}

static void looking_at_the_time_writes_nothing(void)
{
	start_device(WISH_RUN);
	synced = true;
	for (int i = 0; i < 100; i++) {
		pass(35);
		lp_freshness_look(run);
	}
	CHECK(stored().uptime_s == DAY_S && stored().quiet_s == 0);
	CHECK(lp_wall_floor_s() == wall_s); /* known, and stored within the hour */
}

static int64_t accepted_count(void)
{
	int64_t count = -1;

	CHECK_OK(lp_verdict_count(db, "site", "accepted", &count, &err));
	return count;
}

static void an_accepted_revision_is_news_and_says_what_time_it_is(void)
{
	start_device(WISH_RUN);
	pass(1000);
	wall_s = 5; /* 1970 */
	int64_t signed_s = lp_wall_floor_s() + 7 * DAY_S;
	lp_freshness_accepted(run, signed_s);
	CHECK(stored().quiet_s == 0 && stored().uptime_s == boot_s);
	CHECK(stored().floor_s == signed_s && lp_wall_floor_s() == signed_s);
	CHECK(accepted_count() == 1);
	lp_freshness_accepted(run, signed_s - 1);
	CHECK(stored().floor_s == signed_s && accepted_count() == 2);
}

static void the_stored_floor_is_taken_up_at_the_start(void)
{
	const struct stored_clock later = {.floor_s = lp_wall_floor_s() + 30 * DAY_S};

	start();
	CHECK_OK(lp_clock_put(db, "another", &later, &err));
	begin(WISH_SYNC);
	CHECK(lp_wall_floor_s() == later.floor_s && stored().floor_s == later.floor_s);
}

static void a_clock_that_nobody_set_is_not_written_down(void)
{
	start_device(WISH_RUN);
	int64_t floor_s = lp_wall_floor_s();
	wall_s += 30 * DAY_S;
	lp_freshness_close(run);
	CHECK(stored().floor_s == floor_s);
	synced = true;
	lp_freshness_close(run);
	CHECK(stored().floor_s == wall_s);
}

int main(void)
{
	TEST(the_first_start_begins_to_count);
	TEST(a_sync_by_hand_writes_once_an_hour_at_most);
	TEST(what_was_written_at_an_accept_is_not_written_again);
	TEST(a_daemon_writes_every_hour_and_at_its_end);
	TEST(looking_at_the_time_writes_nothing);
	TEST(an_accepted_revision_is_news_and_says_what_time_it_is);
	TEST(the_stored_floor_is_taken_up_at_the_start);
	TEST(a_clock_that_nobody_set_is_not_written_down);
	lp_loop_free(&super.loop);
	remove_folder();
	return check_report();
}

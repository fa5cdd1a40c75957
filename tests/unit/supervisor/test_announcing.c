/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes Events as they are asked of the cluster role, which is this test. */
#include "agent/cluster/limits.h"
#include "agent/supervisor/announcing.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"
#include "tests/unit/check.h"

#include <ctype.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#ifdef SYS_clock_gettime64 /* 32 bits with 64 of time */
#define CLOCK_CALL SYS_clock_gettime64
#define TIMER_CALL SYS_timerfd_settime64
#else
#define CLOCK_CALL SYS_clock_gettime
#define TIMER_CALL SYS_timerfd_settime
#endif

/* --- the clocks, which a test may put forward --- */

static int64_t ahead_s;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	long result = syscall(CLOCK_CALL, clock, now);

	now->tv_sec += ahead_s;
	return (int)result;
}

/* musl has it in one file with the next, and there can be only one of each. */
int timerfd_create(int clock, int flags)
{
	return (int)syscall(SYS_timerfd_create, clock, flags);
}

/* The kernel's clock does not move. */
int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	struct itimerspec then = *at;

	if (then.it_value.tv_sec)
		then.it_value.tv_sec -= ahead_s;
	return (int)syscall(TIMER_CALL, fd, flags, &then, old);
}

static struct supervisor super;
static struct source_run *run = &super.run;
static struct watching watching;
static struct channel role; /* the other end */
static struct timer last;

static void end(void)
{
	if (!super.loop)
		return;
	lp_announcing_close(run);
	lp_channel_close(&super.cluster.link.role.channel);
	lp_channel_close(&role);
	lp_loop_free(&super.loop);
}

static void begin(void)
{
	struct link *link = &super.cluster.link;
	int ends[2];

	end();
	ahead_s = 0;
	super = (struct supervisor){.config.cluster = {.ns = "limpet-system", .events = true}};
	snprintf(super.config.sources[0].name, sizeof(super.config.sources[0].name), "site");
	run->super = &super;
	run->config = &super.config.sources[0];
	run->watching = &watching;
	run->leading = (struct leading){.state = LEADING_HELD,
					.us = "node-a",
					.renewed_ms = lp_boot_ms(),
					.duration_s = 1000000};
	CHECK_OK(lp_loop_new(&super.loop, &err));
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	*link = (struct link){.loop = super.loop, .up = true, .role = LP_ROLE_CHILD};
	lp_channel_open(&link->role.channel, ends[0], LP_FRAME_MAX);
	lp_channel_open(&role, ends[1], LP_FRAME_MAX);
}

static void stop(void *ctx)
{
	lp_loop_stop(ctx);
}

/* So much time passes, and what is due by then fires. */
static void wait_s(int64_t s)
{
	ahead_s += s;
	last = (struct timer){.fire = stop, .ctx = super.loop};
	lp_loop_timer_set(super.loop, &last, lp_boot_ms());
	CHECK_OK(lp_loop_run(super.loop, &err));
}

/* --- what happens, and what is asked for --- */

static void happen(int64_t id, enum happening_kind kind, int64_t count)
{
	const struct stored_happening row = {.id = id,
					     .source = "site",
					     .at_s = 1795255200,
					     .last_s = 1795255260,
					     .count = count,
					     .kind = kind,
					     .object = "ConfigMap shop/till",
					     .by = "rival",
					     .message = ".data"};

	lp_announcing_add(run, &row);
}

static struct step step;
static char body[LP_ANNOUNCE_BYTES];

/* Takes the step that was sent; false when there is none. */
static bool was_asked(void)
{
	struct wire_reader frame;
	bool closed = false, found = false;

	CHECK_OK(lp_channel_fill(&role, &closed, &err));
	CHECK_OK(lp_channel_next(&role, &found, &frame, &err));
	if (!found)
		return false;
	CHECK(frame.type == CLUSTER_STEP);
	lp_step_take(&frame, &step);
	CHECK_OK(lp_wire_done(&frame, "step", &err));
	CHECK(step.kind == STEP_ANNOUNCE && step.body.len < sizeof(body));
	snprintf(body, sizeof(body), "%.*s", (int)step.body.len, (const char *)step.body.data);
	return true;
}

static void answer(enum event_kind kind)
{
	const struct event event = {.id = step.id, .kind = kind, .retry_after_ms = -1};

	CHECK(lp_announcing_is(&event));
	CHECK_OK(lp_announcing_event(run, &event, &err));
}

/* How many are asked for when each is done at once. */
static unsigned all_done(void)
{
	unsigned n = 0;

	while (was_asked()) {
		answer(EVENT_DONE);
		n++;
	}
	return n;
}

static void a_row_is_one_event_with_its_count_and_times(void)
{
	begin();
	happen(7, LP_HAPPENED_HEALED, 1);
	CHECK(!was_asked());
	happen(7, LP_HAPPENED_HEALED, 2);
	wait_s(1);
	CHECK(was_asked());
	CHECK_STR(step.key.name, "limpet-site.6b016ba000000007");
	CHECK_STR(step.source, "site");
	CHECK_STR(body,
		  "{\"metadata\":{\"name\":\"limpet-site.6b016ba000000007\","
		  "\"namespace\":\"limpet-system\"},\"reason\":\"Healed\",\"type\":\"Normal\","
		  "\"message\":\"ConfigMap shop/till: rival: .data\","
		  "\"firstTimestamp\":\"2026-11-21T10:00:00Z\","
		  "\"lastTimestamp\":\"2026-11-21T10:01:00Z\",\"count\":2,"
		  "\"source\":{\"component\":\"limpet\"},\"reportingComponent\":\"limpet\","
		  "\"reportingInstance\":\"node-a\",\"apiVersion\":\"v1\",\"kind\":\"Event\"}");
	happen(7, LP_HAPPENED_HEALED, 3); /* while it is under way */
	answer(EVENT_DONE);
	CHECK(was_asked());
	CHECK_HAS(body, "\"count\":3,");
	answer(EVENT_DONE);
	wait_s(1000);
	CHECK(!was_asked());
}

static void the_longest_row_fits_and_is_cut(void)
{
	struct stored_happening row = {.id = INT64_MAX, .kind = LP_HAPPENED_REPORTED};

	begin();
	memset(row.object, '"', sizeof(row.object) - 1);
	memset(row.by, '\\', sizeof(row.by) - 1);
	memset(row.message, '"', sizeof(row.message) - 1);
	memcpy(row.object + 299, "\xc3\xa4", 2); /* what is cut within a character */
	memset(run->leading.us, '"', sizeof(run->leading.us) - 1);
	lp_announcing_add(run, &row);
	wait_s(2);
	CHECK(was_asked());
	CHECK_HAS(body, "\\\"?: \\\\");
	CHECK_HAS(body, "\"type\":\"Warning\"");
	answer(EVENT_DONE);
}

static void no_more_are_written_than_the_bucket_has(void)
{
	begin();
	for (unsigned i = 0; i < LP_ANNOUNCE_BURST + 2; i++)
		happen(1 + i, LP_HAPPENED_HEALED, 1);
	wait_s(2);
	CHECK(all_done() == LP_ANNOUNCE_BURST);
	wait_s(LP_ANNOUNCE_REFILL_S - 5);
	CHECK(all_done() == 0);
	wait_s(5);
	CHECK(all_done() == 1);
	wait_s(LP_ANNOUNCE_REFILL_S);
	CHECK(all_done() == 1);
	wait_s(LP_ANNOUNCE_REFILL_S);
	CHECK(all_done() == 0);
}

static void what_waits_is_bounded_and_warnings_are_kept(void)
{
	begin();
	happen(1, LP_HAPPENED_FIGHT, 1);
	for (unsigned i = 0; i < 10 * LP_ANNOUNCE_WAITING; i++)
		happen(100 + i, LP_HAPPENED_HEALED, 1);
	wait_s(2);
	CHECK(was_asked());
	CHECK_HAS(body, "\"reason\":\"Fight\",\"type\":\"Warning\"");
	answer(EVENT_DONE);
	unsigned n = 1 + all_done();
	for (unsigned i = 0; i < 10 * LP_ANNOUNCE_WAITING; i++) {
		wait_s(LP_ANNOUNCE_REFILL_S);
		n += all_done();
	}
	CHECK(n == LP_ANNOUNCE_WAITING);
}

static void one_that_does_not_succeed_is_given_up(void)
{
	unsigned tries = 0;

	begin();
	happen(1, LP_HAPPENED_HEALED, 1);
	wait_s(2);
	while (was_asked()) {
		tries++;
		answer(EVENT_RETRY);
		wait_s(5);
	}
	CHECK(tries == LP_ANNOUNCE_TRIES);
	wait_s(1000);
	CHECK(!was_asked());
	happen(2, LP_HAPPENED_HEALED, 1);
	wait_s(2);
	CHECK(was_asked());
	answer(EVENT_FAILED);
	wait_s(1000);
	CHECK(!was_asked());
}

static void one_whose_role_has_ended_is_tried_again(void)
{
	begin();
	happen(1, LP_HAPPENED_HEALED, 1);
	wait_s(2);
	CHECK(was_asked());
	lp_announcing_gone(run);
	wait_s(20);
	CHECK(was_asked());
	answer(EVENT_DONE);
	CHECK(!was_asked());
}

static void nothing_is_written_while_a_plan_runs_or_nobody_leads(void)
{
	begin();
	run->applying = (struct applying *)&watching; /* not looked into */
	happen(1, LP_HAPPENED_HEALED, 1);
	wait_s(100);
	CHECK(!was_asked());
	run->applying = NULL;
	run->leading.state = LEADING_NOT;
	wait_s(100);
	CHECK(!was_asked());
	run->leading.state = LEADING_HELD;
	wait_s(100);
	CHECK(was_asked());
	answer(EVENT_DONE);
}

static void who_stands_by_forgets_what_it_had_to_say(void)
{
	begin();
	happen(1, LP_HAPPENED_HEALED, 1);
	run->leading.state = LEADING_STANDBY;
	happen(2, LP_HAPPENED_HEALED, 1);
	wait_s(2);
	run->leading.state = LEADING_HELD;
	wait_s(100);
	CHECK(!was_asked());
}

static void off_is_off(void)
{
	begin();
	super.config.cluster.events = false;
	happen(1, LP_HAPPENED_HEALED, 1);
	CHECK(!run->announcing);
	super.config.cluster.events = true;
	run->watching = NULL; /* one command */
	happen(1, LP_HAPPENED_HEALED, 1);
	CHECK(!run->announcing);
	happen(1, LP_HAPPENED_DETECTED, 1);
	CHECK(!run->announcing);
}

static void an_answer_that_nobody_asked_for_is_refused(void)
{
	begin();
	happen(1, LP_HAPPENED_HEALED, 1);
	CHECK(lp_announcing_event(run, &(struct event){.kind = EVENT_DONE}, &err) == LP_REJECTED);
}

static void every_kind_has_a_reason_of_one_word_or_none(void)
{
	unsigned without = 0;
	bool warning;

	for (int kind = 1; kind < LP_HAPPENED_KINDS; kind++) {
		const char *reason = lp_announcing_reason((enum happening_kind)kind, &warning);
		without += !reason;
		CHECK(!reason || isupper((unsigned char)*reason));
		for (const char *at = reason; at && *at; at++)
			CHECK(isalpha((unsigned char)*at));
	}
	CHECK(without == 4); /* detected, standby, and the two of the API server */
	CHECK(!lp_announcing_reason(LP_HAPPENED_STANDBY, &warning));
	CHECK(!lp_announcing_reason(LP_HAPPENED_KINDS, &warning));
	CHECK(!lp_announcing_reason((enum happening_kind)0, &warning));
}

int main(void)
{
	lp_log_setup(LOG_LEVEL_ERROR, "");
	TEST(a_row_is_one_event_with_its_count_and_times);
	TEST(the_longest_row_fits_and_is_cut);
	TEST(no_more_are_written_than_the_bucket_has);
	TEST(what_waits_is_bounded_and_warnings_are_kept);
	TEST(one_that_does_not_succeed_is_given_up);
	TEST(one_whose_role_has_ended_is_tried_again);
	TEST(nothing_is_written_while_a_plan_runs_or_nobody_leads);
	TEST(who_stands_by_forgets_what_it_had_to_say);
	TEST(off_is_off);
	TEST(an_answer_that_nobody_asked_for_is_refused);
	TEST(every_kind_has_a_reason_of_one_word_or_none);
	end();
	return check_report();
}

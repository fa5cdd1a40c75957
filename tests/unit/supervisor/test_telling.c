/* SPDX-License-Identifier: Apache-2.0 */
/* What happens, as the supervisor tells it: what is written when, and what is logged. */
#include "agent/supervisor/run.h"
#include "agent/supervisor/telling.h"
#include "tests/unit/store/fixture.h"

#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

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
static struct source_run *run;
static struct timer last;

static void begin(void)
{
	if (super.loop) {
		super.db = NULL; /* closed by start() */
		lp_telling_close(&super);
	}
	lp_loop_free(&super.loop);
	ahead_s = 0;
	start();
	super = (struct supervisor){.db = db, .lock_fd = -1, .notify.fd = -1};
	snprintf(super.config.sources[0].name, sizeof(super.config.sources[0].name), "site");
	run = &super.run;
	run->super = &super;
	run->config = &super.config.sources[0];
	CHECK_OK(lp_loop_new(&super.loop, &err));
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

static void tell(const char *object)
{
	const struct happening what = {.kind = LP_HAPPENED_HEALED,
				       .object = object,
				       .revision = 3,
				       .by = "kubectl-edit",
				       .message = ".data"};

	lp_tell_happening(run, &what);
}

static int64_t stored_count(void)
{
	return number_of("SELECT count FROM happening WHERE id = 1");
}

static int64_t rows(void)
{
	return number_of("SELECT count(*) FROM happening");
}

static void a_repeat_is_written_an_hour_later(void)
{
	begin();
	tell("ConfigMap shop/till");
	tell("ConfigMap shop/till");
	tell("ConfigMap shop/till");
	CHECK(rows() == 1 && stored_count() == 1);
	wait_s(LP_REFRESH_S - 60);
	CHECK(stored_count() == 1);
	wait_s(61);
	CHECK(stored_count() == 3);
	int64_t before = lp_db_changes(db);
	wait_s(2 * LP_REFRESH_S);
	CHECK(lp_db_changes(db) == before);
}

static void a_storm_writes_no_more_than_a_row_an_hour(void)
{
	begin();
	tell("ConfigMap shop/till");
	int64_t before = lp_db_changes(db);
	for (int minute = 0; minute < 180; minute++) {
		wait_s(60);
		tell("ConfigMap shop/till");
	}
	CHECK(rows() == 1 && lp_db_changes(db) - before <= 3);
}

static void a_repeat_that_has_waited_for_a_minute_goes_with_the_next_row(void)
{
	begin();
	tell("ConfigMap shop/till");
	tell("ConfigMap shop/till");
	wait_s(30);
	tell("ConfigMap shop/tilt");
	CHECK(rows() == 2 && stored_count() == 1);
	wait_s(31);
	tell("ConfigMap shop/tint");
	CHECK(rows() == 3 && stored_count() == 2);
	CHECK(lp_telling_held(&super)->len == 0);
}

static void what_is_held_is_written_at_the_end(void)
{
	begin();
	tell("ConfigMap shop/till");
	tell("ConfigMap shop/till");
	CHECK(lp_telling_held(&super)->len == 1);
	lp_telling_close(&super);
	CHECK(stored_count() == 2 && !super.telling);
}

static void a_row_of_a_transaction_that_fails_is_not_there(void)
{
	const struct happening what = {.kind = LP_HAPPENED_SUSPENDED};
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	begin();
	CHECK_OK(lp_tx_begin(db, &tx, &err));
	CHECK_OK(lp_put_happening(run, &what, &err));
	CHECK(rows() == 1);
	lp_tx_end(&tx);
	CHECK(rows() == 0);
}

static unsigned lines_of(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		n++;
	return n;
}

static void a_storm_is_logged_less_and_less(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);
	char log[128];

	begin();
	snprintf(log, sizeof(log), "%s/log", folder);
	int kept = dup(STDERR_FILENO);
	CHECK(kept >= 0 && freopen(log, "w", stderr));
	for (int i = 0; i < 1000; i++)
		tell("ConfigMap shop/till");
	fflush(stderr);
	CHECK(dup2(kept, STDERR_FILENO) >= 0 && close(kept) == 0);
	CHECK_OK(lp_file_read(log, &text, &err));
	CHECK(lines_of(lp_buf_text(&text), "event=healed") == 10); /* 1, 2, 4, ... 512 */
	CHECK_HAS(lp_buf_text(&text), "event=healed source=site object=\"ConfigMap shop/till\" "
				      "revision=3 by=kubectl-edit message=.data times=512");
}

static void a_row_is_json_without_what_is_not_known(void)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);
	struct stored_happening row = {.id = 7,
				       .source = "site",
				       .at_s = 1795255200,
				       .last_s = 1795255201,
				       .count = 2,
				       .kind = LP_HAPPENED_AWAY};

	CHECK_OK(lp_json_new(16 * LP_KIB, &doc, &err));
	CHECK_OK(lp_json_write(lp_happening_json(doc, &row), &text, &err));
	CHECK_STR(lp_buf_text(&text),
		  "{\"id\":7,\"at\":\"2026-11-21T10:00:00Z\",\"last\":\"2026-11-21T10:00:01Z\","
		  "\"count\":2,\"source\":\"site\",\"kind\":\"api-server-away\"}");
}

int main(void)
{
	TEST(a_repeat_is_written_an_hour_later);
	TEST(a_storm_writes_no_more_than_a_row_an_hour);
	TEST(a_repeat_that_has_waited_for_a_minute_goes_with_the_next_row);
	TEST(what_is_held_is_written_at_the_end);
	TEST(a_row_of_a_transaction_that_fails_is_not_there);
	TEST(a_storm_is_logged_less_and_less);
	TEST(a_row_is_json_without_what_is_not_known);
	super.db = NULL;
	lp_telling_close(&super);
	lp_loop_free(&super.loop);
	remove_folder();
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/clock.h"
#include "platform/loop.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MANY 2000

static struct loop *loop;
static int fds[4]; /* two socket pairs: 0 with 1, 2 with 3 */
static int calls;  /* of the callback under test */

static void setup(void)
{
	lp_loop_free(&loop);
	CHECK_OK(lp_loop_new(&loop, &err));
	for (int i = 0; i < 4; i++) {
		if (fds[i] > 0)
			close(fds[i]);
	}
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds + 2) == 0);
	calls = 0;
}

static void stop(void *ctx)
{
	lp_loop_stop(loop);
}

/* Runs the loop at most so long. */
static void run_ms(int64_t ms)
{
	struct timer end = {.fire = stop};

	lp_loop_timer_set(loop, &end, lp_boot_ms() + ms);
	CHECK_OK(lp_loop_run(loop, &err));
	lp_loop_timer_cancel(loop, &end);
}

static unsigned last_events;

static void count(void *ctx, unsigned events)
{
	calls++;
	last_events = events;
}

static void count_and_stop(void *ctx, unsigned events)
{
	count(ctx, events);
	lp_loop_stop(loop);
}

static void read_one(void *ctx, unsigned events)
{
	char c;

	count(ctx, events);
	CHECK(read(*(int *)ctx, &c, 1) == 1);
}

/* --- descriptors --- */

static void a_descriptor_calls_back_while_it_is_ready(void)
{
	setup();
	CHECK_OK(lp_loop_fd(loop, fds[0], LOOP_READ, read_one, &fds[0], &err));
	run_ms(20);
	CHECK(calls == 0);
	CHECK(write(fds[1], "ab", 2) == 2);
	run_ms(20);
	CHECK(calls == 2 && last_events == LOOP_READ);
}

static void a_change_takes_effect_at_once(void)
{
	setup();
	CHECK_OK(lp_loop_fd(loop, fds[0], LOOP_READ, count_and_stop, NULL, &err));
	run_ms(20);
	CHECK(calls == 0);
	lp_loop_change(loop, fds[0], LOOP_WRITE);
	run_ms(20);
	CHECK(calls == 1 && last_events == LOOP_WRITE);
	lp_loop_change(loop, fds[0], 0);
	CHECK(write(fds[1], "a", 1) == 1);
	run_ms(20);
	CHECK(calls == 1);
}

static void a_hang_up_is_told_without_being_asked_for(void)
{
	setup();
	CHECK_OK(lp_loop_fd(loop, fds[0], 0, count_and_stop, NULL, &err));
	close(fds[1]);
	fds[1] = -1;
	run_ms(20);
	CHECK(calls == 1 && last_events == LOOP_GONE);
}

static void remove_both(void *ctx, unsigned events)
{
	calls++;
	lp_loop_remove(loop, fds[0]);
	lp_loop_remove(loop, fds[2]);
}

static void what_a_callback_removes_is_not_called_though_it_was_ready(void)
{
	setup();
	CHECK_OK(lp_loop_fd(loop, fds[0], LOOP_WRITE, remove_both, NULL, &err));
	CHECK_OK(lp_loop_fd(loop, fds[2], LOOP_WRITE, remove_both, NULL, &err));
	run_ms(20);
	CHECK(calls == 1);
}

static void replace_other(void *ctx, unsigned events)
{
	int other = *(int *)ctx;

	/* The same number again, for another file: its old event must not be told to it. */
	lp_loop_remove(loop, fds[0]);
	lp_loop_remove(loop, fds[2]);
	CHECK(dup2(fds[other == 0 ? 3 : 1], fds[other]) == fds[other]);
	CHECK_OK(lp_loop_fd(loop, fds[other], LOOP_READ, count, NULL, &err));
}

static void an_old_event_is_not_told_to_a_new_owner_of_the_number(void)
{
	static int zero = 0, two = 2;

	setup();
	CHECK_OK(lp_loop_fd(loop, fds[0], LOOP_WRITE, replace_other, &two, &err));
	CHECK_OK(lp_loop_fd(loop, fds[2], LOOP_WRITE, replace_other, &zero, &err));
	run_ms(20);
	CHECK(calls == 0);
}

static void add_many(void *ctx, unsigned events)
{
	lp_loop_remove(loop, fds[0]);
	for (int i = 0; i < 100; i++) {
		int fd = fcntl(fds[2], F_DUPFD_CLOEXEC, 100);
		CHECK_OK(lp_loop_fd(loop, fd, 0, count, NULL, &err));
	}
}

static void a_callback_may_add_so_many_that_the_table_moves(void)
{
	setup();
	CHECK_OK(lp_loop_fd(loop, fds[0], LOOP_WRITE, add_many, NULL, &err));
	run_ms(20);
	for (int fd = 100; fd < 200; fd++) {
		lp_loop_remove(loop, fd);
		close(fd);
	}
	CHECK(calls == 0);
}

static void a_descriptor_twice_or_out_of_range_is_refused(void)
{
	struct rlimit limit;

	setup();
	CHECK_OK(lp_loop_fd(loop, fds[0], 0, count, NULL, &err));
	CHECK_CODE(lp_loop_fd(loop, fds[0], 0, count, NULL, &err), LP_INTERNAL, "File exists");
	CHECK_CODE(lp_loop_fd(loop, -1, 0, count, NULL, &err), LP_INTERNAL, "is not below 1024");
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK_CODE(lp_loop_fd(loop, 1024, 0, count, NULL, &err), LP_INTERNAL, "1024 is not below");
	CHECK_CODE(lp_loop_fd(loop, 99, 0, count, NULL, &err), LP_INTERNAL, "Bad file descriptor");
	int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	CHECK_CODE(lp_loop_fd(loop, file, LOOP_READ, count, NULL, &err), LP_INTERNAL,
		   "Operation not permitted");
	close(file);
	lp_loop_remove(loop, file); /* was never in it */
	lp_loop_remove(loop, -1);
	lp_loop_change(loop, 500, LOOP_READ);
}

/* --- timers --- */

static struct timer timers[MANY];
static int64_t fired_at[MANY];
static int order[MANY], n_fired;

static void note(void *ctx)
{
	size_t i = (size_t)((struct timer *)ctx - timers);

	fired_at[i] = lp_boot_ms();
	order[n_fired++] = (int)i;
}

static void setup_timers(void)
{
	setup();
	n_fired = 0;
	for (size_t i = 0; i < MANY; i++) {
		timers[i] = (struct timer){.fire = note, .ctx = &timers[i]};
		fired_at[i] = 0;
	}
}

static void many_timers_fire_once_in_order_and_never_early(void)
{
	unsigned seed = 7;
	int64_t now_ms;

	setup_timers();
	now_ms = lp_boot_ms();
	for (size_t i = 0; i < MANY; i++)
		lp_loop_timer_set(loop, &timers[i], now_ms + rand_r(&seed) % 100);
	for (size_t i = 0; i < MANY; i += 3) /* some are moved, some cancelled */
		lp_loop_timer_set(loop, &timers[i], now_ms + 20 + rand_r(&seed) % 50);
	for (size_t i = 0; i < MANY; i += 7)
		lp_loop_timer_cancel(loop, &timers[i]);
	run_ms(120);
	for (size_t i = 0; i < MANY; i++) {
		CHECK((fired_at[i] != 0) == (i % 7 != 0));
		CHECK(!timers[i].set && (!fired_at[i] || fired_at[i] >= timers[i].at_ms));
	}
	CHECK(n_fired == MANY - (MANY + 6) / 7);
	for (int i = 1; i < n_fired; i++)
		CHECK(timers[order[i - 1]].at_ms <= timers[order[i]].at_ms);
}

static void again(void *ctx)
{
	struct timer *timer = ctx;

	calls++;
	lp_loop_timer_set(loop, timer, 0);
}

static void a_timer_that_sets_itself_to_now_does_not_starve_descriptors(void)
{
	struct timer timer = {.fire = again, .ctx = &timer};

	setup();
	CHECK(write(fds[1], "a", 1) == 1);
	lp_loop_timer_set(loop, &timer, 0);
	CHECK_OK(lp_loop_fd(loop, fds[0], LOOP_READ, count_and_stop, NULL, &err));
	run_ms(1000);
	CHECK(last_events == LOOP_READ && calls >= 1 && calls < 100);
	int before = calls;
	lp_loop_remove(loop, fds[0]);
	run_ms(20);
	CHECK(calls > before && calls < before + 50);
	lp_loop_timer_cancel(loop, &timer);
	CHECK(!timer.set);
}

static void cancel_next(void *ctx)
{
	calls++;
	lp_loop_timer_cancel(loop, ctx);
}

static void a_timer_cancelled_by_one_that_is_due_with_it_does_not_fire(void)
{
	struct timer a = {.fire = cancel_next}, b = {.fire = cancel_next};

	setup();
	a.ctx = &b;
	b.ctx = &a;
	lp_loop_timer_set(loop, &a, 5);
	lp_loop_timer_set(loop, &b, 5);
	run_ms(20);
	CHECK(calls == 1 && !a.set && !b.set);
}

static void a_stop_leaves_the_timers_that_are_due_for_the_next_run(void)
{
	struct timer halt = {.fire = stop};

	setup_timers();
	lp_loop_timer_set(loop, &halt, 1);
	lp_loop_timer_set(loop, &timers[0], 2);
	CHECK_OK(lp_loop_run(loop, &err));
	CHECK(n_fired == 0 && timers[0].set);
	run_ms(20);
	CHECK(n_fired == 1);
}

/* --- signals --- */

static void got_signal(void *ctx)
{
	*(int *)ctx += 1;
	lp_loop_stop(loop);
}

static void a_signal_calls_back_in_the_loop_and_interrupts_nothing(void)
{
	int hups = 0, terms = 0;
	sigset_t pending;

	setup();
	CHECK_OK(lp_loop_signal(loop, SIGHUP, got_signal, &hups, &err));
	CHECK_OK(lp_loop_signal(loop, SIGTERM, got_signal, &terms, &err));
	raise(SIGTERM);
	CHECK(terms == 0);
	run_ms(1000);
	CHECK(terms == 1 && hups == 0);
	raise(SIGHUP);
	raise(SIGHUP); /* two that wait are one */
	run_ms(1000);
	CHECK(terms == 1 && hups == 1);
	CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGHUP));
	CHECK_CODE(lp_loop_signal(loop, 64, got_signal, &hups, &err), LP_INTERNAL, "signal 64");
	CHECK_CODE(lp_loop_signal(loop, 0, got_signal, &hups, &err), LP_INTERNAL, "signal 0");
}

static void a_loop_can_be_freed_twice_and_when_the_kernel_refuses_none_is_made(void)
{
	struct loop *none = NULL;
	struct rlimit limit, no_more = {0};

	lp_loop_free(&none);
	lp_loop_free(&loop);
	lp_loop_free(&loop);
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	no_more.rlim_max = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &no_more) == 0);
	enum lp_code code = lp_loop_new(&none, &err);
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK(code == LP_INTERNAL && none == NULL);
	CHECK(err.os_errno == EMFILE);
}

int main(void)
{
	alarm(60);
	TEST(a_descriptor_calls_back_while_it_is_ready);
	TEST(a_change_takes_effect_at_once);
	TEST(a_hang_up_is_told_without_being_asked_for);
	TEST(what_a_callback_removes_is_not_called_though_it_was_ready);
	TEST(an_old_event_is_not_told_to_a_new_owner_of_the_number);
	TEST(a_callback_may_add_so_many_that_the_table_moves);
	TEST(a_descriptor_twice_or_out_of_range_is_refused);
	TEST(many_timers_fire_once_in_order_and_never_early);
	TEST(a_timer_that_sets_itself_to_now_does_not_starve_descriptors);
	TEST(a_timer_cancelled_by_one_that_is_due_with_it_does_not_fire);
	TEST(a_stop_leaves_the_timers_that_are_due_for_the_next_run);
	TEST(a_signal_calls_back_in_the_loop_and_interrupts_nothing);
	TEST(a_loop_can_be_freed_twice_and_when_the_kernel_refuses_none_is_made);
	return check_report();
}

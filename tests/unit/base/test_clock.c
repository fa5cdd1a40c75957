/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/clock.h"
#include "platform/limits.h"
#include "tests/unit/check.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

static void the_boot_clock_goes_forward_in_milliseconds(void)
{
	int64_t before_ms = lp_boot_ms();

	CHECK(before_ms > 0);
	lp_sleep_ms(20);
	int64_t slept_ms = lp_boot_ms() - before_ms;
	CHECK(slept_ms >= 20 && slept_ms < 10000);
}

static void ignore(int signo)
{
}

static void a_signal_ends_a_sleep(void)
{
	struct itimerval soon = {.it_value.tv_usec = 20000};
	int64_t before_ms = lp_boot_ms();

	struct sigaction quiet = {.sa_handler = ignore};
	sigaction(SIGALRM, &quiet, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	lp_sleep_ms(30000);
	CHECK(lp_boot_ms() - before_ms < 20000);
	signal(SIGALRM, SIG_DFL);
}

static void wall_time_is_the_systems_until_the_floor_is_later(void)
{
	int64_t now_s = (int64_t)time(NULL);

	CHECK(!lp_wall_is_floor());
	CHECK(lp_wall_s() >= now_s && lp_wall_s() <= now_s + 2);
	lp_wall_floor(now_s - 1000);
	CHECK(!lp_wall_is_floor() && lp_wall_s() < now_s + 10);
	lp_wall_floor(now_s + 1000000);
	CHECK(lp_wall_is_floor() && lp_wall_s() == now_s + 1000000);
	lp_wall_floor(now_s); /* never back */
	CHECK(lp_wall_is_floor() && lp_wall_s() == now_s + 1000000);
}

static int64_t kernel_error_us; /* what adjtimex tells; -1: it is refused */

int adjtimex(struct timex *clock)
{
	CHECK(clock->modes == 0); /* it must set nothing */
	clock->maxerror = kernel_error_us;
	clock->status = STA_UNSYNC;
	return kernel_error_us < 0 ? -1 : TIME_ERROR;
}

static void the_clock_is_synchronised_when_the_kernel_knows_its_error(void)
{
	kernel_error_us = 15999999;
	CHECK(lp_wall_synced());
	kernel_error_us = 16000000;
	CHECK(!lp_wall_synced());
	kernel_error_us = -1;
	CHECK(!lp_wall_synced());
}

static void the_floor_follows_a_synchronised_clock_and_what_was_signed(void)
{
	const int64_t floor_s = 1700000000, day_s = 86400;

	CHECK(lp_floor_after(floor_s, 0, 0) == floor_s);
	CHECK(lp_floor_after(floor_s, floor_s + day_s, 0) == floor_s + day_s);
	CHECK(lp_floor_after(floor_s, 0, floor_s + day_s) == floor_s + day_s);
	CHECK(lp_floor_after(floor_s, floor_s - day_s, floor_s - day_s) == floor_s);
	CHECK(lp_floor_after(floor_s, 1, 1) == floor_s);
	/* a commit is not from the future of a good clock */
	CHECK(lp_floor_after(floor_s, floor_s + day_s, floor_s + 3 * day_s) == floor_s + day_s);
	CHECK(lp_floor_after(floor_s, floor_s - day_s, floor_s + 3 * day_s) == floor_s);
	CHECK(lp_floor_after(floor_s, floor_s + 3 * day_s, floor_s + day_s) == floor_s + 3 * day_s);
}

static void no_source_alone_moves_the_floor_past_its_bound(void)
{
	const int64_t floor_s = 1700000000, far_s = floor_s + LP_CLOCK_JUMP_S + 1;

	CHECK(lp_floor_after(floor_s, far_s - 1, 0) == far_s - 1);
	CHECK(lp_floor_after(floor_s, far_s, 0) == floor_s);
	CHECK(lp_floor_after(floor_s, 0, far_s - 1) == far_s - 1);
	CHECK(lp_floor_after(floor_s, 0, far_s) == floor_s);
	CHECK(lp_floor_after(floor_s, far_s, far_s - 1) == far_s - 1);
	/* two that agree are believed, as far as both go */
	CHECK(lp_floor_after(floor_s, far_s + 7, far_s) == far_s);
	CHECK(lp_floor_after(floor_s, far_s, far_s + 7) == far_s);
	CHECK(lp_floor_after(floor_s, far_s, INT64_MAX) == far_s);
}

static void a_clock_that_nobody_set_never_raises_the_floor(void)
{
	int64_t floor_s = lp_wall_floor_s();

	kernel_error_us = 16000000;
	lp_wall_learn(0);
	CHECK(lp_wall_floor_s() == floor_s && lp_wall_is_guess());
	lp_wall_learn(floor_s + 5);
	CHECK(lp_wall_floor_s() == floor_s + 5);
	kernel_error_us = 1000;
	lp_wall_floor(time(NULL) - 100000);
	lp_wall_learn(0);
	CHECK(lp_wall_floor_s() >= time(NULL) - 2 && !lp_wall_is_guess());
}

static void time_is_told_in_utc(void)
{
	char text[LP_TIME_TEXT];

	CHECK_STR(lp_time_text(1795246800, text), "2026-11-21T07:40:00Z");
	CHECK_STR(lp_time_text(1, text), "1970-01-01T00:00:01Z");
	CHECK_STR(lp_time_text(4102444799, text), "2099-12-31T23:59:59Z"); /* past 2038 */
	CHECK_STR(lp_time_text(0, text), "");
	CHECK_STR(lp_time_text(INT64_MAX, text), ""); /* no year has such a number */
}

static void durations_are_told_by_their_two_largest_units(void)
{
	static const struct {
		int64_t ms;
		const char *text;
	} samples[] = {
		{0, "0ms"},       {1, "1ms"},           {999, "999ms"},   {1000, "1s"},
		{1999, "1s"},     {59999, "59s"},       {60000, "1m"},    {310000, "5m10s"},
		{3600000, "1h"},  {3660000, "1h1m"},    {10800000, "3h"}, {187200000, "2d4h"},
		{86400000, "1d"}, {86399999, "23h59m"},
	};
	char text[16];

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		CHECK_STR(lp_duration_text(samples[i].ms, text), samples[i].text);
	CHECK(strlen(lp_duration_text(INT64_MAX, text)) <= 15);
}

static void durations_are_read(void)
{
	static const struct {
		const char *text;
		int64_t ms;
	} samples[] = {
		{"300s", 300000}, {"10m", 600000}, {"1h30m", 5400000}, {"2d", 172800000},
		{"500ms", 500},   {"0s", 0},       {"1m1m", 120000},   {"36500d", 3153600000000},
	};
	int64_t ms;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		CHECK_OK(lp_duration_parse(samples[i].text, &ms, &err));
		CHECK(ms == samples[i].ms);
	}
}

static void what_is_no_duration_is_refused_and_changes_nothing(void)
{
	static const char *const bad[] = {
		"",    "5",     "m",    "5 m",  "5M",     "-5s", "+5s",  "5sm",
		"5s ", " 5s",   "1.5h", "5mss", "36501d", "1w",  "0x5s", "99999999999999999999s",
		"5s5", "1h-5m", "10us",
	};
	int64_t ms = 42;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_CODE(lp_duration_parse(bad[i], &ms, &err), LP_REJECTED,
			   "is not a duration; write 300s, 10m, 1h30m or 2d");
		CHECK(ms == 42);
	}
}

static void random_bytes_differ_and_fill_all_that_was_asked(void)
{
	uint8_t a[300] = {0}, b[300] = {0};
	int zeros = 0;

	lp_random(a, sizeof(a));
	lp_random(b, sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	for (size_t i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	CHECK(zeros < 30);
	lp_random(a, 0);
}

static void random_numbers_stay_in_bounds_and_reach_both(void)
{
	unsigned seen[5] = {0};

	for (int i = 0; i < 5000; i++) {
		uint64_t number = lp_random_between(10, 14);
		CHECK(number >= 10 && number <= 14);
		seen[number - 10]++;
	}
	for (int i = 0; i < 5; i++)
		CHECK(seen[i] > 700 && seen[i] < 1300);
	CHECK(lp_random_between(7, 7) == 7);
	CHECK(lp_random_between(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
	CHECK(lp_random_between(0, UINT64_MAX) != lp_random_between(0, UINT64_MAX));
	CHECK(lp_random_between(UINT64_MAX - 1, UINT64_MAX) >= UINT64_MAX - 1);
}

static void a_time_is_read_as_it_is_written_and_in_no_other_way(void)
{
	static const char *const wrong[] = {
		"",
		"2026-11-21",
		"2026-11-21T07:40:00",
		"2026-11-21T07:40:00z",
		"2026-11-21t07:40:00Z",
		"2026-11-21 07:40:00Z",
		"2026-11-21T07:40:00.5Z",
		"2026-11-21T07:40:00+00:00",
		"2026-11-21T07:40:00Z ",
		" 026-11-21T07:40:00Z",
		"2026-02-29T07:40:00Z",
		"2026-13-01T07:40:00Z",
		"2026-00-01T07:40:00Z",
		"2026-11-00T07:40:00Z",
		"2026-11-21T24:00:00Z",
		"2026-11-21T07:60:00Z",
		"2026-11-21T07:40:60Z",
		"1970-01-01T00:00:00Z",
		"1969-12-31T23:59:59Z",
	};
	static const int64_t times[] = {1, 1763710800, 951782400, 2147483648, 253402300799};
	char text[LP_TIME_TEXT];
	int64_t read = -7;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CHECK(!lp_time_parse(wrong[i], &read) && read == -7);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		CHECK(lp_time_parse(lp_time_text(times[i], text), &read));
		CHECK(read == times[i]);
	}
	CHECK(lp_time_parse("2028-02-29T12:00:00Z", &read) && read == 1835438400);
}

int main(void)
{
	TEST(the_boot_clock_goes_forward_in_milliseconds);
	TEST(a_signal_ends_a_sleep);
	TEST(the_clock_is_synchronised_when_the_kernel_knows_its_error);
	TEST(the_floor_follows_a_synchronised_clock_and_what_was_signed);
	TEST(no_source_alone_moves_the_floor_past_its_bound);
	TEST(a_clock_that_nobody_set_never_raises_the_floor);
	TEST(wall_time_is_the_systems_until_the_floor_is_later);
	TEST(time_is_told_in_utc);
	TEST(durations_are_told_by_their_two_largest_units);
	TEST(durations_are_read);
	TEST(what_is_no_duration_is_refused_and_changes_nothing);
	TEST(random_bytes_differ_and_fill_all_that_was_asked);
	TEST(random_numbers_stay_in_bounds_and_reach_both);
	TEST(a_time_is_read_as_it_is_written_and_in_no_other_way);
	return check_report();
}

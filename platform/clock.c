/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/clock.h"

#include "platform/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timex.h>
#include <time.h>

#ifndef LIMPET_BUILD_TIME
#define LIMPET_BUILD_TIME 0
#endif

static int64_t floor_s = LIMPET_BUILD_TIME; /* CLOCK_REALTIME */

static int64_t now(clockid_t clock, int64_t per_second)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * per_second + t.tv_nsec / (1000000000 / per_second);
}

int64_t lp_boot_ms(void)
{
	return now(CLOCK_BOOTTIME, 1000);
}

int64_t lp_boot_s(void)
{
	return lp_boot_ms() / 1000;
}

int64_t lp_wall_s(void)
{
	int64_t system_s = now(CLOCK_REALTIME, 1);
	return system_s > floor_s ? system_s : floor_s;
}

void lp_wall_floor(int64_t unix_s)
{
	if (unix_s > floor_s)
		floor_s = unix_s;
}

int64_t lp_wall_floor_s(void)
{
	return floor_s;
}

bool lp_wall_is_floor(void)
{
	return now(CLOCK_REALTIME, 1) < floor_s;
}

/*
 * Not by STA_UNSYNC: chrony leaves that set where it is not to touch the clock's battery. The
 * error is what the kernel starts with and goes back to when nobody has set the clock for hours.
 */
#define UNKNOWN_ERROR_US 16000000

bool lp_wall_synced(void)
{
	struct timex clock = {.modes = 0}; /* asks only */

	return adjtimex(&clock) >= 0 && clock.maxerror < UNKNOWN_ERROR_US;
}

bool lp_wall_is_guess(void)
{
	return lp_wall_is_floor() || !lp_wall_synced();
}

int64_t lp_floor_after(int64_t from_s, int64_t synced_s, int64_t signed_s)
{
	int64_t bound_s = from_s + LP_CLOCK_JUMP_S, after_s = from_s;

	if (synced_s && signed_s > synced_s)
		signed_s = synced_s; /* nobody has signed tomorrow */
	if (synced_s > bound_s && signed_s > bound_s)
		return signed_s;
	if (synced_s <= bound_s && synced_s > after_s)
		after_s = synced_s;
	if (signed_s <= bound_s && signed_s > after_s)
		after_s = signed_s;
	return after_s;
}

void lp_wall_learn(int64_t signed_s)
{
	lp_wall_floor(
		lp_floor_after(floor_s, lp_wall_synced() ? now(CLOCK_REALTIME, 1) : 0, signed_s));
}

const char *lp_time_text(int64_t unix_s, char to[LP_TIME_TEXT])
{
	time_t t = (time_t)unix_s;
	struct tm utc;

	/* a year of five digits does not fit, and what strftime then leaves has no end */
	if (!unix_s || !gmtime_r(&t, &utc) ||
	    strftime(to, LP_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		to[0] = '\0';
	return to;
}

/* The number that the two or four digits at text stand for. */
static int number_at(const char *text, int width)
{
	int value = 0;

	for (int i = 0; i < width; i++)
		value = value * 10 + (text[i] - '0');
	return value;
}

bool lp_time_parse(const char *text, int64_t *ret_s)
{
	static const char shape[] = "0000-00-00T00:00:00Z";
	char back[LP_TIME_TEXT];
	struct tm utc = {0};

	if (strlen(text) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
			return false;
	utc.tm_year = number_at(text, 4) - 1900;
	utc.tm_mon = number_at(text + 5, 2) - 1;
	utc.tm_mday = number_at(text + 8, 2);
	utc.tm_hour = number_at(text + 11, 2);
	utc.tm_min = number_at(text + 14, 2);
	utc.tm_sec = number_at(text + 17, 2);
	int64_t unix_s = (int64_t)timegm(&utc);
	/* the 30th of February and a second 60 come back as another time */
	if (unix_s <= 0 || strcmp(lp_time_text(unix_s, back), text) != 0)
		return false;
	*ret_s = unix_s;
	return true;
}

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
#define UNITS (sizeof(units) / sizeof(units[0]))

const char *lp_duration_text(int64_t ms, char to[16])
{
	size_t unit = UNITS - 1;

	while (unit > 0 && ms < units[unit].ms)
		unit--;
	int64_t whole = ms / units[unit].ms;
	int64_t rest = unit > 1 ? ms % units[unit].ms / units[unit - 1].ms : 0;
	char first[32], second[32] = "";

	snprintf(first, sizeof(first), "%" PRId64 "%s", whole, units[unit].name);
	if (rest)
		snprintf(second, sizeof(second), "%" PRId64 "%s", rest, units[unit - 1].name);
	size_t n = strnlen(first, 15), m = strnlen(second, 15 - n);
	memcpy(to, first, n);
	memcpy(to + n, second, m);
	to[n + m] = '\0';
	return to;
}

static const struct unit *find_unit(const char **at)
{
	size_t n = strspn(*at, "dhms");

	for (size_t i = 0; i < UNITS; i++) {
		if (n == strlen(units[i].name) && memcmp(*at, units[i].name, n) == 0) {
			*at += n;
			return &units[i];
		}
	}
	return NULL;
}

enum lp_code lp_duration_parse(const char *text, int64_t *ret_ms, struct err *err)
{
	const char *at = text;
	int64_t total = 0;

	do {
		char *end;
		errno = 0;
		long long number = *at >= '0' && *at <= '9' ? strtoll(at, &end, 10) : -1;
		const struct unit *unit = NULL;
		if (number >= 0 && !errno) {
			at = end;
			unit = find_unit(&at);
		}
		if (!unit || number > 36500LL * 86400000 / unit->ms)
			return lp_err_set(err, LP_REJECTED,
					  "\"%s\" is not a duration; write 300s, 10m, 1h30m or 2d",
					  text);
		total += number * unit->ms;
	} while (*at);
	*ret_ms = total;
	return LP_OK;
}

void lp_sleep_ms(int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

void lp_random(void *to, size_t n)
{
	uint8_t *at = to;

	while (n) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		at += got;
		n -= (size_t)got;
	}
}

uint64_t lp_random_between(uint64_t low, uint64_t high)
{
	uint64_t span = high - low, mask = span, number;

	for (int shift = 1; shift < 64; shift *= 2)
		mask |= mask >> shift;
	do {
		lp_random(&number, sizeof(number));
		number &= mask;
	} while (number > span);
	return low + number;
}

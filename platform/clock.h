/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_CLOCK_H
#define LIMPET_PLATFORM_CLOCK_H
/*
 * Two clocks, never mixed: the boot clock for waiting and measuring, and wall
 * time for people and certificates. A device may have no clock battery, so
 * wall time never goes below a floor that is at least the build's time.
 */
#include "platform/err.h"

#define LP_TIME_TEXT 21 /* bytes of "2026-11-21T07:40:00Z" with its NUL */

/* Milliseconds since boot, sleep included (CLOCK_BOOTTIME). */
int64_t lp_boot_ms(void);

/* Unix seconds: the system's clock, or the floor when that is later. */
int64_t lp_wall_s(void);

/* Raises the floor of lp_wall_s to unix_s; a lower value changes nothing. */
void lp_wall_floor(int64_t unix_s);

/* The floor: as much time has passed for certain. */
int64_t lp_wall_floor_s(void);

/* Whether the system's clock is below the floor, so that lp_wall_s is a guess. */
bool lp_wall_is_floor(void);

/* Unix seconds as RFC 3339 in UTC; "" for 0. Returns to. */
const char *lp_time_text(int64_t unix_s, char to[LP_TIME_TEXT]);

/*
 * Reads "2026-11-21T07:40:00Z", as lp_time_text writes it and nothing else that RFC 3339
 * allows: whole seconds, in UTC, after 1970. False, and *ret_s untouched, for any other text.
 */
bool lp_time_parse(const char *text, int64_t *ret_s);

/* A duration for people: "840ms", "12s", "5m10s", "3h", "2d4h". Returns to (16 bytes). */
const char *lp_duration_text(int64_t ms, char to[16]);

/*
 * Reads "300s", "10m", "1h30m", "2d", "500ms" into milliseconds.
 * LP_REJECTED with what was expected; *ret_ms is then untouched.
 */
LP_CHECKED enum lp_code lp_duration_parse(const char *text, int64_t *ret_ms, struct err *err);

/* Sleeps; a signal ends it early. */
void lp_sleep_ms(int64_t ms);

/* Fills n bytes from the kernel's generator (getrandom); ends the program when there is none. */
void lp_random(void *to, size_t n);

/* A number in [low, high], evenly. */
uint64_t lp_random_between(uint64_t low, uint64_t high);
#endif

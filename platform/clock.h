/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_CLOCK_H
#define LIMPET_PLATFORM_CLOCK_H
/*
 * Two clocks, never mixed: the boot clock for waiting and measuring, and wall
 * time for people and certificates. A device may have no clock battery, so
 * wall time never goes below a floor that is at least the build's time. The
 * floor can prove that something has expired; nothing proves that it has not.
 */
#include "platform/err.h"

#define LP_TIME_TEXT 21 /* bytes of "2026-11-21T07:40:00Z" with its NUL */

/* Milliseconds, and seconds, since boot, sleep included (CLOCK_BOOTTIME). */
int64_t lp_boot_ms(void);
int64_t lp_boot_s(void);

/* Unix seconds: the system's clock, or the floor when that is later. */
int64_t lp_wall_s(void);

/* Raises the floor of lp_wall_s to unix_s; a lower value changes nothing. */
void lp_wall_floor(int64_t unix_s);

/* The floor: as much time has passed for certain. */
int64_t lp_wall_floor_s(void);

/* Whether the system's clock is below the floor, so that lp_wall_s is a guess. */
bool lp_wall_is_floor(void);

/*
 * Whether something keeps the system's clock right (NTP, GPS): by the kernel's own estimate of
 * its error, as timedatectl has it. False where the kernel does not say.
 */
bool lp_wall_synced(void);

/* Whether lp_wall_s is not to be believed: the clock is below the floor, or nobody set it. */
bool lp_wall_is_guess(void);

/*
 * The floor that follows from that of from_s, a synchronised clock and the committer's time of
 * an accepted revision; 0 stands for none of either. Each raises the floor, but one alone by no
 * more than LP_CLOCK_JUMP_S: a clock or a signer that was once in 2099 must not expire
 * everything for ever. Beyond that it takes both, and then the earlier one.
 */
int64_t lp_floor_after(int64_t from_s, int64_t synced_s, int64_t signed_s);

/*
 * Raises the floor of lp_wall_s by the system's clock, if it is synchronised, and by signed_s,
 * the committer's time of an accepted revision (0: none).
 */
void lp_wall_learn(int64_t signed_s);

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

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_SCHEDULE_H
#define LIMPET_AGENT_SUPERVISOR_SCHEDULE_H
/*
 * When to poll: a fleet must not ask all at once, neither on an ordinary day
 * nor after a power cut nor when the server comes back. Pure functions.
 */
#include "platform/err.h"

#define LP_BACKOFF_BASE_MS 15000
#define LP_BACKOFF_CAP_MS  900000

/*
 * Where in its interval this device polls: SipHash of repository and site, so that a fleet
 * spreads evenly and each device keeps its place. 0 <= result < interval_ms.
 */
int64_t lp_schedule_phase(const char *url, const char *site, int64_t interval_ms);

/* The next time after now_ms (CLOCK_BOOTTIME) that is phase_ms into an interval. */
int64_t lp_schedule_next(int64_t now_ms, int64_t phase_ms, int64_t interval_ms);

/*
 * The delay after one more failure, by decorrelated jitter: between base and three times the
 * last delay (0: there was none), at most the cap, and never before retry_after_ms (-1: not
 * said). A base above interval_ms is lowered to it.
 */
int64_t lp_schedule_backoff(int64_t last_ms, int64_t interval_ms, int64_t retry_after_ms);

/* interval_ms less up to a tenth, evenly: so that re-applies of a fleet drift apart. */
int64_t lp_schedule_jitter(int64_t interval_ms);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/schedule.h"

#include "platform/clock.h"
#include "platform/crypto.h"

#include <string.h>

#define RETRY_AFTER_CAP_MS 86400000 /* a server that says more is not believed */

int64_t lp_schedule_phase(const char *url, const char *site, int64_t interval_ms)
{
	/* The key only has to be the same on every device and after every restart. */
	static const uint8_t key[16] = "limpet-schedule";
	char name[1024] = "";
	size_t n = strnlen(url, sizeof(name) / 2 - 1), m = strnlen(site, sizeof(name) / 2 - 1);

	memcpy(name, url, n);
	memcpy(name + n + 1, site, m);
	return (int64_t)(lp_siphash(key, name, n + 1 + m) % (uint64_t)interval_ms);
}

int64_t lp_schedule_next(int64_t now_ms, int64_t phase_ms, int64_t interval_ms)
{
	int64_t wait = (phase_ms - now_ms % interval_ms + interval_ms) % interval_ms;
	return now_ms + (wait ? wait : interval_ms);
}

int64_t lp_schedule_backoff(int64_t last_ms, int64_t interval_ms, int64_t retry_after_ms)
{
	int64_t base = interval_ms < LP_BACKOFF_BASE_MS ? interval_ms : LP_BACKOFF_BASE_MS;
	int64_t high = last_ms < base ? base * 3 : last_ms * 3;

	if (high > LP_BACKOFF_CAP_MS)
		high = LP_BACKOFF_CAP_MS;
	int64_t delay = (int64_t)lp_random_between((uint64_t)base, (uint64_t)high);
	if (retry_after_ms > RETRY_AFTER_CAP_MS)
		retry_after_ms = RETRY_AFTER_CAP_MS;
	return delay > retry_after_ms ? delay : retry_after_ms;
}

int64_t lp_schedule_jitter(int64_t interval_ms)
{
	return interval_ms - (int64_t)lp_random_between(0, (uint64_t)interval_ms / 10);
}

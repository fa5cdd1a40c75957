/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/requests.h"

#define MINUTE_MS 60000

/* Empties the minutes that begin now. */
static void go_to(struct request_ring *ring, int64_t minute)
{
	int64_t oldest = minute - LP_REQUEST_MINUTES + 1;
	int64_t next = ring->minute + 1 > oldest ? ring->minute + 1 : oldest;

	for (; next <= minute; next++)
		ring->minutes[next % LP_REQUEST_MINUTES] = (struct requests){0};
	ring->minute = minute;
}

void lp_requests_add(struct request_ring *ring, int64_t now_ms, const struct requests *sent)
{
	int64_t minute = now_ms / MINUTE_MS;
	struct requests *at = &ring->minutes[minute % LP_REQUEST_MINUTES];

	if (minute > ring->minute)
		go_to(ring, minute);
	at->writes += sent->writes;
	at->reads += sent->reads;
	at->watches += sent->watches;
}

struct requests_told lp_requests_hour(const struct request_ring *ring, int64_t now_ms)
{
	int64_t oldest = now_ms / MINUTE_MS - LP_REQUEST_MINUTES + 1;
	int64_t begin_ms =
		oldest * MINUTE_MS > ring->begun_ms ? oldest * MINUTE_MS : ring->begun_ms;
	struct requests_told ret = {.since_s = (now_ms - begin_ms) / 1000};

	for (int64_t minute = oldest > 0 ? oldest : 0; minute <= ring->minute; minute++) {
		const struct requests *at = &ring->minutes[minute % LP_REQUEST_MINUTES];
		ret.writes += at->writes;
		ret.reads += at->reads;
		ret.watches += at->watches;
	}
	return ret;
}

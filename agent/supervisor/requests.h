/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_REQUESTS_H
#define LIMPET_AGENT_SUPERVISOR_REQUESTS_H
/*
 * How many requests the API server had of us in the last hour, as the cluster role tells them: a
 * count a minute, in memory alone. All times are CLOCK_BOOTTIME, so no clock that is set moves it.
 */
#include "agent/cluster/step.h"
#include "agent/supervisor/limits.h"

struct request_ring {
	int64_t begun_ms; /* the owner sets it when counting begins; the rest is zero then */
	int64_t minute;   /* since boot; the newest that has something */
	struct requests minutes[LP_REQUEST_MINUTES]; /* by minute % LP_REQUEST_MINUTES */
};

struct requests_told {
	int64_t writes, reads, watches;
	int64_t since_s; /* so long ago they begin: up to an hour, less after a start */
};

/* Adds what was told at now_ms, which does not go back. */
void lp_requests_add(struct request_ring *ring, int64_t now_ms, const struct requests *sent);

/* Those of the minute of now_ms and of the LP_REQUEST_MINUTES - 1 before it. */
struct requests_told lp_requests_hour(const struct request_ring *ring, int64_t now_ms);
#endif

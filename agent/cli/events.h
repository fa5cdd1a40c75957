/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_EVENTS_H
#define LIMPET_AGENT_CLI_EVENTS_H
/* The words of limpet events, apart from what it does with them. */
#include "platform/err.h"

/*
 * --since: "1h", "2026-11-21T10:00:00Z", or "2026-11-21", when that day begins in UTC. *ret_s is
 * Unix seconds; now_s is what a duration is counted back from. LP_REJECTED with what was expected.
 */
LP_CHECKED enum lp_code lp_events_since(const char *text, int64_t now_s, int64_t *ret_s,
					struct err *err);

/* -n: 0 to LP_HAPPENINGS_KEPT. LP_REJECTED with what was expected. */
LP_CHECKED enum lp_code lp_events_count(const char *text, unsigned *ret, struct err *err);
#endif

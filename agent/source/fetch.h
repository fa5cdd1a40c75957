/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_FETCH_H
#define LIMPET_AGENT_SOURCE_FETCH_H
/*
 * One poll of a source: where does its branch point, and when that is news, the tip's
 * objects and the commits down to the accepted one, into quarantine.
 */
#include "agent/source/remote.h"

/* Told about once a second while a pack comes in. An error ends the fetch with it. */
struct fetch_progress {
	enum lp_code (*tell)(void *ctx, uint64_t bytes, uint64_t objects, struct err *err);
	void *ctx;
};

/*
 * Polls, and fetches when the tip is news. LP_OK: *ret says what is there; otherwise the quarantine
 * may hold a part, which the next poll clears away. Codes as in remote.h.
 */
LP_CHECKED enum lp_code lp_fetch(struct remote *remote, const struct fetch_request *request,
				 const struct fetch_progress *progress, struct fetched *ret,
				 struct err *err);
#endif

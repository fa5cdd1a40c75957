/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_STATUS_H
#define LIMPET_AGENT_SUPERVISOR_STATUS_H
/*
 * Status and history as JSON: made by the daemon for the control socket, and by
 * `limpet status` from the store when no daemon runs. What only a daemon knows is
 * left out then. cli/status.c turns the same JSON into text.
 */
#include "agent/config.h"
#include "platform/json.h"

struct db;
struct source_run; /* supervisor/run.h */

/*
 * The status document. run is NULL without a daemon. Its "health" is "ok", "degraded"
 * (refused tip, incomplete, suspended, stale, no news, unreachable server) or "failed" (nothing
 * applied, store unusable); "reasons" says why, line by line.
 */
LP_CHECKED enum lp_code lp_status_make(struct db *db, const struct config *config,
				       const struct source_run *run, struct json *doc,
				       struct jval **ret, struct err *err);

/* The revisions of a source, newest first: {"source":..., "revisions":[...]}. */
LP_CHECKED enum lp_code lp_history_make(struct db *db, const char *source, struct json *doc,
					struct jval **ret, struct err *err);
#endif

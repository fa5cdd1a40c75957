/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_HOLDING_H
#define LIMPET_AGENT_SUPERVISOR_HOLDING_H
/*
 * Which kinds a source holds in the cluster or wants to: for the rights that limpet needs there.
 * Made by the daemon for the control socket, and from the store when none runs, as status is.
 */
#include "platform/json.h"

struct db;

/*
 * {"kinds":[{"group":"apps","kind":"Deployment","resource":"deployments"}]} by group and kind;
 * resource is "" for a kind that neither the cluster nor a CRD of the revision knew. LP_LIMIT past
 * LP_WALK_KINDS_MAX.
 */
LP_CHECKED enum lp_code lp_holding_make(struct db *db, const char *source, struct json *doc,
					struct jval **ret, struct err *err);
#endif

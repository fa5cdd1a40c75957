/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_SCALED_H
#define LIMPET_AGENT_SUPERVISOR_SCALED_H
/*
 * Whose spec.replicas are not ours to set: the targets of the revision's own
 * HorizontalPodAutoscalers, and what a manifest no longer says.
 */
#include "agent/cluster/plan.h"
#include "store/object.h"

struct scaled {
	int64_t revision;        /* of which these are; 0: none was read */
	struct object_key *list; /* owned; without versions */
	size_t count;
};
void lp_scaled_free(struct scaled *scaled); /* {0} is fine */

/* Reads the targets of a source's revision, unless they are those already. Errors are the store's;
 * LP_INTERNAL: no memory. */
LP_CHECKED enum lp_code lp_scaled_read(struct db *db, const char *source, const char *default_ns,
				       int64_t revision, struct scaled *scaled, struct err *err);

/* Whether an autoscaler of the revision sets the replicas of this object. */
bool lp_scaled_has(const struct scaled *scaled, const struct object_key *key);

/*
 * Whether replicas that we may have set would fall to the default of 1, because new content of a
 * workload names none any more, as it is advised when an autoscaler comes.
 */
bool lp_scaled_drops(const struct plan_object *object, struct slice body);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_STORY_H
#define LIMPET_AGENT_CLUSTER_STORY_H
/*
 * Who had changed what of an object that we apply, told by managedFields before
 * the apply and after it: what our set of fields has back, and who had it.
 */
#include "agent/cluster/managed.h"

struct story {
	unsigned changed;             /* fields that somebody had taken from us, by another value */
	unsigned added;               /* fields of overridable managers that we do not want */
	unsigned missing;             /* fields that nobody had */
	unsigned foreign;             /* fields of managers that are left alone */
	char manager[LP_MANAGER_MAX]; /* the one to name of changed, else of added; or "" */
	char text[LP_EVENT_MESSAGE / 2];      /* "kubectl-edit changed spec.replicas"; "" nothing */
	char foreign_manager[LP_MANAGER_MAX]; /* the latest one of foreign; or "" */
	char foreign_text[LP_EVENT_MESSAGE / 4]; /* "istio has its own metadata.labels.mesh" */
};

/* Fields that are nobody's change: JSON pointers, one a line, and what they go through. */
struct story_free {
	struct slice handed;
	const struct json *desired;
	bool fresh; /* we want something new: what nobody had is missed by nobody */
};

/*
 * Compares two answers of the API server; after may be of a dry run. Of what was not applied by
 * us before, only what was added and who it is taken over from is told. Managers past
 * LP_FIELDS_SETS, the oldest, are not looked at. Errors as lp_managed_plan; *ret is then zero.
 */
LP_CHECKED enum lp_code lp_story_tell(struct slice before, struct slice after,
				      const struct story_free *free, struct story *ret,
				      struct err *err);

/*
 * Of the answer to an apply without force that was refused: which fields others had with other
 * values. Sets changed, manager and text of *ret, which is zero when the answer names none.
 * Replicas are left out when handed (JSON pointers, one a line) names them.
 */
void lp_story_conflicts(struct slice answer, struct slice handed, struct story *ret);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_CLUSTER_H
#define LIMPET_AGENT_SUPERVISOR_CLUSTER_H
/*
 * The cluster role from the supervisor's side: started when it is needed, told
 * its setup, given steps; and the kinds that a STEP_CONNECT brings.
 */
#include "agent/supervisor/run.h"
#include "store/kinds.h"

/* Kinds as they come, event by event, until all are there. */
struct kind_list {
	struct stored_kind *list; /* owned */
	size_t len, cap;
};
void lp_kind_list_free(struct kind_list *kinds);

/* Adds the kind of an EVENT_KIND. LP_LIMIT past LP_KINDS_MAX. */
LP_CHECKED enum lp_code lp_kind_list_add(struct kind_list *kinds, const struct event *event,
					 struct err *err);

/*
 * Starts the role unless it runs. on_event and on_gone are told about it from then on, whoever
 * started it; lp_cluster_step queues a step for it.
 */
LP_CHECKED enum lp_code lp_cluster_start(struct supervisor *super, struct err *err);
LP_CHECKED enum lp_code lp_cluster_step(struct supervisor *super, const struct step *step,
					struct err *err);

/* Ends the role, whatever it does and watches, and tells those who wait for it but the apply; down
 * is fine. */
void lp_cluster_end(struct supervisor *super);

/* Remembers whether the API server answers, for status; error "" when it does. */
void lp_cluster_reached(struct supervisor *super, const char *error);

/* What the events of the role go to: applying.c. */
LP_CHECKED enum lp_code lp_applying_event(struct source_run *run, const struct event *event,
					  struct err *err);
void lp_applying_gone(struct source_run *run, const char *why);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_ANNOUNCING_H
#define LIMPET_AGENT_SUPERVISOR_ANNOUNCING_H
/*
 * Kubernetes Events of what happened, about the ApplySet's parent, where cluster.events is on. A
 * row of the store is one Event; when it happens again, its count rises there too. They are written
 * one after the other, not while a plan runs nor while another agent leads, and no more of them
 * than a bucket of tokens allows: what does not come through is in `limpet events` all the same.
 */
#include "agent/supervisor/run.h"
#include "store/happening.h"

/* The reason of the Event of a kind, "Healed", and whether it is a Warning; NULL: it has none. */
const char *lp_announcing_reason(enum happening_kind kind, bool *ret_warning);

/* A row was written, or its count raised. Of a daemon alone: a single command does not wait. */
void lp_announcing_add(struct source_run *run, const struct stored_happening *row);

/* At the end; NULL inside is fine. What waits is left out. */
void lp_announcing_close(struct source_run *run);

/* --- from cluster.c --- */

/* Whether an event is of a step of this file. */
bool lp_announcing_is(const struct event *event);
/* LP_REJECTED: nothing was asked. */
LP_CHECKED enum lp_code lp_announcing_event(struct source_run *run, const struct event *event,
					    struct err *err);
/* The role is gone, or was ended: what was asked has no answer. */
void lp_announcing_gone(struct source_run *run);
#endif

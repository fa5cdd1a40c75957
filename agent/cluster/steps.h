/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_STEPS_H
#define LIMPET_AGENT_CLUSTER_STEPS_H
/*
 * Inside the cluster role: how each kind of step begins, and what one of them
 * lends to others.
 */
#include "agent/cluster/job.h"

/* Each begins the step that job->step holds, and sees to it that the job ends some time. */
void lp_connect_begin(struct job *job); /* asks which kinds are served, and tells them */
void lp_kinds_begin(struct job *job);   /* parent.c; ends at once */
void lp_parent_begin(struct job *job);
void lp_look_begin(struct job *job);  /* parent.c */
void lp_apply_begin(struct job *job); /* apply.h; uses step->body, in this call alone */
void lp_wait_begin(struct job *job);
void lp_prune_begin(struct job *job);
void lp_recover_begin(struct job *job); /* tells EVENT_FOUND meanwhile */
void lp_lease_begin(struct job *job);
void lp_servers_begin(struct job *job);     /* lease.c */
void lp_config_key_begin(struct job *job);  /* config.c; uses step->body, in this call alone */
void lp_config_look_begin(struct job *job); /* config.c */
void lp_announce_begin(struct job *job);    /* uses step->body, in this call alone */

/* --- connect.c lends --- */

/* Asks again which kinds are served, then calls then(); a failure ends the job. */
void lp_connect_discover(struct job *job, void (*then)(struct job *job));
/* Whether it is of use: not when that was done a moment ago. */
bool lp_connect_stale(const struct cluster *cluster);
/* Whether a CRD was changed so lately that the server may not serve all of it yet. */
bool lp_connect_settling(const struct cluster *cluster);
/* Tells the kinds that `which` (NULL: all) lets pass. */
void lp_connect_tell(struct job *job, bool (*which)(const struct job *, const struct api_kind *));

/* --- prune.c lends --- */

/* Whether an object in the cluster is the step's source's, made by us; why not (cut to size). */
bool lp_prune_owns(const struct job *job, const struct metadata *m, char *ret_why, size_t size);
/* Deletes the object at job->url if it is still as it was looked at; what belongs to it goes after
 * it. then() is called with the answer: 409 when somebody wrote. Uses job->body. */
void lp_prune_delete(struct job *job, const struct metadata *m, void (*then)(struct job *job));

/* --- parent.c lends --- */

/* Makes the namespace of our own objects and sets job->looked; then() is called when it is there, a
 * refusal ends the job. Uses job->body. */
void lp_parent_namespace(struct job *job, void (*then)(struct job *job));
/* Asks for the ApplySet's parent of the step's source; then() is called with the answer. */
void lp_parent_ask(struct job *job, void (*then)(struct job *job));
/* Reads that answer, which is no 404; false when it is not our parent: the job has then ended. */
bool lp_parent_take(struct job *job, struct metadata *ret);
#endif

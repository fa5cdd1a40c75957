/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_CLUSTER_H
#define LIMPET_AGENT_CLUSTER_CLUSTER_H
/*
 * Inside the cluster role: what all jobs and watches share. One for the role's
 * life.
 */
#include "agent/cluster/applyset.h"
#include "agent/cluster/client.h"
#include "agent/cluster/discovery.h"
#include "agent/cluster/limits.h"
#include "agent/cluster/step.h"
#include "platform/crypto.h"

#define LP_REQUEST_URL_BYTES (LP_URL_MAX + LP_CONTINUE_BYTES + 2048u)

struct job;
struct watches;

struct cluster {
	struct cluster_setup setup;
	struct channel *channel; /* borrowed */
	struct client client;
	struct job *jobs; /* owned; setup.concurrency of them */
	unsigned busy;    /* jobs under way */

	struct api_table table;     /* what is served */
	char etags[2][LP_ETAG_MAX]; /* of /api and /apis */
	struct job *discovering;    /* who is asking for it now */
	struct api_table fresh;     /* what that job has so far */
	char fresh_etags[2][LP_ETAG_MAX];
	int64_t discovered_ms; /* CLOCK_BOOTTIME; of the last good answer; 0 never */
	int64_t crd_ms;        /* CLOCK_BOOTTIME; when a CRD was last changed; 0 never */

	struct applyset set; /* of the STEP_KINDS since the last STEP_PARENT */
	bool set_used;       /* that one was done: the next STEP_KINDS begins another */
	uint8_t parent_says[LP_SHA256_BYTES]; /* as what the last parent was written */

	char parent_of[LP_SOURCE_NAME_MAX]; /* whose parent has */
	char parent_uid[LP_UID_MAX];        /* this uid; "" not known */

	struct watches *watches; /* watches.c's own; NULL: nothing was ordered */

	struct requests sent;  /* and not yet told */
	int64_t sent_since_ms; /* CLOCK_BOOTTIME; the first of them; 0 none */
	int64_t sent_told_ms;  /* CLOCK_BOOTTIME; when the last were told */

	char newest[LP_RESOURCE_VERSION_MAX]; /* of all answers: nothing later was seen */
	unsigned failures;                    /* answers in a row that did not come */
	bool broken;                          /* the channel cannot be written: the role ends */
	struct err err;                       /* why */
};

/*
 * Reads the kubeconfig again and connects anew. What was under way on the old connections is
 * sent again on the new ones: every request here may be sent twice. False when it cannot be
 * read; the old connections are then still in use.
 */
bool lp_cluster_reopen(struct cluster *cluster, struct err *err);

/* Counts a request that was sent: one of the three counts of cluster->sent. */
void lp_cluster_sent(struct cluster *cluster, uint32_t *count);
#endif

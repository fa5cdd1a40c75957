/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_STATUS_H
#define LIMPET_AGENT_CLUSTER_STATUS_H
/* What an answer of the API server that is not a success means for the step at hand. */
#include "agent/cluster/step.h"

/* A metav1.Status, as far as we read it; "" or 0 where it says nothing. */
struct status {
	int code;               /* HTTP */
	char reason[64];        /* "Invalid", "Forbidden" */
	char kind[LP_KIND_MAX]; /* details.kind: the resource that it is about, "namespaces" */
	char name[LP_NAME_MAX]; /* details.name */
	char cause[64];         /* details.causes[0].reason: "NamespaceTerminating" */
	bool immutable;         /* 422, and all that is wrong is fields that cannot change */
	char message[LP_EVENT_MESSAGE]; /* with the causes that it does not repeat; cut when longer
					 */
};

/*
 * Reads the body of an answer with the HTTP status code; one that is no Status gives its text. of
 * is the object that was asked for (NULL: none): of a Secret the message tells no value.
 */
void lp_status_read(int code, struct slice body, const struct object_key *of, struct status *ret);

/*
 * Sets kind, code, status and message of *event from status: FAILED when sending the same again
 * cannot help, RETRY otherwise. retry_after_ms (-1: the server did not say) is passed on. step
 * says what was tried.
 */
void lp_status_judge(const struct status *status, const struct step *step, int64_t retry_after_ms,
		     struct event *event);

/* Whether a 404 says that the server does not serve the kind at all. */
bool lp_status_no_kind(const struct status *status);
#endif

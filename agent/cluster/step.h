/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_STEP_H
#define LIMPET_AGENT_CLUSTER_STEP_H
/*
 * The doors between the supervisor and the cluster role: plan -> cluster is a
 * struct step, cluster -> supervisor a struct event. The cluster role holds no
 * state of a revision: it does the steps that it is given, some at once, and
 * tells how each ended.
 */
#include "agent/render/object.h"
#include "platform/wire.h"

enum step_kind {
	STEP_CONNECT,  /* read the kubeconfig, reach the API server, discover its kinds */
	STEP_PARENT,   /* make or update the ApplySet parent (superset of kinds and namespaces) */
	STEP_APPLY,    /* server-side apply of one object */
	STEP_WAIT,     /* until a CRD is Established, then its kind is known */
	STEP_PRUNE,    /* delete one object that is ours and no longer wanted */
	STEP_RECOVER,  /* list what carries our ApplySet label: one EVENT_FOUND an object */
	STEP_KINDS,    /* one more entry of the parent's kinds and namespaces, before STEP_PARENT */
};

struct step {
	uint64_t id; /* echoed in the event */
	enum step_kind kind;
	char source[LP_SOURCE_NAME_MAX];
	struct object_key key;
	enum scope scope;
	char uid[64];	    /* PRUNE: the uid on record, or "" */
	char default_ns[LP_NAME_MAX];
	struct slice body;  /* APPLY: canonical JSON, borrowed */
	int64_t timeout_ms; /* of the step */
};

enum event_kind {
	EVENT_DONE,	 /* the step is done (see outcome) */
	EVENT_FAILED,	 /* and will not succeed as it stands; see code and message */
	EVENT_RETRY,	 /* the API server is away, busy or restarting; see retry_after_ms */
	EVENT_KIND,	 /* CONNECT, WAIT: one discovered kind */
	EVENT_FOUND,	 /* RECOVER: one object that carries our label */
};

enum outcome {
	OUTCOME_NONE,
	OUTCOME_CREATED,
	OUTCOME_CONFIGURED,
	OUTCOME_UNCHANGED,
	OUTCOME_PRUNED,
	OUTCOME_GONE,	 /* PRUNE: it was not there any more */
	OUTCOME_KEPT,	 /* PRUNE: not ours (label or annotation), left alone; see message */
};

struct event {
	uint64_t id; /* of the step */
	enum event_kind kind;
	enum outcome outcome;
	enum lp_code code;	   /* FAILED, RETRY: LP_NOT_FOUND is an unknown kind */
	int status;		   /* HTTP, or 0 */
	int64_t retry_after_ms;	   /* RETRY; -1 not said */
	struct object_key key;	   /* KIND: group, version, kind; FOUND: all */
	enum scope scope;	   /* KIND */
	char resource[LP_KIND_MAX]; /* KIND: plural, "deployments" */
	char uid[64];
	char message[1024]; /* the API server's own words where it spoke */
};

void lp_step_put(struct wire_writer *w, const struct step *step);
void lp_step_take(struct wire_reader *r, struct step *ret); /* body is borrowed from the frame */
void lp_event_put(struct wire_writer *w, const struct event *event);
void lp_event_take(struct wire_reader *r, struct event *ret);
#endif

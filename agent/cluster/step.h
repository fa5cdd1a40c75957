/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_STEP_H
#define LIMPET_AGENT_CLUSTER_STEP_H
/*
 * The doors between the supervisor and the cluster role: plan -> cluster is a
 * struct step, cluster -> supervisor a struct event. The cluster role holds no
 * state of a revision: it does the steps that it is given, some at once, and
 * tells how each ended.
 */
#include "agent/cluster/lease.h"
#include "agent/render/object.h"
#include "platform/fs.h"
#include "platform/wire.h"

#define LP_LIVE_ENTRY 32

/* The frames of the channel: setup once and first, then steps and orders down, events up. */
enum cluster_frame {
	CLUSTER_SETUP = 1, /* struct cluster_setup */
	CLUSTER_STEP,      /* struct step */
	CLUSTER_EVENT,     /* struct event */
	CLUSTER_WATCH,     /* struct watch_order, down at any time after the setup (sighting.h) */
	CLUSTER_SIGHTING,  /* struct sighting, up */
	CLUSTER_REQUESTS,  /* struct requests, up: those since the last such frame; about one a
			      second at most, and none while nothing is sent */
};

/* Requests that were sent to the API server, whether an answer came or not. */
struct requests {
	uint32_t writes; /* by any method but GET; a dry run is one, and so is the Lease */
	uint32_t reads;
	uint32_t watches; /* begun */
};

struct cluster_setup {
	char kubeconfig[LP_PATH_MAX];
	char context[LP_NAME_MAX]; /* "": current-context */
	char ns[LP_NAME_MAX];      /* of the ApplySet parents; "limpet-system" */
	unsigned concurrency;      /* steps at once; 1 to LP_CONCURRENCY_MAX */
	int64_t request_ms;        /* the longest that one request may take */
	int64_t floor_s;           /* Unix seconds that have passed for certain: for certificates */
};

enum step_kind {
	STEP_CONNECT, /* read the kubeconfig, reach the API server, discover its kinds */
	STEP_PARENT, /* make or update the ApplySet parent from the STEP_KINDS since the last one */
	STEP_APPLY,  /* server-side apply of one object */
	STEP_WAIT,   /* until a CRD is Established, then its kind is known */
	STEP_PRUNE,  /* delete one object that is ours and no longer wanted */
	STEP_RECOVER, /* list what carries our ApplySet label: one EVENT_FOUND an object */
	STEP_KINDS,   /* one more entry of the parent's kinds and namespaces, before STEP_PARENT */
	STEP_LOOK,    /* read what the parent says of the floor: the event's message */
	STEP_LEASE,   /* take, renew or give back the source's Lease (lease.h) */
	STEP_SERVERS, /* count the server nodes: lease.servers of the event */
	STEP_CONFIG_KEY,  /* read the key of the config digests; make it of the body when missing */
	STEP_CONFIG_LOOK, /* read the config digests that a workload carries */
	STEP_ANNOUNCE,    /* write the Kubernetes Event key.name about the ApplySet's parent */
	STEP_KIND_COUNT,
};

/*
 * What the API server said of an object when we applied it last: when nothing of it has
 * moved, the next apply changed nothing. All zero: not known.
 */
struct live {
	char version[LP_RESOURCE_VERSION_MAX]; /* metadata.resourceVersion */
	int64_t generation;                    /* metadata.generation; 0: the kind has none */
	uint8_t entry[LP_LIVE_ENTRY]; /* SHA-256 of our managedFields entry: apiVersion, time,
					 fieldsV1 */
};

/*
 * How an object is applied. LOOK reads its metadata first, takes over what kubectl-like managers
 * own, and tells who had changed what; DRY looks too, writes nothing, and tells what LOOK would
 * do.
 */
enum apply_how {
	APPLY_PLAIN,
	APPLY_LOOK,
	APPLY_DRY,
	APPLY_HOW_COUNT,
};

struct step {
	uint64_t id; /* echoed in the event */
	enum step_kind kind;
	char source[LP_SOURCE_NAME_MAX];
	struct object_key key;
	enum scope scope;
	enum apply_how how;   /* APPLY */
	char uid[LP_UID_MAX]; /* PRUNE: the uid on record, or "" */
	struct live
		known; /* APPLY: as the last event said, or zero; LEASE: version to write over */
	bool once;  /* APPLY: it was made for this content before: a Job that went at the end of its
		       time to live is not made again, but GONE */
	bool exact; /* PARENT: exactly these kinds; otherwise added to what is there */
	char default_ns[LP_NAME_MAX]; /* for a namespaced object that names none */
	bool make_only;               /* APPLY: looks first, and leaves what is there as it is */
	bool adopt;                   /* APPLY: we have not applied it before: what is there already
					 is looked at, and taken over as LOOK does */
	struct slice handed;      /* borrowed; APPLY: JSON pointers (RFC 6901), one a line, to what
				     others may own: sent when the object is made and never after, it
				     stays as it is in the cluster. PLAIN looks first too when there are
				     some, but takes nothing over */
	struct slice body;        /* borrowed; APPLY: canonical JSON, PARENT: its floor, or empty;
				     CONFIG_KEY: 32 random bytes, ANNOUNCE: the Event as JSON, but
				     for its involvedObject */
	struct lease_order lease; /* LEASE */
	int64_t timeout_ms;       /* of the step; 0: a default of the role */
};

enum event_kind {
	EVENT_DONE,    /* the step is done (see outcome) */
	EVENT_FAILED,  /* and will not succeed as it stands; see code and message */
	EVENT_RETRY,   /* the API server is away, busy or restarting; see retry_after_ms */
	EVENT_KIND,    /* CONNECT, WAIT: one discovered kind */
	EVENT_FOUND,   /* RECOVER: one object that carries our label */
	EVENT_DELETED, /* APPLY: the object was deleted, to be made anew; why: see message */
	EVENT_KIND_COUNT,
};

enum outcome {
	OUTCOME_NONE,
	OUTCOME_CREATED,
	OUTCOME_CONFIGURED,
	OUTCOME_UNCHANGED,
	OUTCOME_PRUNED,
	OUTCOME_GONE,    /* PRUNE: it was not there any more; LOOK: there is no parent;
			    CONFIG_LOOK: it is not there; APPLY: see once; ANNOUNCE: there is
			    no parent, and nothing was written */
	OUTCOME_KEPT,    /* PRUNE: not ours (label or annotation), left alone; see message. APPLY by
			    LOOK: the object's own annotation says that drift is only reported */
	OUTCOME_HELD,    /* LEASE: it is ours */
	OUTCOME_STANDBY, /* LEASE: it is somebody else's; see lease */
	OUTCOME_COUNT,
};

/* What can be done to a kind. */
enum verb { VERB_PATCH = 1, VERB_LIST = 2, VERB_DELETE = 4, VERB_WATCH = 8 };

/* What else can be said of an object by its metadata. */
enum sight_mark {
	SIGHT_APPLIED = 1,      /* our entry of managedFields is there */
	SIGHT_DELETING = 2,     /* it has a deletionTimestamp */
	SIGHT_OVERRIDABLE = 4,  /* a manager whose fields we take over owns some of it */
	SIGHT_SCALED = 8,       /* a controller sets its replicas by /scale, as an HPA does */
	SIGHT_REPORT_ONLY = 16, /* its annotation limpet.dev/drift says report */
	SIGHT_MARKS = 31,
};

struct event {
	uint64_t id; /* of the step */
	enum event_kind kind;
	enum outcome outcome;
	enum lp_code code;              /* FAILED, RETRY: LP_NOT_FOUND is an unknown kind */
	int status;                     /* HTTP, or 0 */
	int64_t retry_after_ms;         /* RETRY; -1 not said */
	struct object_key key;          /* KIND: group, version, kind; FOUND, DELETED: all */
	enum scope scope;               /* KIND */
	char resource[LP_KIND_MAX];     /* KIND: plural, "deployments" */
	unsigned verbs;                 /* KIND: an OR of enum verb */
	bool preferred;                 /* KIND: the version that the server prefers */
	char uid[LP_UID_MAX];           /* APPLY, FOUND */
	struct live live;               /* APPLY, FOUND; LEASE: version alone */
	struct lease lease;             /* LEASE, SERVERS */
	uint8_t config[32];             /* CONFIG_KEY: the key; CONFIG_LOOK: the digests of pod
					   template and workload, 16 bytes each, zero none */
	unsigned marks;                 /* APPLY: an OR of enum sight_mark */
	char manager[LP_MANAGER_MAX];   /* APPLY by LOOK or DRY: who is named in message, or "" */
	char message[LP_EVENT_MESSAGE]; /* the API server's own words where it spoke; APPLY by
					   LOOK or DRY: who had changed which fields */
};

/*
 * Each puts its fields behind lp_wire_begin, or takes them in the same order; a value that
 * no sender writes makes the reader bad. After CLUSTER_SETUP each step has exactly one event
 * that is DONE, FAILED or RETRY; KIND, FOUND and DELETED come before it. A step that got RETRY is
 * over: whoever wants it sends it again.
 */
void lp_object_key_put(struct wire_writer *w, const struct object_key *key);
void lp_object_key_take(struct wire_reader *r, struct object_key *ret);
void lp_live_put(struct wire_writer *w, const struct live *live);
void lp_live_take(struct wire_reader *r, struct live *ret);
void lp_cluster_setup_put(struct wire_writer *w, const struct cluster_setup *setup);
void lp_cluster_setup_take(struct wire_reader *r, struct cluster_setup *ret);
void lp_step_put(struct wire_writer *w, const struct step *step);
void lp_step_take(struct wire_reader *r, struct step *ret); /* body is borrowed from the frame */
void lp_event_put(struct wire_writer *w, const struct event *event);
void lp_event_take(struct wire_reader *r, struct event *ret);
void lp_requests_put(struct wire_writer *w, const struct requests *requests);
void lp_requests_take(struct wire_reader *r, struct requests *ret);

/* "apply", "created", "done": short lower-case words for logs and JSON; never NULL. */
const char *lp_step_kind_name(enum step_kind kind);
const char *lp_apply_how_name(enum apply_how how);
const char *lp_event_kind_name(enum event_kind kind);
const char *lp_outcome_name(enum outcome outcome);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_PLAN_H
#define LIMPET_AGENT_CLUSTER_PLAN_H
/*
 * The plan: in which order a revision's objects go to the cluster, what waits for
 * what, and whether anything may be deleted. It decides and does nothing: the
 * caller sends the steps and brings the events back.
 *
 *	parent says more -> stage by stage, a CRD until it is served -> prune in
 *	reverse, if and only if everything was applied -> parent says no more
 *
 * It reads desired objects and inventory by the caller's walks, so that it
 * holds a handful of keys whatever the size of the revision.
 */
#include "agent/cluster/step.h"

#define LP_PLAN_ITEMS 16 /* steps under way, or waiting to be sent again */

/* One object as the plan needs it; the body is fetched by digest when its step is sent. */
struct plan_object {
	struct object_key key;
	enum scope scope;
	enum stage stage;
	uint8_t digest[32];   /* desired: of all that is sent, config digests too */
	char uid[LP_UID_MAX]; /* removed: the uid on record, or "" */
	struct live known;    /* desired: what was recorded of it, or zero */
	bool uses_config;     /* desired: its pods read ConfigMaps or Secrets of the revision */
	bool once;            /* desired: it was made for this content before, see struct step */
	bool clean; /* desired: it was applied as it is now, and is so still: nothing is sent */
	bool ours;  /* desired: it was applied before, whatever it was then */
	bool look;  /* desired: somebody else has changed it, or may have: by APPLY_LOOK */
};

enum plan_walk {
	WALK_KINDS,   /* each (group, kind, namespace) of desired and inventory together, once */
	WALK_DESIRED, /* in apply order: by stage, wave, kind_order, key */
	WALK_REMOVED, /* what is in the inventory and not desired, in reverse apply order */
};

/* Where the objects come from. A walk begins anew whenever begin is called. */
struct plan_reader {
	void *ctx;
	enum lp_code (*begin)(void *ctx, enum plan_walk walk, struct err *err);
	/* *ret_more is false at the end, and *ret then untouched. */
	enum lp_code (*next)(void *ctx, enum plan_walk walk, struct plan_object *ret,
			     bool *ret_more, struct err *err);
};

struct plan_policy {
	char source[LP_SOURCE_NAME_MAX];
	char default_ns[LP_NAME_MAX];
	bool prune;         /* may anything be deleted at all */
	bool incomplete;    /* the revision is not all that its author wrote: nothing is deleted */
	bool allow_empty;   /* a revision without objects may delete everything */
	unsigned in_flight; /* steps at once: 1 to LP_PLAN_ITEMS */
	unsigned tries;     /* of one object, when it is the object that is not ready */
	int64_t step_ms;    /* the time of a step; 0: the role's default */
};

enum plan_phase {
	PLAN_WIDEN_KINDS, /* the kinds and namespaces of before and after */
	PLAN_WIDEN,       /* ... into the parent */
	PLAN_APPLY,
	PLAN_PRUNE,
	PLAN_SHRINK_KINDS,
	PLAN_SHRINK,
	PLAN_OVER,
	PLAN_PHASES,
};

struct plan_result {
	unsigned created, configured, unchanged;
	unsigned unknown; /* their kind is not there (yet) */
	unsigned refused; /* by the API server, or tried often enough */
	unsigned pruned, gone, kept, prune_refused;
	bool config_refused; /* a ConfigMap or Secret is among the unknown or refused */
	bool complete;       /* nothing unknown or refused, and all is pruned that had to be */
	const char
		*not_pruned; /* why nothing was deleted; NULL when it was, or there was no cause */
	struct err stopped;  /* code LP_OK, or why the plan ended before its first apply */
};

struct plan_item {
	enum { ITEM_FREE, ITEM_SENT, ITEM_AGAIN } state;
	uint64_t id;
	enum step_kind kind;
	struct plan_object object;
	unsigned tries;
	int64_t not_before_ms; /* CLOCK_BOOTTIME; AGAIN */
};

struct plan {
	struct plan_policy policy;
	struct plan_reader reader;
	enum plan_phase phase;
	bool entered;            /* the phase's walk has begun */
	bool ahead_there, ended; /* an object was read that must wait; the walk has no more */
	struct plan_object ahead;
	enum stage stage; /* of the objects under way */
	bool any_desired;
	struct plan_item items[LP_PLAN_ITEMS];
	uint64_t last_id;
	int64_t not_before_ms; /* CLOCK_BOOTTIME; the API server is away until then */
	bool away;             /* it did not answer, or asked to be left alone, last time */
	struct plan_result result;
};

/* Begins a plan; nothing is read yet. Nothing is owned, so nothing is to be freed. */
void lp_plan_begin(struct plan *plan, const struct plan_policy *policy,
		   const struct plan_reader *reader);

enum plan_answer {
	PLAN_STEP, /* *ret_step is to be sent */
	PLAN_HOLD, /* nothing before the next event, or before lp_plan_wake_ms */
	PLAN_END,  /* see plan->result */
};

/*
 * What to do now. For PLAN_STEP *ret_object (borrowed until the next call) is the object of an
 * apply or prune, whose body the caller puts into *ret_step; NULL for other steps. Errors are the
 * reader's; the plan is then to be given up.
 */
LP_CHECKED enum lp_code lp_plan_next(struct plan *plan, int64_t now_ms, enum plan_answer *ret,
				     struct step *ret_step, const struct plan_object **ret_object,
				     struct err *err);

/* When lp_plan_next may have more though no event came; INT64_MAX: not by itself. */
int64_t lp_plan_wake_ms(const struct plan *plan);

enum plan_verdict {
	PLAN_STRANGE, /* the event of a step that is not under way: to be ignored */
	PLAN_AGAIN,   /* the plan sends the step once more */
	PLAN_SETTLED, /* that was the last of this step */
};

/*
 * Takes the event that ends a step (DONE, FAILED or RETRY). *ret_object (borrowed until the next
 * call) is its object as for lp_plan_next, *ret_kind its kind.
 */
enum plan_verdict lp_plan_event(struct plan *plan, const struct event *event, int64_t now_ms,
				enum step_kind *ret_kind, const struct plan_object **ret_object);

/* "apply": the phase as a word for people. */
const char *lp_plan_phase_name(enum plan_phase phase);
#endif

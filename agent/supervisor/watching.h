/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_WATCHING_H
#define LIMPET_AGENT_SUPERVISOR_WATCHING_H
/*
 * Keeps what was applied as it was applied: tells the cluster role what to
 * watch, lets drift.h judge what is seen, and looks at what it suspects by steps
 * that put it right, or only tell, as the configuration and the person say.
 */
#include "agent/cluster/drift.h"
#include "agent/supervisor/cluster.h"
#include "agent/supervisor/deciding.h"
#include "agent/supervisor/telling.h"
#include "store/inventory.h"

/* A look that is under way. */
struct look {
	uint64_t id; /* of its step; 0: none */
	struct object_key key;
	bool dry;
};

struct watching {
	struct drift drift;
	struct look looks[LP_CONCURRENCY_MAX];
	unsigned looking;
	bool walking; /* over the inventory, for the suspects that the queue had no room for */
	struct inventory_cursor walk;
	struct timer wake;   /* when a suspect that waits is due */
	uint8_t ordered[32]; /* digest of what the role was told to watch; zero: nothing */
	int64_t deep_ms;     /* CLOCK_BOOTTIME; of the last deep pass that a watch asked for */
	uint64_t heals;      /* since the start */
	int64_t healed_s;    /* wall; of the last of them, 0 none */
	struct object_key healed;
	struct tx batch;                 /* open while rows of looks wait for each other */
	unsigned rows;                   /* in it */
	struct timer commit;             /* of it */
	unsigned told;                   /* happenings since told_s */
	unsigned untold;                 /* those of a storm that only the log has */
	enum happening_kind untold_kind; /* HEALED if one of them is, else of the last */
	int64_t told_s,
		rest_s; /* CLOCK_BOOTTIME, seconds; rest_s: when untold ones were summed up */
	char lost[LP_ERR_MAX]; /* why changes may be missed; "" they are not */
};

void lp_watching_open(struct source_run *run);  /* at the start of a daemon, once */
void lp_watching_close(struct source_run *run); /* at its end */

/* The role told of something it saw. LP_LIMIT, LP_INTERNAL: the role is then to be ended. */
LP_CHECKED enum lp_code lp_watching_sighting(struct source_run *run,
					     const struct sighting *sighting, struct err *err);

/* A plan applied an object, pruned it, or left it to a look, as drift is only reported. */
void lp_watching_applied(struct source_run *run, const struct plan_object *object,
			 const struct event *event);
void lp_watching_left(struct source_run *run, const struct object_key *key);
void lp_watching_pruned(struct source_run *run, const struct object_key *key);

/* What the store says was applied is what is expected, unless something is known already. Errors
 * are the store's, or lp_drift_applied's. */
LP_CHECKED enum lp_code lp_watching_seed(struct source_run *run, struct err *err);

/* A plan has ended: from now on its kinds are watched. */
void lp_watching_planned(struct source_run *run);

/* The role is gone: nothing is seen until the next plan. */
void lp_watching_gone(struct source_run *run);

/* What is known now, for people. */
struct watching_state {
	const char *mode; /* "heal" or "report" */
	bool watching;    /* every change is told */
	unsigned differs; /* objects that differ, or may */
	uint64_t heals;
	int64_t healed_s;                /* wall; of the last one since the start, 0 none */
	const struct object_key *healed; /* borrowed; which object that was */
	const char *lost; /* borrowed; why changes may be missed, "" when nothing is wrong */
};
struct watching_state lp_watching_state(const struct source_run *run, bool suspended);

/* A person or the configuration has decided anew what is healed. */
void lp_watching_reconsider(struct source_run *run);

/* Tells what happened to an object, as long as it is no storm; and what a storm left untold, when
 * it is over. */
void lp_watching_tell(struct source_run *run, enum happening_kind kind,
		      const struct object_key *key, const char *by, const char *message);
void lp_watching_tell_rest(struct source_run *run);

/*
 * A row is about to be written of what was seen or put right: for a moment it waits for others, so
 * that a storm has one commit for many of them. A crash before that costs one more look each.
 */
void lp_watching_batch(struct source_run *run);
/* Commits what waits. Before anything that must not wait for others, or is to be durable. */
void lp_watching_flush(struct source_run *run);
/* Gives it up; before the store is closed. */
void lp_watching_give_up(struct source_run *run);

/* --- looking.c: looks at suspects --- */

/* Looks at what there is to look at, as far as it may now. */
void lp_watching_go_on(struct source_run *run);

/* Whether event ends a look of ours, and if so, what it means. */
bool lp_watching_event(struct source_run *run, const struct event *event);

/* Whether looks are under way. */
bool lp_watching_looks(const struct source_run *run);

/* Those under way end without an answer, and are tried again. */
void lp_looking_end(struct source_run *run);

/* Whether what differs is only to be told of. decision NULL: of objects that say nothing. */
bool lp_looking_is_dry(const struct source_run *run, bool suspended,
		       const struct decision *decision);

/* Whether an object is only made when it is missing, and then left as others make it: then no edit
 * of it is drift. False also when the store cannot tell. */
bool lp_looking_is_left(struct source_run *run, const struct object_key *key);

/* An object is as event, an answer to an apply, says. */
void lp_looking_remember(struct source_run *run, const struct event *event, bool looked);

#endif

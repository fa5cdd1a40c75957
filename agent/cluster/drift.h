/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_DRIFT_H
#define LIMPET_AGENT_CLUSTER_DRIFT_H
/*
 * Drift: what is known of each object that was applied, about 100 bytes of it,
 * and what a sighting means beside that. It decides and does nothing: whoever
 * owns the table looks at what it suspects, by an apply that looks first, and
 * says how that ended.
 *
 *	applied -> CLEAN -> (a sighting differs) SUSPECT -> (taken) BUSY -> CLEAN, KNOWN
 *
 * A field that we set and somebody else changed moves our entry of managedFields;
 * so does an apply by our own name at another time. What was only added moves the
 * generation, or the version where the kind has none. What is added to a
 * label map shows as a manager whose fields we take over. Anything else is status.
 */
#include "agent/cluster/sighting.h"

enum drift_reason {
	DRIFT_NONE,
	DRIFT_DELETED, /* it is gone, or has lost its label */
	DRIFT_OTHER,   /* another object has its name */
	DRIFT_CHANGED, /* a field of ours was changed or removed */
	DRIFT_MOVED,   /* it was written; whether that concerns us is not to be seen */
	DRIFT_MANAGER, /* somebody edits it by hand */
	DRIFT_REASONS,
};

enum drift_state {
	DRIFT_CLEAN,   /* as it was applied */
	DRIFT_SUSPECT, /* to be looked at */
	DRIFT_BUSY,    /* being looked at */
	DRIFT_KNOWN,   /* it differs and is left so */
};

struct drift_entry;

/* A kind that is watched. */
struct drift_kind {
	char group[LP_GROUP_MAX], kind[LP_KIND_MAX];
	bool in_sync;   /* every change is told */
	uint16_t round; /* of its lists: what has an older one was not seen in the last */
};

struct drift {
	struct drift_entry *at; /* owned; open addressing, room is a power of two */
	size_t count, room;
	struct drift_kind *kinds; /* owned */
	unsigned kind_count;
	struct object_key queue[LP_DRIFT_QUEUE]; /* suspects, oldest first */
	unsigned queued;
	bool more; /* there may be suspects that the queue had no room for */
	unsigned suspects, known;
};
void lp_drift_free(struct drift *drift); /* empties it; {0} is fine */

/*
 * An object was applied, or looked at, with this answer: it is as we want it. looked says that the
 * fields of others were taken over where that is ours to do; otherwise what can be taken over makes
 * it a suspect. LP_INTERNAL when there is no memory, LP_LIMIT past LP_DRIFT_KINDS kinds.
 */
LP_CHECKED enum lp_code lp_drift_applied(struct drift *drift, const struct object_key *key,
					 const char *uid, const struct live *live, unsigned marks,
					 bool looked, struct err *err);

/* It is not ours any more (pruned). One that is not there is fine. */
void lp_drift_forget(struct drift *drift, const struct object_key *key);

/* What a sighting means. */
struct drift_finding {
	enum drift_reason reason; /* NONE: nothing */
	bool news;                /* it was neither a suspect nor looked at */
	bool stranger;            /* THERE: an object with our label that was never applied */
	bool deep;                /* BACK: nothing of what is known holds; apply all */
};

/* Takes a sighting of any kind. LP_LIMIT past LP_DRIFT_KINDS kinds, LP_INTERNAL. */
LP_CHECKED enum lp_code lp_drift_seen(struct drift *drift, const struct sighting *sighting,
				      struct drift_finding *ret, struct err *err);

/* No watch tells of anything any more, until the next lists. */
void lp_drift_blind(struct drift *drift);

/* Whether changes of any kind are told; whether those of every object are, and a kind is known: the
 * last object of a kind may have gone before that was ever watched. */
bool lp_drift_sees(const struct drift *drift);
bool lp_drift_sees_all(const struct drift *drift);

/* Whether an object is surely as it was applied: its kind is watched and nothing differs. */
bool lp_drift_is_clean(const struct drift *drift, const struct object_key *key);

/* A suspect to look at now, which is then BUSY; false: none in the queue (see more). now_s is
 * CLOCK_BOOTTIME in seconds. */
bool lp_drift_take(struct drift *drift, int64_t now_s, struct object_key *ret);

/* As lp_drift_take for one object, when the caller walks over all of them because of more. */
bool lp_drift_take_this(struct drift *drift, const struct object_key *key, int64_t now_s);

/* How a look ended. */
enum drift_look {
	DRIFT_WAS_WRONG, /* it was put right */
	DRIFT_WAS_RIGHT, /* nothing was wrong, or what differs is not ours */
	DRIFT_LEFT,      /* it differs, and is left so */
	DRIFT_FAILED,    /* to be tried again */
};

struct drift_budget {
	bool fight;      /* it was put right once too often: it now waits longer each time */
	unsigned heals;  /* in the last LP_DRIFT_WINDOW_S */
	int64_t after_s; /* so long the next look waits; 0: not at all */
};

/* The look that lp_drift_take began is over. Unless it FAILED, lp_drift_applied was told before how
 * the object is now; one that did comes again after retry_s (0: LP_DRIFT_WAIT_S), and twice as long
 * each time, unless it goes or a list is whole meanwhile. */
void lp_drift_looked(struct drift *drift, const struct object_key *key, enum drift_look look,
		     int64_t now_s, int64_t retry_s, struct drift_budget *ret);

/* It has new content: what was put right before counts no more, and nothing of it waits. */
void lp_drift_renewed(struct drift *drift, const struct object_key *key);

/* One that was taken to be as it should is looked at. */
void lp_drift_doubt(struct drift *drift, const struct object_key *key);

/* What is known to differ is looked at again: a person or the configuration has decided anew. */
void lp_drift_reconsider(struct drift *drift);

/* When a suspect that waits is due, CLOCK_BOOTTIME in seconds; INT64_MAX: none waits. Sets more
 * when some are due now that the queue does not hold. */
int64_t lp_drift_due_s(struct drift *drift, int64_t now_s);

/* "deleted", "changed": for people; never NULL. */
const char *lp_drift_reason_name(enum drift_reason reason);
#endif

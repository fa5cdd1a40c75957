/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_ANCESTRY_H
#define LIMPET_AGENT_TRUST_ANCESTRY_H
/*
 * Whether one commit is among the ancestors of another, by payload, and what lies
 * between the two: a walk over parents, breadth first, in memory that the
 * commits cannot size.
 */
#include "agent/trust/commit.h"

enum ancestry {
	ANCESTRY_FOUND,
	ANCESTRY_NOT_FOUND,  /* all ancestors were read */
	ANCESTRY_INCOMPLETE, /* a commit on the way is not there; whether it was found: see found */
	ANCESTRY_TOO_LONG,   /* not among the first max */
	ANCESTRY_MALFORMED,  /* a commit on the way breaks the grammar; err says how */
	ANCESTRY_TOO_LARGE,  /* a commit on the way is above a limit; err says which */
	ANCESTRY_REFUSED,    /* check said no to a commit between; only with all, and found */
};

/* Whether a commit may stand between. False in *ret_good ends the asking; an error the walk. */
typedef enum lp_code ancestry_check(void *ctx, const struct oid *id, const struct commit *commit,
				    bool *ret_good, struct err *err);

struct ancestry_walk {
	const struct oid *from; /* where to begin: each is read, and compared too */
	size_t from_len;
	struct oid goal; /* found by this id, or by the payload */
	struct payload_id goal_payload;
	/*
	 * False: the walk ends when the goal is found on any way. True: every way must end at the
	 * goal, at an ancestor of the goal that is there, or at a commit without parents.
	 */
	bool all;
	unsigned max; /* the most commits looked at */
	commit_reader *read;
	void *ctx;
	ancestry_check *check; /* NULL: all are good */
	void *check_ctx;

	/* outcome: */
	enum ancestry result;
	bool found;      /* the goal was met */
	bool refused;    /* check said no to one */
	struct oid at;   /* the commit that is not there, or MALFORMED, TOO_LARGE, REFUSED */
	unsigned walked; /* commits read between */
};

/*
 * Walks. LP_OK: w holds the outcome. Otherwise the error of the reader (never LP_NOT_FOUND or
 * LP_LIMIT) or of the check, LP_CORRUPT when it gave bytes of another object, LP_INTERNAL out of
 * memory.
 */
LP_CHECKED enum lp_code lp_ancestry_walk(struct ancestry_walk *w, struct err *err);
#endif

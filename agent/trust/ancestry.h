/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_ANCESTRY_H
#define LIMPET_AGENT_TRUST_ANCESTRY_H
/*
 * Whether one commit is among the ancestors of another, by payload: a walk
 * over parents, breadth first, in memory that the commits cannot size.
 */
#include "agent/trust/commit.h"

enum ancestry {
	ANCESTRY_FOUND,
	ANCESTRY_NOT_FOUND,  /* all ancestors were read */
	ANCESTRY_INCOMPLETE, /* not among those that are there; some are not */
	ANCESTRY_TOO_LONG,   /* not among the first max */
	ANCESTRY_MALFORMED,  /* a commit on the way breaks the grammar; err says how */
	ANCESTRY_TOO_LARGE,  /* a commit on the way is above a limit; err says which */
};

struct ancestry_walk {
	const struct oid *from; /* where to begin: each is read, and compared too */
	size_t from_len;
	struct oid goal; /* found by this id, or by the payload */
	struct payload_id goal_payload;
	unsigned max; /* the most commits looked at */
	commit_reader *read;
	void *ctx;

	/* outcome: */
	enum ancestry result;
	struct oid at; /* of INCOMPLETE: one that is not there; of MALFORMED, TOO_LARGE: that one */
	unsigned walked; /* commits read */
};

/*
 * Walks. LP_OK: w holds the outcome. Otherwise the reader's error (never LP_NOT_FOUND or
 * LP_LIMIT), LP_CORRUPT when it gave bytes of another object, LP_INTERNAL out of memory.
 */
LP_CHECKED enum lp_code lp_ancestry_walk(struct ancestry_walk *w, struct err *err);
#endif

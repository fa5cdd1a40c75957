/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_ANCESTRY_H
#define LIMPET_AGENT_SOURCE_ANCESTRY_H
/* Whether the commits that are there lead from one commit down to another. */
#include "agent/trust/oid.h"
#include "platform/git.h"

enum ancestry {
	ANCESTRY_CONNECTED, /* to is a parent of what was walked, or from itself */
	ANCESTRY_UNRELATED, /* everything was walked, down to commits without parents */
	ANCESTRY_GAP,       /* a commit on the way is not there */
	ANCESTRY_BOUND,     /* LP_ANCESTRY_COMMITS were walked */
};

/*
 * Walks all parents from from, nearest first. Commits are read only as far as their parents: what
 * is in them is judged in trust/. LP_REJECTED: from is no commit; LP_CORRUPT, LP_INTERNAL.
 */
LP_CHECKED enum lp_code lp_ancestry(struct git *git, const struct oid *from, const struct oid *to,
				    enum ancestry *ret, struct err *err);

/*
 * Reads the parent lines of a commit's content into parents (room of them at most, the rest are
 * left out). Returns how many; 0 also for what is no commit.
 */
size_t lp_commit_parents(struct slice content, struct oid *parents, size_t room);
#endif

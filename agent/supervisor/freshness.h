/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_FRESHNESS_H
#define LIMPET_AGENT_SUPERVISOR_FRESHNESS_H
/*
 * Time, as far as it is known, and what it says of the running revision: past
 * its own expires it is stale, and a branch that brings nothing for too long may
 * be held back by somebody. Neither stops what runs.
 */
#include "agent/config.h"
#include "store/clock.h"

#define LP_STALE_WAY_OUT \
	"release it again with a later date: limpet release --expires 90d, and push"
#define LP_QUIET_WAY_OUT                                                                  \
	"look whether the server shows this branch as you pushed it; if it does, push a " \
	"release, or raise trust.newsWithin"

struct source_run; /* supervisor/run.h */

struct freshness {
	int64_t quiet_s;   /* uptime without an accepted revision */
	bool quiet;        /* more of it than trust.newsWithin allows */
	bool stale;        /* the running revision is past its expires */
	int64_t revision;  /* that runs; 0 none */
	int64_t expires_s; /* wall; its own; 0 never */
};

/*
 * Looks at a source. clock is the daemon's, or NULL: the stored one is taken, and its floor raises
 * lp_wall_s. Errors are the store's.
 */
LP_CHECKED enum lp_code lp_freshness_get(struct db *db, const struct source_config *config,
					 const struct stored_clock *clock, struct freshness *ret,
					 struct err *err);

/* --- the supervisor's --- */

/* At the start: takes up the stored floor, and begins to count where nothing was stored. */
void lp_freshness_open(struct source_run *run);

/* Logs, once, when the running revision becomes stale, or when no news come for too long. */
void lp_freshness_look(struct source_run *run);

/* A revision was accepted that its committer dated signed_s: news. Stored. */
void lp_freshness_accepted(struct source_run *run, int64_t signed_s);

/* At a tidy stop. */
void lp_freshness_close(struct source_run *run);
#endif

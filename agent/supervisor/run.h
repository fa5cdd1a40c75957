/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_RUN_H
#define LIMPET_AGENT_SUPERVISOR_RUN_H
/*
 * The supervisor from the inside: its state, and what its files do for each
 * other. Each file owns one part: fetching.c, judging.c and applying.c drive a
 * role each and end with exactly one event to lp_feed.
 */
#include "agent/cluster/step.h"
#include "agent/source/fetched.h"
#include "agent/supervisor/cycle.h"
#include "agent/supervisor/render_wire.h"
#include "agent/supervisor/supervisor.h"
#include "platform/loop.h"
#include "platform/role.h"
#include "platform/systemd.h"
#include "store/state.h"

#define PROBLEM_TEXT (16u * LP_KIB) /* problems of a revision that are kept for people */

struct supervisor;

/* How the last thing that was asked for ended: for the log, the client that waits, exit codes. */
struct outcome {
	int exit; /* 0 as wished, 1 not (refused, incomplete), 2 could not be done */
	char text[LP_ERR_MAX];
};

/* What one apply did. */
struct tally {
	unsigned total, created, configured, unchanged, failed, pruned, kept;
};

/* A person's wish, taken up when the cycle rests. */
struct wishes {
	bool sync;
	bool apply;
};

/* One source and where it is in its cycle. */
struct source_run {
	struct supervisor *super;
	const struct source_config *config;
	char objects[LP_PATH_MAX];
	enum cycle_state state;
	struct wishes wishes;
	bool poll_late, apply_late; /* became due while something else ran */
	struct timer poll, apply;
	int64_t phase_ms;
	int64_t started_ms; /* CLOCK_BOOTTIME; of the cycle that runs */

	struct role_child fetch;
	struct timer fetch_deadline;
	bool fetch_busy;
	struct fetched fetched;

	struct role_child render;
	struct timer render_deadline;
	struct judging *judging; /* owned by judging.c; NULL unless JUDGING */

	struct applying *applying; /* owned by applying.c; NULL unless APPLYING */
	int64_t apply_delay_ms;	   /* the last backoff of applying; 0 none */
	unsigned apply_failures;
	struct tally tally; /* of the last apply that ended */
	bool incomplete;
	bool rebuilt; /* the store was lost: nothing is pruned in this cycle */
	uint64_t polls, sent_bytes, received_bytes;
	uint64_t verdicts[VERDICT_COUNT];
	char problem[PROBLEM_TEXT]; /* what the last refused or incomplete revision lacks, for people */
	struct outcome outcome;
};

/* The cluster role and what it is doing: applying.c */
struct cluster_link {
	struct role_child role;
	bool reached; /* the last thing we heard from the API server was an answer */
	bool kinds_known;
	char error[LP_ERR_MAX];
	int64_t since_s; /* wall; of reached's last change */
};

struct supervisor {
	struct config config, next; /* next: where SIGHUP reads into */
	struct wish wish;
	struct loop *loop;
	struct db *db;
	char db_path[LP_PATH_MAX];
	int lock_fd;
	struct notify notify;
	struct timer watchdog;
	struct control *control;
	struct cluster_link cluster;
	struct source_run run; /* one source for now; sources are a list in the configuration */
	int64_t started_s;     /* wall */
	bool stopping;
	struct err fatal;
};

/* --- supervisor.c --- */

/* Feeds an event into the cycle and carries its action out. */
void lp_feed(struct source_run *run, enum cycle_event event);

/*
 * What a call of the store failed with: told, and where the store is damaged, put aside and
 * made anew. The caller gives up what it was doing.
 */
void lp_store_failed(struct supervisor *super, const char *doing, const struct err *err);

/* Tells a person who waits, or one who watches the log at debug level. */
void lp_progress(struct source_run *run, const char *fmt, ...) LP_PRINTF(2, 3);

/* Sets how it ended. */
void lp_outcome(struct source_run *run, int exit, const char *fmt, ...) LP_PRINTF(3, 4);

/* --- fetching.c --- */
void lp_fetching_start(struct source_run *run);
void lp_fetching_end(struct source_run *run); /* kills the role; no event follows */

/* --- judging.c --- */
void lp_judging_start(struct source_run *run);
void lp_judging_end(struct source_run *run);
/* The digest of what a refusal is judged by now. */
LP_CHECKED enum lp_code lp_judged_by(struct source_run *run, uint8_t ret[32], struct err *err);

/* --- applying.c --- */
void lp_learning_start(struct source_run *run);
void lp_applying_start(struct source_run *run);
void lp_applying_end(struct source_run *run);
LP_CHECKED enum lp_code lp_cluster_start(struct supervisor *super, struct err *err);

/* --- control.c --- */
LP_CHECKED enum lp_code lp_control_open(struct supervisor *super, struct err *err);
void lp_control_close(struct supervisor *super);
/* A line of progress to every client that waits for run, or the outcome, which ends the wait. */
void lp_control_progress(struct supervisor *super, const char *text);
void lp_control_outcome(struct supervisor *super, const struct outcome *outcome);

#endif

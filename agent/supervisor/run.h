/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_RUN_H
#define LIMPET_AGENT_SUPERVISOR_RUN_H
/*
 * The supervisor from the inside: its state, and what its files do for each
 * other. fetching.c, judging.c and applying.c drive a role each, and each thing
 * they start ends with exactly one event to lp_feed.
 */
#include "agent/cluster/applyset.h"
#include "agent/source/fetched.h"
#include "agent/supervisor/cycle.h"
#include "agent/supervisor/leading.h"
#include "agent/supervisor/link.h"
#include "agent/supervisor/render_wire.h"
#include "agent/supervisor/requests.h"
#include "agent/supervisor/scaled.h"
#include "agent/supervisor/supervisor.h"
#include "platform/systemd.h"
#include "store/clock.h"
#include "store/state.h"

#define PROBLEM_BYTES (16u * LP_KIB) /* of a revision's problems that are kept for people */

struct supervisor;
struct json;
struct jval;

/* How the last thing ended: for the log, the client that waits for it, and exit codes. */
struct ending {
	int exit; /* 0 as wished, 1 not (refused, incomplete), 2 could not be done */
	char text[LP_ERR_MAX];
};

/* What one apply did. */
struct tally {
	unsigned total, created, configured, unchanged, failed, pruned, kept;
};

/* What is known of what was accepted before. */
enum floor_standing {
	FLOOR_ASK = 0, /* nothing on this device; perhaps the cluster has a copy */
	FLOOR_KNOWN,   /* or known to be none: a first start */
	FLOOR_LOST,    /* there was one: the parent is ours, and says nothing of it */
};

/* One source and where it is in its cycle. */
struct source_run {
	struct supervisor *super;
	const struct source_config *config;
	char objects[LP_PATH_MAX]; /* its Git objects */
	enum cycle_state state;
	bool poll_late, apply_late; /* due, or wished for, while something else runs */
	bool judge_again;           /* a person asks: refused tips are fetched and judged again */
	bool rolling_back;          /* a person waits for the next apply, and for nothing else */
	struct timer poll, apply;
	struct timer suspension; /* suspending.c's own */
	int64_t phase_ms;
	int64_t poll_at_ms;    /* CLOCK_BOOTTIME; 0 not set */
	int64_t poll_delay_ms; /* the backoff after a failure; 0 none. The store has it for a
				  restart */
	int64_t poll_again_ms; /* CLOCK_BOOTTIME; when that backoff ends */
	int64_t apply_at_ms;   /* CLOCK_BOOTTIME; of the next re-apply or retry, kept over polls */
	struct ending outcome;

	struct link fetch;
	bool fetch_busy;
	struct fetched fetched; /* the last answer */

	enum floor_standing floor;
	bool looked;       /* the cluster's copy of the floor was seen since the start */
	bool keyed;        /* and that of the config digests' key */
	bool listed;       /* and the labels there were compared with the inventory */
	bool config_stale; /* another agent has applied: what workloads carry is asked anew */

	struct link render;
	struct judging *judging; /* judging.c's own; NULL unless it works */

	struct leading leading;        /* leading.c's own */
	struct applying *applying;     /* applying.c's own; NULL unless it works */
	struct scaled scaled;          /* of the desired revision */
	struct watching *watching;     /* watching.c's own; NULL in one that does not watch */
	struct announcing *announcing; /* announcing.c's own; NULL until there is something */
	bool deep;                     /* the next apply passes over nothing */
	int64_t deep_ms;               /* CLOCK_BOOTTIME; when one that did has ended */
	int64_t apply_delay_ms;        /* the last backoff of applying; 0 none */
	bool incomplete;               /* the last apply left something out */
	bool rebuilt;                  /* the store was lost: the next apply prunes nothing */
	struct tally tally;            /* of the last apply that ended */
	struct buf problems; /* what the last refused or incomplete revision lacks, line by line */

	uint64_t polls, sent_bytes, received_bytes; /* since the start */

	/* freshness.c's own */
	struct stored_clock clock; /* of this boot */
	int64_t clock_at_ms;       /* CLOCK_BOOTTIME; when it was written; 0 by another boot */
	struct timer hour;
	bool told_stale, told_quiet, told_far;
};

/* The cluster role. */
struct cluster_link {
	struct link link;
	uint64_t last_id;  /* of the steps of all plans: no answer can be taken for another's */
	bool discovered;   /* the kinds in the store are what this role was told last */
	bool reached;      /* the API server answered last time */
	int64_t reached_s; /* wall; of the last change of reached */
	char error[LP_ERR_MAX];
	struct request_ring requests;
};

struct supervisor {
	struct config config;
	struct wish wish;
	struct loop *loop;
	struct db *db;
	char db_path[LP_PATH_MAX];
	int lock_fd;
	struct notify notify;
	struct timer first, watchdog;
	struct control *control; /* NULL without a daemon */
	struct telling *telling; /* telling.c's own; NULL until something happened */
	struct cluster_link cluster;
	struct source_run run; /* one for now; sources are a list in the configuration */
	int64_t started_s;     /* wall */
	bool stopping;
	int exit;
	struct err fatal;
};

/* --- supervisor.c --- */

/* Sets when the next poll and the next apply are due, by what is stored. */
void lp_set_timers(struct source_run *run);

/* Feeds an event into the cycle and carries its action out. */
void lp_feed(struct source_run *run, enum cycle_event event);

/* Sets how the thing at hand ended, unless something worse ended in the same cycle. */
void lp_outcome(struct source_run *run, int exit, const char *fmt, ...) LP_PRINTF(3, 4);

/* A line for the person who waits, if any. */
void lp_progress(struct source_run *run, const char *fmt, ...) LP_PRINTF(2, 3);

/*
 * What a call of the store failed with is logged and made the outcome (exit 2). A damaged store
 * is put aside and made anew. The caller gives up what it was doing.
 */
void lp_store_failed(struct source_run *run, const char *doing, const struct err *err);

/* The state of the source as it is stored; zeroes when that fails (which is then told). */
struct source_state lp_stored_state(struct source_run *run);

/* --- fetching.c: one poll; ends with NEWS, NO_NEWS or FETCH_FAILED --- */
void lp_fetching_start(struct source_run *run);
void lp_fetching_end(struct source_run *run); /* no event follows */
/* Logs event with why, makes it the outcome, and backs off; also stored, for a restart. */
void lp_poll_failed(struct source_run *run, const char *event, const char *why,
		    int64_t retry_after_ms);
/* A poll came to its end, whatever the verdict: a run of failures is over, if there was one. */
void lp_poll_settled(struct source_run *run);

/* --- judging.c: verify, render, store; ends with ACCEPTED, REFUSED or JUDGE_FAILED --- */
void lp_judging_start(struct source_run *run);
void lp_judging_end(struct source_run *run); /* no event follows */

/* The way out of a refusal by its name, also of one that render gave; "" for "accepted". */
const char *lp_refusal_way_out(const char *name);

/* The digest of what a refusal is judged by now. LP_CONFIG: the signers file cannot be used. */
LP_CHECKED enum lp_code lp_judged_by(struct source_run *run, uint8_t ret[32], struct err *err);

/* --- floor.c: the copies of the trust floor --- */

/* At the start, and when the store was made anew: the copies on this device agree afterwards. */
void lp_floor_open(struct source_run *run);
/* After an accept: the copy beside the store says so too. What fails is logged; tried again at the
 * next accept and start. */
void lp_floor_copy(struct source_run *run);
/* What the cluster's copy says: present is false when there is no parent; text is its annotation,
 * "" none. */
void lp_floor_seen(struct source_run *run, bool present, const char *text);
/* What the cluster's copy is to say; "" nothing. Returns to. */
const char *lp_floor_text(struct source_run *run, char to[LP_APPLYSET_FLOOR_TEXT]);
/* Whether what was accepted last is not in the store: what is stored is older, and not applied. */
bool lp_floor_is_ahead(struct source_run *run);
/* LP_CONFIG while a person must say what holds; with what they can do. */
LP_CHECKED enum lp_code lp_floor_lost(struct source_run *run, struct err *err);
/* LP_TRANSIENT while it is not known whether anything was accepted before; else lp_floor_lost. */
LP_CHECKED enum lp_code lp_floor_unknown(struct source_run *run, struct err *err);

/* --- applying.c --- */
void lp_learning_start(struct source_run *run); /* ends with LEARNED or AWAY */
void lp_applying_start(struct source_run *run); /* ends with APPLIED or AWAY */
void lp_applying_end(struct source_run *run);   /* no event follows; ends the cluster role */
/* Makes what an apply has written so far durable, so that other transactions do not join its batch.
 */
void lp_applying_flush(struct source_run *run);

/* --- control.c: the socket --- */
LP_CHECKED enum lp_code lp_control_open(struct supervisor *super, struct err *err);
void lp_control_close(struct supervisor *super);
/* A line of progress for each client that waits; the outcome ends their wait. */
void lp_control_progress(struct supervisor *super, const char *text);
void lp_control_outcome(struct supervisor *super, const struct ending *ending);
/* Whether anybody follows what happens; and a line for each who does: row of telling.h, of doc. */
bool lp_control_is_followed(const struct supervisor *super);
void lp_control_happening(struct supervisor *super, struct json *doc, struct jval *row);

/* --- wishes.c: what a person asks for; each answers at once with LP_OK or why not --- */
LP_CHECKED enum lp_code lp_wish_sync(struct source_run *run, struct err *err);
LP_CHECKED enum lp_code lp_wish_rollback(struct source_run *run, const char *revision,
					 struct err *err);
LP_CHECKED enum lp_code lp_wish_resume(struct source_run *run, struct err *err);
/* for_ms 0: until lp_wish_resume. */
LP_CHECKED enum lp_code lp_wish_suspend(struct source_run *run, int64_t for_ms, struct err *err);
/* A suspension has ended: what was held up goes on. */
void lp_wish_go_on(struct source_run *run);
/* lp_floor_reset of supervisor.h; when sure, the branch is then judged anew. */
LP_CHECKED enum lp_code lp_wish_trust_reset(struct source_run *run, bool sure,
					    char told[LP_ERR_MAX], struct err *err);
/* The exit code for a wish that was answered so: 1 when it asks for what is not there, else 2. */
int lp_wish_exit(enum lp_code code);

#endif

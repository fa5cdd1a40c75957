/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_APPLYING_H
#define LIMPET_AGENT_SUPERVISOR_APPLYING_H
/*
 * One apply from the inside, for the files that drive the cluster role:
 *
 *	applying.c	begins and ends it, and hands its events on
 *	reaching.c	until there is a plan: LEASE, CONNECT, LOOK, RECOVER
 *	preparing.c	what config digests need: CONFIG_KEY, CONFIG_LOOK
 *	planning.c	the plan: lp_plan_next says what to send, each event goes back to it
 *	planned.c	what came of it: into the store, and to people
 */
#include "agent/supervisor/cluster.h"
#include "agent/supervisor/ledger.h"
#include "agent/supervisor/walks.h"

#define LP_AWAY_MS    20000  /* so long a plan waits for the API server before it is put off */
#define LP_SILENCE_MS 180000 /* a role with steps that says nothing for so long hangs */

/* Of the steps before a plan; ids of the plan grow from 1. */
#define LP_CONNECT_ID (1ull << 62)
#define LP_RECOVER_ID (LP_CONNECT_ID + 1)
#define LP_LOOK_ID    (LP_CONNECT_ID + 2)
#define LP_KEY_ID     (LP_CONNECT_ID + 3)
#define LP_CARRIED_ID (LP_CONNECT_ID + 4)

enum part {
	PART_LEASE,
	PART_CONNECT,
	PART_LOOK,
	PART_RECOVER,
	PART_KEY,
	PART_CARRIED,
	PART_PLAN,
};

struct applying {
	enum part part;
	bool asked;       /* a step before the plan is under way */
	bool learning;    /* end before RECOVER */
	int64_t since_ms; /* CLOCK_BOOTTIME; the API server has been away since, 0: it is not */
	char away[LP_ERR_MAX];
	struct kind_list kinds;
	struct ledger ledger;
	struct walks walks;
	struct plan plan;
	struct timer wake;
	bool deep;                 /* nothing is passed over; wished for again unless it ends */
	unsigned found;            /* objects that RECOVER told of */
	bool known;                /* there was an inventory before that */
	bool recover_again;        /* what it told so far was given up */
	struct stored_key carried; /* the workload that CONFIG_LOOK is asked about */
	unsigned done;             /* objects, for progress */
	unsigned deleted_told, changed_told;
	int64_t told_ms;
};

/* --- applying.c: how it ends --- */

/* Frees it; the role lives on. No event follows. */
void lp_applying_clean(struct source_run *run);
/* Ends it with AWAY: the API server, or the role, is not there; said is why. */
void lp_applying_away(struct source_run *run, const char *said);
/* Ends it with AWAY, and the role: the store gave up while doing. */
void lp_applying_store_failed(struct source_run *run, const char *doing, const struct err *err);
/* Whether an apply waits for the lease. */
bool lp_applying_waits(const struct source_run *run);
/* Another agent holds the lease: what is under way ends with AWAY, unless it only learns. */
void lp_applying_standby(struct source_run *run);
/* The lease was renewed: a plan that has waited for that goes on. */
void lp_applying_renewed(struct source_run *run);
/* The lease's time is over and it could not be renewed, said is why: a plan ends with AWAY. */
void lp_applying_unled(struct source_run *run, const char *said);
/* The next try of an apply comes later than the one before it. */
void lp_applying_back_off(struct source_run *run);
/* LP_REJECTED: the role is not to be believed in anything. */
enum lp_code lp_applying_not_asked(const struct event *event, struct err *err);

/* --- reaching.c: ends with LEARNED, AWAY, APPLIED, or in a plan --- */
void lp_reaching_start(struct source_run *run);
/* The lease is ours. */
void lp_reaching_led(struct source_run *run);
/* Its timer. */
void lp_reaching_wake(struct source_run *run);
/* LP_REJECTED: it is not of what was asked. */
LP_CHECKED enum lp_code lp_reaching_event(struct source_run *run, const struct event *event,
					  struct err *err);

/* Sends a step with an id of above; the API server's being away ends the apply. */
void lp_reaching_send(struct source_run *run, struct step *step);
/* Event (RETRY, FAILED) says why the step did not end well: it is sent again by the timer, for as
 * long as there is patience. */
void lp_reaching_put_off(struct source_run *run, const struct event *event);

/* --- preparing.c: ends with AWAY or in a plan --- */
void lp_preparing_start(struct source_run *run);
/* Sends the step under way again. */
void lp_preparing_again(struct source_run *run);
/* What that step ended with. */
void lp_preparing_event(struct source_run *run, const struct event *event);

/* --- planning.c: ends with APPLIED or AWAY --- */
void lp_planning_start(struct source_run *run);
/*
 * Sends what the plan gives until it holds or ends, or until there is no room: the answers to
 * what is under way come here again. Its timer, too.
 */
void lp_planning_go_on(struct source_run *run);
/* LP_REJECTED: no such step is under way. What the store fails with is dealt with here. */
LP_CHECKED enum lp_code lp_planning_event(struct source_run *run, const struct event *event,
					  struct err *err);

/* --- planned.c: what came of the plan --- */
/* Tells of an object that was not applied, or pruned, or of a kind that did not come. */
void lp_planned_problem(struct source_run *run, enum step_kind kind,
			const struct plan_object *object, const char *message);
/* An object that is done: tells of it, has it watched or not, and puts it into the inventory. */
LP_CHECKED enum lp_code lp_planned_done(struct source_run *run, enum step_kind kind,
					const struct plan_object *object, const struct event *event,
					struct err *err);
/* An object of the plan was deleted, to be made anew. */
void lp_planned_deleted(struct source_run *run, const struct event *event);
/* The plan is over: stores and tells how, and ends the apply with APPLIED. */
void lp_planned_end(struct source_run *run);
#endif

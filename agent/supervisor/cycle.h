/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_CYCLE_H
#define LIMPET_AGENT_SUPERVISOR_CYCLE_H
/*
 * What happens next: one table, state x event, and nothing else decides it. It
 * is pure: the supervisor feeds events in and carries the actions out.
 *
 *	IDLE -> FETCHING -> LEARNING -> JUDGING -> APPLYING -> IDLE
 *
 * Every error leads back to IDLE, where timers say when to try again.
 */

enum cycle_state {
	CYCLE_IDLE,     /* waiting for a timer or a person */
	CYCLE_FETCHING, /* the fetch role asks the Git server */
	CYCLE_LEARNING, /* the cluster role finds out which kinds there are */
	CYCLE_JUDGING,  /* the render role verifies and renders; objects go into the store */
	CYCLE_APPLYING, /* the cluster role carries out the plan */
	CYCLE_STOPPING, /* the way out; nothing starts any more */
	CYCLE_STATES,
};

enum cycle_event {
	CYCLE_POLL_DUE,  /* the schedule, or `limpet sync` */
	CYCLE_APPLY_DUE, /* start, re-apply, retry, or `limpet rollback` */
	CYCLE_NEWS,      /* fetched: a tip that is not known yet */
	CYCLE_NO_NEWS,   /* fetched: the tip is the accepted one, or one refused before */
	CYCLE_FETCH_FAILED,
	CYCLE_LEARNED,      /* kinds are known, or the API server is away and we go on without */
	CYCLE_ACCEPTED,     /* judged: stored, floor raised */
	CYCLE_REFUSED,      /* judged: remembered; what runs goes on running */
	CYCLE_JUDGE_FAILED, /* no answer: a crash, a deadline, a full disk */
	CYCLE_APPLIED,      /* the plan has ended, whole or not */
	CYCLE_AWAY,         /* the API server cannot be reached; tried again later */
	CYCLE_STOP,
	CYCLE_EVENTS,
};

enum cycle_action {
	CYCLE_NOTHING,
	CYCLE_FETCH,
	CYCLE_LEARN,
	CYCLE_JUDGE,
	CYCLE_APPLY, /* the desired revision, if there is one */
	CYCLE_REST,  /* set the timers; do what became due meanwhile */
	CYCLE_LATER, /* remember that it is due; REST looks at it */
	CYCLE_END,   /* end the roles and the loop */
	CYCLE_NEVER, /* this event cannot happen in this state: a bug, logged */
};

struct cycle_cell {
	enum cycle_action action;
	enum cycle_state next;
};

/* What to do about event in state, and the state after it. */
struct cycle_cell lp_cycle(enum cycle_state state, enum cycle_event event);

/* Names for logs and status: "fetching", "poll-due"; never NULL. */
const char *lp_cycle_state_name(enum cycle_state state);
const char *lp_cycle_event_name(enum cycle_event event);
#endif

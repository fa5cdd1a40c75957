/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_LEADING_H
#define LIMPET_AGENT_SUPERVISOR_LEADING_H
/*
 * One writer: of the agents that follow the same source on one cluster, the one that holds its
 * Lease writes, and the others stand by. No two clocks are compared: a holder is gone when its
 * record has not changed for as long as the record says, by our own CLOCK_BOOTTIME.
 *
 * While the API server is away a holder stays one: nobody else can write either. But it begins
 * nothing new once its time is over before it has renewed. It asks again soon enough to have
 * renewed, once the API server is back, before the others, who count from its first answer on,
 * take it for gone.
 */
#include "agent/cluster/lease.h"
#include "platform/loop.h"

enum leading_state { LEADING_NOT, LEADING_HELD, LEADING_STANDBY };

struct leading {
	enum leading_state state;
	int64_t since_s;                       /* wall; of the state */
	char us[LP_HOLDER_MAX];                /* who we are */
	char instance[LP_INSTANCE_MAX];        /* this process */
	char version[LP_RESOURCE_VERSION_MAX]; /* of the record, as last told */
	struct lease other;                    /* STANDBY: whose it is */
	int64_t seen_ms;    /* CLOCK_BOOTTIME; STANDBY: since when it is seen as it is */
	int64_t sent_ms;    /* CLOCK_BOOTTIME; of the step under way */
	int64_t renewed_ms; /* CLOCK_BOOTTIME; HELD: when the last good renewal was sent */
	int64_t duration_s, transitions; /* HELD: as we wrote them */
	unsigned servers;                /* nodes that may run another agent; 2 for any more */
	int64_t counted_ms;              /* CLOCK_BOOTTIME; when they were; 0 never */
	uint32_t beat;
	bool again;     /* it was ours before, since the start */
	bool blind;     /* STANDBY: the last look had no answer; nor may the holder have had one */
	bool asked;     /* a step is under way */
	bool releasing; /* the last one; then the loop ends */
	struct timer timer;
};

struct source_run; /* supervisor/run.h */
struct event;

/* Once, before anything below. Errors of lp_machine_name. */
LP_CHECKED enum lp_code lp_leading_open(struct source_run *run, struct err *err);

/* Whether we may write now, for certain. */
bool lp_leading_holds(const struct source_run *run);

/* Asks for the lease; lp_reaching_led is told. */
void lp_leading_ask(struct source_run *run);

/* Gives the lease back if it is ours, and then, or after a while, stops the loop. No plan runs. */
void lp_leading_release(struct source_run *run);

/* Another cluster may be meant from now on: nothing that was known holds. */
void lp_leading_forget(struct source_run *run);

/* Who holds it and what a person can do, or "" when nobody else does. Returns to. */
const char *lp_leading_other(const struct source_run *run, char *to, size_t size);

/* --- from cluster.c --- */

/* Whether an event is of a step of this file. */
bool lp_leading_is(const struct event *event);
/* LP_REJECTED: nothing was asked. */
LP_CHECKED enum lp_code lp_leading_event(struct source_run *run, const struct event *event,
					 struct err *err);
/* The role is gone, or was ended: what was asked has no answer. */
void lp_leading_gone(struct source_run *run);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the cluster role: begins an apply, hands its events on, ends it; see applying.h. */
#include "agent/supervisor/applying.h"

#include "agent/supervisor/schedule.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"
#include "store/revision.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY_BASE_MS 5000 /* of the backoff; the API server is on this device */
#define RETRY_CAP_MS  60000

/* --- how it ends --- */

void lp_applying_clean(struct source_run *run)
{
	struct applying *a = run->applying;

	if (!a)
		return;
	if (a->part == PART_PLAN)
		run->super->cluster.last_id = a->plan.last_id;
	run->deep |= a->deep;
	lp_ledger_close(&a->ledger);
	lp_loop_timer_cancel(run->super->loop, &a->wake);
	lp_kind_list_free(&a->kinds);
	lp_walks_free(&a->walks);
	free(a);
	run->applying = NULL;
	lp_link_deadline(&run->super->cluster.link, lp_watching_looks(run) ? LP_SILENCE_MS : 0);
}

void lp_applying_end(struct source_run *run)
{
	lp_applying_clean(run);
	lp_cluster_end(run->super);
}

void lp_applying_flush(struct source_run *run)
{
	struct err err = {0};

	lp_watching_flush(run);
	if (!run->applying)
		return;
	if (run->applying->part == PART_RECOVER) {
		/* half an inventory must not become durable: all is listed once more */
		lp_ledger_close(&run->applying->ledger);
		run->applying->recover_again = true;
	} else if (lp_ledger_flush(&run->applying->ledger, &err) != LP_OK) {
		lp_store_failed(run, "write the inventory", &err);
	}
}

void lp_applying_back_off(struct source_run *run)
{
	int64_t delay_ms = lp_schedule_backoff(run->apply_delay_ms, RETRY_BASE_MS, -1);
	int64_t cap_ms = run->super->config.cluster.reconcile_ms;

	if (cap_ms > RETRY_CAP_MS)
		cap_ms = RETRY_CAP_MS;
	run->apply_delay_ms = delay_ms < cap_ms ? delay_ms : cap_ms;
}

/*
 * All is as the journal says; for now nothing more is done.
 * The steps of a plan that are under way end with their role: a delete that answers late, or is
 * only sent then, must not meet what the next plan, or another agent, has applied.
 */
static void give_up(struct source_run *run)
{
	bool planned = run->applying->part == PART_PLAN;
	struct err err = {0};

	/* half an inventory that is being recovered must not become durable */
	if (run->applying->part != PART_RECOVER &&
	    lp_ledger_flush(&run->applying->ledger, &err) != LP_OK)
		lp_store_failed(run, "write the inventory", &err);
	lp_applying_clean(run);
	if (planned)
		lp_cluster_end(run->super);
}

/* The API server, or the role, is not there; tried again later. */
void lp_applying_away(struct source_run *run, const char *said)
{
	bool learning = run->applying->learning;
	char why[LP_ERR_MAX];

	snprintf(why, sizeof(why), "%s", said); /* it may lie in what is freed here */
	give_up(run);
	if (!learning) {
		lp_applying_back_off(run);
		run->incomplete = true;
		lp_outcome(run, 2, "the API server: %s", why);
	}
	lp_feed(run, CYCLE_AWAY);
}

bool lp_applying_waits(const struct source_run *run)
{
	return run->applying && run->applying->part == PART_LEASE;
}

void lp_applying_standby(struct source_run *run)
{
	char other[LP_ERR_MAX];

	if (!run->applying || run->applying->learning)
		return;
	give_up(run);
	run->incomplete = true; /* and so all is learned anew when it is our turn */
	lp_outcome(run, 2, "not applied, this agent stands by: %s",
		   lp_leading_other(run, other, sizeof(other)));
	lp_feed(run, CYCLE_AWAY);
}

void lp_applying_renewed(struct source_run *run)
{
	if (run->applying && run->applying->part == PART_PLAN)
		lp_planning_go_on(run);
}

void lp_applying_unled(struct source_run *run, const char *said)
{
	char why[LP_ERR_MAX];

	if (!run->applying || run->applying->part != PART_PLAN)
		return;
	snprintf(why, sizeof(why), "the lease cannot be renewed: %s", said);
	lp_applying_away(run, why);
}

/* The store gave up: nothing more goes to the cluster now. */
void lp_applying_store_failed(struct source_run *run, const char *doing, const struct err *err)
{
	/* Steps under way end in the old role; the next apply begins with a new one. First of all,
	 * because a damaged store is closed next, and our transaction with it. */
	lp_applying_end(run);
	lp_store_failed(run, doing, err);
	lp_applying_back_off(run);
	lp_feed(run, CYCLE_AWAY);
}

void lp_applying_gone(struct source_run *run, const char *why)
{
	if (run->applying) {
		lp_applying_away(run, why);
		return;
	}
	/* what is watched needs the role: an apply starts it again */
	run->deep = true;
	lp_applying_back_off(run);
	run->apply_at_ms = lp_boot_ms() + run->apply_delay_ms;
	lp_loop_timer_set(run->super->loop, &run->apply, run->apply_at_ms);
}

enum lp_code lp_applying_not_asked(const struct event *event, struct err *err)
{
	return lp_err_set(err, LP_REJECTED, "an answer (%s) to what was not asked",
			  lp_event_kind_name(event->kind));
}

/* --- events and timers --- */

enum lp_code lp_applying_event(struct source_run *run, const struct event *event, struct err *err)
{
	struct applying *a = run->applying;

	/* A role that answers what nobody asked is not to be believed in anything. */
	if (!a)
		return lp_applying_not_asked(event, err);
	lp_link_deadline(&run->super->cluster.link, LP_SILENCE_MS);
	if (a->part == PART_PLAN && event->kind == EVENT_KIND)
		return LP_OK; /* a CRD of this plan; the next CONNECT tells it with all others */
	if (a->part == PART_PLAN && event->kind == EVENT_DELETED) {
		lp_planned_deleted(run, event);
		return LP_OK;
	}
	return a->part == PART_PLAN ? lp_planning_event(run, event, err)
				    : lp_reaching_event(run, event, err);
}

static void wake(void *ctx)
{
	struct source_run *run = ctx;

	if (run->applying->part == PART_PLAN)
		lp_planning_go_on(run);
	else
		lp_reaching_wake(run);
}

static bool begin(struct source_run *run, bool learning)
{
	struct applying *a = calloc(1, sizeof(*a));

	if (!a)
		return false;
	a->learning = learning;
	a->ledger = (struct ledger){.db = run->super->db, .config = run->config};
	a->wake = (struct timer){.fire = wake, .ctx = run};
	run->applying = a;
	return true;
}

void lp_learning_start(struct source_run *run)
{
	struct stored_kind kind;
	struct err err = {0};

	/* What we know is enough, unless it was not enough last time. */
	bool known = lp_kind_nth(run->super->db, 0, &kind, &err) == LP_OK && !run->incomplete &&
		     run->looked;
	if (known || !begin(run, true)) {
		lp_feed(run, CYCLE_LEARNED);
		return;
	}
	lp_reaching_start(run);
}

void lp_applying_start(struct source_run *run)
{
	struct source_state state = lp_stored_state(run);
	struct err err = {0};

	if (state.suspended) /* since this cycle began */
		lp_outcome(run, 1, "%s is suspended; limpet resume ends that", run->config->name);
	if (!state.desired || (state.suspended && !run->watching)) {
		lp_feed(run, CYCLE_APPLIED);
		return;
	}
	if (!begin(run, false)) {
		lp_outcome(run, 2, "out of memory");
		lp_feed(run, CYCLE_AWAY);
		return;
	}
	if (lp_revision_get(run->super->db, run->config->name, state.desired,
			    &run->applying->ledger.revision, &err) != LP_OK) {
		lp_applying_store_failed(run, "read the revision", &err);
		return;
	}
	lp_reaching_start(run);
}

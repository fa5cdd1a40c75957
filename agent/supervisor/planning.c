/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An apply, second part: the plan of the desired revision. The journal holds the intent from before
 * the first write until the end, and each object is in the inventory before it can be in the
 * cluster, so that a crash anywhere forgets nothing that prune would have to find.
 */
#include "agent/pointers.h"
#include "agent/supervisor/applying.h"
#include "agent/supervisor/deciding.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"
#include "store/revision.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TRIES 5 /* of one object that is not ready (a namespace that ends) */

/*
 * Pods that restart now would read what was there before, and nothing would restart them later: the
 * digest tells of the new one then. So they wait for an apply in which all is there.
 */
static void hold_restarts(struct source_run *run)
{
	struct applying *a = run->applying;

	if (a->ledger.config_stays || !a->plan.result.config_refused)
		return;
	a->ledger.config_stays = true;
	lp_log(LOG_LEVEL_WARN, "restarts-held", "source", run->config->name, "why",
	       "a ConfigMap or Secret was not applied; pods restart for the others when it is",
	       NULL);
}

enum lp_code lp_planning_event(struct source_run *run, const struct event *event, struct err *err)
{
	struct applying *a = run->applying;
	const struct plan_object *object = NULL;
	enum step_kind kind = STEP_CONNECT;
	struct err store_err = {0};
	enum plan_verdict verdict = lp_plan_event(&a->plan, event, lp_boot_ms(), &kind, &object);

	if (verdict == PLAN_STRANGE)
		return lp_applying_not_asked(event, err);
	hold_restarts(run);
	if (!a->plan.away) {
		a->since_ms = 0;
		lp_cluster_reached(run->super, "");
	} else {
		lp_cluster_reached(run->super, event->message);
		snprintf(a->away, sizeof(a->away), "%s", event->message);
		if (!a->since_ms)
			a->since_ms = lp_boot_ms();
	}
	/* a CRD was applied, or a kind is not served: what is known of kinds does not hold */
	if (kind == STEP_WAIT || event->code == LP_NOT_FOUND)
		run->super->cluster.discovered = false;
	if (verdict == PLAN_SETTLED && object && event->kind != EVENT_DONE)
		lp_planned_problem(run, kind, object, event->message);
	else if (verdict == PLAN_SETTLED && object && kind != STEP_WAIT &&
		 lp_planned_done(run, kind, object, event, &store_err) != LP_OK) {
		lp_applying_store_failed(run, "write the inventory", &store_err);
		return LP_OK;
	}
	lp_planning_go_on(run);
	return LP_OK;
}

/* What may differ is left to a look where drift is only reported, until its content is new. */
static bool is_left(const struct source_run *run, const struct plan_object *object,
		    const struct decision *decision)
{
	return decision->leave ||
	       (run->watching && object->once &&
		lp_drift_mode(&run->super->config, run->config, decision) == DRIFT_MODE_REPORT);
}

/* Nothing is sent of an object: its step is over. */
static void pass_over(struct source_run *run, const struct step *step)
{
	const struct event event = {.id = step->id, .kind = EVENT_DONE, .key = step->key};
	const struct plan_object *object = NULL;
	struct applying *a = run->applying;
	enum step_kind kind = STEP_APPLY;

	if (lp_plan_event(&a->plan, &event, lp_boot_ms(), &kind, &object) == PLAN_SETTLED)
		a->done += kind == STEP_APPLY;
	/* what is known of kinds does not hold, waited for or not */
	if (kind == STEP_WAIT)
		run->super->cluster.discovered = false;
}

static enum lp_code decide(struct source_run *run, const struct plan_object *object,
			   struct buf *body, struct decision *ret, struct err *err)
{
	const struct ledger *ledger = &run->applying->ledger;

	LP_TRY(lp_ledger_body(ledger, object, body, err));
	LP_TRY(lp_scaled_read(run->super->db, run->config->name, run->config->ns,
			      ledger->revision.id, &run->scaled, err));
	return lp_decide(run->config, &run->scaled, &object->key, LP_SLICE_OF(body), ret, err);
}

static enum lp_code send_step(struct source_run *run, struct step *step,
			      const struct plan_object *object, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_OBJECT_BYTES);
	LP_AUTO(lp_decision_free) struct decision decision = {0};
	char floor[LP_APPLYSET_FLOOR_TEXT];

	if (step->kind == STEP_PARENT) {
		lp_floor_text(run, floor);
		step->body = (struct slice){(const uint8_t *)floor, strlen(floor)};
	}
	if (step->kind == STEP_APPLY || step->kind == STEP_WAIT)
		LP_TRY(decide(run, object, &body, &decision, err));
	if (step->kind == STEP_WAIT && decision.no_wait) {
		pass_over(run, step);
		return LP_OK;
	}
	if (step->kind == STEP_APPLY) {
		if (lp_scaled_drops(object, LP_SLICE_OF(&body)))
			LP_TRY(lp_buf_str(&decision.handed, LP_REPLICAS_POINTER "\n", err));
		if (is_left(run, object, &decision)) {
			if (decision.leave) /* it is no longer ours to see */
				lp_watching_pruned(run, &object->key);
			else
				lp_watching_left(run, &object->key);
			pass_over(run, step);
			return LP_OK;
		}
		step->body = LP_SLICE_OF(&body);
		step->handed = LP_SLICE_OF(&decision.handed);
		step->make_only = decision.make_only;
	}
	lp_link_deadline(&run->super->cluster.link, LP_SILENCE_MS);
	return lp_cluster_step(run->super, step, err);
}

static void set_wake(struct source_run *run)
{
	struct applying *a = run->applying;
	int64_t wake_ms = lp_plan_wake_ms(&a->plan);

	/* A server that asks for a day of rest must not hold up the polls of that day. */
	if (a->since_ms && wake_ms > a->since_ms + LP_AWAY_MS)
		wake_ms = a->since_ms + LP_AWAY_MS + 1;
	if (wake_ms != INT64_MAX)
		lp_loop_timer_set(run->super->loop, &a->wake, wake_ms);
}

/* Whether one more step is sure to fit behind those that the role has not taken yet. */
static bool has_room(const struct source_run *run)
{
	return lp_link_waiting(&run->super->cluster.link) <= LP_FRAME_MAX;
}

void lp_planning_go_on(struct source_run *run)
{
	struct applying *a = run->applying;
	const struct plan_object *object = NULL;
	enum plan_answer answer = PLAN_STEP;
	struct err err = {0};

	if (a->since_ms && lp_boot_ms() - a->since_ms > LP_AWAY_MS) {
		lp_applying_away(run, a->away);
		return;
	}
	if (!lp_leading_holds(run)) /* a renewal takes long: nothing new before its answer */
		return;
	while (answer == PLAN_STEP && has_room(run)) {
		struct step step;
		enum lp_code code =
			lp_plan_next(&a->plan, lp_boot_ms(), &answer, &step, &object, &err);
		if (code == LP_OK && answer == PLAN_STEP)
			code = send_step(run, &step, object, &err);
		if (code != LP_OK) {
			lp_applying_store_failed(run, "read the revision", &err);
			return;
		}
	}
	if (answer == PLAN_END)
		lp_planned_end(run);
	else if (answer == PLAN_HOLD)
		set_wake(run);
}

void lp_planning_start(struct source_run *run)
{
	struct applying *a = run->applying;
	unsigned in_flight = 2 * (unsigned)run->super->config.cluster.concurrency;
	struct plan_policy policy = {
		.prune = !run->rebuilt,
		.allow_empty = run->config->allow_empty,
		.in_flight = in_flight < LP_PLAN_ITEMS ? in_flight : LP_PLAN_ITEMS,
		.tries = TRIES,
	};
	struct err err = {0};

	a->part = PART_PLAN;
	a->since_ms = 0;
	if (lp_watching_seed(run, &err) != LP_OK ||
	    lp_copy(policy.source, sizeof(policy.source), run->config->name, &err) != LP_OK ||
	    lp_copy(policy.default_ns, sizeof(policy.default_ns), run->config->ns, &err) != LP_OK ||
	    lp_ledger_begin(&a->ledger, &err) != LP_OK) {
		lp_applying_store_failed(run, "begin the apply", &err);
		return;
	}
	a->walks = (struct walks){.db = run->super->db,
				  .source = run->config->name,
				  .ns = run->config->ns,
				  .revision = a->ledger.revision.id,
				  .config_digest = run->config->config_digest,
				  .deep = run->deep,
				  .drift = run->watching ? &run->watching->drift : NULL};
	a->deep = run->deep;
	run->deep = false; /* one that is wished for from now on is another */
	struct plan_reader reader = lp_walks_reader(&a->walks);
	lp_plan_begin(&a->plan, &policy, &reader);
	a->plan.last_id = run->super->cluster.last_id;
	lp_buf_clear(&run->problems);
	lp_progress(run, "applying revision %" PRId64 ": %u objects", a->ledger.revision.id,
		    a->ledger.revision.objects);
	lp_planning_go_on(run);
}

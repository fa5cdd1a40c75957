/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An apply, second part: the plan of the desired revision. The journal holds the intent from before
 * the first write until the end, and each object is in the inventory before it can be in the
 * cluster, so that a crash anywhere forgets nothing that prune would have to find.
 */
#include "agent/supervisor/applying.h"
#include "agent/supervisor/deciding.h"
#include "agent/supervisor/telling.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"
#include "store/revision.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TRIES 5   /* of one object that is not ready (a namespace that ends) */
#define TOLD  100 /* of one apply and sort; the rest would push out what happened before */

/* --- its end --- */

static void make_tally(struct source_run *run)
{
	const struct plan_result *r = &run->applying->plan.result;

	run->tally = (struct tally){.total = run->applying->ledger.revision.objects,
				    .created = r->created,
				    .configured = r->configured,
				    .unchanged = r->unchanged,
				    .failed = r->unknown + r->refused + r->prune_refused,
				    .pruned = r->pruned + r->gone,
				    .kept = r->kept};
}

static void tell_end(struct source_run *run, const char *state)
{
	const struct revision *revision = &run->applying->ledger.revision;
	const struct plan_result *r = &run->applying->plan.result;
	const struct tally *t = &run->tally;
	char id[24], objects[16], changed[32], pruned[16], hex[LP_OID_TEXT];

	snprintf(id, sizeof(id), "%" PRId64, revision->id);
	snprintf(objects, sizeof(objects), "%u", t->total);
	snprintf(changed, sizeof(changed), "%u", t->created + t->configured);
	snprintf(pruned, sizeof(pruned), "%u", t->pruned);
	lp_hex(revision->commit, sizeof(revision->commit), hex);
	lp_log(r->complete ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, state, "source", run->config->name,
	       "revision", id, "commit", hex, "objects", objects, "changed", changed, "pruned",
	       pruned, "not-pruned", r->not_pruned, NULL);
	lp_outcome(
		run, r->complete ? 0 : 1,
		"revision %s (%.12s) is %s: %u objects, %u created, %u configured, %u unchanged, "
		"%u failed, %u pruned",
		id, hex, state, t->total, t->created, t->configured, t->unchanged, t->failed,
		t->pruned);
}

static enum happening_kind end_of(const struct plan_result *r)
{
	if (r->complete)
		return LP_HAPPENED_APPLIED;
	return r->stopped.code != LP_OK ? LP_HAPPENED_FAILED : LP_HAPPENED_INCOMPLETE;
}

/* What ends as it ended before, and changed nothing on the way, is no news. */
static bool is_news(struct source_run *run, enum happening_kind end,
		    const struct source_state *before)
{
	const struct revision *revision = &run->applying->ledger.revision;
	const struct tally *t = &run->tally;

	return t->created || t->configured || t->pruned ||
	       (end != LP_HAPPENED_FAILED && before->applied != revision->id) ||
	       strcmp(lp_revision_state_name(revision->state), lp_happening_name(end)) != 0;
}

static void end_text(const struct source_run *run, enum happening_kind end, char *to, size_t size)
{
	const struct revision *revision = &run->applying->ledger.revision;
	const struct plan_result *r = &run->applying->plan.result;
	const char *problem = lp_buf_text(&run->problems);
	const struct tally *t = &run->tally;
	char hex[LP_OID_TEXT];

	lp_hex(revision->commit, sizeof(revision->commit), hex);
	if (end == LP_HAPPENED_FAILED)
		snprintf(to, size, "%.12s: %s", hex, r->stopped.msg);
	else if (end == LP_HAPPENED_INCOMPLETE)
		snprintf(to, size, "%.12s: %u of %u objects failed: %.*s", hex, t->failed, t->total,
			 (int)strcspn(problem, "\n"), problem);
	else
		snprintf(to, size, "%.12s: %u objects, %u created, %u configured, %u pruned", hex,
			 t->total, t->created, t->configured, t->pruned);
}

static enum lp_code store_end(struct source_run *run, enum happening_kind end, struct err *err)
{
	struct ledger *ledger = &run->applying->ledger;
	char message[LP_HAPPENING_TEXT];
	const struct happening what = {
		.kind = end, .revision = ledger->revision.id, .message = message};
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	struct source_state before;

	LP_TRY(lp_ledger_flush(ledger, err)); /* its transaction ends here, ours begins */
	LP_TRY(lp_state_get(run->super->db, run->config->name, &before, err));
	LP_TRY(lp_tx_begin(run->super->db, &tx, err));
	LP_TRY(lp_ledger_end(ledger, &run->applying->plan.result, lp_buf_text(&run->problems),
			     &run->super->config.retention, err));
	end_text(run, end, message, sizeof(message));
	if (is_news(run, end, &before))
		LP_TRY(lp_put_happening(run, &what, err));
	return lp_tx_commit(&tx, err);
}

static void finish(struct source_run *run)
{
	const struct plan_result *r = &run->applying->plan.result;
	enum happening_kind end = end_of(r);
	struct err err = {0};

	make_tally(run);
	if (r->stopped.code != LP_OK)
		lp_progress(run, "stopped: %s", r->stopped.msg);
	if (store_end(run, end, &err) != LP_OK) {
		lp_applying_store_failed(run, "write the end of the apply", &err);
		return;
	}
	tell_end(run, lp_happening_name(end));
	run->incomplete = !r->complete;
	run->rebuilt = false;
	if (r->stopped.code == LP_OK)
		run->applying->deep = false;
	if (r->complete)
		run->apply_delay_ms = 0;
	else
		lp_applying_back_off(run);
	if (r->stopped.code != LP_OK)
		lp_applying_end(run); /* other steps may be under way */
	else
		lp_applying_clean(run);
	lp_watching_planned(run);
	lp_feed(run, CYCLE_APPLIED);
	lp_watching_go_on(run);
}

/* --- what people are told of each object --- */

static void tell_problem(struct source_run *run, enum step_kind kind,
			 const struct plan_object *object, const char *message)
{
	struct stored_object stored;
	char key[LP_KEY_TEXT], text[LP_ERR_MAX + LP_KEY_TEXT + LP_ORIGIN_MAX];
	struct err err = {0};

	lp_object_key_text(&object->key, key);
	if (kind != STEP_PRUNE &&
	    lp_ledger_object(&run->applying->ledger, object, &stored, &err) == LP_OK)
		snprintf(text, sizeof(text), "%s:%u: %s: %s", stored.file, stored.line, key,
			 message);
	else
		snprintf(text, sizeof(text), "%s %s: %s", lp_step_kind_name(kind), key, message);
	lp_log(LOG_LEVEL_WARN, "object-failed", "source", run->config->name, "problem", text, NULL);
	lp_progress(run, "  %s", text);
	if (lp_buf_printf(&run->problems, &err, "%s\n", text) != LP_OK)
		return; /* enough is told; the log has them all */
}

static void tell_done(struct source_run *run, const struct plan_object *object,
		      const struct event *event)
{
	struct applying *a = run->applying;
	char key[LP_KEY_TEXT];
	bool quiet = event->outcome == OUTCOME_UNCHANGED || event->outcome == OUTCOME_NONE;

	a->done++;
	lp_object_key_text(&object->key, key);
	lp_log(quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, lp_outcome_name(event->outcome), "source",
	       run->config->name, "object", key, "message", event->message, NULL);
	if (lp_boot_ms() - a->told_ms < 1000)
		return;
	a->told_ms = lp_boot_ms();
	lp_progress(run, "%s: %u of %u", lp_plan_phase_name(a->plan.phase), a->done,
		    a->ledger.revision.objects);
}

/*
 * What an apply that looked found of others, or what others had made; false: it is the apply's own
 * doing, of which the end of it tells.
 */
static bool is_of_others(const struct plan_object *object, const struct event *event,
			 enum happening_kind *ret)
{
	bool configured = event->outcome == OUTCOME_CONFIGURED;
	bool wrong = configured || event->outcome == OUTCOME_CREATED;

	if (wrong && object->once && object->look)
		*ret = LP_HAPPENED_HEALED;
	else if (event->outcome == OUTCOME_KEPT)
		*ret = LP_HAPPENED_REPORTED;
	else if (configured && event->message[0] && !object->ours)
		*ret = LP_HAPPENED_ADOPTED;
	else if (configured && event->manager[0])
		*ret = LP_HAPPENED_OVERWRITTEN;
	else if (event->outcome == OUTCOME_UNCHANGED && event->message[0])
		*ret = LP_HAPPENED_FOREIGN;
	else
		return false;
	return true;
}

static enum lp_code put_others(struct source_run *run, const struct plan_object *object,
			       const struct event *event, struct err *err)
{
	struct applying *a = run->applying;
	struct happening what = {.revision = a->ledger.revision.id, .by = event->manager};
	char key[LP_KEY_TEXT];

	if (!is_of_others(object, event, &what.kind) || a->changed_told++ >= TOLD)
		return LP_OK;
	what.object = lp_object_key_text(&object->key, key);
	what.message = event->outcome == OUTCOME_CREATED ? "made again" : event->message;
	return lp_put_happening(run, &what, err);
}

/* An object that is done, with its row in the inventory. */
static enum lp_code store_done(struct source_run *run, enum step_kind kind,
			       const struct plan_object *object, const struct event *event,
			       struct err *err)
{
	struct applying *a = run->applying;
	bool gone = event->outcome == OUTCOME_GONE;
	char key[LP_KEY_TEXT];
	const struct happening what = {.kind = LP_HAPPENED_PRUNED,
				       .object = key,
				       .revision = a->ledger.revision.id,
				       .message = gone ? "it was gone already" : ""};

	/* what is left as it is stays on record as it was applied: a restart must see that it
	 * differs */
	if (kind != STEP_APPLY || event->outcome != OUTCOME_KEPT)
		LP_TRY(lp_ledger_record(&a->ledger, kind, object, event, err));
	if (kind == STEP_APPLY)
		return put_others(run, object, event, err);
	if (kind != STEP_PRUNE || (!gone && event->outcome != OUTCOME_PRUNED) ||
	    a->deleted_told++ >= TOLD)
		return LP_OK;
	lp_object_key_text(&object->key, key);
	return lp_put_happening(run, &what, err);
}

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

/* --- the plan --- */

void lp_planning_deleted(struct source_run *run, const struct event *event)
{
	struct applying *a = run->applying;
	char key[LP_KEY_TEXT];
	const struct happening what = {.kind = LP_HAPPENED_RECREATED,
				       .object = lp_object_key_text(&event->key, key),
				       .revision = a->ledger.revision.id,
				       .message = event->message};

	lp_log(LOG_LEVEL_INFO, lp_happening_name(what.kind), "source", run->config->name, "object",
	       key, "message", event->message, NULL);
	if (a->deleted_told++ < TOLD)
		lp_keep_happening(run, &what);
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
		tell_problem(run, kind, object, event->message);
	else if (verdict == PLAN_SETTLED && object && kind != STEP_WAIT) {
		tell_done(run, object, event);
		if (kind == STEP_APPLY)
			lp_watching_applied(run, object, event);
		else if (kind == STEP_PRUNE)
			lp_watching_pruned(run, &object->key);
		if (store_done(run, kind, object, event, &store_err) != LP_OK) {
			lp_applying_store_failed(run, "write the inventory", &store_err);
			return LP_OK;
		}
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
			LP_TRY(lp_buf_str(&decision.handed, LP_REPLICAS_POINTER, err));
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
		finish(run);
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
	if ((run->watching && !run->watching->drift.count &&
	     lp_watching_seed(run, &err) != LP_OK) ||
	    lp_copy(policy.source, sizeof(policy.source), run->config->name, &err) != LP_OK ||
	    lp_copy(policy.default_ns, sizeof(policy.default_ns), run->config->ns, &err) != LP_OK ||
	    lp_ledger_begin(&a->ledger, &err) != LP_OK) {
		lp_applying_store_failed(run, "begin the apply", &err);
		return;
	}
	a->walks = (struct walks){.db = run->super->db,
				  .source = run->config->name,
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

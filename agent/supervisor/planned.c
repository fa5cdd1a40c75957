/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An apply, last part: what came of each object of the plan and of the whole goes into the store
 * and to whoever listens.
 */
#include "agent/supervisor/applying.h"
#include "agent/supervisor/telling.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"
#include "store/revision.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOLD 100 /* of one apply and sort; the rest would push out what happened before */

/* --- of an object --- */

void lp_planned_problem(struct source_run *run, enum step_kind kind,
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

enum lp_code lp_planned_done(struct source_run *run, enum step_kind kind,
			     const struct plan_object *object, const struct event *event,
			     struct err *err)
{
	tell_done(run, object, event);
	if (kind == STEP_APPLY)
		lp_watching_applied(run, object, event);
	else if (kind == STEP_PRUNE)
		lp_watching_pruned(run, &object->key);
	return store_done(run, kind, object, event, err);
}

void lp_planned_deleted(struct source_run *run, const struct event *event)
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

/* --- of the whole --- */

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

void lp_planned_end(struct source_run *run)
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
	if (r->stopped.code == LP_OK && run->applying->deep) {
		run->applying->deep = false;
		run->deep_ms = lp_boot_ms();
	}
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

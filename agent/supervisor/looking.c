/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at suspects: by an apply that looks first, which puts right or only tells. */

#include "agent/supervisor/applying.h"
#include "agent/supervisor/config_digest.h"
#include "agent/supervisor/leading.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"
#include "store/object.h"

#include <stdio.h>
#include <string.h>

/* --- how looks begin --- */

bool lp_looking_is_dry(const struct source_run *run, bool suspended,
		       const struct decision *decision)
{
	return suspended ||
	       lp_drift_mode(&run->super->config, run->config, decision) == DRIFT_MODE_REPORT;
}

/* LP_CONFLICT: the desired revision has something new for it, and brings that in its own turn. */
static enum lp_code applied_as_desired(struct source_run *run, const struct stored_object *object,
				       struct err *err)
{
	const struct source_config *config = run->config;
	struct db *db = run->super->db;
	struct config_digest state;
	struct inventory_row row;
	struct stored_key key = object->key;
	uint8_t digest[LP_STORE_DIGEST];

	LP_TRY(lp_settle_key(db, config->ns, object->scope, &key, err));
	LP_TRY(lp_inventory_get(db, config->name, &key, &row, err));
	LP_TRY(lp_config_state(db, config->name, config->config_digest, object, &state, NULL, err));
	lp_config_effective(object->digest, &state, digest);
	return memcmp(row.digest, digest, sizeof(digest)) == 0
		       ? LP_OK
		       : lp_err_set(err, LP_CONFLICT, "a plan of it comes first");
}

/* The object as it is desired, what is sent of it, and how. LP_NOT_FOUND: it is not desired any
 * more; LP_CONFLICT: another content is applied. */
static enum lp_code read_desired(struct source_run *run, const struct object_key *key,
				 struct stored_object *object, struct buf *body,
				 struct decision *decision, struct err *err)
{
	struct ledger ledger = {.db = run->super->db, .config = run->config};
	struct plan_object wanted = {.key = *key};
	struct source_state state;

	LP_TRY(lp_state_get(run->super->db, run->config->name, &state, err));
	ledger.revision.id = state.desired;
	LP_TRY(lp_ledger_object(&ledger, &wanted, object, err));
	LP_TRY(lp_scaled_read(run->super->db, run->config->name, run->config->ns, state.desired,
			      &run->scaled, err));
	if (state.applied != state.desired)
		LP_TRY(applied_as_desired(run, object, err));
	LP_TRY(lp_ledger_body(&ledger, &wanted, body, err));
	return lp_decide(run->config, &run->scaled, key, LP_SLICE_OF(body), decision, err);
}

bool lp_looking_is_left(struct source_run *run, const struct object_key *key)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_OBJECT_BYTES);
	LP_AUTO(lp_decision_free) struct decision decision = {0};
	struct stored_object object;
	struct err err;

	return read_desired(run, key, &object, &body, &decision, &err) == LP_OK &&
	       decision.make_only;
}

static enum lp_code send_look(struct source_run *run, struct look *look, bool suspended,
			      struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_OBJECT_BYTES);
	LP_AUTO(lp_decision_free) struct decision decision = {0};
	struct stored_object object;
	struct step step = {.kind = STEP_APPLY};

	LP_TRY(read_desired(run, &look->key, &object, &body, &decision, err));
	if (decision.leave)
		return LP_NOT_FOUND;
	look->dry = lp_looking_is_dry(run, suspended, &decision);
	step.how = look->dry ? APPLY_DRY : APPLY_LOOK;
	step.make_only = decision.make_only;
	step.handed = LP_SLICE_OF(&decision.handed);
	lp_key_from_store(&object.key, &step.key);
	step.id = ++run->super->cluster.last_id;
	step.scope = (enum scope)object.scope;
	step.once = true; /* what the table knows was made */
	step.body = LP_SLICE_OF(&body);
	LP_TRY(lp_copy(step.source, sizeof(step.source), run->config->name, err));
	LP_TRY(lp_copy(step.default_ns, sizeof(step.default_ns), run->config->ns, err));
	LP_TRY(lp_cluster_step(run->super, &step, err));
	look->id = step.id;
	return LP_OK;
}

static void look_at(struct source_run *run, const struct object_key *key, bool suspended)
{
	struct watching *w = run->watching;
	struct drift_budget budget;
	struct err err = {0};
	unsigned i = 0;

	while (w->looks[i].id)
		i++;
	w->looks[i] = (struct look){.key = *key};
	enum lp_code code = send_look(run, &w->looks[i], suspended, &err);
	if (code == LP_OK) {
		w->looking++;
		lp_link_deadline(&run->super->cluster.link, LP_SILENCE_MS);
		return;
	}
	if (code == LP_NOT_FOUND) {
		lp_drift_forget(&w->drift, key);
		return;
	}
	lp_drift_looked(&w->drift, key, DRIFT_FAILED, lp_boot_s(), 0, &budget);
	if (code != LP_CONFLICT)
		lp_store_failed(run, "read what is desired", &err);
}

/* The next suspect of the walk over the inventory; false at its end. */
static bool walk_on(struct source_run *run, struct object_key *ret)
{
	struct watching *w = run->watching;
	struct err err = {0};

	if (!w->walking) {
		w->walking = true;
		w->drift.more = false; /* what is suspected from now on needs another walk */
		w->walk = LP_INVENTORY(run->config->name);
	}
	for (;;) {
		enum lp_code code = lp_inventory_next(run->super->db, &w->walk, &err);
		if (code != LP_OK) {
			w->walking = false;
			if (code != LP_NOT_FOUND)
				lp_store_failed(run, "read the inventory", &err);
			return false;
		}
		lp_key_from_store(&w->walk.at.key, ret);
		if (lp_drift_take_this(&w->drift, ret, lp_boot_s()))
			return true;
	}
}

static bool next_suspect(struct source_run *run, struct object_key *ret)
{
	struct watching *w = run->watching;

	if (lp_drift_take(&w->drift, lp_boot_s(), ret))
		return true;
	return (w->walking || w->drift.more) && walk_on(run, ret);
}

void lp_watching_go_on(struct source_run *run)
{
	struct watching *w = run->watching;
	unsigned most = (unsigned)run->super->config.cluster.concurrency;
	struct object_key key;

	/* a plan that is under way puts right what it comes to, and then this goes on */
	if (!w || run->applying || run->super->stopping || !run->super->cluster.link.up)
		return;
	if (!lp_leading_holds(run))
		return; /* the one that does looks after it */
	if (!w->drift.suspects && !w->walking)
		return;
	if (w->looking >= most)
		return; /* the end of a look calls this again */
	bool suspended = lp_stored_state(run).suspended;
	int64_t due_s = lp_drift_due_s(&w->drift, lp_boot_s());
	while (w->looking < most && next_suspect(run, &key))
		look_at(run, &key, suspended);
	if (due_s != INT64_MAX)
		lp_loop_timer_set(run->super->loop, &w->wake, due_s * 1000);
}

/* --- how looks end --- */

/* The row says what the API server said last, so that a restart compares with that. */
static void record(struct source_run *run, const struct event *event)
{
	struct inventory_row row;
	struct stored_key key;
	struct err err = {0};

	lp_key_to_store(&event->key, &key);
	lp_watching_batch(run);
	enum lp_code code = lp_inventory_get(run->super->db, run->config->name, &key, &row, &err);
	if (code == LP_OK) {
		memcpy(row.live, &event->live, sizeof(row.live));
		memcpy(row.uid, event->uid, sizeof(row.uid));
		code = lp_inventory_put(run->super->db, &row, &err);
	}
	if (code != LP_OK && code != LP_NOT_FOUND)
		lp_store_failed(run, "write the inventory", &err);
}

static void healed(struct source_run *run, const struct look *look, const struct event *event)
{
	struct watching *w = run->watching;
	char text[LP_EVENT_MESSAGE + 64];

	w->heals++;
	snprintf(
		text, sizeof(text), "%s%s%s", event->outcome == OUTCOME_CREATED ? "made again" : "",
		event->outcome == OUTCOME_CREATED && event->message[0] ? ": " : "", event->message);
	lp_watching_tell(run, LP_HAPPENED_HEALED, &look->key, event->manager, text);
	record(run, event);
}

/* What a DONE event says of the object. */
static enum drift_look judge(struct source_run *run, const struct look *look,
			     const struct event *event)
{
	bool wrong = event->outcome == OUTCOME_CREATED || event->outcome == OUTCOME_CONFIGURED;

	if (event->outcome == OUTCOME_KEPT || (look->dry && wrong)) {
		lp_watching_tell(run, LP_HAPPENED_REPORTED, &look->key, event->manager,
				 event->message);
		return DRIFT_LEFT;
	}
	if (wrong) {
		healed(run, look, event);
		return DRIFT_WAS_WRONG;
	}
	if (event->message[0])
		lp_watching_tell(run, LP_HAPPENED_FOREIGN, &look->key, event->manager,
				 event->message);
	return DRIFT_WAS_RIGHT;
}

void lp_looking_remember(struct source_run *run, const struct event *event, bool looked)
{
	struct err err = {0};

	/* left alone, as somebody else has made it: no watch tells of it */
	if (event->outcome == OUTCOME_UNCHANGED && !(event->marks & SIGHT_APPLIED)) {
		lp_drift_forget(&run->watching->drift, &event->key);
		return;
	}
	if (event->uid[0] && lp_drift_applied(&run->watching->drift, &event->key, event->uid,
					      &event->live, event->marks, looked, &err) != LP_OK)
		lp_log(LOG_LEVEL_ERROR, "fingerprint-lost", "error", err.msg, NULL);
}

/* How long the server asks to be left alone, or the object to be; 0: as long as is usual. */
static int64_t retry_s(const struct event *event)
{
	return event->kind == EVENT_RETRY && event->retry_after_ms >= 0
		       ? event->retry_after_ms / 1000 + 1
		       : 0;
}

static void end_look(struct source_run *run, const struct look *look, const struct event *event)
{
	struct watching *w = run->watching;
	enum drift_look ended = DRIFT_FAILED;
	struct drift_budget budget;
	char text[LP_EVENT_MESSAGE + 64];

	if (event->kind == EVENT_DONE && event->outcome == OUTCOME_GONE) {
		lp_drift_forget(&w->drift, &look->key); /* a Job that has finished */
		return;
	}
	if (event->kind == EVENT_DONE) {
		lp_looking_remember(run, event, true);
		ended = judge(run, look, event);
	} else {
		lp_log(LOG_LEVEL_WARN, "look-failed", "object",
		       lp_object_key_text(&look->key, (char[LP_KEY_TEXT]){0}), "error",
		       event->message, NULL);
	}
	lp_drift_looked(&w->drift, &look->key, ended, lp_boot_s(), retry_s(event), &budget);
	if (!budget.fight)
		return;
	snprintf(text, sizeof(text), "put right %u times; now after %d s and ever longer: %s",
		 budget.heals, (int)budget.after_s, event->message);
	lp_watching_tell(run, LP_HAPPENED_FIGHT, &look->key, event->manager, text);
}

bool lp_watching_event(struct source_run *run, const struct event *event)
{
	struct watching *w = run->watching;

	for (unsigned i = 0; w && i < LP_CONCURRENCY_MAX; i++) {
		struct look look = w->looks[i];
		if (look.id && look.id == event->id && event->kind == EVENT_DELETED) {
			lp_watching_tell(run, LP_HAPPENED_RECREATED, &look.key, "", event->message);
			return true;
		}
		if (!look.id || look.id != event->id || event->kind > EVENT_RETRY)
			continue;
		w->looks[i] = (struct look){0};
		w->looking--;
		if (!w->looking && !run->applying)
			lp_link_deadline(&run->super->cluster.link, 0);
		end_look(run, &look, event);
		lp_watching_go_on(run);
		lp_watching_tell_rest(run);
		return true;
	}
	return false;
}

bool lp_watching_looks(const struct source_run *run)
{
	return run->watching && run->watching->looking;
}

void lp_looking_end(struct source_run *run)
{
	struct watching *w = run->watching;
	struct drift_budget budget;

	for (unsigned i = 0; i < LP_CONCURRENCY_MAX; i++)
		if (w->looks[i].id)
			lp_drift_looked(&w->drift, &w->looks[i].key, DRIFT_FAILED, lp_boot_s(), 0,
					&budget);
	memset(w->looks, 0, sizeof(w->looks));
	w->looking = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/watching.h"

#include "agent/supervisor/applying.h"
#include "agent/supervisor/deciding.h"
#include "agent/supervisor/leading.h"
#include "agent/supervisor/telling.h"
#include "platform/clock.h"
#include "store/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEP_APART_MS 600000 /* watches ask for a deep pass at most this often */
#define REST_APART_S  60     /* what a storm left untold is told at most this often */

static int64_t now_s(void)
{
	return lp_boot_ms() / 1000;
}

/* --- what people are told --- */

static void tell(struct source_run *run, enum happening_kind kind, const struct object_key *key,
		 const char *by, const char *message)
{
	char text[LP_KEY_TEXT];
	const struct happening what = {.kind = kind,
				       .object = lp_object_key_text(key, text),
				       .by = by,
				       .message = message};

	struct watching *w = run->watching;

	if (now_s() - w->told_s >= LP_DRIFT_WINDOW_S) {
		w->told_s = now_s();
		w->told = 0;
	}
	if (w->told++ < LP_DRIFT_TOLD) {
		lp_tell_happening(run, &what);
		return;
	}
	/* A storm must neither wear the flash nor push out what happened before it. */
	w->untold++;
	lp_log(LOG_LEVEL_INFO, lp_happening_name(kind), "source", run->config->name, "object",
	       what.object, "by", by, "message", message, NULL);
}

/* The storm is over, or pauses. */
static void tell_rest(struct source_run *run)
{
	struct watching *w = run->watching;
	char text[80];
	const struct happening what = {.kind = LP_HAPPENED_HEALED, .message = text};

	if (!w->untold || w->drift.suspects || w->looking)
		return;
	if (now_s() - w->rest_s < REST_APART_S) {
		lp_loop_timer_set(run->super->loop, &w->wake, (w->rest_s + REST_APART_S) * 1000);
		return;
	}
	w->rest_s = now_s();
	snprintf(text, sizeof(text), "of many objects at once: %u more lines are in the log",
		 w->untold);
	w->untold = 0;
	lp_tell_happening(run, &what);
}

/* --- what is seen --- */

/* All that is applied is applied again, soon. */
static void want_deep(struct source_run *run, const char *why)
{
	struct watching *w = run->watching;

	if (w->deep_ms && lp_boot_ms() - w->deep_ms < DEEP_APART_MS)
		return;
	w->deep_ms = lp_boot_ms();
	run->deep = true;
	lp_log(LOG_LEVEL_WARN, "deep-pass", "source", run->config->name, "why", why, NULL);
	lp_feed(run, CYCLE_APPLY_DUE);
}

/* A server that refuses is there. One that does not know a kind any more may know it otherwise. */
static void note_lost(struct source_run *run, const struct sighting *sighting)
{
	bool away = !sighting->status || sighting->status >= 500;

	if (away && !lp_drift_sees(&run->watching->drift))
		lp_cluster_reached(run->super, sighting->message);
	if (sighting->status != 404)
		return;
	run->super->cluster.discovered = false;
	lp_feed(run, CYCLE_APPLY_DUE);
}

static void note_watch(struct source_run *run, const struct sighting *sighting)
{
	struct watching *w = run->watching;

	lp_log(sighting->kind == SIGHT_LOST ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "watch", "kind",
	       sighting->key.kind, "is", lp_sighting_kind_name(sighting->kind), "why",
	       sighting->message, NULL);
	if (sighting->kind == SIGHT_LOST) {
		snprintf(w->lost, sizeof(w->lost), "%s: %s", sighting->key.kind, sighting->message);
		note_lost(run, sighting);
	} else if (sighting->kind == SIGHT_END) {
		w->lost[0] = '\0';
		lp_cluster_reached(run->super, "");
	}
}

enum lp_code lp_watching_sighting(struct source_run *run, const struct sighting *sighting,
				  struct err *err)
{
	struct watching *w = run->watching;
	struct drift_finding finding;

	if (!w)
		return lp_err_set(err, LP_REJECTED, "a sighting without an order");
	LP_TRY(lp_drift_seen(&w->drift, sighting, &finding, err));
	if (sighting->kind != SIGHT_THERE && sighting->kind != SIGHT_GONE)
		note_watch(run, sighting);
	/* In the middle of a plan it is mostly our own write, seen before its answer: what is not
	 * is looked at afterwards, and told then. A Job may go when it has finished. */
	bool ours = run->applying && run->applying->part == PART_PLAN;
	bool job = strcmp(sighting->key.kind, "Job") == 0 && finding.reason == DRIFT_DELETED;
	if (finding.news && sighting->key.name[0] && !ours && !job)
		tell(run, LP_HAPPENED_DETECTED, &sighting->key, sighting->manager,
		     lp_drift_reason_name(finding.reason));
	if (finding.deep)
		want_deep(run, sighting->message);
	lp_watching_go_on(run);
	return LP_OK;
}

void lp_watching_gone(struct source_run *run)
{
	struct watching *w = run->watching;
	struct drift_budget budget;

	if (!w)
		return;
	lp_drift_blind(&w->drift);
	memset(w->ordered, 0, sizeof(w->ordered));
	for (unsigned i = 0; i < LP_CONCURRENCY_MAX; i++)
		if (w->looks[i].id)
			lp_drift_looked(&w->drift, &w->looks[i].key, DRIFT_FAILED, now_s(), 0,
					&budget);
	memset(w->looks, 0, sizeof(w->looks));
	w->looking = 0;
	lp_loop_timer_cancel(run->super->loop, &w->wake);
}

/* --- looks --- */

/* Whether what differs is only to be told of. decision NULL: of objects that say nothing. */
static bool is_dry(const struct source_run *run, bool suspended, const struct decision *decision)
{
	return suspended ||
	       lp_drift_mode(&run->super->config, run->config, decision) == DRIFT_MODE_REPORT;
}

/* The object as it is desired, and what is sent of it. LP_NOT_FOUND: it is not desired any more. */
static enum lp_code read_desired(struct source_run *run, const struct object_key *key,
				 struct stored_object *object, struct buf *body, struct err *err)
{
	struct ledger ledger = {.db = run->super->db, .config = run->config};
	struct plan_object wanted = {.key = *key};
	struct source_state state;

	LP_TRY(lp_state_get(run->super->db, run->config->name, &state, err));
	ledger.revision.id = state.desired;
	LP_TRY(lp_ledger_object(&ledger, &wanted, object, err));
	LP_TRY(lp_scaled_read(run->super->db, run->config->name, run->config->ns, state.desired,
			      &run->scaled, err));
	return lp_ledger_body(&ledger, &wanted, body, err);
}

static enum lp_code send_look(struct source_run *run, struct look *look, bool suspended,
			      struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_OBJECT_BYTES);
	LP_AUTO(lp_decision_free) struct decision decision = {0};
	struct stored_object object;
	struct step step = {.kind = STEP_APPLY};

	LP_TRY(read_desired(run, &look->key, &object, &body, err));
	LP_TRY(lp_decide(run->config, &run->scaled, &look->key, LP_SLICE_OF(&body), &decision,
			 err));
	if (decision.leave)
		return LP_NOT_FOUND;
	look->dry = is_dry(run, suspended, &decision);
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
	lp_drift_looked(&w->drift, key, DRIFT_FAILED, now_s(), 0, &budget);
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
		if (lp_drift_take_this(&w->drift, ret, now_s()))
			return true;
	}
}

static bool next_suspect(struct source_run *run, struct object_key *ret)
{
	struct watching *w = run->watching;

	if (lp_drift_take(&w->drift, now_s(), ret))
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
	int64_t due_s = lp_drift_due_s(&w->drift, now_s());
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
	tell(run, LP_HAPPENED_HEALED, &look->key, event->manager, text);
	record(run, event);
}

/* What a DONE event says of the object. */
static enum drift_look judge(struct source_run *run, const struct look *look,
			     const struct event *event)
{
	bool wrong = event->outcome == OUTCOME_CREATED || event->outcome == OUTCOME_CONFIGURED;

	if (event->outcome == OUTCOME_KEPT || (look->dry && wrong)) {
		tell(run, LP_HAPPENED_REPORTED, &look->key, event->manager, event->message);
		return DRIFT_LEFT;
	}
	if (wrong) {
		healed(run, look, event);
		return DRIFT_WAS_WRONG;
	}
	if (event->message[0])
		tell(run, LP_HAPPENED_FOREIGN, &look->key, event->manager, event->message);
	return DRIFT_WAS_RIGHT;
}

static void remember(struct source_run *run, const struct event *event, bool looked)
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
		remember(run, event, true);
		ended = judge(run, look, event);
	} else {
		lp_log(LOG_LEVEL_WARN, "look-failed", "object",
		       lp_object_key_text(&look->key, (char[LP_KEY_TEXT]){0}), "error",
		       event->message, NULL);
	}
	lp_drift_looked(&w->drift, &look->key, ended, now_s(), retry_s(event), &budget);
	if (!budget.fight)
		return;
	snprintf(text, sizeof(text), "put right %u times; now after %d s and ever longer: %s",
		 budget.heals, (int)budget.after_s, event->message);
	tell(run, LP_HAPPENED_FIGHT, &look->key, event->manager, text);
}

bool lp_watching_event(struct source_run *run, const struct event *event)
{
	struct watching *w = run->watching;

	for (unsigned i = 0; w && i < LP_CONCURRENCY_MAX; i++) {
		struct look look = w->looks[i];
		if (!look.id || look.id != event->id || event->kind > EVENT_RETRY)
			continue;
		w->looks[i] = (struct look){0};
		w->looking--;
		if (!w->looking && !run->applying)
			lp_link_deadline(&run->super->cluster.link, 0);
		end_look(run, &look, event);
		lp_watching_go_on(run);
		tell_rest(run);
		return true;
	}
	return false;
}

/* --- beside plans --- */

bool lp_watching_looks(const struct source_run *run)
{
	return run->watching && run->watching->looking;
}

void lp_watching_applied(struct source_run *run, const struct event *event, bool looked)
{
	if (run->watching)
		remember(run, event, looked);
}

void lp_watching_pruned(struct source_run *run, const struct object_key *key)
{
	if (run->watching)
		lp_drift_forget(&run->watching->drift, key);
}

void lp_watching_seed(struct source_run *run)
{
	struct inventory_cursor walk = LP_INVENTORY(run->config->name);
	struct watching *w = run->watching;
	struct object_key key;
	struct live live;
	struct err err = {0};
	enum lp_code code = LP_OK;

	while (w && (code = lp_inventory_next(run->super->db, &walk, &err)) == LP_OK) {
		if (walk.at.state != LP_INVENTORY_APPLIED || !walk.at.uid[0])
			continue;
		lp_key_from_store(&walk.at.key, &key);
		memcpy(&live, walk.at.live, sizeof(live));
		code = lp_drift_applied(&w->drift, &key, walk.at.uid, &live, 0, true, &err);
		if (code != LP_OK)
			break;
	}
	if (code != LP_OK && code != LP_NOT_FOUND)
		lp_store_failed(run, "read the inventory", &err);
}

/* All kinds of the inventory, up to what can be watched. */
static enum lp_code make_order(struct source_run *run, struct watch_order *order, struct err *err)
{
	struct watch_kind kind = {0};
	enum lp_code code;

	order->timeout_ms = run->super->config.cluster.watch_ms;
	order->silence_ms = run->super->config.cluster.silence_ms;
	order->source_count = 1;
	LP_TRY(lp_copy(order->sources[0], sizeof(order->sources[0]), run->config->name, err));
	order->kinds = calloc(LP_WATCHES_MAX, sizeof(*order->kinds));
	if (!order->kinds)
		return lp_err_nomem(err, "a watch order");
	while ((code = lp_inventory_next_kind(run->super->db, run->config->name, kind.group,
					      kind.kind, err)) == LP_OK) {
		if (order->kind_count == LP_WATCHES_MAX)
			return LP_OK; /* the deep pass sees the rest */
		order->kinds[order->kind_count++] = kind;
	}
	return code == LP_NOT_FOUND ? LP_OK : code;
}

static enum lp_code send_order(struct source_run *run, const struct watch_order *order,
			       struct err *err)
{
	struct link *link = &run->super->cluster.link;
	struct wire_writer w;

	lp_wire_begin(&w, lp_link_out(link), CLUSTER_WATCH);
	lp_watch_order_put(&w, order);
	LP_TRY(lp_wire_end(&w, err));
	lp_link_send(link);
	return LP_OK;
}

void lp_watching_planned(struct source_run *run)
{
	LP_AUTO(lp_watch_order_free) struct watch_order order = {0};
	struct watching *w = run->watching;
	uint8_t digest[LP_SHA256_BYTES];
	struct err err = {0};

	if (!w || !run->super->cluster.link.up)
		return;
	if (make_order(run, &order, &err) != LP_OK) {
		lp_store_failed(run, "read the kinds of the inventory", &err);
		return;
	}
	lp_sha256(order.kinds, order.kind_count * sizeof(*order.kinds), digest);
	if (memcmp(digest, w->ordered, sizeof(digest)) == 0)
		return;
	if (send_order(run, &order, &err) == LP_OK)
		memcpy(w->ordered, digest, sizeof(digest));
	else
		lp_log(LOG_LEVEL_ERROR, "watch-order-failed", "error", err.msg, NULL);
}

struct watching_state lp_watching_state(const struct source_run *run, bool suspended)
{
	const struct watching *w = run->watching;
	struct watching_state ret = {.mode = is_dry(run, suspended, NULL) ? "report" : "heal",
				     .lost = ""};

	if (!w)
		return ret;
	ret.watching = lp_drift_sees_all(&w->drift);
	ret.differs = w->drift.suspects + w->drift.known + w->looking;
	ret.heals = w->heals;
	ret.lost = w->lost;
	return ret;
}

void lp_watching_reconsider(struct source_run *run)
{
	if (!run->watching)
		return;
	lp_drift_reconsider(&run->watching->drift);
	lp_watching_go_on(run);
}

static void wake(void *ctx)
{
	lp_watching_go_on(ctx);
	tell_rest(ctx);
}

void lp_watching_open(struct source_run *run)
{
	run->watching = calloc(1, sizeof(*run->watching));
	if (run->watching)
		run->watching->wake = (struct timer){.fire = wake, .ctx = run};
	else
		lp_log(LOG_LEVEL_ERROR, "no-watches", "error", "out of memory", NULL);
}

void lp_watching_close(struct source_run *run)
{
	if (!run->watching)
		return;
	lp_loop_timer_cancel(run->super->loop, &run->watching->wake);
	lp_drift_free(&run->watching->drift);
	free(run->watching);
	run->watching = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/watching.h"

#include "agent/supervisor/applying.h"
#include "platform/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEEP_APART_MS 600000 /* watches ask for a deep pass at most this often */
#define REST_APART_S  60     /* what a storm left untold is told at most this often */
#define BATCH_MS      200    /* so long a row waits for others */
#define BATCH_ROWS    64     /* that one commit (one fsync) takes */

/* --- rows that wait for each other --- */

void lp_watching_flush(struct source_run *run)
{
	struct watching *w = run->watching;
	struct err err = {0};

	if (!w || !w->batch.db)
		return;
	lp_loop_timer_cancel(run->super->loop, &w->commit);
	if (lp_tx_commit(&w->batch, &err) != LP_OK)
		lp_store_failed(run, "write what was seen and put right", &err);
}

static void commit(void *ctx)
{
	lp_watching_flush(ctx);
}

void lp_watching_batch(struct source_run *run)
{
	struct watching *w = run->watching;
	struct err err = {0};

	/* what judges or applies has transactions of its own, which must not wait for ours */
	if (run->applying || run->judging)
		return;
	if (w->batch.db && w->rows >= BATCH_ROWS)
		lp_watching_flush(run);
	w->rows++;
	if (w->batch.db)
		return;
	/* should that fail, each row has a transaction of its own, and tells why that fails */
	if (lp_tx_begin(run->super->db, &w->batch, &err) != LP_OK)
		return;
	w->rows = 1;
	lp_loop_timer_set(run->super->loop, &w->commit, lp_boot_ms() + BATCH_MS);
}

void lp_watching_give_up(struct source_run *run)
{
	if (!run->watching)
		return;
	lp_loop_timer_cancel(run->super->loop, &run->watching->commit);
	lp_tx_end(&run->watching->batch);
}

/* --- what people are told --- */

void lp_watching_tell(struct source_run *run, enum happening_kind kind,
		      const struct object_key *key, const char *by, const char *message)
{
	char text[LP_KEY_TEXT];
	const struct happening what = {.kind = kind,
				       .object = lp_object_key_text(key, text),
				       .by = by,
				       .message = message};

	struct watching *w = run->watching;

	if (kind == LP_HAPPENED_HEALED) { /* also those that a storm leaves untold */
		w->healed_s = lp_wall_s();
		w->healed = *key;
	}
	if (lp_boot_s() - w->told_s >= LP_DRIFT_WINDOW_S) {
		w->told_s = lp_boot_s();
		w->told = 0;
	}
	if (w->told++ < LP_DRIFT_TOLD) {
		lp_watching_batch(run);
		lp_tell_happening(run, &what);
		return;
	}
	/* A storm must neither wear the flash nor push out what happened before it. */
	if (!w->untold++ || w->untold_kind != LP_HAPPENED_HEALED)
		w->untold_kind = kind;
	lp_log(LOG_LEVEL_INFO, lp_happening_name(kind), "source", run->config->name, "object",
	       what.object, "by", by, "message", message, NULL);
}

/* The storm is over, or pauses. */
void lp_watching_tell_rest(struct source_run *run)
{
	struct watching *w = run->watching;
	char text[80];
	const struct happening what = {.kind = w->untold_kind, .message = text};

	if (!w->untold || w->drift.suspects || w->looking)
		return;
	if (lp_boot_s() - w->rest_s < REST_APART_S) {
		lp_loop_timer_set(run->super->loop, &w->wake, (w->rest_s + REST_APART_S) * 1000);
		return;
	}
	w->rest_s = lp_boot_s();
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

/* Lease, key and what was pruned may be as they were once, too. */
static void went_back(struct source_run *run, const char *why)
{
	run->listed = run->keyed = false;
	lp_leading_ask(run);
	want_deep(run, why);
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
		if (lp_drift_sees_all(&w->drift))
			w->lost[0] = '\0';
		lp_cluster_reached(run->super, "");
	}
}

/* What it differs in is looked at in any case. */
static void tell_finding(struct source_run *run, const struct sighting *sighting,
			 const struct drift_finding *finding)
{
	const struct object_key *key = &sighting->key;
	/* In the middle of a plan it is mostly our own write, seen before its answer: what is not
	 * is looked at afterwards, and told then. A Job may go when it has finished. */
	bool ours = run->applying && run->applying->part == PART_PLAN;
	bool gone = finding->reason == DRIFT_DELETED;

	if (!finding->news || !key->name[0] || ours || (gone && strcmp(key->kind, "Job") == 0))
		return;
	if (gone || !lp_looking_is_left(run, key))
		lp_watching_tell(run, LP_HAPPENED_DETECTED, key, sighting->manager,
				 lp_drift_reason_name(finding->reason));
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
	tell_finding(run, sighting, &finding);
	if (finding.deep)
		went_back(run, sighting->message);
	lp_watching_go_on(run);
	return LP_OK;
}

void lp_watching_gone(struct source_run *run)
{
	struct watching *w = run->watching;

	if (!w)
		return;
	lp_drift_blind(&w->drift);
	memset(w->ordered, 0, sizeof(w->ordered));
	lp_looking_end(run);
	lp_loop_timer_cancel(run->super->loop, &w->wake);
}

/* --- beside plans --- */

void lp_watching_applied(struct source_run *run, const struct plan_object *object,
			 const struct event *event)
{
	struct watching *w = run->watching;
	struct drift_budget budget;

	if (!w)
		return;
	lp_looking_remember(run, event, object->look);
	if (!object->once)
		lp_drift_renewed(&w->drift, &object->key);
	if (event->outcome == OUTCOME_KEPT)
		lp_drift_looked(&w->drift, &event->key, DRIFT_LEFT, lp_boot_s(), 0, &budget);
	else if (object->once && object->look && event->outcome != OUTCOME_UNCHANGED)
		w->heals++;
}

void lp_watching_left(struct source_run *run, const struct object_key *key)
{
	if (run->watching)
		lp_drift_doubt(&run->watching->drift, key);
}

void lp_watching_pruned(struct source_run *run, const struct object_key *key)
{
	if (run->watching)
		lp_drift_forget(&run->watching->drift, key);
}

enum lp_code lp_watching_seed(struct source_run *run, struct err *err)
{
	struct inventory_cursor walk = LP_INVENTORY(run->config->name);
	struct watching *w = run->watching;
	struct object_key key;
	struct live live;
	enum lp_code code = LP_NOT_FOUND;

	if (!w || w->drift.count) /* it knows better than the store */
		return LP_OK;
	while ((code = lp_inventory_next(run->super->db, &walk, err)) == LP_OK) {
		if (walk.at.state != LP_INVENTORY_APPLIED || !walk.at.uid[0])
			continue;
		lp_key_from_store(&walk.at.key, &key);
		memcpy(&live, walk.at.live, sizeof(live));
		LP_TRY(lp_drift_applied(&w->drift, &key, walk.at.uid, &live, 0, true, err));
	}
	return code == LP_NOT_FOUND ? LP_OK : code;
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
	struct watching_state ret = {
		.mode = lp_looking_is_dry(run, suspended, NULL) ? "report" : "heal", .lost = ""};

	if (!w)
		return ret;
	ret.watching = lp_drift_sees_all(&w->drift);
	ret.differs = w->drift.suspects + w->drift.known + w->looking;
	ret.heals = w->heals;
	ret.healed_s = w->healed_s;
	ret.healed = &w->healed;
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
	lp_watching_tell_rest(ctx);
}

void lp_watching_open(struct source_run *run)
{
	run->watching = calloc(1, sizeof(*run->watching));
	if (!run->watching) {
		lp_log(LOG_LEVEL_ERROR, "no-watches", "error", "out of memory", NULL);
		return;
	}
	run->watching->wake = (struct timer){.fire = wake, .ctx = run};
	run->watching->commit = (struct timer){.fire = commit, .ctx = run};
}

void lp_watching_close(struct source_run *run)
{
	if (!run->watching)
		return;
	lp_loop_timer_cancel(run->super->loop, &run->watching->wake);
	lp_watching_flush(run);
	lp_drift_free(&run->watching->drift);
	free(run->watching);
	run->watching = NULL;
}

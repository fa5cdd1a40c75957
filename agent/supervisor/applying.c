/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the cluster role through the plan of the desired revision.
 *
 *	CONNECT: the API server answers, its kinds are known
 *	LOOK: once a start: what the cluster knows of the trust floor
 *	RECOVER: only without an inventory: what carries our label goes into it
 *	PLAN: lp_plan_next says what to send, each event goes to lp_plan_event and the store
 *
 * Learning is the first part alone. The journal holds the intent from before the first
 * write until the end, and each object is in the inventory before it can be in the cluster, so
 * that a crash anywhere forgets nothing that prune would have to find.
 */
#include "agent/supervisor/cluster.h"
#include "agent/supervisor/ledger.h"
#include "agent/supervisor/limits.h"
#include "agent/supervisor/schedule.h"
#include "agent/supervisor/walks.h"
#include "platform/clock.h"
#include "store/revision.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_ID       (1ull << 62) /* ids of the plan grow from 1 */
#define RECOVER_ID       (CONNECT_ID + 1)
#define LOOK_ID          (CONNECT_ID + 2)
#define AWAY_MS          20000  /* so long a plan waits for the API server before it is put off */
#define LEARN_AWAY_MS    3000   /* rendering can go on without */
#define ASK_AWAY_MS      600000 /* nothing can be judged without: k3s may be starting, too */
#define CONNECT_AGAIN_MS 1000
#define SILENCE_MS       180000 /* a role with steps that says nothing for so long hangs */
#define RETRY_BASE_MS    5000   /* of the backoff; the API server is on this device */
#define RETRY_CAP_MS     60000
#define TRIES            5 /* of one object that is not ready (a namespace that ends) */

enum part { PART_CONNECT, PART_LOOK, PART_RECOVER, PART_PLAN };

struct applying {
	enum part part;
	bool asked;       /* a CONNECT, LOOK or RECOVER is under way */
	bool learning;    /* end before RECOVER */
	int64_t since_ms; /* CLOCK_BOOTTIME; the API server has been away since, 0: it is not */
	char away[LP_ERR_MAX];
	struct kind_list kinds;
	struct ledger ledger;
	struct walks walks;
	struct plan plan;
	struct timer wake;
	unsigned found;     /* objects that RECOVER told of */
	bool recover_again; /* what it told so far was given up */
	unsigned done;      /* objects, for progress */
	int64_t told_ms;
};

static void pump(struct source_run *run);

/* --- how it ends --- */

static void clean_up(struct source_run *run)
{
	struct applying *a = run->applying;

	if (!a)
		return;
	if (a->part == PART_PLAN)
		run->super->cluster.last_id = a->plan.last_id;
	lp_ledger_close(&a->ledger);
	lp_loop_timer_cancel(run->super->loop, &a->wake);
	lp_kind_list_free(&a->kinds);
	lp_walks_free(&a->walks);
	free(a);
	run->applying = NULL;
	lp_link_deadline(&run->super->cluster.link, 0);
}

void lp_applying_end(struct source_run *run)
{
	clean_up(run);
	lp_link_end(&run->super->cluster.link);
}

void lp_applying_flush(struct source_run *run)
{
	struct err err = {0};

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

static void back_off(struct source_run *run)
{
	int64_t delay_ms = lp_schedule_backoff(run->apply_delay_ms, RETRY_BASE_MS, -1);
	int64_t cap_ms = run->super->config.cluster.reconcile_ms;

	if (cap_ms > RETRY_CAP_MS)
		cap_ms = RETRY_CAP_MS;
	run->apply_delay_ms = delay_ms < cap_ms ? delay_ms : cap_ms;
}

/*
 * The API server, or the role, is not there; all is as the journal says, and tried again later.
 * The steps of a plan that are under way end with their role: a delete that answers late, or is
 * only sent then, must not meet what the next plan has applied.
 */
static void away(struct source_run *run, const char *said)
{
	bool learning = run->applying->learning, planned = run->applying->part == PART_PLAN;
	char why[LP_ERR_MAX];
	struct err err = {0};

	snprintf(why, sizeof(why), "%s", said); /* it may lie in what is freed here */
	if (planned && lp_ledger_flush(&run->applying->ledger, &err) != LP_OK)
		lp_store_failed(run, "write the inventory", &err);
	clean_up(run);
	if (planned)
		lp_link_end(&run->super->cluster.link);
	if (!learning) {
		back_off(run);
		run->incomplete = true;
		lp_outcome(run, 2, "the API server: %s", why);
	}
	lp_feed(run, CYCLE_AWAY);
}

/* The store gave up: nothing more goes to the cluster now. */
static void store_failed(struct source_run *run, const char *doing, const struct err *err)
{
	/* Steps under way end in the old role; the next apply begins with a new one. First of all,
	 * because a damaged store is closed next, and our transaction with it. */
	lp_applying_end(run);
	lp_store_failed(run, doing, err);
	back_off(run);
	lp_feed(run, CYCLE_AWAY);
}

void lp_applying_gone(struct source_run *run, const char *why)
{
	if (run->applying)
		away(run, why);
}

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

static void finish(struct source_run *run)
{
	const struct plan_result *r = &run->applying->plan.result;
	struct err err = {0};

	make_tally(run);
	if (r->stopped.code != LP_OK)
		lp_progress(run, "stopped: %s", r->stopped.msg);
	if (lp_ledger_end(&run->applying->ledger, r, lp_buf_text(&run->problems),
			  &run->super->config.retention, &err) != LP_OK) {
		store_failed(run, "write the end of the apply", &err);
		return;
	}
	tell_end(run, r->complete ? "applied" : r->stopped.code != LP_OK ? "failed" : "incomplete");
	run->incomplete = !r->complete;
	run->rebuilt = false;
	if (r->complete)
		run->apply_delay_ms = 0;
	else
		back_off(run);
	if (r->stopped.code != LP_OK)
		lp_applying_end(run); /* other steps may be under way */
	else
		clean_up(run);
	lp_feed(run, CYCLE_APPLIED);
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

/* --- the plan --- */

static enum lp_code not_asked(const struct event *event, struct err *err)
{
	return lp_err_set(err, LP_REJECTED, "an answer (%s) to what was not asked",
			  lp_event_kind_name(event->kind));
}

/* LP_REJECTED: no such step is under way. What the store fails with is dealt with here. */
static enum lp_code take_plan_event(struct source_run *run, const struct event *event,
				    struct err *err)
{
	struct applying *a = run->applying;
	const struct plan_object *object = NULL;
	enum step_kind kind = STEP_CONNECT;
	struct err store_err = {0};
	enum plan_verdict verdict = lp_plan_event(&a->plan, event, lp_boot_ms(), &kind, &object);

	if (verdict == PLAN_STRANGE)
		return not_asked(event, err);
	if (!a->plan.away) {
		a->since_ms = 0;
		lp_cluster_reached(run->super, "");
	} else {
		lp_cluster_reached(run->super, event->message);
		snprintf(a->away, sizeof(a->away), "%s", event->message);
		if (!a->since_ms)
			a->since_ms = lp_boot_ms();
	}
	if (verdict == PLAN_SETTLED && object && event->kind != EVENT_DONE)
		tell_problem(run, kind, object, event->message);
	else if (verdict == PLAN_SETTLED && object && kind != STEP_WAIT) {
		tell_done(run, object, event);
		if (lp_ledger_record(&a->ledger, kind, object, event, &store_err) != LP_OK) {
			store_failed(run, "write the inventory", &store_err);
			return LP_OK;
		}
	}
	pump(run);
	return LP_OK;
}

static enum lp_code send_step(struct source_run *run, struct step *step,
			      const struct plan_object *object, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_OBJECT_BYTES);
	struct stored_object stored;

	char floor[LP_APPLYSET_FLOOR_TEXT];

	if (step->kind == STEP_PARENT) {
		lp_floor_text(run, floor);
		step->body = (struct slice){(const uint8_t *)floor, strlen(floor)};
	}
	if (step->kind == STEP_APPLY) {
		LP_TRY(lp_ledger_object(&run->applying->ledger, object, &stored, err));
		LP_TRY(lp_object_body(run->super->db, run->config->name, &stored, &body, err));
		step->body = LP_SLICE_OF(&body);
	}
	lp_link_deadline(&run->super->cluster.link, SILENCE_MS);
	return lp_cluster_step(run->super, step, err);
}

static void set_wake(struct source_run *run)
{
	struct applying *a = run->applying;
	int64_t wake_ms = lp_plan_wake_ms(&a->plan);

	/* A server that asks for a day of rest must not hold up the polls of that day. */
	if (a->since_ms && wake_ms > a->since_ms + AWAY_MS)
		wake_ms = a->since_ms + AWAY_MS + 1;
	if (wake_ms != INT64_MAX)
		lp_loop_timer_set(run->super->loop, &a->wake, wake_ms);
}

/* Whether one more step is sure to fit behind those that the role has not taken yet. */
static bool has_room(const struct source_run *run)
{
	return lp_link_waiting(&run->super->cluster.link) <= LP_FRAME_MAX;
}

/*
 * Sends what the plan gives until it holds or ends, or until there is no room: the answers to
 * what is under way come here again.
 */
static void pump(struct source_run *run)
{
	struct applying *a = run->applying;
	const struct plan_object *object = NULL;
	enum plan_answer answer = PLAN_STEP;
	struct err err = {0};

	if (a->since_ms && lp_boot_ms() - a->since_ms > AWAY_MS) {
		away(run, a->away);
		return;
	}
	while (answer == PLAN_STEP && has_room(run)) {
		struct step step;
		enum lp_code code =
			lp_plan_next(&a->plan, lp_boot_ms(), &answer, &step, &object, &err);
		if (code == LP_OK && answer == PLAN_STEP)
			code = send_step(run, &step, object, &err);
		if (code != LP_OK) {
			store_failed(run, "read the revision", &err);
			return;
		}
	}
	if (answer == PLAN_END)
		finish(run);
	else if (answer == PLAN_HOLD)
		set_wake(run);
}

static void begin_plan(struct source_run *run)
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
	if (lp_copy(policy.source, sizeof(policy.source), run->config->name, &err) != LP_OK ||
	    lp_copy(policy.default_ns, sizeof(policy.default_ns), run->config->ns, &err) != LP_OK ||
	    lp_ledger_begin(&a->ledger, &err) != LP_OK) {
		store_failed(run, "begin the apply", &err);
		return;
	}
	a->walks = (struct walks){.db = run->super->db,
				  .source = run->config->name,
				  .revision = a->ledger.revision.id};
	struct plan_reader reader = lp_walks_reader(&a->walks);
	lp_plan_begin(&a->plan, &policy, &reader);
	a->plan.last_id = run->super->cluster.last_id;
	lp_buf_clear(&run->problems);
	lp_progress(run, "applying revision %" PRId64 ": %u objects", a->ledger.revision.id,
		    a->ledger.revision.objects);
	pump(run);
}

/* --- before the plan --- */

static enum lp_code send_single(struct source_run *run, enum step_kind kind, uint64_t id,
				struct err *err)
{
	struct step step = {.id = id, .kind = kind};

	LP_TRY(lp_copy(step.source, sizeof(step.source), run->config->name, err));
	LP_TRY(lp_cluster_start(run->super, err));
	lp_link_deadline(&run->super->cluster.link, SILENCE_MS);
	return lp_cluster_step(run->super, &step, err);
}

static void send_or_give_up(struct source_run *run, enum step_kind kind, uint64_t id)
{
	struct err err = {0};

	run->applying->asked = true;
	if (send_single(run, kind, id, &err) != LP_OK)
		away(run, err.msg);
}

static void start_recovery(struct source_run *run)
{
	struct applying *a = run->applying;

	lp_ledger_close(&a->ledger); /* what an earlier attempt found, also while others write */
	a->part = PART_RECOVER;
	a->recover_again = false;
	a->found = 0;
	send_or_give_up(run, STEP_RECOVER, RECOVER_ID);
}

/* An older revision than what was accepted here before is in the store: it is not applied. */
static void ask_for_newer(struct source_run *run)
{
	clean_up(run);
	lp_outcome(run, 1,
		   "what is stored is older than what was accepted here; the branch is asked "
		   "first, and what runs goes on running");
	run->poll_late = true;
	lp_feed(run, CYCLE_APPLIED);
}

/* All is known that a plan needs, but for the inventory. */
static void go_on(struct source_run *run)
{
	unsigned known = 0;
	struct err err = {0};

	if (run->applying->learning) {
		clean_up(run);
		lp_feed(run, CYCLE_LEARNED);
	} else if (lp_floor_is_ahead(run)) {
		ask_for_newer(run);
	} else if (lp_inventory_count(run->super->db, run->config->name, &known, &err) != LP_OK) {
		store_failed(run, "count the inventory", &err);
	} else if (!known) {
		/* A first start, or an inventory that was lost: the labels are the truth. */
		start_recovery(run);
	} else {
		begin_plan(run);
	}
}

static void connected(struct source_run *run)
{
	struct applying *a = run->applying;
	struct err err = {0};

	lp_cluster_reached(run->super, "");
	a->since_ms = 0;
	if (lp_kinds_replace(run->super->db, a->kinds.list, a->kinds.len, &err) != LP_OK) {
		store_failed(run, "store the kinds", &err);
		return;
	}
	lp_kind_list_free(&a->kinds);
	if (run->looked) {
		go_on(run);
		return;
	}
	a->part = PART_LOOK;
	send_or_give_up(run, STEP_LOOK, LOOK_ID);
}

/* The time that a person or a start has for an API server that does not answer. */
static int64_t patience_ms(const struct source_run *run)
{
	bool daemon = run->super->wish.kind == WISH_RUN;

	if (!run->applying->learning)
		return AWAY_MS;
	if (run->floor != FLOOR_ASK)
		return LEARN_AWAY_MS;
	return daemon ? ASK_AWAY_MS : AWAY_MS;
}

static void not_connected(struct source_run *run, const struct event *event)
{
	struct applying *a = run->applying;
	int64_t wait_ms =
		event->retry_after_ms > CONNECT_AGAIN_MS ? event->retry_after_ms : CONNECT_AGAIN_MS;

	lp_cluster_reached(run->super, event->message);
	lp_kind_list_free(&a->kinds);
	if (!a->since_ms)
		a->since_ms = lp_boot_ms();
	if (event->kind == EVENT_FAILED || lp_boot_ms() + wait_ms - a->since_ms > patience_ms(run))
		away(run, event->message);
	else
		lp_loop_timer_set(run->super->loop, &a->wake, lp_boot_ms() + wait_ms);
}

static enum lp_code take_found(struct source_run *run, const struct event *event, struct err *err)
{
	struct applying *a = run->applying;
	struct err store_err = {0};

	if (a->recover_again)
		return LP_OK;
	if (++a->found > LP_FOUND_MAX)
		return lp_err_set(err, LP_LIMIT, "more than %u objects with our label",
				  LP_FOUND_MAX);
	run->rebuilt = true;
	if (lp_ledger_found(&a->ledger, event, &store_err) != LP_OK)
		store_failed(run, "store the inventory", &store_err);
	return LP_OK;
}

static void recovered(struct source_run *run)
{
	struct err err = {0};

	if (run->applying->recover_again) {
		start_recovery(run);
		return;
	}
	if (run->rebuilt)
		lp_log(LOG_LEVEL_WARN, "inventory-recovered", "source", run->config->name, "next",
		       "nothing is pruned in this cycle", NULL);
	if (lp_ledger_flush(&run->applying->ledger, &err) != LP_OK)
		store_failed(run, "store the inventory", &err);
	else
		begin_plan(run);
}

static void wake(void *ctx)
{
	struct source_run *run = ctx;

	if (run->applying->part == PART_PLAN)
		pump(run);
	else if (run->applying->part == PART_CONNECT)
		send_or_give_up(run, STEP_CONNECT, CONNECT_ID);
	else if (run->applying->part == PART_LOOK)
		send_or_give_up(run, STEP_LOOK, LOOK_ID);
	else
		start_recovery(run);
}

/* What the parent says of the floor, or that it cannot be read. */
static void looked(struct source_run *run, const struct event *event)
{
	if (event->kind == EVENT_DONE)
		lp_floor_seen(run, event->outcome != OUTCOME_GONE, event->message);
	/* One that is not ours is told by the plan, which must write it. */
	if (event->kind == EVENT_DONE || (event->kind == EVENT_FAILED && run->floor == FLOOR_KNOWN))
		go_on(run);
	else
		not_connected(run, event);
}

/* What a CONNECT, LOOK or RECOVER ends with. */
static void take_end(struct source_run *run, const struct event *event)
{
	run->applying->asked = false;
	if (run->applying->part == PART_LOOK)
		looked(run, event);
	else if (event->kind != EVENT_DONE)
		not_connected(run, event);
	else if (run->applying->part == PART_CONNECT)
		connected(run);
	else
		recovered(run);
}

/* The step that is under way before the plan. */
static uint64_t asked_id(const struct applying *a)
{
	static const uint64_t ids[] = {
		[PART_CONNECT] = CONNECT_ID, [PART_LOOK] = LOOK_ID, [PART_RECOVER] = RECOVER_ID};

	return a->asked ? ids[a->part] : 0;
}

enum lp_code lp_applying_event(struct source_run *run, const struct event *event, struct err *err)
{
	struct applying *a = run->applying;

	/* A role that answers what nobody asked is not to be believed in anything. */
	if (!a)
		return not_asked(event, err);
	lp_link_deadline(&run->super->cluster.link, SILENCE_MS);
	if (a->part == PART_PLAN && event->kind == EVENT_KIND)
		return LP_OK; /* a CRD of this plan; the next CONNECT tells it with all others */
	if (a->part == PART_PLAN)
		return take_plan_event(run, event, err);
	if (event->id != asked_id(a) || (event->kind == EVENT_KIND && a->part != PART_CONNECT) ||
	    (event->kind == EVENT_FOUND && a->part != PART_RECOVER))
		return not_asked(event, err);
	if (event->kind == EVENT_KIND)
		return lp_kind_list_add(&a->kinds, event, err);
	if (event->kind == EVENT_FOUND)
		return take_found(run, event, err);
	take_end(run, event);
	return LP_OK;
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
	send_or_give_up(run, STEP_CONNECT, CONNECT_ID);
}

void lp_applying_start(struct source_run *run)
{
	struct source_state state = lp_stored_state(run);
	struct err err = {0};

	if (state.suspended) /* since this cycle began */
		lp_outcome(run, 1, "%s is suspended; limpet resume ends that", run->config->name);
	if (!state.desired || state.suspended) {
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
		store_failed(run, "read the revision", &err);
		return;
	}
	send_or_give_up(run, STEP_CONNECT, CONNECT_ID);
}

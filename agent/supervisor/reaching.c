/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An apply, first part: all that must be known before there can be a plan.
 *
 *	LEASE: nobody else writes; not for learning
 *	CONNECT: the API server answers, its kinds are known
 *	LOOK: once a start: what the cluster knows of the trust floor; learning ends here
 *	RECOVER: once a start, and when what is in the cluster may be from another time: what
 *	carries our label and is not in the inventory goes into it
 *
 * What is left then, and only the config digests need, is for preparing.c.
 */
#include "agent/supervisor/applying.h"
#include "agent/supervisor/limits.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"

#define LEARN_AWAY_MS    3000   /* rendering can go on without */
#define ASK_AWAY_MS      600000 /* nothing can be judged without: k3s may be starting, too */
#define CONNECT_AGAIN_MS 1000

static enum lp_code send(struct source_run *run, struct step *step, struct err *err)
{
	LP_TRY(lp_copy(step->source, sizeof(step->source), run->config->name, err));
	LP_TRY(lp_cluster_start(run->super, err));
	lp_link_deadline(&run->super->cluster.link, LP_SILENCE_MS);
	return lp_cluster_step(run->super, step, err);
}

void lp_reaching_send(struct source_run *run, struct step *step)
{
	struct err err = {0};

	run->applying->asked = true;
	if (send(run, step, &err) != LP_OK)
		lp_applying_away(run, err.msg);
}

static void send_or_give_up(struct source_run *run, enum step_kind kind, uint64_t id)
{
	lp_reaching_send(run, &(struct step){.id = id, .kind = kind});
}

static void start_recovery(struct source_run *run)
{
	struct applying *a = run->applying;

	lp_ledger_close(&a->ledger); /* what an earlier attempt found, also while others write */
	a->part = PART_RECOVER;
	a->recover_again = false;
	a->found = 0;
	send_or_give_up(run, STEP_RECOVER, LP_RECOVER_ID);
}

/* An older revision than what was accepted here before is in the store: it is not applied. */
static void ask_for_newer(struct source_run *run)
{
	lp_applying_clean(run);
	lp_outcome(run, 1,
		   "what is stored is older than what was accepted here; the branch is asked "
		   "first, and what runs goes on running");
	run->poll_late = true;
	lp_feed(run, CYCLE_APPLIED);
}

/* Nothing is applied; what was applied before is watched, and what differs is told of. */
static void only_watch(struct source_run *run)
{
	struct err err = {0};

	lp_applying_clean(run);
	if (lp_watching_seed(run, &err) != LP_OK)
		lp_store_failed(run, "read the inventory", &err);
	run->apply_delay_ms = 0;
	lp_watching_planned(run);
	lp_feed(run, CYCLE_APPLIED);
}

/* All is known that a plan needs, but for the inventory. */
static void go_on(struct source_run *run)
{
	unsigned known = 0;
	struct err err = {0};

	if (run->applying->learning) {
		lp_applying_clean(run);
		lp_feed(run, CYCLE_LEARNED);
	} else if (lp_stored_state(run).suspended) {
		only_watch(run);
	} else if (lp_floor_is_ahead(run)) {
		ask_for_newer(run);
	} else if (lp_inventory_count(run->super->db, run->config->name, &known, &err) != LP_OK) {
		lp_applying_store_failed(run, "count the inventory", &err);
	} else if (!known || !run->listed) {
		/* The labels are the truth: the inventory may be lost, and a cluster that was put
		 * back to an older copy has again what was pruned since. */
		run->applying->known = known;
		start_recovery(run);
	} else {
		lp_preparing_start(run);
	}
}

static void start_look(struct source_run *run)
{
	run->applying->part = PART_LOOK;
	send_or_give_up(run, STEP_LOOK, LP_LOOK_ID);
}

static void connected(struct source_run *run)
{
	struct applying *a = run->applying;
	struct err err = {0};

	lp_cluster_reached(run->super, "");
	a->since_ms = 0;
	if (lp_kinds_replace(run->super->db, a->kinds.list, a->kinds.len, &err) != LP_OK) {
		lp_applying_store_failed(run, "store the kinds", &err);
		return;
	}
	lp_kind_list_free(&a->kinds);
	run->super->cluster.discovered = true;
	if (run->looked) {
		go_on(run);
		return;
	}
	start_look(run);
}

/* The time that a person or a start has for an API server that does not answer. */
static int64_t patience_ms(const struct source_run *run)
{
	bool daemon = run->super->wish.kind == WISH_RUN;

	if (!run->applying->learning)
		return LP_AWAY_MS;
	if (run->floor != FLOOR_ASK)
		return LEARN_AWAY_MS;
	return daemon ? ASK_AWAY_MS : LP_AWAY_MS;
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
		lp_applying_away(run, event->message);
	else
		lp_loop_timer_set(run->super->loop, &a->wake, lp_boot_ms() + wait_ms);
}

static enum lp_code take_found(struct source_run *run, const struct event *event, struct err *err)
{
	struct applying *a = run->applying;
	struct err store_err = {0};
	char text[LP_KEY_TEXT];
	bool is_new = false;

	if (a->recover_again)
		return LP_OK;
	if (++a->found > LP_FOUND_MAX)
		return lp_err_set(err, LP_LIMIT, "more than %u objects with our label",
				  LP_FOUND_MAX);
	run->rebuilt |= !a->known;
	if (lp_ledger_found(&a->ledger, event, &is_new, &store_err) != LP_OK)
		lp_applying_store_failed(run, "store the inventory", &store_err);
	else if (a->known && is_new)
		lp_log(LOG_LEVEL_WARN, "found", "source", run->config->name, "object",
		       lp_object_key_text(&event->key, text), "why",
		       "it has our label and is not in the inventory", NULL);
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
	run->listed = true;
	if (lp_ledger_flush(&run->applying->ledger, &err) != LP_OK)
		lp_applying_store_failed(run, "store the inventory", &err);
	else
		lp_preparing_start(run);
}

/* A kind that the parent names may be one that we may not list any more: the rest is applied. */
static bool may_do_without(const struct source_run *run, const struct event *event)
{
	const struct applying *a = run->applying;

	if (a->part != PART_RECOVER || !a->known || event->kind != EVENT_FAILED)
		return false;
	lp_log(LOG_LEVEL_WARN, "not-listed", "source", run->config->name, "error", event->message,
	       "next", "what has our label and is not in the inventory is not looked for", NULL);
	return true;
}

static void connect_to(struct source_run *run)
{
	run->applying->part = PART_CONNECT;
	/* Discovery holds until something is met that it does not know. */
	if (run->super->cluster.discovered && run->looked && !run->deep)
		go_on(run);
	else
		send_or_give_up(run, STEP_CONNECT, LP_CONNECT_ID);
}

void lp_reaching_wake(struct source_run *run)
{
	static void (*const again[])(struct source_run * run) = {
		[PART_LEASE] = lp_leading_ask,   [PART_CONNECT] = connect_to,
		[PART_LOOK] = start_look,        [PART_RECOVER] = start_recovery,
		[PART_KEY] = lp_preparing_again, [PART_CARRIED] = lp_preparing_again,
	};

	again[run->applying->part](run);
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

/* What a step of this part ends with. */
static void take_end(struct source_run *run, const struct event *event)
{
	enum part part = run->applying->part;

	run->applying->asked = false;
	if (part == PART_LOOK)
		looked(run, event);
	else if (part == PART_KEY || part == PART_CARRIED)
		lp_preparing_event(run, event);
	else if (event->kind != EVENT_DONE && !may_do_without(run, event))
		not_connected(run, event);
	else if (part == PART_CONNECT)
		connected(run);
	else
		recovered(run);
}

/* The step that a part has under way; that of LEASE is another file's. */
static uint64_t asked_id(const struct applying *a)
{
	static const uint64_t ids[] = {[PART_CONNECT] = LP_CONNECT_ID,
				       [PART_LOOK] = LP_LOOK_ID,
				       [PART_RECOVER] = LP_RECOVER_ID,
				       [PART_KEY] = LP_KEY_ID,
				       [PART_CARRIED] = LP_CARRIED_ID};

	return ids[a->part];
}

enum lp_code lp_reaching_event(struct source_run *run, const struct event *event, struct err *err)
{
	struct applying *a = run->applying;

	if (!a->asked || event->id != asked_id(a) || event->kind == EVENT_DELETED ||
	    (event->kind == EVENT_KIND && a->part != PART_CONNECT) ||
	    (event->kind == EVENT_FOUND && a->part != PART_RECOVER))
		return lp_applying_not_asked(event, err);
	if (event->kind == EVENT_KIND)
		return lp_kind_list_add(&a->kinds, event, err);
	if (event->kind == EVENT_FOUND)
		return take_found(run, event, err);
	take_end(run, event);
	return LP_OK;
}

void lp_reaching_led(struct source_run *run)
{
	lp_cluster_reached(run->super, "");
	run->applying->since_ms = 0;
	connect_to(run);
}

void lp_reaching_put_off(struct source_run *run, const struct event *event)
{
	not_connected(run, event);
}

void lp_reaching_start(struct source_run *run)
{
	if (run->applying->learning || lp_leading_holds(run)) {
		connect_to(run);
		return;
	}
	run->applying->part = PART_LEASE;
	lp_leading_ask(run);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/plan.h"

#include <string.h>

#define OBJECT_WAIT_MS 30000 /* the longest between two tries of one object */

/* What a phase sends, in the order in which they are passed through. */
static const struct {
	const char *name;
	bool walks; /* objects of a walk; otherwise one step */
	enum plan_walk walk;
	enum step_kind step;
	bool staged; /* an object of another stage waits until this stage is done */
} phases[PLAN_PHASES] = {
	[PLAN_WIDEN_KINDS] = {"widen", true, WALK_KINDS, STEP_KINDS, false},
	[PLAN_WIDEN] = {"widen", false, WALK_KINDS, STEP_PARENT, false},
	[PLAN_APPLY] = {"apply", true, WALK_DESIRED, STEP_APPLY, true},
	[PLAN_PRUNE] = {"prune", true, WALK_REMOVED, STEP_PRUNE, true},
	[PLAN_SHRINK_KINDS] = {"shrink", true, WALK_KINDS, STEP_KINDS, false},
	[PLAN_SHRINK] = {"shrink", false, WALK_KINDS, STEP_PARENT, false},
	[PLAN_OVER] = {"over", false, WALK_KINDS, STEP_KINDS, false},
};

const char *lp_plan_phase_name(enum plan_phase phase)
{
	return phase < PLAN_PHASES ? phases[phase].name : "unknown";
}

void lp_plan_begin(struct plan *plan, const struct plan_policy *policy,
		   const struct plan_reader *reader)
{
	*plan = (struct plan){.policy = *policy, .reader = *reader};
	if (!plan->policy.in_flight || plan->policy.in_flight > LP_PLAN_ITEMS)
		plan->policy.in_flight = 1;
	if (!plan->policy.tries)
		plan->policy.tries = 1;
}

static unsigned count_items(const struct plan *plan, unsigned state)
{
	unsigned n = 0;

	for (size_t i = 0; i < LP_PLAN_ITEMS; i++)
		n += plan->items[i].state == state;
	return n;
}

static bool is_idle(const struct plan *plan)
{
	return count_items(plan, ITEM_FREE) == LP_PLAN_ITEMS;
}

/* --- what may be deleted --- */

static const char *why_not_prune(const struct plan *plan)
{
	const struct plan_result *r = &plan->result;

	if (!plan->policy.prune)
		return "pruning is switched off";
	if (plan->policy.incomplete)
		return "the revision is incomplete";
	if (r->unknown)
		return "an object's kind is not known to the cluster";
	if (r->refused)
		return "an object was not applied";
	if (!plan->any_desired && !plan->policy.allow_empty)
		return "the revision has no objects";
	return NULL;
}

/* --- phases --- */

static void enter(struct plan *plan, enum plan_phase phase)
{
	plan->phase = phase;
	plan->entered = plan->ahead_there = plan->ended = false;
}

static void over(struct plan *plan)
{
	struct plan_result *r = &plan->result;

	r->complete = r->stopped.code == LP_OK && !plan->policy.incomplete && !r->unknown &&
		      !r->refused && !r->prune_refused;
	enter(plan, PLAN_OVER);
}

/* Everything of the phase is done. */
static void leave(struct plan *plan)
{
	switch (plan->phase) {
	case PLAN_APPLY:
		plan->result.not_pruned = why_not_prune(plan);
		if (plan->result.not_pruned)
			over(plan);
		else
			enter(plan, PLAN_PRUNE);
		break;
	case PLAN_PRUNE:
		/* what could not be deleted must still be found: the parent stays as wide */
		if (plan->result.prune_refused)
			over(plan);
		else
			enter(plan, PLAN_SHRINK_KINDS);
		break;
	case PLAN_SHRINK:
	case PLAN_OVER:
		over(plan);
		break;
	default:
		enter(plan, plan->phase + 1);
	}
}

/* --- what comes next --- */

static void make_step(struct plan *plan, struct plan_item *item, struct step *ret)
{
	const struct plan_object *object = &item->object;

	item->state = ITEM_SENT;
	item->id = ++plan->last_id;
	*ret = (struct step){.id = item->id,
			     .kind = item->kind,
			     .key = object->key,
			     .scope = object->scope,
			     .known = object->known,
			     .once = object->once,
			     .adopt = !object->ours,
			     .how = object->look ? APPLY_LOOK : APPLY_PLAIN,
			     .exact = plan->phase == PLAN_SHRINK,
			     .timeout_ms = plan->policy.step_ms};
	memcpy(ret->source, plan->policy.source, sizeof(ret->source));
	memcpy(ret->uid, object->uid, sizeof(ret->uid));
	memcpy(ret->default_ns, plan->policy.default_ns, sizeof(ret->default_ns));
}

static struct plan_item *find_due(struct plan *plan, int64_t now_ms)
{
	for (size_t i = 0; i < LP_PLAN_ITEMS; i++)
		if (plan->items[i].state == ITEM_AGAIN && plan->items[i].not_before_ms <= now_ms)
			return &plan->items[i];
	return NULL;
}

static struct plan_item *find_free(struct plan *plan)
{
	for (size_t i = 0; i < LP_PLAN_ITEMS; i++)
		if (plan->items[i].state == ITEM_FREE)
			return &plan->items[i];
	return NULL;
}

/* Reads one object ahead, unless there is one or the walk is at its end. */
static enum lp_code look_ahead(struct plan *plan, struct err *err)
{
	const struct plan_reader *reader = &plan->reader;
	enum plan_walk walk = phases[plan->phase].walk;
	bool more = false;

	if (plan->ahead_there || plan->ended)
		return LP_OK;
	if (!phases[plan->phase].walks) {
		/* one step without an object */
		plan->ahead = (struct plan_object){0};
		more = !plan->entered;
	} else {
		if (!plan->entered)
			LP_TRY(reader->begin(reader->ctx, walk, err));
		LP_TRY(reader->next(reader->ctx, walk, &plan->ahead, &more, err));
	}
	if (!plan->entered)
		plan->stage = plan->ahead.stage;
	plan->entered = true;
	plan->ahead_there = more;
	plan->ended = !more;
	plan->any_desired |= more && plan->phase == PLAN_APPLY;
	return LP_OK;
}

static bool is_config(const struct object_key *key)
{
	return !key->group[0] &&
	       (strcmp(key->kind, "ConfigMap") == 0 || strcmp(key->kind, "Secret") == 0);
}

static bool is_config_under_way(const struct plan *plan)
{
	for (size_t i = 0; i < LP_PLAN_ITEMS; i++)
		if (plan->items[i].state != ITEM_FREE && is_config(&plan->items[i].object.key))
			return true;
	return false;
}

/*
 * Whether the object read ahead must wait: for the stage before its own, or for what its pods
 * will read, because new pods with old variables stay so.
 */
static bool is_held(const struct plan *plan)
{
	if (phases[plan->phase].staged && plan->ahead.stage != plan->stage && !is_idle(plan))
		return true;
	return plan->ahead.uses_config && is_config_under_way(plan);
}

static const struct plan_object *object_of(const struct plan_item *item)
{
	bool has = item->kind == STEP_APPLY || item->kind == STEP_PRUNE || item->kind == STEP_WAIT;

	return has ? &item->object : NULL;
}

enum lp_code lp_plan_next(struct plan *plan, int64_t now_ms, enum plan_answer *ret,
			  struct step *ret_step, const struct plan_object **ret_object,
			  struct err *err)
{
	struct plan_item *item = NULL;

	*ret = PLAN_HOLD;
	while (plan->phase != PLAN_OVER) {
		if (now_ms < plan->not_before_ms ||
		    count_items(plan, ITEM_SENT) >= plan->policy.in_flight)
			return LP_OK;
		item = find_due(plan, now_ms);
		if (item)
			break;
		LP_TRY(look_ahead(plan, err));
		if (plan->ahead_there && plan->phase == PLAN_APPLY && plan->ahead.clean) {
			plan->result.unchanged++;
			plan->ahead_there = false;
			continue;
		}
		if (!plan->ahead_there && !is_idle(plan))
			return LP_OK;
		if (!plan->ahead_there) {
			leave(plan);
			continue;
		}
		item = find_free(plan);
		if (!item || is_held(plan))
			return LP_OK;
		*item = (struct plan_item){.kind = phases[plan->phase].step, .object = plan->ahead};
		plan->stage = plan->ahead.stage;
		plan->ahead_there = false;
		break;
	}
	if (!item) {
		*ret = PLAN_END;
		return LP_OK;
	}
	make_step(plan, item, ret_step);
	*ret_object = object_of(item);
	*ret = PLAN_STEP;
	return LP_OK;
}

int64_t lp_plan_wake_ms(const struct plan *plan)
{
	int64_t wake_ms = INT64_MAX;

	if (count_items(plan, ITEM_SENT) >= plan->policy.in_flight)
		return wake_ms; /* an event must come first */
	for (size_t i = 0; i < LP_PLAN_ITEMS; i++) {
		const struct plan_item *item = &plan->items[i];
		if (item->state == ITEM_AGAIN && item->not_before_ms < wake_ms)
			wake_ms = item->not_before_ms;
	}
	/* nothing goes before that, also when the server has answered since */
	if (wake_ms < plan->not_before_ms)
		wake_ms = plan->not_before_ms;
	return wake_ms;
}

/* --- what came of it --- */

/*
 * Whether it is the server that is not ready, and not the object. A 500 or 504 is about the object:
 * a webhook that does not answer, or a server that cannot cope with it, may last for ever, and the
 * others need not wait for it.
 */
static bool is_away(const struct event *event)
{
	return event->status == 0 || event->status == 401 || event->status == 429 ||
	       event->status == 503;
}

static void count_failure(struct plan *plan, const struct plan_item *item,
			  const struct event *event)
{
	struct plan_result *r = &plan->result;

	switch (item->kind) {
	case STEP_APPLY:
	case STEP_WAIT:
		r->config_refused |= is_config(&item->object.key);
		*(event->code == LP_NOT_FOUND ? &r->unknown : &r->refused) += 1;
		break;
	case STEP_PRUNE:
		r->prune_refused++;
		break;
	default:
		/* without its parent an ApplySet could not be found again: nothing is applied */
		r->stopped.code = event->code == LP_OK ? LP_REJECTED : event->code;
		snprintf(r->stopped.msg, sizeof(r->stopped.msg), "%s", event->message);
	}
}

static void count_success(struct plan *plan, enum step_kind kind, const struct event *event)
{
	struct plan_result *r = &plan->result;
	bool finished = kind == STEP_APPLY && event->outcome == OUTCOME_GONE;
	unsigned *const counts[OUTCOME_COUNT] = {
		[OUTCOME_CREATED] = &r->created,
		[OUTCOME_CONFIGURED] = &r->configured,
		[OUTCOME_UNCHANGED] = &r->unchanged,
		[OUTCOME_PRUNED] = &r->pruned,
		[OUTCOME_GONE] = finished ? &r->unchanged : &r->gone,
		[OUTCOME_KEPT] = &r->kept,
	};

	if (event->outcome < OUTCOME_COUNT && counts[event->outcome])
		++*counts[event->outcome];
}

/* How long to leave the server, or the object, alone. */
static int64_t wait_ms(const struct plan_item *item, const struct event *event)
{
	int64_t ms = event->retry_after_ms > 0 ? event->retry_after_ms : 0;

	if (is_away(event))
		return ms;
	if (event->status >= 500)
		ms <<= item->tries < 4 ? item->tries : 4;
	return ms < OBJECT_WAIT_MS ? ms : OBJECT_WAIT_MS; /* its stage waits for it */
}

static void put_off(struct plan *plan, struct plan_item *item, const struct event *event,
		    int64_t now_ms)
{
	int64_t until_ms = now_ms + wait_ms(item, event);

	item->state = ITEM_AGAIN;
	item->not_before_ms = until_ms;
	if (!is_away(event)) {
		item->tries++;
		return;
	}
	plan->away = true;
	if (until_ms > plan->not_before_ms)
		plan->not_before_ms = until_ms;
}

static enum plan_verdict take_done(struct plan *plan, struct plan_item *item,
				   const struct event *event)
{
	if (item->kind == STEP_APPLY || item->kind == STEP_PRUNE)
		count_success(plan, item->kind, event);
	item->state = ITEM_FREE;
	if (item->kind == STEP_APPLY && item->object.stage == STAGE_CRDS) {
		/* its kind must be served before the next stage */
		item->kind = STEP_WAIT;
		item->state = ITEM_AGAIN;
		item->not_before_ms = 0;
		item->tries = 0;
	}
	return PLAN_SETTLED;
}

static struct plan_item *find_sent(struct plan *plan, uint64_t id)
{
	for (size_t i = 0; i < LP_PLAN_ITEMS; i++)
		if (plan->items[i].state == ITEM_SENT && plan->items[i].id == id)
			return &plan->items[i];
	return NULL;
}

enum plan_verdict lp_plan_event(struct plan *plan, const struct event *event, int64_t now_ms,
				enum step_kind *ret_kind, const struct plan_object **ret_object)
{
	struct plan_item *item = find_sent(plan, event->id);

	if (!item || event->kind > EVENT_RETRY)
		return PLAN_STRANGE;
	*ret_kind = item->kind;
	*ret_object = object_of(item);
	if (!is_away(event))
		plan->away = false;
	if (event->kind == EVENT_RETRY &&
	    (is_away(event) || item->tries + 1 < plan->policy.tries)) {
		put_off(plan, item, event, now_ms);
		return PLAN_AGAIN;
	}
	if (event->kind == EVENT_DONE)
		return take_done(plan, item, event);
	item->state = ITEM_FREE;
	count_failure(plan, item, event);
	if (plan->result.stopped.code != LP_OK)
		over(plan);
	return PLAN_SETTLED;
}

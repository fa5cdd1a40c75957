/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/leading.h"

#include "agent/supervisor/applying.h"
#include "agent/supervisor/machine.h"
#include "agent/supervisor/telling.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"

#include <stdio.h>
#include <string.h>

#define LEASE_ID   ((1ull << 62) + 16) /* reaching.c has the first ones, plans count from 1 */
#define SERVERS_ID (LEASE_ID + 1)

/* How long it holds, and how often it is renewed: twice it may fail. */
#define ALONE_S        900 /* one server node: nobody waits but who was started by mistake */
#define ALONE_RENEW_MS 300000
#define MANY_S         30
#define MANY_RENEW_MS  10000

#define LOOK_MIN_MS 100
#define LOOK_MS     10000   /* who stands by looks so often whether it was given back */
#define AGAIN_MS    3000    /* after an answer that did not come, with several servers */
#define COUNT_MS    3600000 /* so often the server nodes are counted */
#define RELEASE_MS  2000    /* of a stop that the API server may cost */

static void due(void *ctx);

enum lp_code lp_leading_open(struct source_run *run, struct err *err)
{
	struct leading *l = &run->leading;
	uint8_t instance[(LP_INSTANCE_MAX - 1) / 2];

	lp_random(instance, sizeof(instance));
	lp_hex(instance, sizeof(instance), l->instance);
	lp_random(&l->beat, sizeof(l->beat));
	l->timer = (struct timer){.fire = due, .ctx = run};
	return lp_machine_name(&run->super->config, run->config->name, l->us, sizeof(l->us), err);
}

/* CLOCK_BOOTTIME; when the record that we know has run out. */
static int64_t ends_ms(const struct leading *l)
{
	if (l->state == LEADING_HELD)
		return l->renewed_ms + l->duration_s * 1000;
	return (l->blind ? lp_boot_ms() : l->seen_ms) + l->other.duration_s * 1000;
}

bool lp_leading_holds(const struct source_run *run)
{
	const struct leading *l = &run->leading;

	return l->state == LEADING_HELD && lp_boot_ms() < ends_ms(l);
}

const char *lp_leading_other(const struct source_run *run, char *to, size_t size)
{
	const struct leading *l = &run->leading;
	const char *ns = run->super->config.cluster.ns, *source = run->config->name;
	int64_t left_ms = ends_ms(l) - lp_boot_ms();
	char until[LP_TIME_TEXT];

	*to = '\0';
	if (l->state != LEADING_STANDBY)
		return to;
	lp_time_text(lp_wall_s() + (left_ms > 0 ? left_ms / 1000 : 0), until);
	snprintf(to, size,
		 "%s holds the Lease %s/" LP_APPLYSET_PARENT_PREFIX "%s%s; stop that agent, or "
		 "wait: if it is gone, this one takes over at %s",
		 l->other.holder, ns, source,
		 l->other.same ? " (it says that it is this machine: two machines have the same "
				 "/etc/machine-id)"
			       : "",
		 until);
	return to;
}

/* --- asking --- */

static void wake_in(struct source_run *run, int64_t ms)
{
	lp_loop_timer_set(run->super->loop, &run->leading.timer, lp_boot_ms() + ms);
}

static bool has_run_out(const struct leading *l)
{
	return l->state == LEADING_STANDBY && lp_boot_ms() >= ends_ms(l);
}

static enum lp_code send_step(struct source_run *run, struct step *step, struct err *err)
{
	struct leading *l = &run->leading;

	LP_TRY(lp_copy(step->source, sizeof(step->source), run->config->name, err));
	LP_TRY(lp_cluster_start(run->super, err));
	LP_TRY(lp_cluster_step(run->super, step, err));
	l->asked = true;
	l->sent_ms = lp_boot_ms();
	wake_in(run, LP_SILENCE_MS);
	return LP_OK;
}

static enum lp_code send(struct source_run *run, enum lease_wish wish, struct err *err)
{
	struct leading *l = &run->leading;
	bool held = l->state == LEADING_HELD;
	struct step step = {
		.id = LEASE_ID,
		.kind = STEP_LEASE,
		.lease = {.wish = wish,
			  .duration_s = l->servers > 1 ? MANY_S : ALONE_S,
			  .transitions = held ? l->transitions : l->other.transitions,
			  .beat = ++l->beat,
			  .renew = held,
			  .again = l->again},
	};

	memcpy(step.lease.holder, l->us, sizeof(l->us));
	memcpy(step.lease.instance, l->instance, sizeof(l->instance));
	if (held || has_run_out(l))
		memcpy(step.known.version, l->version, sizeof(l->version));
	return send_step(run, &step, err);
}

static bool must_count(const struct leading *l)
{
	return !l->counted_ms || lp_boot_ms() - l->counted_ms > COUNT_MS;
}

static void no_answer(struct source_run *run, const struct event *event);

void lp_leading_ask(struct source_run *run)
{
	struct leading *l = &run->leading;
	struct step count = {.id = SERVERS_ID, .kind = STEP_SERVERS};
	struct event away = {.kind = EVENT_RETRY, .retry_after_ms = -1};
	struct err err = {0};

	if (l->asked)
		return;
	enum lp_code code =
		must_count(l) ? send_step(run, &count, &err) : send(run, LEASE_TAKE, &err);
	if (code == LP_OK)
		return;
	snprintf(away.message, sizeof(away.message), "%s", err.msg);
	no_answer(run, &away);
}

/* --- answers --- */

/* A start that finds it free, or its own, is no news. */
static void keep_turn(struct source_run *run, enum leading_state was)
{
	const struct leading *l = &run->leading;
	bool standby = l->state == LEADING_STANDBY;
	char parent[LP_NAME_MAX], text[LP_ERR_MAX];
	const struct happening what = {
		.kind = standby ? LP_HAPPENED_STANDBY : LP_HAPPENED_TOOK_OVER,
		.by = l->other.holder,
		.message = text,
	};

	if (!standby && was != LEADING_STANDBY)
		return;
	snprintf(text, sizeof(text), "%s the Lease %s/%s%s", standby ? "holds" : "no longer holds",
		 run->super->config.cluster.ns, lp_applyset_parent(run->config->name, parent),
		 standby && was == LEADING_HELD ? ", which this agent held before" : "");
	lp_keep_happening(run, &what);
}

static void enter(struct source_run *run, enum leading_state state, const char *told)
{
	struct leading *l = &run->leading;
	enum leading_state was = l->state;
	char other[LP_ERR_MAX];

	if (was == state)
		return;
	l->state = state;
	l->since_s = lp_wall_s();
	lp_log(state == LEADING_HELD ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, told, "source",
	       run->config->name, "as", l->us, "servers", l->servers > 1 ? "several" : "one", "why",
	       lp_leading_other(run, other, sizeof(other)), NULL);
	keep_turn(run, was);
}

/* HELD: how often it is renewed. */
static int64_t renew_ms(const struct leading *l)
{
	return l->duration_s > MANY_S ? ALONE_RENEW_MS : MANY_RENEW_MS;
}

static void held(struct source_run *run, const struct event *event)
{
	struct leading *l = &run->leading;
	bool stood_by = l->state == LEADING_STANDBY;

	memcpy(l->version, event->live.version, sizeof(l->version));
	l->renewed_ms = l->sent_ms;
	l->duration_s = event->lease.duration_s;
	l->transitions = event->lease.transitions;
	l->again = true;
	run->config_stale |= stood_by;
	run->listed &= !stood_by;
	enter(run, LEADING_HELD, "lease-held");
	wake_in(run, renew_ms(l) + (int64_t)lp_random_between(0, (uint64_t)renew_ms(l) / 10));
	if (lp_applying_waits(run))
		lp_reaching_led(run);
	else if (stood_by)
		lp_feed(run, CYCLE_APPLY_DUE);
	else
		lp_applying_renewed(run);
	lp_watching_go_on(run); /* what was seen while the lease had run out */
}

static void standby(struct source_run *run, const struct event *event)
{
	struct leading *l = &run->leading;
	bool had = l->state == LEADING_HELD;
	int64_t look_ms = (int64_t)lp_random_between(LOOK_MS - LOOK_MS / 10, LOOK_MS);

	/* from now on, not from when it was written: a clock of ours, and never too early */
	if (l->state != LEADING_STANDBY || l->blind || strcmp(l->version, event->live.version) != 0)
		l->seen_ms = lp_boot_ms();
	l->blind = false;
	memcpy(l->version, event->live.version, sizeof(l->version));
	l->other = event->lease;
	enter(run, LEADING_STANDBY, had ? "lease-lost" : "lease-standby");
	if (ends_ms(l) - lp_boot_ms() < look_ms)
		look_ms = ends_ms(l) - lp_boot_ms();
	wake_in(run, look_ms > LOOK_MIN_MS ? look_ms : LOOK_MIN_MS);
	lp_applying_standby(run);
	if (had && !run->applying) /* what else may be under way ends with the role */
		lp_cluster_end(run->super);
}

/* How long to wait after no answer: as long as is asked for, but a renewal has its time. */
static int64_t again_ms(const struct leading *l, const struct event *event)
{
	int64_t asked_ms = event->retry_after_ms, least_ms = LOOK_MS;

	if (l->state == LEADING_HELD) {
		least_ms = l->duration_s > MANY_S ? ALONE_RENEW_MS / 10 : AGAIN_MS;
		if (asked_ms > renew_ms(l))
			asked_ms = renew_ms(l);
	}
	return asked_ms > least_ms ? asked_ms : least_ms;
}

/* The API server, or the role, is away, or will not have it. */
static void no_answer(struct source_run *run, const struct event *event)
{
	struct leading *l = &run->leading;

	if (event->kind == EVENT_FAILED)
		lp_log(LOG_LEVEL_WARN, "lease-failed", "source", run->config->name, "error",
		       event->message, NULL);
	l->blind = l->state == LEADING_STANDBY;
	if (l->state != LEADING_NOT)
		wake_in(run, again_ms(l, event));
	if (lp_applying_waits(run))
		lp_reaching_put_off(run, event);
	else if (l->state == LEADING_HELD && !lp_leading_holds(run))
		lp_applying_unled(run, event->message);
}

/* Where that cannot be known, one is likely: a device. */
static void counted(struct source_run *run, const struct event *event)
{
	struct leading *l = &run->leading;
	struct err err = {0};

	if (event->kind == EVENT_DONE)
		l->servers = event->lease.servers;
	if (event->kind == EVENT_FAILED)
		lp_log(LOG_LEVEL_WARN, "servers-unknown", "error", event->message, "next",
		       "one is assumed: another agent takes over after 15 minutes, not 30 seconds",
		       NULL);
	if (event->kind != EVENT_RETRY)
		l->counted_ms = lp_boot_ms();
	if (send(run, LEASE_TAKE, &err) != LP_OK)
		lp_leading_gone(run);
}

bool lp_leading_is(const struct event *event)
{
	return event->id == LEASE_ID || event->id == SERVERS_ID;
}

enum lp_code lp_leading_event(struct source_run *run, const struct event *event, struct err *err)
{
	struct leading *l = &run->leading;

	if (!l->asked || event->kind > EVENT_RETRY)
		return lp_applying_not_asked(event, err);
	l->asked = false;
	lp_loop_timer_cancel(run->super->loop, &l->timer);
	if (event->kind != EVENT_FAILED)
		lp_cluster_reached(run->super, event->kind == EVENT_DONE ? "" : event->message);
	if (l->releasing)
		lp_loop_stop(run->super->loop);
	else if (event->id == SERVERS_ID)
		counted(run, event);
	else if (event->kind == EVENT_DONE && event->outcome == OUTCOME_HELD)
		held(run, event);
	else if (event->kind == EVENT_DONE && event->outcome == OUTCOME_STANDBY)
		standby(run, event);
	else
		no_answer(run, event);
	return LP_OK;
}

void lp_leading_gone(struct source_run *run)
{
	struct leading *l = &run->leading;

	l->blind |= l->asked && l->state == LEADING_STANDBY;
	l->asked = false;
	if (l->releasing)
		lp_loop_stop(run->super->loop);
	else if (l->state != LEADING_NOT && !run->super->stopping)
		wake_in(run, AGAIN_MS);
}

/* --- time, and the end --- */

static void due(void *ctx)
{
	struct source_run *run = ctx;
	struct leading *l = &run->leading;

	if (l->releasing) {
		lp_loop_stop(run->super->loop);
	} else if (l->asked) {
		lp_log(LOG_LEVEL_ERROR, "role-ended", "why", "it does not answer", NULL);
		lp_cluster_end(run->super);
		lp_applying_gone(run, "the cluster role does not answer");
	} else {
		lp_leading_ask(run);
	}
}

void lp_leading_forget(struct source_run *run)
{
	struct leading *l = &run->leading;

	lp_loop_timer_cancel(run->super->loop, &l->timer);
	l->state = LEADING_NOT;
	l->version[0] = '\0';
	l->other = (struct lease){0};
	l->counted_ms = 0;
	l->again = l->asked = false;
}

void lp_leading_release(struct source_run *run)
{
	struct leading *l = &run->leading;
	struct err err = {0};

	if (l->releasing)
		return;
	if (l->asked) /* what that ends with cannot be waited for */
		lp_cluster_end(run->super);
	l->releasing = true;
	if (l->state == LEADING_HELD && send(run, LEASE_RELEASE, &err) == LP_OK)
		wake_in(run, RELEASE_MS);
	else
		lp_loop_stop(run->super->loop);
}

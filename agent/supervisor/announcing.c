/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/announcing.h"

#include "agent/supervisor/applying.h"
#include "agent/supervisor/bucket.h"
#include "platform/clock.h"
#include "platform/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANNOUNCE_ID ((1ull << 62) + 32) /* reaching.c and leading.c have others */

#define SETTLE_MS  1000  /* what happens together is counted together */
#define LATER_MS   10000 /* while it cannot be written: a plan runs, or the role is away */
#define EVENT_JSON (16u * LP_KIB)

/* --- what is said --- */

static const struct {
	const char *reason;
	bool warning;
} reasons[LP_HAPPENED_KINDS] = {
	/* detected: the next one says what came of it. The API server's own comings and goings
	 * cannot be written while it is away, and who stands by writes nothing. */
	[LP_HAPPENED_HEALED] = {"Healed", false},
	[LP_HAPPENED_REPORTED] = {"Drifted", true},
	[LP_HAPPENED_FOREIGN] = {"Foreign", false},
	[LP_HAPPENED_FIGHT] = {"Fight", true},
	[LP_HAPPENED_ACCEPTED] = {"Accepted", false},
	[LP_HAPPENED_REFUSED] = {"Refused", true},
	[LP_HAPPENED_APPLIED] = {"Applied", false},
	[LP_HAPPENED_INCOMPLETE] = {"Incomplete", true},
	[LP_HAPPENED_FAILED] = {"Failed", true},
	[LP_HAPPENED_PRUNED] = {"Pruned", false},
	[LP_HAPPENED_ROLLED_BACK] = {"RolledBack", false},
	[LP_HAPPENED_SUSPENDED] = {"Suspended", false},
	[LP_HAPPENED_RESUMED] = {"Resumed", false},
	[LP_HAPPENED_STORE_LOST] = {"StoreLost", true},
	[LP_HAPPENED_TOOK_OVER] = {"TookOver", false},
	[LP_HAPPENED_RECREATED] = {"Recreated", false},
	[LP_HAPPENED_OVERWRITTEN] = {"Overwritten", true},
	[LP_HAPPENED_ADOPTED] = {"Adopted", false},
};

const char *lp_announcing_reason(enum happening_kind kind, bool *ret_warning)
{
	if (kind < 1 || kind >= LP_HAPPENED_KINDS || !reasons[kind].reason)
		return NULL;
	*ret_warning = reasons[kind].warning;
	return reasons[kind].reason;
}

/* A row that waits. */
struct waiting {
	struct stored_happening row;
	unsigned tries;
};

struct announcing {
	struct source_run *run;
	struct waiting list[LP_ANNOUNCE_WAITING];
	unsigned len;
	unsigned left_out; /* and not yet logged */
	struct bucket bucket;
	bool asked; /* `sent` is under way */
	struct waiting sent;
	bool failed; /* the last one, which was logged */
	struct timer timer;
};

/* Of the row alone: the same one has the same name, also after a restart. */
static void name_of(const struct source_run *run, const struct stored_happening *row,
		    char to[LP_NAME_MAX])
{
	char parent[LP_NAME_MAX];

	snprintf(to, LP_NAME_MAX, "%.200s.%08x%08x", lp_applyset_parent(run->config->name, parent),
		 (unsigned)row->at_s, (unsigned)row->id);
}

static void put_times(struct json *doc, struct jval *v, const struct stored_happening *row)
{
	char text[LP_TIME_TEXT];

	lp_json_put_str(doc, v, "firstTimestamp", lp_time_text(row->at_s, text));
	lp_json_put_str(doc, v, "lastTimestamp", lp_time_text(row->last_s, text));
	lp_json_put_int(doc, v, "count", row->count);
}

static void put_message(struct json *doc, struct jval *v, const struct stored_happening *row)
{
	char parts[LP_EVENT_MESSAGE], text[LP_EVENT_MESSAGE]; /* an Event takes 1024 */
	const char *of = row->object[0] && (row->by[0] || row->message[0]) ? ": " : "";
	const char *by = row->by[0] && row->message[0] ? ": " : "";

	int n = snprintf(parts, sizeof(parts), "%.300s%s%.100s%s%s", row->object, of, row->by, by,
			 row->message);
	/* one that was cut within a character, too */
	lp_printable((struct slice){(const uint8_t *)parts, (size_t)n}, text, sizeof(text));
	lp_json_put_str(doc, v, "message", text);
}

/* All of the Event but what it is about, which the role knows. */
static enum lp_code write_body(const struct source_run *run, const struct stored_happening *row,
			       const char *name, struct buf *out, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	bool warning = false;

	LP_TRY(lp_json_new(EVENT_JSON, &doc, err));
	struct jval *root = lp_json_obj(doc);
	struct jval *meta = lp_json_put_obj(doc, root, "metadata");
	lp_json_put_str(doc, meta, "name", name);
	lp_json_put_str(doc, meta, "namespace", run->super->config.cluster.ns);
	lp_json_put_str(doc, root, "reason", lp_announcing_reason(row->kind, &warning));
	lp_json_put_str(doc, root, "type", warning ? "Warning" : "Normal");
	put_message(doc, root, row);
	put_times(doc, root, row);
	lp_json_put_str(doc, lp_json_put_obj(doc, root, "source"), "component", LP_FIELD_MANAGER);
	lp_json_put_str(doc, root, "reportingComponent", LP_FIELD_MANAGER);
	lp_json_put_str(doc, root, "reportingInstance", run->leading.us);
	lp_json_put_str(doc, root, "apiVersion", "v1");
	if (!lp_json_put_str(doc, root, "kind", "Event"))
		return lp_json_full(doc, "event", err);
	return lp_json_write(root, out, err);
}

/* --- what waits --- */

static void wake_at(struct announcing *a, int64_t at_ms)
{
	if (a->len && !a->asked)
		lp_loop_timer_set(a->run->super->loop, &a->timer, at_ms);
}

static void drop(struct announcing *a, unsigned i)
{
	a->len--;
	memmove(&a->list[i], &a->list[i + 1], (a->len - i) * sizeof(a->list[0]));
}

/* The oldest that is no warning, or the oldest. */
static void leave_one_out(struct announcing *a)
{
	unsigned i = 0;

	while (i < a->len && reasons[a->list[i].row.kind].warning)
		i++;
	drop(a, i < a->len ? i : 0);
	a->left_out++;
}

static void put(struct announcing *a, const struct waiting *waiting)
{
	for (unsigned i = 0; i < a->len; i++)
		if (a->list[i].row.id == waiting->row.id) {
			a->list[i].row = waiting->row;
			return;
		}
	if (a->len == LP_ANNOUNCE_WAITING)
		leave_one_out(a);
	a->list[a->len++] = *waiting;
}

static bool is_on(const struct source_run *run)
{
	return run->super->config.cluster.events && run->leading.state != LEADING_STANDBY;
}

/* --- the steps --- */

static void due(void *ctx);

/* Sent now, or not at all. */
static enum lp_code send(struct announcing *a, const struct stored_happening *row, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_ANNOUNCE_BYTES / 2);
	struct step step = {.id = ANNOUNCE_ID, .kind = STEP_ANNOUNCE};

	name_of(a->run, row, step.key.name);
	LP_TRY(lp_copy(step.source, sizeof(step.source), a->run->config->name, err));
	LP_TRY(write_body(a->run, row, step.key.name, &body, err));
	step.body = LP_SLICE_OF(&body);
	return lp_cluster_step(a->run->super, &step, err);
}

/* Said once, until one is written again. */
static void tell_failed(struct announcing *a, const char *why)
{
	if (!a->failed)
		lp_log(LOG_LEVEL_WARN, "kubernetes-event-failed", "error", why, "next",
		       "limpet events has it; nothing else depends on it", NULL);
	a->failed = true;
}

static void tell_left_out(struct announcing *a)
{
	char count[24];

	if (a->len || !a->left_out)
		return;
	snprintf(count, sizeof(count), "%u", a->left_out);
	a->left_out = 0;
	lp_log(LOG_LEVEL_INFO, "kubernetes-events-left-out", "count", count, "next",
	       "limpet events has them", NULL);
}

static bool can_write(const struct source_run *run)
{
	return !run->applying && run->super->cluster.link.up && lp_leading_holds(run);
}

static void go_on(struct announcing *a)
{
	struct err err = {0};

	tell_left_out(a);
	if (!a->len || a->asked)
		return;
	if (!can_write(a->run)) {
		wake_at(a, lp_boot_ms() + LATER_MS);
		return;
	}
	if (!lp_bucket_take(&a->bucket, lp_boot_ms())) {
		wake_at(a, lp_bucket_next_ms(&a->bucket));
		return;
	}
	a->sent = a->list[0];
	drop(a, 0);
	a->asked = send(a, &a->sent.row, &err) == LP_OK;
	if (!a->asked) {
		tell_failed(a, err.msg);
		wake_at(a, lp_boot_ms() + LATER_MS);
	}
}

static void due(void *ctx)
{
	struct announcing *a = ctx;

	if (!is_on(a->run))
		a->len = 0;
	go_on(a);
}

/* There was no answer, or it asks for another try. */
static void again(struct announcing *a, const char *why)
{
	for (unsigned i = 0; i < a->len; i++)
		if (a->list[i].row.id == a->sent.row.id)
			return; /* its count has risen meanwhile: that is the next try */
	if (++a->sent.tries < LP_ANNOUNCE_TRIES)
		put(a, &a->sent);
	else
		tell_failed(a, why);
}

/* --- the doors --- */

static struct announcing *announcing_of(struct source_run *run)
{
	struct announcing *a = run->announcing;

	if (a)
		return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->run = run;
	a->bucket = (struct bucket){.most = LP_ANNOUNCE_BURST,
				    .refill_ms = LP_ANNOUNCE_REFILL_S * 1000};
	a->timer = (struct timer){.fire = due, .ctx = a};
	run->announcing = a;
	return a;
}

void lp_announcing_add(struct source_run *run, const struct stored_happening *row)
{
	bool warning;

	if (!is_on(run) || !run->watching || !lp_announcing_reason(row->kind, &warning))
		return;
	struct announcing *a = announcing_of(run);
	if (!a) {
		lp_log(LOG_LEVEL_ERROR, "kubernetes-event-failed", "error", "out of memory", NULL);
		return;
	}
	put(a, &(struct waiting){.row = *row});
	if (!a->timer.set)
		wake_at(a, lp_boot_ms() + SETTLE_MS);
}

bool lp_announcing_is(const struct event *event)
{
	return event->id == ANNOUNCE_ID;
}

enum lp_code lp_announcing_event(struct source_run *run, const struct event *event, struct err *err)
{
	struct announcing *a = run->announcing;

	if (!a || !a->asked || event->kind > EVENT_RETRY)
		return lp_applying_not_asked(event, err);
	a->asked = false;
	if (event->kind == EVENT_DONE) {
		a->failed = false;
		go_on(a);
		return LP_OK;
	}
	int64_t wait_ms = event->kind == EVENT_RETRY ? event->retry_after_ms : 0;
	if (event->kind == EVENT_RETRY)
		again(a, event->message);
	else
		tell_failed(a, event->message);
	wake_at(a, lp_boot_ms() + (wait_ms > SETTLE_MS ? wait_ms : SETTLE_MS));
	return LP_OK;
}

void lp_announcing_gone(struct source_run *run)
{
	struct announcing *a = run->announcing;

	if (!a || !a->asked)
		return;
	a->asked = false;
	again(a, "the cluster role has ended");
	wake_at(a, lp_boot_ms() + LATER_MS);
}

void lp_announcing_close(struct source_run *run)
{
	if (!run->announcing)
		return;
	lp_loop_timer_cancel(run->super->loop, &run->announcing->timer);
	free(run->announcing);
	run->announcing = NULL;
}

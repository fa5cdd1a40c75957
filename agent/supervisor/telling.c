/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/telling.h"

#include "agent/supervisor/announcing.h"
#include "agent/supervisor/applying.h"
#include "agent/supervisor/run.h"
#include "platform/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_BYTES   (16u * LP_KIB) /* one row as a document */
#define SETTLE_MS   60000          /* repeats wait at least so long for a row to go with */
#define REPEAT_MS   100            /* between two repeats that who follows is told of */
#define NUMBER_TEXT 24

struct telling {
	struct supervisor *super;
	struct held_repeats held;
	int64_t held_ms;   /* CLOCK_BOOTTIME; since when something is held */
	int64_t repeat_ms; /* CLOCK_BOOTTIME; when who follows was told of a repeat last */
	struct timer hour;
};

/* --- what is held --- */

static enum lp_code flush(struct telling *telling, struct err *err)
{
	lp_loop_timer_cancel(telling->super->loop, &telling->hour);
	return lp_happening_flush(telling->super->db, &telling->held, err);
}

static void hour(void *ctx)
{
	struct telling *telling = ctx;
	struct err err = {0};

	if (flush(telling, &err) != LP_OK)
		lp_store_failed(&telling->super->run, "write what happened again", &err);
}

/* NULL when there is no memory: then repeats are written at once. */
static struct telling *telling_of(struct supervisor *super)
{
	struct telling *telling = super->telling;

	if (telling)
		return telling;
	telling = calloc(1, sizeof(*telling));
	if (!telling)
		return NULL;
	telling->super = super;
	telling->hour = (struct timer){.fire = hour, .ctx = telling};
	super->telling = telling;
	return telling;
}

const struct held_repeats *lp_telling_held(const struct supervisor *super)
{
	return super->telling ? &super->telling->held : NULL;
}

void lp_telling_close(struct supervisor *super)
{
	struct telling *telling = super->telling;
	struct err err = {0};

	if (!telling)
		return;
	lp_loop_timer_cancel(super->loop, &telling->hour);
	if (super->db && flush(telling, &err) != LP_OK)
		lp_log(LOG_LEVEL_ERROR, "store-failed", "doing", "write what happened again",
		       "error", err.msg, NULL);
	free(telling);
	super->telling = NULL;
}

/* A row is written: what has waited for a while goes with it. */
static enum lp_code take_along(struct telling *telling, struct err *err)
{
	if (!telling || !telling->held.len || lp_boot_ms() - telling->held_ms < SETTLE_MS)
		return LP_OK;
	return flush(telling, err);
}

/* A repeat is held: now or before. */
static void set_hour(struct telling *telling)
{
	if (!telling || telling->hour.set || !telling->held.len)
		return;
	telling->held_ms = lp_boot_ms();
	lp_loop_timer_set(telling->super->loop, &telling->hour,
			  telling->held_ms + LP_REFRESH_S * 1000LL);
}

/* --- who follows --- */

struct jval *lp_happening_json(struct json *doc, const struct stored_happening *row)
{
	char text[LP_TIME_TEXT];
	struct jval *v = lp_json_obj(doc);

	lp_json_put_int(doc, v, "id", row->id);
	lp_json_put_str(doc, v, "at", lp_time_text(row->at_s, text));
	lp_json_put_str(doc, v, "last", lp_time_text(row->last_s, text));
	lp_json_put_int(doc, v, "count", row->count);
	lp_json_put_str(doc, v, "source", row->source);
	if (row->object[0])
		lp_json_put_str(doc, v, "object", row->object);
	if (row->revision)
		lp_json_put_int(doc, v, "revision", row->revision);
	if (row->by[0])
		lp_json_put_str(doc, v, "by", row->by);
	if (row->message[0])
		lp_json_put_str(doc, v, "message", row->message);
	return lp_json_put_str(doc, v, "kind", lp_happening_name(row->kind)) ? v : NULL;
}

/* A storm is told of now and then: the count that comes next has what was left out. */
static bool is_too_soon(struct telling *telling, const struct stored_happening *row)
{
	int64_t now_ms = lp_boot_ms();

	if (row->count == 1 || !telling)
		return false;
	if (now_ms - telling->repeat_ms < REPEAT_MS)
		return true;
	telling->repeat_ms = now_ms;
	return false;
}

static void tell_followers(struct supervisor *super, const struct stored_happening *row)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (!lp_control_is_followed(super) || is_too_soon(super->telling, row))
		return;
	if (lp_json_new(ROW_BYTES, &doc, &err) == LP_OK)
		lp_control_happening(super, doc, lp_happening_json(doc, row));
}

/* --- telling --- */

static enum lp_code put(struct source_run *run, const struct happening *what,
			struct stored_happening *ret, struct err *err)
{
	struct supervisor *super = run->super;
	struct telling *telling = telling_of(super);
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	LP_TRY(lp_tx_begin(super->db, &tx, err));
	LP_TRY(lp_happening_add(super->db, telling ? &telling->held : NULL, run->config->name, what,
				lp_wall_s(), ret, err));
	if (ret->count == 1)
		LP_TRY(take_along(telling, err));
	LP_TRY(lp_tx_commit(&tx, err));
	set_hour(telling);
	tell_followers(super, ret);
	lp_announcing_add(run, ret);
	return LP_OK;
}

enum lp_code lp_put_happening(struct source_run *run, const struct happening *what, struct err *err)
{
	struct stored_happening row;

	return put(run, what, &row, err);
}

/* How often it happened; 1 also when the store cannot say. */
static int64_t keep(struct source_run *run, const struct happening *what)
{
	struct stored_happening row;
	struct err err = {0};

	if (run->applying && run->applying->part == PART_RECOVER)
		lp_applying_flush(run); /* that batch may be given up, and this row with it */
	if (put(run, what, &row, &err) == LP_OK)
		return row.count;
	lp_store_failed(run, "remember what happened", &err);
	return 1;
}

void lp_keep_happening(struct source_run *run, const struct happening *what)
{
	keep(run, what);
}

static enum log_level level_of(enum happening_kind kind)
{
	switch (kind) {
	case LP_HAPPENED_FIGHT:
	case LP_HAPPENED_REFUSED:
	case LP_HAPPENED_INCOMPLETE:
	case LP_HAPPENED_FAILED:
	case LP_HAPPENED_AWAY:
	case LP_HAPPENED_STORE_LOST:
		return LOG_LEVEL_WARN;
	default:
		return LOG_LEVEL_INFO;
	}
}

void lp_tell_happening(struct source_run *run, const struct happening *what)
{
	int64_t count = keep(run, what);
	char revision[NUMBER_TEXT] = "", times[NUMBER_TEXT] = "";

	if (count & (count - 1))
		return;
	if (what->revision)
		snprintf(revision, sizeof(revision), "%" PRId64, what->revision);
	if (count > 1)
		snprintf(times, sizeof(times), "%" PRId64, count);
	lp_log(level_of(what->kind), lp_happening_name(what->kind), "source", run->config->name,
	       "object", what->object ? what->object : "", "revision", revision, "by",
	       what->by ? what->by : "", "message", what->message ? what->message : "", "times",
	       times, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A suspension that ends by itself. It is measured by the boot clock, which nobody sets; the wall
 * clock only tells of the time that the device was off, and only if it was set then and now. What
 * is left is written now and then: a device that is switched off again and again without a clock
 * must not stay suspended for ever.
 */
#include "agent/supervisor/suspending.h"

#include "agent/supervisor/run.h"
#include "agent/supervisor/telling.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"

#include <stdio.h>

#define KEEP_MS 600000 /* what is left is written so often */

static int64_t believed_wall_s(void)
{
	return lp_wall_is_guess() ? 0 : lp_wall_s();
}

enum lp_code lp_suspension_parse(const char *text, int64_t *ret_ms, struct err *err)
{
	int64_t ms = 0;

	if (*text)
		LP_TRY(lp_duration_parse(text, &ms, err));
	if (*text && (ms < 1000 || ms / 1000 > LP_SUSPEND_S))
		return lp_err_set(err, LP_REJECTED, "\"%s\": expected between 1s and %dd", text,
				  LP_SUSPEND_S / 86400);
	*ret_ms = ms;
	return LP_OK;
}

const char *lp_suspension_text(int64_t for_ms, char to[32])
{
	char text[16];

	if (for_ms)
		snprintf(to, 32, "for %s", lp_duration_text(for_ms, text));
	else
		snprintf(to, 32, "until limpet resume");
	return to;
}

struct suspension lp_suspension_of(int64_t for_ms)
{
	int64_t wall_s = believed_wall_s();
	int64_t left_s = (for_ms + 999) / 1000;

	if (!for_ms)
		return (struct suspension){0};
	return (struct suspension){
		.left_s = left_s, .uptime_s = lp_boot_s(), .until_s = wall_s ? wall_s + left_s : 0};
}

int64_t lp_suspension_left_now_s(const struct suspension *suspension)
{
	return lp_suspension_left_s(suspension, lp_boot_s(), believed_wall_s());
}

/* The end and what is told of it are one transaction. */
static enum lp_code store_end(struct source_run *run, struct err *err)
{
	const struct happening what = {.kind = LP_HAPPENED_RESUMED,
				       .message = "the time of the suspension is over"};
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	LP_TRY(lp_tx_begin(run->super->db, &tx, err));
	LP_TRY(lp_state_set_suspended(run->super->db, run->config->name, false, err));
	LP_TRY(lp_put_happening(run, &what, err));
	return lp_tx_commit(&tx, err);
}

static enum lp_code store_left(struct source_run *run, struct suspension ends, int64_t left_s,
			       struct err *err)
{
	ends.left_s = left_s;
	ends.uptime_s = lp_boot_s();
	return lp_state_suspend_for(run->super->db, run->config->name, &ends, err);
}

/* Ends what is over, keeps what is left of it otherwise; true: it has ended now. */
static bool look(struct source_run *run, bool keep)
{
	struct source_state state = lp_stored_state(run);
	struct err err = {0};
	enum lp_code code = LP_OK;

	lp_loop_timer_cancel(run->super->loop, &run->suspension);
	if (!state.suspended || !state.suspension.left_s)
		return false;
	int64_t left_s = lp_suspension_left_now_s(&state.suspension);
	lp_applying_flush(run);
	if (!left_s)
		code = store_end(run, &err);
	else if (keep)
		code = store_left(run, state.suspension, left_s, &err);
	if (code != LP_OK)
		lp_store_failed(run, "keep the suspension", &err);
	if (!left_s && code == LP_OK) {
		lp_log(LOG_LEVEL_INFO, "resumed", "source", run->config->name, "why",
		       "the time of the suspension is over", NULL);
		return true;
	}
	int64_t wait_ms = left_s && left_s * 1000 < KEEP_MS ? left_s * 1000 : KEEP_MS;
	lp_loop_timer_set(run->super->loop, &run->suspension, lp_boot_ms() + wait_ms);
	return false;
}

static void fire(void *ctx)
{
	struct source_run *run = ctx;

	if (look(run, true))
		lp_wish_go_on(run);
}

void lp_suspending_open(struct source_run *run)
{
	struct suspension ends = lp_stored_state(run).suspension;

	run->suspension = (struct timer){.fire = fire, .ctx = run};
	/* of another boot: what is left is counted from here */
	look(run, ends.uptime_s > lp_boot_s());
}

void lp_suspending_changed(struct source_run *run)
{
	look(run, false);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/freshness.h"

#include "agent/supervisor/run.h"
#include "agent/trust/verdict.h"
#include "platform/clock.h"
#include "store/refusal.h"
#include "store/revision.h"

#include <inttypes.h>
#include <stdio.h>

#define HOUR_MS 3600000

/* --- what time says --- */

/* Only a clock that somebody keeps right, or the floor, can say that something is over. */
static bool has_passed(int64_t at_s)
{
	return at_s && (at_s < lp_wall_floor_s() || (lp_wall_synced() && at_s < lp_wall_s()));
}

static enum lp_code look_at_applied(struct db *db, const char *source, int64_t id,
				    struct freshness *ret, struct err *err)
{
	struct revision revision;
	enum lp_code code = id ? lp_revision_get(db, source, id, &revision, err) : LP_NOT_FOUND;

	if (code != LP_OK)
		return code == LP_NOT_FOUND ? LP_OK : code;
	ret->revision = id;
	ret->expires_s = revision.expires_s;
	ret->stale = has_passed(revision.expires_s);
	return LP_OK;
}

enum lp_code lp_freshness_get(struct db *db, const struct source_config *config,
			      const struct stored_clock *clock, struct freshness *ret,
			      struct err *err)
{
	struct stored_clock stored;
	struct source_state state;

	*ret = (struct freshness){0};
	if (!clock) {
		LP_TRY(lp_clock_get(db, config->name, &stored, err));
		lp_wall_floor(stored.floor_s);
		clock = &stored;
	}
	LP_TRY(lp_state_get(db, config->name, &state, err));
	ret->quiet_s = lp_clock_quiet_s(clock, lp_boot_s());
	ret->quiet = state.desired && config->trust.news_ms &&
		     ret->quiet_s >= config->trust.news_ms / 1000;
	return look_at_applied(db, config->name, state.applied, ret, err);
}

/* --- what is stored of it --- */

/* run->clock as it is now. */
static void bring_up(struct source_run *run)
{
	int64_t now_s = lp_boot_s();

	lp_wall_learn(0);
	run->clock = (struct stored_clock){.present = true,
					   .floor_s = lp_wall_floor_s(),
					   .quiet_s = lp_clock_quiet_s(&run->clock, now_s),
					   .uptime_s = now_s};
}

static void write_clock(struct source_run *run)
{
	struct err err = {0};

	bring_up(run);
	if (lp_clock_put(run->super->db, run->config->name, &run->clock, &err) != LP_OK)
		lp_store_failed(run, "remember the time", &err);
	run->clock_at_ms = lp_boot_ms();
}

static void hour(void *ctx)
{
	struct source_run *run = ctx;

	write_clock(run);
	lp_freshness_look(run);
	lp_loop_timer_set(run->super->loop, &run->hour, lp_boot_ms() + HOUR_MS);
}

void lp_freshness_open(struct source_run *run)
{
	struct db *db = run->super->db;
	struct err err = {0};
	int64_t floor_s = 0;

	if (lp_clock_floor(db, &floor_s, &err) != LP_OK ||
	    lp_clock_get(db, run->config->name, &run->clock, &err) != LP_OK) {
		lp_store_failed(run, "read the time", &err);
		return;
	}
	lp_wall_floor(floor_s);
	/* What was written by this boot less than an hour ago need not be written again. */
	int64_t age_ms = (lp_boot_s() - run->clock.uptime_s) * 1000;
	run->clock_at_ms = age_ms >= 0 ? lp_boot_ms() - age_ms : 0;
	if (run->clock.present)
		bring_up(run);
	else
		write_clock(run);
	if (run->super->wish.kind != WISH_RUN)
		return;
	run->hour = (struct timer){.fire = hour, .ctx = run};
	lp_loop_timer_set(run->super->loop, &run->hour, lp_boot_ms() + HOUR_MS);
}

void lp_freshness_accepted(struct source_run *run, int64_t signed_s)
{
	struct db *db = run->super->db;
	const char *source = run->config->name;
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	struct err err = {0};

	lp_wall_learn(signed_s);
	bring_up(run);
	run->clock.quiet_s = 0;
	run->clock_at_ms = lp_boot_ms();
	if (lp_tx_begin(db, &tx, &err) != LP_OK ||
	    lp_clock_put(db, source, &run->clock, &err) != LP_OK ||
	    lp_verdict_add(db, source, lp_verdict_name(VERDICT_ACCEPTED), &err) != LP_OK ||
	    lp_tx_commit(&tx, &err) != LP_OK) {
		lp_tx_end(&tx); /* first: a damaged store is closed next */
		lp_store_failed(run, "remember the time", &err);
	}
}

/* A sync by hand may be made every minute: it writes as rarely as a daemon. */
void lp_freshness_close(struct source_run *run)
{
	bool due = run->super->wish.kind == WISH_RUN || !run->clock_at_ms ||
		   lp_boot_ms() - run->clock_at_ms >= HOUR_MS;

	if (run->clock.present && due)
		write_clock(run);
}

/* --- telling --- */

static void tell_stale(struct source_run *run, const struct freshness *fresh)
{
	char id[24], at[LP_TIME_TEXT];

	snprintf(id, sizeof(id), "%" PRId64, fresh->revision);
	lp_log(LOG_LEVEL_WARN, "stale", "source", run->config->name, "revision", id, "expired",
	       lp_time_text(fresh->expires_s, at), "way-out", LP_STALE_WAY_OUT, "meanwhile",
	       "what runs goes on running", NULL);
}

static void tell_quiet(struct source_run *run, const struct freshness *fresh)
{
	char uptime[16], within[16];

	lp_log(LOG_LEVEL_WARN, "no-news", "source", run->config->name, "uptime",
	       lp_duration_text(fresh->quiet_s * 1000, uptime), "newsWithin",
	       lp_duration_text(run->config->trust.news_ms, within), "way-out", LP_QUIET_WAY_OUT,
	       "meanwhile", "what runs goes on running", NULL);
}

/* A synchronised clock that the floor does not follow: see lp_floor_after. */
static void look_at_clock(struct source_run *run)
{
	char now[LP_TIME_TEXT], floor[LP_TIME_TEXT];
	bool far = lp_wall_synced() && lp_wall_s() > lp_wall_floor_s() + LP_CLOCK_JUMP_S;

	if (far && !run->told_far)
		lp_log(LOG_LEVEL_WARN, "clock-far", "clock", lp_time_text(lp_wall_s(), now),
		       "floor", lp_time_text(lp_wall_floor_s(), floor), "way-out",
		       "push a signed commit: the floor follows when both agree", NULL);
	run->told_far = far;
}

void lp_freshness_look(struct source_run *run)
{
	struct freshness fresh;
	struct err err = {0};

	lp_wall_learn(0);
	look_at_clock(run);
	if (lp_freshness_get(run->super->db, run->config, &run->clock, &fresh, &err) != LP_OK) {
		lp_log(LOG_LEVEL_ERROR, "store-failed", "doing", "look at the time", "error",
		       err.msg, NULL);
		return;
	}
	if (fresh.stale && !run->told_stale)
		tell_stale(run, &fresh);
	if (fresh.quiet && !run->told_quiet)
		tell_quiet(run, &fresh);
	run->told_stale = fresh.stale;
	run->told_quiet = fresh.quiet;
}

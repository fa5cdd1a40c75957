/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/supervisor.h"

#include "agent/supervisor/announcing.h"
#include "agent/supervisor/freshness.h"
#include "agent/supervisor/run.h"
#include "agent/supervisor/schedule.h"
#include "agent/supervisor/suspending.h"
#include "agent/supervisor/telling.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"
#include "platform/sandbox.h"
#include "platform/text.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- telling --- */

void lp_outcome(struct source_run *run, int exit, const char *fmt, ...)
{
	va_list args;

	if (exit < run->outcome.exit)
		return;
	run->outcome.exit = exit;
	va_start(args, fmt);
	vsnprintf(run->outcome.text, sizeof(run->outcome.text), fmt, args);
	va_end(args);
	lp_trim_cut(run->outcome.text);
}

void lp_progress(struct source_run *run, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	lp_trim_cut(text);
	if (run->super->control)
		lp_control_progress(run->super, text);
	else if (run->super->wish.kind != WISH_RUN)
		fprintf(stderr, "%s\n", text);
}

/* --- the store --- */

/* Opens the store; a damaged one is put aside under another name, and the next apply recovers. */
static enum lp_code open_store(struct supervisor *super, struct err *err)
{
	char aside[LP_PATH_MAX];
	enum lp_code code = lp_db_open(super->db_path, LP_DB_WRITE, &super->db, err);

	if (code != LP_CORRUPT)
		return code;
	lp_log(LOG_LEVEL_ERROR, "store-corrupt", "error", err->msg, NULL);
	LP_TRY(lp_db_set_aside(super->db_path, aside, err));
	lp_log(LOG_LEVEL_WARN, "store-set-aside", "file", aside, "next",
	       "rebuilt from Git and the cluster; nothing is pruned in this cycle", NULL);
	super->run.rebuilt = true;
	return lp_db_open(super->db_path, LP_DB_WRITE, &super->db, err);
}

/* The first row of a new store says why there is none before it. */
static void tell_store_lost(struct source_run *run)
{
	const struct happening what = {.kind = LP_HAPPENED_STORE_LOST,
				       .message = "it was damaged and is put aside; rebuilt from "
						  "Git and the cluster"};
	struct err err = {0};

	if (lp_put_happening(run, &what, &err) != LP_OK) /* not worth to lose this one, too */
		lp_log(LOG_LEVEL_ERROR, "store-failed", "doing", "remember what happened", "error",
		       err.msg, NULL);
}

void lp_store_failed(struct source_run *run, const char *doing, const struct err *err)
{
	struct supervisor *super = run->super;
	struct err again = {0};

	lp_watching_give_up(run); /* whatever joins it would be lost with it */
	lp_log(LOG_LEVEL_ERROR, "store-failed", "doing", doing, "error", err->msg, NULL);
	lp_outcome(run, 2, "%s: %s", doing, err->msg);
	if (err->code != LP_CORRUPT)
		return;
	if (run->applying || run->judging) {
		/* What is under way holds the store; the next start looks it over and mends it. */
		lp_log(LOG_LEVEL_ERROR, "store-unusable", "error", err->msg, NULL);
		exit(2);
	}
	lp_db_close(&super->db);
	if (open_store(super, &again) != LP_OK) {
		/* Nothing can be decided without a store; the service manager starts us again. */
		lp_log(LOG_LEVEL_ERROR, "store-unusable", "error", again.msg, NULL);
		exit(2);
	}
	tell_store_lost(run);
	lp_scaled_free(&run->scaled);
	run->keyed = run->listed = false;
	lp_floor_open(run);
	run->poll_late = true;
}

struct source_state lp_stored_state(struct source_run *run)
{
	struct source_state state = {0};
	struct err err = {0};

	if (lp_state_get(run->super->db, run->config->name, &state, &err) != LP_OK)
		lp_store_failed(run, "read the state", &err);
	return state;
}

/* --- the cycle --- */

/* After a failure: its backoff, also one from before a restart. Otherwise our place in the
 * interval. */
static int64_t next_poll_ms(const struct source_run *run, const struct source_state *state)
{
	int64_t now_ms = lp_boot_ms(), stored_ms = (state->next_poll_s - lp_wall_s()) * 1000;

	if (run->poll_delay_ms)
		return run->poll_again_ms;
	if (state->failures && stored_ms > 0 && stored_ms <= state->delay_ms)
		return now_ms + stored_ms;
	return lp_schedule_next(now_ms, run->phase_ms, run->config->poll_ms);
}

/* Each keeps its own time: the more frequent one must not put the other off for ever. What is
 * suspended is still watched, for which an apply that could not begin is tried again. */
void lp_set_timers(struct source_run *run)
{
	const struct cluster_config *cluster = &run->super->config.cluster;
	struct source_state state = lp_stored_state(run);
	int64_t wait_ms = run->apply_delay_ms ? run->apply_delay_ms
					      : lp_schedule_jitter(cluster->reconcile_ms);

	lp_loop_timer_cancel(run->super->loop, &run->poll);
	lp_loop_timer_cancel(run->super->loop, &run->apply);
	run->poll_at_ms = 0;
	if (!state.suspended) {
		run->poll_at_ms = next_poll_ms(run, &state);
		lp_loop_timer_set(run->super->loop, &run->poll, run->poll_at_ms);
	}
	if (!state.desired || (state.suspended && (!run->watching || !run->apply_delay_ms)))
		return;
	if (!run->apply_at_ms)
		run->apply_at_ms = lp_boot_ms() + wait_ms;
	lp_loop_timer_set(run->super->loop, &run->apply, run->apply_at_ms);
}

static void show_status(struct source_run *run)
{
	struct supervisor *super = run->super;

	if (run->outcome.text[0])
		lp_notify_status(&super->notify, run->outcome.text);
	lp_db_trim(super->db);
}

static void tell_outcome(struct source_run *run)
{
	lp_control_outcome(run->super, &run->outcome);
	run->outcome = (struct ending){0};
}

/* The cycle is over: what became due meanwhile comes next, otherwise the outcome is told. */
static void rest(struct source_run *run)
{
	struct supervisor *super = run->super;

	if (super->stopping)
		return;
	lp_freshness_look(run);
	if (run->rolling_back && run->apply_late) {
		lp_feed(run, CYCLE_APPLY_DUE); /* the poll can wait, and the server be away */
		return;
	}
	if (run->rolling_back && super->wish.kind == WISH_RUN) {
		show_status(run);
		tell_outcome(run);
	}
	run->rolling_back = false;
	if (run->poll_late) {
		run->poll_late = false;
		lp_feed(run, CYCLE_POLL_DUE);
		return;
	}
	if (run->apply_late) {
		run->apply_late = false;
		lp_feed(run, CYCLE_APPLY_DUE);
		return;
	}
	run->judge_again = false;
	show_status(run);
	if (super->wish.kind != WISH_RUN) {
		super->exit = run->outcome.exit;
		lp_leading_release(run);
		return;
	}
	tell_outcome(run);
	lp_set_timers(run);
}

static void end(struct source_run *run)
{
	run->super->stopping = true;
	lp_applying_flush(run);
	lp_fetching_end(run);
	lp_judging_end(run);
	if (run->applying)
		lp_applying_end(run);
	lp_leading_release(run);
}

static void later(struct source_run *run, enum cycle_event event)
{
	if (event == CYCLE_POLL_DUE)
		run->poll_late = true;
	else
		run->apply_late = true;
}

void lp_feed(struct source_run *run, enum cycle_event event)
{
	struct cycle_cell cell = lp_cycle(run->state, event);

	lp_watching_flush(run); /* what begins now has transactions of its own */
	lp_log(LOG_LEVEL_DEBUG, "cycle", "source", run->config->name, "state",
	       lp_cycle_state_name(run->state), "event", lp_cycle_event_name(event), "next",
	       lp_cycle_state_name(cell.next), NULL);
	if (cell.action == CYCLE_NEVER)
		lp_log(LOG_LEVEL_ERROR, "bug", "state", lp_cycle_state_name(run->state), "event",
		       lp_cycle_event_name(event), NULL);
	run->state = cell.next;
	switch (cell.action) {
	case CYCLE_FETCH:
		lp_fetching_start(run);
		break;
	case CYCLE_LEARN:
		lp_learning_start(run);
		break;
	case CYCLE_JUDGE:
		lp_judging_start(run);
		break;
	case CYCLE_APPLY:
		run->apply_late = false;
		run->apply_at_ms = 0;
		if (run->rolling_back) /* what was under way before is not what was wished */
			run->outcome = (struct ending){0};
		lp_applying_start(run);
		break;
	case CYCLE_REST:
		rest(run);
		break;
	case CYCLE_LATER:
		later(run, event);
		break;
	case CYCLE_END:
		end(run);
		break;
	case CYCLE_NOTHING:
	case CYCLE_NEVER:
		break;
	}
}

/* --- timers and signals --- */

static void poll_due(void *ctx)
{
	lp_feed(ctx, CYCLE_POLL_DUE);
}

static void apply_due(void *ctx)
{
	struct source_run *run = ctx;

	/* a retry of what was left out passes over the rest, but not for ever */
	if (!run->apply_delay_ms ||
	    lp_boot_ms() - run->deep_ms >= run->super->config.cluster.reconcile_ms)
		run->deep = true;
	lp_feed(run, CYCLE_APPLY_DUE);
}

static void stop(void *ctx)
{
	struct supervisor *super = ctx;

	lp_log(LOG_LEVEL_INFO, "stopping", NULL);
	lp_notify_stopping(&super->notify);
	if (super->wish.kind != WISH_RUN) {
		super->exit = 2;
		lp_outcome(&super->run, 2, "interrupted; the next cycle goes on from here");
	}
	lp_feed(&super->run, CYCLE_STOP);
}

static void alive(void *ctx)
{
	struct supervisor *super = ctx;

	lp_notify_watchdog(&super->notify);
	lp_loop_timer_set(super->loop, &super->watchdog, lp_boot_ms() + lp_watchdog_ms());
}

/* Where its state lies cannot change while it runs; everything else can. */
static bool can_swap(const struct config *old, const struct config *next)
{
	return strcmp(old->state_dir, next->state_dir) == 0 &&
	       strcmp(old->socket, next->socket) == 0 &&
	       strcmp(old->sources[0].name, next->sources[0].name) == 0;
}

/* Whether the lease that we may hold is still the one that is meant. */
static bool same_cluster(const struct cluster_config *a, const struct cluster_config *b)
{
	return strcmp(a->kubeconfig, b->kubeconfig) == 0 && strcmp(a->context, b->context) == 0 &&
	       strcmp(a->ns, b->ns) == 0;
}

/* Nothing that was learned of the cluster holds. */
static void forget_cluster(struct source_run *run)
{
	lp_leading_forget(run);
	run->looked = run->keyed = run->listed = false;
	run->config_stale = true;
}

static void swap_config(struct supervisor *super, const struct config *next)
{
	struct source_run *run = &super->run;

	lp_applying_flush(run);
	lp_fetching_end(run);
	lp_judging_end(run);
	lp_applying_end(run);
	if (!same_cluster(&super->config.cluster, &next->cluster))
		forget_cluster(run);
	super->config = *next;
	lp_log_setup(next->log, "");
	run->phase_ms = lp_schedule_phase(run->config->url, next->site, run->config->poll_ms);
	run->state = CYCLE_IDLE; /* the cycle begins anew */
	run->poll_delay_ms = run->apply_delay_ms = 0;
	run->deep = run->apply_late = true;
	run->poll_late = !lp_stored_state(run).suspended;
}

static void reload(void *ctx)
{
	struct supervisor *super = ctx;
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	struct config *next = malloc(sizeof(*next));
	struct err err = {0};

	lp_notify_reloading(&super->notify);
	if (!next) {
		lp_log(LOG_LEVEL_ERROR, "reload-failed", "error", "out of memory", NULL);
	} else if (lp_config_check_files(super->config.file, &problems, &err) != LP_OK ||
		   lp_config_load(super->config.file, next, &problems, &err) != LP_OK) {
		lp_log(LOG_LEVEL_ERROR, "reload-failed", "error", err.msg, "problems",
		       lp_buf_text(&problems), "next", "the old configuration holds", NULL);
	} else if (!can_swap(&super->config, next)) {
		lp_log(LOG_LEVEL_ERROR, "reload-failed", "error",
		       "stateDir, socket and the source's name change only with a restart", NULL);
	} else {
		swap_config(super, next);
		lp_log(LOG_LEVEL_INFO, "reloaded", "file", super->config.file, NULL);
		rest(&super->run);
	}
	free(next);
	lp_notify_ready(&super->notify);
}

/* --- start and end --- */

static enum lp_code open_state(struct supervisor *super, struct err *err)
{
	char lock[LP_PATH_MAX];
	const char *dir = super->config.state_dir;
	int holder = 0;

	LP_TRY(lp_dir_make(dir, err));
	LP_TRY(lp_path_join(lock, dir, "lock", err));
	LP_TRY(lp_path_join(super->db_path, dir, "limpet.db", err));
	if (lp_file_lock(lock, &super->lock_fd, &holder, err) != LP_OK) {
		if (err->code != LP_CONFLICT)
			return err->code;
		return lp_err_set(
			err, LP_CONFLICT,
			"%s is in use by process %d; stop that one first, or ask it: limpet status",
			dir, holder);
	}
	return open_store(super, err);
}

static enum lp_code prepare_run(struct supervisor *super, struct err *err)
{
	struct source_run *run = &super->run;
	char objects[LP_PATH_MAX];

	run->super = super;
	run->config = &super->config.sources[0];
	run->problems = LP_BUF(PROBLEM_BYTES);
	run->deep = true; /* what happened while we were away is not known */
	run->poll = (struct timer){.fire = poll_due, .ctx = run};
	run->apply = (struct timer){.fire = apply_due, .ctx = run};
	run->phase_ms =
		lp_schedule_phase(run->config->url, super->config.site, run->config->poll_ms);
	LP_TRY(lp_leading_open(run, err));
	LP_TRY(lp_path_join(objects, super->config.state_dir, "objects", err));
	return lp_path_join(run->objects, objects, run->config->name, err);
}

static enum lp_code open_loop(struct supervisor *super, struct err *err)
{
	LP_TRY(lp_loop_new(&super->loop, err));
	LP_TRY(lp_loop_signal(super->loop, SIGTERM, stop, super, err));
	LP_TRY(lp_loop_signal(super->loop, SIGINT, stop, super, err));
	if (super->wish.kind != WISH_RUN)
		return LP_OK;
	LP_TRY(lp_loop_signal(super->loop, SIGHUP, reload, super, err));
	LP_TRY(lp_control_open(super, err));
	super->watchdog = (struct timer){.fire = alive, .ctx = super};
	if (lp_watchdog_ms())
		alive(super);
	return LP_OK;
}

/* What a daemon does at its start: apply what it has; poll at once only if it has nothing. */
static void begin_daemon(struct supervisor *super)
{
	struct source_run *run = &super->run;
	struct source_state state = lp_stored_state(run);
	bool fresh = !state.desired || run->rebuilt;

	lp_notify_ready(&super->notify);
	lp_outcome(run, 0, "started");
	run->apply_late =
		state.desired; /* of a suspended source only what is watched comes of it */
	run->poll_late = fresh && !state.suspended && !state.failures;
	rest(run);
}

/* The first thing that the loop does. */
static void begin(void *ctx)
{
	struct supervisor *super = ctx;
	struct err err = {0};

	enum lp_code code = LP_OK;

	if (super->wish.kind == WISH_RUN)
		begin_daemon(super);
	else if (super->wish.kind == WISH_SYNC)
		code = lp_wish_sync(&super->run, &err);
	else
		code = lp_wish_rollback(&super->run, super->wish.revision, &err);
	if (code != LP_OK) {
		super->fatal = err;
		super->exit = lp_wish_exit(code);
	}
	if (super->fatal.code != LP_OK)
		lp_loop_stop(super->loop);
}

/*
 * The supervisor's own walls. The roles inherit them, so they leave what any role needs: all may
 * be read that the service's user may read, and only our own folders written.
 */
static void wall_in(const struct supervisor *super)
{
	char run_dir[LP_PATH_MAX];
	struct sandbox sandbox = {
		.readable = {"/"},
		.writable = {super->config.state_dir,
			     lp_path_folder(super->config.socket, run_dir)},
		.supervisor = true,
		.pass_caps = 1ull << CAP_DAC_READ_SEARCH, /* the cluster role's: see packaging/ */
	};
	struct sandbox_report report;

	lp_sandbox_enter(&sandbox, &report);
	for (int wall = 0; wall < WALLS; wall++)
		if (!report.walls[wall].up)
			lp_log(LOG_LEVEL_WARN, "wall-missing", "wall", lp_wall_name(wall), "why",
			       report.walls[wall].text, NULL);
}

static void close_all(struct supervisor *super)
{
	lp_fetching_end(&super->run);
	lp_judging_end(&super->run);
	lp_applying_end(&super->run);
	lp_watching_close(&super->run);
	lp_announcing_close(&super->run);
	lp_scaled_free(&super->run.scaled);
	lp_control_close(super);
	lp_telling_close(super);
	lp_buf_free(&super->run.problems);
	lp_loop_free(&super->loop);
	lp_db_close(&super->db);
	lp_notify_close(&super->notify);
	lp_close(&super->lock_fd);
}

static enum lp_code run_all(struct supervisor *super, struct err *err)
{
	LP_TRY(lp_notify_open(&super->notify, err));
	LP_TRY(open_state(super, err));
	LP_TRY(open_loop(super, err));
	LP_TRY(prepare_run(super, err));
	if (super->run.rebuilt)
		tell_store_lost(&super->run);
	lp_floor_open(&super->run);
	wall_in(super);
	lp_freshness_open(&super->run);
	lp_suspending_open(&super->run);
	if (super->wish.kind == WISH_RUN)
		lp_watching_open(&super->run);
	super->first = (struct timer){.fire = begin, .ctx = super};
	lp_loop_timer_set(super->loop, &super->first, lp_boot_ms());
	LP_TRY(lp_loop_run(super->loop, err));
	lp_freshness_close(&super->run);
	if (super->fatal.code != LP_OK)
		return lp_err_set(err, super->fatal.code, "%s", super->fatal.msg);
	if (super->exit)
		return lp_err_set(err, LP_REJECTED, "%s", super->run.outcome.text);
	return LP_OK;
}

int lp_supervisor_run(const struct config *config, const struct wish *wish, struct err *err)
{
	struct supervisor *super = calloc(1, sizeof(*super));

	if (!super) {
		lp_err_nomem(err, "supervisor");
		return 2;
	}
	super->config = *config;
	super->wish = *wish;
	super->lock_fd = -1;
	super->notify.fd = -1;
	super->run.super = super; /* close_all goes by it, however far run_all came */
	super->started_s = lp_wall_s();
	super->cluster.requests.begun_ms = lp_boot_ms();
	lp_log(LOG_LEVEL_DEBUG, "starting", "config", config->file, "site", config->site, NULL);
	enum lp_code code = run_all(super, err);
	int exit = code == LP_OK ? 0 : super->exit ? super->exit : 2;
	close_all(super);
	free(super);
	return exit;
}

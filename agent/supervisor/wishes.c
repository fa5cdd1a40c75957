/* SPDX-License-Identifier: Apache-2.0 */
/* What a person asks for. Each wish is stored first, where it must outlive a restart, and then fed
 * to the cycle, which takes it up as soon as what runs now has ended. */
#include "agent/supervisor/run.h"
#include "agent/supervisor/suspending.h"
#include "agent/supervisor/telling.h"
#include "agent/supervisor/watching.h"
#include "store/revision.h"

#include <inttypes.h>
#include <stdio.h>

static enum lp_code not_suspended(struct source_run *run, struct err *err)
{
	if (!lp_stored_state(run).suspended)
		return LP_OK;
	return lp_err_set(err, LP_CONFLICT, "%s is suspended; limpet resume ends that",
			  run->config->name);
}

int lp_wish_exit(enum lp_code code)
{
	return code == LP_NOT_FOUND || code == LP_REJECTED ? 1 : 2;
}

/* Now, or as soon as what runs has ended. */
static void set_going(struct source_run *run, bool poll)
{
	run->apply_late = true;
	if (run->state != CYCLE_IDLE)
		run->poll_late |= poll;
	else
		lp_feed(run, poll ? CYCLE_POLL_DUE : CYCLE_APPLY_DUE);
}

/* It may be waiting for a server that is away; nothing of it is wanted any more. */
static void stop_fetching(struct source_run *run)
{
	lp_fetching_end(run);
	lp_feed(run, CYCLE_FETCH_FAILED);
}

enum lp_code lp_wish_sync(struct source_run *run, struct err *err)
{
	LP_TRY(not_suspended(run, err));
	run->judge_again = run->deep = true;
	set_going(run, true);
	return LP_OK;
}

/* The revision that a person named, or the last applied one before the one that is desired. */
static enum lp_code find(struct source_run *run, const char *text, struct revision *ret,
			 struct err *err)
{
	struct db *db = run->super->db;
	const char *source = run->config->name;

	if (*text)
		return lp_revision_find(db, source, text, ret, err);
	/* Before the desired one: an apply of it that did not end is undone by the applied one. */
	struct source_state state;
	LP_TRY(lp_state_get(db, source, &state, err));
	enum lp_code code = lp_revision_previous(
		db, source, state.desired ? state.desired : LP_REVISION_NEWEST, ret, err);
	if (code == LP_NOT_FOUND)
		return lp_err_set(err, LP_NOT_FOUND,
				  "no earlier revision was applied; limpet history lists all");
	return code;
}

enum lp_code lp_wish_rollback(struct source_run *run, const char *text, struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	const char *source = run->config->name;
	struct revision revision;
	char id[24], hex[LP_OID_TEXT], message[LP_HAPPENING_TEXT];

	lp_applying_flush(run);
	struct db *db = run->super->db; /* not before: a flush that fails may open another */
	LP_TRY(not_suspended(run, err));
	LP_TRY(find(run, text, &revision, err));
	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(lp_state_set_pinned(db, source, revision.id, err));
	LP_TRY(lp_state_set_desired(db, source, revision.id, err));
	lp_hex(revision.commit, sizeof(revision.commit), hex);
	snprintf(message, sizeof(message), "to %.12s: %s", hex, revision.subject);
	const struct happening what = {
		.kind = LP_HAPPENED_ROLLED_BACK, .revision = revision.id, .message = message};
	LP_TRY(lp_put_happening(run, &what, err));
	LP_TRY(lp_tx_commit(&tx, err));
	snprintf(id, sizeof(id), "%" PRId64, revision.id);
	lp_log(LOG_LEVEL_INFO, "rollback", "source", source, "revision", id, "subject",
	       revision.subject, NULL);
	run->rolling_back = true;
	set_going(run, false);
	if (run->state == CYCLE_FETCHING)
		stop_fetching(run);
	return LP_OK;
}

enum lp_code lp_store_resume(struct db *db, const char *source, struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	struct revision newest = {0};
	enum lp_code code = lp_revision_before(db, source, LP_REVISION_NEWEST, &newest, err);

	if (code != LP_OK && code != LP_NOT_FOUND)
		return code;
	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(lp_state_set_suspended(db, source, false, err));
	LP_TRY(lp_state_set_pinned(db, source, 0, err));
	if (code == LP_OK)
		LP_TRY(lp_state_set_desired(db, source, newest.id, err));
	return lp_tx_commit(&tx, err);
}

bool lp_resume_happens(const struct source_state *before, struct happening *ret)
{
	*ret = (struct happening){.kind = LP_HAPPENED_RESUMED,
				  .message = before->pinned ? "the pin is ended"
							    : "the suspension is ended"};
	return before->pinned || before->suspended;
}

/* The change and its row are one transaction, as they are for suspend. */
static enum lp_code store_resume(struct source_run *run, struct err *err)
{
	struct db *db = run->super->db;
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	struct source_state before;
	struct happening what;

	LP_TRY(lp_state_get(db, run->config->name, &before, err));
	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(lp_store_resume(db, run->config->name, err));
	if (lp_resume_happens(&before, &what))
		LP_TRY(lp_put_happening(run, &what, err));
	return lp_tx_commit(&tx, err);
}

enum lp_code lp_wish_resume(struct source_run *run, struct err *err)
{
	lp_applying_flush(run);
	LP_TRY(store_resume(run, err));
	lp_log(LOG_LEVEL_INFO, "resumed", "source", run->config->name, NULL);
	lp_suspending_changed(run);
	lp_wish_go_on(run);
	return LP_OK;
}

void lp_wish_go_on(struct source_run *run)
{
	set_going(run, true);
	lp_watching_reconsider(run);
}

static enum lp_code store_suspension(struct source_run *run, int64_t for_ms, struct err *err)
{
	const struct suspension ends = lp_suspension_of(for_ms);
	char text[32];
	const struct happening what = {.kind = LP_HAPPENED_SUSPENDED,
				       .message = lp_suspension_text(for_ms, text)};
	struct db *db = run->super->db;
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	struct source_state before;

	LP_TRY(lp_state_get(db, run->config->name, &before, err));
	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(lp_state_suspend_for(db, run->config->name, &ends, err));
	if (!before.suspended)
		LP_TRY(lp_put_happening(run, &what, err));
	return lp_tx_commit(&tx, err);
}

enum lp_code lp_wish_suspend(struct source_run *run, int64_t for_ms, struct err *err)
{
	char text[32];

	lp_applying_flush(run);
	LP_TRY(store_suspension(run, for_ms, err));
	lp_log(LOG_LEVEL_INFO, "suspended", "source", run->config->name, "lasts",
	       lp_suspension_text(for_ms, text), NULL);
	lp_suspending_changed(run);
	run->poll_late = run->apply_late = false;
	lp_set_timers(run);
	if (run->state == CYCLE_FETCHING)
		stop_fetching(run);
	return LP_OK;
}

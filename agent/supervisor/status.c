/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/status.h"

#include "agent/supervisor/freshness.h"
#include "agent/supervisor/run.h"
#include "agent/supervisor/suspending.h"
#include "agent/supervisor/telling.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"
#include "store/floor.h"
#include "store/inventory.h"
#include "store/journal.h"
#include "store/refusal.h"
#include "store/revision.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REFUSALS_SHOWN 5
#define AWAY_POLLS     3 /* this many intervals without an answer: the server counts as away */

/* What is wrong, in lines, and how bad it is. */
struct health {
	struct json *doc;
	struct jval *reasons;
	int worst; /* 0 ok, 1 degraded, 2 failed */
};

static void reason(struct health *health, int how_bad, const char *fmt, ...) LP_PRINTF(3, 4);
static void reason(struct health *health, int how_bad, const char *fmt, ...)
{
	char text[LP_ERR_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (how_bad > health->worst)
		health->worst = how_bad;
	lp_json_add(health->reasons, lp_json_new_str(health->doc, text));
}

static void put_time(struct json *doc, struct jval *to, const char *key, int64_t unix_s)
{
	char text[LP_TIME_TEXT];

	if (unix_s)
		lp_json_put_str(doc, to, key, lp_time_text(unix_s, text));
}

static void put_hex(struct json *doc, struct jval *to, const char *key, const char *prefix,
		    const uint8_t *bytes, size_t n)
{
	char text[80];

	snprintf(text, sizeof(text), "%s", prefix);
	lp_hex(bytes, n, text + strlen(text));
	lp_json_put_str(doc, to, key, text);
}

static struct jval *revision_json(struct json *doc, const struct revision *revision)
{
	struct jval *v = lp_json_obj(doc);

	if (!v)
		return NULL;
	lp_json_put_int(doc, v, "id", revision->id);
	put_hex(doc, v, "commit", "", revision->commit, sizeof(revision->commit));
	put_hex(doc, v, "payload", "sha256:", revision->payload, sizeof(revision->payload));
	lp_json_put_str(doc, v, "subject", revision->subject);
	lp_json_put_str(doc, v, "signer", revision->signer);
	lp_json_put_str(doc, v, "key", revision->fingerprint);
	if (revision->sequence)
		lp_json_put_int(doc, v, "sequence", revision->sequence);
	put_time(doc, v, "expires", revision->expires_s);
	put_time(doc, v, "committedAt", revision->committed_s);
	put_time(doc, v, "acceptedAt", revision->accepted_s);
	put_time(doc, v, "appliedAt", revision->applied_s);
	lp_json_put_str(doc, v, "state", lp_revision_state_name(revision->state));
	lp_json_put_int(doc, v, "objects", revision->objects);
	if (revision->message[0])
		lp_json_put_str(doc, v, "message", revision->message);
	return v;
}

/* The revision with this id; *ret has id 0 when there is none. */
static enum lp_code get_revision(struct db *db, const char *source, int64_t id,
				 struct revision *ret, struct err *err)
{
	*ret = (struct revision){0};
	enum lp_code code = id ? lp_revision_get(db, source, id, ret, err) : LP_NOT_FOUND;

	if (code == LP_NOT_FOUND)
		ret->id = 0;
	return code == LP_NOT_FOUND ? LP_OK : code;
}

static void put_revision(struct json *doc, struct jval *obj, const char *key,
			 const struct revision *revision)
{
	lp_json_put(doc, obj, key, revision->id ? revision_json(doc, revision) : lp_json_null(doc));
}

static enum lp_code put_refusals(struct db *db, const struct source_state *state,
				 const char *source, struct json *doc, struct jval *obj,
				 struct health *health, struct err *err)
{
	struct jval *list = lp_json_arr(doc);
	struct stored_refusal refusal;
	unsigned shown = 0;

	for (unsigned nth = 0; shown < REFUSALS_SHOWN; nth++) {
		enum lp_code code = lp_refusal_nth(db, source, nth, &refusal, err);
		if (code == LP_NOT_FOUND)
			break;
		if (code != LP_OK)
			return code;
		if (strcmp(refusal.verdict, "accepted") == 0)
			continue;
		struct jval *v = lp_json_obj(doc);
		put_hex(doc, v, "commit", "", refusal.tip, sizeof(refusal.tip));
		lp_json_put_str(doc, v, "verdict", refusal.verdict);
		lp_json_put_str(doc, v, "reason", refusal.reason);
		lp_json_put_str(doc, v, "wayOut", lp_refusal_way_out(refusal.verdict));
		if (refusal.signer[0])
			lp_json_put_str(doc, v, "signer", refusal.signer);
		put_time(doc, v, "at", refusal.at_s);
		lp_json_put_int(doc, v, "count", refusal.count);
		bool tip = memcmp(refusal.tip, state->tip, sizeof(state->tip)) == 0;
		lp_json_put_bool(doc, v, "tip", tip);
		if (tip)
			reason(health, 1, "the tip of the branch is refused: %s: %s",
			       refusal.verdict, refusal.reason);
		lp_json_add(list, v);
		shown++;
	}
	lp_json_put(doc, obj, "refused", list);
	return LP_OK;
}

static void put_tally(struct json *doc, struct jval *obj, const struct tally *tally)
{
	struct jval *v = lp_json_put_obj(doc, obj, "lastApply");

	lp_json_put_int(doc, v, "objects", tally->total);
	lp_json_put_int(doc, v, "created", tally->created);
	lp_json_put_int(doc, v, "configured", tally->configured);
	lp_json_put_int(doc, v, "unchanged", tally->unchanged);
	lp_json_put_int(doc, v, "failed", tally->failed);
	lp_json_put_int(doc, v, "pruned", tally->pruned);
	lp_json_put_int(doc, v, "kept", tally->kept);
}

static enum lp_code put_count(struct db *db, const char *source, const char *name, struct json *doc,
			      struct jval *obj, struct err *err)
{
	int64_t count;

	LP_TRY(lp_verdict_count(db, source, name, &count, err));
	lp_json_put_int(doc, obj, name, count);
	return LP_OK;
}

/* All names are always there. */
static enum lp_code put_verdicts(struct db *db, const char *source, struct json *doc,
				 struct jval *obj, struct err *err)
{
	static const char *const of_render[] = {"empty", "invalid"};
	struct jval *trust = lp_json_put_obj(doc, obj, "verdicts");
	struct jval *render = lp_json_put_obj(doc, obj, "renderRefusals");

	for (int verdict = 0; verdict < VERDICT_COUNT; verdict++)
		LP_TRY(put_count(db, source, lp_verdict_name(verdict), doc, trust, err));
	for (size_t i = 0; i < sizeof(of_render) / sizeof(of_render[0]); i++)
		LP_TRY(put_count(db, source, of_render[i], doc, render, err));
	return LP_OK;
}

/* Who writes: this agent, another, or not known yet. */
static void put_lease(const struct source_run *run, struct json *doc, struct jval *obj)
{
	static const char *const words[] = {"unknown", "held", "standby"};
	const struct leading *l = &run->leading;
	struct jval *v = lp_json_put_obj(doc, obj, "lease");
	char name[LP_NAME_MAX];

	lp_json_put_str(doc, v, "namespace", run->super->config.cluster.ns);
	lp_json_put_str(doc, v, "name", lp_applyset_parent(run->config->name, name));
	lp_json_put_str(doc, v, "state", words[l->state]);
	lp_json_put_str(doc, v, "identity", l->us);
	put_time(doc, v, "since", l->since_s);
	if (l->state != LEADING_NOT) {
		bool held = l->state == LEADING_HELD;
		lp_json_put_str(doc, v, "holder", held ? l->us : l->other.holder);
		lp_json_put_int(doc, v, "durationSeconds",
				held ? l->duration_s : l->other.duration_s);
	}
}

/* What only the daemon knows: where it is in the cycle, and traffic since its start. */
static void put_live(const struct source_run *run, struct json *doc, struct jval *obj)
{
	struct jval *v;

	lp_json_put_str(doc, obj, "doing", lp_cycle_state_name(run->state));
	if (run->poll_at_ms)
		lp_json_put_int(doc, obj, "nextPollInSeconds",
				(run->poll_at_ms - lp_boot_ms() + 999) / 1000);
	v = lp_json_put_obj(doc, obj, "traffic");
	lp_json_put_int(doc, v, "polls", (int64_t)run->polls);
	lp_json_put_int(doc, v, "sentBytes", (int64_t)run->sent_bytes);
	lp_json_put_int(doc, v, "receivedBytes", (int64_t)run->received_bytes);
	put_lease(run, doc, obj);
	put_tally(doc, obj, &run->tally);
	if (run->problems.len)
		lp_json_put_str(doc, obj, "problems", lp_buf_text(&run->problems));
}

static bool is_unwell(const struct revision *revision)
{
	return revision->state == LP_REVISION_FAILED || revision->state == LP_REVISION_INCOMPLETE;
}

/* What became of the accepted revision, and of the one before it that may still run. */
static void judge_applied(const struct source_state *state, const struct revision *desired,
			  const struct revision *applied, struct health *health)
{
	const struct revision *unwell = is_unwell(desired) ? desired : applied;

	if (!applied->id)
		reason(health, 2, "the accepted revision was not applied yet");
	if (is_unwell(unwell))
		reason(health, 1, "revision %d is %s: %s", (int)unwell->id,
		       lp_revision_state_name(unwell->state), unwell->message);
	else if (applied->id && !state->complete)
		reason(health, 1, "revision %d was not applied as a whole; it is tried again",
		       (int)applied->id);
}

static void judge_state(const struct source_state *state, const struct source_config *config,
			struct health *health)
{
	if (!state->desired)
		reason(health, 2, "no revision was accepted yet");
	if (state->suspended && state->suspension.left_s)
		reason(health, 1, "suspended by hand for %s more; limpet resume ends it",
		       lp_duration_text(lp_suspension_left_now_s(&state->suspension) * 1000,
					(char[16]){0}));
	else if (state->suspended)
		reason(health, 1, "suspended by hand; limpet resume ends it");
	if (state->failures)
		reason(health, state->failures > AWAY_POLLS || !state->desired ? 1 : 0,
		       "polls of %s failed %u times in a row: %s", config->url, state->failures,
		       state->error);
	else if (state->error[0])
		reason(health, 1, "%s", state->error);
}

/* How new what runs is: the first of what is wrong names the state. */
struct conditions {
	struct json *doc;
	struct jval *list;
	const char *state;
};

static void condition(struct conditions *c, const char *type, const char *text, const char *way_out)
{
	struct jval *v = lp_json_obj(c->doc);

	lp_json_put_str(c->doc, v, "type", type);
	lp_json_put_str(c->doc, v, "text", text);
	lp_json_put_str(c->doc, v, "wayOut", way_out);
	lp_json_add(c->list, v);
	if (!c->state)
		c->state = type;
}

static void judge_stale(struct conditions *c, const struct freshness *fresh, struct health *health)
{
	char text[LP_ERR_MAX], at[LP_TIME_TEXT];

	snprintf(text, sizeof(text), "revision %d, which runs, expired at %s", (int)fresh->revision,
		 lp_time_text(fresh->expires_s, at));
	condition(c, "stale", text, LP_STALE_WAY_OUT);
	reason(health, 1, "stale: %s; %s", text, LP_STALE_WAY_OUT);
}

static void judge_quiet(struct conditions *c, const struct freshness *fresh, struct health *health)
{
	char text[LP_ERR_MAX], uptime[16];

	snprintf(text, sizeof(text), "no revision was accepted in %s of uptime",
		 lp_duration_text(fresh->quiet_s * 1000, uptime));
	condition(c, "no-news", text, LP_QUIET_WAY_OUT);
	reason(health, 1, "no news: %s; %s", text, LP_QUIET_WAY_OUT);
}

/* Nothing is wrong with that. */
static void judge_standby(struct conditions *c, const struct source_run *run, struct health *health)
{
	char text[LP_ERR_MAX], since[LP_TIME_TEXT];

	lp_leading_other(run, text, sizeof(text));
	condition(c, "standby", text, "nothing, if that is as you want it");
	reason(health, 0, "stands by since %s: %s", lp_time_text(run->leading.since_s, since),
	       text);
}

static void put_conditions(const struct freshness *fresh, const struct source_state *state,
			   const struct source_run *run, struct json *doc, struct jval *obj,
			   struct health *health)
{
	struct conditions c = {.doc = doc, .list = lp_json_arr(doc)};
	char text[LP_ERR_MAX];

	if (run && run->leading.state == LEADING_STANDBY)
		judge_standby(&c, run, health);
	if (fresh->stale)
		judge_stale(&c, fresh, health);
	if (fresh->quiet)
		judge_quiet(&c, fresh, health);
	if (state->failures > AWAY_POLLS) { /* judge_state has told it already */
		snprintf(text, sizeof(text), "%u polls failed in a row: %.800s", state->failures,
			 state->error);
		condition(&c, "unreachable", text, "see the error; limpet doctor tries the way");
	}
	lp_json_put_str(doc, obj, "state", c.state ? c.state : state->desired ? "current" : "new");
	lp_json_put(doc, obj, "conditions", c.list);
	lp_json_put_int(doc, obj, "quietSeconds", fresh->quiet_s);
}

/* What is known of time, after all sources were looked at. */
static void clock_json(struct json *doc, struct jval *obj)
{
	struct jval *v = lp_json_put_obj(doc, obj, "clock");

	put_time(doc, v, "now", lp_wall_s());
	put_time(doc, v, "floor", lp_wall_floor_s());
	lp_json_put_bool(doc, v, "synchronised", lp_wall_synced());
}

static void put_state(const struct source_state *state, struct json *doc, struct jval *obj)
{
	lp_json_put_bool(doc, obj, "suspended", state->suspended);
	if (state->suspended && state->suspension.left_s)
		lp_json_put_int(doc, obj, "suspendedForSeconds",
				lp_suspension_left_now_s(&state->suspension));
	lp_json_put_bool(doc, obj, "complete", state->complete);
	put_time(doc, obj, "lastGoodPoll", state->poll_ok_s);
	lp_json_put_int(doc, obj, "failedPolls", state->failures);
	if (state->error[0]) {
		lp_json_put_str(doc, obj, "error", state->error);
		put_time(doc, obj, "errorAt", state->error_s);
	}
}

/* Below what the source never goes: null before the first accept, and after it was given up. */
static enum lp_code put_floor(struct db *db, const char *source, struct json *doc, struct jval *obj,
			      struct health *health, struct err *err)
{
	struct stored_floor floor = {0};
	enum lp_code code = lp_floor_get(db, source, &floor, err);

	if (code != LP_OK && code != LP_NOT_FOUND)
		return code;
	if (!lp_floor_holds(&floor)) {
		lp_json_put(doc, obj, "floor", lp_json_null(doc));
		return LP_OK;
	}
	struct jval *v = lp_json_put_obj(doc, obj, "floor");
	lp_json_put_int(doc, v, "counter", floor.counter);
	lp_json_put_int(doc, v, "sequence", floor.sequence);
	put_hex(doc, v, "commit", "", floor.commit, sizeof(floor.commit));
	put_hex(doc, v, "payload", "sha256:", floor.payload, sizeof(floor.payload));
	lp_json_put_bool(doc, v, "stored", floor.revision != 0);
	if (!floor.revision)
		reason(health, 1,
		       "what is stored here is older than what was accepted (counter %" PRId64
		       "): it is not applied, the branch must bring that or a newer one",
		       floor.counter);
	return LP_OK;
}

/* {"lastHeal": TIME or null, "lastHealed": OBJECT}: an edit that was undone last. */
static enum lp_code put_last_heal(struct db *db, const char *source, const struct source_run *run,
				  struct json *doc, struct jval *v, struct err *err)
{
	const struct held_repeats *held = run ? lp_telling_held(run->super) : NULL;
	struct watching_state live =
		run ? lp_watching_state(run, false) : (struct watching_state){0};
	char text[LP_KEY_TEXT];
	struct stored_happening row;
	enum lp_code code = lp_happening_last(db, held, source, LP_HAPPENED_HEALED, &row, err);

	if (code != LP_OK && code != LP_NOT_FOUND)
		return code;
	if (live.healed_s && (code != LP_OK || live.healed_s >= row.last_s)) {
		put_time(doc, v, "lastHeal", live.healed_s);
		lp_json_put_str(doc, v, "lastHealed", lp_object_key_text(live.healed, text));
	} else if (code == LP_OK) {
		put_time(doc, v, "lastHeal", row.last_s);
		if (row.object[0]) /* "" the rest of a storm */
			lp_json_put_str(doc, v, "lastHealed", row.object);
	} else {
		lp_json_put(doc, v, "lastHeal", lp_json_null(doc));
	}
	return LP_OK;
}

/* What only the daemon knows of drift. */
static void put_watching(const struct source_run *run, bool suspended, struct json *doc,
			 struct jval *v, struct health *health)
{
	struct watching_state state = lp_watching_state(run, suspended);

	lp_json_put_str(doc, v, "mode", state.mode);
	lp_json_put_bool(doc, v, "watching", state.watching);
	lp_json_put_int(doc, v, "differs", state.differs);
	lp_json_put_int(doc, v, "heals", (int64_t)state.heals);
	if (state.lost[0])
		lp_json_put_str(doc, v, "lost", state.lost);
	if (state.differs)
		reason(health, 1, "%u object%s from what was applied; limpet events says how",
		       state.differs, state.differs == 1 ? " differs" : "s differ");
}

static enum lp_code source_json(struct db *db, const struct source_config *config,
				const struct source_run *run, struct json *doc,
				struct health *health, struct jval **ret, struct err *err)
{
	struct source_state state;
	struct freshness fresh;
	struct revision desired, applied, pinned;
	struct jval *v = lp_json_obj(doc);
	unsigned objects = 0;

	LP_TRY(lp_state_get(db, config->name, &state, err));
	lp_json_put_str(doc, v, "name", config->name);
	lp_json_put_str(doc, v, "url", config->url);
	lp_json_put_str(doc, v, "branch", config->branch);
	LP_TRY(get_revision(db, config->name, state.desired, &desired, err));
	LP_TRY(get_revision(db, config->name, state.applied, &applied, err));
	LP_TRY(get_revision(db, config->name, state.pinned, &pinned, err));
	put_revision(doc, v, "desired", &desired);
	put_revision(doc, v, "applied", &applied);
	put_revision(doc, v, "pinned", &pinned);
	LP_TRY(lp_inventory_count(db, config->name, &objects, err));
	lp_json_put_int(doc, v, "inventory", objects);
	put_state(&state, doc, v);
	/* what another agent applies is not ours to judge */
	if (state.desired && !(run && run->leading.state == LEADING_STANDBY))
		judge_applied(&state, &desired, &applied, health);
	judge_state(&state, config, health);
	LP_TRY(lp_freshness_get(db, config, run ? &run->clock : NULL, &fresh, err));
	put_conditions(&fresh, &state, run, doc, v, health);
	LP_TRY(put_floor(db, config->name, doc, v, health, err));
	struct jval *drift = lp_json_put_obj(doc, v, "drift");
	if (run)
		put_watching(run, state.suspended, doc, drift, health);
	LP_TRY(put_last_heal(db, config->name, run, doc, drift, err));
	LP_TRY(put_verdicts(db, config->name, doc, v, err));
	LP_TRY(put_refusals(db, &state, config->name, doc, v, health, err));
	if (run)
		put_live(run, doc, v);
	*ret = v;
	return LP_OK;
}

/* What the API server had of us, for people who care for it: an idle hour is some dozens. */
static void put_requests(const struct supervisor *super, struct json *doc, struct jval *obj)
{
	struct requests_told told = lp_requests_hour(&super->cluster.requests, lp_boot_ms());
	struct jval *v = lp_json_put_obj(doc, obj, "requests");

	lp_json_put_int(doc, v, "sinceSeconds", told.since_s);
	lp_json_put_int(doc, v, "total", told.writes + told.reads + told.watches);
	lp_json_put_int(doc, v, "writes", told.writes);
	lp_json_put_int(doc, v, "reads", told.reads);
	lp_json_put_int(doc, v, "watches", told.watches);
}

static void cluster_json(const struct supervisor *super, struct json *doc, struct jval *obj,
			 struct health *health)
{
	const struct cluster_link *cluster = &super->cluster;
	struct jval *v = lp_json_put_obj(doc, obj, "cluster");

	lp_json_put_bool(doc, v, "reached", cluster->reached);
	put_time(doc, v, "since", cluster->reached_s);
	put_requests(super, doc, v);
	if (cluster->error[0]) {
		lp_json_put_str(doc, v, "error", cluster->error);
		reason(health, 1, "the API server: %s", cluster->error);
	}
}

static void daemon_json(const struct supervisor *super, struct json *doc, struct jval *obj)
{
	struct jval *v = lp_json_put_obj(doc, obj, "daemon");
	struct jval *roles = lp_json_put_obj(doc, v, "roles");
	const struct link *const links[] = {&super->run.fetch, &super->run.render,
					    &super->cluster.link};

	lp_json_put_int(doc, v, "pid", getpid());
	put_time(doc, v, "since", super->started_s);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i]->up)
			lp_json_put_int(doc, roles, links[i]->role.name, links[i]->role.pid);
}

enum lp_code lp_status_make(struct db *db, const struct config *config,
			    const struct source_run *run, struct json *doc, struct jval **ret,
			    struct err *err)
{
	static const char *const words[] = {"ok", "degraded", "failed"};
	struct jval *root = lp_json_obj(doc), *sources = lp_json_arr(doc), *source;
	struct health health = {.doc = doc, .reasons = lp_json_arr(doc)};

	lp_json_put_str(doc, root, "site", config->site);
	lp_json_put_str(doc, root, "version", LIMPET_VERSION);
	LP_TRY(source_json(db, &config->sources[0], run, doc, &health, &source, err));
	lp_json_add(sources, source);
	clock_json(doc, root);
	if (run) {
		daemon_json(run->super, doc, root);
		cluster_json(run->super, doc, root, &health);
	}
	lp_json_put_str(doc, root, "health", words[health.worst]);
	lp_json_put(doc, root, "reasons", health.reasons);
	if (!lp_json_put(doc, root, "sources", sources))
		return lp_json_full(doc, "status", err);
	*ret = root;
	return LP_OK;
}

enum lp_code lp_history_make(struct db *db, const char *source, struct json *doc, struct jval **ret,
			     struct err *err)
{
	struct jval *root = lp_json_obj(doc), *list = lp_json_arr(doc);
	struct revision revision = {.id = LP_REVISION_NEWEST};
	struct source_state state;
	enum lp_code code;

	LP_TRY(lp_state_get(db, source, &state, err));
	while ((code = lp_revision_before(db, source, revision.id, &revision, err)) == LP_OK) {
		struct jval *v = revision_json(doc, &revision);
		lp_json_put_bool(doc, v, "desired", revision.id == state.desired);
		lp_json_put_bool(doc, v, "applied", revision.id == state.applied);
		lp_json_put_bool(doc, v, "pinned", revision.id == state.pinned);
		lp_json_add(list, v);
	}
	if (code != LP_NOT_FOUND)
		return code;
	lp_json_put_str(doc, root, "source", source);
	if (!lp_json_put(doc, root, "revisions", list))
		return lp_json_full(doc, "history", err);
	*ret = root;
	return LP_OK;
}

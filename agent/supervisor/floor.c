/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trust floor is kept three times: in the store, in two files beside it, and as an
 * annotation of the ApplySet's parent. Every accept raises its counter, and the copy with the
 * highest one holds.
 *
 *	store and files	compared at the start, and when the store had to be made anew
 *	the parent	looked at once a start, before anything is judged or applied as far as the
 *			API server answers; written with the kinds of every apply
 *
 * So a lost database, a restored old one and a wiped device are noticed. With no copy on the device
 * and a parent that says nothing, a person must say that it may begin anew.
 */
#include "agent/supervisor/floor_text.h"
#include "agent/supervisor/run.h"
#include "platform/clock.h"
#include "store/floor_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* LP_OK with *ret zero when there is none. */
static enum lp_code stored(struct source_run *run, struct stored_floor *ret, bool *ret_there,
			   struct err *err)
{
	*ret = (struct stored_floor){0};
	enum lp_code code = lp_floor_get(run->super->db, run->config->name, ret, err);
	*ret_there = code == LP_OK;
	return code == LP_NOT_FOUND ? LP_OK : code;
}

static void tell_recovered(const struct source_run *run, const struct stored_floor *floor,
			   const char *from)
{
	char counter[24], payload[2 * LP_STORE_PAYLOAD + 1], commit[2 * LP_STORE_OID + 1];

	snprintf(counter, sizeof(counter), "%" PRId64, floor->counter);
	lp_hex(floor->payload, sizeof(floor->payload), payload);
	lp_hex(floor->commit, sizeof(floor->commit), commit);
	lp_log(LOG_LEVEL_WARN, "floor-recovered", "source", run->config->name, "from", from,
	       "counter", counter, "payload", payload, "commit", commit, "next",
	       "the store was lost or is older; nothing below this is accepted", NULL);
}

static void copy(struct source_run *run, const struct stored_floor *floor)
{
	struct err err = {0};

	if (lp_floor_copy_write(run->super->config.state_dir, run->config->name, floor, &err) !=
	    LP_OK)
		lp_log(LOG_LEVEL_WARN, "floor-copy-failed", "source", run->config->name, "error",
		       err.msg, "next", "written again with the next accept or start", NULL);
}

/* Another copy holds: it becomes the store's, and the files'. */
static void restore(struct source_run *run, const struct stored_floor *floor, const char *from)
{
	struct err err = {0};

	if (lp_floor_restore(run->super->db, run->config->name, floor, &err) != LP_OK) {
		lp_store_failed(run, "restore the trust floor", &err);
		return;
	}
	run->floor = FLOOR_KNOWN;
	tell_recovered(run, floor, from);
	lp_floor_copy(run);
}

void lp_floor_copy(struct source_run *run)
{
	struct stored_floor floor;
	struct err err = {0};
	bool there;

	if (stored(run, &floor, &there, &err) != LP_OK)
		lp_store_failed(run, "read the trust floor", &err);
	else if (there)
		copy(run, &floor);
}

void lp_floor_open(struct source_run *run)
{
	struct floor_copies copies = {0};
	struct stored_floor floor;
	struct err err = {0};
	bool there;

	run->looked = false;
	if (lp_floor_copies_read(run->super->config.state_dir, run->config->name, &copies, &err) !=
	    LP_OK)
		lp_log(LOG_LEVEL_WARN, "floor-copy-unreadable", "source", run->config->name,
		       "error", err.msg, NULL);
	if (copies.damaged)
		lp_log(LOG_LEVEL_WARN, "floor-copy-damaged", "source", run->config->name, "next",
		       "the other copies hold", NULL);
	if (stored(run, &floor, &there, &err) != LP_OK) {
		lp_store_failed(run, "read the trust floor", &err);
		return;
	}
	run->floor = there || copies.found ? FLOOR_KNOWN : FLOOR_ASK;
	if (copies.found && copies.newest.counter > floor.counter)
		restore(run, &copies.newest, "file");
	else if (there)
		copy(run, &floor);
}

/* Whether the cluster was told something that this device does not know. */
static bool is_newer(const struct stored_floor *theirs, const struct stored_floor *ours)
{
	if (theirs->counter != ours->counter)
		return theirs->counter > ours->counter;
	return memcmp(theirs->payload, ours->payload, sizeof(ours->payload)) != 0;
}

/* A person gave the floor up while the parent could not be asked: now its counter is known. */
static void settle(struct source_run *run, int64_t counter)
{
	struct err err = {0};

	if (lp_floor_settle(run->super->db, run->config->name, counter, &err) != LP_OK)
		lp_store_failed(run, "store the trust floor", &err);
	else
		lp_floor_copy(run);
}

static void lost(struct source_run *run)
{
	run->floor = FLOOR_LOST;
	lp_log(LOG_LEVEL_ERROR, "floor-lost", "source", run->config->name, "reason",
	       "this cluster was kept by limpet, and neither this device nor the ApplySet's parent "
	       "knows what was accepted last",
	       "way-out", "look at what runs, then limpet trust reset", NULL);
}

void lp_floor_seen(struct source_run *run, bool present, const char *text)
{
	struct stored_floor ours, theirs;
	struct err err = {0};
	bool there, told = present && lp_floor_text_read(text, &theirs);

	if (stored(run, &ours, &there, &err) != LP_OK) {
		lp_store_failed(run, "read the trust floor", &err);
		return;
	}
	run->looked = true;
	if (there && ours.given_up)
		settle(run, told ? theirs.counter : 0);
	else if (told && (!there || is_newer(&theirs, &ours)))
		restore(run, &theirs, "cluster");
	else if (!there && present)
		lost(run);
	else if (!there)
		lp_log(LOG_LEVEL_INFO, "first-start", "source", run->config->name, "next",
		       "what is accepted first is the floor", NULL);
	if (run->floor == FLOOR_ASK)
		run->floor = FLOOR_KNOWN;
}

const char *lp_floor_text(struct source_run *run, char to[LP_APPLYSET_FLOOR_TEXT])
{
	struct stored_floor floor;
	struct err err = {0};
	bool there;

	if (stored(run, &floor, &there, &err) != LP_OK)
		lp_store_failed(run, "read the trust floor", &err);
	return lp_floor_text_write(&floor, to);
}

bool lp_floor_is_ahead(struct source_run *run)
{
	struct stored_floor floor;
	struct err err = {0};
	bool there;

	if (stored(run, &floor, &there, &err) != LP_OK)
		lp_store_failed(run, "read the trust floor", &err);
	return lp_floor_holds(&floor) && !floor.revision && !lp_stored_state(run).pinned;
}

enum lp_code lp_floor_lost(struct source_run *run, struct err *err)
{
	if (run->floor != FLOOR_LOST)
		return LP_OK;
	return lp_err_set(err, LP_CONFIG,
			  "what was accepted here before is not known any more, neither to this "
			  "device nor to the cluster; what runs is kept. Look at it, then limpet "
			  "trust reset");
}

enum lp_code lp_floor_unknown(struct source_run *run, struct err *err)
{
	if (run->floor == FLOOR_ASK)
		return lp_err_set(err, LP_TRANSIENT,
				  "nothing is judged yet: this device does not know what was "
				  "accepted before, and the API server, which may, is away: %s",
				  run->super->cluster.error);
	return lp_floor_lost(run, err);
}

/* --- given up by a person --- */

/* What a person loses who gives it up. */
static void describe(const struct stored_floor *floor, char to[LP_ERR_MAX])
{
	char payload[2 * LP_STORE_PAYLOAD + 1], commit[2 * LP_STORE_OID + 1], when[LP_TIME_TEXT];

	if (!lp_floor_holds(floor)) {
		snprintf(to, LP_ERR_MAX,
			 "nothing is known of what was accepted here before: the next tip that a "
			 "trusted key signed for this device becomes the floor, however old it is");
		return;
	}
	lp_hex(floor->payload, sizeof(floor->payload), payload);
	lp_hex(floor->commit, sizeof(floor->commit), commit);
	snprintf(
		to, LP_ERR_MAX,
		"this gives up that commit %.12s (payload sha256:%.12s..., sequence %" PRId64
		") was accepted %s, and every one before it: the next tip that a trusted key signed "
		"for this device becomes the floor, older ones too",
		commit, payload, floor->sequence,
		floor->accepted_s ? lp_time_text(floor->accepted_s, when) : "on this device");
}

enum lp_code lp_floor_reset(struct db *db, const char *folder, const char *source, bool sure,
			    char told[LP_ERR_MAX], struct err *err)
{
	struct stored_floor floor = {0};
	enum lp_code code = lp_floor_get(db, source, &floor, err);

	if (code != LP_OK && code != LP_NOT_FOUND)
		return code;
	describe(&floor, told);
	if (!sure)
		return LP_OK;
	LP_TRY(lp_floor_give_up(db, source, 0, err));
	LP_TRY(lp_floor_get(db, source, &floor, err));
	lp_log(LOG_LEVEL_WARN, "floor-given-up", "source", source, "what", told, NULL);
	return lp_floor_copy_write(folder, source, &floor, err);
}

enum lp_code lp_wish_trust_reset(struct source_run *run, bool sure, char told[LP_ERR_MAX],
				 struct err *err)
{
	lp_applying_flush(run);
	LP_TRY(lp_floor_reset(run->super->db, run->super->config.state_dir, run->config->name, sure,
			      told, err));
	if (!sure)
		return LP_OK;
	run->floor = FLOOR_KNOWN;
	run->looked = false;
	run->judge_again = true;
	if (run->state == CYCLE_IDLE && !lp_stored_state(run).suspended)
		lp_feed(run, CYCLE_POLL_DUE);
	else
		run->poll_late = true;
	return LP_OK;
}

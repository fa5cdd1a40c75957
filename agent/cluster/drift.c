/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/drift_table.h"
#include "agent/cluster/limits.h"
#include "platform/crypto.h"

#include <stdlib.h>
#include <string.h>

#define WAITS 8 /* doublings at most */

/* --- suspicion --- */

static void enqueue(struct drift *drift, struct drift_entry *entry, const struct object_key *key)
{
	lp_drift_set_state(drift, entry, DRIFT_SUSPECT);
	if (key && drift->queued < LP_DRIFT_QUEUE)
		drift->queue[drift->queued++] = *key;
	else
		drift->more = true;
}

/*
 * Returns whether that is news. During a look it is not: mostly it is our own write, and if the
 * answer of the look is older, another look tells.
 */
static bool suspect(struct drift *drift, struct drift_entry *entry, const struct object_key *key,
		    enum drift_reason reason)
{
	entry->reason = (uint8_t)reason;
	if (entry->state == DRIFT_SUSPECT || entry->state == DRIFT_BUSY)
		return false;
	enqueue(drift, entry, key);
	return true;
}

/* What made the last looks fail may be over: the next need not wait for it. */
static void forget_fails(struct drift_entry *entry)
{
	if (entry->fails && entry->state != DRIFT_BUSY)
		entry->due_s = 0;
	entry->fails = 0;
}

static uint64_t number(const char *version)
{
	char *behind;
	unsigned long long n = strtoull(version, &behind, 10);

	return *behind ? 0 : n;
}

static void hash_uid(const char *uid, uint8_t ret[8])
{
	uint8_t digest[LP_SHA256_BYTES];

	lp_sha256(uid, strlen(uid), digest);
	memcpy(ret, digest, 8);
}

enum lp_code lp_drift_applied(struct drift *drift, const struct object_key *key, const char *uid,
			      const struct live *live, unsigned marks, bool looked, struct err *err)
{
	struct drift_entry *entry;
	struct drift_kind *kind;

	LP_TRY(lp_drift_kind(drift, key, &kind, err));
	LP_TRY(lp_drift_find_or_add(drift, key, &entry, err));
	forget_fails(entry);
	hash_uid(uid, entry->uid);
	memcpy(entry->entry, live->entry, LP_DRIFT_KEY);
	entry->version = number(live->version);
	entry->generation = live->generation;
	entry->kind = (uint16_t)(kind - drift->kinds);
	entry->round = kind->round;
	entry->overridable = marks & SIGHT_OVERRIDABLE;
	/* What was seen after the answer still counts, though it was told before. */
	if (entry->seen > entry->version && entry->state == DRIFT_SUSPECT)
		return LP_OK;
	if (entry->seen > entry->version && entry->state == DRIFT_BUSY && entry->reason) {
		enqueue(drift, entry, key);
		return LP_OK;
	}
	lp_drift_set_state(drift, entry, DRIFT_CLEAN);
	entry->reason = DRIFT_NONE;
	if (entry->overridable && !looked)
		suspect(drift, entry, key, DRIFT_MANAGER);
	return LP_OK;
}

void lp_drift_forget(struct drift *drift, const struct object_key *key)
{
	struct drift_entry *entry = lp_drift_find(drift, key);

	if (entry)
		lp_drift_take_out(drift, entry);
}

/* How an object differs from what was applied. */
static enum drift_reason compare(struct drift_entry *entry, const struct sighting *sighting)
{
	const struct live *live = &sighting->live;
	bool overridable = sighting->marks & SIGHT_OVERRIDABLE;
	uint8_t uid[8];

	hash_uid(sighting->uid, uid);
	if (memcmp(uid, entry->uid, sizeof(uid)) != 0)
		return DRIFT_OTHER;
	if (!(sighting->marks & SIGHT_APPLIED) ||
	    memcmp(live->entry, entry->entry, LP_DRIFT_KEY) != 0)
		return DRIFT_CHANGED;
	if (overridable && !entry->overridable)
		return DRIFT_MANAGER;
	if (live->generation ? live->generation != entry->generation
			     : number(live->version) != entry->version)
		return DRIFT_MOVED;
	return DRIFT_NONE;
}

static void seen_there(struct drift *drift, const struct drift_kind *kind,
		       const struct sighting *sighting, struct drift_finding *ret)
{
	struct drift_entry *entry = lp_drift_find(drift, &sighting->key);
	uint64_t version = number(sighting->live.version);

	ret->stranger = !entry;
	if (!entry)
		return;
	entry->round = kind->round;
	entry->older = version && version < entry->version;
	if (entry->older) /* from before our own last write */
		return;
	entry->seen = version;
	bool asked = entry->report;
	entry->report = sighting->marks & SIGHT_REPORT_ONLY;
	ret->reason = compare(entry, sighting);
	/* it was left as it is for that reason alone, and need not have changed otherwise */
	if (asked && !entry->report && entry->state == DRIFT_KNOWN && ret->reason == DRIFT_NONE)
		ret->reason = DRIFT_MANAGER;
	if (ret->reason != DRIFT_NONE)
		ret->news = suspect(drift, entry, &sighting->key, ret->reason);
}

static void seen_gone(struct drift *drift, const struct sighting *sighting,
		      struct drift_finding *ret)
{
	struct drift_entry *entry = lp_drift_find(drift, &sighting->key);
	uint64_t version = number(sighting->live.version);

	if (!entry || (version && version < entry->version))
		return;
	entry->seen = version;
	ret->reason = DRIFT_DELETED;
	ret->news = suspect(drift, entry, &sighting->key, DRIFT_DELETED);
	forget_fails(entry);
}

/* What a list that is as new as `version` says of an object of its kind. */
static enum drift_reason listed(const struct drift_entry *entry, const struct drift_kind *kind,
				uint64_t version)
{
	if (entry->round != kind->round)
		return DRIFT_DELETED;
	/* the store was put back to before our write, and has gone on from there */
	return entry->older && version >= entry->version ? DRIFT_MOVED : DRIFT_NONE;
}

/* The list is whole: what it did not name is not there. */
static void seen_all(struct drift *drift, struct drift_kind *kind, uint64_t version,
		     struct drift_finding *ret)
{
	uint16_t index = (uint16_t)(kind - drift->kinds);

	kind->in_sync = true;
	for (size_t i = 0; i < drift->room; i++) {
		struct drift_entry *entry = &drift->at[i];
		if (!entry->used || entry->kind != index)
			continue;
		forget_fails(entry);
		enum drift_reason reason = listed(entry, kind, version);
		if (reason == DRIFT_NONE)
			continue;
		ret->reason = reason;
		ret->news |= suspect(drift, entry, NULL, reason);
	}
}

/* Numbers of versions mean something else now: none is older or equal. */
static void forget_versions(struct drift *drift)
{
	for (size_t i = 0; i < drift->room; i++)
		drift->at[i].version = drift->at[i].seen = 0;
}

enum lp_code lp_drift_seen(struct drift *drift, const struct sighting *sighting,
			   struct drift_finding *ret, struct err *err)
{
	struct drift_kind *kind;

	*ret = (struct drift_finding){0};
	LP_TRY(lp_drift_kind(drift, &sighting->key, &kind, err));
	switch (sighting->kind) {
	case SIGHT_BEGIN:
		kind->round++;
		kind->in_sync = false;
		break;
	case SIGHT_THERE:
		seen_there(drift, kind, sighting, ret);
		break;
	case SIGHT_GONE:
		seen_gone(drift, sighting, ret);
		break;
	case SIGHT_END:
		seen_all(drift, kind, number(sighting->live.version), ret);
		break;
	case SIGHT_BACK:
		forget_versions(drift);
		ret->deep = true;
		kind->in_sync = false;
		break;
	case SIGHT_LOST:
	case SIGHTING_COUNT:
		kind->in_sync = false;
		break;
	}
	return LP_OK;
}

void lp_drift_blind(struct drift *drift)
{
	for (unsigned i = 0; i < drift->kind_count; i++)
		drift->kinds[i].in_sync = false;
}

bool lp_drift_sees(const struct drift *drift)
{
	for (unsigned i = 0; i < drift->kind_count; i++)
		if (drift->kinds[i].in_sync)
			return true;
	return false;
}

bool lp_drift_sees_all(const struct drift *drift)
{
	for (size_t i = 0; i < drift->room; i++)
		if (drift->at[i].used && !drift->kinds[drift->at[i].kind].in_sync)
			return false;
	return drift->kind_count != 0;
}

bool lp_drift_is_clean(const struct drift *drift, const struct object_key *key)
{
	const struct drift_entry *entry = lp_drift_find(drift, key);

	return entry && entry->state == DRIFT_CLEAN && drift->kinds[entry->kind].in_sync;
}

/* --- looks --- */

static bool take(struct drift *drift, struct drift_entry *entry, int64_t now_s)
{
	if (!entry || entry->state != DRIFT_SUSPECT || entry->due_s > now_s)
		return false;
	lp_drift_set_state(drift, entry, DRIFT_BUSY);
	entry->reason = DRIFT_NONE; /* what is seen from now on */
	return true;
}

bool lp_drift_take(struct drift *drift, int64_t now_s, struct object_key *ret)
{
	bool found = false;

	while (drift->queued && !found) {
		*ret = drift->queue[0];
		memmove(&drift->queue[0], &drift->queue[1],
			--drift->queued * sizeof(drift->queue[0]));
		found = take(drift, lp_drift_find(drift, ret), now_s);
	}
	return found;
}

bool lp_drift_take_this(struct drift *drift, const struct object_key *key, int64_t now_s)
{
	return take(drift, lp_drift_find(drift, key), now_s);
}

/* Longer each time. */
static int64_t wait_s(int64_t first_s, unsigned times)
{
	int64_t s = first_s << (times < WAITS ? times : WAITS);

	return s < LP_DRIFT_WAITS_S ? s : LP_DRIFT_WAITS_S;
}

static void count_heal(struct drift_entry *entry, int64_t now_s, struct drift_budget *ret)
{
	/* a wait does not count as quiet */
	int64_t quiet_s = now_s - (entry->due_s > entry->healed_s ? entry->due_s : entry->healed_s);

	if (quiet_s > LP_DRIFT_WINDOW_S)
		entry->heals = 0;
	entry->healed_s = (uint32_t)now_s;
	if (entry->heals < UINT8_MAX)
		entry->heals++;
	ret->heals = entry->heals;
	if (entry->heals < LP_DRIFT_HEALS)
		return;
	ret->fight = entry->heals == LP_DRIFT_HEALS;
	ret->after_s = wait_s(LP_DRIFT_WAIT_S, entry->heals - LP_DRIFT_HEALS);
	entry->due_s = (uint32_t)(now_s + ret->after_s);
}

static void count_fail(struct drift_entry *entry, int64_t now_s, int64_t retry_s,
		       struct drift_budget *ret)
{
	int64_t first_s = retry_s ? retry_s : LP_DRIFT_WAIT_S;

	ret->after_s = first_s < LP_DRIFT_WAITS_S ? wait_s(first_s, entry->fails) : first_s;
	entry->due_s = (uint32_t)(now_s + ret->after_s);
	if (entry->fails < UINT8_MAX)
		entry->fails++;
	if (entry->reason == DRIFT_DELETED) /* during the look */
		forget_fails(entry);
}

void lp_drift_looked(struct drift *drift, const struct object_key *key, enum drift_look look,
		     int64_t now_s, int64_t retry_s, struct drift_budget *ret)
{
	struct drift_entry *entry = lp_drift_find(drift, key);

	*ret = (struct drift_budget){0};
	if (!entry)
		return;
	if (look != DRIFT_FAILED)
		entry->fails = 0;
	switch (look) {
	case DRIFT_WAS_WRONG:
		count_heal(entry, now_s, ret);
		break;
	case DRIFT_WAS_RIGHT:
		break;
	case DRIFT_LEFT:
		if (entry->state != DRIFT_SUSPECT)
			lp_drift_set_state(drift, entry, DRIFT_KNOWN);
		break;
	case DRIFT_FAILED:
		if (entry->state == DRIFT_BUSY)
			lp_drift_set_state(drift, entry, DRIFT_SUSPECT);
		count_fail(entry, now_s, retry_s, ret);
		break;
	}
}

void lp_drift_renewed(struct drift *drift, const struct object_key *key)
{
	struct drift_entry *entry = lp_drift_find(drift, key);

	if (!entry)
		return;
	entry->heals = entry->fails = 0;
	entry->due_s = entry->healed_s = 0;
}

void lp_drift_doubt(struct drift *drift, const struct object_key *key)
{
	struct drift_entry *entry = lp_drift_find(drift, key);

	if (entry && entry->state == DRIFT_CLEAN)
		suspect(drift, entry, key, DRIFT_MOVED);
}

void lp_drift_reconsider(struct drift *drift)
{
	for (size_t i = 0; i < drift->room; i++)
		if (drift->at[i].used && drift->at[i].state == DRIFT_KNOWN)
			suspect(drift, &drift->at[i], NULL, drift->at[i].reason);
}

int64_t lp_drift_due_s(struct drift *drift, int64_t now_s)
{
	int64_t first_s = INT64_MAX;
	unsigned due = 0;

	for (size_t i = 0; drift->suspects && i < drift->room; i++) {
		const struct drift_entry *entry = &drift->at[i];
		if (!entry->used || entry->state != DRIFT_SUSPECT)
			continue;
		if (entry->due_s <= now_s)
			due++;
		else if (entry->due_s < first_s)
			first_s = entry->due_s;
	}
	/* What is in the queue needs no walk. */
	drift->more |= due > drift->queued;
	return first_s;
}

const char *lp_drift_reason_name(enum drift_reason reason)
{
	static const char *const names[DRIFT_REASONS] = {
		[DRIFT_NONE] = "none",      [DRIFT_DELETED] = "deleted",
		[DRIFT_OTHER] = "replaced", [DRIFT_CHANGED] = "changed",
		[DRIFT_MOVED] = "written",  [DRIFT_MANAGER] = "edited",
	};
	return reason < DRIFT_REASONS ? names[reason] : "unknown";
}

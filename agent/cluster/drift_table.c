/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/drift_table.h"

#include "agent/cluster/limits.h"
#include "platform/crypto.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

static void hash_key(const struct object_key *key, uint8_t ret[LP_DRIFT_KEY])
{
	const char *const parts[] = {key->group, key->kind, key->ns, key->name};
	uint8_t digest[LP_SHA256_BYTES];
	struct lp_hash sha;

	lp_hash_begin(&sha, LP_SHA256);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		lp_hash_add(&sha, parts[i], strlen(parts[i]) + 1);
	lp_hash_end(&sha, digest);
	memcpy(ret, digest, LP_DRIFT_KEY);
}

/* --- the table --- */

static size_t place_of(const struct drift *drift, const uint8_t key[LP_DRIFT_KEY])
{
	uint64_t start;

	memcpy(&start, key, sizeof(start));
	return (size_t)start & (drift->room - 1);
}

/* The entry of key, or the free place where it belongs; NULL in a table without room. */
static struct drift_entry *probe(const struct drift *drift, const uint8_t key[LP_DRIFT_KEY])
{
	if (!drift->room)
		return NULL;
	size_t at = place_of(drift, key);
	while (drift->at[at].used && memcmp(drift->at[at].key, key, LP_DRIFT_KEY) != 0)
		at = (at + 1) & (drift->room - 1);
	return &drift->at[at];
}

struct drift_entry *lp_drift_find(const struct drift *drift, const struct object_key *key)
{
	uint8_t hash[LP_DRIFT_KEY];

	hash_key(key, hash);
	struct drift_entry *entry = probe(drift, hash);
	return entry && entry->used ? entry : NULL;
}

static enum lp_code grow(struct drift *drift, struct err *err)
{
	struct drift bigger = *drift;

	bigger.room = drift->room ? drift->room * 2 : FIRST_ROOM;
	bigger.at = calloc(bigger.room, sizeof(*bigger.at));
	if (!bigger.at)
		return lp_err_nomem(err, "fingerprints");
	for (size_t i = 0; i < drift->room; i++)
		if (drift->at[i].used)
			*probe(&bigger, drift->at[i].key) = drift->at[i];
	free(drift->at);
	*drift = bigger;
	return LP_OK;
}

enum lp_code lp_drift_find_or_add(struct drift *drift, const struct object_key *key,
				  struct drift_entry **ret, struct err *err)
{
	uint8_t hash[LP_DRIFT_KEY];

	if (4 * (drift->count + 1) > 3 * drift->room)
		LP_TRY(grow(drift, err));
	hash_key(key, hash);
	*ret = probe(drift, hash);
	if (!(*ret)->used) {
		**ret = (struct drift_entry){.used = true};
		memcpy((*ret)->key, hash, LP_DRIFT_KEY);
		drift->count++;
	}
	return LP_OK;
}

void lp_drift_set_state(struct drift *drift, struct drift_entry *entry, enum drift_state state)
{
	drift->suspects += (state == DRIFT_SUSPECT) - (entry->state == DRIFT_SUSPECT);
	drift->known += (state == DRIFT_KNOWN) - (entry->state == DRIFT_KNOWN);
	entry->state = (uint8_t)state;
}

/* Closes the gap, so that what was put behind it is still found. */
void lp_drift_take_out(struct drift *drift, struct drift_entry *entry)
{
	size_t gap = (size_t)(entry - drift->at), at = gap;

	lp_drift_set_state(drift, entry, DRIFT_CLEAN);
	drift->at[gap].used = false;
	drift->count--;
	for (;;) {
		at = (at + 1) & (drift->room - 1);
		if (!drift->at[at].used)
			return;
		size_t home = place_of(drift, drift->at[at].key);
		/* whether home lies cyclically behind the gap: then it must stay */
		if (((at - home) & (drift->room - 1)) < ((at - gap) & (drift->room - 1)))
			continue;
		drift->at[gap] = drift->at[at];
		drift->at[at].used = false;
		gap = at;
	}
}

void lp_drift_free(struct drift *drift)
{
	free(drift->at);
	free(drift->kinds);
	*drift = (struct drift){0};
}

/* --- kinds --- */

static struct drift_kind *find_kind(const struct drift *drift, const struct object_key *key)
{
	for (unsigned i = 0; i < drift->kind_count; i++)
		if (strcmp(drift->kinds[i].kind, key->kind) == 0 &&
		    strcmp(drift->kinds[i].group, key->group) == 0)
			return &drift->kinds[i];
	return NULL;
}

enum lp_code lp_drift_kind(struct drift *drift, const struct object_key *key,
			   struct drift_kind **ret, struct err *err)
{
	*ret = find_kind(drift, key);
	if (*ret)
		return LP_OK;
	if (drift->kind_count == LP_DRIFT_KINDS)
		return lp_err_set(err, LP_LIMIT, "objects of more than %u kinds", LP_DRIFT_KINDS);
	struct drift_kind *more =
		realloc(drift->kinds, (drift->kind_count + 1) * sizeof(*drift->kinds));
	if (!more)
		return lp_err_nomem(err, "kinds");
	drift->kinds = more;
	*ret = &more[drift->kind_count++];
	**ret = (struct drift_kind){0};
	memcpy((*ret)->group, key->group, sizeof(key->group));
	memcpy((*ret)->kind, key->kind, sizeof(key->kind));
	return LP_OK;
}

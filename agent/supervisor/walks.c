/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/walks.h"

#include "agent/supervisor/config_digest.h"
#include "platform/crypto.h"
#include "store/kinds.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct stored_key) == sizeof(struct object_key), "the two keys are one");
_Static_assert(sizeof(struct live) == LP_LIVE_BYTES, "the store keeps a struct live as it is");

void lp_key_from_store(const struct stored_key *from, struct object_key *to)
{
	memcpy(to, from, sizeof(*to));
}

void lp_key_to_store(const struct object_key *from, struct stored_key *to)
{
	memcpy(to, from, sizeof(*to));
}

enum lp_code lp_settle_key(struct db *db, const char *ns, int scope, struct stored_key *key,
			   struct err *err)
{
	struct stored_kind kind;

	if (scope != SCOPE_UNKNOWN || key->ns[0])
		return LP_OK;
	enum lp_code code = lp_kind_get(db, key->group, key->kind, "", &kind, err);
	if (code == LP_OK && kind.namespaced)
		return lp_copy(key->ns, sizeof(key->ns), ns, err);
	return code == LP_NOT_FOUND ? LP_OK : code;
}

static void from_row(const struct inventory_row *row, struct plan_object *ret)
{
	*ret = (struct plan_object){.scope = (enum scope)row->scope,
				    .stage = (enum stage)row->stage};
	lp_key_from_store(&row->key, &ret->key);
	memcpy(ret->uid, row->uid, sizeof(ret->uid));
}

static void from_object(const struct stored_object *object, struct plan_object *ret)
{
	*ret = (struct plan_object){.scope = (enum scope)object->scope,
				    .stage = (enum stage)object->stage};
	lp_key_from_store(&object->key, &ret->key);
	memcpy(ret->digest, object->digest, sizeof(ret->digest));
	ret->uses_config = object->use != CONFIG_NONE;
}

static enum lp_code begin(void *ctx, enum plan_walk walk, struct err *err)
{
	struct walks *w = ctx;

	w->desired = LP_OBJECTS(w->revision);
	w->removed = LP_INVENTORY_NOT_IN(w->source, w->revision);
	w->inventory = LP_INVENTORY(w->source);
	w->desired_ended = false;
	w->seen_count = 0;
	if (walk == WALK_KINDS && !w->seen)
		w->seen = calloc(LP_WALK_KINDS_MAX, sizeof(*w->seen));
	if (walk == WALK_KINDS && !w->seen)
		return lp_err_nomem(err, "the kinds of a plan");
	return LP_OK;
}

/* Adds the object's kind and namespace to those that were given; false when it is one of them. */
static enum lp_code is_new(struct walks *w, const struct object_key *key, bool *ret,
			   struct err *err)
{
	static const uint8_t hash_key[16] = "limpet-kinds";
	char name[LP_GROUP_MAX + LP_KIND_MAX + LP_NAME_MAX] = "";
	size_t g = strlen(key->group) + 1, k = strlen(key->kind) + 1, n = strlen(key->ns) + 1;

	memcpy(name, key->group, g);
	memcpy(name + g, key->kind, k);
	memcpy(name + g + k, key->ns, n);
	uint64_t digest = lp_siphash(hash_key, name, g + k + n);
	*ret = false;
	for (size_t i = 0; i < w->seen_count; i++)
		if (w->seen[i] == digest)
			return LP_OK;
	if (w->seen_count == LP_WALK_KINDS_MAX)
		return lp_err_set(err, LP_LIMIT, "more than %d different kinds and namespaces",
				  LP_WALK_KINDS_MAX);
	w->seen[w->seen_count++] = digest;
	*ret = true;
	return LP_OK;
}

static enum lp_code next_kind(struct walks *w, struct plan_object *ret, bool *ret_more,
			      struct err *err)
{
	struct plan_object object;
	bool fresh = false;

	while (!fresh) {
		enum lp_code code = w->desired_ended ? lp_inventory_next(w->db, &w->inventory, err)
						     : lp_object_next(w->db, &w->desired, err);
		if (code == LP_NOT_FOUND && w->desired_ended) {
			*ret_more = false;
			return LP_OK;
		}
		if (code == LP_NOT_FOUND) {
			w->desired_ended = true;
			continue;
		}
		if (code != LP_OK)
			return code;
		if (w->desired_ended)
			from_row(&w->inventory.at, &object);
		else
			from_object(&w->desired.at, &object);
		LP_TRY(is_new(w, &object.key, &fresh, err));
	}
	*ret = object;
	*ret_more = true;
	return LP_OK;
}

static enum lp_code next_desired(struct walks *w, struct plan_object *ret, bool *ret_more,
				 struct err *err)
{
	struct inventory_row row;
	struct config_digest state;
	struct stored_key key;
	enum lp_code code = lp_object_next(w->db, &w->desired, err);

	*ret_more = code == LP_OK;
	if (code == LP_NOT_FOUND)
		return LP_OK;
	if (code != LP_OK)
		return code;
	from_object(&w->desired.at, ret);
	LP_TRY(lp_config_state(w->db, w->source, w->config_digest, &w->desired.at, &state, NULL,
			       err));
	lp_config_effective(w->desired.at.digest, &state, ret->digest);
	key = w->desired.at.key;
	LP_TRY(lp_settle_key(w->db, w->ns, w->desired.at.scope, &key, err));
	lp_key_from_store(&key, &ret->key);
	code = lp_inventory_get(w->db, w->source, &key, &row, err);
	if (code != LP_OK)
		return code == LP_NOT_FOUND ? LP_OK : code;
	memcpy(&ret->known, row.live, sizeof(ret->known));
	ret->ours = row.state == LP_INVENTORY_APPLIED;
	ret->once = ret->ours && memcmp(row.digest, ret->digest, sizeof(row.digest)) == 0;
	bool clean = w->drift && lp_drift_is_clean(w->drift, &ret->key);
	ret->clean = ret->once && clean && !w->deep;
	/* what nobody has watched may ask to be left as it is, or be somebody's work that goes */
	ret->look = w->drift && ret->ours && !clean;
	return LP_OK;
}

static enum lp_code next_removed(struct walks *w, struct plan_object *ret, bool *ret_more,
				 struct err *err)
{
	enum lp_code code = lp_inventory_next(w->db, &w->removed, err);

	*ret_more = code == LP_OK;
	if (code == LP_OK)
		from_row(&w->removed.at, ret);
	return code == LP_NOT_FOUND ? LP_OK : code;
}

static enum lp_code next(void *ctx, enum plan_walk walk, struct plan_object *ret, bool *ret_more,
			 struct err *err)
{
	switch (walk) {
	case WALK_KINDS:
		return next_kind(ctx, ret, ret_more, err);
	case WALK_DESIRED:
		return next_desired(ctx, ret, ret_more, err);
	case WALK_REMOVED:
		return next_removed(ctx, ret, ret_more, err);
	}
	return lp_err_set(err, LP_INTERNAL, "no walk %d", (int)walk);
}

struct plan_reader lp_walks_reader(struct walks *walks)
{
	return (struct plan_reader){.ctx = walks, .begin = begin, .next = next};
}

void lp_walks_free(struct walks *walks)
{
	free(walks->seen);
	walks->seen = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/holding.h"

#include "agent/cluster/skim.h"
#include "agent/supervisor/limits.h"
#include "store/inventory.h"
#include "store/kinds.h"
#include "store/state.h"

#include <stdlib.h>
#include <string.h>

/* A set of kinds, by group and kind. */
struct held_kinds {
	struct held_kind {
		char group[LP_GROUP_MAX], kind[LP_KIND_MAX];
	} * list; /* owned */
	size_t len, cap;
};

static void free_kinds(struct held_kinds *kinds)
{
	free(kinds->list);
}

static int by_name(const void *a, const void *b)
{
	const struct held_kind *x = a, *y = b;
	int order = strcmp(x->group, y->group);

	return order ? order : strcmp(x->kind, y->kind);
}

static enum lp_code grow(struct held_kinds *kinds, struct err *err)
{
	size_t cap = kinds->cap ? kinds->cap * 2 : 32;

	if (kinds->len == LP_WALK_KINDS_MAX)
		return lp_err_set(err, LP_LIMIT, "more than %d different kinds", LP_WALK_KINDS_MAX);
	struct held_kind *list = realloc(kinds->list, cap * sizeof(*list));
	if (!list)
		return lp_err_nomem(err, "kinds");
	kinds->list = list;
	kinds->cap = cap;
	return LP_OK;
}

/* Those of one kind come one behind the other, so the last one is the likeliest. */
static enum lp_code add(struct held_kinds *kinds, const struct stored_key *key, struct err *err)
{
	struct held_kind kind;

	LP_TRY(lp_copy(kind.group, sizeof(kind.group), key->group, err));
	LP_TRY(lp_copy(kind.kind, sizeof(kind.kind), key->kind, err));
	for (size_t i = kinds->len; i > 0; i--)
		if (by_name(&kinds->list[i - 1], &kind) == 0)
			return LP_OK;
	if (kinds->len == kinds->cap)
		LP_TRY(grow(kinds, err));
	kinds->list[kinds->len++] = kind;
	return LP_OK;
}

static enum lp_code add_all(struct db *db, const char *source, int64_t revision,
			    struct held_kinds *kinds, struct err *err)
{
	struct inventory_cursor rows = LP_INVENTORY(source);
	struct object_cursor objects = LP_OBJECTS(revision);
	enum lp_code code;

	while ((code = lp_inventory_next(db, &rows, err)) == LP_OK)
		LP_TRY(add(kinds, &rows.at.key, err));
	if (code != LP_NOT_FOUND)
		return code;
	while ((code = lp_object_next(db, &objects, err)) == LP_OK)
		LP_TRY(add(kinds, &objects.at.key, err));
	return code == LP_NOT_FOUND ? LP_OK : code;
}

/* --- what a kind is called in a URL --- */

/* Whether the object is a CRD of that group, by its name: "cameras.shop.example". */
static bool is_crd_of(const struct stored_key *key, const char *group)
{
	const char *dot = strchr(key->name, '.');

	return strcmp(key->kind, "CustomResourceDefinition") == 0 && dot && *group &&
	       strcmp(dot + 1, group) == 0;
}

/* The plural of a kind whose CRD the revision brings; "" when it does not. */
static enum lp_code from_crd(struct db *db, const char *source, int64_t revision,
			     const struct held_kind *kind, char to[LP_KIND_MAX], struct err *err)
{
	struct object_cursor objects = LP_OBJECTS(revision);
	enum lp_code code;

	*to = '\0';
	while (!*to && (code = lp_object_next(db, &objects, err)) == LP_OK) {
		LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_OBJECT_BYTES);
		if (!is_crd_of(&objects.at.key, kind->group))
			continue;
		LP_TRY(lp_object_body(db, source, &objects.at, &body, err));
		struct slice names = lp_skim_at(LP_SLICE_OF(&body), "spec", "names", NULL);
		if (lp_skim_is(lp_skim_get(names, "kind"), kind->kind))
			lp_skim_name(lp_skim_get(names, "plural"), to, LP_KIND_MAX);
	}
	return *to || code == LP_NOT_FOUND ? LP_OK : code;
}

static enum lp_code resource_of(struct db *db, const char *source, int64_t revision,
				const struct held_kind *kind, char to[LP_KIND_MAX], struct err *err)
{
	struct stored_kind served;
	enum lp_code code = lp_kind_get(db, kind->group, kind->kind, "", &served, err);

	if (code == LP_NOT_FOUND)
		return from_crd(db, source, revision, kind, to, err);
	if (code != LP_OK)
		return code;
	return lp_copy(to, LP_KIND_MAX, served.resource, err);
}

enum lp_code lp_holding_make(struct db *db, const char *source, struct json *doc, struct jval **ret,
			     struct err *err)
{
	LP_AUTO(free_kinds) struct held_kinds kinds = {0};
	struct jval *root = lp_json_obj(doc), *list = lp_json_arr(doc);

	struct source_state state;

	LP_TRY(lp_state_get(db, source, &state, err));
	LP_TRY(add_all(db, source, state.desired, &kinds, err));
	if (kinds.len)
		qsort(kinds.list, kinds.len, sizeof(*kinds.list), by_name);
	for (size_t i = 0; i < kinds.len; i++) {
		const struct held_kind *kind = &kinds.list[i];
		char resource[LP_KIND_MAX];
		struct jval *v = lp_json_obj(doc);
		LP_TRY(resource_of(db, source, state.desired, kind, resource, err));
		lp_json_put_str(doc, v, "group", kind->group);
		lp_json_put_str(doc, v, "kind", kind->kind);
		lp_json_put_str(doc, v, "resource", resource);
		lp_json_add(list, v);
	}
	if (!lp_json_put(doc, root, "kinds", list))
		return lp_json_full(doc, "kinds", err);
	*ret = root;
	return LP_OK;
}

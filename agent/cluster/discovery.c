/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/discovery.h"

#include "agent/cluster/limits.h"
#include "agent/cluster/skim.h"
#include "platform/http.h"

#include <string.h>

void lp_api_free(struct api_table *table)
{
	lp_arena_free(&table->arena);
	*table = (struct api_table){.arena = LP_ARENA(table->arena.max_bytes)};
}

/* Copies text into the arena, or shares the text of the entry before: groups repeat. */
static const char *keep(struct api_table *table, const char *before, const char *text)
{
	if (before && strcmp(before, text) == 0)
		return before;
	return lp_arena_str(&table->arena, text);
}

static enum lp_code add_kind(struct api_table *table, const struct api_kind *kind, struct err *err)
{
	struct api_kind *last = table->last;

	if (table->count == LP_DISCOVERY_KINDS)
		return lp_err_set(err, LP_LIMIT, "the API server has more than %u kinds",
				  LP_DISCOVERY_KINDS);
	struct api_kind *added = lp_arena_alloc(&table->arena, sizeof(*added));
	if (!added)
		return lp_arena_full(&table->arena, "discovery", err);
	*added = *kind;
	added->next = NULL;
	added->group = keep(table, last ? last->group : NULL, kind->group);
	added->version = keep(table, last ? last->version : NULL, kind->version);
	added->kind = keep(table, NULL, kind->kind);
	added->plural = keep(table, NULL, kind->plural);
	if (!added->group || !added->version || !added->kind || !added->plural)
		return lp_arena_full(&table->arena, "discovery", err);
	*(last ? &last->next : &table->first) = added;
	table->last = added;
	table->count++;
	return LP_OK;
}

static unsigned read_verbs(struct slice verbs)
{
	static const struct {
		const char *name;
		enum verb verb;
	} known[] = {{"patch", VERB_PATCH},
		     {"list", VERB_LIST},
		     {"delete", VERB_DELETE},
		     {"watch", VERB_WATCH}};
	struct skim_iter it = lp_skim_iter(verbs);
	unsigned found = 0;

	while (lp_skim_next(&it))
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (lp_skim_is(it.value, known[i].name))
				found |= known[i].verb;
	return found;
}

/* The texts of one group-version, while its resources are added. */
struct adding {
	struct api_table *table;
	const char *group, *version;
	bool preferred;
	const struct api_kind *before; /* the last one of the version before; NULL none */
};

/* Metrics servers have many resources of one kind: the first stands for it. */
static bool is_there(const struct adding *a, const char *kind)
{
	const struct api_kind *at = a->before ? a->before->next : a->table->first;

	for (; at; at = at->next)
		if (strcmp(at->kind, kind) == 0)
			return true;
	return false;
}

/* Adds one resource; one that we could never name (no kind, too long) is left out. */
static enum lp_code add_resource(const struct adding *a, struct slice kind_text,
				 struct slice plural_text, bool namespaced, struct slice verbs,
				 struct err *err)
{
	char kind[LP_KIND_MAX], plural[LP_KIND_MAX];

	if (!lp_skim_name(kind_text, kind, sizeof(kind)) || !kind[0] ||
	    !lp_skim_name(plural_text, plural, sizeof(plural)) || !plural[0] || is_there(a, kind))
		return LP_OK;
	return add_kind(a->table,
			&(struct api_kind){.group = a->group,
					   .version = a->version,
					   .kind = kind,
					   .plural = plural,
					   .namespaced = namespaced,
					   .preferred = a->preferred,
					   .verbs = read_verbs(verbs)},
			err);
}

bool lp_api_is_stale(const struct api_table *table, const char *group)
{
	const struct api_stale *at = table->stale;

	while (at && strcmp(at->group, group) != 0)
		at = at->next;
	return at != NULL;
}

enum lp_code lp_api_add_stale(struct api_table *table, const char *group, struct err *err)
{
	if (lp_api_is_stale(table, group))
		return LP_OK;
	struct api_stale *added = lp_arena_alloc(&table->arena, sizeof(*added));
	if (!added)
		return lp_arena_full(&table->arena, "discovery", err);
	*added = (struct api_stale){table->stale, lp_arena_str(&table->arena, group)};
	if (!added->group)
		return lp_arena_full(&table->arena, "discovery", err);
	table->stale = added;
	return LP_OK;
}

/* One entry of APIGroupDiscoveryList.items[].versions[]. */
static enum lp_code add_version(struct api_table *table, const char *group, bool preferred,
				struct slice entry, struct err *err)
{
	char version[LP_VERSION_MAX];
	const struct adding a = {table, group, version, preferred, table->last};
	struct skim_iter it = lp_skim_iter(lp_skim_get(entry, "resources"));

	if (!lp_skim_name(lp_skim_get(entry, "version"), version, sizeof(version)))
		return LP_OK;
	if (lp_skim_is(lp_skim_get(entry, "freshness"), "Stale"))
		LP_TRY(lp_api_add_stale(table, group, err));
	while (lp_skim_next(&it))
		LP_TRY(add_resource(&a, lp_skim_at(it.value, "responseKind", "kind", NULL),
				    lp_skim_get(it.value, "resource"),
				    lp_skim_is(lp_skim_get(it.value, "scope"), "Namespaced"),
				    lp_skim_get(it.value, "verbs"), err));
	return LP_OK;
}

static enum lp_code add_aggregated(struct api_table *table, struct slice answer, struct err *err)
{
	struct skim_iter groups = lp_skim_iter(lp_skim_get(answer, "items"));
	char group[LP_GROUP_MAX];

	while (lp_skim_next(&groups)) {
		struct slice name = lp_skim_at(groups.value, "metadata", "name", NULL);
		/* the core group has no name at all */
		if (!lp_skim_name(name, group, sizeof(group)) && name.len)
			continue;
		struct skim_iter versions = lp_skim_iter(lp_skim_get(groups.value, "versions"));
		/* the first version of a group is the preferred one */
		for (bool first = true; lp_skim_next(&versions); first = false)
			LP_TRY(add_version(table, group, first, versions.value, err));
	}
	return LP_OK;
}

static enum lp_code add_group(struct api_table *table, const char *group, const char *version,
			      bool preferred, struct err *err)
{
	if (table->group_count == LP_DISCOVERY_GROUPS)
		return lp_err_set(err, LP_LIMIT, "the API server has more than %u group-versions",
				  LP_DISCOVERY_GROUPS);
	struct api_group *added = lp_arena_alloc(&table->arena, sizeof(*added));
	if (!added)
		return lp_arena_full(&table->arena, "discovery", err);
	added->group = lp_arena_str(&table->arena, group);
	added->version = lp_arena_str(&table->arena, version);
	added->preferred = preferred;
	if (!added->group || !added->version)
		return lp_arena_full(&table->arena, "discovery", err);
	*(table->last_group ? &table->last_group->next : &table->groups) = added;
	table->last_group = added;
	table->group_count++;
	return LP_OK;
}

/* One APIGroup: the preferred version first, as in the aggregated form. */
static enum lp_code add_old_group(struct api_table *table, struct slice entry, struct err *err)
{
	char group[LP_GROUP_MAX], version[LP_VERSION_MAX], preferred[LP_VERSION_MAX];
	struct skim_iter it = lp_skim_iter(lp_skim_get(entry, "versions"));

	if (!lp_skim_name(lp_skim_get(entry, "name"), group, sizeof(group)))
		return LP_OK;
	lp_skim_name(lp_skim_at(entry, "preferredVersion", "version", NULL), preferred,
		     sizeof(preferred));
	if (preferred[0])
		LP_TRY(add_group(table, group, preferred, true, err));
	while (lp_skim_next(&it))
		if (lp_skim_name(lp_skim_get(it.value, "version"), version, sizeof(version)) &&
		    strcmp(version, preferred) != 0)
			LP_TRY(add_group(table, group, version, false, err));
	return LP_OK;
}

static enum lp_code add_old(struct api_table *table, struct slice answer, struct err *err)
{
	struct skim_iter groups = lp_skim_iter(lp_skim_get(answer, "groups"));
	struct skim_iter versions = lp_skim_iter(lp_skim_get(answer, "versions"));
	char version[LP_VERSION_MAX];
	bool first = true;

	while (lp_skim_next(&groups))
		LP_TRY(add_old_group(table, groups.value, err));
	for (; lp_skim_next(&versions); first = false)
		if (lp_skim_name(versions.value, version, sizeof(version)))
			LP_TRY(add_group(table, "", version, first, err));
	return LP_OK;
}

static enum lp_code not_discovery(struct slice answer, struct err *err)
{
	return lp_err_set(err, LP_REJECTED, "the answer is no discovery document: %.*s",
			  (int)(answer.len < 120 ? answer.len : 120),
			  answer.len ? (const char *)answer.data : "");
}

enum lp_code lp_api_add(struct api_table *table, struct slice answer, bool *ret_aggregated,
			struct err *err)
{
	struct slice kind = lp_skim_get(answer, "kind");

	if (!lp_skim_whole(answer))
		return not_discovery(answer, err);
	*ret_aggregated = lp_skim_is(kind, "APIGroupDiscoveryList");
	if (*ret_aggregated)
		return add_aggregated(table, answer, err);
	if (lp_skim_is(kind, "APIGroupList") || lp_skim_is(kind, "APIVersions"))
		return add_old(table, answer, err);
	return not_discovery(answer, err);
}

enum lp_code lp_api_add_resources(struct api_table *table, const struct api_group *group,
				  struct slice answer, struct err *err)
{
	const struct adding a = {table, group->group, group->version, group->preferred,
				 table->last};
	struct skim_iter it = lp_skim_iter(lp_skim_get(answer, "resources"));

	if (!lp_skim_whole(answer) || !lp_skim_is(lp_skim_get(answer, "kind"), "APIResourceList"))
		return not_discovery(answer, err);
	while (lp_skim_next(&it))
		LP_TRY(add_resource(&a, lp_skim_get(it.value, "kind"),
				    lp_skim_get(it.value, "name"),
				    lp_skim_true(lp_skim_get(it.value, "namespaced")),
				    lp_skim_get(it.value, "verbs"), err));
	return LP_OK;
}

enum lp_code lp_api_add_part(struct api_table *table, const struct api_table *from, bool core,
			     struct err *err)
{
	for (const struct api_kind *kind = from->first; kind; kind = kind->next)
		if ((kind->group[0] == '\0') == core)
			LP_TRY(add_kind(table, kind, err));
	for (const struct api_stale *stale = from->stale; stale; stale = stale->next)
		if ((stale->group[0] == '\0') == core)
			LP_TRY(lp_api_add_stale(table, stale->group, err));
	return LP_OK;
}

const struct api_kind *lp_api_find(const struct api_table *table, const char *group,
				   const char *version, const char *kind)
{
	for (const struct api_kind *at = table->first; at; at = at->next)
		if (strcmp(at->kind, kind) == 0 && strcmp(at->group, group) == 0 &&
		    (!*version || strcmp(at->version, version) == 0))
			return at;
	return NULL;
}

const struct api_kind *lp_api_find_resource(const struct api_table *table, const char *group,
					    const char *plural)
{
	for (const struct api_kind *at = table->first; at; at = at->next)
		if (strcmp(at->plural, plural) == 0 && strcmp(at->group, group) == 0)
			return at;
	return NULL;
}

enum lp_code lp_api_path(const struct api_kind *kind, const char *ns, const char *name,
			 struct buf *out, struct err *err)
{
	if (kind->group[0])
		LP_TRY(lp_buf_printf(out, err, "/apis/%s/%s", kind->group, kind->version));
	else
		LP_TRY(lp_buf_printf(out, err, "/api/%s", kind->version));
	if (kind->namespaced && *ns) {
		LP_TRY(lp_buf_str(out, "/namespaces/", err));
		LP_TRY(lp_url_encode(out, ns, err));
	}
	LP_TRY(lp_buf_printf(out, err, "/%s", kind->plural));
	if (!*name)
		return LP_OK;
	LP_TRY(lp_buf_byte(out, '/', err));
	return lp_url_encode(out, name, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * managedFields as the API server may send them, pointers, and a body: three parts with a NUL
 * between them. What a patch makes of managedFields loses no field and holds no overridable
 * manager's entry any more, and there is nothing left to do about it.
 */
#include "agent/cluster/fields.h"
#include "agent/cluster/skim.h"
#include "agent/cluster/story.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TRAP_IF(bad)                      \
	do {                              \
		if (bad)                  \
			__builtin_trap(); \
	} while (0)

static struct err err;

/* What stands before the next NUL, which is taken out of *rest. */
static struct slice part(struct slice *rest)
{
	const uint8_t *end = rest->len ? memchr(rest->data, '\0', rest->len) : NULL;
	struct slice first = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
	size_t used = first.len + (end ? 1 : 0);

	rest->data += used;
	rest->len -= used;
	return first;
}

/* All that we, those whom we take from and those whom we hand to own, as one set of m->doc. */
static struct jval *all_of(struct managed *m, bool *ret_overridable, bool *ret_unknown)
{
	struct jval **sets = calloc(m->count + 1, sizeof(struct jval *));
	size_t count = 0;

	TRAP_IF(!sets);
	*ret_overridable = *ret_unknown = false;
	for (size_t i = 0; i < m->count; i++) {
		const struct manager_entry *e = &m->list[i];
		bool handed = !e->subresource[0] && strcmp(e->manager, LP_HANDED_MANAGER) == 0 &&
			      strcmp(e->operation, "Update") == 0;
		*ret_overridable |= e->overridable && !e->unknown;
		*ret_unknown |= e->unknown;
		if (e->fields && (e->ours || e->overridable || handed))
			sets[count++] = e->fields;
	}
	struct jval *all = lp_fields_union(m->doc, sets, count);
	TRAP_IF(!all);
	free((void *)sets);
	return all;
}

static unsigned in_both(void *ctx, const char *path, uint64_t owners, unsigned above)
{
	TRAP_IF(owners != 3);
	return 0;
}

/* The object as it is after the patch. */
static void patched(struct slice patch, struct buf *ret)
{
	struct skim_iter it = lp_skim_iter(patch);
	struct slice fields = LP_SLICE("[]");

	TRAP_IF(!lp_skim_whole(patch));
	while (lp_skim_next(&it))
		if (lp_skim_is(lp_skim_get(it.value, "path"), "/metadata/managedFields"))
			fields = lp_skim_get(it.value, "value");
	TRAP_IF(lp_buf_str(ret,
			   "{\"metadata\":{\"resourceVersion\":\"1\",\"managedFields\":", &err));
	TRAP_IF(lp_buf_append(ret, fields.data, fields.len, &err) != LP_OK);
	TRAP_IF(lp_buf_str(ret, "}}", &err) != LP_OK);
}

static void check_patch(struct slice object, struct slice patch, const struct managed_wish *wish,
			bool changed)
{
	LP_AUTO(lp_buf_free) struct buf after = LP_BUF(16 * LP_MIB);
	LP_AUTO(lp_buf_free) struct buf nothing = LP_BUF(16 * LP_MIB);
	LP_AUTO(lp_managed_free) struct managed was = {0};
	LP_AUTO(lp_managed_free) struct managed is = {0};
	const struct managed_wish again = {.take = true, .api_version = "v1"};
	struct managed_plan plan;
	bool overridable, unknown;

	patched(patch, &after);
	if (!changed || lp_managed_read(object, &was, &err) != LP_OK ||
	    lp_managed_read(LP_SLICE_OF(&after), &is, &err) != LP_OK)
		return;
	struct jval *sets[] = {all_of(&was, &overridable, &unknown),
			       all_of(&is, &overridable, &unknown)};
	TRAP_IF(overridable);
	TRAP_IF(lp_fields_walk(sets, 2, &(struct fields_walk){.tell = in_both}, &err) != LP_OK);
	TRAP_IF(lp_managed_plan(LP_SLICE_OF(&after), &again, &plan, &nothing, &err) != LP_OK);
	TRAP_IF(nothing.len && !unknown); /* that one is for when there is an entry of ours */
}

/* One Apply entry of ours and one that things are handed to, as in the API; or it is not read. */
static bool is_plausible(struct slice object)
{
	LP_AUTO(lp_managed_free) struct managed m = {0};
	unsigned ours = 0, handed = 0;

	if (lp_managed_read(object, &m, &err) != LP_OK)
		return false;
	for (size_t i = 0; i < m.count; i++) {
		ours += m.list[i].ours;
		handed += strcmp(m.list[i].manager, LP_HANDED_MANAGER) == 0;
	}
	return ours <= 1 && handed <= 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_json_freep) struct json *desired = NULL;
	LP_AUTO(lp_buf_free) struct buf patch = LP_BUF(16 * LP_MIB);
	struct slice rest = {data, size}, object = part(&rest), pointers = part(&rest);
	struct managed_plan plan;
	struct story story;

	if (lp_json_parse(rest.data, rest.len, LP_MIB, &desired, &err) != LP_OK)
		pointers.len = 0;
	const struct story_free free = {pointers, desired};
	if (lp_story_tell(object, object, &free, &story, &err) == LP_OK)
		TRAP_IF(story.changed || strlen(story.text) >= sizeof(story.text));
	const struct managed_wish wish = {
		.take = true, .api_version = "v1", .handed = pointers, .desired = desired};
	bool plausible = is_plausible(object);
	if (lp_managed_plan(object, &wish, &plan, &patch, &err) != LP_OK || !patch.len)
		return 0;
	TRAP_IF(!plan.takes && !plan.hands);
	bool changed = memmem(patch.data, patch.len, "/metadata/managedFields", 23) != NULL;
	check_patch(object, LP_SLICE_OF(&patch), &wish, changed && plausible);
	return 0;
}

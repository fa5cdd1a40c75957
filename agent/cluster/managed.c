/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/managed.h"

#include "agent/cluster/fields.h"
#include "agent/cluster/handover.h"
#include "agent/cluster/manager.h"
#include "agent/cluster/skim.h"

#include <stdlib.h>
#include <string.h>

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

void lp_managed_free(struct managed *managed)
{
	lp_json_free(managed->doc);
	free(managed->list);
	*managed = (struct managed){0};
}

static void read_entry(struct jval *value, struct manager_entry *ret)
{
	struct jval *fields = lp_json_get(value, "fieldsV1");

	ret->value = value;
	ret->manager = lp_json_text(value, "manager");
	ret->operation = lp_json_text(value, "operation");
	ret->subresource = lp_json_text(value, "subresource");
	ret->time = lp_json_text(value, "time");
	ret->fields = lp_json_is(fields, JSON_OBJ) ? fields : NULL;
	if (ret->subresource[0])
		return;
	ret->ours =
		strcmp(ret->manager, LP_FIELD_MANAGER) == 0 && strcmp(ret->operation, "Apply") == 0;
	ret->overridable = lp_manager_is_overridable(ret->manager, ret->operation);
	ret->unknown = strcmp(ret->manager, LP_UNKNOWN_MANAGER) == 0;
}

enum lp_code lp_managed_read(struct slice object, struct managed *ret, struct err *err)
{
	LP_AUTO(lp_managed_free) struct managed m = {0};
	struct slice text = lp_skim_at(object, "metadata", "managedFields", NULL);

	*ret = m;
	if (!text.len || lp_slice_is(text, "null"))
		text = LP_SLICE("[]");
	if (lp_json_parse(text.data, text.len, LP_MANAGED_MEMORY, &m.doc, err) != LP_OK)
		return lp_err_wrap(err, "managedFields");
	struct json_iter it = lp_json_iter(lp_json_root(m.doc));
	m.list = calloc(lp_json_len(lp_json_root(m.doc)) + 1, sizeof(*m.list));
	if (!m.list)
		return lp_err_nomem(err, "managedFields");
	while (lp_json_next(&it)) {
		if (it.key || !lp_json_is(it.value, JSON_OBJ))
			return lp_err_set(err, LP_REJECTED, "managedFields is no list of objects");
		read_entry(it.value, &m.list[m.count++]);
	}
	*ret = m;
	m = (struct managed){0};
	return LP_OK;
}

/* --- what an apply wants of it --- */

/* A rewriting on its way. */
struct rewrite {
	const struct managed_wish *wish;
	struct managed_plan *plan;
	struct managed *m;
	struct manager_entry *ours, *handed; /* NULL none */
	struct jval *our_fields;             /* after it */
	bool annotation;                     /* kubectl's goes */
	struct jval *rest;                   /* of the unknown's fields, or NULL */
	bool changed;                        /* managedFields */
};

static enum lp_code full(const struct rewrite *r, struct err *err)
{
	return lp_json_full(r->m->doc, "managedFields", err);
}

static void find_entries(struct rewrite *r)
{
	for (size_t i = 0; i < r->m->count; i++) {
		struct manager_entry *e = &r->m->list[i];
		if (e->ours)
			r->ours = e;
		else if (!e->subresource[0] && strcmp(e->manager, LP_HANDED_MANAGER) == 0 &&
			 strcmp(e->operation, "Update") == 0)
			r->handed = e;
	}
	if (r->ours)
		r->our_fields = r->ours->fields;
}

static bool is_taken(const struct rewrite *r, const struct manager_entry *e)
{
	return r->wish->take && e->overridable && !e->unknown;
}

/* Before an entry of ours says what we want, all that an unknown one has may be ours. */
static bool is_parted(const struct rewrite *r, const struct manager_entry *e)
{
	return r->wish->take && e->unknown && r->ours;
}

static enum lp_code part(struct rewrite *r, struct err *err)
{
	for (size_t i = 0; i < r->m->count; i++) {
		const struct manager_entry *e = &r->m->list[i];
		if (!is_parted(r, e) || !e->fields)
			continue;
		struct jval *rest = lp_fields_minus(r->m->doc, e->fields, r->our_fields);
		struct jval *sets[] = {r->rest, rest};
		r->rest = rest ? lp_fields_union(r->m->doc, sets, 2) : NULL;
		if (!r->rest)
			return full(r, err);
		r->plan->hands = true;
	}
	return LP_OK;
}

/* Our fields and those of the entries that are taken over, as one. */
static enum lp_code take_over(struct rewrite *r, struct err *err)
{
	struct jval **sets = calloc(r->m->count + 1, sizeof(struct jval *));
	size_t count = 0;

	if (!sets)
		return lp_err_nomem(err, "managedFields");
	for (size_t i = 0; i < r->m->count; i++) {
		struct manager_entry *e = &r->m->list[i];
		if (!is_taken(r, e) && e != r->ours)
			continue;
		if (e->fields)
			sets[count++] = e->fields;
		r->plan->takes |= e != r->ours;
	}
	if (r->plan->takes)
		r->our_fields = lp_fields_union(r->m->doc, sets, count);
	free(sets);
	return !r->plan->takes || r->our_fields ? LP_OK : full(r, err);
}

/* An entry of managedFields that is not there yet; its time is the latest of the others. */
static struct jval *add_entry(struct rewrite *r, const char *manager, const char *operation)
{
	struct json *doc = r->m->doc;
	struct jval *entry = lp_json_obj(doc);
	const char *time = "";

	for (size_t i = 0; i < r->m->count; i++)
		if (strcmp(r->m->list[i].time, time) > 0)
			time = r->m->list[i].time;
	lp_json_put_str(doc, entry, "manager", manager);
	lp_json_put_str(doc, entry, "operation", operation);
	lp_json_put_str(doc, entry, "apiVersion", r->wish->api_version);
	if (*time)
		lp_json_put_str(doc, entry, "time", time);
	lp_json_put_str(doc, entry, "fieldsType", "FieldsV1");
	return lp_json_add(lp_json_root(doc), entry) ? entry : NULL;
}

/* Puts our fields into our entry, and what is handed over into that one's. */
static enum lp_code put_fields(struct rewrite *r, struct jval *handed, struct err *err)
{
	struct json *doc = r->m->doc;
	struct jval *to;

	if (handed && lp_json_len(handed)) {
		to = r->handed ? r->handed->value : add_entry(r, LP_HANDED_MANAGER, "Update");
		if (!lp_json_put(doc, to, "fieldsV1", handed))
			return full(r, err);
	}
	if (lp_json_len(r->our_fields) && r->our_fields != (r->ours ? r->ours->fields : NULL)) {
		to = r->ours ? r->ours->value : add_entry(r, LP_FIELD_MANAGER, "Apply");
		if (!lp_json_put(doc, to, "fieldsV1", r->our_fields))
			return full(r, err);
	}
	return LP_OK;
}

/* Takes the entries out that are no more. handed: the set that is there now, or NULL: as before. */
static void drop_entries(struct rewrite *r, const struct jval *handed)
{
	for (size_t i = r->m->count; i-- > 0;) {
		const struct manager_entry *e = &r->m->list[i];
		bool empty = (e == r->handed && handed && !lp_json_len(handed)) ||
			     (e == r->ours && r->plan->hands && !lp_json_len(r->our_fields));
		if (is_taken(r, e) || is_parted(r, e) || empty)
			lp_json_arr_del(lp_json_root(r->m->doc), i);
	}
}

static enum lp_code renew(struct rewrite *r, struct err *err)
{
	for (size_t i = 0; i < r->m->count; i++) {
		struct jval *entry = r->m->list[i].value;
		if (strcmp(lp_json_text(entry, "apiVersion"), r->wish->api_version) == 0)
			continue;
		if (!lp_json_put_str(r->m->doc, entry, "apiVersion", r->wish->api_version))
			return full(r, err);
		r->changed = true;
	}
	return LP_OK;
}

/* What is ours again is ours alone: it has to go when the manifest drops it. */
static enum lp_code take_back(struct rewrite *r, struct handover *h, struct err *err)
{
	if (!h->theirs || !r->our_fields)
		return LP_OK;
	struct jval *rest = lp_fields_minus(r->m->doc, h->theirs, r->our_fields);
	if (!rest)
		return full(r, err);
	r->plan->hands |= !lp_json_equal(rest, h->theirs);
	h->theirs = rest;
	return LP_OK;
}

static enum lp_code rewrite(struct rewrite *r, struct err *err)
{
	struct handover h = {.doc = r->m->doc,
			     .pointers = r->wish->handed,
			     .desired = lp_json_root(r->wish->desired),
			     .whole = r->plan->whole,
			     .whole_size = sizeof(r->plan->whole)};

	find_entries(r);
	if (r->wish->take) {
		LP_TRY(take_over(r, err));
		LP_TRY(part(r, err));
	}
	h.ours = r->our_fields;
	h.theirs = r->handed ? r->handed->fields : NULL;
	if (r->rest) {
		struct jval *sets[] = {h.theirs, r->rest};
		h.theirs = lp_fields_union(r->m->doc, sets, 2);
	}
	if (r->rest && !h.theirs)
		return full(r, err);
	if (r->wish->desired)
		LP_TRY(lp_handover(&h, &r->plan->hands, err));
	LP_TRY(take_back(r, &h, err));
	if (r->wish->renew)
		LP_TRY(renew(r, err));
	r->changed |= r->plan->takes || r->plan->hands;
	LP_TRY(put_fields(r, r->plan->hands ? h.theirs : NULL, err));
	drop_entries(r, r->plan->hands ? h.theirs : NULL);
	return LP_OK;
}

/* --- the patch --- */

/* Whether kubectl's annotation is there, and not by our own manifest. */
static bool has_annotation(const struct rewrite *r, struct slice object)
{
	return r->wish->take &&
	       lp_skim_at(object, "metadata", "annotations", LAST_APPLIED, NULL).len &&
	       !lp_json_at(r->ours ? r->ours->fields : NULL, "f:metadata", "f:annotations",
			   "f:" LAST_APPLIED, NULL);
}

/* A patch as it begins: a version that the object has no more is a conflict, while a "test" that
 * fails is a mere 422. */
static enum lp_code begin_patch(const char *version, struct buf *patch, struct err *err)
{
	return lp_buf_printf(
		patch, err,
		"[{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":\"%s\"}",
		version);
}

#define PUT_FIELDS ",{\"op\":\"add\",\"path\":\"/metadata/managedFields\",\"value\":"

enum lp_code lp_managed_put_back(struct slice fields, const char *version, struct buf *patch,
				 struct err *err)
{
	LP_TRY(begin_patch(version, patch, err));
	LP_TRY(lp_buf_str(patch, PUT_FIELDS, err));
	LP_TRY(lp_buf_append(patch, fields.data, fields.len, err));
	return lp_buf_str(patch, "}]", err);
}

static enum lp_code write_patch(const struct rewrite *r, const char *version, struct buf *patch,
				struct err *err)
{
	LP_TRY(begin_patch(version, patch, err));
	if (r->changed) {
		LP_TRY(lp_buf_str(patch, PUT_FIELDS, err));
		LP_TRY(lp_json_write(lp_json_root(r->m->doc), patch, err));
		LP_TRY(lp_buf_byte(patch, '}', err));
	}
	if (r->annotation)
		LP_TRY(lp_buf_str(patch,
				  ",{\"op\":\"remove\",\"path\":\"/metadata/annotations/"
				  "kubectl.kubernetes.io~1last-applied-configuration\"}",
				  err));
	return lp_buf_byte(patch, ']', err);
}

enum lp_code lp_managed_plan(struct slice object, const struct managed_wish *wish,
			     struct managed_plan *ret, struct buf *patch, struct err *err)
{
	LP_AUTO(lp_managed_free) struct managed m = {0};
	char version[LP_RESOURCE_VERSION_MAX];
	struct rewrite r = {.wish = wish, .plan = ret, .m = &m};

	*ret = (struct managed_plan){0};
	if (!lp_skim_name(lp_skim_at(object, "metadata", "resourceVersion", NULL), version,
			  sizeof(version)))
		return lp_err_set(err, LP_REJECTED, "the object has no resourceVersion");
	LP_TRY(lp_managed_read(object, &m, err));
	LP_TRY(rewrite(&r, err));
	r.annotation = has_annotation(&r, object);
	ret->takes |= r.annotation;
	return r.changed || r.annotation ? write_patch(&r, version, patch, err) : LP_OK;
}

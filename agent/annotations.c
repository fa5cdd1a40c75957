/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/annotations.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FLUX "kustomize.toolkit.fluxcd.io/"
#define ARGO "argocd.argoproj.io/"

#define ANYWHERE (ASKED_IN_REVISION | ASKED_IN_CLUSTER)

/* What comes of it, for people. */
static const char *const meanings[ASKS_COUNT] = {
	[ASKS_REPORT] =
		"a foreign edit of this object is reported, not healed; set on a device, it "
		"lets a person debug there",
	[ASKS_HEAL] =
		"a foreign edit of this object is healed, whatever is annotated in the cluster",
	[ASKS_IGNORE] =
		"what these fields have in the cluster is somebody else's; they are sent only "
		"when the object is made",
	[ASKS_LEAVE] = "the object is neither applied nor pruned, and nothing of it is drift",
	[ASKS_ONCE] = "the object is made when it is missing, and then left alone",
	[ASKS_KEEP] = "the object stays in the cluster when it is no longer in the revision",
	[ASKS_RECREATE] =
		"when a field is to change that cannot, the object is deleted and made anew; not "
		"for a Namespace, CustomResourceDefinition, PersistentVolume or "
		"PersistentVolumeClaim",
	[ASKS_NO_RESTART] =
		"no pod restarts because of this workload's, ConfigMap's or Secret's new "
		"content",
	[ASKS_NO_WAIT] = "the rest of the revision does not wait for this object: for a "
			 "CustomResourceDefinition, until its kind is served",
};

/* Limpet's own word comes first of each; the readers look in this order. */
#define POINTERS "/JSON/pointer, ..."

const struct annotation lp_annotations[] = {
	{LP_DRIFT_ANNOTATION, "report", ASKS_REPORT, ANYWHERE, false, false, "limpet"},
	{FLUX "reconcile", "disabled", ASKS_REPORT, ASKED_IN_CLUSTER, false, true, "Flux"},
	{LP_DRIFT_ANNOTATION, "heal", ASKS_HEAL, ASKED_IN_REVISION, false, false, "limpet"},
	{LP_IGNORE_ANNOTATION, POINTERS, ASKS_IGNORE, ASKED_IN_REVISION, false, false, "limpet"},
	{LP_IGNORE_ANNOTATION, "all", ASKS_LEAVE, ASKED_IN_REVISION, false, false, "limpet"},
	{FLUX "ssa", "Ignore", ASKS_LEAVE, ASKED_IN_REVISION, false, true, "Flux"},
	{FLUX "reconcile", "disabled", ASKS_LEAVE, ASKED_IN_REVISION, false, true, "Flux"},
	{LP_IGNORE_ANNOTATION, "existing", ASKS_ONCE, ASKED_IN_REVISION, false, false, "limpet"},
	{FLUX "ssa", "IfNotPresent", ASKS_ONCE, ASKED_IN_REVISION, false, true, "Flux"},
	{LP_PRUNE_ANNOTATION, "disabled", ASKS_KEEP, ASKED_IN_CLUSTER, false, true, "limpet"},
	{FLUX "prune", "disabled", ASKS_KEEP, ASKED_IN_CLUSTER, false, true, "Flux"},
	{FLUX "ssa", "Ignore", ASKS_KEEP, ASKED_IN_CLUSTER, false, true, "Flux"},
	{FLUX "reconcile", "disabled", ASKS_KEEP, ASKED_IN_CLUSTER, false, true, "Flux"},
	{ARGO "sync-options", "Prune=false", ASKS_KEEP, ASKED_IN_CLUSTER, true, false, "Argo CD"},
	{LP_RECREATE_ANNOTATION, "enabled", ASKS_RECREATE, ASKED_IN_REVISION, false, false,
	 "limpet"},
	{FLUX "force", "enabled", ASKS_RECREATE, ASKED_IN_REVISION, false, true, "Flux"},
	{ARGO "sync-options", "Force=true", ASKS_RECREATE, ASKED_IN_REVISION, true, false,
	 "Argo CD"},
	{LP_RESTART_ANNOTATION, "off", ASKS_NO_RESTART, ASKED_IN_REVISION, false, false, "limpet"},
	{LP_WAIT_ANNOTATION, "off", ASKS_NO_WAIT, ASKED_IN_REVISION, false, false, "limpet"},
	{0},
};

/* --- reading --- */

static bool has_item(struct slice list, const char *word)
{
	size_t n = strlen(word);

	for (size_t from = 0, at = 0; at <= list.len; at++) {
		if (at < list.len && list.data[at] != ',')
			continue;
		size_t end = at;
		while (from < end && list.data[from] == ' ')
			from++;
		while (from < end && list.data[end - 1] == ' ')
			end--;
		if (end - from == n && memcmp(list.data + from, word, n) == 0)
			return true;
		from = at + 1;
	}
	return false;
}

bool lp_annotation_says(const struct annotation *annotation, struct slice text)
{
	const char *value = annotation->value;

	if (!text.len)
		return false;
	if (annotation->asks == ASKS_IGNORE)
		return memchr(text.data, '/', text.len) != NULL;
	if (annotation->listed)
		return has_item(text, value);
	return text.len == strlen(value) &&
	       strncasecmp((const char *)text.data, value, text.len) == 0;
}

const struct annotation *lp_annotations_ask(enum asks asks, unsigned where,
					    const struct annotation_reader *reader)
{
	for (const struct annotation *a = lp_annotations; a->key; a++) {
		if (a->asks != asks || !(a->where & where))
			continue;
		if (lp_annotation_says(a, reader->read(reader->ctx, a->key, false)))
			return a;
		if (a->label && lp_annotation_says(a, reader->read(reader->ctx, a->key, true)))
			return a;
	}
	return NULL;
}

bool lp_annotation_is(const char *key, struct slice text, enum asks asks)
{
	for (const struct annotation *a = lp_annotations; a->key; a++)
		if (a->asks == asks && strcmp(a->key, key) == 0 && lp_annotation_says(a, text))
			return true;
	return false;
}

bool lp_annotation_known(const char *key, struct slice text, char *ret, size_t size)
{
	size_t used = 0;

	*ret = '\0';
	for (const struct annotation *a = lp_annotations; a->key; a++) {
		if (strcmp(a->key, key) != 0)
			continue;
		if (lp_annotation_says(a, text))
			return true;
		if (used < size)
			used += (size_t)snprintf(ret + used, size - used, "%s\"%s\"",
						 used ? " or " : "", a->value);
	}
	return false;
}

/* --- telling --- */

static bool is_own(const struct annotation *a)
{
	return strcmp(a->who, "limpet") == 0;
}

static const char *where_text(const struct annotation *a)
{
	if (a->where == ANYWHERE)
		return "revision or cluster";
	return a->where == ASKED_IN_CLUSTER ? "cluster" : "revision";
}

static enum lp_code write_same(const struct annotation *own, struct buf *out, struct err *err)
{
	const char *before = "";

	for (const struct annotation *a = lp_annotations; a->key; a++) {
		if (a->asks != own->asks || is_own(a))
			continue;
		LP_TRY(lp_buf_printf(out, err, "%s`%s: %s`", before, a->key, a->value));
		before = ", ";
	}
	return LP_OK;
}

enum lp_code lp_annotations_reference(struct buf *out, struct err *err)
{
	LP_TRY(lp_buf_str(
		out,
		"| annotation | looked for in | what comes of it | the same by Flux, Argo CD "
		"|\n|---|---|---|---|\n",
		err));
	for (const struct annotation *a = lp_annotations; a->key; a++) {
		if (!is_own(a))
			continue;
		LP_TRY(lp_buf_printf(out, err, "| `%s: %s` | %s | %s | ", a->key, a->value,
				     where_text(a), meanings[a->asks]));
		LP_TRY(write_same(a, out, err));
		LP_TRY(lp_buf_str(out, " |\n", err));
	}
	return LP_OK;
}

struct jval *lp_annotations_reference_json(struct json *doc)
{
	struct jval *list = lp_json_arr(doc);

	for (const struct annotation *own = lp_annotations; own->key; own++) {
		struct jval *row = lp_json_obj(doc), *same = lp_json_arr(doc);
		if (!is_own(own))
			continue;
		lp_json_put_str(doc, row, "key", own->key);
		lp_json_put_str(doc, row, "value", own->value);
		lp_json_put_str(doc, row, "in", where_text(own));
		lp_json_put_str(doc, row, "meaning", meanings[own->asks]);
		for (const struct annotation *a = lp_annotations; a->key; a++) {
			struct jval *peer = lp_json_obj(doc);
			if (a->asks != own->asks || is_own(a))
				continue;
			lp_json_put_str(doc, peer, "by", a->who);
			lp_json_put_str(doc, peer, "key", a->key);
			lp_json_put_str(doc, peer, "value", a->value);
			lp_json_add(same, peer);
		}
		lp_json_put(doc, row, "same", same);
		lp_json_add(list, row);
	}
	return list;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/reading.h"

#include "agent/cluster/manager.h"
#include "agent/cluster/skim.h"
#include "platform/text.h"

#include <stdlib.h>
#include <string.h>

struct reading *lp_reading_new(void)
{
	struct reading *r = calloc(1, sizeof(*r));

	if (r)
		r->more = LP_BUF(LP_CONTINUE_BYTES - 1);
	return r;
}

void lp_reading_free(struct reading **reading)
{
	struct reading *r = *reading;

	if (!r)
		return;
	lp_hash_abort(&r->entry.hash);
	lp_buf_free(&r->more);
	free(r);
	*reading = NULL;
}

void lp_reading_begin_object(struct reading *r)
{
	r->object = (struct object_read){0};
}

void lp_reading_begin_entry(struct reading *r)
{
	lp_hash_abort(&r->entry.hash);
	r->entry = (struct entry_read){0};
}

/* Whether what is read of an entry says already that it is not ours. */
static bool is_not_ours(const struct entry_read *e)
{
	return (e->manager[0] && strcmp(e->manager, LP_FIELD_MANAGER) != 0) ||
	       (e->operation[0] && strcmp(e->operation, "Apply") != 0) || e->subresource[0];
}

void lp_reading_add_fields(struct reading *r, struct slice piece, bool last)
{
	struct entry_read *e = &r->entry;

	if (is_not_ours(e))
		return;
	if (!e->hash.busy)
		lp_hash_begin(&e->hash, LP_SHA256);
	lp_hash_add(&e->hash, piece.data, piece.len);
	if (!last)
		return;
	lp_hash_end(&e->hash, e->fields);
	e->hashed = true;
}

static struct slice slice_of(const char *text)
{
	return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void take_our_entry(struct object_read *o, struct entry_read *e)
{
	if (!e->hashed)
		lp_sha256(NULL, 0, e->fields);
	lp_entry_digest(slice_of(e->api_version), slice_of(e->time), e->fields, o->live.entry);
	o->marks |= SIGHT_APPLIED;
}

/* The latest of the others; times are all written alike. An entry without one is the oldest. */
static void take_manager(struct object_read *o, const struct entry_read *e)
{
	const char *time = e->time[0] == '"' ? e->time : "";

	if (!e->manager[0] || strcmp(time, o->manager_time) < 0)
		return;
	memcpy(o->manager, e->manager, sizeof(o->manager));
	memcpy(o->manager_time, time, strlen(time) + 1);
}

void lp_reading_end_entry(struct reading *r)
{
	struct entry_read *e = &r->entry;
	bool limpet = strcmp(e->manager, LP_FIELD_MANAGER) == 0;
	bool kubectl = strncmp(e->manager, "kubectl", strlen("kubectl")) == 0;

	if (limpet && strcmp(e->operation, "Apply") == 0 && !e->subresource[0]) {
		take_our_entry(&r->object, e);
		return;
	}
	if (!e->subresource[0] && lp_manager_is_overridable(e->manager, e->operation))
		r->object.marks |= SIGHT_OVERRIDABLE;
	if (strcmp(e->subresource, "scale") == 0 && !kubectl)
		r->object.marks |= SIGHT_SCALED;
	if (strcmp(e->subresource, "status") != 0)
		take_manager(&r->object, e);
}

/* Some kinds may have names that no manifest of ours may have: no reason to see nothing else. */
static enum lp_code tell_unfit(const struct object_read *o, const struct stream_sink *sink,
			       struct err *err)
{
	struct told told = {.kind = TOLD_UNFIT, .more = ""};

	memcpy(told.object.live.version, o->live.version, sizeof(o->live.version));
	snprintf(told.message, sizeof(told.message), "%s%s%s", o->ns, o->ns[0] ? "/" : "", o->name);
	lp_trim_cut(told.message);
	lp_text_clean(told.message);
	return sink->tell(sink->ctx, &told, err);
}

static enum lp_code tell_object(const struct reading *r, enum told_kind kind,
				const struct stream_sink *sink, struct err *err)
{
	const struct object_read *o = &r->object;
	struct told told = {.kind = kind, .more = ""};
	struct sighting *to = &told.object;
	const struct slice drift = {(const uint8_t *)o->drift, strlen(o->drift)};

	memcpy(to->key.ns, o->ns, sizeof(o->ns));
	memcpy(to->key.name, o->name, sizeof(o->name));
	memcpy(to->part_of, o->part_of, sizeof(o->part_of));
	memcpy(to->uid, o->uid, sizeof(o->uid));
	memcpy(to->manager, o->manager, sizeof(o->manager));
	lp_text_clean(to->manager);
	to->live = o->live;
	to->marks =
		o->marks | (o->deletion[0] ? SIGHT_DELETING : 0) |
		(lp_annotation_is(LP_DRIFT_ANNOTATION, drift, ASKS_REPORT) ? SIGHT_REPORT_ONLY : 0);
	told.initial_end = kind == TOLD_BOOKMARK && strcmp(o->initial_end, "true") == 0;
	if (!o->live.version[0] || (kind != TOLD_BOOKMARK && (!o->name[0] || !o->uid[0])))
		return lp_err_set(err, LP_REJECTED,
				  "the API server told of an object without name, uid or version");
	bool unfit = o->unfit || !lp_is_name(o->ns) || !lp_is_name(o->name);
	if (!lp_is_name(o->uid) || !lp_is_name(o->live.version) || (unfit && kind == TOLD_BOOKMARK))
		return lp_err_set(err, LP_REJECTED,
				  "the API server told of an object with a uid, or a bookmark "
				  "with a name, that none can have");
	if (unfit)
		return tell_unfit(o, sink, err);
	return sink->tell(sink->ctx, &told, err);
}

static enum lp_code tell_error(const struct reading *r, const struct stream_sink *sink,
			       struct err *err)
{
	const struct object_read *o = &r->object;
	struct told told = {.kind = TOLD_ERROR, .more = ""};

	if (o->status > 0 && o->status < 1000)
		told.status = (int)o->status;
	memcpy(told.reason, o->reason, sizeof(told.reason));
	memcpy(told.message, o->message, sizeof(told.message));
	lp_text_clean(told.reason);
	lp_text_clean(told.message);
	return sink->tell(sink->ctx, &told, err);
}

enum lp_code lp_reading_tell_event(const struct reading *r, const struct stream_sink *sink,
				   struct err *err)
{
	static const struct {
		const char *type;
		enum told_kind kind;
	} types[] = {
		{"ADDED", TOLD_THERE},       {"MODIFIED", TOLD_THERE}, {"DELETED", TOLD_GONE},
		{"BOOKMARK", TOLD_BOOKMARK}, {"ERROR", TOLD_ERROR},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(r->type, types[i].type) != 0)
			continue;
		return types[i].kind == TOLD_ERROR ? tell_error(r, sink, err)
						   : tell_object(r, types[i].kind, sink, err);
	}
	return lp_err_set(err, LP_REJECTED, "the API server told of an event of no known type");
}

enum lp_code lp_reading_tell_item(const struct reading *r, const struct stream_sink *sink,
				  struct err *err)
{
	return tell_object(r, TOLD_THERE, sink, err);
}

enum lp_code lp_reading_tell_list(const struct reading *r, const struct stream_sink *sink,
				  struct err *err)
{
	struct told told = {.kind = TOLD_LIST, .more = lp_buf_text(&r->more)};

	if (strcmp(r->kind, "Status") == 0)
		return tell_error(r, sink, err);
	if (strcmp(r->kind, "PartialObjectMetadataList") != 0 || !r->version[0] ||
	    !lp_is_name(r->version))
		return lp_err_set(err, LP_REJECTED,
				  "the API server's answer is no list of metadata with a version");
	memcpy(told.version, r->version, sizeof(told.version));
	return sink->tell(sink->ctx, &told, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/metadata.h"

#include "agent/cluster/manager.h"
#include "agent/cluster/skim.h"
#include "platform/crypto.h"

#include <string.h>

/* Whether a member says nothing: not there, null or "". */
static bool says_nothing(struct slice v)
{
	return !v.len || lp_slice_is(v, "null") || lp_skim_is(v, "");
}

/* Whether an entry of managedFields is ours: by Apply, on the object itself. */
static bool is_ours(struct slice entry)
{
	return lp_skim_is(lp_skim_get(entry, "manager"), LP_FIELD_MANAGER) &&
	       lp_skim_is(lp_skim_get(entry, "operation"), "Apply") &&
	       says_nothing(lp_skim_get(entry, "subresource"));
}

/* "2026-11-21T08:00:00Z" as Unix seconds, or 0. */
static int64_t parse_time(struct slice v)
{
	char text[40], *behind;
	struct tm tm = {0};

	if (!lp_skim_str(v, text, sizeof(text)))
		return 0;
	behind = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	return behind && *behind == 'Z' ? (int64_t)timegm(&tm) : 0;
}

void lp_entry_digest(struct slice api_version, struct slice time,
		     const uint8_t fields[LP_LIVE_ENTRY], uint8_t ret[LP_LIVE_ENTRY])
{
	struct lp_hash hash;

	lp_hash_begin(&hash, LP_SHA256);
	lp_hash_add(&hash, api_version.data, api_version.len);
	lp_hash_add(&hash, "\n", 1);
	lp_hash_add(&hash, time.data, time.len);
	lp_hash_add(&hash, "\n", 1);
	lp_hash_add(&hash, fields, LP_LIVE_ENTRY);
	lp_hash_end(&hash, ret);
}

static void read_entry(struct slice entry, struct metadata *ret)
{
	struct slice time = lp_skim_get(entry, "time"), fields = lp_skim_get(entry, "fieldsV1");
	uint8_t digest[LP_LIVE_ENTRY];

	lp_sha256(fields.data, fields.len, digest);
	lp_entry_digest(lp_skim_get(entry, "apiVersion"), time, digest, ret->live.entry);
	ret->applied = true;
	ret->applied_s = parse_time(time);
}

/* What an entry that is not ours says of the object. */
static unsigned marks_of(struct slice entry)
{
	char manager[LP_MANAGER_MAX], operation[16], subresource[LP_KIND_MAX];

	lp_skim_cut(lp_skim_get(entry, "manager"), manager, sizeof(manager));
	lp_skim_cut(lp_skim_get(entry, "operation"), operation, sizeof(operation));
	lp_skim_cut(lp_skim_get(entry, "subresource"), subresource, sizeof(subresource));
	bool overridable = lp_manager_is_overridable(manager, operation);
	if (!subresource[0])
		return overridable ? SIGHT_OVERRIDABLE : 0;
	return strcmp(subresource, "scale") == 0 && !overridable ? SIGHT_SCALED : 0;
}

struct object_words lp_words_of(struct slice object)
{
	struct slice metadata = lp_skim_get(object, "metadata");

	return (struct object_words){.labels = lp_skim_get(metadata, "labels"),
				     .annotations = lp_skim_get(metadata, "annotations")};
}

static struct slice read_word(const void *ctx, const char *key, bool label)
{
	const struct object_words *words = ctx;

	return lp_skim_raw(lp_skim_get(label ? words->labels : words->annotations, key));
}

const struct annotation *lp_words_ask(const struct object_words *words, enum asks asks,
				      unsigned where)
{
	const struct annotation_reader reader = {words, read_word};

	return lp_annotations_ask(asks, where, &reader);
}

const struct annotation *lp_metadata_asks(const struct metadata *metadata, enum asks asks)
{
	const struct object_words words = {metadata->labels, metadata->annotations};

	return lp_words_ask(&words, asks, ASKED_IN_CLUSTER);
}

static void read_marks(struct metadata *ret)
{
	if (ret->applied)
		ret->marks |= SIGHT_APPLIED;
	if (ret->deleting)
		ret->marks |= SIGHT_DELETING;
	if (lp_metadata_asks(ret, ASKS_REPORT))
		ret->marks |= SIGHT_REPORT_ONLY;
}

/* Names are told to people and kept: what could not be one in the API is as good as none. */
static bool read_name(struct slice v, char *to, size_t size)
{
	if (!v.len)
		return true;
	lp_skim_str(v, to, size);
	for (const char *at = to; *at; at++)
		if (*at <= ' ' || *at > '~')
			return false;
	return to[0] != '\0';
}

enum lp_code lp_metadata_read(struct slice object, struct metadata *ret, struct err *err)
{
	*ret = (struct metadata){0};
	struct slice metadata = lp_skim_get(object, "metadata");

	if (!read_name(lp_skim_get(metadata, "uid"), ret->uid, sizeof(ret->uid)) ||
	    !read_name(lp_skim_get(metadata, "namespace"), ret->ns, sizeof(ret->ns)) ||
	    !read_name(lp_skim_get(metadata, "name"), ret->name, sizeof(ret->name)) ||
	    !ret->uid[0]) {
		*ret = (struct metadata){0};
		return lp_err_set(err, LP_REJECTED, "the API server's answer is no object: %.*s",
				  (int)(object.len < 120 ? object.len : 120),
				  object.len ? (const char *)object.data : "");
	}
	lp_skim_str(lp_skim_get(metadata, "resourceVersion"), ret->live.version,
		    sizeof(ret->live.version));
	lp_skim_int(lp_skim_get(metadata, "generation"), &ret->live.generation);
	ret->deleting = !says_nothing(lp_skim_get(metadata, "deletionTimestamp"));
	ret->labels = lp_skim_get(metadata, "labels");
	ret->annotations = lp_skim_get(metadata, "annotations");

	struct skim_iter it = lp_skim_iter(lp_skim_get(metadata, "managedFields"));
	while (lp_skim_next(&it)) {
		struct slice manager = lp_skim_get(it.value, "manager");
		if (is_ours(it.value))
			read_entry(it.value, ret);
		else
			ret->marks |= marks_of(it.value);
		ret->handed |= lp_skim_is(manager, LP_HANDED_MANAGER);
	}
	read_marks(ret);
	return LP_OK;
}

struct slice lp_metadata_label(const struct metadata *metadata, const char *key)
{
	return lp_skim_get(metadata->labels, key);
}

struct slice lp_metadata_annotation(const struct metadata *metadata, const char *key)
{
	return lp_skim_get(metadata->annotations, key);
}

bool lp_live_moved(const struct live *known, const struct metadata *now, int64_t sent_s)
{
	const struct live *live = &now->live;

	if (strcmp(known->version, live->version) == 0)
		return false;
	if (memcmp(known->entry, live->entry, sizeof(live->entry)) != 0)
		return true;
	/* What an apply changes moves the time in our entry, to the second: others wrote. */
	if (now->applied_s && now->applied_s < sent_s - 1)
		return false;
	/* In the same second all else counts. A status does not move the generation. */
	return !live->generation || known->generation != live->generation;
}

static bool is_decimal(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

bool lp_version_newer(const char *a, const char *b)
{
	if (!is_decimal(a) || !is_decimal(b))
		return false;
	a += strspn(a, "0");
	b += strspn(b, "0");
	size_t na = strlen(a), nb = strlen(b);
	return na != nb ? na > nb : strcmp(a, b) > 0;
}

/* Where the label goes: the text between two offsets of body is replaced by before, it, after. */
struct splice {
	const uint8_t *from, *to;
	const char *before, *after;
};

/* Behind the opening bracket of an object; *ret_empty: whether nothing is in it. */
static const uint8_t *inside(struct slice object, bool *ret_empty)
{
	struct skim_iter it = lp_skim_iter(object);
	const uint8_t *at = it.at;

	*ret_empty = !lp_skim_next(&it);
	return at;
}

static enum lp_code find_place(struct slice body, struct splice *ret, struct err *err)
{
	struct slice metadata = lp_skim_get(body, "metadata");
	struct slice labels = lp_skim_get(metadata, "labels");
	bool empty;

	if (!lp_skim_is_object(metadata))
		return lp_err_set(err, LP_REJECTED, "the object has no metadata");
	if (lp_skim_is_object(labels)) {
		if (lp_skim_get(labels, LP_PART_OF_LABEL).len)
			return lp_err_set(err, LP_REJECTED,
					  "metadata.labels has " LP_PART_OF_LABEL
					  ", which limpet sets itself; remove it");
		ret->from = ret->to = inside(labels, &empty);
		ret->before = "";
		ret->after = empty ? "" : ",";
		return LP_OK;
	}
	if (lp_slice_is(labels, "null")) {
		*ret = (struct splice){labels.data, labels.data + labels.len, "{", "}"};
		return LP_OK;
	}
	if (labels.len)
		return lp_err_set(err, LP_REJECTED, "metadata.labels is not an object");
	ret->from = ret->to = inside(metadata, &empty);
	ret->before = "\"labels\":{";
	ret->after = empty ? "}" : "},";
	return LP_OK;
}

enum lp_code lp_metadata_mark(struct slice body, const char *id, struct buf *out, struct err *err)
{
	struct splice splice = {0};

	if (!lp_skim_whole(body) || !lp_skim_is_object(body))
		return lp_err_set(err, LP_REJECTED, "the object is not JSON");
	LP_TRY(find_place(body, &splice, err));
	size_t head = (size_t)(splice.from - body.data);
	size_t tail = body.len - (size_t)(splice.to - body.data);
	LP_TRY(lp_buf_reserve(out, body.len + 128, err));
	LP_TRY(lp_buf_append(out, body.data, head, err));
	LP_TRY(lp_buf_printf(out, err, "%s\"" LP_PART_OF_LABEL "\":\"%s\"%s", splice.before, id,
			     splice.after));
	return lp_buf_append(out, splice.to, tail, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading limpet.yaml. A key is a row of a table with the function that takes its
 * value; each function writes the field or says what was wrong, and all that was
 * wrong is told in one pass.
 */
#include "agent/trust/binding.h"
#include "platform/clock.h"
#include "platform/text.h"
#include "platform/yaml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROBLEMS_BYTES (16u * LP_KIB)
#define SHOWN_BYTES    96 /* of a text of the file, in a message */

struct reading {
	const char *file;
	const struct yaml_doc *doc;
	struct binding *binding;
	struct buf *problems;
	unsigned count;
	struct err first; /* the first problem */
};

struct field {
	const char *name;
	void (*read)(struct reading *r, const struct jval *v, const char *path);
	const char *missing; /* what is said when it is not there; NULL: it need not be */
};

static void note(struct reading *r, const char *line)
{
	struct err ignored = {0};
	char shown[LP_ERR_MAX];

	lp_printable((struct slice){(const uint8_t *)line, strlen(line)}, shown, sizeof(shown));
	if (r->count++ == 0)
		lp_err_set(&r->first, LP_REJECTED, "%s", shown);
	if (lp_buf_printf(r->problems, &ignored, "%s\n", shown) != LP_OK)
		return; /* past the ceiling the count still tells */
}

static void complain(struct reading *r, const struct jval *at, const char *path, const char *fmt,
		     ...) LP_PRINTF(4, 5);
static void complain(struct reading *r, const struct jval *at, const char *path, const char *fmt,
		     ...)
{
	char text[512], line[LP_ERR_MAX];
	unsigned number = at ? lp_yaml_line(r->doc, at) : r->doc->line;
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(line, sizeof(line), "%s:%u: %s%s%s", r->file, number ? number : 1, path,
		 *path ? ": " : "", text);
	note(r, line);
}

/* The text of a string without NULs, or NULL after a complaint. */
static const char *text_of(struct reading *r, const struct jval *v, const char *path,
			   const char *expected)
{
	const char *text = lp_json_str(v);

	if (text && strlen(text) == lp_json_slice(v).len)
		return text;
	if (text)
		complain(r, v, path, "has a NUL in it; expected %s", expected);
	else
		complain(r, v, path, "is %s; expected %s", lp_json_type_name(v), expected);
	return NULL;
}

static const char *shown(const char *text, char to[SHOWN_BYTES])
{
	return lp_printable((struct slice){(const uint8_t *)text, strlen(text)}, to, SHOWN_BYTES);
}

/* --- the fields --- */

static void read_api_version(struct reading *r, const struct jval *v, const char *path)
{
	const char *text = text_of(r, v, path, LP_BINDING_API_VERSION);
	char part[SHOWN_BYTES];

	if (text && strcmp(text, LP_BINDING_API_VERSION) != 0)
		complain(r, v, path, "\"%s\": expected " LP_BINDING_API_VERSION, shown(text, part));
}

static void read_repo(struct reading *r, const struct jval *v, const char *path)
{
	struct err ignored = {0};
	const char *text = text_of(r, v, path, "a text: write the id in quotes");
	char part[SHOWN_BYTES];

	if (text && (!lp_binding_is_repo(text) ||
		     lp_copy(r->binding->repo, LP_REPO_TEXT, text, &ignored) != LP_OK))
		complain(r, v, path,
			 "\"%s\": expected 32 hex digits (0-9, a-f), as limpet release --init "
			 "makes them",
			 shown(text, part));
}

static void read_audience_entry(struct reading *r, const struct jval *v, const char *path)
{
	struct audience *audience = &r->binding->audience;
	const char *text = text_of(r, v, path, "site/NAME or group/NAME");
	const char *why = text ? lp_binding_bad_audience(text) : NULL;
	struct err ignored = {0};
	char part[SHOWN_BYTES];

	if (!text)
		return;
	for (size_t i = 0; !why && i < audience->len; i++)
		if (strcmp(audience->list[i], text) == 0)
			why = "is there twice; remove one";
	if (why)
		complain(r, v, path, "\"%s\": %s", shown(text, part), why);
	else if (lp_copy(audience->list[audience->len], LP_AUDIENCE_TEXT, text, &ignored) == LP_OK)
		audience->len++;
}

static void read_audience(struct reading *r, const struct jval *v, const char *path)
{
	struct json_iter it = lp_json_iter(v);

	if (!lp_json_is(v, JSON_ARR) || lp_json_len(v) == 0) {
		complain(r, v, path, "is %s; expected a list such as [site/berlin, group/retail-*]",
			 lp_json_is(v, JSON_ARR) ? "empty" : lp_json_type_name(v));
		return;
	}
	if (lp_json_len(v) > LP_AUDIENCE_MAX) {
		complain(r, v, path, "%zu entries; at most %d: use a group or a pattern",
			 lp_json_len(v), LP_AUDIENCE_MAX);
		return;
	}
	while (lp_json_next(&it)) {
		char name[64];
		snprintf(name, sizeof(name), "%s[%zu]", path, it.index);
		read_audience_entry(r, it.value, name);
	}
}

static void read_sequence(struct reading *r, const struct jval *v, const char *path)
{
	int64_t number;

	if (!lp_json_is(v, JSON_INT))
		complain(r, v, path, "is %s; expected a whole number, which limpet release raises",
			 lp_json_type_name(v));
	else if (!lp_json_int(v, &number) || number < 1 || number > LP_SEQUENCE_MAX)
		complain(r, v, path, "expected a number between 1 and %lld", LP_SEQUENCE_MAX);
	else
		r->binding->sequence = number;
}

static void read_expires(struct reading *r, const struct jval *v, const char *path)
{
	const char *text = text_of(r, v, path, "a time such as 2027-01-31T00:00:00Z");
	char part[SHOWN_BYTES];

	if (text && !lp_time_parse(text, &r->binding->expires_s))
		complain(r, v, path, "\"%s\": expected a time in UTC such as 2027-01-31T00:00:00Z",
			 shown(text, part));
}

static void read_wait(struct reading *r, const struct jval *v, const char *path)
{
	r->binding->sync.has_wait = lp_json_bool(v, &r->binding->sync.wait);
	if (!r->binding->sync.has_wait)
		complain(r, v, path, "is %s; expected true or false", lp_json_type_name(v));
}

static void read_on_failure(struct reading *r, const struct jval *v, const char *path)
{
	const char *text = text_of(r, v, path, "rollback or hold");
	char part[SHOWN_BYTES];

	if (!text)
		return;
	if (strcmp(text, "rollback") == 0)
		r->binding->sync.on_failure = ON_FAILURE_ROLLBACK;
	else if (strcmp(text, "hold") == 0)
		r->binding->sync.on_failure = ON_FAILURE_HOLD;
	else
		complain(r, v, path, "\"%s\": expected rollback or hold", shown(text, part));
}

static void read_sync(struct reading *r, const struct jval *v, const char *path);

static const struct field sync_fields[] = {
	{"wait", read_wait, NULL},
	{"onFailure", read_on_failure, NULL},
	{0},
};

static const struct field root_fields[] = {
	{"apiVersion", read_api_version, "is missing: write apiVersion: " LP_BINDING_API_VERSION},
	{"repo", read_repo, NULL},
	{"audience", read_audience, NULL},
	{"sequence", read_sequence, NULL},
	{"expires", read_expires, NULL},
	{"sync", read_sync, NULL},
	{0},
};

/* --- objects --- */

static const struct field *find(const struct field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

static void unknown_key(struct reading *r, const struct field *fields, const struct json_iter *it,
			const char *path)
{
	const struct field *nearest = fields;

	for (const struct field *field = fields; field->name; field++)
		if (lp_edits(it->key, field->name) < lp_edits(it->key, nearest->name))
			nearest = field;
	complain(r, it->value, path, "unknown key; did you mean \"%s\"?", nearest->name);
}

static void join(char to[SHOWN_BYTES], const char *path, const char *name)
{
	char part[SHOWN_BYTES / 2];

	lp_printable((struct slice){(const uint8_t *)name, strlen(name)}, part, sizeof(part));
	snprintf(to, SHOWN_BYTES, "%s%s%s", path, *path ? "." : "", part);
}

static void read_object(struct reading *r, const struct field *fields, const struct jval *v,
			const char *path)
{
	struct json_iter it = lp_json_iter(v);
	char name[SHOWN_BYTES];

	if (!lp_json_is(v, JSON_OBJ)) {
		complain(r, v, path, "is %s; expected keys and values", lp_json_type_name(v));
		return;
	}
	for (const struct field *field = fields; field->name; field++) {
		join(name, path, field->name);
		if (field->missing && !lp_json_get(v, field->name))
			complain(r, v, name, "%s", field->missing);
	}
	while (lp_json_next(&it)) {
		const struct field *field = find(fields, it.key);
		join(name, path, it.key);
		if (field)
			field->read(r, it.value, name);
		else
			unknown_key(r, fields, &it, name);
	}
}

static void read_sync(struct reading *r, const struct jval *v, const char *path)
{
	read_object(r, sync_fields, v, path);
}

/* --- the file --- */

static enum lp_code read_document(struct slice text, const char *file, struct yaml_doc *doc,
				  struct err *err)
{
	LP_AUTO(lp_yaml_close) struct yaml_stream *stream = NULL;
	LP_AUTO(lp_yaml_doc_free) struct yaml_doc second = {0};
	bool more = false;

	if (text.len > LP_BINDING_BYTES)
		return lp_err_set(err, LP_LIMIT, "%s: %zu bytes; at most %u are allowed", file,
				  text.len, LP_BINDING_BYTES);
	LP_TRY(lp_yaml_open(text.data, text.len, file, &stream, err));
	LP_TRY(lp_yaml_next(stream, LP_BINDING_MEMORY, doc, &more, err));
	if (!more || !lp_json_root(doc->json))
		return lp_err_set(err, LP_REJECTED,
				  "%s:1: the file is empty; limpet release --init writes one",
				  file);
	LP_TRY(lp_yaml_next(stream, LP_BINDING_MEMORY, &second, &more, err));
	if (more)
		return lp_err_set(err, LP_REJECTED, "%s:%u: a second document; expected one", file,
				  second.line);
	return LP_OK;
}

enum lp_code lp_binding_parse(struct slice text, const char *file, struct binding *ret,
			      struct buf *problems, struct err *err)
{
	LP_AUTO(lp_yaml_doc_free) struct yaml_doc doc = {0};
	struct reading r = {.file = file, .doc = &doc, .binding = ret, .problems = problems};

	*problems = LP_BUF(PROBLEMS_BYTES);
	*ret = (struct binding){0};
	enum lp_code code = read_document(text, file, &doc, err);
	if (code == LP_INTERNAL)
		return code;
	if (code == LP_OK)
		read_object(&r, root_fields, lp_json_root(doc.json), "");
	else
		note(&r, err->msg);
	ret->present = true;
	if (r.count == 0)
		return LP_OK;
	*ret = (struct binding){0};
	code = text.len > LP_BINDING_BYTES ? LP_LIMIT : LP_REJECTED;
	return r.count == 1
		       ? lp_err_set(err, code, "%s", r.first.msg)
		       : lp_err_set(err, code, "%.900s; and %u more", r.first.msg, r.count - 1);
}

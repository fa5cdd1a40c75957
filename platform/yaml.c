/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/yaml.h"

#include "platform/arena.h"
#include "platform/json_parts.h"
#include "platform/limits.h"
#include "platform/yaml_lines.h"
#include "platform/yaml_type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define NAME_MAX_BYTES 512 /* of a stream in messages */
#define ANCHOR_BYTES   (256u * LP_KIB)

struct anchor {
	struct anchor *next;
	const char *name;
	struct jval *value;
	bool open; /* we are inside it: an alias to it would have no end */
};

struct yaml_stream {
	yaml_parser_t parser;
	const char *text; /* borrowed */
	size_t len;
	char name[NAME_MAX_BYTES];
	unsigned docs;
	bool ended;

	/* of the document that is being read */
	struct json *json;
	struct yaml_lines *lines;
	unsigned nodes, aliases;
	struct arena arena; /* anchors */
	struct anchor *anchors;
};

/* A key of a mapping as text; text lies in its event, in an anchored value, or in room. */
struct key {
	const char *text;
	bool merge;
	char room[LP_YAML_KEY_TEXT];
};

static enum lp_code build(struct yaml_stream *s, yaml_event_t *event, unsigned line, unsigned depth,
			  struct jval **ret, struct err *err);

/* --- errors: all say where; column 0 is not known --- */

static enum lp_code fail_at(const struct yaml_stream *s, enum lp_code code, size_t line,
			    size_t column, struct err *err, const char *fmt, ...) LP_PRINTF(6, 7);

static enum lp_code fail_at(const struct yaml_stream *s, enum lp_code code, size_t line,
			    size_t column, struct err *err, const char *fmt, ...)
{
	char what[LP_ERR_MAX / 2];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (!column)
		return lp_err_set(err, code, "%s:%zu: %s", s->name, line, what);
	return lp_err_set(err, code, "%s:%zu:%zu: %s", s->name, line, column, what);
}

#define FAIL(s, code, mark, err, ...) \
	fail_at((s), (code), (mark).line + 1, (mark).column + 1, (err), __VA_ARGS__)

/* Line and column of a byte of the text, 1-based. */
static void place(const struct yaml_stream *s, size_t at, size_t *ret_line, size_t *ret_column)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < at && i < s->len; i++) {
		bool ends = s->text[i] == '\n';
		bool follows = ((uint8_t)s->text[i] & 0xc0) == 0x80;
		line += ends;
		column = ends ? 1 : column + !follows;
	}
	*ret_line = line;
	*ret_column = column;
}

static enum lp_code fail_byte(const struct yaml_stream *s, size_t at, const char *what,
			      struct err *err)
{
	size_t line, column;

	place(s, at, &line, &column);
	return fail_at(s, LP_REJECTED, line, column, err, "%s", what);
}

/* Whether the character at a mark is a tab; marks count characters, so the line is walked. */
static bool is_tab(const struct yaml_stream *s, yaml_mark_t mark)
{
	size_t at = 0;

	for (size_t line = 0; line < mark.line && at < s->len; at++)
		line += s->text[at] == '\n';
	for (size_t column = 0; column < mark.column && at < s->len; column++) {
		at++;
		while (at < s->len && ((uint8_t)s->text[at] & 0xc0) == 0x80)
			at++;
	}
	return at < s->len && s->text[at] == '\t';
}

static enum lp_code parser_error(struct yaml_stream *s, struct err *err)
{
	const yaml_parser_t *p = &s->parser;
	const char *problem = p->problem ? p->problem : "not YAML";

	s->ended = true;
	if (p->error == YAML_MEMORY_ERROR)
		return lp_err_nomem(err, s->name);
	if (p->error == YAML_READER_ERROR)
		return fail_byte(s, p->problem_offset, problem, err);
	if (is_tab(s, p->problem_mark))
		return FAIL(s, LP_REJECTED, p->problem_mark, err,
			    "a tab where YAML expects indentation; use spaces");
	if (p->context)
		return FAIL(s, LP_REJECTED, p->problem_mark, err, "%s (%s that began on line %zu)",
			    problem, p->context, p->context_mark.line + 1);
	return FAIL(s, LP_REJECTED, p->problem_mark, err, "%s", problem);
}

static enum lp_code next_event(struct yaml_stream *s, yaml_event_t *event, struct err *err)
{
	return yaml_parser_parse(&s->parser, event) ? LP_OK : parser_error(s, err);
}

/* --- building --- */

static enum lp_code count_node(struct yaml_stream *s, yaml_mark_t mark, unsigned depth,
			       struct err *err)
{
	if (depth > LP_YAML_DEPTH)
		return FAIL(s, LP_LIMIT, mark, err, "nested more than %d levels deep",
			    LP_YAML_DEPTH);
	if (++s->nodes > LP_YAML_NODES)
		return FAIL(s, LP_LIMIT, mark, err,
			    "more than %u values in one document, aliases expanded", LP_YAML_NODES);
	return LP_OK;
}

static enum lp_code full(struct yaml_stream *s, yaml_mark_t mark, struct err *err)
{
	struct err why;

	lp_json_full(s->json, "one document", &why);
	return FAIL(s, LP_LIMIT, mark, err, "%s", why.msg);
}

static enum lp_code add_anchor(struct yaml_stream *s, const yaml_char_t *name, struct jval *value,
			       yaml_mark_t mark, struct anchor **ret, struct err *err)
{
	*ret = NULL;
	if (!name)
		return LP_OK;
	struct anchor *anchor = lp_arena_alloc(&s->arena, sizeof(*anchor));
	const char *copy = lp_arena_str(&s->arena, (const char *)name);
	if (!anchor || !copy)
		return FAIL(s, LP_LIMIT, mark, err, "too many anchors in one document");
	*anchor = (struct anchor){s->anchors, copy, value, true};
	s->anchors = anchor;
	*ret = anchor;
	return LP_OK;
}

static enum lp_code find_anchor(struct yaml_stream *s, const yaml_event_t *event, struct jval **ret,
				struct err *err)
{
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *anchor = s->anchors;

	if (++s->aliases > LP_YAML_ALIASES)
		return FAIL(s, LP_LIMIT, event->start_mark, err,
			    "more than %u aliases in one document", LP_YAML_ALIASES);
	while (anchor && strcmp(anchor->name, name) != 0)
		anchor = anchor->next;
	if (!anchor)
		return FAIL(s, LP_REJECTED, event->start_mark, err,
			    "the alias *%.100s has no anchor &%.100s before it", name, name);
	if (anchor->open)
		return FAIL(s, LP_REJECTED, event->start_mark, err,
			    "the alias *%.100s is inside the value that it stands for", name);
	*ret = anchor->value;
	return LP_OK;
}

/* Copies a value that an alias stands for; each part counts as if it were written here. */
static enum lp_code expand(struct yaml_stream *s, const struct jval *v, yaml_mark_t mark,
			   unsigned line, unsigned depth, struct jval **ret, struct err *err)
{
	bool is_obj = lp_json_is(v, JSON_OBJ);

	LP_TRY(count_node(s, mark, depth, err));
	if (!is_obj && !lp_json_is(v, JSON_ARR)) {
		*ret = lp_json_copy(s->json, v);
		lp_yaml_note(s->lines, *ret, line);
		return *ret ? LP_OK : full(s, mark, err);
	}
	struct jval *to = is_obj ? lp_json_obj(s->json) : lp_json_arr(s->json), *part;
	struct json_iter it = lp_json_iter(v);
	lp_yaml_note(s->lines, to, line);
	while (to && lp_json_next(&it)) {
		LP_TRY(expand(s, it.value, mark, line, depth + 1, &part, err));
		if (!(is_obj ? lp_json_append(s->json, to, it.key, part) : lp_json_add(to, part)))
			return full(s, mark, err);
	}
	*ret = to;
	return to ? LP_OK : full(s, mark, err);
}

static enum lp_code resolve(struct yaml_stream *s, yaml_event_t *event, struct yaml_scalar *ret,
			    struct err *err)
{
	const char *why = "";
	char *text = (char *)event->data.scalar.value;

	if (event->data.scalar.length > LP_YAML_SCALAR)
		return FAIL(s, LP_LIMIT, event->start_mark, err,
			    "a text of %zu bytes; at most %u are allowed",
			    event->data.scalar.length, LP_YAML_SCALAR);
	if (!lp_yaml_resolve((const char *)event->data.scalar.tag,
			     event->data.scalar.plain_implicit, text, event->data.scalar.length,
			     ret, &why))
		return FAIL(s, LP_REJECTED, event->start_mark, err, "%s", why);
	if (!ret->binary)
		return LP_OK;
	if (!lp_yaml_binary(text, &event->data.scalar.length))
		return FAIL(s, LP_REJECTED, event->start_mark, err,
			    "the tag !!binary is on something that is not base64");
	if (lp_yaml_utf8(text, event->data.scalar.length) != event->data.scalar.length)
		return FAIL(s, LP_REJECTED, event->start_mark, err,
			    "!!binary data that is not UTF-8 text has no form in JSON; "
			    "use base64 in a string (binaryData, data)");
	return LP_OK;
}

static struct jval *make_scalar(struct json *json, const struct yaml_scalar *scalar,
				const char *text, size_t n)
{
	switch (scalar->type) {
	case JSON_BOOL:
		return lp_json_new_bool(json, scalar->boolean);
	case JSON_INT:
		return scalar->negative ? lp_json_new_int(json, scalar->sint)
					: lp_json_new_uint(json, scalar->uint);
	case JSON_REAL:
		return lp_json_new_real(json, scalar->real);
	case JSON_STR:
		return lp_json_new_strn(json, text, n);
	default:
		return lp_json_null(json);
	}
}

static enum lp_code build_scalar(struct yaml_stream *s, yaml_event_t *event, unsigned line,
				 struct jval **ret, struct err *err)
{
	struct yaml_scalar scalar;
	struct anchor *anchor;

	LP_TRY(resolve(s, event, &scalar, err));
	if (scalar.type == JSON_REAL && !__builtin_isfinite(scalar.real))
		return FAIL(s, LP_REJECTED, event->start_mark, err,
			    "%.20s is a number that JSON does not have; quote it when it is text",
			    (char *)event->data.scalar.value);
	struct jval *v = make_scalar(s->json, &scalar, (char *)event->data.scalar.value,
				     event->data.scalar.length);
	if (!v)
		return full(s, event->start_mark, err);
	lp_yaml_note(s->lines, v, line);
	LP_TRY(add_anchor(s, event->data.scalar.anchor, v, event->start_mark, &anchor, err));
	if (anchor)
		anchor->open = false;
	*ret = v;
	return LP_OK;
}

static enum lp_code build_sequence(struct yaml_stream *s, yaml_event_t *start, unsigned line,
				   unsigned depth, struct jval **ret, struct err *err)
{
	struct jval *arr = lp_json_arr(s->json), *item = NULL;
	struct anchor *anchor;

	if (!arr)
		return full(s, start->start_mark, err);
	lp_yaml_note(s->lines, arr, line);
	LP_TRY(add_anchor(s, start->data.sequence_start.anchor, arr, start->start_mark, &anchor,
			  err));
	for (;;) {
		LP_AUTO(yaml_event_delete) yaml_event_t event = {0};
		LP_TRY(next_event(s, &event, err));
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		LP_TRY(build(s, &event, (unsigned)event.start_mark.line + 1, depth + 1, &item,
			     err));
		lp_json_add(arr, item);
	}
	if (anchor)
		anchor->open = false;
	*ret = arr;
	return LP_OK;
}

/* --- mappings --- */

static bool is_merge(const yaml_event_t *event)
{
	const char *tag = (const char *)event->data.scalar.tag;

	return strcmp((const char *)event->data.scalar.value, "<<") == 0 &&
	       (event->data.scalar.plain_implicit ||
		(tag && strcmp(tag, "tag:yaml.org,2002:merge") == 0));
}

static enum lp_code bad_key(const struct yaml_stream *s, const yaml_event_t *event, struct err *err)
{
	return FAIL(s, LP_REJECTED, event->start_mark, err,
		    "a key must be a text, a number or a boolean");
}

static enum lp_code alias_key(struct yaml_stream *s, const yaml_event_t *event, struct key *ret,
			      struct err *err)
{
	struct yaml_scalar scalar = {0};
	struct jval *v = NULL;

	LP_TRY(find_anchor(s, event, &v, err));
	struct slice text = lp_json_slice(v);
	scalar.type = lp_json_type(v);
	scalar.negative = lp_json_int(v, &scalar.sint) && scalar.sint < 0;
	scalar.uint = scalar.type == JSON_INT && !lp_json_int(v, &scalar.sint)
			      ? UINT64_MAX
			      : (uint64_t)scalar.sint;
	scalar.real = lp_json_real(v);
	(void)lp_json_bool(v, &scalar.boolean);
	ret->text = text.data ? (const char *)text.data : lp_yaml_key(&scalar, ret->room);
	if (!ret->text || (text.data && strlen(ret->text) != text.len))
		return bad_key(s, event, err);
	return LP_OK;
}

static enum lp_code scalar_key(struct yaml_stream *s, yaml_event_t *event, struct key *ret,
			       struct err *err)
{
	const char *text = (const char *)event->data.scalar.value;
	struct yaml_scalar scalar;
	struct jval *anchored;

	ret->merge = is_merge(event);
	LP_TRY(resolve(s, event, &scalar, err));
	if (event->data.scalar.anchor)
		LP_TRY(build_scalar(s, event, (unsigned)event->start_mark.line + 1, &anchored,
				    err));
	ret->text = scalar.type == JSON_STR ? text : lp_yaml_key(&scalar, ret->room);
	if (!ret->text || (scalar.type == JSON_STR && strlen(text) != event->data.scalar.length))
		return bad_key(s, event, err);
	return LP_OK;
}

static enum lp_code read_key(struct yaml_stream *s, yaml_event_t *event, unsigned depth,
			     struct key *ret, struct err *err)
{
	*ret = (struct key){0};
	LP_TRY(count_node(s, event->start_mark, depth, err));
	if (event->type == YAML_ALIAS_EVENT)
		return alias_key(s, event, ret, err);
	if (event->type != YAML_SCALAR_EVENT)
		return bad_key(s, event, err);
	return scalar_key(s, event, ret, err);
}

/* go-yaml v2 puts merged members where the merge key stands: what comes later wins. */
static enum lp_code merge_one(struct yaml_stream *s, struct jval *obj, const struct jval *from,
			      yaml_mark_t mark, struct err *err)
{
	struct json_iter it = lp_json_iter(from);

	if (!lp_json_is(from, JSON_OBJ))
		return FAIL(
			s, LP_REJECTED, mark, err,
			"the value of the merge key << must be a mapping or a list of mappings, "
			"not %s",
			lp_json_type_name(from));
	while (lp_json_next(&it)) {
		if (lp_json_len(obj) > LP_YAML_MERGED)
			return FAIL(s, LP_LIMIT, mark, err,
				    "more than %u members in a mapping with a merge key",
				    LP_YAML_MERGED);
		if (!lp_json_put(s->json, obj, it.key, lp_json_copy(s->json, it.value)))
			return full(s, mark, err);
	}
	return LP_OK;
}

static enum lp_code merge(struct yaml_stream *s, struct jval *obj, struct jval *from,
			  yaml_mark_t mark, struct err *err)
{
	if (!lp_json_is(from, JSON_ARR))
		return merge_one(s, obj, from, mark, err);
	if (lp_json_len(from) > LP_YAML_MERGED)
		return FAIL(s, LP_LIMIT, mark, err, "more than %u mappings behind a merge key",
			    LP_YAML_MERGED);
	/* the first of a list has the last word, so it goes in last */
	for (size_t i = lp_json_len(from); i-- > 0;)
		LP_TRY(merge_one(s, obj, lp_json_element(from, i), mark, err));
	return LP_OK;
}

static enum lp_code twice(struct yaml_stream *s, const char *key, size_t line, size_t column,
			  struct err *err)
{
	return fail_at(s, LP_REJECTED, line, column, err,
		       "the key \"%.100s\" is there twice in one mapping; remove one", key);
}

static enum lp_code check_twice(struct yaml_stream *s, const struct jval *obj, struct err *err)
{
	const struct yaml_doc doc = {.lines = s->lines};
	size_t n = lp_json_len(obj), i = 1;

	if (n < 2)
		return LP_OK;
	struct json_member *members = lp_json_sorted(obj);
	if (!members)
		return lp_err_nomem(err, "YAML keys");
	while (i < n && strcmp(members[i - 1].key, members[i].key) != 0)
		i++;
	if (i < n)
		twice(s, members[i].key, lp_yaml_line(&doc, members[i].value), 0, err);
	free(members);
	return i < n ? err->code : LP_OK;
}

/* The state of one mapping. explicit is made by the first merge key: keys written here. */
struct mapping {
	struct jval *obj, *explicit;
};

static enum lp_code start_merging(struct yaml_stream *s, struct mapping *m, yaml_mark_t mark,
				  struct err *err)
{
	struct json_iter it = lp_json_iter(m->obj);

	if (m->explicit)
		return LP_OK;
	LP_TRY(check_twice(s, m->obj, err));
	m->explicit = lp_json_obj(s->json);
	if (!m->explicit)
		return full(s, mark, err);
	while (lp_json_next(&it))
		if (!lp_json_append(s->json, m->explicit, it.key, lp_json_null(s->json)))
			return full(s, mark, err);
	return LP_OK;
}

static enum lp_code add_member(struct yaml_stream *s, struct mapping *m, const char *key,
			       struct jval *value, yaml_mark_t mark, struct err *err)
{
	if (!m->explicit)
		return lp_json_append(s->json, m->obj, key, value) ? LP_OK : full(s, mark, err);
	if (lp_json_get(m->explicit, key))
		return twice(s, key, mark.line + 1, mark.column + 1, err);
	if (lp_json_len(m->obj) > LP_YAML_MERGED)
		return FAIL(s, LP_LIMIT, mark, err,
			    "more than %u members in a mapping with a merge key", LP_YAML_MERGED);
	if (!lp_json_put(s->json, m->explicit, key, lp_json_null(s->json)) ||
	    !lp_json_put(s->json, m->obj, key, value))
		return full(s, mark, err);
	return LP_OK;
}

static enum lp_code read_member(struct yaml_stream *s, struct mapping *m, yaml_event_t *key_event,
				unsigned depth, struct err *err)
{
	LP_AUTO(yaml_event_delete) yaml_event_t event = {0};
	struct jval *value = NULL;
	struct key key;

	LP_TRY(read_key(s, key_event, depth, &key, err));
	LP_TRY(next_event(s, &event, err));
	LP_TRY(build(s, &event, (unsigned)key_event->start_mark.line + 1, depth, &value, err));
	if (!key.merge)
		return add_member(s, m, key.text, value, key_event->start_mark, err);
	LP_TRY(start_merging(s, m, key_event->start_mark, err));
	return merge(s, m->obj, value, key_event->start_mark, err);
}

static enum lp_code build_mapping(struct yaml_stream *s, yaml_event_t *start, unsigned line,
				  unsigned depth, struct jval **ret, struct err *err)
{
	struct mapping m = {.obj = lp_json_obj(s->json)};
	struct anchor *anchor;

	if (!m.obj)
		return full(s, start->start_mark, err);
	lp_yaml_note(s->lines, m.obj, line);
	LP_TRY(add_anchor(s, start->data.mapping_start.anchor, m.obj, start->start_mark, &anchor,
			  err));
	for (;;) {
		LP_AUTO(yaml_event_delete) yaml_event_t event = {0};
		LP_TRY(next_event(s, &event, err));
		if (event.type == YAML_MAPPING_END_EVENT)
			break;
		LP_TRY(read_member(s, &m, &event, depth + 1, err));
	}
	if (!m.explicit)
		LP_TRY(check_twice(s, m.obj, err));
	if (anchor)
		anchor->open = false;
	*ret = m.obj;
	return LP_OK;
}

/* Builds the value that begins with event; line is where its key stands, or itself. */
static enum lp_code build(struct yaml_stream *s, yaml_event_t *event, unsigned line, unsigned depth,
			  struct jval **ret, struct err *err)
{
	struct jval *aliased = NULL;

	if (event->type == YAML_ALIAS_EVENT) {
		LP_TRY(find_anchor(s, event, &aliased, err));
		return expand(s, aliased, event->start_mark, line, depth, ret, err);
	}
	LP_TRY(count_node(s, event->start_mark, depth, err));
	if (event->type == YAML_MAPPING_START_EVENT)
		return build_mapping(s, event, line, depth, ret, err);
	if (event->type == YAML_SEQUENCE_START_EVENT)
		return build_sequence(s, event, line, depth, ret, err);
	if (event->type == YAML_SCALAR_EVENT)
		return build_scalar(s, event, line, ret, err);
	return FAIL(s, LP_INTERNAL, event->start_mark, err, "an event of type %d", event->type);
}

/* --- streams and documents --- */

enum lp_code lp_yaml_open(const void *text, size_t len, const char *name, struct yaml_stream **ret,
			  struct err *err)
{
	LP_AUTO(lp_yaml_close) struct yaml_stream *s = calloc(1, sizeof(*s));

	if (!s || !yaml_parser_initialize(&s->parser)) {
		free(s);
		s = NULL;
		return lp_err_nomem(err, "YAML parser");
	}
	s->text = text;
	s->len = len;
	snprintf(s->name, sizeof(s->name), "%s", name);
	size_t good = lp_yaml_utf8(text, len);
	if (good != len)
		return fail_byte(s, good, "not UTF-8; save the file as UTF-8", err);
	yaml_parser_set_encoding(&s->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&s->parser, text ? text : (const void *)"", len);
	*ret = LP_STEAL(s);
	return LP_OK;
}

void lp_yaml_close(struct yaml_stream **stream)
{
	if (!*stream)
		return;
	yaml_parser_delete(&(*stream)->parser);
	free(*stream);
	*stream = NULL;
}

void lp_yaml_doc_free(struct yaml_doc *doc)
{
	lp_json_free(doc->json);
	lp_yaml_lines_free(doc->lines);
	*doc = (struct yaml_doc){0};
}

static enum lp_code read_document(struct yaml_stream *s, struct yaml_doc *doc, struct err *err)
{
	LP_AUTO(yaml_event_delete) yaml_event_t event = {0};
	LP_AUTO(yaml_event_delete) yaml_event_t end = {0};
	struct jval *root = NULL;

	LP_TRY(next_event(s, &event, err));
	doc->line = (unsigned)event.start_mark.line + 1;
	LP_TRY(build(s, &event, doc->line, 1, &root, err));
	if (!lp_json_is(root, JSON_NULL))
		lp_json_set_root(s->json, root);
	return next_event(s, &end, err);
}

/* The document in one place for as long as it is read: doc gets it whole or not at all. */
static enum lp_code begin_document(struct yaml_stream *s, size_t max_bytes, yaml_mark_t mark,
				   struct yaml_doc *doc, struct err *err)
{
	if (++s->docs > LP_YAML_DOCS)
		return FAIL(s, LP_LIMIT, mark, err, "more than %u documents in one file",
			    LP_YAML_DOCS);
	LP_TRY(lp_json_new(max_bytes, &doc->json, err));
	doc->lines = lp_yaml_lines_new();
	if (!doc->lines)
		return lp_err_nomem(err, "YAML document");
	s->json = doc->json;
	s->lines = doc->lines;
	s->nodes = s->aliases = 0;
	s->anchors = NULL;
	s->arena = LP_ARENA(ANCHOR_BYTES);
	return LP_OK;
}

static enum lp_code next_document(struct yaml_stream *s, size_t max_bytes, struct yaml_doc *doc,
				  bool *ret_more, struct err *err)
{
	for (;;) {
		LP_AUTO(yaml_event_delete) yaml_event_t event = {0};
		LP_TRY(next_event(s, &event, err));
		if (event.type == YAML_STREAM_END_EVENT) {
			s->ended = true;
			*ret_more = false;
			return LP_OK;
		}
		if (event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		LP_TRY(begin_document(s, max_bytes, event.start_mark, doc, err));
		enum lp_code code = read_document(s, doc, err);
		lp_arena_free(&s->arena);
		*ret_more = code == LP_OK;
		return code;
	}
}

enum lp_code lp_yaml_next(struct yaml_stream *s, size_t max_bytes, struct yaml_doc *doc,
			  bool *ret_more, struct err *err)
{
	LP_AUTO(lp_yaml_doc_free) struct yaml_doc made = {0};

	*doc = (struct yaml_doc){0};
	*ret_more = false;
	if (s->ended)
		return LP_OK;
	enum lp_code code = next_document(s, max_bytes, &made, ret_more, err);
	if (code != LP_OK) {
		s->ended = true;
		*ret_more = false;
		return code;
	}
	*doc = made;
	made = (struct yaml_doc){0};
	return LP_OK;
}

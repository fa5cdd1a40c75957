/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/manifest.h"

#include <stdlib.h>
#include <string.h>

struct reader {
	const char *file;
	struct slice text;
	struct problems *problems;
	manifest_visit *visit;
	void *context;
};

unsigned lp_manifest_line(const struct manifest *m, const struct jval *v)
{
	if (!v || !m->doc || v == m->root)
		return m->line;
	return lp_yaml_line(m->doc, v);
}

/* --- lines of JSON: its parser knows none, so they are looked for in the text --- */

/* Moves past one token of good JSON; counts lines. Returns its first character, 0 at the end. */
static char take_token(struct slice *text, unsigned *line)
{
	while (text->len && strchr(" \t\r\n,:", text->data[0])) {
		*line += text->data[0] == '\n';
		text->data++;
		text->len--;
	}
	if (!text->len)
		return 0;
	char first = (char)text->data[0];
	size_t n = 1;
	if (first == '"')
		while (n < text->len && text->data[n] != '"')
			n += text->data[n] == '\\' ? 2 : 1;
	else if (!strchr("{}[]", first))
		while (n < text->len && !strchr(" \t\r\n,:]}", text->data[n]))
			n++;
	n += first == '"';
	n = n < text->len ? n : text->len;
	text->data += n;
	text->len -= n;
	return first;
}

/* Yields the lines of the elements of the top-level "items", one after the other. */
struct item_lines {
	struct slice rest;
	unsigned line, depth;
	unsigned start; /* line of the first token */
	bool inside;    /* the items */
};

static unsigned next_item_line(struct item_lines *at)
{
	for (;;) {
		const uint8_t *before = at->rest.data;
		char token = take_token(&at->rest, &at->line);
		bool begins = at->inside && at->depth == 2;
		if (!token)
			return at->start;
		at->start = at->start ? at->start : at->line;
		at->depth += token == '{' || token == '[';
		at->depth -= token == '}' || token == ']';
		if (at->depth == 1)
			at->inside = token == '"' && at->rest.data - before >= 7 &&
				     memcmp(at->rest.data - 7, "\"items\"", 7) == 0;
		if (begins)
			return at->line;
	}
}

static unsigned first_line(struct slice text)
{
	unsigned line = 1;

	take_token(&text, &line);
	return line;
}

/* "JSON at byte 17: text" becomes "file:2:5: text". */
static void place_json_error(const struct reader *r, struct err *why)
{
	static const char prefix[] = "JSON at byte ";
	unsigned long line = 1, column = 1, at = 0;
	char what[LP_ERR_MAX], *end = why->msg;

	if (strncmp(why->msg, prefix, sizeof(prefix) - 1) == 0)
		at = strtoul(why->msg + sizeof(prefix) - 1, &end, 10);
	size_t used = end > why->msg && *end == ':' ? (size_t)(end - why->msg) + 2 : 0;
	for (size_t i = 0; i < at && i < r->text.len; i++) {
		bool ends = r->text.data[i] == '\n';
		line += ends;
		column = ends ? 1 : column + ((r->text.data[i] & 0xc0) != 0x80);
	}
	memcpy(what, why->msg + used, sizeof(what) - used);
	what[sizeof(what) - 1] = '\0';
	if (used)
		lp_err_set(why, why->code, "%s:%lu:%lu: %s", r->file, line, column, what);
	else
		lp_err_set(why, why->code, "%s:1: %s", r->file, what);
}

/* --- objects of a document --- */

static bool is_list(const struct jval *root)
{
	const char *kind = lp_json_text(root, "kind");
	size_t n = strlen(kind);

	return n >= 4 && strcmp(kind + n - 4, "List") == 0 &&
	       lp_json_is(lp_json_get(root, "items"), JSON_ARR);
}

static enum lp_code visit_root(const struct reader *r, struct manifest *m, struct err *err);

static enum lp_code visit_items(const struct reader *r, const struct manifest *list,
				struct err *err)
{
	struct json_iter it = lp_json_iter(lp_json_get(list->root, "items"));
	struct item_lines lines = {.rest = r->text, .line = 1};
	bool top = list->root == lp_json_root(list->json);

	while (lp_json_next(&it)) {
		struct manifest item = *list;
		item.root = it.value;
		if (list->doc)
			item.line = lp_yaml_line(list->doc, it.value);
		else if (top)
			item.line = next_item_line(&lines);
		LP_TRY(visit_root(r, &item, err));
	}
	return LP_OK;
}

static enum lp_code visit_root(const struct reader *r, struct manifest *m, struct err *err)
{
	return is_list(m->root) ? visit_items(r, m, err) : r->visit(r->context, m, err);
}

/* A parser's error is about the file, unless the machine is at fault. */
static enum lp_code refuse(const struct reader *r, const struct err *why, struct err *err)
{
	if (why->code == LP_REJECTED || why->code == LP_LIMIT) {
		lp_problem_parse(r->problems, r->file, why);
		return LP_OK;
	}
	*err = *why;
	return err->code;
}

static enum lp_code read_json(const struct reader *r, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *json = NULL;
	struct err why;

	if (lp_json_parse(r->text.data, r->text.len, LP_DOCUMENT_BYTES, &json, &why) != LP_OK) {
		place_json_error(r, &why);
		return refuse(r, &why, err);
	}
	struct manifest m = {r->file, json, lp_json_root(json), first_line(r->text), NULL};
	return visit_root(r, &m, err);
}

static enum lp_code read_yaml(const struct reader *r, struct err *err)
{
	LP_AUTO(lp_yaml_close) struct yaml_stream *stream = NULL;
	struct err why;

	if (lp_yaml_open(r->text.data, r->text.len, r->file, &stream, &why) != LP_OK)
		return refuse(r, &why, err);
	for (;;) {
		LP_AUTO(lp_yaml_doc_free) struct yaml_doc doc = {0};
		bool more;
		if (lp_yaml_next(stream, LP_DOCUMENT_BYTES, &doc, &more, &why) != LP_OK)
			return refuse(r, &why, err);
		if (!more)
			return LP_OK;
		struct manifest m = {r->file, doc.json, lp_json_root(doc.json), doc.line, &doc};
		if (m.root)
			LP_TRY(visit_root(r, &m, err));
	}
}

enum lp_code lp_manifests(const char *file, bool is_json, struct slice text,
			  struct problems *problems, manifest_visit *visit, void *context,
			  struct err *err)
{
	struct reader r = {file, text, problems, visit, context};

	return is_json ? read_json(&r, err) : read_yaml(&r, err);
}

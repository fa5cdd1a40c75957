/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A revision of some files: "NAME\nTEXT" after "NAME\nTEXT", each ended by a NUL. What comes
 * out crosses the wire and is taken at the other end, as between the roles.
 */
#include "agent/render/render.h"
#include "platform/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILES 8

struct part {
	char name[64];
	struct slice text;
};
struct parts {
	struct part list[FILES];
	size_t n;
};

static enum lp_code list(void *of, const char *path, tree_visit *visit, void *context,
			 struct err *err)
{
	const struct parts *parts = of;

	if (path[0])
		return lp_err_set(err, LP_NOT_FOUND, "no such path");
	for (size_t i = 0; i < parts->n; i++) {
		struct tree_entry entry = {parts->list[i].name, TREE_FILE, parts->list[i].text.len};
		LP_TRY(visit(context, &entry, err));
	}
	return LP_OK;
}

static enum lp_code read_part(void *of, const char *path, struct buf *to, struct err *err)
{
	const struct parts *parts = of;

	for (size_t i = 0; i < parts->n; i++)
		if (strcmp(parts->list[i].name, path) == 0)
			return lp_buf_append(to, parts->list[i].text.data, parts->list[i].text.len,
					     err);
	return lp_err_set(err, LP_NOT_FOUND, "no such file");
}

static void split(const uint8_t *data, size_t size, struct parts *ret)
{
	while (size && ret->n < FILES) {
		const uint8_t *end = memchr(data, '\0', size);
		size_t len = end ? (size_t)(end - data) : size;
		const uint8_t *line = memchr(data, '\n', len);
		size_t name = line ? (size_t)(line - data) : len;
		struct part *part = &ret->list[ret->n];
		if (name < sizeof(part->name)) {
			memcpy(part->name, data, name);
			part->text = (struct slice){data + name + (line != NULL),
						    len - name - (line != NULL)};
			ret->n++;
		}
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
}

static enum lp_code cross(void *context, const struct object *object, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf frame = LP_BUF(LP_FRAME_MAX);
	struct wire_writer w;
	struct object taken;

	(void)context;
	lp_wire_begin(&w, &frame, 1);
	lp_object_put(&w, object);
	if (lp_wire_end(&w, err) != LP_OK)
		abort();
	struct wire_reader r = {1, frame.data + 6, frame.data + frame.len, false};
	lp_object_take(&r, &taken);
	if (lp_wire_done(&r, "object", err) != LP_OK ||
	    !lp_object_key_equal(&taken.key, &object->key))
		abort();
	return LP_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_problems_free) struct problems problems = {0};
	struct parts parts = {0};
	const struct tree tree = {&parts, list, read_part};
	char text[LP_PROBLEM_TEXT];
	struct err err;

	split(data, size, &parts);
	enum lp_code code = lp_render(&tree, &(struct render_options){.path = ""}, NULL, cross,
				      NULL, &problems, &err);
	if ((code == LP_REJECTED) != (problems.total > 0))
		abort();
	if (code != LP_OK && code != LP_REJECTED && code != LP_NOT_FOUND)
		abort();
	for (unsigned i = 0; i < problems.n; i++)
		lp_problem_text(&problems.list[i], text);
	return 0;
}

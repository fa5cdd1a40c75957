/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"
#include "agent/cli/commands.h"
#include "agent/render/render.h"
#include "agent/render/tree_dir.h"
#include "platform/fs.h"
#include "platform/yaml.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BODIES_BYTES (256u * LP_MIB) /* of a workstation's memory, not a device's */
#define OUT_BYTES    (64u * LP_MIB)

/* What is kept of an object until all are there and can be put in order. */
struct body {
	enum stage stage;
	int kind_order;
	size_t at; /* in the order of the files */
	const char *ns, *file_name;
	struct slice json;
};

struct bodies {
	struct arena arena;
	struct body *list; /* owned */
	size_t n, cap;
};

static void free_bodies(struct bodies *b)
{
	lp_arena_free(&b->arena);
	free(b->list);
}

/* "apps_v1_deployment_till.yaml", as kustomize build -o FOLDER names it. */
static const char *file_name(struct bodies *b, const struct object_key *key)
{
	char *name = lp_arena_printf(&b->arena, "%s%s%s_%s_%s.yaml", key->group,
				     key->group[0] ? "_" : "", key->version, key->kind, key->name);

	for (char *c = name; c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return name;
}

static enum lp_code take_object(void *context, const struct object *object, struct err *err)
{
	struct bodies *b = context;

	if (b->n == b->cap) {
		size_t cap = b->cap ? 2 * b->cap : 64;
		struct body *list = realloc(b->list, cap * sizeof(*list));
		if (!list)
			return lp_err_nomem(err, "objects");
		b->list = list;
		b->cap = cap;
	}
	const char *json =
		lp_arena_strn(&b->arena, (const char *)object->json.data, object->json.len);
	struct body body = {object->stage,
			    object->kind_order,
			    b->n,
			    lp_arena_str(&b->arena, object->key.ns),
			    file_name(b, &object->key),
			    {(const uint8_t *)json, object->json.len}};
	if (!json || !body.ns || !body.file_name)
		return lp_arena_full(&b->arena, "objects", err);
	b->list[b->n++] = body;
	return LP_OK;
}

static int compare_bodies(const void *a, const void *b)
{
	const struct body *x = a, *y = b;

	if (x->stage != y->stage)
		return (int)x->stage - (int)y->stage;
	if (x->kind_order != y->kind_order)
		return x->kind_order - y->kind_order;
	return x->at < y->at ? -1 : 1;
}

static enum lp_code write_yaml(const struct body *body, struct buf *out, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;

	LP_TRY(lp_json_parse(body->json.data, body->json.len, LP_DOCUMENT_BYTES, &doc, err));
	return lp_yaml_write(lp_json_root(doc), out, err);
}

static enum lp_code write_stream(const struct bodies *b, FILE *to, const char *name,
				 struct err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		LP_AUTO(lp_buf_free) struct buf out = LP_BUF(OUT_BYTES);
		if (i)
			LP_TRY(lp_buf_str(&out, "---\n", err));
		LP_TRY(write_yaml(&b->list[i], &out, err));
		if (fwrite(out.data, 1, out.len, to) != out.len)
			break;
	}
	if (fflush(to) != 0 || ferror(to))
		return lp_err_set(err, LP_TRANSIENT, "%s: cannot be written", name);
	return LP_OK;
}

static bool has_two_namespaces(const struct bodies *b)
{
	const char *ns = "";

	for (size_t i = 0; i < b->n; i++) {
		if (ns[0] && b->list[i].ns[0] && strcmp(ns, b->list[i].ns) != 0)
			return true;
		ns = b->list[i].ns[0] ? b->list[i].ns : ns;
	}
	return false;
}

/* One file an object; with objects in several namespaces, theirs comes first in the name. */
static enum lp_code write_files(const struct bodies *b, const char *folder, struct err *err)
{
	bool prefix = has_two_namespaces(b);

	for (size_t i = 0; i < b->n; i++) {
		LP_AUTO(lp_buf_free) struct buf out = LP_BUF(OUT_BYTES);
		const struct body *body = &b->list[i];
		char name[LP_PATH_MAX], path[LP_PATH_MAX];
		bool with_ns = prefix && body->ns[0];
		snprintf(name, sizeof(name), "%s%s%s", with_ns ? body->ns : "", with_ns ? "_" : "",
			 body->file_name);
		LP_TRY(lp_path_join(path, folder, name, err));
		LP_TRY(write_yaml(body, &out, err));
		LP_TRY(lp_file_write(path, out.data, out.len, 0644, err));
	}
	return LP_OK;
}

static enum lp_code write_file(const struct bodies *b, const char *path, struct err *err)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return lp_err_set(err, LP_CONFIG, "%s: cannot be written", path);
	enum lp_code code = write_stream(b, file, path, err);
	if (fclose(file) != 0 && code == LP_OK)
		return lp_err_set(err, LP_TRANSIENT, "%s: cannot be written", path);
	return code;
}

static enum lp_code write_out(const struct bodies *b, const char *output, struct err *err)
{
	struct stat st;

	if (!output)
		return write_stream(b, stdout, "standard output", err);
	if (stat(output, &st) == 0 && S_ISDIR(st.st_mode))
		return write_files(b, output, err);
	return write_file(b, output, err);
}

/* In a tree, paths have no '/' at either end and no "."; people write them. */
static enum lp_code tree_path(const char *path, char to[LP_PATH_MAX], struct err *err)
{
	while (strncmp(path, "./", 2) == 0 || path[0] == '/')
		path += path[0] == '/' ? 1 : 2;
	LP_TRY(lp_copy(to, LP_PATH_MAX, strcmp(path, ".") == 0 ? "" : path, err));
	for (size_t n = strlen(to); n && to[n - 1] == '/'; n--)
		to[n - 1] = '\0';
	return LP_OK;
}

/* Told from what kept us from looking at it. */
static bool wrong_input(enum lp_code code)
{
	return code == LP_REJECTED || code == LP_LIMIT || code == LP_NOT_FOUND;
}

static int report(const struct problems *problems, const struct err *err)
{
	char text[LP_PROBLEM_TEXT];

	if (!problems->total)
		return lp_cli_fail(err), wrong_input(err->code) ? CLI_FAILED : CLI_ERROR;
	for (unsigned i = 0; i < problems->n; i++)
		fprintf(stderr, "%s\n", lp_problem_text(&problems->list[i], text));
	if (problems->total > problems->n)
		fprintf(stderr, "... and %u more\n", problems->total - problems->n);
	lp_cli_error("%u problem%s; nothing was rendered", problems->total,
		     problems->total == 1 ? "" : "s");
	return CLI_FAILED;
}

static int build(const char *folder, const char *path, const char *ns, const char *output)
{
	LP_AUTO(lp_tree_dir_close) struct tree tree = {0};
	LP_AUTO(lp_problems_free) struct problems problems = {0};
	LP_AUTO(free_bodies) struct bodies bodies = {.arena = LP_ARENA(BODIES_BYTES)};
	char below[LP_PATH_MAX];
	struct err err = {0};

	enum lp_code code = tree_path(path, below, &err);
	if (code != LP_OK || lp_tree_dir_open(folder, &tree, &err) != LP_OK)
		return lp_cli_fail(&err);
	const struct render_options options = {.path = below, .ns = ns};
	code = lp_render(&tree, &options, NULL, take_object, &bodies, &problems, &err);
	if (code != LP_OK)
		return report(&problems, &err);
	qsort(bodies.list, bodies.n, sizeof(*bodies.list), compare_bodies);
	if (write_out(&bodies, output, &err) != LP_OK)
		return lp_cli_fail(&err);
	return CLI_OK;
}

static const struct cli_help help = {
	.usage = "limpet build [DIR] [options]",
	.about = "Renders a folder as the device would: the same checks, defaults and order. All\n"
		 "that is wrong is told at once with file and line. DIR (default: here) is read\n"
		 "as it lies on disk, committed or not. The kinds of the cluster are not known\n"
		 "here: a custom kind without its CRD keeps the namespace that is written.\n\n"
		 "Exit: 0 rendered, 1 something in it is wrong, 2 could not be done.",
	.examples = "  limpet build                            what the device would apply\n"
		    "  limpet build --path sites/berlin        of one path of the repository\n"
		    "  limpet build -o out.yaml                into a file\n"
		    "  mkdir out && limpet build -o out        one file for each object\n"
		    "  limpet build | kubectl diff --server-side -f -",
	.operands_max = 1,
};

int lp_cmd_build(int argc, char **argv)
{
	const char *path = "", *ns = "", *output = NULL;
	const struct cli_option options[] = {
		{"path", 'p', "PATH", "the source's path in DIR (default: DIR itself)", NULL, &path,
		 NULL},
		{"namespace", 'n', "NS", "for objects without one (default: default)", NULL, &ns,
		 NULL},
		{"output", 'o', "FILE|DIR", "write there instead of to standard output", NULL,
		 &output, NULL},
		CLI_END,
	};
	int exit = CLI_OK;

	int operands = lp_cli_parse(&help, options, argc, argv, &exit);
	if (operands < 0)
		return exit;
	return build(operands ? argv[1] : ".", path, ns, output);
}

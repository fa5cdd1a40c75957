/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/render.h"

#include "agent/render/check.h"
#include "agent/render/config_use.h"
#include "agent/render/walk.h"
#include "platform/crypto.h"

#include <stdlib.h>
#include <string.h>

/*
 * Keys and places of all objects: room for all that the other limits let in, so that none is
 * refused here. 16 is what an arena may add to each text.
 */
#define KEY_BYTES  (LP_GROUP_MAX + LP_KIND_MAX + 2 * LP_NAME_MAX + 4 * 16u)
#define SEEN_BYTES (LP_OBJECTS_MAX * KEY_BYTES + LP_TREE_ENTRIES * (LP_ORIGIN_MAX + 16u))

/* What is remembered of an object until all are known; name "" when it had none that is good. */
struct seen {
	const char *group, *kind, *ns, *name, *file;
	unsigned line, ns_line;
};

struct render {
	const struct tree *tree;
	const struct render_options *options;
	const struct known_kinds *known;
	struct problems *problems;
	struct buf text;      /* of the file that is being read */
	struct buf canonical; /* of the object */

	/* the first pass */
	struct arena arena;
	struct seen *seen; /* owned */
	size_t n, cap;
	struct known_kinds crds; /* of this revision */
	const char *file;        /* that is being read, in the arena */
	struct config_uses uses;

	/* the second */
	render_object *each;
	void *context;
	size_t emitted;
};

static void free_render(struct render *r)
{
	lp_buf_free(&r->text);
	lp_buf_free(&r->canonical);
	lp_arena_free(&r->arena);
	free(r->seen);
	lp_known_kinds_free(&r->crds);
	lp_config_free(&r->uses);
}

static enum scope scope_of(const struct render *r, const char *group, const char *kind)
{
	enum scope scope = lp_builtin_scope(group, kind);

	if (scope == SCOPE_UNKNOWN)
		scope = lp_known_kinds_scope(&r->crds, group, kind);
	if (scope == SCOPE_UNKNOWN)
		scope = lp_known_kinds_scope(r->known, group, kind);
	return scope;
}

static const char *default_ns(const struct render *r)
{
	return r->options->ns && r->options->ns[0] ? r->options->ns : "default";
}

/* --- first pass: read and judge everything --- */

static const char *keep(struct render *r, const char *text)
{
	return text[0] ? lp_arena_str(&r->arena, text) : "";
}

static enum lp_code remember(struct render *r, const struct manifest *m,
			     const struct object_key *key, struct err *err)
{
	if (r->n == LP_OBJECTS_MAX)
		return lp_err_set(err, LP_LIMIT, "more than %u objects: split the source",
				  LP_OBJECTS_MAX);
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 64;
		struct seen *seen = realloc(r->seen, cap * sizeof(*seen));
		if (!seen)
			return lp_err_nomem(err, "objects");
		r->seen = seen;
		r->cap = cap;
	}
	struct seen seen = {
		.group = keep(r, key->group),
		.kind = keep(r, key->kind),
		.ns = keep(r, key->ns),
		.name = keep(r, key->name),
		.file = r->file,
		.line = m->line,
		.ns_line = lp_manifest_line(m, lp_json_at(m->root, "metadata", "namespace", NULL)),
	};
	if (!seen.group || !seen.kind || !seen.ns || !seen.name)
		return lp_arena_full(&r->arena, "the objects of a revision", err);
	r->seen[r->n++] = seen;
	return LP_OK;
}

/* What a CRD says of its kind; what is wrong in it, the API server tells better. */
static enum lp_code learn_crd(struct render *r, const struct manifest *m,
			      const struct object_key *key, struct err *err)
{
	const struct jval *spec = lp_json_get(m->root, "spec");
	const char *group = lp_json_text(spec, "group");
	const char *kind = lp_json_text(lp_json_get(spec, "names"), "kind");
	const char *scope = lp_json_text(spec, "scope");

	if (strcmp(key->kind, "CustomResourceDefinition") != 0 ||
	    strcmp(key->group, "apiextensions.k8s.io") != 0 || !group[0] || !kind[0])
		return LP_OK;
	if (strcmp(scope, "Namespaced") != 0 && strcmp(scope, "Cluster") != 0)
		return LP_OK;
	return lp_known_kinds_add(&r->crds, group, kind, scope[0] == 'N', err);
}

/* Brings an object into the form in which it is applied; the same in both passes. */
static enum lp_code prepare(struct render *r, struct manifest *m, const struct object_key *key,
			    struct err *err)
{
	LP_TRY(lp_normalise(m, key, r->problems, err));
	lp_buf_clear(&r->canonical);
	return lp_json_canonical(m->root, &r->canonical, err);
}

/* The namespace that a workload, a ConfigMap or a Secret will be in. */
static enum lp_code settle(const struct render *r, struct object_key *key, struct err *err)
{
	return key->ns[0] ? LP_OK : lp_copy(key->ns, sizeof(key->ns), default_ns(r), err);
}

static enum lp_code judge(void *context, struct manifest *m, struct err *err)
{
	struct render *r = context;
	struct object_key key;
	struct err why;

	bool good = lp_check_object(m, r->problems, &key);
	LP_TRY(learn_crd(r, m, &key, err));
	if (key.version[0] && key.kind[0])
		LP_TRY(remember(r, m, &key, err)); /* its namespace can be judged at least */
	if (!good)
		return LP_OK;
	enum lp_code code = prepare(r, m, &key, &why);
	if (code == LP_OK) {
		LP_TRY(settle(r, &key, err));
		return lp_config_note(&r->uses, m->root, &key, err);
	}
	if (code == LP_LIMIT)
		lp_problem(r->problems, m->file, m->line, "",
			   "an object of more than %u bytes as JSON, which the API does not "
			   "store; split it",
			   LP_OBJECT_BYTES);
	if (code == LP_LIMIT || code == LP_REJECTED)
		return LP_OK; /* what was rejected is in problems */
	*err = why;
	return code;
}

static enum lp_code read_file(struct render *r, const struct manifest_file *file,
			      manifest_visit *visit, struct err *err)
{
	lp_buf_clear(&r->text);
	LP_TRY(r->tree->read(r->tree->of, file->path, &r->text, err));
	return lp_manifests(file->name, file->is_json, LP_SLICE_OF(&r->text), r->problems, visit, r,
			    err);
}

static enum lp_code judge_file(void *context, const struct manifest_file *file, struct err *err)
{
	struct render *r = context;

	r->file = lp_arena_str(&r->arena, file->name);
	if (!r->file)
		return lp_arena_full(&r->arena, "the files of a revision", err);
	return read_file(r, file, judge, err);
}

/* --- between: what only all objects together tell --- */

static const char *effective_ns(const struct render *r, const struct seen *s)
{
	enum scope scope = scope_of(r, s->group, s->kind);

	if (scope == SCOPE_CLUSTER)
		return "";
	return s->ns[0] ? s->ns : default_ns(r);
}

static void judge_scope(struct render *r, const struct seen *s)
{
	if (s->ns[0] && scope_of(r, s->group, s->kind) == SCOPE_CLUSTER)
		lp_problem(r->problems, s->file, s->ns_line, "metadata.namespace",
			   "a %s is in no namespace; remove the line", s->kind);
}

/* Same object first, in the order of the files within. */
static int compare_seen(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	order = order ? order : strcmp(x->kind, y->kind);
	order = order ? order : strcmp(x->group, y->group);
	order = order ? order : strcmp(x->ns, y->ns);
	order = order ? order : strcmp(x->file, y->file);
	if (order)
		return order;
	return x->line < y->line ? -1 : x->line > y->line;
}

static bool is_same(const struct seen *x, const struct seen *y)
{
	return strcmp(x->name, y->name) == 0 && strcmp(x->kind, y->kind) == 0 &&
	       strcmp(x->group, y->group) == 0 && strcmp(x->ns, y->ns) == 0;
}

static void judge_duplicates(struct render *r)
{
	const struct seen *first = r->seen;

	if (r->n)
		qsort(r->seen, r->n, sizeof(*r->seen), compare_seen);
	for (size_t i = 1; i < r->n; i++) {
		const struct seen *s = &r->seen[i];
		if (!s->name[0] || !is_same(first, s)) {
			first = s;
			continue;
		}
		lp_problem(r->problems, s->file, s->line, "",
			   "%s%s%s %s%s%s is already defined at %s:%u; keep one of them", s->kind,
			   s->group[0] ? "." : "", s->group, s->ns, s->ns[0] ? "/" : "", s->name,
			   first->file, first->line);
	}
}

static void judge_all(struct render *r)
{
	for (size_t i = 0; i < r->n; i++) {
		judge_scope(r, &r->seen[i]);
		r->seen[i].ns = effective_ns(r, &r->seen[i]);
	}
	judge_duplicates(r);
}

/* Which files hold what workloads use. */
static enum lp_code want_configs(struct render *r, struct err *err)
{
	struct object_key key = {0};

	for (size_t i = 0; i < r->n && r->uses.n; i++) {
		const struct seen *s = &r->seen[i];
		LP_TRY(lp_copy(key.group, sizeof(key.group), s->group, err));
		LP_TRY(lp_copy(key.kind, sizeof(key.kind), s->kind, err));
		LP_TRY(lp_copy(key.ns, sizeof(key.ns), s->ns, err));
		LP_TRY(lp_copy(key.name, sizeof(key.name), s->name, err));
		LP_TRY(lp_config_want(&r->uses, &key, s->file, err));
	}
	return LP_OK;
}

static enum lp_code fill_config(void *context, struct manifest *m, struct err *err)
{
	struct render *r = context;
	struct object_key key;

	if (!lp_check_object(m, r->problems, &key))
		return LP_OK; /* seen below: the tree has changed */
	LP_TRY(settle(r, &key, err));
	LP_TRY(lp_normalise(m, &key, r->problems, err));
	return lp_config_fill(&r->uses, m->root, &key, err);
}

static enum lp_code fill_file(void *context, const struct manifest_file *file, struct err *err)
{
	struct render *r = context;

	return lp_config_is_in(&r->uses, file->name) ? read_file(r, file, fill_config, err) : LP_OK;
}

/* What a workload uses can stand in a file behind its own: such files are read once more. */
static enum lp_code fill_configs(struct render *r, struct err *err)
{
	LP_TRY(want_configs(r, err));
	if (!r->uses.n_files)
		return LP_OK;
	return lp_walk(r->tree, r->options->path, r->problems, fill_file, r, err);
}

/* --- second pass: hand the objects out --- */

/* A namespaced object gets the source's; what is not known to be is left as it is written. */
static enum lp_code set_namespace(const struct render *r, struct manifest *m, struct object *object,
				  struct err *err)
{
	struct jval *metadata = lp_json_get(m->root, "metadata");

	if (object->scope != SCOPE_NAMESPACED && !object->key.ns[0]) {
		lp_json_del(metadata, "namespace"); /* "" */
		return LP_OK;
	}
	if (object->key.ns[0])
		return LP_OK;
	LP_TRY(lp_copy(object->key.ns, sizeof(object->key.ns), default_ns(r), err));
	if (!lp_json_put_str(m->json, metadata, "namespace", object->key.ns))
		return lp_json_full(m->json, m->file, err);
	return LP_OK;
}

static enum lp_code emit(void *context, struct manifest *m, struct err *err)
{
	struct render *r = context;
	struct object object = {.line = m->line};

	if (!lp_check_object(m, r->problems, &object.key))
		return LP_OK; /* seen below: the tree has changed */
	object.scope = scope_of(r, object.key.group, object.key.kind);
	object.stage = lp_kind_stage(object.key.group, object.key.kind);
	object.kind_order = lp_kind_order(object.key.kind);
	LP_TRY(set_namespace(r, m, &object, err));
	LP_TRY(prepare(r, m, &object.key, err));
	LP_TRY(lp_copy(object.file, sizeof(object.file), m->file, err));
	object.use = lp_config_of(&r->uses, &object.key, object.content);
	object.json = LP_SLICE_OF(&r->canonical);
	lp_sha256(object.json.data, object.json.len, object.digest);
	r->emitted++;
	return r->each(r->context, &object, err);
}

static enum lp_code emit_file(void *context, const struct manifest_file *file, struct err *err)
{
	return read_file(context, file, emit, err);
}

/* --- both --- */

/* A limit or a malformed tree is a problem of the revision as a whole. */
static enum lp_code judge_tree(struct render *r, struct err *err)
{
	enum lp_code code = lp_walk(r->tree, r->options->path, r->problems, judge_file, r, err);

	if (code != LP_LIMIT && code != LP_REJECTED)
		return code;
	lp_problem(r->problems, "", 0, "", "%s", err->msg);
	return LP_OK;
}

static enum lp_code refuse(struct problems *problems, struct err *err)
{
	char text[LP_PROBLEM_TEXT];

	lp_problems_sort(problems);
	return lp_err_set(err, LP_REJECTED, "%u problem%s in the manifests; the first: %s",
			  problems->total, problems->total == 1 ? "" : "s",
			  problems->n ? lp_problem_text(&problems->list[0], text) : "");
}

static enum lp_code empty(const struct render_options *options, struct err *err)
{
	return lp_err_set(err, LP_NOT_FOUND,
			  "no manifests %s%s: no *.yaml, *.yml or *.json file "
			  "has an object",
			  options->path[0] ? "below " : "in the tree", options->path);
}

enum lp_code lp_render(const struct tree *tree, const struct render_options *options,
		       const struct known_kinds *known, render_object *each, void *context,
		       struct problems *problems, struct err *err)
{
	LP_AUTO(free_render)
	struct render r = {
		.tree = tree,
		.options = options,
		.known = known,
		.problems = problems,
		.text = LP_BUF(LP_FILE_BYTES),
		.canonical = LP_BUF(LP_OBJECT_BYTES),
		.arena = LP_ARENA(SEEN_BYTES),
		.uses = LP_CONFIG_USES,
		.each = each,
		.context = context,
	};

	enum lp_code code = judge_tree(&r, err);
	if (code == LP_NOT_FOUND && options->allow_empty)
		return LP_OK;
	LP_TRY(code);
	judge_all(&r);
	if (problems->total)
		return refuse(problems, err);
	if (!r.n)
		return options->allow_empty ? LP_OK : empty(options, err);
	LP_TRY(fill_configs(&r, err));
	LP_TRY(lp_walk(tree, options->path, problems, emit_file, &r, err));
	if (problems->total || r.emitted != r.n)
		return lp_err_set(err, LP_CONFLICT, "the files changed while they were read");
	return LP_OK;
}

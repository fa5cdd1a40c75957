/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/walk.h"

#include "agent/render/object.h"
#include "platform/fs.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct walk {
	const struct tree *tree;
	struct problems *problems;
	walk_visit *visit;
	void *context;
	char path[LP_PATH_MAX]; /* of the folder that is being listed */
	size_t root_len;        /* of the source's path in it, with its '/' */
	unsigned depth, entries;
	uint64_t bytes; /* of all manifest files */
	bool refused;   /* wants a renderer that is not there */
};

static const char *below(const struct walk *w, const char *path)
{
	return strlen(path) > w->root_len ? path + w->root_len : "";
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

/* ".git" in any case, also with what Windows drops from the end of a name. */
static bool is_git(const char *name)
{
	size_t n = strlen(name);

	while (n && strchr(". ", name[n - 1]))
		n--;
	return (n == 4 && strncasecmp(name, ".git", 4) == 0) || strcasecmp(name, "git~1") == 0;
}

static const char *bad_name(const char *name)
{
	if (is_git(name))
		return "a file called .git in a tree could change how Git itself reads it; remove "
		       "it";
	if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/'))
		return "a name that Git does not write; make the commit anew with git";
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return "a control character in a file's name; rename the file";
	return NULL;
}

static const char *bad_type(enum tree_type type)
{
	switch (type) {
	case TREE_SYMLINK:
		return "a symlink; commit the file itself, or move the link out of the path";
	case TREE_SUBMODULE:
		return "a submodule; commit its files themselves, or move it out of the path";
	case TREE_OTHER:
		return "neither a file nor a folder; remove it";
	default:
		return NULL;
	}
}

static const char *renderer(const char *name)
{
	if (strcmp(name, "kustomization.yaml") == 0 || strcmp(name, "kustomization.yml") == 0 ||
	    strcmp(name, "Kustomization") == 0)
		return "kustomize is not supported yet; commit the output of `kustomize build`";
	if (strcmp(name, "Chart.yaml") == 0)
		return "Helm charts are not supported yet; commit the output of `helm template`";
	return NULL;
}

static void add(struct walk *w, const char *path, const char *what)
{
	lp_problem(w->problems, below(w, path), 0, "", "%s", what);
}

static enum lp_code visit_file(struct walk *w, const char *path, const struct tree_entry *entry,
			       struct err *err)
{
	struct manifest_file file = {path, below(w, path), ends_in(entry->name, ".json"),
				     entry->size_bytes};

	if (!file.is_json && !ends_in(entry->name, ".yaml") && !ends_in(entry->name, ".yml"))
		return LP_OK;
	if (strcmp(file.name, "limpet.yaml") == 0)
		return LP_OK; /* about the revision, never applied */
	if (strlen(file.name) >= LP_ORIGIN_MAX) {
		lp_problem(w->problems, file.name, 0, "",
			   "a path of more than %d bytes; use shorter names", LP_ORIGIN_MAX - 1);
		return LP_OK;
	}
	if (entry->size_bytes > LP_FILE_BYTES) {
		lp_problem(w->problems, file.name, 0, "",
			   "a file of %llu bytes; at most %u are allowed: split it",
			   (unsigned long long)entry->size_bytes, LP_FILE_BYTES);
		return LP_OK;
	}
	w->bytes += entry->size_bytes;
	if (w->bytes > LP_SOURCE_BYTES)
		return lp_err_set(err, LP_LIMIT,
				  "more than %u bytes of manifests below the path: "
				  "split the source",
				  LP_SOURCE_BYTES);
	return w->visit(w->context, &file, err);
}

static enum lp_code visit_entry(void *context, const struct tree_entry *entry, struct err *err);

static enum lp_code visit_folder(struct walk *w, const char *path, struct err *err)
{
	size_t before = strlen(w->path);

	if (w->depth == LP_TREE_DEPTH) {
		lp_problem(w->problems, below(w, path), 0, "",
			   "folders nested more than %d deep; flatten them", LP_TREE_DEPTH);
		return LP_OK;
	}
	memcpy(w->path, path, strlen(path) + 1);
	w->depth++;
	enum lp_code code = w->tree->list(w->tree->of, path, visit_entry, w, err);
	w->depth--;
	w->path[before] = '\0';
	return code;
}

static enum lp_code visit_entry(void *context, const struct tree_entry *entry, struct err *err)
{
	struct walk *w = context;
	char path[LP_PATH_MAX];

	if (++w->entries > LP_TREE_ENTRIES)
		return lp_err_set(err, LP_LIMIT,
				  "more than %u files and folders below the path: "
				  "split the source",
				  LP_TREE_ENTRIES);
	int n = snprintf(path, sizeof(path), "%s%s%s", w->path, w->path[0] ? "/" : "", entry->name);
	const char *what = n >= (int)sizeof(path) ? "a path of more than 1023 bytes; use shorter "
						    "names"
						  : bad_name(entry->name);
	if (!what)
		what = bad_type(entry->type);
	if (!what && entry->type == TREE_FILE)
		what = renderer(entry->name);
	if (what) {
		add(w, path, what);
		return LP_OK;
	}
	return entry->type == TREE_DIR ? visit_folder(w, path, err)
				       : visit_file(w, path, entry, err);
}

/* First look at the root alone: with a renderer's file there, the others are not manifests. */
static enum lp_code look_for_renderer(void *context, const struct tree_entry *entry,
				      struct err *err)
{
	struct walk *w = context;
	const char *what = entry->type == TREE_FILE ? renderer(entry->name) : NULL;

	(void)err;
	if (what)
		lp_problem(w->problems, entry->name, 0, "", "%s", what);
	w->refused |= what != NULL;
	return LP_OK;
}

enum lp_code lp_walk(const struct tree *tree, const char *path, struct problems *problems,
		     walk_visit *visit, void *context, struct err *err)
{
	struct walk w = {.tree = tree, .problems = problems, .visit = visit, .context = context};

	LP_TRY(lp_copy(w.path, sizeof(w.path), path, err));
	w.root_len = strlen(path) + (path[0] != '\0');
	LP_TRY(tree->list(tree->of, path, look_for_renderer, &w, err));
	if (w.refused)
		return LP_OK;
	enum lp_code code = tree->list(tree->of, path, visit_entry, &w, err);
	if (code == LP_NOT_FOUND)
		err->code = LP_CONFLICT; /* never to be taken for a path that is empty */
	return code == LP_OK ? LP_OK : err->code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/tree_git.h"

#include "agent/source/limits.h"
#include "agent/source/tree_entries.h"
#include "platform/fs.h"

#include <stdlib.h>
#include <string.h>

struct tree_git {
	struct git *git; /* borrowed */
	struct oid root;
	unsigned listed; /* entries that were ever visited */

	/* The folder that a file was read from last: files of one folder are read one after
	 * another. */
	char last_path[LP_PATH_MAX];
	struct buf last; /* owned; its tree object; empty when there is none */
};

static enum lp_code no_such(const char *path, struct err *err)
{
	return lp_err_set(err, LP_NOT_FOUND, "%s is not there", path[0] ? path : "the root");
}

/* What the revision lacks was not sent or is lost: another fetch may bring it. */
static enum lp_code read_object(struct tree_git *tree, const struct oid *id, enum git_type type,
				const char *path, struct buf *to, struct err *err)
{
	if (lp_git_read(tree->git, id->bytes, type, to, err) == LP_OK)
		return LP_OK;
	if (err->code == LP_NOT_FOUND)
		err->code = LP_CORRUPT;
	return lp_err_wrap(err, "%s", path[0] ? path : "the root");
}

/* Looks one name up in the content of a tree. */
static enum lp_code find_entry(const struct buf *content, struct slice name, const char *path,
			       struct git_entry *ret, struct err *err)
{
	struct tree_cursor at = {.left = LP_SLICE_OF(content)};
	bool more;
	for (;;) {
		if (lp_tree_next(&at, ret, &more, err) != LP_OK)
			return lp_err_wrap(err, "%s", path);
		if (!more)
			return no_such(path, err);
		if (lp_slice_equal(ret->name, name))
			return LP_OK;
	}
}

/* Reads the tree object of the folder path (n bytes of it), from the root down. */
static enum lp_code read_folder(struct tree_git *tree, const char *path, size_t n, struct buf *to,
				struct err *err)
{
	struct git_entry entry;
	size_t at = 0;
	unsigned depth = 0;
	LP_TRY(read_object(tree, &tree->root, GIT_TYPE_TREE, "", to, err));
	while (at < n) {
		if (++depth > LP_TREE_DEPTH)
			return lp_err_set(err, LP_LIMIT, "too-large: %s: more than %d folders deep",
					  path, LP_TREE_DEPTH);
		size_t name_len = strcspn(path + at, "/");
		if (name_len > n - at)
			name_len = n - at;
		struct slice name = {(const uint8_t *)path + at, name_len};
		LP_TRY(find_entry(to, name, path, &entry, err));
		if (entry.type != TREE_DIR)
			return no_such(path, err);
		lp_buf_clear(to);
		LP_TRY(read_object(tree, &entry.id, GIT_TYPE_TREE, path, to, err));
		at += name_len + (at + name_len < n);
	}
	return LP_OK;
}

static enum lp_code visit_entry(struct tree_git *tree, const char *path,
				const struct git_entry *entry, tree_visit *visit, void *context,
				struct err *err)
{
	char name[LP_TREE_NAME + 1];
	struct tree_entry told = {.name = name, .type = entry->type};
	enum git_type type;
	memcpy(name, entry->name.data, entry->name.len);
	name[entry->name.len] = 0;
	if (++tree->listed > LP_TREE_WALK_ENTRIES)
		return lp_err_set(err, LP_LIMIT, "too-large: more than %u files and folders",
				  LP_TREE_WALK_ENTRIES);
	if (entry->type == TREE_FILE) {
		if (lp_git_header(tree->git, entry->id.bytes, &type, &told.size_bytes, err) !=
		    LP_OK) {
			if (err->code == LP_NOT_FOUND)
				err->code = LP_CORRUPT;
			return lp_err_wrap(err, "%s%s%s", path, path[0] ? "/" : "", name);
		}
		if (type != GIT_TYPE_BLOB)
			return lp_err_set(err, LP_REJECTED,
					  "malformed tree: %s%s%s: a file that is none", path,
					  path[0] ? "/" : "", name);
	}
	return visit(context, &told, err);
}

static enum lp_code list(void *of, const char *path, tree_visit *visit, void *context,
			 struct err *err)
{
	struct tree_git *tree = of;
	LP_AUTO(lp_buf_free) struct buf content = LP_BUF(LP_TREE_BYTES);
	struct git_entry entry;
	bool more;
	LP_TRY(read_folder(tree, path, strlen(path), &content, err));
	struct tree_cursor at = {.left = LP_SLICE_OF(&content)};
	for (;;) {
		if (lp_tree_next(&at, &entry, &more, err) != LP_OK)
			return lp_err_wrap(err, "%s", path[0] ? path : "the root");
		if (!more)
			return LP_OK;
		LP_TRY(visit_entry(tree, path, &entry, visit, context, err));
	}
}

/* Makes tree->last the folder of a file. */
static enum lp_code load_folder(struct tree_git *tree, const char *path, size_t n, struct err *err)
{
	if (n >= sizeof(tree->last_path))
		return lp_err_set(err, LP_LIMIT, "too-large: a path of more than %zu bytes",
				  sizeof(tree->last_path) - 1);
	if (tree->last.len && strlen(tree->last_path) == n && memcmp(tree->last_path, path, n) == 0)
		return LP_OK;
	lp_buf_clear(&tree->last);
	memcpy(tree->last_path, path, n);
	tree->last_path[n] = 0;
	enum lp_code code = read_folder(tree, path, n, &tree->last, err);
	if (code != LP_OK)
		lp_buf_clear(&tree->last);
	return code;
}

static enum lp_code read_file(void *of, const char *path, struct buf *to, struct err *err)
{
	struct tree_git *tree = of;
	struct git_entry entry;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	LP_TRY(load_folder(tree, path, slash ? (size_t)(slash - path) : 0, err));
	struct slice wanted = {(const uint8_t *)name, strlen(name)};
	LP_TRY(find_entry(&tree->last, wanted, path, &entry, err));
	if (entry.type != TREE_FILE)
		return no_such(path, err);
	return read_object(tree, &entry.id, GIT_TYPE_BLOB, path, to, err);
}

enum lp_code lp_tree_git_open(struct git *git, const struct oid *root, struct tree_git **ret,
			      struct err *err)
{
	struct tree_git *tree = calloc(1, sizeof(*tree));
	if (!tree)
		return lp_err_nomem(err, "tree");
	tree->git = git;
	tree->root = *root;
	tree->last = LP_BUF(LP_TREE_BYTES);
	*ret = tree;
	return LP_OK;
}

void lp_tree_git_close(struct tree_git **tree)
{
	struct tree_git *old = LP_STEAL(*tree);
	if (!old)
		return;
	lp_buf_free(&old->last);
	free(old);
}

struct tree lp_tree_git(struct tree_git *tree)
{
	return (struct tree){.of = tree, .list = list, .read = read_file};
}

enum lp_code lp_tree_git_read(struct git *git, const struct oid *root, const char *folder,
			      const char *name, struct buf *to, struct err *err)
{
	LP_AUTO(lp_tree_git_close) struct tree_git *tree = NULL;
	char path[LP_PATH_MAX];

	LP_TRY(*folder ? lp_path_join(path, folder, name, err)
		       : lp_copy(path, sizeof(path), name, err));
	LP_TRY(lp_tree_git_open(git, root, &tree, err));
	return read_file(tree, path, to, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_TREE_H
#define LIMPET_AGENT_RENDER_TREE_H
/*
 * A read-only tree of files, all that rendering needs to know of where a
 * revision lies: a commit in the Git object database (source/tree_git.c) or a
 * folder on disk (tree_dir.c, for `limpet build`).
 *
 * Paths are relative, with '/' between names and none at either end; "" is the
 * root. Nothing is ever followed: a symlink is an entry, not a way.
 */
#include "platform/buf.h"

enum tree_type {
	TREE_FILE,      /* a regular file, executable or not (Git modes 100644, 100755) */
	TREE_DIR,       /* 040000 */
	TREE_SYMLINK,   /* 120000 */
	TREE_SUBMODULE, /* 160000 */
	TREE_OTHER,     /* a device, a socket, a mode that Git does not have */
};

/* One entry of a folder; borrowed, good until the visitor returns. */
struct tree_entry {
	const char *name; /* one name, without '/'; not judged yet: it may be ".." or ".GIT" */
	enum tree_type type;
	uint64_t size_bytes; /* of a TREE_FILE, known before anything is read; 0 for the rest */
};

/* Gets each entry of a folder. Anything but LP_OK ends the listing, which returns it. */
typedef enum lp_code tree_visit(void *context, const struct tree_entry *entry, struct err *err);

struct tree {
	void *of; /* the implementation's own; owned by whoever made the tree */

	/*
	 * Visits the entries of the folder at path in Git's order: by bytes, a folder as if its
	 * name ended in '/', so that a walk yields whole paths in byte order. A visitor may list
	 * and read the same tree. LP_NOT_FOUND: path is not there, or is no folder; LP_REJECTED: a
	 * tree that Git would not write; LP_LIMIT: too many entries; LP_TRANSIENT, LP_CORRUPT.
	 */
	enum lp_code (*list)(void *of, const char *path, tree_visit *visit, void *context,
			     struct err *err);

	/*
	 * Appends the file at path to to, whose ceiling bounds it: a larger file is LP_LIMIT before
	 * it is read or inflated. LP_NOT_FOUND: path is not there, or is no regular file;
	 * LP_TRANSIENT, LP_CORRUPT. to is as before after an error.
	 */
	enum lp_code (*read)(void *of, const char *path, struct buf *to, struct err *err);
};
#endif

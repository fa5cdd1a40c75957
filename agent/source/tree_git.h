/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_TREE_GIT_H
#define LIMPET_AGENT_SOURCE_TREE_GIT_H
/* The tree of files of a commit, out of the object store (render/tree.h says how it is used). */
#include "agent/render/tree.h"
#include "agent/trust/oid.h"
#include "platform/git.h"

struct tree_git;

/*
 * The files below the tree object root; git outlives it. Nothing is read yet. Every object's
 * size is known before it is inflated, and LP_TREE_DEPTH, LP_TREE_ENTRIES, LP_BLOB_BYTES and
 * LP_TREE_WALK_ENTRIES (all entries ever listed) hold.
 */
LP_CHECKED enum lp_code lp_tree_git_open(struct git *git, const struct oid *root,
					 struct tree_git **ret, struct err *err);
void lp_tree_git_close(struct tree_git **tree); /* for LP_AUTO; NULL is fine */

/* It as rendering knows it; borrowed. */
struct tree lp_tree_git(struct tree_git *tree);

/* Appends one file of it, in this folder ("" its root), as the read of render/tree.h does. */
LP_CHECKED enum lp_code lp_tree_git_read(struct git *git, const struct oid *root,
					 const char *folder, const char *name, struct buf *to,
					 struct err *err);
#endif

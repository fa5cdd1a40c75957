/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_TREE_DIR_H
#define LIMPET_AGENT_RENDER_TREE_DIR_H
/*
 * A folder on disk as a tree, as Git would commit it: its own .git is left out, and a folder
 * with a .git in it is a submodule.
 */
#include "agent/render/tree.h"

/* Opens the folder at path, which may be a symlink. LP_NOT_FOUND, LP_CONFIG. */
LP_CHECKED enum lp_code lp_tree_dir_open(const char *path, struct tree *ret, struct err *err);

/* Closes it; {0} is fine. For LP_AUTO. */
void lp_tree_dir_close(struct tree *tree);
#endif

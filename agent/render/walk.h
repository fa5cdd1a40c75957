/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_WALK_H
#define LIMPET_AGENT_RENDER_WALK_H
/*
 * Which files of a tree are manifests, and what in a tree is refused: links,
 * submodules, names that mean something to Git or to a terminal.
 */
#include "agent/render/problems.h"
#include "agent/render/tree.h"

struct manifest_file {
	const char *path; /* in the tree */
	const char *name; /* below the source's path; under 512 bytes */
	bool is_json;
	uint64_t size_bytes; /* within LP_FILE_BYTES */
};

typedef enum lp_code walk_visit(void *context, const struct manifest_file *file, struct err *err);

/*
 * Calls visit for each manifest file below path, in byte order of the names; what is refused
 * goes to problems and is not visited. A path that wants kustomize or Helm is one problem, and
 * nothing is visited. LP_NOT_FOUND: no such path; LP_CONFLICT: what was listed is not there
 * any more; else what tree and visit gave.
 */
LP_CHECKED enum lp_code lp_walk(const struct tree *tree, const char *path,
				struct problems *problems, walk_visit *visit, void *context,
				struct err *err);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_RENDER_H
#define LIMPET_AGENT_RENDER_RENDER_H
/*
 * From a tree of files to the objects of a revision: everything is read and
 * judged first, and only when all of it is good does the first object come out.
 * One document is in memory at a time.
 */
#include "agent/render/kinds.h"
#include "agent/render/object.h"
#include "agent/render/problems.h"
#include "agent/render/tree.h"

struct render_options {
	const char *path; /* in the tree, with '/' between names; "" is the root */
	const char *ns;   /* for namespaced objects without one; "" is "default" */
	bool allow_empty; /* no object at all is fine */
};

/* Gets each object; object and all it points at are good until it returns. */
typedef enum lp_code render_object(void *context, const struct object *object, struct err *err);

/*
 * Renders the plain files below options->path. known: what the cluster serves (NULL nothing).
 * Calls each for every object, in the order of the files; its error ends the rendering.
 *
 * LP_REJECTED: problems says what is wrong, in the order of files and lines, and each was
 * never called. LP_NOT_FOUND: there is no object (or no such path), and that is not allowed.
 * Else what tree or each gave: LP_TRANSIENT, LP_CORRUPT, LP_INTERNAL; LP_CONFLICT: the tree
 * changed meanwhile.
 */
LP_CHECKED enum lp_code lp_render(const struct tree *tree, const struct render_options *options,
				  const struct known_kinds *known, render_object *each,
				  void *context, struct problems *problems, struct err *err);
#endif

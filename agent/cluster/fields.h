/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_FIELDS_H
#define LIMPET_AGENT_CLUSTER_FIELDS_H
/*
 * Sets of fields as fieldsV1 of managedFields writes them: a tree of objects
 * whose keys are "f:NAME" for a member, "k:{...}" for the item of a list with
 * these key members, "v:VALUE" for a member of a set, "i:N" for an element. A
 * path is in the set when its node is {} or has the member ".".
 */
#include "agent/cluster/limits.h"
#include "platform/json.h"

/* The union of whole sets, as a new tree of doc; NULL past doc's ceiling. What is no object is {}.
 */
struct jval *lp_fields_union(struct json *doc, struct jval *const *sets, size_t count);

/* What is in the one set and not in the other, as a new tree of doc; NULL past doc's ceiling. */
struct jval *lp_fields_minus(struct json *doc, struct jval *from, struct jval *less);

/* Whether the path of a node is in its set; NULL is not. */
bool lp_fields_owned(const struct jval *node);

/* Whether some path below the node is in its set. */
bool lp_fields_below(const struct jval *node);

/*
 * Which child of a set's node stands for that element of a list: its key ("k:...", "v:...",
 * "i:..."), borrowed, or NULL. Key members that the element leaves to the API server's default
 * are found when that is "TCP", the only one of the built-in kinds.
 */
const char *lp_fields_item(const struct jval *node, const struct jval *list, size_t index);

/*
 * Walks up to LP_FIELDS_SETS sets (NULL: empty) side by side: tell is called for each path that
 * is in one of them. Bit i of owners: in sets[i]. path is for people,
 * "spec.containers[till].image", cut when it is long. What tell returns is handed to it as `above`
 * for the paths below that one.
 */
struct fields_walk {
	void *ctx;
	unsigned (*tell)(void *ctx, const char *path, uint64_t owners, unsigned above);
};
/* LP_INTERNAL: out of memory; the walk is then not whole. */
LP_CHECKED enum lp_code lp_fields_walk(struct jval *const *sets, size_t count,
				       const struct fields_walk *walk, struct err *err);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_KINDS_H
#define LIMPET_AGENT_RENDER_KINDS_H
/*
 * What kinds there are, whether their objects live in a namespace, and when
 * they are applied. The built-in ones are a table; others come from the CRDs of
 * the revision or from the cluster's discovery.
 */
#include "agent/render/object.h"
#include "platform/arena.h"

struct known_kind {
	const char *name; /* "group/Kind" */
	bool namespaced;
};

/* Kinds that are not built in; compact, because a cluster can have hundreds. */
struct known_kinds {
	struct arena arena; /* owned */
	struct known_kind *list;
	size_t n, cap;
};

/* Frees what k holds; {0} is fine and is an empty list. For LP_AUTO. */
void lp_known_kinds_free(struct known_kinds *k);

/* Adds a kind (copied); a later entry of one kind wins. LP_LIMIT, LP_INTERNAL: as before. */
LP_CHECKED enum lp_code lp_known_kinds_add(struct known_kinds *k, const char *group,
					   const char *kind, bool namespaced, struct err *err);

/* SCOPE_UNKNOWN when it is not in the list; NULL is an empty list. */
enum scope lp_known_kinds_scope(const struct known_kinds *k, const char *group, const char *kind);

/* The scope of a kind of Kubernetes 1.36 itself, or SCOPE_UNKNOWN. */
enum scope lp_builtin_scope(const char *group, const char *kind);

/* The stage of a kind, and its place within it: Flux's order, then the kinds that it leaves. */
enum stage lp_kind_stage(const char *group, const char *kind);
int lp_kind_order(const char *kind);
#endif

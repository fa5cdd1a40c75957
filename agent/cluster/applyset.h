/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_APPLYSET_H
#define LIMPET_AGENT_CLUSTER_APPLYSET_H
/*
 * The ApplySet of a source (KEP-3659): a parent object in the cluster that
 * says which kinds in which namespaces we may have made, and a label on each
 * object that says it is ours. Any other tool can read both, and they are
 * enough to find everything again when our store is lost.
 */
#include "agent/cluster/limits.h"
#include "agent/cluster/metadata.h"
#include "platform/arena.h"

#define LP_APPLYSET_ID_LABEL      "applyset.kubernetes.io/id"
#define LP_APPLYSET_TOOLING       "applyset.kubernetes.io/tooling"
#define LP_APPLYSET_KINDS         "applyset.kubernetes.io/contains-group-kinds"
#define LP_APPLYSET_NAMESPACES    "applyset.kubernetes.io/additional-namespaces"
#define LP_APPLYSET_FLOOR         "limpet.dev/floor"
#define LP_APPLYSET_PARENT_PREFIX "limpet-"

/* Sorted words without duplicates. */
struct words {
	const char **at; /* in the arena of the set */
	size_t count, room;
};

/* What one source's parent is to say. */
struct applyset {
	char source[LP_SOURCE_NAME_MAX];
	struct arena arena;
	struct words kinds;                 /* "Deployment.apps", "ConfigMap" */
	struct words namespaces;            /* without the parent's own */
	char floor[LP_APPLYSET_FLOOR_TEXT]; /* the third copy of the trust floor; "" none */
};

void lp_applyset_free(struct applyset *set); /* empties it; {0} is fine */

/* "applyset-...-v1" of a parent; empty ns: cluster-scoped; empty group: core. Returns to. */
const char *lp_applyset_id(const char *name, const char *ns, const char *kind, const char *group,
			   char to[LP_APPLYSET_ID_MAX]);

/* The name of the parent of a source, "limpet-site", and its id. Returns to. */
const char *lp_applyset_parent(const char *source, char to[LP_NAME_MAX]);
const char *lp_applyset_source_id(const char *source, const char *ns, char to[LP_APPLYSET_ID_MAX]);

/* Adds the kind of key and its namespace, unless that is own_ns. LP_REJECTED: no name; LP_LIMIT. */
LP_CHECKED enum lp_code lp_applyset_add(struct applyset *set, const struct object_key *key,
					const char *own_ns, struct err *err);

/* Sets the floor. LP_REJECTED: a character that needs quotes in JSON; LP_LIMIT. */
LP_CHECKED enum lp_code lp_applyset_set_floor(struct applyset *set, struct slice floor,
					      struct err *err);

/* Adds what a parent says already of kinds and namespaces, so that nothing is lost. Errors as
 * lp_applyset_add. */
LP_CHECKED enum lp_code lp_applyset_add_parent(struct applyset *set, const struct metadata *parent,
					       struct err *err);

/* Whether the parent says exactly this. */
bool lp_applyset_same(const struct applyset *set, const struct metadata *parent);

/* LP_CONFIG when the live object is no ApplySet parent, another tool's, or has another id. */
LP_CHECKED enum lp_code lp_applyset_check(const struct metadata *parent, const char *id,
					  struct err *err);

/* Appends the parent as JSON, to be applied. */
LP_CHECKED enum lp_code lp_applyset_write(const struct applyset *set, const char *ns,
					  struct buf *out, struct err *err);
#endif

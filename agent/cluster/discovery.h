/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_DISCOVERY_H
#define LIMPET_AGENT_CLUSTER_DISCOVERY_H
/*
 * Which kinds the API server serves: a table made of its discovery documents,
 * some KiB in size. Reading a document adds to a table; who asks for it and
 * when is told in connect.c.
 */
#include "agent/cluster/limits.h"
#include "agent/cluster/step.h"
#include "platform/arena.h"

/* All three forms: a new server answers the first, 1.26 to 1.29 the second, an old one the last. */
#define LP_ACCEPT_DISCOVERY                                                          \
	"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"      \
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList," \
	"application/json"

struct api_kind {
	struct api_kind *next;
	const char *group, *version, *kind, *plural; /* in the table's arena */
	bool namespaced, preferred;
	unsigned verbs; /* an OR of enum verb */
};

/* A group and version that an old server lists, to be asked for on its own. */
struct api_group {
	struct api_group *next;
	const char *group, *version;
	bool preferred;
};

/* A group of which the API server cannot tell at the moment what it serves. */
struct api_stale {
	struct api_stale *next;
	const char *group;
};

struct api_table {
	struct arena arena;
	struct api_kind *first, *last; /* as served: a group's preferred version first */
	size_t count;
	struct api_group *groups, *last_group; /* of old servers: see lp_api_add */
	size_t group_count;
	struct api_stale *stale;
};

#define LP_API_TABLE ((struct api_table){.arena = {.max_bytes = LP_DISCOVERY_MEMORY}})

void lp_api_free(struct api_table *table); /* {0} is fine; for LP_AUTO */

/*
 * Adds what an answer to /api or /apis tells. *ret_aggregated is false when the server is too
 * old for that form: then nothing was added but groups, each of which is to be asked for and
 * added by lp_api_add_resources. LP_REJECTED: no discovery document. LP_LIMIT.
 */
LP_CHECKED enum lp_code lp_api_add(struct api_table *table, struct slice answer,
				   bool *ret_aggregated, struct err *err);

/* Adds an APIResourceList, the answer to /api/v1 or /apis/GROUP/VERSION. Errors as lp_api_add. */
LP_CHECKED enum lp_code lp_api_add_resources(struct api_table *table, const struct api_group *group,
					     struct slice answer, struct err *err);

/* Notes that a group has kinds that the table may not know. LP_LIMIT. */
LP_CHECKED enum lp_code lp_api_add_stale(struct api_table *table, const char *group,
					 struct err *err);

/* Whether a kind of the group that the table does not know may still be served. */
bool lp_api_is_stale(const struct api_table *table, const char *group);

/* Adds the kinds of another table that are of the core group, or those that are not, and what is
 * stale of them. LP_LIMIT. */
LP_CHECKED enum lp_code lp_api_add_part(struct api_table *table, const struct api_table *from,
					bool core, struct err *err);

/* The kind in this version, or ("") in the preferred one; NULL when it is not served. */
const struct api_kind *lp_api_find(const struct api_table *table, const char *group,
				   const char *version, const char *kind);

/* By plural ("deployments"), in the preferred version. */
const struct api_kind *lp_api_find_resource(const struct api_table *table, const char *group,
					    const char *plural);

/*
 * Appends the path of the collection ("/apis/apps/v1/namespaces/shop/deployments"), and of the
 * object name in it unless that is "". ns is left out for a kind without namespaces, or when "".
 */
LP_CHECKED enum lp_code lp_api_path(const struct api_kind *kind, const char *ns, const char *name,
				    struct buf *out, struct err *err);
#endif

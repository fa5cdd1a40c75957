/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_KINDS_H
#define LIMPET_STORE_KINDS_H
/*
 * The kinds that the cluster serves, as discovery told last, so that a
 * revision can be rendered and rolled back while the API server is away.
 */
#include "store/db.h"

struct stored_kind {
	char group[LP_GROUP_MAX];
	char kind[LP_KIND_MAX];
	char version[LP_VERSION_MAX];
	char resource[LP_KIND_MAX]; /* plural: "deployments" */
	bool namespaced;
	unsigned verbs; /* the caller's bits */
};

/*
 * Replaces all kinds by n others, in one transaction; writes nothing when they are the same (in any
 * order). LP_LIMIT: more than LP_KINDS_MAX. LP_REJECTED: the same group, kind and version twice.
 */
LP_CHECKED enum lp_code lp_kinds_replace(struct db *db, const struct stored_kind *kinds, size_t n,
					 struct err *err);

/* By group and kind, and version unless it is "" (then any). LP_NOT_FOUND. */
LP_CHECKED enum lp_code lp_kind_get(struct db *db, const char *group, const char *kind,
				    const char *version, struct stored_kind *ret, struct err *err);

/* The nth kind by group, kind, version, from 0. LP_NOT_FOUND past the last one. */
LP_CHECKED enum lp_code lp_kind_nth(struct db *db, unsigned nth, struct stored_kind *ret,
				    struct err *err);
#endif

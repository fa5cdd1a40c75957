/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_WALKS_H
#define LIMPET_AGENT_SUPERVISOR_WALKS_H
/* The door store -> plan: what the plan walks over, from the store's cursors. */
#include "agent/cluster/drift.h"
#include "agent/cluster/plan.h"
#include "agent/supervisor/limits.h"
#include "store/inventory.h"
#include "store/object.h"

struct walks {
	struct db *db;           /* borrowed, as are source and ns */
	const char *source, *ns; /* ns: of objects that name none */
	int64_t revision;
	bool config_digest;        /* of the source's configuration */
	const struct drift *drift; /* borrowed; what of it is clean or differs; NULL: nothing */
	bool deep;                 /* nothing is taken for clean */
	struct object_cursor desired;
	struct inventory_cursor removed, inventory;
	bool desired_ended; /* of WALK_KINDS: the inventory comes second */
	uint64_t *seen;     /* owned; digests of the kinds given so far */
	size_t seen_count;
};

/* A reader over the revision and the inventory of source; free with lp_walks_free. */
struct plan_reader lp_walks_reader(struct walks *walks);
void lp_walks_free(struct walks *walks); /* {0} is fine */

/* The two keys are one type in two layers. */
void lp_key_from_store(const struct stored_key *from, struct object_key *to);
void lp_key_to_store(const struct object_key *from, struct stored_key *to);

/* Where an object whose scope was not known at rendering really is, once its kind is known: in ns
 * when its kind has namespaces and it names none. Errors are the store's. */
LP_CHECKED enum lp_code lp_settle_key(struct db *db, const char *ns, int scope,
				      struct stored_key *key, struct err *err);
#endif

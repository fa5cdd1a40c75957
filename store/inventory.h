/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_INVENTORY_H
#define LIMPET_STORE_INVENTORY_H
/*
 * The inventory: which objects of a source are, or may be, in the cluster
 * because of us. The journal of prune; the labels in the cluster are the truth.
 */
#include "store/object.h"

enum inventory_state {
	LP_INVENTORY_PENDING = 1, /* about to be applied; it may or may not be there */
	LP_INVENTORY_APPLIED,
};

struct inventory_row {
	char source[LP_SOURCE_NAME_MAX];
	struct stored_key key;
	int scope, stage, wave, kind_order; /* as in struct stored_object */
	char uid[LP_UID_MAX];               /* "" not known */
	uint8_t digest[LP_STORE_DIGEST];    /* of what was applied; zero: not known */
	int64_t revision;                   /* it was applied from; 0 not known */
	enum inventory_state state;
	uint8_t live[LP_LIVE_BYTES]; /* what the API server said of it last; the caller's, or zero
				      */
};

/* Adds or replaces the row with this source and key; an equal one is not written. */
LP_CHECKED enum lp_code lp_inventory_put(struct db *db, const struct inventory_row *row,
					 struct err *err);

/* Removes a row; one that is not there is fine. */
LP_CHECKED enum lp_code lp_inventory_delete(struct db *db, const char *source,
					    const struct stored_key *key, struct err *err);

/* LP_NOT_FOUND. */
LP_CHECKED enum lp_code lp_inventory_get(struct db *db, const char *source,
					 const struct stored_key *key, struct inventory_row *ret,
					 struct err *err);

/* How many objects of the source are on record. LP_CORRUPT, LP_TRANSIENT as all of the store. */
LP_CHECKED enum lp_code lp_inventory_count(struct db *db, const char *source, unsigned *ret_count,
					   struct err *err);

/*
 * The kind behind (group, kind) of which the source has objects on record, in order; begin with two
 * empty texts. LP_NOT_FOUND behind the last one.
 */
LP_CHECKED enum lp_code lp_inventory_next_kind(struct db *db, const char *source,
					       char group[LP_GROUP_MAX], char kind[LP_KIND_MAX],
					       struct err *err);

/*
 * Walks rows of a source; no statement stays open between two calls, and rows already given may be
 * put or deleted meanwhile. LP_INVENTORY(source): all, in apply order.
 * LP_INVENTORY_NOT_IN(source, revision): what the revision does not have, in reverse apply order:
 * what a prune would delete. An object of the revision whose scope was not known (0) and
 * that names no namespace stands for its kind and name in any.
 */
struct inventory_cursor {
	const char *source; /* borrowed */
	int64_t not_in;     /* 0: all */
	bool started;
	struct inventory_row at; /* the last one given */
};
#define LP_INVENTORY(name) ((struct inventory_cursor){.source = (name)})
#define LP_INVENTORY_NOT_IN(name, revision_id) \
	((struct inventory_cursor){.source = (name), .not_in = (revision_id)})

/* The next row is then cursor->at. LP_NOT_FOUND after the last one. */
LP_CHECKED enum lp_code lp_inventory_next(struct db *db, struct inventory_cursor *cursor,
					  struct err *err);
#endif

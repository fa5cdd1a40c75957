/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_FLOOR_H
#define LIMPET_STORE_FLOOR_H
/*
 * The trust floor: the newest accepted revision of a source, below which it
 * never goes. Written by lp_revision_commit alone, hence no setter here.
 */
#include "store/db.h"

struct stored_floor {
	uint8_t payload[LP_STORE_PAYLOAD];
	uint8_t commit[LP_STORE_OID];
	int64_t revision;
	int64_t accepted_s; /* wall */
	int64_t sequence;   /* the highest that was accepted; 0 none */
	int64_t counter;    /* 1 at the first accept, one more at each */
};

/* LP_NOT_FOUND: nothing was ever accepted. */
LP_CHECKED enum lp_code lp_floor_get(struct db *db, const char *source, struct stored_floor *ret,
				     struct err *err);

/*
 * Whether this payload was accepted before. Remembered beyond the revision itself, for the
 * LP_PAYLOADS_KEPT newest of a source.
 */
LP_CHECKED enum lp_code lp_payload_accepted(struct db *db, const char *source,
					    const uint8_t payload[LP_STORE_PAYLOAD],
					    bool *ret_accepted, struct err *err);
#endif

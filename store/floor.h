/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_FLOOR_H
#define LIMPET_STORE_FLOOR_H
/*
 * The trust floor: the newest accepted revision of a source, below which it
 * never goes. lp_revision_commit raises it; the setters here are for a floor that
 * another copy of it holds (floor_copy.h), and for one that a person gives up.
 */
#include "store/db.h"

struct stored_floor {
	uint8_t payload[LP_STORE_PAYLOAD]; /* zero: given up, and nothing accepted since */
	uint8_t commit[LP_STORE_OID];
	int64_t revision;   /* 0: not in this database, because it came from another copy */
	int64_t accepted_s; /* wall */
	int64_t sequence;   /* the highest that was accepted; 0 none */
	int64_t counter;    /* 1 at the first accept, one more at each */
	bool given_up;      /* by a person, and the cluster's copy does not know that yet */
};

/* Whether there is a revision below which the source must not go. */
bool lp_floor_holds(const struct stored_floor *floor);

/* LP_NOT_FOUND: nothing was ever accepted. */
LP_CHECKED enum lp_code lp_floor_get(struct db *db, const char *source, struct stored_floor *ret,
				     struct err *err);

/*
 * Makes another copy's floor that of the source: its payload, commit, accepted_s and counter, and
 * the higher of the two sequences. Its revision is the stored one with that payload, if there is
 * one.
 */
LP_CHECKED enum lp_code lp_floor_restore(struct db *db, const char *source,
					 const struct stored_floor *floor, struct err *err);

/*
 * Gives the floor up: whatever is accepted next becomes the floor, and of no payload is known that
 * it was accepted before. The counter goes on; it becomes at_least, or one more than it was.
 */
LP_CHECKED enum lp_code lp_floor_give_up(struct db *db, const char *source, int64_t at_least,
					 struct err *err);

/* The cluster's copy was seen: the counter becomes at_least when it is lower, and given_up ends. */
LP_CHECKED enum lp_code lp_floor_settle(struct db *db, const char *source, int64_t at_least,
					struct err *err);

/*
 * Whether this payload was accepted before. Remembered beyond the revision itself, for the
 * LP_PAYLOADS_KEPT newest of a source.
 */
LP_CHECKED enum lp_code lp_payload_accepted(struct db *db, const char *source,
					    const uint8_t payload[LP_STORE_PAYLOAD],
					    bool *ret_accepted, struct err *err);
#endif

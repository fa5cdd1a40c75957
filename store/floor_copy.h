/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_FLOOR_COPY_H
#define LIMPET_STORE_FLOOR_COPY_H
/*
 * The second copy of the trust floor: two small text files beside the database,
 * floor-SOURCE.a and floor-SOURCE.b, written in turn, so that neither a lost
 * database nor a damaged block of flash takes the floor away. A person can read them:
 *
 *	limpet floor 1
 *	source site
 *	counter 12
 *	sequence 5
 *	payload sha256:9f2c...		all zero: given up
 *	commit 1d0c...
 *	accepted 1795246800
 *	checksum 77ab...		SHA-256 of all lines above, their ends included
 */
#include "store/floor.h"

#define LP_FLOOR_COPIES 2

struct floor_copies {
	struct stored_floor newest; /* of those that can be read: with the highest counter */
	bool found;                 /* there is one */
	unsigned damaged;           /* files that are there and say nothing that holds */
};

/*
 * Reads both files of source in folder. One that is not there is none, one that is cut, altered or
 * of another source is damaged. LP_CONFIG, LP_TRANSIENT: a file cannot be read at all.
 */
LP_CHECKED enum lp_code lp_floor_copies_read(const char *folder, const char *source,
					     struct floor_copies *ret, struct err *err);

/*
 * Takes one field off the front of *at: name, with the sign behind it ("counter " or "counter="),
 * a value of fewer than size bytes, and the blank or end of line that ends it. False when that is
 * not what is there. For the two texts that hold a floor.
 */
bool lp_floor_field(const char **at, const char *name, char *to, size_t size);

/*
 * Makes floor the newest copy, over the older of the two or a damaged one; the newer one is not
 * touched. Nothing is written when the newest copy says the same already. LP_TRANSIENT: disk full,
 * I/O error; the copies are then as before.
 */
LP_CHECKED enum lp_code lp_floor_copy_write(const char *folder, const char *source,
					    const struct stored_floor *floor, struct err *err);
#endif

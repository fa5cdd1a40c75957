/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_CLOCK_H
#define LIMPET_STORE_CLOCK_H
/*
 * What a device without a clock remembers of time: the floor of wall time, and
 * how long it has been up without news of a source, over all its boots.
 */
#include "store/db.h"

struct stored_clock {
	bool present;     /* something was stored */
	int64_t floor_s;  /* wall; as much time had passed for certain */
	int64_t quiet_s;  /* uptime since the last accepted revision, or since the first start */
	int64_t uptime_s; /* CLOCK_BOOTTIME; when this was written */
};

/* A source that nothing is stored of yields zeroes (and LP_OK). */
LP_CHECKED enum lp_code lp_clock_get(struct db *db, const char *source, struct stored_clock *ret,
				     struct err *err);

/* Replaces what is stored of the source, except that the floor never falls. */
LP_CHECKED enum lp_code lp_clock_put(struct db *db, const char *source,
				     const struct stored_clock *clock, struct err *err);

/* The highest floor of all sources; 0 when none is stored. */
LP_CHECKED enum lp_code lp_clock_floor(struct db *db, int64_t *ret_s, struct err *err);

/*
 * The uptime without news by now: of this boot what has passed since clock was written, of
 * another one all of it. 0 when nothing was stored.
 */
int64_t lp_clock_quiet_s(const struct stored_clock *clock, int64_t uptime_s);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_WATCHES_H
#define LIMPET_AGENT_CLUSTER_WATCHES_H
/*
 * Inside the cluster role: one watch for each kind that was ordered, on HTTP/2
 * connections of their own, LP_WATCH_STREAMS on each. A watch begins with a list,
 * goes on with what changes, and is asked for again where it ended; whenever
 * something may have been missed, it begins with a list again. What is seen goes
 * up at once; the role waits for its reader rather than keep more than
 * LP_SIGHTINGS_BYTES.
 */
#include "agent/cluster/cluster.h"
#include "agent/cluster/sighting.h"

/* From now on exactly these kinds; watches of kinds that are in both orders go on. Takes over
 * order->kinds. LP_INTERNAL. */
LP_CHECKED enum lp_code lp_watches_order(struct cluster *cluster, struct watch_order *order,
					 struct err *err);

/* The connections are new: all that is watched is listed again. */
void lp_watches_anew(struct cluster *cluster);

/* Kinds are known anew: watches of kinds that were not served try again at once. */
void lp_watches_discovered(struct cluster *cluster);

/* The role has waited so long for its reader, and heard nobody. */
void lp_watches_waited(struct cluster *cluster, int64_t ms);

/* Moves on every watch whose answer has ended or whose time has come. */
void lp_watches_move(struct cluster *cluster);

/* When the next watch wants to be called; INT64_MAX: none. CLOCK_BOOTTIME. */
int64_t lp_watches_wake_ms(const struct cluster *cluster);

/* Ends all; none is fine. */
void lp_watches_free(struct cluster *cluster);
#endif

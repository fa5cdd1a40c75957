/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_LEASE_H
#define LIMPET_AGENT_CLUSTER_LEASE_H
/*
 * What STEP_LEASE is told and what it tells: a Lease beside the ApplySet's parent, of its name
 * (one for each source, because agents of different sources do not write the same), which says
 * who may write. The cluster role compares no time: whether somebody else's has run out is the
 * supervisor's to say, by its own clock, and then it names the version to write over.
 */
#include "agent/cluster/limits.h"
#include "platform/wire.h"

enum lease_wish { LEASE_TAKE, LEASE_RELEASE, LEASE_WISH_COUNT };

struct lease_order {
	enum lease_wish wish;
	char holder[LP_HOLDER_MAX]; /* who we are: "HOST_ID", told apart by what is behind the '_'
				     */
	char instance[LP_INSTANCE_MAX]; /* this run of ours, in an annotation */
	int64_t duration_s;
	int64_t transitions; /* as last told */
	uint32_t beat; /* no two writes in a row have the same: one that changes nothing is none */
	bool renew;    /* the version to write over is one that we wrote */
	bool again;    /* we had it before: our name with another instance is somebody else's */
};

/* The record, as far as it matters to who waits for it. */
struct lease {
	char holder[LP_HOLDER_MAX]; /* "" nobody; a longer name is cut in its middle */
	bool same;                  /* its name is ours, though another instance's */
	int64_t duration_s;
	int64_t transitions;
	unsigned servers; /* of STEP_SERVERS: 0, 1, or 2 for any more */
};

/* As the functions of step.h; a duration past LP_LEASE_S makes the reader bad. */
void lp_lease_order_put(struct wire_writer *w, const struct lease_order *order);
void lp_lease_order_take(struct wire_reader *r, struct lease_order *ret);
void lp_lease_put(struct wire_writer *w, const struct lease *lease);
void lp_lease_take(struct wire_reader *r, struct lease *ret);
#endif

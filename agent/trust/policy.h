/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_POLICY_H
#define LIMPET_AGENT_TRUST_POLICY_H
/*
 * By what rules a tip is judged: what the device's owner wrote down, as the judge
 * reads it. Everything in it is borrowed.
 */
#include "agent/trust/signers.h"

struct trust_policy {
	const struct signers *signers;
	unsigned rsa_bits;         /* the least; below LP_RSA_BITS_MIN counts as that */
	unsigned ancestry_commits; /* the most commits read on one walk; 0: LP_ANCESTRY_COMMITS */
	/* Unix seconds that have passed for certain: a dead clock can prove no more. 0: none. */
	int64_t floor_s;
};

/* The least bits of an RSA key. */
static inline unsigned lp_policy_rsa_bits(const struct trust_policy *policy)
{
	return policy->rsa_bits > LP_RSA_BITS_MIN ? policy->rsa_bits : LP_RSA_BITS_MIN;
}
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_POLICY_H
#define LIMPET_AGENT_TRUST_POLICY_H
/*
 * By what rules a tip is judged: what the device's owner wrote down, as the judge
 * reads it. Everything in it is borrowed.
 */
#include "agent/trust/binding.h"
#include "agent/trust/pgp_keys.h"
#include "agent/trust/revocation.h"
#include "agent/trust/signers.h"

/* Whose signature is demanded below the tip. In either case all of it must be well formed. */
enum trust_history {
	HISTORY_EVERY, /* each commit between the floor and the tip carries a good signature */
	HISTORY_TIP,   /* the tip's signer vouches for what was merged below */
	HISTORY_COUNT,
};

struct trust_policy {
	const struct signers *signers;
	const struct pgp_keys *pgp_keys;  /* NULL: OpenPGP is not accepted */
	const struct revocation *revoked; /* NULL: nothing is */
	unsigned rsa_bits;                /* the least; below LP_RSA_BITS_MIN counts as that */
	enum trust_history history;
	const struct binding_policy *binding; /* NULL: limpet.yaml is not looked at */
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

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_SIGNATURE_H
#define LIMPET_AGENT_TRUST_SIGNATURE_H
/*
 * Whose signature a commit carries, and whether it counts. One commit alone:
 * what came before it, and for whom it is, are the judge's to ask.
 */
#include "agent/trust/commit.h"
#include "agent/trust/policy.h"

struct signature {
	enum verdict verdict;        /* accepted, or one of those about signatures and keys */
	char reason[LP_REASON_TEXT]; /* for a person; without the verdict's name */
	char signer[LP_SIGNER_TEXT]; /* "" when unknown */
	char fingerprint[LP_FINGERPRINT_TEXT]; /* "" when there is no readable key */
};

/* Where the commit stands: a key that has expired by now may have signed below the tip. */
enum signature_place { SIGNATURE_OF_TIP, SIGNATURE_BELOW };

/*
 * Judges the signature of a commit that was parsed. LP_OK: *ret holds the verdict, refusals
 * included. LP_INTERNAL out of memory: *ret is undefined and nothing is decided.
 */
LP_CHECKED enum lp_code lp_signature_judge(const struct trust_policy *policy,
					   const struct commit *commit, enum signature_place place,
					   struct signature *ret, struct err *err);
#endif

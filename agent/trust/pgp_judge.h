/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_PGP_JUDGE_H
#define LIMPET_AGENT_TRUST_PGP_JUDGE_H
/* The judgement of a commit's OpenPGP signature: signature.c's, for the other kind of it. */
#include "agent/trust/pgp_keys.h"
#include "agent/trust/signature.h"

/* Whether the armor of a commit says that it is an OpenPGP signature. */
bool lp_pgp_is_signature(struct slice armor);

/*
 * As lp_signature_judge, for a commit whose armor lp_pgp_is_signature and a policy that has
 * pgp_keys.
 */
LP_CHECKED enum lp_code lp_pgp_judge(const struct trust_policy *policy, const struct commit *commit,
				     enum signature_place place, struct signature *ret,
				     struct err *err);
#endif

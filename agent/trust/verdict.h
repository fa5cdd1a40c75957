/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_VERDICT_H
#define LIMPET_AGENT_TRUST_VERDICT_H
/*
 * What trust can say about a tip. Every refusal has its own name, which people
 * search for and counters carry: a name, once released, does not change.
 */
#include "platform/err.h"

enum verdict {
	VERDICT_ACCEPTED = 0,
	VERDICT_UNSIGNED,
	VERDICT_UNKNOWN_SIGNER,
	VERDICT_BAD_SIGNATURE,
	VERDICT_EXPIRED_KEY,
	VERDICT_NOT_YET_VALID_KEY,
	VERDICT_REVOKED_KEY,
	VERDICT_UNSUPPORTED_KEY,
	VERDICT_MALFORMED,
	VERDICT_ROLLBACK,
	VERDICT_DIVERGED,
	VERDICT_EQUIVOCATION,
	VERDICT_UNBOUND,
	VERDICT_WRONG_REPO,
	VERDICT_WRONG_AUDIENCE,
	VERDICT_EXPIRED,
	VERDICT_TOO_LARGE,
	VERDICT_UNSUPPORTED_FORMAT, /* SHA-256 object ids */
	VERDICT_COUNT,
};

/* The name as people and JSON see it: "unknown-signer"; never NULL. */
const char *lp_verdict_name(enum verdict verdict);

/* The verdict of a name as lp_verdict_name gives it; false for any other text. */
bool lp_verdict_parse(const char *name, enum verdict *ret);

/* The way out, one line, for the person who reads the refusal; "" for accepted. */
const char *lp_verdict_way_out(enum verdict verdict);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_REFUSAL_H
#define LIMPET_STORE_REFUSAL_H
/*
 * Refused tips, by object id and what they were judged by, so that the same
 * tip is not fetched and judged again for the same answer.
 */
#include "store/db.h"

struct stored_refusal {
	uint8_t tip[LP_STORE_OID];
	uint8_t judged_by[LP_STORE_DIGEST]; /* digest of signers, settings, limits, version, floor
					     */
	char verdict[LP_VERDICT_TEXT];      /* "unknown-signer" */
	char reason[LP_MESSAGE_MAX];        /* a sentence; cut when longer */
	char signer[LP_SIGNER_TEXT];        /* principal or fingerprint, "" not known */
	int64_t at_s;                       /* wall; of the last judgement */
	int64_t count;                      /* judgements of this tip; set by lp_refusal_put */
};

/*
 * Remembers a judgement: a new tip, or the tip's last one replaced and counted. Keeps the
 * LP_REFUSALS_KEPT newest of the source. Counts its verdict, too.
 */
LP_CHECKED enum lp_code lp_refusal_put(struct db *db, const char *source,
				       const struct stored_refusal *refusal, struct err *err);

/* Counts a judgement that lp_refusal_put is not told of. */
LP_CHECKED enum lp_code lp_verdict_add(struct db *db, const char *source, const char *name,
				       struct err *err);

/* How many judgements of the source had this verdict, since the store was made. */
LP_CHECKED enum lp_code lp_verdict_count(struct db *db, const char *source, const char *name,
					 int64_t *ret, struct err *err);

/* LP_NOT_FOUND. Compare judged_by to know whether it still holds. */
LP_CHECKED enum lp_code lp_refusal_get(struct db *db, const char *source,
				       const uint8_t tip[LP_STORE_OID], struct stored_refusal *ret,
				       struct err *err);

/*
 * The tips that were judged by the same as now, at most LP_REFUSALS_KEPT: whoever serves them in
 * turn gets none of them fetched again.
 */
LP_CHECKED enum lp_code lp_refusal_tips(struct db *db, const char *source,
					const uint8_t judged_by[LP_STORE_DIGEST],
					uint8_t ret[LP_REFUSALS_KEPT][LP_STORE_OID],
					uint32_t *ret_count, struct err *err);

/* The nth newest, from 0. LP_NOT_FOUND past the last one. */
LP_CHECKED enum lp_code lp_refusal_nth(struct db *db, const char *source, unsigned nth,
				       struct stored_refusal *ret, struct err *err);
#endif

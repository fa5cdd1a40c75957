/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_JUDGE_H
#define LIMPET_AGENT_TRUST_JUDGE_H
/*
 * The judgement of a tip: whose signature it carries, and whether it goes
 * forward from what was accepted last. Reads commits through a callback and
 * decides; remembering the outcome is the caller's.
 */
#include "agent/trust/commit.h"
#include "agent/trust/policy.h"
#include "agent/trust/verdict.h"
#include "agent/trust/verified.h"

/*
 * Whether a revision with this payload was accepted at any time before. LP_OK with the
 * answer in *ret; an error ends the judgement with it.
 */
typedef enum lp_code payload_seen(void *ctx, const struct payload_id *id, bool *ret,
				  struct err *err);

/* What was accepted last. */
struct trust_floor {
	bool present; /* false: first start, nothing was accepted yet */
	bool lost;    /* its revision is not stored any more: the same one again is news */
	struct oid commit;
	struct payload_id payload;
	int64_t sequence;   /* the highest that was accepted; 0: none */
	payload_seen *seen; /* may be NULL: nothing but the floor is known */
	void *seen_ctx;
};

/*
 * Appends the content of the file limpet.yaml at the source's path in the tree of a commit to
 * out, which takes no more than LP_BINDING_BYTES. LP_NOT_FOUND: there is none; LP_LIMIT: it is
 * larger; any other error ends the judgement.
 */
typedef enum lp_code binding_reader(void *ctx, const struct oid *tree, struct buf *out,
				    struct err *err);

/* Where the judge reads. */
struct trust_reader {
	commit_reader *commit;
	void *commit_ctx;
	bool cut; /* commits below that are not there were left out: they pass a limit */
	binding_reader *binding; /* may be NULL when the policy has no binding */
	void *binding_ctx;
};

struct judgement {
	enum verdict verdict;
	char reason[LP_REASON_TEXT]; /* for a person; without the verdict's name */
	struct payload_id payload;   /* of the tip; zero when it was too malformed to have one */
	char signer[LP_SIGNER_TEXT]; /* "" when unknown */
	char fingerprint[LP_FINGERPRINT_TEXT]; /* "" when there is no readable key */

	/* only when accepted: */
	bool nothing_new; /* the tip's payload is the floor's: no new revision */
	struct verified verified;

	/*
	 * Set with VERDICT_DIVERGED when a commit on the way was not there: the answer may be
	 * another once it is. Fetch deeper, within limits, and judge again.
	 */
	bool incomplete;
	struct oid missing; /* one commit that was asked for and not there */
	unsigned walked;    /* commits read below the tip */
};

/*
 * Judges tip. LP_OK: *ret holds the verdict, refusals included. Otherwise the judgement could
 * not be made (the reader failed, out of memory): *ret is undefined and nothing is decided.
 * LP_NOT_FOUND when the tip itself is not there.
 */
LP_CHECKED enum lp_code lp_trust_judge(const struct trust_policy *policy, const struct oid *tip,
				       const struct trust_floor *floor,
				       const struct trust_reader *reader, struct judgement *ret,
				       struct err *err);

/*
 * Judges the bytes of one commit by its signature alone: no floor, no parents. As above.
 */
LP_CHECKED enum lp_code lp_trust_judge_bytes(const struct trust_policy *policy, struct slice object,
					     struct judgement *ret, struct err *err);

/*
 * A digest of all that a refusal was judged by: the signers file, the settings, the limits,
 * limpet's version and the floor. A tip that was refused is not fetched again until this
 * changes.
 */
void lp_trust_digest(const struct trust_policy *policy, const struct trust_floor *floor,
		     const char *version, uint8_t out[LP_SHA256_BYTES]);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/judge.h"

#include "agent/trust/ancestry.h"
#include "agent/trust/signature.h"
#include "platform/clock.h"
#include "platform/text.h"

#include <inttypes.h>

/* One tip under judgement: what was read of it. */
struct tip {
	struct oid id;
	struct slice object;
	struct commit commit;
	struct binding binding;
};

static unsigned ancestry_limit(const struct trust_policy *policy)
{
	return policy->ancestry_commits ? policy->ancestry_commits : LP_ANCESTRY_COMMITS;
}

/* Settles on a verdict; the text cannot be too long for a reason but is cut all the same. */
LP_PRINTF(3, 4)
static void settle(struct judgement *j, enum verdict verdict, const char *fmt, ...)
{
	va_list args;

	j->verdict = verdict;
	va_start(args, fmt);
	vsnprintf(j->reason, sizeof(j->reason), fmt, args);
	va_end(args);
}

/* Bytes that are no commit to us: what they are called. */
static void settle_unreadable(struct judgement *j, const struct tip *t, const struct err *err)
{
	if (lp_commit_is_sha256(t->object.data, t->object.len))
		settle(j, VERDICT_UNSUPPORTED_FORMAT, "the repository has SHA-256 object ids");
	else if (err->code == LP_LIMIT)
		settle(j, VERDICT_TOO_LARGE, "%.400s", err->msg);
	else
		settle(j, VERDICT_MALFORMED, "%.400s", err->msg);
}

static void fill_verified(const struct tip *t, struct judgement *j)
{
	struct verified *v = &j->verified;

	v->commit = t->id;
	v->tree = t->commit.tree;
	v->payload = t->commit.payload_id;
	memcpy(v->signer, j->signer, sizeof(v->signer));
	memcpy(v->fingerprint, j->fingerprint, sizeof(v->fingerprint));
	v->committed_s = t->commit.committer.time_s;
	v->sequence = t->binding.sequence;
	v->expires_s = t->binding.expires_s;
	lp_printable(t->commit.subject, v->subject, sizeof(v->subject));
}

/* Everything about the tip that needs no other commit. */
static enum lp_code judge_tip(const struct trust_policy *policy, struct tip *t, struct judgement *j,
			      struct err *err)
{
	struct signature signature;

	LP_TRY(lp_crypto_init(err));
	lp_commit_oid(t->object.data, t->object.len, &t->id);
	if (lp_commit_parse(t->object.data, t->object.len, &t->commit, err) != LP_OK) {
		settle_unreadable(j, t, err);
		return LP_OK;
	}
	j->payload = t->commit.payload_id;
	LP_TRY(lp_signature_judge(policy, &t->commit, SIGNATURE_OF_TIP, &signature, err));
	j->verdict = signature.verdict;
	memcpy(j->reason, signature.reason, sizeof(j->reason));
	memcpy(j->signer, signature.signer, sizeof(j->signer));
	memcpy(j->fingerprint, signature.fingerprint, sizeof(j->fingerprint));
	return LP_OK;
}

/* Whether the tip is among the ancestors of the floor, as far as those can still be read. */
static enum lp_code is_behind(const struct trust_policy *policy, const struct tip *t,
			      const struct trust_floor *floor, const struct trust_reader *reader,
			      bool *ret, struct err *err)
{
	struct ancestry_walk w = {
		.from = &floor->commit,
		.from_len = 1,
		.goal = t->id,
		.goal_payload = t->commit.payload_id,
		.max = ancestry_limit(policy),
		.read = reader->commit,
		.ctx = reader->commit_ctx,
	};

	LP_TRY(lp_ancestry_walk(&w, err));
	*ret = w.result == ANCESTRY_FOUND;
	return LP_OK;
}

/* The way down from the tip is not what it must be: what that is called. */
static void settle_way(struct judgement *j, const struct ancestry_walk *w,
		       const struct trust_floor *floor, bool behind, bool cut,
		       const struct err *err)
{
	char floor_hex[LP_OID_TEXT], hex[LP_OID_TEXT];

	lp_oid_hex(&floor->commit, floor_hex);
	lp_oid_hex(&w->at, hex);
	if (w->result == ANCESTRY_MALFORMED || w->result == ANCESTRY_TOO_LARGE) {
		settle(j, w->result == ANCESTRY_MALFORMED ? VERDICT_MALFORMED : VERDICT_TOO_LARGE,
		       "commit %s below the tip: %.400s", hex, err->msg);
	} else if (behind) {
		settle(j, VERDICT_ROLLBACK, "it is an ancestor of the accepted commit %s",
		       floor_hex);
	} else if (w->result == ANCESTRY_TOO_LONG && !w->found) {
		settle(j, VERDICT_TOO_LARGE,
		       "the accepted commit %s is not among the first %u commits below it",
		       floor_hex, w->max);
	} else if (w->result == ANCESTRY_TOO_LONG) {
		settle(j, VERDICT_TOO_LARGE,
		       "more than %u commits between it and the accepted commit %s", w->max,
		       floor_hex);
	} else if (w->result == ANCESTRY_INCOMPLETE && cut) {
		settle(j, VERDICT_TOO_LARGE,
		       "between it and the accepted commit %s lies more than is fetched: %u "
		       "commits at most, and their bytes have a limit too",
		       floor_hex, LP_ANCESTRY_COMMITS);
	} else {
		j->incomplete = w->result == ANCESTRY_INCOMPLETE;
		j->missing = w->at;
		settle(j, VERDICT_DIVERGED, "%s the accepted commit %s%s%s",
		       w->found ? "something was merged into it that does not come from"
				: "it does not descend from",
		       floor_hex,
		       j->incomplete ? ", as far as its ancestors were fetched: not " : "",
		       j->incomplete ? hex : "");
	}
}

/* What is asked of a commit between the floor and the tip. */
struct between {
	const struct trust_policy *policy;
	struct signature signature; /* of the first that is refused */
};

static enum lp_code check_signature(void *ctx, const struct oid *id, const struct commit *commit,
				    bool *ret_good, struct err *err)
{
	struct between *b = ctx;

	LP_TRY(lp_signature_judge(b->policy, commit, SIGNATURE_BELOW, &b->signature, err));
	*ret_good = b->signature.verdict == VERDICT_ACCEPTED;
	return LP_OK;
}

static void settle_below(struct judgement *j, const struct ancestry_walk *w,
			 const struct signature *s)
{
	char hex[LP_OID_TEXT];

	settle(j, s->verdict, "commit %s below the tip: %.440s", lp_oid_hex(&w->at, hex),
	       s->reason);
	memcpy(j->fingerprint, s->fingerprint, sizeof(j->fingerprint));
	memcpy(j->signer, s->signer, sizeof(j->signer));
}

/*
 * A tip that is not the floor: whether it goes forward, and over what. *ret_anew: it does not
 * descend, but all that it descends from was seen, and is good.
 */
static enum lp_code judge_descent(const struct trust_policy *policy, const struct tip *t,
				  const struct trust_floor *floor,
				  const struct trust_reader *reader, struct judgement *j,
				  bool *ret_anew, struct err *err)
{
	struct between between = {.policy = policy};
	struct ancestry_walk w = {
		.from = t->commit.parents,
		.from_len = t->commit.parents_len,
		.goal = floor->commit,
		.goal_payload = floor->payload,
		.all = true,
		.max = ancestry_limit(policy),
		.read = reader->commit,
		.ctx = reader->commit_ctx,
		.check = policy->history == HISTORY_EVERY ? check_signature : NULL,
		.check_ctx = &between,
	};
	bool behind = false;

	LP_TRY(lp_ancestry_walk(&w, err));
	j->walked = w.walked;
	*ret_anew = w.result == ANCESTRY_NOT_FOUND && !w.refused;
	if (w.result == ANCESTRY_FOUND)
		return LP_OK;
	if (w.result == ANCESTRY_REFUSED) {
		settle_below(j, &w, &between.signature);
		return LP_OK;
	}
	struct err walk_err = *err;
	if (!w.found && w.result != ANCESTRY_MALFORMED && w.result != ANCESTRY_TOO_LARGE)
		LP_TRY(is_behind(policy, t, floor, reader, &behind, err));
	settle_way(j, &w, floor, behind, reader->cut, &walk_err);
	return LP_OK;
}

/* What the tip's limpet.yaml says; a tree without one has none. */
static enum lp_code read_binding(const struct trust_reader *reader, struct tip *t,
				 struct judgement *j, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_BINDING_BYTES), problems = {0};

	enum lp_code code = reader->binding(reader->binding_ctx, &t->commit.tree, &text, err);
	if (code == LP_NOT_FOUND)
		return LP_OK;
	if (code == LP_OK)
		code = lp_binding_parse(LP_SLICE_OF(&text), LP_BINDING_FILE, &t->binding, &problems,
					err);
	if (code != LP_REJECTED && code != LP_LIMIT)
		return code;
	settle(j, VERDICT_MALFORMED, "%.480s", err->msg);
	return LP_OK;
}

/* For whom the tip is, and until when. */
static enum lp_code judge_binding(const struct trust_policy *policy,
				  const struct trust_reader *reader, struct tip *t,
				  struct judgement *j, struct err *err)
{
	char reason[LP_REASON_TEXT];

	if (!policy->binding)
		return LP_OK;
	LP_TRY(read_binding(reader, t, j, err));
	if (j->verdict != VERDICT_ACCEPTED)
		return LP_OK;
	enum verdict verdict =
		lp_binding_judge(t->binding.present ? &t->binding : NULL, policy->binding, reason);
	if (verdict != VERDICT_ACCEPTED)
		settle(j, verdict, "%s", reason);
	return LP_OK;
}

/* Its place among the releases; true when that settles it. */
static bool judge_sequence(const struct tip *t, const struct trust_floor *floor,
			   struct judgement *j)
{
	int64_t is = t->binding.sequence, was = floor->sequence;

	if (!is || !was || is > was)
		return false;
	if (is == was)
		settle(j, VERDICT_EQUIVOCATION,
		       "another revision with sequence %" PRId64 " was accepted before", is);
	else
		settle(j, VERDICT_ROLLBACK,
		       "its sequence is %" PRId64 ", and %" PRId64 " was accepted before", is, was);
	return true;
}

/* The tip's signature is good: where it stands to what was accepted. */
static enum lp_code judge_direction(const struct trust_policy *policy, const struct tip *t,
				    const struct trust_floor *floor,
				    const struct trust_reader *reader, struct judgement *j,
				    struct err *err)
{
	bool seen = false, anew = false;

	if (floor->seen)
		LP_TRY(floor->seen(floor->seen_ctx, &t->commit.payload_id, &seen, err));
	if (seen) {
		settle(j, VERDICT_ROLLBACK, "it was accepted before, and newer ones after it");
		return LP_OK;
	}
	if (judge_sequence(t, floor, j))
		return LP_OK;
	struct judgement descent = *j;
	LP_TRY(judge_descent(policy, t, floor, reader, &descent, &anew, err));
	/* A branch that was begun anew says so by its place among the releases. */
	if (descent.verdict == VERDICT_DIVERGED && anew && t->binding.sequence > floor->sequence)
		return LP_OK;
	*j = descent;
	return LP_OK;
}

/* The tip's signature is good: whether it is news, for us, and goes forward. */
static enum lp_code judge_revision(const struct trust_policy *policy, struct tip *t,
				   const struct trust_floor *floor,
				   const struct trust_reader *reader, struct judgement *j,
				   struct err *err)
{
	bool present = floor && floor->present;
	bool same = present && lp_payload_equal(&t->commit.payload_id, &floor->payload);

	j->nothing_new = same && !floor->lost;
	if (j->nothing_new)
		return LP_OK;
	LP_TRY(judge_binding(policy, reader, t, j, err));
	if (j->verdict != VERDICT_ACCEPTED || !present || same)
		return LP_OK;
	return judge_direction(policy, t, floor, reader, j, err);
}

enum lp_code lp_trust_judge(const struct trust_policy *policy, const struct oid *tip,
			    const struct trust_floor *floor, const struct trust_reader *reader,
			    struct judgement *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf bytes = LP_BUF(LP_COMMIT_BYTES);
	struct tip t = {0};

	*ret = (struct judgement){.verdict = VERDICT_MALFORMED}; /* until it is settled */
	LP_TRY(lp_crypto_init(err));
	enum lp_code code = lp_commit_read(reader->commit, reader->commit_ctx, tip, &bytes, err);
	if (code == LP_LIMIT) {
		settle(ret, VERDICT_TOO_LARGE, "%.400s", err->msg);
		return LP_OK;
	}
	LP_TRY(code);
	t.object = LP_SLICE_OF(&bytes);
	LP_TRY(judge_tip(policy, &t, ret, err));
	if (ret->verdict != VERDICT_ACCEPTED)
		return LP_OK;
	code = judge_revision(policy, &t, floor, reader, ret, err);
	if (code != LP_OK)
		ret->verdict =
			VERDICT_MALFORMED; /* a caller that forgets the code accepts nothing */
	else if (ret->verdict == VERDICT_ACCEPTED)
		fill_verified(&t, ret);
	return code;
}

enum lp_code lp_trust_judge_bytes(const struct trust_policy *policy, struct slice object,
				  struct judgement *ret, struct err *err)
{
	struct tip t = {.object = object};

	*ret = (struct judgement){.verdict = VERDICT_MALFORMED}; /* until it is settled */
	LP_TRY(judge_tip(policy, &t, ret, err));
	if (ret->verdict == VERDICT_ACCEPTED)
		fill_verified(&t, ret);
	return LP_OK;
}

static void add_number(struct lp_hash *h, uint64_t value)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
	lp_hash_add(h, bytes, sizeof(bytes));
}

static void add_text(struct lp_hash *h, const char *text)
{
	add_number(h, strlen(text));
	lp_hash_add(h, text, strlen(text));
}

static void add_binding(struct lp_hash *h, const struct binding_policy *binding)
{
	add_number(h, binding != NULL);
	if (!binding)
		return;
	add_number(h, binding->required);
	add_text(h, binding->repo ? binding->repo : "");
	add_text(h, binding->site);
	for (size_t i = 0; i < binding->group_count; i++)
		add_text(h, binding->groups[i]);
}

void lp_trust_digest(const struct trust_policy *policy, const struct trust_floor *floor,
		     const char *version, uint8_t out[LP_SHA256_BYTES])
{
	static const struct payload_id none;
	LP_AUTO(lp_hash_abort) struct lp_hash h = {0};
	bool present = floor && floor->present;

	lp_hash_begin(&h, LP_SHA256);
	add_number(&h, strlen(version));
	lp_hash_add(&h, version, strlen(version));
	lp_hash_add(&h, policy->signers->digest, sizeof(policy->signers->digest));
	add_number(&h, policy->pgp_keys != NULL);
	if (policy->pgp_keys)
		lp_hash_add(&h, policy->pgp_keys->digest, sizeof(policy->pgp_keys->digest));
	add_number(&h, policy->revoked != NULL);
	if (policy->revoked)
		lp_hash_add(&h, policy->revoked->digest, sizeof(policy->revoked->digest));
	add_number(&h, lp_policy_rsa_bits(policy));
	add_number(&h, policy->history);
	add_binding(&h, policy->binding);
	add_number(&h, ancestry_limit(policy));
	add_number(&h, LP_COMMIT_BYTES);
	add_number(&h, LP_ARMOR_BYTES);
	add_number(&h, LP_COMMIT_PARENTS);
	add_number(&h, present);
	lp_hash_add(&h, present ? floor->payload.bytes : none.bytes, sizeof(none.bytes));
	lp_hash_end(&h, out);
}

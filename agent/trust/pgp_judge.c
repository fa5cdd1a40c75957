/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/pgp_judge.h"

#include "agent/trust/pgp_armor.h"
#include "platform/clock.h"
#include "platform/text.h"

#include <stdio.h>

/* Settles on a verdict; the text cannot be too long for a reason but is cut all the same. */
LP_PRINTF(3, 4)
static void settle(struct signature *s, enum verdict verdict, const char *fmt, ...)
{
	va_list args;

	s->verdict = verdict;
	va_start(args, fmt);
	vsnprintf(s->reason, sizeof(s->reason), fmt, args);
	va_end(args);
	lp_trim_cut(s->reason);
}

/* Who the signature says made it, until a key is found. */
static void show_issuer(const struct pgp_signature *sig, struct signature *s)
{
	if (sig->has_fingerprint)
		lp_pgp_hex(sig->fingerprint, sizeof(sig->fingerprint), s->fingerprint);
	else if (sig->has_key_id)
		lp_pgp_hex(sig->key_id, sizeof(sig->key_id), s->fingerprint);
}

static void settle_date(struct signature *s, enum verdict verdict, const struct pgp_line *line,
			const char *what, int64_t time_s)
{
	char limit[LP_TIME_TEXT], time[LP_TIME_TEXT];
	bool expired = verdict == VERDICT_EXPIRED_KEY;

	lp_time_text(expired ? line->expires_s : line->key.created_s, limit);
	lp_time_text(time_s, time);
	settle(s, verdict,
	       "key %s of %.120s is valid %s %s (line %u of the OpenPGP keys), and %s %s",
	       s->fingerprint, s->signer, expired ? "until" : "from", limit, line->number, what,
	       time);
}

/* Whether the key was valid at a date that is signed. */
static bool is_in_time(struct signature *s, const struct pgp_line *line, const char *what,
		       int64_t time_s)
{
	if (line->expires_s && time_s > line->expires_s)
		settle_date(s, VERDICT_EXPIRED_KEY, line, what, time_s);
	else if (time_s < line->key.created_s)
		settle_date(s, VERDICT_NOT_YET_VALID_KEY, line, what, time_s);
	else
		return true;
	return false;
}

/* A signature may say itself until when it counts. */
static bool counts_at(struct signature *s, const struct pgp_signature *sig, const char *what,
		      int64_t time_s)
{
	char limit[LP_TIME_TEXT], time[LP_TIME_TEXT];

	if (!sig->expires_s || time_s <= sig->expires_s)
		return true;
	settle(s, VERDICT_EXPIRED_KEY,
	       "the signature by key %s of %.120s counts until %s, and %s %s", s->fingerprint,
	       s->signer, lp_time_text(sig->expires_s, limit), what, lp_time_text(time_s, time));
	return false;
}

/* Whoever finds an expired key can date a commit back, but not the clock of this device. */
static bool is_past(const struct trust_policy *policy, enum signature_place place,
		    const struct pgp_signature *sig, const struct pgp_line *line,
		    struct signature *s)
{
	const char *what = "whatever date the commit bears, it is at least";

	if (place != SIGNATURE_OF_TIP)
		return false;
	if (!counts_at(s, sig, what, policy->floor_s))
		return true;
	if (!line->expires_s || policy->floor_s <= line->expires_s)
		return false;
	settle_date(s, VERDICT_EXPIRED_KEY, line, what, policy->floor_s);
	return true;
}

/* The signature is good; what its dates and its key's say about it. */
static void settle_key(const struct trust_policy *policy, const struct commit *commit,
		       enum signature_place place, const struct pgp_signature *sig,
		       const struct pgp_line *line, struct signature *s)
{
	if (line->key.algorithm == PGP_RSA && line->key.bits < lp_policy_rsa_bits(policy)) {
		settle(s, VERDICT_UNSUPPORTED_KEY,
		       "signed by RSA key %s of %u bits; at least %u are demanded", s->fingerprint,
		       line->key.bits, lp_policy_rsa_bits(policy));
		return;
	}
	if (!is_in_time(s, line, "the commit is dated", commit->committer.time_s) ||
	    !is_in_time(s, line, "the signature is dated", sig->created_s) ||
	    !counts_at(s, sig, "the commit is dated", commit->committer.time_s) ||
	    is_past(policy, place, sig, line, s))
		return;
	settle(s, VERDICT_ACCEPTED, "signed by %.120s with key %s", s->signer, s->fingerprint);
}

static void judge(const struct trust_policy *policy, const struct commit *commit,
		  enum signature_place place, const struct pgp_signature *sig, struct signature *s)
{
	const struct pgp_line *line = lp_pgp_keys_find(policy->pgp_keys, sig);

	if (!line) {
		settle(s, VERDICT_UNKNOWN_SIGNER,
		       "signed by OpenPGP key %s, which no line of the OpenPGP keys names",
		       s->fingerprint);
		return;
	}
	lp_pgp_fingerprint(&line->key, s->fingerprint);
	lp_pgp_signer(line, s->signer);
	if (!lp_pgp_verify(sig, &line->key, commit->payload, 2))
		settle(s, VERDICT_BAD_SIGNATURE,
		       "the signature by key %s does not fit what the commit says", s->fingerprint);
	else
		settle_key(policy, commit, place, sig, line, s);
}

bool lp_pgp_is_signature(struct slice armor)
{
	return lp_slice_starts(armor, LP_PGP_BEGIN_SIGNATURE);
}

enum lp_code lp_pgp_judge(const struct trust_policy *policy, const struct commit *commit,
			  enum signature_place place, struct signature *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf blob = LP_BUF(LP_ARMOR_BYTES);
	struct pgp_signature sig;
	enum verdict verdict;

	*ret = (struct signature){.verdict = VERDICT_MALFORMED}; /* until it is settled */
	enum lp_code code = lp_pgp_signature_parse(commit->armor, &blob, &sig, &verdict, err);
	if (code == LP_INTERNAL)
		return code;
	show_issuer(&sig, ret);
	if (code == LP_OK)
		judge(policy, commit, place, &sig, ret);
	else
		settle(ret, verdict, "%.400s", err->msg);
	return LP_OK;
}

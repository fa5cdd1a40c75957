/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/signature.h"

#include "platform/clock.h"
#include "platform/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMESPACE "git" /* what git passes to ssh-keygen -Y sign -n */

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

/* A key that no line lets sign for git; line names it for something else, or is NULL. */
static void settle_unknown(struct signature *s, const struct signer *line)
{
	if (line)
		settle(s, VERDICT_UNKNOWN_SIGNER,
		       "signed by key %s, which line %u of the allowed signers does not let sign "
		       "for " NAMESPACE,
		       s->fingerprint, line->line);
	else
		settle(s, VERDICT_UNKNOWN_SIGNER,
		       "signed by key %s, which no line of the allowed signers names",
		       s->fingerprint);
}

static void settle_by_time(struct signature *s, enum verdict verdict, const struct signer *line,
			   int64_t time_s)
{
	char limit[LP_TIME_TEXT], dated[LP_TIME_TEXT];
	bool expired = verdict == VERDICT_EXPIRED_KEY;

	lp_time_text(expired ? line->valid_before_s : line->valid_after_s, limit);
	lp_time_text(time_s, dated);
	settle(s, verdict,
	       "key %s of %.120s is valid %s %s (line %u of the allowed signers), and the "
	       "commit is dated %s",
	       s->fingerprint, s->signer, expired ? "until" : "from", limit, line->line, dated);
}

/* Whoever finds an expired key can date a commit back, but not the clock of this device. */
static bool is_past(const struct trust_policy *policy, const struct signer *line,
		    enum signature_place place)
{
	return place == SIGNATURE_OF_TIP && line->valid_before_s &&
	       policy->floor_s > line->valid_before_s;
}

static void settle_past(struct signature *s, const struct signer *line, int64_t floor_s)
{
	char limit[LP_TIME_TEXT], now[LP_TIME_TEXT];

	lp_time_text(line->valid_before_s, limit);
	lp_time_text(floor_s, now);
	settle(s, VERDICT_EXPIRED_KEY,
	       "key %s of %.120s is valid until %s (line %u of the allowed signers), and it is at "
	       "least %s now, whatever date the commit bears",
	       s->fingerprint, s->signer, limit, line->line, now);
}

/* The signature is good; what the line of its key says about it. */
static void settle_key(const struct trust_policy *policy, const struct commit *commit,
		       enum signature_place place, const struct ssh_key *key, enum verdict found,
		       const struct signer *line, struct signature *s)
{
	if (found == VERDICT_UNSUPPORTED_KEY)
		settle(s, found,
		       "signed by key %s, which line %u of the allowed signers has as an "
		       "authority for certificates, and those are not read yet",
		       s->fingerprint, line->line);
	else if (found != VERDICT_ACCEPTED)
		settle_by_time(s, found, line, commit->committer.time_s);
	else if (is_past(policy, line, place))
		settle_past(s, line, policy->floor_s);
	else if (key->type == SSH_KEY_RSA && key->bits < lp_policy_rsa_bits(policy))
		settle(s, VERDICT_UNSUPPORTED_KEY,
		       "signed by RSA key %s of %u bits; at least %u are demanded", s->fingerprint,
		       key->bits, lp_policy_rsa_bits(policy));
	else
		settle(s, VERDICT_ACCEPTED, "signed by %.120s with key %s", s->signer,
		       s->fingerprint);
}

/* Judges a signature that was read: its namespace, its key, itself, and then its time. */
static void judge_ssh(const struct trust_policy *policy, const struct commit *commit,
		      enum signature_place place, const struct sshsig *sig, struct signature *s)
{
	const struct signer *line;
	char shown[64];

	lp_ssh_fingerprint(sig->key.blob, s->fingerprint);
	enum verdict found = lp_signers_find(policy->signers, &sig->key, NAMESPACE,
					     commit->committer.time_s, &line);
	if (line)
		lp_signer_principal(line, s->signer);
	if (found == VERDICT_UNKNOWN_SIGNER || !line)
		settle_unknown(s, line);
	else if (!lp_slice_is(sig->name_space, NAMESPACE))
		settle(s, VERDICT_BAD_SIGNATURE,
		       "key %s signed this for namespace \"%s\", not for \"" NAMESPACE "\"",
		       s->fingerprint, lp_printable(sig->name_space, shown, sizeof(shown)));
	else if (!lp_sshsig_verify(sig, commit->payload, 2))
		settle(s, VERDICT_BAD_SIGNATURE,
		       "the signature by key %s does not fit what the commit says", s->fingerprint);
	else
		settle_key(policy, commit, place, &sig->key, found, line, s);
}

enum lp_code lp_signature_judge(const struct trust_policy *policy, const struct commit *commit,
				enum signature_place place, struct signature *ret, struct err *err)
{
	LP_AUTO(lp_sshsig_free) struct sshsig sig = {0};
	enum verdict verdict;

	*ret = (struct signature){.verdict = VERDICT_MALFORMED}; /* until it is settled */
	if (!commit->is_signed) {
		settle(ret, VERDICT_UNSIGNED, "the commit has no signature");
		return LP_OK;
	}
	enum lp_code code = lp_sshsig_parse(commit->armor, &sig, &verdict, err);
	if (code == LP_INTERNAL)
		return code;
	if (code == LP_OK) {
		judge_ssh(policy, commit, place, &sig, ret);
		return LP_OK;
	}
	if (sig.key.blob.len)
		lp_ssh_fingerprint(sig.key.blob, ret->fingerprint);
	settle(ret, verdict, "%.400s", err->msg);
	return LP_OK;
}

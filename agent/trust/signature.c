/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/signature.h"

#include "agent/trust/pgp_judge.h"
#include "agent/trust/sshsig.h"
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

/* As settle_unknown, of a certificate. */
static void settle_unknown_authority(struct signature *s, const struct ssh_cert *cert,
				     const struct signer *line)
{
	char authority[LP_FINGERPRINT_TEXT], id[64];

	lp_ssh_fingerprint(cert->authority.blob, authority);
	if (!line)
		settle(s, VERDICT_UNKNOWN_SIGNER,
		       "key %s has a certificate by %s, which is no cert-authority of the allowed "
		       "signers",
		       s->fingerprint, authority);
	else
		settle(s, VERDICT_UNKNOWN_SIGNER,
		       "key %s has certificate \"%s\" by %s, and line %u of the allowed signers does "
		       "not let any principal of it sign for " NAMESPACE,
		       s->fingerprint, lp_printable(cert->key_id, id, sizeof(id)), authority,
		       line->line);
}

/* A key that no line lets sign for git; line names it for something else, or is NULL. */
static void settle_unknown(struct signature *s, const struct sshsig *sig, const struct signer *line)
{
	if (sig->has_cert)
		settle_unknown_authority(s, &sig->cert, line);
	else if (line)
		settle(s, VERDICT_UNKNOWN_SIGNER,
		       "signed by key %s, which line %u of the allowed signers does not let sign "
		       "for " NAMESPACE,
		       s->fingerprint, line->line);
	else
		settle(s, VERDICT_UNKNOWN_SIGNER,
		       "signed by key %s, which no line of the allowed signers names",
		       s->fingerprint);
}

/* A date as the commit has it. To git, 0 is none; see signers.c. */
static const char *date_text(int64_t time_s, char to[LP_TIME_TEXT])
{
	if (time_s == 0)
		return "0, which is no date";
	lp_time_text(time_s, to);
	return to;
}

static void settle_by_time(struct signature *s, enum verdict verdict, const struct signer *line,
			   int64_t time_s)
{
	char limit[LP_TIME_TEXT], dated[LP_TIME_TEXT];
	bool expired = verdict == VERDICT_EXPIRED_KEY;

	lp_time_text(expired ? line->valid_before_s : line->valid_after_s, limit);
	settle(s, verdict,
	       "key %s of %.120s is valid %s %s (line %u of the allowed signers), and the "
	       "commit is dated %s",
	       s->fingerprint, s->signer, expired ? "until" : "from", limit, line->line,
	       date_text(time_s, dated));
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

/* Whether the certificate is valid at the commit's date, and the tip's at the floor too. */
static enum verdict judge_cert_time(const struct trust_policy *policy, const struct commit *commit,
				    enum signature_place place, const struct ssh_cert *cert)
{
	uint64_t time_s = commit->committer.time_s > 0 ? (uint64_t)commit->committer.time_s : 0;

	if (time_s < cert->valid_after_s)
		return VERDICT_NOT_YET_VALID_KEY;
	if (time_s == 0 && cert->valid_before_s != UINT64_MAX) /* no date: see signers.c */
		return VERDICT_EXPIRED_KEY;
	if (place == SIGNATURE_OF_TIP && policy->floor_s > commit->committer.time_s)
		time_s = (uint64_t)policy->floor_s;
	return time_s < cert->valid_before_s ? VERDICT_ACCEPTED : VERDICT_EXPIRED_KEY;
}

static void settle_by_cert_time(struct signature *s, enum verdict verdict,
				const struct ssh_cert *cert, const struct trust_policy *policy,
				int64_t time_s)
{
	char limit[LP_TIME_TEXT], dated[LP_TIME_TEXT];
	bool expired = verdict == VERDICT_EXPIRED_KEY;
	uint64_t limit_s = expired ? cert->valid_before_s : cert->valid_after_s;
	bool by_floor = expired && time_s != 0 && (uint64_t)time_s < limit_s;

	lp_time_text(limit_s < INT64_MAX ? (int64_t)limit_s : INT64_MAX, limit);
	settle(s, verdict, "the certificate of key %s for %.120s is valid %s %s, and %s %s",
	       s->fingerprint, s->signer, expired ? "until" : "from", limit,
	       by_floor ? "whatever date the commit bears it is now at least"
			: "the commit is dated",
	       date_text(by_floor ? policy->floor_s : time_s, dated));
}

static bool is_too_short(const struct trust_policy *policy, const struct ssh_key *key)
{
	return key->type == SSH_KEY_RSA && key->bits < lp_policy_rsa_bits(policy);
}

static void settle_short(const struct trust_policy *policy, const struct ssh_key *key,
			 struct signature *s)
{
	char fingerprint[LP_FINGERPRINT_TEXT];

	settle(s, VERDICT_UNSUPPORTED_KEY,
	       "signed by RSA key %s of %u bits; at least %u are demanded",
	       lp_ssh_fingerprint(key->blob, fingerprint), key->bits, lp_policy_rsa_bits(policy));
}

/* The signature is good; what the line of its key, or of its authority, says about it. */
static void settle_key(const struct trust_policy *policy, const struct commit *commit,
		       enum signature_place place, const struct sshsig *sig, enum verdict found,
		       const struct signer *line, struct signature *s)
{
	const struct ssh_cert *cert = sig->has_cert ? &sig->cert : NULL;
	enum verdict dated = cert ? judge_cert_time(policy, commit, place, cert) : VERDICT_ACCEPTED;
	const char *what;

	/* before any date: whoever has the key writes the dates */
	if (lp_revocation_has(policy->revoked, &sig->key, cert, &what))
		settle(s, VERDICT_REVOKED_KEY,
		       "signed with key %s of %.120s, and the %s was revoked", s->fingerprint,
		       s->signer, what);
	else if (found == VERDICT_UNSUPPORTED_KEY)
		settle(s, found,
		       "signed by key %s, which line %u of the allowed signers has as an "
		       "authority for certificates only",
		       s->fingerprint, line->line);
	else if (found != VERDICT_ACCEPTED)
		settle_by_time(s, found, line, commit->committer.time_s);
	else if (is_past(policy, line, place))
		settle_past(s, line, policy->floor_s);
	else if (dated != VERDICT_ACCEPTED)
		settle_by_cert_time(s, dated, cert, policy, commit->committer.time_s);
	else if (is_too_short(policy, &sig->key))
		settle_short(policy, &sig->key, s);
	else if (cert && is_too_short(policy, &cert->authority))
		settle_short(policy, &cert->authority, s);
	else
		settle(s, VERDICT_ACCEPTED, "signed by %.120s with key %s", s->signer,
		       s->fingerprint);
}

/* Looks for who signed: a line for the key, or for the authority of its certificate. */
static enum verdict find_signer(const struct trust_policy *policy, const struct commit *commit,
				const struct sshsig *sig, const struct signer **ret_line,
				struct signature *s)
{
	struct slice principal;
	enum verdict found;

	if (!sig->has_cert) {
		found = lp_signers_find(policy->signers, &sig->key, NAMESPACE,
					commit->committer.time_s, ret_line);
		if (*ret_line)
			lp_signer_principal(*ret_line, s->signer);
		return found;
	}
	found = lp_signers_find_cert(policy->signers, &sig->cert, NAMESPACE,
				     commit->committer.time_s, ret_line, &principal);
	/* a certificate is believed once its authority is seen to have signed it */
	if (found != VERDICT_UNKNOWN_SIGNER && lp_ssh_cert_verify(&sig->cert))
		lp_printable(principal, s->signer, sizeof(s->signer));
	return found;
}

/* Judges a signature that was read: its namespace, its key, itself, and then its time. */
static void judge_ssh(const struct trust_policy *policy, const struct commit *commit,
		      enum signature_place place, const struct sshsig *sig, struct signature *s)
{
	const struct signer *line;
	char shown[64];

	lp_ssh_fingerprint(sig->key.blob, s->fingerprint);
	enum verdict found = find_signer(policy, commit, sig, &line, s);
	if (found == VERDICT_UNKNOWN_SIGNER || !line)
		settle_unknown(s, sig, line);
	else if (!*s->signer)
		settle(s, VERDICT_BAD_SIGNATURE,
		       "the certificate of key %s is not signed by the authority that it names",
		       s->fingerprint);
	else if (!lp_slice_is(sig->name_space, NAMESPACE))
		settle(s, VERDICT_BAD_SIGNATURE,
		       "key %s signed this for namespace \"%s\", not for \"" NAMESPACE "\"",
		       s->fingerprint, lp_printable(sig->name_space, shown, sizeof(shown)));
	else if (!lp_sshsig_verify(sig, commit->payload, 2))
		settle(s, VERDICT_BAD_SIGNATURE,
		       "the signature by key %s does not fit what the commit says", s->fingerprint);
	else
		settle_key(policy, commit, place, sig, found, line, s);
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
	if (policy->pgp_keys && lp_pgp_is_signature(commit->armor))
		return lp_pgp_judge(policy, commit, place, ret, err);
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

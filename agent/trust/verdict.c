/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/verdict.h"

#include <string.h>

static const struct {
	const char *name;
	const char *way_out;
} verdicts[VERDICT_COUNT] = {
	[VERDICT_ACCEPTED] = {"accepted", ""},
	[VERDICT_UNSIGNED] = {"unsigned",
			      "sign the commit: git commit --amend -S, then push again"},
	[VERDICT_UNKNOWN_SIGNER] =
		{"unknown-signer",
		 "sign with a key that the device trusts, or add this one to its allowed signers"},
	[VERDICT_BAD_SIGNATURE] =
		{"bad-signature",
		 "the commit was altered after it was signed: sign it again and find out who did it"},
	[VERDICT_EXPIRED_KEY] =
		{"expired-key",
		 "sign with a key that is still valid, or raise valid-before in the allowed signers"},
	[VERDICT_NOT_YET_VALID_KEY] =
		{"not-yet-valid-key",
		 "check the clock of the machine that committed, and valid-after of the key"},
	[VERDICT_REVOKED_KEY] = {"revoked-key", "sign with another key: this one was revoked"},
	[VERDICT_UNSUPPORTED_KEY] =
		{"unsupported-key",
		 "sign with an SSH key: ed25519, ECDSA P-256/384/521, or RSA from 2048 bits"},
	[VERDICT_MALFORMED] = {"malformed",
			       "make the commit with git commit -S; no tool of ours writes this"},
	[VERDICT_ROLLBACK] = {"rollback",
			      "to go back, push a new commit with the old content (git revert)"},
	[VERDICT_DIVERGED] =
		{"diverged",
		 "push a commit that descends from the accepted one; do not rewrite the branch"},
	[VERDICT_EQUIVOCATION] =
		{"equivocation",
		 "two revisions carry one sequence: find out who signed both, then raise it"},
	[VERDICT_UNBOUND] = {"unbound", "add limpet.yaml with repo and audience to the path"},
	[VERDICT_WRONG_REPO] = {"wrong-repo",
				"push to the repository that the device is bound to (trust.repo)"},
	[VERDICT_WRONG_AUDIENCE] =
		{"wrong-audience",
		 "this revision is for other sites: push it to their branch, or widen its audience"},
	[VERDICT_EXPIRED] = {"expired", "release again with a later expires"},
	[VERDICT_TOO_LARGE] = {"too-large",
			       "make it smaller, or push fewer commits at once (trust.commits); "
			       "limits are in the README"},
	[VERDICT_UNSUPPORTED_FORMAT] =
		{"unsupported-format",
		 "use a repository with SHA-1 object ids (git init --object-format=sha1)"},
};

const char *lp_verdict_name(enum verdict verdict)
{
	if ((unsigned)verdict >= VERDICT_COUNT)
		return "malformed";
	return verdicts[verdict].name;
}

bool lp_verdict_parse(const char *name, enum verdict *ret)
{
	for (unsigned i = 0; i < VERDICT_COUNT; i++) {
		if (strcmp(name, verdicts[i].name) == 0) {
			*ret = (enum verdict)i;
			return true;
		}
	}
	return false;
}

const char *lp_verdict_way_out(enum verdict verdict)
{
	if ((unsigned)verdict >= VERDICT_COUNT)
		return "";
	return verdicts[verdict].way_out;
}

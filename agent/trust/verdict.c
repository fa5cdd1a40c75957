/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/verdict.h"

#include <string.h>

static const struct {
	const char *name;
	const char *way_out;
} verdicts[VERDICT_COUNT] = {
	[VERDICT_ACCEPTED] = {"accepted", ""},
	[VERDICT_UNSIGNED] =
		{"unsigned",
		 "sign it (git commit --amend -S) and push; if it is below the tip: git "
		 "rebase --force-rebase -S ACCEPTED, and push --force-with-lease"},
	[VERDICT_UNKNOWN_SIGNER] =
		{"unknown-signer",
		 "sign it again with a key that the device trusts (limpet keys list shows "
		 "them), or add this key's line to the device's allowed signers"},
	[VERDICT_BAD_SIGNATURE] =
		{"bad-signature",
		 "it was altered after it was signed: find out by whom, look into the Git "
		 "server, and sign the right content again"},
	[VERDICT_EXPIRED_KEY] =
		{"expired-key",
		 "sign it again with a key that is still valid, or let this one go on: "
		 "raise its valid-before on the device (OpenPGP: import it again)"},
	[VERDICT_NOT_YET_VALID_KEY] =
		{"not-yet-valid-key",
		 "commit again once the clock of the machine that commits is right, or "
		 "lower the key's valid-after on the device"},
	[VERDICT_REVOKED_KEY] =
		{"revoked-key",
		 "sign it again with another key; if nobody of yours made this commit, "
		 "somebody else has the revoked one"},
	[VERDICT_UNSUPPORTED_KEY] = {"unsupported-key",
				     "sign with an SSH key (ed25519, ECDSA P-256/384/521, RSA from "
				     "trust.rsaBits, or one in hardware) or an OpenPGP v4 key"},
	[VERDICT_MALFORMED] =
		{"malformed",
		 "make the commit again with plain git commit -S: the reason names what "
		 "git itself does not write"},
	[VERDICT_ROLLBACK] = {"rollback",
			      "to go back, push a new commit with the old content (git revert); if "
			      "nobody pushed an old one, look into the Git server"},
	[VERDICT_DIVERGED] =
		{"diverged",
		 "push a commit that descends from the accepted one (limpet status shows "
		 "it); to leave that for good: limpet release raises the sequence"},
	[VERDICT_EQUIVOCATION] =
		{"equivocation", "two revisions carry one sequence: find out who signed both, then "
				 "release the right one with a higher one: limpet release"},
	[VERDICT_UNBOUND] = {"unbound",
			     "write its limpet.yaml: limpet release --init --repo ID --path DIR "
			     "--audience site/NAME, with the device's trust.repo as ID"},
	[VERDICT_WRONG_REPO] =
		{"wrong-repo",
		 "push a release of the repository that trust.repo names; if the device "
		 "has moved to this one, change trust.repo"},
	[VERDICT_WRONG_AUDIENCE] =
		{"wrong-audience",
		 "it is for other sites: push it to their branch, or release it for this "
		 "one too: limpet release --audience"},
	[VERDICT_EXPIRED] =
		{"expired",
		 "release it again: limpet release --expires 90d, and push; if that date "
		 "is still to come, look at the device's clock (limpet doctor)"},
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

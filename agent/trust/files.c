/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/files.h"

void lp_trust_files_free(struct trust_files *f)
{
	lp_signers_free(&f->signers);
	lp_pgp_keys_free(&f->keys);
	lp_revocation_free(&f->revoked);
}

static bool is_named(const char *path)
{
	return path && *path;
}

enum lp_code lp_trust_files_load(const struct trust_paths *paths, struct trust_files *ret,
				 struct err *err)
{
	*ret = (struct trust_files){.has_keys = is_named(paths->keys),
				    .has_revoked = is_named(paths->revoked)};
	if (is_named(paths->signers))
		LP_TRY(lp_signers_load(paths->signers, &ret->signers, err));
	if (ret->has_keys)
		LP_TRY(lp_pgp_keys_load(paths->keys, &ret->keys, err));
	if (ret->has_revoked)
		LP_TRY(lp_revocation_load(paths->revoked, &ret->revoked, err));
	return LP_OK;
}

void lp_trust_files_use(const struct trust_files *f, struct trust_policy *policy)
{
	policy->signers = &f->signers;
	policy->pgp_keys = f->has_keys ? &f->keys : NULL;
	policy->revoked = f->has_revoked ? &f->revoked : NULL;
}

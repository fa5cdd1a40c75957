/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_FILES_H
#define LIMPET_AGENT_TRUST_FILES_H
/* The files that say whom the device's owner trusts, read together. */
#include "agent/trust/pgp_keys.h"
#include "agent/trust/policy.h"
#include "agent/trust/revocation.h"
#include "agent/trust/signers.h"

/* Where they are; "" or NULL: there is none. */
struct trust_paths {
	const char *signers; /* allowed_signers of OpenSSH */
	const char *keys;    /* OpenPGP keys, as limpet keys import writes them */
	const char *revoked; /* a list of SSH keys, or a KRL */
};

struct trust_files {
	struct signers signers;
	struct pgp_keys keys;
	struct revocation revoked;
	bool has_keys, has_revoked;
};

/* Frees what f holds; {0} is fine. For LP_AUTO. */
void lp_trust_files_free(struct trust_files *f);

/*
 * Reads those that are named. The first that cannot be read is the error, as its own loader has it;
 * *ret is then to be freed all the same.
 */
LP_CHECKED enum lp_code lp_trust_files_load(const struct trust_paths *paths,
					    struct trust_files *ret, struct err *err);

/* Has the policy judge by them; it borrows f. */
void lp_trust_files_use(const struct trust_files *f, struct trust_policy *policy);
#endif

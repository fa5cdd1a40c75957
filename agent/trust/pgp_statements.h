/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_PGP_STATEMENTS_H
#define LIMPET_AGENT_TRUST_PGP_STATEMENTS_H
/*
 * What a primary key of OpenPGP says about one thing: itself, a user id, or a
 * subkey. The newest statement counts; one that cannot be checked could be the
 * one that limits the key, and could be a revocation.
 */
#include "agent/trust/pgp_signature.h"

#define LP_PGP_REASON_TEXT 160 /* bytes, with the NUL */

/* What a statement is about: of the two that may be NULL at most one is set. */
struct pgp_subject {
	const struct pgp_key *primary;
	const struct pgp_key *subkey;
	const struct slice *uid;
	unsigned uid_tag; /* of its packet */
};

/* Of one subject; {0} before the first. Slices borrow from the bodies that were added. */
struct pgp_statements {
	bool has;                    /* there is one that counts */
	struct pgp_signature newest; /* of those */
	int64_t doubtful_s;          /* the newest that cannot be checked; 0: none */
	char doubt[LP_PGP_REASON_TEXT];
	bool is_revoked;
	int64_t revoked_s;        /* the newest revocation */
	bool is_revoked_by_other; /* or so it is said: never checked */
	bool names_revoker;       /* one statement that fits names such another key */
};

/*
 * Adds the body of a signature packet that follows its subject in a certificate, as of now_s
 * (Unix seconds). One that says it is by another key, or fits nothing, is passed over, but for
 * a revocation by another key.
 */
void lp_pgp_statements_add(struct pgp_statements *of, struct slice body,
			   const struct pgp_subject *about, int64_t now_s);

/*
 * Whether what the newest statement says can be relied on; otherwise writes why not, as
 * "WHAT is missing".
 */
bool lp_pgp_statements_settled(const struct pgp_statements *of, const char *what,
			       char why[LP_PGP_REASON_TEXT]);

/*
 * Whether the newest statement carries the subkey's own signature, that it belongs to the
 * primary key; otherwise writes why not.
 */
bool lp_pgp_has_back_signature(const struct pgp_statements *of, const struct pgp_subject *about,
			       int64_t now_s, char why[LP_PGP_REASON_TEXT]);
#endif

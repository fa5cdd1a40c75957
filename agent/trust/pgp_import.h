/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_PGP_IMPORT_H
#define LIMPET_AGENT_TRUST_PGP_IMPORT_H
/*
 * OpenPGP certificates, as gpg exports them: which of their keys may sign, judged on a
 * workstation by RFC 4880 and with less patience: SHA-256, SHA-384 and SHA-512 only, a
 * back-signature of each signing subkey, and nothing that must be understood and is not. In
 * doubt a key is refused: a newest statement that cannot be checked could be the one that
 * limits it.
 */
#include "agent/trust/limits.h"
#include "agent/trust/pgp_statements.h"
#include "platform/arena.h"

/* One key of a certificate, and what came of it. Slices and texts live in the arena. */
struct pgp_imported {
	struct pgp_key key;
	bool is_primary;
	bool is_taken;     /* it may sign: write it down */
	bool is_revoked;   /* why not, where a file that has it already must hear of it */
	int64_t expires_s; /* Unix seconds; 0: never */
	const char *label; /* a user id that the primary key signed; "" when there is none */
	char reason[LP_PGP_REASON_TEXT]; /* why it is not taken; "" when it is */
};

struct pgp_import {
	struct arena arena;
	struct pgp_imported *list; /* in the arena; primary keys before their subkeys */
	size_t len;
};

/* Frees what i holds; {0} is fine. For LP_AUTO. */
void lp_pgp_import_free(struct pgp_import *i);

/*
 * Evaluates the certificates of a file, armored or not, as of now_s (Unix seconds). LP_REJECTED
 * when the file is none or cannot be read to its end, LP_LIMIT, LP_INTERNAL; *ret is then
 * empty. Keys that may not sign are in the list too, with the reason.
 */
LP_CHECKED enum lp_code lp_pgp_import(struct slice file, int64_t now_s, struct pgp_import *ret,
				      struct err *err);
#endif

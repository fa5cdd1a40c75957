/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_PGP_KEY_H
#define LIMPET_AGENT_TRUST_PGP_KEY_H
/*
 * An OpenPGP public key of version 4 (RFC 4880, 5.5.2; RFC 9580 for Ed25519):
 * the bare key, of a primary key or a subkey alike.
 */
#include "platform/crypto.h"

#define LP_PGP_FINGERPRINT_TEXT 41 /* 40 upper-case hex digits, as gpg prints it, and a NUL */
#define LP_PGP_KEY_ID           8  /* bytes: the last ones of the fingerprint, which is a SHA-1 */

enum pgp_algorithm {
	PGP_OTHER = 0, /* none that we verify */
	PGP_RSA = 1,
	PGP_ECDSA = 19,
	PGP_EDDSA_LEGACY = 22, /* Ed25519 as gpg has it */
	PGP_ED25519 = 27,      /* Ed25519 as RFC 9580 has it */
};

/* Slices borrow from the body that was parsed. */
struct pgp_key {
	struct slice body; /* of its packet: what the fingerprint is of */
	const char *name;  /* of the algorithm: "rsa", "ecdsa-p256"; borrowed, for ever */
	enum pgp_algorithm algorithm; /* PGP_OTHER: nothing below material is set */
	uint8_t fingerprint[LP_SHA1_BYTES];
	int64_t created_s;     /* Unix seconds */
	struct slice material; /* what follows the algorithm in the body */
	struct slice e, n;     /* rsa, without leading zeros */
	struct slice point;    /* ecdsa: 0x04, X, Y; the others: 32 bytes */
	unsigned bits;         /* of the curve or the modulus */
};

/*
 * Reads the body of a key packet. LP_REJECTED with what is wrong when it is not of version 4,
 * or malformed; *ret is then undefined. An algorithm or curve that we do not verify is none:
 * algorithm is then PGP_OTHER and name says which, as far as that is known.
 */
LP_CHECKED enum lp_code lp_pgp_key_parse(struct slice body, struct pgp_key *ret, struct err *err);

/* The number and name of the algorithm called name in a file of keys; PGP_OTHER: none. */
enum pgp_algorithm lp_pgp_algorithm(const char *name);

/* The fingerprint as gpg prints it. Returns to. */
const char *lp_pgp_fingerprint(const struct pgp_key *key, char to[LP_PGP_FINGERPRINT_TEXT]);

/* Writes n bytes as upper-case hex digits and a NUL. Returns to. */
const char *lp_pgp_hex(const uint8_t *bytes, size_t n, char *to);
#endif

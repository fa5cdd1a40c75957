/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_PGP_SIGNATURE_H
#define LIMPET_AGENT_TRUST_PGP_SIGNATURE_H
/*
 * An OpenPGP signature of version 4 (RFC 4880, 5.2): what it says, and whether a
 * key made it. Whether that key may is for the caller.
 */
#include "agent/trust/pgp_key.h"
#include "agent/trust/verdict.h"

/* Types of signatures. */
enum {
	PGP_OVER_BINARY = 0x00,
	PGP_OVER_USER_ID = 0x10, /* to 0x13 */
	PGP_OVER_USER_ID_LAST = 0x13,
	PGP_BINDS_SUBKEY = 0x18,
	PGP_BACK_SIGNATURE = 0x19, /* by the subkey, that it belongs to the primary key */
	PGP_OVER_KEY = 0x1f,
	PGP_REVOKES_KEY = 0x20,
	PGP_REVOKES_SUBKEY = 0x28,
	PGP_REVOKES_USER_ID = 0x30,
};

#define PGP_FLAG_SIGN 0x02 /* of a key: signs data */

/* Slices borrow from the body that was parsed. */
struct pgp_signature {
	unsigned version; /* set as soon as it is known */
	unsigned type;
	unsigned algorithm;      /* its number, whether we know it or not */
	unsigned hash_id;        /* the same */
	enum lp_hash_alg hash;   /* when has_hash */
	bool has_hash;           /* hash_id is SHA-256, SHA-384 or SHA-512 */
	struct slice hashed;     /* the part of the body that is signed */
	uint8_t left[2];         /* the first bytes of the digest, as the signature has them */
	struct slice numbers[2]; /* rsa: one; ecdsa, eddsa: two; ed25519: one, of 64 bytes */

	/* of the hashed subpackets: */
	bool has_created;
	int64_t created_s;     /* Unix seconds */
	int64_t expires_s;     /* Unix seconds; 0: never */
	int64_t key_expires_s; /* seconds after the key was made; 0: never */
	bool has_flags;
	unsigned flags; /* the first byte of them */
	bool is_primary_uid;
	bool names_revoker; /* another key, which may revoke this one */
	unsigned unknown;   /* a critical subpacket of this type, which we do not know; 0: none */

	/* of the hashed ones, or of those that are not: who made it, and a back-signature */
	bool has_fingerprint, has_key_id;
	uint8_t fingerprint[LP_SHA1_BYTES];
	uint8_t key_id[LP_PGP_KEY_ID];
	struct slice embedded; /* a signature's body */
};

/*
 * Reads the body of a signature packet. Strict is for signatures over commits: only the
 * shortest lengths, and nothing but who made it beside what is signed, so that there is little
 * to respell. LP_REJECTED with what is wrong: malformed, or not of version 4 (version then
 * says which). Algorithms and hashes that we do not verify are none: see has_hash.
 */
LP_CHECKED enum lp_code lp_pgp_signature_read(struct slice body, bool strict,
					      struct pgp_signature *ret, struct err *err);

/*
 * Reads the armor of a gpgsig header (see lp_pgp_unarmor_signature) into blob, an empty buffer
 * of at least LP_ARMOR_BYTES that ret borrows from: exactly one signature, over binary data, by
 * an algorithm and a hash that we verify, with a date, and who made it. On a refusal the code
 * is LP_REJECTED and *ret_verdict how it is to be called: VERDICT_MALFORMED or
 * VERDICT_UNSUPPORTED_KEY; otherwise VERDICT_ACCEPTED, which says nothing about the signature.
 * *ret keeps what was understood. LP_INTERNAL out of memory.
 */
LP_CHECKED enum lp_code lp_pgp_signature_parse(struct slice armor, struct buf *blob,
					       struct pgp_signature *ret, enum verdict *ret_verdict,
					       struct err *err);

/* Whether the signature says that this key made it, by its fingerprint or else its id. */
bool lp_pgp_signature_is_by(const struct pgp_signature *s, const struct pgp_key *key);

/*
 * Whether key made s over data (n_slices slices, one after the other). False for algorithms
 * and hashes that we do not verify.
 */
bool lp_pgp_verify(const struct pgp_signature *s, const struct pgp_key *key,
		   const struct slice *data, size_t n_slices);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_SSHSIG_H
#define LIMPET_AGENT_TRUST_SSHSIG_H
/*
 * SSH keys and SSH signatures (OpenSSH's PROTOCOL.sshsig), read by hand: a
 * signature has one spelling here, so that nobody makes a second one of it.
 */
#include "agent/trust/oid.h"
#include "agent/trust/verdict.h"
#include "agent/trust/verified.h"
#include "platform/crypto.h"

enum ssh_key_type {
	SSH_KEY_UNSUPPORTED = 0, /* a type we know of and refuse, or one we do not know */
	SSH_KEY_ED25519,
	SSH_KEY_ECDSA256,
	SSH_KEY_ECDSA384,
	SSH_KEY_ECDSA521,
	SSH_KEY_RSA,
};

/* A public key; slices borrow from the blob that was parsed. */
struct ssh_key {
	enum ssh_key_type type;
	struct slice name;  /* "ssh-ed25519", as the blob says */
	struct slice blob;  /* all of it: what identifies the key */
	struct slice point; /* ed25519: 32 bytes; ecdsa: 0x04, X, Y */
	struct slice e, n;  /* rsa: without leading zeros */
	unsigned bits;      /* of the curve or the modulus; 256 for ed25519 */
};

/*
 * Reads a public key blob (what base64 in a .pub file stands for). A type that we do not
 * verify is no error: type is then SSH_KEY_UNSUPPORTED and only name and blob are set.
 * LP_REJECTED when the blob is malformed; *ret is then undefined.
 */
LP_CHECKED enum lp_code lp_ssh_key_parse(struct slice blob, struct ssh_key *ret, struct err *err);

/* "SHA256:..." as ssh-keygen -lf prints it. Returns to. */
const char *lp_ssh_fingerprint(struct slice blob, char to[LP_FINGERPRINT_TEXT]);

/* A parsed signature. The slices borrow from blob, which it owns. */
struct sshsig {
	struct buf blob;
	struct ssh_key key;
	struct slice name_space;
	enum lp_hash_alg hash; /* of the payload */
	struct slice sig_alg;  /* "rsa-sha2-512" */
	struct slice sig;      /* ed25519: 64 bytes; rsa: the number, leading zeros kept */
	struct slice r, s;     /* ecdsa: without leading zeros */
};

/* Frees what s holds; {0} is fine. For LP_AUTO. */
void lp_sshsig_free(struct sshsig *s);

/*
 * Reads the armor of a gpgsig header as it stands in the object (continuation lines begin
 * with a space). On a refusal the code is LP_REJECTED and *ret_verdict says how it is to be
 * called: VERDICT_MALFORMED; VERDICT_UNSUPPORTED_KEY for an OpenPGP or X.509 signature and
 * for SSH key types we do not verify; VERDICT_BAD_SIGNATURE never. *ret_verdict is
 * VERDICT_ACCEPTED when the armor was read (which says nothing about the signature).
 * The armor must be what canonical encoding of its blob gives: 70 columns, padded base64,
 * no byte before, between or after. *ret (zeroed or freed before) keeps what was understood,
 * for the report; free it in either case. LP_INTERNAL out of memory.
 */
LP_CHECKED enum lp_code lp_sshsig_parse(struct slice armor, struct sshsig *ret,
					enum verdict *ret_verdict, struct err *err);

/*
 * Whether s signs the payload (n_slices slices, one after the other) in the namespace name_space
 * of its own. The caller has checked that namespace, and that the key is one it trusts.
 */
bool lp_sshsig_verify(const struct sshsig *s, const struct slice *payload, size_t n_slices);
#endif

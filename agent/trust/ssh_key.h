/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_SSH_KEY_H
#define LIMPET_AGENT_TRUST_SSH_KEY_H
/*
 * SSH public keys, and the signatures that they make: over a commit's payload in
 * an SSHSIG, over a certificate's fields when the key is an authority's.
 */
#include "agent/trust/ssh_read.h"
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
	SSH_KEY_SK_ED25519,  /* of a security key (FIDO) */
	SSH_KEY_SK_ECDSA256, /* likewise */
};

/* A public key; slices borrow from the blob that was parsed. */
struct ssh_key {
	enum ssh_key_type type;
	struct slice name;        /* "ssh-ed25519", as the blob says */
	struct slice blob;        /* all of it: what identifies the key */
	struct slice point;       /* ed25519: 32 bytes; ecdsa: 0x04, X, Y */
	struct slice e, n;        /* rsa: without leading zeros */
	struct slice application; /* of a security key: "ssh:" */
	unsigned bits;            /* of the curve or the modulus; 256 for ed25519 */
};

/*
 * Reads a public key blob (what base64 in a .pub file stands for). A type that we do not
 * verify is no error: type is then SSH_KEY_UNSUPPORTED and only name and blob are set.
 * LP_REJECTED when the blob is malformed; *ret is then undefined.
 */
LP_CHECKED enum lp_code lp_ssh_key_parse(struct slice blob, struct ssh_key *ret, struct err *err);

/*
 * Takes the fields of a key that is certified, by the name of the certificate's type. False
 * when they are malformed or the type is none that we verify (ret->type says which). The
 * name is then that of the plain key; the blob is left empty: a certificate has none.
 */
bool lp_ssh_key_take_certified(struct ssh_reader *r, struct slice cert_name, struct ssh_key *ret);

/* Whether a type's name is that of a certificate ("...-cert-v01@openssh.com"). */
bool lp_ssh_is_cert_name(struct slice name);

/* "SHA256:..." as ssh-keygen -lf prints it. Returns to. */
const char *lp_ssh_fingerprint(struct slice blob, char to[LP_FINGERPRINT_TEXT]);

/* A signature as SSH writes it; slices borrow from the field that was parsed. */
struct ssh_signature {
	struct slice alg;  /* "rsa-sha2-512" */
	struct slice data; /* ed25519: 64 bytes; rsa: the number, leading zeros kept */
	struct slice r, s; /* ecdsa: without leading zeros */
	uint8_t flags;     /* of a security key: what it asked of its owner */
	uint32_t counter;  /* of a security key: signatures so far */
};

/*
 * Reads a signature by key. LP_REJECTED and in *ret_verdict how that is to be called:
 * VERDICT_MALFORMED, VERDICT_UNSUPPORTED_KEY (SHA-1, an RSA key of a length we do not
 * read, a type we do not verify) or VERDICT_BAD_SIGNATURE (a security key that nobody
 * touched). A signature has one spelling. *ret_verdict is set on refusals only.
 */
LP_CHECKED enum lp_code lp_ssh_signature_parse(struct slice field, const struct ssh_key *key,
					       struct ssh_signature *ret, enum verdict *ret_verdict,
					       struct err *err);

/* Whether sig, which was parsed with key, is key's signature of the message. */
bool lp_ssh_signature_verify(const struct ssh_signature *sig, const struct ssh_key *key,
			     struct slice message);
#endif

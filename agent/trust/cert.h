/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_CERT_H
#define LIMPET_AGENT_TRUST_CERT_H
/*
 * OpenSSH's certificates (PROTOCOL.certkeys): an authority's word that a key may
 * sign under some names for some time. Who is an authority, the allowed signers say.
 */
#include "agent/trust/ssh_key.h"

/* A certificate. Slices borrow from the blob that was parsed, but for subject's own blob. */
struct ssh_cert {
	struct ssh_key subject;   /* the key that is certified; its blob is subject_blob */
	struct ssh_key authority; /* the key that certifies */
	struct buf subject_blob;  /* owned: the plain key, by which it is known */
	uint32_t type;
	uint64_t serial; /* 0: the authority counts none */
	struct slice key_id;
	struct slice principals;   /* strings in a row; see lp_ssh_cert_principal */
	uint64_t valid_after_s;    /* Unix seconds, inclusive */
	uint64_t valid_before_s;   /* Unix seconds, exclusive; UINT64_MAX: for ever */
	struct slice critical;     /* the first critical option's name, or empty */
	struct slice signed_bytes; /* what the authority signed */
	struct ssh_signature signature;
};

/* Frees what c holds; {0} is fine. For LP_AUTO. */
void lp_ssh_cert_free(struct ssh_cert *c);

/*
 * Reads a certificate to its last byte, its authority's key and signature with it; nothing is
 * verified. LP_REJECTED, with *ret_verdict VERDICT_MALFORMED, VERDICT_UNSUPPORTED_KEY (a
 * type of key or of signature that we do not verify, an authority that is a certificate
 * itself) or VERDICT_BAD_SIGNATURE (as lp_ssh_signature_parse); LP_INTERNAL out of memory.
 * Free *ret (zeroed or freed before) in either case.
 */
LP_CHECKED enum lp_code lp_ssh_cert_parse(struct slice blob, struct ssh_cert *ret,
					  enum verdict *ret_verdict, struct err *err);

/*
 * Whether the certificate is of a kind that may sign commits at all: for a user, with
 * no critical option, since we know none. LP_REJECTED says which of them it is.
 */
LP_CHECKED enum lp_code lp_ssh_cert_usable(const struct ssh_cert *c, struct err *err);

/* Whether the authority in the certificate signed it. That it is one of ours is not asked. */
bool lp_ssh_cert_verify(const struct ssh_cert *c);

/*
 * The next principal of the certificate: left starts as LP_SSH_READER(c->principals). False
 * after the last one.
 */
bool lp_ssh_cert_principal(struct ssh_reader *left, struct slice *ret);
#endif

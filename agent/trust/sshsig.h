/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_SSHSIG_H
#define LIMPET_AGENT_TRUST_SSHSIG_H
/*
 * SSH signatures of files (OpenSSH's PROTOCOL.sshsig), read by hand: a
 * signature has one spelling here, so that nobody makes a second one of it.
 */
#include "agent/trust/cert.h"

/* A parsed signature. The slices borrow from blob and cert, which it owns. */
struct sshsig {
	struct buf blob;
	struct ssh_key key; /* that signed, whether or not it has a certificate */
	bool has_cert;
	struct ssh_cert cert;
	struct slice name_space;
	enum lp_hash_alg hash; /* of the payload */
	struct ssh_signature signature;
};

/* Frees what s holds; {0} is fine. For LP_AUTO. */
void lp_sshsig_free(struct sshsig *s);

/*
 * Reads the armor of a gpgsig header as it stands in the object (continuation lines begin
 * with a space). On a refusal the code is LP_REJECTED and *ret_verdict says how it is to be
 * called: VERDICT_MALFORMED; VERDICT_UNSUPPORTED_KEY for an OpenPGP or X.509 signature, for
 * SSH key types we do not verify and certificates that are not for this;
 * VERDICT_BAD_SIGNATURE for a security key that nobody touched. *ret_verdict is
 * VERDICT_ACCEPTED when the armor was read (which says nothing about the signature).
 * The armor must be what canonical encoding of its blob gives: 70 columns, padded base64,
 * no byte before, between or after. *ret (zeroed or freed before) keeps what was understood,
 * for the report; free it in either case. LP_INTERNAL out of memory.
 */
LP_CHECKED enum lp_code lp_sshsig_parse(struct slice armor, struct sshsig *ret,
					enum verdict *ret_verdict, struct err *err);

/*
 * Whether s signs the payload (n_slices slices, one after the other) in the namespace name_space
 * of its own. The caller has checked that namespace, and that the key is one it trusts; the
 * certificate, when there is one, is the caller's to verify.
 */
bool lp_sshsig_verify(const struct sshsig *s, const struct slice *payload, size_t n_slices);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_REVOCATION_H
#define LIMPET_AGENT_TRUST_REVOCATION_H
/*
 * Keys and certificates that no longer count, whatever the allowed signers say: the
 * file that git calls gpg.ssh.revocationFile. It is a list of public keys, one a line,
 * or a KRL (ssh-keygen -k). What cannot be read to its end refuses the whole file.
 */
#include "agent/trust/krl.h"

struct revocation {
	struct buf krl;                  /* owned; empty when the file was a list of keys */
	struct buf keys;                 /* owned; else the SHA-256 of each key, in a row */
	uint8_t digest[LP_SHA256_BYTES]; /* of the file's content */
};

/* Frees what r holds; {0} is fine. For LP_AUTO. */
void lp_revocation_free(struct revocation *r);

/*
 * Reads the content of such a file; name is for messages. LP_CONFIG with "name: " or
 * "name:line: " and what is wrong, LP_LIMIT, LP_INTERNAL; *ret (zeroed or freed before) is
 * then empty and must not be asked. An empty file is an error: half a write leaves one.
 */
LP_CHECKED enum lp_code lp_revocation_parse(struct slice content, const char *name,
					    struct revocation *ret, struct err *err);

/* Reads a file. Errors of lp_file_read and lp_revocation_parse. */
LP_CHECKED enum lp_code lp_revocation_load(const char *path, struct revocation *ret,
					   struct err *err);

/*
 * Whether the key is revoked; or, when it has a certificate (NULL: none), that, or the
 * key of its authority. *ret_what (may be NULL) then names which, for a sentence: "key",
 * "certificate, by its serial number". False when r is NULL.
 */
bool lp_revocation_has(const struct revocation *r, const struct ssh_key *key,
		       const struct ssh_cert *cert, const char **ret_what);
#endif

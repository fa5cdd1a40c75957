/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_PGP_KEYS_H
#define LIMPET_AGENT_TRUST_PGP_KEYS_H
/*
 * Who may sign with OpenPGP: a text file of bare signing keys, which `limpet keys import`
 * makes of certificates on a workstation, so that no device has to evaluate those. One key a
 * line; empty lines and lines that begin with # are passed over:
 *
 *	ALGORITHM MATERIAL FINGERPRINT CREATED EXPIRES LABEL
 *
 * ALGORITHM is rsa, ecdsa-p256, ecdsa-p384, ecdsa-p521, eddsa (Ed25519 as gpg has it) or
 * ed25519 (as RFC 9580 has it); MATERIAL what follows the algorithm in the key's packet, in
 * base64; FINGERPRINT 40 upper-case hex digits, as gpg prints them, of the (sub)key itself;
 * CREATED and EXPIRES the key's dates, as 2026-11-21T07:40:00Z, or - when it never expires;
 * LABEL, up to the end of the line, the user id. Fields are separated by spaces. One
 * unreadable line refuses the whole file, and so does a fingerprint that is not the key's.
 */
#include "agent/trust/limits.h"
#include "agent/trust/pgp_signature.h"
#include "platform/arena.h"

/* One line. Memory belongs to the arena of the set. */
struct pgp_line {
	unsigned number;    /* in the file, from 1 */
	struct pgp_key key; /* key.created_s: from then on it is valid */
	int64_t expires_s;  /* Unix seconds, inclusive; 0: never */
	const char *label;
};

struct pgp_keys {
	struct arena arena;
	struct pgp_line *list; /* in the arena */
	size_t len;
	uint8_t digest[LP_SHA256_BYTES]; /* of the file's content */
};

/* Frees what k holds; {0} is fine. For LP_AUTO. */
void lp_pgp_keys_free(struct pgp_keys *k);

/*
 * Reads the text of a file of keys; name is for messages. LP_CONFIG with "name:line: what is
 * wrong" of the first bad line; LP_LIMIT; LP_INTERNAL. On an error *ret is empty. A file
 * without any key is read: then nobody signs with OpenPGP.
 */
LP_CHECKED enum lp_code lp_pgp_keys_parse(struct slice text, const char *name, struct pgp_keys *ret,
					  struct err *err);

/* Reads a file. Errors of lp_file_read and lp_pgp_keys_parse. */
LP_CHECKED enum lp_code lp_pgp_keys_load(const char *path, struct pgp_keys *ret, struct err *err);

/* The line of the key that made s, as far as s says; NULL when there is none. */
const struct pgp_line *lp_pgp_keys_find(const struct pgp_keys *k, const struct pgp_signature *s);

/* Appends the line of a key that we verify, with its line end. Errors as lp_buf_append. */
LP_CHECKED enum lp_code lp_pgp_keys_write(const struct pgp_key *key, int64_t expires_s,
					  const char *label, struct buf *out, struct err *err);

/* What people see as the signer: the e-mail address of the label, or all of it. Returns to. */
const char *lp_pgp_signer(const struct pgp_line *line, char to[LP_SIGNER_TEXT]);
#endif

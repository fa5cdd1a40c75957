/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_KRL_H
#define LIMPET_AGENT_TRUST_KRL_H
/*
 * OpenSSH's key revocation lists (PROTOCOL.krl), as ssh-keygen -k makes them. They
 * are read where they lie, so that no count in one decides about memory.
 */
#include "agent/trust/cert.h"

/* A key as lists of the revoked name it. */
struct revoked_name {
	struct slice blob;
	uint8_t sha1[LP_SHA1_BYTES];
	uint8_t sha256[LP_SHA256_BYTES];
};

/* What is asked: a key, and when it has a certificate, that and its authority's key. */
struct revoked_question {
	struct revoked_name key, authority;
	const struct ssh_cert *cert; /* NULL: none, and authority is not looked at */
};

enum revoked { REVOKED_NOT, REVOKED_KEY, REVOKED_AUTHORITY, REVOKED_SERIAL, REVOKED_KEY_ID };

/* Whether the bytes begin as a KRL does. */
bool lp_krl_is(struct slice bytes);

/*
 * Reads a whole KRL and answers the question (NULL: reads only) in *ret. LP_CONFIG for
 * whatever is malformed or not known, sections and critical extensions among it: what
 * they revoke cannot be told. *ret is then REVOKED_NOT and must not be relied on.
 */
LP_CHECKED enum lp_code lp_krl_ask(struct slice krl, const struct revoked_question *question,
				   enum revoked *ret, struct err *err);
#endif

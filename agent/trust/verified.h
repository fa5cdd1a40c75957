/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_VERIFIED_H
#define LIMPET_AGENT_TRUST_VERIFIED_H
/*
 * The door from trust to render: a commit that was accepted. Only judge.c fills
 * one; whoever has one need not ask again, and nobody renders anything else.
 * It holds no pointers, so that it can be copied and stored as it is.
 */
#include "agent/trust/oid.h"
#include "platform/limits.h"

struct verified {
	struct oid commit;
	struct oid tree;
	struct payload_id payload;
	char signer[LP_SIGNER_TEXT];           /* first principal of the line that matched */
	char fingerprint[LP_FINGERPRINT_TEXT]; /* of the key, as ssh-keygen -lf prints it */
	int64_t committed_s;                   /* Unix seconds, as the committer wrote it */
	int64_t sequence;                      /* of its limpet.yaml; 0 none */
	int64_t expires_s;                     /* Unix seconds; of its limpet.yaml; 0 never */
	char subject[LP_SUBJECT_TEXT];         /* printable: control bytes became '?' */
};
#endif

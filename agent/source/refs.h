/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_REFS_H
#define LIMPET_AGENT_SOURCE_REFS_H
/* ls-refs: what a poll asks, and the one ref picked out of the answer. */
#include "agent/source/pkt.h"
#include "agent/trust/oid.h"

/* What is looked for, and what came. */
struct refs_answer {
	const char *ref; /* the exact name; NULL: any ref at all will do */
	bool found, complete;
	struct oid tip;
	struct pkt_reader reader;
};

#define LP_REFS_ANSWER(name) ((struct refs_answer){.ref = (name), .reader = LP_PKT_READER})

void lp_refs_free(struct refs_answer *answer); /* for LP_AUTO */

/* Appends the request for the refs that begin with prefix. */
LP_CHECKED enum lp_code lp_refs_request(const char *prefix, struct buf *to, struct err *err);

/*
 * Takes the next bytes of the answer. LP_REJECTED: not an answer to ls-refs, or object ids that are
 * not SHA-1 ("unsupported-format"); LP_CONFIG: the server refuses, with its words.
 */
LP_CHECKED enum lp_code lp_refs_feed(struct refs_answer *answer, const uint8_t *data, size_t n,
				     struct err *err);

/* After the last byte. LP_TRANSIENT when the answer is not complete. */
LP_CHECKED enum lp_code lp_refs_finish(const struct refs_answer *answer, struct err *err);
#endif

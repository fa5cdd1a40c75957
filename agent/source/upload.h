/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_UPLOAD_H
#define LIMPET_AGENT_SOURCE_UPLOAD_H
/* fetch of protocol v2: what is asked for, and the pack taken out of the answer. */
#include "agent/source/pkt.h"
#include "agent/trust/oid.h"

/* What to ask for. */
struct fetch_wish {
	struct oid want;
	struct oid have;   /* zero: nothing */
	bool tip_only;     /* depth 1; have is then a commit without its parents */
	unsigned depth;    /* commits from want down; 0: all */
	bool commits_only; /* filter=tree:0: only to a server that says `filter` */
};

/* Appends the request. Errors as lp_buf_append. */
LP_CHECKED enum lp_code lp_fetch_ask(const struct fetch_wish *wish, struct buf *to,
				     struct err *err);

/* Gets the bytes of the pack. */
typedef enum lp_code pack_sink(void *ctx, const uint8_t *data, size_t n, struct err *err);

/* An answer as it comes; LP_FETCH_ANSWER to begin with. */
struct fetch_answer {
	enum { ANSWER_SECTION, ANSWER_LINES, ANSWER_PACK, ANSWER_END } state;
	unsigned lines;
	pack_sink *on_pack;
	void *ctx;
	struct pkt_reader reader;
};

#define LP_FETCH_ANSWER(sink, context) \
	((struct fetch_answer){.on_pack = (sink), .ctx = (context), .reader = LP_PKT_READER})

void lp_fetch_answer_free(struct fetch_answer *answer); /* for LP_AUTO */

/*
 * Takes the next bytes. LP_REJECTED: not an answer to fetch; LP_TRANSIENT: the server gave up in
 * the middle, LP_CONFIG: it refuses, both with its words; or what on_pack returned.
 */
LP_CHECKED enum lp_code lp_fetch_answer_feed(struct fetch_answer *answer, const uint8_t *data,
					     size_t n, struct err *err);

/* After the last byte. LP_TRANSIENT when the answer is not complete. */
LP_CHECKED enum lp_code lp_fetch_answer_finish(const struct fetch_answer *answer, struct err *err);
#endif

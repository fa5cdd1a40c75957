/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_PKT_H
#define LIMPET_AGENT_SOURCE_PKT_H
/*
 * pkt-lines, the framing of Git's protocol (gitprotocol-common): four hex digits
 * of length, themselves included, then that many bytes less four; 0000 is a
 * flush, 0001 a delimiter, 0002 the response end.
 */
#include "agent/source/limits.h"
#include "platform/buf.h"

enum pkt_kind { PKT_DATA, PKT_FLUSH, PKT_DELIM, PKT_END };

struct pkt {
	enum pkt_kind kind;
	struct slice data; /* of PKT_DATA; borrowed until the visitor returns */
};

/* Gets each pkt-line in turn; anything but LP_OK ends the reading. */
typedef enum lp_code pkt_visit(void *ctx, const struct pkt *pkt, struct err *err);

/* Reads pkt-lines out of bytes as they come: LP_PKT_READER to begin with. */
struct pkt_reader {
	struct buf partial; /* owned; the line that is not complete yet */
};

#define LP_PKT_READER ((struct pkt_reader){LP_BUF(LP_PKT_BYTES)})

void lp_pkt_free(struct pkt_reader *reader); /* for LP_AUTO */

/* Takes the next n bytes. LP_REJECTED: not pkt-lines; or what visit returned. */
LP_CHECKED enum lp_code lp_pkt_feed(struct pkt_reader *reader, const uint8_t *data, size_t n,
				    pkt_visit *visit, void *ctx, struct err *err);

/* After the last byte. LP_TRANSIENT when a line was cut short. */
LP_CHECKED enum lp_code lp_pkt_finish(const struct pkt_reader *reader, struct err *err);

/* The data as text without the LF at its end. */
struct slice lp_pkt_line(const struct pkt *pkt);

/* Appends a pkt-line with the formatted text and LF. Errors as lp_buf_append. */
LP_CHECKED enum lp_code lp_pkt_put(struct buf *to, struct err *err, const char *fmt, ...)
	LP_PRINTF(3, 4);
LP_CHECKED enum lp_code lp_pkt_put_flush(struct buf *to, struct err *err);
LP_CHECKED enum lp_code lp_pkt_put_delim(struct buf *to, struct err *err);

/*
 * What a server wrote for people, in a form that is safe to show: printable ASCII of at most
 * size - 1 bytes, other bytes as spaces, trimmed. Returns to.
 */
const char *lp_remote_text(struct slice said, char *to, size_t size);
#endif

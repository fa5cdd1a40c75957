/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_CAPABILITIES_H
#define LIMPET_AGENT_SOURCE_CAPABILITIES_H
/* What a server says it can do: the answer to GET info/refs in protocol v2. */
#include "agent/source/pkt.h"

struct capabilities {
	bool version_2; /* false: an older protocol, and nothing else is known */
	bool ls_refs, fetch, filter, shallow;
	bool sha256; /* object ids are not SHA-1 */
};

/* The advertisement as it is read; LP_ADVERTISEMENT to begin with. */
struct advertisement {
	struct capabilities can;
	bool service_seen, decided, complete;
	struct pkt_reader reader;
};

#define LP_ADVERTISEMENT ((struct advertisement){.reader = LP_PKT_READER})

void lp_advertisement_free(struct advertisement *ad); /* for LP_AUTO */

/*
 * Takes the next bytes. Of a server without v2 only the first line is read: all the rest are its
 * refs, and can be left unread. LP_REJECTED: not an advertisement.
 */
LP_CHECKED enum lp_code lp_advertisement_feed(struct advertisement *ad, const uint8_t *data,
					      size_t n, struct err *err);

/* After the last byte. LP_TRANSIENT when it is not complete. */
LP_CHECKED enum lp_code lp_advertisement_finish(const struct advertisement *ad, struct err *err);
#endif

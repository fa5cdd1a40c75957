/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_REMOTE_H
#define LIMPET_AGENT_SOURCE_REMOTE_H
/*
 * One Git server, spoken to in protocol v2 over HTTPS. The connection is kept
 * from one poll to the next as long as address, CA and credentials stay the same.
 *
 * Every error says what to do. Codes: LP_CONFIG a person must act (password, CA, address,
 * protocol); LP_NOT_FOUND no such branch; LP_TRANSIENT network and server trouble; LP_REJECTED,
 * LP_LIMIT what the server sent.
 */
#include "agent/source/capabilities.h"
#include "agent/source/fetched.h"
#include "agent/source/limits.h"
#include "agent/source/upload.h"
#include "platform/http.h"

struct remote {
	struct http *http; /* owned; NULL before the first poll */
	char url[LP_URL_MAX], ca_file[LP_PATH_MAX], credentials_file[LP_PATH_MAX];
	struct buf credentials; /* owned; "user:password" as http has it */
	bool told_mode;         /* that others can read the credentials file */
	struct capabilities can;
	bool can_known;

	/* of the poll at hand */
	int64_t deadline_ms;    /* CLOCK_BOOTTIME */
	int64_t retry_after_ms; /* what the server asked for with its last refusal; -1 nothing */
	uint64_t sent_bytes, received_bytes;
};

#define LP_REMOTE ((struct remote){.credentials = LP_BUF(LP_CREDENTIAL_FILE), .retry_after_ms = -1})

void lp_remote_close(struct remote *remote); /* for LP_AUTO */

/*
 * Makes ready for a poll: reads the credentials anew, and opens a new client when anything
 * changed. *ret_readable_by_others once, when the credentials file is.
 */
LP_CHECKED enum lp_code lp_remote_begin(struct remote *remote, const struct fetch_request *request,
					bool *ret_readable_by_others, struct err *err);

/* The commit that ref points at: one POST. */
LP_CHECKED enum lp_code lp_remote_tip(struct remote *remote, const char *ref, struct oid *ret,
				      struct err *err);

/* What the server can do: one GET the first time on this client. */
LP_CHECKED enum lp_code lp_remote_capabilities(struct remote *remote, struct capabilities *ret,
					       struct err *err);

/* Fetches a pack of at most max_bytes into sink: one POST. */
LP_CHECKED enum lp_code lp_remote_fetch(struct remote *remote, const struct fetch_wish *wish,
					uint64_t max_bytes, pack_sink *sink, void *ctx,
					struct err *err);
#endif

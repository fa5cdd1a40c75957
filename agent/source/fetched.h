/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_FETCHED_H
#define LIMPET_AGENT_SOURCE_FETCHED_H
/*
 * The door source -> trust: what a poll of one source brought, and where its
 * objects lie in quarantine. Made only by source/; nothing in it is trusted.
 */
#include "agent/trust/oid.h"
#include "platform/fs.h"
#include "platform/limits.h"
#include "platform/wire.h"
#include "store/limits.h"

/* The frames of the fetch role. */
enum fetch_frame {
	FETCH_REQUEST = 1, /* to the role: struct fetch_request; one at a time */
	FETCH_RESULT,      /* struct fetched */
	FETCH_ERROR, /* u8 enum lp_code, i64 what the server asks to wait in ms (-1: nothing), str
		      */
	FETCH_PROGRESS, /* u64 bytes of the pack so far, u64 its objects; about once a second */
};

/* What the supervisor asks the fetch role for: one poll, and the fetch when the tip is news. */
struct fetch_request {
	char source[LP_SOURCE_NAME_MAX];
	char url[LP_URL_MAX];
	char ref[LP_REF_MAX]; /* "refs/heads/site/berlin" */
	char ca_file[LP_PATH_MAX];
	char credentials_file[LP_PATH_MAX];   /* "user:password", one line; "" none */
	char objects[LP_PATH_MAX];            /* folder of the source's object store */
	struct oid accepted;                  /* zero: nothing accepted yet */
	struct oid refused[LP_REFUSALS_KEPT]; /* tips that need not be fetched again */
	uint32_t refused_count;
	uint64_t max_pack_bytes;  /* 0: LP_PACK_BYTES, which is also the most */
	uint64_t max_store_bytes; /* a larger object store is replaced; 0: the default */
	int64_t floor_s;          /* Unix seconds that have passed for certain: for certificates */
	int64_t deadline_ms;      /* for all of it */
	bool again; /* fetch even when the tip equals accepted (its objects are missing) */
};

struct fetched {
	char source[LP_SOURCE_NAME_MAX];
	struct oid tip;
	bool unchanged; /* the tip is accepted or one of refused; nothing was fetched */
	bool ancestry;  /* all commits between accepted and tip are there, as far as related */
	bool cut;       /* they are not, for they pass the bounds (LP_ANCESTRY_COMMITS, bytes) */
	char quarantine[LP_PATH_MAX]; /* folder with the new pack; "" when unchanged */
	/*
	 * Not "": the tip cannot be fetched within the limits, now or later; what is too large, and
	 * what is allowed. There is then no quarantine.
	 */
	char too_large[256];
	uint64_t sent_bytes, received_bytes;
};

/* Each puts its fields behind lp_wire_begin, or takes them in the same order. */
void lp_fetch_request_put(struct wire_writer *w, const struct fetch_request *request);
void lp_fetch_request_take(struct wire_reader *r, struct fetch_request *ret);
void lp_fetched_put(struct wire_writer *w, const struct fetched *fetched);
void lp_fetched_take(struct wire_reader *r, struct fetched *ret);
#endif

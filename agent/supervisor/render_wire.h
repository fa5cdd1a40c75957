/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_RENDER_WIRE_H
#define LIMPET_AGENT_SUPERVISOR_RENDER_WIRE_H
/*
 * What the supervisor and the render role say to each other about one tip:
 *
 *	supervisor: KIND* REQUEST                   SEEN_ANSWER
 *	render:                   SEEN_QUESTION* -> ...  VERDICT OBJECT* PROBLEM* END
 *
 * The role's frames are made from what a stranger wrote; each is taken as hostile.
 */
#include "agent/trust/judge.h"
#include "platform/fs.h"
#include "platform/wire.h"

enum render_frame {
	RENDER_KIND = 1,      /* group, kind, namespaced: what the cluster serves */
	RENDER_REQUEST,       /* struct render_request */
	RENDER_SEEN_QUESTION, /* payload id: was it accepted before? */
	RENDER_SEEN_ANSWER,   /* u8 */
	RENDER_VERDICT,       /* struct render_verdict */
	RENDER_OBJECT,        /* struct object */
	RENDER_PROBLEM,       /* one line of text: file:line: path: what is wrong */
	RENDER_END,           /* struct render_end; the role then exits */
};

struct render_request {
	char objects[LP_PATH_MAX];    /* accepted packs of the source */
	char quarantine[LP_PATH_MAX]; /* the new ones; "" none */
	char signers[LP_PATH_MAX];    /* the three of trust/files.h; "" none */
	char keys[LP_PATH_MAX];
	char revoked[LP_PATH_MAX];
	unsigned rsa_bits;
	enum trust_history history;
	unsigned commits; /* the most between floor and tip */
	int64_t floor_s;  /* Unix seconds that have passed for certain */
	bool binding;     /* limpet.yaml is required */
	char repo[LP_REPO_TEXT];
	char site[LP_NAME_MAX];
	char groups[LP_GROUPS_MAX][LP_NAME_MAX];
	size_t group_count;
	struct oid tip;
	bool cut;        /* of fetched.h: what lies below the tip passes the bounds of a fetch */
	bool floor;      /* something was accepted before */
	bool floor_lost; /* and is not stored any more */
	struct oid floor_commit;
	struct payload_id floor_payload;
	int64_t floor_sequence;
	char path[LP_PATH_MAX];
	char ns[LP_NAME_MAX];
	bool allow_empty;
};

struct render_verdict {
	enum verdict verdict;
	bool nothing_new; /* accepted, and the payload is the floor's: nothing follows but END */
	bool incomplete;  /* diverged, as far as the server showed what lies below */
	char reason[LP_REASON_TEXT];
	struct verified verified; /* when refused, signer and fingerprint as far as known */
};

enum render_result {
	RENDER_GOOD,    /* all objects were sent */
	RENDER_INVALID, /* problems were sent, no object */
	RENDER_EMPTY,   /* no manifest, and that is not allowed */
	RENDER_BROKEN,  /* could not be done: code and message */
	RENDER_RESULTS,
};

struct render_end {
	enum render_result result;
	enum lp_code code;
	unsigned problems; /* all of them, also those past LP_PROBLEMS_MAX */
	char message[LP_ERR_MAX];
};

/* What the request says of limpet.yaml; borrows from it. */
struct binding_policy lp_render_binding(const struct render_request *request);

/*
 * Each puts its fields behind lp_wire_begin, or takes them in the same order; what was taken is
 * good once lp_wire_done says so.
 */
void lp_render_request_put(struct wire_writer *w, const struct render_request *request);
void lp_render_request_take(struct wire_reader *r, struct render_request *ret);
void lp_render_verdict_put(struct wire_writer *w, const struct render_verdict *verdict);
void lp_render_verdict_take(struct wire_reader *r, struct render_verdict *ret);
void lp_render_end_put(struct wire_writer *w, const struct render_end *end);
void lp_render_end_take(struct wire_reader *r, struct render_end *ret);
#endif

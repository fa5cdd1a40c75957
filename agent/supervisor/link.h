/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_LINK_H
#define LIMPET_AGENT_SUPERVISOR_LINK_H
/*
 * A role from the supervisor's side: the child, its frames and its deadline,
 * in the event loop. A role that breaks the rules (a bad frame, silence past its
 * deadline) is killed and counts as gone.
 */
#include "platform/loop.h"
#include "platform/role.h"

struct link {
	/* set by the owner before lp_link_start */
	struct loop *loop;
	void *ctx;
	/* One frame; an error says why the role is not to be believed any more. */
	enum lp_code (*on_frame)(void *ctx, struct wire_reader *frame, struct err *err);
	/* Once, when the role is gone without lp_link_end; the link may be started again. */
	void (*on_gone)(void *ctx, const char *why);

	/* the link's own */
	struct role_child role;
	struct timer deadline;
	bool up;
	unsigned generation; /* a callback may end the link and start it anew */
};

/* Starts the role name. LP_TRANSIENT as lp_role_spawn; the link is then down. */
LP_CHECKED enum lp_code lp_link_start(struct link *link, const char *name, struct err *err);

/* Where to write frames for the role: lp_wire_begin(&w, lp_link_out(link), TYPE). */
struct buf *lp_link_out(struct link *link);

/* Sends what lp_link_out holds, as the socket takes it. Errors show as on_gone. */
void lp_link_send(struct link *link);

/* Bytes that the role has not taken yet. */
size_t lp_link_waiting(const struct link *link);

/* Kills the role when it has not been moved or lifted (0) by then; ms from now. */
void lp_link_deadline(struct link *link, int64_t ms);

/* Kills and reaps the role; on_gone is not called. A link that is down is fine. */
void lp_link_end(struct link *link);
#endif

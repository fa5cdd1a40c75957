/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_HANDOVER_H
#define LIMPET_AGENT_CLUSTER_HANDOVER_H
/*
 * Fields that shall not be ours any more, named by JSON pointers (RFC 6901):
 * out of our set of fields into another one, and out of what will be applied.
 */
#include "agent/cluster/fields.h"

struct handover {
	struct json *doc;      /* of the sets */
	struct slice pointers; /* one a line; empty lines are passed over */
	struct jval *desired;  /* what will be applied; loses what is not ours to send */
	bool keep_desired;     /* it loses nothing */
	struct jval *ours;     /* our set, or NULL; loses what is handed over */
	struct jval *theirs;   /* the other set, or NULL; another tree afterwards */
	char *whole; /* gets the first pointer that stays ours, or NULL; lp_managed_plan */
	size_t whole_size;
};

/*
 * Hands over. A field that was handed over does not keep the item of a list that it is in: that
 * goes when we do not apply it any more. *ret_changed becomes true when a set is another one.
 * LP_REJECTED: a line that is no pointer, or one to the whole object; LP_LIMIT: the ceiling of doc,
 * or more than LP_IGNORE_BYTES.
 */
LP_CHECKED enum lp_code lp_handover(struct handover *h, bool *ret_changed, struct err *err);
#endif

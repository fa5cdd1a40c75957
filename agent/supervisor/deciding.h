/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_DECIDING_H
#define LIMPET_AGENT_SUPERVISOR_DECIDING_H
/*
 * Who decides about an object that is to be applied, and about which of its fields: its own
 * annotations in the revision, and the ignore rules of the source.
 */
#include "agent/config.h"
#include "agent/render/object.h"
#include "agent/supervisor/scaled.h"

struct decision {
	bool leave;            /* it is neither applied nor looked at */
	bool make_only;        /* it is made when it is missing, and then left alone */
	bool no_wait;          /* the rest of the revision does not wait for it */
	enum drift_mode drift; /* of this object; INHERIT: as the source has it */
	struct buf handed;     /* owned; JSON pointers to what is others', one a line */
};
void lp_decision_free(struct decision *decision); /* {0} is fine; for LP_AUTO */

/* Decides by the body that would be sent; scaled is of the revision. LP_LIMIT: more pointers than a
 * step takes. */
LP_CHECKED enum lp_code lp_decide(const struct source_config *config, const struct scaled *scaled,
				  const struct object_key *key, struct slice body,
				  struct decision *ret, struct err *err);

/* What is done about drift: the object's word before the source's before the configuration's. */
enum drift_mode lp_drift_mode(const struct config *config, const struct source_config *source,
			      const struct decision *decision);
#endif

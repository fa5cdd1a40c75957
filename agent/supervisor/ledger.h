/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_LEDGER_H
#define LIMPET_AGENT_SUPERVISOR_LEDGER_H
/*
 * What the store learns of an apply. The journal holds the intent from before
 * the first write to the cluster until the end, and each object is in the inventory
 * before it can be in the cluster, so that a crash anywhere forgets nothing
 * that prune would have to find. Rows are committed in batches, to spare the flash.
 */
#include "agent/cluster/plan.h"
#include "agent/config.h"
#include "store/config_digest.h"
#include "store/revision.h"

struct ledger {
	struct db *db;                      /* borrowed, as is config */
	const struct source_config *config; /* of the source */
	struct revision revision;           /* that is applied */
	bool config_stays; /* no pod is told of new content: a ConfigMap or Secret of it is not
			      there */
	struct tx tx;      /* open while rows wait for their commit */
	unsigned rows;     /* in it */
};

/* Before the first write: the intent, and a row for each object that may come to be. */
LP_CHECKED enum lp_code lp_ledger_begin(struct ledger *ledger, struct err *err);

/* The revision's object of a plan's object. LP_NOT_FOUND. */
LP_CHECKED enum lp_code lp_ledger_object(const struct ledger *ledger,
					 const struct plan_object *object,
					 struct stored_object *ret, struct err *err);

/*
 * Appends what is to be sent of a plan's object: its body, with the config digest. LP_NOT_FOUND.
 */
LP_CHECKED enum lp_code lp_ledger_body(const struct ledger *ledger,
				       const struct plan_object *object, struct buf *body,
				       struct err *err);

/*
 * STEP_CONFIG_LOOK told of a workload: whether it is there, and the digests that it carries. To be
 * flushed like what STEP_RECOVER found, but half of it does no harm.
 */
LP_CHECKED enum lp_code lp_ledger_config(struct ledger *ledger, const struct object_key *key,
					 bool there, const uint8_t found[2 * LP_CONFIG_DIGEST],
					 struct err *err);

/* An object was applied or pruned, as event says. */
LP_CHECKED enum lp_code lp_ledger_record(struct ledger *ledger, enum step_kind kind,
					 const struct plan_object *object,
					 const struct event *event, struct err *err);

/*
 * STEP_RECOVER found an object that carries our label; one that the inventory has already stays
 * as it is there, and *ret_new is then false. Nothing of it is durable before lp_ledger_flush: half
 * an inventory would be taken for the whole one.
 */
LP_CHECKED enum lp_code lp_ledger_found(struct ledger *ledger, const struct event *event,
					bool *ret_new, struct err *err);

/* What was written so far becomes durable. */
LP_CHECKED enum lp_code lp_ledger_flush(struct ledger *ledger, struct err *err);

/*
 * The apply is over: state and message of the revision, the intent cleared, revisions
 * that need not be kept dropped, in one transaction.
 */
LP_CHECKED enum lp_code lp_ledger_end(struct ledger *ledger, const struct plan_result *result,
				      const char *problems, const struct retention_config *keep,
				      struct err *err);

/* Gives up what was not flushed; {0} is fine. */
void lp_ledger_close(struct ledger *ledger);
#endif

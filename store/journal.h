/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_JOURNAL_H
#define LIMPET_STORE_JOURNAL_H
/*
 * The journal: what we were about to do to the cluster, so that a start after
 * a crash knows that it was not finished. One intent a source.
 */
#include "store/db.h"

enum operation { LP_OP_APPLY = 1, LP_OP_PRUNE, LP_OP_ROLLBACK };

struct intent {
	enum operation operation;
	int64_t revision;
	int64_t started_s; /* wall */
};

const char *lp_operation_name(enum operation operation); /* "apply"; never NULL */

/* Sets the source's intent, durable before this returns (outside of a transaction); replaces one
 * that is there. */
LP_CHECKED enum lp_code lp_journal_begin(struct db *db, const char *source,
					 const struct intent *intent, struct err *err);

/* Clears it; none is fine and writes nothing. */
LP_CHECKED enum lp_code lp_journal_clear(struct db *db, const char *source, struct err *err);

/* The intent that was not cleared. LP_NOT_FOUND: none. */
LP_CHECKED enum lp_code lp_journal_get(struct db *db, const char *source, struct intent *ret,
				       struct err *err);
#endif

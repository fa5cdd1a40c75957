/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal.h"

#include "store/sql.h"

const char *lp_operation_name(enum operation operation)
{
	switch (operation) {
	case LP_OP_APPLY:
		return "apply";
	case LP_OP_PRUNE:
		return "prune";
	case LP_OP_ROLLBACK:
		return "rollback";
	}
	return "unknown";
}

enum lp_code lp_journal_begin(struct db *db, const char *source, const struct intent *intent,
			      struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "REPLACE INTO intent (source, operation, revision, started_s) "
				  "VALUES (?, ?, ?, ?)");

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, intent->operation);
	lp_sql_put_int(&q, intent->revision);
	lp_sql_put_int(&q, intent->started_s);
	return lp_sql_run(&q, err);
}

enum lp_code lp_journal_clear(struct db *db, const char *source, struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, "DELETE FROM intent WHERE source = ?");

	lp_sql_put_text(&q, source);
	return lp_sql_run(&q, err);
}

enum lp_code lp_journal_get(struct db *db, const char *source, struct intent *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q =
		lp_sql(db, "SELECT operation, revision, started_s FROM intent WHERE source = ?");

	lp_sql_put_text(&q, source);
	LP_TRY(lp_sql_next(&q, err));
	ret->operation = (enum operation)lp_sql_int(&q);
	ret->revision = lp_sql_int(&q);
	ret->started_s = lp_sql_int(&q);
	return LP_OK;
}

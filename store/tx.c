/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include <sqlite3.h>

/* SQLite rolls back by itself after some errors; asking it again would be an error of its own. */
static void roll_back(struct db *db)
{
	if (!sqlite3_get_autocommit(db->raw))
		sqlite3_exec(db->raw, "ROLLBACK", NULL, NULL, NULL);
}

enum lp_code lp_tx_begin(struct db *db, struct tx *ret_tx, struct err *err)
{
	if (db->depth == 0) {
		db->spoiled = false;
		LP_TRY(lp_sql_exec(db, "BEGIN IMMEDIATE", err));
	}
	db->depth++;
	ret_tx->db = db;
	return LP_OK;
}

void lp_tx_end(struct tx *tx)
{
	struct db *db = tx->db;

	if (!db)
		return;
	tx->db = NULL;
	db->spoiled = true;
	if (--db->depth == 0)
		roll_back(db);
}

enum lp_code lp_tx_commit(struct tx *tx, struct err *err)
{
	struct db *db = tx->db;

	if (db->spoiled || sqlite3_get_autocommit(db->raw)) {
		lp_tx_end(tx);
		return lp_err_set(err, LP_INTERNAL,
				  "the database %s: the transaction was given up before", db->path);
	}
	if (db->depth == 1 && lp_sql_exec(db, "COMMIT", err) != LP_OK) {
		lp_tx_end(tx);
		return err->code;
	}
	db->depth--;
	tx->db = NULL;
	return LP_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_DB_H
#define LIMPET_STORE_DB_H
/*
 * The database: one SQLite file that one process owns, and its transactions.
 *
 * Every function of store/ can fail with these; a header names only what it adds:
 *	LP_TRANSIENT  disk full or an I/O error; nothing of the call was written
 *	LP_CORRUPT    the file is damaged: close it, lp_db_set_aside, open a new one
 *	LP_CONFIG     the file or its folder cannot be written (permissions, read-only)
 *	LP_INTERNAL   out of memory, or a bug
 * A call that is not inside a transaction is one of its own. One thread only.
 */
#include "platform/fs.h"
#include "store/limits.h"

struct db;

enum db_mode {
	LP_DB_WRITE, /* the owner: makes the file when missing, migrates it, locks others out */
	LP_DB_READ, /* a look while no owner runs: writes nothing, makes no file, not even a -wal */
};

/*
 * Opens the database at path. The owner checks the whole file (quick_check) and brings its
 * tables to this version. While it is open, no other descriptor of path may be opened and
 * closed by this process (POSIX locks would be lost).
 * LP_CORRUPT: not a database, damaged, or its -wal lies there without it. LP_CONFLICT: another
 * process has it open. LP_CONFIG: written by a newer limpet, or permissions. LP_NOT_FOUND: READ,
 * and there is no file. The file is as before in each case. *ret_db is closed by lp_db_close.
 */
LP_CHECKED enum lp_code lp_db_open(const char *path, enum db_mode mode, struct db **ret_db,
				   struct err *err);

/* Closes and frees *db and sets it to NULL; an open transaction is rolled back. For LP_AUTO. */
void lp_db_close(struct db **db);

/*
 * Renames a database that is not open, and its -wal, to "PATH.corrupt-20261121T074000Z"; nothing
 * is lost, but of LP_ASIDE_MAX earlier ones the oldest goes. ret_new_path is the new name.
 * LP_NOT_FOUND when neither is there. A crash in the middle leaves a -wal alone, which lp_db_open
 * calls LP_CORRUPT: set aside again.
 */
LP_CHECKED enum lp_code lp_db_set_aside(const char *path, char ret_new_path[LP_PATH_MAX],
					struct err *err);

/* The long check of every page, index and row; LP_CORRUPT names the first damage. */
LP_CHECKED enum lp_code lp_db_check(struct db *db, struct err *err);

/* Bytes on disk: the file and its -wal. */
LP_CHECKED enum lp_code lp_db_bytes(struct db *db, uint64_t *ret_bytes, struct err *err);

/* Gives cached pages back to the system; for an idle daemon. */
void lp_db_trim(struct db *db);

/* Rows written since the database was opened; equal before and after means nothing was written. */
int64_t lp_db_changes(struct db *db);

/*
 * A transaction that ends with its scope:
 *
 *	LP_AUTO(lp_tx_end) struct tx tx = {0};
 *	LP_TRY(lp_tx_begin(db, &tx, err));
 *	...
 *	return lp_tx_commit(&tx, err);
 *
 * Leaving without commit rolls everything back. Inside another transaction it joins that one:
 * only the outermost commit writes, and it fails (LP_INTERNAL, all rolled back) when an
 * inner one was left without its commit.
 */
struct tx {
	struct db *db; /* borrowed; NULL when over */
};
LP_CHECKED enum lp_code lp_tx_begin(struct db *db, struct tx *ret_tx, struct err *err);

/*
 * Makes the changes durable (fsync). On an error they are rolled back; after an LP_TRANSIENT
 * here a restart may still find them whole, never half.
 */
LP_CHECKED enum lp_code lp_tx_commit(struct tx *tx, struct err *err);

/* Rolls back unless committed; {0} is fine. For LP_AUTO. */
void lp_tx_end(struct tx *tx);
#endif

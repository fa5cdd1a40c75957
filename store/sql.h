/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_SQL_H
#define LIMPET_STORE_SQL_H
/*
 * Inside store/ only: a statement from text to rows, so that the files that
 * use it read as what they store.
 *
 *	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, "SELECT name FROM t WHERE id = ?");
 *	lp_sql_put_int(&q, id);
 *	LP_TRY(lp_sql_next(&q, err));
 *	lp_sql_text(&q, ret->name, sizeof(ret->name));
 *	return lp_sql_check(&q, err);
 *
 * Parameters are put and columns taken in their order. What fails before a row
 * is kept and told by lp_sql_next or lp_sql_run; a column that does not fit, by lp_sql_check.
 */
#include "store/db.h"

struct sqlite3;
struct sqlite3_stmt;

/* Preparing a statement takes longer than running most of them. */
#define LP_STATEMENTS 16

struct statement {
	const char *text; /* a literal; NULL: free */
	struct sqlite3_stmt *stmt;
	bool busy;
	unsigned used; /* turn of the last use */
};

struct db {
	struct sqlite3 *raw;
	char path[LP_PATH_MAX];
	unsigned depth; /* of transactions that joined */
	bool spoiled;   /* one of them was left without commit */
	struct statement kept[LP_STATEMENTS];
	unsigned turn;
};

struct sql {
	struct db *db;
	struct sqlite3_stmt *stmt;
	struct statement *kept; /* where it goes back to; NULL: it is finalized */
	int failed;             /* the first SQLITE_ error, or 0 */
	int at;                 /* parameters put, or columns taken */
	bool misfit;            /* a column was not what this program wrote */
};

/* Prepares a statement, or takes one that was kept; ended by lp_sql_done. text is a literal. */
struct sql lp_sql(struct db *db, const char *text);
void lp_sql_done(struct sql *q); /* for LP_AUTO */

/* Finalizes what is kept for later. */
void lp_sql_drop_kept(struct db *db);

void lp_sql_put_int(struct sql *q, int64_t value);
void lp_sql_put_id(struct sql *q, int64_t id);                    /* 0 is NULL */
void lp_sql_put_text(struct sql *q, const char *text);            /* borrowed until the next run */
void lp_sql_put_bytes(struct sql *q, const void *data, size_t n); /* borrowed too */

/*
 * Runs it to its end and makes it ready for new parameters. LP_REJECTED: a constraint of the
 * schema.
 */
LP_CHECKED enum lp_code lp_sql_run(struct sql *q, struct err *err);

/* The next row, or LP_NOT_FOUND after the last. */
LP_CHECKED enum lp_code lp_sql_next(struct sql *q, struct err *err);

int64_t lp_sql_int(struct sql *q); /* NULL is 0 */
void lp_sql_text(struct sql *q, char *to, size_t size);
void lp_sql_bytes(struct sql *q, void *to, size_t n); /* exactly n */
struct slice lp_sql_slice(struct sql *q);             /* borrowed until the next row */

/* LP_CORRUPT when a column did not fit. */
LP_CHECKED enum lp_code lp_sql_check(struct sql *q, struct err *err);

/* Runs text, which yields nothing and takes nothing. */
LP_CHECKED enum lp_code lp_sql_exec(struct db *db, const char *text, struct err *err);

/* One number of a statement without parameters: "PRAGMA page_count". */
LP_CHECKED enum lp_code lp_sql_number(struct db *db, const char *text, int64_t *ret_value,
				      struct err *err);

/* Rows changed by the last statement that was run, and the id that it made. */
int64_t lp_sql_changed(struct db *db);
int64_t lp_sql_new_id(struct db *db);

/*
 * Whether closing leaves the -wal as it is, instead of copying it into the database and deleting
 * it: so it must be with a damaged one, where nothing may be lost.
 */
void lp_sql_leave_wal(struct db *db, bool leave);

/* Sets err from an SQLITE_ result. After LP_CORRUPT the -wal is left alone. */
enum lp_code lp_sql_error(struct db *db, int result, struct err *err);

/* Copies text, cut at the end of a UTF-8 character when it is longer. */
void lp_cut(char *to, size_t size, const char *text);
#endif

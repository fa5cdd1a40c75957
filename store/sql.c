/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include <errno.h>
#include <sqlite3.h>
#include <string.h>

static bool out_of_resources(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT || errnum == EIO || errnum == EMFILE ||
	       errnum == ENFILE;
}

static enum lp_code code_of(int result, int errnum)
{
	switch (result) {
	case SQLITE_IOERR_NOMEM:
		return LP_INTERNAL;
	case SQLITE_IOERR_CORRUPTFS:
	case SQLITE_IOERR_SHORT_READ:
		return LP_CORRUPT;
	}
	switch (result & 0xff) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
		return LP_TRANSIENT;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return LP_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return LP_CONFLICT;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return out_of_resources(errnum) ? LP_TRANSIENT : LP_CONFIG;
	case SQLITE_CONSTRAINT:
		return LP_REJECTED;
	}
	return LP_INTERNAL;
}

/* The errno behind a result; SQLite keeps that of an older failure when a call did not fail. */
static int errno_of(struct db *db, int result)
{
	switch (result & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return sqlite3_system_errno(db->raw);
	}
	return 0;
}

void lp_sql_leave_wal(struct db *db, bool leave)
{
	sqlite3_db_config(db->raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)leave, NULL);
}

enum lp_code lp_sql_error(struct db *db, int result, struct err *err)
{
	int errnum = errno_of(db, result);
	enum lp_code code = code_of(result, errnum);
	const char *text = sqlite3_errstr(result);

	if (code == LP_CORRUPT) {
		lp_sql_leave_wal(db, true);
		return lp_err_set(err, code, "the database %s is damaged: %s", db->path, text);
	}
	if (code == LP_CONFLICT)
		return lp_err_set(err, code, "the database %s is in use by another process",
				  db->path);
	if (code == LP_REJECTED || code == LP_INTERNAL)
		return lp_err_set(err, code, "the database %s: %s", db->path,
				  sqlite3_errmsg(db->raw));
	if (!errnum)
		return lp_err_set(err, code, "the database %s: %s", db->path, text);
	return lp_err_os(err, code, errnum, "the database %s: %s", db->path, text);
}

static void keep(struct sql *q, int result)
{
	if (!q->failed && result != SQLITE_OK)
		q->failed = result;
}

/* The place of text, or else the one that was used longest ago; NULL when all are busy. */
static struct statement *place_for(struct db *db, const char *text)
{
	struct statement *oldest = NULL;

	for (int i = 0; i < LP_STATEMENTS; i++) {
		struct statement *s = &db->kept[i];
		if (s->busy)
			continue;
		if (s->text == text)
			return s;
		if (!oldest || s->used < oldest->used)
			oldest = s;
	}
	return oldest;
}

/* A PRAGMA may act when it is prepared, so it is never kept. */
static struct statement *keep_at(struct db *db, const char *text)
{
	struct statement *s = strncmp(text, "PRAGMA", 6) == 0 ? NULL : place_for(db, text);

	if (!s)
		return NULL;
	if (s->text != text) {
		sqlite3_finalize(s->stmt);
		*s = (struct statement){.text = text};
	}
	s->busy = true;
	s->used = ++db->turn;
	return s;
}

struct sql lp_sql(struct db *db, const char *text)
{
	struct sql q = {.db = db, .kept = keep_at(db, text)};

	if (q.kept && q.kept->stmt) {
		q.stmt = q.kept->stmt;
		return q;
	}
	unsigned flags = q.kept ? SQLITE_PREPARE_PERSISTENT : 0;
	keep(&q, sqlite3_prepare_v3(db->raw, text, -1, flags, &q.stmt, NULL));
	if (q.kept)
		q.kept->stmt = q.stmt;
	return q;
}

/* The result of a reset or a finalize is that of the last step, which was told already. */
void lp_sql_done(struct sql *q)
{
	if (!q->kept) {
		sqlite3_finalize(q->stmt);
	} else if (q->stmt) {
		sqlite3_reset(q->stmt);
		sqlite3_clear_bindings(q->stmt);
	}
	if (q->kept)
		q->kept->busy = false;
	q->stmt = NULL;
	q->kept = NULL;
}

void lp_sql_drop_kept(struct db *db)
{
	for (int i = 0; i < LP_STATEMENTS; i++) {
		struct statement *s = &db->kept[i];
		if (s->busy)
			continue;
		sqlite3_finalize(s->stmt);
		*s = (struct statement){0};
	}
}

void lp_sql_put_int(struct sql *q, int64_t value)
{
	if (!q->failed)
		keep(q, sqlite3_bind_int64(q->stmt, ++q->at, value));
}

void lp_sql_put_id(struct sql *q, int64_t id)
{
	if (id)
		lp_sql_put_int(q, id);
	else if (!q->failed)
		keep(q, sqlite3_bind_null(q->stmt, ++q->at));
}

void lp_sql_put_text(struct sql *q, const char *text)
{
	if (!q->failed)
		keep(q, sqlite3_bind_text(q->stmt, ++q->at, text, -1, SQLITE_STATIC));
}

void lp_sql_put_bytes(struct sql *q, const void *data, size_t n)
{
	if (!q->failed)
		keep(q, sqlite3_bind_blob64(q->stmt, ++q->at, data, n, SQLITE_STATIC));
}

enum lp_code lp_sql_run(struct sql *q, struct err *err)
{
	while (!q->failed) {
		int result = sqlite3_step(q->stmt);
		if (result == SQLITE_DONE)
			break;
		if (result != SQLITE_ROW)
			keep(q, result);
	}
	enum lp_code code = q->failed ? lp_sql_error(q->db, q->failed, err) : LP_OK;
	q->at = 0;
	q->failed = 0;
	sqlite3_reset(q->stmt);
	return code;
}

enum lp_code lp_sql_next(struct sql *q, struct err *err)
{
	int result = q->failed ? q->failed : sqlite3_step(q->stmt);

	q->at = 0;
	if (result == SQLITE_ROW)
		return LP_OK;
	if (result == SQLITE_DONE)
		return lp_err_set(err, LP_NOT_FOUND, "not in the store");
	keep(q, result);
	return lp_sql_error(q->db, result, err);
}

int64_t lp_sql_int(struct sql *q)
{
	return sqlite3_column_int64(q->stmt, q->at++);
}

void lp_sql_text(struct sql *q, char *to, size_t size)
{
	int column = q->at++;
	const unsigned char *text = sqlite3_column_text(q->stmt, column);
	size_t n = (size_t)sqlite3_column_bytes(q->stmt, column);

	if (!text || n >= size || memchr(text, '\0', n)) {
		q->misfit = true;
		text = (const unsigned char *)"";
		n = 0;
	}
	memcpy(to, text, n);
	to[n] = '\0';
}

struct slice lp_sql_slice(struct sql *q)
{
	int column = q->at++;
	const void *data = sqlite3_column_blob(q->stmt, column);

	return (struct slice){data, (size_t)sqlite3_column_bytes(q->stmt, column)};
}

void lp_sql_bytes(struct sql *q, void *to, size_t n)
{
	struct slice column = lp_sql_slice(q);

	if (column.len == n && column.data) {
		memcpy(to, column.data, n);
		return;
	}
	q->misfit = true;
	memset(to, 0, n);
}

enum lp_code lp_sql_check(struct sql *q, struct err *err)
{
	if (!q->misfit)
		return LP_OK;
	return lp_err_set(err, LP_CORRUPT,
			  "the database %s is damaged: a row is not as limpet writes it (%.60s...)",
			  q->db->path, sqlite3_sql(q->stmt));
}

enum lp_code lp_sql_exec(struct db *db, const char *text, struct err *err)
{
	int result = sqlite3_exec(db->raw, text, NULL, NULL, NULL);

	return result == SQLITE_OK ? LP_OK : lp_sql_error(db, result, err);
}

enum lp_code lp_sql_number(struct db *db, const char *text, int64_t *ret_value, struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, text);

	LP_TRY(lp_sql_next(&q, err));
	*ret_value = lp_sql_int(&q);
	return LP_OK;
}

int64_t lp_sql_changed(struct db *db)
{
	return sqlite3_changes(db->raw);
}

int64_t lp_sql_new_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->raw);
}

void lp_cut(char *to, size_t size, const char *text)
{
	size_t n = strnlen(text, size);

	if (n == size) {
		n = size - 1;
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, text, n);
	to[n] = '\0';
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"

#include "platform/crypto.h"
#include "store/look.h"
#include "store/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUSY_MS 1000 /* somebody's lp_db_open(LP_DB_READ) is over by then */

/*
 * Exclusive: one owner, the -wal's index in memory and no -shm file. Before the first access. FULL:
 * a commit that returned survives a power cut. 256 pages: a checkpoint at 1 MiB.
 */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA cell_size_check = ON;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA cache_size = -256;"
			       "PRAGMA foreign_keys = ON;";
/* Of a file that has no page yet; auto_vacuum would be written again at each open. */
static const char new_settings[] = "PRAGMA page_size = 4096;"
				   "PRAGMA auto_vacuum = INCREMENTAL;";
static const char owner_settings[] = "PRAGMA journal_mode = WAL;"
				     "PRAGMA synchronous = FULL;"
				     "PRAGMA wal_autocheckpoint = 256;"
				     "PRAGMA journal_size_limit = 1048576;";

static int64_t size_of(const char *path, const char *suffix)
{
	char full[LP_PATH_MAX + 8];
	struct stat st;

	snprintf(full, sizeof(full), "%s%s", path, suffix);
	return stat(full, &st) == 0 ? st.st_size : -1;
}

/* SQLite would take a -wal without its database for a leftover, and delete it. */
static enum lp_code judge_files(const char *path, enum db_mode mode, struct err *err)
{
	int64_t size = size_of(path, "");

	if (size <= 0 && size_of(path, "-wal") > 0)
		return lp_err_set(err, LP_CORRUPT,
				  "the database %s is damaged: %s, though %s-wal is there", path,
				  size < 0 ? "it is gone" : "it is empty", path);
	if (size < 0 && mode == LP_DB_READ)
		return lp_err_set(err, LP_NOT_FOUND, "there is no database %s", path);
	return LP_OK;
}

/* SQLite would make it readable for all; Secrets are in it. */
static enum lp_code make_private(const char *path, struct err *err)
{
	LP_AUTO(lp_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0 || errno == EEXIST)
		return LP_OK;
	if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
		return lp_err_os(err, LP_TRANSIENT, errno, "make the database %s", path);
	return lp_err_os(err, LP_CONFIG, errno, "make the database %s", path);
}

static enum lp_code ready(struct err *err)
{
	LP_TRY(lp_crypto_init(err));
	if (sqlite3_initialize() != SQLITE_OK)
		return lp_err_nomem(err, "SQLite");
	return LP_OK;
}

static enum lp_code connect(struct db *db, enum db_mode mode, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	const char *vfs = NULL;

	if (mode == LP_DB_READ) {
		flags = SQLITE_OPEN_READONLY;
		LP_TRY(lp_look_register(&vfs, err));
	} else {
		LP_TRY(make_private(db->path, err));
	}
	int result = sqlite3_open_v2(db->path, &db->raw, flags, vfs);
	if (!db->raw)
		return lp_err_nomem(err, "SQLite");
	if (result != SQLITE_OK)
		return lp_sql_error(db, result, err);
	sqlite3_extended_result_codes(db->raw, 1);
	sqlite3_busy_timeout(db->raw, BUSY_MS);
	sqlite3_db_config(db->raw, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	lp_sql_leave_wal(db, true); /* until it is known to be sound */
	return LP_OK;
}

static enum lp_code check(struct db *db, const char *pragma, struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, pragma);
	char finding[256];

	LP_TRY(lp_sql_next(&q, err));
	struct slice row = lp_sql_slice(&q);
	if (lp_slice_is(row, "ok"))
		return LP_OK;
	snprintf(finding, sizeof(finding), "%.*s", (int)row.len, (const char *)row.data);
	char *line = strstr(finding, "***\n"); /* a heading of its own, then what was found */
	return lp_err_set(err, LP_CORRUPT, "the database %s is damaged: %s", db->path,
			  line ? line + 4 : finding);
}

static enum lp_code set_up_owner(struct db *db, struct err *err)
{
	int64_t pages;

	LP_TRY(check(db, "PRAGMA quick_check(1)", err));
	LP_TRY(lp_is_ours(db, err));
	LP_TRY(lp_sql_number(db, "PRAGMA page_count", &pages, err));
	if (pages == 0)
		LP_TRY(lp_sql_exec(db, new_settings, err));
	LP_TRY(lp_sql_exec(db, owner_settings, err));
	LP_TRY(lp_migrate(db, lp_migrations, lp_migrations_count, err));
	lp_sql_leave_wal(db, false);
	return LP_OK;
}

static enum lp_code set_up(struct db *db, enum db_mode mode, struct err *err)
{
	LP_TRY(connect(db, mode, err));
	LP_TRY(lp_sql_exec(db, settings, err));
	return mode == LP_DB_READ ? lp_migrated(db, err) : set_up_owner(db, err);
}

enum lp_code lp_db_open(const char *path, enum db_mode mode, struct db **ret_db, struct err *err)
{
	LP_TRY(ready(err));
	LP_AUTO(lp_db_close) struct db *db = calloc(1, sizeof(*db));
	if (!db)
		return lp_err_nomem(err, "the database");
	/* room for the longest name that lp_db_set_aside makes of it */
	LP_TRY(lp_copy(db->path, sizeof(db->path) - 48, path, err));
	LP_TRY(judge_files(path, mode, err));
	LP_TRY(set_up(db, mode, err));
	*ret_db = LP_STEAL(db);
	return LP_OK;
}

void lp_db_close(struct db **db)
{
	if (!*db)
		return;
	lp_sql_drop_kept(*db);
	sqlite3_close((*db)->raw); /* busy only by a statement that nobody ended: a bug */
	free(*db);
	*db = NULL;
}

enum lp_code lp_db_check(struct db *db, struct err *err)
{
	return check(db, "PRAGMA integrity_check(1)", err);
}

enum lp_code lp_db_bytes(struct db *db, uint64_t *ret_bytes, struct err *err)
{
	int64_t size = size_of(db->path, ""), wal = size_of(db->path, "-wal");

	if (size < 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "the database %s", db->path);
	*ret_bytes = (uint64_t)size + (uint64_t)(wal > 0 ? wal : 0);
	return LP_OK;
}

void lp_db_trim(struct db *db)
{
	lp_sql_drop_kept(db);
	sqlite3_db_release_memory(db->raw);
}

int64_t lp_db_changes(struct db *db)
{
	return sqlite3_total_changes(db->raw);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/migrate.h"

#include <inttypes.h>
#include <stdio.h>

#define APPLICATION_ID 0x6c6d7074 /* "lmpt"; set by the first migration */

enum lp_code lp_is_ours(struct db *db, struct err *err)
{
	int64_t tables, application;

	LP_TRY(lp_sql_number(db, "PRAGMA application_id", &application, err));
	LP_TRY(lp_sql_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err));
	if (application != APPLICATION_ID && tables)
		return lp_err_set(err, LP_CORRUPT, "the database %s is not one of limpet",
				  db->path);
	return LP_OK;
}

static enum lp_code version_of(struct db *db, int64_t *ret_version, struct err *err)
{
	return lp_sql_number(db, "PRAGMA user_version", ret_version, err);
}

static enum lp_code newer(struct db *db, int64_t version, int known, struct err *err)
{
	return lp_err_set(err, LP_CONFIG,
			  "the database %s has version %" PRId64 ", this limpet knows up to %d; "
			  "install the limpet that wrote it, or a newer one",
			  db->path, version, known);
}

/* A migration may rebuild a table, so references are judged at its end and not on the way. */
static enum lp_code references_hold(struct db *db, struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, "PRAGMA foreign_key_check");
	enum lp_code code = lp_sql_next(&q, err);

	if (code == LP_NOT_FOUND)
		return LP_OK;
	return code != LP_OK
		       ? code
		       : lp_err_set(err, LP_CORRUPT,
				    "the database %s is damaged: a row refers to none", db->path);
}

static enum lp_code step(struct db *db, const struct migration *migration, int64_t version,
			 struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	char set[64];

	snprintf(set, sizeof(set), "PRAGMA user_version = %" PRId64, version);
	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(lp_sql_exec(db, migration->text, err));
	LP_TRY(lp_sql_exec(db, set, err));
	LP_TRY(references_hold(db, err));
	return lp_tx_commit(&tx, err);
}

static enum lp_code steps(struct db *db, const struct migration *migrations, int64_t from,
			  int64_t to, struct err *err)
{
	for (int64_t version = from; version < to; version++)
		if (step(db, &migrations[version], version + 1, err) != LP_OK)
			return lp_err_wrap(err, "migration %s", migrations[version].name);
	return LP_OK;
}

enum lp_code lp_migrate(struct db *db, const struct migration *migrations, int count,
			struct err *err)
{
	int64_t version;
	struct err later;

	LP_TRY(version_of(db, &version, err));
	if (version > count)
		return newer(db, version, count, err);
	if (version == count)
		return LP_OK;
	LP_TRY(lp_sql_exec(db, "PRAGMA foreign_keys = OFF", err));
	enum lp_code code = steps(db, migrations, version, count, err);
	if (lp_sql_exec(db, "PRAGMA foreign_keys = ON", &later) != LP_OK && code == LP_OK) {
		*err = later;
		return err->code;
	}
	return code;
}

enum lp_code lp_migrated(struct db *db, struct err *err)
{
	int64_t version;

	LP_TRY(lp_is_ours(db, err));
	LP_TRY(version_of(db, &version, err));
	if (version > lp_migrations_count)
		return newer(db, version, lp_migrations_count, err);
	if (version < lp_migrations_count)
		return lp_err_set(err, LP_CONFIG,
				  "the database %s has version %" PRId64
				  " of an older limpet; limpet run brings it to %d",
				  db->path, version, lp_migrations_count);
	return LP_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_MIGRATE_H
#define LIMPET_STORE_MIGRATE_H
/*
 * Inside store/ only: the tables, version by version. Migration n of sql/
 * makes user_version n of n-1, in one transaction. A released file is never edited;
 * a change is the next number.
 */
#include "store/sql.h"

struct migration {
	const char *name; /* "0001_start.sql" */
	const char *text;
};
extern const struct migration lp_migrations[];
extern const int lp_migrations_count;

/*
 * Brings a database to version count. LP_CONFIG: it is newer. On an error it is at the
 * version of the last migration that worked.
 */
LP_CHECKED enum lp_code lp_migrate(struct db *db, const struct migration *migrations, int count,
				   struct err *err);

/* LP_CORRUPT when somebody else's tables are in it; an empty one is ours. */
LP_CHECKED enum lp_code lp_is_ours(struct db *db, struct err *err);

/* LP_CONFIG when its version is not the one of this program, LP_CORRUPT as above. */
LP_CHECKED enum lp_code lp_migrated(struct db *db, struct err *err);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/migrate.h"
#include "tests/unit/store/fixture.h"

#include <sqlite3.h>

/* A database of version 1 as limpet 0.1 wrote it: version1.sql is never edited. */
static void start_version_1(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);
	sqlite3 *raw;

	start_empty();
	CHECK_OK(lp_file_read(TEST_DATA "/version1.sql", &text, &err));
	CHECK(sqlite3_initialize() == SQLITE_OK);
	CHECK(sqlite3_open(path, &raw) == SQLITE_OK);
	if (sqlite3_exec(raw, lp_buf_text(&text), NULL, NULL, NULL) != SQLITE_OK)
		printf("version1.sql: %s\n", sqlite3_errmsg(raw));
	CHECK(sqlite3_close(raw) == SQLITE_OK);
}

static void a_database_of_version_1_is_read_by_this_version(void)
{
	LP_AUTO(lp_buf_free) struct buf json = LP_BUF(LP_OBJECT_BYTES);
	struct object_cursor cursor = LP_OBJECTS(1);
	struct stored_floor stored;
	struct source_state state;
	struct inventory_row row;
	struct revision r;

	start_version_1();
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
	CHECK(number_of("PRAGMA user_version") == lp_migrations_count);
	CHECK_OK(lp_revision_get(db, "site", 2, &r, &err));
	CHECK_STR(r.subject, "change 2");
	CHECK(r.state == LP_REVISION_APPLIED && r.objects == 2);
	CHECK_OK(lp_object_next(db, &cursor, &err));
	CHECK_OK(lp_object_body(db, "site", &cursor.at, &json, &err));
	CHECK_HAS(lp_buf_text(&json), "\"salt\":1");
	CHECK_OK(lp_floor_get(db, "site", &stored, &err));
	CHECK(stored.revision == 2 && stored.counter == 2);
	CHECK_OK(lp_state_get(db, "site", &state, &err));
	CHECK(state.desired == 2 && state.applied == 2 && state.pinned == 0 && state.suspended);
	CHECK_OK(lp_inventory_get(db, "site", &cursor.at.key, &row, &err));
	CHECK_STR(row.uid, "uid-0");
	CHECK_OK(lp_db_check(db, &err));
}

static void schema_of(struct buf *ret)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT sql FROM sqlite_schema WHERE sql != '' ORDER BY name");

	while (lp_sql_next(&q, &err) == LP_OK) {
		struct slice text = lp_sql_slice(&q);
		CHECK_OK(lp_buf_append(ret, text.data, text.len, &err));
		CHECK_OK(lp_buf_byte(ret, '\n', &err));
	}
	CHECK(err.code == LP_NOT_FOUND);
}

/* A migration that was released is never edited: whoever did finds this. */
static void the_first_migration_makes_version_1_to_the_letter(void)
{
	LP_AUTO(lp_buf_free) struct buf then = LP_BUF(LP_MIB);
	LP_AUTO(lp_buf_free) struct buf now = LP_BUF(LP_MIB);
	sqlite3 *raw;

	start_version_1();
	CHECK(sqlite3_open(path, &raw) == SQLITE_OK);
	struct db as_it_is = {.raw = raw};
	db = &as_it_is;
	schema_of(&then);
	db = NULL;
	lp_sql_drop_kept(&as_it_is);
	CHECK(sqlite3_close(raw) == SQLITE_OK);

	start_empty();
	CHECK(sqlite3_open(path, &raw) == SQLITE_OK);
	as_it_is.raw = raw;
	CHECK_OK(lp_migrate(&as_it_is, lp_migrations, 1, &err));
	db = &as_it_is;
	schema_of(&now);
	db = NULL;
	lp_sql_drop_kept(&as_it_is);
	CHECK(sqlite3_close(raw) == SQLITE_OK);
	CHECK_STR(lp_buf_text(&now), lp_buf_text(&then));
}

static const char add_column[] = "ALTER TABLE floor ADD COLUMN extra INTEGER NOT NULL "
				 "DEFAULT 0; CREATE TABLE outbox (source TEXT) STRICT;";

static void a_migration_keeps_what_is_stored(void)
{
	struct migration three[] = {
		lp_migrations[0], lp_migrations[1], {"0003_test.sql", add_column}};

	start_version_1();
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
	CHECK_OK(lp_sql_exec(db, "PRAGMA user_version = 2", &err));
	CHECK_OK(lp_migrate(db, three, 3, &err));
	CHECK(number_of("PRAGMA user_version") == 3);
	CHECK(number_of("PRAGMA foreign_keys") == 1);
	CHECK(number_of("SELECT counter + extra FROM floor") == 2);
	CHECK(number_of("SELECT count(*) FROM object") == 4);
	int64_t before = lp_db_changes(db);
	CHECK_OK(lp_migrate(db, three, 3, &err));
	CHECK(lp_db_changes(db) == before);
}

static void a_migration_that_fails_changes_nothing(void)
{
	struct migration bad[] = {lp_migrations[0],
				  {"0002_test.sql", add_column},
				  {"0003_bad.sql", "DROP TABLE outbox; DELETE FROM nothing;"}};

	start_version_1();
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
	CHECK_OK(lp_sql_exec(db, "PRAGMA user_version = 1", &err));
	CHECK_CODE(lp_migrate(db, bad, 3, &err), LP_INTERNAL, "migration 0003_bad.sql: ");
	CHECK(number_of("PRAGMA user_version") == 2);
	CHECK(number_of("SELECT count(*) FROM outbox") == 0);
	CHECK(number_of("PRAGMA foreign_keys") == 1);
}

static void a_migration_that_breaks_a_reference_is_refused(void)
{
	struct migration bad[] = {lp_migrations[0],
				  {"0002_bad.sql", "DELETE FROM revision WHERE id = 1"}};

	start_version_1();
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
	CHECK_OK(lp_sql_exec(db, "PRAGMA user_version = 1", &err));
	CHECK_CODE(lp_migrate(db, bad, 2, &err), LP_CORRUPT, "refers to none");
	CHECK(number_of("SELECT count(*) FROM revision") == 2);
}

static void a_newer_database_is_for_a_person_and_left_alone(void)
{
	start_version_1();
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
	CHECK_OK(lp_sql_exec(db, "PRAGMA user_version = 99", &err));
	lp_db_close(&db);
	struct buf before = file_of("");
	CHECK_CODE(lp_db_open(path, LP_DB_WRITE, &db, &err), LP_CONFIG, "version 99");
	CHECK_CODE(lp_db_open(path, LP_DB_READ, &db, &err), LP_CONFIG, "version 99");
	struct buf after = file_of("");
	CHECK(lp_slice_equal(LP_SLICE_OF(&before), LP_SLICE_OF(&after)));
	lp_buf_free(&before);
	lp_buf_free(&after);
}

static void a_look_at_an_older_database_says_what_brings_it_up(void)
{
	start();
	CHECK_OK(lp_sql_exec(db, "PRAGMA user_version = 0", &err));
	lp_db_close(&db);
	CHECK_CODE(lp_db_open(path, LP_DB_READ, &db, &err), LP_CONFIG, "limpet run brings it to");
}

int main(void)
{
	TEST(a_database_of_version_1_is_read_by_this_version);
	TEST(the_first_migration_makes_version_1_to_the_letter);
	TEST(a_migration_keeps_what_is_stored);
	TEST(a_migration_that_fails_changes_nothing);
	TEST(a_migration_that_breaks_a_reference_is_refused);
	TEST(a_newer_database_is_for_a_person_and_left_alone);
	TEST(a_look_at_an_older_database_says_what_brings_it_up);
	remove_folder();
	return check_report();
}

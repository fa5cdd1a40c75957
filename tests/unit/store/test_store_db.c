/* SPDX-License-Identifier: Apache-2.0 */
#include "store/migrate.h"
#include "tests/unit/store/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Runs f in a child that ends without closing anything, as SIGKILL would end it. */
static int in_child(int (*f)(void))
{
	int status;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		_exit(f());
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int accept_and_die(void)
{
	int64_t id;

	return lp_db_open(path, LP_DB_WRITE, &db, &err) == LP_OK &&
	       try_accept("site", 1, 5, 5, &id) == LP_OK;
}

static int is_ours(const struct dirent *entry)
{
	return strcmp(entry->d_name, "..") != 0; /* others write there, too */
}

/* Names, times and bytes of the folder and all files in it, as one digest. */
static void state_of_folder(uint8_t ret[LP_SHA256_BYTES])
{
	LP_AUTO(lp_hash_abort) struct lp_hash h = {0};
	struct dirent **entries;
	int n = scandir(folder, &entries, is_ours, alphasort);

	CHECK(n > 0);
	lp_hash_begin(&h, LP_SHA256);
	for (int i = 0; i < n; i++) {
		char full[LP_PATH_MAX];
		struct stat st;
		struct buf b = LP_BUF(64 * LP_MIB);
		snprintf(full, sizeof(full), "%s/%s", folder, entries[i]->d_name);
		CHECK(stat(full, &st) == 0);
		if (S_ISREG(st.st_mode))
			CHECK_OK(lp_file_read(full, &b, &err));
		lp_hash_add(&h, full, strlen(full));
		lp_hash_add(&h, &st.st_mtim, sizeof(st.st_mtim));
		lp_hash_add(&h, b.data, b.len);
		lp_buf_free(&b);
		free(entries[i]);
	}
	free(entries);
	lp_hash_end(&h, ret);
}

static void write_at(long at, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	CHECK(fd >= 0);
	CHECK(pwrite(fd, text, strlen(text), at) == (ssize_t)strlen(text));
	close(fd);
}

static void a_new_database_is_private_durable_and_of_one_owner(void)
{
	struct stat st;

	start();
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(number_of("PRAGMA synchronous") == 2);
	CHECK(number_of("PRAGMA page_size") == 4096);
	CHECK(number_of("PRAGMA auto_vacuum") == 2);
	CHECK(number_of("PRAGMA foreign_keys") == 1);
	CHECK(number_of("PRAGMA wal_autocheckpoint") == 256);
	CHECK(number_of("PRAGMA mmap_size") <= 0);
	CHECK(number_of("PRAGMA trusted_schema") == 0);
	CHECK(number_of("PRAGMA user_version") == lp_migrations_count);
	accept_revision("site", 1, 1, 1);
	CHECK(file_exists("-wal") && !file_exists("-shm") && !file_exists("-spool"));
	lp_db_close(&db);
	CHECK(!file_exists("-wal"));
}

static void a_file_that_is_no_database_is_corrupt_and_left_as_it_is(void)
{
	start_empty();
	for (int i = 0; i < 300; i++)
		write_at(i * 20L, "this is no database!");
	struct buf before = file_of("");
	CHECK_CODE(lp_db_open(path, LP_DB_WRITE, &db, &err), LP_CORRUPT, "is damaged");
	CHECK_CODE(lp_db_open(path, LP_DB_READ, &db, &err), LP_CORRUPT, "is damaged");
	struct buf after = file_of("");
	CHECK(lp_slice_equal(LP_SLICE_OF(&before), LP_SLICE_OF(&after)));
	lp_buf_free(&before);
	lp_buf_free(&after);
}

static void a_database_of_somebody_else_is_left_as_it_is(void)
{
	uint8_t before[LP_SHA256_BYTES], after[LP_SHA256_BYTES];
	sqlite3 *theirs;

	start_empty();
	CHECK(sqlite3_initialize() == SQLITE_OK);
	CHECK(sqlite3_open(path, &theirs) == SQLITE_OK);
	CHECK(sqlite3_exec(theirs, "CREATE TABLE t (x)", NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(theirs);
	state_of_folder(before);
	CHECK_CODE(lp_db_open(path, LP_DB_WRITE, &db, &err), LP_CORRUPT, "not one of limpet");
	CHECK_CODE(lp_db_open(path, LP_DB_READ, &db, &err), LP_CORRUPT, "not one of limpet");
	state_of_folder(after);
	CHECK(memcmp(before, after, sizeof(before)) == 0);
}

static void a_damaged_page_is_corrupt_and_set_aside_with_nothing_lost(void)
{
	char aside[LP_PATH_MAX];

	start();
	accept_revision("site", 1, 50, 50);
	int64_t root = number_of("SELECT rootpage FROM sqlite_schema WHERE name = 'object'");
	lp_db_close(&db);
	write_at((root - 1) * 4096, "garbage garbage garbage garbage");
	struct buf before = file_of("");

	CHECK_CODE(lp_db_open(path, LP_DB_WRITE, &db, &err), LP_CORRUPT, "is damaged: ");
	CHECK(!db);
	CHECK_OK(lp_db_set_aside(path, aside, &err));
	CHECK_HAS(aside, "limpet.db.corrupt-20");
	CHECK(!file_exists(""));
	struct buf after = LP_BUF(64 * LP_MIB);
	CHECK_OK(lp_file_read(aside, &after, &err));
	CHECK(lp_slice_equal(LP_SLICE_OF(&before), LP_SLICE_OF(&after)));
	lp_buf_free(&before);
	lp_buf_free(&after);
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
	CHECK(number_of("SELECT count(*) FROM revision") == 0);
}

static void damage_after_the_open_is_corrupt_too(void)
{
	struct object_cursor cursor;

	start();
	cursor = LP_OBJECTS(accept_revision("site", 1, 50, 50));
	int64_t root = number_of("SELECT rootpage FROM sqlite_schema WHERE name = 'object'");
	reopen(); /* and so empty the cache */
	lp_db_trim(db);
	/* opened and never closed: closing would drop SQLite's lock */
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0 && pwrite(fd, "garbage garbage garbage", 23, (root - 1) * 4096) == 23);
	lp_db_trim(db);
	CHECK_CODE(lp_object_next(db, &cursor, &err), LP_CORRUPT, "is damaged");
	CHECK_CODE(lp_db_check(db, &err), LP_CORRUPT, "is damaged");
	lp_db_close(&db);
	close(fd);
}

static void a_damaged_database_keeps_the_wal_of_a_crash(void)
{
	char aside[LP_PATH_MAX], moved[LP_PATH_MAX + 8];

	start();
	accept_revision("site", 2, 50, 50);
	int64_t root = number_of("SELECT rootpage FROM sqlite_schema WHERE name = 'inventory'");
	lp_db_close(&db);
	CHECK(in_child(accept_and_die) == 1);
	write_at((root - 1) * 4096, "garbage garbage garbage garbage");
	struct buf before = file_of("-wal"), after = LP_BUF(64 * LP_MIB);
	CHECK(before.len > 0);
	CHECK(lp_db_open(path, LP_DB_WRITE, &db, &err) == LP_CORRUPT);
	CHECK_OK(lp_db_set_aside(path, aside, &err));
	snprintf(moved, sizeof(moved), "%s-wal", aside);
	CHECK_OK(lp_file_read(moved, &after, &err));
	CHECK(lp_slice_equal(LP_SLICE_OF(&before), LP_SLICE_OF(&after)));
	lp_buf_free(&before);
	lp_buf_free(&after);
}

static void of_the_databases_that_were_set_aside_the_oldest_go(void)
{
	char aside[LP_ASIDE_MAX + 2][LP_PATH_MAX], wal[LP_PATH_MAX + 8];
	struct stat st;

	start_empty();
	for (unsigned i = 0; i < LP_ASIDE_MAX + 2; i++) {
		const struct timespec times[2] = {{.tv_sec = i}, {.tv_sec = i}};
		write_at(0, "x");
		CHECK_OK(lp_db_set_aside(path, aside[i], &err));
		CHECK(utimensat(AT_FDCWD, aside[i], times, 0) == 0);
		snprintf(wal, sizeof(wal), "%s-wal", aside[0]);
		CHECK(i > 0 || close(open(wal, O_CREAT | O_WRONLY, 0600)) == 0);
	}
	/* the name of one that went is free again, so it is told by its time */
	for (unsigned i = 0; i < LP_ASIDE_MAX + 2; i++)
		CHECK((stat(aside[i], &st) == 0 && st.st_mtime == i) == (i >= 2));
	CHECK(access(wal, F_OK) != 0);
}

static void a_wal_without_its_database_is_corrupt_and_set_aside(void)
{
	char aside[LP_PATH_MAX], wal[128], moved[LP_PATH_MAX + 8];

	start_empty();
	CHECK(in_child(accept_and_die) == 1);
	CHECK(unlink(path) == 0);
	struct buf before = file_of("-wal");
	CHECK_CODE(lp_db_open(path, LP_DB_WRITE, &db, &err), LP_CORRUPT, "it is gone, though");
	write_at(0, ""); /* an empty file is no better */
	CHECK_CODE(lp_db_open(path, LP_DB_WRITE, &db, &err), LP_CORRUPT, "it is empty, though");
	CHECK_OK(lp_db_set_aside(path, aside, &err));
	snprintf(wal, sizeof(wal), "%s-wal", path);
	snprintf(moved, sizeof(moved), "%s-wal", aside);
	struct buf after = LP_BUF(64 * LP_MIB);
	CHECK_OK(lp_file_read(moved, &after, &err));
	CHECK(lp_slice_equal(LP_SLICE_OF(&before), LP_SLICE_OF(&after)));
	lp_buf_free(&before);
	lp_buf_free(&after);
	CHECK(access(wal, F_OK) != 0);
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
}

static void two_set_aside_in_one_second_have_two_names(void)
{
	char one[LP_PATH_MAX], two[LP_PATH_MAX];

	start_empty();
	write_at(0, "x");
	CHECK_OK(lp_db_set_aside(path, one, &err));
	write_at(0, "y");
	CHECK_OK(lp_db_set_aside(path, two, &err));
	CHECK(strcmp(one, two) != 0 && access(one, F_OK) == 0 && access(two, F_OK) == 0);
	CHECK_CODE(lp_db_set_aside(path, one, &err), LP_NOT_FOUND, "no database");
}

static int open_code(void)
{
	struct db *second = NULL;

	return (int)lp_db_open(path, LP_DB_WRITE, &second, &err);
}

static int look_code(void)
{
	struct db *second = NULL;

	return (int)lp_db_open(path, LP_DB_READ, &second, &err);
}

static void a_second_owner_and_a_look_meanwhile_are_conflicts(void)
{
	start();
	CHECK(in_child(open_code) == LP_CONFLICT);
	CHECK(in_child(look_code) == LP_CONFLICT);
	accept_revision("site", 1, 1, 1);
	lp_db_close(&db);
	CHECK(in_child(look_code) == LP_OK);
	CHECK(in_child(open_code) == LP_OK);
}

static int look_as_nobody(void)
{
	struct revision r;

	if (geteuid() == 0 && setuid(65534) != 0)
		return 2;
	return lp_db_open(path, LP_DB_READ, &db, &err) == LP_OK &&
	       lp_revision_before(db, "site", LP_REVISION_NEWEST, &r, &err) == LP_OK &&
	       r.objects == 5;
}

static void a_look_after_a_crash_sees_the_wal_and_writes_nothing(void)
{
	uint8_t before[LP_SHA256_BYTES], after[LP_SHA256_BYTES];

	start_empty();
	CHECK(in_child(accept_and_die) == 1);
	CHECK(file_exists("-wal"));
	state_of_folder(before);
	CHECK(in_child(look_as_nobody) == 0); /* 0600: not for anybody */
	CHECK(chmod(path, 0444) == 0 && chmod(folder, 0555) == 0);
	char wal[128];
	snprintf(wal, sizeof(wal), "%s-wal", path);
	CHECK(chmod(wal, 0444) == 0);
	CHECK(in_child(look_as_nobody) == 1);

	struct revision r;
	CHECK_OK(lp_db_open(path, LP_DB_READ, &db, &err));
	CHECK_OK(lp_revision_before(db, "site", LP_REVISION_NEWEST, &r, &err));
	CHECK(r.objects == 5);
	CHECK_CODE(lp_state_set_suspended(db, "site", true, &err), LP_CONFIG, "readonly");
	lp_db_close(&db);
	CHECK(chmod(folder, 0755) == 0);
	state_of_folder(after);
	CHECK(memcmp(before, after, sizeof(before)) == 0);
	CHECK(!file_exists("-shm"));
}

static void a_look_at_a_database_that_was_closed_makes_no_wal(void)
{
	uint8_t before[LP_SHA256_BYTES], after[LP_SHA256_BYTES];
	struct revision r;

	start();
	accept_revision("site", 1, 5, 5);
	lp_db_close(&db);
	state_of_folder(before);
	CHECK_OK(lp_db_open(path, LP_DB_READ, &db, &err));
	CHECK_OK(lp_revision_before(db, "site", LP_REVISION_NEWEST, &r, &err));
	lp_db_close(&db);
	state_of_folder(after);
	CHECK(memcmp(before, after, sizeof(before)) == 0);
}

static void opening_and_closing_alone_write_nothing(void)
{
	start();
	accept_revision("site", 1, 5, 5);
	lp_db_close(&db);
	struct buf old = file_of("");
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
	lp_db_close(&db);
	struct buf new = file_of("");
	CHECK(lp_slice_equal(LP_SLICE_OF(&old), LP_SLICE_OF(&new)));
	lp_buf_free(&old);
	lp_buf_free(&new);
}

static void a_look_at_nothing_is_not_found_and_makes_nothing(void)
{
	start_empty();
	CHECK_CODE(lp_db_open(path, LP_DB_READ, &db, &err), LP_NOT_FOUND, "no database");
	CHECK(!file_exists(""));
}

static void a_folder_that_is_missing_is_for_a_person(void)
{
	start_empty();
	CHECK(rmdir(folder) == 0);
	CHECK_CODE(lp_db_open(path, LP_DB_WRITE, &db, &err), LP_CONFIG, "No such file");
}

static void a_path_without_room_for_its_suffixes_is_a_limit(void)
{
	char longest[LP_PATH_MAX];

	memset(longest, 'a', sizeof(longest));
	longest[LP_PATH_MAX - 48] = '\0';
	CHECK(lp_db_open(longest, LP_DB_READ, &db, &err) == LP_LIMIT);
	longest[LP_PATH_MAX - 49] = '\0';
	CHECK(lp_db_open(longest, LP_DB_READ, &db, &err) == LP_NOT_FOUND);
}

static void leaving_the_scope_without_commit_rolls_back(void)
{
	struct source_state state;

	start();
	{
		LP_AUTO(lp_tx_end) struct tx tx = {0};
		CHECK_OK(lp_tx_begin(db, &tx, &err));
		CHECK_OK(lp_state_set_suspended(db, "site", true, &err));
	}
	CHECK_OK(lp_state_get(db, "site", &state, &err));
	CHECK(!state.suspended);
	{
		LP_AUTO(lp_tx_end) struct tx tx = {0};
		CHECK_OK(lp_tx_begin(db, &tx, &err));
		CHECK_OK(lp_state_set_suspended(db, "site", true, &err));
		CHECK_OK(lp_tx_commit(&tx, &err));
	}
	CHECK_OK(lp_state_get(db, "site", &state, &err));
	CHECK(state.suspended);
}

static void an_inner_transaction_is_written_by_the_outer_commit_only(void)
{
	start();
	{
		LP_AUTO(lp_tx_end) struct tx outer = {0};
		CHECK_OK(lp_tx_begin(db, &outer, &err));
		accept_revision("site", 1, 3, 3);
	}
	CHECK(number_of("SELECT count(*) FROM revision") == 0);
	CHECK(number_of("SELECT count(*) FROM floor") == 0);
	accept_revision("site", 1, 3, 3);
	CHECK(number_of("SELECT count(*) FROM revision") == 1);
}

static void an_inner_transaction_that_was_left_spoils_the_outer_commit(void)
{
	LP_AUTO(lp_tx_end) struct tx outer = {0};

	start();
	CHECK_OK(lp_tx_begin(db, &outer, &err));
	CHECK_OK(lp_state_set_suspended(db, "site", true, &err));
	{
		LP_AUTO(lp_tx_end) struct tx inner = {0};
		CHECK_OK(lp_tx_begin(db, &inner, &err));
	}
	CHECK_CODE(lp_tx_commit(&outer, &err), LP_INTERNAL, "given up");
	CHECK(number_of("SELECT count(*) FROM source_state") == 0);
	CHECK_OK(lp_tx_begin(db, &outer, &err)); /* and the next one is a good one */
	CHECK_OK(lp_tx_commit(&outer, &err));
}

static const char counting[] = "SELECT ? UNION ALL SELECT ? + 1";

/* Yields n and n + 1; between the two the same statement runs once more, deeper. */
static void count_from(int64_t n, int depth)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, counting);

	lp_sql_put_int(&q, n);
	lp_sql_put_int(&q, n);
	CHECK_OK(lp_sql_next(&q, &err));
	CHECK(lp_sql_int(&q) == n);
	if (depth)
		count_from(n * 2, depth - 1);
	CHECK_OK(lp_sql_next(&q, &err));
	CHECK(lp_sql_int(&q) == n + 1);
	CHECK(lp_sql_next(&q, &err) == LP_NOT_FOUND);
}

static void a_statement_that_is_in_use_is_not_used_by_another(void)
{
	start();
	count_from(1, LP_STATEMENTS + 4); /* more than are kept */
	count_from(1, LP_STATEMENTS + 4);
	lp_db_trim(db);
	count_from(1, 1);
}

static void a_statement_that_cannot_be_prepared_says_so_each_time(void)
{
	int64_t value;

	start();
	for (int i = 0; i < 3; i++)
		CHECK_CODE(lp_sql_number(db, "SELECT x FROM nowhere", &value, &err), LP_INTERNAL,
			   "no such table: nowhere");
}

static void the_size_is_that_of_the_file_and_its_wal(void)
{
	uint64_t bytes;

	start();
	accept_revision("site", 1, 3, 3);
	struct buf main = file_of(""), wal = file_of("-wal");
	CHECK_OK(lp_db_bytes(db, &bytes, &err));
	CHECK(bytes == main.len + wal.len && wal.len > 0);
	lp_buf_free(&main);
	lp_buf_free(&wal);
}

static void a_row_that_limpet_does_not_write_is_corrupt(void)
{
	struct revision r;

	start();
	accept_revision("site", 1, 1, 1);
	CHECK_OK(lp_sql_exec(db, "UPDATE revision SET payload = x'00'", &err));
	CHECK_CODE(lp_revision_before(db, "site", LP_REVISION_NEWEST, &r, &err), LP_CORRUPT,
		   "not as limpet writes it");
	CHECK_OK(lp_sql_exec(db,
			     "UPDATE revision SET payload = zeroblob(32), subject = "
			     "printf('%.*c', 500, 'x')",
			     &err));
	CHECK(lp_revision_before(db, "site", LP_REVISION_NEWEST, &r, &err) == LP_CORRUPT);
}

int main(void)
{
	TEST(a_new_database_is_private_durable_and_of_one_owner);
	TEST(a_file_that_is_no_database_is_corrupt_and_left_as_it_is);
	TEST(a_database_of_somebody_else_is_left_as_it_is);
	TEST(a_damaged_page_is_corrupt_and_set_aside_with_nothing_lost);
	TEST(a_damaged_database_keeps_the_wal_of_a_crash);
	TEST(damage_after_the_open_is_corrupt_too);
	TEST(a_wal_without_its_database_is_corrupt_and_set_aside);
	TEST(of_the_databases_that_were_set_aside_the_oldest_go);
	TEST(two_set_aside_in_one_second_have_two_names);
	TEST(a_second_owner_and_a_look_meanwhile_are_conflicts);
	TEST(a_look_after_a_crash_sees_the_wal_and_writes_nothing);
	TEST(a_look_at_a_database_that_was_closed_makes_no_wal);
	TEST(opening_and_closing_alone_write_nothing);
	TEST(a_look_at_nothing_is_not_found_and_makes_nothing);
	TEST(a_folder_that_is_missing_is_for_a_person);
	TEST(a_path_without_room_for_its_suffixes_is_a_limit);
	TEST(leaving_the_scope_without_commit_rolls_back);
	TEST(an_inner_transaction_is_written_by_the_outer_commit_only);
	TEST(an_inner_transaction_that_was_left_spoils_the_outer_commit);
	TEST(a_statement_that_is_in_use_is_not_used_by_another);
	TEST(a_statement_that_cannot_be_prepared_says_so_each_time);
	TEST(the_size_is_that_of_the_file_and_its_wal);
	TEST(a_row_that_limpet_does_not_write_is_corrupt);
	remove_folder();
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/limits.h"
#include "agent/source/objects.h"
#include "tests/unit/source/packs.h"

#include <dirent.h>

static char incoming[LP_PATH_MAX];

/* A store with first.pack accepted. */
static void begin(void)
{
	work_begin();
	CHECK_OK(lp_objects_begin(work, false, incoming, &err));
	CHECK_OK(index_pack("first.pack", incoming, NULL, 4096));
	CHECK_OK(lp_objects_promote(work, &err));
}

/* Whether a reader of the store, and of the quarantine if asked, has the object. */
static bool has(const char *name, bool quarantine)
{
	LP_AUTO(lp_git_close) struct git *git = NULL;
	struct oid id = id_of(name);
	enum git_type type;
	uint64_t bytes;
	CHECK_OK(lp_objects_open(work, quarantine ? at("incoming") : "", &git, &err));
	enum lp_code code = lp_git_header(git, id.bytes, &type, &bytes, &err);
	CHECK(code == LP_OK || code == LP_NOT_FOUND);
	return code == LP_OK;
}

static unsigned packs(void)
{
	uint64_t bytes = 0;
	unsigned count = 0;
	CHECK_OK(lp_objects_bytes(work, &bytes, &count, &err));
	CHECK((bytes > 0) == (count > 0));
	return count;
}

/* Quarantines the second commit, thin on the first. */
static void fetch_thin(void)
{
	LP_AUTO(lp_git_close) struct git *store = NULL;
	CHECK_OK(lp_objects_begin(work, false, incoming, &err));
	CHECK_OK(lp_objects_open(work, "", &store, &err));
	CHECK_OK(index_pack("thin.pack", incoming, store, 100));
}

static void fetch_fresh(void)
{
	CHECK_OK(lp_objects_begin(work, true, incoming, &err));
	CHECK_OK(index_pack("both.pack", incoming, NULL, 100));
}

static void a_missing_store_is_empty(void)
{
	work_begin();
	CHECK(packs() == 0);
	CHECK(!has("first", false));
	CHECK_OK(lp_objects_promote(work, &err));
	CHECK_OK(lp_objects_discard(work, &err));
	work_end();
}

static void a_promoted_pack_is_in_the_store(void)
{
	begin();
	CHECK(packs() == 1 && has("first", false) && !is_there("incoming"));
	work_end();
}

static void a_thin_pack_is_completed_from_the_store(void)
{
	begin();
	fetch_thin();
	CHECK(!has("long", false) && has("long", true));
	CHECK_OK(lp_objects_promote(work, &err));
	CHECK(packs() == 2 && has("long", false) && has("first", false));
	work_end();
}

static void a_thin_pack_without_its_base_is_refused_and_leaves_no_file(void)
{
	work_begin();
	CHECK_OK(lp_objects_begin(work, false, incoming, &err));
	CHECK_CODE(index_pack("thin.pack", incoming, NULL, 100), LP_REJECTED, "pack");
	CHECK(rmdir(incoming) == 0);
	work_end();
}

static void a_discarded_quarantine_leaves_the_store_alone(void)
{
	begin();
	fetch_thin();
	CHECK_OK(lp_objects_discard(work, &err));
	CHECK(packs() == 1 && has("first", false) && !has("second", false));
	work_end();
}

static void a_new_fetch_empties_the_quarantine(void)
{
	begin();
	fetch_thin();
	CHECK_OK(lp_objects_begin(work, false, incoming, &err));
	CHECK(!has("second", true) && has("first", true));
	work_end();
}

static void a_fresh_fetch_replaces_the_store(void)
{
	begin();
	fetch_fresh();
	CHECK(packs() == 1);
	CHECK_OK(lp_objects_promote(work, &err));
	CHECK(packs() == 1 && has("second", false) && has("first", false));
	CHECK(!is_there("old") && !is_there("incoming") && !is_there("store/fresh"));
	work_end();
}

static void a_fresh_quarantine_is_read_without_the_store(void)
{
	begin();
	CHECK_OK(lp_file_write(at("store/pack-0000000000000000.idx"), "x", 1, 0600, &err));
	fetch_fresh();
	CHECK(has("second", true));
	LP_AUTO(lp_git_close) struct git *git = NULL;
	CHECK_CODE(lp_objects_open(work, "", &git, &err), LP_CORRUPT, "no pack beside it");
	CHECK_OK(lp_objects_promote(work, &err));
	CHECK(has("second", false));
	work_end();
}

static void a_store_in_doubt_is_doubted_until_a_fresh_one_replaces_it(void)
{
	begin();
	CHECK(!lp_objects_in_doubt(work));
	CHECK_OK(lp_objects_doubt(work, &err));
	CHECK(lp_objects_in_doubt(work) && has("first", false));
	fetch_thin();
	CHECK_OK(lp_objects_promote(work, &err));
	CHECK(lp_objects_in_doubt(work));
	fetch_fresh();
	CHECK(lp_objects_in_doubt(work));
	CHECK_OK(lp_objects_promote(work, &err));
	CHECK(!lp_objects_in_doubt(work));
	work_end();
}

/* --- cut off in the middle --- */

static void cut_between_the_two_renames_brings_the_old_store_back(void)
{
	begin();
	fetch_fresh();
	CHECK(rename(at("store"), at("old")) == 0);
	CHECK_OK(lp_objects_begin(work, false, incoming, &err));
	CHECK(packs() == 1 && has("first", false) && !has("second", false) && !is_there("old"));
	work_end();
}

static void cut_between_the_two_renames_can_be_promoted_again(void)
{
	begin();
	fetch_fresh();
	CHECK(rename(at("store"), at("old")) == 0);
	CHECK_OK(lp_objects_promote(work, &err));
	CHECK(packs() == 1 && has("second", false) && !is_there("old"));
	work_end();
}

static void cut_after_the_two_renames_keeps_the_new_store(void)
{
	begin();
	fetch_fresh();
	CHECK(rename(at("store"), at("old")) == 0);
	CHECK(rename(at("incoming"), at("store")) == 0);
	CHECK_OK(lp_objects_begin(work, false, incoming, &err));
	CHECK(packs() == 1 && has("second", false) && !is_there("old"));
	work_end();
}

/* Moves the files of the quarantine that end in suffix into the store, as promote does. */
static void move_files(const char *suffix)
{
	char from[LP_PATH_MAX], to[LP_PATH_MAX];
	DIR *dir = opendir(at("incoming"));
	struct dirent *entry;
	CHECK(dir != NULL);
	while ((entry = readdir(dir))) {
		if (!strstr(entry->d_name, suffix))
			continue;
		snprintf(from, sizeof(from), "%.500s/incoming/%s", work, entry->d_name);
		snprintf(to, sizeof(to), "%.500s/store/%s", work, entry->d_name);
		CHECK(rename(from, to) == 0);
	}
	closedir(dir);
}

static void cut_between_pack_and_index_leaves_a_store_that_reads_as_before(void)
{
	begin();
	fetch_thin();
	move_files(".pack");
	CHECK(has("first", false) && !has("second", false));
	CHECK_OK(lp_objects_begin(work, false, incoming, &err));
	CHECK(packs() == 1 && has("first", false));
	LP_AUTO(lp_git_close) struct git *git = NULL;
	CHECK_OK(lp_objects_open(work, "", &git, &err));
	uint64_t bytes = 0;
	unsigned count = 0;
	CHECK_OK(lp_objects_bytes(work, &bytes, &count, &err));
	CHECK(bytes < 4096); /* the pack without an index is gone */
	work_end();
}

static void cut_between_pack_and_index_can_be_promoted_again(void)
{
	begin();
	fetch_thin();
	move_files(".pack");
	CHECK_OK(lp_objects_promote(work, &err));
	CHECK(packs() == 2 && has("second", false) && has("long", false));
	work_end();
}

static void a_folder_of_too_many_files_is_corrupt(void)
{
	begin();
	CHECK_OK(lp_objects_begin(work, false, incoming, &err));
	for (unsigned i = 0; i <= LP_STORE_FILES; i++) {
		char path[LP_PATH_MAX];
		snprintf(path, sizeof(path), "%.900s/%u.idx", incoming, i);
		FILE *file = fopen(path, "w");
		CHECK(file && fclose(file) == 0);
	}
	CHECK_CODE(lp_objects_promote(work, &err), LP_CORRUPT, "more than 4096 files");
	CHECK(packs() == 1);
	work_end();
}

/* --- commits --- */

static void a_commit_is_read_and_nothing_else_as_one(void)
{
	LP_AUTO(lp_git_close) struct git *git = NULL;
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(LP_MIB);
	LP_AUTO(lp_buf_free) struct buf small = LP_BUF(100);
	struct oid first = id_of("first"), tree = id_of("first-tree"), other = id_of("second");
	begin();
	CHECK_OK(lp_objects_open(work, "", &git, &err));
	CHECK_OK(lp_objects_commit(git, &first, &b, &err));
	CHECK_HAS(lp_buf_text(&b), "author a <a@example.com> 1700000000 +0000");
	CHECK_CODE(lp_objects_commit(git, &tree, &b, &err), LP_REJECTED, "is a tree");
	CHECK_CODE(lp_objects_commit(git, &other, &b, &err), LP_NOT_FOUND, "is not there");
	CHECK_CODE(lp_objects_commit(git, &first, &small, &err), LP_LIMIT, "more than the 100");
	work_end();
}

int main(void)
{
	TEST(a_missing_store_is_empty);
	TEST(a_promoted_pack_is_in_the_store);
	TEST(a_thin_pack_is_completed_from_the_store);
	TEST(a_thin_pack_without_its_base_is_refused_and_leaves_no_file);
	TEST(a_discarded_quarantine_leaves_the_store_alone);
	TEST(a_new_fetch_empties_the_quarantine);
	TEST(a_fresh_fetch_replaces_the_store);
	TEST(a_fresh_quarantine_is_read_without_the_store);
	TEST(a_store_in_doubt_is_doubted_until_a_fresh_one_replaces_it);
	TEST(cut_between_the_two_renames_brings_the_old_store_back);
	TEST(cut_between_the_two_renames_can_be_promoted_again);
	TEST(cut_after_the_two_renames_keeps_the_new_store);
	TEST(cut_between_pack_and_index_leaves_a_store_that_reads_as_before);
	TEST(cut_between_pack_and_index_can_be_promoted_again);
	TEST(a_folder_of_too_many_files_is_corrupt);
	TEST(a_commit_is_read_and_nothing_else_as_one);
	return check_report();
}

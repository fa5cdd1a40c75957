/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/limits.h"
#include "agent/source/tree_entries.h"
#include "agent/source/tree_git.h"
#include "tests/unit/source/packs.h"

#define ID "01234567890123456789"

/* --- entries --- */

static enum lp_code read_tree(const char *data, size_t n)
{
	struct tree_cursor cursor = {.left = {(const uint8_t *)data, n}};
	struct git_entry entry;
	bool more = true;
	while (more)
		LP_TRY(lp_tree_next(&cursor, &entry, &more, &err));
	return LP_OK;
}

#define TREE(literal) read_tree(literal, sizeof(literal) - 1)

static void every_mode_of_git_is_taken_and_no_other(void)
{
	CHECK_OK(TREE("100644 a\0" ID "100755 b\0" ID "120000 c\0" ID "40000 d\0" ID
		      "160000 e\0" ID));
	CHECK_CODE(TREE("100664 a\0" ID), LP_REJECTED, "\"a\": a mode");
	CHECK_CODE(TREE("040000 a\0" ID), LP_REJECTED, "\"a\": a mode");
	CHECK_CODE(TREE("0 a\0" ID), LP_REJECTED, "a mode");
	CHECK_CODE(TREE(" a\0" ID), LP_REJECTED, "a mode");
}

static void names_that_lead_elsewhere_are_refused(void)
{
	CHECK_CODE(TREE("100644 \0" ID), LP_REJECTED, "without a name");
	CHECK_CODE(TREE("100644 .\0" ID), LP_REJECTED, "\".\"");
	CHECK_CODE(TREE("40000 ..\0" ID), LP_REJECTED, "\"..\"");
	CHECK_CODE(TREE("100644 a/b\0" ID), LP_REJECTED, "slash");
	CHECK_CODE(TREE("100644 /\0" ID), LP_REJECTED, "slash");
}

static void a_name_of_255_bytes_is_the_longest(void)
{
	LP_AUTO(lp_buf_free) struct buf tree = LP_BUF(1024);
	char name[257];
	memset(name, 'n', sizeof(name));
	for (int n = 255; n <= 256; n++) {
		lp_buf_clear(&tree);
		CHECK_OK(lp_buf_printf(&tree, &err, "100644 %.*s", n, name));
		CHECK_OK(lp_buf_append(&tree, "\0" ID, 21, &err));
		enum lp_code code = read_tree((const char *)tree.data, tree.len);
		CHECK(code == (n == 255 ? LP_OK : LP_REJECTED));
	}
	CHECK_HAS(err.msg, "255 bytes");
}

static void dotgit_is_refused_in_every_form(void)
{
	static const char *const bad[] = {".git",
					  ".GIT",
					  ".Git",
					  ".git.",
					  ".git ",
					  ".git. .",
					  ".git::$INDEX_ALLOCATION",
					  ".git:",
					  "git~1",
					  "GIT~1",
					  "git~1.",
					  ".g\xe2\x80\x8cit",
					  "\xef\xbb\xbf.git",
					  ".git\xe2\x80\xae",
					  "\xe2\x81\xaa.GIT"};
	static const char *const good[] = {".gitignore",      ".github", "git",   ".gi",
					   "git~2",           ".git-x",  "x.git", ".git\xe2\x80",
					   "\xe2\x80\x8bgit", "..git"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(lp_name_is_dotgit((struct slice){(const uint8_t *)bad[i], strlen(bad[i])}));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(!lp_name_is_dotgit(
			(struct slice){(const uint8_t *)good[i], strlen(good[i])}));
	CHECK_CODE(TREE("100644 .GIT.\0" ID), LP_REJECTED, "\".GIT.\"");
}

static void another_order_than_gits_is_refused(void)
{
	CHECK_CODE(TREE("100644 b\0" ID "100644 a\0" ID), LP_REJECTED, "order");
	CHECK_CODE(TREE("40000 a\0" ID "100644 a.b\0" ID), LP_REJECTED, "order");
	CHECK_OK(TREE("100644 a.b\0" ID "40000 a\0" ID "100644 a0\0" ID));
	CHECK_OK(TREE("100644 a\0" ID "100644 a.b\0" ID));
}

static void a_name_that_is_there_twice_is_refused(void)
{
	CHECK_CODE(TREE("100644 a\0" ID "100755 a\0" ID), LP_REJECTED, "twice");
	CHECK_CODE(TREE("100644 a\0" ID "40000 a\0" ID), LP_REJECTED, "twice");
	CHECK_CODE(TREE("100644 a\0" ID "100644 a.b\0" ID "40000 a\0" ID), LP_REJECTED, "twice");
	CHECK_CODE(TREE("100644 a\0" ID "100644 a-\0" ID "100644 a.\0" ID "40000 a\0" ID),
		   LP_REJECTED, "twice");
	CHECK_OK(TREE("100644 a\0" ID "40000 a-\0" ID "40000 a.b\0" ID "40000 ab\0" ID));
}

static void a_tree_cut_anywhere_is_refused(void)
{
	static const char tree[] = "100644 a\0" ID;
	for (size_t n = 1; n < sizeof(tree) - 1; n++)
		CHECK_CODE(read_tree(tree, n), LP_REJECTED, "cut short");
	CHECK_OK(read_tree(tree, 0));
}

static void a_folder_has_a_limit_of_entries(void)
{
	LP_AUTO(lp_buf_free) struct buf tree = LP_BUF(4 * LP_MIB);
	for (unsigned i = 0; i < LP_TREE_ENTRIES; i++) {
		CHECK_OK(lp_buf_printf(&tree, &err, "100644 f%06u", i));
		CHECK_OK(lp_buf_append(&tree, "\0" ID, 21, &err));
	}
	CHECK_OK(read_tree((const char *)tree.data, tree.len));
	CHECK_OK(lp_buf_append(&tree, "100644 g\0" ID, 29, &err));
	CHECK_CODE(read_tree((const char *)tree.data, tree.len), LP_LIMIT, "20000 entries");
}

/* --- trees of commits --- */

static struct git *git;
static struct tree_git *of;
static struct tree tree;
static char seen[1024];

static void open_second(void)
{
	const char *folders[1];
	struct oid root = id_of("second-tree");
	work_begin();
	CHECK_OK(lp_dir_make(at("packs"), &err));
	folders[0] = at("packs");
	CHECK_OK(index_pack("both.pack", folders[0], NULL, 100));
	CHECK_OK(lp_git_open(folders, 1, &git, &err));
	CHECK_OK(lp_tree_git_open(git, &root, &of, &err));
	tree = lp_tree_git(of);
	seen[0] = 0;
}

static void close_second(void)
{
	lp_tree_git_close(&of);
	lp_git_close(&git);
	work_end();
}

static enum lp_code note(void *context, const struct tree_entry *entry, struct err *e)
{
	size_t n = strlen(seen);
	snprintf(seen + n, sizeof(seen) - n, "%s:%d:%d ", entry->name, (int)entry->type,
		 (int)entry->size_bytes);
	return LP_OK;
}

static void a_commits_files_are_listed_with_their_sizes(void)
{
	open_second();
	CHECK_OK(tree.list(tree.of, "", note, NULL, &err));
	CHECK_STR(seen, "a.yaml:0:5 d:1:0 link:2:0 ");
	seen[0] = 0;
	CHECK_OK(tree.list(tree.of, "d", note, NULL, &err));
	CHECK_STR(seen, "e:1:0 long.yaml:0:700 ");
	seen[0] = 0;
	CHECK_OK(tree.list(tree.of, "d/e", note, NULL, &err));
	CHECK_STR(seen, "b.yaml:0:5 ");
	close_second();
}

static void files_are_read_from_every_folder(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(LP_MIB);
	open_second();
	CHECK_OK(tree.read(tree.of, "a.yaml", &b, &err));
	CHECK_STR(lp_buf_text(&b), "a: 1\n");
	lp_buf_clear(&b);
	CHECK_OK(tree.read(tree.of, "d/e/b.yaml", &b, &err));
	CHECK_STR(lp_buf_text(&b), "b: 1\n");
	lp_buf_clear(&b);
	CHECK_OK(tree.read(tree.of, "d/long.yaml", &b, &err));
	CHECK_HAS(lp_buf_text(&b), "\none hundred\n");
	close_second();
}

static void what_is_not_there_is_not_found(void)
{
	static const char *const bad[] = {"x", "d/x", "x/y", "a.yaml/x", "d", "link", "d/e", ""};
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(LP_MIB);
	open_second();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_CODE(tree.read(tree.of, bad[i], &b, &err), LP_NOT_FOUND, "is not there");
	CHECK_CODE(tree.list(tree.of, "a.yaml", note, NULL, &err), LP_NOT_FOUND, "is not there");
	CHECK_CODE(tree.list(tree.of, "link", note, NULL, &err), LP_NOT_FOUND, "is not there");
	CHECK_CODE(tree.list(tree.of, "x", note, NULL, &err), LP_NOT_FOUND, "is not there");
	CHECK(b.len == 0);
	close_second();
}

static void a_file_larger_than_the_callers_room_is_not_inflated(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(699);
	open_second();
	CHECK_CODE(tree.read(tree.of, "d/long.yaml", &b, &err), LP_LIMIT, "700 bytes");
	CHECK(b.len == 0);
	close_second();
}

static void a_revision_without_one_of_its_objects_is_corrupt(void)
{
	struct oid root = id_of("second-tree");
	const char *folders[1];
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(LP_MIB);
	open_second();
	lp_tree_git_close(&of);
	lp_git_close(&git);
	CHECK_OK(lp_dir_make(at("first"), &err));
	folders[0] = at("first");
	CHECK_OK(index_pack("first.pack", folders[0], NULL, 100));
	CHECK_OK(lp_git_open(folders, 1, &git, &err));
	CHECK_OK(lp_tree_git_open(git, &root, &of, &err));
	tree = lp_tree_git(of);
	CHECK_CODE(tree.list(tree.of, "", note, NULL, &err), LP_CORRUPT, "is not there");
	CHECK_CODE(tree.read(tree.of, "a.yaml", &b, &err), LP_CORRUPT, "is not there");
	close_second();
}

/* Opens a tree of deep.pack. */
static void open_deep(const char *name)
{
	struct oid root = id_of(name);
	work_begin();
	const char *folders[] = {work};
	CHECK_OK(index_pack("deep.pack", work, NULL, 100));
	CHECK_OK(lp_git_open(folders, 1, &git, &err));
	CHECK_OK(lp_tree_git_open(git, &root, &of, &err));
	tree = lp_tree_git(of);
	seen[0] = 0;
}

static void folders_below_the_depth_limit_are_refused(void)
{
	char path[2 * LP_TREE_DEPTH + 8] = "d";
	open_deep("deep-tree");
	for (int i = 1; i < LP_TREE_DEPTH; i++)
		memcpy(path + strlen(path), "/d", 3);
	CHECK_OK(tree.list(tree.of, path, note, NULL, &err));
	CHECK_STR(seen, "d:1:0 ");
	memcpy(path + strlen(path), "/d", 3);
	CHECK_CODE(tree.list(tree.of, path, note, NULL, &err), LP_LIMIT, "24 folders deep");
	close_second();
}

static void what_a_walk_can_yield_is_bounded(void)
{
	enum lp_code code = LP_OK;
	unsigned times = 0;
	open_deep("wide-tree");
	while (code == LP_OK && times < 1000) {
		code = tree.list(tree.of, "", note, NULL, &err);
		times++;
	}
	CHECK_CODE(code, LP_LIMIT, "200000 files");
	CHECK(times == LP_TREE_WALK_ENTRIES / 2000 + 1);
	close_second();
}

int main(void)
{
	TEST(every_mode_of_git_is_taken_and_no_other);
	TEST(names_that_lead_elsewhere_are_refused);
	TEST(a_name_of_255_bytes_is_the_longest);
	TEST(dotgit_is_refused_in_every_form);
	TEST(another_order_than_gits_is_refused);
	TEST(a_name_that_is_there_twice_is_refused);
	TEST(a_tree_cut_anywhere_is_refused);
	TEST(a_folder_has_a_limit_of_entries);
	TEST(a_commits_files_are_listed_with_their_sizes);
	TEST(files_are_read_from_every_folder);
	TEST(what_is_not_there_is_not_found);
	TEST(a_file_larger_than_the_callers_room_is_not_inflated);
	TEST(a_revision_without_one_of_its_objects_is_corrupt);
	TEST(folders_below_the_depth_limit_are_refused);
	TEST(what_a_walk_can_yield_is_bounded);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a tree may hold: in tables for what no tool would commit, and on a real disk. */
#include "agent/render/render.h"
#include "agent/render/tree_dir.h"
#include "tests/unit/check.h"
#include "tests/unit/render/fake.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CM(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

static struct buf said; /* the problems of the last rendering */
static unsigned n_objects;
static struct fake fake;

static enum lp_code take(void *context, const struct object *object, struct err *ret)
{
	(void)context;
	(void)object;
	(void)ret;
	n_objects++;
	return LP_OK;
}

static enum lp_code render_tree(const struct tree *tree, const char *path)
{
	LP_AUTO(lp_problems_free) struct problems problems = {0};
	const struct render_options options = {.path = path};
	char text[LP_PROBLEM_TEXT];

	lp_buf_free(&said);
	said = LP_BUF(LP_MIB);
	n_objects = 0;
	enum lp_code code = lp_render(tree, &options, NULL, take, NULL, &problems, &err);
	for (unsigned i = 0; i < problems.n; i++)
		if (lp_buf_printf(&said, &err, "%s\n", lp_problem_text(&problems.list[i], text)) !=
		    LP_OK)
			abort();
	return code;
}

static const char *problems_of(const struct fake_file *files)
{
	fake = (struct fake){.files = files};
	const struct tree tree = {&fake, fake_list, fake_read};

	CHECK(render_tree(&tree, "") == LP_REJECTED);
	CHECK(n_objects == 0);
	return lp_buf_text(&said);
}

static void links_and_submodules_are_refused_by_their_names(void)
{
	static const struct fake_file files[] = {
		{"a.yaml", CM("x")},
		{"apps/link.yaml", "../a.yaml", TREE_SYMLINK},
		{"apps/sub", NULL, TREE_SUBMODULE},
		{"docs", "README", TREE_SYMLINK},
		{"fifo.yaml", NULL, TREE_OTHER},
		{NULL},
	};

	CHECK_STR(
		problems_of(files),
		"apps/link.yaml: a symlink; commit the file itself, or move the link out of the path\n"
		"apps/sub: a submodule; commit its files themselves, or move it out of the path\n"
		"docs: a symlink; commit the file itself, or move the link out of the path\n"
		"fifo.yaml: neither a file nor a folder; remove it\n");
}

static void a_file_called_git_is_refused_in_any_case(void)
{
	static const struct fake_file files[] = {
		{".GiT", "x"},      {"a/.git", "x"},     {"b/.git/config", "x"},
		{"c/.git. .", "x"}, {"d/GIT~1", "x"},    {"e/.gitignore", "x"},
		{"f/git", "x"},     {"z.yaml", CM("x")}, {NULL},
	};

	CHECK_STR(
		problems_of(files),
		".GiT: a file called .git in a tree could change how Git itself reads it; remove it\n"
		"a/.git: a file called .git in a tree could change how Git itself reads it; remove it\n"
		"b/.git: a file called .git in a tree could change how Git itself reads it; remove it\n"
		"c/.git. .: a file called .git in a tree could change how Git itself reads it; remove it\n"
		"d/GIT~1: a file called .git in a tree could change how Git itself reads it; remove it\n");
}

static void names_that_lead_elsewhere_or_fool_a_terminal_are_refused(void)
{
	static const struct fake_file files[] = {
		{".", "x"}, {"..", "x"}, {"a\x1b[2J.yaml", CM("x")}, {"b\nc", "x"}, {NULL}};

	CHECK_STR(problems_of(files),
		  ".: a name that Git does not write; make the commit anew with git\n"
		  "..: a name that Git does not write; make the commit anew with git\n"
		  "a?[2J.yaml: a control character in a file's name; rename the file\n"
		  "b?c: a control character in a file's name; rename the file\n");
}

static void kustomize_and_helm_are_not_yet_and_never_half(void)
{
	static const char *const names[] = {"kustomization.yaml", "kustomization.yml",
					    "Kustomization"};
	struct fake_file files[] = {{"a.yaml", "not: good"}, {NULL, "x"}, {NULL}};

	for (size_t i = 0; i < 3; i++) {
		files[1].path = names[i];
		CHECK_HAS(problems_of(files), "ustomization");
		CHECK_HAS(
			lp_buf_text(&said),
			": kustomize is not supported yet; commit the output of `kustomize build`\n");
		CHECK(!strstr(lp_buf_text(&said), "a.yaml"));
	}
	files[1].path = "Chart.yaml";
	CHECK_STR(problems_of(files),
		  "Chart.yaml: Helm charts are not supported yet; commit the output of "
		  "`helm template`\n");
	files[1].path = "b/kustomization.yaml";
	CHECK_HAS(problems_of(files), "b/kustomization.yaml: kustomize is not supported yet");
}

static void a_file_past_the_limit_is_refused_before_it_is_read(void)
{
	static const struct fake_file files[] = {
		{"a.yaml", CM("x"), TREE_FILE, 20u * LP_MIB},
		{"b.yaml", CM("x"), TREE_FILE, LP_FILE_BYTES + 1},
		{"c.bin", "x", TREE_FILE, 20u * LP_MIB},
		{"d.yaml", CM("x"), TREE_FILE, LP_FILE_BYTES},
		{NULL},
	};

	CHECK_STR(problems_of(files),
		  "a.yaml: a file of 20971520 bytes; at most 4194304 are allowed: split it\n"
		  "b.yaml: a file of 4194305 bytes; at most 4194304 are allowed: split it\n");
	CHECK(fake.reads == 1);
}

static void all_files_together_are_limited(void)
{
	static const struct fake_file files[] = {
		{"a.yaml", "", TREE_FILE, LP_FILE_BYTES},
		{"b.yaml", "", TREE_FILE, LP_FILE_BYTES},
		{"c.yaml", "", TREE_FILE, LP_FILE_BYTES},
		{"d.yaml", "", TREE_FILE, LP_FILE_BYTES},
		{"e.yaml", "", TREE_FILE, LP_FILE_BYTES},
		{"f.yaml", "", TREE_FILE, LP_FILE_BYTES},
		{"g.yaml", "", TREE_FILE, LP_FILE_BYTES},
		{"h.yaml", "", TREE_FILE, LP_FILE_BYTES},
		{"i.yaml", "", TREE_FILE, 1},
		{NULL},
	};

	char limit[64];

	_Static_assert(LP_SOURCE_BYTES == 8 * LP_FILE_BYTES, "eight files are just inside");
	snprintf(limit, sizeof(limit), "more than %u bytes of manifests", LP_SOURCE_BYTES);
	CHECK_HAS(problems_of(files), limit);
	CHECK(fake.reads == 8);
}

static void folders_are_limited_in_depth(void)
{
	char deep[LP_PATH_MAX] = "", deeper[LP_PATH_MAX];
	const struct fake_file good[] = {{deep, CM("x")}, {NULL}};
	const struct fake_file bad[] = {{deeper, CM("x")}, {NULL}};
	size_t n = 0;

	for (unsigned i = 0; i < LP_TREE_DEPTH; i++)
		n += (size_t)snprintf(deep + n, sizeof(deep) - n, "d/");
	snprintf(deeper, sizeof(deeper), "d/%s%s", deep, "a.yaml");
	snprintf(deep + n, sizeof(deep) - n, "a.yaml");
	fake = (struct fake){.files = good};
	CHECK_OK(render_tree(&(struct tree){&fake, fake_list, fake_read}, ""));
	CHECK_HAS(problems_of(bad), "d/d: folders nested more than 24 deep; flatten them");
}

static void entries_are_limited(void)
{
	static struct fake_file files[LP_TREE_ENTRIES + 2];
	static char names[LP_TREE_ENTRIES + 2][8];

	for (unsigned i = 0; i < LP_TREE_ENTRIES; i++) {
		snprintf(names[i], sizeof(names[i]), "f%05u", i);
		files[i] = (struct fake_file){names[i], "x"};
	}
	files[7] = (struct fake_file){"a.yaml", CM("x")};
	fake = (struct fake){.files = files};
	CHECK_OK(render_tree(&(struct tree){&fake, fake_list, fake_read}, ""));
	files[LP_TREE_ENTRIES] = (struct fake_file){"g", "x"};
	CHECK_STR(problems_of(files),
		  "more than 20000 files and folders below the path: split the source\n");
}

static void a_path_that_is_too_long_is_refused(void)
{
	char name[LP_ORIGIN_MAX + 1], limit[64];
	const struct fake_file files[] = {{name, CM("x")}, {NULL}};
	const struct tree tree = {&fake, fake_list, fake_read};

	memset(name, 'a', sizeof(name));
	snprintf(name + LP_ORIGIN_MAX - 6, 6, ".yaml");
	fake = (struct fake){.files = files};
	CHECK_OK(render_tree(&tree, ""));
	CHECK(n_objects == 1);
	snprintf(name + LP_ORIGIN_MAX - 6, 7, "a.yaml");
	snprintf(limit, sizeof(limit), "a.yaml: a path of more than %d bytes; use shorter names",
		 LP_ORIGIN_MAX - 1);
	CHECK_HAS(problems_of(files), limit);
}

/* --- a folder on disk --- */

static char folder[] = "/tmp/limpet-test-XXXXXX";

static void put(const char *path, const char *text)
{
	char full[LP_PATH_MAX], *slash;

	CHECK_OK(lp_path_join(full, folder, path, &err));
	for (slash = full + sizeof(folder); (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	CHECK_OK(lp_file_write(full, text, strlen(text), 0644, &err));
}

static enum lp_code render_folder(const char *path)
{
	LP_AUTO(lp_tree_dir_close) struct tree tree = {0};

	CHECK_OK(lp_tree_dir_open(folder, &tree, &err));
	return render_tree(&tree, path);
}

static void start_folder(void)
{
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	CHECK(mkdtemp(folder) != NULL);
}

static void end_folder(void)
{
	CHECK_OK(lp_dir_remove(folder, &err));
}

static enum lp_code note_name(void *context, const struct tree_entry *entry, struct err *ret)
{
	return lp_buf_printf(context, ret, "%s%s ", entry->name,
			     entry->type == TREE_DIR         ? "/"
			     : entry->type == TREE_SYMLINK   ? "@"
			     : entry->type == TREE_SUBMODULE ? "!"
							     : "");
}

static void a_folder_on_disk_reads_as_git_would_commit_it(void)
{
	LP_AUTO(lp_tree_dir_close) struct tree tree = {0};
	LP_AUTO(lp_buf_free) struct buf names = LP_BUF(LP_KIB);
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(8);
	char link[LP_PATH_MAX];

	start_folder();
	put("a/x.yaml", "x");
	put("a.yaml", "12345678");
	put("a-b", "123456789");
	put("sub/.git", "gitdir: elsewhere");
	put(".git/config", "x");
	CHECK_OK(lp_path_join(link, folder, "link", &err));
	CHECK(symlink("/", link) == 0);
	CHECK_OK(lp_tree_dir_open(folder, &tree, &err));
	CHECK_OK(tree.list(tree.of, "", note_name, &names, &err));
	CHECK_STR(lp_buf_text(&names), "a-b a.yaml a/ link@ sub! ");

	CHECK_OK(tree.read(tree.of, "a.yaml", &text, &err));
	CHECK_STR(lp_buf_text(&text), "12345678");
	lp_buf_clear(&text);
	CHECK_CODE(tree.read(tree.of, "a-b", &text, &err), LP_LIMIT, "a-b: more than 8 bytes");
	CHECK_CODE(tree.read(tree.of, "a", &text, &err), LP_NOT_FOUND, "a: no regular file");
	CHECK_CODE(tree.read(tree.of, "link/etc/passwd", &text, &err), LP_NOT_FOUND,
		   "link/etc/passwd");
	CHECK_CODE(tree.read(tree.of, "link", &text, &err), LP_NOT_FOUND, "link");
	CHECK_CODE(tree.read(tree.of, "a/../a.yaml", &text, &err), LP_NOT_FOUND, "a/../a.yaml");
	CHECK_CODE(tree.read(tree.of, "..", &text, &err), LP_NOT_FOUND, "..");
	CHECK_CODE(tree.list(tree.of, "link", note_name, &names, &err), LP_NOT_FOUND, "link");
	CHECK_CODE(tree.list(tree.of, "nothing", note_name, &names, &err), LP_NOT_FOUND, "nothing");
	CHECK(text.len == 0);
	end_folder();
}

static void a_work_tree_is_rendered_without_its_own_git_folder(void)
{
	start_folder();
	put(".git/x.yaml", "[");
	put("apps/a.yaml", CM("x"));
	CHECK_OK(render_folder(""));
	CHECK(n_objects == 1);
	CHECK_OK(render_folder("apps"));
	put("apps/vendored/.git", "gitdir: x");
	CHECK(render_folder("") == LP_REJECTED);
	CHECK_STR(lp_buf_text(&said),
		  "apps/vendored: a submodule; commit its files themselves, or move it "
		  "out of the path\n");
	put("apps/.git", "gitdir: x");
	CHECK(render_folder("") == LP_REJECTED);
	CHECK_HAS(lp_buf_text(&said), "apps: a submodule");
	end_folder();
}

static void a_folder_that_is_not_there_is_said_to_be(void)
{
	struct tree tree = {0};

	CHECK_CODE(lp_tree_dir_open("/nonexistent/x", &tree, &err), LP_NOT_FOUND,
		   "/nonexistent/x: No such");
	CHECK_CODE(lp_tree_dir_open("/dev/null", &tree, &err), LP_NOT_FOUND,
		   "/dev/null: Not a directory");
	CHECK(tree.of == NULL);
}

int main(void)
{
	TEST(links_and_submodules_are_refused_by_their_names);
	TEST(a_file_called_git_is_refused_in_any_case);
	TEST(names_that_lead_elsewhere_or_fool_a_terminal_are_refused);
	TEST(kustomize_and_helm_are_not_yet_and_never_half);
	TEST(a_file_past_the_limit_is_refused_before_it_is_read);
	TEST(all_files_together_are_limited);
	TEST(folders_are_limited_in_depth);
	TEST(entries_are_limited);
	TEST(a_path_that_is_too_long_is_refused);
	TEST(a_folder_on_disk_reads_as_git_would_commit_it);
	TEST(a_work_tree_is_rendered_without_its_own_git_folder);
	TEST(a_folder_that_is_not_there_is_said_to_be);
	lp_buf_free(&said);
	return check_report();
}

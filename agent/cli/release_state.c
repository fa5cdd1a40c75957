/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/release_state.h"

#include "agent/cli/release_git.h"

#include <stdio.h>
#include <string.h>

#define LIST_BYTES LP_MIB /* of names of files */

#define WORDS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

/* --- where we are --- */

/* "true", the folder below the root ("" or "sites/berlin/"), the format of ids: a line each. */
static enum lp_code read_place(struct checkout *c, struct buf *out, struct err *err)
{
	char *text = (char *)out->data, *prefix = text ? strchr(text, '\n') : NULL;
	char *format = prefix ? strrchr(text, '\n') : NULL;

	if (!format || strncmp(text, "true\n", 5) != 0)
		return lp_err_set(err, LP_CONFIG,
				  "%s: not in a checkout of a Git repository; go into one, or name "
				  "its folder by --path",
				  c->folder);
	*format = '\0';
	format = strrchr(text, '\n');
	if (format <= prefix)
		return lp_err_set(err, LP_CONFIG,
				  "git rev-parse: cannot be understood; limpet "
				  "release wants git 2.31 or newer");
	*format++ = '\0';
	if (strcmp(format, "sha1") != 0)
		return lp_err_set(err, LP_CONFIG,
				  "the repository has %s object ids; devices take SHA-1 ones "
				  "(git init --object-format=sha1)",
				  format);
	int n = snprintf(c->in_tree, sizeof(c->in_tree), "%s" LP_BINDING_FILE, prefix + 1);
	if (n >= (int)sizeof(c->in_tree))
		return lp_err_set(err, LP_LIMIT, "%s: the path is too long", c->folder);
	return LP_OK;
}

enum lp_code lp_release_checkout(const char *folder, struct checkout *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(2 * LP_PATH_MAX);
	char upstream[LP_REF_MAX];
	int exit = 0;

	*ret = (struct checkout){.folder = folder};
	if (strcmp(folder, ".") == 0)
		LP_TRY(lp_copy(ret->file, sizeof(ret->file), LP_BINDING_FILE, err));
	else
		LP_TRY(lp_path_join(ret->file, folder, LP_BINDING_FILE, err));
	LP_TRY(lp_release_git(folder,
			      WORDS("rev-parse", "--is-inside-work-tree", "--show-prefix",
				    "--show-object-format"),
			      GIT_LOUD, &out, &exit, err));
	LP_TRY(read_place(ret, &out, err));
	LP_TRY(lp_release_git_ask(folder, WORDS("symbolic-ref", "-q", "--short", "HEAD"),
				  ret->branch, sizeof(ret->branch), err));
	LP_TRY(lp_release_git_ask(folder, WORDS("rev-parse", "-q", "--verify", "@{upstream}"),
				  upstream, sizeof(upstream), err));
	ret->has_upstream = upstream[0] != '\0';
	return LP_OK;
}

/* --- what is changed --- */

static bool is_unmerged(const char *xy)
{
	return xy[0] == 'U' || xy[1] == 'U' || strncmp(xy, "AA", 2) == 0 ||
	       strncmp(xy, "DD", 2) == 0;
}

/* One entry of git status -z: "XY name". */
static enum lp_code take_change(const struct checkout *c, const char *entry, struct json *doc,
				struct changes *to, struct err *err)
{
	const char *name = entry + 3;
	bool added = true;

	if (is_unmerged(entry))
		return lp_err_set(err, LP_CONFLICT,
				  "%.400s is not merged; resolve it and git commit, or git merge "
				  "--abort",
				  name);
	if (strcmp(name, c->in_tree) == 0)
		return LP_OK;
	if (entry[0] != ' ')
		added = lp_json_add(to->staged, lp_json_new_str(doc, name));
	if (entry[1] != ' ')
		added = added && lp_json_add(to->unstaged, lp_json_new_str(doc, name));
	return added ? LP_OK : lp_json_full(doc, "the changed files", err);
}

static enum lp_code take_changes(const struct checkout *c, const struct buf *status,
				 struct json *doc, struct changes *to, struct err *err)
{
	const char *at = lp_buf_text(status), *end = at + status->len;

	while (end - at > 3) {
		bool renamed = *at == 'R' || *at == 'C';
		LP_TRY(take_change(c, at, doc, to, err));
		at += strlen(at) + 1;
		if (renamed && at < end)
			at += strlen(at) + 1; /* the name it had */
	}
	return LP_OK;
}

/* A merge without conflicts shows in no file's state, and a commit would end it. */
static enum lp_code refuse_under_way(const struct checkout *c, struct err *err)
{
	static const struct {
		const char *ref, *name;
	} states[] = {{"MERGE_HEAD", "merge"},
		      {"CHERRY_PICK_HEAD", "cherry-pick"},
		      {"REVERT_HEAD", "revert"},
		      {"REBASE_HEAD", "rebase"}};
	char id[LP_REF_MAX];

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		LP_TRY(lp_release_git_ask(c->folder,
					  WORDS("rev-parse", "-q", "--verify", states[i].ref), id,
					  sizeof(id), err));
		if (id[0])
			return lp_err_set(
				err, LP_CONFLICT,
				"a %s is under way; end it (git %s --continue) or drop it "
				"(git %s --abort), then release",
				states[i].name, states[i].name, states[i].name);
	}
	return LP_OK;
}

enum lp_code lp_release_changes(const struct checkout *c, struct json *doc, struct changes *ret,
				struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf status = LP_BUF(LIST_BYTES);
	int exit = 0;

	ret->staged = lp_json_arr(doc);
	ret->unstaged = lp_json_arr(doc);
	LP_TRY(lp_release_git(c->folder,
			      WORDS("status", "--porcelain=v1", "-z", "--untracked-files=no"),
			      GIT_LOUD, &status, &exit, err));
	if (exit)
		return lp_err_set(err, LP_REJECTED, "git status: exit code %d", exit);
	LP_TRY(take_changes(c, &status, doc, ret, err));
	return refuse_under_way(c, err);
}

/* --- what was given out --- */

/* The limpet.yaml of a revision, when there is one that can be read. */
static enum lp_code binding_at(const struct checkout *c, const char *revision, struct binding *ret,
			       struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_BINDING_BYTES);
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	struct err ignored = {0};
	char name[64];
	int exit = 0;

	*ret = (struct binding){0};
	snprintf(name, sizeof(name), "%s:./" LP_BINDING_FILE, revision);
	enum lp_code code = lp_release_git(c->folder, WORDS("cat-file", "blob", name), GIT_QUIET,
					   &text, &exit, err);
	if (code == LP_LIMIT)
		return LP_OK;
	LP_TRY(code);
	if (exit == 0 &&
	    lp_binding_parse(LP_SLICE_OF(&text), name, ret, &problems, &ignored) != LP_OK)
		*ret = (struct binding){0};
	return LP_OK;
}

enum lp_code lp_release_highest(const struct checkout *c, int64_t *ret, struct err *err)
{
	struct binding head, upstream;

	LP_TRY(binding_at(c, "HEAD", &head, err));
	LP_TRY(binding_at(c, "@{upstream}", &upstream, err));
	*ret = head.sequence > upstream.sequence ? head.sequence : upstream.sequence;
	return LP_OK;
}

static enum lp_code repo_of(const char *path, char repo[LP_REPO_TEXT])
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_BINDING_BYTES);
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	struct err ignored = {0};
	struct binding binding;

	repo[0] = '\0';
	LP_TRY(lp_file_read(path, &text, &ignored));
	LP_TRY(lp_binding_parse(LP_SLICE_OF(&text), path, &binding, &problems, &ignored));
	memcpy(repo, binding.repo, LP_REPO_TEXT);
	return LP_OK;
}

enum lp_code lp_release_known_repo(const struct checkout *c, char ret[LP_REPO_TEXT],
				   struct err *err)
{
	static const char everywhere[] = ":(top,glob)**/" LP_BINDING_FILE; /* gitglossary(7) */
	LP_AUTO(lp_buf_free) struct buf list = LP_BUF(LIST_BYTES);
	char path[LP_PATH_MAX], repo[LP_REPO_TEXT];
	int exit = 0;

	ret[0] = '\0';
	LP_TRY(lp_release_git(c->folder,
			      WORDS("ls-files", "-z", "--cached", "--others", "--exclude-standard",
				    "--", everywhere),
			      GIT_LOUD, &list, &exit, err));
	const char *end = lp_buf_text(&list) + list.len;
	for (const char *at = lp_buf_text(&list); at < end; at += strlen(at) + 1) {
		LP_TRY(lp_path_join(path, c->folder, at, err));
		if (repo_of(path, repo) != LP_OK || !repo[0])
			continue; /* gone, or not ours to read */
		if (ret[0] && strcmp(ret, repo) != 0)
			return lp_err_set(err, LP_CONFLICT,
					  "%s has the id %s, and another limpet.yaml %s; say which "
					  "by --repo ID",
					  path, repo, ret);
		memcpy(ret, repo, LP_REPO_TEXT);
	}
	return LP_OK;
}

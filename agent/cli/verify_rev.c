/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/verify_rev.h"

#include "platform/fs.h"
#include "platform/limits.h"
#include "platform/text.h"

#include <stdio.h>
#include <string.h>

#define REFS_BYTES   (8u * LP_MIB) /* of packed-refs */
#define SYMBOLIC_MAX 5             /* steps from HEAD to a commit, as in git */

/* The git folder of a repository: DIR/.git, or DIR when it is bare. */
static enum lp_code git_folder(const char *dir, char to[LP_PATH_MAX], struct err *err)
{
	char head[LP_PATH_MAX];
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_PATH_MAX);

	LP_TRY(lp_path_join(to, dir, ".git", err));
	LP_TRY(lp_path_join(head, to, "HEAD", err));
	if (lp_file_read(head, &text, err) == LP_OK)
		return LP_OK;
	return lp_copy(to, LP_PATH_MAX, dir, err);
}

/* Looks a full ref name up in packed-refs: lines of "ID NAME". */
static enum lp_code packed_ref(const char *folder, const char *ref, struct buf *ret,
			       struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf refs = LP_BUF(REFS_BYTES);
	char path[LP_PATH_MAX], *rest, *line;

	LP_TRY(lp_path_join(path, folder, "packed-refs", err));
	LP_TRY(lp_file_read(path, &refs, err));
	if (refs.len == 0)
		return lp_err_set(err, LP_NOT_FOUND, "no such ref");
	for (line = strtok_r((char *)refs.data, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *name = strchr(line, ' ');
		if (*line != '#' && *line != '^' && name && strcmp(name + 1, ref) == 0)
			return lp_buf_append(ret, line, (size_t)(name - line), err);
	}
	return lp_err_set(err, LP_NOT_FOUND, "no such ref");
}

/* The text of a ref: an id, or "ref: NAME". */
static enum lp_code read_ref(const char *folder, const char *ref, struct buf *ret, struct err *err)
{
	char path[LP_PATH_MAX];

	LP_TRY(lp_path_join(path, folder, ref, err));
	enum lp_code code = lp_file_read(path, ret, err);
	if (code != LP_OK) /* not there, or a folder of refs */
		code = packed_ref(folder, ref, ret, err);
	LP_TRY(code);
	while (ret->len && (ret->data[ret->len - 1] == '\n' || ret->data[ret->len - 1] == '\r'))
		ret->data[--ret->len] = '\0';
	return LP_OK;
}

/* Follows a ref through symbolic ones to the id it names. */
static enum lp_code follow(const char *folder, const char *ref, struct buf *ret, struct err *err)
{
	char name[LP_REF_MAX];

	LP_TRY(lp_copy(name, sizeof(name), ref, err));
	for (int step = 0; step < SYMBOLIC_MAX; step++) {
		lp_buf_clear(ret);
		LP_TRY(read_ref(folder, name, ret, err));
		if (strncmp(lp_buf_text(ret), "ref: ", 5) != 0)
			return LP_OK;
		LP_TRY(lp_copy(name, sizeof(name), lp_buf_text(ret) + 5, err));
	}
	return lp_err_set(err, LP_REJECTED, "%s: too many symbolic refs", ref);
}

/* All 40 digits, HEAD, a branch, a tag or a full ref name. No expressions as git has them. */
static enum lp_code resolve(const char *folder, const char *rev, struct buf *ret, struct err *err)
{
	static const char *const places[] = {"", "refs/heads/", "refs/tags/", "refs/remotes/"};
	struct oid id;

	if (lp_oid_parse(rev, strlen(rev), &id))
		return lp_buf_str(ret, rev, err);
	if (!*rev || *rev == '/' || strstr(rev, ".."))
		return lp_err_set(err, LP_REJECTED, "\"%.200s\" is no name of a ref", rev);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char ref[LP_REF_MAX + 16];

		snprintf(ref, sizeof(ref), "%s%.*s", places[i], LP_REF_MAX, rev);
		if (!*places[i] && strcmp(rev, "HEAD") != 0 && strncmp(rev, "refs/", 5) != 0)
			continue;
		if (follow(folder, ref, ret, err) == LP_OK)
			return LP_OK;
	}
	return lp_err_set(err, LP_NOT_FOUND,
			  "%.200s: not found; give a branch, HEAD or all 40 digits of a commit",
			  rev);
}

enum lp_code lp_verify_rev(const char *repo, const char *rev, struct oid *ret, bool *ret_sha256,
			   struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_PATH_MAX);
	char folder[LP_PATH_MAX];

	LP_TRY(git_folder(repo, folder, err));
	LP_TRY(resolve(folder, rev, &text, err));
	*ret_sha256 = text.len == 64;
	if (!*ret_sha256 && !lp_oid_parse(lp_buf_text(&text), text.len, ret))
		return lp_err_set(err, LP_CORRUPT, "%s: not an object id: \"%.80s\"", rev,
				  lp_buf_text(&text));
	return LP_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limpet release: on a workstation, in a checkout, gives a path's limpet.yaml the next
 * sequence and makes the signed commit with the user's own git, so that nobody edits a
 * sequence by hand. --init writes the first limpet.yaml.
 */
#include "agent/cli/cli.h"
#include "agent/cli/commands.h"
#include "agent/cli/release_file.h"
#include "agent/cli/release_git.h"
#include "agent/cli/release_state.h"
#include "platform/clock.h"
#include "platform/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define JSON_BYTES (4u * LP_MIB)
#define SHOWN      5 /* names of files in a warning */
#define DAY_MS     86400000LL

#define WORDS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static const struct cli_help help = {
	.usage =
		"limpet release [--init] [--path DIR] [--audience NAME...] [--expires 90d] [options]",
	.about = "Raise the sequence in a path's limpet.yaml, stage that file and make the signed\n"
		 "commit with git. Run it in a checkout. What else is staged goes into the commit\n"
		 "too. With --init: write the first limpet.yaml, with the repository's id.",
	.examples =
		"  limpet release --init --path sites/berlin --audience site/berlin\n"
		"  limpet release --path sites/berlin -m 'Till 2.4'   sign and commit\n"
		"  limpet release --expires 90d                       valid for 90 days from now\n"
		"  limpet release --expires 2027-01-31                until that day, UTC, begins\n"
		"  limpet release --audience site/berlin,group/pilot  for others from now on\n"
		"  limpet release -n                                  only say what it would do",
	.operands_max = 0,
};

struct request {
	bool init, dry_run;
	const char *path, *expires, *message, *repo;
	const char *audience[CLI_LIST_MAX + 1];
	enum cli_output output;
};

/* --- what was asked for --- */

static enum lp_code add_audience(struct audience *audience, const char *text, size_t n,
				 struct err *err)
{
	char entry[LP_AUDIENCE_TEXT + 1];

	snprintf(entry, sizeof(entry), "%.*s", (int)n, text);
	const char *why = lp_binding_bad_audience(entry);
	if (why)
		return lp_err_set(err, LP_REJECTED, "--audience %.*s: %s", (int)n, text, why);
	for (size_t i = 0; i < audience->len; i++)
		if (strcmp(audience->list[i], entry) == 0)
			return LP_OK;
	if (audience->len == LP_AUDIENCE_MAX)
		return lp_err_set(err, LP_LIMIT, "--audience: at most %d; use a group or a pattern",
				  LP_AUDIENCE_MAX);
	return lp_copy(audience->list[audience->len++], LP_AUDIENCE_TEXT, entry, err);
}

/* Each --audience is a list with commas. */
static enum lp_code read_audience(const struct request *request, struct audience *ret,
				  struct err *err)
{
	for (size_t i = 0; request->audience[i]; i++) {
		for (const char *at = request->audience[i];;) {
			size_t n = strcspn(at, ",");
			LP_TRY(add_audience(ret, at, n, err));
			if (!at[n])
				break;
			at += n + 1;
		}
	}
	return LP_OK;
}

/* A time, a day, or a duration from now. */
static enum lp_code read_expires(const char *text, int64_t *ret_s, struct err *err)
{
	char day[LP_TIME_TEXT];
	struct err ignored = {0};
	int64_t ms = 0;

	snprintf(day, sizeof(day), "%.10sT00:00:00Z", text);
	if (lp_time_parse(text, ret_s) || (strlen(text) == 10 && lp_time_parse(day, ret_s))) {
		if (*ret_s <= lp_wall_s())
			return lp_err_set(err, LP_REJECTED, "--expires %s: has passed already",
					  text);
		return LP_OK;
	}
	if (lp_duration_parse(text, &ms, &ignored) != LP_OK || ms < 1000)
		return lp_err_set(err, LP_REJECTED,
				  "--expires %s: expected 90d, 12h, 2027-01-31 or "
				  "2027-01-31T12:00:00Z",
				  text);
	*ret_s = lp_wall_s() + ms / 1000;
	return LP_OK;
}

/* --- the file --- */

/* Reads limpet.yaml; *ret_mode has its permissions. */
static enum lp_code read_file(const struct checkout *c, struct buf *text, struct binding *ret,
			      unsigned *ret_mode, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	struct stat st;

	if (lstat(c->file, &st) != 0)
		return lp_err_set(err, LP_NOT_FOUND,
				  "%s is not there; write one by limpet release --init --path %s "
				  "--audience site/NAME",
				  c->file, c->folder);
	if (!S_ISREG(st.st_mode))
		return lp_err_set(err, LP_REJECTED,
				  "%s is no regular file; a device would refuse it", c->file);
	*ret_mode = st.st_mode & 0777;
	LP_TRY(lp_file_read(c->file, text, err));
	enum lp_code code = lp_binding_parse(LP_SLICE_OF(text), c->file, ret, &problems, err);
	if (code == LP_REJECTED) {
		lp_cli_lines(lp_buf_text(&problems));
		lp_err_set(err, code, "%s is not valid; mend it, then release", c->file);
	}
	return code;
}

static void new_repo(char to[LP_REPO_TEXT])
{
	uint8_t bits[(LP_REPO_TEXT - 1) / 2];

	lp_random(bits, sizeof(bits));
	lp_hex(bits, sizeof(bits), to);
}

/* What the file shall say after this release. */
static enum lp_code next_binding(const struct request *request, const struct checkout *c,
				 const struct binding *old, struct binding *ret, struct err *err)
{
	char repo[LP_REPO_TEXT], expires[LP_TIME_TEXT];
	int64_t highest = 0;

	*ret = *old;
	new_repo(repo);
	if (!old->repo[0])
		return lp_err_set(
			err, LP_REJECTED,
			"%s names no repo; write the line repo: \"%s\" into it, or the id "
			"that devices have as trust.repo already",
			c->file, repo);
	if (request->audience[0]) {
		ret->audience = (struct audience){0};
		LP_TRY(read_audience(request, &ret->audience, err));
	}
	if (!ret->audience.len)
		return lp_err_set(err, LP_REJECTED,
				  "%s names no audience; give --audience site/NAME", c->file);
	if (request->expires)
		LP_TRY(read_expires(request->expires, &ret->expires_s, err));
	if (ret->expires_s && ret->expires_s <= lp_wall_s())
		return lp_err_set(
			err, LP_REJECTED,
			"%s expired at %s, so that devices would refuse it; give --expires "
			"90d",
			c->file, lp_time_text(ret->expires_s, expires));
	LP_TRY(lp_release_highest(c, &highest, err));
	if (old->sequence > highest)
		highest = old->sequence;
	if (highest >= LP_SEQUENCE_MAX)
		return lp_err_set(err, LP_LIMIT, "%s: no sequence is higher than %" PRId64, c->file,
				  highest);
	ret->sequence = highest + 1;
	return LP_OK;
}

/* --- the commit --- */

/* limpet.yaml as the index had it before: "100644 ID 0\tNAME", or "" when it had none. */
struct staged {
	char mode[8], id[80];
};

static enum lp_code read_staged(const struct checkout *c, struct staged *ret, struct err *err)
{
	char line[2 * LP_PATH_MAX];

	*ret = (struct staged){0};
	LP_TRY(lp_release_git_ask(c->folder, WORDS("ls-files", "-s", "--", LP_BINDING_FILE), line,
				  sizeof(line), err));
	char *id = strchr(line, ' '), *rest = id ? strchr(id + 1, ' ') : NULL;
	if (!rest)
		return LP_OK;
	*id++ = *rest = '\0';
	LP_TRY(lp_copy(ret->mode, sizeof(ret->mode), line, err));
	return lp_copy(ret->id, sizeof(ret->id), id, err);
}

/* Puts the file and the index back as they were: nothing was released. */
static void put_back(const struct checkout *c, const struct buf *text, unsigned mode,
		     const struct staged *staged)
{
	struct err err = {0};

	if (lp_file_write(c->file, text->data, text->len, mode, &err) != LP_OK)
		lp_cli_fail(&err);
	enum lp_code code =
		staged->id[0]
			? lp_release_git_ok(c->folder,
					    WORDS("update-index", "--cacheinfo", staged->mode,
						  staged->id, c->in_tree),
					    &err)
			: lp_release_git_ok(
				  c->folder,
				  WORDS("rm", "-q", "-f", "--cached", "--", LP_BINDING_FILE), &err);
	if (code != LP_OK)
		lp_cli_fail(&err);
}

static enum lp_code commit(const struct request *request, const struct checkout *c,
			   int64_t sequence, struct err *err)
{
	char subject[64];

	snprintf(subject, sizeof(subject), "Release %" PRId64, sequence);
	LP_TRY(lp_release_git_ok(c->folder, WORDS("add", "--", LP_BINDING_FILE), err));
	return lp_release_git_ok(
		c->folder,
		WORDS("commit", "-q", "-S", "-m", request->message ? request->message : subject),
		err);
}

static enum lp_code write_and_commit(const struct request *request, const struct checkout *c,
				     const struct buf *old, const struct buf *text, unsigned mode,
				     int64_t sequence, struct err *err)
{
	struct staged staged;

	LP_TRY(read_staged(c, &staged, err));
	LP_TRY(lp_file_write(c->file, text->data, text->len, mode, err));
	enum lp_code code = commit(request, c, sequence, err);
	if (code == LP_OK)
		return LP_OK;
	put_back(c, old, mode, &staged);
	return lp_err_set(
		err, code,
		"git made no signed commit (its own words are above), and " LP_BINDING_FILE
		" is as it was; git config gpg.format ssh and git config "
		"user.signingkey FILE.pub let it sign");
}

/* --- what is printed --- */

/* A name that a shell takes as it stands. */
static bool is_plain(const char *name)
{
	return *name && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._/-") == strlen(name);
}

static const char *push_command(const struct checkout *c, char to[LP_REF_MAX + 64])
{
	if (c->has_upstream)
		snprintf(to, LP_REF_MAX + 64, "git push");
	else if (is_plain(c->branch))
		snprintf(to, LP_REF_MAX + 64, "git push -u origin %s", c->branch);
	else
		snprintf(to, LP_REF_MAX + 64, "git push origin HEAD%s",
			 c->branch[0] ? "" : ":refs/heads/BRANCH");
	return to;
}

static void warn_files(const char *what, const struct jval *files)
{
	LP_AUTO(lp_buf_free) struct buf line = LP_BUF(LP_PATH_MAX * (SHOWN + 2));
	struct json_iter it = lp_json_iter(files);
	struct err ignored = {0};
	char shown[LP_PATH_MAX];

	if (!lp_json_len(files) || lp_buf_str(&line, what, &ignored) != LP_OK)
		return;
	while (lp_json_next(&it) && it.index < SHOWN)
		if (lp_buf_printf(&line, &ignored, "%s %s", it.index ? "," : "",
				  lp_printable(lp_json_slice(it.value), shown, sizeof(shown))) !=
		    LP_OK)
			return;
	if (lp_json_len(files) > SHOWN)
		fprintf(stderr, "limpet: %s and %zu more\n", lp_buf_text(&line),
			lp_json_len(files) - SHOWN);
	else
		fprintf(stderr, "limpet: %s\n", lp_buf_text(&line));
}

static void warn(const struct changes *changes, const struct binding *b)
{
	warn_files("these other files are staged and go into the commit:", changes->staged);
	warn_files("these are changed but not staged, and stay out of the commit:",
		   changes->unstaged);
	if (b->sync.has_wait || b->sync.on_failure)
		fputs("limpet: sync in " LP_BINDING_FILE " is kept, but no device acts on it yet\n",
		      stderr);
}

static bool put_audience(struct json *doc, struct jval *to, const struct audience *audience)
{
	struct jval *list = lp_json_arr(doc);

	for (size_t i = 0; i < audience->len; i++)
		if (!lp_json_add(list, lp_json_new_str(doc, audience->list[i])))
			return false;
	return lp_json_put(doc, to, "audience", list);
}

static bool put_text(struct json *doc, struct jval *to, const char *key, const char *text)
{
	return lp_json_put(doc, to, key, *text ? lp_json_new_str(doc, text) : lp_json_null(doc));
}

static void print_audience(const struct binding *b)
{
	char expires[LP_TIME_TEXT];

	printf("audience: ");
	for (size_t i = 0; i < b->audience.len; i++)
		printf("%s%s", i ? ", " : "", b->audience.list[i]);
	printf("\nexpires:  %s\n",
	       b->expires_s ? lp_time_text(b->expires_s, expires) : "never (--expires sets it)");
}

struct released {
	const struct checkout *checkout;
	const struct binding *binding;
	const struct changes *changes;
	int64_t previous;
	char commit[80]; /* "" for a dry run */
};

static int print_released(const struct request *request, const struct released *r, struct json *doc)
{
	const struct binding *b = r->binding;
	char push[LP_REF_MAX + 64], expires[LP_TIME_TEXT];

	push_command(r->checkout, push);
	if (request->output == OUTPUT_TEXT) {
		printf("%s sequence %" PRId64 " (was %" PRId64 ")%s%s\n",
		       request->dry_run ? "would release" : "released", b->sequence, r->previous,
		       r->commit[0] ? " as commit " : "", r->commit);
		print_audience(b);
		printf("push it:  %s\n", push);
		return CLI_OK;
	}
	struct jval *v = lp_json_obj(doc);
	if (!put_text(doc, v, "commit", r->commit) ||
	    !lp_json_put_int(doc, v, "sequence", b->sequence) ||
	    !lp_json_put_int(doc, v, "previous", r->previous) ||
	    !lp_json_put_str(doc, v, "repo", b->repo) || !put_audience(doc, v, &b->audience) ||
	    !put_text(doc, v, "expires", lp_time_text(b->expires_s, expires)) ||
	    !lp_json_put_str(doc, v, "file", r->checkout->file) ||
	    !put_text(doc, v, "branch", r->checkout->branch) ||
	    !lp_json_put_str(doc, v, "push", push) ||
	    !lp_json_put(doc, v, "staged", r->changes->staged) ||
	    !lp_json_put(doc, v, "unstaged", r->changes->unstaged) ||
	    !lp_json_put_bool(doc, v, "dryRun", request->dry_run))
		return lp_cli_error("out of memory");
	return lp_cli_json(v);
}

static int print_new(const struct request *request, const struct checkout *c,
		     const struct binding *b)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};
	char expires[LP_TIME_TEXT];

	if (request->output == OUTPUT_TEXT) {
		printf("%s %s\n", request->dry_run ? "would write" : "wrote", c->file);
		print_audience(b);
		printf("\nGive the repository's id to its devices, in config.yaml, under the "
		       "source's trust:\n\n      repo: %s\n\nThen: limpet release --path %s\n",
		       b->repo, c->folder);
		return CLI_OK;
	}
	if (lp_json_new(JSON_BYTES, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *v = lp_json_obj(doc);
	if (!lp_json_put_str(doc, v, "file", c->file) ||
	    !lp_json_put_str(doc, v, "repo", b->repo) || !put_audience(doc, v, &b->audience) ||
	    !put_text(doc, v, "expires", lp_time_text(b->expires_s, expires)) ||
	    !lp_json_put_bool(doc, v, "dryRun", request->dry_run))
		return lp_cli_error("out of memory");
	return lp_cli_json(v);
}

/* --- the two things it does --- */

static enum lp_code release(const struct request *request, const struct checkout *c,
			    struct json *doc, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf old_text = LP_BUF(LP_BINDING_BYTES);
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_BINDING_BYTES);
	struct binding old = {0}, next = {0};
	struct changes changes;
	struct released released = {c, &next, &changes, 0, ""};
	unsigned mode = 0;

	LP_TRY(read_file(c, &old_text, &old, &mode, err));
	LP_TRY(next_binding(request, c, &old, &next, err));
	released.previous = next.sequence - 1;
	LP_TRY(lp_release_changes(c, doc, &changes, err));
	LP_TRY(lp_buf_append(&text, old_text.data, old_text.len, err));
	LP_TRY(lp_release_change(&text, c->file, &old, &next, err));
	warn(&changes, &next);
	if (!request->dry_run) {
		LP_TRY(write_and_commit(request, c, &old_text, &text, mode, next.sequence, err));
		LP_TRY(lp_release_git_ask(c->folder, WORDS("rev-parse", "HEAD"), released.commit,
					  sizeof(released.commit), err));
	}
	return print_released(request, &released, doc) == CLI_OK
		       ? LP_OK
		       : lp_err_set(err, LP_TRANSIENT, "standard output cannot be written");
}

static enum lp_code init(const struct request *request, const struct checkout *c, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_BINDING_BYTES);
	struct binding b = {.present = true};
	struct stat st;

	if (lstat(c->file, &st) == 0)
		return lp_err_set(err, LP_CONFLICT,
				  "%s is there already; its repo id is made once. limpet release "
				  "without --init raises its sequence",
				  c->file);
	if (!request->audience[0])
		return lp_err_set(
			err, LP_REJECTED,
			"--init: give --audience site/NAME or group/NAME, for whom this is");
	LP_TRY(read_audience(request, &b.audience, err));
	if (request->expires)
		LP_TRY(read_expires(request->expires, &b.expires_s, err));
	if (request->repo && !lp_binding_is_repo(request->repo))
		return lp_err_set(
			err, LP_REJECTED,
			"--repo %s: expected 32 hex digits, as --init has made them before",
			request->repo);
	if (request->repo)
		LP_TRY(lp_copy(b.repo, sizeof(b.repo), request->repo, err));
	else
		LP_TRY(lp_release_known_repo(c, b.repo, err));
	if (!b.repo[0])
		new_repo(b.repo);
	LP_TRY(lp_release_new(&b, &text, err));
	if (!request->dry_run)
		LP_TRY(lp_file_write(c->file, text.data, text.len, 0644, err));
	return print_new(request, c, &b) == CLI_OK
		       ? LP_OK
		       : lp_err_set(err, LP_TRANSIENT, "standard output cannot be written");
}

static int run(const struct request *request)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct checkout checkout;
	struct err err = {0};

	enum lp_code code = lp_json_new(JSON_BYTES, &doc, &err);
	if (code == LP_OK)
		code = lp_release_checkout(request->path, &checkout, &err);
	if (code == LP_OK)
		code = request->init ? init(request, &checkout, &err)
				     : release(request, &checkout, doc, &err);
	if (code == LP_OK && fflush(stdout) != 0)
		return lp_cli_error("standard output cannot be written");
	return code == LP_OK ? CLI_OK : lp_cli_error("release: %s", err.msg);
}

int lp_cmd_release(int argc, char **argv)
{
	struct request request = {.path = "."};
	const struct cli_option options[] = {
		{"init", 0, NULL, "write the first limpet.yaml of a path", &request.init, NULL,
		 NULL},
		{"path", 'p', "DIR", "the folder that a source of the device names (default .)",
		 NULL, &request.path, NULL},
		{"audience", 'a', "NAME",
		 "site/NAME or group/NAME, * and ? allowed; repeat it, or "
		 "use commas",
		 .list = request.audience},
		{"expires", 'e', "90d|DATE", "until when it holds: from now, or a time in UTC",
		 NULL, &request.expires, NULL},
		{"message", 'm', "TEXT", "of the commit (default: Release and the sequence)", NULL,
		 &request.message, NULL},
		{"repo", 0, "ID", "with --init: the id that the repository has already", NULL,
		 &request.repo, NULL},
		{"dry-run", 'n', NULL, "change nothing, say what would be done", &request.dry_run,
		 NULL, NULL},
		CLI_OUTPUT(request.output),
		CLI_END,
	};
	int exit = CLI_OK;

	if (lp_cli_parse(&help, options, argc, argv, &exit) < 0)
		return exit;
	if (request.init && request.message)
		return lp_cli_error("release: --init makes no commit; leave -m away");
	if (!request.init && request.repo)
		return lp_cli_error("release: --repo goes with --init only");
	return run(&request);
}

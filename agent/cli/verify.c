/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limpet verify: the judgement of one commit's signature, for a person to try by
 * hand. It is the same code that judges on the device; only the floor is left
 * out, since a commit in a file has nothing to descend from.
 */
#include "agent/cli/commands.h"
#include "agent/cli/daemon.h"
#include "agent/trust/files.h"
#include "agent/trust/judge.h"
#include "platform/git.h"

#define JSON_BYTES      (64u * LP_KIB)
#define REFS_BYTES      (8u * LP_MIB) /* of packed-refs */
#define SYMBOLIC_MAX    5             /* steps from HEAD to a commit, as in git */
#define EXIT_REFUSED    1
#define EXIT_NOT_JUDGED 2

static const struct cli_help help = {
	.usage = "limpet verify (--object FILE | --repo DIR REV) [--signers FILE] [--revoked FILE]",
	.about = "Judge the signature of one commit, as a device would, and print the verdict.\n"
		 "Exit code: 0 accepted, 1 refused, 2 could not judge.",
	.examples = "  git cat-file commit HEAD > /tmp/commit\n"
		    "  limpet verify --object /tmp/commit --signers allowed_signers\n"
		    "  limpet verify --repo . HEAD --signers allowed_signers -o text\n"
		    "  limpet verify --repo . HEAD --keys openpgp.keys",
	.operands_min = 0,
	.operands_max = 1,
};

struct request {
	const char *object, *repo, *rev, *signers, *keys, *revoked, *config;
	enum cli_output output;
};

/* A refusal that was found before the bytes could be judged. */
static enum lp_code refuse(struct judgement *j, enum verdict verdict, const char *reason)
{
	*j = (struct judgement){.verdict = verdict};
	snprintf(j->reason, sizeof(j->reason), "%.400s", reason);
	return LP_OK;
}

static enum lp_code judge_object(const struct request *request, const struct trust_policy *policy,
				 struct judgement *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf bytes = LP_BUF(LP_COMMIT_BYTES);

	enum lp_code code = lp_file_read(request->object, &bytes, err);
	if (code == LP_LIMIT)
		return refuse(ret, VERDICT_TOO_LARGE, err->msg);
	LP_TRY(code);
	return lp_trust_judge_bytes(policy, LP_SLICE_OF(&bytes), ret, err);
}

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

static enum lp_code read_commit(void *ctx, const struct oid *id, struct buf *out, struct err *err)
{
	return lp_git_read(ctx, id->bytes, GIT_TYPE_COMMIT, out, err);
}

static enum lp_code judge_repo(const struct request *request, const struct trust_policy *policy,
			       struct judgement *ret, struct err *err)
{
	LP_AUTO(lp_git_close) struct git *git = NULL;
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_PATH_MAX);
	char folder[LP_PATH_MAX];
	struct oid id;

	LP_TRY(git_folder(request->repo, folder, err));
	LP_TRY(resolve(folder, request->rev, &text, err));
	if (text.len == 64)
		return refuse(ret, VERDICT_UNSUPPORTED_FORMAT,
			      "the repository has SHA-256 object ids");
	if (!lp_oid_parse(lp_buf_text(&text), text.len, &id))
		return lp_err_set(err, LP_CORRUPT, "%s: not an object id: \"%.80s\"", request->rev,
				  lp_buf_text(&text));
	LP_TRY(lp_git_open_repository(request->repo, &git, err));
	const struct trust_reader reader = {.commit = read_commit, .commit_ctx = git};
	if (lp_trust_judge(policy, &id, NULL, &reader, ret, err) != LP_OK)
		return lp_err_wrap(err, "%s", request->rev);
	return LP_OK;
}

/* What the configuration trusts, for who named no file of their own. */
static enum lp_code load_config(const struct request *request, struct trust_policy *policy,
				struct trust_files *ret, struct err *err)
{
	struct config *config = calloc(1, sizeof(*config));
	enum lp_code code = LP_CONFIG;

	if (!config)
		return lp_err_nomem(err, "configuration");
	if (lp_cli_config(request->config, config) && config->source_count) {
		const struct trust_config *trust = &config->sources[0].trust;
		const struct trust_paths paths = {.signers = trust->signers,
						  .keys = trust->keys,
						  .revoked = request->revoked ? request->revoked
									      : trust->revoked};
		policy->rsa_bits = (unsigned)trust->rsa_bits;
		code = lp_trust_files_load(&paths, ret, err);
	} else {
		lp_err_set(err, code,
			   "verify: give --signers FILE or --keys FILE, or a configuration with a "
			   "source that names one");
	}
	free(config);
	return code;
}

static enum lp_code judge(const struct request *request, struct judgement *ret, struct err *err)
{
	LP_AUTO(lp_trust_files_free) struct trust_files files = {0};
	const struct trust_paths paths = {
		.signers = request->signers, .keys = request->keys, .revoked = request->revoked};
	struct trust_policy policy = {0};

	LP_TRY(lp_crypto_init(err));
	if (request->signers || request->keys)
		LP_TRY(lp_trust_files_load(&paths, &files, err));
	else
		LP_TRY(load_config(request, &policy, &files, err));
	lp_trust_files_use(&files, &policy);
	return request->object ? judge_object(request, &policy, ret, err)
			       : judge_repo(request, &policy, ret, err);
}

static bool put_text(struct json *doc, struct jval *obj, const char *key, const char *text)
{
	return lp_json_put(doc, obj, key, *text ? lp_json_new_str(doc, text) : lp_json_null(doc));
}

static enum lp_code print_json(const struct judgement *j, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(JSON_BYTES);
	bool accepted = j->verdict == VERDICT_ACCEPTED;
	char payload[LP_PAYLOAD_TEXT] = "";

	LP_TRY(lp_json_new(JSON_BYTES, &doc, err));
	struct jval *obj = lp_json_obj(doc);
	if (!lp_payload_is_zero(&j->payload))
		lp_payload_text(&j->payload, payload);
	if (!lp_json_put_str(doc, obj, "verdict", accepted ? "accepted" : "refused") ||
	    !put_text(doc, obj, "reason", accepted ? "" : lp_verdict_name(j->verdict)) ||
	    !put_text(doc, obj, "signer", j->signer) ||
	    !put_text(doc, obj, "key", j->fingerprint) || !put_text(doc, obj, "payload", payload) ||
	    !put_text(doc, obj, "detail", j->reason) ||
	    !put_text(doc, obj, "wayOut", lp_verdict_way_out(j->verdict)))
		return lp_json_full(doc, "the verdict", err);
	LP_TRY(lp_json_write(obj, &out, err));
	puts(lp_buf_text(&out));
	return LP_OK;
}

static void print_text(const struct judgement *j)
{
	char payload[LP_PAYLOAD_TEXT];

	if (j->verdict == VERDICT_ACCEPTED)
		printf("%saccepted%s: %s\n", lp_cli_green(), lp_cli_plain(), j->reason);
	else
		printf("%srefused%s as %s: %s\n", lp_cli_red(), lp_cli_plain(),
		       lp_verdict_name(j->verdict), j->reason);
	if (!lp_payload_is_zero(&j->payload))
		printf("payload: %s\n", lp_payload_text(&j->payload, payload));
	if (*lp_verdict_way_out(j->verdict))
		printf("way out: %s\n", lp_verdict_way_out(j->verdict));
}

static int run(const struct request *request)
{
	struct judgement judgement = {.verdict = VERDICT_MALFORMED};
	struct err err = {0};

	enum lp_code code = judge(request, &judgement, &err);
	if (code == LP_OK && request->output == OUTPUT_JSON)
		code = print_json(&judgement, &err);
	else if (code == LP_OK)
		print_text(&judgement);
	if (code != LP_OK) {
		lp_cli_fail(&err);
		return EXIT_NOT_JUDGED;
	}
	if (fflush(stdout) != 0) {
		lp_cli_error("standard output cannot be written");
		return EXIT_NOT_JUDGED;
	}
	return judgement.verdict == VERDICT_ACCEPTED ? 0 : EXIT_REFUSED;
}

int lp_cmd_verify(int argc, char **argv)
{
	struct request request = {.output = OUTPUT_JSON};
	const struct cli_option options[] = {
		{"object", 0, "FILE", "a commit object, as git cat-file commit prints it", NULL,
		 &request.object, NULL},
		{"repo", 0, "DIR", "a repository; REV is in it: HEAD, a branch or 40 digits", NULL,
		 &request.repo, NULL},
		{"signers", 's', "FILE", "allowed_signers (default: those of the configuration)",
		 NULL, &request.signers, NULL},
		{"keys", 'k', "FILE", "OpenPGP keys, as limpet keys import writes them", NULL,
		 &request.keys, NULL},
		{"revoked", 0, "FILE", "keys that no longer count, one a line, or a KRL", NULL,
		 &request.revoked, NULL},
		CLI_CONFIG(request.config),
		{"output", 'o', "text|json", "how to print (default json, one line)", NULL, NULL,
		 &request.output},
		CLI_END,
	};
	int code;

	int operands = lp_cli_parse(&help, options, argc, argv, &code);
	if (operands < 0)
		return code;
	request.rev = operands ? argv[1] : NULL;
	if (!request.object == !request.repo) {
		lp_cli_error("verify: give --object FILE, or --repo DIR and REV");
		return EXIT_NOT_JUDGED;
	}
	if (!request.repo != !request.rev) {
		lp_cli_error(request.repo ? "verify: --repo DIR needs a REV, such as HEAD"
					  : "verify: a REV goes with --repo DIR only");
		return EXIT_NOT_JUDGED;
	}
	return run(&request);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limpet verify: the judgement of one commit, for a person to try by hand. It is
 * the same code that judges on the device: by the files of signers alone, or by a
 * device's configuration also for whom the commit is. Only the floor is left out,
 * since what is tried by hand has nothing to descend from.
 */
#include "agent/cli/commands.h"
#include "agent/cli/daemon.h"
#include "agent/cli/verify_rev.h"
#include "agent/source/tree_git.h"
#include "agent/trust/files.h"
#include "agent/trust/judge.h"
#include "platform/clock.h"
#include "platform/git.h"

#include <inttypes.h>

#define JSON_BYTES      (64u * LP_KIB)
#define EXIT_REFUSED    1
#define EXIT_NOT_JUDGED 2

static const struct cli_help help = {
	.usage = "limpet verify (--object FILE | --repo DIR REV) [--config FILE] [--signers FILE]",
	.about =
		"Judge one commit, as a device would, and print the verdict.\n\n"
		"With the configuration of a device (--config, or the default one when neither\n"
		"--signers nor --keys is given) and --repo, it is also judged by its limpet.yaml:\n"
		"for which repository and whom it is, and whether it has expired by this machine's\n"
		"clock. Otherwise, and with --object, which has no tree, the signature alone is.\n"
		"Never judged here: whether it goes forward from what a device accepted last.\n\n"
		"Exit code: 0 accepted, 1 refused, 2 could not judge.",
	.examples =
		"  limpet verify --repo . HEAD                        by /etc/limpet/config.yaml\n"
		"  limpet verify --repo . site/berlin --config berlin.yaml -o text\n"
		"  limpet verify --repo . HEAD --signers allowed_signers\n"
		"  limpet verify --repo . HEAD --keys openpgp.keys\n"
		"  git cat-file commit HEAD > /tmp/commit\n"
		"  limpet verify --object /tmp/commit --signers allowed_signers",
	.operands_min = 0,
	.operands_max = 1,
};

struct request {
	const char *object, *repo, *rev, *signers, *keys, *revoked, *config;
	enum cli_output output;
};

/* One verification: what is asked, by what it is judged, and what came of it. */
struct verification {
	const struct request *request;
	struct config *config; /* of a device; NULL: signers and keys are all that is known */
	struct trust_files files;
	struct trust_policy policy;
	struct binding_policy binding_policy;
	struct git *git;
	struct judgement judgement;
	struct binding binding; /* the commit's limpet.yaml, as far as it could be read */
};

static void verification_free(struct verification *v)
{
	lp_git_close(&v->git);
	lp_trust_files_free(&v->files);
	free(v->config);
}

/* --- by what it is judged --- */

/* The device's own rules, and for what has an end the clock of the machine that is asked. */
static void use_config(struct verification *v)
{
	const struct config *config = v->config;
	const struct trust_config *trust = &config->sources[0].trust;

	lp_cli_learn_time(config);
	v->policy.rsa_bits = (unsigned)trust->rsa_bits;
	v->policy.floor_s = lp_wall_s();
	v->binding_policy = (struct binding_policy){
		.repo = trust->repo,
		.required = trust->binding == TRUST_BINDING_REQUIRED,
		.site = config->site,
		.groups = v->config->groups,
		.group_count = config->group_count,
		.floor_s = v->policy.floor_s,
	};
	v->policy.binding = &v->binding_policy;
}

static enum lp_code load_config(struct verification *v, struct err *err)
{
	const struct request *request = v->request;
	bool files_are_named = request->signers || request->keys;

	if (files_are_named && !request->config)
		return LP_OK;
	v->config = calloc(1, sizeof(*v->config));
	if (!v->config)
		return lp_err_nomem(err, "configuration");
	if (!lp_cli_config(request->config, v->config) || !v->config->source_count)
		return lp_err_set(err, LP_CONFIG,
				  "verify: give --signers FILE or --keys FILE, or a configuration "
				  "with a source that names one");
	use_config(v);
	return LP_OK;
}

/* Files that a person names stand in for the configuration's. */
static enum lp_code load_files(struct verification *v, struct err *err)
{
	const struct request *request = v->request;
	struct trust_paths paths = {
		.signers = request->signers, .keys = request->keys, .revoked = request->revoked};

	if (v->config) {
		const struct trust_config *trust = &v->config->sources[0].trust;

		if (!paths.signers && !paths.keys) {
			paths.signers = trust->signers;
			paths.keys = trust->keys;
		}
		if (!paths.revoked)
			paths.revoked = trust->revoked;
	}
	LP_TRY(lp_trust_files_load(&paths, &v->files, err));
	lp_trust_files_use(&v->files, &v->policy);
	return LP_OK;
}

/* --- judging --- */

/* A refusal that was found before the bytes could be judged. */
static enum lp_code refuse(struct judgement *j, enum verdict verdict, const char *reason)
{
	*j = (struct judgement){.verdict = verdict};
	snprintf(j->reason, sizeof(j->reason), "%.400s", reason);
	return LP_OK;
}

static enum lp_code judge_object(struct verification *v, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf bytes = LP_BUF(LP_COMMIT_BYTES);

	enum lp_code code = lp_file_read(v->request->object, &bytes, err);
	if (code == LP_LIMIT)
		return refuse(&v->judgement, VERDICT_TOO_LARGE, err->msg);
	LP_TRY(code);
	return lp_trust_judge_bytes(&v->policy, LP_SLICE_OF(&bytes), &v->judgement, err);
}

static enum lp_code read_commit(void *ctx, const struct oid *id, struct buf *out, struct err *err)
{
	return lp_git_read(ctx, id->bytes, GIT_TYPE_COMMIT, out, err);
}

static enum lp_code read_binding(void *ctx, const struct oid *tree, struct buf *out,
				 struct err *err)
{
	struct verification *v = ctx;
	const char *path = v->config ? v->config->sources[0].path : "";

	return lp_tree_git_read(v->git, tree, path, LP_BINDING_FILE, out, err);
}

/* What limpet.yaml says, to be shown with any verdict; what is wrong with it the judge tells. */
static void look_at_binding(struct verification *v, const struct oid *id)
{
	LP_AUTO(lp_buf_free) struct buf bytes = LP_BUF(LP_COMMIT_BYTES);
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_BINDING_BYTES), problems = {0};
	struct commit commit;
	struct err err = {0};

	if (read_commit(v->git, id, &bytes, &err) != LP_OK ||
	    lp_commit_parse(bytes.data, bytes.len, &commit, &err) != LP_OK ||
	    read_binding(v, &commit.tree, &text, &err) != LP_OK ||
	    lp_binding_parse(LP_SLICE_OF(&text), LP_BINDING_FILE, &v->binding, &problems, &err) !=
		    LP_OK)
		v->binding = (struct binding){0};
}

static enum lp_code judge_repo(struct verification *v, struct err *err)
{
	const struct request *request = v->request;
	bool sha256;
	struct oid id;

	LP_TRY(lp_verify_rev(request->repo, request->rev, &id, &sha256, err));
	if (sha256)
		return refuse(&v->judgement, VERDICT_UNSUPPORTED_FORMAT,
			      "the repository has SHA-256 object ids");
	LP_TRY(lp_git_open_repository(request->repo, &v->git, err));
	const struct trust_reader reader = {.commit = read_commit,
					    .commit_ctx = v->git,
					    .binding = read_binding,
					    .binding_ctx = v};
	if (lp_trust_judge(&v->policy, &id, NULL, &reader, &v->judgement, err) != LP_OK)
		return lp_err_wrap(err, "%s", request->rev);
	look_at_binding(v, &id);
	return LP_OK;
}

static enum lp_code judge(struct verification *v, struct err *err)
{
	LP_TRY(lp_crypto_init(err));
	LP_TRY(load_config(v, err));
	LP_TRY(load_files(v, err));
	return v->request->object ? judge_object(v, err) : judge_repo(v, err);
}

/* --- telling --- */

/* Why nothing was asked of limpet.yaml; NULL when it was, or a refusal came before it. */
static const char *not_judged(const struct verification *v)
{
	if (v->judgement.verdict != VERDICT_ACCEPTED)
		return NULL;
	if (v->request->object)
		return "for whom it is and until when: a commit object has no tree; give --repo DIR REV";
	if (!v->config)
		return "for whom it is and until when: give --config FILE of a device";
	return NULL;
}

static bool put_text(struct json *doc, struct jval *obj, const char *key, const char *text)
{
	return lp_json_put(doc, obj, key,
			   text && *text ? lp_json_new_str(doc, text) : lp_json_null(doc));
}

static struct jval *binding_json(struct json *doc, const struct binding *b)
{
	char expires[LP_TIME_TEXT] = "";
	struct jval *obj = lp_json_obj(doc), *audience = lp_json_arr(doc);

	if (!b->present)
		return lp_json_null(doc);
	for (size_t i = 0; i < b->audience.len; i++)
		lp_json_add(audience, lp_json_new_str(doc, b->audience.list[i]));
	if (b->expires_s)
		lp_time_text(b->expires_s, expires);
	put_text(doc, obj, "repo", b->repo);
	lp_json_put(doc, obj, "audience", audience);
	if (b->sequence)
		lp_json_put_int(doc, obj, "sequence", b->sequence);
	else
		lp_json_put(doc, obj, "sequence", lp_json_null(doc));
	return put_text(doc, obj, "expires", expires) ? obj : NULL;
}

static enum lp_code print_json(const struct verification *v, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(JSON_BYTES);
	const struct judgement *j = &v->judgement;
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
	    !put_text(doc, obj, "wayOut", lp_verdict_way_out(j->verdict)) ||
	    !lp_json_put(doc, obj, "binding", binding_json(doc, &v->binding)) ||
	    !put_text(doc, obj, "notJudged", not_judged(v)))
		return lp_json_full(doc, "the verdict", err);
	LP_TRY(lp_json_write(obj, &out, err));
	puts(lp_buf_text(&out));
	lp_cli_answered();
	return LP_OK;
}

static void print_binding(const struct binding *b)
{
	char expires[LP_TIME_TEXT];

	if (*b->repo)
		printf("repo: %s\n", b->repo);
	for (size_t i = 0; i < b->audience.len; i++)
		printf("%s%s", i ? ", " : "audience: ", b->audience.list[i]);
	if (b->audience.len)
		puts("");
	if (b->sequence)
		printf("sequence: %" PRId64 "\n", b->sequence);
	if (b->expires_s)
		printf("expires: %s\n", lp_time_text(b->expires_s, expires));
}

static void print_text(const struct verification *v)
{
	const struct judgement *j = &v->judgement;
	char payload[LP_PAYLOAD_TEXT];

	if (j->verdict == VERDICT_ACCEPTED)
		printf("%saccepted%s: %s\n", lp_cli_green(), lp_cli_plain(), j->reason);
	else
		printf("%srefused%s as %s: %s\n", lp_cli_red(), lp_cli_plain(),
		       lp_verdict_name(j->verdict), j->reason);
	if (!lp_payload_is_zero(&j->payload))
		printf("payload: %s\n", lp_payload_text(&j->payload, payload));
	print_binding(&v->binding);
	if (not_judged(v))
		printf("not judged: %s\n", not_judged(v));
	if (*lp_verdict_way_out(j->verdict))
		printf("way out: %s\n", lp_verdict_way_out(j->verdict));
}

static int run(const struct request *request)
{
	LP_AUTO(verification_free)
	struct verification v = {.request = request, .judgement = {.verdict = VERDICT_MALFORMED}};
	struct err err = {0};

	enum lp_code code = judge(&v, &err);
	if (code == LP_OK && request->output == OUTPUT_JSON)
		code = print_json(&v, &err);
	else if (code == LP_OK)
		print_text(&v);
	if (code != LP_OK) {
		lp_cli_fail(&err);
		return EXIT_NOT_JUDGED;
	}
	if (fflush(stdout) != 0) {
		lp_cli_error("standard output cannot be written");
		return EXIT_NOT_JUDGED;
	}
	return v.judgement.verdict == VERDICT_ACCEPTED ? 0 : EXIT_REFUSED;
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

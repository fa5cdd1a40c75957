/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/render_role.h"

#include "agent/render/render.h"
#include "agent/source/objects.h"
#include "agent/source/tree_git.h"
#include "agent/supervisor/render_wire.h"
#include "agent/trust/files.h"
#include "platform/log.h"
#include "platform/sandbox.h"

#include <stdio.h>
#include <string.h>

#define REQUEST_WAIT_MS 30000
#define MEMORY_BYTES    (256ull * LP_MIB)
#define CPU_S           60
#define FILES           64

struct work {
	struct channel *ch;
	struct render_request request;
	struct known_kinds kinds;
	struct git *git;
	enum lp_code lost; /* the channel broke: nobody is left to tell */
};

static void free_work(struct work *work)
{
	lp_known_kinds_free(&work->kinds);
	lp_git_close(&work->git);
}

/* --- asking and telling --- */

/* Sends the frame that w has put; a broken channel ends the role. */
static enum lp_code send_frame(struct work *work, struct wire_writer *w, struct err *err)
{
	LP_TRY(lp_wire_end(w, err));
	work->lost = lp_channel_flush(work->ch, err);
	return work->lost;
}

static enum lp_code send_end(struct work *work, enum render_result result, unsigned problems,
			     const char *message, struct err *err)
{
	struct render_end end = {.result = result,
				 .code = result == RENDER_BROKEN ? err->code : LP_OK,
				 .problems = problems};
	struct wire_writer w;
	size_t n = strnlen(message, sizeof(end.message) - 1);

	memcpy(end.message, message, n);
	lp_wire_begin(&w, &work->ch->out, RENDER_END);
	lp_render_end_put(&w, &end);
	return send_frame(work, &w, err);
}

static enum lp_code take_kind(struct work *work, struct wire_reader *frame, struct err *err)
{
	char group[LP_GROUP_MAX], kind[LP_KIND_MAX];

	lp_wire_str(frame, group, sizeof(group));
	lp_wire_str(frame, kind, sizeof(kind));
	bool namespaced = lp_wire_u8(frame);
	LP_TRY(lp_wire_done(frame, "kind", err));
	return lp_known_kinds_add(&work->kinds, group, kind, namespaced, err);
}

static enum lp_code receive_request(struct work *work, struct err *err)
{
	struct wire_reader frame = {0};

	for (;;) {
		LP_TRY(lp_channel_receive(work->ch, REQUEST_WAIT_MS, &frame, err));
		if (frame.type == RENDER_REQUEST)
			break;
		if (frame.type != RENDER_KIND)
			return lp_err_set(err, LP_REJECTED, "frame of type %u", frame.type);
		LP_TRY(take_kind(work, &frame, err));
	}
	lp_render_request_take(&frame, &work->request);
	return lp_wire_done(&frame, "render request", err);
}

/* Was this payload accepted before? Only the supervisor's store knows. */
static enum lp_code ask_seen(void *ctx, const struct payload_id *id, bool *ret, struct err *err)
{
	struct work *work = ctx;
	struct wire_reader frame = {0};
	struct wire_writer w;

	lp_wire_begin(&w, &work->ch->out, RENDER_SEEN_QUESTION);
	lp_wire_put_bytes(&w, id->bytes, sizeof(id->bytes));
	LP_TRY(send_frame(work, &w, err));
	LP_TRY(lp_channel_receive(work->ch, REQUEST_WAIT_MS, &frame, err));
	*ret = lp_wire_u8(&frame);
	if (frame.type != RENDER_SEEN_ANSWER)
		frame.bad = true;
	return lp_wire_done(&frame, "answer", err);
}

/* --- the work --- */

static void wall_in(const struct render_request *request)
{
	const char *const files[] = {request->signers, request->keys, request->revoked};
	size_t n = 1;
	struct sandbox sandbox = {.readable = {request->objects},
#ifndef LIMPET_SANITIZED
				  .as_bytes = MEMORY_BYTES,
#endif
				  .nofile = FILES,
				  .cpu_s = CPU_S};
	struct sandbox_report report;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (*files[i])
			sandbox.readable[n++] = files[i];
	lp_sandbox_enter(&sandbox, &report);
}

/* limpet.yaml of a tree at the source's path. */
static enum lp_code read_binding(void *ctx, const struct oid *tree, struct buf *out,
				 struct err *err)
{
	struct work *work = ctx;

	return lp_tree_git_read(work->git, tree, work->request.path, LP_BINDING_FILE, out, err);
}

static enum lp_code judge(struct work *work, struct judgement *ret, struct err *err)
{
	const struct render_request *request = &work->request;
	const struct trust_paths paths = {
		.signers = request->signers, .keys = request->keys, .revoked = request->revoked};
	LP_AUTO(lp_trust_files_free) struct trust_files files = {0};
	struct binding_policy binding = lp_render_binding(request);
	struct trust_policy policy = {.rsa_bits = request->rsa_bits,
				      .history = request->history,
				      .ancestry_commits = request->commits,
				      .floor_s = request->floor_s,
				      .binding = &binding};
	struct trust_floor floor = {.present = request->floor,
				    .lost = request->floor_lost,
				    .commit = request->floor_commit,
				    .payload = request->floor_payload,
				    .sequence = request->floor_sequence,
				    .seen = ask_seen,
				    .seen_ctx = work};

	LP_TRY(lp_trust_files_load(&paths, &files, err));
	lp_trust_files_use(&files, &policy);
	LP_TRY(lp_objects_open(request->objects, request->quarantine, &work->git, err));
	const struct trust_reader reader = {.commit = lp_objects_commit,
					    .commit_ctx = work->git,
					    .cut = request->cut,
					    .binding = read_binding,
					    .binding_ctx = work};
	return lp_trust_judge(&policy, &request->tip, &floor, &reader, ret, err);
}

static enum lp_code send_verdict(struct work *work, const struct judgement *judgement,
				 struct err *err)
{
	struct render_verdict verdict = {.verdict = judgement->verdict,
					 .nothing_new = judgement->nothing_new,
					 .incomplete = judgement->incomplete,
					 .verified = judgement->verified};
	struct wire_writer w;

	memcpy(verdict.reason, judgement->reason, sizeof(verdict.reason));
	if (judgement->verdict != VERDICT_ACCEPTED) {
		verdict.verified.payload = judgement->payload;
		memcpy(verdict.verified.signer, judgement->signer, sizeof(judgement->signer));
		memcpy(verdict.verified.fingerprint, judgement->fingerprint,
		       sizeof(judgement->fingerprint));
	}
	lp_wire_begin(&w, &work->ch->out, RENDER_VERDICT);
	lp_render_verdict_put(&w, &verdict);
	return send_frame(work, &w, err);
}

static enum lp_code send_object(void *ctx, const struct object *object, struct err *err)
{
	struct work *work = ctx;
	struct wire_writer w;

	lp_wire_begin(&w, &work->ch->out, RENDER_OBJECT);
	lp_object_put(&w, object);
	return send_frame(work, &w, err);
}

static enum lp_code send_problems(struct work *work, const struct problems *problems,
				  struct err *err)
{
	char text[LP_PROBLEM_TEXT];
	struct wire_writer w;

	for (unsigned i = 0; i < problems->n; i++) {
		lp_wire_begin(&w, &work->ch->out, RENDER_PROBLEM);
		lp_wire_put_str(&w, lp_problem_text(&problems->list[i], text));
		LP_TRY(send_frame(work, &w, err));
	}
	return LP_OK;
}

/* The first problem stands for all in one line. */
static enum lp_code send_invalid(struct work *work, const struct problems *problems,
				 struct err *err)
{
	char first[LP_PROBLEM_TEXT] = "the manifests cannot be rendered", message[LP_ERR_MAX];

	LP_TRY(send_problems(work, problems, err));
	if (problems->n)
		lp_problem_text(&problems->list[0], first);
	if (problems->total > 1)
		snprintf(message, sizeof(message), "%.900s (and %u more)", first,
			 problems->total - 1);
	else
		snprintf(message, sizeof(message), "%.1000s", first);
	return send_end(work, RENDER_INVALID, problems->total, message, err);
}

static enum lp_code render(struct work *work, const struct oid *root, struct err *err)
{
	const struct render_request *request = &work->request;
	struct render_options options = {
		.path = request->path, .ns = request->ns, .allow_empty = request->allow_empty};
	LP_AUTO(lp_tree_git_close) struct tree_git *tree_git = NULL;
	LP_AUTO(lp_problems_free) struct problems problems = {0};

	LP_TRY(lp_tree_git_open(work->git, root, &tree_git, err));
	struct tree tree = lp_tree_git(tree_git);
	enum lp_code code =
		lp_render(&tree, &options, &work->kinds, send_object, work, &problems, err);
	if (work->lost != LP_OK)
		return work->lost;
	if (code == LP_REJECTED)
		return send_invalid(work, &problems, err);
	if (code == LP_NOT_FOUND)
		return send_end(work, RENDER_EMPTY, 0, err->msg, err);
	if (code != LP_OK)
		return code;
	return send_end(work, RENDER_GOOD, 0, "", err);
}

static enum lp_code serve(struct work *work, struct err *err)
{
	struct judgement judgement = {0};

	wall_in(&work->request);
	LP_TRY(judge(work, &judgement, err));
	LP_TRY(send_verdict(work, &judgement, err));
	if (judgement.verdict != VERDICT_ACCEPTED || judgement.nothing_new)
		return LP_OK;
	return render(work, &judgement.verified.tree, err);
}

int lp_render_role(struct channel *ch)
{
	LP_AUTO(free_work) struct work work = {.ch = ch};
	struct err err = {0}, end_err = {0};

	lp_log_setup(LOG_LEVEL_INFO, "render");
	if (receive_request(&work, &err) != LP_OK)
		return 1;
	if (serve(&work, &err) == LP_OK)
		return 0;
	if (work.lost != LP_OK)
		return 1;
	end_err = err;
	return send_end(&work, RENDER_BROKEN, 0, err.msg, &end_err) == LP_OK ? 0 : 1;
}

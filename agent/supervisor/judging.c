/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the render role over one fetched tip: its verdict, then its objects,
 * one at a time into the store. Nothing is stored unless all of it is good;
 * then the packs are promoted and revision, objects and floor are written in
 * one transaction.
 */
#include "agent/render/problems.h"
#include "agent/source/objects.h"
#include "agent/supervisor/freshness.h"
#include "agent/supervisor/run.h"
#include "agent/supervisor/telling.h"
#include "agent/trust/files.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "store/floor.h"
#include "store/kinds.h"
#include "store/refusal.h"
#include "store/revision.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct judging {
	struct render_verdict verdict;
	bool judged; /* verdict is there */
	struct revision_writer *writer;
	unsigned objects;
	uint8_t judged_by[32];
};

/* --- what a refusal is judged by --- */

/* The kinds matter too: with one more CRD in the cluster a refused revision may render. */
static enum lp_code digest_kinds(struct source_run *run, struct lp_hash *hash, struct err *err)
{
	struct stored_kind kind;

	for (unsigned nth = 0;; nth++) {
		enum lp_code code = lp_kind_nth(run->super->db, nth, &kind, err);
		if (code == LP_NOT_FOUND)
			return LP_OK;
		if (code != LP_OK)
			return code;
		lp_hash_add(hash, kind.group, strlen(kind.group) + 1);
		lp_hash_add(hash, kind.kind, strlen(kind.kind) + 1);
		lp_hash_add(hash, &kind.namespaced, sizeof(kind.namespaced));
	}
}

static enum lp_code read_floor(struct source_run *run, struct trust_floor *floor, struct err *err)
{
	struct stored_floor stored;
	enum lp_code code = lp_floor_get(run->super->db, run->config->name, &stored, err);

	*floor = (struct trust_floor){0};
	if (code == LP_NOT_FOUND)
		return LP_OK;
	if (code != LP_OK)
		return code;
	floor->present = lp_floor_holds(&stored);
	floor->lost = !stored.revision;
	memcpy(floor->commit.bytes, stored.commit, sizeof(stored.commit));
	memcpy(floor->payload.bytes, stored.payload, sizeof(stored.payload));
	floor->sequence = stored.sequence;
	return LP_OK;
}

/* The settings among the rules; the files that it names are read where they are needed. */
static struct trust_policy policy_of(const struct source_config *config)
{
	static const enum trust_history histories[] = {
		[TRUST_HISTORY_EVERY] = HISTORY_EVERY,
		[TRUST_HISTORY_TIP] = HISTORY_TIP,
	};

	return (struct trust_policy){.rsa_bits = (unsigned)config->trust.rsa_bits,
				     .history = histories[config->trust.history],
				     .ancestry_commits = (unsigned)config->trust.commits,
				     .floor_s = lp_wall_floor_s()};
}

enum lp_code lp_judged_by(struct source_run *run, uint8_t ret[32], struct err *err)
{
	const struct source_config *config = run->config;
	const struct limits_config *limits = &run->super->config.limits;
	LP_AUTO(lp_trust_files_free) struct trust_files files = {0};
	const struct trust_paths paths = {.signers = config->trust.signers,
					  .keys = config->trust.keys,
					  .revoked = config->trust.revoked};
	const struct binding_policy binding = {
		.repo = config->trust.repo,
		.required = config->trust.binding == TRUST_BINDING_REQUIRED,
		.site = run->super->config.site,
		.groups = run->super->config.groups,
		.group_count = run->super->config.group_count,
	};
	struct trust_policy policy = policy_of(config);
	struct trust_floor floor;
	uint8_t trust[LP_SHA256_BYTES];
	LP_AUTO(lp_hash_abort) struct lp_hash sha = {0};

	policy.binding = &binding;
	LP_TRY(lp_trust_files_load(&paths, &files, err));
	lp_trust_files_use(&files, &policy);
	LP_TRY(read_floor(run, &floor, err));
	lp_trust_digest(&policy, &floor, LIMPET_VERSION, trust);
	lp_hash_begin(&sha, LP_SHA256);
	lp_hash_add(&sha, trust, sizeof(trust));
	lp_hash_add(&sha, config->path, strlen(config->path) + 1);
	lp_hash_add(&sha, config->ns, strlen(config->ns) + 1);
	lp_hash_add(&sha, &config->allow_empty, sizeof(config->allow_empty));
	lp_hash_add(&sha, &limits->fetch_bytes, sizeof(limits->fetch_bytes));
	LP_TRY(digest_kinds(run, &sha, err));
	lp_hash_end(&sha, ret);
	return LP_OK;
}

/* --- how it ends --- */

static void discard(struct source_run *run)
{
	struct err err = {0};

	if (run->fetched.quarantine[0] && lp_objects_discard(run->objects, &err) != LP_OK)
		lp_log(LOG_LEVEL_WARN, "discard-failed", "error", err.msg, NULL);
}

void lp_judging_end(struct source_run *run)
{
	lp_link_end(&run->render);
	if (!run->judging)
		return;
	lp_revision_abandon(&run->judging->writer);
	free(run->judging);
	run->judging = NULL;
}

/* No answer was found; the same tip is tried again at the next poll. */
static void failed(struct source_run *run, const char *why)
{
	lp_judging_end(run);
	discard(run);
	lp_poll_failed(run, "judge-failed", why, -1);
	lp_feed(run, CYCLE_JUDGE_FAILED);
}

static void store_failed(struct source_run *run, const char *doing, const struct err *err)
{
	lp_judging_end(run); /* first: a damaged store is closed next */
	discard(run);
	lp_store_failed(run, doing, err);
	lp_poll_failed(run, "judge-failed", err->msg, -1);
	lp_feed(run, CYCLE_JUDGE_FAILED);
}

/* Remembers a tip that brings nothing, with the reason, and by what it was judged. */
static enum lp_code remember(struct source_run *run, const char *verdict, const char *reason,
			     struct err *err)
{
	struct stored_refusal refusal = {.at_s = lp_wall_s()};
	const struct verified *who = &run->judging->verdict.verified;

	memcpy(refusal.tip, run->fetched.tip.bytes, sizeof(refusal.tip));
	/* What a server held back it may show next time: that is judged at each poll. */
	if (!run->judging->verdict.incomplete)
		memcpy(refusal.judged_by, run->judging->judged_by, sizeof(refusal.judged_by));
	snprintf(refusal.verdict, sizeof(refusal.verdict), "%s", verdict);
	snprintf(refusal.reason, sizeof(refusal.reason), "%s", reason);
	snprintf(refusal.signer, sizeof(refusal.signer), "%s",
		 who->signer[0] ? who->signer : who->fingerprint);
	return lp_refusal_put(run->super->db, run->config->name, &refusal, err);
}

const char *lp_refusal_way_out(const char *name)
{
	enum verdict verdict;

	if (lp_verdict_parse(name, &verdict))
		return lp_verdict_way_out(verdict);
	return strcmp(name, "empty") == 0
		       ? "push the manifests back, or set allowEmpty for this source"
		       : "mend the manifests and push again: limpet build shows the same problems";
}

static enum lp_code store_refusal(struct source_run *run, const char *hex, const char *verdict,
				  const char *reason, struct err *err)
{
	const struct verified *who = &run->judging->verdict.verified;
	char message[LP_HAPPENING_TEXT];
	const struct happening what = {
		.kind = LP_HAPPENED_REFUSED, .by = who->signer, .message = message};
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	snprintf(message, sizeof(message), "%.12s: %s: %s", hex, verdict, reason);
	LP_TRY(lp_tx_begin(run->super->db, &tx, err));
	LP_TRY(remember(run, verdict, reason, err));
	LP_TRY(lp_put_happening(run, &what, err));
	return lp_tx_commit(&tx, err);
}

static void refused(struct source_run *run, const char *verdict, const char *reason)
{
	const struct verified *who = &run->judging->verdict.verified;
	char hex[LP_OID_TEXT];
	struct err err = {0};

	lp_oid_hex(&run->fetched.tip, hex);
	lp_log(LOG_LEVEL_WARN, "refused", "source", run->config->name, "tip", hex, "verdict",
	       verdict, "reason", reason, "signer", who->signer, "key", who->fingerprint, "way-out",
	       lp_refusal_way_out(verdict), NULL);
	lp_outcome(run, 1, "%.12s is refused: %s: %s", hex, verdict, reason);
	if (store_refusal(run, hex, verdict, reason, &err) != LP_OK) {
		store_failed(run, "remember the refusal", &err);
		return;
	}
	lp_judging_end(run);
	discard(run);
	lp_poll_settled(run);
	lp_feed(run, CYCLE_REFUSED);
}

/* The accepted revision under another object id: no news, and not to be fetched again. */
static void twin(struct source_run *run)
{
	struct err err = {0};

	if (remember(run, "accepted", "the running revision under another object id", &err) !=
	    LP_OK) {
		store_failed(run, "remember the tip", &err);
		return;
	}
	lp_outcome(run, 0, "no news: the tip is the accepted revision");
	lp_judging_end(run);
	discard(run);
	lp_poll_settled(run);
	lp_feed(run, CYCLE_REFUSED);
}

/* An apply may be long in coming, with the API server away: what is accepted must not pile up. */
static void drop_old(struct source_run *run)
{
	const struct retention_config *keep = &run->super->config.retention;
	struct err err = {0};
	unsigned dropped;

	if (lp_revision_gc(run->super->db, run->config->name, (uint64_t)keep->bytes,
			   (unsigned)keep->revisions, 0, &dropped, &err) != LP_OK)
		lp_store_failed(run, "drop old revisions", &err);
}

static enum lp_code store_accepted(struct source_run *run, int64_t *ret_id, struct err *err)
{
	const struct verified *verified = &run->judging->verdict.verified;
	char message[LP_HAPPENING_TEXT], hex[LP_OID_TEXT];
	struct happening what = {
		.kind = LP_HAPPENED_ACCEPTED, .by = verified->signer, .message = message};
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	lp_oid_hex(&verified->commit, hex);
	snprintf(message, sizeof(message), "%.12s: %s", hex, verified->subject);
	LP_TRY(lp_tx_begin(run->super->db, &tx, err));
	LP_TRY(lp_revision_commit(run->judging->writer, lp_wall_s(), &what.revision, err));
	LP_TRY(lp_put_happening(run, &what, err));
	LP_TRY(lp_tx_commit(&tx, err));
	*ret_id = what.revision;
	return LP_OK;
}

static void accepted(struct source_run *run)
{
	struct judging *judging = run->judging;
	const struct verified *verified = &judging->verdict.verified;
	char hex[LP_OID_TEXT], id[24];
	struct err err = {0};
	int64_t revision = 0;

	/* Packs first: without their revision they are only unused, the other way round the next
	 * fetch would name objects that are not there. */
	if (lp_objects_promote(run->objects, &err) != LP_OK ||
	    store_accepted(run, &revision, &err) != LP_OK) {
		store_failed(run, "store the revision", &err);
		return;
	}
	lp_oid_hex(&verified->commit, hex);
	snprintf(id, sizeof(id), "%" PRId64, revision);
	lp_log(LOG_LEVEL_INFO, "accepted", "source", run->config->name, "revision", id, "commit",
	       hex, "signer", verified->signer, "key", verified->fingerprint, "subject",
	       verified->subject, NULL);
	lp_progress(run, "accepted %.12s, signed by %s: %u objects", hex, verified->signer,
		    judging->objects);
	lp_outcome(run, 0, "revision %s (%.12s) is accepted", id, hex);
	lp_buf_clear(&run->problems);
	int64_t signed_s = verified->committed_s;
	lp_judging_end(run);
	lp_floor_copy(run);
	lp_freshness_accepted(run, signed_s);
	drop_old(run);
	lp_poll_settled(run);
	lp_feed(run, CYCLE_ACCEPTED);
}

/* --- frames of the role --- */

static enum lp_code begin_revision(struct source_run *run, struct err *err)
{
	const struct verified *verified = &run->judging->verdict.verified;
	struct revision what = {.committed_s = verified->committed_s,
				.sequence = verified->sequence,
				.expires_s = verified->expires_s};

	LP_TRY(lp_copy(what.source, sizeof(what.source), run->config->name, err));
	memcpy(what.commit, verified->commit.bytes, sizeof(what.commit));
	memcpy(what.tree, verified->tree.bytes, sizeof(what.tree));
	memcpy(what.payload, verified->payload.bytes, sizeof(what.payload));
	LP_TRY(lp_copy(what.signer, sizeof(what.signer), verified->signer, err));
	LP_TRY(lp_copy(what.fingerprint, sizeof(what.fingerprint), verified->fingerprint, err));
	LP_TRY(lp_copy(what.subject, sizeof(what.subject), verified->subject, err));
	return lp_revision_begin(run->super->db, &what, &run->judging->writer, err);
}

static enum lp_code take_verdict(struct source_run *run, struct wire_reader *frame, struct err *err)
{
	struct judging *judging = run->judging;
	struct err store_err = {0};

	lp_render_verdict_take(frame, &judging->verdict);
	LP_TRY(lp_wire_done(frame, "verdict", err));
	if (judging->judged)
		return lp_err_set(err, LP_REJECTED, "a second verdict");
	if (judging->verdict.verdict == VERDICT_ACCEPTED &&
	    !lp_oid_equal(&judging->verdict.verified.commit, &run->fetched.tip))
		return lp_err_set(err, LP_REJECTED,
				  "it accepted a commit that was not asked about");
	judging->judged = true;
	const struct render_verdict *verdict = &judging->verdict;
	if (verdict->verdict != VERDICT_ACCEPTED)
		refused(run, lp_verdict_name(verdict->verdict), verdict->reason);
	else if (verdict->nothing_new)
		twin(run);
	else if (begin_revision(run, &store_err) != LP_OK)
		store_failed(run, "begin the revision", &store_err);
	return LP_OK;
}

static enum lp_code take_object(struct source_run *run, struct wire_reader *frame, struct err *err)
{
	struct stored_object stored = {0};
	struct object object;
	struct err store_err = {0};

	lp_object_take(frame, &object);
	LP_TRY(lp_wire_done(frame, "object", err));
	if (!run->judging->writer)
		return lp_err_set(err, LP_REJECTED, "an object before the verdict");
	_Static_assert(sizeof(stored.key) == sizeof(object.key), "the two keys are one");
	memcpy(&stored.key, &object.key, sizeof(stored.key));
	stored.scope = (int)object.scope;
	stored.stage = (int)object.stage;
	stored.wave = object.wave;
	stored.kind_order = object.kind_order;
	memcpy(stored.digest, object.digest, sizeof(stored.digest));
	stored.use = (int)object.use;
	memcpy(stored.content, object.content, sizeof(stored.content));
	LP_TRY(lp_copy(stored.file, sizeof(stored.file), object.file, err));
	stored.line = object.line;
	if (lp_revision_add(run->judging->writer, &stored, object.json, &store_err) != LP_OK)
		store_failed(run, "store an object", &store_err);
	else
		run->judging->objects++;
	return LP_OK;
}

static enum lp_code take_problem(struct source_run *run, struct wire_reader *frame, struct err *err)
{
	char text[LP_PROBLEM_TEXT];
	struct err full = {0};

	lp_wire_str(frame, text, sizeof(text));
	LP_TRY(lp_wire_done(frame, "problem", err));
	lp_log(LOG_LEVEL_WARN, "problem", "source", run->config->name, "problem", text, NULL);
	lp_progress(run, "  %s", text);
	if (lp_buf_printf(&run->problems, &full, "%s\n", text) != LP_OK)
		return LP_OK; /* the log has them all */
	return LP_OK;
}

static enum lp_code take_seen(struct source_run *run, struct wire_reader *frame, struct err *err)
{
	uint8_t payload[LP_STORE_PAYLOAD];
	struct err store_err = {0};
	struct wire_writer w;
	bool seen = false;

	lp_wire_bytes(frame, payload, sizeof(payload));
	LP_TRY(lp_wire_done(frame, "question", err));
	if (lp_payload_accepted(run->super->db, run->config->name, payload, &seen, &store_err) !=
	    LP_OK) {
		store_failed(run, "look up a payload", &store_err);
		return LP_OK;
	}
	lp_wire_begin(&w, lp_link_out(&run->render), RENDER_SEEN_ANSWER);
	lp_wire_put_u8(&w, seen);
	LP_TRY(lp_wire_end(&w, err));
	lp_link_send(&run->render);
	return LP_OK;
}

static enum lp_code take_end(struct source_run *run, struct wire_reader *frame, struct err *err)
{
	struct render_end end;

	lp_render_end_take(frame, &end);
	LP_TRY(lp_wire_done(frame, "end", err));
	/* Objects are lost or damaged: the next fetch brings all of them, and builds on none. */
	if (end.result == RENDER_BROKEN && end.code == LP_CORRUPT)
		LP_TRY(lp_objects_doubt(run->objects, err));
	if (end.result == RENDER_BROKEN) {
		failed(run, end.message);
		return LP_OK;
	}
	if (!run->judging->writer)
		return lp_err_set(err, LP_REJECTED, "an end before the verdict");
	if (end.result == RENDER_GOOD)
		accepted(run);
	else if (end.result == RENDER_EMPTY)
		refused(run, "empty", end.message);
	else
		refused(run, "invalid", end.message);
	return LP_OK;
}

static enum lp_code on_frame(void *ctx, struct wire_reader *frame, struct err *err)
{
	struct source_run *run = ctx;

	switch (frame->type) {
	case RENDER_VERDICT:
		return take_verdict(run, frame, err);
	case RENDER_OBJECT:
		return take_object(run, frame, err);
	case RENDER_PROBLEM:
		return take_problem(run, frame, err);
	case RENDER_SEEN_QUESTION:
		return take_seen(run, frame, err);
	case RENDER_END:
		return take_end(run, frame, err);
	default:
		return lp_err_set(err, LP_REJECTED, "frame of type %u", frame->type);
	}
}

static void gone(void *ctx, const char *why)
{
	failed(ctx, why);
}

/* --- asking --- */

static enum lp_code send_kinds(struct source_run *run, struct err *err)
{
	struct stored_kind kind;
	struct wire_writer w;

	for (unsigned nth = 0;; nth++) {
		enum lp_code code = lp_kind_nth(run->super->db, nth, &kind, err);
		if (code == LP_NOT_FOUND)
			return LP_OK;
		if (code != LP_OK)
			return code;
		lp_wire_begin(&w, lp_link_out(&run->render), RENDER_KIND);
		lp_wire_put_str(&w, kind.group);
		lp_wire_put_str(&w, kind.kind);
		lp_wire_put_u8(&w, kind.namespaced);
		LP_TRY(lp_wire_end(&w, err));
	}
}

static enum lp_code make_request(struct source_run *run, struct render_request *request,
				 struct err *err)
{
	const struct source_config *config = run->config;
	const struct trust_policy policy = policy_of(config);
	struct trust_floor floor;

	LP_TRY(read_floor(run, &floor, err));
	*request = (struct render_request){
		.rsa_bits = policy.rsa_bits,
		.history = policy.history,
		.commits = policy.ancestry_commits,
		.floor_s = policy.floor_s,
		.tip = run->fetched.tip,
		.cut = run->fetched.cut,
		.floor = floor.present,
		.floor_lost = floor.lost,
		.floor_commit = floor.commit,
		.floor_payload = floor.payload,
		.floor_sequence = floor.sequence,
		.binding = config->trust.binding == TRUST_BINDING_REQUIRED,
		.group_count = run->super->config.group_count,
		.allow_empty = config->allow_empty,
	};
	memcpy(request->groups, run->super->config.groups, sizeof(request->groups));
	LP_TRY(lp_copy(request->repo, sizeof(request->repo), config->trust.repo, err));
	LP_TRY(lp_copy(request->site, sizeof(request->site), run->super->config.site, err));
	LP_TRY(lp_copy(request->objects, sizeof(request->objects), run->objects, err));
	LP_TRY(lp_copy(request->quarantine, sizeof(request->quarantine), run->fetched.quarantine,
		       err));
	LP_TRY(lp_copy(request->signers, sizeof(request->signers), config->trust.signers, err));
	LP_TRY(lp_copy(request->keys, sizeof(request->keys), config->trust.keys, err));
	LP_TRY(lp_copy(request->revoked, sizeof(request->revoked), config->trust.revoked, err));
	LP_TRY(lp_copy(request->path, sizeof(request->path), config->path, err));
	return lp_copy(request->ns, sizeof(request->ns), config->ns, err);
}

static enum lp_code ask(struct source_run *run, struct err *err)
{
	struct render_request request;
	struct wire_writer w;

	LP_TRY(make_request(run, &request, err));
	run->render = (struct link){
		.loop = run->super->loop, .ctx = run, .on_frame = on_frame, .on_gone = gone};
	LP_TRY(lp_link_start(&run->render, "render", err));
	LP_TRY(send_kinds(run, err));
	lp_wire_begin(&w, lp_link_out(&run->render), RENDER_REQUEST);
	lp_render_request_put(&w, &request);
	LP_TRY(lp_wire_end(&w, err));
	lp_link_deadline(&run->render, run->super->config.limits.render_ms);
	lp_link_send(&run->render);
	return LP_OK;
}

/* The fetch role has judged already: there is nothing that could be looked at. */
static void too_large(struct source_run *run)
{
	refused(run, lp_verdict_name(VERDICT_TOO_LARGE), run->fetched.too_large);
}

void lp_judging_start(struct source_run *run)
{
	struct err err = {0};

	lp_buf_clear(&run->problems);
	if (lp_floor_unknown(run, &err) != LP_OK) {
		failed(run, err.msg);
		return;
	}
	run->judging = calloc(1, sizeof(*run->judging));
	enum lp_code code = run->judging ? lp_judged_by(run, run->judging->judged_by, &err)
					 : lp_err_nomem(&err, "judging");
	if (code == LP_OK && run->fetched.too_large[0]) {
		too_large(run);
		return;
	}
	if (code == LP_OK)
		code = ask(run, &err);
	if (code != LP_OK)
		failed(run, err.msg);
}

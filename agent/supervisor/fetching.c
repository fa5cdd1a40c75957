/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the fetch role: one poll of the source, and the fetch when its tip is news. */
#include "agent/supervisor/run.h"
#include "agent/supervisor/schedule.h"
#include "platform/clock.h"
#include "store/floor.h"
#include "store/refusal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A role that waits for the next poll keeps its connection; a longer interval than this outlives
 * the keep-alive of common servers (nginx: 75 s), and then the memory is worth more. */
#define KEEP_MS 60000

#define ANSWER_MARGIN_MS 5000 /* what the role may take past its own deadline to tell of it */

/* What need not be fetched again: refused tips, unless what judges has changed or a person asks. */
static enum lp_code put_refused(struct source_run *run, struct fetch_request *request,
				struct err *err)
{
	uint8_t judged_by[32], tips[LP_REFUSALS_KEPT][LP_STORE_OID];
	struct stored_refusal any;

	enum lp_code code = lp_refusal_nth(run->super->db, run->config->name, 0, &any, err);
	if (code == LP_NOT_FOUND || run->judge_again)
		return LP_OK;
	LP_TRY(code);
	LP_TRY(lp_judged_by(run, judged_by, err));
	LP_TRY(lp_refusal_tips(run->super->db, run->config->name, judged_by, tips,
			       &request->refused_count, err));
	for (uint32_t i = 0; i < request->refused_count; i++)
		memcpy(request->refused[i].bytes, tips[i], sizeof(tips[i]));
	return LP_OK;
}

static enum lp_code make_request(struct source_run *run, struct fetch_request *request,
				 struct err *err)
{
	const struct source_config *config = run->config;
	const struct limits_config *limits = &run->super->config.limits;
	struct stored_floor floor;

	*request = (struct fetch_request){
		.max_pack_bytes = (uint64_t)limits->fetch_bytes,
		.max_store_bytes = (uint64_t)limits->objects_bytes,
		.floor_s = lp_wall_floor_s(),
		.deadline_ms = limits->fetch_ms,
	};
	LP_TRY(lp_copy(request->source, sizeof(request->source), config->name, err));
	LP_TRY(lp_copy(request->url, sizeof(request->url), config->url, err));
	int n = snprintf(request->ref, sizeof(request->ref), "refs/heads/%s", config->branch);
	if (n < 0 || n >= (int)sizeof(request->ref))
		return lp_err_set(err, LP_CONFIG, "branch %s: the name is too long",
				  config->branch);
	LP_TRY(lp_copy(request->ca_file, sizeof(request->ca_file), config->ca, err));
	LP_TRY(lp_copy(request->credentials_file, sizeof(request->credentials_file),
		       config->credentials, err));
	LP_TRY(lp_copy(request->objects, sizeof(request->objects), run->objects, err));

	enum lp_code code = lp_floor_get(run->super->db, config->name, &floor, err);
	if (code != LP_OK && code != LP_NOT_FOUND)
		return code;
	if (code == LP_OK && lp_floor_holds(&floor)) {
		memcpy(request->accepted.bytes, floor.commit, sizeof(floor.commit));
		request->again = !floor.revision;
	}
	return put_refused(run, request, err);
}

void lp_poll_failed(struct source_run *run, const char *event, const char *why,
		    int64_t retry_after_ms)
{
	const char *source = run->config->name;
	struct source_state state = lp_stored_state(run);
	struct err err = {0};
	int64_t now_s = lp_wall_s();
	char delay[16];

	run->poll_delay_ms =
		lp_schedule_backoff(run->poll_delay_ms ? run->poll_delay_ms : state.delay_ms,
				    run->config->poll_ms, retry_after_ms);
	run->poll_again_ms = lp_boot_ms() + run->poll_delay_ms;
	lp_log(LOG_LEVEL_WARN, event, "source", source, "error", why, "retry-in",
	       lp_duration_text(run->poll_delay_ms, delay), NULL);
	lp_outcome(run, 2, "%s", why);
	if (lp_state_set_backoff(run->super->db, source, state.failures + 1,
				 now_s + run->poll_delay_ms / 1000, run->poll_delay_ms,
				 &err) != LP_OK ||
	    lp_state_set_error(run->super->db, source, why, now_s, &err) != LP_OK)
		lp_store_failed(run, "remember the failed poll", &err);
}

static void failed(struct source_run *run, const char *why, int64_t retry_after_ms)
{
	run->fetch_busy = false;
	lp_poll_failed(run, "poll-failed", why, retry_after_ms);
	lp_feed(run, CYCLE_FETCH_FAILED);
}

static void gone(void *ctx, const char *why)
{
	struct source_run *run = ctx;

	if (run->fetch_busy)
		failed(run, why, -1);
}

void lp_poll_settled(struct source_run *run)
{
	struct db *db = run->super->db;
	const char *source = run->config->name;
	struct err err = {0};

	run->poll_delay_ms = 0;
	if (lp_state_set_backoff(db, source, 0, 0, 0, &err) != LP_OK ||
	    lp_state_set_error(db, source, "", lp_wall_s(), &err) != LP_OK)
		lp_store_failed(run, "remember the poll", &err);
}

/* The server answered. Failures go on counting until its tip is judged, too: lp_poll_settled. */
static enum lp_code server_answered(struct source_run *run, const struct oid *tip, struct err *err)
{
	struct db *db = run->super->db;
	const char *source = run->config->name;

	LP_TRY(lp_state_set_poll_ok(db, source, lp_wall_s(), err));
	return lp_state_set_tip(db, source, tip->bytes, err);
}

static void tell_no_news(struct source_run *run, const struct oid *tip)
{
	struct stored_refusal refusal;
	struct err err = {0};
	char hex[LP_OID_TEXT];

	if (lp_refusal_get(run->super->db, run->config->name, tip->bytes, &refusal, &err) ==
		    LP_OK &&
	    strcmp(refusal.verdict, "accepted") != 0)
		lp_outcome(run, 1, "%.12s on %s was refused before: %s: %s", lp_oid_hex(tip, hex),
			   run->config->branch, refusal.verdict, refusal.reason);
	else
		lp_outcome(run, 0, "no news: %s is at %.12s", run->config->branch,
			   lp_oid_hex(tip, hex));
}

static enum lp_code take_result(struct source_run *run, struct wire_reader *frame, struct err *err)
{
	char hex[LP_OID_TEXT];
	struct err store_err = {0};

	lp_fetched_take(frame, &run->fetched);
	LP_TRY(lp_wire_done(frame, "fetched", err));
	run->fetch_busy = false;
	lp_link_deadline(&run->fetch, 0);
	run->polls++;
	run->sent_bytes += run->fetched.sent_bytes;
	run->received_bytes += run->fetched.received_bytes;
	if (run->config->poll_ms > KEEP_MS || run->super->wish.kind != WISH_RUN)
		lp_link_end(&run->fetch);
	if (server_answered(run, &run->fetched.tip, &store_err) != LP_OK) {
		lp_store_failed(run, "remember the poll", &store_err);
		lp_feed(run, CYCLE_FETCH_FAILED);
		return LP_OK;
	}
	if (run->fetched.unchanged) {
		lp_poll_settled(run);
		tell_no_news(run, &run->fetched.tip);
		lp_feed(run, CYCLE_NO_NEWS);
		return LP_OK;
	}
	lp_oid_hex(&run->fetched.tip, hex);
	lp_log(LOG_LEVEL_INFO, "fetched", "source", run->config->name, "tip", hex, NULL);
	lp_progress(run, "fetched %.12s of %s", hex, run->config->branch);
	lp_feed(run, CYCLE_NEWS);
	return LP_OK;
}

/*
 * There is nothing to judge, and no tip to remember, where a branch points at no commit, or a
 * repository has other ids. The error begins with the verdict's name, and that is counted.
 */
static void count_verdict(struct source_run *run, const char *text)
{
	const char *colon = strstr(text, ": ");
	char name[LP_VERDICT_TEXT];
	enum verdict verdict;
	struct err err = {0};

	if (!colon || colon - text >= (int)sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
	if (lp_verdict_parse(name, &verdict) && verdict != VERDICT_ACCEPTED &&
	    lp_verdict_add(run->super->db, run->config->name, name, &err) != LP_OK)
		lp_store_failed(run, "count the verdict", &err);
}

static enum lp_code take_error(struct source_run *run, struct wire_reader *frame, struct err *err)
{
	char text[LP_ERR_MAX];
	uint8_t code = lp_wire_u8(frame);
	int64_t retry_after_ms = lp_wire_i64(frame);

	lp_wire_str(frame, text, sizeof(text));
	LP_TRY(lp_wire_done(frame, "fetch error", err));
	(void)code;
	lp_link_end(&run->fetch);
	count_verdict(run, text);
	failed(run, text, retry_after_ms);
	return LP_OK;
}

static enum lp_code take_progress(struct source_run *run, struct wire_reader *frame,
				  struct err *err)
{
	uint64_t bytes = lp_wire_u64(frame), objects = lp_wire_u64(frame);

	LP_TRY(lp_wire_done(frame, "fetch progress", err));
	lp_progress(run, "fetching: %" PRIu64 " objects, %" PRIu64 " KiB", objects, bytes / 1024);
	return LP_OK;
}

static enum lp_code on_frame(void *ctx, struct wire_reader *frame, struct err *err)
{
	struct source_run *run = ctx;

	if (!run->fetch_busy)
		return lp_err_set(err, LP_REJECTED, "spoke without being asked");
	switch (frame->type) {
	case FETCH_RESULT:
		return take_result(run, frame, err);
	case FETCH_ERROR:
		return take_error(run, frame, err);
	case FETCH_PROGRESS:
		return take_progress(run, frame, err);
	default:
		return lp_err_set(err, LP_REJECTED, "frame of type %u", frame->type);
	}
}

static enum lp_code ask(struct source_run *run, struct err *err)
{
	struct fetch_request request;
	struct wire_writer w;

	LP_TRY(make_request(run, &request, err));
	if (!run->fetch.up) {
		run->fetch = (struct link){.loop = run->super->loop,
					   .ctx = run,
					   .on_frame = on_frame,
					   .on_gone = gone};
		LP_TRY(lp_link_start(&run->fetch, "fetch", err));
	}
	lp_wire_begin(&w, lp_link_out(&run->fetch), FETCH_REQUEST);
	lp_fetch_request_put(&w, &request);
	LP_TRY(lp_wire_end(&w, err));
	run->fetch_busy = true;
	lp_link_deadline(&run->fetch, request.deadline_ms + ANSWER_MARGIN_MS);
	lp_link_send(&run->fetch);
	return LP_OK;
}

void lp_fetching_start(struct source_run *run)
{
	struct err err = {0};

	lp_wall_learn(0); /* what comes is judged by it */
	lp_progress(run, "asking %s for %s", run->config->url, run->config->branch);
	if (lp_floor_lost(run, &err) != LP_OK || ask(run, &err) != LP_OK)
		failed(run, err.msg, -1);
}

void lp_fetching_end(struct source_run *run)
{
	run->fetch_busy = false;
	lp_link_end(&run->fetch);
}

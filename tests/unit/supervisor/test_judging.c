/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging, with a render role that says what the test wants: this program is the supervisor, and
 * is started again as its roles. The API server is away in all of this.
 */
#include "agent/supervisor/cluster.h"
#include "agent/supervisor/telling.h"
#include "tests/unit/store/fixture.h"

#define PART "LIMPET_TEST_PART"

/* --- the roles --- */

static struct channel channel;

static struct wire_writer begin(uint16_t type)
{
	struct wire_writer w;

	lp_wire_begin(&w, &channel.out, type);
	return w;
}

static void send_frame(struct wire_writer *w)
{
	if (lp_wire_end(w, &err) != LP_OK || lp_channel_flush(&channel, &err) != LP_OK)
		_exit(0); /* the supervisor has enough of us */
}

static void judge(const struct render_request *request)
{
	struct render_verdict verdict = {.verdict = VERDICT_ACCEPTED,
					 .verified = {.commit = request->tip, .signer = "ann"}};
	struct render_end end = {.result = RENDER_GOOD};

	if (strcmp(getenv(PART), "another") == 0)
		verdict.verified.commit.bytes[19] ^= 1;
	if (strncmp(getenv(PART), "diverged", 8) == 0)
		verdict = (struct render_verdict){.verdict = VERDICT_DIVERGED,
						  .incomplete = getenv(PART)[8] != '\0'};
	memcpy(verdict.verified.payload.bytes, request->tip.bytes, sizeof(request->tip.bytes));
	struct wire_writer w = begin(RENDER_VERDICT);
	lp_render_verdict_put(&w, &verdict);
	send_frame(&w);
	w = begin(RENDER_END);
	lp_render_end_put(&w, &end);
	send_frame(&w);
}

static void be_away(struct wire_reader *frame)
{
	struct event event = {.kind = EVENT_FAILED, .code = LP_CONFIG, .message = "no route"};
	struct step step;

	lp_step_take(frame, &step);
	event.id = step.id;
	struct wire_writer w = begin(CLUSTER_EVENT);
	lp_event_put(&w, &event);
	send_frame(&w);
}

static int serve(bool render)
{
	struct wire_reader frame;
	struct render_request request;

	while (lp_channel_receive(&channel, -1, &frame, &err) == LP_OK) {
		if (!render && frame.type == CLUSTER_STEP)
			be_away(&frame);
		if (!render || frame.type != RENDER_REQUEST)
			continue;
		lp_render_request_take(&frame, &request);
		judge(&request);
	}
	return 0;
}

/* --- the supervisor --- */

static struct supervisor super;
static struct source_run *run;

static void start_empty_device(void)
{
	struct config *config = &super.config;

	if (run)
		lp_applying_end(run);
	lp_telling_close(&super);
	lp_loop_free(&super.loop);
	start();
	super = (struct supervisor){.db = db, .lock_fd = -1, .notify.fd = -1};
	super.wish.kind = WISH_SYNC;
	config->source_count = 1;
	snprintf(config->sources[0].name, sizeof(config->sources[0].name), "site");
	snprintf(config->sources[0].trust.signers, sizeof(config->sources[0].trust.signers), "%s",
		 TEST_DATA "/../trust/data/signers");
	config->sources[0].trust.rsa_bits = 3072;
	config->sources[0].poll_ms = 60000;
	config->cluster.concurrency = 2;
	config->cluster.reconcile_ms = 60000;
	config->limits.render_ms = 60000;
	config->retention = (struct retention_config){.revisions = 3, .bytes = 1 << 20};
	run = &super.run;
	run->super = &super;
	run->config = &config->sources[0];
	run->floor = FLOOR_KNOWN; /* a first start */
	snprintf(run->objects, sizeof(run->objects), "%s/objects", folder);
	lp_buf_free(&run->problems);
	run->problems = LP_BUF(PROBLEM_BYTES);
	CHECK_OK(lp_loop_new(&super.loop, &err));
}

/* Judges a tip by a role that plays the part; how it ended is in run->outcome. */
static void judge_tip(uint8_t number, const char *role)
{
	setenv(PART, role, 1);
	run->outcome = (struct ending){0};
	run->leading.releasing = false; /* the sync before this one has ended with that */
	run->fetched = (struct fetched){.tip = {{number}}};
	run->state = CYCLE_JUDGING;
	lp_judging_start(run);
	if (run->state != CYCLE_IDLE)
		CHECK_OK(lp_loop_run(super.loop, &err));
	CHECK(run->state == CYCLE_IDLE);
}

static unsigned revisions(void)
{
	unsigned count = 0;

	CHECK_OK(lp_revision_count(db, "site", &count, &err));
	return count;
}

static void revisions_do_not_pile_up_while_the_api_server_is_away(void)
{
	start_empty_device();
	for (uint8_t i = 1; i <= 3; i++)
		judge_tip(i, "accept");
	CHECK_HAS(run->outcome.text, "the API server: no route");
	CHECK(revisions() == 3);
	for (uint8_t i = 4; i <= 9; i++)
		judge_tip(i, "accept");
	CHECK(revisions() == 3);
}

static void a_verdict_about_another_commit_is_not_believed(void)
{
	struct stored_floor floor;

	start_empty_device();
	judge_tip(1, "another");
	CHECK_HAS(run->outcome.text, "it accepted a commit that was not asked about");
	CHECK(run->outcome.exit == 2 && revisions() == 0 && !run->render.up);
	CHECK(lp_floor_get(db, "site", &floor, &err) == LP_NOT_FOUND);
}

static bool is_remembered(uint8_t number)
{
	static const uint8_t nothing[32];
	const uint8_t tip[LP_STORE_OID] = {number};
	struct stored_refusal refusal;
	uint8_t now[32];

	CHECK_OK(lp_refusal_get(db, "site", tip, &refusal, &err));
	CHECK_STR(refusal.verdict, "diverged");
	CHECK_OK(lp_judged_by(run, now, &err));
	bool is = memcmp(refusal.judged_by, now, sizeof(now)) == 0;
	CHECK(is || memcmp(refusal.judged_by, nothing, sizeof(nothing)) == 0);
	return is;
}

static void what_a_server_held_back_is_judged_again(void)
{
	start_empty_device();
	judge_tip(1, "diverged");
	CHECK(is_remembered(1));
	judge_tip(2, "diverged as far as it was shown");
	CHECK(!is_remembered(2));
}

static void nothing_is_judged_while_it_is_not_known_what_was_accepted(void)
{
	start_empty_device();
	run->floor = FLOOR_ASK;
	judge_tip(1, "accept");
	CHECK_HAS(run->outcome.text, "nothing is judged yet");
	CHECK(run->outcome.exit == 2 && revisions() == 0);
	run->floor = FLOOR_LOST;
	judge_tip(1, "accept");
	CHECK_HAS(run->outcome.text, "limpet trust reset");
	CHECK(run->outcome.exit == 2 && revisions() == 0);
}

int main(int argc, char **argv)
{
	const char *name = NULL;

	if (lp_role_enter(argc, argv, &name, &channel, &err) == LP_OK && name)
		return serve(strcmp(name, "render") == 0);
	lp_log_setup(LOG_LEVEL_ERROR, "");
	alarm(240); /* a judgement that does not end */
	TEST(revisions_do_not_pile_up_while_the_api_server_is_away);
	TEST(a_verdict_about_another_commit_is_not_believed);
	TEST(what_a_server_held_back_is_judged_again);
	TEST(nothing_is_judged_while_it_is_not_known_what_was_accepted);
	lp_applying_end(run);
	lp_telling_close(&super);
	lp_loop_free(&super.loop);
	lp_buf_free(&run->problems);
	remove_folder();
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/render_wire.h"
#include "tests/unit/check.h"

static struct buf frame = {.max = 64 * 1024};

/* The reader over the frame that w has just put. */
static struct wire_reader sent(struct wire_writer *w)
{
	CHECK_OK(lp_wire_end(w, &err));
	return (struct wire_reader){.type = 1, .at = frame.data + 6, .end = frame.data + frame.len};
}

static struct wire_writer begin(void)
{
	struct wire_writer w;

	lp_buf_clear(&frame);
	lp_wire_begin(&w, &frame, 1);
	return w;
}

static void a_request_arrives_as_it_was_sent(void)
{
	static struct render_request in = {.objects = "/var/lib/limpet/objects/site",
					   .quarantine = "/q",
					   .signers = "/etc/limpet/allowed_signers",
					   .rsa_bits = 3072,
					   .history = HISTORY_TIP,
					   .commits = 77,
					   .floor_s = 1700000000,
					   .binding = true,
					   .repo = "6f1c0000000000000000000000000000",
					   .site = "berlin",
					   .groups = {"retail", "eu"},
					   .group_count = 2,
					   .floor_sequence = 12,
					   .tip = {{1, 2, 3}},
					   .cut = true,
					   .floor = true,
					   .floor_commit = {{4}},
					   .floor_payload = {{5}},
					   .path = "sites/berlin",
					   .ns = "shop",
					   .allow_empty = true},
				     out;
	struct wire_writer w = begin();

	lp_render_request_put(&w, &in);
	struct wire_reader r = sent(&w);
	lp_render_request_take(&r, &out);
	CHECK_OK(lp_wire_done(&r, "request", &err));
	CHECK_STR(out.objects, in.objects);
	CHECK_STR(out.signers, in.signers);
	CHECK_STR(out.path, in.path);
	CHECK_STR(out.ns, in.ns);
	CHECK(out.history == HISTORY_TIP && out.commits == 77 && out.floor_s == 1700000000);
	CHECK(out.binding && out.group_count == 2 && out.floor_sequence == 12);
	CHECK_STR(out.groups[1], "eu");
	CHECK_STR(lp_render_binding(&out).repo, in.repo);
	CHECK(sizeof(out.repo) == LP_REPO_TEXT);
	CHECK(out.rsa_bits == 3072 && out.floor && out.allow_empty);
	CHECK(out.cut && lp_oid_equal(&out.tip, &in.tip));
	CHECK(lp_oid_equal(&out.floor_commit, &in.floor_commit));
	CHECK(lp_payload_equal(&out.floor_payload, &in.floor_payload));
}

static void a_verdict_arrives_as_it_was_sent(void)
{
	struct render_verdict in = {.verdict = VERDICT_UNKNOWN_SIGNER,
				    .reason = "no line names the key",
				    .verified = {.commit = {{7}},
						 .signer = "ops@example.com",
						 .fingerprint = "SHA256:x",
						 .committed_s = 1700000000,
						 .sequence = 3,
						 .expires_s = 1800000000,
						 .subject = "Open the shop"}},
			      out;
	struct wire_writer w = begin();

	lp_render_verdict_put(&w, &in);
	struct wire_reader r = sent(&w);
	lp_render_verdict_take(&r, &out);
	CHECK_OK(lp_wire_done(&r, "verdict", &err));
	CHECK(out.verdict == VERDICT_UNKNOWN_SIGNER && out.verified.committed_s == 1700000000);
	CHECK_STR(out.reason, in.reason);
	CHECK(sizeof(out.reason) == LP_REASON_TEXT);
	CHECK(out.verified.sequence == 3 && out.verified.expires_s == 1800000000);
	CHECK_STR(out.verified.signer, in.verified.signer);
	CHECK_STR(out.verified.subject, in.verified.subject);
}

static void a_verdict_or_result_that_does_not_exist_is_refused(void)
{
	struct render_verdict verdict = {.verdict = VERDICT_COUNT};
	struct render_end end = {.result = RENDER_RESULTS};
	struct wire_writer w = begin();

	lp_render_verdict_put(&w, &verdict);
	struct wire_reader r = sent(&w);
	lp_render_verdict_take(&r, &verdict);
	CHECK_CODE(lp_wire_done(&r, "verdict", &err), LP_REJECTED, "verdict");

	w = begin();
	lp_render_end_put(&w, &end);
	r = sent(&w);
	lp_render_end_take(&r, &end);
	CHECK_CODE(lp_wire_done(&r, "end", &err), LP_REJECTED, "end");
}

static void every_cut_of_a_frame_is_refused(void)
{
	static struct render_request request = {.objects = "/o", .path = "p"}, out;
	struct wire_writer w = begin();

	lp_render_request_put(&w, &request);
	struct wire_reader whole = sent(&w);
	for (const uint8_t *end = whole.at; end < whole.end; end++) {
		struct wire_reader r = {.type = 1, .at = whole.at, .end = end};
		lp_render_request_take(&r, &out);
		CHECK(lp_wire_done(&r, "request", &err) == LP_REJECTED);
	}
}

int main(void)
{
	TEST(a_request_arrives_as_it_was_sent);
	TEST(a_verdict_arrives_as_it_was_sent);
	TEST(a_verdict_or_result_that_does_not_exist_is_refused);
	TEST(every_cut_of_a_frame_is_refused);
	lp_buf_free(&frame);
	return check_report();
}

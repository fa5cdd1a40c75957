/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/limits.h"
#include "agent/cluster/step.h"
#include "tests/unit/check.h"
#include "tests/unit/longest.h"

static struct buf out = LP_BUF(LP_FRAME_MAX + 16);

/* The fields of the one frame in out. */
static struct wire_reader frame(uint16_t type)
{
	CHECK(out.len >= 6);
	return (struct wire_reader){.type = type, .at = out.data + 6, .end = out.data + out.len};
}

static void a_step_crosses_whole(void)
{
	static const struct step step = {
		/* static: its padding is zero, too */
		.id = 7,
		.kind = STEP_APPLY,
		.scope = SCOPE_NAMESPACED,
		.exact = true,
		.source = "site",
		.uid = "u-1",
		.default_ns = "shop",
		.known = {.version = "123", .generation = 4, .entry = {1, 2, 3}},
		.key = {"apps", "v1", "Deployment", "shop", "till"},
		.how = APPLY_DRY,
		.handed = LP_SLICE("/spec/replicas"),
		.body = LP_SLICE("{\"a\":1}"),
		.lease = {.wish = LEASE_RELEASE,
			  .holder = "node-a_0123456789abcdef",
			  .instance = "0123456789abcdef",
			  .duration_s = 900,
			  .transitions = 3,
			  .beat = 7,
			  .renew = true,
			  .again = true},
		.timeout_ms = 5000};
	struct wire_writer w;
	struct step back;

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_STEP);
	lp_step_put(&w, &step);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_STEP);
	lp_step_take(&r, &back);
	CHECK_OK(lp_wire_done(&r, "step", &err));
	CHECK(lp_slice_is(back.body, "{\"a\":1}"));
	CHECK(lp_slice_is(back.handed, "/spec/replicas"));
	back.body = step.body;
	back.handed = step.handed;
	CHECK(memcmp(&back, &step, sizeof(step)) == 0);
}

static void an_event_crosses_whole(void)
{
	static const struct event event = {.id = 9,
					   .kind = EVENT_FOUND,
					   .outcome = OUTCOME_KEPT,
					   .code = LP_NOT_FOUND,
					   .status = 422,
					   .retry_after_ms = -1,
					   .key = {"", "v1", "Secret", "shop", "s"},
					   .scope = SCOPE_CLUSTER,
					   .resource = "secrets",
					   .verbs = 7,
					   .preferred = true,
					   .uid = "u",
					   .live = {.version = "9", .generation = -1, .entry = {9}},
					   .config = {7, 8},
					   .marks = SIGHT_MARKS,
					   .manager = "kubectl-edit",
					   .lease = {.holder = "node-b_0",
						     .same = true,
						     .duration_s = 30,
						     .transitions = 4,
						     .servers = 2},
					   .message = "no"};
	struct wire_writer w;
	struct event back;

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_EVENT);
	lp_event_put(&w, &event);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_EVENT);
	lp_event_take(&r, &back);
	CHECK_OK(lp_wire_done(&r, "event", &err));
	CHECK(memcmp(&back, &event, sizeof(event)) == 0);
}

static bool setup_is_good(unsigned concurrency, int64_t request_ms)
{
	struct cluster_setup setup = {.kubeconfig = "/k",
				      .ns = "limpet-system",
				      .concurrency = concurrency,
				      .request_ms = request_ms};
	struct wire_writer w;

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_SETUP);
	lp_cluster_setup_put(&w, &setup);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_SETUP);
	lp_cluster_setup_take(&r, &setup);
	return lp_wire_done(&r, "setup", &err) == LP_OK;
}

static void requests_cross_whole(void)
{
	static const struct requests sent = {.writes = 1, .reads = 2, .watches = 4000000000u};
	struct wire_writer w;
	struct requests back;

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_REQUESTS);
	lp_requests_put(&w, &sent);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_REQUESTS);
	lp_requests_take(&r, &back);
	CHECK_OK(lp_wire_done(&r, "requests", &err));
	CHECK(memcmp(&back, &sent, sizeof(sent)) == 0);
	r = frame(CLUSTER_REQUESTS);
	r.end -= 4;
	lp_requests_take(&r, &back);
	CHECK(lp_wire_done(&r, "requests", &err) == LP_REJECTED);
}

static void a_setup_out_of_bounds_is_refused(void)
{
	CHECK(setup_is_good(1, 1000));
	CHECK(setup_is_good(LP_CONCURRENCY_MAX, 1000));
	CHECK(!setup_is_good(0, 1000));
	CHECK(!setup_is_good(LP_CONCURRENCY_MAX + 1, 1000));
	CHECK(!setup_is_good(2, 0));
}

/* What arrives of an event; false when it is refused. */
static bool crosses(const struct event *event, struct event *ret)
{
	struct wire_writer w;

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_EVENT);
	lp_event_put(&w, event);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_EVENT);
	lp_event_take(&r, ret);
	return lp_wire_done(&r, "event", &err) == LP_OK;
}

static void a_wait_is_bounded_and_never_negative(void)
{
	static const int64_t waits[][2] = {
		{-1, -1},
		{0, 0},
		{5000, 5000},
		{LP_RETRY_AFTER_MS, LP_RETRY_AFTER_MS},
		{INT64_MIN, -1},
		{LP_RETRY_AFTER_MS + 1, LP_RETRY_AFTER_MS},
		{INT64_MAX, LP_RETRY_AFTER_MS},
	};
	struct event back;

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct event event = {.kind = EVENT_RETRY, .retry_after_ms = waits[i][0]};
		CHECK(crosses(&event, &back) && back.retry_after_ms == waits[i][1]);
	}
}

static bool lease_crosses(int64_t duration_s)
{
	struct event back, event = {.kind = EVENT_DONE, .lease = {.duration_s = duration_s}};
	struct step taken, step = {.kind = STEP_LEASE, .lease = {.duration_s = duration_s}};
	struct wire_writer w;

	bool told = crosses(&event, &back);
	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_STEP);
	lp_step_put(&w, &step);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_STEP);
	lp_step_take(&r, &taken);
	CHECK(told == (lp_wire_done(&r, "step", &err) == LP_OK));
	return told;
}

static void a_lease_is_not_held_for_ever(void)
{
	CHECK(lease_crosses(0) && lease_crosses(LP_LEASE_S));
	CHECK(!lease_crosses(-1) && !lease_crosses(LP_LEASE_S + 1));
}

static void names_that_could_not_be_one_are_refused(void)
{
	static const struct event good[] = {
		{.kind = EVENT_DONE},
		{.kind = EVENT_FOUND, .key = {"", "v1", "ConfigMap", "", "a"}},
		{.kind = EVENT_FOUND, .key = {"rbac", "v1", "Role", "shop", "system:a.b"}},
		{.kind = EVENT_KIND, .key = {"", "v1", "ConfigMap"}, .resource = "configmaps"},
		{.kind = EVENT_DELETED, .key = {"batch", "v1", "Job", "shop", "a"}},
	};
	static const struct event bad[] = {
		{.kind = EVENT_FOUND, .key = {"", "v1", "ConfigMap", "shop", ""}},
		{.kind = EVENT_FOUND, .key = {"", "v1", "", "shop", "a"}},
		{.kind = EVENT_FOUND, .key = {"", "", "ConfigMap", "shop", "a"}},
		{.kind = EVENT_FOUND, .key = {"", "v1", "ConfigMap", "shop", "a/b"}},
		{.kind = EVENT_DELETED, .key = {"", "v1", "ConfigMap", "shop", ""}},
		{.kind = EVENT_DELETED, .key = {"", "", "", "shop", "a"}},
		{.kind = EVENT_FOUND, .key = {"", "v1", "ConfigMap", "..", "a"}},
		{.kind = EVENT_FOUND, .key = {"", "v1", "Config Map", "shop", "a"}},
		{.kind = EVENT_FOUND, .key = {"", "v1", "ConfigMap", "shop", "a%2f"}},
		{.kind = EVENT_FOUND, .key = {"a\n", "v1", "ConfigMap", "shop", "a"}},
		{.kind = EVENT_KIND, .key = {"", "v1", "ConfigMap"}},
		{.kind = EVENT_KIND, .key = {"", "v1", ""}, .resource = "configmaps"},
		{.kind = EVENT_DONE, .key = {.name = "a\x1b"}},
	};
	struct event back;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(crosses(&good[i], &back));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!crosses(&bad[i], &back));
}

static struct step the_step = {.kind = STEP_APPLY, .body = LP_SLICE("{}")};
static struct event the_event = {.kind = EVENT_DONE};

static void put_step(struct wire_writer *w)
{
	lp_step_put(w, &the_step);
}

static void take_step(struct wire_reader *r)
{
	struct step step;

	lp_step_take(r, &step);
}

static void put_event(struct wire_writer *w)
{
	lp_event_put(w, &the_event);
}

static void take_event(struct wire_reader *r)
{
	struct event event;

	lp_event_take(r, &event);
}

static void a_text_of_one_byte_too_many_is_refused(void)
{
	static const struct text_field of_step[] = {
		TEXT_FIELD(step, source, LP_SOURCE_NAME_MAX),
		TEXT_FIELD(step, key.group, LP_GROUP_MAX),
		TEXT_FIELD(step, key.version, LP_VERSION_MAX),
		TEXT_FIELD(step, key.kind, LP_KIND_MAX),
		TEXT_FIELD(step, key.ns, LP_NAME_MAX),
		TEXT_FIELD(step, key.name, LP_NAME_MAX),
		TEXT_FIELD(step, uid, LP_UID_MAX),
		TEXT_FIELD(step, known.version, LP_RESOURCE_VERSION_MAX),
		TEXT_FIELD(step, default_ns, LP_NAME_MAX),
		TEXT_FIELD(step, lease.holder, LP_HOLDER_MAX),
		TEXT_FIELD(step, lease.instance, LP_INSTANCE_MAX),
	};
	static const struct text_field of_event[] = {
		TEXT_FIELD(event, key.version, LP_VERSION_MAX),
		TEXT_FIELD(event, resource, LP_KIND_MAX),
		TEXT_FIELD(event, uid, LP_UID_MAX),
		TEXT_FIELD(event, live.version, LP_RESOURCE_VERSION_MAX),
		TEXT_FIELD(event, manager, LP_MANAGER_MAX),
		TEXT_FIELD(event, lease.holder, LP_HOLDER_MAX),
		TEXT_FIELD(event, message, LP_EVENT_MESSAGE),
	};
	const struct text_message step = {(char *)&the_step, put_step, take_step};
	const struct text_message event = {(char *)&the_event, put_event, take_event};

	check_longest(&step, of_step, sizeof(of_step) / sizeof(of_step[0]));
	check_longest(&event, of_event, sizeof(of_event) / sizeof(of_event[0]));
}

/* Whether the step arrives. */
static bool step_crosses(const struct step *step)
{
	struct wire_writer w;
	struct step back;

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_STEP);
	lp_step_put(&w, step);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_STEP);
	lp_step_take(&r, &back);
	return lp_wire_done(&r, "step", &err) == LP_OK;
}

static void an_apply_of_no_known_way_or_with_too_many_pointers_is_refused(void)
{
	static const uint8_t pointers[LP_IGNORE_BYTES + 1];
	struct step step = {.kind = STEP_APPLY, .handed = {pointers, LP_IGNORE_BYTES}};

	CHECK(step_crosses(&step));
	step.handed.len++;
	CHECK(!step_crosses(&step));
	step.handed.len = 0;
	step.how = APPLY_HOW_COUNT;
	CHECK(!step_crosses(&step));
}

static void a_mark_that_no_object_has_is_refused(void)
{
	struct event event = {.kind = EVENT_DONE, .marks = SIGHT_MARKS}, back;

	CHECK(crosses(&event, &back) && back.marks == SIGHT_MARKS);
	event.marks++;
	CHECK(!crosses(&event, &back));
}

static void words_that_no_sender_writes_are_refused(void)
{
	struct step step = {.kind = STEP_KIND_COUNT};
	struct event event = {.kind = EVENT_KIND_COUNT};
	struct wire_writer w;

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_STEP);
	lp_step_put(&w, &step);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_STEP);
	lp_step_take(&r, &step);
	CHECK_CODE(lp_wire_done(&r, "step", &err), LP_REJECTED, "step");
	CHECK(step.kind < STEP_KIND_COUNT);

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_EVENT);
	lp_event_put(&w, &event);
	CHECK_OK(lp_wire_end(&w, &err));
	r = frame(CLUSTER_EVENT);
	lp_event_take(&r, &event);
	CHECK_CODE(lp_wire_done(&r, "event", &err), LP_REJECTED, "event");
}

static void every_word_has_a_name(void)
{
	for (int i = 0; i < STEP_KIND_COUNT; i++)
		CHECK(lp_step_kind_name((enum step_kind)i)[0]);
	for (int i = 0; i < APPLY_HOW_COUNT; i++)
		CHECK(lp_apply_how_name((enum apply_how)i)[0]);
	for (int i = 0; i < EVENT_KIND_COUNT; i++)
		CHECK(lp_event_kind_name((enum event_kind)i)[0]);
	for (int i = 0; i < OUTCOME_COUNT; i++)
		CHECK(lp_outcome_name((enum outcome)i)[0]);
}

int main(void)
{
	TEST(a_step_crosses_whole);
	TEST(an_event_crosses_whole);
	TEST(requests_cross_whole);
	TEST(a_setup_out_of_bounds_is_refused);
	TEST(a_wait_is_bounded_and_never_negative);
	TEST(a_lease_is_not_held_for_ever);
	TEST(names_that_could_not_be_one_are_refused);
	TEST(a_text_of_one_byte_too_many_is_refused);
	TEST(an_apply_of_no_known_way_or_with_too_many_pointers_is_refused);
	TEST(a_mark_that_no_object_has_is_refused);
	TEST(words_that_no_sender_writes_are_refused);
	TEST(every_word_has_a_name);
	lp_buf_free(&out);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/limits.h"
#include "agent/cluster/sighting.h"
#include "tests/unit/check.h"

static struct buf out = LP_BUF(LP_FRAME_MAX + 16);

/* The fields of the one frame in out. */
static struct wire_reader frame(uint16_t type)
{
	CHECK(out.len >= 6);
	return (struct wire_reader){.type = type, .at = out.data + 6, .end = out.data + out.len};
}

static struct sighting some(void)
{
	return (struct sighting){.kind = SIGHT_THERE,
				 .key = {"apps", "v1", "Deployment", "shop", "till"},
				 .part_of = "applyset-x-v1",
				 .uid = "u-1",
				 .live = {.version = "77", .generation = 3, .entry = {1, 2}},
				 .marks = SIGHT_APPLIED | SIGHT_REPORT_ONLY,
				 .manager = "kubectl-edit",
				 .status = 404,
				 .message = "hello"};
}

static bool crosses(const struct sighting *sighting, struct sighting *back)
{
	struct wire_writer w;

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_SIGHTING);
	lp_sighting_put(&w, sighting);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_SIGHTING);
	lp_sighting_take(&r, back);
	return lp_wire_done(&r, "sighting", &err) == LP_OK;
}

static void a_sighting_crosses_whole(void)
{
	struct sighting sighting = some(), back;

	CHECK(crosses(&sighting, &back));
	CHECK(memcmp(&back, &sighting, sizeof(back)) == 0);
}

static void a_sighting_that_nobody_sends_is_refused(void)
{
	struct sighting bad[7], back;

	for (size_t i = 0; i < 7; i++)
		bad[i] = some();
	bad[0].kind = SIGHTING_COUNT;
	bad[1].marks = SIGHT_MARKS + 1;
	bad[2].key.name[0] = '\0';
	bad[3].key.kind[0] = '\0';
	memcpy(bad[4].key.ns, "a/b", 4);
	bad[5].uid[0] = '\0';
	bad[6].status = 1000;
	for (size_t i = 0; i < 7; i++)
		CHECK(!crosses(&bad[i], &back));
	bad[2].kind = SIGHT_END;
	CHECK(crosses(&bad[2], &back));
}

/* An order with one kind, or with as many as there may be and `more`. */
static struct watch_order order_of(unsigned count)
{
	struct watch_order order = {
		.sources = {"site"}, .source_count = 1, .timeout_ms = 20000, .silence_ms = 7};

	order.kinds = calloc(count, sizeof(*order.kinds));
	CHECK(order.kinds != NULL);
	order.kind_count = count;
	for (unsigned i = 0; i < count; i++) {
		snprintf(order.kinds[i].group, sizeof(order.kinds[i].group), "g%u.example.com", i);
		snprintf(order.kinds[i].kind, sizeof(order.kinds[i].kind), "Kind%u", i);
	}
	return order;
}

static bool order_crosses(const struct watch_order *order, struct watch_order *back)
{
	struct wire_writer w;

	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, CLUSTER_WATCH);
	lp_watch_order_put(&w, order);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = frame(CLUSTER_WATCH);
	lp_watch_order_take(&r, back);
	return lp_wire_done(&r, "order", &err) == LP_OK;
}

static void an_order_crosses_whole_up_to_its_limit(void)
{
	LP_AUTO(lp_watch_order_free) struct watch_order order = order_of(LP_WATCHES_MAX);
	LP_AUTO(lp_watch_order_free) struct watch_order back = {0};
	LP_AUTO(lp_watch_order_free) struct watch_order long_order = order_of(LP_WATCHES_MAX + 1);
	LP_AUTO(lp_watch_order_free) struct watch_order none = {0};

	CHECK(order_crosses(&order, &back));
	CHECK(back.kind_count == LP_WATCHES_MAX && back.source_count == 1);
	CHECK(memcmp(back.kinds, order.kinds, LP_WATCHES_MAX * sizeof(*order.kinds)) == 0);
	CHECK_STR(back.sources[0], "site");
	CHECK(back.timeout_ms == 20000 && back.silence_ms == 7);
	lp_watch_order_free(&back);
	CHECK(!order_crosses(&long_order, &back));
	lp_watch_order_free(&back);
	CHECK(order_crosses(&none, &back) && back.kind_count == 0);
}

static void a_kind_without_a_name_makes_an_order_bad(void)
{
	LP_AUTO(lp_watch_order_free) struct watch_order order = order_of(1);
	LP_AUTO(lp_watch_order_free) struct watch_order back = {0};

	order.kinds[0].kind[0] = '\0';
	CHECK(!order_crosses(&order, &back));
}

static void kinds_of_nobody_make_an_order_bad(void)
{
	LP_AUTO(lp_watch_order_free) struct watch_order order = order_of(1);
	LP_AUTO(lp_watch_order_free) struct watch_order back = {0};

	order.source_count = 0;
	CHECK(!order_crosses(&order, &back));
}

int main(void)
{
	TEST(a_sighting_crosses_whole);
	TEST(a_sighting_that_nobody_sends_is_refused);
	TEST(an_order_crosses_whole_up_to_its_limit);
	TEST(a_kind_without_a_name_makes_an_order_bad);
	TEST(kinds_of_nobody_make_an_order_bad);
	lp_buf_free(&out);
	return check_report();
}

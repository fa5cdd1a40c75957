/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/walks.h"
#include "store/config_digest.h"
#include "tests/unit/store/fixture.h"

/* Accepts a revision of n ConfigMaps, each in a namespace of its own. */
static int64_t accept_namespaces(unsigned n)
{
	LP_AUTO(lp_revision_abandon) struct revision_writer *w = NULL;
	struct revision r = make_revision("site", n);
	struct stored_object object;
	char json[4096];
	int64_t id = 0;

	CHECK_OK(lp_revision_begin(db, &r, &w, &err));
	for (unsigned i = 0; i < n; i++) {
		struct slice body = make_object(0, 0, &object, json, 1);
		snprintf(object.key.ns, sizeof(object.key.ns), "ns-%u", i);
		CHECK_OK(lp_revision_add(w, &object, body, &err));
	}
	CHECK_OK(lp_revision_commit(w, 1, &id, &err));
	return id;
}

/* Walks the kinds of the revision to their end; how many came. */
static enum lp_code walk_kinds(int64_t revision, unsigned *ret)
{
	LP_AUTO(lp_walks_free)
	struct walks walks = {.db = db, .source = "site", .revision = revision};
	struct plan_reader reader = lp_walks_reader(&walks);
	struct plan_object object;
	bool more = true;

	LP_TRY(reader.begin(reader.ctx, WALK_KINDS, &err));
	for (*ret = 0;; ++*ret) {
		LP_TRY(reader.next(reader.ctx, WALK_KINDS, &object, &more, &err));
		if (!more)
			return LP_OK;
	}
}

static void kinds_and_namespaces_of_a_source_are_limited(void)
{
	unsigned n = 0;
	char limit[64];

	start();
	CHECK_OK(walk_kinds(accept_namespaces(LP_WALK_KINDS_MAX), &n));
	CHECK(n == LP_WALK_KINDS_MAX);
	snprintf(limit, sizeof(limit), "more than %d different kinds", LP_WALK_KINDS_MAX);
	CHECK_CODE(walk_kinds(accept_namespaces(LP_WALK_KINDS_MAX + 1), &n), LP_LIMIT, limit);
	CHECK(n == LP_WALK_KINDS_MAX);
}

/* The one object of the revision as the plan gets it. */
static struct plan_object desired_of(int64_t revision, bool on)
{
	LP_AUTO(lp_walks_free)
	struct walks walks = {
		.db = db, .source = "site", .revision = revision, .config_digest = on};
	struct plan_reader reader = lp_walks_reader(&walks);
	struct plan_object object;
	bool more = false;

	CHECK_OK(reader.begin(reader.ctx, WALK_DESIRED, &err));
	CHECK_OK(reader.next(reader.ctx, WALK_DESIRED, &object, &more, &err));
	CHECK(more);
	return object;
}

static void what_a_pod_template_is_to_show_is_part_of_the_digest(void)
{
	const struct config_digest shown = {{1}, {1}};
	const uint8_t key[LP_CONFIG_KEY] = {1};
	struct stored_object object;
	char json[4096];
	int64_t id = 0;

	start();
	LP_AUTO(lp_revision_abandon) struct revision_writer *w = NULL;
	struct revision r = make_revision("site", 1);
	CHECK_OK(lp_revision_begin(db, &r, &w, &err));
	struct slice body = make_object(1, 0, &object, json, 1);
	object.use = CONFIG_USED;
	object.content[0] = 1;
	CHECK_OK(lp_revision_add(w, &object, body, &err));
	CHECK_OK(lp_revision_commit(w, 1, &id, &err));

	struct plan_object unknown = desired_of(id, true);
	CHECK(unknown.uses_config && memcmp(unknown.digest, object.digest, 32) == 0);
	CHECK_OK(lp_config_digest_put(db, "site", &object.key, &shown, &err));
	struct plan_object kept = desired_of(id, false);
	CHECK(memcmp(kept.digest, object.digest, 32) != 0);
	CHECK_OK(lp_config_key_put(db, "site", key, &err));
	CHECK_OK(lp_config_digest_put(db, "site", &object.key, &shown, &err));
	struct plan_object changed = desired_of(id, true), again = desired_of(id, true);
	CHECK(memcmp(changed.digest, kept.digest, 32) != 0);
	CHECK(memcmp(changed.digest, again.digest, 32) == 0);
}

int main(void)
{
	TEST(kinds_and_namespaces_of_a_source_are_limited);
	TEST(what_a_pod_template_is_to_show_is_part_of_the_digest);
	remove_folder();
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/object.h"
#include "agent/supervisor/config_digest.h"
#include "tests/unit/store/fixture.h"

static const uint8_t none[LP_CONFIG_DIGEST];
static const uint8_t a[LP_CONFIG_DIGEST] = {0xaa}, b[LP_CONFIG_DIGEST] = {0xbb};

static bool is(const struct config_digest *state, const uint8_t *shown, const uint8_t *made_for)
{
	return memcmp(state->shown, shown, LP_CONFIG_DIGEST) == 0 &&
	       memcmp(state->made_for, made_for, LP_CONFIG_DIGEST) == 0;
}

/* --- what is to be shown --- */

static void what_ran_before_shows_nothing_until_its_content_changes(void)
{
	struct config_digest state = lp_config_found(none, none);

	lp_config_decide(&state, a);
	CHECK(is(&state, none, a));
	lp_config_decide(&state, a);
	CHECK(is(&state, none, a));
	lp_config_decide(&state, b);
	CHECK(is(&state, b, b));
	lp_config_decide(&state, a);
	CHECK(is(&state, a, a));
}

static void what_the_cluster_shows_stands_for_a_lost_store(void)
{
	struct config_digest annotated = lp_config_found(a, none);
	struct config_digest adopted = lp_config_found(none, a);
	struct config_digest rekeyed = lp_config_found(b, a);

	lp_config_decide(&annotated, a);
	CHECK(is(&annotated, a, a));
	lp_config_decide(&adopted, a);
	CHECK(is(&adopted, none, a));
	lp_config_decide(&rekeyed, a);
	CHECK(is(&rekeyed, b, a));
	lp_config_decide(&annotated, b);
	lp_config_decide(&adopted, b);
	CHECK(is(&annotated, b, b) && is(&adopted, b, b));
}

static void without_a_digest_all_stays(void)
{
	struct config_digest state = {{1}, {2}}, before = state;

	lp_config_decide(&state, NULL);
	CHECK(memcmp(&state, &before, sizeof(state)) == 0);
}

static void a_digest_depends_on_key_and_content(void)
{
	const uint8_t key[LP_CONFIG_KEY] = {1}, other_key[LP_CONFIG_KEY] = {2};
	const uint8_t content[LP_STORE_DIGEST] = {1}, other[LP_STORE_DIGEST] = {2};
	uint8_t x[LP_CONFIG_DIGEST], y[LP_CONFIG_DIGEST], hmac[LP_SHA256_BYTES];

	lp_config_digest(key, content, x);
	lp_hmac_sha256((struct slice){key, sizeof(key)}, content, sizeof(content), hmac);
	CHECK(memcmp(x, hmac, sizeof(x)) == 0);
	lp_config_digest(other_key, content, y);
	CHECK(memcmp(x, y, sizeof(x)) != 0);
	lp_config_digest(key, other, y);
	CHECK(memcmp(x, y, sizeof(x)) != 0);
}

/* --- from the store --- */

static const struct config_digest annotated = {{0xaa}, {0xaa}};

static struct config_digest state_of(bool on, int use, bool *known)
{
	struct stored_object object = {
		.key = {"apps", "v1", "Deployment", "shop", "till"}, .use = use, .content = {1}};
	struct config_digest state = {{7}, {7}};

	CHECK_OK(lp_config_state(db, "site", on, &object, &state, known, &err));
	return state;
}

static void what_is_not_known_shows_nothing(void)
{
	const uint8_t key[LP_CONFIG_KEY] = {1};
	bool known = true;

	start();
	CHECK_OK(lp_config_key_put(db, "site", key, &err));
	struct config_digest state = state_of(true, CONFIG_USED, &known);
	CHECK(!known && !lp_config_shows(&state));
}

static void what_is_kept_or_off_or_without_a_key_stays_as_it_is(void)
{
	const struct stored_key till = {"apps", "v1", "Deployment", "shop", "till"};
	const uint8_t key[LP_CONFIG_KEY] = {1}, content[LP_STORE_DIGEST] = {1};
	uint8_t digest[LP_CONFIG_DIGEST];
	struct config_digest state;
	bool known = false;

	start();
	CHECK_OK(lp_config_digest_put(db, "site", &till, &annotated, &err));
	state = state_of(true, CONFIG_USED, &known); /* no key */
	CHECK(known && memcmp(&state, &annotated, sizeof(state)) == 0);
	CHECK_OK(lp_config_key_put(db, "site", key, &err));
	CHECK_OK(lp_config_digest_put(db, "site", &till, &annotated, &err));
	state = state_of(false, CONFIG_USED, NULL);
	CHECK(memcmp(&state, &annotated, sizeof(state)) == 0);
	state = state_of(true, CONFIG_KEPT, NULL);
	CHECK(memcmp(&state, &annotated, sizeof(state)) == 0);
	state = state_of(true, CONFIG_NONE, NULL);
	CHECK(memcmp(&state, &annotated, sizeof(state)) == 0);
	state = state_of(true, CONFIG_USED, NULL);
	lp_config_digest(key, content, digest);
	CHECK(is(&state, digest, digest));
}

/* --- how it is shown --- */

static const char *put(const struct config_digest *state, const char *json, size_t max)
{
	static struct buf body;

	lp_buf_free(&body);
	body = LP_BUF(max);
	CHECK_OK(lp_buf_str(&body, json, &err));
	if (lp_config_put(state, &body, &err) != LP_OK)
		CHECK_STR(lp_buf_text(&body), json);
	return lp_buf_text(&body);
}

#define SHOWN "\"limpet.dev/config-digest\":\"aa000000000000000000000000000000\""

static void the_annotation_goes_onto_the_pod_template(void)
{
	static const char *const pairs[][2] = {
		{"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"x\":\"y\"}}}}}",
		 "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" SHOWN
		 ",\"x\":\"y\"}}}}}"},
		{"{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{}}}}}",
		 "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" SHOWN "}}}}}"},
		{"{\"spec\":{\"template\":{\"metadata\":{\"labels\":{}}}}}",
		 "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" SHOWN
		 "},\"labels\":{}}}}}"},
		{"{\"spec\":{\"template\":{\"metadata\":{}}}}",
		 "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" SHOWN "}}}}}"},
		{"{\"spec\":{\"template\":{\"spec\":{}}}}",
		 "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" SHOWN
		 "}},\"spec\":{}}}}"},
		{"{\"spec\":{\"template\":{\"metadata\":7}}}",
		 "{\"spec\":{\"template\":{\"metadata\":7}}}"},
		{"[]", "[]"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		CHECK_STR(put(&annotated, pairs[i][0], 4096), pairs[i][1]);
}

static void content_that_the_template_does_not_tell_of_stands_on_the_workload(void)
{
	const struct config_digest adopted = {{0}, {0xaa}}, rekeyed = {{0xaa}, {0xbb}},
				   nothing = {{0}, {0}};
	static const char body[] = "{\"metadata\":{\"name\":\"t\"},\"spec\":{\"template\":{}}}";

	CHECK_STR(put(&adopted, body, 4096),
		  "{\"metadata\":{\"annotations\":{" SHOWN "},\"name\":\"t\"},"
		  "\"spec\":{\"template\":{}}}");
	CHECK_HAS(put(&rekeyed, body, 4096),
		  "{\"metadata\":{\"annotations\":{\"limpet.dev/config-digest\":\"bb");
	CHECK_HAS(put(&rekeyed, body, 4096),
		  "\"spec\":{\"template\":{\"metadata\":{\"annotations\":{" SHOWN "}}}}");
	CHECK_STR(put(&nothing, body, 4096), body);
	CHECK(lp_config_shows(&adopted) && lp_config_shows(&rekeyed) && !lp_config_shows(&nothing));
}

static void a_body_past_its_ceiling_is_left_alone(void)
{
	static const char body[] = "{\"spec\":{\"template\":{}}}";

	CHECK_STR(put(&annotated, body, sizeof(body) + 20), body);
	CHECK(err.code == LP_LIMIT);
}

static void what_is_shown_is_part_of_what_was_applied(void)
{
	const struct config_digest adopted = {{0}, {0xaa}}, nothing = {{0}, {0}};
	const uint8_t body[LP_STORE_DIGEST] = {1};
	uint8_t one[LP_STORE_DIGEST], two[LP_STORE_DIGEST];

	lp_config_effective(body, &nothing, one);
	CHECK(memcmp(one, body, sizeof(one)) == 0);
	lp_config_effective(body, &adopted, one);
	lp_config_effective(body, &annotated, two);
	CHECK(memcmp(one, body, sizeof(one)) != 0 && memcmp(one, two, sizeof(one)) != 0);
}

int main(void)
{
	TEST(what_ran_before_shows_nothing_until_its_content_changes);
	TEST(what_the_cluster_shows_stands_for_a_lost_store);
	TEST(without_a_digest_all_stays);
	TEST(a_digest_depends_on_key_and_content);
	TEST(what_is_not_known_shows_nothing);
	TEST(what_is_kept_or_off_or_without_a_key_stays_as_it_is);
	TEST(the_annotation_goes_onto_the_pod_template);
	TEST(content_that_the_template_does_not_tell_of_stands_on_the_workload);
	TEST(a_body_past_its_ceiling_is_left_alone);
	TEST(what_is_shown_is_part_of_what_was_applied);
	remove_folder();
	return check_report();
}

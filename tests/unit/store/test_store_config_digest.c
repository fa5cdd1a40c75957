/* SPDX-License-Identifier: Apache-2.0 */
#include "store/config_digest.h"
#include "tests/unit/store/fixture.h"

static const struct stored_key till = {"apps", "v1", "Deployment", "shop", "till"};
static const struct stored_key other = {"apps", "v1", "StatefulSet", "shop", "till"};

static void a_digest_is_kept_by_source_and_key(void)
{
	const struct config_digest put = {{1, 2}, {3, 4}};
	struct config_digest got;

	start();
	CHECK_CODE(lp_config_digest_get(db, "site", &till, &got, &err), LP_NOT_FOUND, "");
	CHECK_OK(lp_config_digest_put(db, "site", &till, &put, &err));
	reopen();
	CHECK_OK(lp_config_digest_get(db, "site", &till, &got, &err));
	CHECK(memcmp(&got, &put, sizeof(got)) == 0);
	CHECK_CODE(lp_config_digest_get(db, "site", &other, &got, &err), LP_NOT_FOUND, "");
	CHECK_CODE(lp_config_digest_get(db, "else", &till, &got, &err), LP_NOT_FOUND, "");
	CHECK_OK(lp_config_digest_delete(db, "site", &till, &err));
	CHECK_OK(lp_config_digest_delete(db, "site", &till, &err));
	CHECK_CODE(lp_config_digest_get(db, "site", &till, &got, &err), LP_NOT_FOUND, "");
}

static void all_of_a_source_are_forgotten_and_no_other(void)
{
	const struct config_digest put = {{1}, {2}};
	struct config_digest got;

	start();
	CHECK_OK(lp_config_digest_put(db, "site", &till, &put, &err));
	CHECK_OK(lp_config_digest_put(db, "else", &till, &put, &err));
	CHECK_OK(lp_config_digests_forget(db, "site", &err));
	CHECK_CODE(lp_config_digest_get(db, "site", &till, &got, &err), LP_NOT_FOUND, "");
	CHECK_OK(lp_config_digest_get(db, "else", &till, &got, &err));
}

static void an_equal_digest_is_not_written(void)
{
	const struct config_digest put = {{1}, {2}}, new = {{1}, {3}};
	struct config_digest got;

	start();
	CHECK_OK(lp_config_digest_put(db, "site", &till, &put, &err));
	int64_t before = lp_db_changes(db);
	CHECK_OK(lp_config_digest_put(db, "site", &till, &put, &err));
	CHECK(lp_db_changes(db) == before);
	CHECK_OK(lp_config_digest_put(db, "site", &till, &new, &err));
	CHECK_OK(lp_config_digest_get(db, "site", &till, &got, &err));
	CHECK(memcmp(&got, &new, sizeof(got)) == 0);
}

static void another_key_makes_what_was_made_with_the_old_one_unknown(void)
{
	const uint8_t one[LP_CONFIG_KEY] = {1}, two[LP_CONFIG_KEY] = {2};
	const struct config_digest put = {{1, 2}, {3, 4}};
	struct config_digest got;
	uint8_t key[LP_CONFIG_KEY];

	start();
	CHECK_CODE(lp_config_key_get(db, "site", key, &err), LP_NOT_FOUND, "");
	CHECK_OK(lp_config_key_put(db, "site", one, &err));
	CHECK_OK(lp_config_digest_put(db, "site", &till, &put, &err));
	CHECK_OK(lp_config_digest_put(db, "else", &till, &put, &err));
	CHECK_OK(lp_config_key_put(db, "site", one, &err));
	CHECK_OK(lp_config_digest_get(db, "site", &till, &got, &err));
	CHECK(memcmp(&got, &put, sizeof(got)) == 0);
	CHECK_OK(lp_config_key_put(db, "site", two, &err));
	CHECK_OK(lp_config_key_get(db, "site", key, &err));
	CHECK(memcmp(key, two, sizeof(key)) == 0);
	CHECK_OK(lp_config_digest_get(db, "site", &till, &got, &err));
	CHECK(got.shown[0] == 1 && got.made_for[0] == 0);
	CHECK_OK(lp_config_digest_get(db, "else", &till, &got, &err));
	CHECK(got.made_for[0] == 3);
}

/* Accepts a revision of n objects, of which object i has the use uses[i]. */
static int64_t accept_uses(const int *uses, unsigned n)
{
	LP_AUTO(lp_revision_abandon) struct revision_writer *w = NULL;
	struct revision r = make_revision("site", n + (unsigned)uses[0]);
	struct stored_object object;
	char json[4096];
	int64_t id = 0;

	CHECK_OK(lp_revision_begin(db, &r, &w, &err));
	for (unsigned i = 0; i < n; i++) {
		struct slice body = make_object(i, 0, &object, json, 1);
		object.use = uses[i];
		if (uses[i] == 2)
			memset(object.content, 'c', sizeof(object.content));
		CHECK_OK(lp_revision_add(w, &object, body, &err));
	}
	CHECK_OK(lp_revision_commit(w, 1, &id, &err));
	return id;
}

static void a_revision_keeps_what_its_objects_use(void)
{
	static const int uses[] = {0, 2, 1};
	uint8_t zero[LP_STORE_DIGEST] = {0}, content[LP_STORE_DIGEST];
	unsigned n = 0;

	start();
	memset(content, 'c', sizeof(content));
	struct object_cursor cursor = LP_OBJECTS(accept_uses(uses, 3));
	while (lp_object_next(db, &cursor, &err) == LP_OK) {
		const uint8_t *wanted = cursor.at.use == 2 ? content : zero;
		CHECK(cursor.at.use == uses[cursor.at.line - 1]);
		CHECK(memcmp(cursor.at.content, wanted, sizeof(content)) == 0);
		n++;
	}
	CHECK(n == 3);
	CHECK_OK(lp_sql_exec(db, "UPDATE object SET content = x'0102'", &err));
	cursor.started = false;
	CHECK(lp_object_next(db, &cursor, &err) == LP_CORRUPT);
}

static void what_is_not_known_yet_is_found(void)
{
	static const int none[] = {0, 0}, uses[] = {1, 2, 0, 2, 1};
	const struct config_digest digest = {{0}, {0}};
	struct stored_key at = {0};
	bool used = true;
	LP_AUTO(lp_buf_free) struct buf found = LP_BUF(256);

	start();
	CHECK_OK(lp_config_is_used(db, accept_uses(none, 2), &used, &err));
	CHECK(!used);
	int64_t revision = accept_uses(uses, 5);
	CHECK_OK(lp_config_is_used(db, revision, &used, &err));
	CHECK(used);
	while (lp_config_unknown(db, revision, &at, &err) == LP_OK) {
		CHECK_OK(lp_buf_str(&found, at.name, &err));
		if (strcmp(at.name, "object-4") == 0)
			continue; /* it stays unknown, and does not come again */
		CHECK_OK(lp_config_digest_put(db, "site", &at, &digest, &err));
	}
	CHECK_STR(lp_buf_text(&found), "object-0object-4object-1object-3");
	at = (struct stored_key){0};
	CHECK_OK(lp_config_unknown(db, revision, &at, &err));
	CHECK_STR(at.name, "object-4");
	CHECK_CODE(lp_config_unknown(db, revision, &at, &err), LP_NOT_FOUND, "");
}

int main(void)
{
	TEST(a_digest_is_kept_by_source_and_key);
	TEST(all_of_a_source_are_forgotten_and_no_other);
	TEST(an_equal_digest_is_not_written);
	TEST(another_key_makes_what_was_made_with_the_old_one_unknown);
	TEST(a_revision_keeps_what_its_objects_use);
	TEST(what_is_not_known_yet_is_found);
	remove_folder();
	return check_report();
}

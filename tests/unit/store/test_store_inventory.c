/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/fixture.h"

/* The row of object i as make_object makes it. */
static struct inventory_row make_row(const char *source, unsigned i)
{
	struct inventory_row row = {.state = LP_INVENTORY_APPLIED, .revision = 1};
	struct stored_object o;
	char json[4096];

	make_object(i, 1, &o, json, 1);
	snprintf(row.source, sizeof(row.source), "%s", source);
	snprintf(row.uid, sizeof(row.uid), "uid-%u", i);
	row.key = o.key;
	row.scope = o.scope;
	row.stage = o.stage;
	row.kind_order = o.kind_order;
	memcpy(row.digest, o.digest, sizeof(row.digest));
	return row;
}

static void put(const char *source, unsigned i)
{
	struct inventory_row row = make_row(source, i);

	CHECK_OK(lp_inventory_put(db, &row, &err));
}

static unsigned rows(const char *source)
{
	unsigned count = 99;

	CHECK_OK(lp_inventory_count(db, source, &count, &err));
	return count;
}

static void a_row_comes_back_as_it_was_put(void)
{
	struct inventory_row want = make_row("site", 5), got;

	start();
	want.wave = -3;
	memset(want.live, 0xa5, sizeof(want.live));
	CHECK_OK(lp_inventory_put(db, &want, &err));
	reopen();
	CHECK_OK(lp_inventory_get(db, "site", &want.key, &got, &err));
	CHECK_STR(got.source, "site");
	CHECK_STR(got.key.group, want.key.group);
	CHECK_STR(got.key.version, want.key.version);
	CHECK_STR(got.key.kind, want.key.kind);
	CHECK_STR(got.key.ns, want.key.ns);
	CHECK_STR(got.key.name, want.key.name);
	CHECK_STR(got.uid, "uid-5");
	CHECK(got.scope == want.scope && got.stage == want.stage && got.wave == -3 &&
	      got.kind_order == want.kind_order);
	CHECK(memcmp(got.digest, want.digest, sizeof(want.digest)) == 0);
	CHECK(got.revision == 1 && got.state == LP_INVENTORY_APPLIED);
	CHECK(memcmp(got.live, want.live, sizeof(want.live)) == 0);
	CHECK_CODE(lp_inventory_get(db, "other", &want.key, &got, &err), LP_NOT_FOUND, "");
}

static void a_row_that_is_put_again_replaces_the_first_and_an_equal_one_writes_nothing(void)
{
	struct inventory_row row = make_row("site", 5), got;

	start();
	CHECK_OK(lp_inventory_put(db, &row, &err));
	int64_t before = lp_db_changes(db);
	struct buf wal = file_of("-wal");
	CHECK_OK(lp_inventory_put(db, &row, &err));
	struct buf after = file_of("-wal");
	CHECK(lp_db_changes(db) == before);
	CHECK(lp_slice_equal(LP_SLICE_OF(&wal), LP_SLICE_OF(&after)));
	lp_buf_free(&wal);
	lp_buf_free(&after);

	row.state = LP_INVENTORY_PENDING;
	row.revision = 2;
	row.digest[0] ^= 1;
	snprintf(row.key.version, sizeof(row.key.version), "v2");
	CHECK_OK(lp_inventory_put(db, &row, &err));
	CHECK_OK(lp_inventory_get(db, "site", &row.key, &got, &err));
	CHECK(got.state == LP_INVENTORY_PENDING && got.revision == 2 && rows("site") == 1);
	CHECK(memcmp(got.digest, row.digest, sizeof(row.digest)) == 0);
	CHECK_STR(got.key.version, "v2");
	row.live[71] = 1;
	CHECK_OK(lp_inventory_put(db, &row, &err));
	CHECK_OK(lp_inventory_get(db, "site", &row.key, &got, &err));
	CHECK(got.live[71] == 1);
}

static void a_deleted_row_is_gone_and_deleting_it_again_is_fine(void)
{
	struct inventory_row row = make_row("site", 5);

	start();
	put("site", 5);
	put("other", 5);
	CHECK_OK(lp_inventory_delete(db, "site", &row.key, &err));
	CHECK(rows("site") == 0 && rows("other") == 1);
	int64_t before = lp_db_changes(db);
	CHECK_OK(lp_inventory_delete(db, "site", &row.key, &err));
	CHECK(lp_db_changes(db) == before);
}

static void all_rows_come_in_apply_order(void)
{
	struct inventory_cursor cursor = LP_INVENTORY("site");
	struct inventory_row last = {.stage = -1};
	unsigned seen = 0;

	start();
	for (unsigned i = 0; i < 12; i++)
		put("site", i);
	put("other", 3);
	while (lp_inventory_next(db, &cursor, &err) == LP_OK) {
		CHECK_STR(cursor.at.source, "site");
		CHECK(cursor.at.stage > last.stage ||
		      (cursor.at.stage == last.stage && cursor.at.kind_order > last.kind_order));
		last = cursor.at;
		seen++;
	}
	CHECK(err.code == LP_NOT_FOUND && seen == 12);
}

static void each_kind_on_record_comes_once_in_order(void)
{
	char group[LP_GROUP_MAX] = "", kind[LP_KIND_MAX] = "", before[LP_KIND_MAX] = "";
	struct inventory_row row = {.source = "site", .state = LP_INVENTORY_APPLIED};
	static const char *const kinds[] = {"Secret", "ConfigMap", "Service", "ConfigMap"};
	unsigned seen = 0;

	start();
	for (unsigned i = 0; i < 4; i++) {
		snprintf(row.key.kind, sizeof(row.key.kind), "%s", kinds[i]);
		snprintf(row.key.name, sizeof(row.key.name), "object-%u", i);
		CHECK_OK(lp_inventory_put(db, &row, &err));
	}
	snprintf(row.key.group, sizeof(row.key.group), "apps");
	CHECK_OK(lp_inventory_put(db, &row, &err));
	snprintf(row.source, sizeof(row.source), "other");
	snprintf(row.key.kind, sizeof(row.key.kind), "Deployment");
	CHECK_OK(lp_inventory_put(db, &row, &err));
	while (lp_inventory_next_kind(db, "site", group, kind, &err) == LP_OK) {
		CHECK(strcmp(kind, before) > 0 || strcmp(group, "apps") == 0);
		memcpy(before, kind, sizeof(before));
		seen++;
	}
	CHECK(err.code == LP_NOT_FOUND && seen == 4);
	CHECK_STR(group, "apps");
	CHECK_STR(kind, "ConfigMap");
}

static void prune_candidates_are_what_a_revision_lacks_in_reverse_order(void)
{
	struct inventory_row last = {.stage = 99};
	unsigned seen = 0;

	start();
	int64_t id = accept_revision("site", 1, 5, 5);
	struct inventory_cursor cursor = LP_INVENTORY_NOT_IN("site", id);
	for (unsigned i = 0; i < 12; i++)
		put("site", i);
	put("other", 11);
	while (lp_inventory_next(db, &cursor, &err) == LP_OK) {
		CHECK(100 - cursor.at.kind_order >= 5);
		CHECK(cursor.at.stage < last.stage ||
		      (cursor.at.stage == last.stage && cursor.at.kind_order < last.kind_order));
		/* as prune does: what was deleted in the cluster leaves while we walk */
		CHECK_OK(lp_inventory_delete(db, "site", &cursor.at.key, &err));
		last = cursor.at;
		seen++;
	}
	CHECK(err.code == LP_NOT_FOUND && seen == 7);
	CHECK(rows("site") == 5 && rows("other") == 1);
}

static void a_new_version_or_place_is_no_reason_to_prune(void)
{
	struct inventory_row row = make_row("site", 1);

	start();
	int64_t id = accept_revision("site", 1, 5, 5);
	struct inventory_cursor cursor = LP_INVENTORY_NOT_IN("site", id);
	snprintf(row.key.version, sizeof(row.key.version), "v1beta1");
	row.stage = 9;
	row.wave = -1;
	CHECK_OK(lp_inventory_put(db, &row, &err));
	CHECK(lp_inventory_next(db, &cursor, &err) == LP_NOT_FOUND);
}

/* A revision of one object that names no namespace, its scope known or not. */
static int64_t accept_without_namespace(int scope)
{
	LP_AUTO(lp_revision_abandon) struct revision_writer *w = NULL;
	struct revision r = make_revision("site", 1);
	struct stored_object o;
	char json[4096];
	int64_t id;

	CHECK_OK(lp_revision_begin(db, &r, &w, &err));
	struct slice body = make_object(1, 1, &o, json, 1);
	o.key.ns[0] = '\0';
	o.scope = scope;
	CHECK_OK(lp_revision_add(w, &o, body, &err));
	CHECK_OK(lp_revision_commit(w, 1, &id, &err));
	return id;
}

static void a_scope_that_was_not_known_stands_for_any_namespace(void)
{
	struct inventory_cursor cursor;

	start();
	put("site", 1);
	cursor = LP_INVENTORY_NOT_IN("site", accept_without_namespace(0));
	CHECK(lp_inventory_next(db, &cursor, &err) == LP_NOT_FOUND);
	cursor = LP_INVENTORY_NOT_IN("site", accept_without_namespace(2));
	CHECK_OK(lp_inventory_next(db, &cursor, &err));
	put("site", 3); /* another name is another object, whatever its scope */
	cursor = LP_INVENTORY_NOT_IN("site", accept_without_namespace(0));
	CHECK_OK(lp_inventory_next(db, &cursor, &err));
	CHECK_STR(cursor.at.key.name, "object-3");
	CHECK(lp_inventory_next(db, &cursor, &err) == LP_NOT_FOUND);
}

static void many_rows_in_one_transaction_are_all_or_nothing(void)
{
	start();
	{
		LP_AUTO(lp_tx_end) struct tx tx = {0};
		CHECK_OK(lp_tx_begin(db, &tx, &err));
		for (unsigned i = 0; i < 50; i++)
			put("site", i);
	}
	CHECK(rows("site") == 0);
	{
		LP_AUTO(lp_tx_end) struct tx tx = {0};
		CHECK_OK(lp_tx_begin(db, &tx, &err));
		for (unsigned i = 0; i < 50; i++)
			put("site", i);
		CHECK_OK(lp_tx_commit(&tx, &err));
	}
	reopen();
	CHECK(rows("site") == 50);
}

int main(void)
{
	TEST(a_row_comes_back_as_it_was_put);
	TEST(a_row_that_is_put_again_replaces_the_first_and_an_equal_one_writes_nothing);
	TEST(a_deleted_row_is_gone_and_deleting_it_again_is_fine);
	TEST(all_rows_come_in_apply_order);
	TEST(each_kind_on_record_comes_once_in_order);
	TEST(prune_candidates_are_what_a_revision_lacks_in_reverse_order);
	TEST(a_new_version_or_place_is_no_reason_to_prune);
	TEST(a_scope_that_was_not_known_stands_for_any_namespace);
	TEST(many_rows_in_one_transaction_are_all_or_nothing);
	remove_folder();
	return check_report();
}

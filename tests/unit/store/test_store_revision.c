/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/fixture.h"

static unsigned revisions(const char *source)
{
	unsigned count = 99;

	CHECK_OK(lp_revision_count(db, source, &count, &err));
	return count;
}

static unsigned gc(uint64_t keep_bytes, unsigned keep_count, int64_t pinned)
{
	unsigned dropped = 99;

	CHECK_OK(lp_revision_gc(db, "site", keep_bytes, keep_count, pinned, &dropped, &err));
	return dropped;
}

static bool is_there(int64_t id)
{
	struct revision r;

	return lp_revision_get(db, "site", id, &r, &err) == LP_OK;
}

static void mark(int64_t id, enum revision_state state)
{
	CHECK_OK(lp_revision_set_state(db, id, state, "", 5000 + id, &err));
}

static void a_revision_comes_back_as_it_was_written(void)
{
	struct revision r, want = make_revision("site", 7);

	start();
	int64_t id = accept_revision("site", 7, 9, 9);
	reopen();
	CHECK_OK(lp_revision_get(db, "site", id, &r, &err));
	CHECK_STR(r.source, "site");
	CHECK(memcmp(r.commit, want.commit, sizeof(r.commit)) == 0);
	CHECK(memcmp(r.payload, want.payload, sizeof(r.payload)) == 0);
	CHECK(memcmp(r.tree, want.tree, sizeof(r.tree)) == 0);
	CHECK_STR(r.signer, "ann@example.org");
	CHECK_STR(r.fingerprint, "SHA256:abc");
	CHECK_STR(r.subject, "change 7");
	CHECK(r.committed_s == 1007 && r.accepted_s == 2007 && r.applied_s == 0);
	CHECK(r.state == LP_REVISION_ACCEPTED && r.objects == 9 && r.bytes > 9 * 300);
	CHECK_STR(r.message, "");
	CHECK_CODE(lp_revision_get(db, "other", id, &r, &err), LP_NOT_FOUND, "");
	CHECK_OK(lp_revision_by_payload(db, "site", want.payload, &r, &err));
	CHECK(r.id == id);
	CHECK(lp_revision_by_payload(db, "other", want.payload, &r, &err) == LP_NOT_FOUND);
}

static void objects_come_in_apply_order_with_their_bodies(void)
{
	LP_AUTO(lp_buf_free) struct buf json = LP_BUF(LP_OBJECT_BYTES);
	struct stored_object want, last = {.stage = -1};
	char text[4096];

	start();
	struct object_cursor cursor = LP_OBJECTS(accept_revision("site", 7, 9, 9));
	accept_revision("site", 8, 9, 9);
	unsigned seen = 0;
	while (lp_object_next(db, &cursor, &err) == LP_OK) {
		struct stored_object *o = &cursor.at;
		CHECK(o->stage > last.stage ||
		      (o->stage == last.stage && o->kind_order > last.kind_order));
		unsigned i = 100 - (unsigned)o->kind_order;
		struct slice body = make_object(i, 7, &want, text, 300);
		CHECK(memcmp(o->digest, want.digest, sizeof(want.digest)) == 0);
		CHECK_STR(o->key.group, want.key.group);
		CHECK_STR(o->key.kind, want.key.kind);
		CHECK_STR(o->key.version, "v1");
		CHECK_STR(o->key.ns, "shop");
		CHECK_STR(o->key.name, want.key.name);
		CHECK_STR(o->file, want.file);
		CHECK(o->line == i + 1 && o->scope == 1 && o->wave == 0);
		lp_buf_clear(&json);
		CHECK_OK(lp_object_body(db, "site", o, &json, &err));
		CHECK(lp_slice_equal(LP_SLICE_OF(&json), body));
		last = *o;
		seen++;
	}
	CHECK(err.code == LP_NOT_FOUND && seen == 9);
}

static void stage_then_wave_then_kind_then_key_order_the_objects(void)
{
	static const struct {
		int stage, wave, kind_order;
		const char *name;
	} places[] = {{0, 5, 9, "z"}, {1, -2, 9, "y"}, {1, 0, 1, "x"},
		      {1, 0, 2, "a"}, {1, 0, 2, "b"},  {2, 0, 0, "w"}};
	const size_t n = sizeof(places) / sizeof(places[0]);
	LP_AUTO(lp_revision_abandon) struct revision_writer *w = NULL;
	struct revision r = make_revision("site", 1);
	struct stored_object o;
	char json[4096];
	int64_t id;

	start();
	CHECK_OK(lp_revision_begin(db, &r, &w, &err));
	for (size_t i = n; i-- > 0;) {
		struct slice body = make_object(0, (unsigned)i, &o, json, 10);
		o.stage = places[i].stage;
		o.wave = places[i].wave;
		o.kind_order = places[i].kind_order;
		snprintf(o.key.name, sizeof(o.key.name), "%s", places[i].name);
		CHECK_OK(lp_revision_add(w, &o, body, &err));
	}
	CHECK_OK(lp_revision_commit(w, 1, &id, &err));
	struct object_cursor cursor = LP_OBJECTS(id);
	for (size_t i = 0; i < n; i++) {
		CHECK_OK(lp_object_next(db, &cursor, &err));
		CHECK_STR(cursor.at.key.name, places[i].name);
	}
	CHECK(lp_object_next(db, &cursor, &err) == LP_NOT_FOUND);
}

static void one_object_is_found_by_its_key(void)
{
	struct stored_object want, got;
	char json[4096];

	start();
	int64_t id = accept_revision("site", 1, 5, 5);
	make_object(3, 1, &want, json, 300);
	CHECK_OK(lp_object_get(db, id, &want.key, &got, &err));
	CHECK(memcmp(got.digest, want.digest, sizeof(want.digest)) == 0);
	want.key.ns[0] = 'S';
	CHECK(lp_object_get(db, id, &want.key, &got, &err) == LP_NOT_FOUND);
}

static void a_body_that_did_not_change_is_stored_once(void)
{
	start();
	accept_revision("site", 1, 20, 2);
	accept_revision("site", 2, 20, 2);
	CHECK(number_of("SELECT count(*) FROM object") == 40);
	CHECK(number_of("SELECT count(*) FROM body") == 18 + 2 + 2);
	accept_revision("other", 2, 20, 2); /* a source shares nothing with another */
	CHECK(number_of("SELECT count(*) FROM body WHERE source = 'other'") == 20);
}

static void a_revision_that_is_abandoned_leaves_nothing(void)
{
	LP_AUTO(lp_revision_abandon) struct revision_writer *w = NULL;
	struct revision r = make_revision("site", 1);
	struct stored_object o;
	char json[4096];

	start();
	accept_revision("site", 1, 3, 3);
	int64_t before = lp_db_changes(db);
	CHECK_OK(lp_revision_begin(db, &r, &w, &err));
	struct slice body = make_object(1, 1, &o, json, 300);
	CHECK_OK(lp_revision_add(w, &o, body, &err));
	CHECK_OK(lp_state_set_suspended(db, "site", true, &err)); /* the store stays usable */
	lp_revision_abandon(&w);
	CHECK(lp_db_changes(db) == before + 1 && revisions("site") == 1);
	CHECK(!file_exists("-spool"));
}

static void a_revision_of_no_objects_is_one(void)
{
	struct object_cursor cursor;

	start();
	cursor = LP_OBJECTS(accept_revision("site", 1, 0, 0));
	CHECK(lp_object_next(db, &cursor, &err) == LP_NOT_FOUND);
}

/* --- bodies --- */

static void stored_damage(const char *damage, const char *text)
{
	LP_AUTO(lp_buf_free) struct buf json = LP_BUF(LP_OBJECT_BYTES);
	struct object_cursor cursor;

	start();
	cursor = LP_OBJECTS(accept_revision("site", 1, 4, 4));
	CHECK_OK(lp_object_next(db, &cursor, &err));
	CHECK_OK(lp_sql_exec(db, damage, &err));
	CHECK_OK(lp_buf_str(&json, "before", &err));
	CHECK_CODE(lp_object_body(db, "site", &cursor.at, &json, &err), LP_CORRUPT, text);
	CHECK_HAS(err.msg, "Deployment.apps shop/object-3: its stored body is damaged");
	CHECK(json.len == strlen("before"));
}

static void a_body_with_another_digest_is_corrupt_and_names_the_object(void)
{
	stored_damage("UPDATE body SET (bytes, packed) = (SELECT b.bytes, b.packed FROM body b "
		      "ORDER BY id LIMIT 1)",
		      "its SHA-256 is another");
}

static void a_body_that_cannot_be_inflated_is_corrupt(void)
{
	stored_damage("UPDATE body SET packed = substr(packed, 1, length(packed) - 9)",
		      "cannot be inflated");
	stored_damage("UPDATE body SET packed = x'00'", "cannot be inflated");
	stored_damage("UPDATE body SET bytes = bytes - 1", "cannot be inflated");
}

static void a_body_of_impossible_length_is_corrupt(void)
{
	stored_damage("UPDATE body SET bytes = 1 << 40", "its length is impossible");
	stored_damage("UPDATE body SET bytes = -1", "its length is impossible");
	stored_damage("UPDATE body SET bytes = 0", "its length is impossible");
}

static void a_body_that_is_gone_is_not_found(void)
{
	LP_AUTO(lp_buf_free) struct buf json = LP_BUF(LP_OBJECT_BYTES);
	struct stored_object o;
	char text[4096];

	start();
	make_object(1, 1, &o, text, 300);
	CHECK(lp_object_body(db, "site", &o, &json, &err) == LP_NOT_FOUND);
}

static void a_body_larger_than_the_buffer_is_a_limit(void)
{
	LP_AUTO(lp_buf_free) struct buf json = LP_BUF(100);
	struct object_cursor cursor;

	start();
	cursor = LP_OBJECTS(accept_revision("site", 1, 1, 1));
	CHECK_OK(lp_object_next(db, &cursor, &err));
	CHECK(lp_object_body(db, "site", &cursor.at, &json, &err) == LP_LIMIT);
}

/* --- what is refused --- */

static struct revision_writer *writer;

static void begin(void)
{
	struct revision r = make_revision("site", 9);

	lp_revision_abandon(&writer);
	CHECK_OK(lp_revision_begin(db, &r, &writer, &err));
}

static void nothing_was_written(int64_t changes)
{
	int64_t id = 0;

	CHECK(lp_revision_commit(writer, 1, &id, &err) != LP_OK);
	lp_revision_abandon(&writer);
	CHECK(id == 0 && lp_db_changes(db) == changes && revisions("site") == 0);
}

static void a_body_without_its_digest_is_refused(void)
{
	struct stored_object o;
	char json[4096];

	start();
	begin();
	struct slice body = make_object(1, 1, &o, json, 300);
	o.digest[31] ^= 1;
	CHECK_CODE(lp_revision_add(writer, &o, body, &err), LP_REJECTED, "digest");
	CHECK_HAS(err.msg, "Deployment.apps shop/object-1");
	nothing_was_written(lp_db_changes(db));
	begin();
	body.len = 0;
	CHECK_CODE(lp_revision_add(writer, &o, body, &err), LP_REJECTED, "digest");
	lp_revision_abandon(&writer);
}

static char big[LP_OBJECT_BYTES + 1];

static enum lp_code add_big(size_t n, unsigned i)
{
	struct stored_object o;
	char json[4096];

	make_object(i, 1, &o, json, 1);
	memset(big, ' ', n);
	snprintf(big, n, "%u", i);
	lp_sha256(big, n, o.digest);
	return lp_revision_add(writer, &o, (struct slice){(uint8_t *)big, n}, &err);
}

static void an_object_of_too_many_bytes_is_a_limit(void)
{
	start();
	begin();
	CHECK_OK(add_big(LP_OBJECT_BYTES, 1));
	CHECK_CODE(add_big(LP_OBJECT_BYTES + 1, 2), LP_LIMIT, "an object of more than");
	nothing_was_written(lp_db_changes(db));
}

static void a_revision_of_too_many_bytes_is_a_limit(void)
{
	unsigned whole = LP_REVISION_BYTES / LP_OBJECT_BYTES;

	start();
	begin();
	for (unsigned i = 0; i < whole; i++)
		CHECK_OK(add_big(LP_OBJECT_BYTES, i));
	CHECK_OK(add_big(LP_REVISION_BYTES - whole * LP_OBJECT_BYTES, whole));
	CHECK_CODE(add_big(2, whole + 1), LP_LIMIT, "a revision of more than");
	nothing_was_written(lp_db_changes(db));
}

static void a_revision_of_too_many_objects_is_a_limit(void)
{
	struct stored_object o;
	char json[4096];

	start();
	begin();
	for (unsigned i = 0; i < LP_OBJECTS_MAX; i++) {
		struct slice body = make_object(i, 1, &o, json, 1);
		CHECK_OK(lp_revision_add(writer, &o, body, &err));
	}
	struct slice body = make_object(LP_OBJECTS_MAX, 1, &o, json, 1);
	CHECK_CODE(lp_revision_add(writer, &o, body, &err), LP_LIMIT, "10000 objects");
	nothing_was_written(lp_db_changes(db));
}

static void two_objects_with_one_key_are_refused_and_both_places_named(void)
{
	struct stored_object o;
	char json[4096];
	int64_t id = 0;

	start();
	begin();
	for (unsigned i = 0; i < 3; i++) {
		struct slice body = make_object(i, 1, &o, json, 300);
		CHECK_OK(lp_revision_add(writer, &o, body, &err));
	}
	struct slice body = make_object(1, 2, &o, json, 300);
	snprintf(o.file, sizeof(o.file), "twice.yaml");
	o.wave = 4;
	snprintf(o.key.version, sizeof(o.key.version), "v1beta1");
	CHECK_OK(lp_revision_add(writer, &o, body, &err));
	CHECK_CODE(lp_revision_commit(writer, 1, &id, &err), LP_REJECTED,
		   "Deployment.apps shop/object-1 is there twice: apps/1.yaml:2 and twice.yaml:2");
	lp_revision_abandon(&writer);
	CHECK(id == 0 && revisions("site") == 0);
	CHECK(number_of("SELECT count(*) FROM floor") == 0);
	CHECK(number_of("SELECT count(*) FROM body") == 0);
}

/* --- the floor, the desired revision --- */

static void accepting_raises_the_floor(void)
{
	struct revision want = make_revision("site", 2);
	struct stored_floor stored;

	start();
	CHECK_CODE(lp_floor_get(db, "site", &stored, &err), LP_NOT_FOUND, "");
	accept_revision("site", 1, 1, 1);
	int64_t id = accept_revision("site", 2, 1, 1);
	accept_revision("other", 9, 1, 1);
	CHECK_OK(lp_floor_get(db, "site", &stored, &err));
	CHECK(stored.revision == id && stored.counter == 2 && stored.accepted_s == 2002);
	CHECK(stored.sequence == 0);
	CHECK(memcmp(stored.commit, want.commit, sizeof(want.commit)) == 0);
	CHECK(memcmp(stored.payload, want.payload, sizeof(want.payload)) == 0);
}

static int64_t accept_sequence(unsigned number, int64_t sequence)
{
	LP_AUTO(lp_revision_abandon) struct revision_writer *one = NULL;
	struct revision what = make_revision("site", number);
	int64_t id = 0;

	what.sequence = sequence;
	what.expires_s = 1900000000;
	CHECK_OK(lp_revision_begin(db, &what, &one, &err));
	CHECK_OK(lp_revision_commit(one, 2000, &id, &err));
	return id;
}

static void the_floor_keeps_the_highest_sequence(void)
{
	struct stored_floor stored;
	struct revision r;

	start();
	int64_t id = accept_sequence(1, 7);
	CHECK_OK(lp_revision_get(db, "site", id, &r, &err));
	CHECK(r.sequence == 7 && r.expires_s == 1900000000);
	accept_sequence(2, 0);
	CHECK_OK(lp_floor_get(db, "site", &stored, &err));
	CHECK(stored.sequence == 7 && stored.counter == 2);
	accept_sequence(3, 9);
	CHECK_OK(lp_floor_get(db, "site", &stored, &err));
	CHECK(stored.sequence == 9);
}

static void an_accepted_payload_is_remembered_after_its_revision_is_gone(void)
{
	bool accepted = false;
	struct revision r = make_revision("site", 1);

	start();
	int64_t id = accept_revision("site", 1, 1, 1);
	accept_revision("site", 2, 1, 1);
	accept_revision("site", 3, 1, 1);
	CHECK(gc(0, 0, 0) == 2 && !is_there(id));
	CHECK_OK(lp_payload_accepted(db, "site", r.payload, &accepted, &err));
	CHECK(accepted);
	CHECK_OK(lp_payload_accepted(db, "other", r.payload, &accepted, &err));
	CHECK(!accepted);
	r.payload[0] ^= 1;
	CHECK_OK(lp_payload_accepted(db, "site", r.payload, &accepted, &err));
	CHECK(!accepted);
}

static void only_the_newest_payloads_are_remembered(void)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	struct revision first = make_revision("site", 1), second = make_revision("site", 2);
	bool accepted;

	start();
	accept_revision("other", 1, 0, 0);
	CHECK_OK(lp_tx_begin(db, &tx, &err)); /* one fsync for all */
	for (unsigned i = 1; i <= LP_PAYLOADS_KEPT; i++)
		accept_revision("site", i, 0, 0);
	accept_revision("site", 1, 0,
			0); /* again: now it is the newest, and the second goes first */
	CHECK_OK(lp_payload_accepted(db, "site", second.payload, &accepted, &err));
	CHECK(accepted);
	accept_revision("site", LP_PAYLOADS_KEPT + 1, 0, 0);
	CHECK_OK(lp_tx_commit(&tx, &err));
	CHECK(number_of("SELECT count(*) FROM accepted_payload") == LP_PAYLOADS_KEPT + 1);
	CHECK_OK(lp_payload_accepted(db, "site", second.payload, &accepted, &err));
	CHECK(!accepted);
	CHECK_OK(lp_payload_accepted(db, "site", first.payload, &accepted, &err));
	CHECK(accepted);
	CHECK_OK(lp_payload_accepted(db, "other", first.payload, &accepted, &err));
	CHECK(accepted);
}

static void an_accepted_revision_is_desired_unless_one_is_pinned(void)
{
	struct source_state state;
	struct stored_floor stored;

	start();
	int64_t one = accept_revision("site", 1, 1, 1);
	int64_t two = accept_revision("site", 2, 1, 1);
	CHECK_OK(lp_state_get(db, "site", &state, &err));
	CHECK(state.desired == two);
	CHECK_OK(lp_state_set_desired(db, "site", one, &err));
	CHECK_OK(lp_state_set_pinned(db, "site", one, &err));
	int64_t three = accept_revision("site", 3, 1, 1);
	reopen();
	CHECK_OK(lp_state_get(db, "site", &state, &err));
	CHECK(state.desired == one && state.pinned == one);
	CHECK_OK(lp_floor_get(db, "site", &stored, &err));
	CHECK(stored.revision == three);
}

/* --- finding --- */

static void the_list_is_newest_first_and_of_one_source(void)
{
	int64_t at = LP_REVISION_NEWEST, ids[3];
	struct revision r;

	start();
	for (unsigned i = 0; i < 3; i++) {
		ids[i] = accept_revision("site", i + 1, 1, 1);
		accept_revision("other", i + 1, 1, 1);
	}
	for (int i = 2; i >= 0; i--, at = r.id) {
		CHECK_OK(lp_revision_before(db, "site", at, &r, &err));
		CHECK(r.id == ids[i]);
	}
	CHECK(lp_revision_before(db, "site", at, &r, &err) == LP_NOT_FOUND);
	CHECK(revisions("site") == 3 && revisions("nobody") == 0);
}

static void the_previous_one_is_the_newest_that_was_applied(void)
{
	struct revision r;

	start();
	int64_t one = accept_revision("site", 1, 1, 1), two = accept_revision("site", 2, 1, 1);
	int64_t three = accept_revision("site", 3, 1, 1), four = accept_revision("site", 4, 1, 1);
	mark(one, LP_REVISION_APPLIED);
	mark(two, LP_REVISION_INCOMPLETE);
	mark(three, LP_REVISION_FAILED);
	CHECK_OK(lp_revision_previous(db, "site", four, &r, &err));
	CHECK(r.id == two);
	CHECK_OK(lp_revision_previous(db, "site", two, &r, &err));
	CHECK(r.id == one);
	CHECK(lp_revision_previous(db, "site", one, &r, &err) == LP_NOT_FOUND);
	CHECK(lp_revision_previous(db, "other", four, &r, &err) == LP_NOT_FOUND);
}

static void a_revision_is_found_by_what_a_person_types(void)
{
	struct revision r;

	start();
	int64_t one = accept_revision("site", 0xabcd, 1, 1);    /* commit cdab0000... */
	int64_t two = accept_revision("site", 0x1234567, 1, 1); /* commit 67452301... */
	CHECK_OK(lp_revision_find(db, "site", "1", &r, &err));
	CHECK(r.id == one);
	CHECK_OK(lp_revision_find(db, "site", "cdab", &r, &err));
	CHECK(r.id == one);
	CHECK_OK(lp_revision_find(db, "site", "6745230", &r, &err));
	CHECK(r.id == two);
	CHECK_OK(
		lp_revision_find(db, "site", "cdab000000000000000000000000000000000000", &r, &err));
	CHECK(r.id == one);
	CHECK_OK(lp_revision_find(db, "site", "sha256:3254ff", &r, &err));
	CHECK(r.id == one);
	CHECK_CODE(lp_revision_find(db, "site", "cdac", &r, &err), LP_NOT_FOUND,
		   "no stored revision of site is \"cdac\"");
	CHECK_CODE(lp_revision_find(db, "other", "1", &r, &err), LP_NOT_FOUND, "of other");
}

static void text_that_is_no_revision_says_what_was_expected(void)
{
	static const char *const bad[] = {"",
					  "cda",
					  "CDAB",
					  "cdab0",
					  "sha256:",
					  "sha256:325",
					  "sha256:xyzw",
					  "HEAD",
					  "-1",
					  "cdab0000000000000000000000000000000000000",
					  "sha1:cdab",
					  "12 "};
	struct revision r;

	start();
	accept_revision("site", 0xabce, 1, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum lp_code code = lp_revision_find(db, "site", bad[i], &r, &err);
		if (strcmp(bad[i], "cdab0") == 0)
			CHECK(code == LP_NOT_FOUND);
		else
			CHECK(code == LP_REJECTED);
	}
	CHECK_CODE(lp_revision_find(db, "site", "HEAD", &r, &err), LP_REJECTED,
		   "\"HEAD\" is no revision: expected its number");
}

static void a_beginning_that_fits_two_revisions_is_refused(void)
{
	struct revision r;

	start();
	accept_revision("site", 0x0100abcd, 1, 1); /* cdab0001 */
	int64_t two = accept_revision("site", 0x0200abcd, 1, 1);
	CHECK_CODE(lp_revision_find(db, "site", "cdab00", &r, &err), LP_REJECTED,
		   "\"cdab00\" fits the revisions 2 and 1: type more digits");
	CHECK_OK(lp_revision_find(db, "site", "cdab0002", &r, &err));
	CHECK(r.id == two);
	int64_t again =
		accept_revision("site", 0x0200abcd, 1, 1); /* one commit, twice: the newest */
	CHECK_OK(lp_revision_find(db, "site", "cdab0002", &r, &err));
	CHECK(r.id == again);
}

/* --- state --- */

static void the_state_keeps_the_last_error_and_when_it_was_applied(void)
{
	struct source_state state;
	struct revision r;

	start();
	int64_t id = accept_revision("site", 1, 1, 1);
	CHECK_OK(lp_revision_set_state(db, id, LP_REVISION_FAILED, "no such kind", 10, &err));
	CHECK_OK(lp_revision_get(db, "site", id, &r, &err));
	CHECK(r.state == LP_REVISION_FAILED && r.applied_s == 0);
	CHECK_STR(r.message, "no such kind");
	CHECK_OK(lp_revision_set_state(db, id, LP_REVISION_APPLIED, "", 20, &err));
	CHECK_OK(lp_revision_set_state(db, id, LP_REVISION_APPLIED, "kept 1 volume", 25, &err));
	CHECK_OK(lp_revision_set_state(db, id, LP_REVISION_FAILED, "drifted", 30, &err));
	reopen();
	CHECK_OK(lp_revision_get(db, "site", id, &r, &err));
	CHECK(r.state == LP_REVISION_FAILED && r.applied_s == 20);
	CHECK_OK(lp_state_get(db, "site", &state, &err));
	CHECK(state.applied == id);
	CHECK_CODE(lp_revision_set_state(db, 99, LP_REVISION_APPLIED, "", 1, &err), LP_NOT_FOUND,
		   "");
}

static void the_same_state_again_writes_nothing(void)
{
	struct revision r;

	start();
	int64_t id = accept_revision("site", 1, 1, 1);
	CHECK_OK(lp_revision_set_state(db, id, LP_REVISION_APPLIED, "", 20, &err));
	int64_t before = lp_db_changes(db);
	struct buf wal = file_of("-wal");
	CHECK_OK(lp_revision_set_state(db, id, LP_REVISION_APPLIED, "", 30, &err));
	CHECK(lp_db_changes(db) == before);
	struct buf after = file_of("-wal");
	CHECK(lp_slice_equal(LP_SLICE_OF(&wal), LP_SLICE_OF(&after)));
	lp_buf_free(&wal);
	lp_buf_free(&after);
	CHECK_OK(lp_revision_get(db, "site", id, &r, &err));
	CHECK(r.applied_s == 20);
}

static void a_long_message_is_cut_at_a_character(void)
{
	char text[LP_MESSAGE_MAX + 8];
	struct revision r;

	start();
	int64_t id = accept_revision("site", 1, 1, 1);
	memset(text, 'a', sizeof(text));
	memcpy(text + LP_MESSAGE_MAX - 3, "\xe2\x82\xac", 4); /* a euro sign, one byte too long */
	CHECK_OK(lp_revision_set_state(db, id, LP_REVISION_FAILED, text, 1, &err));
	CHECK_OK(lp_revision_get(db, "site", id, &r, &err));
	CHECK(strlen(r.message) == LP_MESSAGE_MAX - 3);
	text[LP_MESSAGE_MAX - 4] = '\0'; /* what just fits is whole */
	memcpy(text + LP_MESSAGE_MAX - 4, "\xe2\x82\xac", 4);
	CHECK_OK(lp_revision_set_state(db, id, LP_REVISION_FAILED, text, 1, &err));
	CHECK_OK(lp_revision_get(db, "site", id, &r, &err));
	CHECK_STR(r.message, text);
	CHECK(strlen(r.message) == LP_MESSAGE_MAX - 1);
}

static void every_state_has_a_name(void)
{
	CHECK_STR(lp_revision_state_name(LP_REVISION_ACCEPTED), "accepted");
	CHECK_STR(lp_revision_state_name(LP_REVISION_APPLYING), "applying");
	CHECK_STR(lp_revision_state_name(LP_REVISION_APPLIED), "applied");
	CHECK_STR(lp_revision_state_name(LP_REVISION_INCOMPLETE), "incomplete");
	CHECK_STR(lp_revision_state_name(LP_REVISION_FAILED), "failed");
	CHECK_STR(lp_revision_state_name((enum revision_state)0), "unknown");
	CHECK_STR(lp_operation_name(LP_OP_PRUNE), "prune");
}

/* --- retention --- */

static void retention_drops_the_oldest_and_their_bodies(void)
{
	int64_t ids[6];

	start();
	for (unsigned i = 0; i < 6; i++) {
		ids[i] = accept_revision("site", i + 1, 10, 1);
		mark(ids[i], LP_REVISION_APPLIED);
	}
	int64_t other = accept_revision("other", 1, 10, 1);
	CHECK(gc(UINT64_MAX, 4, 0) == 2);
	CHECK(!is_there(ids[0]) && !is_there(ids[1]) && is_there(ids[2]));
	CHECK(number_of("SELECT count(*) FROM body WHERE source = 'site'") == 9 + 4);
	CHECK(number_of("SELECT count(*) FROM object WHERE source = 'site'") == 40);
	CHECK(number_of("SELECT count(*) FROM object WHERE body NOT IN (SELECT id FROM body)") ==
	      0);
	CHECK(number_of("SELECT count(*) FROM body WHERE source = 'other'") == 10);
	int64_t before = lp_db_changes(db);
	CHECK(gc(UINT64_MAX, 4, 0) == 0 && lp_db_changes(db) == before);
	struct revision r;
	CHECK_OK(lp_revision_get(db, "other", other, &r, &err));
}

static void retention_keeps_what_may_be_needed(void)
{
	struct intent intent = {.operation = LP_OP_APPLY};
	int64_t ids[10];

	start();
	for (unsigned i = 0; i < 10; i++)
		ids[i] = accept_revision("site", i + 1, 3, 3);
	/* 0 unused, 1 pinned by argument, 2 in the journal, 3 previous of applied, 4 applied,
	 * 5 unused, 6 applied once and so previous of desired, 7 desired, 8 unused, 9 newest */
	mark(ids[3], LP_REVISION_APPLIED);
	mark(ids[6], LP_REVISION_APPLIED);
	mark(ids[4], LP_REVISION_APPLIED);
	intent.revision = ids[2];
	CHECK_OK(lp_journal_begin(db, "site", &intent, &err));
	CHECK_OK(lp_state_set_desired(db, "site", ids[7], &err));
	CHECK(gc(0, 0, ids[1]) == 3);
	for (int i = 0; i < 10; i++)
		CHECK(is_there(ids[i]) == (i != 0 && i != 5 && i != 8));
	CHECK_OK(lp_state_set_pinned(db, "site", ids[1], &err));
	CHECK_OK(lp_journal_clear(db, "site", &err));
	CHECK(gc(0, 0, 0) == 1 && is_there(ids[1]) && !is_there(ids[2]));
}

static void retention_holds_a_size(void)
{
	unsigned left;

	start();
	for (unsigned i = 1; i <= 8; i++)
		mark(accept_revision("site", i, 10, 10), LP_REVISION_APPLIED);
	int64_t all = number_of("SELECT sum(length(packed)) FROM body");
	CHECK(gc((uint64_t)all, 99, 0) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(gc((uint64_t)all / 2, 99, 0) == 1);
	CHECK(gc((uint64_t)all / 2, 99, 0) == 0);
	CHECK(number_of("SELECT sum(length(packed)) FROM body") <= all / 2);
	CHECK(gc(1, 99, 0) == 1 && gc(1, 99, 0) == 1);
	CHECK(gc(1, 99, 0) == 0); /* the applied one and its previous one stay */
	CHECK_OK(lp_revision_count(db, "site", &left, &err));
	CHECK(left == 2);
	CHECK_OK(lp_db_check(db, &err));
}

static void retention_drops_only_some_at_once(void)
{
	start();
	for (unsigned i = 0; i < LP_DROPS_MAX + 4; i++)
		accept_revision("site", i + 1, 2, 2);
	CHECK(gc(UINT64_MAX, 1, 0) == LP_DROPS_MAX);
	CHECK(number_of("SELECT count(*) FROM body") == 2 * 4);
	CHECK(gc(UINT64_MAX, 1, 0) == 3);
	CHECK(gc(UINT64_MAX, 1, 0) == 0);
	CHECK(number_of("SELECT count(*) FROM body") == 2);
}

static void the_file_shrinks_when_most_of_it_is_free(void)
{
	struct stored_object o;
	int64_t id;

	start();
	for (unsigned n = 0; n < 4; n++) {
		begin();
		for (unsigned i = 0; i < 8; i++) {
			make_object(i, 1, &o, big, 1);
			for (size_t at = 0; at < 400 * LP_KIB; at += 4)
				lp_random(big + at, 4);
			lp_sha256(big, 400 * LP_KIB, o.digest);
			struct slice body = {(uint8_t *)big, 400 * LP_KIB};
			CHECK_OK(lp_revision_add(writer, &o, body, &err));
		}
		CHECK_OK(lp_revision_commit(writer, 1, &id, &err));
		lp_revision_abandon(&writer);
	}
	mark(id, LP_REVISION_APPLIED);
	int64_t before = number_of("PRAGMA page_count");
	CHECK(gc(0, 0, 0) == 3);
	CHECK(number_of("PRAGMA page_count") < before / 2);
	reopen();
	CHECK_OK(lp_db_check(db, &err));
	uint64_t bytes;
	CHECK_OK(lp_db_bytes(db, &bytes, &err));
	CHECK(bytes < (uint64_t)before * 4096 / 2);
}

static void a_revision_that_is_referred_to_cannot_be_deleted(void)
{
	start();
	accept_revision("site", 1, 1, 1);
	CHECK_CODE(lp_sql_exec(db, "DELETE FROM revision", &err), LP_REJECTED, "FOREIGN KEY");
	CHECK_CODE(lp_state_set_pinned(db, "site", 77, &err), LP_REJECTED, "FOREIGN KEY");
}

int main(void)
{
	TEST(a_revision_comes_back_as_it_was_written);
	TEST(objects_come_in_apply_order_with_their_bodies);
	TEST(stage_then_wave_then_kind_then_key_order_the_objects);
	TEST(one_object_is_found_by_its_key);
	TEST(a_body_that_did_not_change_is_stored_once);
	TEST(a_revision_that_is_abandoned_leaves_nothing);
	TEST(a_revision_of_no_objects_is_one);
	TEST(a_body_with_another_digest_is_corrupt_and_names_the_object);
	TEST(a_body_that_cannot_be_inflated_is_corrupt);
	TEST(a_body_of_impossible_length_is_corrupt);
	TEST(a_body_that_is_gone_is_not_found);
	TEST(a_body_larger_than_the_buffer_is_a_limit);
	TEST(a_body_without_its_digest_is_refused);
	TEST(an_object_of_too_many_bytes_is_a_limit);
	TEST(a_revision_of_too_many_bytes_is_a_limit);
	TEST(a_revision_of_too_many_objects_is_a_limit);
	TEST(two_objects_with_one_key_are_refused_and_both_places_named);
	TEST(accepting_raises_the_floor);
	TEST(the_floor_keeps_the_highest_sequence);
	TEST(an_accepted_payload_is_remembered_after_its_revision_is_gone);
	TEST(only_the_newest_payloads_are_remembered);
	TEST(an_accepted_revision_is_desired_unless_one_is_pinned);
	TEST(the_list_is_newest_first_and_of_one_source);
	TEST(the_previous_one_is_the_newest_that_was_applied);
	TEST(a_revision_is_found_by_what_a_person_types);
	TEST(text_that_is_no_revision_says_what_was_expected);
	TEST(a_beginning_that_fits_two_revisions_is_refused);
	TEST(the_state_keeps_the_last_error_and_when_it_was_applied);
	TEST(the_same_state_again_writes_nothing);
	TEST(a_long_message_is_cut_at_a_character);
	TEST(every_state_has_a_name);
	TEST(retention_drops_the_oldest_and_their_bodies);
	TEST(retention_keeps_what_may_be_needed);
	TEST(retention_holds_a_size);
	TEST(retention_drops_only_some_at_once);
	TEST(the_file_shrinks_when_most_of_it_is_free);
	TEST(a_revision_that_is_referred_to_cannot_be_deleted);
	remove_folder();
	return check_report();
}

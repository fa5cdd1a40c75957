/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_FAULT_STORE_WHOLE_H
#define LIMPET_TESTS_FAULT_STORE_WHOLE_H
/* What must hold of the store after whatever happened to it: old or new, never half. */
#include "store/happening.h"
#include "tests/unit/store/fixture.h"

#define OBJECTS 6 /* of each revision */

static void bodies_are_whole(int64_t id)
{
	LP_AUTO(lp_buf_free) struct buf json = LP_BUF(LP_OBJECT_BYTES);
	struct object_cursor cursor = LP_OBJECTS(id);
	unsigned seen = 0;
	enum lp_code code;

	while ((code = lp_object_next(db, &cursor, &err)) == LP_OK) {
		lp_buf_clear(&json);
		CHECK_OK(lp_object_body(db, "site", &cursor.at, &json, &err));
		seen++;
	}
	CHECK(code == LP_NOT_FOUND && seen == OBJECTS);
}

/* The inventory is written in one transaction a revision: all rows are of one. */
static void the_inventory_is_of_one_revision(void)
{
	int64_t rows = number_of("SELECT count(*) FROM inventory");

	CHECK(rows == 0 || rows == OBJECTS);
	CHECK(number_of("SELECT count(DISTINCT revision) FROM inventory") <= 1);
}

/* What happened and its row are one transaction: as many refusals as rows tell of. */
static void every_refusal_has_its_row(void)
{
	int64_t told = number_of("SELECT ifnull(sum(count), 0) FROM happening");
	int64_t rows = number_of("SELECT count(*) FROM happening");

	CHECK(rows <= (int64_t)LP_HAPPENINGS_KEPT);
	if (rows < (int64_t)LP_HAPPENINGS_KEPT)
		CHECK(told == number_of("SELECT ifnull(max(turn), 0) FROM refusal"));
}

/* Returns how many revisions were ever accepted: the floor's counter. */
UNUSED static int64_t the_store_is_whole(void)
{
	struct stored_floor stored = {0};
	struct source_state state;
	struct revision r;
	enum lp_code code;

	CHECK_OK(lp_db_check(db, &err));
	CHECK(number_of("SELECT count(*) FROM pragma_foreign_key_check") == 0);
	CHECK(number_of("SELECT count(*) FROM body WHERE id NOT IN (SELECT body FROM object)") ==
	      0);
	code = lp_floor_get(db, "site", &stored, &err);
	if (code == LP_NOT_FOUND)
		CHECK(number_of("SELECT count(*) FROM revision") == 0);
	else
		CHECK(code == LP_OK);
	CHECK(number_of("SELECT count(*) FROM accepted_payload") == stored.counter);
	CHECK_OK(lp_state_get(db, "site", &state, &err));
	CHECK(state.desired == stored.revision && state.applied <= stored.revision);
	int64_t at = LP_REVISION_NEWEST;
	while (lp_revision_before(db, "site", at, &r, &err) == LP_OK) {
		CHECK(at != LP_REVISION_NEWEST || r.id == stored.revision);
		CHECK(r.objects == OBJECTS);
		bodies_are_whole(r.id);
		at = r.id;
	}
	CHECK(err.code == LP_NOT_FOUND);
	the_inventory_is_of_one_revision();
	every_refusal_has_its_row();
	return stored.counter;
}

/* --- what a cycle of the supervisor writes, step by step --- */

UNUSED static enum lp_code fill_inventory(int64_t revision)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	struct stored_object o;
	char json[4096];

	LP_TRY(lp_tx_begin(db, &tx, &err));
	for (unsigned i = 0; i < OBJECTS; i++) {
		struct inventory_row row = {
			.source = "site", .revision = revision, .state = LP_INVENTORY_APPLIED};
		make_object(i, 1, &o, json, 1);
		row.key = o.key;
		memcpy(row.digest, o.digest, sizeof(row.digest));
		LP_TRY(lp_inventory_put(db, &row, &err));
	}
	return lp_tx_commit(&tx, &err);
}

UNUSED static enum lp_code note_refusal(unsigned number)
{
	struct stored_refusal refusal = {.tip = {(uint8_t)number}, .verdict = "unsigned"};
	char message[32];
	const struct happening what = {.kind = LP_HAPPENED_REFUSED, .message = message};
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	struct stored_happening row;

	snprintf(message, sizeof(message), "%u: unsigned", number);
	LP_TRY(lp_tx_begin(db, &tx, &err));
	LP_TRY(lp_refusal_put(db, "site", &refusal, &err));
	LP_TRY(lp_happening_add(db, NULL, "site", &what, 1, &row, &err));
	return lp_tx_commit(&tx, &err);
}

UNUSED static enum lp_code note_intent(int64_t revision)
{
	struct intent intent = {LP_OP_APPLY, revision, 1};

	return lp_journal_begin(db, "site", &intent, &err);
}

/* Step 0 to STEPS - 1 of the cycle that brings revision number; id is the newest one's. */
#define STEPS 7
UNUSED static enum lp_code do_step(unsigned step, unsigned number, int64_t *id)
{
	unsigned dropped;

	switch (step) {
	case 0:
		return try_accept("site", number, OBJECTS, 3, id);
	case 1:
		return note_intent(*id);
	case 2:
		return fill_inventory(*id);
	case 3:
		return lp_revision_set_state(db, *id, LP_REVISION_APPLIED, "", 5000 + number, &err);
	case 4:
		return lp_journal_clear(db, "site", &err);
	case 5:
		return note_refusal(number);
	default:
		return lp_revision_gc(db, "site", UINT64_MAX, 3, 0, &dropped, &err);
	}
}

/* The id of the newest revision, 0 when there is none. */
UNUSED static int64_t newest(void)
{
	return number_of("SELECT ifnull(max(id), 0) FROM revision");
}
#endif

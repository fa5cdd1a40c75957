/* SPDX-License-Identifier: Apache-2.0 */
#include "store/floor_copy.h"
#include "tests/unit/store/fixture.h"

static struct stored_floor make_floor(unsigned number, int64_t counter)
{
	struct revision r = make_revision("site", number);
	struct stored_floor floor = {
		.accepted_s = 2000 + number, .sequence = number, .counter = counter};

	memcpy(floor.payload, r.payload, sizeof(floor.payload));
	memcpy(floor.commit, r.commit, sizeof(floor.commit));
	return floor;
}

static struct stored_floor stored(void)
{
	struct stored_floor floor = {0};

	CHECK_OK(lp_floor_get(db, "site", &floor, &err));
	return floor;
}

static bool same(const struct stored_floor *a, const struct stored_floor *b)
{
	return a->counter == b->counter && a->sequence == b->sequence &&
	       memcmp(a->payload, b->payload, sizeof(a->payload)) == 0 &&
	       memcmp(a->commit, b->commit, sizeof(a->commit)) == 0;
}

static bool is_accepted(unsigned number)
{
	struct revision r = make_revision("site", number);
	bool accepted = false;

	CHECK_OK(lp_payload_accepted(db, "site", r.payload, &accepted, &err));
	return accepted;
}

/* --- in the database --- */

static void a_restored_floor_has_its_revision_where_that_is_stored(void)
{
	struct stored_floor other = make_floor(9, 7), known = make_floor(1, 8);

	start();
	int64_t id = accept_revision("site", 1, 1, 1);
	CHECK_OK(lp_floor_restore(db, "site", &other, &err));
	struct stored_floor now = stored();
	CHECK(same(&now, &other) && now.revision == 0 && lp_floor_holds(&now));
	CHECK(is_accepted(1) && is_accepted(9));
	CHECK_OK(lp_floor_restore(db, "site", &known, &err));
	now = stored();
	CHECK(now.revision == id && now.counter == 8);
	CHECK(now.sequence == 9); /* never lower */
}

static void an_accept_after_a_restored_floor_counts_on(void)
{
	struct stored_floor other = make_floor(9, 7);

	start();
	CHECK_OK(lp_floor_restore(db, "site", &other, &err));
	int64_t id = accept_revision("site", 9, 1, 1);
	struct stored_floor now = stored();
	CHECK(now.revision == id && now.counter == 8 && now.sequence == 9);
}

static void a_floor_that_is_given_up_knows_nothing_but_its_counter(void)
{
	start();
	accept_revision("site", 1, 1, 1);
	accept_revision("other", 2, 1, 1);
	CHECK_OK(lp_floor_give_up(db, "site", 0, &err));
	struct stored_floor now = stored();
	CHECK(!lp_floor_holds(&now) && now.revision == 0 && now.counter == 2 && now.given_up);
	CHECK(now.sequence == 0 && !is_accepted(1));
	CHECK(number_of("SELECT count(*) FROM accepted_payload") == 1);
	CHECK_OK(lp_floor_settle(db, "site", 12, &err));
	now = stored();
	CHECK(now.counter == 12 && !now.given_up && !lp_floor_holds(&now));
	CHECK_OK(lp_floor_settle(db, "site", 3, &err));
	CHECK(stored().counter == 12);
	accept_revision("site", 1, 1, 1);
	now = stored();
	CHECK(now.counter == 13 && lp_floor_holds(&now) && is_accepted(1));
}

static void what_was_never_accepted_can_be_given_up(void)
{
	start();
	CHECK_OK(lp_floor_give_up(db, "site", 5, &err));
	CHECK(stored().counter == 5 && stored().given_up);
}

/* --- the two files --- */

static struct floor_copies copies(void)
{
	struct floor_copies found;

	CHECK_OK(lp_floor_copies_read(folder, "site", &found, &err));
	return found;
}

static bool newest_is(const struct stored_floor *floor)
{
	struct floor_copies now = copies();

	return now.found && same(&now.newest, floor);
}

static struct buf text_of(char which)
{
	char name[16];

	/* file_of puts its suffix behind the database's name */
	snprintf(path, sizeof(path), "%s/floor-site", folder);
	snprintf(name, sizeof(name), ".%c", which);
	return file_of(name);
}

static void spoil(char which, const void *data, size_t n)
{
	char full[128];

	snprintf(full, sizeof(full), "%s/floor-site.%c", folder, which);
	CHECK_OK(lp_file_write(full, data, n, 0600, &err));
}

static void write_floor(unsigned number, int64_t counter)
{
	struct stored_floor floor = make_floor(number, counter);

	CHECK_OK(lp_floor_copy_write(folder, "site", &floor, &err));
}

static void the_files_are_written_in_turn_and_the_highest_counter_holds(void)
{
	start_empty();
	CHECK(!copies().found && copies().damaged == 0);
	for (unsigned n = 1; n <= 5; n++) {
		struct stored_floor floor = make_floor(n, n);
		write_floor(n, n);
		CHECK(newest_is(&floor));
	}
	LP_AUTO(lp_buf_free) struct buf a = text_of('a'), b = text_of('b');
	CHECK_HAS(lp_buf_text(&a), "\ncounter 5\n");
	CHECK_HAS(lp_buf_text(&b), "\ncounter 4\n");
	CHECK_HAS(lp_buf_text(&b), "limpet floor 1\nsource site\n");
}

static void the_same_floor_again_is_not_written(void)
{
	start_empty();
	write_floor(1, 1);
	write_floor(1, 1);
	snprintf(path, sizeof(path), "%s/floor-site", folder);
	CHECK(file_exists(".a") && !file_exists(".b"));
}

static void a_damaged_file_is_told_and_the_other_one_holds(void)
{
	start_empty();
	write_floor(1, 1);
	write_floor(2, 2);
	LP_AUTO(lp_buf_free) struct buf good = text_of('b');
	struct stored_floor older = make_floor(1, 1), newer = make_floor(3, 3);

	for (size_t i = 0; i < good.len; i++) {
		LP_AUTO(lp_buf_free) struct buf bad = LP_BUF(LP_FLOOR_BYTES);
		CHECK_OK(lp_buf_append(&bad, good.data, good.len, &err));
		bad.data[i] ^= 1;
		spoil('b', bad.data, bad.len);
		CHECK(copies().damaged == 1 && newest_is(&older));
		spoil('b', good.data, i); /* cut */
		CHECK(copies().damaged == 1 && newest_is(&older));
	}
	write_floor(3, 3); /* over the damaged one */
	CHECK(copies().damaged == 0 && newest_is(&newer));
	LP_AUTO(lp_buf_free) struct buf a = text_of('a');
	CHECK_HAS(lp_buf_text(&a), "\ncounter 1\n");
}

static void a_file_of_another_source_or_too_long_says_nothing(void)
{
	struct stored_floor floor = make_floor(1, 1);
	static char large[LP_FLOOR_BYTES + 1];

	start_empty();
	memset(large, '\n', sizeof(large));
	CHECK_OK(lp_floor_copy_write(folder, "other", &floor, &err));
	snprintf(path, sizeof(path), "%s/floor-other", folder);
	LP_AUTO(lp_buf_free) struct buf other = file_of(".a");
	spoil('a', other.data, other.len);
	CHECK(copies().damaged == 1 && !copies().found);
	spoil('a', large, sizeof(large));
	CHECK(copies().damaged == 1 && !copies().found);
	spoil('b', "", 0);
	CHECK(copies().damaged == 2 && !copies().found);
}

static void a_floor_that_was_given_up_is_copied_too(void)
{
	struct stored_floor floor = {.counter = 4};

	start_empty();
	write_floor(1, 3);
	CHECK_OK(lp_floor_copy_write(folder, "site", &floor, &err));
	CHECK(newest_is(&floor) && !lp_floor_holds(&floor));
}

int main(void)
{
	TEST(a_restored_floor_has_its_revision_where_that_is_stored);
	TEST(an_accept_after_a_restored_floor_counts_on);
	TEST(a_floor_that_is_given_up_knows_nothing_but_its_counter);
	TEST(what_was_never_accepted_can_be_given_up);
	TEST(the_files_are_written_in_turn_and_the_highest_counter_holds);
	TEST(the_same_floor_again_is_not_written);
	TEST(a_damaged_file_is_told_and_the_other_one_holds);
	TEST(a_file_of_another_source_or_too_long_says_nothing);
	TEST(a_floor_that_was_given_up_is_copied_too);
	remove_folder();
	return check_report();
}

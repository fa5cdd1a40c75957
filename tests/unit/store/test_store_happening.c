/* SPDX-License-Identifier: Apache-2.0 */
#include "store/happening.h"
#include "tests/unit/store/fixture.h"

#define NOW 1700000000

static struct held_repeats held;
static struct stored_happening row;

static void begin(void)
{
	held.len = 0;
	start();
}

static struct happening healed(const char *object)
{
	return (struct happening){.kind = LP_HAPPENED_HEALED,
				  .object = object,
				  .revision = 7,
				  .by = "kubectl-edit",
				  .message = ".spec.replicas"};
}

static void add_at(const struct happening *what, int64_t now_s)
{
	CHECK_OK(lp_happening_add(db, &held, "site", what, now_s, &row, &err));
}

static void heal_at(const char *object, int64_t now_s)
{
	const struct happening what = healed(object);

	add_at(&what, now_s);
}

static int64_t stored_count(void)
{
	return number_of("SELECT count FROM happening ORDER BY id DESC LIMIT 1");
}

static int64_t rows(void)
{
	return number_of("SELECT count(*) FROM happening");
}

static void what_happened_is_there_after_a_restart_in_its_order(void)
{
	struct happening_cursor cursor = {0};

	begin();
	heal_at("Deployment.apps shop/till", NOW);
	heal_at("ConfigMap shop/till", NOW - 5000); /* the clock was set back */
	reopen();
	CHECK_OK(lp_happening_next(db, NULL, &cursor, &err));
	CHECK(cursor.at.id == 1 && cursor.at.at_s == NOW && cursor.at.last_s == NOW);
	CHECK(cursor.at.count == 1 && cursor.at.kind == LP_HAPPENED_HEALED);
	CHECK(cursor.at.revision == 7);
	CHECK_STR(cursor.at.source, "site");
	CHECK_STR(cursor.at.object, "Deployment.apps shop/till");
	CHECK_STR(cursor.at.by, "kubectl-edit");
	CHECK_STR(cursor.at.message, ".spec.replicas");
	CHECK_OK(lp_happening_next(db, NULL, &cursor, &err));
	CHECK_STR(cursor.at.object, "ConfigMap shop/till");
	CHECK_CODE(lp_happening_next(db, NULL, &cursor, &err), LP_NOT_FOUND, "");
}

static void the_same_again_is_counted_and_written_only_by_a_flush(void)
{
	begin();
	heal_at("Deployment.apps shop/till", NOW);
	int64_t before = lp_db_changes(db);
	for (int i = 1; i <= 50; i++)
		heal_at("Deployment.apps shop/till", NOW + i);
	CHECK(lp_db_changes(db) == before && rows() == 1 && stored_count() == 1);
	CHECK(row.count == 51 && row.last_s == NOW + 50 && row.at_s == NOW);
	CHECK_OK(lp_happening_flush(db, &held, &err));
	CHECK(stored_count() == 51 && held.len == 0);
	CHECK(number_of("SELECT last_s FROM happening") == NOW + 50);
	before = lp_db_changes(db);
	CHECK_OK(lp_happening_flush(db, &held, &err));
	CHECK(lp_db_changes(db) == before);
}

static void repeats_of_many_objects_in_turn_add_no_row(void)
{
	char object[32];

	begin();
	for (int i = 0; i < 1000; i++) {
		snprintf(object, sizeof(object), "ConfigMap shop/till-%d", i % 40);
		heal_at(object, NOW + i);
	}
	CHECK(rows() == 40 && held.len == 40 && row.count == 25);
}

static void whoever_owns_no_memory_writes_a_repeat_at_once(void)
{
	const struct happening what = healed("ConfigMap shop/till");

	begin();
	for (int i = 0; i < 3; i++)
		CHECK_OK(lp_happening_add(db, NULL, "site", &what, NOW + i, &row, &err));
	CHECK(rows() == 1 && stored_count() == 3 && row.count == 3);
}

static void a_restart_goes_on_with_the_row_that_is_there(void)
{
	begin();
	heal_at("ConfigMap shop/till", NOW);
	heal_at("ConfigMap shop/till", NOW + 1);
	held.len = 0; /* killed */
	reopen();
	heal_at("ConfigMap shop/till", NOW + 2);
	CHECK(rows() == 1 && row.count == 2);
}

/* Each of these differs from the one before in one thing alone. */
static void what_differs_in_anything_is_a_row_of_its_own(void)
{
	struct happening what = healed("ConfigMap shop/till");

	begin();
	add_at(&what, NOW);
	what.kind = LP_HAPPENED_DETECTED;
	add_at(&what, NOW);
	what.object = "ConfigMap shop/tilt";
	add_at(&what, NOW);
	what.by = "flux";
	add_at(&what, NOW);
	what.message = ".spec.paused";
	add_at(&what, NOW);
	CHECK_OK(lp_happening_add(db, &held, "other", &what, NOW, &row, &err));
	CHECK(rows() == 6 && row.id == 6 && held.len == 0);
}

static void the_same_after_a_while_is_a_row_of_its_own(void)
{
	begin();
	heal_at("ConfigMap shop/till", NOW);
	heal_at("ConfigMap shop/till", NOW + LP_HAPPENING_REPEAT_S - 1);
	CHECK(row.id == 1 && row.count == 2);
	heal_at("ConfigMap shop/till", NOW + 2 * LP_HAPPENING_REPEAT_S - 1);
	CHECK(row.id == 2 && row.count == 1);
	heal_at("ConfigMap shop/till", NOW - 1); /* the clock was set back */
	CHECK(row.id == 3);
}

static void one_row_stands_for_no_more_than_a_day(void)
{
	begin();
	for (int64_t s = 0; s < LP_HAPPENING_SPAN_S; s += 60)
		heal_at("ConfigMap shop/till", NOW + s);
	CHECK(row.id == 1 && row.count == LP_HAPPENING_SPAN_S / 60);
	heal_at("ConfigMap shop/till", NOW + LP_HAPPENING_SPAN_S);
	CHECK(row.id == 2 && row.count == 1);
}

static void step(enum happening_kind kind, const char *object)
{
	const struct happening what = {.kind = kind, .object = object};

	add_at(&what, NOW);
}

static void a_step_that_is_taken_again_after_another_is_a_row_of_its_own(void)
{
	begin();
	step(LP_HAPPENED_PRUNED, "ConfigMap shop/a");
	step(LP_HAPPENED_PRUNED, "ConfigMap shop/b");
	step(LP_HAPPENED_APPLIED, "");
	step(LP_HAPPENED_AWAY, "");
	step(LP_HAPPENED_BACK, "");
	heal_at("ConfigMap shop/a", NOW);
	step(LP_HAPPENED_AWAY, "");
	step(LP_HAPPENED_BACK, "");
	step(LP_HAPPENED_APPLIED, "");
	CHECK(rows() == 6 && row.count == 2); /* none of these stands between the two */
	step(LP_HAPPENED_SUSPENDED, "");
	step(LP_HAPPENED_APPLIED, "");
	CHECK(row.id == 8 && row.count == 1);
	heal_at("ConfigMap shop/a", NOW);
	CHECK(row.count == 2);
	step(LP_HAPPENED_PRUNED, "ConfigMap shop/a");
	CHECK(row.id == 9 && row.count == 1);
}

static void the_oldest_row_goes_and_what_is_held_for_it(void)
{
	char object[32];

	begin();
	heal_at("ConfigMap shop/first", NOW);
	heal_at("ConfigMap shop/first", NOW + 1);
	CHECK(held.len == 1);
	for (unsigned i = 1; i <= LP_HAPPENINGS_KEPT; i++) {
		snprintf(object, sizeof(object), "ConfigMap shop/till-%u", i);
		heal_at(object, NOW + 2);
		CHECK(rows() == (i < LP_HAPPENINGS_KEPT ? i + 1 : LP_HAPPENINGS_KEPT));
		CHECK(held.len == (i < LP_HAPPENINGS_KEPT ? 1 : 0));
	}
	CHECK(number_of("SELECT min(id) FROM happening") == 2);
	CHECK(row.id == LP_HAPPENINGS_KEPT + 1);
}

static void every_row_may_be_held(void)
{
	char object[32];

	begin();
	for (unsigned i = 0; i < 3 * LP_HAPPENINGS_KEPT; i++) {
		snprintf(object, sizeof(object), "ConfigMap shop/till-%u", i % LP_HAPPENINGS_KEPT);
		heal_at(object, NOW);
	}
	CHECK(rows() == LP_HAPPENINGS_KEPT && held.len == LP_HAPPENINGS_KEPT);
	CHECK_OK(lp_happening_flush(db, &held, &err));
	CHECK(number_of("SELECT min(count) FROM happening") == 3);
}

/* A row that was rolled back is not there, and its id is the next one's. */
static void what_was_held_for_a_row_that_was_rolled_back_is_forgotten(void)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	begin();
	heal_at("ConfigMap shop/kept", NOW);
	heal_at("ConfigMap shop/kept", NOW);
	CHECK_OK(lp_tx_begin(db, &tx, &err));
	heal_at("ConfigMap shop/lost", NOW);
	heal_at("ConfigMap shop/lost", NOW);
	CHECK(row.id == 2 && held.len == 2);
	lp_tx_end(&tx);
	CHECK(rows() == 1);
	heal_at("ConfigMap shop/next", NOW);
	CHECK(row.id == 2 && row.count == 1 && held.len == 1 && held.list[0].id == 1);
}

static void a_long_text_is_cut_and_a_strange_one_is_fit_for_a_terminal(void)
{
	char longest[2 * LP_KEY_TEXT] = "";
	struct happening what = healed(longest);

	begin();
	memset(longest, 'x', sizeof(longest) - 1);
	what.message = what.by = longest;
	add_at(&what, NOW);
	CHECK(strlen(row.message) == LP_HAPPENING_TEXT - 1);
	CHECK(strlen(row.object) == LP_KEY_TEXT - 1 && strlen(row.by) == LP_SIGNER_TEXT - 1);
	add_at(&what, NOW);
	CHECK(row.count == 2); /* what was cut is the same again */
	what.message = "\033[31mred\nline\xff";
	what.by = what.object = NULL;
	add_at(&what, NOW);
	CHECK_STR(row.message, "?[31mred?line?");
	CHECK_STR(row.by, "");
}

static unsigned count_given(struct happening_cursor cursor, int64_t *ret_first)
{
	unsigned n = 0;

	while (lp_happening_next(db, &held, &cursor, &err) == LP_OK)
		if (n++ == 0)
			*ret_first = cursor.at.id;
	CHECK(err.code == LP_NOT_FOUND);
	return n;
}

static void a_cursor_gives_the_newest_of_a_source_since_a_time(void)
{
	struct happening what = healed("");
	char object[32];
	int64_t first = 0;

	begin();
	for (int i = 1; i <= 20; i++) {
		snprintf(object, sizeof(object), "ConfigMap shop/till-%d", i);
		what.object = object;
		CHECK_OK(lp_happening_add(db, &held, i % 2 ? "odd" : "even", &what, NOW + i, &row,
					  &err));
	}
	struct happening_cursor all = {0}, odd = {.source = "odd"};
	struct happening_cursor late = {.since_s = NOW + 15}, seen = {.id = 18}, none = {0};
	CHECK(count_given(all, &first) == 20 && first == 1);
	CHECK_OK(lp_happening_newest(db, &held, &all, 5, &err));
	CHECK(count_given(all, &first) == 5 && first == 16);
	CHECK_OK(lp_happening_newest(db, &held, &odd, 3, &err));
	CHECK(count_given(odd, &first) == 3 && first == 15);
	CHECK_OK(lp_happening_newest(db, &held, &late, 50, &err));
	CHECK(count_given(late, &first) == 6 && first == 15);
	CHECK_OK(lp_happening_newest(db, &held, &seen, 5, &err));
	CHECK(count_given(seen, &first) == 2 && first == 19);
	CHECK_OK(lp_happening_newest(db, &held, &none, 0, &err));
	CHECK(count_given(none, &first) == 0 && none.id == 20);
}

static void what_is_held_is_read_with_its_row(void)
{
	struct happening_cursor late = {.since_s = NOW + 50};

	begin();
	heal_at("ConfigMap shop/till", NOW);
	heal_at("ConfigMap shop/tilt", NOW);
	heal_at("ConfigMap shop/till", NOW + 60);
	CHECK_OK(lp_happening_next(db, &held, &late, &err));
	CHECK(late.at.id == 1 && late.at.count == 2 && late.at.last_s == NOW + 60);
	CHECK_CODE(lp_happening_next(db, &held, &late, &err), LP_NOT_FOUND, "");
}

static enum lp_code last_healed(const char *source)
{
	return lp_happening_last(db, &held, source, LP_HAPPENED_HEALED, &row, &err);
}

static void what_happened_last_may_be_a_row_that_was_not_written_last(void)
{
	begin();
	step(LP_HAPPENED_APPLIED, "");
	CHECK_CODE(last_healed("site"), LP_NOT_FOUND, "");
	heal_at("ConfigMap shop/till", NOW);
	heal_at("ConfigMap shop/tilt", NOW + 1);
	CHECK(last_healed("site") == LP_OK && row.id == 3 && row.last_s == NOW + 1);
	heal_at("ConfigMap shop/till", NOW + 2);
	CHECK(last_healed("site") == LP_OK && row.id == 2 && row.count == 2);
	CHECK(row.last_s == NOW + 2);
	CHECK_CODE(last_healed("other"), LP_NOT_FOUND, "");
	CHECK_OK(lp_happening_flush(db, &held, &err));
	CHECK(last_healed("site") == LP_OK && row.id == 2 && row.count == 2);
	const struct happening other = {.kind = LP_HAPPENED_FOREIGN};
	add_at(&other, NOW + 3);
	add_at(&other, NOW + 4);
	CHECK(held.len == 1 && last_healed("site") == LP_OK && row.id == 2);
}

static void every_kind_has_a_word_and_is_found_by_it(void)
{
	enum happening_kind found = LP_HAPPENED_KINDS;

	for (int kind = 1; kind < LP_HAPPENED_KINDS; kind++) {
		const char *name = lp_happening_name((enum happening_kind)kind);
		CHECK(lp_happening_parse(name, &found) && (int)found == kind);
	}
	CHECK_STR(lp_happening_name(LP_HAPPENED_ROLLED_BACK), "rolled-back");
	CHECK_STR(lp_happening_name(LP_HAPPENED_STANDBY), "standby");
	CHECK_STR(lp_happening_name((enum happening_kind)0), "unknown");
	CHECK_STR(lp_happening_name(LP_HAPPENED_KINDS), "unknown");
	CHECK(!lp_happening_parse("heal", &found));
}

int main(void)
{
	TEST(what_happened_is_there_after_a_restart_in_its_order);
	TEST(the_same_again_is_counted_and_written_only_by_a_flush);
	TEST(repeats_of_many_objects_in_turn_add_no_row);
	TEST(whoever_owns_no_memory_writes_a_repeat_at_once);
	TEST(a_restart_goes_on_with_the_row_that_is_there);
	TEST(what_differs_in_anything_is_a_row_of_its_own);
	TEST(the_same_after_a_while_is_a_row_of_its_own);
	TEST(one_row_stands_for_no_more_than_a_day);
	TEST(a_step_that_is_taken_again_after_another_is_a_row_of_its_own);
	TEST(the_oldest_row_goes_and_what_is_held_for_it);
	TEST(every_row_may_be_held);
	TEST(what_was_held_for_a_row_that_was_rolled_back_is_forgotten);
	TEST(a_long_text_is_cut_and_a_strange_one_is_fit_for_a_terminal);
	TEST(a_cursor_gives_the_newest_of_a_source_since_a_time);
	TEST(what_is_held_is_read_with_its_row);
	TEST(what_happened_last_may_be_a_row_that_was_not_written_last);
	TEST(every_kind_has_a_word_and_is_found_by_it);
	remove_folder();
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/drift.h"
#include "agent/cluster/limits.h"
#include "tests/unit/check.h"

#define NOW_S 1000

static struct drift drift;
static struct drift_finding finding;
static struct drift_budget budget;

static struct object_key key_of(const char *kind, unsigned i)
{
	struct object_key key = {.version = "v1", .ns = "shop"};

	snprintf(key.kind, sizeof(key.kind), "%s", kind);
	snprintf(key.name, sizeof(key.name), "object-%u", i);
	return key;
}

static struct live live_of(unsigned version, int64_t generation, uint8_t entry)
{
	struct live live = {.generation = generation, .entry = {entry}};

	snprintf(live.version, sizeof(live.version), "%u", version);
	return live;
}

static void apply(const char *kind, unsigned i, unsigned version, int64_t generation, uint8_t entry)
{
	struct object_key key = key_of(kind, i);
	struct live live = live_of(version, generation, entry);

	CHECK_OK(lp_drift_applied(&drift, &key, "uid-1", &live, SIGHT_APPLIED, true, &err));
}

static struct sighting sighting_of(enum sighting_kind what, const char *kind, unsigned i,
				   unsigned version, int64_t generation, uint8_t entry)
{
	return (struct sighting){.kind = what,
				 .key = key_of(kind, i),
				 .uid = "uid-1",
				 .live = live_of(version, generation, entry),
				 .marks = SIGHT_APPLIED};
}

static enum drift_reason see_this(const struct sighting *sighting)
{
	CHECK_OK(lp_drift_seen(&drift, sighting, &finding, &err));
	return finding.reason;
}

static enum drift_reason see(enum sighting_kind what, const char *kind, unsigned i,
			     unsigned version, int64_t generation, uint8_t entry)
{
	struct sighting sighting = sighting_of(what, kind, i, version, generation, entry);

	return see_this(&sighting);
}

/* A table with one object of each kind, both watched. */
static void start(void)
{
	lp_drift_free(&drift);
	apply("Deployment", 1, 10, 3, 7);
	apply("ConfigMap", 1, 11, 0, 8);
	for (int i = 0; i < 2; i++) {
		const char *kind = i ? "ConfigMap" : "Deployment";
		see(SIGHT_BEGIN, kind, 0, 0, 0, 0);
		see(SIGHT_THERE, kind, 1, i ? 11 : 10, i ? 0 : 3, i ? 8 : 7);
		see(SIGHT_END, kind, 0, 12, 0, 0);
		CHECK(finding.reason == DRIFT_NONE);
	}
}

static bool is_clean(const char *kind, unsigned i)
{
	struct object_key key = key_of(kind, i);

	return lp_drift_is_clean(&drift, &key);
}

static bool take(int64_t now_s)
{
	struct object_key key;

	return lp_drift_take(&drift, now_s, &key);
}

static bool take_this(int64_t now_s)
{
	struct object_key key = key_of("Deployment", 1);

	return lp_drift_take_this(&drift, &key, now_s);
}

static void look_ends(const char *kind, unsigned i, enum drift_look look, int64_t now_s)
{
	struct object_key key = key_of(kind, i);

	lp_drift_looked(&drift, &key, look, now_s, 0, &budget);
}

static void what_was_applied_and_is_watched_is_clean(void)
{
	lp_drift_free(&drift);
	apply("Deployment", 1, 10, 3, 7);
	CHECK(!is_clean("Deployment", 1));
	start();
	CHECK(is_clean("Deployment", 1) && is_clean("ConfigMap", 1) && !is_clean("Secret", 1));
	CHECK(!take(NOW_S));
}

static void a_kind_whose_last_object_has_gone_unseen_hides_nothing(void)
{
	struct object_key key = key_of("Secret", 1);

	start();
	CHECK(lp_drift_sees_all(&drift));
	apply("Secret", 1, 13, 0, 9);
	CHECK(!lp_drift_sees_all(&drift));
	lp_drift_forget(&drift, &key);
	CHECK(lp_drift_sees_all(&drift));
}

static void a_status_is_no_drift(void)
{
	start();
	CHECK(see(SIGHT_THERE, "Deployment", 1, 20, 3, 7) == DRIFT_NONE);
	CHECK(is_clean("Deployment", 1));
}

static void each_difference_has_its_reason(void)
{
	struct sighting other = sighting_of(SIGHT_THERE, "Deployment", 1, 20, 3, 7);
	struct sighting unowned = other, edited = other;

	memcpy(other.uid, "uid-2", 6);
	unowned.marks = 0;
	edited.marks |= SIGHT_OVERRIDABLE;
	start();
	CHECK(see_this(&other) == DRIFT_OTHER && finding.news && drift.suspects == 1);
	start();
	CHECK(see_this(&unowned) == DRIFT_CHANGED);
	start();
	CHECK(see_this(&edited) == DRIFT_MANAGER);
	start();
	CHECK(see(SIGHT_THERE, "Deployment", 1, 20, 3, 9) == DRIFT_CHANGED);
	start();
	CHECK(see(SIGHT_THERE, "Deployment", 1, 20, 4, 7) == DRIFT_MOVED);
	start();
	CHECK(see(SIGHT_THERE, "ConfigMap", 1, 20, 0, 8) == DRIFT_MOVED);
	start();
	CHECK(see(SIGHT_GONE, "ConfigMap", 1, 20, 0, 8) == DRIFT_DELETED);
	CHECK(!is_clean("ConfigMap", 1) && is_clean("Deployment", 1));
}

static void what_is_older_than_our_own_write_says_nothing(void)
{
	start();
	apply("Deployment", 1, 30, 4, 9);
	CHECK(see(SIGHT_THERE, "Deployment", 1, 20, 3, 7) == DRIFT_NONE);
	CHECK(see(SIGHT_GONE, "Deployment", 1, 20, 3, 7) == DRIFT_NONE);
	CHECK(see(SIGHT_THERE, "Deployment", 1, 30, 4, 9) == DRIFT_NONE);
	CHECK(is_clean("Deployment", 1));
}

static void what_was_seen_after_an_answer_counts_though_told_before(void)
{
	start();
	CHECK(see(SIGHT_THERE, "Deployment", 1, 40, 5, 3) == DRIFT_CHANGED && take(NOW_S));
	CHECK(see(SIGHT_THERE, "Deployment", 1, 42, 6, 4) == DRIFT_CHANGED && !finding.news);
	apply("Deployment", 1, 41, 5, 9);
	look_ends("Deployment", 1, DRIFT_WAS_WRONG, NOW_S);
	CHECK(!is_clean("Deployment", 1) && take(NOW_S));
	apply("Deployment", 1, 43, 7, 10);
	look_ends("Deployment", 1, DRIFT_WAS_WRONG, NOW_S);
	CHECK(is_clean("Deployment", 1) && drift.suspects == 0);
}

static void what_a_list_does_not_name_is_gone(void)
{
	start();
	apply("ConfigMap", 2, 15, 0, 1);
	see(SIGHT_BEGIN, "ConfigMap", 0, 0, 0, 0);
	CHECK(!is_clean("ConfigMap", 1));
	see(SIGHT_THERE, "ConfigMap", 2, 15, 0, 1);
	CHECK(see(SIGHT_END, "ConfigMap", 0, 20, 0, 0) == DRIFT_DELETED && finding.news);
	CHECK(!is_clean("ConfigMap", 1) && is_clean("ConfigMap", 2) && is_clean("Deployment", 1));
	/* its name is not known by the table: whoever walks over all finds it */
	CHECK(drift.more && !take(NOW_S));
	struct object_key gone = key_of("ConfigMap", 1), there = key_of("ConfigMap", 2);
	CHECK(!lp_drift_take_this(&drift, &there, NOW_S));
	CHECK(lp_drift_take_this(&drift, &gone, NOW_S));
	CHECK(!lp_drift_take_this(&drift, &gone, NOW_S));
}

static void what_was_applied_during_a_list_is_not_missed_by_it(void)
{
	start();
	see(SIGHT_BEGIN, "ConfigMap", 0, 0, 0, 0);
	apply("ConfigMap", 5, 30, 0, 1);
	see(SIGHT_THERE, "ConfigMap", 1, 11, 0, 8);
	CHECK(see(SIGHT_END, "ConfigMap", 0, 29, 0, 0) == DRIFT_NONE && is_clean("ConfigMap", 5));
}

static void what_a_newer_list_shows_as_it_was_before_our_write_was_put_back(void)
{
	for (int newer = 0; newer < 2; newer++) {
		start();
		apply("ConfigMap", 1, 30, 0, 9);
		see(SIGHT_BEGIN, "ConfigMap", 0, 0, 0, 0);
		CHECK(see(SIGHT_THERE, "ConfigMap", 1, 11, 0, 8) == DRIFT_NONE);
		see(SIGHT_END, "ConfigMap", 0, newer ? 30 : 29, 0, 0);
		CHECK(finding.reason == (newer ? DRIFT_MOVED : DRIFT_NONE));
		CHECK(is_clean("ConfigMap", 1) == !newer);
	}
}

static void nothing_is_clean_while_changes_may_be_missed(void)
{
	start();
	see(SIGHT_LOST, "ConfigMap", 0, 0, 0, 0);
	CHECK(!is_clean("ConfigMap", 1) && is_clean("Deployment", 1));
	start();
	lp_drift_blind(&drift);
	CHECK(!is_clean("ConfigMap", 1) && !is_clean("Deployment", 1));
}

static void versions_of_another_history_are_not_compared(void)
{
	start();
	see(SIGHT_BACK, "ConfigMap", 0, 0, 0, 0);
	CHECK(finding.deep);
	CHECK(see(SIGHT_THERE, "Deployment", 1, 4, 2, 5) == DRIFT_CHANGED);
}

static void an_object_with_our_label_that_was_never_applied_is_a_stranger(void)
{
	start();
	CHECK(see(SIGHT_THERE, "ConfigMap", 99, 30, 0, 1) == DRIFT_NONE && finding.stranger);
	CHECK(see(SIGHT_GONE, "ConfigMap", 99, 31, 0, 1) == DRIFT_NONE);
	CHECK(!take(NOW_S));
}

static void a_manager_that_edits_by_hand_is_looked_at_once(void)
{
	struct object_key key = key_of("Deployment", 1);
	struct live live = live_of(15, 3, 7);
	struct sighting edited = sighting_of(SIGHT_THERE, "Deployment", 1, 15, 3, 7);

	start();
	edited.marks |= SIGHT_OVERRIDABLE;
	CHECK_OK(lp_drift_applied(&drift, &key, "uid-1", &live, edited.marks, false, &err));
	CHECK(take(NOW_S));
	CHECK_OK(lp_drift_applied(&drift, &key, "uid-1", &live, edited.marks, true, &err));
	look_ends("Deployment", 1, DRIFT_WAS_RIGHT, NOW_S);
	CHECK(see_this(&edited) == DRIFT_NONE && is_clean("Deployment", 1));
}

static void one_suspect_needs_no_walk(void)
{
	start();
	see(SIGHT_GONE, "Deployment", 1, 20, 3, 7);
	CHECK(lp_drift_due_s(&drift, NOW_S) == INT64_MAX && !drift.more);
	CHECK(take(NOW_S) && lp_drift_due_s(&drift, NOW_S) == INT64_MAX && !drift.more);
}

static void what_is_left_as_it_is_is_looked_at_again_when_it_moves(void)
{
	start();
	CHECK(see(SIGHT_THERE, "Deployment", 1, 20, 4, 9) == DRIFT_CHANGED && take(NOW_S));
	apply("Deployment", 1, 20, 4, 9);
	look_ends("Deployment", 1, DRIFT_LEFT, NOW_S);
	CHECK(drift.known == 1 && drift.suspects == 0 && !is_clean("Deployment", 1));
	CHECK(see(SIGHT_THERE, "Deployment", 1, 21, 4, 9) == DRIFT_NONE && drift.known == 1);
	CHECK(see(SIGHT_THERE, "Deployment", 1, 22, 5, 9) == DRIFT_MOVED && take(NOW_S));
	apply("Deployment", 1, 22, 5, 9);
	look_ends("Deployment", 1, DRIFT_LEFT, NOW_S);
	lp_drift_reconsider(&drift);
	CHECK(drift.known == 0 && drift.suspects == 1 && drift.more);
}

static void the_end_of_a_persons_report_is_seen_though_nothing_else_moves(void)
{
	start();
	struct sighting asked = sighting_of(SIGHT_THERE, "Deployment", 1, 20, 4, 9);
	asked.marks |= SIGHT_REPORT_ONLY;
	CHECK(see_this(&asked) == DRIFT_CHANGED && take(NOW_S));
	apply("Deployment", 1, 20, 4, 9);
	look_ends("Deployment", 1, DRIFT_LEFT, NOW_S);
	CHECK(see_this(&asked) == DRIFT_NONE && drift.known == 1);
	CHECK(see(SIGHT_THERE, "Deployment", 1, 21, 4, 9) == DRIFT_MANAGER && finding.news);
	CHECK(take(NOW_S));
	apply("Deployment", 1, 22, 4, 7);
	look_ends("Deployment", 1, DRIFT_WAS_WRONG, NOW_S);
	CHECK(see(SIGHT_THERE, "Deployment", 1, 22, 4, 7) == DRIFT_NONE);
}

static void what_is_clean_is_looked_at_when_it_is_doubted_and_what_is_known_is_not(void)
{
	struct object_key key = key_of("Deployment", 1), none = key_of("Deployment", 2);

	start();
	lp_drift_doubt(&drift, &key);
	lp_drift_doubt(&drift, &none);
	CHECK(drift.suspects == 1 && take(NOW_S) && !take(NOW_S));
	look_ends("Deployment", 1, DRIFT_LEFT, NOW_S);
	lp_drift_doubt(&drift, &key);
	CHECK(drift.known == 1 && drift.suspects == 0);
}

static void a_look_that_failed_waits_and_comes_again(void)
{
	struct object_key key = key_of("Deployment", 1);

	start();
	see(SIGHT_GONE, "Deployment", 1, 20, 3, 7);
	CHECK(take(NOW_S));
	look_ends("Deployment", 1, DRIFT_FAILED, NOW_S);
	CHECK(budget.after_s == LP_DRIFT_WAIT_S && !lp_drift_take_this(&drift, &key, NOW_S));
	CHECK(lp_drift_due_s(&drift, NOW_S) == NOW_S + LP_DRIFT_WAIT_S && !drift.more);
	CHECK(lp_drift_due_s(&drift, NOW_S + LP_DRIFT_WAIT_S) == INT64_MAX && drift.more);
	CHECK(lp_drift_take_this(&drift, &key, NOW_S + LP_DRIFT_WAIT_S));
}

/* A look that fails, at now_s; returns how long the next one waits. */
static int64_t look_fails(int64_t now_s, int64_t retry_s)
{
	struct object_key key = key_of("Deployment", 1);

	CHECK(take_this(now_s));
	lp_drift_looked(&drift, &key, DRIFT_FAILED, now_s, retry_s, &budget);
	CHECK(!take_this(now_s + budget.after_s - 1));
	return budget.after_s;
}

static void looks_that_fail_wait_longer_each_time(void)
{
	int64_t now_s = NOW_S;

	start();
	see(SIGHT_THERE, "Deployment", 1, 20, 4, 9);
	for (unsigned i = 0; i < 5; i++) {
		CHECK(look_fails(now_s, 3) == 3 << i);
		now_s += budget.after_s;
	}
	for (unsigned i = 0; i < 300; i++)
		now_s += look_fails(now_s, 0);
	CHECK(budget.after_s == LP_DRIFT_WAITS_S);
	CHECK(look_fails(now_s, 2 * LP_DRIFT_WAITS_S) == 2 * LP_DRIFT_WAITS_S);
	CHECK(take_this(now_s + 2 * LP_DRIFT_WAITS_S));
	apply("Deployment", 1, 21, 4, 9);
	look_ends("Deployment", 1, DRIFT_WAS_RIGHT, now_s);
	see(SIGHT_THERE, "Deployment", 1, 22, 5, 9);
	CHECK(look_fails(now_s + 2 * LP_DRIFT_WAITS_S, 3) == 3);
}

static void what_goes_after_looks_that_failed_is_looked_at_at_once(void)
{
	start();
	see(SIGHT_THERE, "Deployment", 1, 20, 4, 9);
	CHECK(take(NOW_S));
	look_ends("Deployment", 1, DRIFT_FAILED, NOW_S);
	see(SIGHT_THERE, "Deployment", 1, 21, 4, 9);
	CHECK(!take_this(NOW_S));
	see(SIGHT_GONE, "Deployment", 1, 22, 4, 9);
	CHECK(lp_drift_due_s(&drift, NOW_S) == INT64_MAX && drift.more);
	CHECK(look_fails(NOW_S, 0) == LP_DRIFT_WAIT_S);
	see(SIGHT_BEGIN, "Deployment", 0, 0, 0, 0);
	see(SIGHT_END, "Deployment", 0, 30, 0, 0);
	CHECK(take_this(NOW_S));
	see(SIGHT_GONE, "Deployment", 1, 31, 4, 9);
	look_ends("Deployment", 1, DRIFT_FAILED, NOW_S);
	CHECK(take_this(NOW_S));
	apply("Deployment", 1, 32, 4, 9);
	look_ends("Deployment", 1, DRIFT_WAS_WRONG, NOW_S);
	see(SIGHT_THERE, "Deployment", 1, 33, 5, 9);
	CHECK(take_this(NOW_S));
}

static void an_apply_ends_the_wait_after_looks_that_failed(void)
{
	start();
	see(SIGHT_THERE, "Deployment", 1, 20, 4, 9);
	look_fails(NOW_S, 0);
	apply("Deployment", 1, 21, 4, 9);
	see(SIGHT_THERE, "Deployment", 1, 22, 5, 9);
	CHECK(take_this(NOW_S));
}

/* One edit that is put right at once. */
static void edit_and_heal(unsigned version, int64_t now_s)
{
	see(SIGHT_THERE, "Deployment", 1, version, 3, 99);
	struct object_key key = key_of("Deployment", 1);
	CHECK(lp_drift_take_this(&drift, &key, now_s));
	apply("Deployment", 1, version + 1, 3, 7);
	look_ends("Deployment", 1, DRIFT_WAS_WRONG, now_s);
}

static void a_fight_is_told_once_and_waits_longer_each_time(void)
{
	int64_t now_s = NOW_S, waits_s[4];

	start();
	for (unsigned i = 1; i < LP_DRIFT_HEALS; i++) {
		edit_and_heal(100 * i, now_s);
		CHECK(!budget.fight && budget.after_s == 0 && budget.heals == i);
	}
	for (unsigned i = 0; i < 4; i++) {
		edit_and_heal(10000 * (i + 1), now_s);
		CHECK(budget.fight == (i == 0));
		waits_s[i] = budget.after_s;
		CHECK(waits_s[i] == LP_DRIFT_WAIT_S << i);
		struct object_key key = key_of("Deployment", 1);
		see(SIGHT_THERE, "Deployment", 1, 10000 * (i + 1) + 5, 3, 99);
		CHECK(!lp_drift_take_this(&drift, &key, now_s + waits_s[i] - 1));
		now_s += waits_s[i];
	}
	for (unsigned i = 0; i < 300; i++)
		edit_and_heal(100000 * (i + 1), now_s += budget.after_s);
	CHECK(budget.after_s == LP_DRIFT_WAITS_S);
	edit_and_heal(100000000, now_s + budget.after_s + LP_DRIFT_WINDOW_S + 1);
	CHECK(budget.after_s == 0 && budget.heals == 1);
}

static void new_content_ends_the_wait_of_a_fight(void)
{
	struct object_key key = key_of("Deployment", 1);

	start();
	for (unsigned i = 1; i <= LP_DRIFT_HEALS; i++)
		edit_and_heal(100 * i, NOW_S);
	see(SIGHT_THERE, "Deployment", 1, 1000, 3, 99);
	CHECK(budget.fight && !lp_drift_take_this(&drift, &key, NOW_S + 1));
	lp_drift_renewed(&drift, &key);
	CHECK(lp_drift_take_this(&drift, &key, NOW_S + 1));
	apply("Deployment", 1, 1001, 3, 7);
	look_ends("Deployment", 1, DRIFT_WAS_WRONG, NOW_S + 1);
	CHECK(budget.heals == 1 && !budget.after_s);
}

static void more_suspects_than_the_queue_holds_are_found_by_a_walk(void)
{
	unsigned taken = 0;

	start();
	for (unsigned i = 2; i < 1000; i++)
		apply("ConfigMap", i, 30, 0, 1);
	for (unsigned i = 2; i < 1000; i++)
		CHECK(see(SIGHT_GONE, "ConfigMap", i, 31, 0, 1) == DRIFT_DELETED);
	CHECK(drift.suspects == 998 && drift.more && drift.queued == LP_DRIFT_QUEUE);
	while (take(NOW_S))
		taken++;
	CHECK(taken == LP_DRIFT_QUEUE);
	for (unsigned i = 2; i < 1000; i++) {
		struct object_key key = key_of("ConfigMap", i);
		taken += lp_drift_take_this(&drift, &key, NOW_S);
	}
	CHECK(taken == 998 && drift.suspects == 0);
}

static void what_is_forgotten_leaves_the_others_to_be_found(void)
{
	start();
	for (unsigned i = 2; i < 2000; i++)
		apply("ConfigMap", i, 30, 0, 1);
	for (unsigned i = 2; i < 2000; i += 3) {
		struct object_key key = key_of("ConfigMap", i);
		lp_drift_forget(&drift, &key);
		lp_drift_forget(&drift, &key);
	}
	for (unsigned i = 2; i < 2000; i++)
		CHECK(is_clean("ConfigMap", i) == (i % 3 != 2));
	CHECK(drift.count == 2 + 1998 - 666);
}

static void objects_of_too_many_kinds_are_refused(void)
{
	struct live live = live_of(1, 1, 1);
	char kind[32];

	lp_drift_free(&drift);
	for (unsigned i = 0; i < LP_DRIFT_KINDS; i++) {
		snprintf(kind, sizeof(kind), "Kind%u", i);
		apply(kind, 1, 1, 1, 1);
	}
	struct object_key key = key_of("OneMore", 1);
	CHECK_CODE(lp_drift_applied(&drift, &key, "u", &live, 0, true, &err), LP_LIMIT, "kinds");
	struct sighting sighting = sighting_of(SIGHT_BEGIN, "OneMore", 1, 1, 1, 1);
	CHECK_CODE(lp_drift_seen(&drift, &sighting, &finding, &err), LP_LIMIT, "kinds");
}

int main(void)
{
	TEST(what_was_applied_and_is_watched_is_clean);
	TEST(a_kind_whose_last_object_has_gone_unseen_hides_nothing);
	TEST(a_status_is_no_drift);
	TEST(each_difference_has_its_reason);
	TEST(what_is_older_than_our_own_write_says_nothing);
	TEST(what_was_seen_after_an_answer_counts_though_told_before);
	TEST(what_a_list_does_not_name_is_gone);
	TEST(what_was_applied_during_a_list_is_not_missed_by_it);
	TEST(what_a_newer_list_shows_as_it_was_before_our_write_was_put_back);
	TEST(nothing_is_clean_while_changes_may_be_missed);
	TEST(versions_of_another_history_are_not_compared);
	TEST(an_object_with_our_label_that_was_never_applied_is_a_stranger);
	TEST(a_manager_that_edits_by_hand_is_looked_at_once);
	TEST(one_suspect_needs_no_walk);
	TEST(what_is_left_as_it_is_is_looked_at_again_when_it_moves);
	TEST(the_end_of_a_persons_report_is_seen_though_nothing_else_moves);
	TEST(what_is_clean_is_looked_at_when_it_is_doubted_and_what_is_known_is_not);
	TEST(a_look_that_failed_waits_and_comes_again);
	TEST(looks_that_fail_wait_longer_each_time);
	TEST(what_goes_after_looks_that_failed_is_looked_at_at_once);
	TEST(an_apply_ends_the_wait_after_looks_that_failed);
	TEST(a_fight_is_told_once_and_waits_longer_each_time);
	TEST(new_content_ends_the_wait_of_a_fight);
	TEST(more_suspects_than_the_queue_holds_are_found_by_a_walk);
	TEST(what_is_forgotten_leaves_the_others_to_be_found);
	TEST(objects_of_too_many_kinds_are_refused);
	lp_drift_free(&drift);
	return check_report();
}

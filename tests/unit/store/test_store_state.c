/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/fixture.h"

static struct source_state state_of(const char *source)
{
	struct source_state state;

	memset(&state, 0xff, sizeof(state));
	CHECK_OK(lp_state_get(db, source, &state, &err));
	return state;
}

static void a_source_that_is_not_known_is_all_zero(void)
{
	struct source_state zero = {0};

	start();
	struct source_state state = state_of("site");
	CHECK(memcmp(&state, &zero, sizeof(zero)) == 0);
	CHECK(number_of("SELECT count(*) FROM source_state") == 0);
}

static void what_is_set_is_there_after_a_restart(void)
{
	const uint8_t tip[LP_STORE_OID] = {1, 2, 3};

	start();
	int64_t one = accept_revision("site", 1, 1, 1), two = accept_revision("site", 2, 1, 1);
	CHECK_OK(lp_state_set_desired(db, "site", one, &err));
	CHECK_OK(lp_state_set_pinned(db, "site", two, &err));
	CHECK_OK(lp_state_set_suspended(db, "site", true, &err));
	CHECK_OK(lp_state_set_complete(db, "site", true, &err));
	CHECK_OK(lp_state_set_backoff(db, "site", 3, 7000, 9000, &err));
	CHECK_OK(lp_state_set_poll_ok(db, "site", 8000, &err));
	CHECK_OK(lp_state_set_error(db, "site", "no route", 8100, &err));
	CHECK_OK(lp_state_set_tip(db, "site", tip, &err));
	reopen();
	struct source_state state = state_of("site");
	CHECK(state.desired == one && state.pinned == two && state.applied == 0);
	CHECK(state.suspended && state.complete && state.failures == 3);
	CHECK(state.next_poll_s == 7000 && state.delay_ms == 9000 && state.poll_ok_s == 8000);
	CHECK(state.error_s == 8100);
	CHECK_STR(state.error, "no route");
	CHECK(memcmp(state.tip, tip, sizeof(tip)) == 0);
	CHECK(state_of("other").failures == 0);

	CHECK_OK(lp_state_set_pinned(db, "site", 0, &err));
	CHECK_OK(lp_state_set_suspended(db, "site", false, &err));
	CHECK_OK(lp_state_set_backoff(db, "site", 0, 0, 0, &err));
	CHECK_OK(lp_state_set_error(db, "site", "", 8200, &err));
	state = state_of("site");
	CHECK(state.pinned == 0 && !state.suspended && state.failures == 0 &&
	      state.next_poll_s == 0 && state.delay_ms == 0);
	CHECK_STR(state.error, "");
}

/* What the supervisor says to the store when a poll brought no news. */
static void quiet_poll(int64_t now_s)
{
	const uint8_t tip[LP_STORE_OID] = {1, 2, 3};

	CHECK_OK(lp_state_set_tip(db, "site", tip, &err));
	CHECK_OK(lp_state_set_backoff(db, "site", 0, 0, 0, &err));
	CHECK_OK(lp_state_set_poll_ok(db, "site", now_s, &err));
	CHECK_OK(lp_state_set_error(db, "site", "", now_s, &err));
	CHECK_OK(lp_state_set_suspended(db, "site", false, &err));
	CHECK_OK(lp_state_set_complete(db, "site", true, &err));
	CHECK_OK(lp_state_set_pinned(db, "site", 0, &err));
}

static void a_hundred_polls_without_news_write_not_one_byte(void)
{
	start();
	quiet_poll(1000);
	int64_t before = lp_db_changes(db);
	struct buf main = file_of(""), wal = file_of("-wal");
	for (int i = 0; i < 100; i++)
		quiet_poll(1000 + 30 * i);
	struct buf main_after = file_of(""), wal_after = file_of("-wal");
	CHECK(lp_db_changes(db) == before);
	CHECK(lp_slice_equal(LP_SLICE_OF(&main), LP_SLICE_OF(&main_after)));
	CHECK(lp_slice_equal(LP_SLICE_OF(&wal), LP_SLICE_OF(&wal_after)));
	lp_buf_free(&main);
	lp_buf_free(&wal);
	lp_buf_free(&main_after);
	lp_buf_free(&wal_after);
}

static void times_alone_are_refreshed_hourly_also_when_the_clock_goes_back(void)
{
	start();
	CHECK_OK(lp_state_set_poll_ok(db, "site", 100000, &err));
	CHECK_OK(lp_state_set_poll_ok(db, "site", 100000 + LP_REFRESH_S - 1, &err));
	CHECK(state_of("site").poll_ok_s == 100000);
	CHECK_OK(lp_state_set_poll_ok(db, "site", 100000 + LP_REFRESH_S, &err));
	CHECK(state_of("site").poll_ok_s == 100000 + LP_REFRESH_S);
	CHECK_OK(lp_state_set_poll_ok(db, "site", 5, &err));
	CHECK(state_of("site").poll_ok_s == 5);

	CHECK_OK(lp_state_set_error(db, "site", "no route", 100000, &err));
	CHECK_OK(lp_state_set_error(db, "site", "no route", 100001, &err));
	CHECK(state_of("site").error_s == 100000);
	CHECK_OK(lp_state_set_error(db, "site", "no name", 100001, &err));
	CHECK(state_of("site").error_s == 100001);
	CHECK_OK(lp_state_set_error(db, "site", "no name", 100001 + LP_REFRESH_S, &err));
	CHECK(state_of("site").error_s == 100001 + LP_REFRESH_S);
}

static void a_long_error_is_cut(void)
{
	char text[2 * LP_MESSAGE_MAX];

	start();
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CHECK_OK(lp_state_set_error(db, "site", text, 1, &err));
	CHECK(strlen(state_of("site").error) == LP_MESSAGE_MAX - 1);
	int64_t before = lp_db_changes(db);
	CHECK_OK(lp_state_set_error(db, "site", text, 2, &err));
	CHECK(lp_db_changes(db) == before);
}

/* --- the journal --- */

static void an_intent_is_there_until_it_is_cleared(void)
{
	struct intent intent = {LP_OP_PRUNE, 7, 1234}, got;

	start();
	CHECK_CODE(lp_journal_get(db, "site", &got, &err), LP_NOT_FOUND, "");
	CHECK_OK(lp_journal_begin(db, "site", &intent, &err));
	intent.operation = LP_OP_APPLY;
	CHECK_OK(lp_journal_begin(db, "other", &intent, &err));
	reopen();
	CHECK_OK(lp_journal_get(db, "site", &got, &err));
	CHECK(got.operation == LP_OP_PRUNE && got.revision == 7 && got.started_s == 1234);
	CHECK_OK(lp_journal_begin(db, "site", &intent, &err)); /* the next one takes its place */
	CHECK_OK(lp_journal_get(db, "site", &got, &err));
	CHECK(got.operation == LP_OP_APPLY);
	CHECK_OK(lp_journal_clear(db, "site", &err));
	CHECK(lp_journal_get(db, "site", &got, &err) == LP_NOT_FOUND);
	int64_t before = lp_db_changes(db);
	CHECK_OK(lp_journal_clear(db, "site", &err));
	CHECK(lp_db_changes(db) == before);
	CHECK_OK(lp_journal_get(db, "other", &got, &err));
}

/* --- refusals --- */

static struct stored_refusal make_refusal(unsigned i)
{
	struct stored_refusal r = {.tip = {(uint8_t)i, (uint8_t)(i >> 8)}, .at_s = 50};

	memset(r.judged_by, 4, sizeof(r.judged_by));
	snprintf(r.verdict, sizeof(r.verdict), "unknown-signer");
	snprintf(r.reason, sizeof(r.reason), "the key SHA256:x is not in allowed_signers");
	snprintf(r.signer, sizeof(r.signer), "SHA256:x");
	return r;
}

static void a_refused_tip_is_remembered_and_counted(void)
{
	struct stored_refusal want = make_refusal(1), got;

	start();
	CHECK_OK(lp_refusal_put(db, "site", &want, &err));
	reopen();
	CHECK_OK(lp_refusal_get(db, "site", want.tip, &got, &err));
	CHECK(memcmp(got.tip, want.tip, sizeof(want.tip)) == 0);
	CHECK(memcmp(got.judged_by, want.judged_by, sizeof(want.judged_by)) == 0);
	CHECK_STR(got.verdict, want.verdict);
	CHECK_STR(got.reason, want.reason);
	CHECK_STR(got.signer, want.signer);
	CHECK(got.at_s == 50 && got.count == 1);
	CHECK_CODE(lp_refusal_get(db, "other", want.tip, &got, &err), LP_NOT_FOUND, "");

	want.judged_by[0] = 9;
	snprintf(want.verdict, sizeof(want.verdict), "rollback");
	CHECK_OK(lp_refusal_put(db, "site", &want, &err));
	CHECK_OK(lp_refusal_get(db, "site", want.tip, &got, &err));
	CHECK(got.count == 2 && got.judged_by[0] == 9);
	CHECK_STR(got.verdict, "rollback");
}

static void a_tip_that_is_accepted_is_refused_no_more(void)
{
	struct revision r = make_revision("site", 5);
	struct stored_refusal refusal = make_refusal(0), got;

	start();
	memcpy(refusal.tip, r.commit, sizeof(refusal.tip));
	CHECK_OK(lp_refusal_put(db, "site", &refusal, &err));
	CHECK_OK(lp_refusal_put(db, "other", &refusal, &err));
	accept_revision("site", 4, 1, 1);
	CHECK_OK(lp_refusal_get(db, "site", refusal.tip, &got, &err));
	accept_revision("site", 5, 1, 1);
	CHECK(lp_refusal_get(db, "site", refusal.tip, &got, &err) == LP_NOT_FOUND);
	CHECK_OK(lp_refusal_get(db, "other", refusal.tip, &got, &err));
}

static void only_the_newest_refusals_are_kept(void)
{
	struct stored_refusal first = make_refusal(0), second = make_refusal(1), r;
	unsigned n = 0;

	start();
	CHECK_OK(lp_refusal_put(db, "other", &second, &err));
	for (unsigned i = 0; i < LP_REFUSALS_KEPT; i++) {
		r = make_refusal(i);
		CHECK_OK(lp_refusal_put(db, "site", &r, &err));
	}
	CHECK_OK(lp_refusal_get(db, "site", second.tip, &r, &err));
	CHECK_OK(lp_refusal_put(db, "site", &first, &err)); /* judged again: now the newest */
	r = make_refusal(1000);
	CHECK_OK(lp_refusal_put(db, "site", &r, &err));
	CHECK(lp_refusal_get(db, "site", second.tip, &r, &err) == LP_NOT_FOUND);
	CHECK_OK(lp_refusal_get(db, "site", first.tip, &r, &err));
	CHECK_OK(lp_refusal_get(db, "other", second.tip, &r, &err));
	CHECK_OK(lp_refusal_nth(db, "site", 0, &r, &err));
	CHECK(r.tip[0] == (1000 & 0xff));
	CHECK_OK(lp_refusal_nth(db, "site", 1, &r, &err));
	CHECK(memcmp(r.tip, first.tip, sizeof(r.tip)) == 0);
	while (lp_refusal_nth(db, "site", n, &r, &err) == LP_OK)
		n++;
	CHECK(n == LP_REFUSALS_KEPT && err.code == LP_NOT_FOUND);
}

static void the_tips_that_were_refused_by_the_same_rules_are_found_at_once(void)
{
	uint8_t tips[LP_REFUSALS_KEPT][LP_STORE_OID];
	struct stored_refusal r = make_refusal(0);
	uint8_t judged_by[LP_STORE_DIGEST];
	uint32_t count;

	start();
	memcpy(judged_by, r.judged_by, sizeof(judged_by));
	for (unsigned i = 0; i < LP_REFUSALS_KEPT + 2; i++) {
		r = make_refusal(i);
		CHECK_OK(lp_refusal_put(db, "site", &r, &err));
	}
	CHECK_OK(lp_refusal_put(db, "other", &r, &err));
	CHECK_OK(lp_refusal_tips(db, "site", judged_by, tips, &count, &err));
	CHECK(count == LP_REFUSALS_KEPT);
	r.judged_by[0] ^= 1;
	CHECK_OK(lp_refusal_put(db, "site", &r, &err));
	CHECK_OK(lp_refusal_tips(db, "site", judged_by, tips, &count, &err));
	CHECK(count == LP_REFUSALS_KEPT - 1);
	CHECK_OK(lp_refusal_tips(db, "site", r.judged_by, tips, &count, &err));
	CHECK(count == 1 && memcmp(tips[0], r.tip, LP_STORE_OID) == 0);
	CHECK_OK(lp_refusal_tips(db, "nobody", judged_by, tips, &count, &err));
	CHECK(count == 0);
}

/* --- kinds --- */

static struct stored_kind kinds[LP_KINDS_MAX + 1];

static void make_kinds(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		kinds[i] = (struct stored_kind){.namespaced = i % 2, .verbs = (unsigned)i};
		snprintf(kinds[i].group, sizeof(kinds[i].group), "g%zu", i % 5);
		snprintf(kinds[i].kind, sizeof(kinds[i].kind), "Kind%zu", i);
		snprintf(kinds[i].version, sizeof(kinds[i].version), "v1");
		snprintf(kinds[i].resource, sizeof(kinds[i].resource), "kind%zus", i);
	}
}

static void kinds_are_replaced_only_when_they_differ(void)
{
	struct stored_kind got, swapped;

	start();
	make_kinds(40);
	CHECK_OK(lp_kinds_replace(db, kinds, 40, &err));
	reopen();
	CHECK_OK(lp_kind_get(db, "g3", "Kind13", "v1", &got, &err));
	CHECK_STR(got.resource, "kind13s");
	CHECK(got.namespaced && got.verbs == 13);
	CHECK_OK(lp_kind_get(db, "g3", "Kind13", "", &got, &err));
	CHECK_STR(got.version, "v1");
	CHECK(lp_kind_get(db, "g3", "Kind13", "v2", &got, &err) == LP_NOT_FOUND);
	CHECK(lp_kind_get(db, "", "Kind13", "v1", &got, &err) == LP_NOT_FOUND);

	int64_t before = lp_db_changes(db);
	swapped = kinds[0];
	kinds[0] = kinds[1];
	kinds[1] = swapped;
	CHECK_OK(lp_kinds_replace(db, kinds, 40, &err));
	CHECK(lp_db_changes(db) == before);
	kinds[7].verbs ^= 1;
	CHECK_OK(lp_kinds_replace(db, kinds, 40, &err));
	CHECK_OK(lp_kind_get(db, "g2", "Kind7", "v1", &got, &err));
	CHECK(got.verbs == 6);
	CHECK_OK(lp_kinds_replace(db, kinds, 39, &err));
	CHECK(number_of("SELECT count(*) FROM kind") == 39);
	CHECK_OK(lp_kind_nth(db, 0, &got, &err));
	CHECK_STR(got.group, "g0");
	CHECK(lp_kind_nth(db, 39, &got, &err) == LP_NOT_FOUND);
	CHECK_OK(lp_kinds_replace(db, NULL, 0, &err));
	CHECK(number_of("SELECT count(*) FROM kind") == 0);
}

static void too_many_kinds_or_one_twice_change_nothing(void)
{
	start();
	make_kinds(LP_KINDS_MAX + 1);
	CHECK_CODE(lp_kinds_replace(db, kinds, LP_KINDS_MAX + 1, &err), LP_LIMIT, "4097 kinds");
	CHECK_OK(lp_kinds_replace(db, kinds, LP_KINDS_MAX, &err));
	kinds[1] = kinds[0];
	CHECK_CODE(lp_kinds_replace(db, kinds, 3, &err), LP_REJECTED,
		   "the kind Kind0.g0/v1 is there twice");
	CHECK(number_of("SELECT count(*) FROM kind") == LP_KINDS_MAX);
}

static void a_suspension_with_an_end_is_there_after_a_restart(void)
{
	const struct suspension hour = {.left_s = 3600, .uptime_s = 50, .until_s = 900000};

	start();
	CHECK_OK(lp_state_suspend_for(db, "site", &hour, &err));
	reopen();
	struct source_state state = state_of("site");
	CHECK(state.suspended && memcmp(&state.suspension, &hour, sizeof(hour)) == 0);
	CHECK_OK(lp_state_set_suspended(db, "site", true, &err));
	state = state_of("site");
	CHECK(state.suspended && state.suspension.left_s == 0 && state.suspension.until_s == 0);
	CHECK_OK(lp_state_suspend_for(db, "site", &hour, &err));
	CHECK_OK(lp_state_set_suspended(db, "site", false, &err));
	state = state_of("site");
	CHECK(!state.suspended && state.suspension.left_s == 0);
}

static void a_suspension_ends_by_uptime_and_by_a_clock_that_somebody_set(void)
{
	const struct suspension s = {.left_s = 100, .uptime_s = 1000, .until_s = 50100};
	const struct suspension unset = {.left_s = 100, .uptime_s = 1000};

	CHECK(lp_suspension_left_s(&s, 1000, 0) == 100);
	CHECK(lp_suspension_left_s(&s, 1060, 0) == 40);
	CHECK(lp_suspension_left_s(&s, 1100, 0) == 0 && lp_suspension_left_s(&s, 9000, 0) == 0);
	/* another boot: at least what it has been up for */
	CHECK(lp_suspension_left_s(&s, 30, 0) == 70);
	/* it was off for a while, and the clock knows */
	CHECK(lp_suspension_left_s(&s, 30, 50090) == 10);
	CHECK(lp_suspension_left_s(&s, 30, 60000) == 0);
	/* a clock that was put back makes none longer, one that was not set then says nothing */
	CHECK(lp_suspension_left_s(&s, 1060, 100) == 40);
	CHECK(lp_suspension_left_s(&unset, 1060, 60000) == 40);
}

int main(void)
{
	TEST(a_source_that_is_not_known_is_all_zero);
	TEST(what_is_set_is_there_after_a_restart);
	TEST(a_hundred_polls_without_news_write_not_one_byte);
	TEST(times_alone_are_refreshed_hourly_also_when_the_clock_goes_back);
	TEST(a_long_error_is_cut);
	TEST(an_intent_is_there_until_it_is_cleared);
	TEST(a_refused_tip_is_remembered_and_counted);
	TEST(a_tip_that_is_accepted_is_refused_no_more);
	TEST(only_the_newest_refusals_are_kept);
	TEST(the_tips_that_were_refused_by_the_same_rules_are_found_at_once);
	TEST(kinds_are_replaced_only_when_they_differ);
	TEST(too_many_kinds_or_one_twice_change_nothing);
	TEST(a_suspension_with_an_end_is_there_after_a_restart);
	TEST(a_suspension_ends_by_uptime_and_by_a_clock_that_somebody_set);
	remove_folder();
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/binding.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define HEAD "apiVersion: limpet.dev/v1\n"
#define REPO "6f1c0123456789abcdef0123456789ab"

static struct binding binding;
static struct buf problems;
static char reason[LP_REASON_TEXT];

static enum lp_code read_slice(struct slice text)
{
	lp_buf_free(&problems);
	err = (struct err){0};
	memset(&binding, 0x5a, sizeof(binding));
	return lp_binding_parse(text, "limpet.yaml", &binding, &problems, &err);
}

static enum lp_code read_text(const char *text)
{
	return read_slice((struct slice){(const uint8_t *)text, strlen(text)});
}

static bool is_empty(void)
{
	static const struct binding none;

	return memcmp(&binding, &none, sizeof(none)) == 0;
}

/* text is refused with exactly one problem, which has said in it, and leaves nothing behind. */
static void refuses(const char *text, const char *said)
{
	CHECK(read_text(text) == LP_REJECTED);
	CHECK_HAS(lp_buf_text(&problems), said);
	CHECK_HAS(err.msg, said);
	CHECK(strchr(lp_buf_text(&problems), '\n') == strrchr(lp_buf_text(&problems), '\n'));
	CHECK(is_empty());
}

/* --- the schema --- */

static void a_whole_file_is_read(void)
{
	CHECK_OK(read_text("# for the shops\n" HEAD "repo: \"" REPO "\"\n"
			   "audience:\n- site/berlin\n- group/retail-*\n"
			   "sequence: 184\nexpires: 2027-01-31T12:00:00Z # a month\n"
			   "sync: {wait: false, onFailure: hold}\n"));
	CHECK(binding.present);
	CHECK_STR(binding.repo, REPO);
	CHECK(binding.audience.len == 2);
	CHECK_STR(binding.audience.list[0], "site/berlin");
	CHECK_STR(binding.audience.list[1], "group/retail-*");
	CHECK(binding.sequence == 184 && binding.expires_s == 1801396800);
	CHECK(binding.sync.has_wait && !binding.sync.wait);
	CHECK(binding.sync.on_failure == ON_FAILURE_HOLD);
	CHECK(problems.len == 0);
}

static void all_but_the_version_may_be_left_out(void)
{
	CHECK_OK(read_text(HEAD));
	CHECK(binding.present && !binding.repo[0] && !binding.audience.len);
	CHECK(!binding.sequence && !binding.expires_s && !binding.sync.has_wait);
	CHECK_OK(read_text(HEAD "sync: {}\n"));
	CHECK(!binding.sync.has_wait && binding.sync.on_failure == ON_FAILURE_DEFAULT);
	CHECK_OK(read_text(HEAD "sync: {wait: true, onFailure: rollback}\n"));
	CHECK(binding.sync.wait && binding.sync.on_failure == ON_FAILURE_ROLLBACK);
}

static void an_unknown_key_is_refused_with_the_nearest_known_one(void)
{
	refuses(HEAD "sequnce: 3\n",
		"limpet.yaml:2: sequnce: unknown key; did you mean \"sequence\"?");
	refuses(HEAD "\naudiences: [site/x]\n",
		"limpet.yaml:3: audiences: unknown key; did you mean \"audience\"?");
	refuses(HEAD "expire: 2027-01-31T12:00:00Z\n", "did you mean \"expires\"?");
	refuses(HEAD "sync:\n  onFail: hold\n",
		"limpet.yaml:3: sync.onFail: unknown key; did you mean \"onFailure\"?");
	refuses(HEAD "kind: Release\n", "limpet.yaml:2: kind: unknown key");
	refuses(HEAD "Repo: " REPO "\n", "did you mean \"repo\"?");
}

static void a_key_is_shown_without_what_would_move_a_terminal(void)
{
	refuses(HEAD "\"re\\epo\": x\n", "limpet.yaml:2: re?po: unknown key");
	refuses(HEAD "repo: \"\\e[2Jx\"\n", "limpet.yaml:2: repo: \"?[2Jx\": expected 32");
	refuses(HEAD "\"\": x\n", "unknown key");
	refuses(HEAD "\"re\\epo\": 1\n\"re\\epo\": 2\n", "re?po");
}

static void the_version_must_be_ours(void)
{
	refuses("repo: \"" REPO "\"\n", "limpet.yaml:1: apiVersion: is missing");
	refuses("apiVersion: limpet.dev/v2\n",
		"limpet.yaml:1: apiVersion: \"limpet.dev/v2\": expected limpet.dev/v1");
	refuses("apiVersion: 1\n", "apiVersion: is ");
	refuses("apiVersion:\n", "apiVersion: is ");
	refuses("apiVersion: \"limpet.dev/v1\\0\"\n", "has a NUL");
}

static void a_repo_is_32_lower_case_hex_digits(void)
{
	refuses(HEAD "repo: " REPO "0\n", "limpet.yaml:2: repo: \"" REPO "0\": expected 32 hex");
	refuses(HEAD "repo: 6f1c0123456789abcdef0123456789a\n", "expected 32 hex digits");
	refuses(HEAD "repo: 6F1C0123456789ABCDEF0123456789AB\n", "expected 32 hex digits");
	refuses(HEAD "repo: 6f1c0123456789abcdef0123456789ag\n", "expected 32 hex digits");
	refuses(HEAD "repo: https://git.example.com/x.git\n", "expected 32 hex digits");
	refuses(HEAD "repo: 01234567890123456789012345678901\n", "write the id in quotes");
	refuses(HEAD "repo: \"6f1c0123456789abcdef0123456789a\\0\"\n", "has a NUL");
	refuses(HEAD "repo:\n", "repo: is ");
	refuses(HEAD "repo: \"\"\n", "expected 32 hex digits");
}

static void an_audience_is_a_list_of_sites_and_groups(void)
{
	refuses(HEAD "audience: site/berlin\n", "limpet.yaml:2: audience: is a string; expected a");
	refuses(HEAD "audience: []\n", "audience: is empty");
	refuses(HEAD "audience:\n", "audience: is ");
	refuses(HEAD "audience: {site: berlin}\n", "audience: is an object");
	refuses(HEAD "audience:\n- site/x\n- berlin\n",
		"limpet.yaml:4: audience[1]: \"berlin\": expected site/NAME or group/NAME");
	refuses(HEAD "audience: [site/]\n", "expected site/NAME");
	refuses(HEAD "audience: [\"*\"]\n", "expected site/NAME");
	refuses(HEAD "audience: [sites/x]\n", "expected site/NAME");
	refuses(HEAD "audience: [site/Berlin]\n", "expected a-z, 0-9");
	refuses(HEAD "audience: [\"site/a,site/b\"]\n", "expected a-z, 0-9");
	refuses(HEAD "audience: [\"site/!a\"]\n", "expected a-z, 0-9");
	refuses(HEAD "audience: [site/a/b]\n", "expected a-z, 0-9");
	refuses(HEAD "audience: [site/a, site/b, site/a]\n",
		"audience[2]: \"site/a\": is there twice");
	refuses(HEAD "audience: [7]\n", "audience[0]: is ");
	refuses(HEAD "audience: [\"site/a\\0\"]\n", "has a NUL");
}

static void a_sequence_is_a_whole_number_from_1(void)
{
	char text[128];

	refuses(HEAD "sequence: 0\n",
		"limpet.yaml:2: sequence: expected a number between 1 and 9007199254740992");
	refuses(HEAD "sequence: -1\n", "expected a number between 1 and");
	refuses(HEAD "sequence: 18446744073709551615\n", "expected a number between 1 and");
	refuses(HEAD "sequence: 1.5\n", "expected a whole number");
	refuses(HEAD "sequence: \"7\"\n", "sequence: is a string");
	refuses(HEAD "sequence: true\n", "expected a whole number");
	refuses(HEAD "sequence:\n", "expected a whole number");
	snprintf(text, sizeof(text), HEAD "sequence: %lld\n", LP_SEQUENCE_MAX);
	CHECK_OK(read_text(text));
	CHECK(binding.sequence == LP_SEQUENCE_MAX);
	snprintf(text, sizeof(text), HEAD "sequence: %lld\n", LP_SEQUENCE_MAX + 1);
	refuses(text, "expected a number between 1 and");
}

static void an_expiry_is_a_time_in_utc(void)
{
	refuses(HEAD "expires: 2027-01-31\n",
		"limpet.yaml:2: expires: \"2027-01-31\": expected a time in UTC");
	refuses(HEAD "expires: 2027-01-31T12:00:00+01:00\n", "expected a time in UTC");
	refuses(HEAD "expires: 2027-02-30T12:00:00Z\n", "expected a time in UTC");
	refuses(HEAD "expires: 90d\n", "expected a time in UTC");
	refuses(HEAD "expires: 1801396800\n", "expires: is ");
	refuses(HEAD "expires:\n", "expires: is ");
	CHECK_OK(read_text(HEAD "expires: \"2027-01-31T12:00:00Z\"\n"));
	CHECK(binding.expires_s == 1801396800);
}

static void sync_has_two_keys_with_types(void)
{
	refuses(HEAD "sync: true\n", "limpet.yaml:2: sync: is a boolean; expected keys and values");
	refuses(HEAD "sync:\n", "sync: is ");
	refuses(HEAD "sync: {wait: \"yes\"}\n", "sync.wait: is a string; expected true or false");
	refuses(HEAD "sync: {onFailure: explode}\n",
		"sync.onFailure: \"explode\": expected rollback or hold");
	refuses(HEAD "sync: {onFailure: 1}\n", "sync.onFailure: is ");
}

static void what_is_no_single_yaml_object_is_refused(void)
{
	refuses("", "limpet.yaml:1: the file is empty");
	refuses("# nothing\n", "the file is empty");
	refuses("---\n", "limpet.yaml:1: ");
	refuses("- x\n", "limpet.yaml:1: is a list; expected keys and values");
	refuses("x\n", "expected keys and values");
	refuses(HEAD "---\n" HEAD, "a second document");
	refuses(HEAD "repo: [\n", "limpet.yaml:");
	refuses(HEAD "sequence: 1\nsequence: 2\n", "limpet.yaml:3");
	refuses(HEAD "audience: &a [*a]\n", "limpet.yaml:2");
	refuses(HEAD "repo: \xff\n", "limpet.yaml:");
}

static void all_problems_are_told_in_one_pass(void)
{
	CHECK(read_text("apiVersion: v1\nrepo: x\naudience: [x, site/y]\nsequence: x\n"
			"expires: x\nsync: {wat: 1, wait: 1}\nmore: 1\n") == LP_REJECTED);
	static const char *const lines[] = {
		"limpet.yaml:1: apiVersion: ",  "limpet.yaml:2: repo: ",
		"limpet.yaml:3: audience[0]: ", "limpet.yaml:4: sequence: ",
		"limpet.yaml:5: expires: ",     "limpet.yaml:6: sync.wat: ",
		"limpet.yaml:6: sync.wait: ",   "limpet.yaml:7: more: ",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		CHECK_HAS(lp_buf_text(&problems), lines[i]);
	CHECK_HAS(err.msg, "limpet.yaml:1: apiVersion: ");
	CHECK_HAS(err.msg, "; and 7 more");
	CHECK(is_empty());
}

static void more_problems_than_can_be_shown_are_counted(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_BINDING_BYTES);

	CHECK_OK(lp_buf_str(&text, HEAD, &err));
	for (int i = 0; i < 1000; i++)
		CHECK_OK(lp_buf_printf(&text, &err, "key%d: 1\n", i));
	CHECK(read_slice(LP_SLICE_OF(&text)) == LP_REJECTED);
	CHECK_HAS(err.msg, "; and 999 more");
	CHECK(problems.len && problems.len <= 16 * LP_KIB);
}

/* --- limits --- */

static void a_file_of_more_bytes_than_the_limit_is_refused(void)
{
	char *text = malloc(LP_BINDING_BYTES + 1);

	memset(text, '#', LP_BINDING_BYTES + 1);
	memcpy(text, HEAD, strlen(HEAD));
	enum lp_code whole = read_slice((struct slice){(uint8_t *)text, LP_BINDING_BYTES});
	bool present = binding.present;
	enum lp_code more = read_slice((struct slice){(uint8_t *)text, LP_BINDING_BYTES + 1});
	free(text);
	CHECK(whole == LP_OK && present);
	CHECK(more == LP_LIMIT && is_empty());
	CHECK_HAS(lp_buf_text(&problems), "limpet.yaml: 65537 bytes; at most 65536");
}

static void a_file_whose_tree_passes_its_memory_is_refused(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_BINDING_BYTES);
	char said[64];

	CHECK_OK(lp_buf_str(&text,
			    HEAD "a: &a [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]\n"
				 "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
				 "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
				 "d: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n",
			    &err));
	CHECK(read_slice(LP_SLICE_OF(&text)) == LP_REJECTED && is_empty());
	snprintf(said, sizeof(said), "one document: more than %u bytes of memory",
		 LP_BINDING_MEMORY);
	CHECK_HAS(lp_buf_text(&problems), said);
}

static enum lp_code read_entries(int count)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_BINDING_BYTES);

	CHECK_OK(lp_buf_str(&text, HEAD "audience:\n", &err));
	for (int i = 0; i < count; i++)
		CHECK_OK(lp_buf_printf(&text, &err, "- site/s%d\n", i));
	return read_slice(LP_SLICE_OF(&text));
}

static void an_audience_has_as_many_entries_as_the_limit_and_no_more(void)
{
	CHECK_OK(read_entries(LP_AUDIENCE_MAX));
	CHECK(binding.audience.len == LP_AUDIENCE_MAX);
	CHECK(read_entries(LP_AUDIENCE_MAX + 1) == LP_REJECTED && is_empty());
	CHECK_HAS(lp_buf_text(&problems), "limpet.yaml:2: audience: 129 entries; at most 128");
}

static void an_entry_is_as_long_as_the_longest_name_of_a_group(void)
{
	char entry[LP_AUDIENCE_TEXT + 1] = "group/", text[256];

	memset(entry + 6, 'a', LP_AUDIENCE_TEXT - 1 - 6);
	snprintf(text, sizeof(text), HEAD "audience: [%s]\n", entry);
	CHECK_OK(read_text(text));
	CHECK_STR(binding.audience.list[0], entry);
	entry[LP_AUDIENCE_TEXT - 1] = 'a';
	snprintf(text, sizeof(text), HEAD "audience: [%s]\n", entry);
	refuses(text, "too long");
	snprintf(text, sizeof(text), HEAD "audience: [site/%.63s]\n", entry + 6);
	CHECK_OK(read_text(text));
	snprintf(text, sizeof(text), HEAD "audience: [site/%.64s]\n", entry + 6);
	refuses(text, "too long");
}

/* --- the audience --- */

static char groups[2][LP_NAME_MAX] = {"retail-eu", "pilot"};

static bool is_for(const char *entry, const char *site)
{
	struct audience audience = {.len = 1};

	snprintf(audience.list[0], LP_AUDIENCE_TEXT, "%s", entry);
	return lp_binding_audience_match(&audience, site, groups, 2);
}

static void an_audience_names_a_site_or_a_group_by_name_or_pattern(void)
{
	CHECK(is_for("site/berlin", "berlin"));
	CHECK(is_for("site/ber*", "berlin") && is_for("site/b?rlin", "berlin"));
	CHECK(is_for("site/*", "berlin") && is_for("site/*-*1", "shop-11"));
	CHECK(is_for("group/pilot", "berlin") && is_for("group/retail-*", "berlin"));
	CHECK(is_for("group/*", "berlin"));
	CHECK(!is_for("site/munich", "berlin") && !is_for("site/berlin", "berlin2"));
	CHECK(!is_for("site/berlin2", "berlin") && !is_for("site/?", "berlin"));
	CHECK(!is_for("site/pilot", "berlin") && !is_for("group/berlin", "berlin"));
	CHECK(!is_for("group/retail", "berlin") && !is_for("group/retail-us", "berlin"));
}

static void an_audience_of_groups_is_for_nobody_without_one(void)
{
	struct audience audience = {.len = 1, .list = {"group/*"}};

	CHECK(lp_binding_audience_match(&audience, "berlin", groups, 1));
	CHECK(!lp_binding_audience_match(&audience, "berlin", NULL, 0));
	audience.len = 0;
	CHECK(!lp_binding_audience_match(&audience, "berlin", groups, 2));
}

static void a_pattern_full_of_stars_is_judged_at_once(void)
{
	char site[64];

	memset(site, 'a', 63);
	site[63] = '\0';
	CHECK(!is_for("site/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab", site));
}

/* --- the judgement --- */

static struct binding_policy policy;

static void whole_binding(void)
{
	CHECK_OK(read_text(HEAD "repo: \"" REPO "\"\naudience: [site/berlin, group/shops]\n"
				"sequence: 7\nexpires: 2027-01-31T12:00:00Z\n"));
	policy = (struct binding_policy){.repo = REPO, .required = true, .site = "berlin"};
	reason[0] = '#';
}

static enum verdict judge(void)
{
	return lp_binding_judge(&binding, &policy, reason);
}

static void what_is_for_this_site_is_accepted(void)
{
	whole_binding();
	CHECK(judge() == VERDICT_ACCEPTED);
	CHECK_STR(reason, "");
	policy.required = false;
	CHECK(judge() == VERDICT_ACCEPTED);
	policy.repo = NULL;
	CHECK(judge() == VERDICT_ACCEPTED);
}

static void without_the_file_it_is_unbound_only_where_one_is_required(void)
{
	whole_binding();
	CHECK(lp_binding_judge(NULL, &policy, reason) == VERDICT_UNBOUND);
	CHECK_HAS(reason, "there is no limpet.yaml at the root of the path");
	binding = (struct binding){0};
	CHECK(judge() == VERDICT_UNBOUND);
	policy.required = false;
	CHECK(judge() == VERDICT_ACCEPTED);
	CHECK(lp_binding_judge(NULL, &policy, reason) == VERDICT_ACCEPTED);
	CHECK_STR(reason, "");
}

static void without_repo_or_audience_it_is_unbound_where_they_are_required(void)
{
	whole_binding();
	binding.repo[0] = '\0';
	CHECK(judge() == VERDICT_UNBOUND);
	CHECK_HAS(reason, "limpet.yaml names no repo");
	policy.required = false;
	CHECK(judge() == VERDICT_ACCEPTED);
	whole_binding();
	binding.audience.len = 0;
	CHECK(judge() == VERDICT_UNBOUND);
	CHECK_HAS(reason, "limpet.yaml names no audience");
	policy.required = false;
	CHECK(judge() == VERDICT_ACCEPTED);
}

static void a_device_that_does_not_know_its_repo_takes_nothing_as_bound(void)
{
	whole_binding();
	policy.repo = NULL;
	CHECK(judge() == VERDICT_UNBOUND);
	CHECK_HAS(reason, "no trust.repo");
	policy.repo = "";
	CHECK(judge() == VERDICT_UNBOUND);
}

static void another_repository_is_refused_whether_required_or_not(void)
{
	whole_binding();
	policy.repo = "00000000000000000000000000000000";
	CHECK(judge() == VERDICT_WRONG_REPO);
	CHECK_HAS(reason, REPO);
	CHECK_HAS(reason, policy.repo);
	policy.required = false;
	CHECK(judge() == VERDICT_WRONG_REPO);
	binding.audience.len = 0;
	CHECK(judge() == VERDICT_WRONG_REPO);
}

static void another_audience_is_refused_whether_required_or_not(void)
{
	whole_binding();
	policy.site = "munich";
	CHECK(judge() == VERDICT_WRONG_AUDIENCE);
	CHECK_STR(reason, "it is for site/berlin, group/shops; this is site/munich, in 0 groups, "
			  "and none of them is named");
	policy.required = false;
	CHECK(judge() == VERDICT_WRONG_AUDIENCE);
	policy.groups = groups;
	policy.group_count = 2;
	CHECK(judge() == VERDICT_WRONG_AUDIENCE);
	binding.audience.len = 1;
	snprintf(binding.audience.list[0], LP_AUDIENCE_TEXT, "group/pilot");
	CHECK(judge() == VERDICT_ACCEPTED);
}

static void a_long_audience_is_told_in_part(void)
{
	whole_binding();
	policy.site = "munich";
	binding.audience.len = LP_AUDIENCE_MAX;
	for (int i = 0; i < LP_AUDIENCE_MAX; i++)
		memset(binding.audience.list[i], 'x', LP_AUDIENCE_TEXT - 1);
	for (int i = 0; i < LP_AUDIENCE_MAX; i++)
		binding.audience.list[i][LP_AUDIENCE_TEXT - 1] = '\0';
	CHECK(judge() == VERDICT_WRONG_AUDIENCE);
	CHECK_HAS(reason, " and 125 more; this is site/munich");
	CHECK_HAS(reason, "is named");
}

static void it_has_expired_when_the_floor_is_past_it(void)
{
	whole_binding();
	policy.floor_s = binding.expires_s;
	CHECK(judge() == VERDICT_ACCEPTED);
	policy.floor_s = binding.expires_s + 1;
	CHECK(judge() == VERDICT_EXPIRED);
	CHECK_STR(reason, "it expired at 2027-01-31T12:00:00Z, and it is 2027-01-31T12:00:01Z at "
			  "least");
	policy.required = false;
	CHECK(judge() == VERDICT_EXPIRED);
	binding.expires_s = 0;
	CHECK(judge() == VERDICT_ACCEPTED);
}

static void the_repo_comes_before_the_audience_and_both_before_the_expiry(void)
{
	whole_binding();
	policy.floor_s = binding.expires_s + 1;
	policy.site = "munich";
	CHECK(judge() == VERDICT_WRONG_AUDIENCE);
	policy.repo = "00000000000000000000000000000000";
	CHECK(judge() == VERDICT_WRONG_REPO);
}

int main(void)
{
	TEST(a_whole_file_is_read);
	TEST(all_but_the_version_may_be_left_out);
	TEST(an_unknown_key_is_refused_with_the_nearest_known_one);
	TEST(a_key_is_shown_without_what_would_move_a_terminal);
	TEST(the_version_must_be_ours);
	TEST(a_repo_is_32_lower_case_hex_digits);
	TEST(an_audience_is_a_list_of_sites_and_groups);
	TEST(a_sequence_is_a_whole_number_from_1);
	TEST(an_expiry_is_a_time_in_utc);
	TEST(sync_has_two_keys_with_types);
	TEST(what_is_no_single_yaml_object_is_refused);
	TEST(all_problems_are_told_in_one_pass);
	TEST(more_problems_than_can_be_shown_are_counted);
	TEST(a_file_of_more_bytes_than_the_limit_is_refused);
	TEST(a_file_whose_tree_passes_its_memory_is_refused);
	TEST(an_audience_has_as_many_entries_as_the_limit_and_no_more);
	TEST(an_entry_is_as_long_as_the_longest_name_of_a_group);
	TEST(an_audience_names_a_site_or_a_group_by_name_or_pattern);
	TEST(an_audience_of_groups_is_for_nobody_without_one);
	TEST(a_pattern_full_of_stars_is_judged_at_once);
	TEST(what_is_for_this_site_is_accepted);
	TEST(without_the_file_it_is_unbound_only_where_one_is_required);
	TEST(without_repo_or_audience_it_is_unbound_where_they_are_required);
	TEST(a_device_that_does_not_know_its_repo_takes_nothing_as_bound);
	TEST(another_repository_is_refused_whether_required_or_not);
	TEST(another_audience_is_refused_whether_required_or_not);
	TEST(a_long_audience_is_told_in_part);
	TEST(it_has_expired_when_the_floor_is_past_it);
	TEST(the_repo_comes_before_the_audience_and_both_before_the_expiry);
	lp_buf_free(&problems);
	return check_report();
}

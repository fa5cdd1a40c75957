/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/release_file.h"
#include "tests/unit/check.h"

#define REPO "6f1c0123456789abcdef0123456789ab"
#define HEAD "apiVersion: limpet.dev/v1\nrepo: \"" REPO "\"\n"

static struct buf text;
static struct binding old, wanted;

static void read_binding(const char *from, struct binding *to)
{
	LP_AUTO(lp_buf_free) struct buf problems = {0};

	CHECK_OK(lp_binding_parse((struct slice){(const uint8_t *)from, strlen(from)}, "x", to,
				  &problems, &err));
}

/* The file says from; what is wanted of it is the same, until a test changes wanted. */
static void begin(const char *from)
{
	lp_buf_free(&text);
	text = LP_BUF(LP_BINDING_BYTES);
	CHECK_OK(lp_buf_str(&text, from, &err));
	read_binding(from, &old);
	wanted = old;
}

static enum lp_code change(void)
{
	return lp_release_change(&text, "limpet.yaml", &old, &wanted, &err);
}

static void becomes(const char *to)
{
	CHECK_OK(change());
	CHECK_STR(lp_buf_text(&text), to);
}

static void is_refused_and_stays(const char *from, const char *why)
{
	CHECK_CODE(change(), LP_REJECTED, why);
	CHECK_STR(lp_buf_text(&text), from);
}

static void want_audience(const char *entry)
{
	wanted.audience = (struct audience){.len = 1};
	snprintf(wanted.audience.list[0], LP_AUDIENCE_TEXT, "%s", entry);
}

static void a_number_is_changed_in_its_place_and_comments_stay(void)
{
	begin("# top\n" HEAD "sequence: 9   # raised by limpet\n# below\naudience: [site/a] # x\n");
	wanted.sequence = 10;
	becomes("# top\n" HEAD
		"sequence: 10   # raised by limpet\n# below\naudience: [site/a] # x\n");
}

static void a_quoted_expiry_is_changed_too(void)
{
	begin(HEAD "expires: \"2027-01-31T12:00:00Z\" # a month\n");
	wanted.expires_s++;
	becomes(HEAD "expires: 2027-01-31T12:00:01Z # a month\n");
}

static void what_is_not_there_comes_at_the_end(void)
{
	begin(HEAD "audience: [site/a]");
	wanted.sequence = 1;
	wanted.expires_s = 1801396800;
	becomes(HEAD "audience: [site/a]\nsequence: 1\nexpires: 2027-01-31T12:00:00Z\n");
}

static void lines_that_end_as_windows_has_them_are_changed(void)
{
	begin("apiVersion: limpet.dev/v1\r\nsequence: 9\r\nexpires: 2027-01-31T12:00:00Z\r\n");
	wanted.sequence = 10;
	wanted.expires_s++;
	becomes("apiVersion: limpet.dev/v1\r\nsequence: 10\r\nexpires: 2027-01-31T12:00:01Z\r\n");
}

static void nothing_wanted_changes_nothing(void)
{
	begin("{apiVersion: limpet.dev/v1, sequence: 9}");
	becomes("{apiVersion: limpet.dev/v1, sequence: 9}");
}

static void an_audience_is_changed_in_each_of_its_forms(void)
{
	begin(HEAD "audience:\n- site/a\n- site/b\n# of the release\nsequence: 9\n");
	want_audience("group/x");
	becomes(HEAD "audience:\n- group/x\n# of the release\nsequence: 9\n");
	begin(HEAD "audience:\n  - site/a\n  - site/b\nsequence: 9\n");
	want_audience("group/x");
	becomes(HEAD "audience:\n- group/x\nsequence: 9\n");
	begin(HEAD "audience: [site/a,\n  site/b]\nsequence: 9");
	want_audience("group/x");
	becomes(HEAD "audience:\n- group/x\nsequence: 9");
	begin(HEAD "sequence: 9");
	want_audience("group/x*");
	becomes(HEAD "sequence: 9\naudience:\n- group/x*\n");
	begin(HEAD "audience:\n- site/a");
	want_audience("site/?");
	becomes(HEAD "audience:\n- site/?\n");
}

static void an_audience_with_comments_is_left_to_a_person(void)
{
	static const char from[] = HEAD "audience:\n- site/a # the first\nsequence: 9\n";

	begin(from);
	want_audience("group/x");
	is_refused_and_stays(from, "limpet.yaml: its audience has comments, which would be lost");
}

static void what_cannot_be_changed_by_lines_is_refused_and_stays(void)
{
	static const char *const froms[] = {
		"{apiVersion: limpet.dev/v1, sequence: 9}\n",
		"{\"apiVersion\": \"limpet.dev/v1\",\n\"sequence\": 9}\n",
		HEAD "\"sequence\": 9\n",
		HEAD "? sequence\n: 9\n",
		HEAD "sequence:\n  9\n",
		HEAD "sequence: 9\n...\n",
		" apiVersion: limpet.dev/v1\n sequence: 9\n",
	};

	for (size_t i = 0; i < sizeof(froms) / sizeof(*froms); i++) {
		begin(froms[i]);
		wanted.sequence = 10;
		wanted.expires_s = 1801396800;
		is_refused_and_stays(froms[i], "put each on lines of its own");
	}
}

static void a_file_at_the_limit_does_not_grow_past_it(void)
{
	static char from[LP_BINDING_BYTES + 1];

	memset(from, '#', LP_BINDING_BYTES);
	memcpy(from, "apiVersion: limpet.dev/v1\n", 26);
	begin(from);
	wanted.sequence = 1;
	CHECK(change() == LP_LIMIT);
	CHECK(text.len == LP_BINDING_BYTES);
}

static void a_new_file_says_what_it_was_made_from(void)
{
	LP_AUTO(lp_buf_free) struct buf made = LP_BUF(LP_BINDING_BYTES);
	struct binding back;

	begin(HEAD "audience: [site/a, \"group/*\"]\nsequence: 3\nexpires: 2027-01-31T12:00:00Z\n");
	CHECK_OK(lp_release_new(&old, &made, &err));
	read_binding(lp_buf_text(&made), &back);
	CHECK_STR(back.repo, REPO);
	CHECK(back.audience.len == 2 && back.sequence == 3 && back.expires_s == 1801396800);
	CHECK_STR(back.audience.list[1], "group/*");
	/* and can be changed */
	begin(lp_buf_text(&made));
	wanted.sequence = 4;
	want_audience("site/b");
	CHECK_OK(change());
}

int main(void)
{
	TEST(a_number_is_changed_in_its_place_and_comments_stay);
	TEST(a_quoted_expiry_is_changed_too);
	TEST(what_is_not_there_comes_at_the_end);
	TEST(lines_that_end_as_windows_has_them_are_changed);
	TEST(nothing_wanted_changes_nothing);
	TEST(an_audience_is_changed_in_each_of_its_forms);
	TEST(an_audience_with_comments_is_left_to_a_person);
	TEST(what_cannot_be_changed_by_lines_is_refused_and_stays);
	TEST(a_file_at_the_limit_does_not_grow_past_it);
	TEST(a_new_file_says_what_it_was_made_from);
	lp_buf_free(&text);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/log.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

static char line[8192];
static int saved_stderr, pipe_out;

/* What is written to stderr between the two goes into line. */
static void capture(void)
{
	int fds[2];

	CHECK(pipe(fds) == 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	pipe_out = fds[0];
}

static const char *captured(void)
{
	size_t n = 0;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	for (ssize_t got; (got = read(pipe_out, line + n, sizeof(line) - 1 - n)) > 0;)
		n += (size_t)got;
	close(pipe_out);
	line[n] = '\0';
	return line;
}

static void to_journal(const char *role)
{
	setenv("JOURNAL_STREAM", "8:12345", 1);
	lp_log_setup(LOG_LEVEL_INFO, role);
}

static void the_journal_gets_a_priority_and_logfmt(void)
{
	to_journal("");
	capture();
	lp_log(LOG_LEVEL_INFO, "applied", "source", "site", "objects", "37", NULL);
	CHECK_STR(captured(), "<6>event=applied source=site objects=37\n");
	capture();
	lp_log(LOG_LEVEL_WARN, "refused", NULL);
	lp_log(LOG_LEVEL_ERROR, "lost", NULL);
	CHECK_STR(captured(), "<4>event=refused\n<3>event=lost\n");
}

static void a_terminal_gets_the_time_and_the_level_in_words(void)
{
	unsetenv("JOURNAL_STREAM");
	lp_log_setup(LOG_LEVEL_DEBUG, "");
	capture();
	lp_log(LOG_LEVEL_DEBUG, "poll", "url", "https://git/shop", NULL);
	const char *text = captured();
	CHECK(strlen(text) > 21 && text[4] == '-' && text[10] == 'T' && text[19] == 'Z');
	CHECK_STR(text + 20, " debug event=poll url=https://git/shop\n");
	capture();
	lp_log(LOG_LEVEL_ERROR, "a", NULL);
	CHECK_HAS(captured(), "Z error event=a\n");
	capture();
	lp_log(LOG_LEVEL_WARN, "a", NULL);
	CHECK_HAS(captured(), "Z warn  event=a\n");
}

static void the_role_is_on_each_line(void)
{
	to_journal("fetch");
	capture();
	lp_log(LOG_LEVEL_INFO, "polled", "took", "12ms", NULL);
	CHECK_STR(captured(), "<6>event=polled role=fetch took=12ms\n");
	lp_log_setup(LOG_LEVEL_INFO, "a-role-with-too-long-a-name");
	capture();
	lp_log(LOG_LEVEL_INFO, "polled", NULL);
	CHECK_STR(captured(), "<6>event=polled role=a-role-with-too\n");
}

static void lines_below_the_level_are_not_written(void)
{
	to_journal("");
	CHECK(lp_log_on(LOG_LEVEL_INFO) && !lp_log_on(LOG_LEVEL_DEBUG));
	capture();
	lp_log(LOG_LEVEL_DEBUG, "detail", NULL);
	CHECK_STR(captured(), "");
	lp_log_setup(LOG_LEVEL_ERROR, "");
	CHECK(lp_log_on(LOG_LEVEL_ERROR) && !lp_log_on(LOG_LEVEL_WARN));
	lp_log_setup(LOG_LEVEL_DEBUG, "");
	CHECK(lp_log_on(LOG_LEVEL_DEBUG));
}

static void values_that_could_be_taken_for_something_else_are_quoted(void)
{
	static const struct {
		const char *value, *want;
	} samples[] = {
		{"plain/text:1", "k=plain/text:1"},
		{"two words", "k=\"two words\""},
		{"a=b", "k=\"a=b\""},
		{"say \"hi\"", "k=\"say \\\"hi\\\"\""},
		{"back\\slash", "k=\"back\\\\slash\""},
		{"two\nlines", "k=\"two\\nlines\""},
		{"bell\a", "k=\"bell\\x07\""},
		{"escape\x1b[31m", "k=\"escape\\x1b[31m\""},
		{"delete\x7f", "k=\"delete\\x7f\""},
		{"Zürich", "k=Zürich"},
	};

	to_journal("");
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		char want[100];
		snprintf(want, sizeof(want), "<6>event=e %s after=1\n", samples[i].want);
		capture();
		lp_log(LOG_LEVEL_INFO, "e", "k", samples[i].value, "after", "1", NULL);
		CHECK_STR(captured(), want);
	}
}

static void a_pair_without_a_value_is_left_out(void)
{
	const char *none = NULL;

	to_journal("");
	capture();
	lp_log(LOG_LEVEL_INFO, "e", "a", none, "b", "", "c", "1", NULL);
	CHECK_STR(captured(), "<6>event=e c=1\n");
}

static void a_line_ends_within_2_kib_whatever_the_values(void)
{
	char lengthy[5000];

	to_journal("");
	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	for (size_t n = 0; n < 60; n++) { /* around the end, with and without quotes */
		lengthy[sizeof(lengthy) - 2] = n % 2 ? ' ' : 'x';
		const char *first = lengthy + sizeof(lengthy) - 1 - 1990 - n;
		capture();
		lp_log(LOG_LEVEL_INFO, "e", "a", first, "b", lengthy, "c", "two words", "d", "1",
		       "e", lengthy, NULL);
		const char *text = captured();
		size_t len = strlen(text);
		CHECK(len <= 2048 && text[len - 1] == '\n' && strchr(text, '\n') == text + len - 1);
		const char *dots = strstr(text, "...");
		CHECK(dots && dots - text > 2000);
		int quotes = 0;
		for (const char *at = text; *at; at++)
			quotes += *at == '"';
		CHECK(quotes % 2 == 0);
		CHECK_STR(dots, dots[3] == '"' ? "...\"\n" : "...\n");
	}
}

static void a_value_that_just_fits_is_whole(void)
{
	char value[2020], want[2100];

	to_journal("");
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	snprintf(want, sizeof(want), "<6>event=e a=%s\n", value);
	capture();
	lp_log(LOG_LEVEL_INFO, "e", "a", value, NULL);
	CHECK_STR(captured(), want);
}

int main(void)
{
	TEST(the_journal_gets_a_priority_and_logfmt);
	TEST(a_terminal_gets_the_time_and_the_level_in_words);
	TEST(the_role_is_on_each_line);
	TEST(lines_below_the_level_are_not_written);
	TEST(values_that_could_be_taken_for_something_else_are_quoted);
	TEST(a_pair_without_a_value_is_left_out);
	TEST(a_line_ends_within_2_kib_whatever_the_values);
	TEST(a_value_that_just_fits_is_whole);
	return check_report();
}

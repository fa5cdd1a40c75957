/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/err.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void setting_gives_the_code_back_and_formats_the_text(void)
{
	err.os_errno = 7;
	CHECK(lp_err_set(&err, LP_REJECTED, "%s:%d: a tab", "app.yaml", 3) == LP_REJECTED);
	CHECK(err.code == LP_REJECTED && err.os_errno == 0);
	CHECK_STR(err.msg, "app.yaml:3: a tab");
}

static void an_errno_is_kept_and_put_into_words(void)
{
	char want[LP_ERR_MAX];

	CHECK(lp_err_os(&err, LP_TRANSIENT, ENOSPC, "write %s", "state") == LP_TRANSIENT);
	CHECK(err.code == LP_TRANSIENT && err.os_errno == ENOSPC);
	snprintf(want, sizeof(want), "write state: %s", strerror(ENOSPC));
	CHECK_STR(err.msg, want);
}

static void wrapping_puts_words_in_front_and_keeps_code_and_errno(void)
{
	lp_err_os(&err, LP_CONFIG, EACCES, "open");
	CHECK(lp_err_wrap(&err, "source %s", "site") == LP_CONFIG);
	CHECK(lp_err_wrap(&err, "sync") == LP_CONFIG);
	CHECK(err.os_errno == EACCES);
	CHECK_HAS(err.msg, "sync: source site: open: ");
}

static void wrapping_may_use_the_message_itself(void)
{
	lp_err_set(&err, LP_LIMIT, "too large");
	lp_err_wrap(&err, "%s", "file");
	CHECK_STR(err.msg, "file: too large");
}

static void text_past_the_end_is_cut_and_always_ended(void)
{
	char lengthy[2 * LP_ERR_MAX];

	memset(lengthy, 'x', sizeof(lengthy) - 1);
	lengthy[sizeof(lengthy) - 1] = '\0';
	CHECK(lp_err_set(&err, LP_LIMIT, "%s", lengthy) == LP_LIMIT);
	CHECK(strlen(err.msg) == LP_ERR_MAX - 1);
	CHECK(lp_err_os(&err, LP_LIMIT, EIO, "%s", lengthy) == LP_LIMIT);
	CHECK(strlen(err.msg) == LP_ERR_MAX - 1);
	CHECK(lp_err_wrap(&err, "%s", lengthy) == LP_LIMIT);
	CHECK(strlen(err.msg) == LP_ERR_MAX - 1);
	lp_err_set(&err, LP_LIMIT, "inner");
	lp_err_wrap(&err, "%.*s", LP_ERR_MAX - 5, lengthy);
	CHECK(strlen(err.msg) == LP_ERR_MAX - 1);
	CHECK_HAS(err.msg, "x: in");
}

static void out_of_memory_says_for_what(void)
{
	CHECK(lp_err_nomem(&err, "buffer") == LP_INTERNAL);
	CHECK_STR(err.msg, "buffer: out of memory");
}

static void every_code_has_a_name(void)
{
	static const struct {
		enum lp_code code;
		const char *name;
	} names[] = {
		{LP_OK, "ok"},           {LP_TRANSIENT, "transient"}, {LP_REJECTED, "rejected"},
		{LP_LIMIT, "limit"},     {LP_NOT_FOUND, "not-found"}, {LP_CONFLICT, "conflict"},
		{LP_CORRUPT, "corrupt"}, {LP_CONFIG, "config"},       {LP_INTERNAL, "internal"},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_STR(lp_code_name(names[i].code), names[i].name);
	CHECK_STR(lp_code_name((enum lp_code)99), "unknown");
	CHECK_STR(lp_code_name((enum lp_code) - 1), "unknown");
}

static int calls;

static enum lp_code fail_at(int which)
{
	calls++;
	return calls == which ? lp_err_set(&err, LP_CONFLICT, "call %d", which) : LP_OK;
}

static enum lp_code try_three(int which)
{
	LP_TRY(fail_at(which));
	LP_TRY(fail_at(which));
	return fail_at(which);
}

static void trying_stops_at_the_first_failure(void)
{
	calls = 0;
	CHECK(try_three(2) == LP_CONFLICT && calls == 2);
	CHECK_STR(err.msg, "call 2");
	calls = 0;
	CHECK(try_three(9) == LP_OK && calls == 3);
}

static int freed;

static void note_free(char **text)
{
	freed += *text != NULL;
	free(*text);
}

static char *keep_or_drop(bool keep)
{
	LP_AUTO(note_free) char *text = calloc(1, 8);

	return keep ? LP_STEAL(text) : NULL;
}

static void what_is_stolen_is_not_freed_at_the_end_of_its_scope(void)
{
	freed = 0;
	char *kept = keep_or_drop(true);
	CHECK(kept != NULL && freed == 0);
	free(kept);
	CHECK(keep_or_drop(false) == NULL && freed == 1);
}

static void a_message_is_cut_at_a_whole_character(void)
{
	char many[2 * LP_ERR_MAX] = {0};

	for (size_t i = 0; i + 3 < sizeof(many); i += 3)
		memcpy(many + i, "\xe2\x82\xac", 3);
	for (int shift = 0; shift < 3; shift++) {
		lp_err_set(&err, LP_LIMIT, "%.*s%s", shift, "xx", many);
		size_t n = strlen(err.msg);
		CHECK(n > LP_ERR_MAX - 4 && (n - (size_t)shift) % 3 == 0);
	}
	lp_err_set(&err, LP_LIMIT, "%s", "\xc3\xa9"); /* whole ones stay */
	CHECK_STR(err.msg, "\xc3\xa9");
}

int main(void)
{
	TEST(setting_gives_the_code_back_and_formats_the_text);
	TEST(an_errno_is_kept_and_put_into_words);
	TEST(wrapping_puts_words_in_front_and_keeps_code_and_errno);
	TEST(wrapping_may_use_the_message_itself);
	TEST(text_past_the_end_is_cut_and_always_ended);
	TEST(out_of_memory_says_for_what);
	TEST(every_code_has_a_name);
	TEST(trying_stops_at_the_first_failure);
	TEST(what_is_stolen_is_not_freed_at_the_end_of_its_scope);
	TEST(a_message_is_cut_at_a_whole_character);
	return check_report();
}

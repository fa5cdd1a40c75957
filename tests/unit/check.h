/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_UNIT_CHECK_H
#define LIMPET_TESTS_UNIT_CHECK_H
/*
 * The whole test framework: a test is a function whose name is a sentence,
 * main() runs a table of them, a failed check prints file:line and goes on
 * with the next test.
 *
 *	int main(int argc, char **argv)
 *	{
 *		TEST(an_empty_list_is_refused);
 *		return check_report();
 *	}
 */
#include "platform/err.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

static int check_passed, check_failed;
static jmp_buf check_out;
static struct err err; /* the error of the call under test; cleared before each test */

#define CHECK(condition)                                                                     \
	do {                                                                                 \
		if (!(condition)) {                                                          \
			printf("%s:%d: not true: %s (last error: %s)\n", __FILE__, __LINE__, \
			       #condition, err.msg);                                         \
			longjmp(check_out, 1);                                               \
		}                                                                            \
	} while (0)
#define CHECK_OK(call)  CHECK((call) == LP_OK)
#define CHECK_STR(a, b) CHECK(check_same((a), (b)))
#define CHECK_HAS(a, b) CHECK(check_contains((a), (b)))
#define CHECK_CODE(call, wanted, text)     \
	do {                               \
		CHECK((call) == (wanted)); \
		CHECK_HAS(err.msg, text);  \
	} while (0)
#define TEST(name)                                    \
	do {                                          \
		err = (struct err){0};                \
		if (setjmp(check_out) == 0) {         \
			name();                       \
			check_passed++;               \
		} else {                              \
			printf("FAILED %s\n", #name); \
			check_failed++;               \
		}                                     \
	} while (0)

__attribute__((unused)) static int check_same(const char *a, const char *b)
{
	if (a && b && strcmp(a, b) == 0)
		return 1;
	printf("  have: %s\n  want: %s\n", a ? a : "(null)", b ? b : "(null)");
	return 0;
}

__attribute__((unused)) static int check_contains(const char *a, const char *b)
{
	if (a && b && strstr(a, b))
		return 1;
	printf("  have: %s\n  want in it: %s\n", a ? a : "(null)", b ? b : "(null)");
	return 0;
}

static int check_report(void)
{
	printf("%d passed, %d failed\n", check_passed, check_failed);
	return check_failed || !check_passed;
}
#endif

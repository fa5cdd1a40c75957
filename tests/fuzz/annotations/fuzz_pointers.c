/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a person writes into an annotation as JSON pointers: each lies in the text, behind the
 * one before it, and has nothing of what stands between them; what is joined again reads the same.
 */
#include "agent/pointers.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool condition)
{
	if (!condition)
		__builtin_trap();
}

static bool is_between(uint8_t c)
{
	return c == ',' || c == '\n' || c == ' ' || c == '\t' || c == '\r';
}

/* Whether there is nothing to read from one place of the text to another. */
static bool is_passed_over(const uint8_t *from, const uint8_t *to)
{
	while (from < to && is_between(*from))
		from++;
	return from == to;
}

static void check_pointer(struct slice pointer)
{
	check(pointer.len && !is_between(pointer.data[0]));
	check(!is_between(pointer.data[pointer.len - 1]));
	check(!memchr(pointer.data, ',', pointer.len) && !memchr(pointer.data, '\n', pointer.len));
}

/* What is said to be good can be walked: it begins with '/', and each '~' has its number. */
static void check_good(struct slice pointer)
{
	const char *wrong = lp_pointer_wrong(pointer);

	if (wrong) {
		check(wrong[0] != '\0');
		return;
	}
	check(pointer.len && pointer.data[0] == '/');
	for (size_t i = 0; i < pointer.len; i++) {
		check(pointer.data[i] >= 0x20);
		if (pointer.data[i] == '~')
			check(i + 1 < pointer.len &&
			      (pointer.data[i + 1] == '0' || pointer.data[i + 1] == '1'));
	}
}

/* Reads the text; appends each pointer, with a line end, to joined. */
static void read_all(struct slice text, struct buf *joined)
{
	const uint8_t *behind = text.data;
	struct slice pointer;
	struct err err;
	size_t at = 0;

	while (lp_pointer_next(text, &at, &pointer)) {
		check(pointer.data >= behind && is_passed_over(behind, pointer.data));
		behind = pointer.data + pointer.len;
		check(behind <= text.data + text.len && at <= text.len + 1);
		check_pointer(pointer);
		check_good(pointer);
		check(lp_buf_append(joined, pointer.data, pointer.len, &err) == LP_OK);
		check(lp_buf_byte(joined, '\n', &err) == LP_OK);
	}
	check(is_passed_over(behind, text.data + text.len));
	check(!lp_pointer_next(text, &at, &pointer));
}

static bool is_among(struct slice pointer, struct slice text)
{
	struct slice one;
	size_t at = 0;

	while (lp_pointer_next(text, &at, &one))
		if (one.len == pointer.len && memcmp(one.data, pointer.data, one.len) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a line end for each pointer: one more than there is room for between them */
	LP_AUTO(lp_buf_free) struct buf joined = LP_BUF(size + 1);
	LP_AUTO(lp_buf_free) struct buf again = LP_BUF(size + 1);
	struct slice pointer;
	size_t at = 0;

	if (!size)
		return 0;
	read_all((struct slice){data, size}, &joined);
	if (!joined.len)
		return 0;
	read_all(LP_SLICE_OF(&joined), &again);
	check(again.len == joined.len && memcmp(again.data, joined.data, joined.len) == 0);
	while (lp_pointer_next(LP_SLICE_OF(&joined), &at, &pointer))
		check(is_among(pointer, (struct slice){data, size}));
	return 0;
}

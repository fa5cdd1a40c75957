/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_UNIT_LONGEST_H
#define LIMPET_TESTS_UNIT_LONGEST_H
/*
 * Texts of a message, one by one: the longest that fits its field is taken, and with one byte
 * more, which no sender of ours can write, the message is refused.
 */
#include "platform/wire.h"
#include "tests/unit/check.h"

#include <stddef.h>

/* A text of a struct: where it is and how much room it has, its NUL included. */
struct text_field {
	size_t offset, room, max; /* max: what a limits.h says that room is */
};
#define TEXT_FIELD(type, member, max)                                                    \
	{                                                                                \
		offsetof(struct type, member), sizeof(((struct type *)0)->member), (max) \
	}

/* How a message gets into a frame and out of it. */
struct text_message {
	char *fields; /* of the struct that put writes */
	void (*put)(struct wire_writer *w);
	void (*take)(struct wire_reader *r);
};

/* Makes the text of n bytes 'z' in frame one byte longer, and the length in front of it. */
static void longest_grow(struct buf *frame, size_t n)
{
	const uint8_t length[] = {(uint8_t)n, (uint8_t)(n >> 8), 0, 0, 'z', 'z'};
	uint8_t *at = memmem(frame->data, frame->len, length, sizeof(length));

	CHECK(at != NULL);
	size_t behind = (size_t)(frame->data + frame->len - at);
	CHECK_OK(lp_buf_byte(frame, 0, &err));
	at = frame->data + frame->len - 1 - behind;
	memmove(at + 5, at + 4, behind - 4);
	at[0] = (uint8_t)(n + 1);
	at[1] = (uint8_t)((n + 1) >> 8);
}

static bool longest_taken(const struct text_message *m, size_t n, bool grow)
{
	LP_AUTO(lp_buf_free) struct buf frame = LP_BUF(LP_FRAME_MAX + 16);
	struct wire_writer w;

	lp_wire_begin(&w, &frame, 1);
	m->put(&w);
	CHECK_OK(lp_wire_end(&w, &err));
	if (grow)
		longest_grow(&frame, n);
	struct wire_reader r = {.type = 1, .at = frame.data + 6, .end = frame.data + frame.len};
	m->take(&r);
	return lp_wire_done(&r, "message", &err) == LP_OK;
}

static void check_longest(const struct text_message *m, const struct text_field *fields, size_t n)
{
	CHECK(longest_taken(m, 0, false));
	for (size_t i = 0; i < n; i++) {
		char *text = m->fields + fields[i].offset, before[4096];
		CHECK(fields[i].room == fields[i].max && fields[i].room <= sizeof(before));
		memcpy(before, text, fields[i].room);
		memset(text, 'z', fields[i].room - 1);
		text[fields[i].room - 1] = '\0';
		bool whole = longest_taken(m, fields[i].room - 1, false);
		bool longer = longest_taken(m, fields[i].room - 1, true);
		memcpy(text, before, fields[i].room);
		if (!whole || longer)
			printf("field %zu:\n", i);
		CHECK(whole && !longer);
		CHECK_HAS(err.msg, "missing or too long");
	}
}
#endif

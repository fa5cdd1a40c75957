/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_BUF_H
#define LIMPET_PLATFORM_BUF_H
/*
 * A growable run of bytes with a ceiling that is given when it is made, and
 * a borrowed run of bytes. After a refused append the buffer is as before.
 */
#include "platform/err.h"

struct buf {
	uint8_t *data; /* owned; always NUL-terminated after the first append */
	size_t len;    /* bytes in use, without that NUL */
	size_t cap;
	size_t max; /* the ceiling for len; 0 means nothing can be appended */
};

/* A run of bytes that somebody else owns. */
struct slice {
	const uint8_t *data;
	size_t len;
};

#define LP_BUF(ceiling)     ((struct buf){.max = (ceiling)})
#define LP_SLICE(literal)   ((struct slice){(const uint8_t *)(literal), sizeof(literal) - 1})
#define LP_SLICE_OF(buffer) ((struct slice){(buffer)->data, (buffer)->len})

/* Frees what b holds and leaves it empty with the same ceiling; NULL and {0} are fine. */
void lp_buf_free(struct buf *b);

/* Empties b and keeps its memory. */
void lp_buf_clear(struct buf *b);

/* Makes room for n more bytes. LP_LIMIT past the ceiling, LP_INTERNAL out of memory. */
LP_CHECKED enum lp_code lp_buf_reserve(struct buf *b, size_t n, struct err *err);

/* Appends n bytes (copied). Errors as lp_buf_reserve. */
LP_CHECKED enum lp_code lp_buf_append(struct buf *b, const void *data, size_t n, struct err *err);
LP_CHECKED enum lp_code lp_buf_str(struct buf *b, const char *text, struct err *err);
LP_CHECKED enum lp_code lp_buf_byte(struct buf *b, uint8_t byte, struct err *err);
LP_CHECKED enum lp_code lp_buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
	LP_PRINTF(3, 4);

/* Drops the first n bytes (n <= len) and moves the rest to the front. */
void lp_buf_consume(struct buf *b, size_t n);

/* The content as a C string: never NULL, "" when empty. Borrowed until the next change. */
const char *lp_buf_text(const struct buf *b);

/* Whether a has the same bytes as b, as text, or begins with prefix (both without their NUL). */
bool lp_slice_equal(struct slice a, struct slice b);
bool lp_slice_is(struct slice a, const char *text);
bool lp_slice_starts(struct slice a, const char *prefix);

/*
 * Copies text into the array to (size bytes with the NUL). LP_LIMIT when it
 * does not fit: nothing is cut silently; to then holds "".
 */
LP_CHECKED enum lp_code lp_copy(char *to, size_t size, const char *text, struct err *err);

/* Writes n bytes as 2n lower-case hex digits and a NUL into to (at least 2n+1 bytes). */
void lp_hex(const uint8_t *data, size_t n, char *to);

/* Reads exactly 2n lower-case hex digits; false when text is anything else. */
bool lp_unhex(const char *text, size_t text_len, uint8_t *to, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lp_buf_free(struct buf *b)
{
	if (!b)
		return;
	free(b->data);
	*b = LP_BUF(b->max);
}

void lp_buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

enum lp_code lp_buf_reserve(struct buf *b, size_t n, struct err *err)
{
	if (n > b->max || b->len > b->max - n)
		return lp_err_set(err, LP_LIMIT, "more than %zu bytes", b->max);
	size_t need = b->len + n + 1;
	if (need <= b->cap)
		return LP_OK;

	size_t cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap += cap / 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	uint8_t *data = realloc(b->data, cap);
	if (!data)
		return lp_err_nomem(err, "buffer");
	b->data = data;
	b->cap = cap;
	return LP_OK;
}

enum lp_code lp_buf_append(struct buf *b, const void *data, size_t n, struct err *err)
{
	LP_TRY(lp_buf_reserve(b, n, err));
	if (n)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = '\0';
	return LP_OK;
}

enum lp_code lp_buf_str(struct buf *b, const char *text, struct err *err)
{
	return lp_buf_append(b, text, strlen(text), err);
}

enum lp_code lp_buf_byte(struct buf *b, uint8_t byte, struct err *err)
{
	return lp_buf_append(b, &byte, 1, err);
}

enum lp_code lp_buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return lp_err_set(err, LP_INTERNAL, "format: %s", fmt);
	LP_TRY(lp_buf_reserve(b, (size_t)n, err));
	va_start(args, fmt);
	vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, args);
	va_end(args);
	b->len += (size_t)n;
	return LP_OK;
}

void lp_buf_consume(struct buf *b, size_t n)
{
	if (!n)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len + 1);
}

const char *lp_buf_text(const struct buf *b)
{
	return b->data ? (const char *)b->data : "";
}

bool lp_slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool lp_slice_is(struct slice a, const char *text)
{
	return lp_slice_equal(a, (struct slice){(const uint8_t *)text, strlen(text)});
}

bool lp_slice_starts(struct slice a, const char *prefix)
{
	size_t n = strlen(prefix);
	return a.len >= n && memcmp(a.data, prefix, n) == 0;
}

enum lp_code lp_copy(char *to, size_t size, const char *text, struct err *err)
{
	size_t n = strlen(text);

	to[0] = '\0';
	if (n >= size)
		return lp_err_set(err, LP_LIMIT, "\"%.40s...\" is longer than %zu bytes", text,
				  size - 1);
	memcpy(to, text, n + 1);
	return LP_OK;
}

void lp_hex(const uint8_t *data, size_t n, char *to)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*to++ = digits[data[i] >> 4];
		*to++ = digits[data[i] & 15];
	}
	*to = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool lp_unhex(const char *text, size_t text_len, uint8_t *to, size_t n)
{
	if (text_len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

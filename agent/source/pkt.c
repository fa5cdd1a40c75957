/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/pkt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LENGTH_BYTES 4

void lp_pkt_free(struct pkt_reader *reader)
{
	lp_buf_free(&reader->partial);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The length that four digits say: 0 to 2 for the special ones, otherwise what the line takes. */
static enum lp_code parse_length(const uint8_t *digits, size_t *ret, struct err *err)
{
	size_t length = 0;
	for (int i = 0; i < LENGTH_BYTES; i++) {
		int digit = hex_digit(digits[i]);
		if (digit < 0)
			return lp_err_set(err, LP_REJECTED,
					  "the answer is not in Git's protocol (no pkt-line)");
		length = length * 16 + (size_t)digit;
	}
	if (length == 3 || length > LP_PKT_BYTES)
		return lp_err_set(err, LP_REJECTED, "a pkt-line of %zu bytes", length);
	*ret = length;
	return LP_OK;
}

static enum lp_code visit_line(const uint8_t *line, size_t length, pkt_visit *visit, void *ctx,
			       struct err *err)
{
	static const enum pkt_kind special[] = {PKT_FLUSH, PKT_DELIM, PKT_END};
	struct pkt pkt = {.kind = PKT_DATA};
	if (length < LENGTH_BYTES)
		pkt.kind = special[length];
	else
		pkt.data = (struct slice){line + LENGTH_BYTES, length - LENGTH_BYTES};
	return visit(ctx, &pkt, err);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Completes the line that began in an earlier piece, as far as data goes; *ret_used of it. */
static enum lp_code feed_partial(struct pkt_reader *reader, const uint8_t *data, size_t n,
				 pkt_visit *visit, void *ctx, size_t *ret_used, struct err *err)
{
	struct buf *partial = &reader->partial;
	size_t length = 0, used = 0;
	if (partial->len < LENGTH_BYTES) {
		used = smaller(n, LENGTH_BYTES - partial->len);
		LP_TRY(lp_buf_append(partial, data, used, err));
	}
	*ret_used = used;
	if (partial->len < LENGTH_BYTES)
		return LP_OK;
	LP_TRY(parse_length(partial->data, &length, err));
	if (length > partial->len) {
		size_t more = smaller(n - used, length - partial->len);
		LP_TRY(lp_buf_append(partial, data + used, more, err));
		*ret_used = used + more;
	}
	if (length > partial->len)
		return LP_OK;
	LP_TRY(visit_line(partial->data, length, visit, ctx, err));
	lp_buf_clear(partial);
	return LP_OK;
}

enum lp_code lp_pkt_feed(struct pkt_reader *reader, const uint8_t *data, size_t n, pkt_visit *visit,
			 void *ctx, struct err *err)
{
	while (n > 0) {
		size_t used = 0, length = SIZE_MAX;
		if (reader->partial.len == 0 && n >= LENGTH_BYTES)
			LP_TRY(parse_length(data, &length, err));
		if (length <= n) { /* a whole line: no need to copy it */
			LP_TRY(visit_line(data, length, visit, ctx, err));
			used = length < LENGTH_BYTES ? LENGTH_BYTES : length;
		} else {
			LP_TRY(feed_partial(reader, data, n, visit, ctx, &used, err));
		}
		data += used;
		n -= used;
	}
	return LP_OK;
}

enum lp_code lp_pkt_finish(const struct pkt_reader *reader, struct err *err)
{
	if (reader->partial.len)
		return lp_err_set(err, LP_TRANSIENT, "the answer was cut short");
	return LP_OK;
}

struct slice lp_pkt_line(const struct pkt *pkt)
{
	struct slice line = pkt->data;
	if (line.len && line.data[line.len - 1] == '\n')
		line.len--;
	return line;
}

enum lp_code lp_pkt_put(struct buf *to, struct err *err, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text))
		return lp_err_set(err, LP_LIMIT, "a line of a request is longer than %zu bytes",
				  sizeof(text) - 1);
	return lp_buf_printf(to, err, "%04x%s\n", (unsigned)n + LENGTH_BYTES + 1, text);
}

enum lp_code lp_pkt_put_flush(struct buf *to, struct err *err)
{
	return lp_buf_str(to, "0000", err);
}

enum lp_code lp_pkt_put_delim(struct buf *to, struct err *err)
{
	return lp_buf_str(to, "0001", err);
}

const char *lp_remote_text(struct slice said, char *to, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < said.len && n + 1 < size; i++) {
		bool printable = said.data[i] > ' ' && said.data[i] < 0x7f;
		if (printable || (n && to[n - 1] != ' '))
			to[n++] = (char)(printable ? said.data[i] : ' ');
	}
	while (n && to[n - 1] == ' ')
		n--;
	to[n] = 0;
	return to;
}

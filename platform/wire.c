/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/wire.h"

#include "platform/clock.h"
#include "platform/fs.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define LENGTH_BYTES 4u
#define TYPE_BYTES   2u
#define READ_BYTES   (64u * LP_KIB) /* at a time, so that one channel cannot hold up a loop */
#define KEEP_BYTES   (64u * LP_KIB) /* an empty buffer larger than this is given back */

static void put_number(uint8_t *to, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t take_number(const uint8_t *from, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value |= (uint64_t)from[i] << (8 * i);
	return value;
}

/* --- writing --- */

static void put(struct wire_writer *w, const void *data, size_t n)
{
	if (w->err.code == LP_OK)
		w->err.code = lp_buf_append(w->out, data, n, &w->err);
}

static void put_value(struct wire_writer *w, uint64_t value, size_t n)
{
	uint8_t bytes[8];

	put_number(bytes, value, n);
	put(w, bytes, n);
}

void lp_wire_begin(struct wire_writer *w, struct buf *out, uint16_t type)
{
	w->out = out;
	w->start = out->len;
	w->err.code = LP_OK;
	put_value(w, 0, LENGTH_BYTES);
	put_value(w, type, TYPE_BYTES);
}

void lp_wire_put_u8(struct wire_writer *w, uint8_t value)
{
	put_value(w, value, 1);
}

void lp_wire_put_u32(struct wire_writer *w, uint32_t value)
{
	put_value(w, value, 4);
}

void lp_wire_put_u64(struct wire_writer *w, uint64_t value)
{
	put_value(w, value, 8);
}

void lp_wire_put_i64(struct wire_writer *w, int64_t value)
{
	put_value(w, (uint64_t)value, 8);
}

void lp_wire_put_str(struct wire_writer *w, const char *text)
{
	lp_wire_put_bytes(w, text, text ? strlen(text) : 0);
}

void lp_wire_put_bytes(struct wire_writer *w, const void *data, size_t n)
{
	if (n > LP_FRAME_MAX && w->err.code == LP_OK)
		lp_err_set(&w->err, LP_LIMIT, "more than %u bytes", LP_FRAME_MAX);
	put_value(w, n, 4);
	put(w, data, n);
}

enum lp_code lp_wire_end(struct wire_writer *w, struct err *err)
{
	size_t n = w->out->len - w->start;

	if (w->err.code == LP_OK && n - LENGTH_BYTES > LP_FRAME_MAX)
		lp_err_set(&w->err, LP_LIMIT, "more than %u bytes", LP_FRAME_MAX);
	if (w->err.code == LP_OK) {
		put_number(w->out->data + w->start, n - LENGTH_BYTES, LENGTH_BYTES);
		return LP_OK;
	}
	w->out->len = w->start;
	if (w->out->data)
		w->out->data[w->start] = '\0';
	*err = w->err;
	return lp_err_wrap(err, "message to a role");
}

/* --- reading --- */

/* The next n bytes, or NULL when the frame ends before them. */
static const uint8_t *take(struct wire_reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->bad || n > (size_t)(r->end - r->at)) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	return at;
}

static uint64_t take_value(struct wire_reader *r, size_t n)
{
	const uint8_t *at = take(r, n);
	return at ? take_number(at, n) : 0;
}

uint8_t lp_wire_u8(struct wire_reader *r)
{
	return (uint8_t)take_value(r, 1);
}

uint32_t lp_wire_u32(struct wire_reader *r)
{
	return (uint32_t)take_value(r, 4);
}

uint64_t lp_wire_u64(struct wire_reader *r)
{
	return take_value(r, 8);
}

int64_t lp_wire_i64(struct wire_reader *r)
{
	return (int64_t)take_value(r, 8);
}

void lp_wire_str(struct wire_reader *r, char *to, size_t size)
{
	struct slice text = lp_wire_slice(r);

	to[0] = '\0';
	if (r->bad || text.len >= size || (text.len && memchr(text.data, '\0', text.len))) {
		r->bad = true;
		return;
	}
	if (text.len)
		memcpy(to, text.data, text.len);
	to[text.len] = '\0';
}

void lp_wire_bytes(struct wire_reader *r, void *to, size_t n)
{
	struct slice bytes = lp_wire_slice(r);

	if (bytes.len != n)
		r->bad = true;
	if (r->bad)
		memset(to, 0, n);
	else if (n)
		memcpy(to, bytes.data, n);
}

struct slice lp_wire_slice(struct wire_reader *r)
{
	uint32_t n = lp_wire_u32(r);
	const uint8_t *at = take(r, n);

	return at ? (struct slice){at, n} : (struct slice){(const uint8_t *)"", 0};
}

enum lp_code lp_wire_done(const struct wire_reader *r, const char *what, struct err *err)
{
	if (r->bad)
		return lp_err_set(err, LP_REJECTED,
				  "%s: message %u has a field that is missing or too long", what,
				  r->type);
	if (r->at != r->end)
		return lp_err_set(err, LP_REJECTED, "%s: message %u has %zu bytes too many", what,
				  r->type, (size_t)(r->end - r->at));
	return LP_OK;
}

/* --- channels --- */

void lp_channel_open(struct channel *ch, int fd, size_t frame_max)
{
	size_t frame = LENGTH_BYTES + frame_max;

	*ch = (struct channel){
		.fd = fd, .in = LP_BUF(frame + READ_BYTES), .out = LP_BUF(2 * frame)};
}

void lp_channel_close(struct channel *ch)
{
	lp_close(&ch->fd);
	lp_buf_free(&ch->in);
	lp_buf_free(&ch->out);
	ch->taken = 0;
}

static size_t frame_max(const struct channel *ch)
{
	return ch->in.max - READ_BYTES - LENGTH_BYTES;
}

/* A role that idles should not hold the memory of its largest message. */
static void empty(struct buf *b)
{
	if (b->cap > KEEP_BYTES)
		lp_buf_free(b);
	else
		lp_buf_clear(b);
}

static void drop_taken(struct channel *ch)
{
	if (ch->taken == ch->in.len)
		empty(&ch->in);
	else
		lp_buf_consume(&ch->in, ch->taken);
	ch->taken = 0;
}

/* Waits until the descriptor is ready for events. LP_TRANSIENT past until_ms (-1: never). */
static enum lp_code await(const struct channel *ch, short events, int64_t until_ms, struct err *err)
{
	for (;;) {
		int64_t left_ms = until_ms < 0 ? -1 : until_ms - lp_boot_ms();
		if (until_ms >= 0 && left_ms < 0)
			left_ms = 0;
		struct pollfd p = {.fd = ch->fd, .events = events};
		int n = poll(&p, 1, left_ms > 60000 ? 60000 : (int)left_ms);
		if (n > 0)
			return LP_OK;
		if (n < 0 && errno != EINTR)
			return lp_err_os(err, LP_TRANSIENT, errno, "wait for the other role");
		if (n == 0 && until_ms >= 0 && lp_boot_ms() >= until_ms)
			return lp_err_set(err, LP_TRANSIENT,
					  "the other role did not answer in time");
	}
}

enum lp_code lp_channel_drain(struct channel *ch, size_t *ret_left, struct err *err)
{
	size_t sent = 0;
	enum lp_code code = LP_OK;

	while (sent < ch->out.len) {
		ssize_t n = send(ch->fd, ch->out.data + sent, ch->out.len - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				code = lp_err_os(err, LP_TRANSIENT, errno,
						 "send to the other role");
			break;
		}
		sent += (size_t)n;
	}
	if (sent == ch->out.len)
		empty(&ch->out);
	else
		lp_buf_consume(&ch->out, sent);
	*ret_left = ch->out.len;
	return code;
}

enum lp_code lp_channel_flush(struct channel *ch, struct err *err)
{
	size_t left;

	for (;;) {
		LP_TRY(lp_channel_drain(ch, &left, err));
		if (!left)
			return LP_OK;
		LP_TRY(await(ch, POLLOUT, -1, err));
	}
}

enum lp_code lp_channel_fill(struct channel *ch, bool *ret_closed, struct err *err)
{
	*ret_closed = false;
	drop_taken(ch);
	for (size_t got = 0; got < READ_BYTES;) {
		size_t room = READ_BYTES - got < 4096 ? READ_BYTES - got : 4096;
		if (lp_buf_reserve(&ch->in, room, err) != LP_OK)
			return lp_err_wrap(err, "messages that nobody took");
		ssize_t n = recv(ch->fd, ch->in.data + ch->in.len, room, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return LP_OK;
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			*ret_closed = true;
			return LP_OK;
		}
		if (n < 0)
			return lp_err_os(err, LP_TRANSIENT, errno, "receive from the other role");
		ch->in.len += (size_t)n;
		ch->in.data[ch->in.len] = '\0';
		got += (size_t)n;
	}
	return LP_OK;
}

enum lp_code lp_channel_next(struct channel *ch, bool *ret_found, struct wire_reader *ret,
			     struct err *err)
{
	size_t left = ch->in.len - ch->taken;

	*ret_found = false;
	if (left < LENGTH_BYTES)
		return LP_OK;
	const uint8_t *at = ch->in.data + ch->taken;
	size_t n = (size_t)take_number(at, LENGTH_BYTES);
	if (n < TYPE_BYTES || n > frame_max(ch))
		return lp_err_set(err, LP_REJECTED, "a message of %zu bytes; %u to %zu are allowed",
				  n, TYPE_BYTES, frame_max(ch));
	if (left - LENGTH_BYTES < n)
		return LP_OK;
	at += LENGTH_BYTES;
	*ret = (struct wire_reader){.type = (uint16_t)take_number(at, TYPE_BYTES),
				    .at = at + TYPE_BYTES,
				    .end = at + n};
	ch->taken += LENGTH_BYTES + n;
	*ret_found = true;
	return LP_OK;
}

enum lp_code lp_channel_receive(struct channel *ch, int64_t timeout_ms, struct wire_reader *ret,
				struct err *err)
{
	int64_t until_ms = timeout_ms < 0 ? -1 : lp_boot_ms() + timeout_ms;
	bool found, closed = false;

	for (;;) {
		LP_TRY(lp_channel_next(ch, &found, ret, err));
		if (found)
			return LP_OK;
		if (closed)
			break;
		LP_TRY(await(ch, POLLIN, until_ms, err));
		LP_TRY(lp_channel_fill(ch, &closed, err));
	}
	if (ch->in.len > ch->taken)
		return lp_err_set(err, LP_TRANSIENT,
				  "the other role ended in the middle of a message");
	return lp_err_set(err, LP_NOT_FOUND, "the other role has ended");
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_WIRE_H
#define LIMPET_PLATFORM_WIRE_H
/*
 * Messages between roles: length-prefixed, bounded, parsed as hostile, because
 * the other end has parsed what a stranger wrote.
 *
 *	frame   = u32 length of what follows, u16 type, fields
 *	u16..u64 little endian; str and bytes = u32 length, bytes
 *
 * A struct that crosses has one function that puts its fields and one that
 * takes them in the same order; both ends are the same binary, so there is no
 * version. Writing appends to a struct buf whose ceiling bounds the frame.
 */
#include "platform/buf.h"
#include "platform/limits.h"

#define LP_FRAME_MAX (LP_OBJECT_BYTES + 16u * LP_KIB) /* one object and its key */

/* --- writing: begin, put..., end. An error sticks: only lp_wire_end reports it. --- */
struct wire_writer {
	struct buf *out;
	size_t start; /* of the frame in out */
	struct err err;
};
void lp_wire_begin(struct wire_writer *w, struct buf *out, uint16_t type);
void lp_wire_put_u8(struct wire_writer *w, uint8_t value);
void lp_wire_put_u32(struct wire_writer *w, uint32_t value);
void lp_wire_put_u64(struct wire_writer *w, uint64_t value);
void lp_wire_put_i64(struct wire_writer *w, int64_t value);
void lp_wire_put_str(struct wire_writer *w, const char *text); /* NULL is "" */
void lp_wire_put_bytes(struct wire_writer *w, const void *data, size_t n);
/* Completes the frame. LP_LIMIT past the ceiling; out is then as before lp_wire_begin. */
LP_CHECKED enum lp_code lp_wire_end(struct wire_writer *w, struct err *err);

/* --- reading: a field that is not there or too long makes the reader bad and yields 0 or "" --- */
struct wire_reader {
	uint16_t type;
	const uint8_t *at, *end;
	bool bad;
};
uint8_t lp_wire_u8(struct wire_reader *r);
uint32_t lp_wire_u32(struct wire_reader *r);
uint64_t lp_wire_u64(struct wire_reader *r);
int64_t lp_wire_i64(struct wire_reader *r);
/* Copies a string without NULs into to (size with its NUL). */
void lp_wire_str(struct wire_reader *r, char *to, size_t size);
/* Exactly n bytes, as put with lp_wire_put_bytes. */
void lp_wire_bytes(struct wire_reader *r, void *to, size_t n);
/* A run of bytes inside the frame; borrowed until the next frame is read. */
struct slice lp_wire_slice(struct wire_reader *r);
/* LP_OK when every field was good and nothing is left over; LP_REJECTED names what. */
LP_CHECKED enum lp_code lp_wire_done(const struct wire_reader *r, const char *what,
				     struct err *err);

/* --- a channel: one end of a stream socket between two roles --- */
struct channel {
	int fd; /* owned; -1 closed */
	struct buf in;
	size_t taken; /* bytes of in that the frames returned by lp_channel_next used */
	struct buf out;
};
/* Takes over fd. Frames of more than frame_max bytes are refused. */
void lp_channel_open(struct channel *ch, int fd, size_t frame_max);
void lp_channel_close(struct channel *ch); /* for LP_AUTO; {.fd = -1} is fine */

/*
 * Sends the frames in ch->out, waiting until all is written (blocking descriptor).
 * LP_TRANSIENT when the other end is gone.
 */
LP_CHECKED enum lp_code lp_channel_flush(struct channel *ch, struct err *err);

/*
 * Waits for the next frame at most timeout_ms (-1: for ever). LP_NOT_FOUND: the other end closed
 * it in order; LP_TRANSIENT: timeout or error; LP_REJECTED: not a frame, or too long.
 */
LP_CHECKED enum lp_code lp_channel_receive(struct channel *ch, int64_t timeout_ms,
					   struct wire_reader *ret, struct err *err);

/*
 * For a non-blocking descriptor in an event loop. Fill reads what is there (at most 64 KiB at a
 * time); *ret_closed when the other end is gone. Next takes one whole frame out of what was
 * read; false when there is none yet. Drain writes what the socket takes; *ret_left is what
 * remains in out.
 */
LP_CHECKED enum lp_code lp_channel_fill(struct channel *ch, bool *ret_closed, struct err *err);
LP_CHECKED enum lp_code lp_channel_next(struct channel *ch, bool *ret_found,
					struct wire_reader *ret, struct err *err);
LP_CHECKED enum lp_code lp_channel_drain(struct channel *ch, size_t *ret_left, struct err *err);
#endif

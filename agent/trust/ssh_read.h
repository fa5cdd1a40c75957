/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_SSH_READ_H
#define LIMPET_AGENT_TRUST_SSH_READ_H
/*
 * SSH's wire format (RFC 4251, 5), read from front to end. What is taken borrows
 * from the bytes that are read: nothing here allocates, whatever a length says.
 */
#include "platform/buf.h"

/* What is left to read. */
struct ssh_reader {
	const uint8_t *data;
	size_t len;
};

#define LP_SSH_READER(slice) ((struct ssh_reader){(slice).data, (slice).len})

/* Each takes one item from the front; false, with nothing promised of *ret, when it is not there.
 */
bool lp_ssh_take_bytes(struct ssh_reader *r, size_t n, struct slice *ret);
bool lp_ssh_take_u8(struct ssh_reader *r, uint8_t *ret);
bool lp_ssh_take_u32(struct ssh_reader *r, uint32_t *ret);
bool lp_ssh_take_u64(struct ssh_reader *r, uint64_t *ret);

/* A length of 32 bits and as many bytes. */
bool lp_ssh_take_string(struct ssh_reader *r, struct slice *ret);

/* A string without a NUL: whoever reads it as C text reads all of it. */
bool lp_ssh_take_text(struct ssh_reader *r, struct slice *ret);

/* A positive number in its one spelling, without the zero that may stand in front. */
bool lp_ssh_take_positive(struct ssh_reader *r, struct slice *ret);

/* Writes text as a string of the format; the room is the caller's to know. Returns its end. */
uint8_t *lp_ssh_put_string(uint8_t *to, struct slice text);
#endif

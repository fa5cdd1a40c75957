/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile role could send: the bytes of a channel, read as frames of every kind of field. */
#include "platform/wire.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void take_all(struct wire_reader *r)
{
	struct err err;
	char text[32];
	uint8_t digest[32];

	while (!r->bad && r->at < r->end) {
		switch (lp_wire_u8(r) % 6) {
		case 0:
			lp_wire_u32(r);
			break;
		case 1:
			lp_wire_u64(r);
			break;
		case 2:
			lp_wire_i64(r);
			break;
		case 3:
			lp_wire_str(r, text, sizeof(text));
			if (strlen(text) >= sizeof(text))
				abort();
			break;
		case 4:
			lp_wire_bytes(r, digest, sizeof(digest));
			break;
		default: {
			struct slice body = lp_wire_slice(r);
			volatile uint8_t sum = 0;
			for (size_t i = 0; i < body.len; i++)
				sum = (uint8_t)(sum + body.data[i]);
		}
		}
	}
	if (lp_wire_done(r, "fuzz", &err) == LP_OK && r->at != r->end)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct channel ch;
	struct wire_reader r;
	struct err err;
	int fds[2];

	if (size > 32768 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0)
		return 0;
	lp_channel_open(&ch, fds[0], 4096);
	if (write(fds[1], data, size) != (ssize_t)size)
		abort();
	close(fds[1]);
	while (lp_channel_receive(&ch, 0, &r, &err) == LP_OK)
		take_all(&r);
	lp_channel_close(&ch);
	return 0;
}

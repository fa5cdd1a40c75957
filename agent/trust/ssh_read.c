/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/ssh_read.h"

#include <string.h>

bool lp_ssh_take_bytes(struct ssh_reader *r, size_t n, struct slice *ret)
{
	if (n > r->len)
		return false;
	*ret = (struct slice){r->data, n};
	r->data += n;
	r->len -= n;
	return true;
}

/* Takes a number of so many bytes, the highest first. */
static bool take_number(struct ssh_reader *r, size_t bytes, uint64_t *ret)
{
	struct slice b;

	if (!lp_ssh_take_bytes(r, bytes, &b))
		return false;
	*ret = 0;
	for (size_t i = 0; i < bytes; i++)
		*ret = *ret << 8 | b.data[i];
	return true;
}

bool lp_ssh_take_u8(struct ssh_reader *r, uint8_t *ret)
{
	uint64_t value;

	if (!take_number(r, 1, &value))
		return false;
	*ret = (uint8_t)value;
	return true;
}

bool lp_ssh_take_u32(struct ssh_reader *r, uint32_t *ret)
{
	uint64_t value;

	if (!take_number(r, 4, &value))
		return false;
	*ret = (uint32_t)value;
	return true;
}

bool lp_ssh_take_u64(struct ssh_reader *r, uint64_t *ret)
{
	return take_number(r, 8, ret);
}

bool lp_ssh_take_string(struct ssh_reader *r, struct slice *ret)
{
	uint32_t n;

	return lp_ssh_take_u32(r, &n) && lp_ssh_take_bytes(r, n, ret);
}

bool lp_ssh_take_text(struct ssh_reader *r, struct slice *ret)
{
	struct ssh_reader before = *r;

	if (!lp_ssh_take_string(r, ret))
		return false;
	if (!ret->len || !memchr(ret->data, '\0', ret->len))
		return true;
	*r = before; /* what is not taken is still there for who asks what is left */
	return false;
}

bool lp_ssh_take_positive(struct ssh_reader *r, struct slice *ret)
{
	if (!lp_ssh_take_string(r, ret) || ret->len == 0)
		return false;
	if (ret->data[0] & 0x80)
		return false;
	if (ret->data[0] != 0)
		return true;
	if (ret->len < 2 || !(ret->data[1] & 0x80))
		return false;
	ret->data++;
	ret->len--;
	return true;
}

uint8_t *lp_ssh_put_string(uint8_t *to, struct slice text)
{
	*to++ = (uint8_t)(text.len >> 24);
	*to++ = (uint8_t)(text.len >> 16);
	*to++ = (uint8_t)(text.len >> 8);
	*to++ = (uint8_t)text.len;
	if (text.len)
		memcpy(to, text.data, text.len);
	return to + text.len;
}

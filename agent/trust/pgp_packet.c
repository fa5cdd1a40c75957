/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/pgp_packet.h"

bool lp_pgp_take(struct slice *from, size_t n, struct slice *ret)
{
	if (n > from->len)
		return false;
	*ret = (struct slice){from->data, n};
	from->data += n;
	from->len -= n;
	return true;
}

/* A number of n bytes, the highest first. */
static bool take_number(struct slice *from, size_t n, uint32_t *ret)
{
	struct slice bytes;

	if (!lp_pgp_take(from, n, &bytes))
		return false;
	*ret = 0;
	for (size_t i = 0; i < n; i++)
		*ret = *ret << 8 | bytes.data[i];
	return true;
}

static bool take_unsigned(struct slice *from, size_t n, unsigned *ret)
{
	uint32_t number;

	if (!take_number(from, n, &number))
		return false;
	*ret = number;
	return true;
}

bool lp_pgp_take_u8(struct slice *from, unsigned *ret)
{
	return take_unsigned(from, 1, ret);
}

bool lp_pgp_take_u16(struct slice *from, unsigned *ret)
{
	return take_unsigned(from, 2, ret);
}

bool lp_pgp_take_u32(struct slice *from, uint32_t *ret)
{
	return take_number(from, 4, ret);
}

bool lp_pgp_take_mpi(struct slice *from, struct slice *ret)
{
	struct slice rest = *from;
	unsigned bits;

	if (!lp_pgp_take_u16(&rest, &bits) || bits == 0 || !lp_pgp_take(&rest, (bits + 7) / 8, ret))
		return false;
	if (ret->data[0] >> ((bits - 1) % 8) != 1)
		return false;
	*from = rest;
	return true;
}

/* The lengths of the new format, which subpackets have too: one byte, two, or five. */
static bool take_new_length(struct slice *from, bool strict, bool partial, uint32_t *ret)
{
	unsigned first, second;

	if (!lp_pgp_take_u8(from, &first))
		return false;
	*ret = first;
	if (first < 192)
		return true;
	if (first == 255)
		return lp_pgp_take_u32(from, ret) && (!strict || *ret >= (partial ? 8384 : 16320));
	if ((partial && first >= 224) || !lp_pgp_take_u8(from, &second))
		return false;
	*ret = ((first - 192) << 8) + second + 192;
	return true;
}

/* The old format: the two lowest bits of the first byte say how many there are of length. */
static bool take_old_length(struct slice *from, bool strict, unsigned kind, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0x100, 0x10000};

	if (kind == 3) /* whatever follows: two readers could differ on where it ends */
		return false;
	return take_number(from, (size_t)1 << kind, ret) && (!strict || *ret >= least[kind]);
}

bool lp_pgp_take_packet(struct slice *from, bool strict, struct pgp_packet *ret)
{
	struct slice rest = *from;
	unsigned first;
	uint32_t len;

	if (!lp_pgp_take_u8(&rest, &first) || !(first & 0x80))
		return false;
	bool is_new = first & 0x40;
	ret->tag = is_new ? first & 0x3f : first >> 2 & 0x0f;
	if (is_new ? !take_new_length(&rest, strict, true, &len)
		   : !take_old_length(&rest, strict, first & 3, &len))
		return false;
	if (!lp_pgp_take(&rest, len, &ret->body))
		return false;
	*from = rest;
	return true;
}

bool lp_pgp_take_subpacket(struct slice *from, bool strict, struct pgp_subpacket *ret)
{
	struct slice rest = *from, all;
	unsigned type;
	uint32_t len;

	if (!take_new_length(&rest, strict, false, &len) || !lp_pgp_take(&rest, len, &all) ||
	    !lp_pgp_take_u8(&all, &type))
		return false;
	ret->type = type & 0x7f;
	ret->critical = type & 0x80;
	ret->body = all;
	*from = rest;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/pack.h"

#include <inttypes.h>
#include <string.h>

#define HEADER_BYTES  12
#define ID_BYTES      20
#define TRAILER_BYTES 20

enum {
	OBJ_COMMIT = 1,
	OBJ_TREE = 2,
	OBJ_BLOB = 3,
	OBJ_TAG = 4,
	OBJ_OFS_DELTA = 6,
	OBJ_REF_DELTA = 7
};

enum lp_code lp_pack_scan_begin(struct pack_scan *scan, const struct pack_limits *limits,
				struct err *err)
{
	*scan = (struct pack_scan){.limits = *limits};
	return lp_inflate_new(&scan->inflater, err);
}

void lp_pack_scan_free(struct pack_scan *scan)
{
	lp_inflate_free(&scan->inflater);
}

static enum lp_code too_much(struct err *err, const char *what, uint64_t is, uint64_t most)
{
	return lp_err_set(err, LP_LIMIT, "too-large: %s: %" PRIu64 ", and %" PRIu64 " are allowed",
			  what, is, most);
}

static enum lp_code damaged(struct err *err, const char *what)
{
	return lp_err_set(err, LP_REJECTED, "the pack is damaged: %s", what);
}

static uint32_t big_endian(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* --- one state each: takes bytes from the front of *in --- */

static uint8_t take_byte(struct slice *in)
{
	in->len--;
	return *in->data++;
}

/* Collects up to n bytes in scan->head, or only counts them; true when all are there. */
static bool collect(struct pack_scan *scan, struct slice *in, unsigned n, bool keep)
{
	while (scan->have < n && in->len) {
		uint8_t byte = take_byte(in);
		if (keep)
			scan->head[scan->have] = byte;
		scan->have++;
	}
	return scan->have == n;
}

static void enter(struct pack_scan *scan, enum pack_state state)
{
	scan->state = state;
	scan->have = 0;
}

static void next_object(struct pack_scan *scan)
{
	enter(scan, scan->seen == scan->objects ? PACK_TRAILER : PACK_OBJECT);
}

static enum lp_code scan_header(struct pack_scan *scan, struct slice *in, struct err *err)
{
	if (!collect(scan, in, HEADER_BYTES, true))
		return LP_OK;
	uint32_t version = big_endian(scan->head + 4);
	if (memcmp(scan->head, "PACK", 4) != 0 || version < 2 || version > 3)
		return damaged(err, "it does not begin as one");
	scan->objects = big_endian(scan->head + 8);
	if (scan->objects > scan->limits.objects)
		return too_much(err, "objects in the pack", scan->objects, scan->limits.objects);
	next_object(scan);
	return LP_OK;
}

static void begin_data(struct pack_scan *scan)
{
	lp_inflate_begin(scan->inflater);
	scan->got = 0;
	scan->delta_have = 0;
	enter(scan, PACK_DATA);
}

/* The object's type and size are known. */
static enum lp_code begin_object(struct pack_scan *scan, unsigned type, struct err *err)
{
	scan->seen++;
	scan->delta = type == OBJ_OFS_DELTA || type == OBJ_REF_DELTA;
	scan->base_back = 0;
	if (scan->size > scan->limits.object_bytes)
		return lp_err_set(err, LP_LIMIT,
				  "too-large: a file of %" PRIu64 " bytes, and %" PRIu64
				  " are allowed: split it, or take it out of the branch (git "
				  "ls-tree -rl HEAD shows the sizes)",
				  scan->size, scan->limits.object_bytes);
	scan->inflated_bytes += scan->size;
	if (scan->inflated_bytes > scan->limits.inflated_bytes)
		return too_much(err, "bytes of all objects", scan->inflated_bytes,
				scan->limits.inflated_bytes);
	switch (type) {
	case OBJ_COMMIT:
	case OBJ_TREE:
	case OBJ_BLOB:
		begin_data(scan);
		return LP_OK;
	case OBJ_OFS_DELTA:
		enter(scan, PACK_BASE_OFS);
		return LP_OK;
	case OBJ_REF_DELTA:
		enter(scan, PACK_BASE_ID);
		return LP_OK;
	case OBJ_TAG:
		return lp_err_set(err, LP_REJECTED, "a tag in the pack, which nobody asked for");
	default:
		return damaged(err, "an object of unknown type");
	}
}

/* head[0] keeps the first byte, which has the type; have counts bytes. */
static enum lp_code scan_object(struct pack_scan *scan, struct slice *in, struct err *err)
{
	while (in->len) {
		if (scan->have == 0)
			scan->object_at = scan->bytes - in->len;
		uint8_t byte = take_byte(in);
		if (scan->have == 0) {
			scan->head[0] = byte;
			scan->size = byte & 0x0f;
		} else {
			scan->size |= (uint64_t)(byte & 0x7f) << (4 + 7 * (scan->have - 1));
		}
		if (!(byte & 0x80))
			return begin_object(scan, scan->head[0] >> 4 & 7, err);
		if (++scan->have > 8)
			return damaged(err, "the size of an object has too many digits");
	}
	return LP_OK;
}

static enum lp_code scan_base_ofs(struct pack_scan *scan, struct slice *in, struct err *err)
{
	while (in->len) {
		uint8_t byte = take_byte(in);
		if (scan->have)
			scan->base_back++;
		scan->base_back = scan->base_back << 7 | (byte & 0x7f);
		if (!(byte & 0x80)) {
			if (scan->base_back == 0 ||
			    scan->base_back > scan->object_at - HEADER_BYTES)
				return damaged(err, "a delta's base lies outside of it");
			begin_data(scan);
			return LP_OK;
		}
		if (++scan->have > 7)
			return damaged(err, "the offset of a base has too many digits");
	}
	return LP_OK;
}

/* Reads one of the sizes that a delta begins with; false when it is not all there. */
static bool delta_size(const uint8_t *data, unsigned n, unsigned *at, uint64_t *ret)
{
	uint64_t size = 0;
	for (unsigned shift = 0; *at < n && shift < 63; shift += 7) {
		uint8_t byte = data[(*at)++];
		size |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = size;
			return true;
		}
	}
	return false;
}

/* A delta of a few bytes can make an object of gigabytes: its result has the same ceiling. */
static enum lp_code check_delta(struct pack_scan *scan, struct err *err)
{
	uint64_t base = 0, result = 0;
	unsigned at = 0;
	if (!delta_size(scan->delta_head, scan->delta_have, &at, &base) ||
	    !delta_size(scan->delta_head, scan->delta_have, &at, &result))
		return damaged(err, "a delta without its sizes");
	uint64_t larger = base > result ? base : result;
	if (larger > scan->limits.object_bytes)
		return too_much(err, "bytes of one object", larger, scan->limits.object_bytes);
	scan->inflated_bytes += result;
	if (scan->inflated_bytes > scan->limits.inflated_bytes)
		return too_much(err, "bytes of all objects", scan->inflated_bytes,
				scan->limits.inflated_bytes);
	return LP_OK;
}

static enum lp_code end_object(struct pack_scan *scan, struct err *err)
{
	if (scan->got != scan->size)
		return damaged(err, "an object is shorter than announced");
	if (scan->delta)
		LP_TRY(check_delta(scan, err));
	next_object(scan);
	return LP_OK;
}

static enum lp_code scan_data(struct pack_scan *scan, struct slice *in, struct err *err)
{
	uint8_t out[4096];
	size_t wrote;
	bool ended = false;
	do {
		if (lp_inflate_next(scan->inflater, in, out, sizeof(out), &wrote, &ended, err) !=
		    LP_OK)
			return lp_err_wrap(err, "the pack is damaged");
		scan->got += wrote;
		if (scan->got > scan->size)
			return damaged(err, "an object is longer than announced");
		for (size_t i = 0; i < wrote && scan->delta_have < sizeof(scan->delta_head); i++)
			scan->delta_head[scan->delta_have++] = out[i];
	} while (!ended && wrote == sizeof(out));
	return ended ? end_object(scan, err) : LP_OK;
}

static enum lp_code scan_step(struct pack_scan *scan, struct slice *in, struct err *err)
{
	switch (scan->state) {
	case PACK_HEADER:
		return scan_header(scan, in, err);
	case PACK_OBJECT:
		return scan_object(scan, in, err);
	case PACK_BASE_OFS:
		return scan_base_ofs(scan, in, err);
	case PACK_BASE_ID:
		if (collect(scan, in, ID_BYTES, false))
			begin_data(scan);
		return LP_OK;
	case PACK_DATA:
		return scan_data(scan, in, err);
	case PACK_TRAILER:
		if (collect(scan, in, TRAILER_BYTES, false))
			enter(scan, PACK_END);
		return LP_OK;
	case PACK_END:
		break;
	}
	return damaged(err, "it goes on after its end");
}

enum lp_code lp_pack_scan_feed(struct pack_scan *scan, const uint8_t *data, size_t n,
			       struct err *err)
{
	struct slice in = {data, n};
	scan->bytes += n;
	if (scan->bytes > scan->limits.bytes)
		return too_much(err, "bytes of the pack", scan->bytes, scan->limits.bytes);
	while (in.len)
		LP_TRY(scan_step(scan, &in, err));
	return LP_OK;
}

enum lp_code lp_pack_scan_finish(const struct pack_scan *scan, struct err *err)
{
	if (scan->state != PACK_END)
		return lp_err_set(err, LP_TRANSIENT,
				  "the pack was cut short: %u of %u objects came", scan->seen,
				  scan->objects);
	return LP_OK;
}

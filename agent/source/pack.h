/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_PACK_H
#define LIMPET_AGENT_SOURCE_PACK_H
/*
 * Looks at a pack as it comes in, before libgit2 does (gitformat-pack): how many
 * objects, of which types, and how large each is when it is inflated. Nothing is
 * held but an inflater: a bomb is refused at the byte where it shows.
 */
#include "agent/source/limits.h"
#include "platform/buf.h"
#include "platform/inflate.h"

/* What is allowed; all of it a ceiling. */
struct pack_limits {
	uint64_t bytes, objects, object_bytes, inflated_bytes;
};

/* What the tip of a branch may cost, when no setting says less. */
#define LP_PACK_LIMITS                                       \
	((struct pack_limits){.bytes = LP_PACK_BYTES,        \
			      .objects = LP_PACK_OBJECTS,    \
			      .object_bytes = LP_BLOB_BYTES, \
			      .inflated_bytes = LP_PACK_INFLATED})

enum pack_state {
	PACK_HEADER,   /* "PACK", version, count */
	PACK_OBJECT,   /* type and size of the next object */
	PACK_BASE_OFS, /* offset of a delta's base */
	PACK_BASE_ID,  /* id of a delta's base */
	PACK_DATA,     /* deflated content */
	PACK_TRAILER,  /* SHA-1 of all before; libgit2 compares it */
	PACK_END,
};

struct pack_scan {
	struct pack_limits limits;
	enum pack_state state;
	uint64_t bytes;          /* taken so far */
	uint64_t inflated_bytes; /* of all objects so far */
	uint32_t objects;        /* that the header announces */
	uint32_t seen;           /* that were begun */

	/* the state's own, reset when it begins */
	uint8_t head[12];   /* of a header */
	unsigned have;      /* bytes of it, or of an id or trailer; bits of a varint */
	uint64_t object_at; /* where the object begins in the pack */
	uint64_t size;      /* announced for the object */
	uint64_t got;       /* inflated so far */
	uint64_t base_back;
	bool delta;
	uint8_t delta_head[20]; /* the sizes that a delta begins with */
	unsigned delta_have;
	struct inflater *inflater; /* owned */
};

/* Makes ready for a pack. LP_INTERNAL out of memory. */
LP_CHECKED enum lp_code lp_pack_scan_begin(struct pack_scan *scan, const struct pack_limits *limits,
					   struct err *err);
void lp_pack_scan_free(struct pack_scan *scan); /* for LP_AUTO; {0} is fine */

/*
 * Looks at the next n bytes. LP_LIMIT: too many or too large (which limit, and the number);
 * LP_REJECTED: not a pack, a tag in it, or damaged. Nothing may be fed after an error.
 */
LP_CHECKED enum lp_code lp_pack_scan_feed(struct pack_scan *scan, const uint8_t *data, size_t n,
					  struct err *err);

/* After the last byte. LP_TRANSIENT when the pack is not complete. */
LP_CHECKED enum lp_code lp_pack_scan_finish(const struct pack_scan *scan, struct err *err);
#endif

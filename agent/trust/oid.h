/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_OID_H
#define LIMPET_AGENT_TRUST_OID_H
/*
 * Two names of a commit, of different types so that they cannot be mixed up.
 *
 * An object id says where the bytes lie in the object store. It is not an
 * identity: whoever serves a commit can change its id without the key (another
 * spelling of the same signature). The payload id is the SHA-256 of what was
 * signed, and that is what "the same revision" means.
 */
#include "platform/buf.h"

#include <string.h>

#define LP_OID_BYTES    20
#define LP_OID_TEXT     (2 * LP_OID_BYTES + 1) /* 40 hex digits and a NUL */
#define LP_PAYLOAD_TEXT (7 + 64 + 1)           /* "sha256:", 64 hex digits and a NUL */

/* A Git object id (SHA-1). */
struct oid {
	uint8_t bytes[LP_OID_BYTES];
};

/* SHA-256 of a commit's signed payload, or of the whole object when it is unsigned. */
struct payload_id {
	uint8_t bytes[32];
};

/* Reads exactly 40 lower-case hex digits; false when text is anything else. */
static inline bool lp_oid_parse(const char *text, size_t len, struct oid *ret)
{
	return lp_unhex(text, len, ret->bytes, LP_OID_BYTES);
}

/* The id as 40 lower-case hex digits. Returns to. */
static inline const char *lp_oid_hex(const struct oid *id, char to[LP_OID_TEXT])
{
	lp_hex(id->bytes, LP_OID_BYTES, to);
	return to;
}

/* Whether a and b name the same object. */
static inline bool lp_oid_equal(const struct oid *a, const struct oid *b)
{
	return memcmp(a->bytes, b->bytes, LP_OID_BYTES) == 0;
}

/* Whether all bytes are zero: no object has this id, so it stands for "none". */
static inline bool lp_oid_is_zero(const struct oid *id)
{
	static const struct oid zero;
	return lp_oid_equal(id, &zero);
}

/* Reads "sha256:" and 64 lower-case hex digits; false when text is anything else. */
static inline bool lp_payload_parse(const char *text, size_t len, struct payload_id *ret)
{
	return len == LP_PAYLOAD_TEXT - 1 && memcmp(text, "sha256:", 7) == 0 &&
	       lp_unhex(text + 7, len - 7, ret->bytes, sizeof(ret->bytes));
}

/* The id as "sha256:" and 64 lower-case hex digits. Returns to. */
static inline const char *lp_payload_text(const struct payload_id *id, char to[LP_PAYLOAD_TEXT])
{
	memcpy(to, "sha256:", 8);
	lp_hex(id->bytes, sizeof(id->bytes), to + 7);
	return to;
}

/* Whether a and b are of the same payload. */
static inline bool lp_payload_equal(const struct payload_id *a, const struct payload_id *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Whether all bytes are zero, which stands for "none". */
static inline bool lp_payload_is_zero(const struct payload_id *id)
{
	static const struct payload_id zero;
	return lp_payload_equal(id, &zero);
}
#endif

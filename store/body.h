/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_BODY_H
#define LIMPET_STORE_BODY_H
/* Inside store/ only: bodies as they lie in the database, deflated. The only user of zlib. */
#include "store/sql.h"

/* Appends json, deflated, to packed. LP_LIMIT, LP_INTERNAL as lp_buf_append. */
LP_CHECKED enum lp_code lp_body_pack(struct slice json, struct buf *packed, struct err *err);

/*
 * Appends what packed stands for, which must be bytes long and have the digest. LP_CORRUPT when it
 * does not; json is then as before.
 */
LP_CHECKED enum lp_code lp_body_unpack(struct slice packed, uint64_t bytes,
				       const uint8_t digest[LP_STORE_DIGEST], struct buf *json,
				       struct err *err);

/* Deflated bytes of all bodies of source. */
LP_CHECKED enum lp_code lp_bodies_bytes(struct db *db, const char *source, uint64_t *ret_bytes,
					struct err *err);

/* Deletes the bodies of source that no object uses. */
LP_CHECKED enum lp_code lp_bodies_sweep(struct db *db, const char *source, struct err *err);
#endif

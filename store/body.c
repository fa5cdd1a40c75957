/* SPDX-License-Identifier: Apache-2.0 */
#include "store/body.h"

#include "platform/crypto.h"

#include <string.h>
#include <zlib.h>

/* A window of 8 KiB holds most objects whole, and takes 64 KiB of memory where 15 and 8 take 256.
 */
#define LEVEL        1
#define WINDOW_BITS  13
#define MEMORY_LEVEL 6

enum lp_code lp_body_pack(struct slice json, struct buf *packed, struct err *err)
{
	z_stream z = {0};

	if (deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return lp_err_nomem(err, "deflate an object");
	uLong room = deflateBound(&z, json.len);
	if (lp_buf_reserve(packed, room, err) != LP_OK) {
		deflateEnd(&z);
		return err->code;
	}
	z.next_in = (Bytef *)json.data; /* zlib does not write there */
	z.avail_in = (uInt)json.len;
	z.next_out = packed->data + packed->len;
	z.avail_out = (uInt)room;
	int result = deflate(&z, Z_FINISH);
	packed->len += z.total_out;
	deflateEnd(&z);
	/* the bound holds for any input, so that only a bug gets here */
	return result == Z_STREAM_END ? LP_OK : lp_err_set(err, LP_INTERNAL, "deflate an object");
}

static enum lp_code damaged(const char *why, struct err *err)
{
	return lp_err_set(err, LP_CORRUPT, "its stored body is damaged: %s", why);
}

enum lp_code lp_body_unpack(struct slice packed, uint64_t bytes,
			    const uint8_t digest[LP_STORE_DIGEST], struct buf *json,
			    struct err *err)
{
	uint8_t have[LP_SHA256_BYTES];

	if (bytes == 0 || bytes > (uint64_t)LP_OBJECT_BYTES)
		return damaged("its length is impossible", err);
	LP_TRY(lp_buf_reserve(json, bytes, err));
	uint8_t *to = json->data + json->len;
	uLong room = bytes;
	if (uncompress(to, &room, packed.data, packed.len) != Z_OK || room != bytes)
		return damaged("it cannot be inflated", err);
	lp_sha256(to, bytes, have);
	if (memcmp(have, digest, sizeof(have)) != 0)
		return damaged("its SHA-256 is another", err);
	json->len += bytes;
	json->data[json->len] = '\0';
	return LP_OK;
}

enum lp_code lp_bodies_bytes(struct db *db, const char *source, uint64_t *ret_bytes,
			     struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT sum(length(packed)) FROM body WHERE source = ?");

	lp_sql_put_text(&q, source);
	LP_TRY(lp_sql_next(&q, err));
	*ret_bytes = (uint64_t)lp_sql_int(&q);
	return LP_OK;
}

enum lp_code lp_bodies_sweep(struct db *db, const char *source, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "DELETE FROM body WHERE source = ?1 AND id NOT IN "
				  "(SELECT body FROM object WHERE source = ?1)");

	lp_sql_put_text(&q, source);
	return lp_sql_run(&q, err);
}

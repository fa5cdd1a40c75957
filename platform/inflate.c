/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/inflate.h"

#define ZLIB_CONST
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

struct inflater {
	z_stream z;
};

enum lp_code lp_inflate_new(struct inflater **ret, struct err *err)
{
	struct inflater *inflater = calloc(1, sizeof(*inflater));
	if (!inflater || inflateInit(&inflater->z) != Z_OK) {
		free(inflater);
		return lp_err_nomem(err, "inflate");
	}
	*ret = inflater;
	return LP_OK;
}

void lp_inflate_free(struct inflater **inflater)
{
	struct inflater *old = LP_STEAL(*inflater);
	if (!old)
		return;
	inflateEnd(&old->z);
	free(old);
}

void lp_inflate_begin(struct inflater *inflater)
{
	inflateReset(&inflater->z);
}

enum lp_code lp_inflate_next(struct inflater *inflater, struct slice *in, uint8_t *to, size_t room,
			     size_t *ret_wrote, bool *ret_ended, struct err *err)
{
	z_stream *z = &inflater->z;
	uInt give = in->len < UINT_MAX ? (uInt)in->len : UINT_MAX;
	uInt space = room < UINT_MAX ? (uInt)room : UINT_MAX;
	z->next_in = in->data;
	z->avail_in = give;
	z->next_out = to;
	z->avail_out = space;
	int result = inflate(z, Z_NO_FLUSH);
	if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
		return lp_err_set(err, result == Z_MEM_ERROR ? LP_INTERNAL : LP_REJECTED,
				  "deflated data: %s", z->msg ? z->msg : "damaged");
	in->data += give - z->avail_in;
	in->len -= give - z->avail_in;
	*ret_wrote = space - z->avail_out;
	*ret_ended = result == Z_STREAM_END;
	return LP_OK;
}

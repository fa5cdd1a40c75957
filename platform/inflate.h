/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_INFLATE_H
#define LIMPET_PLATFORM_INFLATE_H
/* Inflating zlib streams piece by piece, without ever holding one whole. */
#include "platform/buf.h"

struct inflater;

/* An inflater for one stream after another, about 40 KiB. LP_INTERNAL out of memory. */
LP_CHECKED enum lp_code lp_inflate_new(struct inflater **ret, struct err *err);
void lp_inflate_free(struct inflater **inflater); /* for LP_AUTO; NULL is fine */

/* Makes ready for the next stream. */
void lp_inflate_begin(struct inflater *inflater);

/*
 * Takes bytes from *in and moves it past them, and writes at most room bytes to to: *ret_wrote.
 * *ret_ended once the stream is complete. With nothing left in *in and less than room written,
 * more input is needed. LP_REJECTED: damaged data.
 */
LP_CHECKED enum lp_code lp_inflate_next(struct inflater *inflater, struct slice *in, uint8_t *to,
					size_t room, size_t *ret_wrote, bool *ret_ended,
					struct err *err);
#endif

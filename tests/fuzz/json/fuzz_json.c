/* SPDX-License-Identifier: Apache-2.0 */
/* What is read is written, and read again to be the same. */
#include "platform/json.h"
#include "platform/limits.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json *parse(const void *text, size_t n)
{
	struct json *doc = NULL;
	struct err err;

	return lp_json_parse(text, n, 4 * LP_MIB, &doc, &err) == LP_OK ? doc : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(8 * LP_MIB);
	LP_AUTO(lp_buf_free) struct buf again = LP_BUF(8 * LP_MIB);
	LP_AUTO(lp_json_freep) struct json *doc = parse(data, size);
	struct err err;

	if (!doc)
		return 0;
	if (lp_json_canonical(lp_json_root(doc), &text, &err) != LP_OK)
		abort();
	LP_AUTO(lp_json_freep) struct json *second = parse(text.data, text.len);
	if (!second || lp_json_canonical(lp_json_root(second), &again, &err) != LP_OK)
		abort();
	/* 1.0 is written as 1, so compare the texts and not the types */
	if (!lp_slice_equal(LP_SLICE_OF(&text), LP_SLICE_OF(&again)))
		abort();
	lp_buf_clear(&again);
	if (lp_json_write_pretty(lp_json_root(doc), &again, &err) != LP_OK)
		abort();
	return 0;
}

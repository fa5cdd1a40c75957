/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack as a hostile server could send it; the first byte says in pieces of how many bytes.
 * However it is cut, the outcome must be the same, and no limit may be passed.
 */
#include "agent/source/pack.h"

#include <stdlib.h>

static const struct pack_limits limits = {
	.bytes = 1 << 20, .objects = 1000, .object_bytes = 1 << 16, .inflated_bytes = 1 << 20};

static enum lp_code scan(const uint8_t *data, size_t n, size_t step)
{
	LP_AUTO(lp_pack_scan_free) struct pack_scan scan = {0};
	struct err err = {0};
	if (lp_pack_scan_begin(&scan, &limits, &err) != LP_OK)
		return err.code;
	for (size_t i = 0; i < n; i += step)
		if (lp_pack_scan_feed(&scan, data + i, n - i < step ? n - i : step, &err) != LP_OK)
			return err.code;
	if (scan.objects > limits.objects || scan.inflated_bytes > limits.inflated_bytes ||
	    scan.seen > scan.objects)
		abort();
	return lp_pack_scan_finish(&scan, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (scan(data + 1, size - 1, size) != scan(data + 1, size - 1, data[0] % 16 + 1u))
		abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/bucket.h"

static void refill(struct bucket *bucket, int64_t now_ms)
{
	int64_t came = bucket->at_ms ? (now_ms - bucket->at_ms) / bucket->refill_ms : 0;

	if (bucket->at_ms && came < (int64_t)(bucket->most - bucket->tokens)) {
		bucket->tokens += (unsigned)came;
		bucket->at_ms += came * bucket->refill_ms;
		return;
	}
	bucket->tokens = bucket->most;
	bucket->at_ms = 0;
}

bool lp_bucket_take(struct bucket *bucket, int64_t now_ms)
{
	refill(bucket, now_ms);
	if (!bucket->tokens)
		return false;
	if (!bucket->at_ms)
		bucket->at_ms = now_ms;
	bucket->tokens--;
	return true;
}

int64_t lp_bucket_next_ms(const struct bucket *bucket)
{
	return bucket->at_ms + bucket->refill_ms;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_BUCKET_H
#define LIMPET_AGENT_SUPERVISOR_BUCKET_H
/* A token bucket: so much at once after a quiet time, and then one in so long. */
#include <stdbool.h>
#include <stdint.h>

struct bucket {
	unsigned most;     /* tokens; the owner sets it */
	int64_t refill_ms; /* one comes in so long; likewise */
	unsigned tokens;
	int64_t at_ms; /* CLOCK_BOOTTIME; since when the next one is coming; 0: it is full */
};

/* Takes one. False: there is none; lp_bucket_next_ms says when. now_ms does not go back. */
bool lp_bucket_take(struct bucket *bucket, int64_t now_ms);

/* CLOCK_BOOTTIME; when the next token comes. Only after lp_bucket_take was false. */
int64_t lp_bucket_next_ms(const struct bucket *bucket);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/bucket.h"
#include "tests/unit/check.h"

#define NOW 1000000ll

static struct bucket bucket;

static void begin(void)
{
	bucket = (struct bucket){.most = 3, .refill_ms = 60000};
}

static unsigned take_all(int64_t now_ms)
{
	unsigned n = 0;

	while (lp_bucket_take(&bucket, now_ms))
		n++;
	return n;
}

static void a_full_one_gives_all_at_once_and_then_none(void)
{
	begin();
	CHECK(take_all(NOW) == 3);
	CHECK(take_all(NOW + 59999) == 0);
	CHECK(lp_bucket_next_ms(&bucket) == NOW + 60000);
}

static void one_comes_at_a_time(void)
{
	begin();
	CHECK(take_all(NOW) == 3);
	CHECK(take_all(NOW + 60000) == 1);
	CHECK(lp_bucket_next_ms(&bucket) == NOW + 120000);
	CHECK(take_all(NOW + 60000 + 150000) == 2);
	CHECK(take_all(NOW + 239999) == 0 && take_all(NOW + 240000) == 1);
}

static void it_never_holds_more_than_it_may(void)
{
	begin();
	CHECK(take_all(NOW) == 3);
	CHECK(take_all(NOW + 1000000000) == 3);
	CHECK(lp_bucket_take(&bucket, NOW + 2000000000));
	CHECK(take_all(NOW + 2000000001) == 2);
	CHECK(lp_bucket_next_ms(&bucket) == NOW + 2000060000);
}

static void what_is_taken_slowly_never_ends(void)
{
	begin();
	for (int i = 0; i < 100; i++)
		CHECK(lp_bucket_take(&bucket, NOW + i * 60000ll));
	CHECK(take_all(NOW + 99 * 60000ll) == 2);
}

int main(void)
{
	TEST(a_full_one_gives_all_at_once_and_then_none);
	TEST(one_comes_at_a_time);
	TEST(it_never_holds_more_than_it_may);
	TEST(what_is_taken_slowly_never_ends);
	return check_report();
}

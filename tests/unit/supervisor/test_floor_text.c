/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/floor_text.h"
#include "tests/unit/check.h"

#include <stdio.h>
#include <string.h>

#define PAYLOAD "0101010101010101010101010101010101010101010101010101010101010101"
#define COMMIT  "0202020202020202020202020202020202020202"
#define GOOD    "counter=12 sequence=5 payload=sha256:" PAYLOAD " commit=" COMMIT

static struct stored_floor make_floor(void)
{
	struct stored_floor floor = {.counter = 12, .sequence = 5, .revision = 3, .accepted_s = 9};

	memset(floor.payload, 1, sizeof(floor.payload));
	memset(floor.commit, 2, sizeof(floor.commit));
	return floor;
}

static void a_floor_is_written_and_read_back(void)
{
	struct stored_floor floor = make_floor(), again;
	char text[LP_APPLYSET_FLOOR_TEXT];

	CHECK_STR(lp_floor_text_write(&floor, text), GOOD);
	CHECK(lp_floor_text_read(text, &again));
	CHECK(again.counter == 12 && again.sequence == 5 && !again.revision && !again.accepted_s);
	CHECK(memcmp(again.payload, floor.payload, sizeof(floor.payload)) == 0);
	CHECK(memcmp(again.commit, floor.commit, sizeof(floor.commit)) == 0);
}

static void the_largest_floor_fits(void)
{
	struct stored_floor floor = make_floor(), again;
	char text[LP_APPLYSET_FLOOR_TEXT];

	floor.counter = floor.sequence = INT64_MAX;
	CHECK(lp_floor_text_read(lp_floor_text_write(&floor, text), &again));
	CHECK(again.counter == INT64_MAX);
}

static void what_was_given_up_is_not_told(void)
{
	struct stored_floor floor = {.counter = 12};
	char text[LP_APPLYSET_FLOOR_TEXT];

	CHECK_STR(lp_floor_text_write(&floor, text), "");
	CHECK(!lp_floor_text_read("", &floor));
}

static void a_text_that_somebody_changed_says_nothing(void)
{
	static const char *const bad[] = {
		GOOD " ",
		" " GOOD,
		"counter=012 sequence=5 payload=sha256:" PAYLOAD " commit=" COMMIT,
		"counter=0 sequence=5 payload=sha256:" PAYLOAD " commit=" COMMIT,
		"counter=-1 sequence=5 payload=sha256:" PAYLOAD " commit=" COMMIT,
		"counter=12 sequence=-5 payload=sha256:" PAYLOAD " commit=" COMMIT,
		"counter=12 sequence=5 payload=sha256:" PAYLOAD "00 commit=" COMMIT,
		"counter=12 sequence=5 payload=sha256:" PAYLOAD " commit=02",
		"counter=12\nsequence=5 payload=sha256:" PAYLOAD " commit=" COMMIT,
		"counter=99999999999999999999 sequence=5 payload=sha256:" PAYLOAD " commit=" COMMIT,
	};
	struct stored_floor floor;

	CHECK(lp_floor_text_read(GOOD, &floor));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (lp_floor_text_read(bad[i], &floor)) {
			printf("  passed: %s\n", bad[i]);
			CHECK(false);
		}
}

int main(void)
{
	TEST(a_floor_is_written_and_read_back);
	TEST(the_largest_floor_fits);
	TEST(what_was_given_up_is_not_told);
	TEST(a_text_that_somebody_changed_says_nothing);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/suspending.h"
#include "platform/clock.h"
#include "store/limits.h"
#include "tests/unit/check.h"

static void a_time_has_bounds(void)
{
	char text[32];
	int64_t ms = 7;

	CHECK_CODE(lp_suspension_parse("soon", &ms, &err), LP_REJECTED, "");
	CHECK_CODE(lp_suspension_parse("999ms", &ms, &err), LP_REJECTED, "between 1s and 366d");
	snprintf(text, sizeof(text), "%ds", LP_SUSPEND_S + 1);
	CHECK_CODE(lp_suspension_parse(text, &ms, &err), LP_REJECTED, "between 1s and 366d");
	CHECK(ms == 7);
	snprintf(text, sizeof(text), "%ds", LP_SUSPEND_S);
	CHECK_OK(lp_suspension_parse(text, &ms, &err));
	CHECK(ms == LP_SUSPEND_S * 1000LL);
	CHECK_OK(lp_suspension_parse("", &ms, &err));
	CHECK(ms == 0);
}

static void one_without_a_time_does_not_end(void)
{
	char text[32];
	const struct suspension none = lp_suspension_of(0), hour = lp_suspension_of(3600000);

	CHECK(!none.left_s && !none.uptime_s && !none.until_s);
	CHECK(hour.left_s == 3600 && hour.uptime_s <= lp_boot_ms() / 1000);
	CHECK(!hour.until_s || !lp_wall_is_guess());
	CHECK(lp_suspension_left_now_s(&hour) >= 3598 && lp_suspension_left_now_s(&hour) <= 3600);
	CHECK_STR(lp_suspension_text(0, text), "until limpet resume");
	CHECK_STR(lp_suspension_text(3600000, text), "for 1h");
}

int main(void)
{
	TEST(a_time_has_bounds);
	TEST(one_without_a_time_does_not_end);
	return check_report();
}

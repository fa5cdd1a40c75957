/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/events.h"
#include "platform/clock.h"
#include "store/limits.h"

#include <stdio.h>
#include <string.h>

#define DAY_DIGITS 10 /* "2026-11-21" */

/* A day is the moment that it begins. */
static bool parse_time(const char *text, int64_t *ret_s)
{
	char whole[LP_TIME_TEXT];

	if (strlen(text) != DAY_DIGITS)
		return lp_time_parse(text, ret_s);
	snprintf(whole, sizeof(whole), "%sT00:00:00Z", text);
	return lp_time_parse(whole, ret_s);
}

enum lp_code lp_events_since(const char *text, int64_t now_s, int64_t *ret_s, struct err *err)
{
	struct err ignored = {0};
	int64_t ago_ms = 0;

	if (parse_time(text, ret_s))
		return LP_OK;
	if (lp_duration_parse(text, &ago_ms, &ignored) != LP_OK)
		return lp_err_set(err, LP_REJECTED,
				  "--since %.100s: write how long ago (90s, 30m, 1h30m, 2d), or a "
				  "time in UTC (2026-11-21T10:00:00Z, 2026-11-21)",
				  text);
	*ret_s = now_s - ago_ms / 1000;
	return LP_OK;
}

enum lp_code lp_events_count(const char *text, unsigned *ret, struct err *err)
{
	size_t digits = strspn(text, "0123456789");
	unsigned count = 0;

	for (size_t i = 0; i < digits && count <= LP_HAPPENINGS_KEPT; i++)
		count = count * 10 + (unsigned)(text[i] - '0');
	if (!digits || text[digits] || count > LP_HAPPENINGS_KEPT)
		return lp_err_set(err, LP_REJECTED, "-n %.100s: write a number from 0 to %u", text,
				  LP_HAPPENINGS_KEPT);
	*ret = count;
	return LP_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/clock.h"

#include "store/sql.h"

enum lp_code lp_clock_get(struct db *db, const char *source, struct stored_clock *ret,
			  struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT floor_s, quiet_s, uptime_s FROM clock WHERE source = ?");

	lp_sql_put_text(&q, source);
	enum lp_code code = lp_sql_next(&q, err);
	if (code == LP_OK || code == LP_NOT_FOUND)
		*ret = (struct stored_clock){.present = code == LP_OK};
	if (code != LP_OK)
		return code == LP_NOT_FOUND ? LP_OK : code;
	ret->floor_s = lp_sql_int(&q);
	ret->quiet_s = lp_sql_int(&q);
	ret->uptime_s = lp_sql_int(&q);
	return lp_sql_check(&q, err);
}

enum lp_code lp_clock_put(struct db *db, const char *source, const struct stored_clock *clock,
			  struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO clock (source, floor_s, quiet_s, uptime_s) "
				  "VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
				  "floor_s = max(floor_s, excluded.floor_s), "
				  "quiet_s = excluded.quiet_s, uptime_s = excluded.uptime_s");

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, clock->floor_s);
	lp_sql_put_int(&q, clock->quiet_s);
	lp_sql_put_int(&q, clock->uptime_s);
	return lp_sql_run(&q, err);
}

enum lp_code lp_clock_floor(struct db *db, int64_t *ret_s, struct err *err)
{
	return lp_sql_number(db, "SELECT ifnull(max(floor_s), 0) FROM clock", ret_s, err);
}

int64_t lp_clock_quiet_s(const struct stored_clock *clock, int64_t uptime_s)
{
	if (!clock->present)
		return 0;
	/* less than then: the device has booted since */
	return clock->quiet_s +
	       (uptime_s < clock->uptime_s ? uptime_s : uptime_s - clock->uptime_s);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/state.h"

#include "store/rows.h"

#include <string.h>

enum lp_code lp_state_get(struct db *db, const char *source, struct source_state *ret,
			  struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT desired, applied, pinned, suspended, complete, failures, "
				  "next_poll_s, delay_ms, poll_ok_s, error_s, error, tip, "
				  "suspend_left_s, suspend_uptime_s, suspend_until_s "
				  "FROM source_state WHERE source = ?");

	lp_sql_put_text(&q, source);
	enum lp_code code = lp_sql_next(&q, err);
	if (code == LP_NOT_FOUND)
		*ret = (struct source_state){0};
	if (code != LP_OK)
		return code == LP_NOT_FOUND ? LP_OK : code;
	ret->desired = lp_sql_int(&q);
	ret->applied = lp_sql_int(&q);
	ret->pinned = lp_sql_int(&q);
	ret->suspended = lp_sql_int(&q) != 0;
	ret->complete = lp_sql_int(&q) != 0;
	ret->failures = (unsigned)lp_sql_int(&q);
	ret->next_poll_s = lp_sql_int(&q);
	ret->delay_ms = lp_sql_int(&q);
	ret->poll_ok_s = lp_sql_int(&q);
	ret->error_s = lp_sql_int(&q);
	lp_sql_text(&q, ret->error, sizeof(ret->error));
	lp_sql_bytes(&q, ret->tip, sizeof(ret->tip));
	ret->suspension.left_s = lp_sql_int(&q);
	ret->suspension.uptime_s = lp_sql_int(&q);
	ret->suspension.until_s = lp_sql_int(&q);
	return lp_sql_check(&q, err);
}

/*
 * Each statement makes the row when there is none, and leaves one alone that says the same: SQLite
 * writes no page for an update that matches nothing.
 */
#define SET(column)                                                                            \
	"INSERT INTO source_state (source, " column ") VALUES (?1, ?2) ON CONFLICT DO UPDATE " \
	"SET " column " = excluded." column " WHERE " column " IS NOT excluded." column

static enum lp_code set_id(struct db *db, const char *text, const char *source, int64_t id,
			   struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, text);

	lp_sql_put_text(&q, source);
	lp_sql_put_id(&q, id);
	return lp_sql_run(&q, err);
}

enum lp_code lp_state_set_desired(struct db *db, const char *source, int64_t revision,
				  struct err *err)
{
	return set_id(db, SET("desired"), source, revision, err);
}

enum lp_code lp_state_desire(struct db *db, const char *source, int64_t revision, struct err *err)
{
	return set_id(db, SET("desired") " AND pinned IS NULL", source, revision, err);
}

enum lp_code lp_state_set_applied(struct db *db, const char *source, int64_t revision,
				  struct err *err)
{
	return set_id(db, SET("applied"), source, revision, err);
}

enum lp_code lp_state_set_pinned(struct db *db, const char *source, int64_t revision,
				 struct err *err)
{
	return set_id(db, SET("pinned"), source, revision, err);
}

static enum lp_code set_flag(struct db *db, const char *text, const char *source, bool flag,
			     struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, text);

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, flag);
	return lp_sql_run(&q, err);
}

static enum lp_code set_suspension(struct db *db, const char *source, bool suspended,
				   const struct suspension *ends, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(
		db,
		"INSERT INTO source_state (source, suspended, suspend_left_s, suspend_uptime_s, "
		"suspend_until_s) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
		"suspended = excluded.suspended, suspend_left_s = excluded.suspend_left_s, "
		"suspend_uptime_s = excluded.suspend_uptime_s, "
		"suspend_until_s = excluded.suspend_until_s WHERE "
		"(suspended, suspend_left_s, suspend_uptime_s, suspend_until_s) != "
		"(excluded.suspended, excluded.suspend_left_s, excluded.suspend_uptime_s, "
		"excluded.suspend_until_s)");

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, suspended);
	lp_sql_put_int(&q, ends->left_s);
	lp_sql_put_int(&q, ends->uptime_s);
	lp_sql_put_int(&q, ends->until_s);
	return lp_sql_run(&q, err);
}

enum lp_code lp_state_set_suspended(struct db *db, const char *source, bool suspended,
				    struct err *err)
{
	return set_suspension(db, source, suspended, &(struct suspension){0}, err);
}

enum lp_code lp_state_suspend_for(struct db *db, const char *source,
				  const struct suspension *suspension, struct err *err)
{
	return set_suspension(db, source, true, suspension, err);
}

int64_t lp_suspension_left_s(const struct suspension *suspension, int64_t uptime_s, int64_t wall_s)
{
	int64_t begun_s = uptime_s >= suspension->uptime_s ? suspension->uptime_s : 0;
	int64_t left_s = suspension->left_s - (uptime_s - begun_s);

	if (suspension->until_s && wall_s && suspension->until_s - wall_s < left_s)
		left_s = suspension->until_s - wall_s;
	return left_s > 0 ? left_s : 0;
}

enum lp_code lp_state_set_complete(struct db *db, const char *source, bool complete,
				   struct err *err)
{
	return set_flag(db, SET("complete"), source, complete, err);
}

enum lp_code lp_state_set_tip(struct db *db, const char *source, const uint8_t tip[LP_STORE_OID],
			      struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, SET("tip"));

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, tip, LP_STORE_OID);
	return lp_sql_run(&q, err);
}

enum lp_code lp_state_set_backoff(struct db *db, const char *source, unsigned failures,
				  int64_t next_poll_s, int64_t delay_ms, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q =
		lp_sql(db, "INSERT INTO source_state (source, failures, next_poll_s, delay_ms) "
			   "VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
			   "failures = excluded.failures, next_poll_s = excluded.next_poll_s, "
			   "delay_ms = excluded.delay_ms WHERE (failures, next_poll_s, delay_ms) "
			   "!= (excluded.failures, excluded.next_poll_s, excluded.delay_ms)");

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, failures);
	lp_sql_put_int(&q, next_poll_s);
	lp_sql_put_int(&q, delay_ms);
	return lp_sql_run(&q, err);
}

enum lp_code lp_state_set_poll_ok(struct db *db, const char *source, int64_t now_s, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO source_state (source, poll_ok_s) VALUES (?, ?) "
				  "ON CONFLICT DO UPDATE SET poll_ok_s = excluded.poll_ok_s "
				  "WHERE poll_ok_s = 0 OR "
				  "abs(poll_ok_s - excluded.poll_ok_s) >= ?");

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, now_s);
	lp_sql_put_int(&q, LP_REFRESH_S);
	return lp_sql_run(&q, err);
}

enum lp_code lp_state_set_error(struct db *db, const char *source, const char *text, int64_t now_s,
				struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO source_state (source, error, error_s) "
				  "VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
				  "SET error = excluded.error, error_s = excluded.error_s "
				  "WHERE error != excluded.error OR "
				  "(error != '' AND abs(error_s - excluded.error_s) >= ?)");
	char cut[LP_MESSAGE_MAX];

	lp_cut(cut, sizeof(cut), text);
	lp_sql_put_text(&q, source);
	lp_sql_put_text(&q, cut);
	lp_sql_put_int(&q, now_s);
	lp_sql_put_int(&q, LP_REFRESH_S);
	return lp_sql_run(&q, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/refusal.h"

#include "store/sql.h"

static enum lp_code put(struct db *db, const char *source, const struct stored_refusal *refusal,
			struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q =
		lp_sql(db, "INSERT INTO refusal (source, tip, judged_by, verdict, reason, "
			   "signer, at_s, count, turn) VALUES (?1, ?, ?, ?, ?, ?, ?, 1, "
			   "(SELECT ifnull(max(turn), 0) + 1 FROM refusal WHERE source = ?1)) "
			   "ON CONFLICT DO UPDATE SET judged_by = excluded.judged_by, "
			   "verdict = excluded.verdict, reason = excluded.reason, "
			   "signer = excluded.signer, at_s = excluded.at_s, "
			   "count = count + 1, turn = excluded.turn");

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, refusal->tip, sizeof(refusal->tip));
	lp_sql_put_bytes(&q, refusal->judged_by, sizeof(refusal->judged_by));
	lp_sql_put_text(&q, refusal->verdict);
	lp_sql_put_text(&q, refusal->reason);
	lp_sql_put_text(&q, refusal->signer);
	lp_sql_put_int(&q, refusal->at_s);
	return lp_sql_run(&q, err);
}

enum lp_code lp_verdict_add(struct db *db, const char *source, const char *name, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO verdict (source, name, count) VALUES (?, ?, 1) "
				  "ON CONFLICT DO UPDATE SET count = count + 1");

	lp_sql_put_text(&q, source);
	lp_sql_put_text(&q, name);
	return lp_sql_run(&q, err);
}

enum lp_code lp_verdict_count(struct db *db, const char *source, const char *name, int64_t *ret,
			      struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT count FROM verdict WHERE source = ? AND name = ?");

	lp_sql_put_text(&q, source);
	lp_sql_put_text(&q, name);
	enum lp_code code = lp_sql_next(&q, err);
	if (code == LP_NOT_FOUND)
		*ret = 0;
	if (code != LP_OK)
		return code == LP_NOT_FOUND ? LP_OK : code;
	*ret = lp_sql_int(&q);
	return lp_sql_check(&q, err);
}

static enum lp_code forget_old(struct db *db, const char *source, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "DELETE FROM refusal WHERE source = ?1 AND tip IN (SELECT tip "
				  "FROM refusal WHERE source = ?1 ORDER BY turn DESC "
				  "LIMIT -1 OFFSET ?2)");

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, LP_REFUSALS_KEPT);
	return lp_sql_run(&q, err);
}

enum lp_code lp_refusal_put(struct db *db, const char *source, const struct stored_refusal *refusal,
			    struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(put(db, source, refusal, err));
	LP_TRY(lp_verdict_add(db, source, refusal->verdict, err));
	LP_TRY(forget_old(db, source, err));
	return lp_tx_commit(&tx, err);
}

#define COLUMNS "SELECT tip, judged_by, verdict, reason, signer, at_s, count FROM refusal "

static enum lp_code take_refusal(struct sql *q, struct stored_refusal *ret, struct err *err)
{
	LP_TRY(lp_sql_next(q, err));
	lp_sql_bytes(q, ret->tip, sizeof(ret->tip));
	lp_sql_bytes(q, ret->judged_by, sizeof(ret->judged_by));
	lp_sql_text(q, ret->verdict, sizeof(ret->verdict));
	lp_sql_text(q, ret->reason, sizeof(ret->reason));
	lp_sql_text(q, ret->signer, sizeof(ret->signer));
	ret->at_s = lp_sql_int(q);
	ret->count = lp_sql_int(q);
	return lp_sql_check(q, err);
}

enum lp_code lp_refusal_get(struct db *db, const char *source, const uint8_t tip[LP_STORE_OID],
			    struct stored_refusal *ret, struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, COLUMNS "WHERE source = ? AND tip = ?");

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, tip, LP_STORE_OID);
	return take_refusal(&q, ret, err);
}

enum lp_code lp_refusal_tips(struct db *db, const char *source,
			     const uint8_t judged_by[LP_STORE_DIGEST],
			     uint8_t ret[LP_REFUSALS_KEPT][LP_STORE_OID], uint32_t *ret_count,
			     struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q =
		lp_sql(db, "SELECT tip FROM refusal WHERE source = ? AND judged_by = ? LIMIT ?");
	enum lp_code code;
	uint32_t count = 0;

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, judged_by, LP_STORE_DIGEST);
	lp_sql_put_int(&q, LP_REFUSALS_KEPT);
	while ((code = lp_sql_next(&q, err)) == LP_OK)
		lp_sql_bytes(&q, ret[count++], LP_STORE_OID);
	if (code != LP_NOT_FOUND)
		return code;
	LP_TRY(lp_sql_check(&q, err));
	*ret_count = count;
	return LP_OK;
}

enum lp_code lp_refusal_nth(struct db *db, const char *source, unsigned nth,
			    struct stored_refusal *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, COLUMNS "WHERE source = ? ORDER BY turn DESC LIMIT 1 OFFSET ?");

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, nth);
	return take_refusal(&q, ret, err);
}

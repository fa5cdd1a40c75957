/* SPDX-License-Identifier: Apache-2.0 */
#include "store/floor.h"

#include "store/rows.h"

enum lp_code lp_floor_get(struct db *db, const char *source, struct stored_floor *ret,
			  struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q =
		lp_sql(db, "SELECT payload, commit_oid, revision, accepted_s, sequence, counter "
			   "FROM floor WHERE source = ?");

	lp_sql_put_text(&q, source);
	LP_TRY(lp_sql_next(&q, err));
	lp_sql_bytes(&q, ret->payload, sizeof(ret->payload));
	lp_sql_bytes(&q, ret->commit, sizeof(ret->commit));
	ret->revision = lp_sql_int(&q);
	ret->accepted_s = lp_sql_int(&q);
	ret->sequence = lp_sql_int(&q);
	ret->counter = lp_sql_int(&q);
	return lp_sql_check(&q, err);
}

enum lp_code lp_payload_accepted(struct db *db, const char *source,
				 const uint8_t payload[LP_STORE_PAYLOAD], bool *ret_accepted,
				 struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q =
		lp_sql(db, "SELECT 1 FROM accepted_payload WHERE source = ? AND payload = ?");

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, payload, LP_STORE_PAYLOAD);
	enum lp_code code = lp_sql_next(&q, err);
	if (code == LP_OK || code == LP_NOT_FOUND)
		*ret_accepted = code == LP_OK;
	return code == LP_NOT_FOUND ? LP_OK : code;
}

static enum lp_code set_floor(struct db *db, int64_t revision, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO floor "
				  "(source, payload, commit_oid, revision, accepted_s, sequence, "
				  "counter) "
				  "SELECT source, payload, commit_oid, id, accepted_s, sequence, 1 "
				  "FROM revision WHERE id = ? "
				  "ON CONFLICT DO UPDATE SET payload = excluded.payload, "
				  "commit_oid = excluded.commit_oid, revision = excluded.revision, "
				  "accepted_s = excluded.accepted_s, "
				  "sequence = max(sequence, excluded.sequence), "
				  "counter = counter + 1");

	lp_sql_put_int(&q, revision);
	return lp_sql_run(&q, err);
}

static enum lp_code remember_payload(struct db *db, int64_t revision, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO accepted_payload (source, payload, counter) "
				  "SELECT source, payload, counter FROM floor WHERE revision = ? "
				  "ON CONFLICT DO UPDATE SET counter = excluded.counter");

	lp_sql_put_int(&q, revision);
	return lp_sql_run(&q, err);
}

static enum lp_code forget_payloads(struct db *db, int64_t revision, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q =
		lp_sql(db, "DELETE FROM accepted_payload WHERE "
			   "source = (SELECT source FROM floor WHERE revision = ?1) AND "
			   "counter <= (SELECT counter FROM floor WHERE revision = ?1) - ?2");

	lp_sql_put_int(&q, revision);
	lp_sql_put_int(&q, LP_PAYLOADS_KEPT);
	return lp_sql_run(&q, err);
}

enum lp_code lp_floor_raise(struct db *db, int64_t revision, struct err *err)
{
	LP_TRY(set_floor(db, revision, err));
	LP_TRY(remember_payload(db, revision, err));
	return forget_payloads(db, revision, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/floor.h"

#include "store/rows.h"

#include <string.h>

bool lp_floor_holds(const struct stored_floor *floor)
{
	static const uint8_t none[LP_STORE_PAYLOAD];

	return memcmp(floor->payload, none, sizeof(none)) != 0;
}

enum lp_code lp_floor_get(struct db *db, const char *source, struct stored_floor *ret,
			  struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q =
		lp_sql(db, "SELECT payload, commit_oid, revision, accepted_s, sequence, counter, "
			   "given_up FROM floor WHERE source = ?");

	lp_sql_put_text(&q, source);
	LP_TRY(lp_sql_next(&q, err));
	lp_sql_bytes(&q, ret->payload, sizeof(ret->payload));
	lp_sql_bytes(&q, ret->commit, sizeof(ret->commit));
	ret->revision = lp_sql_int(&q);
	ret->accepted_s = lp_sql_int(&q);
	ret->sequence = lp_sql_int(&q);
	ret->counter = lp_sql_int(&q);
	ret->given_up = lp_sql_int(&q) != 0;
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

static enum lp_code put_floor(struct db *db, const char *source, const struct stored_floor *floor,
			      struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO floor "
				  "(source, payload, commit_oid, accepted_s, sequence, counter, "
				  "revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
				  "(SELECT max(id) FROM revision "
				  "WHERE source = ?1 AND payload = ?2)) "
				  "ON CONFLICT DO UPDATE SET payload = excluded.payload, "
				  "commit_oid = excluded.commit_oid, revision = excluded.revision, "
				  "accepted_s = excluded.accepted_s, "
				  "sequence = max(sequence, excluded.sequence), "
				  "counter = excluded.counter");

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, floor->payload, sizeof(floor->payload));
	lp_sql_put_bytes(&q, floor->commit, sizeof(floor->commit));
	lp_sql_put_int(&q, floor->accepted_s);
	lp_sql_put_int(&q, floor->sequence);
	lp_sql_put_int(&q, floor->counter);
	return lp_sql_run(&q, err);
}

static enum lp_code put_payload(struct db *db, const char *source, const struct stored_floor *floor,
				struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO accepted_payload (source, payload, counter) "
				  "VALUES (?, ?, ?) "
				  "ON CONFLICT DO UPDATE SET counter = excluded.counter");

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, floor->payload, sizeof(floor->payload));
	lp_sql_put_int(&q, floor->counter);
	return lp_sql_run(&q, err);
}

enum lp_code lp_floor_restore(struct db *db, const char *source, const struct stored_floor *floor,
			      struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(put_floor(db, source, floor, err));
	if (lp_floor_holds(floor))
		LP_TRY(put_payload(db, source, floor, err));
	return lp_tx_commit(&tx, err);
}

static enum lp_code forget_all_payloads(struct db *db, const char *source, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "DELETE FROM accepted_payload WHERE source = ?");

	lp_sql_put_text(&q, source);
	return lp_sql_run(&q, err);
}

static enum lp_code put_given_up(struct db *db, const char *source, int64_t at_least,
				 struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO floor "
				  "(source, payload, commit_oid, accepted_s, sequence, counter, "
				  "given_up) VALUES (?1, zeroblob(?2), zeroblob(?3), 0, 0, ?4, 1) "
				  "ON CONFLICT DO UPDATE SET payload = excluded.payload, "
				  "commit_oid = excluded.commit_oid, revision = NULL, "
				  "accepted_s = 0, sequence = 0, "
				  "counter = max(counter + 1, excluded.counter), given_up = 1");

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, LP_STORE_PAYLOAD);
	lp_sql_put_int(&q, LP_STORE_OID);
	lp_sql_put_int(&q, at_least > 1 ? at_least : 1);
	return lp_sql_run(&q, err);
}

enum lp_code lp_floor_give_up(struct db *db, const char *source, int64_t at_least, struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(put_given_up(db, source, at_least, err));
	LP_TRY(forget_all_payloads(db, source, err));
	return lp_tx_commit(&tx, err);
}

enum lp_code lp_floor_settle(struct db *db, const char *source, int64_t at_least, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "UPDATE floor SET counter = max(counter, ?), given_up = 0 "
				  "WHERE source = ?");

	lp_sql_put_int(&q, at_least);
	lp_sql_put_text(&q, source);
	return lp_sql_run(&q, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/config_digest.h"

#include "store/rows.h"

#include <string.h>

enum lp_code lp_config_digest_get(struct db *db, const char *source, const struct stored_key *key,
				  struct config_digest *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT shown, made_for FROM config_digest WHERE source = ? "
				  "AND api_group = ? AND kind = ? AND ns = ? AND name = ?");

	lp_sql_put_text(&q, source);
	lp_put_key(&q, key);
	LP_TRY(lp_sql_next(&q, err));
	lp_sql_bytes(&q, ret->shown, sizeof(ret->shown));
	lp_sql_bytes(&q, ret->made_for, sizeof(ret->made_for));
	return lp_sql_check(&q, err);
}

enum lp_code lp_config_digest_put(struct db *db, const char *source, const struct stored_key *key,
				  const struct config_digest *digest, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO config_digest (source, api_group, kind, ns, name, "
				  "shown, made_for) VALUES (?, ?, ?, ?, ?, ?, ?) "
				  "ON CONFLICT DO UPDATE SET shown = excluded.shown, "
				  "made_for = excluded.made_for WHERE (shown, made_for) != "
				  "(excluded.shown, excluded.made_for)");

	lp_sql_put_text(&q, source);
	lp_put_key(&q, key);
	lp_sql_put_bytes(&q, digest->shown, sizeof(digest->shown));
	lp_sql_put_bytes(&q, digest->made_for, sizeof(digest->made_for));
	return lp_sql_run(&q, err);
}

enum lp_code lp_config_digest_delete(struct db *db, const char *source,
				     const struct stored_key *key, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "DELETE FROM config_digest WHERE source = ? AND api_group = ? "
				  "AND kind = ? AND ns = ? AND name = ?");

	lp_sql_put_text(&q, source);
	lp_put_key(&q, key);
	return lp_sql_run(&q, err);
}

enum lp_code lp_config_digests_forget(struct db *db, const char *source, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "DELETE FROM config_digest WHERE source = ?");

	lp_sql_put_text(&q, source);
	return lp_sql_run(&q, err);
}

enum lp_code lp_config_key_get(struct db *db, const char *source, uint8_t ret[LP_CONFIG_KEY],
			       struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT key FROM config_key WHERE source = ?");

	lp_sql_put_text(&q, source);
	LP_TRY(lp_sql_next(&q, err));
	lp_sql_bytes(&q, ret, LP_CONFIG_KEY);
	return lp_sql_check(&q, err);
}

static enum lp_code forget_contents(struct db *db, const char *source, struct err *err)
{
	static const uint8_t zero[LP_CONFIG_DIGEST];
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "UPDATE config_digest SET made_for = ? WHERE source = ?");

	lp_sql_put_bytes(&q, zero, sizeof(zero));
	lp_sql_put_text(&q, source);
	return lp_sql_run(&q, err);
}

static enum lp_code set_key(struct db *db, const char *source, const uint8_t key[LP_CONFIG_KEY],
			    struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO config_key (source, key) VALUES (?, ?) "
				  "ON CONFLICT DO UPDATE SET key = excluded.key");

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, key, LP_CONFIG_KEY);
	return lp_sql_run(&q, err);
}

enum lp_code lp_config_key_put(struct db *db, const char *source, const uint8_t key[LP_CONFIG_KEY],
			       struct err *err)
{
	uint8_t old[LP_CONFIG_KEY];
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	enum lp_code code = lp_config_key_get(db, source, old, err);

	if (code == LP_OK && memcmp(old, key, sizeof(old)) == 0)
		return LP_OK;
	if (code != LP_OK && code != LP_NOT_FOUND)
		return code;
	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(forget_contents(db, source, err));
	LP_TRY(set_key(db, source, key, err));
	return lp_tx_commit(&tx, err);
}

enum lp_code lp_config_is_used(struct db *db, int64_t revision, bool *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT EXISTS (SELECT 1 FROM object WHERE revision = ? AND "
				  "config_use != 0)");

	lp_sql_put_int(&q, revision);
	LP_TRY(lp_sql_next(&q, err));
	*ret = lp_sql_int(&q) != 0;
	return lp_sql_check(&q, err);
}

enum lp_code lp_config_unknown(struct db *db, int64_t revision, struct stored_key *at,
			       struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(
		db, "SELECT api_group, kind, ns, name, version FROM object o WHERE revision = ? "
		    "AND (api_group, kind, ns, name) > (?, ?, ?, ?) AND config_use != 0 AND "
		    "NOT EXISTS (SELECT 1 FROM config_digest d WHERE d.source = o.source AND "
		    "d.api_group = o.api_group AND d.kind = o.kind AND d.ns = o.ns AND "
		    "d.name = o.name) ORDER BY api_group, kind, ns, name LIMIT 1");

	lp_sql_put_int(&q, revision);
	lp_put_key(&q, at);
	LP_TRY(lp_sql_next(&q, err));
	lp_take_key(&q, at);
	return lp_sql_check(&q, err);
}

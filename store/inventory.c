/* SPDX-License-Identifier: Apache-2.0 */
#include "store/inventory.h"

#include "store/rows.h"

#define COLUMNS                                                                                    \
	"SELECT api_group, kind, ns, name, version, scope, stage, wave, kind_order, uid, digest, " \
	"revision, state, live, source FROM inventory i "
#define ORDER "stage, wave, kind_order, api_group, kind, ns, name"
#define ORDER_REVERSED \
	"stage DESC, wave DESC, kind_order DESC, api_group DESC, kind DESC, ns DESC, name DESC"

static enum lp_code take_row(struct sql *q, struct inventory_row *ret, struct err *err)
{
	lp_take_key(q, &ret->key);
	ret->scope = (int)lp_sql_int(q);
	ret->stage = (int)lp_sql_int(q);
	ret->wave = (int)lp_sql_int(q);
	ret->kind_order = (int)lp_sql_int(q);
	lp_sql_text(q, ret->uid, sizeof(ret->uid));
	lp_sql_bytes(q, ret->digest, sizeof(ret->digest));
	ret->revision = lp_sql_int(q);
	ret->state = (enum inventory_state)lp_sql_int(q);
	lp_sql_bytes(q, ret->live, sizeof(ret->live));
	lp_sql_text(q, ret->source, sizeof(ret->source));
	return lp_sql_check(q, err);
}

enum lp_code lp_inventory_put(struct db *db, const struct inventory_row *row, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(
		db,
		"INSERT INTO inventory (source, api_group, kind, ns, name, version, scope, "
		"stage, wave, kind_order, uid, digest, revision, state, live) "
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
		"ON CONFLICT DO UPDATE SET version = excluded.version, scope = excluded.scope, "
		"stage = excluded.stage, wave = excluded.wave, kind_order = excluded.kind_order, "
		"uid = excluded.uid, digest = excluded.digest, revision = excluded.revision, "
		"state = excluded.state, live = excluded.live "
		"WHERE (version, scope, stage, wave, kind_order, uid, digest, revision, state, "
		"live) != "
		"(excluded.version, excluded.scope, excluded.stage, excluded.wave, "
		"excluded.kind_order, excluded.uid, excluded.digest, excluded.revision, "
		"excluded.state, excluded.live)");

	lp_sql_put_text(&q, row->source);
	lp_put_key(&q, &row->key);
	lp_sql_put_text(&q, row->key.version);
	lp_sql_put_int(&q, row->scope);
	lp_sql_put_int(&q, row->stage);
	lp_sql_put_int(&q, row->wave);
	lp_sql_put_int(&q, row->kind_order);
	lp_sql_put_text(&q, row->uid);
	lp_sql_put_bytes(&q, row->digest, sizeof(row->digest));
	lp_sql_put_int(&q, row->revision);
	lp_sql_put_int(&q, row->state);
	lp_sql_put_bytes(&q, row->live, sizeof(row->live));
	return lp_sql_run(&q, err);
}

enum lp_code lp_inventory_delete(struct db *db, const char *source, const struct stored_key *key,
				 struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "DELETE FROM inventory WHERE source = ? AND api_group = ? "
				  "AND kind = ? AND ns = ? AND name = ?");

	lp_sql_put_text(&q, source);
	lp_put_key(&q, key);
	return lp_sql_run(&q, err);
}

enum lp_code lp_inventory_get(struct db *db, const char *source, const struct stored_key *key,
			      struct inventory_row *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, COLUMNS "WHERE source = ? AND api_group = ? AND kind = ? "
					  "AND ns = ? AND name = ?");

	lp_sql_put_text(&q, source);
	lp_put_key(&q, key);
	LP_TRY(lp_sql_next(&q, err));
	return take_row(&q, ret, err);
}

enum lp_code lp_inventory_next_kind(struct db *db, const char *source, char group[LP_GROUP_MAX],
				    char kind[LP_KIND_MAX], struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT api_group, kind FROM inventory WHERE source = ? AND "
				  "(api_group, kind) > (?, ?) ORDER BY api_group, kind LIMIT 1");

	lp_sql_put_text(&q, source);
	lp_sql_put_text(&q, group);
	lp_sql_put_text(&q, kind);
	LP_TRY(lp_sql_next(&q, err));
	lp_sql_text(&q, group, LP_GROUP_MAX);
	lp_sql_text(&q, kind, LP_KIND_MAX);
	return lp_sql_check(&q, err);
}

enum lp_code lp_inventory_count(struct db *db, const char *source, unsigned *ret_count,
				struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT count(*) FROM inventory WHERE source = ?");

	lp_sql_put_text(&q, source);
	LP_TRY(lp_sql_next(&q, err));
	*ret_count = (unsigned)lp_sql_int(&q);
	return LP_OK;
}

/*
 * Not in the revision by group, kind, namespace and name: a new version is no reason to prune.
 * Nor under no namespace with a scope that was not known. Two lookups: an OR would be a scan.
 */
#define IN                                                                                        \
	"EXISTS (SELECT 1 FROM object o WHERE o.revision = ?2 AND o.api_group = i.api_group AND " \
	"o.kind = i.kind AND o.name = i.name AND "
#define NOT_IN "NOT " IN "o.ns = i.ns) AND NOT " IN "o.ns = '' AND o.scope = 0) "

static const char *const next_text[2][2] = {
	{COLUMNS "WHERE source = ? ORDER BY " ORDER " LIMIT 1",
	 COLUMNS "WHERE source = ? AND (" ORDER ") > (?, ?, ?, ?, ?, ?, ?) "
		 "ORDER BY " ORDER " LIMIT 1"},
	{COLUMNS "WHERE source = ? AND " NOT_IN "ORDER BY " ORDER_REVERSED " LIMIT 1",
	 COLUMNS "WHERE source = ? AND " NOT_IN "AND (" ORDER ") < (?, ?, ?, ?, ?, ?, ?) "
		 "ORDER BY " ORDER_REVERSED " LIMIT 1"},
};

enum lp_code lp_inventory_next(struct db *db, struct inventory_cursor *cursor, struct err *err)
{
	struct inventory_row *at = &cursor->at;
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, next_text[cursor->not_in != 0][cursor->started]);

	lp_sql_put_text(&q, cursor->source);
	if (cursor->not_in)
		lp_sql_put_int(&q, cursor->not_in);
	if (cursor->started) {
		lp_sql_put_int(&q, at->stage);
		lp_sql_put_int(&q, at->wave);
		lp_sql_put_int(&q, at->kind_order);
		lp_put_key(&q, &at->key);
	}
	LP_TRY(lp_sql_next(&q, err));
	cursor->started = true;
	return take_row(&q, at, err);
}

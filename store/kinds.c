/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kinds.h"

#include "store/sql.h"

static void put_kind(struct sql *q, const struct stored_kind *kind)
{
	lp_sql_put_text(q, kind->group);
	lp_sql_put_text(q, kind->kind);
	lp_sql_put_text(q, kind->version);
	lp_sql_put_text(q, kind->resource);
	lp_sql_put_int(q, kind->namespaced);
	lp_sql_put_int(q, kind->verbs);
}

static enum lp_code is_stored(struct db *db, const struct stored_kind *kind, bool *ret_stored,
			      struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT 1 FROM kind WHERE api_group = ? AND kind = ? AND "
				  "version = ? AND resource = ? AND namespaced = ? AND verbs = ?");

	put_kind(&q, kind);
	enum lp_code code = lp_sql_next(&q, err);
	*ret_stored = code == LP_OK;
	return code == LP_NOT_FOUND ? LP_OK : code;
}

static enum lp_code are_same(struct db *db, const struct stored_kind *kinds, size_t n,
			     bool *ret_same, struct err *err)
{
	int64_t stored;

	LP_TRY(lp_sql_number(db, "SELECT count(*) FROM kind", &stored, err));
	*ret_same = stored == (int64_t)n;
	for (size_t i = 0; i < n && *ret_same; i++)
		LP_TRY(is_stored(db, &kinds[i], ret_same, err));
	return LP_OK;
}

static enum lp_code write_all(struct db *db, const struct stored_kind *kinds, size_t n,
			      struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO kind (api_group, kind, version, resource, "
				  "namespaced, verbs) VALUES (?, ?, ?, ?, ?, ?)");

	LP_TRY(lp_sql_exec(db, "DELETE FROM kind", err));
	for (size_t i = 0; i < n; i++) {
		put_kind(&q, &kinds[i]);
		enum lp_code code = lp_sql_run(&q, err);
		if (code == LP_REJECTED)
			return lp_err_set(err, code, "the kind %s.%s/%s is there twice",
					  kinds[i].kind, kinds[i].group, kinds[i].version);
		LP_TRY(code);
	}
	return LP_OK;
}

enum lp_code lp_kinds_replace(struct db *db, const struct stored_kind *kinds, size_t n,
			      struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	bool same;

	if (n > LP_KINDS_MAX)
		return lp_err_set(err, LP_LIMIT, "%zu kinds; at most %u are stored", n,
				  LP_KINDS_MAX);
	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(are_same(db, kinds, n, &same, err));
	if (!same)
		LP_TRY(write_all(db, kinds, n, err));
	return lp_tx_commit(&tx, err);
}

#define COLUMNS "SELECT api_group, kind, version, resource, namespaced, verbs FROM kind "

static enum lp_code take_kind(struct sql *q, struct stored_kind *ret, struct err *err)
{
	LP_TRY(lp_sql_next(q, err));
	lp_sql_text(q, ret->group, sizeof(ret->group));
	lp_sql_text(q, ret->kind, sizeof(ret->kind));
	lp_sql_text(q, ret->version, sizeof(ret->version));
	lp_sql_text(q, ret->resource, sizeof(ret->resource));
	ret->namespaced = lp_sql_int(q) != 0;
	ret->verbs = (unsigned)lp_sql_int(q);
	return lp_sql_check(q, err);
}

enum lp_code lp_kind_get(struct db *db, const char *group, const char *kind, const char *version,
			 struct stored_kind *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, COLUMNS "WHERE api_group = ?1 AND kind = ?2 AND "
					  "(version = ?3 OR ?3 = '') ORDER BY version LIMIT 1");

	lp_sql_put_text(&q, group);
	lp_sql_put_text(&q, kind);
	lp_sql_put_text(&q, version);
	return take_kind(&q, ret, err);
}

enum lp_code lp_kind_nth(struct db *db, unsigned nth, struct stored_kind *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, COLUMNS "ORDER BY api_group, kind, version LIMIT 1 OFFSET ?");

	lp_sql_put_int(&q, nth);
	return take_kind(&q, ret, err);
}

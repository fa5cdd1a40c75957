/* SPDX-License-Identifier: Apache-2.0 */
#include "store/body.h"
#include "store/limits.h"
#include "store/revision.h"

/* Give pages back when half of the file, and at least 1 MiB, is free: moving pages wears too. */
#define FREE_PAGES 256

/* The oldest one that nothing needs. */
static const char oldest[] =
	"WITH s AS (SELECT desired, applied, pinned FROM source_state WHERE source = ?1), "
	"needed (id) AS ("
	" SELECT max(id) FROM revision WHERE source = ?1"
	" UNION SELECT desired FROM s UNION SELECT applied FROM s UNION SELECT pinned FROM s"
	" UNION SELECT ?2"
	" UNION SELECT revision FROM floor WHERE source = ?1"
	" UNION SELECT revision FROM intent WHERE source = ?1"
	" UNION SELECT max(id) FROM revision"
	"  WHERE source = ?1 AND applied_s != 0 AND id < (SELECT desired FROM s)"
	" UNION SELECT max(id) FROM revision"
	"  WHERE source = ?1 AND applied_s != 0 AND id < (SELECT applied FROM s)) "
	"SELECT r.id FROM revision r WHERE r.source = ?1"
	" AND NOT EXISTS (SELECT 1 FROM needed n WHERE n.id = r.id) ORDER BY r.id LIMIT 1";

static enum lp_code find_oldest(struct db *db, const char *source, int64_t pinned, int64_t *ret_id,
				struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, oldest);

	lp_sql_put_text(&q, source);
	lp_sql_put_id(&q, pinned);
	LP_TRY(lp_sql_next(&q, err));
	*ret_id = lp_sql_int(&q);
	return LP_OK;
}

static enum lp_code drop(struct db *db, int64_t id, struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, "DELETE FROM revision WHERE id = ?");

	lp_sql_put_int(&q, id);
	return lp_sql_run(&q, err); /* its objects go with it */
}

/*
 * How many are too many, as far as it can be told before bodies are swept: what one revision takes
 * for itself shows only then, so that a size is reached one by one.
 */
static enum lp_code count_excess(struct db *db, const char *source, uint64_t keep_bytes,
				 unsigned keep_count, unsigned *ret_excess, struct err *err)
{
	uint64_t bytes;
	unsigned count;

	LP_TRY(lp_revision_count(db, source, &count, err));
	LP_TRY(lp_bodies_bytes(db, source, &bytes, err));
	*ret_excess = count > keep_count ? count - keep_count : bytes > keep_bytes;
	return LP_OK;
}

static enum lp_code give_back(struct db *db, struct err *err)
{
	int64_t unused, all;

	LP_TRY(lp_sql_number(db, "PRAGMA freelist_count", &unused, err));
	LP_TRY(lp_sql_number(db, "PRAGMA page_count", &all, err));
	if (unused < FREE_PAGES || unused < all / 2)
		return LP_OK;
	return lp_sql_exec(db, "PRAGMA incremental_vacuum", err);
}

enum lp_code lp_revision_gc(struct db *db, const char *source, uint64_t keep_bytes,
			    unsigned keep_count, int64_t pinned, unsigned *ret_dropped,
			    struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	enum lp_code code = LP_OK;
	unsigned dropped = 0, excess;
	int64_t id;

	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(count_excess(db, source, keep_bytes, keep_count, &excess, err));
	while (dropped < excess && dropped < LP_DROPS_MAX &&
	       (code = find_oldest(db, source, pinned, &id, err)) == LP_OK &&
	       (code = drop(db, id, err)) == LP_OK)
		dropped++;
	if (dropped && (code == LP_OK || code == LP_NOT_FOUND))
		code = lp_bodies_sweep(db, source, err);
	if (code != LP_OK && code != LP_NOT_FOUND)
		return lp_err_wrap(err, "drop old revisions of %s", source);
	if (dropped)
		LP_TRY(give_back(db, err));
	LP_TRY(lp_tx_commit(&tx, err));
	*ret_dropped = dropped;
	return LP_OK;
}

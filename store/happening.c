/* SPDX-License-Identifier: Apache-2.0 */
#include "store/happening.h"

#include "platform/text.h"
#include "store/sql.h"

#include <string.h>

static const char *const names[LP_HAPPENED_KINDS] = {
	[LP_HAPPENED_DETECTED] = "detected",
	[LP_HAPPENED_HEALED] = "healed",
	[LP_HAPPENED_REPORTED] = "reported",
	[LP_HAPPENED_FOREIGN] = "foreign",
	[LP_HAPPENED_FIGHT] = "fight",
	[LP_HAPPENED_ACCEPTED] = "accepted",
	[LP_HAPPENED_REFUSED] = "refused",
	[LP_HAPPENED_APPLIED] = "applied",
	[LP_HAPPENED_INCOMPLETE] = "incomplete",
	[LP_HAPPENED_FAILED] = "failed",
	[LP_HAPPENED_PRUNED] = "pruned",
	[LP_HAPPENED_ROLLED_BACK] = "rolled-back",
	[LP_HAPPENED_SUSPENDED] = "suspended",
	[LP_HAPPENED_RESUMED] = "resumed",
	[LP_HAPPENED_AWAY] = "api-server-away",
	[LP_HAPPENED_BACK] = "api-server-back",
	[LP_HAPPENED_STORE_LOST] = "store-lost",
	[LP_HAPPENED_STANDBY] = "standby",
	[LP_HAPPENED_TOOK_OVER] = "took-over",
	[LP_HAPPENED_RECREATED] = "recreated",
	[LP_HAPPENED_OVERWRITTEN] = "overwritten",
	[LP_HAPPENED_ADOPTED] = "adopted",
};

const char *lp_happening_name(enum happening_kind kind)
{
	return kind > 0 && kind < LP_HAPPENED_KINDS ? names[kind] : "unknown";
}

bool lp_happening_parse(const char *name, enum happening_kind *ret)
{
	for (int kind = 1; kind < LP_HAPPENED_KINDS; kind++) {
		if (strcmp(names[kind], name) != 0)
			continue;
		*ret = (enum happening_kind)kind;
		return true;
	}
	return false;
}

/* --- what is held --- */

static struct held_repeat *find_held(const struct held_repeats *held, int64_t id)
{
	for (unsigned i = 0; held && i < held->len; i++)
		if (held->list[i].id == id)
			return (struct held_repeat *)&held->list[i];
	return NULL;
}

static void add_held(struct stored_happening *row, const struct held_repeats *held)
{
	const struct held_repeat *repeat = find_held(held, row->id);

	if (!repeat)
		return;
	row->count += repeat->count;
	row->last_s = repeat->last_s;
}

/*
 * A row has got this id: what is held for a row from here on is of one that was rolled back, or of
 * a database that is no more; what is held for one that was dropped has no row either.
 */
static void forget_others(struct held_repeats *held, int64_t new_id)
{
	unsigned kept = 0;

	for (unsigned i = 0; held && i < held->len; i++) {
		int64_t id = held->list[i].id;
		if (id < new_id && id > new_id - (int64_t)LP_HAPPENINGS_KEPT)
			held->list[kept++] = held->list[i];
	}
	if (held)
		held->len = kept;
}

static enum lp_code write_repeat(struct db *db, const struct held_repeat *repeat, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "UPDATE happening SET count = count + ?, last_s = ? "
				  "WHERE id = ?");

	lp_sql_put_int(&q, repeat->count);
	lp_sql_put_int(&q, repeat->last_s);
	lp_sql_put_int(&q, repeat->id);
	return lp_sql_run(&q, err);
}

enum lp_code lp_happening_flush(struct db *db, struct held_repeats *held, struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	if (!held->len)
		return LP_OK;
	LP_TRY(lp_tx_begin(db, &tx, err));
	for (unsigned i = 0; i < held->len; i++)
		LP_TRY(write_repeat(db, &held->list[i], err));
	LP_TRY(lp_tx_commit(&tx, err));
	held->len = 0;
	return LP_OK;
}

/* row has happened once more: the caller has found it, with what is held. */
static enum lp_code repeat(struct db *db, struct held_repeats *held, struct stored_happening *row,
			   int64_t now_s, struct err *err)
{
	struct held_repeat one = {.id = row->id, .count = 1, .last_s = now_s};
	struct held_repeat *slot = find_held(held, row->id);

	row->count++;
	row->last_s = now_s;
	if (!held)
		return write_repeat(db, &one, err);
	if (!slot && held->len == LP_HAPPENINGS_KEPT)
		LP_TRY(lp_happening_flush(db, held, err));
	if (!slot)
		held->list[held->len++] = one;
	else
		*slot = (struct held_repeat){row->id, slot->count + 1, now_s};
	return LP_OK;
}

/* --- adding --- */

static void fit(char *to, size_t size, const char *text)
{
	if (!text)
		text = "";
	lp_printable((struct slice){(const uint8_t *)text, strlen(text)}, to, size);
}

static void make_row(const char *source, const struct happening *what, int64_t now_s,
		     struct stored_happening *ret)
{
	*ret = (struct stored_happening){.at_s = now_s,
					 .last_s = now_s,
					 .count = 1,
					 .kind = what->kind,
					 .revision = what->revision};
	fit(ret->source, sizeof(ret->source), source);
	fit(ret->object, sizeof(ret->object), what->object);
	fit(ret->by, sizeof(ret->by), what->by);
	fit(ret->message, sizeof(ret->message), what->message);
}

/* The newest row that says the same; *ret_found is false when there is none. */
static enum lp_code find_same(struct db *db, const struct stored_happening *row, bool *ret_found,
			      struct stored_happening *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT id, at_s, last_s, count, revision FROM happening "
				  "WHERE kind = ? AND object = ? AND message = ? AND by_whom = ? "
				  "AND source = ? ORDER BY id DESC LIMIT 1");

	lp_sql_put_int(&q, row->kind);
	lp_sql_put_text(&q, row->object);
	lp_sql_put_text(&q, row->message);
	lp_sql_put_text(&q, row->by);
	lp_sql_put_text(&q, row->source);
	enum lp_code code = lp_sql_next(&q, err);
	*ret_found = code == LP_OK;
	if (code != LP_OK)
		return code == LP_NOT_FOUND ? LP_OK : code;
	*ret = *row;
	ret->id = lp_sql_int(&q);
	ret->at_s = lp_sql_int(&q);
	ret->last_s = lp_sql_int(&q);
	ret->count = lp_sql_int(&q);
	ret->revision = lp_sql_int(&q);
	return LP_OK;
}

/* Whether the source has taken a step since the row, which is one, too. */
static enum lp_code has_gone_on(struct db *db, const struct stored_happening *row, bool *ret,
				struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT 1 FROM happening WHERE id > ? AND source = ? AND "
				  "object = '' AND kind BETWEEN ? AND ? LIMIT 1");

	*ret = false;
	if (row->kind < LP_HAPPENED_ACCEPTED || row->kind > LP_HAPPENED_RESUMED)
		return LP_OK;
	lp_sql_put_int(&q, row->id);
	lp_sql_put_text(&q, row->source);
	lp_sql_put_int(&q, LP_HAPPENED_ACCEPTED);
	lp_sql_put_int(&q, LP_HAPPENED_RESUMED);
	enum lp_code code = lp_sql_next(&q, err);
	*ret = code == LP_OK;
	return code == LP_NOT_FOUND ? LP_OK : code;
}

/* A clock that was set back is no reason to take an old row up again. */
static bool is_within(int64_t then_s, int64_t now_s, int64_t within_s)
{
	return then_s <= now_s && now_s - then_s < within_s;
}

static enum lp_code insert(struct db *db, struct stored_happening *row, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "INSERT INTO happening (source, at_s, last_s, count, kind, "
				  "object, revision, by_whom, message) "
				  "VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?)");

	lp_sql_put_text(&q, row->source);
	lp_sql_put_int(&q, row->at_s);
	lp_sql_put_int(&q, row->last_s);
	lp_sql_put_int(&q, row->kind);
	lp_sql_put_text(&q, row->object);
	lp_sql_put_int(&q, row->revision);
	lp_sql_put_text(&q, row->by);
	lp_sql_put_text(&q, row->message);
	LP_TRY(lp_sql_run(&q, err));
	row->id = lp_sql_new_id(db);
	return LP_OK;
}

static enum lp_code drop_old(struct db *db, int64_t new_id, struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, "DELETE FROM happening WHERE id <= ?");

	lp_sql_put_int(&q, new_id - (int64_t)LP_HAPPENINGS_KEPT);
	return lp_sql_run(&q, err);
}

static enum lp_code add_row(struct db *db, struct stored_happening *row, struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(insert(db, row, err));
	LP_TRY(drop_old(db, row->id, err));
	return lp_tx_commit(&tx, err);
}

enum lp_code lp_happening_add(struct db *db, struct held_repeats *held, const char *source,
			      const struct happening *what, int64_t now_s,
			      struct stored_happening *ret, struct err *err)
{
	struct stored_happening same;
	bool found = false, gone_on = false;

	make_row(source, what, now_s, ret);
	LP_TRY(find_same(db, ret, &found, &same, err));
	if (found)
		add_held(&same, held);
	if (found)
		LP_TRY(has_gone_on(db, &same, &gone_on, err));
	if (found && !gone_on && is_within(same.last_s, now_s, LP_HAPPENING_REPEAT_S) &&
	    is_within(same.at_s, now_s, LP_HAPPENING_SPAN_S)) {
		*ret = same;
		return repeat(db, held, ret, now_s, err);
	}
	LP_TRY(add_row(db, ret, err));
	forget_others(held, ret->id);
	return LP_OK;
}

/* --- reading --- */

#define COLUMNS                                                                             \
	"SELECT id, source, at_s, last_s, count, kind, object, revision, by_whom, message " \
	"FROM happening "

static enum lp_code take_row(struct sql *q, struct stored_happening *ret, struct err *err)
{
	LP_TRY(lp_sql_next(q, err));
	ret->id = lp_sql_int(q);
	lp_sql_text(q, ret->source, sizeof(ret->source));
	ret->at_s = lp_sql_int(q);
	ret->last_s = lp_sql_int(q);
	ret->count = lp_sql_int(q);
	ret->kind = (enum happening_kind)lp_sql_int(q);
	lp_sql_text(q, ret->object, sizeof(ret->object));
	ret->revision = lp_sql_int(q);
	lp_sql_text(q, ret->by, sizeof(ret->by));
	lp_sql_text(q, ret->message, sizeof(ret->message));
	return lp_sql_check(q, err);
}

static enum lp_code get_beside(struct db *db, const char *text, int64_t id,
			       const struct held_repeats *held, struct stored_happening *ret,
			       struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, text);

	lp_sql_put_int(&q, id);
	LP_TRY(take_row(&q, ret, err));
	add_held(ret, held);
	return LP_OK;
}

static bool is_wanted(const struct happening_cursor *cursor, const struct stored_happening *row)
{
	return (!cursor->source || strcmp(cursor->source, row->source) == 0) &&
	       row->last_s >= cursor->since_s;
}

enum lp_code lp_happening_newest(struct db *db, const struct held_repeats *held,
				 struct happening_cursor *cursor, unsigned count, struct err *err)
{
	struct stored_happening row = {.id = INT64_MAX};

	/* the newest one that is too many; those past it are given */
	for (unsigned n = 0; n <= count; n += is_wanted(cursor, &row)) {
		enum lp_code code = get_beside(db, COLUMNS "WHERE id < ? ORDER BY id DESC LIMIT 1",
					       row.id, held, &row, err);
		if (code == LP_NOT_FOUND || (code == LP_OK && row.id <= cursor->id))
			return LP_OK;
		LP_TRY(code);
	}
	cursor->id = row.id;
	return LP_OK;
}

enum lp_code lp_happening_next(struct db *db, const struct held_repeats *held,
			       struct happening_cursor *cursor, struct err *err)
{
	do {
		LP_TRY(get_beside(db, COLUMNS "WHERE id > ? ORDER BY id LIMIT 1", cursor->id, held,
				  &cursor->at, err));
		cursor->id = cursor->at.id;
	} while (!is_wanted(cursor, &cursor->at));
	return LP_OK;
}

static enum lp_code last_written(struct db *db, const char *source, enum happening_kind kind,
				 struct stored_happening *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, COLUMNS "WHERE kind = ? AND source = ? "
					  "ORDER BY last_s DESC, id DESC LIMIT 1");

	lp_sql_put_int(&q, kind);
	lp_sql_put_text(&q, source);
	return take_row(&q, ret, err);
}

enum lp_code lp_happening_last(struct db *db, const struct held_repeats *held, const char *source,
			       enum happening_kind kind, struct stored_happening *ret,
			       struct err *err)
{
	struct stored_happening row;

	LP_TRY(last_written(db, source, kind, ret, err));
	add_held(ret, held);
	/* A row that was written before it may have happened again since. */
	for (unsigned i = 0; held && i < held->len; i++) {
		if (held->list[i].last_s <= ret->last_s)
			continue;
		enum lp_code code =
			get_beside(db, COLUMNS "WHERE id = ?", held->list[i].id, held, &row, err);
		if (code == LP_OK && row.kind == kind && strcmp(row.source, source) == 0)
			*ret = row;
		else if (code != LP_OK && code != LP_NOT_FOUND)
			return code;
	}
	return LP_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/ancestry.h"

#include "platform/clock.h"
#include "platform/crypto.h"

/*
 * The ids met, in the order in which they were met: the front part was read, the rest is
 * the queue. The table finds an id in it; its key is random, so that nobody can make ids
 * that collide. Both have their final size from the start: pages that are never touched
 * cost nothing.
 */
struct met {
	struct oid *ids;
	uint32_t *table; /* index + 1 in ids, 0 empty */
	size_t len, cap, next;
	size_t table_len; /* a power of two, at least twice cap */
	uint8_t key[16];
};

static void met_free(struct met *m)
{
	free(m->ids);
	free(m->table);
}

static enum lp_code met_new(struct met *m, size_t cap, struct err *err)
{
	*m = (struct met){.cap = cap, .table_len = 64};
	while (m->table_len < 2 * cap)
		m->table_len *= 2;
	lp_random(m->key, sizeof(m->key));
	m->ids = calloc(cap, sizeof(*m->ids));
	m->table = calloc(m->table_len, sizeof(*m->table));
	return m->ids && m->table ? LP_OK : lp_err_nomem(err, "ancestry");
}

static size_t place_of(const struct met *m, const struct oid *id)
{
	size_t mask = m->table_len - 1;
	size_t at = (size_t)lp_siphash(m->key, id->bytes, sizeof(id->bytes)) & mask;

	while (m->table[at] && !lp_oid_equal(&m->ids[m->table[at] - 1], id))
		at = (at + 1) & mask;
	return at;
}

static bool has(const struct met *m, const struct oid *id)
{
	return m->len && m->table[place_of(m, id)];
}

/* Queues an id unless it was met. What is past the walk's limit is not looked at anyway. */
static void add(struct met *m, const struct oid *id)
{
	size_t at = place_of(m, id);

	if (m->table[at] || m->len == m->cap)
		return;
	m->ids[m->len++] = *id;
	m->table[at] = (uint32_t)m->len;
}

/* One walk: the way down, and what is known to lie below the goal. */
struct way {
	struct ancestry_walk *w;
	struct met met;
	struct met below; /* the goal's ancestors that are there; empty until a merge asks for it */
	struct buf bytes;
	bool gap, refused;
	struct oid missing, bad;
};

static void way_free(struct way *way)
{
	met_free(&way->met);
	met_free(&way->below);
	lp_buf_free(&way->bytes);
}

/* Reads and parses one commit. LP_NOT_FOUND, LP_REJECTED and LP_LIMIT are about that commit. */
static enum lp_code read_one(struct way *way, const struct oid *id, struct commit *ret,
			     struct err *err)
{
	LP_TRY(lp_commit_read(way->w->read, way->w->ctx, id, &way->bytes, err));
	return lp_commit_parse(way->bytes.data, way->bytes.len, ret, err);
}

static bool is_about_commit(enum lp_code code)
{
	return code == LP_NOT_FOUND || code == LP_REJECTED || code == LP_LIMIT;
}

/*
 * A branch that was merged may have begun below the goal. What is an ancestor of the goal was
 * accepted with it; only what is there can be told to be one.
 */
static enum lp_code learn_below(struct way *way, struct err *err)
{
	struct met *below = &way->below;
	struct commit c;

	if (below->len)
		return LP_OK;
	LP_TRY(met_new(below, (size_t)way->w->max + 1, err));
	add(below, &way->w->goal);
	while (below->next < below->len) {
		struct oid id = below->ids[below->next++];
		enum lp_code code = read_one(way, &id, &c, err);
		if (is_about_commit(code))
			continue;
		LP_TRY(code);
		for (size_t i = 0; i < c.parents_len; i++)
			add(below, &c.parents[i]);
	}
	return LP_OK;
}

static enum lp_code check(struct way *way, const struct oid *id, const struct commit *c,
			  struct err *err)
{
	const struct ancestry_walk *w = way->w;
	bool good = true;

	if (!w->check || way->refused)
		return LP_OK;
	LP_TRY(w->check(w->check_ctx, id, c, &good, err));
	way->refused = !good;
	if (!good)
		way->bad = *id;
	return LP_OK;
}

/* Ends the walk with a result about one commit. */
static bool end(struct ancestry_walk *w, enum ancestry result, const struct oid *id)
{
	w->result = result;
	w->at = *id;
	return true;
}

/* The goal: its parents are not queued, and without `all` the walk is over. */
static bool goal_met(struct ancestry_walk *w, const struct oid *id)
{
	w->found = true;
	return !w->all && end(w, ANCESTRY_FOUND, id);
}

/*
 * Looks at one commit: queues its parents, or sets *ret_ended. A commit that is not there
 * does not end the walk: the goal may be on another way.
 */
static enum lp_code visit(struct way *way, const struct oid *id, bool *ret_ended, struct err *err)
{
	struct ancestry_walk *w = way->w;
	struct commit c;

	enum lp_code code = read_one(way, id, &c, err);
	if (code == LP_NOT_FOUND) {
		way->gap = true;
		way->missing = *id;
		return LP_OK;
	}
	w->walked++;
	if (code == LP_LIMIT || code == LP_REJECTED) {
		*ret_ended = end(w, code == LP_LIMIT ? ANCESTRY_TOO_LARGE : ANCESTRY_MALFORMED, id);
		return LP_OK;
	}
	LP_TRY(code);
	if (lp_payload_equal(&c.payload_id, &w->goal_payload)) {
		*ret_ended = goal_met(w, id);
		return LP_OK;
	}
	LP_TRY(check(way, id, &c, err));
	for (size_t i = 0; i < c.parents_len; i++)
		add(&way->met, &c.parents[i]);
	return w->all && c.parents_len > 1 ? learn_below(way, err) : LP_OK;
}

/* All was read: what there is to say of it. */
static void settle(const struct way *way)
{
	struct ancestry_walk *w = way->w;

	if (way->gap)
		end(w, ANCESTRY_INCOMPLETE, &way->missing);
	else if (w->found && way->refused)
		end(w, ANCESTRY_REFUSED, &way->bad);
	else
		w->result = w->found ? ANCESTRY_FOUND : ANCESTRY_NOT_FOUND;
	w->refused = way->refused;
}

static enum lp_code walk(struct way *way, struct err *err)
{
	struct ancestry_walk *w = way->w;
	struct met *m = &way->met;
	bool ended = false;

	w->found = w->refused = way->gap = way->refused = false;
	w->walked = 0;
	met_free(m);
	LP_TRY(met_new(m, (size_t)w->max + 1, err)); /* one more, to see that there is */
	for (size_t i = 0; i < w->from_len; i++)
		add(m, &w->from[i]);
	if (w->all && w->from_len > 1)
		LP_TRY(learn_below(way, err));
	while (!ended && m->next < m->len) {
		struct oid id = m->ids[m->next];

		if (m->next++ == w->max)
			ended = end(w, ANCESTRY_TOO_LONG, &id);
		else if (lp_oid_equal(&id, &w->goal))
			ended = goal_met(w, &id);
		else if (!has(&way->below, &id))
			LP_TRY(visit(way, &id, &ended, err));
	}
	if (!ended)
		settle(way);
	return LP_OK;
}

enum lp_code lp_ancestry_walk(struct ancestry_walk *w, struct err *err)
{
	struct way way = {.w = w, .bytes = LP_BUF(LP_COMMIT_BYTES)};

	enum lp_code code = walk(&way, err);
	/* It may have gone down past the place where it left the goal's own way. */
	if (code == LP_OK && w->all && w->result != ANCESTRY_FOUND && !way.below.len) {
		code = learn_below(&way, err);
		if (code == LP_OK)
			code = walk(&way, err);
	}
	way_free(&way);
	return code;
}

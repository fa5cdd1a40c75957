/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/ancestry.h"

#include "platform/clock.h"
#include "platform/crypto.h"

/*
 * The ids met, in the order in which they were met: the front part was read, the rest is
 * the queue. The table finds an id in it; its key is random, so that nobody can make ids
 * that collide.
 */
struct met {
	struct oid *ids;
	uint32_t *table; /* index + 1 in ids, 0 empty; twice as large as ids, a power of two */
	size_t len, cap, next;
	uint8_t key[16];
};

static void met_free(struct met *m)
{
	free(m->ids);
	free(m->table);
}

/* The place of id in the table: where it is, or the empty one where it belongs. */
static uint32_t *find(struct met *m, const struct oid *id)
{
	size_t mask = 2 * m->cap - 1;
	size_t at = (size_t)lp_siphash(m->key, id->bytes, sizeof(id->bytes)) & mask;

	while (m->table[at] && !lp_oid_equal(&m->ids[m->table[at] - 1], id))
		at = (at + 1) & mask;
	return &m->table[at];
}

static enum lp_code grow(struct met *m, struct err *err)
{
	size_t cap = m->cap ? 2 * m->cap : 64;
	struct oid *ids = realloc(m->ids, cap * sizeof(*ids));

	if (!ids)
		return lp_err_nomem(err, "ancestry");
	m->ids = ids;
	uint32_t *table = calloc(2 * cap, sizeof(*table));
	if (!table)
		return lp_err_nomem(err, "ancestry");
	free(m->table);
	m->table = table;
	m->cap = cap;
	for (size_t i = 0; i < m->len; i++)
		*find(m, &m->ids[i]) = (uint32_t)i + 1;
	return LP_OK;
}

static enum lp_code add(struct met *m, const struct oid *id, struct err *err)
{
	if (m->len == m->cap)
		LP_TRY(grow(m, err));
	uint32_t *place = find(m, id);
	if (*place)
		return LP_OK;
	m->ids[m->len++] = *id;
	*place = (uint32_t)m->len;
	return LP_OK;
}

/* Ends the walk with a result about one commit. */
static bool end(struct ancestry_walk *w, enum ancestry result, const struct oid *id)
{
	w->result = result;
	w->at = *id;
	return true;
}

/*
 * Looks at one commit: queues its parents, or sets *ret_ended. A commit that is not there
 * does not end the walk: the goal may be on another way.
 */
static enum lp_code visit(struct ancestry_walk *w, struct met *m, const struct oid *id,
			  struct buf *bytes, bool *ret_ended, struct err *err)
{
	struct commit c;

	enum lp_code code = lp_commit_read(w->read, w->ctx, id, bytes, err);
	if (code == LP_NOT_FOUND) {
		end(w, ANCESTRY_INCOMPLETE, id);
		return LP_OK;
	}
	if (code == LP_OK) {
		w->walked++;
		code = lp_commit_parse(bytes->data, bytes->len, &c, err);
	}
	if (code == LP_LIMIT || code == LP_REJECTED) {
		*ret_ended = end(w, code == LP_LIMIT ? ANCESTRY_TOO_LARGE : ANCESTRY_MALFORMED, id);
		return LP_OK;
	}
	LP_TRY(code);
	if (lp_payload_equal(&c.payload_id, &w->goal_payload)) {
		*ret_ended = end(w, ANCESTRY_FOUND, id);
		return LP_OK;
	}
	for (size_t i = 0; i < c.parents_len; i++)
		LP_TRY(add(m, &c.parents[i], err));
	return LP_OK;
}

enum lp_code lp_ancestry_walk(struct ancestry_walk *w, struct err *err)
{
	LP_AUTO(met_free) struct met m = {0};
	LP_AUTO(lp_buf_free) struct buf bytes = LP_BUF(LP_COMMIT_BYTES);
	bool ended = false;

	w->result = ANCESTRY_NOT_FOUND;
	lp_random(m.key, sizeof(m.key));
	for (size_t i = 0; i < w->from_len; i++)
		LP_TRY(add(&m, &w->from[i], err));
	while (!ended && m.next < m.len) {
		struct oid id = m.ids[m.next];

		if (m.next++ == w->max)
			ended = end(w, ANCESTRY_TOO_LONG, &id);
		else if (lp_oid_equal(&id, &w->goal))
			ended = end(w, ANCESTRY_FOUND, &id);
		else
			LP_TRY(visit(w, &m, &id, &bytes, &ended, err));
	}
	return LP_OK;
}

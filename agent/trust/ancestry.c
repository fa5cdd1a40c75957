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

/* Queues an id unless it was met. What is past the walk's limit is not looked at anyway. */
static void add(struct met *m, const struct oid *id)
{
	size_t mask = m->table_len - 1;
	size_t at = (size_t)lp_siphash(m->key, id->bytes, sizeof(id->bytes)) & mask;

	while (m->table[at] && !lp_oid_equal(&m->ids[m->table[at] - 1], id))
		at = (at + 1) & mask;
	if (m->table[at] || m->len == m->cap)
		return;
	m->ids[m->len++] = *id;
	m->table[at] = (uint32_t)m->len;
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
		add(m, &c.parents[i]);
	return LP_OK;
}

static enum lp_code walk(struct ancestry_walk *w, struct met *m, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf bytes = LP_BUF(LP_COMMIT_BYTES);
	bool ended = false;

	for (size_t i = 0; i < w->from_len; i++)
		add(m, &w->from[i]);
	while (!ended && m->next < m->len) {
		struct oid id = m->ids[m->next];

		if (m->next++ == w->max)
			ended = end(w, ANCESTRY_TOO_LONG, &id);
		else if (lp_oid_equal(&id, &w->goal))
			ended = end(w, ANCESTRY_FOUND, &id);
		else
			LP_TRY(visit(w, m, &id, &bytes, &ended, err));
	}
	return LP_OK;
}

enum lp_code lp_ancestry_walk(struct ancestry_walk *w, struct err *err)
{
	struct met m;

	w->result = ANCESTRY_NOT_FOUND;
	enum lp_code code =
		met_new(&m, (size_t)w->max + 1, err); /* one more, to see that there is */
	if (code == LP_OK)
		code = walk(w, &m, err);
	met_free(&m);
	return code;
}

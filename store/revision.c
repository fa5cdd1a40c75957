/* SPDX-License-Identifier: Apache-2.0 */
#include "store/revision.h"

#include "store/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lp_revision_state_name(enum revision_state state)
{
	switch (state) {
	case LP_REVISION_ACCEPTED:
		return "accepted";
	case LP_REVISION_APPLYING:
		return "applying";
	case LP_REVISION_APPLIED:
		return "applied";
	case LP_REVISION_INCOMPLETE:
		return "incomplete";
	case LP_REVISION_FAILED:
		return "failed";
	}
	return "unknown";
}

#define COLUMNS                                                                                \
	"SELECT id, source, commit_oid, payload, tree_oid, signer, fingerprint, committed_s, " \
	"sequence, expires_s, subject, accepted_s, applied_s, state, objects, bytes, message FROM revision "

static enum lp_code take_revision(struct sql *q, struct revision *ret, struct err *err)
{
	ret->id = lp_sql_int(q);
	lp_sql_text(q, ret->source, sizeof(ret->source));
	lp_sql_bytes(q, ret->commit, sizeof(ret->commit));
	lp_sql_bytes(q, ret->payload, sizeof(ret->payload));
	lp_sql_bytes(q, ret->tree, sizeof(ret->tree));
	lp_sql_text(q, ret->signer, sizeof(ret->signer));
	lp_sql_text(q, ret->fingerprint, sizeof(ret->fingerprint));
	ret->committed_s = lp_sql_int(q);
	ret->sequence = lp_sql_int(q);
	ret->expires_s = lp_sql_int(q);
	lp_sql_text(q, ret->subject, sizeof(ret->subject));
	ret->accepted_s = lp_sql_int(q);
	ret->applied_s = lp_sql_int(q);
	ret->state = (enum revision_state)lp_sql_int(q);
	ret->objects = (unsigned)lp_sql_int(q);
	ret->bytes = (uint64_t)lp_sql_int(q);
	lp_sql_text(q, ret->message, sizeof(ret->message));
	return lp_sql_check(q, err);
}

/* text selects by source and a number */
static enum lp_code select_by_number(struct db *db, const char *text, const char *source,
				     int64_t number, struct revision *ret, struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, text);

	lp_sql_put_text(&q, source);
	lp_sql_put_int(&q, number);
	LP_TRY(lp_sql_next(&q, err));
	return take_revision(&q, ret, err);
}

enum lp_code lp_revision_before(struct db *db, const char *source, int64_t before,
				struct revision *ret, struct err *err)
{
	return select_by_number(db, COLUMNS "WHERE source = ? AND id < ? ORDER BY id DESC LIMIT 1",
				source, before, ret, err);
}

enum lp_code lp_revision_previous(struct db *db, const char *source, int64_t before,
				  struct revision *ret, struct err *err)
{
	return select_by_number(db,
				COLUMNS "WHERE source = ? AND id < ? AND applied_s != 0 "
					"ORDER BY id DESC LIMIT 1",
				source, before, ret, err);
}

enum lp_code lp_revision_get(struct db *db, const char *source, int64_t id, struct revision *ret,
			     struct err *err)
{
	return select_by_number(db, COLUMNS "WHERE source = ? AND id = ?", source, id, ret, err);
}

enum lp_code lp_revision_by_payload(struct db *db, const char *source,
				    const uint8_t payload[LP_STORE_PAYLOAD], struct revision *ret,
				    struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, COLUMNS "WHERE source = ? AND payload = ? "
					  "ORDER BY id DESC LIMIT 1");

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, payload, LP_STORE_PAYLOAD);
	LP_TRY(lp_sql_next(&q, err));
	return take_revision(&q, ret, err);
}

enum lp_code lp_revision_count(struct db *db, const char *source, unsigned *ret_count,
			       struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT count(*) FROM revision WHERE source = ?");

	lp_sql_put_text(&q, source);
	LP_TRY(lp_sql_next(&q, err));
	*ret_count = (unsigned)lp_sql_int(&q);
	return LP_OK;
}

/* --- what a person typed --- */

/* Newest first, so that of two revisions of one commit the newest is meant. */
#define BY_COMMIT                                                                           \
	COLUMNS "WHERE source = ?1 AND substr(lower(hex(commit_oid)), 1, length(?2)) = ?2 " \
		"ORDER BY id DESC"
#define BY_PAYLOAD                                                                       \
	COLUMNS "WHERE source = ?1 AND substr(lower(hex(payload)), 1, length(?2)) = ?2 " \
		"ORDER BY id DESC"

static bool same(const struct revision *a, const struct revision *b, bool by_payload)
{
	return by_payload ? memcmp(a->payload, b->payload, sizeof(a->payload)) == 0
			  : memcmp(a->commit, b->commit, sizeof(a->commit)) == 0;
}

static enum lp_code select_by_prefix(struct db *db, const char *source, const char *prefix,
				     bool by_payload, struct revision *ret, struct err *err)
{
	LP_AUTO(lp_sql_done) struct sql q = lp_sql(db, by_payload ? BY_PAYLOAD : BY_COMMIT);
	struct revision other;
	enum lp_code code;

	lp_sql_put_text(&q, source);
	lp_sql_put_text(&q, prefix);
	LP_TRY(lp_sql_next(&q, err));
	LP_TRY(take_revision(&q, ret, err));
	while ((code = lp_sql_next(&q, err)) == LP_OK) {
		LP_TRY(take_revision(&q, &other, err));
		if (!same(ret, &other, by_payload))
			return lp_err_set(err, LP_REJECTED,
					  "\"%s\" fits the revisions %" PRId64 " and %" PRId64
					  ": type more digits",
					  prefix, ret->id, other.id);
	}
	return code == LP_NOT_FOUND ? LP_OK : code;
}

static bool is_hex(const char *text, size_t least, size_t most)
{
	size_t n = strlen(text);

	return n >= least && n <= most && strspn(text, "0123456789abcdef") == n;
}

static enum lp_code find(struct db *db, const char *source, const char *text, struct revision *ret,
			 struct err *err)
{
	size_t n = strlen(text);

	if (n >= 1 && n <= 6 && strspn(text, "0123456789") == n)
		return lp_revision_get(db, source, strtoll(text, NULL, 10), ret, err);
	if (is_hex(text, 4, 2 * sizeof(ret->commit)))
		return select_by_prefix(db, source, text, false, ret, err);
	if (strncmp(text, "sha256:", 7) == 0 && is_hex(text + 7, 4, 2 * sizeof(ret->payload)))
		return select_by_prefix(db, source, text + 7, true, ret, err);
	return lp_err_set(
		err, LP_REJECTED,
		"\"%.80s\" is no revision: expected its number, the beginning of its commit "
		"(4 to 40 hex digits), or sha256: and the beginning of its payload",
		text);
}

enum lp_code lp_revision_find(struct db *db, const char *source, const char *text,
			      struct revision *ret, struct err *err)
{
	enum lp_code code = find(db, source, text, ret, err);

	if (code == LP_NOT_FOUND)
		return lp_err_set(err, code, "no stored revision of %s is \"%.80s\"", source, text);
	return code;
}

/* --- state --- */

struct standing {
	enum revision_state state;
	char source[LP_SOURCE_NAME_MAX];
	char message[LP_MESSAGE_MAX];
};

static enum lp_code get_standing(struct db *db, int64_t id, struct standing *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT state, source, message FROM revision WHERE id = ?");

	lp_sql_put_int(&q, id);
	LP_TRY(lp_sql_next(&q, err));
	ret->state = (enum revision_state)lp_sql_int(&q);
	lp_sql_text(&q, ret->source, sizeof(ret->source));
	lp_sql_text(&q, ret->message, sizeof(ret->message));
	return lp_sql_check(&q, err);
}

static enum lp_code update(struct db *db, int64_t id, const struct standing *to, int64_t applied_s,
			   struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "UPDATE revision SET state = ?, message = ?, "
				  "applied_s = ifnull(?, applied_s) WHERE id = ?");

	lp_sql_put_int(&q, to->state);
	lp_sql_put_text(&q, to->message);
	lp_sql_put_id(&q, applied_s);
	lp_sql_put_int(&q, id);
	return lp_sql_run(&q, err);
}

enum lp_code lp_revision_set_state(struct db *db, int64_t id, enum revision_state state,
				   const char *message, int64_t now_s, struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	bool in_cluster = state == LP_REVISION_APPLIED || state == LP_REVISION_INCOMPLETE;
	struct standing old, new = {.state = state};

	lp_cut(new.message, sizeof(new.message), message);
	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(get_standing(db, id, &old, err));
	if (state != old.state || strcmp(new.message, old.message) != 0)
		LP_TRY(update(db, id, &new, in_cluster && state != old.state ? now_s : 0, err));
	if (in_cluster)
		LP_TRY(lp_state_set_applied(db, old.source, id, err));
	return lp_tx_commit(&tx, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/object.h"

#include "store/body.h"
#include "store/rows.h"

#include <stdio.h>
#include <string.h>

void lp_put_key(struct sql *q, const struct stored_key *key)
{
	lp_sql_put_text(q, key->group);
	lp_sql_put_text(q, key->kind);
	lp_sql_put_text(q, key->ns);
	lp_sql_put_text(q, key->name);
}

void lp_take_key(struct sql *q, struct stored_key *ret)
{
	lp_sql_text(q, ret->group, sizeof(ret->group));
	lp_sql_text(q, ret->kind, sizeof(ret->kind));
	lp_sql_text(q, ret->ns, sizeof(ret->ns));
	lp_sql_text(q, ret->name, sizeof(ret->name));
	lp_sql_text(q, ret->version, sizeof(ret->version));
}

const char *lp_stored_key_text(const struct stored_key *key, char to[LP_STORED_KEY_TEXT])
{
	snprintf(to, LP_STORED_KEY_TEXT, "%s%s%s %s%s%s", key->kind, key->group[0] ? "." : "",
		 key->group, key->ns, key->ns[0] ? "/" : "", key->name);
	return to;
}

#define COLUMNS                                                                                  \
	"o.api_group, o.kind, o.ns, o.name, o.version, o.scope, o.stage, o.wave, o.kind_order, " \
	"o.file, o.line, b.digest, o.config_use, o.content FROM object o JOIN body b ON b.id = o.body "

static enum lp_code take_object(struct sql *q, struct stored_object *ret, struct err *err)
{
	lp_take_key(q, &ret->key);
	ret->scope = (int)lp_sql_int(q);
	ret->stage = (int)lp_sql_int(q);
	ret->wave = (int)lp_sql_int(q);
	ret->kind_order = (int)lp_sql_int(q);
	lp_sql_text(q, ret->file, sizeof(ret->file));
	ret->line = (unsigned)lp_sql_int(q);
	lp_sql_bytes(q, ret->digest, sizeof(ret->digest));
	ret->use = (int)lp_sql_int(q);
	struct slice content = lp_sql_slice(q);
	q->misfit |= content.len && content.len != sizeof(ret->content);
	memset(ret->content, 0, sizeof(ret->content));
	if (content.len == sizeof(ret->content))
		memcpy(ret->content, content.data, content.len);
	return lp_sql_check(q, err);
}

static enum lp_code first(struct db *db, struct object_cursor *cursor, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q =
		lp_sql(db, "SELECT " COLUMNS "WHERE o.revision = ? ORDER BY o.stage, "
			   "o.wave, o.kind_order, o.api_group, o.kind, o.ns, o.name LIMIT 1");

	lp_sql_put_int(&q, cursor->revision);
	LP_TRY(lp_sql_next(&q, err));
	cursor->started = true;
	return take_object(&q, &cursor->at, err);
}

enum lp_code lp_object_next(struct db *db, struct object_cursor *cursor, struct err *err)
{
	if (!cursor->started)
		return first(db, cursor, err);
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT " COLUMNS
				  "WHERE o.revision = ? AND (o.stage, o.wave, o.kind_order, "
				  "o.api_group, o.kind, o.ns, o.name) > (?, ?, ?, ?, ?, ?, ?) "
				  "ORDER BY o.stage, o.wave, o.kind_order, "
				  "o.api_group, o.kind, o.ns, o.name LIMIT 1");

	lp_sql_put_int(&q, cursor->revision);
	lp_sql_put_int(&q, cursor->at.stage);
	lp_sql_put_int(&q, cursor->at.wave);
	lp_sql_put_int(&q, cursor->at.kind_order);
	lp_put_key(&q, &cursor->at.key);
	LP_TRY(lp_sql_next(&q, err));
	return take_object(&q, &cursor->at, err);
}

enum lp_code lp_object_get(struct db *db, int64_t revision, const struct stored_key *key,
			   struct stored_object *ret, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT " COLUMNS "WHERE o.revision = ? AND o.api_group = ? "
				  "AND o.kind = ? AND o.ns = ? AND o.name = ?");

	lp_sql_put_int(&q, revision);
	lp_put_key(&q, key);
	LP_TRY(lp_sql_next(&q, err));
	return take_object(&q, ret, err);
}

enum lp_code lp_object_body(struct db *db, const char *source, const struct stored_object *object,
			    struct buf *json, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(db, "SELECT bytes, packed FROM body WHERE source = ? AND digest = ?");
	char text[LP_STORED_KEY_TEXT];

	lp_sql_put_text(&q, source);
	lp_sql_put_bytes(&q, object->digest, sizeof(object->digest));
	LP_TRY(lp_sql_next(&q, err));
	uint64_t bytes = (uint64_t)lp_sql_int(&q);
	if (lp_body_unpack(lp_sql_slice(&q), bytes, object->digest, json, err) == LP_OK)
		return LP_OK;
	return lp_err_wrap(err, "%s", lp_stored_key_text(&object->key, text));
}

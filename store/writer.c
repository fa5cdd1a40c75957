/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/crypto.h"
#include "store/body.h"
#include "store/revision.h"
#include "store/rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Objects arrive one at a time from a pipe, perhaps for seconds, and a later one may be refused.
 * So they wait in a file without a name: the database sees one short transaction, or nothing.
 */
struct revision_writer {
	struct db *db; /* borrowed */
	struct revision revision;
	FILE *spool;
	struct buf packed; /* of one object */
	bool failed;
};

/* One object in the spool: this, the texts with their NULs, the deflated body. */
struct record {
	int scope, stage, wave, kind_order;
	unsigned line;
	int use;
	uint32_t json_bytes, text_bytes, packed_bytes;
	uint8_t digest[LP_STORE_DIGEST], content[LP_STORE_DIGEST];
};

#define PACKED_MAX (LP_OBJECT_BYTES + LP_OBJECT_BYTES / 4) /* above zlib's bound */
#define TEXT_MAX   (sizeof(struct stored_key) + LP_ORIGIN_MAX)

static enum lp_code spool_failed(struct revision_writer *w, const char *what, struct err *err)
{
	int errnum = errno ? errno : EIO;

	w->failed = true;
	return lp_err_os(err, LP_TRANSIENT, errnum, "%s the file of objects beside %s", what,
			 w->db->path);
}

static enum lp_code spool_open(struct revision_writer *w, struct err *err)
{
	char path[LP_PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s-spool", w->db->path);
	errno = 0;
	w->spool = fopen(path, "w+e");
	if (!w->spool || unlink(path) != 0)
		return spool_failed(w, "make", err);
	return LP_OK;
}

enum lp_code lp_revision_begin(struct db *db, const struct revision *what,
			       struct revision_writer **ret_writer, struct err *err)
{
	LP_AUTO(lp_revision_abandon)
	struct revision_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return lp_err_nomem(err, "a revision");
	w->db = db;
	w->revision = *what;
	w->revision.objects = 0;
	w->revision.bytes = 0;
	w->packed = LP_BUF(PACKED_MAX);
	LP_TRY(spool_open(w, err));
	*ret_writer = LP_STEAL(w);
	return LP_OK;
}

void lp_revision_abandon(struct revision_writer **writer)
{
	struct revision_writer *w = *writer;

	if (!w)
		return;
	if (w->spool)
		fclose(w->spool);
	lp_buf_free(&w->packed);
	free(w);
	*writer = NULL;
}

static enum lp_code within_limits(const struct revision *r, struct slice json, struct err *err)
{
	if (r->objects >= LP_OBJECTS_MAX)
		return lp_err_set(err, LP_LIMIT, "a revision of more than %u objects",
				  LP_OBJECTS_MAX);
	if (json.len > (size_t)LP_OBJECT_BYTES)
		return lp_err_set(err, LP_LIMIT, "an object of more than %u bytes",
				  LP_OBJECT_BYTES);
	if (json.len > (uint64_t)LP_REVISION_BYTES - r->bytes)
		return lp_err_set(err, LP_LIMIT, "a revision of more than %u bytes",
				  LP_REVISION_BYTES);
	return LP_OK;
}

static enum lp_code digest_fits(const struct stored_object *object, struct slice json,
				struct err *err)
{
	uint8_t have[LP_SHA256_BYTES];

	lp_sha256(json.data, json.len, have);
	if (json.len && memcmp(have, object->digest, sizeof(have)) == 0)
		return LP_OK;
	return lp_err_set(err, LP_REJECTED, "the body does not have the digest that came with it");
}

/* The texts of an object, in the order of the spool, and what they fit in. */
#define TEXTS 6
struct text {
	char *at;
	size_t size;
};

static void texts_of(struct stored_object *o, struct text to[TEXTS])
{
	to[0] = (struct text){o->key.group, sizeof(o->key.group)};
	to[1] = (struct text){o->key.version, sizeof(o->key.version)};
	to[2] = (struct text){o->key.kind, sizeof(o->key.kind)};
	to[3] = (struct text){o->key.ns, sizeof(o->key.ns)};
	to[4] = (struct text){o->key.name, sizeof(o->key.name)};
	to[5] = (struct text){o->file, sizeof(o->file)};
}

static bool put(struct revision_writer *w, const void *data, size_t n)
{
	return fwrite(data, 1, n, w->spool) == n;
}

static enum lp_code spool_put(struct revision_writer *w, const struct stored_object *object,
			      size_t json_bytes, struct err *err)
{
	struct record record = {
		object->scope,          object->stage, object->wave,         object->kind_order,
		object->line,           object->use,   (uint32_t)json_bytes, 0,
		(uint32_t)w->packed.len};
	struct stored_object copy = *object;
	struct text texts[TEXTS];

	memcpy(record.digest, object->digest, sizeof(record.digest));
	memcpy(record.content, object->content, sizeof(record.content));
	texts_of(&copy, texts);
	for (int i = 0; i < TEXTS; i++)
		record.text_bytes += (uint32_t)strlen(texts[i].at) + 1;
	errno = 0;
	bool good = put(w, &record, sizeof(record));
	for (int i = 0; i < TEXTS; i++)
		good = good && put(w, texts[i].at, strlen(texts[i].at) + 1);
	if (!good || !put(w, w->packed.data, w->packed.len))
		return spool_failed(w, "write", err);
	return LP_OK;
}

static enum lp_code add(struct revision_writer *w, const struct stored_object *object,
			struct slice json, struct err *err)
{
	LP_TRY(within_limits(&w->revision, json, err));
	LP_TRY(digest_fits(object, json, err));
	lp_buf_clear(&w->packed);
	LP_TRY(lp_body_pack(json, &w->packed, err));
	LP_TRY(spool_put(w, object, json.len, err));
	w->revision.objects++;
	w->revision.bytes += json.len;
	return LP_OK;
}

enum lp_code lp_revision_add(struct revision_writer *writer, const struct stored_object *object,
			     struct slice json, struct err *err)
{
	char text[LP_STORED_KEY_TEXT];

	if (add(writer, object, json, err) == LP_OK)
		return LP_OK;
	writer->failed = true;
	return lp_err_wrap(err, "store %s", lp_stored_key_text(&object->key, text));
}

static bool get(struct revision_writer *w, void *to, size_t n)
{
	return fread(to, 1, n, w->spool) == n;
}

/* Reads the next object back; its body is then in w->packed. */
static enum lp_code spool_get(struct revision_writer *w, struct stored_object *ret,
			      uint32_t *ret_json_bytes, struct err *err)
{
	char buffer[TEXT_MAX], *at = buffer;
	struct text texts[TEXTS];
	struct record record;

	errno = 0;
	if (!get(w, &record, sizeof(record)) || record.text_bytes > sizeof(buffer) ||
	    record.packed_bytes > PACKED_MAX || !get(w, buffer, record.text_bytes))
		return spool_failed(w, "read", err);
	*ret = (struct stored_object){.scope = record.scope,
				      .stage = record.stage,
				      .wave = record.wave,
				      .kind_order = record.kind_order,
				      .line = record.line,
				      .use = record.use};
	memcpy(ret->digest, record.digest, sizeof(ret->digest));
	memcpy(ret->content, record.content, sizeof(ret->content));
	texts_of(ret, texts);
	for (int i = 0; i < TEXTS; i++, at += strlen(at) + 1)
		LP_TRY(lp_copy(texts[i].at, texts[i].size, at, err));
	lp_buf_clear(&w->packed);
	LP_TRY(lp_buf_reserve(&w->packed, record.packed_bytes, err));
	if (!get(w, w->packed.data, record.packed_bytes))
		return spool_failed(w, "read", err);
	w->packed.len = record.packed_bytes;
	*ret_json_bytes = record.json_bytes;
	return LP_OK;
}

static enum lp_code insert_revision(struct revision_writer *w, struct err *err)
{
	struct revision *r = &w->revision;
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(
		w->db, "INSERT INTO revision (source, commit_oid, payload, tree_oid, signer, "
		       "fingerprint, committed_s, sequence, expires_s, subject, accepted_s, state, "
		       "objects, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");

	lp_sql_put_text(&q, r->source);
	lp_sql_put_bytes(&q, r->commit, sizeof(r->commit));
	lp_sql_put_bytes(&q, r->payload, sizeof(r->payload));
	lp_sql_put_bytes(&q, r->tree, sizeof(r->tree));
	lp_sql_put_text(&q, r->signer);
	lp_sql_put_text(&q, r->fingerprint);
	lp_sql_put_int(&q, r->committed_s);
	lp_sql_put_int(&q, r->sequence);
	lp_sql_put_int(&q, r->expires_s);
	lp_sql_put_text(&q, r->subject);
	lp_sql_put_int(&q, r->accepted_s);
	lp_sql_put_int(&q, LP_REVISION_ACCEPTED);
	lp_sql_put_int(&q, r->objects);
	lp_sql_put_int(&q, (int64_t)r->bytes);
	LP_TRY(lp_sql_run(&q, err));
	r->id = lp_sql_new_id(w->db);
	return LP_OK;
}

static enum lp_code insert_body(struct revision_writer *w, struct sql *q,
				const struct stored_object *object, uint32_t json_bytes,
				struct err *err)
{
	lp_sql_put_text(q, w->revision.source);
	lp_sql_put_bytes(q, object->digest, sizeof(object->digest));
	lp_sql_put_int(q, json_bytes);
	lp_sql_put_bytes(q, w->packed.data, w->packed.len);
	return lp_sql_run(q, err);
}

static bool has_content(const struct stored_object *object)
{
	static const uint8_t zero[LP_STORE_DIGEST];

	return memcmp(object->content, zero, sizeof(zero)) != 0;
}

static enum lp_code insert_object(struct revision_writer *w, struct sql *q,
				  const struct stored_object *object, struct err *err)
{
	lp_sql_put_text(q, w->revision.source);
	lp_sql_put_int(q, w->revision.id);
	lp_put_key(q, &object->key);
	lp_sql_put_text(q, object->key.version);
	lp_sql_put_int(q, object->scope);
	lp_sql_put_int(q, object->stage);
	lp_sql_put_int(q, object->wave);
	lp_sql_put_int(q, object->kind_order);
	lp_sql_put_text(q, object->file);
	lp_sql_put_int(q, object->line);
	lp_sql_put_int(q, object->use);
	lp_sql_put_bytes(q, object->content, has_content(object) ? sizeof(object->content) : 0);
	lp_sql_put_bytes(q, object->digest, sizeof(object->digest));
	return lp_sql_run(q, err);
}

static enum lp_code name_both(struct revision_writer *w, const struct stored_object *second,
			      struct err *err)
{
	char text[LP_STORED_KEY_TEXT];
	struct stored_object one;

	LP_TRY(lp_object_get(w->db, w->revision.id, &second->key, &one, err));
	return lp_err_set(err, LP_REJECTED, "%s is there twice: %s:%u and %s:%u",
			  lp_stored_key_text(&second->key, text), one.file, one.line, second->file,
			  second->line);
}

static enum lp_code insert_objects(struct revision_writer *w, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql body = lp_sql(w->db, "INSERT INTO body (source, digest, bytes, packed) "
					"VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
	LP_AUTO(lp_sql_done)
	struct sql key =
		lp_sql(w->db, "INSERT INTO object (source, revision, api_group, kind, ns, "
			      "name, version, scope, stage, wave, kind_order, file, line, "
			      "config_use, content, "
			      "body) VALUES (?1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
			      "(SELECT id FROM body WHERE source = ?1 AND digest = ?))");
	struct stored_object object = {0};
	uint32_t json_bytes = 0;

	rewind(w->spool);
	for (unsigned i = 0; i < w->revision.objects; i++) {
		LP_TRY(spool_get(w, &object, &json_bytes, err));
		LP_TRY(insert_body(w, &body, &object, json_bytes, err));
		enum lp_code code = insert_object(w, &key, &object, err);
		if (code == LP_REJECTED)
			return name_both(w, &object, err);
		LP_TRY(code);
	}
	return LP_OK;
}

/* The same tip may have been refused by other signers or limits before. */
static enum lp_code forget_refusal(struct revision_writer *w, struct err *err)
{
	LP_AUTO(lp_sql_done)
	struct sql q = lp_sql(w->db, "DELETE FROM refusal WHERE source = ? AND tip = ?");

	lp_sql_put_text(&q, w->revision.source);
	lp_sql_put_bytes(&q, w->revision.commit, sizeof(w->revision.commit));
	return lp_sql_run(&q, err);
}

static enum lp_code write_all(struct revision_writer *w, struct err *err)
{
	LP_AUTO(lp_tx_end) struct tx tx = {0};

	errno = 0;
	if (w->failed || fflush(w->spool) != 0)
		return spool_failed(w, "write", err);
	LP_TRY(lp_tx_begin(w->db, &tx, err));
	LP_TRY(insert_revision(w, err));
	LP_TRY(insert_objects(w, err));
	LP_TRY(lp_floor_raise(w->db, w->revision.id, err));
	LP_TRY(forget_refusal(w, err));
	LP_TRY(lp_state_desire(w->db, w->revision.source, w->revision.id, err));
	return lp_tx_commit(&tx, err);
}

enum lp_code lp_revision_commit(struct revision_writer *writer, int64_t accepted_s, int64_t *ret_id,
				struct err *err)
{
	writer->revision.accepted_s = accepted_s;
	if (write_all(writer, err) != LP_OK)
		return lp_err_wrap(err, "store a revision of %s", writer->revision.source);
	*ret_id = writer->revision.id;
	return LP_OK;
}

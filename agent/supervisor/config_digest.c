/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/config_digest.h"

#include "agent/cluster/skim.h"
#include "agent/render/object.h"
#include "platform/crypto.h"

#include <string.h>

static const uint8_t none[LP_CONFIG_DIGEST];

static bool is_same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, LP_CONFIG_DIGEST) == 0;
}

static void set(uint8_t *to, const uint8_t *digest)
{
	memcpy(to, digest, LP_CONFIG_DIGEST);
}

/* --- what is to be shown --- */

void lp_config_digest(const uint8_t key[LP_CONFIG_KEY], const uint8_t content[LP_STORE_DIGEST],
		      uint8_t ret[LP_CONFIG_DIGEST])
{
	uint8_t hmac[LP_SHA256_BYTES];

	lp_hmac_sha256((struct slice){key, LP_CONFIG_KEY}, content, LP_STORE_DIGEST, hmac);
	set(ret, hmac);
}

void lp_config_decide(struct config_digest *state, const uint8_t *digest)
{
	if (!digest || is_same(state->made_for, digest))
		return;
	/* pods of a content that is not known are taken to have this one */
	if (!is_same(state->made_for, none))
		set(state->shown, digest);
	set(state->made_for, digest);
}

struct config_digest lp_config_found(const uint8_t shown[LP_CONFIG_DIGEST],
				     const uint8_t carried[LP_CONFIG_DIGEST])
{
	struct config_digest found;

	set(found.shown, shown);
	set(found.made_for, is_same(carried, none) ? shown : carried);
	return found;
}

static enum lp_code digest_of(struct db *db, const char *source, const struct stored_object *object,
			      uint8_t ret[LP_CONFIG_DIGEST], struct err *err)
{
	uint8_t key[LP_CONFIG_KEY];

	LP_TRY(lp_config_key_get(db, source, key, err));
	lp_config_digest(key, object->content, ret);
	return LP_OK;
}

enum lp_code lp_config_state(struct db *db, const char *source, bool on,
			     const struct stored_object *object, struct config_digest *ret,
			     bool *ret_known, struct err *err)
{
	uint8_t digest[LP_CONFIG_DIGEST];
	enum lp_code code = LP_NOT_FOUND;

	/* no look-up for what is no workload: there are thousands */
	if (strcmp(object->key.group, "apps") == 0)
		code = lp_config_digest_get(db, source, &object->key, ret, err);
	if (ret_known)
		*ret_known = code == LP_OK;
	if (code == LP_NOT_FOUND)
		*ret = (struct config_digest){0};
	if (code != LP_OK)
		return code == LP_NOT_FOUND ? LP_OK : code;
	if (!on || object->use != CONFIG_USED)
		return LP_OK;
	code = digest_of(db, source, object, digest, err);
	if (code == LP_OK)
		lp_config_decide(ret, digest);
	return code == LP_NOT_FOUND ? LP_OK : code;
}

/* --- how it is shown --- */

static bool shows_template(const struct config_digest *state)
{
	return !is_same(state->shown, none);
}

/* Where the template tells less than the workload must. */
static bool shows_workload(const struct config_digest *state)
{
	return !is_same(state->made_for, none) && !is_same(state->made_for, state->shown);
}

bool lp_config_shows(const struct config_digest *state)
{
	return shows_template(state) || shows_workload(state);
}

void lp_config_effective(const uint8_t body[LP_STORE_DIGEST], const struct config_digest *state,
			 uint8_t ret[LP_STORE_DIGEST])
{
	uint8_t all[LP_STORE_DIGEST + 2 * LP_CONFIG_DIGEST];

	if (!lp_config_shows(state)) {
		memmove(ret, body, LP_STORE_DIGEST);
		return;
	}
	memcpy(all, body, LP_STORE_DIGEST);
	set(all + LP_STORE_DIGEST, state->shown);
	set(all + LP_STORE_DIGEST + LP_CONFIG_DIGEST, state->made_for);
	lp_sha256(all, sizeof(all), ret);
}

/* Behind the opening bracket of an object; *ret_empty: whether nothing is in it. */
static size_t inside(struct slice body, struct slice object, bool *ret_empty)
{
	struct skim_iter it = lp_skim_iter(object);
	const uint8_t *at = it.at;

	*ret_empty = !lp_skim_next(&it);
	return (size_t)(at - body.data);
}

/*
 * The text that puts the annotation below the object at path, and where it goes; the parts of
 * the path that are missing are made. *ret_at 0: it has no place.
 */
static enum lp_code make_text(struct slice body, const char *const *path, const uint8_t *digest,
			      struct buf *ret_text, size_t *ret_at, struct err *err)
{
	struct slice at = body, next;
	char hex[2 * LP_CONFIG_DIGEST + 1];
	size_t made = 0;
	bool empty = true;

	*ret_at = 0;
	while (*path && lp_skim_is_object(next = lp_skim_get(at, *path))) {
		at = next;
		path++;
	}
	if (!lp_skim_is_object(at) || (*path && lp_skim_get(at, *path).len))
		return LP_OK;
	*ret_at = inside(body, at, &empty);
	for (; *path; path++, made++)
		LP_TRY(lp_buf_printf(ret_text, err, "\"%s\":{", *path));
	lp_hex(digest, LP_CONFIG_DIGEST, hex);
	LP_TRY(lp_buf_printf(ret_text, err, "\"%s\":\"%s\"", LP_CONFIG_DIGEST_ANNOTATION, hex));
	while (made--)
		LP_TRY(lp_buf_byte(ret_text, '}', err));
	return empty ? LP_OK : lp_buf_byte(ret_text, ',', err);
}

static enum lp_code put_one(const char *const *path, const uint8_t *digest, struct buf *body,
			    struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(256);
	size_t at = 0, behind;

	LP_TRY(make_text(LP_SLICE_OF(body), path, digest, &text, &at, err));
	if (!at)
		return LP_OK;
	behind = body->len - at;
	LP_TRY(lp_buf_append(body, text.data, text.len, err)); /* makes the room */
	memmove(body->data + at + text.len, body->data + at, behind);
	memcpy(body->data + at, text.data, text.len);
	return LP_OK;
}

enum lp_code lp_config_put(const struct config_digest *state, struct buf *body, struct err *err)
{
	static const char *const workload[] = {"metadata", "annotations", NULL};
	static const char *const template[] = {"spec", "template", "metadata", "annotations", NULL};

	if (shows_workload(state))
		LP_TRY(put_one(workload, state->made_for, body, err));
	return shows_template(state) ? put_one(template, state->shown, body, err) : LP_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/object.h"

#include "platform/text.h"

#include <stdio.h>
#include <string.h>

bool lp_object_key_equal(const struct object_key *a, const struct object_key *b)
{
	return strcmp(a->group, b->group) == 0 && strcmp(a->kind, b->kind) == 0 &&
	       strcmp(a->ns, b->ns) == 0 && strcmp(a->name, b->name) == 0;
}

const char *lp_object_key_text(const struct object_key *key, char to[LP_KEY_TEXT])
{
	/* the parts of two names and a group can be longer than to; a text for people is cut */
	int n = snprintf(to, LP_KEY_TEXT, "%s%s%s %s%s%s", key->kind, key->group[0] ? "." : "",
			 key->group, key->ns, key->ns[0] ? "/" : "", key->name);

	if (n >= LP_KEY_TEXT)
		memcpy(to + LP_KEY_TEXT - 4, "...", 4);
	return to;
}

void lp_object_put(struct wire_writer *w, const struct object *object)
{
	lp_wire_put_str(w, object->key.group);
	lp_wire_put_str(w, object->key.version);
	lp_wire_put_str(w, object->key.kind);
	lp_wire_put_str(w, object->key.ns);
	lp_wire_put_str(w, object->key.name);
	lp_wire_put_u8(w, (uint8_t)object->scope);
	lp_wire_put_u8(w, (uint8_t)object->stage);
	lp_wire_put_i64(w, object->kind_order);
	lp_wire_put_i64(w, object->wave);
	lp_wire_put_bytes(w, object->digest, sizeof(object->digest));
	lp_wire_put_u8(w, (uint8_t)object->use);
	lp_wire_put_bytes(w, object->content, sizeof(object->content));
	lp_wire_put_str(w, object->file);
	lp_wire_put_u32(w, object->line);
	lp_wire_put_bytes(w, object->json.data, object->json.len);
}

static int take_int(struct wire_reader *r)
{
	int64_t value = lp_wire_i64(r);

	r->bad |= value < INT32_MIN || value > INT32_MAX;
	return (int)value;
}

static bool is_good(const struct object *object)
{
	const struct object_key *key = &object->key;

	return key->version[0] && key->kind[0] && key->name[0] && lp_is_name(key->group) &&
	       lp_is_name(key->version) && lp_is_name(key->kind) && lp_is_name(key->ns) &&
	       lp_is_name(key->name) && object->scope <= SCOPE_CLUSTER && object->stage < STAGES &&
	       object->use < CONFIG_USE_COUNT && object->json.len &&
	       object->json.len <= LP_OBJECT_BYTES &&
	       !(object->scope == SCOPE_CLUSTER && key->ns[0]) &&
	       !(object->scope == SCOPE_NAMESPACED && !key->ns[0]);
}

void lp_object_take(struct wire_reader *r, struct object *ret)
{
	*ret = (struct object){0};
	lp_wire_str(r, ret->key.group, sizeof(ret->key.group));
	lp_wire_str(r, ret->key.version, sizeof(ret->key.version));
	lp_wire_str(r, ret->key.kind, sizeof(ret->key.kind));
	lp_wire_str(r, ret->key.ns, sizeof(ret->key.ns));
	lp_wire_str(r, ret->key.name, sizeof(ret->key.name));
	ret->scope = lp_wire_u8(r);
	ret->stage = lp_wire_u8(r);
	ret->kind_order = take_int(r);
	ret->wave = take_int(r);
	lp_wire_bytes(r, ret->digest, sizeof(ret->digest));
	ret->use = lp_wire_u8(r);
	lp_wire_bytes(r, ret->content, sizeof(ret->content));
	lp_wire_str(r, ret->file, sizeof(ret->file));
	ret->line = lp_wire_u32(r);
	ret->json = lp_wire_slice(r);
	r->bad |= !is_good(ret);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/sighting.h"

#include "agent/cluster/limits.h"
#include "platform/text.h"

#include <stdlib.h>

void lp_watch_order_free(struct watch_order *order)
{
	free(order->kinds);
	*order = (struct watch_order){0};
}

void lp_watch_order_put(struct wire_writer *w, const struct watch_order *order)
{
	lp_wire_put_u32(w, order->source_count);
	for (unsigned i = 0; i < order->source_count; i++)
		lp_wire_put_str(w, order->sources[i]);
	lp_wire_put_u32(w, order->kind_count);
	for (unsigned i = 0; i < order->kind_count; i++) {
		lp_wire_put_str(w, order->kinds[i].group);
		lp_wire_put_str(w, order->kinds[i].kind);
	}
	lp_wire_put_i64(w, order->timeout_ms);
	lp_wire_put_i64(w, order->silence_ms);
}

/* A count that is at most max; anything else makes the reader bad and yields 0. */
static unsigned take_count(struct wire_reader *r, unsigned max)
{
	uint32_t count = lp_wire_u32(r);

	if (count <= max)
		return count;
	r->bad = true;
	return 0;
}

static void take_kinds(struct wire_reader *r, struct watch_order *ret)
{
	ret->kind_count = take_count(r, LP_WATCHES_MAX);
	ret->kinds = ret->kind_count ? calloc(ret->kind_count, sizeof(*ret->kinds)) : NULL;
	if (!ret->kinds && ret->kind_count) {
		r->bad = true;
		ret->kind_count = 0;
	}
	for (unsigned i = 0; i < ret->kind_count; i++) {
		struct watch_kind *kind = &ret->kinds[i];
		lp_wire_str(r, kind->group, sizeof(kind->group));
		lp_wire_str(r, kind->kind, sizeof(kind->kind));
		r->bad |= !lp_is_name(kind->group) || !lp_is_name(kind->kind) || !kind->kind[0];
	}
	r->bad |= ret->kind_count && !ret->source_count; /* whose? */
}

void lp_watch_order_take(struct wire_reader *r, struct watch_order *ret)
{
	*ret = (struct watch_order){0};
	ret->source_count = take_count(r, LP_SOURCES_MAX);
	for (unsigned i = 0; i < ret->source_count; i++)
		lp_wire_str(r, ret->sources[i], sizeof(ret->sources[i]));
	take_kinds(r, ret);
	ret->timeout_ms = lp_wire_i64(r);
	ret->silence_ms = lp_wire_i64(r);
	r->bad |= ret->timeout_ms < 0 || ret->silence_ms < 0;
}

void lp_sighting_put(struct wire_writer *w, const struct sighting *sighting)
{
	lp_wire_put_u32(w, sighting->kind);
	lp_object_key_put(w, &sighting->key);
	lp_wire_put_str(w, sighting->part_of);
	lp_wire_put_str(w, sighting->uid);
	lp_live_put(w, &sighting->live);
	lp_wire_put_u32(w, sighting->marks);
	lp_wire_put_str(w, sighting->manager);
	lp_wire_put_u32(w, (uint32_t)sighting->status);
	lp_wire_put_str(w, sighting->message);
}

/* Whether it names what it tells of, in words that the store and the log can take. */
static bool is_named(const struct sighting *sighting)
{
	const struct object_key *key = &sighting->key;
	bool object = sighting->kind == SIGHT_THERE || sighting->kind == SIGHT_GONE;

	if (!lp_is_name(key->group) || !lp_is_name(key->version) || !lp_is_name(key->kind) ||
	    !lp_is_name(key->ns) || !lp_is_name(key->name))
		return false;
	if (sighting->kind == SIGHT_BACK)
		return true;
	return key->kind[0] && (!object || (key->name[0] && sighting->uid[0]));
}

void lp_sighting_take(struct wire_reader *r, struct sighting *ret)
{
	*ret = (struct sighting){0};
	uint32_t kind = lp_wire_u32(r);
	if (kind >= SIGHTING_COUNT)
		r->bad = true;
	else
		ret->kind = kind;
	lp_object_key_take(r, &ret->key);
	lp_wire_str(r, ret->part_of, sizeof(ret->part_of));
	lp_wire_str(r, ret->uid, sizeof(ret->uid));
	lp_live_take(r, &ret->live);
	ret->marks = lp_wire_u32(r);
	lp_wire_str(r, ret->manager, sizeof(ret->manager));
	uint32_t status = lp_wire_u32(r);
	ret->status = status < 1000 ? (int)status : 0;
	r->bad |= status >= 1000;
	lp_wire_str(r, ret->message, sizeof(ret->message));
	r->bad |= (ret->marks & ~(unsigned)SIGHT_MARKS) || !is_named(ret);
}

const char *lp_sighting_kind_name(enum sighting_kind kind)
{
	static const char *const names[SIGHTING_COUNT] = {
		[SIGHT_BEGIN] = "begin", [SIGHT_THERE] = "there", [SIGHT_GONE] = "gone",
		[SIGHT_END] = "end",     [SIGHT_LOST] = "lost",   [SIGHT_BACK] = "back",
	};
	return kind < SIGHTING_COUNT ? names[kind] : "unknown";
}

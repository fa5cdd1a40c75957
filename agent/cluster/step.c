/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/step.h"

#include "agent/cluster/limits.h"
#include "platform/text.h"

/* A number below count; anything else makes the reader bad and yields 0. */
static uint32_t take_below(struct wire_reader *r, uint32_t count)
{
	uint32_t value = lp_wire_u32(r);

	if (value < count)
		return value;
	r->bad = true;
	return 0;
}

void lp_object_key_put(struct wire_writer *w, const struct object_key *key)
{
	lp_wire_put_str(w, key->group);
	lp_wire_put_str(w, key->version);
	lp_wire_put_str(w, key->kind);
	lp_wire_put_str(w, key->ns);
	lp_wire_put_str(w, key->name);
}

void lp_object_key_take(struct wire_reader *r, struct object_key *ret)
{
	lp_wire_str(r, ret->group, sizeof(ret->group));
	lp_wire_str(r, ret->version, sizeof(ret->version));
	lp_wire_str(r, ret->kind, sizeof(ret->kind));
	lp_wire_str(r, ret->ns, sizeof(ret->ns));
	lp_wire_str(r, ret->name, sizeof(ret->name));
}

void lp_live_put(struct wire_writer *w, const struct live *live)
{
	lp_wire_put_str(w, live->version);
	lp_wire_put_i64(w, live->generation);
	lp_wire_put_bytes(w, live->entry, sizeof(live->entry));
}

void lp_live_take(struct wire_reader *r, struct live *ret)
{
	lp_wire_str(r, ret->version, sizeof(ret->version));
	ret->generation = lp_wire_i64(r);
	lp_wire_bytes(r, ret->entry, sizeof(ret->entry));
}

void lp_cluster_setup_put(struct wire_writer *w, const struct cluster_setup *setup)
{
	lp_wire_put_str(w, setup->kubeconfig);
	lp_wire_put_str(w, setup->context);
	lp_wire_put_str(w, setup->ns);
	lp_wire_put_u32(w, setup->concurrency);
	lp_wire_put_i64(w, setup->request_ms);
	lp_wire_put_i64(w, setup->floor_s);
}

void lp_cluster_setup_take(struct wire_reader *r, struct cluster_setup *ret)
{
	*ret = (struct cluster_setup){0};
	lp_wire_str(r, ret->kubeconfig, sizeof(ret->kubeconfig));
	lp_wire_str(r, ret->context, sizeof(ret->context));
	lp_wire_str(r, ret->ns, sizeof(ret->ns));
	ret->concurrency = lp_wire_u32(r);
	ret->request_ms = lp_wire_i64(r);
	ret->floor_s = lp_wire_i64(r);
	if (!ret->concurrency || ret->concurrency > LP_CONCURRENCY_MAX || ret->request_ms <= 0)
		r->bad = true;
}

void lp_step_put(struct wire_writer *w, const struct step *step)
{
	lp_wire_put_u64(w, step->id);
	lp_wire_put_u32(w, step->kind);
	lp_wire_put_str(w, step->source);
	lp_object_key_put(w, &step->key);
	lp_wire_put_u32(w, step->scope);
	lp_wire_put_u32(w, step->how);
	lp_wire_put_str(w, step->uid);
	lp_live_put(w, &step->known);
	lp_wire_put_u8(w, step->once);
	lp_wire_put_u8(w, step->exact);
	lp_wire_put_str(w, step->default_ns);
	lp_wire_put_u8(w, step->make_only);
	lp_wire_put_u8(w, step->adopt);
	lp_wire_put_bytes(w, step->handed.data, step->handed.len);
	lp_wire_put_bytes(w, step->body.data, step->body.len);
	lp_lease_order_put(w, &step->lease);
	lp_wire_put_i64(w, step->timeout_ms);
}

void lp_step_take(struct wire_reader *r, struct step *ret)
{
	*ret = (struct step){0};
	ret->id = lp_wire_u64(r);
	ret->kind = take_below(r, STEP_KIND_COUNT);
	lp_wire_str(r, ret->source, sizeof(ret->source));
	lp_object_key_take(r, &ret->key);
	ret->scope = take_below(r, SCOPE_CLUSTER + 1);
	ret->how = take_below(r, APPLY_HOW_COUNT);
	lp_wire_str(r, ret->uid, sizeof(ret->uid));
	lp_live_take(r, &ret->known);
	ret->once = lp_wire_u8(r);
	ret->exact = lp_wire_u8(r);
	lp_wire_str(r, ret->default_ns, sizeof(ret->default_ns));
	ret->make_only = lp_wire_u8(r);
	ret->adopt = lp_wire_u8(r);
	ret->handed = lp_wire_slice(r);
	ret->body = lp_wire_slice(r);
	lp_lease_order_take(r, &ret->lease);
	ret->timeout_ms = lp_wire_i64(r);
	if (ret->timeout_ms < 0 || ret->handed.len > LP_IGNORE_BYTES)
		r->bad = true;
}

void lp_event_put(struct wire_writer *w, const struct event *event)
{
	lp_wire_put_u64(w, event->id);
	lp_wire_put_u32(w, event->kind);
	lp_wire_put_u32(w, event->outcome);
	lp_wire_put_u32(w, event->code);
	lp_wire_put_u32(w, (uint32_t)event->status);
	lp_wire_put_i64(w, event->retry_after_ms);
	lp_object_key_put(w, &event->key);
	lp_wire_put_u32(w, event->scope);
	lp_wire_put_str(w, event->resource);
	lp_wire_put_u32(w, event->verbs);
	lp_wire_put_u8(w, event->preferred);
	lp_wire_put_str(w, event->uid);
	lp_live_put(w, &event->live);
	lp_wire_put_bytes(w, event->config, sizeof(event->config));
	lp_wire_put_u32(w, event->marks);
	lp_wire_put_str(w, event->manager);
	lp_lease_put(w, &event->lease);
	lp_wire_put_str(w, event->message);
}

static int64_t take_retry_after(struct wire_reader *r)
{
	int64_t ms = lp_wire_i64(r);

	return ms < 0 ? -1 : ms < LP_RETRY_AFTER_MS ? ms : LP_RETRY_AFTER_MS;
}

/* Whether it names what it tells of, in words that the store and the log can take. */
static bool is_named(const struct event *event)
{
	const struct object_key *key = &event->key;
	bool kind = key->version[0] && key->kind[0];

	if (!lp_is_name(key->group) || !lp_is_name(key->version) || !lp_is_name(key->kind) ||
	    !lp_is_name(key->ns) || !lp_is_name(key->name) || !lp_is_name(event->resource))
		return false;
	if (event->kind == EVENT_FOUND || event->kind == EVENT_DELETED)
		return kind && key->name[0];
	return event->kind != EVENT_KIND || (kind && event->resource[0]);
}

void lp_event_take(struct wire_reader *r, struct event *ret)
{
	*ret = (struct event){0};
	ret->id = lp_wire_u64(r);
	ret->kind = take_below(r, EVENT_KIND_COUNT);
	ret->outcome = take_below(r, OUTCOME_COUNT);
	ret->code = take_below(r, LP_INTERNAL + 1);
	ret->status = (int)take_below(r, 1000);
	ret->retry_after_ms = take_retry_after(r);
	lp_object_key_take(r, &ret->key);
	ret->scope = take_below(r, SCOPE_CLUSTER + 1);
	lp_wire_str(r, ret->resource, sizeof(ret->resource));
	ret->verbs = lp_wire_u32(r);
	ret->preferred = lp_wire_u8(r);
	lp_wire_str(r, ret->uid, sizeof(ret->uid));
	lp_live_take(r, &ret->live);
	lp_wire_bytes(r, ret->config, sizeof(ret->config));
	ret->marks = take_below(r, SIGHT_MARKS + 1);
	lp_wire_str(r, ret->manager, sizeof(ret->manager));
	lp_lease_take(r, &ret->lease);
	lp_wire_str(r, ret->message, sizeof(ret->message));
	r->bad |= !is_named(ret);
}

void lp_requests_put(struct wire_writer *w, const struct requests *requests)
{
	lp_wire_put_u32(w, requests->writes);
	lp_wire_put_u32(w, requests->reads);
	lp_wire_put_u32(w, requests->watches);
}

void lp_requests_take(struct wire_reader *r, struct requests *ret)
{
	ret->writes = lp_wire_u32(r);
	ret->reads = lp_wire_u32(r);
	ret->watches = lp_wire_u32(r);
}

const char *lp_step_kind_name(enum step_kind kind)
{
	static const char *const names[STEP_KIND_COUNT] = {
		[STEP_CONNECT] = "connect",       [STEP_PARENT] = "parent",
		[STEP_APPLY] = "apply",           [STEP_WAIT] = "wait",
		[STEP_PRUNE] = "prune",           [STEP_RECOVER] = "recover",
		[STEP_KINDS] = "kinds",           [STEP_LOOK] = "look",
		[STEP_LEASE] = "lease",           [STEP_SERVERS] = "servers",
		[STEP_CONFIG_KEY] = "config-key", [STEP_CONFIG_LOOK] = "config-look",
		[STEP_ANNOUNCE] = "announce",
	};
	return kind < STEP_KIND_COUNT ? names[kind] : "unknown";
}

const char *lp_apply_how_name(enum apply_how how)
{
	static const char *const names[APPLY_HOW_COUNT] = {
		[APPLY_PLAIN] = "plain",
		[APPLY_LOOK] = "look",
		[APPLY_DRY] = "dry",
	};
	return how < APPLY_HOW_COUNT ? names[how] : "unknown";
}

const char *lp_event_kind_name(enum event_kind kind)
{
	static const char *const names[EVENT_KIND_COUNT] = {
		[EVENT_DONE] = "done", [EVENT_FAILED] = "failed", [EVENT_RETRY] = "retry",
		[EVENT_KIND] = "kind", [EVENT_FOUND] = "found",   [EVENT_DELETED] = "deleted",
	};
	return kind < EVENT_KIND_COUNT ? names[kind] : "unknown";
}

const char *lp_outcome_name(enum outcome outcome)
{
	static const char *const names[OUTCOME_COUNT] = {
		[OUTCOME_NONE] = "none",
		[OUTCOME_CREATED] = "created",
		[OUTCOME_CONFIGURED] = "configured",
		[OUTCOME_UNCHANGED] = "unchanged",
		[OUTCOME_PRUNED] = "pruned",
		[OUTCOME_GONE] = "gone",
		[OUTCOME_KEPT] = "kept",
		[OUTCOME_HELD] = "held",
		[OUTCOME_STANDBY] = "standby",
	};
	return outcome < OUTCOME_COUNT ? names[outcome] : "unknown";
}

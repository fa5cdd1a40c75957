/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/config_use.h"

#include "agent/annotations.h"
#include "platform/crypto.h"

#include <stdlib.h>
#include <string.h>

void lp_config_free(struct config_uses *uses)
{
	lp_arena_free(&uses->arena);
	free(uses->list);
	free(uses->files);
	*uses = (struct config_uses){0};
}

static void make_id(const char *kind, const char *ns, const char *name, uint8_t ret[LP_CONFIG_ID])
{
	uint8_t digest[LP_SHA256_BYTES];
	LP_AUTO(lp_hash_abort) struct lp_hash hash = {0};

	lp_hash_begin(&hash, LP_SHA256);
	lp_hash_add(&hash, kind, strlen(kind) + 1);
	lp_hash_add(&hash, ns, strlen(ns) + 1);
	lp_hash_add(&hash, name, strlen(name) + 1);
	lp_hash_end(&hash, digest);
	memcpy(ret, digest, LP_CONFIG_ID);
}

static bool is_workload(const struct object_key *key)
{
	return strcmp(key->group, "apps") == 0 &&
	       (strcmp(key->kind, "Deployment") == 0 || strcmp(key->kind, "StatefulSet") == 0 ||
		strcmp(key->kind, "DaemonSet") == 0);
}

static bool is_config(const struct object_key *key)
{
	return !key->group[0] &&
	       (strcmp(key->kind, "ConfigMap") == 0 || strcmp(key->kind, "Secret") == 0);
}

bool lp_config_is_off(const struct jval *metadata)
{
	const struct jval *text = lp_json_at(metadata, "annotations", LP_RESTART_ANNOTATION, NULL);

	return lp_annotation_is(LP_RESTART_ANNOTATION, lp_json_slice(text), ASKS_NO_RESTART);
}

/* --- what a workload uses --- */

struct noting {
	struct config_uses *uses;
	const char *ns;
	uint8_t workload[LP_CONFIG_ID];
	bool off;
	size_t first; /* of this workload in the list */
};

static enum lp_code full(const struct noting *n, struct err *err)
{
	return lp_arena_full(&n->uses->arena, "what workloads use of ConfigMaps and Secrets", err);
}

static enum lp_code count(struct config_uses *uses, struct err *err)
{
	if (uses->references == LP_CONFIG_REFERENCES)
		return lp_err_set(err, LP_LIMIT,
				  "the workloads name ConfigMaps and Secrets, or their keys, more "
				  "than %u times: split the source",
				  LP_CONFIG_REFERENCES);
	uses->references++;
	return LP_OK;
}

/* The workload's use of an object, made when there is none yet. */
static enum lp_code use_of(struct noting *n, const char *kind, const char *name, struct used **ret,
			   struct err *err)
{
	struct config_uses *uses = n->uses;
	struct used used = {.off = n->off};

	LP_TRY(count(uses, err));
	make_id(kind, n->ns, name, used.object);
	memcpy(used.workload, n->workload, sizeof(used.workload));
	for (size_t i = n->first; i < uses->n; i++) {
		*ret = &uses->list[i];
		if (memcmp((*ret)->object, used.object, sizeof(used.object)) == 0)
			return LP_OK;
	}
	if (uses->n == uses->cap) {
		size_t cap = uses->cap ? 2 * uses->cap : 64;
		struct used *list = realloc(uses->list, cap * sizeof(*list));
		if (!list)
			return lp_err_nomem(err, "what workloads use");
		uses->list = list;
		uses->cap = cap;
	}
	*ret = &uses->list[uses->n++];
	**ret = used;
	return LP_OK;
}

static enum lp_code use_key(struct noting *n, struct used *used, const char *name, bool file,
			    struct err *err)
{
	struct used_key *key = lp_arena_alloc(&n->uses->arena, sizeof(*key));

	if (!key)
		return full(n, err);
	*key = (struct used_key){used->keys, lp_arena_str(&n->uses->arena, name), file};
	if (!key->name)
		return full(n, err);
	used->keys = key;
	return LP_OK;
}

/* One key of an object as a variable: configMapKeyRef, secretKeyRef. */
static enum lp_code note_variable(struct noting *n, const char *kind, const struct jval *ref,
				  struct err *err)
{
	struct used *used;

	if (!lp_json_text(ref, "name")[0])
		return LP_OK;
	LP_TRY(use_of(n, kind, lp_json_text(ref, "name"), &used, err));
	return use_key(n, used, lp_json_text(ref, "key"), false, err);
}

/* All keys of an object as variables: envFrom. */
static enum lp_code note_variables(struct noting *n, const char *kind, const struct jval *ref,
				   struct err *err)
{
	struct used *used;

	if (!lp_json_text(ref, "name")[0])
		return LP_OK;
	LP_TRY(use_of(n, kind, lp_json_text(ref, "name"), &used, err));
	used->all_env = true;
	return LP_OK;
}

/* A volume, or a source of a projected one: its items, or all keys. */
static enum lp_code note_files(struct noting *n, const char *kind, const char *name,
			       const struct jval *volume, struct err *err)
{
	struct json_iter it = lp_json_iter(lp_json_get(volume, "items"));
	struct used *used;

	if (!name[0])
		return LP_OK;
	LP_TRY(use_of(n, kind, name, &used, err));
	if (!lp_json_len(lp_json_get(volume, "items")))
		used->all_files = true;
	while (lp_json_next(&it)) {
		LP_TRY(count(n->uses, err));
		LP_TRY(use_key(n, used, lp_json_text(it.value, "key"), true, err));
	}
	return LP_OK;
}

static enum lp_code note_container(struct noting *n, const struct jval *container, struct err *err)
{
	struct json_iter from = lp_json_iter(lp_json_get(container, "envFrom"));
	struct json_iter env = lp_json_iter(lp_json_get(container, "env"));

	while (lp_json_next(&from)) {
		const struct jval *map = lp_json_get(from.value, "configMapRef");
		const struct jval *secret = lp_json_get(from.value, "secretRef");
		LP_TRY(note_variables(n, "ConfigMap", map, err));
		LP_TRY(note_variables(n, "Secret", secret, err));
	}
	while (lp_json_next(&env)) {
		const struct jval *value = lp_json_get(env.value, "valueFrom");
		const struct jval *map = lp_json_get(value, "configMapKeyRef");
		const struct jval *secret = lp_json_get(value, "secretKeyRef");
		LP_TRY(note_variable(n, "ConfigMap", map, err));
		LP_TRY(note_variable(n, "Secret", secret, err));
	}
	return LP_OK;
}

/* secret_name: what the name of a Secret is called here, which differs. */
static enum lp_code note_volume(struct noting *n, const struct jval *volume,
				const char *secret_name, struct err *err)
{
	const struct jval *map = lp_json_get(volume, "configMap");
	const struct jval *secret = lp_json_get(volume, "secret");

	LP_TRY(note_files(n, "ConfigMap", lp_json_text(map, "name"), map, err));
	return note_files(n, "Secret", lp_json_text(secret, secret_name), secret, err);
}

static enum lp_code note_volumes(struct noting *n, const struct jval *volumes, struct err *err)
{
	struct json_iter it = lp_json_iter(volumes);

	while (lp_json_next(&it)) {
		LP_TRY(note_volume(n, it.value, "secretName", err));
		struct json_iter source =
			lp_json_iter(lp_json_at(it.value, "projected", "sources", NULL));
		while (lp_json_next(&source))
			LP_TRY(note_volume(n, source.value, "name", err));
	}
	return LP_OK;
}

enum lp_code lp_config_note(struct config_uses *uses, const struct jval *root,
			    const struct object_key *key, struct err *err)
{
	static const char *const lists[] = {"containers", "initContainers"};
	const struct jval *template = lp_json_at(root, "spec", "template", NULL);
	const struct jval *spec = lp_json_get(template, "spec");
	struct noting n = {.uses = uses, .ns = key->ns, .first = uses->n};

	if (!is_workload(key))
		return LP_OK;
	uses->order = CONFIG_AS_NOTED;
	make_id(key->kind, key->ns, key->name, n.workload);
	n.off = lp_config_is_off(lp_json_get(root, "metadata")) ||
		lp_config_is_off(lp_json_get(template, "metadata"));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct json_iter it = lp_json_iter(lp_json_get(spec, lists[i]));
		while (lp_json_next(&it))
			LP_TRY(note_container(&n, it.value, err));
	}
	return note_volumes(&n, lp_json_get(spec, "volumes"), err);
}

/* --- who uses what --- */

static int by_object(const void *a, const void *b)
{
	const struct used *x = a, *y = b;
	int order = memcmp(x->object, y->object, sizeof(x->object));

	return order ? order : memcmp(x->workload, y->workload, sizeof(x->workload));
}

static int by_workload(const void *a, const void *b)
{
	const struct used *x = a, *y = b;
	int order = memcmp(x->workload, y->workload, sizeof(x->workload));

	return order ? order : memcmp(x->object, y->object, sizeof(x->object));
}

static void sort(struct config_uses *uses, enum config_order order)
{
	if (uses->n && uses->order != order)
		qsort(uses->list, uses->n, sizeof(*uses->list),
		      order == CONFIG_BY_OBJECT ? by_object : by_workload);
	uses->order = order;
}

static const uint8_t *id_of(const struct config_uses *uses, size_t i)
{
	const struct used *used = &uses->list[i];

	return uses->order == CONFIG_BY_OBJECT ? used->object : used->workload;
}

/* Where the uses of an object, or by a workload, begin; *ret_n of them. */
static struct used *find(struct config_uses *uses, enum config_order order,
			 const struct object_key *key, size_t *ret_n)
{
	size_t low = 0, high = uses->n;
	uint8_t id[LP_CONFIG_ID];

	make_id(key->kind, key->ns, key->name, id);
	sort(uses, order);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (memcmp(id_of(uses, middle), id, sizeof(id)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (high = low; high < uses->n && memcmp(id_of(uses, high), id, sizeof(id)) == 0;)
		high++;
	*ret_n = high - low;
	return *ret_n ? &uses->list[low] : NULL;
}

struct used *lp_config_users(struct config_uses *uses, const struct object_key *key, size_t *ret_n)
{
	*ret_n = 0;
	return is_config(key) ? find(uses, CONFIG_BY_OBJECT, key, ret_n) : NULL;
}

enum config_use lp_config_of(struct config_uses *uses, const struct object_key *key,
			     uint8_t ret[32])
{
	enum config_use state = CONFIG_NONE;
	size_t n = 0;
	struct used *used = is_workload(key) ? find(uses, CONFIG_BY_WORKLOAD, key, &n) : NULL;
	LP_AUTO(lp_hash_abort) struct lp_hash hash = {0};

	memset(ret, 0, LP_SHA256_BYTES);
	lp_hash_begin(&hash, LP_SHA256);
	for (size_t i = 0; i < n; i++) {
		if (used[i].state > state)
			state = used[i].state;
		if (used[i].state != CONFIG_USED)
			continue;
		lp_hash_add(&hash, used[i].object, sizeof(used[i].object));
		lp_hash_add(&hash, used[i].content, sizeof(used[i].content));
	}
	if (state == CONFIG_USED)
		lp_hash_end(&hash, ret);
	return state;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What ConfigMaps and Secrets hold of what workloads use; see config_use.h. */
#include "agent/render/config_use.h"
#include "platform/crypto.h"

#include <stdlib.h>
#include <string.h>

/* --- in which files they are --- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum lp_code lp_config_want(struct config_uses *uses, const struct object_key *key,
			    const char *file, struct err *err)
{
	size_t n = 0;

	if (!lp_config_users(uses, key, &n))
		return LP_OK;
	if (uses->n_files == uses->cap_files) {
		size_t cap = uses->cap_files ? 2 * uses->cap_files : 64;
		const char **files = realloc(uses->files, cap * sizeof(*files));
		if (!files)
			return lp_err_nomem(err, "files with ConfigMaps and Secrets");
		uses->files = files;
		uses->cap_files = cap;
	}
	uses->files[uses->n_files++] = file;
	uses->files_sorted = false;
	return LP_OK;
}

bool lp_config_is_in(struct config_uses *uses, const char *file)
{
	if (!uses->n_files)
		return false;
	if (!uses->files_sorted)
		qsort(uses->files, uses->n_files, sizeof(*uses->files), by_text);
	uses->files_sorted = true;
	return bsearch(&file, uses->files, uses->n_files, sizeof(*uses->files), by_text) != NULL;
}

/* --- what they hold --- */

/* One key of an object. */
struct held {
	const char *name;
	bool file_only; /* of binaryData: no variable can have it */
	bool chosen;
	uint8_t digest[LP_SHA256_BYTES];
};

struct holding {
	struct held *list; /* owned; by name */
	size_t n;
	uint8_t all[LP_SHA256_BYTES]; /* of all keys together */
	bool all_known;
};

static void free_holding(struct holding *holding)
{
	free(holding->list);
}

/* Line ends in base64 are nothing of the value. */
static void add_base64(struct lp_hash *hash, struct slice text)
{
	for (size_t at = 0, end; at < text.len; at = end + 1) {
		for (end = at; end < text.len; end++)
			if (text.data[end] == '\n' || text.data[end] == '\r')
				break;
		lp_hash_add(hash, text.data + at, end - at);
	}
}

static void hold(struct holding *holding, const struct jval *data, bool base64, bool file_only)
{
	struct json_iter it = lp_json_iter(data);

	while (lp_json_next(&it)) {
		struct held *held = &holding->list[holding->n++];
		struct slice text = lp_json_slice(it.value);
		LP_AUTO(lp_hash_abort) struct lp_hash hash = {0};

		*held = (struct held){.name = it.key, .file_only = file_only};
		lp_hash_begin(&hash, LP_SHA256);
		lp_hash_add(&hash, base64 ? "b" : "t", 1);
		if (base64)
			add_base64(&hash, text);
		else
			lp_hash_add(&hash, text.data, text.len);
		lp_hash_end(&hash, held->digest);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static enum lp_code read_held(const struct jval *root, const struct object_key *key,
			      struct holding *ret, struct err *err)
{
	const struct jval *data = lp_json_get(root, "data");
	const struct jval *binary = lp_json_get(root, "binaryData");
	size_t n = lp_json_len(data) + lp_json_len(binary);

	if (!n)
		return LP_OK;
	ret->list = malloc(n * sizeof(*ret->list));
	if (!ret->list)
		return lp_err_nomem(err, "the keys of a ConfigMap or Secret");
	hold(ret, data, strcmp(key->kind, "Secret") == 0, false);
	if (strcmp(key->kind, "ConfigMap") == 0)
		hold(ret, binary, true, true);
	qsort(ret->list, ret->n, sizeof(*ret->list), by_name);
	return LP_OK;
}

/* A hash of the keys that are chosen, or of all. */
static void hash_held(const struct holding *holding, bool all, uint8_t ret[LP_SHA256_BYTES])
{
	LP_AUTO(lp_hash_abort) struct lp_hash hash = {0};

	lp_hash_begin(&hash, LP_SHA256);
	for (size_t i = 0; i < holding->n; i++) {
		const struct held *held = &holding->list[i];
		if (!all && !held->chosen)
			continue;
		lp_hash_add(&hash, held->name, strlen(held->name) + 1);
		lp_hash_add(&hash, held->digest, sizeof(held->digest));
	}
	lp_hash_end(&hash, ret);
}

static void choose(struct holding *holding, const struct used *used)
{
	for (size_t i = 0; i < holding->n; i++)
		holding->list[i].chosen = used->all_env && !holding->list[i].file_only;
	for (const struct used_key *key = used->keys; key && holding->n; key = key->next) {
		const struct held wanted = {.name = key->name};
		struct held *held =
			bsearch(&wanted, holding->list, holding->n, sizeof(*held), by_name);
		if (held)
			held->chosen |= key->file || !held->file_only;
	}
}

static void fill(struct used *used, struct holding *holding)
{
	used->state = CONFIG_USED;
	if (!used->all_files) {
		choose(holding, used);
		hash_held(holding, false, used->content);
		return;
	}
	if (!holding->all_known)
		hash_held(holding, true, holding->all);
	holding->all_known = true;
	memcpy(used->content, holding->all, sizeof(used->content));
}

enum lp_code lp_config_fill(struct config_uses *uses, const struct jval *root,
			    const struct object_key *key, struct err *err)
{
	LP_AUTO(free_holding) struct holding holding = {0};
	bool immutable = false;
	size_t n = 0;
	struct used *used = lp_config_users(uses, key, &n);

	if (!used)
		return LP_OK;
	bool kept = lp_config_is_off(lp_json_get(root, "metadata")) ||
		    (lp_json_bool(lp_json_get(root, "immutable"), &immutable) && immutable);
	if (!kept)
		LP_TRY(read_held(root, key, &holding, err));
	for (size_t i = 0; i < n; i++) {
		if (kept || used[i].off)
			used[i].state = CONFIG_KEPT;
		else
			fill(&used[i], &holding);
	}
	return LP_OK;
}

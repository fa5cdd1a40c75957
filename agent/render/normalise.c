/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/check.h"
#include "agent/render/kinds.h"
#include "platform/crypto.h"

#include <stdio.h>
#include <string.h>

static bool is_kind(const struct object_key *key, const char *group, const char *kind)
{
	return strcmp(key->group, group) == 0 && strcmp(key->kind, kind) == 0;
}

/* --- what would be a change on every apply --- */

struct strip {
	bool lists; /* empty ones too */
	bool crd;   /* leave a schema alone: a default can be null or [] */
};

static bool stays(const char *key, const struct jval *v, const void *context)
{
	const struct strip *what = context;
	bool empty = lp_json_is(v, JSON_ARR) && !lp_json_len(v);

	(void)key;
	return !lp_json_is(v, JSON_NULL) && !(what->lists && empty);
}

static void strip(struct jval *v, const struct strip *what)
{
	struct json_iter it = lp_json_iter(v);

	while (lp_json_next(&it))
		if (!(what->crd && it.key && strcmp(it.key, "schema") == 0))
			strip(it.value, what);
	lp_json_filter(v, stays, what);
}

static void strip_metadata(struct jval *metadata)
{
	static const char *const servers[] = {
		"creationTimestamp",
		"managedFields",
		"uid",
		"resourceVersion",
		"generation",
		"selfLink",
		"deletionTimestamp",
		"deletionGracePeriodSeconds",
	};

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		lp_json_del(metadata, servers[i]);
}

/* The server drops these; to own one that is empty would be drift when somebody adds a key, and a
 * custom resource would be written by each apply. */
static void strip_empty_maps(struct jval *metadata)
{
	static const char *const maps[] = {"labels", "annotations"};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		struct jval *map = lp_json_get(metadata, maps[i]);
		if (lp_json_is(map, JSON_OBJ) && !lp_json_len(map))
			lp_json_del(metadata, maps[i]);
	}
}

/* What a person copied from the cluster; it is set anew where it belongs. */
static void strip_digest(struct jval *metadata)
{
	lp_json_del(lp_json_get(metadata, "annotations"), LP_CONFIG_DIGEST_ANNOTATION);
}

/* --- a caBundle that says nothing, kept for the one who injects it --- */

static void strip_placeholder(struct jval *config)
{
	const char *text = lp_json_str(lp_json_get(config, "caBundle"));

	/* what tools write there: nothing, or one line end */
	if (text && (!*text || strcmp(text, "Cg==") == 0))
		lp_json_del(config, "caBundle");
}

static void strip_bundles(struct jval *root, const struct object_key *key)
{
	struct json_iter it = lp_json_iter(lp_json_get(root, "webhooks"));

	if (strcmp(key->group, "admissionregistration.k8s.io") == 0) {
		while (lp_json_next(&it))
			strip_placeholder(lp_json_get(it.value, "clientConfig"));
	} else if (is_kind(key, "apiregistration.k8s.io", "APIService")) {
		strip_placeholder(lp_json_get(root, "spec"));
	} else if (is_kind(key, "apiextensions.k8s.io", "CustomResourceDefinition")) {
		strip_placeholder(
			lp_json_at(root, "spec", "conversion", "webhook", "clientConfig", NULL));
	}
}

/* --- Secrets: stringData is written but never read back, so nobody would own the data --- */

static enum lp_code encode(struct manifest *m, struct jval *data, const char *key,
			   const struct jval *text, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf encoded = LP_BUF(2 * LP_OBJECT_BYTES);

	LP_TRY(lp_base64_encode(lp_json_slice(text), &encoded, err));
	if (!lp_json_put_str(m->json, data, key, lp_buf_text(&encoded)))
		return lp_json_full(m->json, "stringData", err);
	return LP_OK;
}

static enum lp_code refuse(const struct manifest *m, const struct jval *at, const char *field,
			   const char *what, struct problems *problems, struct err *err)
{
	lp_problem(problems, m->file, lp_manifest_line(m, at), field, "%s; expected %s",
		   lp_json_type_name(at), what);
	return lp_err_set(err, LP_REJECTED, "%s: %s", m->file, field);
}

/* One that is no text would be refused by the API server, in words that tell the value. */
static enum lp_code check_data(const struct manifest *m, struct problems *problems, struct err *err)
{
	const struct jval *data = lp_json_get(m->root, "data");
	struct json_iter it = lp_json_iter(data);
	enum lp_code code = LP_OK;

	if (data && !lp_json_is(data, JSON_OBJ))
		return refuse(m, data, "data", "an object of base64 texts", problems, err);
	while (lp_json_next(&it)) {
		char field[LP_NAME_MAX + 16];
		snprintf(field, sizeof(field), "data.%s", it.key);
		if (!lp_json_is(it.value, JSON_STR))
			code = refuse(m, it.value, field,
				      "a string: quote base64, or write the plain text, quoted, "
				      "under stringData",
				      problems, err);
	}
	return code;
}

static enum lp_code encode_secret(struct manifest *m, struct problems *problems, struct err *err)
{
	const struct jval *texts = lp_json_get(m->root, "stringData");
	struct json_iter it = lp_json_iter(texts);
	enum lp_code code = check_data(m, problems, err);

	if (!texts || code != LP_OK)
		return code;
	if (!lp_json_is(texts, JSON_OBJ))
		return refuse(m, texts, "stringData", "an object of texts", problems, err);
	if (lp_json_len(texts) > LP_SECRET_KEYS) {
		lp_problem(problems, m->file, m->line, "stringData",
			   "%zu keys; at most %u are allowed: make several Secrets",
			   lp_json_len(texts), LP_SECRET_KEYS);
		return lp_err_set(err, LP_REJECTED, "%s: stringData", m->file);
	}
	struct jval *data = lp_json_put_obj(m->json, m->root, "data");
	if (!data)
		return lp_json_full(m->json, "data", err);
	while (lp_json_next(&it)) {
		char field[LP_NAME_MAX + 16];
		snprintf(field, sizeof(field), "stringData.%s", it.key);
		if (!lp_json_is(it.value, JSON_STR))
			code = refuse(m, it.value, field, "a string: quote it", problems, err);
		else
			LP_TRY(encode(m, data, it.key, it.value, err));
	}
	lp_json_del(m->root, "stringData");
	return code;
}

enum lp_code lp_normalise(struct manifest *m, const struct object_key *key,
			  struct problems *problems, struct err *err)
{
	bool builtin = lp_builtin_scope(key->group, key->kind) != SCOPE_UNKNOWN;
	bool crd = is_kind(key, "apiextensions.k8s.io", "CustomResourceDefinition");

	strip(m->root, &(struct strip){.lists = builtin && !crd, .crd = crd});
	strip_metadata(lp_json_get(m->root, "metadata"));
	strip_digest(lp_json_get(m->root, "metadata"));
	strip_digest(lp_json_at(m->root, "spec", "template", "metadata", NULL));
	strip_empty_maps(lp_json_get(m->root, "metadata"));
	strip_bundles(m->root, key);
	if (builtin)
		lp_json_del(m->root, "status");
	/* its controller writes the rules, so ours would be drift for ever */
	if (is_kind(key, "rbac.authorization.k8s.io", "ClusterRole") &&
	    lp_json_get(m->root, "aggregationRule"))
		lp_json_del(m->root, "rules");
	if (is_kind(key, "", "Secret"))
		return encode_secret(m, problems, err);
	return LP_OK;
}

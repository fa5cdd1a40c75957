/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/check.h"

#include "agent/annotations.h"
#include "agent/pointers.h"
#include "agent/precious.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct check {
	const struct manifest *m;
	struct problems *problems;
	bool bad;
};

static void wrong(struct check *c, const struct jval *at, const char *field, const char *fmt, ...)
	LP_PRINTF(4, 5);

static void wrong(struct check *c, const struct jval *at, const char *field, const char *fmt, ...)
{
	char what[LP_ERR_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	lp_problem(c->problems, c->m->file, lp_manifest_line(c->m, at), field, "%s", what);
	c->bad = true;
}

/* The text of a string without NULs, or NULL after saying that it is none. */
static const char *text_of(struct check *c, const struct jval *v, const struct jval *parent,
			   const char *field, const char *expected)
{
	struct slice text = lp_json_slice(v);

	if (!v || lp_json_is(v, JSON_NULL))
		wrong(c, v ? v : parent, field, "missing; expected %s", expected);
	else if (!text.data)
		wrong(c, v, field, "%s; expected %s (quote it when it is meant as text)",
		      lp_json_type_name(v), expected);
	else if (strlen((const char *)text.data) != text.len)
		wrong(c, v, field, "holds a NUL byte; expected %s", expected);
	else
		return (const char *)text.data;
	return NULL;
}

/* Letters of a class, digits and marks inside; a letter or digit at both ends. */
static bool is_word(const char *text, size_t n, size_t max, const char *marks)
{
	if (n == 0 || n > max || strchr(marks, text[0]) || strchr(marks, text[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++) {
		bool letter = text[i] >= 'a' && text[i] <= 'z';
		bool digit = text[i] >= '0' && text[i] <= '9';
		if (!letter && !digit && !strchr(marks, text[i]))
			return false;
	}
	return true;
}

static bool is_label(const char *text, size_t n)
{
	return is_word(text, n, 63, "-");
}

static bool is_subdomain(const char *text)
{
	return is_word(text, strlen(text), LP_NAME_MAX - 1, "-.") && !strstr(text, "..") &&
	       !strstr(text, ".-") && !strstr(text, "-.");
}

/* What the API takes for any name at all (IsValidPathSegmentName), bounded, without blanks. */
static bool is_segment(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (text[i] == '/' || text[i] == '%' || (unsigned char)text[i] < 0x21 ||
		    text[i] == 0x7f)
			return false;
	return n && n < LP_NAME_MAX && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static void check_version(struct check *c, struct object_key *key)
{
	static const char expected[] = "a version such as v1 or apps/v1";
	const struct jval *v = lp_json_get(c->m->root, "apiVersion");
	const char *text = text_of(c, v, NULL, "apiVersion", expected);

	if (!text)
		return;
	const char *slash = strchr(text, '/');
	size_t group_len = slash ? (size_t)(slash - text) : 0;
	const char *version = slash ? slash + 1 : text;

	snprintf(key->group, sizeof(key->group), "%.*s", (int)group_len, text);
	snprintf(key->version, sizeof(key->version), "%s", version);
	bool good = is_label(version, strlen(version)) && group_len < LP_GROUP_MAX &&
		    (!slash || is_subdomain(key->group));
	if (!good || (!slash && strcmp(version, "v1") != 0))
		key->version[0] = '\0';
	if (!good)
		wrong(c, v, "apiVersion", "\"%.80s\" is not a version; expected %s", text,
		      expected);
	else if (!slash && strcmp(version, "v1") != 0)
		wrong(c, v, "apiVersion",
		      "\"%.80s\" names no group; expected v1, or the group before it: "
		      "apps/v1, example.com/%.80s",
		      text, text);
}

static void check_kind(struct check *c, struct object_key *key)
{
	static const char expected[] = "a kind such as Deployment";
	const struct jval *v = lp_json_get(c->m->root, "kind");
	const char *text = text_of(c, v, NULL, "kind", expected);

	if (!text)
		return;
	size_t n = strlen(text);
	bool good = n && n < sizeof(key->kind) && isalpha((unsigned char)text[0]);
	for (size_t i = 0; good && i < n; i++)
		good = isalnum((unsigned char)text[i]) || text[i] == '-';
	if (!good)
		wrong(c, v, "kind", "\"%.80s\" is not a kind; expected %s", text, expected);
	else
		memcpy(key->kind, text, n + 1);
}

/* Kinds whose names are only path segments; all others are DNS subdomains at least. */
static bool has_loose_name(const struct object_key *key)
{
	return strcmp(key->group, "rbac.authorization.k8s.io") == 0 ||
	       (strcmp(key->group, "networking.k8s.io") == 0 &&
		strcmp(key->kind, "IPAddress") == 0) ||
	       (strcmp(key->group, "storage.k8s.io") == 0 && strncmp(key->kind, "CSI", 3) == 0);
}

static void check_name(struct check *c, const struct jval *metadata, struct object_key *key)
{
	const struct jval *v = lp_json_get(metadata, "name");
	const struct jval *generate = lp_json_get(metadata, "generateName");

	if (generate && !lp_json_is(generate, JSON_NULL)) {
		wrong(c, generate, "metadata.generateName",
		      "would make a new object on every apply; give the object a metadata.name");
		return;
	}
	const char *text = text_of(c, v, metadata, "metadata.name", "the object's name");
	if (!text)
		return;
	if (!is_segment(text) || (!has_loose_name(key) && !is_subdomain(text)))
		wrong(c, v, "metadata.name", "\"%.300s\" is not a name; expected at most 253 %s",
		      text,
		      has_loose_name(key) ? "characters without '/' and '%'"
					  : "lower-case letters, digits, '-' and '.', with a "
					    "letter or digit at both ends");
	else
		memcpy(key->name, text, strlen(text) + 1);
}

static void check_namespace(struct check *c, const struct jval *metadata, struct object_key *key)
{
	const struct jval *v = lp_json_get(metadata, "namespace");

	if (!v || lp_json_is(v, JSON_NULL))
		return;
	const char *text = text_of(c, v, metadata, "metadata.namespace", "a namespace's name");
	if (!text || !text[0])
		return;
	if (!is_label(text, strlen(text)))
		wrong(c, v, "metadata.namespace",
		      "\"%.300s\" is not a namespace's name; expected at most 63 lower-case "
		      "letters, digits and '-', with a letter or digit at both ends",
		      text);
	else
		memcpy(key->ns, text, strlen(text) + 1);
}

/* Labels and annotations: text to text. An unquoted yes or 1.10 is the common mistake. */
static void check_texts(struct check *c, const struct jval *metadata, const char *name)
{
	const struct jval *map = lp_json_get(metadata, name);
	struct json_iter it = lp_json_iter(map);
	char field[LP_NAME_MAX * 2];

	snprintf(field, sizeof(field), "metadata.%s", name);
	if (map && !lp_json_is(map, JSON_NULL) && !lp_json_is(map, JSON_OBJ)) {
		wrong(c, map, field, "%s; expected an object of texts", lp_json_type_name(map));
		return;
	}
	while (lp_json_next(&it)) {
		if (lp_json_is(it.value, JSON_STR) || lp_json_is(it.value, JSON_NULL))
			continue;
		snprintf(field, sizeof(field), "metadata.%s.%.300s", name, it.key);
		wrong(c, it.value, field, "%s; expected a string: quote it",
		      lp_json_type_name(it.value));
	}
}

/* What may be others', or all of the object. */
static void check_ignore(struct check *c, const struct jval *metadata)
{
	const struct jval *v = lp_json_at(metadata, "annotations", LP_IGNORE_ANNOTATION, NULL);
	struct slice text = lp_json_slice(v), pointer;
	static const char field[] = "metadata.annotations." LP_IGNORE_ANNOTATION;
	size_t at = 0;

	if (lp_annotation_is(LP_IGNORE_ANNOTATION, text, ASKS_LEAVE) ||
	    lp_annotation_is(LP_IGNORE_ANNOTATION, text, ASKS_ONCE))
		return;
	if (text.len > LP_IGNORE_TEXT_BYTES)
		wrong(c, v, field, "%zu bytes; expected at most %u", text.len,
		      LP_IGNORE_TEXT_BYTES);
	while (lp_pointer_next(text, &at, &pointer)) {
		const char *why = lp_pointer_wrong(pointer);
		if (why)
			wrong(c, v, field,
			      "\"%.*s\": %s; expected JSON pointers, \"all\" or \"existing\"",
			      pointer.len < 200 ? (int)pointer.len : 200,
			      (const char *)pointer.data, why);
	}
}

/* A word that nothing heeds is a wish that is not granted: better told than passed over. */
static void check_word(struct check *c, const struct jval *metadata, const char *path,
		       const char *key)
{
	const struct jval *v = lp_json_at(metadata, "annotations", key, NULL);
	struct slice text = lp_json_slice(v);
	char known[100], field[100];

	if (!text.data || lp_annotation_known(key, text, known, sizeof(known)))
		return;
	snprintf(field, sizeof(field), "%s.annotations.%s", path, key);
	wrong(c, v, field, "\"%.*s\"; expected %s", text.len < 80 ? (int)text.len : 80,
	      (const char *)text.data, known);
}

static void check_words(struct check *c, const struct jval *metadata)
{
	static const char *const keys[] = {LP_DRIFT_ANNOTATION, LP_PRUNE_ANNOTATION,
					   LP_RECREATE_ANNOTATION, LP_RESTART_ANNOTATION,
					   LP_WAIT_ANNOTATION};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		check_word(c, metadata, "metadata", keys[i]);
	check_word(c, lp_json_at(c->m->root, "spec", "template", "metadata", NULL),
		   "spec.template.metadata", LP_RESTART_ANNOTATION);
}

/* Flux's and Argo CD's words for it are not refused: they stand where limpet did not look. */
static void check_recreate(struct check *c, const struct jval *metadata,
			   const struct object_key *key)
{
	const struct jval *v = lp_json_at(metadata, "annotations", LP_RECREATE_ANNOTATION, NULL);

	if (v && lp_is_precious(key->group, key->kind))
		wrong(c, v, "metadata.annotations." LP_RECREATE_ANNOTATION,
		      "limpet deletes no %s: what is in it would be lost", key->kind);
}

static void check_applyset(struct check *c, const struct jval *metadata)
{
	static const char label[] = "applyset.kubernetes.io/part-of";
	const struct jval *v = lp_json_at(metadata, "labels", label, NULL);

	if (v)
		wrong(c, v, "metadata.labels.applyset.kubernetes.io/part-of",
		      "the label by which an agent knows its own objects; remove it");
}

bool lp_check_object(const struct manifest *m, struct problems *problems, struct object_key *ret)
{
	struct check c = {m, problems, false};
	const struct jval *metadata = lp_json_get(m->root, "metadata");

	*ret = (struct object_key){0};
	if (!lp_json_is(m->root, JSON_OBJ)) {
		wrong(&c, NULL, "", "%s; expected an object with apiVersion, kind and metadata",
		      lp_json_type_name(m->root));
		return false;
	}
	check_version(&c, ret);
	check_kind(&c, ret);
	if (!lp_json_is(metadata, JSON_OBJ)) {
		wrong(&c, metadata, "metadata", "%s; expected an object with a name",
		      metadata ? lp_json_type_name(metadata) : "missing");
		return false;
	}
	check_name(&c, metadata, ret);
	check_namespace(&c, metadata, ret);
	check_texts(&c, metadata, "labels");
	check_texts(&c, metadata, "annotations");
	check_ignore(&c, metadata);
	check_words(&c, metadata);
	check_recreate(&c, metadata, ret);
	check_applyset(&c, metadata);
	return !c.bad;
}

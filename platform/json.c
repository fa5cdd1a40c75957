/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/json.h"

#include "platform/json_parts.h"
#include "platform/limits.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

struct json {
	yyjson_mut_doc *mut;
	yyjson_alc alc; /* its context is this struct, which lives at a fixed address */
	size_t used_bytes, max_bytes;
};

/* A struct jval is a yyjson_mut_val under a name that says less. */
static yyjson_mut_val *val(const struct jval *v)
{
	return (yyjson_mut_val *)v;
}

static struct jval *jval(yyjson_mut_val *v)
{
	return (struct jval *)v;
}

/* --- memory: each block carries its size in front, so that the sum is known --- */

#define HEAD_BYTES (_Alignof(max_align_t))

static void *counted_malloc(void *context, size_t n)
{
	struct json *doc = context;

	if (n > doc->max_bytes || doc->used_bytes > doc->max_bytes - n)
		return NULL;
	uint8_t *block = malloc(HEAD_BYTES + n);
	if (!block)
		return NULL;
	memcpy(block, &n, sizeof(n));
	doc->used_bytes += n;
	return block + HEAD_BYTES;
}

static void counted_free(void *context, void *data)
{
	struct json *doc = context;
	size_t n;

	if (!data)
		return;
	uint8_t *block = (uint8_t *)data - HEAD_BYTES;
	memcpy(&n, block, sizeof(n));
	doc->used_bytes -= n;
	free(block);
}

static void *counted_realloc(void *context, void *data, size_t old, size_t n)
{
	struct json *doc = context;

	if (!data)
		return counted_malloc(context, n);
	size_t others = doc->used_bytes - old;
	if (n > doc->max_bytes || others > doc->max_bytes - n)
		return NULL;
	uint8_t *block = realloc((uint8_t *)data - HEAD_BYTES, HEAD_BYTES + n);
	if (!block)
		return NULL;
	memcpy(block, &n, sizeof(n));
	doc->used_bytes = others + n;
	return block + HEAD_BYTES;
}

enum lp_code lp_json_new(size_t max_bytes, struct json **ret, struct err *err)
{
	struct json *doc = calloc(1, sizeof(*doc));

	if (!doc)
		return lp_err_nomem(err, "JSON document");
	doc->max_bytes = max_bytes;
	doc->alc = (yyjson_alc){counted_malloc, counted_realloc, counted_free, doc};
	doc->mut = yyjson_mut_doc_new(&doc->alc);
	if (!doc->mut) {
		free(doc);
		return lp_err_set(err, LP_LIMIT, "JSON document: more than %zu bytes of memory",
				  max_bytes);
	}
	*ret = doc;
	return LP_OK;
}

void lp_json_free(struct json *doc)
{
	if (!doc)
		return;
	yyjson_mut_doc_free(doc->mut);
	free(doc);
}

void lp_json_freep(struct json **doc)
{
	lp_json_free(*doc);
	*doc = NULL;
}

struct jval *lp_json_root(const struct json *doc)
{
	return doc ? jval(doc->mut->root) : NULL;
}

void lp_json_set_root(struct json *doc, struct jval *root)
{
	doc->mut->root = val(root);
}

/* --- parsing --- */

/* yyjson has no limit of depth and needs none; what walks the tree later does. */
static enum lp_code check_depth(const char *text, size_t len, struct err *err)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '['))
			depth++;
		else if (!quoted && (c == '}' || c == ']') && depth)
			depth--;
		if (depth > LP_JSON_DEPTH)
			return lp_err_set(err, LP_LIMIT,
					  "JSON at byte %zu: more than %d levels deep", i,
					  LP_JSON_DEPTH);
	}
	return LP_OK;
}

static int compare_members(const void *a, const void *b)
{
	const struct json_member *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : x->index < y->index ? -1 : 1;
}

struct json_member *lp_json_sorted(const struct jval *obj)
{
	size_t n = lp_json_len(obj);
	struct json_member *members = n ? malloc(n * sizeof(*members)) : NULL;
	struct json_iter it = lp_json_iter(obj);

	while (members && lp_json_next(&it))
		members[it.index] = (struct json_member){it.key, it.value, it.index};
	if (members)
		qsort(members, n, sizeof(*members), compare_members);
	return members;
}

static bool has_nul(yyjson_mut_val *obj)
{
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(obj);

	for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&it));)
		if (strlen(key->uni.str) != yyjson_mut_get_len(key))
			return true;
	return false;
}

/* Sorting finds a duplicate in n log n, whatever a stranger writes. */
static enum lp_code check_keys(yyjson_mut_val *obj, struct err *err)
{
	size_t n = yyjson_mut_obj_size(obj), i = 1;

	if (has_nul(obj))
		return lp_err_set(err, LP_REJECTED, "JSON: a key that holds a NUL");
	if (n < 2)
		return LP_OK;
	struct json_member *members = lp_json_sorted(jval(obj));
	if (!members)
		return lp_err_nomem(err, "JSON keys");
	while (i < n && strcmp(members[i - 1].key, members[i].key) != 0)
		i++;
	if (i < n)
		lp_err_set(err, LP_REJECTED,
			   "JSON: the key \"%.100s\" is there twice in one object", members[i].key);
	free(members);
	return i < n ? err->code : LP_OK;
}

static enum lp_code check_tree(yyjson_mut_val *v, struct err *err)
{
	size_t n = yyjson_mut_is_ctn(v) ? unsafe_yyjson_get_len(v) : 0;
	yyjson_mut_val *at = n ? v->uni.ptr : NULL;

	if (yyjson_mut_is_obj(v)) {
		LP_TRY(check_keys(v, err));
		at = n ? at->next->next : NULL; /* key, value, next key */
	}
	for (size_t i = 0; i < n; i++) {
		at = at->next;
		LP_TRY(check_tree(at, err));
		at = yyjson_mut_is_obj(v) ? at->next : at;
	}
	return LP_OK;
}

static enum lp_code read_error(const yyjson_read_err *why, const struct json *doc, struct err *err)
{
	if (why->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return lp_err_set(err, LP_LIMIT, "JSON: more than %zu bytes of memory",
				  doc->max_bytes);
	return lp_err_set(err, LP_REJECTED, "JSON at byte %zu: %s", why->pos, why->msg);
}

enum lp_code lp_json_parse(const void *text, size_t len, size_t max_bytes, struct json **ret,
			   struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	yyjson_read_err why = {0};

	LP_TRY(check_depth(text, len, err));
	LP_TRY(lp_json_new(max_bytes, &doc, err));
	yyjson_doc *read = yyjson_read_opts((char *)text, len, YYJSON_READ_NOFLAG, &doc->alc, &why);
	if (!read)
		return read_error(&why, doc, err);
	doc->mut->root = yyjson_val_mut_copy(doc->mut, yyjson_doc_get_root(read));
	yyjson_doc_free(read);
	if (!doc->mut->root)
		return lp_json_full(doc, "JSON", err);
	LP_TRY(check_tree(doc->mut->root, err));
	*ret = LP_STEAL(doc);
	return LP_OK;
}

/* --- reading --- */

enum json_type lp_json_type(const struct jval *v)
{
	switch (yyjson_mut_get_type(val(v))) {
	case YYJSON_TYPE_BOOL:
		return JSON_BOOL;
	case YYJSON_TYPE_NUM:
		return yyjson_mut_is_real(val(v)) ? JSON_REAL : JSON_INT;
	case YYJSON_TYPE_STR:
		return JSON_STR;
	case YYJSON_TYPE_ARR:
		return JSON_ARR;
	case YYJSON_TYPE_OBJ:
		return JSON_OBJ;
	default:
		return JSON_NULL;
	}
}

const char *lp_json_type_name(const struct jval *v)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",     [JSON_BOOL] = "a boolean", [JSON_INT] = "an integer",
		[JSON_REAL] = "a number", [JSON_STR] = "a string",   [JSON_ARR] = "a list",
		[JSON_OBJ] = "an object",
	};
	return v ? names[lp_json_type(v)] : "nothing";
}

bool lp_json_is(const struct jval *v, enum json_type type)
{
	return v && lp_json_type(v) == type;
}

struct jval *lp_json_get(const struct jval *obj, const char *key)
{
	return jval(yyjson_mut_obj_get(val(obj), key));
}

struct jval *lp_json_at(const struct jval *v, ...)
{
	const struct jval *at = v;
	va_list keys;

	va_start(keys, v);
	for (const char *key; at && (key = va_arg(keys, const char *));)
		at = lp_json_get(at, key);
	va_end(keys);
	return jval(val(at));
}

const char *lp_json_str(const struct jval *v)
{
	return yyjson_mut_get_str(val(v));
}

struct slice lp_json_slice(const struct jval *v)
{
	const char *text = lp_json_str(v);

	return (struct slice){(const uint8_t *)text, text ? yyjson_mut_get_len(val(v)) : 0};
}

const char *lp_json_text(const struct jval *obj, const char *key)
{
	const char *text = lp_json_str(lp_json_get(obj, key));

	return text ? text : "";
}

bool lp_json_int(const struct jval *v, int64_t *ret)
{
	if (yyjson_mut_is_sint(val(v)))
		*ret = yyjson_mut_get_sint(val(v));
	else if (yyjson_mut_is_uint(val(v)) && yyjson_mut_get_uint(val(v)) <= INT64_MAX)
		*ret = (int64_t)yyjson_mut_get_uint(val(v));
	else
		return false;
	return true;
}

double lp_json_real(const struct jval *v)
{
	return yyjson_mut_get_num(val(v));
}

bool lp_json_bool(const struct jval *v, bool *ret)
{
	if (!yyjson_mut_is_bool(val(v)))
		return false;
	*ret = yyjson_mut_get_bool(val(v));
	return true;
}

size_t lp_json_len(const struct jval *v)
{
	return yyjson_mut_is_ctn(val(v)) ? unsafe_yyjson_get_len(val(v)) : 0;
}

struct jval *lp_json_element(const struct jval *arr, size_t i)
{
	return jval(yyjson_mut_arr_get(val(arr), i));
}

struct json_iter lp_json_iter(const struct jval *v)
{
	return (struct json_iter){.of = v};
}

/* A container points at its last element or key; they are linked in a ring, key -> value -> key. */
bool lp_json_next(struct json_iter *it)
{
	yyjson_mut_val *of = val(it->of), *at = it->at;

	if (it->at)
		it->index++;
	if (it->index >= lp_json_len(it->of)) {
		it->key = NULL;
		it->value = NULL;
		return false;
	}
	if (!at) {
		at = of->uni.ptr;
		at = yyjson_mut_is_obj(of) ? at->next : at;
	}
	at = at->next;
	if (yyjson_mut_is_obj(of)) {
		it->key = at->uni.str;
		at = at->next;
	}
	it->at = at;
	it->value = jval(at);
	return true;
}

static bool objects_equal(const struct jval *a, const struct jval *b)
{
	struct json_iter it = lp_json_iter(a);

	while (lp_json_next(&it)) {
		const struct jval *other = lp_json_get(b, it.key);
		if (!other || !lp_json_equal(it.value, other))
			return false;
	}
	return true;
}

static bool arrays_equal(const struct jval *a, const struct jval *b)
{
	struct json_iter x = lp_json_iter(a), y = lp_json_iter(b);

	while (lp_json_next(&x) && lp_json_next(&y))
		if (!lp_json_equal(x.value, y.value))
			return false;
	return true;
}

bool lp_json_equal(const struct jval *a, const struct jval *b)
{
	if (!a || !b || lp_json_type(a) != lp_json_type(b) || lp_json_len(a) != lp_json_len(b))
		return a == b;
	switch (lp_json_type(a)) {
	case JSON_OBJ:
		return objects_equal(a, b);
	case JSON_ARR:
		return arrays_equal(a, b);
	default:
		return yyjson_mut_equals(val(a), val(b));
	}
}

/* --- building --- */

struct jval *lp_json_obj(struct json *doc)
{
	return jval(yyjson_mut_obj(doc->mut));
}

struct jval *lp_json_arr(struct json *doc)
{
	return jval(yyjson_mut_arr(doc->mut));
}

struct jval *lp_json_null(struct json *doc)
{
	return jval(yyjson_mut_null(doc->mut));
}

struct jval *lp_json_new_bool(struct json *doc, bool value)
{
	return jval(yyjson_mut_bool(doc->mut, value));
}

struct jval *lp_json_new_int(struct json *doc, int64_t value)
{
	/* yyjson tells signed from unsigned apart when it compares */
	return value < 0 ? jval(yyjson_mut_sint(doc->mut, value))
			 : lp_json_new_uint(doc, (uint64_t)value);
}

struct jval *lp_json_new_uint(struct json *doc, uint64_t value)
{
	return jval(yyjson_mut_uint(doc->mut, value));
}

struct jval *lp_json_new_real(struct json *doc, double value)
{
	return jval(yyjson_mut_real(doc->mut, value));
}

struct jval *lp_json_new_str(struct json *doc, const char *text)
{
	return lp_json_new_strn(doc, text, strlen(text));
}

struct jval *lp_json_new_strn(struct json *doc, const char *text, size_t n)
{
	return jval(yyjson_mut_strncpy(doc->mut, n ? text : "", n));
}

static struct jval *copy_members(struct json *doc, const struct jval *v, struct jval *to)
{
	struct json_iter it = lp_json_iter(v);

	while (to && lp_json_next(&it)) {
		struct jval *copy = lp_json_copy(doc, it.value);
		if (!(it.key ? lp_json_append(doc, to, it.key, copy) : lp_json_add(to, copy)))
			return NULL;
	}
	return to;
}

struct jval *lp_json_copy(struct json *doc, const struct jval *v)
{
	struct slice text = lp_json_slice(v);

	switch (lp_json_type(v)) {
	case JSON_OBJ:
		return copy_members(doc, v, lp_json_obj(doc));
	case JSON_ARR:
		return copy_members(doc, v, lp_json_arr(doc));
	case JSON_STR:
		return lp_json_new_strn(doc, (const char *)text.data, text.len);
	case JSON_BOOL:
		return lp_json_new_bool(doc, yyjson_mut_get_bool(val(v)));
	case JSON_REAL:
		return lp_json_new_real(doc, yyjson_mut_get_real(val(v)));
	case JSON_INT:
		return yyjson_mut_is_sint(val(v))
			       ? jval(yyjson_mut_sint(doc->mut, yyjson_mut_get_sint(val(v))))
			       : lp_json_new_uint(doc, yyjson_mut_get_uint(val(v)));
	default:
		return lp_json_null(doc);
	}
}

/* Links value in where the value of key is now; yyjson's own replace would copy it by value. */
static bool replace(yyjson_mut_val *obj, const char *key, yyjson_mut_val *value)
{
	size_t n = yyjson_mut_obj_size(obj);
	yyjson_mut_val *at = n ? obj->uni.ptr : NULL;

	for (size_t i = 0; i < n; i++, at = at->next->next) {
		if (!yyjson_mut_equals_str(at, key))
			continue;
		if (at->next != value) {
			value->next = at->next->next;
			at->next = value;
		}
		return true;
	}
	return false;
}

bool lp_json_put(struct json *doc, struct jval *obj, const char *key, struct jval *value)
{
	if (!value || !lp_json_is(obj, JSON_OBJ))
		return false;
	return replace(val(obj), key, val(value)) || lp_json_append(doc, obj, key, value);
}

bool lp_json_append(struct json *doc, struct jval *obj, const char *key, struct jval *value)
{
	yyjson_mut_val *copy = value ? yyjson_mut_strcpy(doc->mut, key) : NULL;

	return copy && yyjson_mut_obj_add(val(obj), copy, val(value));
}

bool lp_json_put_str(struct json *doc, struct jval *obj, const char *key, const char *text)
{
	return lp_json_put(doc, obj, key, lp_json_new_str(doc, text));
}

bool lp_json_put_int(struct json *doc, struct jval *obj, const char *key, int64_t value)
{
	return lp_json_put(doc, obj, key, lp_json_new_int(doc, value));
}

bool lp_json_put_bool(struct json *doc, struct jval *obj, const char *key, bool value)
{
	return lp_json_put(doc, obj, key, lp_json_new_bool(doc, value));
}

struct jval *lp_json_put_obj(struct json *doc, struct jval *obj, const char *key)
{
	struct jval *there = lp_json_get(obj, key);

	if (there && !lp_json_is(there, JSON_NULL))
		return lp_json_is(there, JSON_OBJ) ? there : NULL;
	struct jval *made = lp_json_obj(doc);
	return lp_json_put(doc, obj, key, made) ? made : NULL;
}

bool lp_json_add(struct jval *arr, struct jval *value)
{
	return value && yyjson_mut_arr_append(val(arr), val(value));
}

bool lp_json_del(struct jval *obj, const char *key)
{
	return yyjson_mut_obj_remove_key(val(obj), key) != NULL;
}

void lp_json_filter(struct jval *obj,
		    bool (*keep)(const char *key, const struct jval *value, const void *context),
		    const void *context)
{
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(val(obj));

	for (yyjson_mut_val *key; (key = yyjson_mut_obj_iter_next(&it));)
		if (!keep(key->uni.str, jval(key->next), context))
			yyjson_mut_obj_iter_remove(&it);
}

void lp_json_arr_del(struct jval *arr, size_t i)
{
	yyjson_mut_arr_remove(val(arr), i);
}

enum lp_code lp_json_full(const struct json *doc, const char *what, struct err *err)
{
	return lp_err_set(err, LP_LIMIT, "%s: more than %zu bytes of memory", what, doc->max_bytes);
}

/* --- numbers as text --- */

bool lp_json_digits(const struct jval *v, char to[LP_JSON_DIGITS])
{
	uint8_t memory[1024];
	yyjson_alc alc;
	size_t n;

	yyjson_alc_pool_init(&alc, memory, sizeof(memory));
	const char *text = yyjson_mut_val_write_opts(val(v), YYJSON_WRITE_NOFLAG, &alc, &n, NULL);
	if (!text || n >= LP_JSON_DIGITS)
		return false;
	memcpy(to, text, n + 1);
	if (yyjson_mut_is_sint(val(v)) && !yyjson_mut_get_sint(val(v)))
		memcpy(to, "-0", 3); /* nothing else is read as a signed zero */
	return true;
}

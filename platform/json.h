/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_JSON_H
#define LIMPET_PLATFORM_JSON_H
/*
 * The one document tree: JSON text and YAML events both become it, everything
 * works on it, and it is what the API server gets. Backed by yyjson's mutable
 * document: a struct json owns all its values and frees them together; a
 * struct jval is borrowed from its document.
 *
 * Every document has a ceiling of memory, given when it is made.
 */
#include "platform/buf.h"

struct json;
struct jval;

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT, /* fits int64_t or uint64_t */
	JSON_REAL,
	JSON_STR,
	JSON_ARR,
	JSON_OBJ,
};

/* An empty document that may use at most max_bytes of memory. Free with lp_json_free. */
LP_CHECKED enum lp_code lp_json_new(size_t max_bytes, struct json **ret, struct err *err);

/*
 * Parses strict JSON (RFC 8259: UTF-8, no comments, no trailing commas) of at most
 * LP_JSON_DEPTH levels; duplicate keys are refused. LP_REJECTED with the byte offset,
 * LP_LIMIT. *ret is untouched on an error.
 */
LP_CHECKED enum lp_code lp_json_parse(const void *text, size_t len, size_t max_bytes,
				      struct json **ret, struct err *err);

void lp_json_free(struct json *doc);
void lp_json_freep(struct json **doc); /* for LP_AUTO */

struct jval *lp_json_root(const struct json *doc); /* NULL when empty */
void lp_json_set_root(struct json *doc, struct jval *root);

/* --- reading; every function takes a NULL value as "not there" --- */

enum json_type lp_json_type(const struct jval *v);   /* JSON_NULL for NULL */
const char *lp_json_type_name(const struct jval *v); /* "a string", "a list", "an object", ... */
bool lp_json_is(const struct jval *v, enum json_type type);

/* The member of an object, or NULL. */
struct jval *lp_json_get(const struct jval *obj, const char *key);

/* The member at the end of keys (ended by NULL): lp_json_at(v, "metadata", "name", NULL). */
struct jval *lp_json_at(const struct jval *v, ...) __attribute__((sentinel));

/* The text of a string, or NULL when v is none. It may hold NULs: see lp_json_slice. */
const char *lp_json_str(const struct jval *v);
struct slice lp_json_slice(const struct jval *v);
/* As lp_json_str(lp_json_get(obj, key)), but "" when it is not there or no string. */
const char *lp_json_text(const struct jval *obj, const char *key);

/* True and *ret set when v is an integer in range. */
bool lp_json_int(const struct jval *v, int64_t *ret);
/* Any number as a double; 0 when v is none. */
double lp_json_real(const struct jval *v);
/* True and *ret set when v is a boolean. */
bool lp_json_bool(const struct jval *v, bool *ret);

size_t lp_json_len(const struct jval *v); /* members or elements; 0 for others */

/* Element i of an array, found by walking to it; NULL when it is not there. */
struct jval *lp_json_element(const struct jval *arr, size_t i);

/*
 * Walks an array or an object in order; v may be any type or NULL (no rounds then).
 * The value may be changed, but nothing may be added or removed meanwhile.
 *
 *	struct json_iter it = lp_json_iter(v);
 *	while (lp_json_next(&it)) use(it.key, it.value);
 */
struct json_iter {
	const char *key; /* of an object's member; NULL in an array */
	struct jval *value;
	size_t index;
	const struct jval *of;
	void *at;
};
struct json_iter lp_json_iter(const struct jval *v);
bool lp_json_next(struct json_iter *it);

bool lp_json_equal(const struct jval *a, const struct jval *b); /* members in any order */

/* --- building; NULL past the document's ceiling (see lp_json_full) --- */

struct jval *lp_json_obj(struct json *doc);
struct jval *lp_json_arr(struct json *doc);
struct jval *lp_json_null(struct json *doc);
struct jval *lp_json_new_bool(struct json *doc, bool value);
struct jval *lp_json_new_int(struct json *doc, int64_t value);
struct jval *lp_json_new_uint(struct json *doc, uint64_t value);
struct jval *lp_json_new_real(struct json *doc, double value);
struct jval *lp_json_new_str(struct json *doc, const char *text);            /* copied */
struct jval *lp_json_new_strn(struct json *doc, const char *text, size_t n); /* copied */
struct jval *lp_json_copy(struct json *doc, const struct jval *v); /* deep, from any document */

/*
 * Sets obj[key] = value (the key is copied; an older value of the key is replaced in
 * place). value NULL means an allocation above it failed. False past the ceiling.
 */
bool lp_json_put(struct json *doc, struct jval *obj, const char *key, struct jval *value);
bool lp_json_put_str(struct json *doc, struct jval *obj, const char *key, const char *text);
bool lp_json_put_int(struct json *doc, struct jval *obj, const char *key, int64_t value);
bool lp_json_put_bool(struct json *doc, struct jval *obj, const char *key, bool value);
/* The object at obj[key], made when missing or null; NULL past the ceiling or another type. */
struct jval *lp_json_put_obj(struct json *doc, struct jval *obj, const char *key);
bool lp_json_add(struct jval *arr, struct jval *value); /* appends */
/* As lp_json_put for a key that the caller knows is not there yet: takes no time to look. */
bool lp_json_append(struct json *doc, struct jval *obj, const char *key, struct jval *value);
/* Removes the member key; true when it was there. */
bool lp_json_del(struct jval *obj, const char *key);
/* Keeps the members of an object for which keep says so. */
void lp_json_filter(struct jval *obj,
		    bool (*keep)(const char *key, const struct jval *value, const void *context),
		    const void *context);
/* Removes element i of an array. */
void lp_json_arr_del(struct jval *arr, size_t i);

/* Sets err to why a builder gave NULL or false: LP_LIMIT. */
enum lp_code lp_json_full(const struct json *doc, const char *what, struct err *err);

/* --- writing --- */

/* Appends v as JSON: compact, members in their order; or indented by two spaces. */
LP_CHECKED enum lp_code lp_json_write(const struct jval *v, struct buf *out, struct err *err);
LP_CHECKED enum lp_code lp_json_write_pretty(const struct jval *v, struct buf *out,
					     struct err *err);

/* Appends v as canonical JSON: compact, members sorted by key (bytes), for digests. */
LP_CHECKED enum lp_code lp_json_canonical(const struct jval *v, struct buf *out, struct err *err);
#endif

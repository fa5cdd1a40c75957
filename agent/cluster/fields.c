/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_TEXT  200
#define KEY_MEMORY (64u * LP_KIB) /* of one key of a list's item */

/* The members of some nodes, equal keys side by side; key and value as two arrays. */
struct member {
	const char *key;
	struct jval *value;
	size_t set; /* whose it is */
};
struct members {
	struct member *list; /* owned */
	size_t count;
};

static void free_members(struct members *m)
{
	free(m->list);
}

static int by_key(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x->set > y->set) - (x->set < y->set);
}

/* False when there is no memory. */
static bool collect(struct jval *const *nodes, size_t count, struct members *ret)
{
	size_t sum = 0, at = 0;

	for (size_t i = 0; i < count; i++)
		if (lp_json_is(nodes[i], JSON_OBJ))
			sum += lp_json_len(nodes[i]);
	ret->list = calloc(sum ? sum : 1, sizeof(*ret->list));
	if (!ret->list)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct json_iter it =
			lp_json_iter(lp_json_is(nodes[i], JSON_OBJ) ? nodes[i] : NULL);
		while (lp_json_next(&it))
			ret->list[at++] = (struct member){it.key, it.value, i};
	}
	ret->count = at;
	qsort(ret->list, at, sizeof(*ret->list), by_key);
	return true;
}

/* How many members from i on have the key of i. */
static size_t same_key(const struct members *m, size_t i)
{
	size_t n = 1;

	while (i + n < m->count && strcmp(m->list[i].key, m->list[i + n].key) == 0)
		n++;
	return n;
}

bool lp_fields_owned(const struct jval *node)
{
	return node &&
	       (!lp_json_is(node, JSON_OBJ) || !lp_json_len(node) || lp_json_get(node, "."));
}

bool lp_fields_below(const struct jval *node)
{
	return lp_json_is(node, JSON_OBJ) && lp_json_len(node) > (lp_json_get(node, ".") ? 1u : 0u);
}

/* {} in one set and members in another: {} would be lost in the union, "." says the same. */
static bool keep_leaf(struct json *doc, struct jval *const *nodes, size_t count, struct jval *to)
{
	for (size_t i = 0; i < count; i++)
		if (lp_fields_owned(nodes[i]) && lp_json_len(to) && !lp_json_get(to, "."))
			return lp_json_append(doc, to, ".", lp_json_obj(doc));
	return true;
}

static struct jval *node_union(struct json *doc, struct jval *const *nodes, size_t count);

static struct jval *members_union(struct json *doc, const struct members *m)
{
	struct jval *to = lp_json_obj(doc);
	struct jval **values = calloc(m->count ? m->count : 1, sizeof(struct jval *));
	bool good = to && values;

	for (size_t i = 0, n; good && i < m->count; i += n) {
		n = same_key(m, i);
		for (size_t k = 0; k < n; k++)
			values[k] = m->list[i + k].value;
		good = lp_json_append(doc, to, m->list[i].key, node_union(doc, values, n));
	}
	free(values);
	return good ? to : NULL;
}

struct jval *lp_fields_union(struct json *doc, struct jval *const *sets, size_t count)
{
	LP_AUTO(free_members) struct members m = {0};

	return collect(sets, count, &m) ? members_union(doc, &m) : NULL;
}

static struct jval *node_union(struct json *doc, struct jval *const *nodes, size_t count)
{
	if (count == 1 && lp_json_is(nodes[0], JSON_OBJ))
		return lp_json_copy(doc, nodes[0]);
	struct jval *to = lp_fields_union(doc, nodes, count);
	return to && keep_leaf(doc, nodes, count, to) ? to : NULL;
}

/* One member of `from` without what the same member of `less` has; false past the ceiling. */
static bool put_rest(struct json *doc, struct jval *to, const char *key, struct jval *from,
		     struct jval *less)
{
	bool leaf = !lp_fields_below(from);

	if (leaf && lp_fields_owned(less))
		return true;
	if (leaf || !less)
		return lp_json_append(doc, to, key, lp_json_copy(doc, from));
	struct jval *rest = lp_fields_minus(doc, from, less);
	if (rest && lp_fields_owned(less))
		lp_json_del(rest, ".");
	return rest && (!lp_json_len(rest) || lp_json_append(doc, to, key, rest));
}

struct jval *lp_fields_minus(struct json *doc, struct jval *from, struct jval *less)
{
	LP_AUTO(free_members) struct members m = {0};
	struct jval *const sets[] = {from, less};
	struct jval *to = lp_json_obj(doc);
	bool good = to && collect(sets, 2, &m);

	for (size_t i = 0, n; good && i < m.count; i += n) {
		n = same_key(&m, i);
		if (m.list[i].set == 0)
			good = put_rest(doc, to, m.list[i].key, m.list[i].value,
					n > 1 ? m.list[i + 1].value : NULL);
	}
	return good ? to : NULL;
}

/* --- items of lists --- */

/* What stands behind "k:", "v:" or "i:"; NULL when it is something else, or no JSON. */
static struct json *parse_key(const char *key)
{
	struct json *doc = NULL;
	struct err err;

	if (!key[0] || !strchr("kvi", key[0]) || key[1] != ':' ||
	    lp_json_parse(key + 2, strlen(key + 2), KEY_MEMORY, &doc, &err) != LP_OK)
		return NULL;
	return doc;
}

/* Whether a list's item has all these key members. */
static bool has_members(const struct jval *item, const struct jval *members)
{
	struct json_iter it = lp_json_iter(members);

	if (!lp_json_is(item, JSON_OBJ) || !lp_json_is(members, JSON_OBJ))
		return false;
	while (lp_json_next(&it)) {
		struct jval *have = lp_json_get(item, it.key);
		const char *text = lp_json_str(it.value);
		if (have ? !lp_json_equal(have, it.value) : !text || strcmp(text, "TCP") != 0)
			return false;
	}
	return true;
}

/* Whether the element at that index is the one that a key of this kind names. */
static bool is_named(const struct jval *element, size_t index, char kind, const struct jval *named)
{
	int64_t number = -1;

	if (kind == 'k')
		return has_members(element, named);
	if (kind == 'v')
		return lp_json_equal(element, named);
	return lp_json_int(named, &number) && number >= 0 && (size_t)number == index;
}

const char *lp_fields_item(const struct jval *node, const struct jval *list, size_t index)
{
	struct jval *element = lp_json_is(list, JSON_ARR) ? lp_json_element(list, index) : NULL;
	struct json_iter it = lp_json_iter(lp_json_is(node, JSON_OBJ) ? node : NULL);

	while (element && lp_json_next(&it)) {
		LP_AUTO(lp_json_freep) struct json *doc = parse_key(it.key);
		if (doc && is_named(element, index, it.key[0], lp_json_root(doc)))
			return it.key;
	}
	return NULL;
}

/* --- paths for people --- */

/* The values of a key's members: {"containerPort":80,"protocol":"TCP"} is 80/TCP. */
static void put_item(const char *key, char *to, size_t size)
{
	LP_AUTO(lp_json_freep) struct json *doc = parse_key(key);
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(PATH_TEXT);
	struct json_iter it = lp_json_iter(lp_json_root(doc));
	struct err err;

	if (!lp_json_is(lp_json_root(doc), JSON_OBJ)) {
		const char *value = lp_json_str(lp_json_root(doc));
		snprintf(to, size, "%s", value ? value : key);
		return;
	}
	while (lp_json_next(&it)) {
		if (text.len && lp_buf_byte(&text, '/', &err) != LP_OK)
			break;
		const char *value = lp_json_str(it.value);
		if ((value ? lp_buf_str(&text, value, &err)
			   : lp_json_write(it.value, &text, &err)) != LP_OK)
			break;
	}
	snprintf(to, size, "%s", lp_buf_text(&text));
}

/* above and what key adds to it; cut at a length that a line can bear. */
static void put_path(const char *above, const char *key, char to[PATH_TEXT])
{
	char item[PATH_TEXT];

	if (key[0] == 'f' && key[1] == ':' && !strpbrk(key + 2, "./")) {
		snprintf(to, PATH_TEXT, "%s%s%s", above, *above ? "." : "", key + 2);
		return;
	}
	if (key[0] == 'f' && key[1] == ':')
		snprintf(item, sizeof(item), "%s", key + 2);
	else
		put_item(key, item, sizeof(item));
	snprintf(to, PATH_TEXT, "%s[%s]", above, item);
}

/* --- side by side --- */

static bool walk_nodes(struct jval *const *nodes, size_t count, const struct fields_walk *walk,
		       const char *path, unsigned above);

static bool walk_members(const struct members *m, size_t count, const struct fields_walk *walk,
			 const char *path, unsigned above)
{
	struct jval *children[LP_FIELDS_SETS];
	char below[PATH_TEXT];

	for (size_t i = 0, n; i < m->count; i += n) {
		n = same_key(m, i);
		if (strcmp(m->list[i].key, ".") == 0)
			continue;
		memset(children, 0, sizeof(children));
		for (size_t k = 0; k < n; k++)
			children[m->list[i + k].set] = m->list[i + k].value;
		put_path(path, m->list[i].key, below);
		if (!walk_nodes(children, count, walk, below, above))
			return false;
	}
	return true;
}

static bool walk_nodes(struct jval *const *nodes, size_t count, const struct fields_walk *walk,
		       const char *path, unsigned above)
{
	LP_AUTO(free_members) struct members m = {0};
	uint64_t owners = 0;

	for (size_t i = 0; i < count; i++)
		if (*path && lp_fields_owned(nodes[i]))
			owners |= UINT64_C(1) << i;
	if (owners)
		above = walk->tell(walk->ctx, path, owners, above);
	return collect(nodes, count, &m) && walk_members(&m, count, walk, path, above);
}

enum lp_code lp_fields_walk(struct jval *const *sets, size_t count, const struct fields_walk *walk,
			    struct err *err)
{
	if (count > LP_FIELDS_SETS)
		return lp_err_set(err, LP_INTERNAL, "%zu sets of fields", count);
	return walk_nodes(sets, count, walk, "", 0) ? LP_OK : lp_err_nomem(err, "sets of fields");
}

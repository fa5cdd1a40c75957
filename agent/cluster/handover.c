/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/handover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the pointers --- */

struct pointer {
	char **tokens;
	size_t count;
	struct slice line; /* as it was written */
};

struct pointers {
	char text[LP_IGNORE_BYTES + 1];
	char *tokens[LP_IGNORE_BYTES];
	struct pointer list[LP_IGNORE_BYTES / 2 + 1];
	size_t token_count, count;
};

static void free_pointers(struct pointers **pointers)
{
	free(*pointers);
}

/* "~1" is '/', "~0" is '~'; false for another "~". */
static bool decode(char *token)
{
	char *to = token;

	for (; *token; token++) {
		if (*token != '~')
			*to++ = *token;
		else if (*++token == '0' || *token == '1')
			*to++ = *token == '0' ? '~' : '/';
		else
			return false;
	}
	*to = '\0';
	return true;
}

/* The tokens of one line, which becomes them. */
static bool split(struct pointers *all, char *line, struct pointer *ret)
{
	ret->tokens = &all->tokens[all->token_count];
	if (*line != '/')
		return false;
	while (line) {
		char *token = line + 1;
		line = strchr(token, '/');
		if (line)
			*line = '\0';
		if (!decode(token))
			return false;
		all->tokens[all->token_count++] = token;
		ret->count++;
	}
	return true;
}

/* An index of a list, or -1. */
static int64_t index_of(const char *token)
{
	size_t n = strlen(token);

	if (!n || n > 9 || strspn(token, "0123456789") != n || (n > 1 && *token == '0'))
		return -1;
	return strtol(token, NULL, 10);
}

/* The later element of a list first, and what is inside a value before the value. */
static int backwards(const void *a, const void *b)
{
	const struct pointer *x = a, *y = b;

	for (size_t i = 0; i < x->count && i < y->count; i++) {
		int64_t n = index_of(x->tokens[i]), m = index_of(y->tokens[i]);
		int order = strcmp(x->tokens[i], y->tokens[i]);
		if (order && n >= 0 && m >= 0)
			return n < m ? 1 : -1;
		if (order)
			return -order;
	}
	return (x->count < y->count) - (x->count > y->count);
}

static enum lp_code read_pointers(struct slice text, struct pointers *ret, struct err *err)
{
	if (text.len > LP_IGNORE_BYTES)
		return lp_err_set(err, LP_LIMIT, "more than %u bytes of JSON pointers",
				  LP_IGNORE_BYTES);
	if (text.len)
		memcpy(ret->text, text.data, text.len);
	for (size_t at = 0, n; at < text.len; at += n + 1) {
		char *line = ret->text + at;
		const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
		n = end ? (size_t)(end - text.data) - at : text.len - at;
		line[n] = '\0';
		if (!n)
			continue;
		struct pointer *pointer = &ret->list[ret->count++];
		pointer->line = (struct slice){text.data + at, n};
		if (strlen(line) != n || !split(ret, line, pointer))
			return lp_err_set(err, LP_REJECTED, "\"%.*s\" is no JSON pointer",
					  n < 200 ? (int)n : 200, (const char *)text.data + at);
	}
	qsort(ret->list, ret->count, sizeof(*ret->list), backwards);
	return LP_OK;
}

/* --- one of them --- */

enum handed {
	NOT_OURS, /* nothing there is in our set */
	HANDED,
	WHOLE, /* it is part of a value that we own as a whole */
	FULL,  /* the document's ceiling */
};

static const char *member_of(const struct jval *set, const char *name)
{
	struct json_iter it = lp_json_iter(set);

	while (lp_json_next(&it))
		if (it.key && it.key[0] == 'f' && it.key[1] == ':' && strcmp(it.key + 2, name) == 0)
			return it.key;
	return NULL;
}

/* The value of desired that a token names, or NULL. */
static struct jval *value_at(const struct jval *desired, const char *token)
{
	int64_t index = index_of(token);

	if (lp_json_is(desired, JSON_OBJ))
		return lp_json_get(desired, token);
	return lp_json_is(desired, JSON_ARR) && index >= 0 ? lp_json_element(desired, (size_t)index)
							   : NULL;
}

/* Moves what `ours` has at or below the tokens into `to`, which is empty. */
static enum handed hand(struct json *doc, struct jval *ours, const struct jval *desired,
			char **tokens, size_t n, struct jval *to)
{
	bool list = lp_json_is(desired, JSON_ARR);
	int64_t index = index_of(tokens[0]);

	if (!to)
		return FULL;
	if (lp_fields_owned(ours) && !lp_fields_below(ours) && lp_json_len(desired))
		return WHOLE;
	const char *key =
		list ? lp_fields_item(ours, desired, index >= 0 ? (size_t)index : SIZE_MAX)
		     : member_of(ours, tokens[0]);
	if (!key)
		return list && value_at(desired, tokens[0]) && lp_fields_below(ours) ? WHOLE
										     : NOT_OURS;
	struct jval *child = lp_json_get(ours, key);
	if (n == 1) {
		if (!lp_json_put(doc, to, key, lp_json_copy(doc, child)))
			return FULL;
		lp_json_del(ours, key);
		return HANDED;
	}
	struct jval *below = lp_json_obj(doc);
	enum handed handed =
		hand(doc, child, value_at(desired, tokens[0]), tokens + 1, n - 1, below);
	if (handed != HANDED)
		return handed;
	if (!lp_json_put(doc, to, key, below))
		return FULL;
	if (!lp_json_len(child)) /* {} would say that we own it as a whole */
		lp_json_del(ours, key);
	return HANDED;
}

/* Takes the value out of desired, and the objects around it that it leaves empty. */
static bool strip(struct jval *desired, char **tokens, size_t n)
{
	struct jval *child = value_at(desired, tokens[0]);
	bool gone = child && (n == 1 || strip(child, tokens + 1, n - 1));

	if (gone && lp_json_is(desired, JSON_OBJ))
		lp_json_del(desired, tokens[0]);
	else if (gone && n == 1)
		lp_json_arr_del(desired, (size_t)index_of(tokens[0]));
	return gone && lp_json_is(desired, JSON_OBJ) && !lp_json_len(desired);
}

/* --- all of it --- */

static enum lp_code hand_all(struct handover *h, const struct pointers *pointers,
			     struct jval **ret_handed, struct err *err)
{
	for (size_t i = 0; i < pointers->count; i++) {
		const struct pointer *p = &pointers->list[i];
		struct jval *sets[] = {*ret_handed, lp_json_obj(h->doc)};
		enum handed handed =
			h->ours ? hand(h->doc, h->ours, h->desired, p->tokens, p->count, sets[1])
				: NOT_OURS;
		if (handed == HANDED)
			*ret_handed = lp_fields_union(h->doc, sets, 2);
		if (handed == FULL || !*ret_handed)
			return lp_json_full(h->doc, "managedFields", err);
		if (handed != WHOLE && !h->keep_desired)
			strip(h->desired, p->tokens, p->count);
		if (handed == WHOLE && h->whole && !h->whole[0])
			snprintf(h->whole, h->whole_size, "%.*s", (int)p->line.len,
				 (const char *)p->line.data);
	}
	return LP_OK;
}

enum lp_code lp_handover(struct handover *h, bool *ret_changed, struct err *err)
{
	LP_AUTO(free_pointers) struct pointers *pointers = calloc(1, sizeof(*pointers));
	struct jval *handed = lp_json_obj(h->doc);

	if (!pointers)
		return lp_err_nomem(err, "JSON pointers");
	LP_TRY(read_pointers(h->pointers, pointers, err));
	if (!handed)
		return lp_json_full(h->doc, "managedFields", err);
	LP_TRY(hand_all(h, pointers, &handed, err));
	if (lp_json_len(handed)) {
		struct jval *sets[] = {h->theirs, handed};
		*ret_changed = true;
		h->theirs = lp_fields_union(h->doc, sets, 2);
		if (!h->theirs)
			return lp_json_full(h->doc, "managedFields", err);
	}
	return LP_OK;
}

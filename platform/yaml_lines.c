/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/yaml_lines.h"

#include <stdlib.h>

/* Values on one line, which lie one behind the other in memory, first to last. */
struct line {
	const struct jval *first, *last;
	unsigned line;
};
struct yaml_lines {
	struct line *lines; /* owned; in the order of the text */
	size_t n, cap;
	size_t hint; /* where the last value was found: the next is often near */
};

struct yaml_lines *lp_yaml_lines_new(void)
{
	return calloc(1, sizeof(struct yaml_lines));
}

void lp_yaml_lines_free(struct yaml_lines *l)
{
	if (l)
		free(l->lines);
	free(l);
}

#define NEAR_BYTES 4096 /* values further apart lie in different blocks of memory */

void lp_yaml_note(struct yaml_lines *l, const struct jval *v, unsigned line)
{
	struct line *last = l->n ? &l->lines[l->n - 1] : NULL;

	if (!v)
		return;
	if (last && last->line == line && v > last->last &&
	    (const char *)v - (const char *)last->last < NEAR_BYTES) {
		last->last = v;
		return;
	}
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap + l->cap / 2 : 32;
		struct line *lines = realloc(l->lines, cap * sizeof(*lines));
		if (!lines)
			return; /* a value whose line is not known has the document's */
		l->lines = lines;
		l->cap = cap;
	}
	l->lines[l->n++] = (struct line){v, v, line};
}

unsigned lp_yaml_line(const struct yaml_doc *doc, const struct jval *v)
{
	struct yaml_lines *l = doc->lines;

	for (size_t i = 0; l && v && i < l->n; i++) {
		size_t at = (l->hint + i) % l->n;
		if (v >= l->lines[at].first && v <= l->lines[at].last) {
			l->hint = at;
			return l->lines[at].line;
		}
	}
	return doc->line;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/problems.h"

#include "agent/render/limits.h"
#include "platform/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT_BYTES 1024

void lp_problems_free(struct problems *p)
{
	lp_arena_free(&p->arena);
	*p = (struct problems){0};
}

static const char *keep(struct problems *p, const char *text)
{
	char clean[WHAT_BYTES];
	struct slice all = {(const uint8_t *)text, strlen(text)};

	return lp_arena_str(&p->arena, lp_printable(all, clean, sizeof(clean)));
}

static void add(struct problems *p, struct problem problem)
{
	p->total++;
	if (p->n == LP_PROBLEMS_MAX)
		return;
	if (!p->list) {
		p->arena = LP_ARENA(LP_PROBLEMS_BYTES);
		p->list = lp_arena_alloc(&p->arena, LP_PROBLEMS_MAX * sizeof(*p->list));
		if (!p->list)
			return;
	}
	/* many problems of one file share its name */
	const struct problem *last = p->n ? &p->list[p->n - 1] : NULL;
	bool same = last && strcmp(last->file, problem.file) == 0;
	problem.file = same ? last->file : keep(p, problem.file);
	problem.field = keep(p, problem.field);
	problem.what = keep(p, problem.what);
	if (problem.file && problem.field && problem.what)
		p->list[p->n++] = problem;
}

void lp_problem(struct problems *p, const char *file, unsigned line, const char *field,
		const char *fmt, ...)
{
	char what[WHAT_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	add(p, (struct problem){file, line, 0, field, what});
}

/* Reads ":12" at *text and moves past it; 0 when there is none. */
static unsigned take_number(const char **text)
{
	char *end;

	if ((*text)[0] != ':' || (*text)[1] < '0' || (*text)[1] > '9')
		return 0;
	unsigned long number = strtoul(*text + 1, &end, 10);
	if (*end != ':' || number > UINT32_MAX)
		return 0;
	*text = end;
	return (unsigned)number;
}

void lp_problem_parse(struct problems *p, const char *file, const struct err *err)
{
	const char *text = err->msg;
	size_t n = strlen(file);
	struct problem problem = {.file = file, .field = "", .what = text};

	if (strncmp(text, file, n) == 0 && text[n] == ':') {
		text += n;
		problem.line = take_number(&text);
		problem.column = take_number(&text);
		problem.what = strncmp(text, ": ", 2) == 0 ? text + 2 : text;
	}
	add(p, problem);
}

static int compare(const void *a, const void *b)
{
	const struct problem *x = a, *y = b;
	int order = strcmp(x->file, y->file);

	if (order)
		return order;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	order = strcmp(x->field, y->field);
	return order ? order : strcmp(x->what, y->what);
}

void lp_problems_sort(struct problems *p)
{
	if (p->n)
		qsort(p->list, p->n, sizeof(*p->list), compare);
}

const char *lp_problem_text(const struct problem *problem, char to[LP_PROBLEM_TEXT])
{
	char place[32] = "";

	if (problem->line && problem->column)
		snprintf(place, sizeof(place), ":%u:%u", problem->line, problem->column);
	else if (problem->line)
		snprintf(place, sizeof(place), ":%u", problem->line);
	snprintf(to, LP_PROBLEM_TEXT, "%s%s%s%s%s%s", problem->file, place,
		 problem->file[0] ? ": " : "", problem->field, problem->field[0] ? ": " : "",
		 problem->what);
	return to;
}

static struct jval *one(const struct problem *problem, struct json *doc)
{
	struct jval *v = lp_json_obj(doc);
	bool done = v && lp_json_put_str(doc, v, "file", problem->file);

	if (problem->line)
		done = done && lp_json_put_int(doc, v, "line", problem->line);
	if (problem->column)
		done = done && lp_json_put_int(doc, v, "column", problem->column);
	if (problem->field[0])
		done = done && lp_json_put_str(doc, v, "field", problem->field);
	return done && lp_json_put_str(doc, v, "message", problem->what) ? v : NULL;
}

struct jval *lp_problems_json(const struct problems *p, struct json *doc)
{
	struct jval *list = lp_json_arr(doc);

	for (unsigned i = 0; list && i < p->n; i++)
		if (!lp_json_add(list, one(&p->list[i], doc)))
			return NULL;
	return list;
}

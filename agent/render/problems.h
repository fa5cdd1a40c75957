/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_PROBLEMS_H
#define LIMPET_AGENT_RENDER_PROBLEMS_H
/*
 * What is wrong with a revision: all of it in one pass, each with its place,
 * what was expected and what to do. Texts come from a stranger and are made
 * fit to be shown when they are added.
 */
#include "platform/arena.h"
#include "platform/json.h"
#include "platform/limits.h"

#define LP_PROBLEM_TEXT 1536 /* bytes of one problem as a line */

struct problem {
	const char *file;  /* below the source's path; "" when it is about the whole path */
	unsigned line;     /* 1-based, 0 not known */
	unsigned column;   /* 1-based, 0 not known */
	const char *field; /* "metadata.name", or "" */
	const char *what;
};

struct problems {
	struct arena arena; /* owned; what the list points at */
	struct problem *list;
	unsigned n;     /* in the list, at most LP_PROBLEMS_MAX */
	unsigned total; /* all that there were */
};

/* Frees what p holds; {0} is fine. For LP_AUTO. */
void lp_problems_free(struct problems *p);

/* Adds one (copied). What does not fit is counted; there is nothing to check. */
void lp_problem(struct problems *p, const char *file, unsigned line, const char *field,
		const char *fmt, ...) LP_PRINTF(5, 6);

/* Adds what a parser said about file; "file:12:3: text" is taken apart into its place. */
void lp_problem_parse(struct problems *p, const char *file, const struct err *err);

/* Puts the list into the order of the files and lines. */
void lp_problems_sort(struct problems *p);

/* "apps/till.yaml:12:3: metadata.name: what is wrong" without a newline. Returns to. */
const char *lp_problem_text(const struct problem *problem, char to[LP_PROBLEM_TEXT]);

/* The list as an array of {file, line, column, field, message}; NULL past doc's ceiling. */
struct jval *lp_problems_json(const struct problems *p, struct json *doc);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_SKIM_H
#define LIMPET_AGENT_CLUSTER_SKIM_H
/*
 * Reads JSON text in place, without making a tree: of an answer of the API
 * server (2 KiB, 20 of them a second; discovery: 20 KiB and more) we want a
 * few members, and managedFields is to be hashed as it was sent.
 *
 * A value is the slice of text that it takes; nothing is allocated or copied,
 * and a slice of length 0 is "not there". lp_skim_whole first: the others then
 * never fail on what it let pass. They stay inside the slice whatever it holds.
 */
#include "platform/buf.h"

/* Whether text is one JSON value with its brackets and strings closed and nothing behind it. */
bool lp_skim_whole(struct slice text);

/* The member of an object, as written: its first when it is there twice. */
struct slice lp_skim_get(struct slice object, const char *key);

/* The member at the end of keys (ended by NULL). */
struct slice lp_skim_at(struct slice object, ...) __attribute__((sentinel));

/* Walks an object's members or an array's elements; v may be anything (no rounds then). */
struct skim_iter {
	struct slice key;   /* of a member, between its quotes, as written; empty in an array */
	struct slice value; /* as written */
	const uint8_t *at, *end;
	bool object;
};
struct skim_iter lp_skim_iter(struct slice v);
bool lp_skim_next(struct skim_iter *it);

/* Whether v begins an object. */
bool lp_skim_is_object(struct slice v);

/* Whether v is the string text, written without escapes. */
bool lp_skim_is(struct slice v, const char *text);

/* What is between the quotes of a string, as written; empty when v is no string. */
struct slice lp_skim_raw(struct slice v);

/*
 * Copies a string, unescaped, into to (size bytes with its NUL). False, and "", when v is no
 * string, holds a NUL or does not fit.
 */
bool lp_skim_str(struct slice v, char *to, size_t size);

/* As lp_skim_str, but only for names: letters, digits, '.', '-'; nothing that a URL would care
 * about. */
bool lp_skim_name(struct slice v, char *to, size_t size);

/* As lp_skim_str, but what does not fit is cut at a character's border. */
void lp_skim_cut(struct slice v, char *to, size_t size);

/* As lp_skim_cut, but what does not fit is cut in its middle: "begin ... end". size >= 32. */
void lp_skim_cut_middle(struct slice v, char *to, size_t size);

/* True and *ret set when v is an integer that fits. */
bool lp_skim_int(struct slice v, int64_t *ret);

/* Whether v is true. */
bool lp_skim_true(struct slice v);

/* Makes text fit for one line of a log or terminal: line ends become spaces, other control
 * characters and what is not UTF-8 become '?'. */
void lp_text_clean(char *text);
#endif

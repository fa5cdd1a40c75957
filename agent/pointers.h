/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_POINTERS_H
#define LIMPET_AGENT_POINTERS_H
/*
 * JSON pointers (RFC 6901) to fields that others may own, as people write them in
 * the annotation limpet.dev/ignore and in the configuration.
 */
#include "platform/buf.h"

/*
 * Why the text is no pointer to a field that can be ignored, for people; NULL: it is one. What
 * names an object, or makes it ours, cannot be.
 */
const char *lp_pointer_wrong(struct slice pointer);

/* The next pointer of a text with commas or line ends between them; false at its end. *at begins
 * with 0. Blanks around one are none of it. */
bool lp_pointer_next(struct slice text, size_t *at, struct slice *ret);

#define LP_REPLICAS_POINTER "/spec/replicas" /* of whatever an autoscaler scales */

/* Whether it is one of these lines, each of which is a pointer as a whole. */
bool lp_pointer_in(struct slice lines, const char *pointer);

/* Whether text has a pattern's form, in which each '*' stands for any letters. */
bool lp_pattern_fits(const char *pattern, const char *text);
#endif

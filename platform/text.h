/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_TEXT_H
#define LIMPET_PLATFORM_TEXT_H
/*
 * Untrusted text on its way to a person's eyes, or into a path; and mistyped words.
 */
#include "platform/buf.h"

/*
 * Copies text so that it can be shown on a terminal and in a log: each control character,
 * each invisible or direction-changing mark of Unicode and each byte that is no valid UTF-8
 * becomes '?'. Cut at a whole character to fit size (which counts the NUL). Returns to.
 */
const char *lp_printable(struct slice text, char *to, size_t size);

/* Removes from the end of text, which a buffer's size has cut, what is left of a character. */
void lp_trim_cut(char *text);
/*
 * Whether text may be one part of a path and a key of the store: no '/', no '%', no space or
 * control byte, neither "." nor "..". An empty one may.
 */
bool lp_is_name(const char *text);

/*
 * How many letters must be put in, taken out or changed to turn a into b, for "did you mean":
 * both are short names; SIZE_MAX when one has 64 letters or more.
 */
size_t lp_edits(const char *a, const char *b);
#endif

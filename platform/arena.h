/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_ARENA_H
#define LIMPET_PLATFORM_ARENA_H
/*
 * An arena: many small allocations, freed together, with a ceiling. Anything
 * that is made for one revision or one cycle lives in one.
 */
#include "platform/err.h"

struct arena_block;
struct arena {
	struct arena_block *blocks; /* owned; newest first */
	size_t used_bytes;          /* of all blocks */
	size_t max_bytes;           /* the ceiling; given when the arena is made */
};

#define LP_ARENA(ceiling) ((struct arena){.max_bytes = (ceiling)})

/* Frees everything; the arena can be used again. {0} is fine. */
void lp_arena_free(struct arena *a);

/* n zeroed bytes aligned for any type, or NULL past the ceiling or out of memory. */
void *lp_arena_alloc(struct arena *a, size_t n);

/* Copies of text in the arena, NUL-terminated, or NULL as lp_arena_alloc. */
char *lp_arena_str(struct arena *a, const char *text);
char *lp_arena_strn(struct arena *a, const char *text, size_t n);
char *lp_arena_printf(struct arena *a, const char *fmt, ...) LP_PRINTF(2, 3);

/* Sets err to the reason of the last NULL (LP_LIMIT or LP_INTERNAL), naming what. */
enum lp_code lp_arena_full(const struct arena *a, const char *what, struct err *err);
#endif

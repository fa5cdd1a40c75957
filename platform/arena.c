/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 4000 /* a page with malloc's own words */
#define ALIGNMENT   (_Alignof(max_align_t))

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(max_align_t) uint8_t data[];
};

void lp_arena_free(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *next = a->blocks->next;
		free(a->blocks);
		a->blocks = next;
	}
	a->used_bytes = 0;
}

static struct arena_block *add_block(struct arena *a, size_t n)
{
	size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;

	if (a->used_bytes + size > a->max_bytes)
		size = n;
	if (size > a->max_bytes || a->used_bytes > a->max_bytes - size)
		return NULL;
	struct arena_block *block = malloc(sizeof(*block) + size);
	if (!block)
		return NULL;
	*block = (struct arena_block){.next = a->blocks, .size = size};
	a->blocks = block;
	a->used_bytes += size;
	return block;
}

void *lp_arena_alloc(struct arena *a, size_t n)
{
	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	struct arena_block *block = a->blocks;
	if (!block || block->size - block->used < n)
		block = add_block(a, n);
	if (!block)
		return NULL;
	void *data = block->data + block->used;
	block->used += n;
	return memset(data, 0, n);
}

char *lp_arena_strn(struct arena *a, const char *text, size_t n)
{
	char *copy = lp_arena_alloc(a, n + 1);
	if (copy && n)
		memcpy(copy, text, n);
	return copy;
}

char *lp_arena_str(struct arena *a, const char *text)
{
	return lp_arena_strn(a, text, strlen(text));
}

char *lp_arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	char *text = n < 0 ? NULL : lp_arena_alloc(a, (size_t)n + 1);
	if (!text)
		return NULL;
	va_start(args, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, args);
	va_end(args);
	return text;
}

enum lp_code lp_arena_full(const struct arena *a, const char *what, struct err *err)
{
	return lp_err_set(err, LP_LIMIT, "%s: more than %zu bytes of memory", what, a->max_bytes);
}

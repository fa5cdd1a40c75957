/* SPDX-License-Identifier: Apache-2.0 */
/* A tree object as a stranger wrote it: what is taken must be in order, once each, and harmless. */
#include "agent/source/limits.h"
#include "agent/source/tree_entries.h"

#include <stdlib.h>

static void check(const struct git_entry *entry, const struct git_entry *last)
{
	struct slice name = entry->name;
	size_t n = name.len < last->name.len ? name.len : last->name.len;
	if (name.len == 0 || name.len > LP_TREE_NAME || memchr(name.data, '/', name.len) ||
	    memchr(name.data, 0, name.len) || lp_name_is_dotgit(name) || lp_slice_is(name, "..") ||
	    lp_slice_is(name, "."))
		abort();
	if (last->name.data && memcmp(name.data, last->name.data, n) < 0)
		abort();
	if (last->name.data && lp_slice_equal(name, last->name))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tree_cursor at = {.left = {data, size}};
	struct git_entry entry, last = {0};
	struct err err = {0};
	bool more = true;
	while (lp_tree_next(&at, &entry, &more, &err) == LP_OK && more) {
		check(&entry, &last);
		last = entry;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_TREE_ENTRIES_H
#define LIMPET_AGENT_SOURCE_TREE_ENTRIES_H
/*
 * The content of a tree object, read by a grammar of our own:
 *
 *	*( mode SP name NUL 20-byte id ), in Git's order, each name once
 *
 * What git's fsck would complain about is refused: other modes than 100644, 100755, 40000,
 * 120000 and 160000, empty names, ".", "..", names with a slash, and ".git" in every form
 * that some file system takes for it.
 */
#include "agent/render/tree.h"
#include "agent/trust/oid.h"

struct git_entry {
	enum tree_type type;
	struct slice name;
	struct oid id;
};

/* Where the next entry begins, and what came before it. */
struct tree_cursor {
	struct slice left;
	struct git_entry last; /* name.data NULL before the first */
	unsigned count;
};

/*
 * Reads the next entry; false in *ret_more after the last. LP_REJECTED with what is wrong and the
 * name; LP_LIMIT past LP_TREE_ENTRIES.
 */
LP_CHECKED enum lp_code lp_tree_next(struct tree_cursor *at, struct git_entry *ret, bool *ret_more,
				     struct err *err);

/*
 * Whether a file system could take name for ".git": any case, dots or spaces behind it, a stream
 * of NTFS, its short name git~1, or characters in it that HFS+ ignores.
 */
bool lp_name_is_dotgit(struct slice name);
#endif

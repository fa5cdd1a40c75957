/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_LIMITS_H
#define LIMPET_AGENT_SOURCE_LIMITS_H
/* The limits of this room alone; those that others know too are in platform/limits.h. */
#include "platform/limits.h"

/* protocol v2 */
#define LP_PKT_BYTES        65520u /* one pkt-line with its length: the protocol's own limit */
#define LP_REFS_BYTES       (4u * LP_MIB) /* an answer to ls-refs: every ref that begins like ours */
#define LP_CAPABILITY_BYTES (64u * LP_KIB) /* a capability advertisement */
#define LP_SECTION_LINES    100000u        /* lines before the pack in an answer to fetch */
#define LP_REMOTE_TEXT      300            /* of what a server says, passed on to a person */
#define LP_CREDENTIAL_FILE  (4u * LP_KIB)  /* the file with user:password */

/* packs */
#define LP_PACK_INFLATED ((uint64_t)512 * LP_MIB) /* all objects of one pack, inflated */
#define LP_ANCESTRY_BYTES \
	(16u * LP_MIB)           /* the commits between floor and tip, with what comes along */
#define LP_ANCESTRY_PIECE  2048u /* commits in depth of one pack of them */
#define LP_ANCESTRY_BELOW  64u   /* commits below the floor, at first; then ever more */
#define LP_ANCESTRY_PIECES 16u   /* packs of one poll, of both kinds */

/* object store */
#define LP_STORE_PACKS 20u /* more than that: the next fetch starts a fresh store */
#define LP_STORE_BYTES ((uint64_t)256 * LP_MIB) /* the same, by size, when nothing is set */
#define LP_STORE_FILES 4096u                    /* in one folder of packs */

/* trees */
#define LP_TREE_BYTES (4u * LP_MIB) /* one tree object */
#define LP_TREE_WALK_ENTRIES \
	(10u * LP_TREE_ENTRIES) /* all that one revision's listings may yield */
#define LP_TREE_NAME 255        /* bytes of one name */
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_GIT_H
#define LIMPET_PLATFORM_GIT_H
/*
 * Git objects by libgit2: reading them out of packs, and indexing a pack that
 * comes in. Nothing else of libgit2 is used: no repository, reference, index,
 * work tree, configuration or transport.
 *
 * Ids are 20 bytes (SHA-1). What is read is hashed and compared with its id.
 */
#include "platform/buf.h"

struct git;         /* packs of some folders, to read from */
struct git_inbound; /* a pack that is coming in */

enum git_type { GIT_TYPE_COMMIT = 1, GIT_TYPE_TREE = 2, GIT_TYPE_BLOB = 3, GIT_TYPE_TAG = 4 };

/*
 * Sets libgit2's limits and switches: no configuration is searched, hashes are verified,
 * files are synced, no object is cached, at most 8 MiB of packs are mapped. Once a process;
 * the functions below do it themselves.
 */
LP_CHECKED enum lp_code lp_git_init(struct err *err);

/*
 * Opens all packs (*.idx with their *.pack) that are in the folders now; one that is not
 * there counts as empty. LP_CORRUPT: a pack cannot be opened (named); LP_TRANSIENT: I/O error.
 */
LP_CHECKED enum lp_code lp_git_open(const char *const *folders, size_t folder_count,
				    struct git **ret, struct err *err);

/*
 * Opens the objects of a repository that git itself wrote, loose ones too: path is its
 * folder, bare or with .git in it. LP_NOT_FOUND: there is none.
 */
LP_CHECKED enum lp_code lp_git_open_repository(const char *path, struct git **ret, struct err *err);
void lp_git_close(struct git **git); /* for LP_AUTO; NULL is fine */

/*
 * The type and inflated size of an object, without inflating it. LP_NOT_FOUND, LP_CORRUPT.
 */
LP_CHECKED enum lp_code lp_git_header(struct git *git, const uint8_t id[20],
				      enum git_type *ret_type, uint64_t *ret_bytes,
				      struct err *err);

/*
 * Appends an object's content to to, whose ceiling bounds it: a larger one is LP_LIMIT before it
 * is inflated. LP_NOT_FOUND; LP_REJECTED: it has another type; LP_CORRUPT: the pack is damaged.
 */
LP_CHECKED enum lp_code lp_git_read(struct git *git, const uint8_t id[20], enum git_type type,
				    struct buf *to, struct err *err);

/*
 * Begins to write a pack into folder, which exists. bases (NULL: none; outlives the pack) has
 * the objects that a thin pack builds on without bringing them.
 */
LP_CHECKED enum lp_code lp_git_inbound_new(const char *folder, struct git *bases,
					   struct git_inbound **ret, struct err *err);

/*
 * Takes the next bytes. LP_REJECTED: this is no good pack; LP_TRANSIENT: it cannot be written
 * (disk full). Only lp_git_inbound_free may follow an error.
 */
LP_CHECKED enum lp_code lp_git_inbound_add(struct git_inbound *in, const void *data, size_t n,
					   struct err *err);

/*
 * Completes the pack: resolves its deltas, adds the bases that it lacks, checks its sum and
 * writes pack-NAME.pack and pack-NAME.idx, both durable. Errors as above, and LP_REJECTED for
 * a base that is not there.
 */
LP_CHECKED enum lp_code lp_git_inbound_finish(struct git_inbound *in, struct err *err);

/* Ends it; what was not finished leaves no file behind. For LP_AUTO; NULL is fine. */
void lp_git_inbound_free(struct git_inbound **in);
#endif

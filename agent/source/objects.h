/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_OBJECTS_H
#define LIMPET_AGENT_SOURCE_OBJECTS_H
/*
 * Where the Git objects of one source lie:
 *
 *	OBJECTS/store/     packs of accepted revisions
 *	OBJECTS/incoming/  quarantine: packs of a fetch that nobody has judged yet
 *	OBJECTS/old/       the store that a fresh one replaces, for a moment
 *	OBJECTS/doubt      an empty file: the store is damaged, and nothing may build on it
 *
 * A fetch fills incoming; when its tip is accepted the packs are promoted, and
 * otherwise discarded. A power cut at any moment leaves the old store or the
 * new one. When objects are missing all the same, the next fetch notices, and
 * starts a fresh store: whole at depth 1, put in the old one's place when it
 * is accepted. That is also how a store that has grown is made small again.
 */
#include "agent/trust/oid.h"
#include "platform/fs.h"
#include "platform/git.h"

/*
 * Empties the quarantine for a new fetch, after mending what a crash left behind. fresh: its
 * packs will replace the store, not join it. ret_incoming is the folder. LP_TRANSIENT.
 */
LP_CHECKED enum lp_code lp_objects_begin(const char *objects, bool fresh,
					 char ret_incoming[LP_PATH_MAX], struct err *err);

/*
 * Moves the packs of the quarantine into the store, durable once this returns LP_OK; nothing
 * in quarantine is fine. LP_TRANSIENT: call it again, or discard; no accepted object is lost.
 */
LP_CHECKED enum lp_code lp_objects_promote(const char *objects, struct err *err);

/* Removes what is in quarantine. */
LP_CHECKED enum lp_code lp_objects_discard(const char *objects, struct err *err);

/*
 * Remembers that the store lacks objects, or has damaged ones: the next fetch builds on none of
 * it, and its store replaces this one. LP_TRANSIENT.
 */
LP_CHECKED enum lp_code lp_objects_doubt(const char *objects, struct err *err);

/* Whether lp_objects_doubt was called since the store was last replaced. */
bool lp_objects_in_doubt(const char *objects);

/* Bytes and packs of the store, without the quarantine; a missing one has 0. */
LP_CHECKED enum lp_code lp_objects_bytes(const char *objects, uint64_t *ret_bytes,
					 unsigned *ret_packs, struct err *err);

/*
 * Opens the store for reading, and the quarantine with it unless quarantine is "" (alone, when it
 * is to replace the store). Errors as lp_git_open.
 */
LP_CHECKED enum lp_code lp_objects_open(const char *objects, const char *quarantine,
					struct git **ret, struct err *err);

/*
 * Appends the content of a commit; ctx is a struct git. LP_NOT_FOUND, LP_REJECTED (no commit),
 * LP_LIMIT, LP_CORRUPT. A commit_reader of agent/trust/judge.h.
 */
LP_CHECKED enum lp_code lp_objects_commit(void *ctx, const struct oid *id, struct buf *out,
					  struct err *err);
#endif

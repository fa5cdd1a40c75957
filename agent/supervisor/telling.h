/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_TELLING_H
#define LIMPET_AGENT_SUPERVISOR_TELLING_H
/*
 * Telling people what happened: a row of the store, a line of the log, and a line for each client
 * that follows. Repeats are counted in memory; they are written with the next row when the first
 * of them has waited for a minute, else an hour after it, and at a tidy stop. A poll without news
 * tells nothing; so does an apply that changed nothing.
 */
#include "platform/json.h"
#include "store/happening.h"
#include "store/state.h"

struct source_run; /* supervisor/run.h */
struct supervisor;

/*
 * Logs one line, and lp_keep_happening. A repeat is logged only when its count is a power of two.
 */
void lp_tell_happening(struct source_run *run, const struct happening *what);

/*
 * The same for what the log has already, in more words. Stored in a transaction of its own, or with
 * the batch of the apply that runs; what that fails with is told as lp_store_failed does, so the
 * caller holds no transaction.
 */
void lp_keep_happening(struct source_run *run, const struct happening *what);

/*
 * Stores it in the caller's transaction, which is what happened, and tells who follows. Not logged.
 * Errors are the store's.
 */
LP_CHECKED enum lp_code lp_put_happening(struct source_run *run, const struct happening *what,
					 struct err *err);

/* wishes.c: whether a resume changes anything of the source, and what is then told of it. */
bool lp_resume_happens(const struct source_state *before, struct happening *ret);

/* Writes what is held, and frees all. Before the store is closed. */
void lp_telling_close(struct supervisor *super);

/* What is held for rows of the store; NULL is none. */
const struct held_repeats *lp_telling_held(const struct supervisor *super);

/*
 * {"id", "at", "last", "count", "source", "kind", "object", "revision", "by", "message"} for people
 * and programs; what is not known is left out. NULL past the ceiling of doc.
 */
struct jval *lp_happening_json(struct json *doc, const struct stored_happening *row);
#endif

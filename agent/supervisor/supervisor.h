/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_SUPERVISOR_H
#define LIMPET_AGENT_SUPERVISOR_SUPERVISOR_H
/*
 * The supervisor: one process that owns the store, decides what happens next
 * (cycle.h), starts the roles for it and answers on the control socket. It
 * parses nothing that a stranger wrote but bounded frames.
 */
#include "agent/config.h"

enum wish_kind {
	WISH_RUN,      /* the daemon: until SIGTERM */
	WISH_SYNC,     /* one cycle: poll, apply, end */
	WISH_ROLLBACK, /* apply a stored revision, pin it, end */
};

struct wish {
	enum wish_kind kind;
	char revision[128]; /* ROLLBACK: as a person typed it; "" the one before */
};

/*
 * Does what is wished in this process, with the roles as children. Progress and the log
 * go to stderr. Returns the program's exit code; *err is set when it is not 0. The state
 * directory is locked meanwhile: LP_CONFLICT names the process that holds it.
 */
int lp_supervisor_run(const struct config *config, const struct wish *wish, struct err *err);

struct db;

/*
 * Ends the suspension and the pin of a source in the store, in one transaction: the newest
 * accepted revision is then the desired one.
 */
LP_CHECKED enum lp_code lp_store_resume(struct db *db, const char *source, struct err *err);

/*
 * Gives up the trust floor of a source, in the store and in its copy in folder, when sure; told is
 * in either case what that gives up, for a person. On an error of the copy alone the store's is
 * given up already: once more is fine.
 */
LP_CHECKED enum lp_code lp_floor_reset(struct db *db, const char *folder, const char *source,
				       bool sure, char told[LP_ERR_MAX], struct err *err);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_DAEMON_H
#define LIMPET_AGENT_CLI_DAEMON_H
/*
 * What the subcommands that deal with a running daemon share: reading the
 * configuration, asking over the control socket, and the store when no daemon runs.
 */
#include "agent/cli/cli.h"
#include "agent/config.h"

struct db;

/* Reads the configuration (file NULL: the default); prints every problem. False then. */
bool lp_cli_config(const char *file, struct config *ret);
/* The same for the files that the configuration names: can this process read them? */
bool lp_cli_config_files(const struct config *config);

/*
 * Asks the daemon; revision may be NULL. Lines of progress go to stderr. LP_NOT_FOUND: no
 * daemon runs (no socket, or nobody behind it); LP_CONFIG: not allowed to ask; LP_TRANSIENT: it
 * went away before its answer. *ret is the last line, the caller's to free.
 */
LP_CHECKED enum lp_code lp_daemon_ask(const struct config *config, const char *command,
				      const char *revision, struct json **ret, struct err *err);

/*
 * The same for a request of more words, and an answer of many lines: *ret_fd is where they come,
 * the caller's to close. Errors as lp_daemon_ask.
 */
LP_CHECKED enum lp_code lp_daemon_request(const struct config *config, const struct jval *request,
					  int *ret_fd, struct err *err);

/*
 * Takes the first whole line out of what came; *ret is the caller's to free, NULL when there is
 * none yet. LP_REJECTED: it is no JSON.
 */
LP_CHECKED enum lp_code lp_daemon_line(struct buf *in, struct json **ret, struct err *err);

/* Prints {"exit":..,"text":..} of an answer as text or JSON; returns its exit code. */
int lp_daemon_answer(const struct json *answer, enum cli_output output);

/*
 * Says how a wish ended that this process carried out: an error to stderr, and in JSON
 * {"exit":0,"text":..}; in text nothing when all is well. Returns exit, or
 * CLI_ERROR when that cannot be printed.
 */
int lp_cli_end(int exit, const char *text, enum cli_output output);

/* Opens the store for reading while no daemon runs. LP_NOT_FOUND: nothing was ever stored. */
LP_CHECKED enum lp_code lp_cli_store(const struct config *config, struct db **ret, struct err *err);

/*
 * Opens it for writing, which makes it when nothing was ever stored, and takes the state's lock:
 * for changes while no daemon runs. Both are the caller's to close, the store first. LP_CONFLICT:
 * one does, and does not answer yet.
 */
LP_CHECKED enum lp_code lp_cli_own_store(const struct config *config, int *ret_lock,
					 struct db **ret, struct err *err);

/*
 * Raises the floor of lp_wall_s to what this device knows to have passed, by its daemon or its
 * store; where there is neither, or they may not be asked, the clock stays as it is.
 */
void lp_cli_learn_time(const struct config *config);
#endif

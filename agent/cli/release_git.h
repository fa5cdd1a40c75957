/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_RELEASE_GIT_H
#define LIMPET_AGENT_CLI_RELEASE_GIT_H
/*
 * The user's own git, with its configuration, keys and hooks: a program that is
 * started, without a shell. For limpet release on a workstation; no role on a device
 * starts any.
 */
#include "platform/buf.h"

enum git_words { GIT_LOUD, GIT_QUIET }; /* what git says on stderr: shown, or dropped */

/*
 * Runs `git -C folder WORDS` (words ended by NULL, at most 16) and waits for it. Its stdin is
 * ours; what it prints is appended to out, or goes to our stderr when out is NULL. LP_OK with
 * its exit code in *ret_exit, whatever that is (128 + N: ended by signal N); LP_NOT_FOUND: there
 * is no git; LP_LIMIT: it printed more than out may hold; LP_TRANSIENT: it could not be started.
 */
LP_CHECKED enum lp_code lp_release_git(const char *folder, const char *const *words,
				       enum git_words loud, struct buf *out, int *ret_exit,
				       struct err *err);

/* As above without output: LP_REJECTED "git WORD: exit code N" when it is not 0. */
LP_CHECKED enum lp_code lp_release_git_ok(const char *folder, const char *const *words,
					  struct err *err);

/*
 * The first line that git prints, into to; "" when it fails, prints nothing or one that does not
 * fit: then the answer is no. Errors as above.
 */
LP_CHECKED enum lp_code lp_release_git_ask(const char *folder, const char *const *words, char *to,
					   size_t size, struct err *err);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_ROLE_H
#define LIMPET_PLATFORM_ROLE_H
/*
 * Roles: the program starts itself again, so that each part of the work has
 * an address space, limits and walls (sandbox.h) of its own. A role holds
 * descriptors 0 (/dev/null), 1 and 2 (the supervisor's stderr) and 3 (its
 * channel), dies with the process that spawned it, and goes first when memory
 * runs out. `ps` shows "limpet role fetch".
 */
#include "platform/wire.h"

#include <sys/types.h>

#define LP_ROLE_NAME_MAX 9 /* with its NUL; "limpet:" and it fit in a thread's name */

struct role_child {
	char name[LP_ROLE_NAME_MAX];
	pid_t pid;              /* 0: none */
	int pidfd;              /* owned; readable in a loop once the role has ended; -1: none */
	struct channel channel; /* owned; non-blocking; frames of LP_FRAME_MAX at most */
};

#define LP_ROLE_CHILD ((struct role_child){.pidfd = -1, .channel = {.fd = -1}})

/* How a role ended. */
struct role_end {
	bool clean;          /* exit 0 */
	int exit_code;       /* -1: by a signal */
	int signo;           /* 0: by itself */
	uint64_t peak_bytes; /* the most that was resident */
	int64_t cpu_ms;
	char text[160]; /* in words: "exit 3", "killed by SIGSYS: a system call ..." */
};

/*
 * Starts the role name ("fetch") in a new process of this program; ret_child (LP_ROLE_CHILD before)
 * is then owned: lp_role_free. LP_TRANSIENT when processes or memory are short, LP_CONFIG when the
 * kernel is too old (pidfd, Linux 5.3). A program that cannot be executed shows as exit 127.
 */
LP_CHECKED enum lp_code lp_role_spawn(const char *name, struct role_child *ret_child,
				      struct err *err);

/*
 * Takes the end of a role whose pidfd is readable. LP_NOT_FOUND while it still runs. Afterwards
 * pid is 0 and pidfd closed; what the role sent before its end can still be read from its channel.
 */
LP_CHECKED enum lp_code lp_role_reap(struct role_child *child, struct role_end *ret,
				     struct err *err);

/* Ends the role by SIGKILL; it is still to be reaped. One that has ended already is fine. */
void lp_role_kill(const struct role_child *child);

/* Kills and reaps the role, closes its channel, leaves LP_ROLE_CHILD behind. For LP_AUTO. */
void lp_role_free(struct role_child *child);

/*
 * The first call of main. *ret_name is NULL when this process is not a role, and channel untouched;
 * otherwise the role's name (borrowed from argv) and channel its end of the socket (blocking,
 * owned). LP_CONFIG when the arguments are a role's but nobody spawned it: a person typed them.
 */
LP_CHECKED enum lp_code lp_role_enter(int argc, char **argv, const char **ret_name,
				      struct channel *ret_channel, struct err *err);
#endif

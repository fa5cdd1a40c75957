/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_SANDBOX_H
#define LIMPET_PLATFORM_SANDBOX_H
/*
 * The walls around a process: no_new_privs, rlimits, capabilities, Landlock
 * and seccomp. A process walls itself in, once, before it reads what a
 * stranger wrote. What the kernel lacks is reported, never fatal.
 *
 * Children inherit Landlock and seccomp, also through exec: the supervisor's
 * paths must cover those of every role, and its seccomp filter (.supervisor)
 * only denies what nobody needs, where a role's allows only what is listed.
 */
#include "platform/err.h"

#include <linux/capability.h>

#define LP_SANDBOX_PATHS 24 /* of each kind, and the NULL that ends them */

struct sandbox {
	/*
	 * Files and folders with all below, ended by NULL. A path that is not there is left out,
	 * and stays closed when it appears: name the folder of a file that is replaced.
	 */
	const char *readable[LP_SANDBOX_PATHS];
	const char *writable[LP_SANDBOX_PATHS]; /* readable too */

	bool network;    /* TCP and UDP sockets as a client; otherwise no socket is made at all */
	bool threads;    /* of this process (libcurl's resolver); never a new process */
	bool supervisor; /* spawns roles: may fork and execute itself; seccomp as said above */

	uint64_t keep_caps; /* what the process may go on using, 1 << CAP_DAC_READ_SEARCH */
	uint64_t pass_caps; /* supervisor: what its children inherit; out of effect in itself */

	/* rlimits; 0 leaves one as it is. Cores are never written. */
	uint64_t as_bytes;    /* address space; malloc then fails */
	uint64_t fsize_bytes; /* the largest file it can write; write then fails with EFBIG */
	uint64_t nofile;      /* open descriptors */
	uint64_t cpu_s;       /* of processor time; then SIGXCPU */
};

enum wall {
	WALL_NO_NEW_PRIVS,
	WALL_LIMITS,
	WALL_CAPABILITIES,
	WALL_LANDLOCK,
	WALL_SECCOMP,
	WALL_PIDFD, /* no wall, but the kernel is asked for it all the same */
	WALLS,
};

struct sandbox_report {
	struct wall_state {
		bool up;
		int level;      /* Landlock: the kernel's ABI; otherwise 0 */
		char text[192]; /* what is there; what is missing, and how to mend it */
	} walls[WALLS];
};

/* Puts up every wall that the kernel has, for the rest of this process's life. */
void lp_sandbox_enter(const struct sandbox *sandbox, struct sandbox_report *ret);

/* What lp_sandbox_enter would find here. Changes nothing; for `limpet doctor`. */
void lp_sandbox_probe(struct sandbox_report *ret);

/* "no_new_privs", "Landlock", ...; never NULL. */
const char *lp_wall_name(enum wall wall);

/* The first wall that is not up, or WALLS: what a log line would name. */
enum wall lp_sandbox_missing(const struct sandbox_report *report);
#endif

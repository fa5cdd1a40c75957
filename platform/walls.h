/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_WALLS_H
#define LIMPET_PLATFORM_WALLS_H
/* The two walls that have a file of their own; for sandbox.c alone, which puts them up in order. */
#include "platform/sandbox.h"

/* Whether a dynamic loader is in this process: it opens and executes libraries later on. */
bool lp_wall_dynamic(void);

/* Confines the process to the sandbox's paths, as far as the kernel's ABI goes. Fills ret. */
void lp_landlock_enter(const struct sandbox *sandbox, struct wall_state *ret);
void lp_landlock_probe(struct wall_state *ret); /* changes nothing */

/* Installs the filter of system calls; no_new_privs must be set. Fills ret. */
void lp_seccomp_enter(const struct sandbox *sandbox, struct wall_state *ret);
void lp_seccomp_probe(struct wall_state *ret); /* changes nothing */

/* Sets up and the text. */
void lp_wall_set(struct wall_state *ret, bool up, const char *fmt, ...) LP_PRINTF(3, 4);
#endif

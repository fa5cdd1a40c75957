/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_E2E_DRIVER_H
#define LIMPET_TESTS_E2E_DRIVER_H
/* What the drivers share: programs that start one role for a Python test and speak JSON with it. */
#include "platform/json.h"
#include "platform/wire.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DIE_IF(bad) die_if((bad), __FILE__, __LINE__)

static struct err err;

static void die_if(bool bad, const char *file, int line)
{
	if (!bad)
		return;
	fprintf(stderr, "%s:%d: %s (%s)\n", file, line, err.msg, strerror(errno));
	exit(2);
}

static void text_of(const struct jval *object, const char *key, char *to, size_t size)
{
	DIE_IF(lp_copy(to, size, lp_json_text(object, key), &err) != LP_OK);
}

/* A process that runs the role and ends with this one; its pid. */
static pid_t start_role(int (*run)(struct channel *channel), struct channel *ret)
{
	int ends[2];

	DIE_IF(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0);
	pid_t pid = fork();
	DIE_IF(pid < 0);
	if (pid == 0) {
		LP_AUTO(lp_channel_close) struct channel ch;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		lp_channel_open(&ch, ends[1], LP_FRAME_MAX);
		exit(run(&ch));
	}
	close(ends[1]);
	lp_channel_open(ret, ends[0], LP_FRAME_MAX);
	return pid;
}
#endif

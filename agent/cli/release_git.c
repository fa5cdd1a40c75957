/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/release_git.h"

#include "platform/fs.h"
#include "platform/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX    16
#define ANSWER_BYTES (4u * LP_KIB) /* of a question that has one line as its answer */
#define NO_GIT       127           /* what a shell says of a program that is not there */

struct call {
	char program[LP_PATH_MAX];
	const char *argv[WORDS_MAX + 4];
	enum git_words loud;
	int out; /* where git's output goes */
};

/* The git of the user's PATH; a folder of it that is not absolute could be one of the checkout. */
static enum lp_code find_git(char to[LP_PATH_MAX], struct err *err)
{
	const char *path = getenv("PATH");

	for (const char *at = path ? path : ""; *at;) {
		size_t n = strcspn(at, ":");
		int len = snprintf(to, LP_PATH_MAX, "%.*s/git", (int)n, at);
		if (*at == '/' && len < LP_PATH_MAX && access(to, X_OK) == 0)
			return LP_OK;
		at += n + (at[n] == ':');
	}
	return lp_err_set(err, LP_NOT_FOUND, "there is no git in PATH; install it");
}

/* In the child: never returns. */
_Noreturn static void become_git(const struct call *call)
{
	int quiet = call->loud == GIT_QUIET ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;

	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	if (dup2(call->out, STDOUT_FILENO) >= 0 && (quiet < 0 || dup2(quiet, STDERR_FILENO) >= 0))
		execv(call->program, (char *const *)call->argv);
	_exit(NO_GIT);
}

/* All that comes through fd, or LP_LIMIT; git then ends by SIGPIPE at its next write. */
static enum lp_code read_all(int fd, struct buf *out, struct err *err)
{
	uint8_t chunk[4096];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lp_err_os(err, LP_TRANSIENT, errno, "git: its output");
		if (n == 0)
			return LP_OK;
		LP_TRY(lp_buf_append(out, chunk, (size_t)n, err));
	}
}

/* Starts git and waits for it; its output, unless out is NULL, comes through a pipe. */
static enum lp_code run(struct call *call, struct buf *out, int *ret_status, struct err *err)
{
	int fds[2] = {-1, -1};

	if (out && pipe2(fds, O_CLOEXEC) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "git: pipe");
	LP_AUTO(lp_close) int ours = fds[0];
	LP_AUTO(lp_close) int theirs = fds[1];
	call->out = out ? theirs : STDERR_FILENO;
	pid_t pid = fork();
	if (pid < 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "git: fork");
	if (pid == 0)
		become_git(call);
	lp_close(&theirs);
	enum lp_code code = out ? read_all(ours, out, err) : LP_OK;
	lp_close(&ours);
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return lp_err_os(err, LP_TRANSIENT, errno, "git: wait");
	return code;
}

enum lp_code lp_release_git(const char *folder, const char *const *words, enum git_words loud,
			    struct buf *out, int *ret_exit, struct err *err)
{
	struct call call = {.argv = {"git", "-C", folder}, .loud = loud};
	int status = 0;

	for (size_t i = 0; words[i]; i++) {
		if (i == WORDS_MAX)
			return lp_err_set(err, LP_INTERNAL, "git %s: too many words", words[0]);
		call.argv[3 + i] = words[i];
	}
	LP_TRY(find_git(call.program, err));
	/* Ctrl-C ends git, and we then put things back; as system(3) has it. */
	void (*interrupt)(int) = signal(SIGINT, SIG_IGN);
	void (*quit)(int) = signal(SIGQUIT, SIG_IGN);
	enum lp_code code = run(&call, out, &status, err);
	signal(SIGINT, interrupt);
	signal(SIGQUIT, quit);
	if (code != LP_OK)
		return lp_err_wrap(err, "git %s", words[0]);
	*ret_exit = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (*ret_exit == NO_GIT)
		return lp_err_set(err, LP_NOT_FOUND, "%s could not be started", call.program);
	return LP_OK;
}

enum lp_code lp_release_git_ok(const char *folder, const char *const *words, struct err *err)
{
	int exit = 0;

	LP_TRY(lp_release_git(folder, words, GIT_LOUD, NULL, &exit, err));
	return exit == 0 ? LP_OK
			 : lp_err_set(err, LP_REJECTED, "git %s: exit code %d", words[0], exit);
}

enum lp_code lp_release_git_ask(const char *folder, const char *const *words, char *to, size_t size,
				struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(ANSWER_BYTES);
	int exit = 0;

	to[0] = '\0';
	LP_TRY(lp_release_git(folder, words, GIT_QUIET, &out, &exit, err));
	size_t n = strcspn(lp_buf_text(&out), "\n");
	if (exit == 0 && n < size) {
		memcpy(to, lp_buf_text(&out), n);
		to[n] = '\0';
	}
	return LP_OK;
}

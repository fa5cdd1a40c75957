/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/role.h"

#include "platform/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHANNEL_FD    3
#define EXEC_FAILED   127
#define OOM_SCORE     "500" /* the supervisor keeps what systemd gave it, and outlives its roles */
#define FDS_UNCOUNTED 4096  /* closed one by one where the kernel has no close_range */

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* --- the new process, between fork and exec: async-signal-safe calls only --- */

static void close_from(int first)
{
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	for (int fd = first; fd < FDS_UNCOUNTED; fd++)
		close(fd);
}

static bool place_fds(int channel)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return false;
	if (channel == CHANNEL_FD) {
		if (fcntl(channel, F_SETFD, 0) != 0)
			return false;
	} else if (dup2(channel, CHANNEL_FD) < 0) {
		return false;
	}
	close_from(CHANNEL_FD + 1);
	return true;
}

_Noreturn static void become(const char *name, int channel, pid_t parent)
{
	char program[] = "limpet", word[] = "role", role[LP_ROLE_NAME_MAX];
	char *argv[] = {program, word, role, NULL};
	sigset_t none;

	memcpy(role, name, sizeof(role));
	sigemptyset(&none);
	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0); /* Ctrl-C is for the supervisor, which ends its roles in order */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && place_fds(channel))
		execv("/proc/self/exe", argv);
	_exit(EXEC_FAILED);
}

/* --- the supervisor's side --- */

static enum lp_code start(const char *name, struct role_child *child, int theirs, struct err *err)
{
	pid_t parent = getpid();

	snprintf(child->name, sizeof(child->name), "%s", name);
	child->pid = fork();
	if (child->pid < 0) {
		child->pid = 0;
		return lp_err_os(err, LP_TRANSIENT, errno, "fork");
	}
	if (child->pid == 0)
		become(child->name, theirs, parent);
	child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd < 0) {
		enum lp_code code = errno == ENOSYS ? LP_CONFIG : LP_TRANSIENT;
		return lp_err_os(err, code, errno, "pidfd_open (Linux 5.3)");
	}
	return LP_OK;
}

enum lp_code lp_role_spawn(const char *name, struct role_child *ret_child, struct err *err)
{
	LP_AUTO(lp_role_free) struct role_child child = LP_ROLE_CHILD;
	int fds[2];

	if (strlen(name) >= sizeof(child.name))
		return lp_err_set(err, LP_INTERNAL, "role %s: the name is too long", name);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "role %s: socketpair", name);
	LP_AUTO(lp_close) int theirs = fds[1];
	lp_channel_open(&child.channel, fds[0], LP_FRAME_MAX);
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "role %s", name);
	if (start(name, &child, theirs, err) != LP_OK)
		return lp_err_wrap(err, "role %s", name);
	*ret_child = child;
	child = LP_ROLE_CHILD;
	return LP_OK;
}

static const char *why(int signo)
{
	switch (signo) {
	case SIGSYS:
		return ": a system call that its sandbox does not allow (journalctl -k names it)";
	case SIGKILL:
		return ": out of memory, or ended by its supervisor";
	case SIGXCPU:
		return ": its processor time is used up";
	case SIGSEGV:
	case SIGBUS:
	case SIGABRT:
	case SIGILL:
	case SIGFPE:
		return ": a bug; please report it";
	default:
		return "";
	}
}

static const char *signal_name(int signo)
{
	static const char *const names[] = {
		[SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT",
		[SIGILL] = "SIGILL",   [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",
		[SIGFPE] = "SIGFPE",   [SIGKILL] = "SIGKILL", [SIGSEGV] = "SIGSEGV",
		[SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",
		[SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ", [SIGSYS] = "SIGSYS",
	};
	bool known = signo > 0 && (size_t)signo < sizeof(names) / sizeof(names[0]);

	return known && names[signo] ? names[signo] : "a signal";
}

static void describe(int status, struct role_end *ret)
{
	if (WIFEXITED(status)) {
		ret->exit_code = WEXITSTATUS(status);
		ret->clean = ret->exit_code == 0;
		snprintf(ret->text, sizeof(ret->text), "exit %d%s", ret->exit_code,
			 ret->exit_code == EXEC_FAILED ? ": the program could not be started" : "");
	} else {
		ret->exit_code = -1;
		ret->signo = WTERMSIG(status);
		snprintf(ret->text, sizeof(ret->text), "killed by %s%s", signal_name(ret->signo),
			 why(ret->signo));
	}
}

enum lp_code lp_role_reap(struct role_child *child, struct role_end *ret, struct err *err)
{
	struct rusage used;
	int status;
	pid_t pid;

	do {
		pid = child->pid ? wait4(child->pid, &status, WNOHANG, &used) : 0;
	} while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return lp_err_os(err, LP_INTERNAL, errno, "wait for role %s", child->name);
	if (pid == 0)
		return lp_err_set(err, LP_NOT_FOUND, "role %s has not ended", child->name);

	*ret = (struct role_end){.peak_bytes = (uint64_t)used.ru_maxrss * 1024u};
	ret->cpu_ms = ((int64_t)used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
		      (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000;
	describe(status, ret);
	child->pid = 0;
	lp_close(&child->pidfd);
	return LP_OK;
}

void lp_role_kill(const struct role_child *child)
{
	/* Not reaped yet, so the number is still this role's. */
	if (child->pid)
		kill(child->pid, SIGKILL);
}

void lp_role_free(struct role_child *child)
{
	lp_role_kill(child);
	while (child->pid && waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	lp_close(&child->pidfd);
	lp_channel_close(&child->channel);
	*child = LP_ROLE_CHILD;
}

/* --- the role's side --- */

/* A supervisor that died between fork and here has left no one at the other end. */
static bool orphaned(void)
{
	struct pollfd p = {.fd = CHANNEL_FD, .events = 0};
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLNVAL));
}

static void rank_for_oom(void)
{
	LP_AUTO(lp_close) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	/* Refused in some containers; the order of victims is then the kernel's own. */
	ssize_t ignored = fd >= 0 ? write(fd, OOM_SCORE, strlen(OOM_SCORE)) : 0;
	(void)ignored;
}

enum lp_code lp_role_enter(int argc, char **argv, const char **ret_name,
			   struct channel *ret_channel, struct err *err)
{
	char shown[16];
	int type = 0;
	socklen_t size = sizeof(type);

	*ret_name = NULL;
	if (argc != 3 || strcmp(argv[1], "role") != 0)
		return LP_OK;
	if (strlen(argv[2]) >= LP_ROLE_NAME_MAX ||
	    getsockopt(CHANNEL_FD, SOL_SOCKET, SO_DOMAIN, &type, &size) != 0 || type != AF_UNIX)
		return lp_err_set(err, LP_CONFIG,
				  "roles are started by `limpet run` and `limpet sync` alone");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (orphaned())
		return lp_err_set(err, LP_TRANSIENT, "role %s: the supervisor is gone", argv[2]);
	snprintf(shown, sizeof(shown), "limpet:%s", argv[2]);
	prctl(PR_SET_NAME, shown);
	rank_for_oom();
	fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC);
	lp_channel_open(ret_channel, CHANNEL_FD, LP_FRAME_MAX);
	*ret_name = argv[2];
	return LP_OK;
}

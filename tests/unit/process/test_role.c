/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/clock.h"
#include "platform/fs.h"
#include "platform/role.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what this program does when it is started as a role --- */

static int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = -3; /* ".", ".." and the folder's own */

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void read_text(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, to, size - 1);

	to[n > 0 ? n : 0] = '\0';
	close(fd);
}

static void tell_about_itself(struct channel *ch)
{
	struct wire_writer w;
	char oom[16], comm[32], args[64] = "", null[64] = "";
	sigset_t blocked;

	read_text("/proc/self/oom_score_adj", oom, sizeof(oom));
	read_text("/proc/self/comm", comm, sizeof(comm));
	read_text("/proc/self/cmdline", args, sizeof(args));
	if (readlink("/proc/self/fd/0", null, sizeof(null) - 1) < 0)
		abort();
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	lp_wire_begin(&w, &ch->out, 1);
	lp_wire_put_u32(&w, (uint32_t)open_fds());
	lp_wire_put_str(&w, oom);
	lp_wire_put_str(&w, comm);
	lp_wire_put_str(&w, null);
	lp_wire_put_str(&w, args + strlen(args) + 1);
	lp_wire_put_u8(&w, sigismember(&blocked, SIGTERM) ? 1 : 0);
	lp_wire_put_u8(&w, signal(SIGPIPE, SIG_DFL) == SIG_IGN);
	lp_wire_put_u8(&w, getpgrp() == getpid());
	if (lp_wire_end(&w, &err) != LP_OK || lp_channel_flush(ch, &err) != LP_OK)
		abort();
}

#define WORK_BYTES ((uint64_t)64 << 20)

static void use_memory(void)
{
	size_t n = WORK_BYTES;
	volatile char *memory = malloc(n);

	for (size_t i = 0; i < n; i++)
		memory[i]++;
	free((void *)(uintptr_t)memory);
}

static int be_role(const char *name, struct channel *ch)
{
	struct wire_reader r;

	signal(SIGABRT, SIG_DFL); /* a sanitizer's handler would turn these into an exit */
	signal(SIGSEGV, SIG_DFL);
	if (strcmp(name, "tell") == 0)
		tell_about_itself(ch);
	else if (strcmp(name, "hang") == 0)
		return lp_channel_receive(ch, -1, &r, &err) == LP_NOT_FOUND ? 4 : 5;
	else if (strcmp(name, "pause") == 0)
		for (;;)
			pause();
	else if (strcmp(name, "three") == 0)
		return 3;
	else if (strcmp(name, "sigsys") == 0)
		raise(SIGSYS);
	else if (strcmp(name, "segv") == 0)
		raise(SIGSEGV);
	else if (strcmp(name, "rt") == 0)
		raise(SIGRTMIN + 1);
	else if (strcmp(name, "work") == 0)
		use_memory();
	else
		return 99;
	return 0;
}

/* --- the supervisor's side --- */

static struct role_end end_of(struct role_child *child)
{
	struct role_end end;
	struct pollfd p = {.fd = child->pidfd, .events = POLLIN};

	CHECK(poll(&p, 1, 20000) == 1);
	CHECK_OK(lp_role_reap(child, &end, &err));
	CHECK(child->pid == 0 && child->pidfd == -1);
	return end;
}

static struct role_end run(const char *name)
{
	LP_AUTO(lp_role_free) struct role_child child = LP_ROLE_CHILD;

	CHECK_OK(lp_role_spawn(name, &child, &err));
	return end_of(&child);
}

static void a_role_starts_with_nothing_but_its_channel(void)
{
	LP_AUTO(lp_role_free) struct role_child child = LP_ROLE_CHILD;
	char oom[16], comm[32], null[64], word[16];
	struct wire_reader r;
	sigset_t term, before;

	int leak = dup(STDOUT_FILENO); /* without O_CLOEXEC */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before);
	signal(SIGPIPE, SIG_IGN);
	enum lp_code code = lp_role_spawn("tell", &child, &err);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(leak);
	CHECK(code == LP_OK);
	CHECK_STR(child.name, "tell");
	CHECK_OK(lp_channel_receive(&child.channel, 20000, &r, &err));
	CHECK(lp_wire_u32(&r) == 4);
	lp_wire_str(&r, oom, sizeof(oom));
	lp_wire_str(&r, comm, sizeof(comm));
	lp_wire_str(&r, null, sizeof(null));
	lp_wire_str(&r, word, sizeof(word));
	CHECK_STR(oom, "500\n");
	CHECK_STR(comm, "limpet:tell\n");
	CHECK_STR(null, "/dev/null");
	CHECK_STR(word, "role");
	CHECK(lp_wire_u8(&r) == 0);
	CHECK(lp_wire_u8(&r) == 0);
	CHECK(lp_wire_u8(&r) == 1);
	CHECK_OK(lp_wire_done(&r, "tell", &err));
	struct role_end end = end_of(&child);
	CHECK(end.clean && end.exit_code == 0 && end.signo == 0);
	CHECK_STR(end.text, "exit 0");
}

static void what_a_role_sent_can_be_read_after_its_end(void)
{
	LP_AUTO(lp_role_free) struct role_child child = LP_ROLE_CHILD;
	struct wire_reader r;

	CHECK_OK(lp_role_spawn("tell", &child, &err));
	end_of(&child);
	CHECK_OK(lp_channel_receive(&child.channel, 0, &r, &err));
	CHECK(r.type == 1);
	CHECK_CODE(lp_channel_receive(&child.channel, 0, &r, &err), LP_NOT_FOUND, "has ended");
}

static void an_exit_code_is_told(void)
{
	struct role_end end = run("three");

	CHECK(!end.clean && end.exit_code == 3 && end.signo == 0);
	CHECK_STR(end.text, "exit 3");
}

static void a_signal_is_told_with_its_likely_cause(void)
{
	struct role_end end = run("sigsys");

	CHECK(!end.clean && end.exit_code == -1 && end.signo == SIGSYS);
	CHECK_HAS(end.text, "killed by SIGSYS: a system call that its sandbox does not allow");
	end = run("segv");
	CHECK_STR(end.text, "killed by SIGSEGV: a bug; please report it");
	end = run("rt");
	CHECK_STR(end.text, "killed by a signal");
}

static void memory_and_processor_time_of_a_role_are_measured(void)
{
	struct role_end end = run("work");

	CHECK(end.clean);
	/* the kernel counts pages in batches, one for each processor, and so some too few */
	CHECK(end.peak_bytes >= WORK_BYTES - WORK_BYTES / 16 && end.peak_bytes < 64 * WORK_BYTES);
	CHECK(end.cpu_ms >= 10 && end.cpu_ms < 60000);
}

static void a_role_that_runs_is_not_reaped_and_ends_by_kill(void)
{
	LP_AUTO(lp_role_free) struct role_child child = LP_ROLE_CHILD;
	struct role_end end = {.exit_code = 42};

	CHECK_OK(lp_role_spawn("pause", &child, &err));
	CHECK_CODE(lp_role_reap(&child, &end, &err), LP_NOT_FOUND, "role pause has not ended");
	CHECK(end.exit_code == 42 && child.pid > 0);
	lp_role_kill(&child);
	end = end_of(&child);
	CHECK(end.signo == SIGKILL);
	CHECK_STR(end.text, "killed by SIGKILL: out of memory, or ended by its supervisor");
	lp_role_kill(&child); /* nobody: must not signal process 0's group */
	CHECK_CODE(lp_role_reap(&child, &end, &err), LP_NOT_FOUND, "");
}

static void freeing_a_role_ends_it_and_leaves_no_zombie(void)
{
	struct role_child child = LP_ROLE_CHILD;

	CHECK_OK(lp_role_spawn("pause", &child, &err));
	lp_role_free(&child);
	CHECK(child.pid == 0 && child.pidfd == -1 && child.channel.fd == -1);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	lp_role_free(&child);
}

static void a_role_sees_that_its_channel_is_closed(void)
{
	LP_AUTO(lp_role_free) struct role_child child = LP_ROLE_CHILD;

	CHECK_OK(lp_role_spawn("hang", &child, &err));
	lp_channel_close(&child.channel);
	struct role_end end = end_of(&child);
	/* 4: it was waiting; 1: it found out as it started (main below) */
	CHECK(end.exit_code == 4 || end.exit_code == 1);
}

/* Spawns a role, tells its pid on fd, and waits to be killed. */
_Noreturn static void be_doomed_supervisor(int fd)
{
	struct role_child child = LP_ROLE_CHILD;

	if (lp_role_spawn("pause", &child, &err) != LP_OK ||
	    write(fd, &child.pid, sizeof(child.pid)) != sizeof(child.pid))
		_exit(1);
	for (;;)
		pause();
}

static void a_role_dies_with_a_supervisor_that_is_killed(void)
{
	pid_t role = 0;
	int fds[2], status = 0;

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	pid_t supervisor = fork();
	if (supervisor == 0)
		be_doomed_supervisor(fds[1]);
	CHECK(read(fds[0], &role, sizeof(role)) == sizeof(role));
	close(fds[0]);
	close(fds[1]);
	lp_sleep_ms(100); /* let the role pass its exec, which must keep the death signal */
	struct pollfd p = {.fd = (int)syscall(434 /* pidfd_open */, role, 0), .events = POLLIN};
	CHECK(p.fd >= 0 && poll(&p, 1, 100) == 0);
	kill(supervisor, SIGKILL);
	CHECK(waitpid(supervisor, &status, 0) == supervisor);
	CHECK(poll(&p, 1, 10000) == 1);
	close(p.fd);
}

static void a_program_that_cannot_be_started_is_exit_127(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct role_child child = LP_ROLE_CHILD;
		struct role_end end;
		if (chroot("/proc/self/fdinfo") != 0) /* there is no /proc in it */
			_exit(7);
		if (lp_role_spawn("three", &child, &err) != LP_OK)
			_exit(8);
		struct pollfd p = {.fd = child.pidfd, .events = POLLIN};
		poll(&p, 1, -1);
		if (lp_role_reap(&child, &end, &err) != LP_OK || end.exit_code != 127 ||
		    !strstr(end.text, "could not be started"))
			_exit(9);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	/* chroot is root's alone; another user sees that it was tried */
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == (geteuid() == 0 ? 0 : 7));
}

static void ordinary_arguments_are_no_role(void)
{
	char limpet[] = "limpet", role[] = "role", name[] = "fetch", more[] = "-v", run_[] = "run";
	char *argvs[][5] = {{limpet, NULL},
			    {limpet, role, NULL},
			    {limpet, role, name, more, NULL},
			    {limpet, run_, name, NULL}};
	static const int counts[] = {1, 2, 4, 3};
	struct channel ch = {.fd = -7};

	for (size_t i = 0; i < 4; i++) {
		const char *found = "untouched";
		CHECK_OK(lp_role_enter(counts[i], argvs[i], &found, &ch, &err));
		CHECK(found == NULL && ch.fd == -7);
	}
}

static void a_role_typed_by_a_person_is_refused(void)
{
	char limpet[] = "limpet", role[] = "role", name[] = "fetch", lengthy[] = "longname9";
	char *argv[] = {limpet, role, name, NULL};
	const char *found;
	struct channel ch;

	int kept = dup(3);
	close(3);
	enum lp_code code = lp_role_enter(3, argv, &found, &ch, &err);
	int file = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(code == LP_CONFIG && !found);
	CHECK_HAS(err.msg, "roles are started by `limpet run` and `limpet sync` alone");
	CHECK(file == 3);
	CHECK(lp_role_enter(3, argv, &found, &ch, &err) == LP_CONFIG);
	close(file);
	if (kept >= 0)
		dup2(kept, 3);
	argv[2] = lengthy;
	CHECK(lp_role_enter(3, argv, &found, &ch, &err) == LP_CONFIG);
	struct role_child child = LP_ROLE_CHILD;
	CHECK_CODE(lp_role_spawn(lengthy, &child, &err), LP_INTERNAL, "the name is too long");
	CHECK(child.pid == 0);
}

int main(int argc, char **argv)
{
	const char *name;
	struct channel channel;

	alarm(60);
	if (lp_role_enter(argc, argv, &name, &channel, &err) != LP_OK)
		return 1;
	if (name) {
		int code = be_role(name, &channel);
		lp_channel_close(&channel);
		return code;
	}
	if (!freopen("/proc/self/status", "r", stdin)) /* so that /dev/null shows */
		return 1;
	TEST(a_role_starts_with_nothing_but_its_channel);
	TEST(what_a_role_sent_can_be_read_after_its_end);
	TEST(an_exit_code_is_told);
	TEST(a_signal_is_told_with_its_likely_cause);
	TEST(memory_and_processor_time_of_a_role_are_measured);
	TEST(a_role_that_runs_is_not_reaped_and_ends_by_kill);
	TEST(freeing_a_role_ends_it_and_leaves_no_zombie);
	TEST(a_role_sees_that_its_channel_is_closed);
	TEST(a_role_dies_with_a_supervisor_that_is_killed);
	TEST(a_program_that_cannot_be_started_is_exit_127);
	TEST(ordinary_arguments_are_no_role);
	TEST(a_role_typed_by_a_person_is_refused);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each wall is tried from inside, in a process of its own. Where the kernel
 * (or a sanitizer) has no such wall, the test asserts that the report says so
 * and that what it stops was possible: nothing is skipped.
 */
#include "platform/clock.h"
#include "platform/fs.h"
#include "platform/sandbox.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DAC_READ_SEARCH (1ull << CAP_DAC_READ_SEARCH)

/* What a walled process tells; in memory shared with it. */
static struct told {
	struct sandbox_report report;
	int value; /* what the act returned: 0 or an errno */
	bool done;
	unsigned long long caps;
} * told;
static int signo; /* that ended the process; 0 none */

static char box[LP_PATH_MAX], inside[LP_PATH_MAX], outside[LP_PATH_MAX], closed[LP_PATH_MAX];
static char file_inside[LP_PATH_MAX], file_outside[LP_PATH_MAX], file_closed[LP_PATH_MAX];
static char victim[LP_PATH_MAX]; /* inside too; there again before each act */

/* Walls a child in, and lets it act. */
static int in(const struct sandbox *sandbox, int (*act)(void))
{
	int status;

	memset(told, 0, sizeof(*told));
	CHECK_OK(lp_file_write(victim, "", 0, 0600, &err));
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		lp_sandbox_enter(sandbox, &told->report);
		told->value = act();
		told->done = true;
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	signo = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	return told->value;
}

static bool up(enum wall wall)
{
	return told->report.walls[wall].up;
}

/* What act does must be stopped by Landlock with errnum, or be possible and reported. */
static void landlock_stops(const struct sandbox *sandbox, int (*act)(void), int errnum, int level)
{
	int value = in(sandbox, act);
	const struct wall_state *wall = &told->report.walls[WALL_LANDLOCK];

	CHECK(told->done);
	if (wall->up && wall->level >= level)
		CHECK(value == errnum);
	else
		CHECK(value == 0 &&
		      (wall->level > 0 || strstr(wall->text, "CONFIG_SECURITY_LANDLOCK") ||
		       strstr(wall->text, "lsm=")));
}

/* What act does must end the process, or be reported as not walled. */
static void seccomp_kills(const struct sandbox *sandbox, int (*act)(void))
{
	in(sandbox, act);
	if (up(WALL_SECCOMP))
		CHECK(signo == SIGSYS && !told->done);
	else
		CHECK(told->done && strlen(told->report.walls[WALL_SECCOMP].text) > 10);
}

/* What act does must fail with errnum, or be reported as not walled. */
static void seccomp_refuses(const struct sandbox *sandbox, int (*act)(void), int errnum)
{
	int value = in(sandbox, act);

	CHECK(told->done);
	if (up(WALL_SECCOMP))
		CHECK(value == errnum);
	else
		CHECK(strlen(told->report.walls[WALL_SECCOMP].text) > 10);
}

static int done(long result)
{
	return result < 0 ? errno : 0;
}

static int open_as(const char *path, int flags)
{
	LP_AUTO(lp_close) int fd = open(path, flags | O_CLOEXEC, 0600);
	return done(fd);
}

static const struct sandbox render = {.readable = {inside}};
static const struct sandbox fetch = {
	.readable = {inside}, .writable = {outside}, .network = true, .threads = true};
static struct sandbox supervisor(void)
{
	return (struct sandbox){.readable = {box}, .writable = {outside}, .supervisor = true};
}

/* --- files --- */

static int read_inside(void)
{
	return open_as(file_inside, O_RDONLY);
}
static int read_outside(void)
{
	return open_as(file_outside, O_RDONLY);
}
static int write_inside(void)
{
	return open_as(file_inside, O_WRONLY);
}
static int truncate_inside(void)
{
	return done(truncate(victim, 0));
}
static int list_outside(void)
{
	DIR *dir = opendir(outside);

	if (!dir)
		return errno;
	closedir(dir);
	return 0;
}
static int write_outside(void)
{
	return open_as(file_outside, O_WRONLY | O_TRUNC);
}
static int remove_inside(void)
{
	return done(unlink(victim));
}
static int rename_out(void)
{
	char path[LP_PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/moved", outside);
	return done(rename(victim, path));
}

static void what_is_named_readable_can_be_read_and_nothing_else(void)
{
	CHECK(in(&render, read_inside) == 0 && told->done);
	landlock_stops(&render, read_outside, EACCES, 1);
	landlock_stops(&render, list_outside, EACCES, 1);
	landlock_stops(&render, write_inside, EACCES, 1);
}

static void what_is_named_writable_can_be_changed_and_nothing_else(void)
{
	CHECK(in(&fetch, write_outside) == 0 && told->done);
	CHECK(in(&fetch, read_outside) == 0 && told->done);
	landlock_stops(&fetch, write_inside, EACCES, 1);
	landlock_stops(&fetch, remove_inside, EACCES, 1);
	landlock_stops(&fetch, rename_out, EACCES, 1);
	struct sandbox sandbox = supervisor();
	landlock_stops(&sandbox, truncate_inside, EACCES, 3);
}

static void without_a_writable_path_no_file_can_be_removed_at_all(void)
{
	seccomp_kills(&render, remove_inside);
}

static void a_path_that_is_not_there_is_left_out(void)
{
	struct sandbox sandbox = {.readable = {"/no/such/path", inside}, .writable = {"/nor/this"}};

	CHECK(in(&sandbox, read_inside) == 0);
	CHECK(told->done && (up(WALL_LANDLOCK) || told->report.walls[WALL_LANDLOCK].level == 0));
}

static void a_readable_file_opens_and_its_neighbour_does_not(void)
{
	struct sandbox sandbox = {.readable = {file_outside}};

	CHECK(in(&sandbox, read_outside) == 0 && told->done);
	landlock_stops(&sandbox, read_inside, EACCES, 1);
}

/* --- network --- */

static int open_tcp(void)
{
	LP_AUTO(lp_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return done(fd);
}
static int open_unix(void)
{
	LP_AUTO(lp_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return done(fd);
}
static int open_netlink(void)
{
	LP_AUTO(lp_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	return done(fd);
}
static int do_listen(void)
{
	LP_AUTO(lp_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return done(listen(fd, 1));
}

static struct sockaddr_in server = {.sin_family = AF_INET};

static int talk(void)
{
	LP_AUTO(lp_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int one = 1;
	char c = 0;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) != 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0 && errno != EINPROGRESS)
		return errno;
	if (poll(&p, 1, 5000) != 1 || send(fd, "x", 1, MSG_NOSIGNAL) != 1)
		return errno;
	p.events = POLLIN;
	return poll(&p, 1, 5000) == 1 && recv(fd, &c, 1, 0) == 1 && c == 'x' ? 0 : EIO;
}

/* Echoes one byte on a free port; returns the process. */
static pid_t serve(void)
{
	LP_AUTO(lp_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(server);

	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.sin_port = 0;
	CHECK(bind(fd, (struct sockaddr *)&server, sizeof(server)) == 0 && listen(fd, 4) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&server, &size) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		int peer = accept(fd, NULL, NULL);
		char c;
		_exit(read(peer, &c, 1) == 1 && write(peer, &c, 1) == 1 ? 0 : 1);
	}
	return pid;
}

static int resolve(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found;

	if (getaddrinfo("127.0.0.1", "443", &hints, &found) != 0)
		return EIO;
	freeaddrinfo(found);
	if (getaddrinfo("localhost", "443", &hints, &found) != 0)
		return EIO;
	freeaddrinfo(found);
	/* No such name, and no server that is asked: it fails, and is not killed. */
	if (getaddrinfo("limpet.invalid", "443", &hints, &found) == 0)
		freeaddrinfo(found);
	return 0;
}

static void a_role_without_network_makes_no_socket(void)
{
	seccomp_kills(&render, open_tcp);
	seccomp_kills(&render, open_unix);
}

static void a_role_with_network_is_a_client_of_the_internet_and_of_nothing_else(void)
{
	int status;
	pid_t pid = serve();
	int value = in(&fetch, talk);

	CHECK(signo == 0 && value == 0 && told->done);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	seccomp_refuses(&fetch, open_unix, EAFNOSUPPORT);
	seccomp_refuses(&fetch, open_netlink, EAFNOSUPPORT);
	seccomp_kills(&fetch, do_listen);
}

static void names_can_be_resolved_within_the_walls(void)
{
	struct sandbox sandbox = fetch;

	sandbox.readable[1] = "/etc/hosts";
	sandbox.readable[2] = "/etc/resolv.conf";
	CHECK(in(&sandbox, resolve) == 0);
	CHECK(signo == 0 && told->done);
}

/* --- processes and threads --- */

static int do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : done(waitpid(pid, NULL, 0));
}
static int fork_bomb(void)
{
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();
		if (pid < 0)
			return errno;
		if (pid == 0)
			_exit(0); /* not waited for: that is another call, and not allowed either */
	}
	return 0;
}
static void *nothing(void *arg)
{
	return arg;
}
static int do_thread(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		int code = pthread_create(&threads[i], NULL, nothing, NULL);
		if (code)
			return code;
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
static int do_exec(void)
{
	char name[] = "true";
	char *argv[] = {name, NULL};

	execv("/bin/true", argv);
	return errno;
}
static int kill_parent(void)
{
	return done(kill(getppid(), 0));
}
static int do_ptrace(void)
{
	return done(ptrace(PTRACE_TRACEME, 0, 0, 0));
}

static int ask_clock(void)
{
	struct timex clock = {.modes = 0};
	return done(adjtimex(&clock));
}

/* To what it is. */
static int set_clock(void)
{
	struct timex clock = {.modes = 0};
	int asked = done(adjtimex(&clock));

	clock.modes = ADJ_ESTERROR;
	return asked ? asked : done(adjtimex(&clock));
}

static void the_clock_is_asked_for_its_error_and_never_set(void)
{
	struct sandbox sandbox = supervisor();

	CHECK(in(&sandbox, ask_clock) == 0 && told->done);
	CHECK(in(&fetch, ask_clock) == 0 && told->done);
	CHECK(in(&sandbox, set_clock) == EPERM && told->done);
	CHECK(in(&fetch, set_clock) == EPERM && told->done);
	seccomp_kills(&render, ask_clock);
}

static void a_role_makes_no_process(void)
{
	seccomp_kills(&render, fork_bomb);
	seccomp_kills(&fetch, fork_bomb); /* threads, but no process */
	/* an exec that happens leaves told->done unset, so it is judged by the signal */
	in(&render, do_exec);
	CHECK(up(WALL_SECCOMP) ? signo == SIGSYS : signo == 0);
}

static void threads_are_there_only_for_who_asked_for_them(void)
{
	seccomp_kills(&render, do_thread);
	CHECK(in(&fetch, do_thread) == 0 && told->done);
}

static void a_role_reaches_no_other_process(void)
{
	seccomp_kills(&render, kill_parent);
	seccomp_kills(&fetch, do_ptrace);
}

/* --- memory --- */

static int map_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return page == MAP_FAILED ? errno : 0;
}
static int make_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return done(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static void memory_becomes_executable_only_for_a_dynamic_loader(void)
{
	bool dynamic = getauxval(AT_BASE) != 0;

	if (dynamic) {
		CHECK(in(&render, map_executable) == 0 && told->done);
		CHECK(in(&render, make_executable) == 0 && told->done);
		CHECK(!up(WALL_LANDLOCK) ||
		      strstr(told->report.walls[WALL_LANDLOCK].text, "dynamically linked"));
		return;
	}
	seccomp_kills(&render, map_executable);
	seccomp_kills(&render, make_executable);
}

static int allocate(void)
{
	void *volatile memory = malloc((size_t)256 << 20);

	if (!memory)
		return ENOMEM;
	free(memory);
	return 0;
}

static void memory_past_the_limit_is_not_given(void)
{
	struct sandbox sandbox = render;

	CHECK(in(&sandbox, allocate) == 0);
	sandbox.as_bytes = (uint64_t)128 << 20;
	int value = in(&sandbox, allocate);
	CHECK(told->done);
	if (up(WALL_LIMITS))
		CHECK(value == ENOMEM);
	else
		CHECK_HAS(told->report.walls[WALL_LIMITS].text, "address space is not limited");
}

/* --- the other limits --- */

static int write_much(void)
{
	static char block[4096];
	LP_AUTO(lp_close) int fd = open(file_outside, O_WRONLY | O_CLOEXEC);

	for (int i = 0; i < 64; i++)
		if (write(fd, block, sizeof(block)) < 0)
			return errno;
	return 0;
}
static int open_many(void)
{
	for (int i = 0; i < 64; i++)
		if (open(file_inside, O_RDONLY | O_CLOEXEC) < 0)
			return errno;
	return 0;
}
static int spin(void)
{
	struct timespec used;

	do {
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	} while (used.tv_sec < 20);
	return 0;
}
static int core_limit(void)
{
	struct rlimit limit = {.rlim_cur = 1};

	getrlimit(RLIMIT_CORE, &limit);
	return limit.rlim_cur == 0 && limit.rlim_max == 0 ? 0 : EIO;
}

static void a_file_past_the_limit_is_an_error_and_no_death(void)
{
	struct sandbox sandbox = fetch;

	CHECK(in(&sandbox, write_much) == 0);
	sandbox.fsize_bytes = 64 << 10;
	CHECK(in(&sandbox, write_much) == EFBIG && signo == 0 && told->done);
}

static void descriptors_past_the_limit_are_refused(void)
{
	struct sandbox sandbox = render;

	CHECK(in(&sandbox, open_many) == 0);
	sandbox.nofile = 32;
	CHECK(in(&sandbox, open_many) == EMFILE && told->done);
}

static void processor_time_past_the_limit_ends_the_role_by_its_own_signal(void)
{
	struct sandbox sandbox = render;

	sandbox.cpu_s = 1;
	in(&sandbox, spin);
	CHECK(signo == SIGXCPU && !told->done);
}

static void no_core_is_ever_written(void)
{
	CHECK(in(&render, core_limit) == 0 && told->done);
}

/* --- rights --- */

static unsigned long long caps_of(unsigned which)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	syscall(SYS_capget, &header, data);
	return which == 0 ? (unsigned long long)data[1].effective << 32 | data[0].effective
			  : (unsigned long long)data[1].permitted << 32 | data[0].permitted;
}
static int read_closed(void)
{
	return open_as(file_closed, O_RDONLY);
}
static int change_user(void)
{
	uid_t other = geteuid() + 1;

	return done(setresuid(other, other, other));
}
static int look_at_caps(void)
{
	told->caps = caps_of(0);
	return prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0);
}
/* Runs this program again, which tells its capabilities and whether it may rank itself. */
static int caps_after_exec(void)
{
	char name[] = "test_sandbox", word[] = "caps", fd[16];
	char *argv[] = {name, word, fd, NULL};
	int status = 0, fds[2];

	if (pipe(fds) != 0)
		return errno;
	snprintf(fd, sizeof(fd), "%d", fds[1]);
	pid_t pid = fork();
	if (pid == 0) {
		execv("/proc/self/exe", argv);
		_exit(errno);
	}
	close(fds[1]);
	if (read(fds[0], &told->caps, sizeof(told->caps)) != sizeof(told->caps))
		told->caps = ~0ull;
	close(fds[0]);
	return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : EIO;
}
static int no_new_privs(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : EIO;
}
static int dumpable(void)
{
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
}

static void capabilities_are_dropped_but_for_those_that_are_kept(void)
{
	bool root = (caps_of(1) & DAC_READ_SEARCH) != 0;
	struct sandbox sandbox = {.readable = {closed}};

	/* another user's file, and mode 0: only the capability opens it */
	CHECK(open_as(file_closed, O_RDONLY) == (root ? 0 : EACCES));
	CHECK(in(&sandbox, read_closed) == EACCES && told->done);
	CHECK(up(WALL_CAPABILITIES));
	CHECK_STR(told->report.walls[WALL_CAPABILITIES].text, "all dropped");
	sandbox.keep_caps = DAC_READ_SEARCH;
	CHECK(in(&sandbox, read_closed) == (root ? 0 : EACCES) && told->done);
	/* kept, but not past the other walls */
	sandbox.readable[0] = inside;
	if (root)
		landlock_stops(&sandbox, read_closed, EACCES, 1);
}

static void what_a_supervisor_passes_on_is_its_childrens_and_not_its_own(void)
{
	unsigned long long had = caps_of(1);
	struct sandbox sandbox = supervisor();

	sandbox.pass_caps = DAC_READ_SEARCH;
	int bounded = in(&sandbox, look_at_caps);
	CHECK(told->done && told->caps == 0);
	CHECK(bounded == (had & 1ull << CAP_SETPCAP ? 0 : prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN)));
	CHECK(in(&sandbox, caps_after_exec) == 0);
	CHECK(told->done && told->caps == (had & DAC_READ_SEARCH));
	sandbox.pass_caps = 0;
	CHECK(in(&sandbox, caps_after_exec) == 0);
	CHECK(told->done && told->caps == 0);
}

static void no_user_can_be_changed_and_no_rights_gained(void)
{
	struct sandbox sandbox = supervisor();

	/* EINVAL: there is no such user in a user namespace */
	int value = in(&sandbox, change_user);
	CHECK((value == EPERM || value == EINVAL) && told->done);
	CHECK(in(&sandbox, no_new_privs) == 0 && told->done && up(WALL_NO_NEW_PRIVS));
	seccomp_kills(&render, change_user);
}

static void other_processes_of_the_user_cannot_look_in(void)
{
	struct sandbox sandbox = supervisor();
	int value = in(&sandbox, dumpable);

#ifdef LIMPET_SANITIZED
	CHECK(told->done && value == 1);
#else
	CHECK(told->done && value == 0);
#endif
}

/* --- the supervisor --- */

static int do_unshare(void)
{
	return done(unshare(CLONE_NEWUSER));
}
static int do_mount(void)
{
	return done(mount("none", inside, "tmpfs", 0, NULL));
}
static int clone_namespace(void)
{
	long pid = syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : done(waitpid((pid_t)pid, NULL, 0));
}
static int do_clone3(void)
{
	errno = 0;
	return done(syscall(435 /* clone3 */, NULL, 0));
}
static int do_io_uring(void)
{
	return done(syscall(425 /* io_uring_setup */, 0, NULL));
}
static int signal_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return done(kill(pid, SIGKILL)) ? EIO : done(waitpid(pid, NULL, 0));
}

static void a_supervisor_starts_processes_and_ends_them(void)
{
	struct sandbox sandbox = supervisor();

	CHECK(in(&sandbox, do_fork) == 0 && told->done);
	CHECK(in(&sandbox, signal_child) == 0 && told->done);
	CHECK(in(&sandbox, do_thread) == 0 && told->done);
	landlock_stops(&sandbox, kill_parent, EPERM, 6);
}

static void a_supervisor_does_not_do_what_nobody_needs(void)
{
	struct sandbox sandbox = supervisor();

	seccomp_refuses(&sandbox, do_ptrace, EPERM);
	seccomp_refuses(&sandbox, do_unshare, EPERM);
	seccomp_refuses(&sandbox, do_mount, EPERM);
	seccomp_refuses(&sandbox, clone_namespace, EPERM);
	seccomp_refuses(&sandbox, do_clone3, ENOSYS);
	seccomp_refuses(&sandbox, do_io_uring, EPERM);
}

static int enter_render_too(void)
{
	struct sandbox_report inner;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		lp_sandbox_enter(&render, &inner);
		/* 1: a wall that the outer sandbox has is missing in the inner one */
		for (unsigned wall = 0; wall < WALLS; wall++)
			if (inner.walls[wall].up != told->report.walls[wall].up)
				_exit(1);
		if (read_inside() != 0)
			_exit(2);
		_exit(inner.walls[WALL_LANDLOCK].up && read_outside() != EACCES ? 3 : 0);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static void a_role_walls_itself_in_further_within_its_supervisors_walls(void)
{
	struct sandbox sandbox = supervisor();

	CHECK(in(&sandbox, enter_render_too) == 0 && told->done);
}

/* --- other doors into the kernel --- */

#if defined(__x86_64__)
static int call_as_i386(void)
{
	int result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory");
	return result > 0 ? 0 : EIO;
}
static int call_as_x32(void)
{
	return done(syscall(0x40000000 | SYS_getpid));
}

static void calls_by_another_processors_numbers_end_the_process(void)
{
	seccomp_kills(&render, call_as_i386);
	seccomp_kills(&render, call_as_x32);
	struct sandbox sandbox = supervisor(); /* its list denies, and x32 numbers are not on it */
	seccomp_kills(&sandbox, call_as_i386);
	seccomp_kills(&sandbox, call_as_x32);
}
#endif

/* --- ordinary work goes on --- */

static int ordinary_work(void)
{
	char text[64];
	time_t now = time(NULL);
	struct tm tm;
	struct stat st;
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	for (size_t n = 1; n < (size_t)32 << 20; n *= 2) {
		char *memory = malloc(n);
		memory = realloc(memory, n + 4096);
		memset(memory, 1, n);
		free(memory);
	}
	lp_random(text, sizeof(text));
	lp_sleep_ms(1);
	strftime(text, sizeof(text), "%F", gmtime_r(&now, &tm));
	poll(&p, 1, 0);
	DIR *dir = opendir(inside);
	while (dir && readdir(dir))
		;
	closedir(dir);
	FILE *file = fopen(file_inside, "r");
	if (!file || !fgets(text, sizeof(text), file) || fstat(fileno(file), &st) != 0)
		return EIO;
	fclose(file);
	if (open_as("/dev/null", O_RDWR) != 0 || open_as("/dev/urandom", O_RDONLY) != 0)
		return EACCES;
	setvbuf(stderr, NULL, _IOLBF, 0);
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	return isatty(STDIN_FILENO) > 1 || stat(file_inside, &st) != 0;
}

static int durable_work(void)
{
	char path[LP_PATH_MAX + 16], deep[LP_PATH_MAX + 32], moved[LP_PATH_MAX + 40];
	struct err e;

	snprintf(path, sizeof(path), "%s/state", outside);
	snprintf(deep, sizeof(deep), "%s/a/b/c", outside);
	if (lp_file_write(path, "x", 1, 0600, &e) != LP_OK || lp_dir_make(deep, &e) != LP_OK)
		return EIO;
	snprintf(moved, sizeof(moved), "%s/state", deep);
	/* between folders: the kernel denies it to who did not ask (ABI 2) */
	if (rename(path, moved) != 0 && told->report.walls[WALL_LANDLOCK].level != 1)
		return errno;
	snprintf(deep, sizeof(deep), "%s/a", outside);
	return lp_dir_remove(deep, &e) == LP_OK ? 0 : EIO;
}

static void ordinary_work_goes_on_within_the_walls(void)
{
	CHECK(in(&render, ordinary_work) == 0);
	CHECK(signo == 0 && told->done);
	CHECK(in(&fetch, durable_work) == 0);
	CHECK(signo == 0 && told->done);
}

/* --- reports --- */

static int nothing_at_all(void)
{
	return 0;
}

static void the_probe_finds_what_entering_finds_and_changes_nothing(void)
{
	struct sandbox_report probe;

	lp_sandbox_probe(&probe);
	in(&render, nothing_at_all);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 && read_outside() == 0);
	CHECK(probe.walls[WALL_LANDLOCK].up == up(WALL_LANDLOCK));
	CHECK(probe.walls[WALL_LANDLOCK].level == told->report.walls[WALL_LANDLOCK].level);
	CHECK(probe.walls[WALL_PIDFD].up == up(WALL_PIDFD));
	CHECK(probe.walls[WALL_NO_NEW_PRIVS].up && up(WALL_NO_NEW_PRIVS));
#ifndef LIMPET_SANITIZED
	CHECK(probe.walls[WALL_SECCOMP].up == up(WALL_SECCOMP));
#endif
	for (unsigned wall = 0; wall < WALLS; wall++) {
		CHECK(strlen(probe.walls[wall].text) > 3);
		CHECK(strlen(told->report.walls[wall].text) > 2);
	}
}

static void walls_have_names_and_the_first_missing_one_is_found(void)
{
	struct sandbox_report report;

	lp_sandbox_probe(&report);
	for (unsigned wall = 0; wall < WALLS; wall++) {
		CHECK(strlen(lp_wall_name((enum wall)wall)) > 4);
		report.walls[wall].up = true;
	}
	CHECK(lp_sandbox_missing(&report) == WALLS);
	CHECK_STR(lp_wall_name(WALLS), "none");
	report.walls[WALL_SECCOMP].up = false;
	CHECK(lp_sandbox_missing(&report) == WALL_SECCOMP);
	CHECK_STR(lp_wall_name(WALL_SECCOMP), "seccomp");
}

/* --- set up --- */

static void make_file(char path[LP_PATH_MAX], const char *folder, const char *name, unsigned mode)
{
	CHECK_OK(lp_path_join(path, folder, name, &err));
	CHECK_OK(lp_file_write(path, "text\n", 5, mode, &err));
}

static void make_box(void)
{
	snprintf(box, sizeof(box), "/tmp/limpet-test-sandbox-XXXXXX");
	CHECK(mkdtemp(box) != NULL);
	CHECK_OK(lp_path_join(inside, box, "inside", &err));
	CHECK_OK(lp_path_join(outside, box, "outside", &err));
	CHECK_OK(lp_path_join(closed, box, "closed", &err));
	CHECK_OK(lp_dir_make(inside, &err));
	CHECK_OK(lp_dir_make(outside, &err));
	CHECK_OK(lp_dir_make(closed, &err));
	make_file(file_inside, inside, "file", 0600);
	CHECK_OK(lp_path_join(victim, inside, "victim", &err));
	make_file(file_outside, outside, "file", 0600);
	make_file(file_closed, closed, "file", 0000);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(told != MAP_FAILED);
}

static void remove_box(void)
{
	CHECK_OK(lp_dir_remove(box, &err));
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "caps") == 0) {
		unsigned long long caps = caps_of(0);
		int fd = (int)strtol(argv[2], NULL, 10);
		int rank = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
		return write(fd, &caps, sizeof(caps)) != sizeof(caps) || rank < 0;
	}
	alarm(100);
	TEST(make_box);
	TEST(what_is_named_readable_can_be_read_and_nothing_else);
	TEST(what_is_named_writable_can_be_changed_and_nothing_else);
	TEST(without_a_writable_path_no_file_can_be_removed_at_all);
	TEST(a_path_that_is_not_there_is_left_out);
	TEST(a_readable_file_opens_and_its_neighbour_does_not);
	TEST(a_role_without_network_makes_no_socket);
	TEST(a_role_with_network_is_a_client_of_the_internet_and_of_nothing_else);
	TEST(names_can_be_resolved_within_the_walls);
	TEST(the_clock_is_asked_for_its_error_and_never_set);
	TEST(a_role_makes_no_process);
	TEST(threads_are_there_only_for_who_asked_for_them);
	TEST(a_role_reaches_no_other_process);
	TEST(memory_becomes_executable_only_for_a_dynamic_loader);
	TEST(memory_past_the_limit_is_not_given);
	TEST(a_file_past_the_limit_is_an_error_and_no_death);
	TEST(descriptors_past_the_limit_are_refused);
	TEST(processor_time_past_the_limit_ends_the_role_by_its_own_signal);
	TEST(no_core_is_ever_written);
	TEST(capabilities_are_dropped_but_for_those_that_are_kept);
	TEST(what_a_supervisor_passes_on_is_its_childrens_and_not_its_own);
	TEST(no_user_can_be_changed_and_no_rights_gained);
	TEST(other_processes_of_the_user_cannot_look_in);
	TEST(a_supervisor_starts_processes_and_ends_them);
	TEST(a_supervisor_does_not_do_what_nobody_needs);
	TEST(a_role_walls_itself_in_further_within_its_supervisors_walls);
#if defined(__x86_64__)
	TEST(calls_by_another_processors_numbers_end_the_process);
#endif
	TEST(ordinary_work_goes_on_within_the_walls);
	TEST(the_probe_finds_what_entering_finds_and_changes_nothing);
	TEST(walls_have_names_and_the_first_missing_one_is_found);
	TEST(remove_box);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp: which system calls a process may make. A role's filter is a list of
 * what is allowed, and anything else ends the process; the supervisor's is a
 * list of what is denied, because every role inherits it. The lists are what
 * musl and glibc use on x86_64, arm64 and armhf: after a change of libc or a
 * library, `journalctl -k` shows the number of a call that is missing here.
 */
#include "platform/walls.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#else
#error "seccomp.c: list the system calls of this processor"
#endif

#define X32_BIT      0x40000000u
#define CLONE_THREAD 0x00010000u
#define CLONE_NEW    0x7e020080u /* any namespace */
#define PR_VMA       0x53564d41u /* glibc names its heaps by it */

/* How an argument must be for a rule to hold; what no rule holds for gets the default. */
enum test {
	ALWAYS,
	EQUALS,  /* the argument is value */
	HAS,     /* some bit of value is set */
	HAS_NOT, /* no bit of value is set */
};

struct rule {
	unsigned nr;
	uint8_t test, arg;
	uint16_t refuse; /* 0: the call is allowed; otherwise it returns this errno */
	uint32_t value;
};

#define ALLOW(name)               \
	{                         \
		.nr = __NR_##name \
	}
#define ALLOW_IF(name, arg_, test_, v)                                          \
	{                                                                       \
		.nr = __NR_##name, .test = (test_), .arg = (arg_), .value = (v) \
	}
#define REFUSE(name, errnum)                          \
	{                                             \
		.nr = __NR_##name, .refuse = (errnum) \
	}
#define REFUSE_IF(name, arg_, test_, v, errnum)                                  \
	{                                                                        \
		.nr = __NR_##name, .test = (test_), .arg = (arg_), .value = (v), \
		.refuse = (errnum)                                               \
	}

/* clang-format off */
static const struct rule base[] = {
	/* descriptors */
	ALLOW(read), ALLOW(write), ALLOW(readv), ALLOW(writev), ALLOW(pread64), ALLOW(pwrite64),
	ALLOW(preadv), ALLOW(pwritev), ALLOW(lseek), ALLOW(close), ALLOW(close_range), ALLOW(fcntl),
	ALLOW(dup), ALLOW(dup3), ALLOW(pipe2), ALLOW(ppoll), ALLOW(pselect6), ALLOW(epoll_create1),
	ALLOW(epoll_ctl), ALLOW(epoll_pwait), ALLOW(eventfd2), ALLOW(timerfd_create),
	ALLOW(timerfd_settime), ALLOW(timerfd_gettime), ALLOW(signalfd4),
	ALLOW_IF(ioctl, 1, EQUALS, FIONBIO), ALLOW_IF(ioctl, 1, EQUALS, FIONREAD),
	REFUSE(ioctl, ENOTTY),
	/* the channel to the supervisor */
	ALLOW(sendto), ALLOW(recvfrom), ALLOW(sendmsg), ALLOW(recvmsg), ALLOW(shutdown),
	/* memory; never executable */
	ALLOW(brk), ALLOW(munmap), ALLOW(mremap), ALLOW(madvise), ALLOW(membarrier), ALLOW(msync),
	ALLOW_IF(mprotect, 2, HAS_NOT, PROT_EXEC),
	/* time, identity, luck */
	ALLOW(clock_gettime), ALLOW(clock_getres), ALLOW(clock_nanosleep), ALLOW(nanosleep),
	ALLOW(gettimeofday), ALLOW(getpid), ALLOW(getppid), ALLOW(gettid), ALLOW(getuid),
	ALLOW(geteuid), ALLOW(getgid), ALLOW(getegid), ALLOW(getrandom), ALLOW(uname),
	ALLOW(getrusage), ALLOW(prlimit64), ALLOW(sysinfo), ALLOW(sched_yield),
	ALLOW(sched_getaffinity), ALLOW(getcpu), ALLOW(getcwd), ALLOW(umask),
	ALLOW_IF(prctl, 0, EQUALS, PR_SET_NAME), ALLOW_IF(prctl, 0, EQUALS, PR_VMA),
	REFUSE(prctl, EPERM),
	/* locks, signals, the end */
	ALLOW(futex), ALLOW(set_robust_list), ALLOW(rseq), ALLOW(set_tid_address),
	ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(rt_sigtimedwait),
	ALLOW(rt_sigpending), ALLOW(sigaltstack), ALLOW(tgkill), ALLOW(tkill),
	ALLOW(restart_syscall), ALLOW(exit), ALLOW(exit_group),
	/* files; Landlock says which, and nothing can be changed without the list below */
	ALLOW(openat), ALLOW(fstat), ALLOW(statx), ALLOW(statfs), ALLOW(fstatfs), ALLOW(faccessat),
	ALLOW(faccessat2), ALLOW(readlinkat), ALLOW(getdents64), ALLOW(flock), ALLOW(readahead),
#if defined(__aarch64__) || defined(__x86_64__)
	ALLOW_IF(mmap, 2, HAS_NOT, PROT_EXEC), ALLOW(newfstatat), ALLOW(fadvise64),
#endif
#if !defined(__aarch64__)
	ALLOW(open), ALLOW(stat), ALLOW(lstat), ALLOW(access), ALLOW(readlink), ALLOW(getdents),
	ALLOW(poll), ALLOW(epoll_create), ALLOW(epoll_wait), ALLOW(eventfd), ALLOW(dup2),
	ALLOW(pipe),
#endif
#if defined(__x86_64__)
	ALLOW(select), ALLOW(time), ALLOW(arch_prctl),
#endif
#if defined(__arm__)
	ALLOW_IF(mmap2, 2, HAS_NOT, PROT_EXEC), ALLOW(_llseek), ALLOW(_newselect), ALLOW(fcntl64),
	ALLOW(stat64), ALLOW(lstat64), ALLOW(fstat64), ALLOW(fstatat64), ALLOW(statfs64),
	ALLOW(fstatfs64), ALLOW(arm_fadvise64_64), ALLOW(clock_gettime64),
	ALLOW(clock_getres_time64), ALLOW(clock_nanosleep_time64), ALLOW(ppoll_time64),
	ALLOW(pselect6_time64), ALLOW(futex_time64), ALLOW(rt_sigtimedwait_time64),
	ALLOW(timerfd_settime64), ALLOW(timerfd_gettime64), ALLOW(getuid32), ALLOW(geteuid32),
	ALLOW(getgid32), ALLOW(getegid32), ALLOW(ugetrlimit), ALLOW(sigreturn), ALLOW(send),
	ALLOW(recv), {.nr = 0xf0002u /* cacheflush */}, {.nr = 0xf0005u /* set_tls */},
#endif
};

static const struct rule writing[] = {
	ALLOW(ftruncate), ALLOW(fallocate), ALLOW(fsync), ALLOW(fdatasync), ALLOW(renameat),
	ALLOW(renameat2), ALLOW(unlinkat), ALLOW(mkdirat), ALLOW(linkat), ALLOW(fchmod),
	ALLOW(fchmodat), ALLOW(utimensat), ALLOW(sendfile), ALLOW(copy_file_range),
#if !defined(__aarch64__)
	ALLOW(rename), ALLOW(unlink), ALLOW(mkdir), ALLOW(rmdir), ALLOW(link), ALLOW(chmod),
	ALLOW(futimesat),
#endif
#if defined(__x86_64__)
	ALLOW(utime), ALLOW(utimes),
#endif
#if defined(__arm__)
	ALLOW(ftruncate64), ALLOW(utimensat_time64), ALLOW(sendfile64), ALLOW(utimes),
#endif
};

static const struct rule network[] = {
	ALLOW_IF(socket, 0, EQUALS, AF_INET), ALLOW_IF(socket, 0, EQUALS, AF_INET6),
	REFUSE(socket, EAFNOSUPPORT), /* glibc asks nscd and netlink, and does without */
	ALLOW_IF(socketpair, 0, EQUALS, AF_UNIX),
	ALLOW(connect), ALLOW(bind), ALLOW(getsockname), ALLOW(getpeername), ALLOW(setsockopt),
	ALLOW(getsockopt), ALLOW(sendmmsg), ALLOW(recvmmsg),
	/* whether the clock that certificates are judged by is synchronised; without CAP_SYS_TIME,
	 * which nobody here has, they set nothing */
	ALLOW(adjtimex), ALLOW(clock_adjtime),
#if defined(__arm__)
	ALLOW(recvmmsg_time64), ALLOW(clock_adjtime64),
#endif
};

static const struct rule threads[] = {
	ALLOW_IF(clone, 0, HAS, CLONE_THREAD),
	REFUSE(clone3, ENOSYS), /* its flags are out of a filter's sight; libc falls back to clone */
};

/* A dynamic loader maps libraries when it likes: only in developers' builds. */
static const struct rule dynamic[] = {
	ALLOW(mprotect),
#if defined(__arm__)
	ALLOW(mmap2),
#else
	ALLOW(mmap),
#endif
};

static const struct rule denied[] = {
	/* other processes */
	REFUSE(ptrace, EPERM), REFUSE(process_vm_readv, EPERM), REFUSE(process_vm_writev, EPERM),
	REFUSE(kcmp, EPERM), REFUSE(pidfd_getfd, EPERM),
	/* the kernel */
	REFUSE(bpf, EPERM), REFUSE(perf_event_open, EPERM), REFUSE(userfaultfd, EPERM),
	REFUSE(init_module, EPERM), REFUSE(finit_module, EPERM), REFUSE(delete_module, EPERM),
	REFUSE(kexec_load, EPERM), REFUSE(reboot, EPERM), REFUSE(syslog, EPERM),
	REFUSE(io_uring_setup, EPERM), REFUSE(io_uring_enter, EPERM),
	REFUSE(io_uring_register, EPERM), REFUSE(personality, EPERM), REFUSE(acct, EPERM),
	REFUSE(swapon, EPERM), REFUSE(swapoff, EPERM), REFUSE(quotactl, EPERM),
	/* keys */
	REFUSE(add_key, EPERM), REFUSE(request_key, EPERM), REFUSE(keyctl, EPERM),
	/* mounts and namespaces */
	REFUSE(mount, EPERM), REFUSE(umount2, EPERM), REFUSE(pivot_root, EPERM),
	REFUSE(move_mount, EPERM), REFUSE(open_tree, EPERM), REFUSE(fsopen, EPERM),
	REFUSE(fsconfig, EPERM), REFUSE(fsmount, EPERM), REFUSE(fspick, EPERM),
	REFUSE(mount_setattr, EPERM), REFUSE(chroot, EPERM), REFUSE(setns, EPERM),
	REFUSE(unshare, EPERM), REFUSE_IF(clone, 0, HAS, CLONE_NEW, EPERM), REFUSE(clone3, ENOSYS),
	REFUSE(name_to_handle_at, EPERM), REFUSE(open_by_handle_at, EPERM),
	REFUSE(fanotify_init, EPERM),
	/* the machine's clock and name; adjtimex only asks, without CAP_SYS_TIME */
	REFUSE(settimeofday, EPERM), REFUSE(clock_settime, EPERM), REFUSE(sethostname, EPERM),
	REFUSE(setdomainname, EPERM),
#if defined(__x86_64__)
	REFUSE(iopl, EPERM), REFUSE(ioperm, EPERM), REFUSE(modify_ldt, EPERM),
#endif
#if !defined(__arm__)
	REFUSE(kexec_file_load, EPERM),
#else
	REFUSE(clock_settime64, EPERM),
#endif
};
/* clang-format on */

#define RULE_STEPS 6 /* at most, of one rule */
#define RULES      (sizeof(base) + sizeof(writing) + sizeof(network) + sizeof(threads) + sizeof(dynamic))
#define STEPS      (RULES / sizeof(struct rule) * RULE_STEPS + 8)

struct program {
	struct sock_filter steps[STEPS];
	unsigned short len;
};

_Static_assert(sizeof(denied) <= RULES, "the supervisor's rules fit too");
_Static_assert(STEPS <= BPF_MAXINSNS, "the kernel takes no more");

static void step(struct program *p, unsigned code, uint32_t k, unsigned yes, unsigned no)
{
	p->steps[p->len++] = (struct sock_filter){
		.code = (uint16_t)code, .jt = (uint8_t)yes, .jf = (uint8_t)no, .k = k};
}

static void load(struct program *p, size_t offset)
{
	step(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_nr(struct program *p)
{
	load(p, offsetof(struct seccomp_data, nr));
}

static void finish(struct program *p, uint32_t action)
{
	step(p, BPF_RET | BPF_K, action, 0, 0);
}

/* The number of the call is loaded before and after each rule. */
static void add(struct program *p, const struct rule *rule)
{
	uint32_t action = rule->refuse ? SECCOMP_RET_ERRNO | rule->refuse : SECCOMP_RET_ALLOW;

	if (rule->test == ALWAYS) {
		step(p, BPF_JMP | BPF_JEQ | BPF_K, rule->nr, 0, 1);
		finish(p, action);
		return;
	}
	step(p, BPF_JMP | BPF_JEQ | BPF_K, rule->nr, 0, 4);
	/* the low half: all three processors are little endian, and what is tested is an int */
	load(p, offsetof(struct seccomp_data, args) + 8u * rule->arg);
	step(p, BPF_JMP | (rule->test == EQUALS ? BPF_JEQ : BPF_JSET) | BPF_K, rule->value,
	     rule->test == HAS_NOT ? 1 : 0, rule->test == HAS_NOT ? 0 : 1);
	finish(p, action);
	load_nr(p);
}

#define ADD_ALL(program, rules)                                                    \
	do {                                                                       \
		for (size_t i_ = 0; i_ < sizeof(rules) / sizeof((rules)[0]); i_++) \
			add(program, &(rules)[i_]);                                \
	} while (0)

static void assemble(const struct sandbox *sandbox, struct program *p)
{
	/* A call by the numbers of another processor would be judged by the wrong list. */
	load(p, offsetof(struct seccomp_data, arch));
	step(p, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	finish(p, SECCOMP_RET_KILL_PROCESS);
	load_nr(p);
#if defined(__x86_64__)
	step(p, BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 0, 1);
	finish(p, SECCOMP_RET_KILL_PROCESS);
#endif
	if (sandbox->supervisor) {
		ADD_ALL(p, denied);
		finish(p, SECCOMP_RET_ALLOW);
		return;
	}
	ADD_ALL(p, base);
	if (sandbox->writable[0])
		ADD_ALL(p, writing);
	if (sandbox->network)
		ADD_ALL(p, network);
	if (sandbox->threads)
		ADD_ALL(p, threads);
	if (lp_wall_dynamic())
		ADD_ALL(p, dynamic);
	finish(p, SECCOMP_RET_KILL_PROCESS);
}

#ifdef LIMPET_SANITIZED
void lp_seccomp_enter(const struct sandbox *sandbox, struct wall_state *ret)
{
	static struct program program;

	assemble(sandbox, &program); /* its bounds are checked; it is not installed */
	lp_wall_set(ret, false, "left out: a sanitizer needs calls of its own");
}
#else
void lp_seccomp_enter(const struct sandbox *sandbox, struct wall_state *ret)
{
	struct program program = {.len = 0};

	assemble(sandbox, &program);
	struct sock_fprog fprog = {.len = program.len, .filter = program.steps};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog, 0, 0) == 0)
		lp_wall_set(ret, true, "%s", sandbox->supervisor ? "deny list" : "allow list");
	else
		lp_wall_set(ret, false, "refused (%s): Linux with CONFIG_SECCOMP_FILTER has it",
			    strerror(errno));
}
#endif

void lp_seccomp_probe(struct wall_state *ret)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	if (syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		lp_wall_set(ret, true, "filters can be installed");
	else
		lp_wall_set(ret, false,
			    "not there (%s): Linux 4.14 with CONFIG_SECCOMP_FILTER has it",
			    strerror(errno));
}

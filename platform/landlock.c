/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: which files a process can reach, and that it can reach no other
 * process. The kernel's ABI grew in steps; what it does not know yet is left
 * out and reported. The numbers are spelled out because a distribution's
 * kernel headers are often older than the kernel a device runs.
 */
#include "platform/fs.h"
#include "platform/walls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define VERSION_FLAG 1u
#define RULE_PATH    1

#define FS_EXECUTE    (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE  (1ull << 2)
#define FS_READ_DIR   (1ull << 3)
#define FS_MAKE_CHAR  (1ull << 6)
#define FS_MAKE_BLOCK (1ull << 11)
#define FS_ABI1       ((1ull << 13) - 1) /* Linux 5.13 */
#define FS_REFER      (1ull << 13)       /* ABI 2, 5.19: rename between folders */
#define FS_TRUNCATE   (1ull << 14)       /* ABI 3, 6.2 */
#define FS_IOCTL_DEV  (1ull << 15)       /* ABI 5, 6.10 */
#define NET_TCP       3ull               /* ABI 4, 6.7: bind and connect */
#define SCOPES        3ull               /* ABI 6, 6.12: abstract unix sockets, signals */

#define FS_READ (FS_READ_FILE | FS_READ_DIR)
#define FS_WRITE   \
	(FS_READ | \
	 ((FS_ABI1 | FS_REFER | FS_TRUNCATE) & ~(FS_EXECUTE | FS_MAKE_CHAR | FS_MAKE_BLOCK)))
/* What a rule on something else than a folder may hold. */
#define FS_OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
	uint64_t fs, net, scoped;
};
struct path_attr {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

struct ruleset {
	int fd;
	uint64_t handled; /* file system rights that the kernel's ABI knows */
	int failed;       /* errno of the first rule that was refused; 0 none */
};

bool lp_wall_dynamic(void)
{
	return getauxval(AT_BASE) != 0;
}

static int abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);
}

static void missing(int errnum, struct wall_state *ret)
{
	ret->level = 0;
	if (errnum == EOPNOTSUPP)
		lp_wall_set(ret, false,
			    "switched off: add landlock to the kernel's lsm= parameter");
	else if (errnum == ENOSYS)
		lp_wall_set(ret, false,
			    "not in this kernel: Linux 5.13 with CONFIG_SECURITY_LANDLOCK has it");
	else
		lp_wall_set(ret, false, "refused: %s", strerror(errnum));
}

static void describe(int level, struct wall_state *ret)
{
	ret->level = level;
	lp_wall_set(ret, true, "ABI %d%s%s%s", level,
		    level < 3 ? "; truncation is not walled: Linux 6.2 does" : "",
		    level < 6 ? "; signals are not walled: Linux 6.12 does" : "",
		    lp_wall_dynamic() ? "; dynamically linked, so /usr and /lib are readable" : "");
}

static void allow(struct ruleset *rules, const char *path, uint64_t access)
{
	LP_AUTO(lp_close) int fd = open(path, O_PATH | O_CLOEXEC);
	struct path_attr attr = {.allowed = access & rules->handled, .fd = fd};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return; /* what is not there cannot be opened either */
	if (!S_ISDIR(st.st_mode))
		attr.allowed &= FS_OF_FILES;
	if (syscall(SYS_landlock_add_rule, rules->fd, RULE_PATH, &attr, 0) != 0 && !rules->failed)
		rules->failed = errno;
}

/* What every process of limpet needs, whatever its role. */
static void allow_own(struct ruleset *rules, const struct sandbox *sandbox)
{
	static const char *const loader[] = {"/usr", "/lib", "/lib64", "/etc/ld.so.cache",
					     "/etc/nsswitch.conf"};

	allow(rules, "/dev/null", FS_READ_FILE | FS_WRITE_FILE);
	allow(rules, "/dev/urandom", FS_READ_FILE);
	allow(rules, "/dev/random", FS_READ_FILE); /* mbedTLS on musl seeds from it */
	if (lp_wall_dynamic())
		for (size_t i = 0; i < sizeof(loader) / sizeof(loader[0]); i++)
			allow(rules, loader[i], FS_READ | FS_EXECUTE);
	if (sandbox->supervisor) {
		allow(rules, "/proc/self/exe", FS_READ_FILE | FS_EXECUTE);
		allow(rules, "/proc", FS_READ | FS_WRITE_FILE); /* a role's oom_score_adj */
	}
#ifdef LIMPET_SANITIZED
	allow(rules, "/proc", FS_READ);
#endif
}

static struct ruleset_attr handled_by(int level, const struct sandbox *sandbox)
{
	struct ruleset_attr attr = {.fs = FS_ABI1};

	if (level >= 2)
		attr.fs |= FS_REFER;
	if (level >= 3)
		attr.fs |= FS_TRUNCATE;
	if (level >= 4 && !sandbox->network && !sandbox->supervisor)
		attr.net = NET_TCP;
	if (level >= 5)
		attr.fs |= FS_IOCTL_DEV;
	if (level >= 6)
		attr.scoped = SCOPES;
	return attr;
}

static size_t size_for(int level)
{
	return level >= 6 ? sizeof(struct ruleset_attr) : level >= 4 ? 16 : 8;
}

void lp_landlock_enter(const struct sandbox *sandbox, struct wall_state *ret)
{
	int level = abi();

	if (level < 1) {
		missing(errno, ret);
		return;
	}
	struct ruleset_attr attr = handled_by(level, sandbox);
	struct ruleset rules = {.handled = attr.fs};
	rules.fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size_for(level), 0);
	LP_AUTO(lp_close) int fd = rules.fd;
	if (fd < 0) {
		missing(errno, ret);
		return;
	}
	allow_own(&rules, sandbox);
	for (size_t i = 0; i < LP_SANDBOX_PATHS && sandbox->readable[i]; i++)
		allow(&rules, sandbox->readable[i], FS_READ);
	for (size_t i = 0; i < LP_SANDBOX_PATHS && sandbox->writable[i]; i++)
		allow(&rules, sandbox->writable[i], FS_WRITE);
	if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		missing(errno, ret);
	else if (rules.failed)
		lp_wall_set(ret, false, "a path could not be opened up: %s",
			    strerror(rules.failed));
	else
		describe(level, ret);
}

void lp_landlock_probe(struct wall_state *ret)
{
	int level = abi();

	if (level < 1)
		missing(errno, ret);
	else
		describe(level, ret);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/sandbox.h"

#include "platform/fs.h"
#include "platform/walls.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define CPU_GRACE_S 2 /* from SIGXCPU, which says why, to SIGKILL */

void lp_wall_set(struct wall_state *ret, bool up, const char *fmt, ...)
{
	va_list args;

	ret->up = up;
	va_start(args, fmt);
	vsnprintf(ret->text, sizeof(ret->text), fmt, args);
	va_end(args);
}

/* --- no_new_privs --- */

static void set_no_new_privs(struct wall_state *ret)
{
	bool up = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;

#ifndef LIMPET_SANITIZED /* the leak check looks into its own process */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	lp_wall_set(ret, up, up ? "no program gains rights" : "refused: Linux 3.5 has it");
}

static void probe_no_new_privs(struct wall_state *ret)
{
	bool up = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) >= 0;

	lp_wall_set(ret, up, up ? "can be set" : "not in this kernel: Linux 3.5 has it");
}

/* --- limits --- */

/* Lowers a limit to value, with some room up to the hard one; never raises it. errno or 0. */
static int lower(int resource, uint64_t value, uint64_t room)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0)
		return errno;
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > value + room)
		limit.rlim_max = (rlim_t)(value + room);
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > value)
		limit.rlim_cur = (rlim_t)value;
	if (setrlimit(resource, &limit) != 0)
		return errno;
	struct rlimit now;
	bool taken = getrlimit(resource, &now) == 0 && now.rlim_max == limit.rlim_max;
	return taken ? 0 : ENOTSUP; /* an emulator says yes and does nothing */
}

static void set_limits(const struct sandbox *sandbox, struct wall_state *ret)
{
	const struct {
		const char *name;
		int resource;
		uint64_t value, room;
	} limits[] = {
		{"the largest file", RLIMIT_FSIZE, sandbox->fsize_bytes, 0},
		{"open descriptors", RLIMIT_NOFILE, sandbox->nofile, 0},
		{"processor time", RLIMIT_CPU, sandbox->cpu_s, CPU_GRACE_S},
#ifndef LIMPET_SANITIZED /* a sanitizer maps terabytes */
		{"address space", RLIMIT_AS, sandbox->as_bytes, 0},
#endif
	};

	lp_wall_set(ret, true, "set");
	signal(SIGXFSZ, SIG_IGN); /* so that a write says EFBIG */
	lower(RLIMIT_CORE, 0, 0); /* PR_SET_DUMPABLE says the same */
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int failed = limits[i].value
				     ? lower(limits[i].resource, limits[i].value, limits[i].room)
				     : 0;
		if (failed)
			lp_wall_set(ret, false, "%s is not limited: %s", limits[i].name,
				    strerror(failed));
	}
#ifdef LIMPET_SANITIZED
	lp_wall_set(ret, false, "address space is not limited: a sanitizer needs it");
#endif
}

/* --- capabilities --- */

struct caps {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[2];
};

static bool get_caps(struct caps *caps)
{
	caps->header = (struct __user_cap_header_struct){.version = _LINUX_CAPABILITY_VERSION_3};
	return syscall(SYS_capget, &caps->header, caps->data) == 0;
}

static uint64_t permitted(const struct caps *caps)
{
	return (uint64_t)caps->data[1].permitted << 32 | caps->data[0].permitted;
}

/* What children can never get again; root alone, or systemd's CapabilityBoundingSet, can say so. */
static void lower_bounding_set(uint64_t wanted)
{
	for (unsigned cap = 0; cap < 64; cap++)
		if (!(wanted >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 &&
		    errno == EINVAL)
			return; /* past the last one that this kernel knows */
}

static void pass_on(uint64_t wanted)
{
	for (unsigned cap = 0; cap < 64; cap++)
		if (wanted >> cap & 1)
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
}

static void set_caps(const struct sandbox *sandbox, struct wall_state *ret)
{
	struct caps caps;

	if (!get_caps(&caps)) {
		lp_wall_set(ret, false, "cannot be read: %s", strerror(errno));
		return;
	}
	lower_bounding_set(sandbox->keep_caps | sandbox->pass_caps);
	uint64_t keep = sandbox->keep_caps & permitted(&caps);
	uint64_t pass = sandbox->pass_caps & permitted(&caps);
	for (int i = 0; i < 2; i++) {
		caps.data[i].effective = (uint32_t)(keep >> (32 * i));
		caps.data[i].permitted = (uint32_t)((keep | pass) >> (32 * i));
		caps.data[i].inheritable = (uint32_t)(pass >> (32 * i));
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	bool up = syscall(SYS_capset, &caps.header, caps.data) == 0;
	pass_on(pass);
	lp_wall_set(ret, up,
		    up ? (keep | pass) ? "all but the needed ones are dropped" : "all dropped"
		       : "cannot be dropped: capset is refused");
}

static void probe_caps(struct wall_state *ret)
{
	struct caps caps;
	bool up = get_caps(&caps);

	lp_wall_set(ret, up, "running as user %u, capabilities %llx", (unsigned)geteuid(),
		    up ? (unsigned long long)permitted(&caps) : 0ull);
}

/* --- the process descriptors that the supervisor waits on --- */

static void probe_pidfd(struct wall_state *ret)
{
	LP_AUTO(lp_close) int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	if (fd >= 0)
		lp_wall_set(ret, true, "there");
	else
		lp_wall_set(ret, false,
			    "not there (%s): Linux 5.3 has it, and `limpet run` needs it",
			    strerror(errno));
}

/* --- all of them --- */

void lp_sandbox_enter(const struct sandbox *sandbox, struct sandbox_report *ret)
{
	memset(ret, 0, sizeof(*ret));
	probe_pidfd(&ret->walls[WALL_PIDFD]);
	set_no_new_privs(&ret->walls[WALL_NO_NEW_PRIVS]);
	/* Before the capability that opens folders is gone, and before prctl is. */
	lp_landlock_enter(sandbox, &ret->walls[WALL_LANDLOCK]);
	set_limits(sandbox, &ret->walls[WALL_LIMITS]);
	set_caps(sandbox, &ret->walls[WALL_CAPABILITIES]);
	lp_seccomp_enter(sandbox, &ret->walls[WALL_SECCOMP]);
}

void lp_sandbox_probe(struct sandbox_report *ret)
{
	memset(ret, 0, sizeof(*ret));
	probe_no_new_privs(&ret->walls[WALL_NO_NEW_PRIVS]);
	lp_wall_set(&ret->walls[WALL_LIMITS], true, "can be set");
	probe_caps(&ret->walls[WALL_CAPABILITIES]);
	lp_landlock_probe(&ret->walls[WALL_LANDLOCK]);
	lp_seccomp_probe(&ret->walls[WALL_SECCOMP]);
	probe_pidfd(&ret->walls[WALL_PIDFD]);
}

const char *lp_wall_name(enum wall wall)
{
	static const char *const names[WALLS] = {
		[WALL_NO_NEW_PRIVS] = "no_new_privs", [WALL_LIMITS] = "limits",
		[WALL_CAPABILITIES] = "capabilities", [WALL_LANDLOCK] = "Landlock",
		[WALL_SECCOMP] = "seccomp",           [WALL_PIDFD] = "pidfd",
	};
	return wall < WALLS ? names[wall] : "none";
}

enum wall lp_sandbox_missing(const struct sandbox_report *report)
{
	unsigned wall = 0;

	while (wall < WALLS && report->walls[wall].up)
		wall++;
	return (enum wall)wall;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An accept as the supervisor makes it (the revision with its floor, then the floor's copy), killed
 * at each single call that changes the disk.
 */
#include "store/floor_copy.h"
#include "tests/fault/store/whole.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static enum lp_code accept_and_copy(unsigned number)
{
	struct stored_floor floor;
	int64_t id;

	LP_TRY(try_accept("site", number, OBJECTS, 3, &id));
	LP_TRY(lp_floor_get(db, "site", &floor, &err));
	return lp_floor_copy_write(folder, "site", &floor, &err);
}

static int child(unsigned number)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	bool good = lp_db_open(path, LP_DB_WRITE, &db, &err) == LP_OK &&
		    accept_and_copy(number) == LP_OK;
	lp_db_close(&db);
	return good ? 0 : 1;
}

static bool changes_the_disk(uint64_t call)
{
	static const uint64_t calls[] = {
		SYS_write,    SYS_pwrite64,  SYS_writev,   SYS_fsync,     SYS_fdatasync, SYS_openat,
		SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_ftruncate, SYS_fallocate,
#ifdef SYS_rename
		SYS_rename,   SYS_unlink,    SYS_open,
#endif
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == call)
			return true;
	return false;
}

/* Lets the child run to its nth such call and kills it there; false: it ended before. */
static bool kill_at(pid_t pid, long n)
{
	struct __ptrace_syscall_info info;
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
	for (;;) {
		CHECK(ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0);
		CHECK(waitpid(pid, &status, 0) == pid);
		if (WIFEXITED(status)) {
			CHECK(WEXITSTATUS(status) == 0);
			return false;
		}
		CHECK(WIFSTOPPED(status));
		if (WSTOPSIG(status) != (SIGTRAP | 0x80) ||
		    ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) <= 0)
			continue;
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && changes_the_disk(info.entry.nr) &&
		    --n == 0)
			break;
	}
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	return true;
}

/* What a start makes of it: the copy is never ahead, and never more than one accept behind. */
static int64_t old_or_new(void)
{
	struct floor_copies copies;

	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
	int64_t counter = the_store_is_whole();
	CHECK_OK(lp_floor_copies_read(folder, "site", &copies, &err));
	CHECK(copies.found && copies.damaged == 0);
	CHECK(copies.newest.counter == counter || copies.newest.counter == counter - 1);
	return counter;
}

static void killed_at_each_change_an_accept_is_old_or_new(void)
{
	long n, before = 0, behind = 0;
	bool killed = true;

	for (n = 1; killed; n++) {
		struct floor_copies copies;

		start();
		CHECK_OK(accept_and_copy(1));
		lp_db_close(&db);
		fflush(stdout);
		pid_t pid = fork();
		if (pid == 0)
			_exit(child(2));
		killed = kill_at(pid, n);
		int64_t counter = old_or_new();
		CHECK(killed || counter == 2);
		before += counter == 1;
		CHECK_OK(lp_floor_copies_read(folder, "site", &copies, &err));
		behind += copies.newest.counter < counter;
		if (counter == 1)
			CHECK_OK(accept_and_copy(2));
		lp_db_close(&db);
		CHECK(old_or_new() == 2);
		lp_db_close(&db);
	}
	printf("  killed at %ld changes: %ld left the old one, %ld the new one without its copy\n",
	       n - 2, before, behind);
	CHECK(before > 5 && behind > 2 && n > 20);
}

int main(void)
{
	TEST(killed_at_each_change_an_accept_is_old_or_new);
	remove_folder();
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/fs.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char box[LP_PATH_MAX];

/*
 * In the place of libc's own, so that the order of the calls is seen and a disk
 * that fails can be had: each notes one letter, and the one to fail says EIO.
 */
static char calls[16];
static char failing;

static int noted(char letter)
{
	size_t n = strlen(calls);

	if (n < sizeof(calls) - 1)
		calls[n] = letter;
	if (letter == failing)
		errno = EIO;
	return letter == failing;
}

int fsync(int fd)
{
	struct stat st;

	if (noted(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 'd' : 'f'))
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
	return noted('r') ? -1 : renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static const char *in(const char *name)
{
	static char paths[4][LP_PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	CHECK_OK(lp_path_join(path, box, name, &err));
	return path;
}

static void put(const char *path, const char *text)
{
	CHECK_OK(lp_file_write(path, text, strlen(text), 0600, &err));
}

static void holds(const char *path, const char *want)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(1000);

	CHECK_OK(lp_file_read(path, &b, &err));
	CHECK_STR(lp_buf_text(&b), want);
}

static bool there(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = -2; /* "." and ".." */

	CHECK(dir != NULL);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* --- descriptors and paths --- */

static void a_closed_descriptor_is_forgotten(void)
{
	int fd = dup(STDOUT_FILENO), was = fd;

	lp_close(&fd);
	CHECK(fd == -1 && fcntl(was, F_GETFD) == -1);
	lp_close(&fd);
	CHECK(fd == -1);
}

static void a_path_that_is_too_long_is_refused(void)
{
	char folder[LP_PATH_MAX], path[LP_PATH_MAX];

	CHECK_OK(lp_path_join(path, "/var/lib/limpet", "state.db", &err));
	CHECK_STR(path, "/var/lib/limpet/state.db");
	memset(folder, 'x', sizeof(folder));
	folder[LP_PATH_MAX - 4] = '\0';
	CHECK_OK(lp_path_join(path, folder, "ab", &err));
	CHECK(strlen(path) == LP_PATH_MAX - 1);
	CHECK_CODE(lp_path_join(path, folder, "abc", &err), LP_LIMIT,
		   "a path of more than 1023 bytes: xxx");
	memset(folder, 'x', sizeof(folder));
	folder[LP_PATH_MAX - 1] = '\0';
	CHECK_CODE(lp_file_write(folder, "", 0, 0600, &err), LP_LIMIT, "a path of more than");
	CHECK_CODE(lp_dir_make(folder, &err), LP_CONFIG, "");
}

static void the_folder_of_a_path_can_be_opened(void)
{
	static const char *const samples[][2] = {
		{"/etc/limpet/config.yaml", "/etc/limpet"},
		{"/x", "/"},
		{"x", "."},
		{"a/b", "a"},
		{"", ""},
	};
	char folder[LP_PATH_MAX];

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		CHECK_STR(lp_path_folder(samples[i][0], folder), samples[i][1]);
}

/* --- reading --- */

static void a_file_is_appended_whole(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(100000), want = LP_BUF(100000);

	for (int i = 0; i < 20000; i++)
		CHECK_OK(lp_buf_printf(&want, &err, "%04d", i % 10000));
	CHECK_OK(lp_file_write(in("large"), want.data, want.len, 0600, &err));
	CHECK_OK(lp_buf_str(&b, "before:", &err));
	CHECK_OK(lp_file_read(in("large"), &b, &err));
	CHECK(b.len == 7 + 80000 && memcmp(b.data, "before:", 7) == 0);
	CHECK(memcmp(b.data + 7, want.data, want.len) == 0);
}

static void a_file_larger_than_the_ceiling_leaves_the_buffer_as_before(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(12);

	put(in("ten"), "0123456789");
	CHECK_OK(lp_buf_str(&b, "ab", &err));
	CHECK_OK(lp_file_read(in("ten"), &b, &err));
	lp_buf_clear(&b);
	CHECK_OK(lp_buf_str(&b, "abc", &err));
	CHECK_CODE(lp_file_read(in("ten"), &b, &err), LP_LIMIT, "/ten: more than 12 bytes");
	CHECK(b.len == 3);
	CHECK_STR(lp_buf_text(&b), "abc");
	/* and when the first part of it was taken already */
	LP_AUTO(lp_buf_free) struct buf large = LP_BUF(10000);
	CHECK_OK(lp_buf_str(&large, "abc", &err));
	CHECK_CODE(lp_file_read(in("large"), &large, &err), LP_LIMIT, "/large: more than 10000");
	CHECK_STR(lp_buf_text(&large), "abc");
	CHECK(large.len == 3);
}

static void what_cannot_be_read_is_told_apart(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(100);

	CHECK_CODE(lp_file_read(in("nothing"), &b, &err), LP_NOT_FOUND, "/nothing: ");
	put(in("plain"), "");
	CHECK_CODE(lp_file_read(in("plain/below"), &b, &err), LP_NOT_FOUND, "/plain/below: ");
	CHECK_CODE(lp_file_read(box, &b, &err), LP_CONFIG, "");
	CHECK(err.os_errno == EISDIR && b.len == 0);
	CHECK_OK(lp_file_read(in("plain"), &b, &err));
	CHECK(b.len == 0);
}

/* Runs act without root's right to pass over permissions. */
static int without_rights(int (*act)(void))
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (syscall(SYS_capset, &header, none) != 0)
			_exit(100);
		_exit(act());
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int read_private(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(100);
	return (int)lp_file_read(in("private"), &b, &err);
}

static int write_here(void)
{
	return (int)lp_file_write(in("closed/new"), "x", 1, 0600, &err);
}

static void a_file_of_somebody_else_is_for_a_person_to_mend(void)
{
	CHECK_OK(lp_file_write(in("private"), "x", 1, 0000, &err));
	CHECK(without_rights(read_private) == LP_CONFIG);
	CHECK_OK(lp_dir_make(in("closed"), &err));
	CHECK(chmod(in("closed"), 0555) == 0);
	CHECK(without_rights(write_here) == LP_TRANSIENT);
	CHECK(entries(in("closed")) == 0);
}

/* --- writing --- */

static void a_file_is_durable_before_its_name_is_and_then_its_folder(void)
{
	struct stat st;

	put(in("state"), "old");
	memset(calls, 0, sizeof(calls));
	umask(0077);
	CHECK_OK(lp_file_write(in("state"), "new", 3, 0644, &err));
	umask(0022);
	CHECK_STR(calls, "frd");
	holds(in("state"), "new");
	CHECK(stat(in("state"), &st) == 0 && (st.st_mode & 07777) == 0644);
	CHECK(!there(in("state.new")));
}

static void a_relative_path_has_a_folder_too(void)
{
	char *here = getcwd(NULL, 0);

	CHECK(chdir(box) == 0);
	put("relative", "r");
	holds("relative", "r");
	CHECK(chdir(here) == 0);
	free(here);
}

static void when_the_disk_fails_the_old_file_is_whole(void)
{
	static const char failures[] = "fr";

	for (size_t i = 0; i < 2; i++) {
		put(in("state"), "old");
		failing = failures[i];
		enum lp_code code = lp_file_write(in("state"), "new and longer", 14, 0600, &err);
		failing = 0;
		CHECK(code == LP_TRANSIENT && err.os_errno == EIO);
		CHECK_HAS(err.msg, "/state");
		holds(in("state"), "old");
		CHECK(!there(in("state.new")));
	}
	/* once renamed, a folder that cannot be synced leaves the new file */
	failing = 'd';
	enum lp_code code = lp_file_write(in("state"), "new", 3, 0600, &err);
	failing = 0;
	CHECK(code == LP_TRANSIENT);
	holds(in("state"), "new");
}

static void a_name_that_is_a_folder_is_not_replaced(void)
{
	CHECK_OK(lp_dir_make(in("folder/with"), &err));
	CHECK_CODE(lp_file_write(in("folder"), "x", 1, 0600, &err), LP_TRANSIENT, "/folder");
	CHECK(there(in("folder/with")) && !there(in("folder.new")));
	CHECK_CODE(lp_file_write(in("none/at/all"), "x", 1, 0600, &err), LP_TRANSIENT,
		   "/none/at/all");
}

static void what_a_crash_left_behind_is_written_over(void)
{
	put(in("state"), "old");
	int fd = open(in("state.new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	CHECK(write(fd, "half of something much longer", 29) == 29);
	close(fd);
	put(in("state"), "new");
	holds(in("state"), "new");
	CHECK(!there(in("state.new")));
}

/* Runs act in a process of its own, whose limits and mounts end with it. */
static int apart(int (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(act());
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* 0 when a write of 64 KiB onto the old file fails with errnum and leaves the old one alone. */
static int old_survives(const char *path, int errnum)
{
	static char large[65536];
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(100);
	char temporary[LP_PATH_MAX + 8];

	if (lp_file_write(path, "old", 3, 0600, &err) != LP_OK)
		return 1;
	if (lp_file_write(path, large, sizeof(large), 0600, &err) != LP_TRANSIENT)
		return 2;
	if (err.os_errno != errnum)
		return 3;
	if (lp_file_read(path, &b, &err) != LP_OK || b.len != 3)
		return 4;
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	return there(temporary) ? 5 : 0;
}

static int on_a_full_disk(void)
{
	if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return 10;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", in("disk"), "tmpfs", 0, "size=16k") != 0)
		return 11;
	return old_survives(in("disk/state"), ENOSPC);
}

static int past_the_file_limit(void)
{
	struct rlimit limit = {.rlim_cur = 4096, .rlim_max = 4096};

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 10;
	return old_survives(in("limited"), EFBIG);
}

static void a_full_disk_leaves_the_old_file_and_nothing_else(void)
{
	CHECK_OK(lp_dir_make(in("disk"), &err));
	CHECK(apart(on_a_full_disk) == 0);
	CHECK(apart(past_the_file_limit) == 0);
}

/* --- folders --- */

static void folders_are_made_with_their_parents_and_closed_to_others(void)
{
	struct stat st;

	CHECK_OK(lp_dir_make(in("a/b/c"), &err));
	CHECK(stat(in("a/b"), &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK_OK(lp_dir_make(in("a/b/c"), &err));
	CHECK_OK(lp_dir_make(in("a/b/d/"), &err));
	CHECK_OK(lp_dir_make("/", &err));
}

static void a_folder_cannot_be_made_where_a_file_is(void)
{
	put(in("file"), "x");
	CHECK_CODE(lp_dir_make(in("file/below"), &err), LP_CONFIG, "/file/below");
	CHECK_CODE(lp_dir_make(in("file"), &err), LP_CONFIG, "/file");
	CHECK_CODE(lp_dir_make("", &err), LP_CONFIG, "");
	holds(in("file"), "x");
}

static void only_a_folder_can_be_synced(void)
{
	put(in("file"), "x");
	CHECK_OK(lp_dir_sync(box, &err));
	CHECK_CODE(lp_dir_sync(in("file"), &err), LP_TRANSIENT, "fsync of the folder");
	CHECK_CODE(lp_dir_sync(in("nothing"), &err), LP_TRANSIENT, "fsync of the folder");
}

static void removing_takes_everything_and_follows_no_symlink(void)
{
	CHECK_OK(lp_dir_make(in("kept/deep"), &err));
	put(in("kept/file"), "kept");
	CHECK_OK(lp_dir_make(in("tree/a/b"), &err));
	put(in("tree/a/file"), "x");
	CHECK(symlink(in("kept"), in("tree/a/link")) == 0);
	CHECK(symlink("/nowhere", in("tree/broken")) == 0);
	CHECK(mkfifo(in("tree/fifo"), 0600) == 0); /* opening it would hang */
	CHECK_OK(lp_dir_remove(in("tree"), &err));
	CHECK(!there(in("tree")));
	holds(in("kept/file"), "kept");
	/* the name itself is a symlink: it goes, what it names stays */
	CHECK(symlink(in("kept"), in("link")) == 0);
	CHECK_OK(lp_dir_remove(in("link"), &err));
	CHECK(!there(in("link")));
	holds(in("kept/file"), "kept");
	CHECK_OK(lp_dir_remove(in("nothing"), &err));
}

static void removing_stops_at_16_folders_deep(void)
{
	char deep[LP_PATH_MAX];

	snprintf(deep, sizeof(deep), "%s", in("deep"));
	for (int i = 0; i < 17; i++) {
		size_t n = strlen(deep);
		snprintf(deep + n, sizeof(deep) - n, "/%d", i);
	}
	CHECK_OK(lp_dir_make(deep, &err));
	CHECK_CODE(lp_dir_remove(in("deep"), &err), LP_LIMIT, "more than 16 folders deep");
	CHECK(there(deep));
	CHECK_OK(lp_dir_remove(in("deep/0"), &err));
	CHECK_OK(lp_dir_remove(in("deep"), &err));
	CHECK(!there(in("deep")));
}

/* --- locks and space --- */

static void a_lock_is_held_by_one_and_names_its_holder(void)
{
	int fd = -1, second = -1, holder = 42;
	struct stat st;

	char me[16];

	snprintf(me, sizeof(me), "%d\n", (int)getpid());
	put(in("lock"), "1234567890123\n"); /* of a holder whose number was longer */
	CHECK_OK(lp_file_lock(in("lock"), &fd, &holder, &err));
	holds(in("lock"), me);
	CHECK(fd >= 0 && holder == 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK(stat(in("lock"), &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK_CODE(lp_file_lock(in("lock"), &second, &holder, &err), LP_CONFLICT,
		   "is held by process");
	CHECK(second == -1 && holder == (int)getpid());
	lp_close(&fd);
	CHECK_OK(lp_file_lock(in("lock"), &second, &holder, &err));
	lp_close(&second);
	CHECK_CODE(lp_file_lock(in("none/lock"), &fd, &holder, &err), LP_CONFIG, "/none/lock");
}

static void a_lock_ends_with_its_process(void)
{
	int fd = -1, holder, fds[2], status;

	CHECK(pipe2(fds, O_CLOEXEC) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (lp_file_lock(in("lock"), &fd, &holder, &err) != LP_OK ||
		    write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	char c;
	CHECK(read(fds[0], &c, 1) == 1);
	enum lp_code code = lp_file_lock(in("lock"), &fd, &holder, &err);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(code == LP_CONFLICT && holder == pid);
	CHECK_OK(lp_file_lock(in("lock"), &fd, &holder, &err));
	lp_close(&fd);
	close(fds[0]);
	close(fds[1]);
}

static void free_space_is_what_we_may_use(void)
{
	struct statvfs fs;
	uint64_t bytes = 0;

	CHECK_OK(lp_disk_free(box, &bytes, &err));
	CHECK(statvfs(box, &fs) == 0);
	uint64_t now = (uint64_t)fs.f_bavail * fs.f_frsize;
	CHECK(bytes > 0 && bytes < now + now / 4 + (64 << 20) &&
	      now < bytes + bytes / 4 + (64 << 20));
	CHECK_CODE(lp_disk_free(in("nothing"), &bytes, &err), LP_TRANSIENT, "/nothing");
}

static void make_box(void)
{
	snprintf(box, sizeof(box), "/tmp/limpet-test-fs-XXXXXX");
	CHECK(mkdtemp(box) != NULL);
}

static void remove_box(void)
{
	CHECK_OK(lp_dir_remove(box, &err));
	CHECK(!there(box));
}

int main(void)
{
	alarm(60);
	TEST(make_box);
	TEST(a_closed_descriptor_is_forgotten);
	TEST(a_path_that_is_too_long_is_refused);
	TEST(the_folder_of_a_path_can_be_opened);
	TEST(a_file_is_appended_whole);
	TEST(a_file_larger_than_the_ceiling_leaves_the_buffer_as_before);
	TEST(what_cannot_be_read_is_told_apart);
	TEST(a_file_of_somebody_else_is_for_a_person_to_mend);
	TEST(a_file_is_durable_before_its_name_is_and_then_its_folder);
	TEST(a_relative_path_has_a_folder_too);
	TEST(when_the_disk_fails_the_old_file_is_whole);
	TEST(a_name_that_is_a_folder_is_not_replaced);
	TEST(what_a_crash_left_behind_is_written_over);
	TEST(a_full_disk_leaves_the_old_file_and_nothing_else);
	TEST(folders_are_made_with_their_parents_and_closed_to_others);
	TEST(a_folder_cannot_be_made_where_a_file_is);
	TEST(only_a_folder_can_be_synced);
	TEST(removing_takes_everything_and_follows_no_symlink);
	TEST(removing_stops_at_16_folders_deep);
	TEST(a_lock_is_held_by_one_and_names_its_holder);
	TEST(a_lock_ends_with_its_process);
	TEST(free_space_is_what_we_may_use);
	TEST(remove_box);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define REMOVE_DEPTH 16

void lp_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

enum lp_code lp_path_join(char to[LP_PATH_MAX], const char *folder, const char *name,
			  struct err *err)
{
	int n = snprintf(to, LP_PATH_MAX, "%s/%s", folder, name);

	if (n < 0 || n >= LP_PATH_MAX)
		return lp_err_set(err, LP_LIMIT, "a path of more than %d bytes: %.80s.../%.80s",
				  LP_PATH_MAX - 1, folder, name);
	return LP_OK;
}

static enum lp_code open_error(const char *path, struct err *err)
{
	enum lp_code code = errno == ENOENT || errno == ENOTDIR ? LP_NOT_FOUND
			    : errno == EACCES || errno == EPERM ? LP_CONFIG
								: LP_TRANSIENT;
	return lp_err_os(err, code, errno, "%s", path);
}

static enum lp_code read_all(int fd, struct buf *b, struct err *err)
{
	uint8_t chunk[8192];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lp_err_os(err, errno == EISDIR ? LP_CONFIG : LP_TRANSIENT, errno,
					 "read");
		if (n == 0)
			return LP_OK;
		LP_TRY(lp_buf_append(b, chunk, (size_t)n, err));
	}
}

enum lp_code lp_file_read(const char *path, struct buf *b, struct err *err)
{
	LP_AUTO(lp_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t before = b->len;

	if (fd < 0)
		return open_error(path, err);
	if (read_all(fd, b, err) == LP_OK)
		return LP_OK;
	b->len = before;
	if (b->data)
		b->data[before] = '\0';
	return lp_err_wrap(err, "%s", path);
}

static enum lp_code write_all(int fd, const uint8_t *data, size_t n, struct err *err)
{
	while (n) {
		ssize_t done = write(fd, data, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return lp_err_os(err, LP_TRANSIENT, errno, "write");
		data += done;
		n -= (size_t)done;
	}
	return fsync(fd) == 0 ? LP_OK : lp_err_os(err, LP_TRANSIENT, errno, "fsync");
}

const char *lp_path_folder(const char *path, char to[LP_PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (!*path)
		to[0] = '\0';
	else if (!slash)
		memcpy(to, ".", 2);
	else
		snprintf(to, LP_PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return to;
}

static enum lp_code write_new(const char *path, const void *data, size_t n, unsigned mode,
			      struct err *err)
{
	LP_AUTO(lp_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || fchmod(fd, mode) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "%s", path);
	return write_all(fd, data, n, err);
}

enum lp_code lp_file_write(const char *path, const void *data, size_t n, unsigned mode,
			   struct err *err)
{
	char temporary[LP_PATH_MAX], folder[LP_PATH_MAX];

	if (strlen(path) > LP_PATH_MAX - 8)
		return lp_err_set(err, LP_LIMIT, "a path of more than %d bytes: %.80s...",
				  LP_PATH_MAX - 8, path);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	lp_path_folder(path, folder);

	if (write_new(temporary, data, n, mode, err) != LP_OK) {
		unlink(temporary);
		return lp_err_wrap(err, "%s", path);
	}
	if (rename(temporary, path) != 0) {
		lp_err_os(err, LP_TRANSIENT, errno, "rename to %s", path);
		unlink(temporary);
		return err->code;
	}
	return lp_dir_sync(folder, err);
}

static enum lp_code is_ours(const char *path, uid_t owner, struct err *err)
{
	char name[64];

	if (owner == geteuid())
		return LP_OK;
	const struct passwd *user = getpwuid(owner);
	if (user)
		snprintf(name, sizeof(name), "%s", user->pw_name);
	else
		snprintf(name, sizeof(name), "#%u", (unsigned)owner);
	return lp_err_set(err, LP_CONFIG, "%s belongs to user %s: do this as that user, sudo -u %s",
			  path, name, name);
}

enum lp_code lp_dir_make(const char *path, struct err *err)
{
	char part[LP_PATH_MAX];
	struct stat st;

	if (!*path || strlen(path) >= sizeof(part))
		return lp_err_set(err, LP_CONFIG, "make the folder \"%.80s\": not a path", path);
	memcpy(part, path, strlen(path) + 1);
	for (char *slash = part + 1;; slash++) {
		if (*slash != '/' && *slash != '\0')
			continue;
		char here = *slash;
		*slash = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return lp_err_os(err, LP_CONFIG, errno, "make the folder %s", part);
		*slash = here;
		if (!here)
			break;
	}
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return lp_err_os(err, LP_CONFIG, ENOTDIR, "make the folder %s", path);
	return is_ours(path, st.st_uid, err);
}

enum lp_code lp_dir_sync(const char *path, struct err *err)
{
	LP_AUTO(lp_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "fsync of the folder %s", path);
	return LP_OK;
}

static enum lp_code remove_at(int parent, const char *name, int depth, struct err *err);

static enum lp_code remove_entries(int fd, const char *name, int depth, struct err *err)
{
	DIR *dir = fdopendir(fd);
	enum lp_code code = LP_OK;

	if (!dir) {
		close(fd);
		return lp_err_os(err, LP_TRANSIENT, errno, "%s", name);
	}
	for (struct dirent *entry; code == LP_OK && (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			code = remove_at(dirfd(dir), entry->d_name, depth + 1, err);
	closedir(dir);
	return code;
}

static enum lp_code remove_at(int parent, const char *name, int depth, struct err *err)
{
	if (depth > REMOVE_DEPTH)
		return lp_err_set(err, LP_LIMIT, "%s: more than %d folders deep", name,
				  REMOVE_DEPTH);
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return LP_OK;
	if (errno != EISDIR && errno != EPERM)
		return lp_err_os(err, LP_TRANSIENT, errno, "remove %s", name);
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "remove %s", name);
	LP_TRY(remove_entries(fd, name, depth, err));
	if (unlinkat(parent, name, AT_REMOVEDIR) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "remove %s", name);
	return LP_OK;
}

enum lp_code lp_dir_remove(const char *path, struct err *err)
{
	return remove_at(AT_FDCWD, path, 0, err);
}

enum lp_code lp_file_lock(const char *path, int *ret_fd, int *ret_holder_pid, struct err *err)
{
	LP_AUTO(lp_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char text[32] = "";

	*ret_holder_pid = 0;
	if (fd < 0)
		return lp_err_os(err, LP_CONFIG, errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		*ret_holder_pid = n > 0 ? (int)strtol(text, NULL, 10) : 0;
		return lp_err_set(err, LP_CONFLICT, "%s is held by process %d", path,
				  *ret_holder_pid);
	}
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return lp_err_os(err, LP_TRANSIENT, errno, "%s", path);
	*ret_fd = lp_steal_fd(&fd);
	return LP_OK;
}

enum lp_code lp_disk_free(const char *path, uint64_t *ret_bytes, struct err *err)
{
	struct statvfs fs;

	if (statvfs(path, &fs) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "%s", path);
	*ret_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return LP_OK;
}

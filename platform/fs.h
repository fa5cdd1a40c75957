/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_FS_H
#define LIMPET_PLATFORM_FS_H
/*
 * Files, so that a power cut at any moment leaves the old content or the new:
 * write a temporary file, fsync it, rename it, fsync its folder.
 */
#include "platform/buf.h"

#define LP_PATH_MAX 1024 /* bytes of any path of ours, with its NUL */

/* Closes *fd unless it is -1, and sets it to -1. For LP_AUTO. */
void lp_close(int *fd);

/* Hands over a descriptor that an LP_AUTO variable owns: yields it and leaves -1 behind. */
static inline int lp_steal_fd(int *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}

/*
 * Joins folder and name with a slash into to (LP_PATH_MAX bytes). LP_LIMIT when too long.
 */
LP_CHECKED enum lp_code lp_path_join(char to[LP_PATH_MAX], const char *folder, const char *name,
				     struct err *err);

/* The folder that path lies in: "/etc" of "/etc/x", "/" of "/x", "." of "x", "" of "". Returns to.
 */
const char *lp_path_folder(const char *path, char to[LP_PATH_MAX]);

/*
 * Appends a whole file to b, whose ceiling bounds it. LP_NOT_FOUND, LP_CONFIG when it
 * cannot be read (permissions, a folder), LP_LIMIT when larger than the ceiling,
 * LP_TRANSIENT on an I/O error. b is then as before.
 */
LP_CHECKED enum lp_code lp_file_read(const char *path, struct buf *b, struct err *err);

/*
 * Replaces path by n bytes with the permissions mode, durable once this returns
 * LP_OK. LP_TRANSIENT (disk full, I/O error, permissions): the old file is still there,
 * whole, and no temporary file is left behind.
 */
LP_CHECKED enum lp_code lp_file_write(const char *path, const void *data, size_t n, unsigned mode,
				      struct err *err);

/*
 * Makes a folder and its parents (mode 0700 for the ones made). LP_CONFIG when it cannot, and when
 * the folder is another user's: what we write there would be closed to its owner, or to us.
 */
LP_CHECKED enum lp_code lp_dir_make(const char *path, struct err *err);

/* fsync of a folder, so that renames in it are durable. */
LP_CHECKED enum lp_code lp_dir_sync(const char *path, struct err *err);

/* Removes a folder with all that is in it, at most 16 levels deep, following no symlink. */
LP_CHECKED enum lp_code lp_dir_remove(const char *path, struct err *err);

/*
 * Takes an exclusive lock on path (made when missing, mode 0600), held until *ret_fd is
 * closed. LP_CONFLICT when somebody else holds it; *ret_holder_pid is then its process, or 0.
 */
LP_CHECKED enum lp_code lp_file_lock(const char *path, int *ret_fd, int *ret_holder_pid,
				     struct err *err);

/* Free bytes for us on the file system of path. */
LP_CHECKED enum lp_code lp_disk_free(const char *path, uint64_t *ret_bytes, struct err *err);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/tree_dir.h"

#include "platform/fs.h"
#include "platform/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tree_dir {
	int fd; /* owned; the root */
};

struct name {
	char *name; /* owned */
	enum tree_type type;
	uint64_t size_bytes;
};
struct names {
	struct name *list; /* owned */
	size_t n, cap;
};

static enum lp_code os_error(struct err *err, const char *path)
{
	bool absent = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
	enum lp_code code = absent                              ? LP_NOT_FOUND
			    : errno == EACCES || errno == EPERM ? LP_CONFIG
								: LP_TRANSIENT;

	return lp_err_os(err, code, errno, "%s", path[0] ? path : ".");
}

/* Opens what is at path below fd, one name at a time, so that no symlink leads elsewhere. */
static enum lp_code open_at(int root, const char *path, int flags, int *ret, struct err *err)
{
	LP_AUTO(lp_close) int at = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[LP_PATH_MAX];

	if (at < 0)
		return os_error(err, path);
	for (const char *rest = path; *rest;) {
		size_t n = strcspn(rest, "/");
		bool is_last = rest[n] == '\0';
		if (n == 0 || n >= sizeof(name))
			return lp_err_set(err, LP_NOT_FOUND, "%s: no such path", path);
		memcpy(name, rest, n);
		name[n] = '\0';
		int next = openat(at, name,
				  O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
					  (is_last ? flags : O_RDONLY | O_DIRECTORY));
		if (next < 0 || strcmp(name, "..") == 0) {
			lp_close(&next);
			return os_error(err, path);
		}
		lp_close(&at);
		at = next;
		rest += n + !is_last;
	}
	*ret = at;
	at = -1;
	return LP_OK;
}

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i].name);
	free(names->list);
}

static enum tree_type type_of(int fd, const char *name, const struct stat *st)
{
	char git[LP_PATH_MAX];
	struct stat inner;

	if (S_ISLNK(st->st_mode))
		return TREE_SYMLINK;
	if (S_ISREG(st->st_mode))
		return TREE_FILE;
	if (!S_ISDIR(st->st_mode))
		return TREE_OTHER;
	snprintf(git, sizeof(git), "%s/.git", name);
	return fstatat(fd, git, &inner, AT_SYMLINK_NOFOLLOW) == 0 ? TREE_SUBMODULE : TREE_DIR;
}

static enum lp_code add_name(struct names *names, int fd, const char *name, struct err *err)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return os_error(err, name);
	if (names->n == LP_TREE_ENTRIES)
		return lp_err_set(err, LP_LIMIT, "a folder of more than %u entries",
				  LP_TREE_ENTRIES);
	if (names->n == names->cap) {
		size_t cap = names->cap ? 2 * names->cap : 16;
		struct name *list = realloc(names->list, cap * sizeof(*list));
		if (!list)
			return lp_err_nomem(err, "folder");
		names->list = list;
		names->cap = cap;
	}
	char *copy = strdup(name);
	if (!copy)
		return lp_err_nomem(err, "folder");
	enum tree_type type = type_of(fd, name, &st);
	names->list[names->n++] =
		(struct name){copy, type, type == TREE_FILE ? (uint64_t)st.st_size : 0};
	return LP_OK;
}

/* Git's order: a folder sorts as if its name ended in '/'. */
static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	size_t x_len = strlen(x->name), y_len = strlen(y->name);
	size_t n = x_len < y_len ? x_len : y_len;
	int order = memcmp(x->name, y->name, n);
	unsigned char x_next = (unsigned char)x->name[n], y_next = (unsigned char)y->name[n];

	if (order)
		return order;
	if (!x_next && x->type == TREE_DIR)
		x_next = '/';
	if (!y_next && y->type == TREE_DIR)
		y_next = '/';
	return x_next - y_next;
}

/* Takes over fd. */
static enum lp_code read_names(int fd, bool is_root, struct names *names, struct err *err)
{
	DIR *dir = fdopendir(fd);
	enum lp_code code = LP_OK;

	if (!dir) {
		lp_close(&fd);
		return lp_err_os(err, LP_TRANSIENT, errno, "folder");
	}
	for (struct dirent *entry; code == LP_OK && (entry = readdir(dir));) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    !(is_root && strcmp(name, ".git") == 0))
			code = add_name(names, dirfd(dir), name, err);
	}
	closedir(dir);
	if (names->n)
		qsort(names->list, names->n, sizeof(*names->list), compare_names);
	return code;
}

static enum lp_code list(void *of, const char *path, tree_visit *visit, void *context,
			 struct err *err)
{
	const struct tree_dir *dir = of;
	LP_AUTO(free_names) struct names names = {0};
	int fd = -1;

	LP_TRY(open_at(dir->fd, path, O_RDONLY | O_DIRECTORY, &fd, err));
	LP_TRY(read_names(fd, path[0] == '\0', &names, err));
	for (size_t i = 0; i < names.n; i++) {
		struct tree_entry entry = {names.list[i].name, names.list[i].type,
					   names.list[i].size_bytes};
		LP_TRY(visit(context, &entry, err));
	}
	return LP_OK;
}

static enum lp_code read_all(int fd, const char *path, struct buf *to, struct err *err)
{
	uint8_t chunk[8192];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return os_error(err, path);
		if (n == 0)
			return LP_OK;
		LP_TRY(lp_buf_append(to, chunk, (size_t)n, err));
	}
}

static enum lp_code read_file(void *of, const char *path, struct buf *to, struct err *err)
{
	const struct tree_dir *dir = of;
	LP_AUTO(lp_close) int fd = -1;
	size_t before = to->len;
	struct stat st;

	LP_TRY(open_at(dir->fd, path, O_RDONLY, &fd, err));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return lp_err_set(err, LP_NOT_FOUND, "%s: no regular file", path);
	if ((uint64_t)st.st_size > to->max - before)
		return lp_err_set(err, LP_LIMIT, "%s: more than %zu bytes", path, to->max - before);
	enum lp_code code = read_all(fd, path, to, err);
	if (code != LP_OK)
		to->len = before;
	return code;
}

enum lp_code lp_tree_dir_open(const char *path, struct tree *ret, struct err *err)
{
	struct tree_dir *dir = malloc(sizeof(*dir));

	if (!dir)
		return lp_err_nomem(err, "tree");
	dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0) {
		free(dir);
		return os_error(err, path);
	}
	*ret = (struct tree){dir, list, read_file};
	return LP_OK;
}

void lp_tree_dir_close(struct tree *tree)
{
	struct tree_dir *dir = tree->of;

	if (dir)
		lp_close(&dir->fd);
	free(dir);
	*tree = (struct tree){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/objects.h"

#include "agent/source/limits.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRESH "fresh" /* a file in the quarantine: its packs replace the store */

struct places {
	char store[LP_PATH_MAX], incoming[LP_PATH_MAX], old[LP_PATH_MAX], doubt[LP_PATH_MAX];
};

static enum lp_code find_places(const char *objects, struct places *ret, struct err *err)
{
	LP_TRY(lp_path_join(ret->store, objects, "store", err));
	LP_TRY(lp_path_join(ret->incoming, objects, "incoming", err));
	LP_TRY(lp_path_join(ret->doubt, objects, "doubt", err));
	return lp_path_join(ret->old, objects, "old", err);
}

static bool exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0;
}

static enum lp_code rename_path(const char *from, const char *to, struct err *err)
{
	if (rename(from, to) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "rename %s", from);
	return LP_OK;
}

static enum lp_code remove_folder(const char *path, struct err *err)
{
	return exists(path) ? lp_dir_remove(path, err) : LP_OK;
}

static enum lp_code remove_file(const char *path, struct err *err)
{
	if (unlink(path) != 0 && errno != ENOENT)
		return lp_err_os(err, LP_TRANSIENT, errno, "remove %s", path);
	return LP_OK;
}

/* --- files of a folder --- */

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

typedef enum lp_code file_visit(void *ctx, const char *folder, const char *name, struct err *err);

/* Visits the files whose names end in suffix; a folder that is not there has none. */
static enum lp_code each_file(const char *folder, const char *suffix, file_visit *visit, void *ctx,
			      struct err *err)
{
	LP_AUTO(close_dir) DIR *dir = opendir(folder);
	if (!dir)
		return errno == ENOENT ? LP_OK : lp_err_os(err, LP_TRANSIENT, errno, "%s", folder);
	struct dirent *entry;
	unsigned count = 0;
	while ((entry = readdir(dir))) {
		size_t n = strlen(entry->d_name), end = strlen(suffix);
		if (++count > LP_STORE_FILES)
			return lp_err_set(err, LP_CORRUPT, "%s has more than %u files", folder,
					  LP_STORE_FILES);
		if (n > end && strcmp(entry->d_name + n - end, suffix) == 0)
			LP_TRY(visit(ctx, folder, entry->d_name, err));
	}
	return LP_OK;
}

static enum lp_code move_file(void *ctx, const char *folder, const char *name, struct err *err)
{
	const char *to_folder = ctx;
	char from[LP_PATH_MAX], to[LP_PATH_MAX];
	LP_TRY(lp_path_join(from, folder, name, err));
	LP_TRY(lp_path_join(to, to_folder, name, err));
	return rename_path(from, to, err);
}

static enum lp_code remove_without_index(void *ctx, const char *folder, const char *name,
					 struct err *err)
{
	char pack[LP_PATH_MAX], index[LP_PATH_MAX];
	LP_TRY(lp_path_join(pack, folder, name, err));
	LP_TRY(lp_copy(index, sizeof(index), pack, err));
	memcpy(index + strlen(index) - strlen("pack"), "idx", sizeof("idx"));
	if (!exists(index) && unlink(pack) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "%s", pack);
	return LP_OK;
}

struct sum {
	uint64_t bytes;
	unsigned packs;
};

static enum lp_code add_size(void *ctx, const char *folder, const char *name, struct err *err)
{
	struct sum *sum = ctx;
	char path[LP_PATH_MAX];
	struct stat st;
	LP_TRY(lp_path_join(path, folder, name, err));
	if (stat(path, &st) == 0)
		sum->bytes += (uint64_t)st.st_size;
	sum->packs += strstr(name, ".idx") != NULL;
	return LP_OK;
}

/* --- the life of a quarantine --- */

/*
 * A fresh store takes the old one's place in two renames. Between them there is no store: the old
 * one comes back. After them the old one is only waste.
 */
static enum lp_code mend(const char *objects, const struct places *at, struct err *err)
{
	if (!exists(at->old))
		return LP_OK;
	if (!exists(at->store)) {
		LP_TRY(rename_path(at->old, at->store, err));
		return lp_dir_sync(objects, err);
	}
	return lp_dir_remove(at->old, err);
}

enum lp_code lp_objects_begin(const char *objects, bool fresh, char ret_incoming[LP_PATH_MAX],
			      struct err *err)
{
	struct places at;
	char marker[LP_PATH_MAX];
	LP_TRY(find_places(objects, &at, err));
	LP_TRY(lp_dir_make(objects, err));
	LP_TRY(mend(objects, &at, err));
	LP_TRY(remove_folder(at.incoming, err));
	LP_TRY(each_file(at.store, ".pack", remove_without_index, NULL, err));
	LP_TRY(lp_dir_make(at.incoming, err));
	if (fresh) {
		LP_TRY(lp_path_join(marker, at.incoming, FRESH, err));
		LP_TRY(lp_file_write(marker, "", 0, 0600, err));
	}
	return lp_copy(ret_incoming, LP_PATH_MAX, at.incoming, err);
}

static enum lp_code replace_store(const char *objects, const struct places *at, struct err *err)
{
	char left[LP_PATH_MAX];
	LP_TRY(mend(objects, at, err));
	if (exists(at->store))
		LP_TRY(rename_path(at->store, at->old, err));
	LP_TRY(rename_path(at->incoming, at->store, err));
	LP_TRY(lp_dir_sync(objects, err));
	LP_TRY(lp_path_join(left, at->store, FRESH, err));
	LP_TRY(remove_file(left, err));
	LP_TRY(remove_file(at->doubt, err));
	return remove_folder(at->old, err);
}

/*
 * A reader looks for indexes, so a pack comes before its index: cut off in between, it is only
 * waste, which the next fetch clears away.
 */
static enum lp_code join_store(const char *objects, const struct places *at, struct err *err)
{
	if (!exists(at->store)) {
		LP_TRY(lp_dir_make(at->store, err));
		LP_TRY(lp_dir_sync(objects, err));
	}
	LP_TRY(each_file(at->incoming, ".pack", move_file, (void *)at->store, err));
	LP_TRY(lp_dir_sync(at->store, err));
	LP_TRY(each_file(at->incoming, ".idx", move_file, (void *)at->store, err));
	LP_TRY(lp_dir_sync(at->store, err));
	return lp_dir_remove(at->incoming, err);
}

enum lp_code lp_objects_promote(const char *objects, struct err *err)
{
	struct places at;
	struct sum sum = {0};
	char marker[LP_PATH_MAX];
	LP_TRY(find_places(objects, &at, err));
	LP_TRY(each_file(at.incoming, ".idx", add_size, &sum, err));
	if (sum.packs == 0)
		return LP_OK;
	LP_TRY(lp_path_join(marker, at.incoming, FRESH, err));
	if (exists(marker))
		return replace_store(objects, &at, err);
	return join_store(objects, &at, err);
}

enum lp_code lp_objects_discard(const char *objects, struct err *err)
{
	struct places at;
	LP_TRY(find_places(objects, &at, err));
	return remove_folder(at.incoming, err);
}

enum lp_code lp_objects_doubt(const char *objects, struct err *err)
{
	struct places at;
	LP_TRY(find_places(objects, &at, err));
	return lp_file_write(at.doubt, "", 0, 0600, err);
}

bool lp_objects_in_doubt(const char *objects)
{
	struct places at;
	struct err err;
	return find_places(objects, &at, &err) == LP_OK && exists(at.doubt);
}

enum lp_code lp_objects_bytes(const char *objects, uint64_t *ret_bytes, unsigned *ret_packs,
			      struct err *err)
{
	struct places at;
	struct sum sum = {0};
	LP_TRY(find_places(objects, &at, err));
	LP_TRY(each_file(at.store, ".idx", add_size, &sum, err));
	LP_TRY(each_file(at.store, ".pack", add_size, &sum, err));
	*ret_bytes = sum.bytes;
	*ret_packs = sum.packs;
	return LP_OK;
}

/* --- reading --- */

/* A quarantine that will replace the store has all that its tip needs: the store may be damaged. */
enum lp_code lp_objects_open(const char *objects, const char *quarantine, struct git **ret,
			     struct err *err)
{
	struct places at;
	char marker[LP_PATH_MAX];
	LP_TRY(find_places(objects, &at, err));
	const char *folders[] = {at.store, quarantine};
	if (!quarantine[0])
		return lp_git_open(folders, 1, ret, err);
	LP_TRY(lp_path_join(marker, quarantine, FRESH, err));
	if (exists(marker))
		return lp_git_open(folders + 1, 1, ret, err);
	return lp_git_open(folders, 2, ret, err);
}

enum lp_code lp_objects_commit(void *ctx, const struct oid *id, struct buf *out, struct err *err)
{
	return lp_git_read(ctx, id->bytes, GIT_TYPE_COMMIT, out, err);
}

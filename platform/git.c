/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter of libgit2: its object database and its indexer, and nothing else. */
#include "platform/git.h"

#include "platform/fs.h"
#include "platform/limits.h"

#include <dirent.h>
#include <errno.h>
#include <git2/common.h>
#include <git2/config.h>
#include <git2/errors.h>
#include <git2/global.h>
#include <git2/indexer.h>
#include <git2/odb.h>
#include <git2/odb_backend.h>
#include <git2/sys/odb_backend.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Mapped windows: a pack is read in pieces, so that a large one does not become resident. */
#define WINDOW_BYTES ((size_t)256 * LP_KIB)
#define MAPPED_BYTES ((size_t)2 * LP_MIB) /* what was read of packs and is not unmapped yet */

struct git {
	git_odb *odb;
};

struct git_inbound {
	git_indexer *indexer;
	git_indexer_progress progress;
};

/* What libgit2 said last, as ours: what the system refused is transient, memory is internal. */
static enum lp_code git_failed(enum lp_code otherwise, const char *doing, struct err *err)
{
	const git_error *error = git_error_last();
	enum lp_code code = otherwise;
	if (error && (error->klass == GIT_ERROR_OS || error->klass == GIT_ERROR_FILESYSTEM))
		code = LP_TRANSIENT;
	else if (error && error->klass == GIT_ERROR_NOMEMORY)
		code = LP_INTERNAL;
	return lp_err_set(err, code, "%s: %s", doing,
			  error && error->message ? error->message : "libgit2 gives no reason");
}

static bool set_switches(void)
{
	int bad = 0;
	for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		bad |= git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
	bad |= git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	bad |= git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
	bad |= git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 1);
	bad |= git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	bad |= git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, WINDOW_BYTES);
	bad |= git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, MAPPED_BYTES);
	bad |= git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)LP_PACK_OBJECTS);
	bad |= git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, (size_t)LP_BLOB_BYTES);
	return bad == 0;
}

enum lp_code lp_git_init(struct err *err)
{
	static bool done;
	if (done)
		return LP_OK;
	if (git_libgit2_init() < 0 || !set_switches())
		return git_failed(LP_INTERNAL, "start libgit2", err);
	done = true;
	return LP_OK;
}

/* --- reading --- */

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static void free_odb(git_odb **odb)
{
	git_odb_free(*odb);
}

static enum lp_code add_pack(git_odb *odb, const char *folder, const char *name, struct err *err)
{
	char index[LP_PATH_MAX], pack[LP_PATH_MAX];
	struct stat st;
	git_odb_backend *backend = NULL;
	LP_TRY(lp_path_join(index, folder, name, err));
	LP_TRY(lp_copy(pack, sizeof(pack), index, err));
	memcpy(pack + strlen(pack) - strlen("idx"), "pack", sizeof("pack"));
	if (stat(pack, &st) != 0)
		return lp_err_set(err, LP_CORRUPT, "%s has no pack beside it", index);
	if (git_odb_backend_one_pack(&backend, index) != 0)
		return git_failed(LP_CORRUPT, index, err);
	if (git_odb_add_backend(odb, backend, 1) != 0) {
		backend->free(backend);
		return git_failed(LP_INTERNAL, index, err);
	}
	return LP_OK;
}

static enum lp_code add_folder(git_odb *odb, const char *folder, struct err *err)
{
	LP_AUTO(close_dir) DIR *dir = opendir(folder);
	if (!dir)
		return errno == ENOENT ? LP_OK : lp_err_os(err, LP_TRANSIENT, errno, "%s", folder);
	struct dirent *entry;
	while ((entry = readdir(dir))) {
		size_t n = strlen(entry->d_name);
		if (strncmp(entry->d_name, "pack-", 5) == 0 && n > 9 &&
		    strcmp(entry->d_name + n - 4, ".idx") == 0)
			LP_TRY(add_pack(odb, folder, entry->d_name, err));
	}
	return LP_OK;
}

/* Takes *odb over when it succeeds. */
static enum lp_code take_odb(git_odb **odb, struct git **ret, struct err *err)
{
	struct git *git = calloc(1, sizeof(*git));
	if (!git)
		return lp_err_nomem(err, "object database");
	git->odb = LP_STEAL(*odb);
	*ret = git;
	return LP_OK;
}

enum lp_code lp_git_open(const char *const *folders, size_t folder_count, struct git **ret,
			 struct err *err)
{
	LP_AUTO(free_odb) git_odb *odb = NULL;
	LP_TRY(lp_git_init(err));
	if (git_odb_new(&odb) != 0)
		return git_failed(LP_INTERNAL, "object database", err);
	for (size_t i = 0; i < folder_count; i++)
		LP_TRY(add_folder(odb, folders[i], err));
	return take_odb(&odb, ret, err);
}

enum lp_code lp_git_open_repository(const char *path, struct git **ret, struct err *err)
{
	static const char *const below[] = {".git/objects", "objects"};
	LP_AUTO(free_odb) git_odb *odb = NULL;
	char objects[LP_PATH_MAX];
	struct stat st;
	LP_TRY(lp_git_init(err));
	for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
		LP_TRY(lp_path_join(objects, path, below[i], err));
		if (stat(objects, &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		if (git_odb_open(&odb, objects) != 0)
			return git_failed(LP_CORRUPT, objects, err);
		return take_odb(&odb, ret, err);
	}
	return lp_err_set(err, LP_NOT_FOUND, "%s is no Git repository", path);
}

void lp_git_close(struct git **git)
{
	struct git *old = LP_STEAL(*git);
	if (!old)
		return;
	git_odb_free(old->odb);
	free(old);
}

static enum lp_code object_failed(int result, const uint8_t id[20], struct err *err)
{
	char hex[41];
	lp_hex(id, 20, hex);
	if (result == GIT_ENOTFOUND)
		return lp_err_set(err, LP_NOT_FOUND, "object %s is not there", hex);
	git_failed(LP_CORRUPT, "damaged", err);
	return lp_err_wrap(err, "object %s", hex);
}

enum lp_code lp_git_header(struct git *git, const uint8_t id[20], enum git_type *ret_type,
			   uint64_t *ret_bytes, struct err *err)
{
	git_oid oid;
	git_object_t type;
	size_t size;
	memcpy(oid.id, id, sizeof(oid.id));
	int result = git_odb_read_header(&size, &type, git->odb, &oid);
	if (result != 0)
		return object_failed(result, id, err);
	if (type < GIT_OBJECT_COMMIT || type > GIT_OBJECT_TAG)
		return lp_err_set(err, LP_CORRUPT, "an object of type %d", (int)type);
	*ret_type = (enum git_type)type;
	*ret_bytes = size;
	return LP_OK;
}

static void free_object(git_odb_object **object)
{
	git_odb_object_free(*object);
}

static const char *type_name(enum git_type type)
{
	static const char *const names[] = {"", "commit", "tree", "blob", "tag"};
	return names[type];
}

enum lp_code lp_git_read(struct git *git, const uint8_t id[20], enum git_type type, struct buf *to,
			 struct err *err)
{
	git_oid oid;
	enum git_type found = GIT_TYPE_BLOB;
	uint64_t bytes = 0;
	LP_AUTO(free_object) git_odb_object *object = NULL;
	char hex[41];
	LP_TRY(lp_git_header(git, id, &found, &bytes, err));
	lp_hex(id, 20, hex);
	if (found != type)
		return lp_err_set(err, LP_REJECTED, "object %s is a %s, not a %s", hex,
				  type_name(found), type_name(type));
	if (bytes > to->max - to->len)
		return lp_err_set(err, LP_LIMIT, "%s %s has %llu bytes, more than the %zu allowed",
				  type_name(type), hex, (unsigned long long)bytes,
				  to->max - to->len);
	memcpy(oid.id, id, sizeof(oid.id));
	int result = git_odb_read(&object, git->odb, &oid);
	if (result != 0)
		return object_failed(result, id, err);
	if (git_odb_object_size(object) != bytes)
		return lp_err_set(err, LP_CORRUPT, "object %s has another size than it says", hex);
	return lp_buf_append(to, git_odb_object_data(object), bytes, err);
}

/* --- a pack that comes in --- */

enum lp_code lp_git_inbound_new(const char *folder, struct git *bases, struct git_inbound **ret,
				struct err *err)
{
	LP_TRY(lp_git_init(err));
	struct git_inbound *in = calloc(1, sizeof(*in));
	if (!in)
		return lp_err_nomem(err, "pack");
	if (git_indexer_new(&in->indexer, folder, 0400, bases ? bases->odb : NULL, NULL) != 0) {
		free(in);
		return git_failed(LP_TRANSIENT, folder, err);
	}
	*ret = in;
	return LP_OK;
}

enum lp_code lp_git_inbound_add(struct git_inbound *in, const void *data, size_t n, struct err *err)
{
	if (git_indexer_append(in->indexer, data, n, &in->progress) != 0)
		return git_failed(LP_REJECTED, "pack", err);
	return LP_OK;
}

enum lp_code lp_git_inbound_finish(struct git_inbound *in, struct err *err)
{
	if (git_indexer_commit(in->indexer, &in->progress) != 0)
		return git_failed(LP_REJECTED, "pack", err);
	return LP_OK;
}

void lp_git_inbound_free(struct git_inbound **in)
{
	struct git_inbound *old = LP_STEAL(*in);
	if (!old)
		return;
	git_indexer_free(old->indexer);
	free(old);
}

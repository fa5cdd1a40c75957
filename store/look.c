/* SPDX-License-Identifier: Apache-2.0 */
#include "store/look.h"

#include <sqlite3.h>
#include <string.h>

/* SQLite allocates this with room for the system's own file behind it. */
struct look_file {
	sqlite3_file base;
	sqlite3_file *below; /* NULL: a -wal that is not there */
};

static sqlite3_file *below(sqlite3_file *file)
{
	return ((struct look_file *)(void *)file)->below;
}

static int look_close(sqlite3_file *file)
{
	return below(file) ? below(file)->pMethods->xClose(below(file)) : SQLITE_OK;
}

static int look_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
	if (below(file))
		return below(file)->pMethods->xRead(below(file), to, n, at);
	memset(to, 0, (size_t)n);
	return SQLITE_IOERR_SHORT_READ;
}

static int look_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	return SQLITE_READONLY;
}

static int look_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return SQLITE_READONLY;
}

static int look_sync(sqlite3_file *file, int flags)
{
	return SQLITE_OK;
}

static int look_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	*ret_size = 0;
	return below(file) ? below(file)->pMethods->xFileSize(below(file), ret_size) : SQLITE_OK;
}

static int look_lock(sqlite3_file *file, int level)
{
	if (!below(file) || level > SQLITE_LOCK_SHARED)
		return SQLITE_OK;
	return below(file)->pMethods->xLock(below(file), level);
}

static int look_unlock(sqlite3_file *file, int level)
{
	if (!below(file) || level > SQLITE_LOCK_SHARED)
		return SQLITE_OK;
	return below(file)->pMethods->xUnlock(below(file), level);
}

static int look_reserved(sqlite3_file *file, int *ret_reserved)
{
	*ret_reserved = 0;
	return SQLITE_OK;
}

static int look_control(sqlite3_file *file, int operation, void *argument)
{
	return below(file) ? below(file)->pMethods->xFileControl(below(file), operation, argument)
			   : SQLITE_NOTFOUND;
}

static int look_sector(sqlite3_file *file)
{
	return 4096;
}

static int look_device(sqlite3_file *file)
{
	return 0;
}

/* Version 1 has no shared memory and no mapping: SQLite keeps the -wal's index in its heap. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = look_close,
	.xRead = look_read,
	.xWrite = look_write,
	.xTruncate = look_truncate,
	.xSync = look_sync,
	.xFileSize = look_size,
	.xLock = look_lock,
	.xUnlock = look_unlock,
	.xCheckReservedLock = look_reserved,
	.xFileControl = look_control,
	.xSectorSize = look_sector,
	.xDeviceCharacteristics = look_device,
};

static sqlite3_vfs *under(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static int look_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
		     int *ret_flags)
{
	struct look_file *look = (struct look_file *)(void *)file;
	int there = 1;

	if (ret_flags)
		*ret_flags = (flags & ~SQLITE_OPEN_READWRITE) | SQLITE_OPEN_READONLY;
	look->base.pMethods = NULL;
	look->below = (sqlite3_file *)(look + 1);
	flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE);
	flags |= SQLITE_OPEN_READONLY;
	if (flags & SQLITE_OPEN_WAL)
		under(vfs)->xAccess(under(vfs), path, SQLITE_ACCESS_EXISTS, &there);
	if (!there) {
		look->below = NULL;
	} else {
		int result = under(vfs)->xOpen(under(vfs), path, look->below, flags, NULL);
		if (result != SQLITE_OK)
			return result;
	}
	look->base.pMethods = &methods;
	return SQLITE_OK;
}

static int look_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	return SQLITE_READONLY;
}

enum lp_code lp_look_register(const char **ret_vfs_name, struct err *err)
{
	static sqlite3_vfs vfs = {.zName = "limpet-look"};
	sqlite3_vfs *system = sqlite3_vfs_find(NULL);

	if (!system)
		return lp_err_set(err, LP_INTERNAL, "SQLite has no file system");
	if (!vfs.pAppData) {
		vfs = *system;
		vfs.pNext = NULL;
		vfs.zName = "limpet-look";
		vfs.szOsFile = (int)sizeof(struct look_file) + system->szOsFile;
		vfs.pAppData = system;
		vfs.xOpen = look_open;
		vfs.xDelete = look_delete;
		if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) {
			vfs.pAppData = NULL;
			return lp_err_nomem(err, "SQLite");
		}
	}
	*ret_vfs_name = vfs.zName;
	return LP_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_FAULT_STORE_FAULTY_H
#define LIMPET_TESTS_FAULT_STORE_FAULTY_H
/*
 * A disk that fails at the nth change (write, sync, truncate, delete), and one whose power is cut
 * there: of what was written since the last sync of a file, any part may be
 * lost. Syncs do not reach the real disk, so that thousands of runs are quick.
 */
#include "tests/unit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_FULL,      /* no space: the nth change fails */
	FAULT_FULL_LONG, /* and all later ones until fault_off */
	FAULT_IO,        /* EIO: half of the nth write is done */
	FAULT_IO_LONG,
	FAULT_POWER, /* everything fails from the nth change on; then power_cut() */
};

static struct {
	enum fault_kind kind;
	long at;      /* the change that fails, from 1 */
	long changes; /* so far */
	long failed;
} fault;

static sqlite3_vfs *disk; /* the real one */

/* One write that no sync has made durable yet. */
struct pending {
	struct pending *next; /* the one before it */
	char path[160];
	sqlite3_int64 at, size_before;
	int n;
	unsigned char *before, *after;
};
static struct pending *pending;

static void forget_pending(const char *path)
{
	for (struct pending **p = &pending; *p;) {
		struct pending *one = *p;
		if (path && strcmp(one->path, path) != 0) {
			p = &one->next;
			continue;
		}
		*p = one->next;
		free(one->before);
		free(one->after);
		free(one);
	}
}

static void fault_set(enum fault_kind kind, long at)
{
	forget_pending(NULL);
	fault.kind = kind;
	fault.at = at;
	fault.changes = 0;
	fault.failed = 0;
}

__attribute__((unused)) static void fault_off(void)
{
	fault_set(FAULT_NONE, 0);
}

static bool fails(void)
{
	bool lasting = fault.kind == FAULT_FULL_LONG || fault.kind == FAULT_IO_LONG ||
		       fault.kind == FAULT_POWER;

	fault.changes++;
	if (fault.kind == FAULT_NONE || fault.changes < fault.at)
		return false;
	if (fault.changes > fault.at && !lasting)
		return false;
	fault.failed++;
	return true;
}

struct faulty_file {
	sqlite3_file base;
	char path[160];
	sqlite3_file *below;
};

static struct faulty_file *faulty(sqlite3_file *file)
{
	return (struct faulty_file *)(void *)file;
}

#define BELOW(file, call, ...) \
	faulty(file)->below->pMethods->call(faulty(file)->below, ##__VA_ARGS__)

static int f_close(sqlite3_file *file)
{
	return BELOW(file, xClose);
}

static int f_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
	return BELOW(file, xRead, to, n, at);
}

static void remember(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	struct pending *p = calloc(1, sizeof(*p));

	p->before = calloc(1, (size_t)n);
	p->after = malloc((size_t)n);
	memcpy(p->after, data, (size_t)n);
	memcpy(p->path, faulty(file)->path, sizeof(p->path));
	p->at = at;
	p->n = n;
	BELOW(file, xFileSize, &p->size_before);
	BELOW(file, xRead, p->before, n, at); /* a short read leaves zeroes */
	p->next = pending;
	pending = p;
}

static int f_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	bool full = fault.kind == FAULT_FULL || fault.kind == FAULT_FULL_LONG;

	if (fails()) {
		if (!full && fault.kind != FAULT_POWER)
			BELOW(file, xWrite, data, n / 2, at);
		return full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	}
	if (fault.kind == FAULT_POWER)
		remember(file, data, n, at);
	return BELOW(file, xWrite, data, n, at);
}

static int f_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	if (fails())
		return SQLITE_IOERR_TRUNCATE;
	forget_pending(faulty(file)->path);
	return BELOW(file, xTruncate, size);
}

static int f_sync(sqlite3_file *file, int flags)
{
	if (fails())
		return SQLITE_IOERR_FSYNC;
	forget_pending(faulty(file)->path);
	return SQLITE_OK;
}

static int f_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
	return BELOW(file, xFileSize, ret_size);
}

static int f_lock(sqlite3_file *file, int level)
{
	return BELOW(file, xLock, level);
}

static int f_unlock(sqlite3_file *file, int level)
{
	return BELOW(file, xUnlock, level);
}

static int f_reserved(sqlite3_file *file, int *ret_reserved)
{
	return BELOW(file, xCheckReservedLock, ret_reserved);
}

static int f_control(sqlite3_file *file, int operation, void *argument)
{
	return BELOW(file, xFileControl, operation, argument);
}

static int f_sector(sqlite3_file *file)
{
	return BELOW(file, xSectorSize);
}

static int f_device(sqlite3_file *file)
{
	return BELOW(file, xDeviceCharacteristics);
}

static const sqlite3_io_methods faulty_methods = {
	1,      f_close,  f_read,     f_write,   f_truncate, f_sync,  f_size,
	f_lock, f_unlock, f_reserved, f_control, f_sector,   f_device};

static int f_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct faulty_file *f = faulty(file);

	f->base.pMethods = NULL;
	snprintf(f->path, sizeof(f->path), "%s", path ? path : "");
	f->below = (sqlite3_file *)(f + 1);
	int result = disk->xOpen(disk, path, f->below, flags, ret_flags);
	if (result == SQLITE_OK)
		f->base.pMethods = &faulty_methods;
	return result;
}

static int f_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	if (fails())
		return SQLITE_IOERR_DELETE;
	forget_pending(path);
	return disk->xDelete(disk, path, sync_folder);
}

static int f_error(sqlite3_vfs *vfs, int n, char *text)
{
	return EIO;
}

/* From here on every database is opened through it. */
static void faulty_install(void)
{
	static sqlite3_vfs vfs;

	if (sqlite3_initialize() != SQLITE_OK)
		abort();
	disk = sqlite3_vfs_find(NULL);
	vfs = *disk;
	vfs.pNext = NULL;
	vfs.zName = "faulty";
	vfs.szOsFile = (int)sizeof(struct faulty_file) + disk->szOsFile;
	vfs.xOpen = f_open;
	vfs.xDelete = f_delete;
	vfs.xGetLastError = f_error;
	sqlite3_vfs_register(&vfs, 1);
}

static void put_back(const struct pending *p)
{
	int fd = open(p->path, O_WRONLY);

	if (fd < 0)
		return;
	if (pwrite(fd, p->before, (size_t)p->n, p->at) != p->n)
		abort();
	if (ftruncate(fd, p->size_before) != 0)
		abort();
	close(fd);
}

/* Sector by sector: a write may be there in part. */
static void write_some(const struct pending *p, unsigned *seed)
{
	int fd = open(p->path, O_WRONLY);
	int mode = rand_r(seed) % 3; /* none, all, some sectors */

	if (fd < 0)
		return;
	for (int at = 0; at < p->n; at += 512) {
		int n = p->n - at < 512 ? p->n - at : 512;
		if (mode == 0 || (mode == 2 && rand_r(seed) % 2))
			continue;
		if (pwrite(fd, p->after + at, (size_t)n, p->at + at) != n)
			abort();
	}
	close(fd);
}

/* What is on the disk after the power is back: the database must be closed. */
__attribute__((unused)) static void power_cut(unsigned seed)
{
	struct pending *oldest = NULL;

	for (struct pending *p = pending; p;) { /* newest first: back to the last sync */
		struct pending *next = p->next;
		put_back(p);
		p->next = oldest;
		oldest = p;
		p = next;
	}
	pending = oldest;
	for (struct pending *p = pending; p; p = p->next)
		write_some(p, &seed);
	fault_off();
}
#endif

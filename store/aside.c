/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/clock.h"
#include "store/db.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES 100 /* names for one second */

static bool exists(const char *path, const char *suffix)
{
	char full[LP_PATH_MAX + 8];

	snprintf(full, sizeof(full), "%s%s", path, suffix);
	return access(full, F_OK) == 0;
}

/* A name that neither a database nor a -wal has, so that no earlier one is overwritten. */
static enum lp_code free_name(const char *path, char to[LP_PATH_MAX], struct err *err)
{
	time_t now = (time_t)lp_wall_s();
	char when[32] = "";
	struct tm utc;

	if (gmtime_r(&now, &utc))
		strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &utc);
	for (int i = 0; i < TRIES; i++) {
		int n = snprintf(to, LP_PATH_MAX, i ? "%s.corrupt-%s-%d" : "%s.corrupt-%s", path,
				 when, i);
		if (n < 0 || n >= LP_PATH_MAX - 8)
			return lp_err_set(err, LP_LIMIT, "%s: the path is too long", path);
		if (!exists(to, "") && !exists(to, "-wal"))
			return LP_OK;
	}
	return lp_err_set(err, LP_TRANSIENT, "%s: %d names for a copy are taken", path, TRIES);
}

/* One that is not there is fine. */
static enum lp_code move(const char *from, const char *to, const char *suffix, struct err *err)
{
	char old[LP_PATH_MAX + 8], new[LP_PATH_MAX + 8];

	snprintf(old, sizeof(old), "%s%s", from, suffix);
	snprintf(new, sizeof(new), "%s%s", to, suffix);
	if (rename(old, new) == 0 || errno == ENOENT)
		return LP_OK;
	return lp_err_os(err, LP_TRANSIENT, errno, "rename %s to %s", old, new);
}

/* Removes what is left of one put aside; a file that is not there or stays does no harm. */
static void drop(const char *to)
{
	static const char *const suffixes[] = {"-wal", "-journal", ""};
	char full[LP_PATH_MAX + 8];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(full, sizeof(full), "%s%s", to, suffixes[i]);
		unlink(full);
	}
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

/* Counts the databases that were put aside before, and gives the whole name of the oldest. */
static unsigned count_asides(const char *path, char oldest[LP_PATH_MAX])
{
	char folder[LP_PATH_MAX], start[NAME_MAX + 16], full[LP_PATH_MAX];
	LP_AUTO(close_dir) DIR *dir = opendir(lp_path_folder(path, folder));
	struct dirent *entry;
	int64_t oldest_s = INT64_MAX;
	unsigned n = 0;
	struct stat st;

	const char *slash = strrchr(path, '/');

	snprintf(start, sizeof(start), "%s.corrupt-", slash ? slash + 1 : path);
	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		if (strncmp(name, start, strlen(start)) != 0 || ends_with(name, "-wal") ||
		    ends_with(name, "-journal") ||
		    snprintf(full, sizeof(full), "%s/%s", folder, name) >= (int)sizeof(full) ||
		    stat(full, &st) != 0)
			continue;
		n++;
		if (st.st_mtime >= oldest_s)
			continue;
		oldest_s = st.st_mtime;
		memcpy(oldest, full, sizeof(full));
	}
	return n;
}

/* Flash is small, and a database that is damaged again and again tells nothing new. */
static void drop_older(const char *path)
{
	char oldest[LP_PATH_MAX];

	for (unsigned n = count_asides(path, oldest); n >= LP_ASIDE_MAX; n--) {
		drop(oldest);
		if (count_asides(path, oldest) >= n)
			return; /* it cannot be removed */
	}
}

static enum lp_code sync_folder(const char *path, struct err *err)
{
	char folder[LP_PATH_MAX];

	return lp_dir_sync(lp_path_folder(path, folder), err);
}

/*
 * The database first: a crash between the two leaves a -wal alone, which cannot be taken for
 * anything else. The other way round would leave an older, sound-looking database.
 */
enum lp_code lp_db_set_aside(const char *path, char ret_new_path[LP_PATH_MAX], struct err *err)
{
	char to[LP_PATH_MAX];

	if (!exists(path, "") && !exists(path, "-wal"))
		return lp_err_set(err, LP_NOT_FOUND, "there is no database %s", path);
	drop_older(path);
	LP_TRY(free_name(path, to, err));
	LP_TRY(move(path, to, "", err));
	LP_TRY(sync_folder(path, err));
	LP_TRY(move(path, to, "-wal", err));
	LP_TRY(move(path, to, "-journal", err));
	LP_TRY(sync_folder(path, err));
	return lp_copy(ret_new_path, LP_PATH_MAX, to, err);
}

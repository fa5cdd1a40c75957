/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_UNIT_SOURCE_PACKS_H
#define LIMPET_TESTS_UNIT_SOURCE_PACKS_H
/* The packs in data/ (see data/make), and folders to put them into. */
#include "agent/trust/oid.h"
#include "platform/fs.h"
#include "platform/git.h"
#include "platform/limits.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char work[LP_PATH_MAX]; /* an empty folder, made by work_begin */

__attribute__((unused)) static struct buf load(const char *name)
{
	char path[LP_PATH_MAX];
	struct buf b = LP_BUF(LP_MIB);
	snprintf(path, sizeof(path), "%s/data/%s", TEST_DATA, name);
	CHECK_OK(lp_file_read(path, &b, &err));
	return b;
}

/* The id that data/ids gives to name. */
__attribute__((unused)) static struct oid id_of(const char *name)
{
	struct buf ids = load("ids");
	struct oid id = {0};
	size_t n = strlen(name);
	for (const char *line = lp_buf_text(&ids); line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) == 0 && line[n] == ' ')
			CHECK(lp_oid_parse(line + n + 1, 40, &id));
	}
	lp_buf_free(&ids);
	CHECK(!lp_oid_is_zero(&id));
	return id;
}

__attribute__((unused)) static void work_begin(void)
{
	snprintf(work, sizeof(work), "/tmp/limpet-unit-XXXXXX");
	CHECK(mkdtemp(work) != NULL);
}

__attribute__((unused)) static void work_end(void)
{
	CHECK_OK(lp_dir_remove(work, &err));
}

/* A path below work; four at a time. */
__attribute__((unused)) static const char *at(const char *path)
{
	static char paths[4][LP_PATH_MAX];
	static unsigned next;
	char *to = paths[next++ % 4];
	CHECK_OK(lp_path_join(to, work, path, &err));
	return to;
}

__attribute__((unused)) static bool is_there(const char *path)
{
	struct stat st;
	return stat(at(path), &st) == 0;
}

/* Indexes a pack of data/ into folder, in pieces of step bytes. */
__attribute__((unused)) static enum lp_code index_pack(const char *name, const char *folder,
						       struct git *bases, size_t step)
{
	LP_AUTO(lp_git_inbound_free) struct git_inbound *in = NULL;
	LP_AUTO(lp_buf_free) struct buf pack = load(name);
	LP_TRY(lp_git_inbound_new(folder, bases, &in, &err));
	for (size_t i = 0; i < pack.len; i += step) {
		size_t n = pack.len - i < step ? pack.len - i : step;
		LP_TRY(lp_git_inbound_add(in, pack.data + i, n, &err));
	}
	return lp_git_inbound_finish(in, &err);
}
#endif

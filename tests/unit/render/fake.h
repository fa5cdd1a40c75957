/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_UNIT_RENDER_FAKE_H
#define LIMPET_TESTS_UNIT_RENDER_FAKE_H
/*
 * A tree made of a table, with entries that neither Git nor a disk would hold.
 * Files come in Git's order; folders are what their paths say.
 */
#include "agent/render/tree.h"
#include "platform/fs.h"

#include <string.h>

struct fake_file {
	const char *path; /* NULL ends the table */
	const char *text; /* NULL: cannot be read */
	enum tree_type type;
	uint64_t size_bytes; /* what the tree says; 0: as long as text */
};

struct fake {
	const struct fake_file *files;
	unsigned reads;
	unsigned fail_read;            /* the read that fails with LP_TRANSIENT; 0 none */
	const struct fake_file *later; /* what it is from the second listing of the root on */
	unsigned lists;
};

static uint64_t fake_size(const struct fake_file *file)
{
	return file->size_bytes ? file->size_bytes : strlen(file->text ? file->text : "");
}

__attribute__((unused)) static enum lp_code fake_list(void *of, const char *path, tree_visit *visit,
						      void *context, struct err *ret)
{
	struct fake *fake = of;
	size_t n = strlen(path) + (path[0] != '\0');
	char last[LP_PATH_MAX] = "";
	bool found = false;

	fake->lists += path[0] == '\0';
	if (fake->later && fake->lists > 2)
		fake->files = fake->later;
	for (const struct fake_file *file = fake->files; file->path; file++) {
		char name[LP_PATH_MAX];
		if (n && (strncmp(file->path, path, n - 1) != 0 || file->path[n - 1] != '/'))
			continue;
		found = true;
		snprintf(name, sizeof(name), "%s", file->path + n);
		char *slash = file->type == TREE_DIR ? NULL : strchr(name, '/');
		if (slash)
			*slash = '\0';
		if (slash && strcmp(name, last) == 0)
			continue;
		memcpy(last, name, sizeof(last));
		struct tree_entry entry = {name, slash ? TREE_DIR : file->type,
					   slash ? 0 : fake_size(file)};
		LP_TRY(visit(context, &entry, ret));
	}
	return found || !n ? LP_OK : lp_err_set(ret, LP_NOT_FOUND, "%s: no such path", path);
}

__attribute__((unused)) static enum lp_code fake_read(void *of, const char *path, struct buf *to,
						      struct err *ret)
{
	struct fake *fake = of;

	if (++fake->reads == fake->fail_read)
		return lp_err_set(ret, LP_TRANSIENT, "%s: the disk is away", path);
	for (const struct fake_file *file = fake->files; file->path; file++)
		if (strcmp(file->path, path) == 0 && file->text)
			return lp_buf_str(to, file->text, ret);
	return lp_err_set(ret, LP_NOT_FOUND, "%s: no such file", path);
}
#endif

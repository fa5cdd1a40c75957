/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/tree_entries.h"

#include "agent/source/limits.h"
#include "agent/source/pkt.h"

#include <string.h>
#include <strings.h>

/* --- names --- */

/* Whether nothing but dots and spaces follows, or a colon: NTFS drops all that. */
static bool ntfs_ignores(const uint8_t *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (at[i] == ':')
			return true;
		if (at[i] != '.' && at[i] != ' ')
			return false;
	}
	return true;
}

static bool is_ntfs_dotgit(struct slice name)
{
	static const char *const forms[] = {".git", "git~1"};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = strlen(forms[i]);
		if (name.len >= n && strncasecmp((const char *)name.data, forms[i], n) == 0 &&
		    ntfs_ignores(name.data + n, name.len - n))
			return true;
	}
	return false;
}

/* Bytes of a character that HFS+ ignores (U+200C-F, U+202A-E, U+206A-F, U+FEFF), or 0. */
static size_t hfs_ignored(const uint8_t *at, size_t n)
{
	if (n < 3)
		return 0;
	if (at[0] == 0xe2 && at[1] == 0x80 &&
	    ((at[2] >= 0x8c && at[2] <= 0x8f) || (at[2] >= 0xaa && at[2] <= 0xae)))
		return 3;
	if (at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xaa && at[2] <= 0xaf)
		return 3;
	if (at[0] == 0xef && at[1] == 0xbb && at[2] == 0xbf)
		return 3;
	return 0;
}

static bool is_hfs_dotgit(struct slice name)
{
	char plain[8];
	size_t n = 0;
	for (size_t i = 0; i < name.len;) {
		size_t ignored = hfs_ignored(name.data + i, name.len - i);
		if (ignored) {
			i += ignored;
			continue;
		}
		if (n == sizeof(plain) - 1)
			return false;
		plain[n++] = (char)name.data[i++];
	}
	plain[n] = 0;
	return strcasecmp(plain, ".git") == 0;
}

bool lp_name_is_dotgit(struct slice name)
{
	return is_ntfs_dotgit(name) || is_hfs_dotgit(name);
}

static enum lp_code refuse(struct slice name, const char *what, struct err *err)
{
	char text[LP_TREE_NAME + 1];
	return lp_err_set(err, LP_REJECTED, "malformed tree: \"%s\": %s",
			  lp_remote_text(name, text, sizeof(text)), what);
}

static enum lp_code check_name(struct slice name, struct err *err)
{
	if (name.len == 0)
		return refuse(name, "an entry without a name", err);
	if (name.len > LP_TREE_NAME)
		return refuse(name, "a name of more than 255 bytes", err);
	if (lp_slice_is(name, ".") || lp_slice_is(name, ".."))
		return refuse(name, "no name of a file", err);
	if (memchr(name.data, '/', name.len))
		return refuse(name, "a slash in a name", err);
	if (lp_name_is_dotgit(name))
		return refuse(name, "a name that stands for .git is refused: rename it", err);
	return LP_OK;
}

/* --- order --- */

/* The byte that ends a name in Git's order: a folder sorts as if its name had a slash. */
static int byte_at(const struct git_entry *entry, size_t i)
{
	if (i < entry->name.len)
		return entry->name.data[i];
	return entry->type == TREE_DIR ? '/' : 0;
}

static int compare(const struct git_entry *a, const struct git_entry *b)
{
	size_t n = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = memcmp(a->name.data, b->name.data, n);
	return order ? order : byte_at(a, n) - byte_at(b, n);
}

/*
 * A file "a" and a folder "a" are not neighbours in Git's order ("a", "a.b", "a/"), so the order
 * alone does not show them. Looks back over what can lie in between: names that begin with this
 * one.
 */
static bool is_twin(const struct git_entry *file, struct slice left)
{
	struct slice rest = left;
	while (rest.len) {
		const uint8_t *name = memchr(rest.data, ' ', rest.len);
		if (!name)
			return false;
		name++;
		size_t most = rest.len - (size_t)(name - rest.data);
		const uint8_t *end = memchr(name, 0, most);
		if (!end || (size_t)(end - name) < file->name.len ||
		    memcmp(name, file->name.data, file->name.len) != 0)
			return false;
		if ((size_t)(end - name) == file->name.len)
			return true;
		if (most - (size_t)(end - name) < 1 + LP_OID_BYTES)
			return false;
		rest.len = most - (size_t)(end - name) - 1 - LP_OID_BYTES;
		rest.data = end + 1 + LP_OID_BYTES;
	}
	return false;
}

/* --- entries --- */

static bool parse_mode(struct slice mode, enum tree_type *ret)
{
	static const struct {
		const char *text;
		enum tree_type type;
	} modes[] = {{"100644", TREE_FILE},
		     {"100755", TREE_FILE},
		     {"40000", TREE_DIR},
		     {"120000", TREE_SYMLINK},
		     {"160000", TREE_SUBMODULE}};
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (lp_slice_is(mode, modes[i].text)) {
			*ret = modes[i].type;
			return true;
		}
	}
	return false;
}

static enum lp_code parse_entry(struct slice *left, struct git_entry *ret, struct err *err)
{
	const uint8_t *space = memchr(left->data, ' ', left->len);
	const uint8_t *end =
		space ? memchr(space, 0, left->len - (size_t)(space - left->data)) : NULL;
	if (!end || left->len - (size_t)(end - left->data) < 1 + LP_OID_BYTES)
		return lp_err_set(err, LP_REJECTED, "malformed tree: an entry is cut short");
	struct slice mode = {left->data, (size_t)(space - left->data)};
	ret->name = (struct slice){space + 1, (size_t)(end - space - 1)};
	if (!parse_mode(mode, &ret->type))
		return refuse(ret->name, "a mode that Git does not have", err);
	memcpy(ret->id.bytes, end + 1, LP_OID_BYTES);
	left->len -= (size_t)(end - left->data) + 1 + LP_OID_BYTES;
	left->data = end + 1 + LP_OID_BYTES;
	return LP_OK;
}

enum lp_code lp_tree_next(struct tree_cursor *at, struct git_entry *ret, bool *ret_more,
			  struct err *err)
{
	*ret_more = at->left.len > 0;
	if (!*ret_more)
		return LP_OK;
	if (++at->count > LP_TREE_ENTRIES)
		return lp_err_set(err, LP_LIMIT, "too-large: a folder with more than %u entries",
				  LP_TREE_ENTRIES);
	LP_TRY(parse_entry(&at->left, ret, err));
	LP_TRY(check_name(ret->name, err));
	if (at->last.name.data && compare(&at->last, ret) >= 0)
		return refuse(ret->name, "not in Git's order, or there twice", err);
	if (ret->type != TREE_DIR && is_twin(ret, at->left))
		return refuse(ret->name, "there twice", err);
	at->last = *ret;
	return LP_OK;
}

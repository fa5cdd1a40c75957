/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/ancestry.h"

#include "agent/source/limits.h"

#include <stdlib.h>
#include <string.h>

#define LINE_START "parent "
#define ID_TEXT    40u

size_t lp_commit_parents(struct slice content, struct oid *parents, size_t room)
{
	size_t at = strlen("tree ") + ID_TEXT + 1, start = strlen(LINE_START), count = 0;
	if (!lp_slice_starts(content, "tree "))
		return 0;
	while (count < room && content.len >= at + start + ID_TEXT + 1) {
		const char *line = (const char *)content.data + at;
		if (memcmp(line, LINE_START, start) != 0 || line[start + ID_TEXT] != '\n' ||
		    !lp_oid_parse(line + start, ID_TEXT, &parents[count]))
			break;
		count++;
		at += start + ID_TEXT + 1;
	}
	return count;
}

/* The commits to walk, in the order they were found: at the same time the set of those known. */
struct walk {
	struct oid *queue; /* owned */
	size_t len, next;
	uint32_t *slots;   /* owned; index in queue + 1, by id; 0 empty */
	size_t slot_count; /* a power of two */
};

static void walk_free(struct walk *walk)
{
	free(walk->queue);
	free(walk->slots);
}

static size_t slot_of(const struct walk *walk, const struct oid *id)
{
	uint32_t hash;
	memcpy(&hash, id->bytes, sizeof(hash)); /* ids are hashes already */
	size_t slot = hash & (walk->slot_count - 1);
	while (walk->slots[slot] && !lp_oid_equal(&walk->queue[walk->slots[slot] - 1], id))
		slot = (slot + 1) & (walk->slot_count - 1);
	return slot;
}

/* Doubles the room, false out of memory; the queue fills at most half of the slots. */
static bool walk_grow(struct walk *walk)
{
	size_t count = walk->slot_count ? walk->slot_count * 2 : 64;
	struct oid *queue = realloc(walk->queue, count / 2 * sizeof(*queue));
	if (!queue)
		return false;
	walk->queue = queue;
	uint32_t *slots = calloc(count, sizeof(*slots));
	if (!slots)
		return false;
	free(walk->slots);
	walk->slots = slots;
	walk->slot_count = count;
	for (size_t i = 0; i < walk->len; i++)
		walk->slots[slot_of(walk, &walk->queue[i])] = (uint32_t)i + 1;
	return true;
}

static enum lp_code walk_add(struct walk *walk, const struct oid *id, struct err *err)
{
	if (walk->len == walk->slot_count / 2 && !walk_grow(walk))
		return lp_err_nomem(err, "commits");
	size_t slot = slot_of(walk, id);
	if (walk->slots[slot])
		return LP_OK;
	walk->queue[walk->len++] = *id;
	walk->slots[slot] = (uint32_t)walk->len;
	return LP_OK;
}

/* Adds the parents of one commit; *ret_there is false when it was never fetched. */
static enum lp_code walk_commit(struct git *git, struct walk *walk, const struct oid *id,
				struct buf *content, bool *ret_there, struct err *err)
{
	struct oid parents[LP_COMMIT_PARENTS];
	lp_buf_clear(content);
	enum lp_code code = lp_git_read(git, id->bytes, GIT_TYPE_COMMIT, content, err);
	*ret_there = code == LP_OK;
	if (code == LP_NOT_FOUND)
		return LP_OK;
	LP_TRY(code);
	size_t n = lp_commit_parents(LP_SLICE_OF(content), parents, LP_COMMIT_PARENTS);
	for (size_t i = 0; i < n; i++)
		LP_TRY(walk_add(walk, &parents[i], err));
	return LP_OK;
}

static enum lp_code walk_all(struct git *git, struct walk *walk, const struct oid *to,
			     enum ancestry *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf content = LP_BUF(LP_COMMIT_BYTES);
	bool gap = false, there;
	while (walk->next < walk->len) {
		struct oid id = walk->queue[walk->next++];
		if (lp_oid_equal(&id, to)) {
			*ret = ANCESTRY_CONNECTED;
			return LP_OK;
		}
		if (walk->next > LP_ANCESTRY_COMMITS) {
			*ret = ANCESTRY_BOUND;
			return LP_OK;
		}
		LP_TRY(walk_commit(git, walk, &id, &content, &there, err));
		gap |= !there;
	}
	*ret = gap ? ANCESTRY_GAP : ANCESTRY_UNRELATED;
	return LP_OK;
}

enum lp_code lp_ancestry(struct git *git, const struct oid *from, const struct oid *to,
			 enum ancestry *ret, struct err *err)
{
	struct walk walk = {0};
	enum lp_code code = walk_add(&walk, from, err);
	if (code == LP_OK)
		code = walk_all(git, &walk, to, ret, err);
	walk_free(&walk);
	return code;
}

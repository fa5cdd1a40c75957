/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/applyset.h"

#include "agent/cluster/limits.h"
#include "agent/cluster/skim.h"
#include "platform/crypto.h"

#include <string.h>

#define TOOL "limpet"

void lp_applyset_free(struct applyset *set)
{
	lp_arena_free(&set->arena);
	*set = (struct applyset){.arena = LP_ARENA(LP_APPLYSET_MEMORY)};
}

/* Base64 as in URLs, without padding: 43 characters and a NUL. */
static void base64url(const uint8_t digest[LP_SHA256_BYTES], char to[44])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < LP_SHA256_BYTES; i++) {
		bits = bits << 8 | digest[i];
		for (have += 8; have >= 6; have -= 6)
			*to++ = digits[bits >> (have - 6) & 63];
	}
	*to++ = digits[bits << (6 - have) & 63];
	*to = '\0';
}

const char *lp_applyset_id(const char *name, const char *ns, const char *kind, const char *group,
			   char to[LP_APPLYSET_ID_MAX])
{
	uint8_t digest[LP_SHA256_BYTES];
	char text[4 * LP_NAME_MAX], code[44];

	int n = snprintf(text, sizeof(text), "%s.%s.%s.%s", name, ns, kind, group);
	lp_sha256(text, n > 0 ? (size_t)n : 0, digest);
	base64url(digest, code);
	snprintf(to, LP_APPLYSET_ID_MAX, "applyset-%s-v1", code);
	return to;
}

const char *lp_applyset_parent(const char *source, char to[LP_NAME_MAX])
{
	snprintf(to, LP_NAME_MAX, LP_APPLYSET_PARENT_PREFIX "%s", source);
	return to;
}

const char *lp_applyset_source_id(const char *source, const char *ns, char to[LP_APPLYSET_ID_MAX])
{
	char name[LP_NAME_MAX];

	return lp_applyset_id(lp_applyset_parent(source, name), ns, "ConfigMap", "", to);
}

/* Where word is, or belongs. */
static size_t place_of(const struct words *words, const char *word, bool *ret_there)
{
	size_t low = 0, high = words->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(words->at[middle], word) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_there = low < words->count && strcmp(words->at[low], word) == 0;
	return low;
}

static enum lp_code add_word(struct applyset *set, struct words *words, const char *word,
			     struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._";
	bool there;
	size_t at = place_of(words, word, &there);

	if (there)
		return LP_OK;
	if (!*word || word[strspn(word, allowed)])
		return lp_err_set(err, LP_REJECTED, "\"%s\" is no kind or namespace", word);
	if (words->count == words->room) {
		size_t room = words->room ? 2 * words->room : 32;
		const char **grown = lp_arena_alloc(&set->arena, room * sizeof(*grown));
		if (!grown)
			return lp_arena_full(&set->arena, "kinds and namespaces of the ApplySet",
					     err);
		if (words->count)
			memcpy(grown, words->at, words->count * sizeof(*grown));
		words->at = grown;
		words->room = room;
	}
	const char *copy = lp_arena_str(&set->arena, word);
	if (!copy)
		return lp_arena_full(&set->arena, "kinds and namespaces of the ApplySet", err);
	memmove(words->at + at + 1, words->at + at, (words->count - at) * sizeof(*words->at));
	words->at[at] = copy;
	words->count++;
	return LP_OK;
}

enum lp_code lp_applyset_add(struct applyset *set, const struct object_key *key, const char *own_ns,
			     struct err *err)
{
	char kind[LP_KIND_MAX + LP_GROUP_MAX];

	snprintf(kind, sizeof(kind), "%s%s%s", key->kind, key->group[0] ? "." : "", key->group);
	LP_TRY(add_word(set, &set->kinds, kind, err));
	if (!key->ns[0] || strcmp(key->ns, own_ns) == 0)
		return LP_OK;
	return add_word(set, &set->namespaces, key->ns, err);
}

static enum lp_code add_list(struct applyset *set, struct words *words, struct slice list,
			     struct err *err)
{
	struct slice raw = lp_skim_raw(list);
	char word[LP_KIND_MAX + LP_GROUP_MAX];

	while (raw.len) {
		const uint8_t *comma = memchr(raw.data, ',', raw.len);
		size_t n = comma ? (size_t)(comma - raw.data) : raw.len;
		if (n >= sizeof(word))
			return lp_err_set(err, LP_REJECTED, "a name of %zu characters", n);
		memcpy(word, raw.data, n);
		word[n] = '\0';
		if (n)
			LP_TRY(add_word(set, words, word, err));
		raw.data += n + (comma != NULL);
		raw.len -= n + (comma != NULL);
	}
	return LP_OK;
}

enum lp_code lp_applyset_add_parent(struct applyset *set, const struct metadata *parent,
				    struct err *err)
{
	LP_TRY(add_list(set, &set->kinds, lp_metadata_annotation(parent, LP_APPLYSET_KINDS), err));
	return add_list(set, &set->namespaces,
			lp_metadata_annotation(parent, LP_APPLYSET_NAMESPACES), err);
}

enum lp_code lp_applyset_set_floor(struct applyset *set, struct slice floor, struct err *err)
{
	if (floor.len >= sizeof(set->floor))
		return lp_err_set(err, LP_LIMIT, "a floor of %zu bytes", floor.len);
	for (size_t i = 0; i < floor.len; i++)
		if (floor.data[i] < ' ' || floor.data[i] > '~' || floor.data[i] == '"' ||
		    floor.data[i] == '\\')
			return lp_err_set(err, LP_REJECTED, "a floor that needs quotes");
	if (floor.len)
		memcpy(set->floor, floor.data, floor.len);
	set->floor[floor.len] = '\0';
	return LP_OK;
}

/* Whether list is the words, in order, with commas. */
static bool list_is(struct slice list, const struct words *words)
{
	struct slice raw = lp_skim_raw(list);

	for (size_t i = 0; i < words->count; i++) {
		size_t n = strlen(words->at[i]);
		if (raw.len < n || memcmp(raw.data, words->at[i], n) != 0)
			return false;
		raw = (struct slice){raw.data + n, raw.len - n};
		if (i + 1 == words->count)
			break;
		if (!raw.len || raw.data[0] != ',')
			return false;
		raw = (struct slice){raw.data + 1, raw.len - 1};
	}
	return raw.len == 0 && list.len;
}

bool lp_applyset_same(const struct applyset *set, const struct metadata *parent)
{
	return lp_skim_is(lp_metadata_annotation(parent, LP_APPLYSET_TOOLING),
			  TOOL "/v" LIMPET_VERSION) &&
	       list_is(lp_metadata_annotation(parent, LP_APPLYSET_KINDS), &set->kinds) &&
	       list_is(lp_metadata_annotation(parent, LP_APPLYSET_NAMESPACES), &set->namespaces) &&
	       lp_slice_is(lp_skim_raw(lp_metadata_annotation(parent, LP_APPLYSET_FLOOR)),
			   set->floor);
}

enum lp_code lp_applyset_check(const struct metadata *parent, const char *id, struct err *err)
{
	struct slice tooling = lp_skim_raw(lp_metadata_annotation(parent, LP_APPLYSET_TOOLING));
	struct slice label = lp_metadata_label(parent, LP_APPLYSET_ID_LABEL);
	const uint8_t *slash = tooling.len ? memrchr(tooling.data, '/', tooling.len) : NULL;
	size_t name = slash ? (size_t)(slash - tooling.data) : tooling.len;

	if (!tooling.len)
		return lp_err_set(err, LP_CONFIG,
				  "ConfigMap %s/%s is there, but it is not limpet's: it has no "
				  "annotation " LP_APPLYSET_TOOLING "; rename it, or the source",
				  parent->ns, parent->name);
	if (!lp_slice_is((struct slice){tooling.data, name}, TOOL))
		return lp_err_set(err, LP_CONFIG,
				  "the ApplySet of ConfigMap %s/%s belongs to %.*s; rename the "
				  "source, or remove that ApplySet",
				  parent->ns, parent->name,
				  (int)(tooling.len < 100 ? tooling.len : 100),
				  (const char *)tooling.data);
	if (label.len && !lp_skim_is(label, id))
		return lp_err_set(
			err, LP_CONFIG,
			"ConfigMap %s/%s has the label " LP_APPLYSET_ID_LABEL
			"=%.*s, but its id is %s: it was copied from elsewhere; remove it",
			parent->ns, parent->name, (int)(label.len < 100 ? label.len : 100),
			(const char *)label.data, id);
	return LP_OK;
}

static enum lp_code write_list(const char *key, const struct words *words, struct buf *out,
			       struct err *err)
{
	LP_TRY(lp_buf_printf(out, err, ",\"%s\":\"", key));
	for (size_t i = 0; i < words->count; i++)
		LP_TRY(lp_buf_printf(out, err, "%s%s", i ? "," : "", words->at[i]));
	return lp_buf_byte(out, '"', err);
}

enum lp_code lp_applyset_write(const struct applyset *set, const char *ns, struct buf *out,
			       struct err *err)
{
	char name[LP_NAME_MAX], id[LP_APPLYSET_ID_MAX];

	LP_TRY(lp_buf_printf(out, err,
			     "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
			     "\"name\":\"%s\",\"namespace\":\"%s\","
			     "\"labels\":{\"" LP_APPLYSET_ID_LABEL "\":\"%s\"},"
			     "\"annotations\":{\"" LP_APPLYSET_TOOLING "\":\"" TOOL
			     "/v" LIMPET_VERSION "\"",
			     lp_applyset_parent(set->source, name), ns,
			     lp_applyset_source_id(set->source, ns, id)));
	LP_TRY(write_list(LP_APPLYSET_KINDS, &set->kinds, out, err));
	LP_TRY(write_list(LP_APPLYSET_NAMESPACES, &set->namespaces, out, err));
	if (set->floor[0])
		LP_TRY(lp_buf_printf(out, err, ",\"" LP_APPLYSET_FLOOR "\":\"%s\"", set->floor));
	return lp_buf_str(out, "}}}", err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "store/floor_copy.h"

#include "platform/crypto.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_PAYLOAD (2 * LP_STORE_PAYLOAD)
#define HEX_OID     (2 * LP_STORE_OID)
#define CHECKSUM    "checksum "

/* One of the two files. */
struct copy {
	char path[LP_PATH_MAX];
	struct stored_floor floor;
	bool there, good;
};

static enum lp_code write_text(const char *source, const struct stored_floor *floor,
			       struct buf *out, struct err *err)
{
	char payload[HEX_PAYLOAD + 1], commit[HEX_OID + 1], sum[2 * LP_SHA256_BYTES + 1];
	uint8_t digest[LP_SHA256_BYTES];

	lp_hex(floor->payload, sizeof(floor->payload), payload);
	lp_hex(floor->commit, sizeof(floor->commit), commit);
	LP_TRY(lp_buf_printf(out, err,
			     "limpet floor 1\nsource %s\ncounter %" PRId64 "\nsequence %" PRId64
			     "\npayload sha256:%s\ncommit %s\naccepted %" PRId64 "\n",
			     source, floor->counter, floor->sequence, payload, commit,
			     floor->accepted_s));
	lp_sha256(out->data, out->len, digest);
	lp_hex(digest, sizeof(digest), sum);
	return lp_buf_printf(out, err, CHECKSUM "%s\n", sum);
}

bool lp_floor_field(const char **at, const char *name, char *to, size_t size)
{
	size_t label = strlen(name);

	if (strncmp(*at, name, label) != 0)
		return false;
	const char *value = *at + label;
	size_t n = strcspn(value, " \n");
	if (n >= size)
		return false;
	memcpy(to, value, n);
	to[n] = '\0';
	*at = value + n + (value[n] != '\0');
	return true;
}

/*
 * Reads what write_text wrote. Nothing else passes: the floor that was read must be written as
 * exactly this text, checksum and all.
 */
static bool read_text(const char *text, const char *source, struct stored_floor *ret)
{
	LP_AUTO(lp_buf_free) struct buf again = LP_BUF(LP_FLOOR_BYTES);
	char name[LP_SOURCE_NAME_MAX], payload[HEX_PAYLOAD + 1], commit[HEX_OID + 1];
	char version[8], counter[24], sequence[24], accepted[24];
	const char *at = text;
	struct err err;

	*ret = (struct stored_floor){0};
	if (!lp_floor_field(&at, "limpet floor ", version, sizeof(version)) ||
	    !lp_floor_field(&at, "source ", name, sizeof(name)) ||
	    !lp_floor_field(&at, "counter ", counter, sizeof(counter)) ||
	    !lp_floor_field(&at, "sequence ", sequence, sizeof(sequence)) ||
	    !lp_floor_field(&at, "payload sha256:", payload, sizeof(payload)) ||
	    !lp_floor_field(&at, "commit ", commit, sizeof(commit)) ||
	    !lp_floor_field(&at, "accepted ", accepted, sizeof(accepted)))
		return false;
	ret->counter = strtoll(counter, NULL, 10);
	ret->sequence = strtoll(sequence, NULL, 10);
	ret->accepted_s = strtoll(accepted, NULL, 10);
	return lp_unhex(payload, strlen(payload), ret->payload, sizeof(ret->payload)) &&
	       lp_unhex(commit, strlen(commit), ret->commit, sizeof(ret->commit)) &&
	       ret->counter > 0 && write_text(source, ret, &again, &err) == LP_OK &&
	       strcmp(lp_buf_text(&again), text) == 0;
}

static enum lp_code read_copy(const char *folder, const char *source, char which, struct copy *ret,
			      struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_FLOOR_BYTES);
	char name[LP_SOURCE_NAME_MAX + 16];

	*ret = (struct copy){0};
	snprintf(name, sizeof(name), "floor-%s.%c", source, which);
	LP_TRY(lp_path_join(ret->path, folder, name, err));
	enum lp_code code = lp_file_read(ret->path, &text, err);
	if (code == LP_NOT_FOUND)
		return LP_OK;
	ret->there = true;
	if (code == LP_LIMIT)
		return LP_OK; /* we write none so large */
	LP_TRY(code);
	ret->good = strlen(lp_buf_text(&text)) == text.len &&
		    read_text(lp_buf_text(&text), source, &ret->floor);
	return LP_OK;
}

static enum lp_code read_both(const char *folder, const char *source,
			      struct copy ret[LP_FLOOR_COPIES], struct err *err)
{
	for (int i = 0; i < LP_FLOOR_COPIES; i++)
		LP_TRY(read_copy(folder, source, (char)('a' + i), &ret[i], err));
	return LP_OK;
}

/* The one with the highest counter; NULL when neither is good. */
static const struct copy *newest(const struct copy copies[LP_FLOOR_COPIES])
{
	const struct copy *found = NULL;

	for (int i = 0; i < LP_FLOOR_COPIES; i++)
		if (copies[i].good && (!found || copies[i].floor.counter > found->floor.counter))
			found = &copies[i];
	return found;
}

enum lp_code lp_floor_copies_read(const char *folder, const char *source, struct floor_copies *ret,
				  struct err *err)
{
	struct copy copies[LP_FLOOR_COPIES];

	*ret = (struct floor_copies){0};
	LP_TRY(read_both(folder, source, copies, err));
	const struct copy *found = newest(copies);
	ret->found = found != NULL;
	if (found)
		ret->newest = found->floor;
	for (int i = 0; i < LP_FLOOR_COPIES; i++)
		ret->damaged += copies[i].there && !copies[i].good;
	return LP_OK;
}

static bool says_the_same(const struct stored_floor *a, const struct stored_floor *b)
{
	return a->counter == b->counter && a->sequence == b->sequence &&
	       a->accepted_s == b->accepted_s &&
	       memcmp(a->payload, b->payload, sizeof(a->payload)) == 0 &&
	       memcmp(a->commit, b->commit, sizeof(a->commit)) == 0;
}

enum lp_code lp_floor_copy_write(const char *folder, const char *source,
				 const struct stored_floor *floor, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_FLOOR_BYTES);
	struct copy copies[LP_FLOOR_COPIES];

	LP_TRY(read_both(folder, source, copies, err));
	const struct copy *keep = newest(copies);
	if (keep && says_the_same(&keep->floor, floor))
		return LP_OK;
	LP_TRY(write_text(source, floor, &text, err));
	return lp_file_write(copies[keep == &copies[0]].path, text.data, text.len, 0600, err);
}

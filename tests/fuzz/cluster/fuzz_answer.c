/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever the API server answers to an apply: an object, a Status, or nonsense. */
#include "agent/cluster/applyset.h"
#include "agent/cluster/limits.h"
#include "agent/cluster/skim.h"
#include "agent/cluster/status.h"
#include "platform/crypto.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as_status(struct slice answer)
{
	static const int codes[] = {400, 401, 403, 404, 409, 413, 422, 429, 500, 503};
	struct step step = {.kind = STEP_APPLY};
	struct event event = {0};
	struct status status;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		lp_status_read(codes[i], answer, &step.key, &status);
		lp_status_judge(&status, &step, -1, &event);
		if (event.kind != EVENT_FAILED && event.kind != EVENT_RETRY)
			__builtin_trap();
		if (strlen(event.message) >= sizeof(event.message) || !event.message[0])
			__builtin_trap();
		lp_text_clean(event.message);
		for (const char *at = event.message; *at; at++)
			if ((unsigned char)*at < ' ' || *at == 0x7f)
				__builtin_trap();
	}
}

static void read_as_parent(struct slice answer)
{
	struct applyset set = {.source = "site"};
	struct metadata metadata;
	struct err err;

	lp_applyset_free(&set);
	if (lp_metadata_read(answer, &metadata, &err) == LP_OK &&
	    lp_applyset_check(&metadata, "id", &err) == LP_OK &&
	    lp_applyset_add_parent(&set, &metadata, &err) == LP_OK)
		lp_applyset_same(&set, &metadata);
	lp_applyset_free(&set);
}

/* What is marked is whole again and has the label. */
static void mark(struct slice body)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(LP_OBJECT_BYTES);
	struct err err;

	if (lp_metadata_mark(body, "the-id", &out, &err) != LP_OK)
		return;
	struct slice marked = LP_SLICE_OF(&out);
	if (!lp_skim_whole(marked) ||
	    !lp_skim_is(lp_skim_at(marked, "metadata", "labels", LP_PART_OF_LABEL, NULL), "the-id"))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice answer = {data, size};
	struct err err;

	if (lp_crypto_init(&err) != LP_OK)
		__builtin_trap();
	read_as_status(answer);
	read_as_parent(answer);
	mark(answer);
	return 0;
}

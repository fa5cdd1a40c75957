/* SPDX-License-Identifier: Apache-2.0 */
/* limpet.yaml: read, and judged for a site that it may be for. */
#include "agent/trust/binding.h"

#include <stdlib.h>
#include <string.h>

static const char repo[] = "6f1c0123456789abcdef0123456789ab";

static void check_shown(const char *text)
{
	for (const char *c = text; *c; c++)
		if (((unsigned char)*c < 0x20 && *c != '\n') || *c == 0x7f)
			abort();
}

static void check_binding(const struct binding *b)
{
	if (!b->present || (b->repo[0] && !lp_binding_is_repo(b->repo)))
		abort();
	if (b->sequence < 0 || b->sequence > LP_SEQUENCE_MAX || b->expires_s < 0)
		abort();
	if (b->audience.len > LP_AUDIENCE_MAX)
		abort();
	for (size_t i = 0; i < b->audience.len; i++)
		if (lp_binding_bad_audience(b->audience.list[i]))
			abort();
}

static void judge(const struct binding *b)
{
	static char groups[2][LP_NAME_MAX] = {"retail-eu", "pilot"};
	struct binding_policy policy = {.repo = repo,
					.required = true,
					.site = "berlin",
					.groups = groups,
					.group_count = 2};
	char reason[LP_REASON_TEXT];

	for (int round = 0; round < 2; round++) {
		enum verdict verdict = lp_binding_judge(b, &policy, reason);
		if ((verdict == VERDICT_ACCEPTED) != !*reason)
			abort();
		if (policy.required && verdict == VERDICT_ACCEPTED &&
		    (strcmp(b->repo, repo) != 0 || !b->audience.len))
			abort();
		check_shown(reason);
		policy.required = false;
		policy.floor_s = 1801396801;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct binding none;
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	static struct binding b;
	struct err err = {0};

	enum lp_code code =
		lp_binding_parse((struct slice){data, size}, "limpet.yaml", &b, &problems, &err);
	if (code == LP_OK) {
		check_binding(&b);
		judge(&b);
	} else {
		if (memcmp(&b, &none, sizeof(b)) != 0 || !problems.len || !err.msg[0])
			abort();
		check_shown(lp_buf_text(&problems));
		check_shown(err.msg);
	}
	return 0;
}

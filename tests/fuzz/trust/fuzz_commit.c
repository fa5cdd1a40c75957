/* SPDX-License-Identifier: Apache-2.0 */
/* Commit objects, judged. Nobody here has a key, so what is accepted was in the corpus. */
#include "agent/trust/judge.h"
#include "tests/fuzz/trust/signers.h"

#include <stdlib.h>

static struct signers signers;

static bool within(struct slice s, const uint8_t *data, size_t size)
{
	return s.len == 0 || (s.data >= data && s.data + s.len <= data + size);
}

static void check_commit(const uint8_t *data, size_t size)
{
	struct commit c;
	struct err err;

	if (lp_commit_parse(data, size, &c, &err) != LP_OK)
		return;
	if (!within(c.armor, data, size) || !within(c.subject, data, size) ||
	    !within(c.payload[0], data, size) || !within(c.payload[1], data, size) ||
	    !within(c.author.name, data, size) || !within(c.committer.email, data, size))
		abort();
	if (c.payload[0].len + c.payload[1].len > size || c.parents_len > LP_COMMIT_PARENTS)
		abort();
	if (c.is_signed && memmem(c.payload[0].data, c.payload[0].len, "\ngpgsig ", 8))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	static struct trust_policy policy = {.signers = &signers};
	struct judgement j;
	struct err err;

	if (!ready &&
	    (lp_crypto_init(&err) != LP_OK ||
	     lp_signers_parse(LP_SLICE(signers_text), "signers", &signers, &err) != LP_OK))
		abort();
	ready = true;
	check_commit(data, size);
	if (lp_trust_judge_bytes(&policy, (struct slice){data, size}, &j, &err) != LP_OK)
		abort();
	if (!*j.reason || strlen(j.verified.subject) >= LP_SUBJECT_TEXT)
		abort();
	if ((j.verdict == VERDICT_ACCEPTED) != !lp_oid_is_zero(&j.verified.commit))
		abort();
	return 0;
}

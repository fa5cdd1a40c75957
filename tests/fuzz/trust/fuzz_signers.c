/* SPDX-License-Identifier: Apache-2.0 */
/* allowed_signers files; and of what was read, each key is found again. */
#include "agent/trust/signers.h"

#include <stdlib.h>

static void find_each(const struct signers *s)
{
	char principal[LP_SIGNER_TEXT];
	const struct signer *line;

	for (size_t i = 0; i < s->len; i++) {
		enum verdict verdict =
			lp_signers_find(s, &s->list[i].key, "git", 1750000000, &line);
		if (!line || !lp_slice_equal(line->key.blob, s->list[i].key.blob))
			abort();
		if (verdict == VERDICT_ACCEPTED && line->cert_authority)
			abort();
		lp_signer_principal(line, principal);
		lp_pattern_list_match(line->principals, "ann@example.com");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_signers_free) struct signers s = {0};
	struct err err;

	if (lp_crypto_init(&err) != LP_OK)
		abort();
	if (lp_signers_parse((struct slice){data, size}, "signers", &s, &err) == LP_OK)
		find_each(&s);
	else if (s.len || s.list)
		abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Files of bare OpenPGP keys; what was read is written, and read again as the same. */
#include "agent/trust/pgp_keys.h"

#include <stdlib.h>

static void check_same(const struct pgp_line *a, const struct pgp_line *b)
{
	if (!lp_slice_equal(a->key.body, b->key.body) || a->expires_s != b->expires_s ||
	    strcmp(a->label, b->label) != 0)
		abort();
}

static void check_each(const struct pgp_keys *k)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(2 * LP_PGP_KEYS_BYTES);
	LP_AUTO(lp_pgp_keys_free) struct pgp_keys again = {0};
	char signer[LP_SIGNER_TEXT];
	struct err err;

	for (size_t i = 0; i < k->len; i++) {
		const struct pgp_key *key = &k->list[i].key;
		struct pgp_signature s = {.has_fingerprint = true};

		memcpy(s.fingerprint, key->fingerprint, sizeof(s.fingerprint));
		if (lp_pgp_keys_find(k, &s) != &k->list[i] || key->algorithm == PGP_OTHER ||
		    lp_pgp_algorithm(key->name) != key->algorithm ||
		    !*lp_pgp_signer(&k->list[i], signer))
			abort();
		if (lp_pgp_keys_write(key, k->list[i].expires_s, k->list[i].label, &text, &err) !=
		    LP_OK)
			abort();
	}
	if (lp_pgp_keys_parse(LP_SLICE_OF(&text), "again", &again, &err) != LP_OK ||
	    again.len != k->len)
		abort();
	for (size_t i = 0; i < k->len; i++)
		check_same(&k->list[i], &again.list[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_pgp_keys_free) struct pgp_keys k = {0};
	struct err err;

	if (lp_crypto_init(&err) != LP_OK)
		abort();
	if (lp_pgp_keys_parse((struct slice){data, size}, "keys", &k, &err) == LP_OK)
		check_each(&k);
	else if (k.len || k.list)
		abort();
	return 0;
}

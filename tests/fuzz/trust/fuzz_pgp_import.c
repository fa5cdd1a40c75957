/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenPGP certificates. Nobody here has a key, so whatever is taken was in the corpus; and its
 * line is one that a device reads.
 */
#include "agent/trust/pgp_import.h"
#include "agent/trust/pgp_keys.h"

#include <stdlib.h>

#define NOW_S 1750000000

static void check_line(const struct pgp_imported *k)
{
	LP_AUTO(lp_buf_free) struct buf line = LP_BUF(LP_PGP_KEYS_LINE);
	LP_AUTO(lp_pgp_keys_free) struct pgp_keys keys = {0};
	struct err err;

	if (lp_pgp_keys_write(&k->key, k->expires_s, k->label, &line, &err) != LP_OK ||
	    lp_pgp_keys_parse(LP_SLICE_OF(&line), "line", &keys, &err) != LP_OK)
		abort();
	if (keys.len != 1 || keys.list[0].expires_s != k->expires_s ||
	    memcmp(keys.list[0].key.fingerprint, k->key.fingerprint, LP_SHA1_BYTES) != 0 ||
	    strcmp(keys.list[0].label, k->label) != 0)
		abort();
}

static void check_key(const struct pgp_imported *k)
{
	if (k->is_taken != !*k->reason || !k->label)
		abort();
	if (!k->is_taken)
		return;
	if (k->is_revoked || k->key.algorithm == PGP_OTHER || k->key.created_s > NOW_S ||
	    (k->expires_s && k->expires_s <= NOW_S))
		abort();
	check_line(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_pgp_import_free) struct pgp_import import = {0};
	struct err err;

	if (lp_crypto_init(&err) != LP_OK)
		abort();
	enum lp_code code = lp_pgp_import((struct slice){data, size}, NOW_S, &import, &err);
	if ((code == LP_OK) != (import.len > 0) || (code != LP_OK && import.list))
		abort();
	for (size_t i = 0; i < import.len; i++)
		check_key(&import.list[i]);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of what is revoked; and of each that was read, a key and a certificate are asked. */
#include "agent/trust/revocation.h"

#include <stdlib.h>
#include <string.h>

/* Whether the key or one of its digests is in the list; the fuzzer sees what we compare with. */
static bool names(const uint8_t *data, size_t size, struct slice blob)
{
	uint8_t sha1[LP_SHA1_BYTES], sha256[LP_SHA256_BYTES];

	lp_sha1(blob.data, blob.len, sha1);
	lp_sha256(blob.data, blob.len, sha256);
	return memmem(data, size, blob.data, blob.len) || memmem(data, size, sha1, sizeof(sha1)) ||
	       memmem(data, size, sha256, sizeof(sha256));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ssh_key key = {.blob = LP_SLICE("a key")};
	static const struct ssh_cert cert = {
		.authority = {.blob = LP_SLICE("an authority")},
		.serial = 7,
		.key_id = LP_SLICE("ann's"),
	};
	LP_AUTO(lp_revocation_free) struct revocation list = {0};
	const char *what;
	struct err err;

	if (lp_crypto_init(&err) != LP_OK)
		abort();
	if (lp_revocation_parse((struct slice){data, size}, "list", &list, &err) != LP_OK) {
		if (list.krl.len || list.keys.len || err.code == LP_REJECTED)
			abort();
		return 0;
	}
	if (list.keys.len % LP_SHA256_BYTES || list.keys.len > size || list.krl.len > size)
		abort();
	if (lp_revocation_has(&list, &key, NULL, &what) && !names(data, size, key.blob))
		abort();
	if (lp_revocation_has(&list, &key, &cert, &what) && !*what)
		abort();
	return 0;
}

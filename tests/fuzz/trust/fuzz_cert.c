/* SPDX-License-Identifier: Apache-2.0 */
/* SSH certificates. A good one has nothing in it that was not in the corpus. */
#include "agent/trust/cert.h"
#include "agent/trust/limits.h"

#include <stdlib.h>

static bool within(struct slice s, const uint8_t *data, size_t size)
{
	return s.len == 0 || (s.data >= data && s.data + s.len <= data + size);
}

static void check(const struct ssh_cert *c, const uint8_t *data, size_t size)
{
	struct ssh_reader left = LP_SSH_READER(c->principals);
	char fingerprint[LP_FINGERPRINT_TEXT];
	struct ssh_key key;
	struct slice name;
	struct err err;
	unsigned n = 0;

	while (lp_ssh_cert_principal(&left, &name))
		if (++n > LP_CERT_PRINCIPALS || !within(name, data, size))
			abort();
	if (left.len != 0 || !within(c->key_id, data, size) || !within(c->critical, data, size) ||
	    !within(c->signed_bytes, data, size) || c->signed_bytes.len >= size)
		abort();
	/* the plain key is one that is read as such, the same */
	if (lp_ssh_key_parse(c->subject.blob, &key, &err) != LP_OK || key.type != c->subject.type ||
	    !lp_slice_equal(key.name, c->subject.name) ||
	    !lp_slice_equal(key.point, c->subject.point) || !lp_slice_equal(key.n, c->subject.n))
		abort();
	lp_ssh_fingerprint(c->subject.blob, fingerprint);
	if (lp_ssh_cert_usable(c, &err) == LP_OK && c->critical.len != 0)
		abort();
	(void)lp_ssh_cert_verify(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_ssh_cert_free) struct ssh_cert c = {0};
	enum verdict verdict;
	struct err err;

	if (size > LP_ARMOR_BYTES || lp_crypto_init(&err) != LP_OK)
		return 0;
	enum lp_code code = lp_ssh_cert_parse((struct slice){data, size}, &c, &verdict, &err);
	if ((code == LP_OK) != (verdict == VERDICT_ACCEPTED))
		abort();
	if (code == LP_OK)
		check(&c, data, size);
	return 0;
}

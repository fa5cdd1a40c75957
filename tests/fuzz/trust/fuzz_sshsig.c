/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSH signatures: input that begins with 'A' is armor as it stands in a commit, any
 * other is a blob (after its first byte), which gets the armor it needs.
 */
#include "agent/trust/sshsig.h"
#include "platform/limits.h"

#include <stdlib.h>

static void put(struct buf *b, const void *data, size_t n)
{
	struct err err;

	if (lp_buf_append(b, data, n, &err) != LP_OK)
		abort();
}

static void armor(struct slice blob, struct buf *out)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(2 * LP_ARMOR_BYTES);
	struct err err;

	if (lp_base64_encode(blob, &text, &err) != LP_OK)
		abort();
	put(out, "-----BEGIN SSH SIGNATURE-----\n", 30);
	for (size_t at = 0; at < text.len; at += 70) {
		put(out, " ", 1);
		put(out, text.data + at, text.len - at < 70 ? text.len - at : 70);
		put(out, "\n", 1);
	}
	put(out, " -----END SSH SIGNATURE-----", 28);
}

static void judge(struct slice text)
{
	LP_AUTO(lp_sshsig_free) struct sshsig s = {0};
	const struct slice payload[] = {LP_SLICE("tree "), LP_SLICE("x")};
	char fingerprint[LP_FINGERPRINT_TEXT];
	enum verdict verdict;
	struct err err;

	enum lp_code code = lp_sshsig_parse(text, &s, &verdict, &err);
	if ((code == LP_OK) != (verdict == VERDICT_ACCEPTED))
		abort();
	if (s.key.blob.len)
		lp_ssh_fingerprint(s.key.blob, fingerprint);
	if (code == LP_OK && lp_sshsig_verify(&s, payload, 2))
		abort(); /* nobody here has a key */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(4 * LP_ARMOR_BYTES);
	struct err err;

	if (size < 1 || size > LP_ARMOR_BYTES || lp_crypto_init(&err) != LP_OK)
		return 0;
	if (data[0] == 'A') {
		judge((struct slice){data + 1, size - 1});
		return 0;
	}
	armor((struct slice){data + 1, size - 1}, &text);
	judge(LP_SLICE_OF(&text));
	return 0;
}

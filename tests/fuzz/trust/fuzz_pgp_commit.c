/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenPGP signatures. An input that begins with 't' is a commit object; any other is (after its
 * first byte) the packets of a signature, which get the armor that they need. Nobody here has a
 * key: what is accepted has the payload of a commit of the corpus.
 */
#include "agent/trust/judge.h"
#include "agent/trust/pgp_armor.h"
#include "agent/trust/pgp_packet.h"
#include "tests/fuzz/trust/pgp_keys.h"

#include <stdlib.h>

static struct pgp_keys keys;

static bool within(struct slice s, struct slice in)
{
	return s.len == 0 || (s.data >= in.data && s.data + s.len <= in.data + in.len);
}

static void check_signature(const struct pgp_signature *s, struct slice in)
{
	const struct slice payload[] = {LP_SLICE("tree "), LP_SLICE("x")};

	if (!within(s->hashed, in) || !within(s->numbers[0], in) || !within(s->numbers[1], in) ||
	    !within(s->embedded, in) || !s->has_created)
		abort();
	for (size_t i = 0; i < keys.len; i++)
		if (lp_pgp_verify(s, &keys.list[i].key, payload, 2))
			abort();
}

static void put(struct buf *b, const void *data, size_t n)
{
	struct err err;

	if (lp_buf_append(b, data, n, &err) != LP_OK)
		abort();
}

static void put_text(struct buf *b, const char *text)
{
	put(b, text, strlen(text));
}

/* As gpg armors it, in a commit; the checksum is that of RFC 4880, 6.1. */
static void armor(struct slice raw, struct buf *out)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(2 * LP_ARMOR_BYTES);
	uint32_t crc = 0xb704ce;
	char end[5];
	struct err err;

	if (lp_base64_encode(raw, &text, &err) != LP_OK)
		abort();
	put_text(out, LP_PGP_BEGIN_SIGNATURE "\n \n");
	for (size_t at = 0; at < text.len; at += 64) {
		put_text(out, " ");
		put(out, text.data + at, text.len - at < 64 ? text.len - at : 64);
		put_text(out, "\n");
	}
	for (size_t i = 0; i < raw.len * 8; i++) {
		uint32_t bit = raw.data[i / 8] >> (7 - i % 8) & 1;

		crc = ((crc >> 23 & 1) ^ bit ? crc << 1 ^ 0x864cfb : crc << 1) & 0xffffff;
	}
	lp_base64_text((const uint8_t[]){(uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc},
		       3, end);
	put_text(out, " =");
	put_text(out, end);
	put_text(out, "\n -----END PGP SIGNATURE-----");
}

static void check_packets(struct slice raw)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(4 * LP_ARMOR_BYTES);
	LP_AUTO(lp_buf_free) struct buf blob = LP_BUF(LP_ARMOR_BYTES);
	struct pgp_signature s, loose;
	struct pgp_packet packet;
	enum verdict verdict;
	struct err err;

	armor(raw, &text);
	enum lp_code code = lp_pgp_signature_parse(LP_SLICE_OF(&text), &blob, &s, &verdict, &err);
	if ((code == LP_OK) != (verdict == VERDICT_ACCEPTED))
		abort();
	if (raw.len && raw.len < LP_ARMOR_BYTES / 2 && !lp_slice_equal(LP_SLICE_OF(&blob), raw))
		abort(); /* the armor above is the right one */
	if (code == LP_OK)
		check_signature(&s, LP_SLICE_OF(&blob));
	if (!lp_pgp_take_packet(&raw, false, &packet))
		return;
	if (lp_pgp_signature_read(packet.body, false, &loose, &err) == LP_OK)
		check_signature(&loose, packet.body);
	else if (code == LP_OK)
		abort(); /* strict is no less than loose */
}

/* A commit of the corpus is by one of these; their payloads are all that was ever signed. */
static void check_commit(struct slice object)
{
	static const struct trust_policy policy = {.pgp_keys = &keys};
	struct judgement j;
	struct err err;

	if (lp_trust_judge_bytes(&policy, object, &j, &err) != LP_OK || !*j.reason)
		abort();
	if (j.verdict != VERDICT_ACCEPTED)
		return;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(*payloads); i++) {
		char text[LP_PAYLOAD_TEXT];

		if (strcmp(lp_payload_text(&j.payload, text), payloads[i]) == 0)
			return;
	}
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct err err;

	if (!ready && (lp_crypto_init(&err) != LP_OK ||
		       lp_pgp_keys_parse(LP_SLICE(keys_text), "keys", &keys, &err) != LP_OK))
		abort();
	ready = true;
	if (size && data[0] == 't')
		check_commit((struct slice){data, size});
	else if (size && size < LP_ARMOR_BYTES)
		check_packets((struct slice){data + 1, size - 1});
	return 0;
}

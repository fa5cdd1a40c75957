/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors: FIPS 180-4, RFC 8032, RFC 4231, RFC 4648, the SipHash paper; ECDSA and RSA by openssl.
 */
#include "platform/crypto.h"
#include "tests/unit/check.h"

static const char *hex_of(const uint8_t *data, size_t n)
{
	static char text[2 * LP_HASH_MAX + 1];

	lp_hex(data, n, text);
	return text;
}

static struct slice bytes(const char *hex, uint8_t *to)
{
	size_t n = strlen(hex) / 2;

	CHECK(lp_unhex(hex, strlen(hex), to, n));
	return (struct slice){to, n};
}

static void start(void)
{
	CHECK_OK(lp_crypto_init(&err));
	CHECK_OK(lp_crypto_init(&err));
}

static void hashes_are_those_of_the_standard(void)
{
	uint8_t out[LP_HASH_MAX];

	lp_sha1("abc", 3, out);
	CHECK_STR(hex_of(out, 20), "a9993e364706816aba3e25717850c26c9cd0d89d");
	lp_sha256("", 0, out);
	CHECK_STR(hex_of(out, 32),
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	lp_hash(LP_SHA384, "abc", 3, out);
	CHECK_STR(hex_of(out, 48), "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5be"
				   "d8086072ba1e7cc2358baeca134c825a7");
	lp_sha512("abc", 3, out);
	CHECK_STR(hex_of(out, 64),
		  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39"
		  "a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49"
		  "f");
}

static void a_hash_in_pieces_is_the_hash_of_the_whole(void)
{
	uint8_t text[1000], whole[LP_HASH_MAX], pieces[LP_HASH_MAX];

	memset(text, 'a', sizeof(text));
	for (int alg = LP_SHA1; alg <= LP_SHA512; alg++) {
		struct lp_hash h;

		lp_hash((enum lp_hash_alg)alg, text, sizeof(text), whole);
		lp_hash_begin(&h, (enum lp_hash_alg)alg);
		lp_hash_add(&h, text, 1);
		lp_hash_add(&h, NULL, 0);
		lp_hash_add(&h, text, 130);
		lp_hash_add(&h, text, sizeof(text) - 131);
		lp_hash_end(&h, pieces);
		CHECK(memcmp(whole, pieces, lp_hash_bytes((enum lp_hash_alg)alg)) == 0);
		lp_hash_begin(&h, (enum lp_hash_alg)alg);
		lp_hash_abort(&h);
		lp_hash_abort(&h);
	}
}

/* RFC 8032, 7.1, test 3 */
static void ed25519_signatures_verify(void)
{
	uint8_t key[32], sig[64], text[] = {0xaf, 0x82};

	bytes("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", key);
	bytes("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
	      "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
	      sig);
	CHECK(lp_ed25519_verify(sig, text, sizeof(text), key));
	text[1] ^= 1;
	CHECK(!lp_ed25519_verify(sig, text, sizeof(text), key));
	text[1] ^= 1;
	sig[63] ^= 0x20;
	CHECK(!lp_ed25519_verify(sig, text, sizeof(text), key));
}

static void ed25519_keys_of_small_order_verify_nothing(void)
{
	uint8_t key[32] = {1}, sig[64] = {1};

	CHECK(!lp_ed25519_verify(sig, "x", 1, key));
}

/* openssl ecparam -genkey, openssl pkeyutl -sign over the digest of "sample" */
#include "tests/unit/crypto/vectors.h"

static void ecdsa_signatures_verify_on_each_curve(void)
{
	uint8_t digest[LP_HASH_MAX], point[160], r[80], s[80];

	for (size_t i = 0; i < sizeof(ecdsa) / sizeof(*ecdsa); i++) {
		struct slice q = bytes(ecdsa[i].point, point);
		struct slice rs = bytes(ecdsa[i].r, r + 1), ss = bytes(ecdsa[i].s, s + 1);
		size_t n = lp_hash_bytes(ecdsa[i].alg);

		lp_hash(ecdsa[i].alg, "sample", 6, digest);
		CHECK(lp_ecdsa_verify(ecdsa[i].bits, q, rs, ss, digest, n));
		r[0] = 0; /* a leading zero does not matter */
		CHECK(lp_ecdsa_verify(ecdsa[i].bits, q, (struct slice){r, rs.len + 1}, ss, digest,
				      n));
		CHECK(!lp_ecdsa_verify(ecdsa[i].bits, q, ss, rs, digest, n));
		CHECK(!lp_ecdsa_verify(ecdsa[i].bits, q, (struct slice){r, 0}, ss, digest, n));
		CHECK(!lp_ecdsa_verify(ecdsa[i].bits, q, rs, ss, digest, n - 1));
		CHECK(!lp_ecdsa_verify(224, q, rs, ss, digest, n));
		digest[0] ^= 1;
		CHECK(!lp_ecdsa_verify(ecdsa[i].bits, q, rs, ss, digest, n));
		digest[0] ^= 1;
		CHECK(lp_ecdsa_is_key(ecdsa[i].bits, q));
		CHECK(!lp_ecdsa_is_key(224, q));
		CHECK(!lp_ecdsa_is_key(ecdsa[i].bits, (struct slice){q.data, q.len - 1}));
		point[5] ^= 1; /* off the curve */
		CHECK(!lp_ecdsa_is_key(ecdsa[i].bits, q));
		CHECK(!lp_ecdsa_verify(ecdsa[i].bits, q, rs, ss, digest, n));
	}
}

static void rsa_signatures_verify_from_2048_bits(void)
{
	uint8_t digest[LP_HASH_MAX], n[1100], e[16], sig[1100];

	for (size_t i = 0; i < sizeof(rsa) / sizeof(*rsa); i++) {
		struct slice ns = bytes(rsa[i].n, n), es = bytes("010001", e);
		struct slice ss = bytes(rsa[i].sig, sig);

		lp_hash(rsa[i].alg, "sample", 6, digest);
		CHECK(lp_rsa_verify(ns, es, rsa[i].alg, digest, ss) == rsa[i].good);
		CHECK(!lp_rsa_verify(ns, (struct slice){e, 0}, rsa[i].alg, digest, ss));
		CHECK(!lp_rsa_verify(ns, (struct slice){e + 2, 1}, rsa[i].alg, digest, ss));
		CHECK(!lp_rsa_verify(ns, es, rsa[i].alg, digest, (struct slice){sig, ss.len - 1}));
		sig[ss.len - 1] ^= 1;
		CHECK(!lp_rsa_verify(ns, es, rsa[i].alg, digest, ss));
	}
}

static void base64_has_one_spelling(void)
{
	static const char *const bad[] = {"Zg",       "Zg=",  "Zh==", "Zm9=", "Zm9v\n", " Zm9v",
					  "Zm9v====", "====", "Zm9-", "Z===", "Zm=v",   "Zg==Zg=="};
	static const struct {
		const char *plain, *text;
	} good[] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
		    {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}};
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(64);
	char text[LP_BASE64_TEXT(5)];

	CHECK_OK(lp_buf_str(&b, "x", &err));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct slice s = {(const uint8_t *)bad[i], strlen(bad[i])};
		CHECK_CODE(lp_base64_decode(s, &b, &err), LP_REJECTED, "base64");
		CHECK_STR(lp_buf_text(&b), "x");
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct slice s = {(const uint8_t *)good[i].text, strlen(good[i].text)};
		lp_buf_clear(&b);
		CHECK_OK(lp_base64_decode(s, &b, &err));
		CHECK_STR(lp_buf_text(&b), good[i].plain);
		CHECK_STR(lp_base64_text(good[i].plain, strlen(good[i].plain), text), good[i].text);
		struct slice plain = {(const uint8_t *)good[i].plain, strlen(good[i].plain)};
		lp_buf_clear(&b);
		CHECK_OK(lp_base64_encode(plain, &b, &err));
		CHECK_STR(lp_buf_text(&b), good[i].text);
	}
}

static void only_the_64_characters_of_base64_are_taken(void)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789+/";
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(64);

	for (int c = 0; c < 256; c++) {
		const uint8_t text[] = {(uint8_t)c, 'm', '9', 'v'};
		lp_buf_clear(&b);
		bool taken = lp_base64_decode((struct slice){text, 4}, &b, &err) == LP_OK;
		CHECK(taken == (memchr(alphabet, c, 64) != NULL));
	}
}

static void base64_past_the_ceiling_is_a_limit(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(3);

	CHECK_OK(lp_base64_decode(LP_SLICE("Zm9v"), &b, &err));
	CHECK_CODE(lp_base64_decode(LP_SLICE("Zm9v"), &b, &err), LP_LIMIT, "bytes");
	CHECK_STR(lp_buf_text(&b), "foo");
}

/* RFC 4231, 4.3 */
static void an_hmac_is_that_of_the_standard(void)
{
	uint8_t out[32];

	lp_hmac_sha256(LP_SLICE("Jefe"), "what do ya want for nothing?", 28, out);
	CHECK_STR(hex_of(out, 32),
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void siphash_is_that_of_its_paper(void)
{
	uint8_t key[16], text[15];

	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	memcpy(text, key, sizeof(text));
	CHECK(lp_siphash(key, text, sizeof(text)) == 0xa129ca6149be45e5ull);
}

static void secrets_are_compared_whole(void)
{
	CHECK(lp_equal_secret("secret", "secret", 6));
	CHECK(!lp_equal_secret("secret", "secreT", 6));
}

static void the_libraries_tell_their_versions(void)
{
	CHECK(strncmp(lp_mbedtls_version(), "3.", 2) == 0);
	CHECK(strncmp(lp_sodium_version(), "1.", 2) == 0);
}

int main(void)
{
	TEST(start);
	TEST(hashes_are_those_of_the_standard);
	TEST(a_hash_in_pieces_is_the_hash_of_the_whole);
	TEST(ed25519_signatures_verify);
	TEST(ed25519_keys_of_small_order_verify_nothing);
	TEST(ecdsa_signatures_verify_on_each_curve);
	TEST(rsa_signatures_verify_from_2048_bits);
	TEST(base64_has_one_spelling);
	TEST(only_the_64_characters_of_base64_are_taken);
	TEST(base64_past_the_ceiling_is_a_limit);
	TEST(an_hmac_is_that_of_the_standard);
	TEST(siphash_is_that_of_its_paper);
	TEST(secrets_are_compared_whole);
	TEST(the_libraries_tell_their_versions);
	return check_report();
}

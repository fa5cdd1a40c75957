/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/crypto.h"

#include <mbedtls/build_info.h>
#include <psa/crypto.h>
#include <sodium.h>

_Static_assert(sizeof(psa_hash_operation_t) <= sizeof(((struct lp_hash *)0)->state),
	       "struct lp_hash has no room for a hash of this mbedTLS");
_Static_assert(_Alignof(psa_hash_operation_t) <= 16, "struct lp_hash is not aligned for it");

#define ECC_FIELD_MAX 66 /* bytes of a coordinate of P-521 */

static const struct {
	psa_algorithm_t psa;
	size_t bytes;
} hashes[] = {
	[LP_SHA1] = {PSA_ALG_SHA_1, LP_SHA1_BYTES},
	[LP_SHA256] = {PSA_ALG_SHA_256, LP_SHA256_BYTES},
	[LP_SHA384] = {PSA_ALG_SHA_384, LP_SHA384_BYTES},
	[LP_SHA512] = {PSA_ALG_SHA_512, LP_SHA512_BYTES},
};

/* A digest is a name and a proof here; going on with a wrong one is worse than ending. */
static void must(psa_status_t status)
{
	if (status != PSA_SUCCESS)
		abort();
}

enum lp_code lp_crypto_init(struct err *err)
{
	if (sodium_init() < 0)
		return lp_err_set(err, LP_INTERNAL, "libsodium does not start");
	psa_status_t status = psa_crypto_init();
	if (status != PSA_SUCCESS)
		return lp_err_set(err, LP_INTERNAL, "mbedTLS does not start: PSA status %d",
				  (int)status);
	return LP_OK;
}

size_t lp_hash_bytes(enum lp_hash_alg alg)
{
	return hashes[alg].bytes;
}

void lp_hash(enum lp_hash_alg alg, const void *data, size_t n, uint8_t *out)
{
	size_t len;

	must(psa_hash_compute(hashes[alg].psa, data, n, out, hashes[alg].bytes, &len));
}

void lp_sha1(const void *data, size_t n, uint8_t out[LP_SHA1_BYTES])
{
	lp_hash(LP_SHA1, data, n, out);
}

void lp_sha256(const void *data, size_t n, uint8_t out[LP_SHA256_BYTES])
{
	lp_hash(LP_SHA256, data, n, out);
}

void lp_sha512(const void *data, size_t n, uint8_t out[LP_SHA512_BYTES])
{
	lp_hash(LP_SHA512, data, n, out);
}

static psa_hash_operation_t *operation(struct lp_hash *h)
{
	return (psa_hash_operation_t *)(void *)h->state;
}

void lp_hash_begin(struct lp_hash *h, enum lp_hash_alg alg)
{
	h->alg = alg;
	h->busy = true;
	*operation(h) = psa_hash_operation_init();
	must(psa_hash_setup(operation(h), hashes[alg].psa));
}

void lp_hash_add(struct lp_hash *h, const void *data, size_t n)
{
	if (n)
		must(psa_hash_update(operation(h), data, n));
}

void lp_hash_end(struct lp_hash *h, uint8_t *out)
{
	size_t len;

	must(psa_hash_finish(operation(h), out, hashes[h->alg].bytes, &len));
	h->busy = false;
}

void lp_hash_abort(struct lp_hash *h)
{
	if (!h->busy)
		return;
	must(psa_hash_abort(operation(h)));
	h->busy = false;
}

bool lp_ed25519_verify(const uint8_t sig[64], const void *data, size_t n, const uint8_t key[32])
{
	return crypto_sign_verify_detached(sig, data, n, key) == 0;
}

/* One verification by PSA: the key lives in its store for the length of the call. */
static bool psa_verify(psa_key_type_t type, psa_algorithm_t alg, struct slice key,
		       const uint8_t *digest, size_t digest_len, struct slice sig)
{
	psa_key_attributes_t attributes = psa_key_attributes_init();
	psa_key_id_t id;

	psa_set_key_type(&attributes, type);
	psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_VERIFY_HASH);
	psa_set_key_algorithm(&attributes, alg);
	if (psa_import_key(&attributes, key.data, key.len, &id) != PSA_SUCCESS)
		return false;
	psa_status_t status = psa_verify_hash(id, alg, digest, digest_len, sig.data, sig.len);
	must(psa_destroy_key(id));
	return status == PSA_SUCCESS;
}

static struct slice without_zeros(struct slice number)
{
	while (number.len && number.data[0] == 0) {
		number.data++;
		number.len--;
	}
	return number;
}

/* Writes number right-aligned into width bytes; false when it is wider. */
static bool pad_left(struct slice number, uint8_t *to, size_t width)
{
	number = without_zeros(number);
	if (number.len > width)
		return false;
	memset(to, 0, width - number.len);
	if (number.len)
		memcpy(to + width - number.len, number.data, number.len);
	return true;
}

static bool has_point_shape(unsigned bits, struct slice point)
{
	return (bits == 256 || bits == 384 || bits == 521) &&
	       point.len == 1 + 2 * ((bits + 7) / 8) && point.data[0] == 0x04;
}

bool lp_ecdsa_is_key(unsigned bits, struct slice point)
{
	psa_key_attributes_t attributes = psa_key_attributes_init();
	psa_key_id_t id;

	if (!has_point_shape(bits, point))
		return false;
	psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1));
	if (psa_import_key(&attributes, point.data, point.len, &id) != PSA_SUCCESS)
		return false;
	must(psa_destroy_key(id));
	return true;
}

bool lp_ecdsa_verify(unsigned bits, struct slice point, struct slice r, struct slice s,
		     const uint8_t *digest, size_t digest_len)
{
	uint8_t sig[2 * ECC_FIELD_MAX];
	size_t field = (bits + 7) / 8;
	psa_algorithm_t hash = bits == 256   ? PSA_ALG_SHA_256
			       : bits == 384 ? PSA_ALG_SHA_384
					     : PSA_ALG_SHA_512;

	if (!has_point_shape(bits, point))
		return false;
	if (!pad_left(r, sig, field) || !pad_left(s, sig + field, field))
		return false;
	return psa_verify(PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1), PSA_ALG_ECDSA(hash),
			  point, digest, digest_len, (struct slice){sig, 2 * field});
}

/* The bytes of a DER length: one up to 127, otherwise 0x82 and two. */
static uint8_t *der_length(uint8_t *to, size_t n)
{
	if (n < 128) {
		*to++ = (uint8_t)n;
		return to;
	}
	*to++ = 0x82;
	*to++ = (uint8_t)(n >> 8);
	*to++ = (uint8_t)n;
	return to;
}

static uint8_t *der_integer(uint8_t *to, struct slice number)
{
	bool sign = number.data[0] & 0x80;

	*to++ = 0x02;
	to = der_length(to, number.len + sign);
	if (sign)
		*to++ = 0;
	memcpy(to, number.data, number.len);
	return to + number.len;
}

bool lp_rsa_verify(struct slice n, struct slice e, enum lp_hash_alg alg, const uint8_t *digest,
		   struct slice sig)
{
	uint8_t numbers[LP_RSA_BITS_MAX / 8 + 64], key[LP_RSA_BITS_MAX / 8 + 80];

	n = without_zeros(n);
	e = without_zeros(e);
	if (n.len < LP_RSA_BITS_MIN / 8 || n.len > LP_RSA_BITS_MAX / 8 || !(n.data[0] & 0x80))
		return false;
	if (e.len < 1 || e.len > 8 || !(e.data[e.len - 1] & 1) || (e.len == 1 && e.data[0] == 1))
		return false;
	if (sig.len != n.len)
		return false;

	/* RSAPublicKey of RFC 8017: SEQUENCE { n INTEGER, e INTEGER }. */
	size_t numbers_len = (size_t)(der_integer(der_integer(numbers, n), e) - numbers);
	key[0] = 0x30;
	uint8_t *at = der_length(key + 1, numbers_len);
	memcpy(at, numbers, numbers_len);
	at += numbers_len;
	return psa_verify(PSA_KEY_TYPE_RSA_PUBLIC_KEY, PSA_ALG_RSA_PKCS1V15_SIGN(hashes[alg].psa),
			  (struct slice){key, (size_t)(at - key)}, digest, hashes[alg].bytes, sig);
}

/* libsodium compares a char that is signed, and takes '+' and '/' with bit 7 set for themselves. */
static bool is_ascii(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] >= 0x80)
			return false;
	return true;
}

enum lp_code lp_base64_decode(struct slice text, struct buf *b, struct err *err)
{
	size_t len = 0;

	/* libsodium passes over white space only when it is told to, and we do not tell it. */
	if (text.len % 4 != 0)
		return lp_err_set(err, LP_REJECTED, "base64 of %zu characters, not a multiple of 4",
				  text.len);
	if (!text.len)
		return LP_OK;
	LP_TRY(lp_buf_reserve(b, text.len / 4 * 3, err));
	const char *end = NULL;
	int rc = sodium_base642bin(b->data + b->len, text.len / 4 * 3, (const char *)text.data,
				   text.len, NULL, &len, &end, sodium_base64_VARIANT_ORIGINAL);
	if (rc != 0 || end != (const char *)text.data + text.len || !is_ascii(text)) {
		b->data[b->len] = '\0';
		return lp_err_set(err, LP_REJECTED, "not base64");
	}
	b->len += len;
	b->data[b->len] = '\0';
	return LP_OK;
}

enum lp_code lp_base64_encode(struct slice data, struct buf *b, struct err *err)
{
	size_t n = (data.len + 2) / 3 * 4;

	LP_TRY(lp_buf_reserve(b, n, err));
	lp_base64_text(data.data, data.len, (char *)b->data + b->len);
	b->len += n;
	return LP_OK;
}

const char *lp_base64_text(const void *data, size_t n, char *to)
{
	return sodium_bin2base64(to, LP_BASE64_TEXT(n), data, n, sodium_base64_VARIANT_ORIGINAL);
}

bool lp_equal_secret(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void lp_hmac_sha256(struct slice key, const void *data, size_t n, uint8_t out[LP_SHA256_BYTES])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key.data, key.len);
	crypto_auth_hmacsha256_update(&state, data, n);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

uint64_t lp_siphash(const uint8_t key[16], const void *data, size_t n)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t value = 0;

	crypto_shorthash(out, data, n, key);
	for (int i = crypto_shorthash_BYTES - 1; i >= 0; i--)
		value = value << 8 | out[i];
	return value;
}

const char *lp_mbedtls_version(void)
{
	return MBEDTLS_VERSION_STRING;
}

const char *lp_sodium_version(void)
{
	return sodium_version_string();
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_CRYPTO_H
#define LIMPET_PLATFORM_CRYPTO_H
/*
 * The cryptography that limpet asks for by itself (TLS has its own, inside
 * libcurl): hashes, signature verification, base64. The only file that knows
 * mbedTLS (by its PSA interface) and libsodium.
 *
 * Nothing here makes or holds a private key. A hash that cannot be computed
 * (which means a broken build) ends the program: no caller could go on.
 */
#include "platform/buf.h"
#include "platform/limits.h"

enum lp_hash_alg { LP_SHA1, LP_SHA256, LP_SHA384, LP_SHA512 };

#define LP_SHA1_BYTES   20
#define LP_SHA256_BYTES 32
#define LP_SHA384_BYTES 48
#define LP_SHA512_BYTES 64
#define LP_HASH_MAX     64 /* bytes of the longest of them */

/* RSA moduli that can be judged; the library has no more, and whole bytes only. */

/* A hash under way. Between lp_hash_begin and lp_hash_end it owns memory of the library. */
struct lp_hash {
	enum lp_hash_alg alg;
	bool busy;
	_Alignas(16) uint8_t state[416];
};

/*
 * Makes the libraries ready; before anything else here, as often as you like.
 * LP_INTERNAL when they refuse (no random numbers from the kernel).
 */
LP_CHECKED enum lp_code lp_crypto_init(struct err *err);

/* Bytes of a digest of alg. */
size_t lp_hash_bytes(enum lp_hash_alg alg);

/* One-shot: writes lp_hash_bytes(alg) bytes to out. */
void lp_hash(enum lp_hash_alg alg, const void *data, size_t n, uint8_t *out);
void lp_sha1(const void *data, size_t n, uint8_t out[LP_SHA1_BYTES]);
void lp_sha256(const void *data, size_t n, uint8_t out[LP_SHA256_BYTES]);
void lp_sha512(const void *data, size_t n, uint8_t out[LP_SHA512_BYTES]);

/* Streaming: begin, add as often as needed, end (writes the digest) or abort. */
void lp_hash_begin(struct lp_hash *h, enum lp_hash_alg alg);
void lp_hash_add(struct lp_hash *h, const void *data, size_t n);
void lp_hash_end(struct lp_hash *h, uint8_t *out);

/* Drops a hash that was not ended; nothing when it was, or for {0}. For LP_AUTO. */
void lp_hash_abort(struct lp_hash *h);

/* Whether sig (64 bytes) is the Ed25519 signature of the n bytes by key (32 bytes). */
bool lp_ed25519_verify(const uint8_t sig[64], const void *data, size_t n, const uint8_t key[32]);

/*
 * Whether point (0x04, X, Y) is a key of the NIST curve of bits (256, 384, 521): on the curve,
 * and of that shape.
 */
bool lp_ecdsa_is_key(unsigned bits, struct slice point);

/*
 * Whether (r, s) is an ECDSA signature of the digest on the NIST curve of bits (256, 384,
 * 521) by the key point (0x04, X, Y). r and s are big-endian without sign, of any length;
 * leading zeros do not matter. False for another curve, a point off it, any other shape.
 */
bool lp_ecdsa_verify(unsigned bits, struct slice point, struct slice r, struct slice s,
		     const uint8_t *digest, size_t digest_len);

/*
 * Whether sig is the RSA PKCS#1 v1.5 signature of the digest by (n, e), all big-endian
 * without sign; sig exactly as long as n. False when n has fewer than
 * LP_RSA_BITS_MIN bits, more than LP_RSA_BITS_MAX or a part of a byte, and when e is even, 1 or
 * longer than 8 bytes. The caller demands more bits when it wants them.
 */
bool lp_rsa_verify(struct slice n, struct slice e, enum lp_hash_alg alg, const uint8_t *digest,
		   struct slice sig);

/*
 * Appends what the base64 text (standard alphabet, padded, no white space, unused bits
 * zero) stands for. LP_REJECTED when it is not that, LP_LIMIT past b's ceiling; b is then
 * as before.
 */
LP_CHECKED enum lp_code lp_base64_decode(struct slice text, struct buf *b, struct err *err);

/* Appends data as base64, padded, without line ends. Errors as lp_buf_append. */
LP_CHECKED enum lp_code lp_base64_encode(struct slice data, struct buf *b, struct err *err);

/* Bytes that lp_base64_text writes for n bytes, with the NUL. */
#define LP_BASE64_TEXT(n) (((n) + 2) / 3 * 4 + 1)

/* Writes n bytes as padded base64 and a NUL into to (at least LP_BASE64_TEXT(n)). Returns to. */
const char *lp_base64_text(const void *data, size_t n, char *to);

/* Whether n bytes are equal, in a time that does not depend on where they differ. */
bool lp_equal_secret(const void *a, const void *b, size_t n);

/* HMAC-SHA-256 (RFC 2104) of n bytes under a key of any length. */
void lp_hmac_sha256(struct slice key, const void *data, size_t n, uint8_t out[LP_SHA256_BYTES]);

/* SipHash-2-4 of n bytes: spreads a fleet evenly; not a signature of anything. */
uint64_t lp_siphash(const uint8_t key[16], const void *data, size_t n);

/* "3.6.6" and "1.0.18", for limpet version; borrowed, for ever. */
const char *lp_mbedtls_version(void);
const char *lp_sodium_version(void);
#endif

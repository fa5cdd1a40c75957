/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/pgp_signature.h"

#include "agent/trust/limits.h"
#include "agent/trust/pgp_armor.h"
#include "agent/trust/pgp_packet.h"

/* Types of subpackets that are read here. */
enum {
	CREATED = 2,
	EXPIRES = 3,
	KEY_EXPIRES = 9,
	REVOKER = 12,
	ISSUER = 16,
	PRIMARY_UID = 25,
	FLAGS = 27,
	EMBEDDED = 32,
	ISSUER_FINGERPRINT = 33,
};

/* Types that may be critical: those above, and those that change nothing for us. */
static bool is_known(unsigned type)
{
	static const uint8_t known[] = {
		CREATED,     EXPIRES,
		KEY_EXPIRES, 11, /* preferred ciphers */
		REVOKER,     ISSUER,
		21, /* preferred hashes */
		22, /* preferred compression */
		23, /* preferences of key servers */
		24, /* preferred key server */
		PRIMARY_UID, FLAGS,
		28, /* the signer's user id */
		29, /* reason of a revocation */
		30, /* features */
		EMBEDDED,    ISSUER_FINGERPRINT,
		34, /* preferred modes of encryption */
	};

	return memchr(known, (int)type, sizeof(known)) != NULL;
}

static enum lp_code malformed(struct err *err, const char *what)
{
	return lp_err_set(err, LP_REJECTED, "the OpenPGP signature is malformed: %s", what);
}

static bool read_issuer(const struct pgp_subpacket *sub, struct pgp_signature *s)
{
	if (s->has_key_id || sub->body.len != sizeof(s->key_id))
		return false;
	s->has_key_id = true;
	memcpy(s->key_id, sub->body.data, sizeof(s->key_id));
	return true;
}

static bool read_fingerprint(const struct pgp_subpacket *sub, struct pgp_signature *s)
{
	if (s->has_fingerprint || sub->body.len != 1 + sizeof(s->fingerprint) ||
	    sub->body.data[0] != 4)
		return false;
	s->has_fingerprint = true;
	memcpy(s->fingerprint, sub->body.data + 1, sizeof(s->fingerprint));
	return true;
}

static bool read_embedded(const struct pgp_subpacket *sub, struct pgp_signature *s)
{
	if (s->embedded.len || !sub->body.len)
		return false;
	s->embedded = sub->body;
	return true;
}

/* A date or a span of seconds. */
static bool read_u32(const struct pgp_subpacket *sub, int64_t *ret)
{
	struct slice body = sub->body;
	uint32_t value;

	if (!lp_pgp_take_u32(&body, &value) || body.len)
		return false;
	*ret = value;
	return true;
}

static bool read_created(const struct pgp_subpacket *sub, struct pgp_signature *s)
{
	if (s->has_created)
		return false;
	s->has_created = true;
	return read_u32(sub, &s->created_s);
}

static bool read_flags(const struct pgp_subpacket *sub, struct pgp_signature *s)
{
	if (s->has_flags)
		return false;
	s->has_flags = true;
	s->flags = sub->body.len ? sub->body.data[0] : 0;
	return true;
}

/* A subpacket that is signed; what we read must not be there twice. */
static bool read_hashed(const struct pgp_subpacket *sub, struct pgp_signature *s)
{
	if (sub->critical && !is_known(sub->type) && !s->unknown)
		s->unknown = sub->type;
	switch (sub->type) {
	case CREATED:
		return read_created(sub, s);
	case EXPIRES:
		return !s->expires_s && read_u32(sub, &s->expires_s);
	case KEY_EXPIRES:
		return !s->key_expires_s && read_u32(sub, &s->key_expires_s);
	case REVOKER:
		s->names_revoker = true;
		return true;
	case ISSUER:
		return read_issuer(sub, s);
	case PRIMARY_UID:
		s->is_primary_uid = sub->body.len == 1 && sub->body.data[0];
		return true;
	case FLAGS:
		return read_flags(sub, s);
	case EMBEDDED:
		return read_embedded(sub, s);
	case ISSUER_FINGERPRINT:
		return read_fingerprint(sub, s);
	default:
		return true;
	}
}

/* One that is not signed: a hint at best. What is there already, signed, holds. */
static bool read_unhashed(const struct pgp_subpacket *sub, bool strict, struct pgp_signature *s)
{
	bool is_new = true;

	if (sub->type == ISSUER)
		is_new = read_issuer(sub, s);
	else if (sub->type == ISSUER_FINGERPRINT)
		is_new = read_fingerprint(sub, s);
	else if (strict)
		return false;
	else if (sub->type == EMBEDDED)
		is_new = read_embedded(sub, s);
	return is_new || !strict;
}

static enum lp_code read_area(struct slice area, bool is_hashed, bool strict,
			      struct pgp_signature *s, struct err *err)
{
	struct pgp_subpacket sub;

	while (area.len) {
		if (!lp_pgp_take_subpacket(&area, strict, &sub))
			return malformed(err, "its subpackets");
		if (is_hashed ? !read_hashed(&sub, s) : !read_unhashed(&sub, strict, s))
			return lp_err_set(
				err, LP_REJECTED,
				"the OpenPGP signature is malformed: its %s subpacket of "
				"type %u is not well formed, there twice, or out of place",
				is_hashed ? "signed" : "unsigned", sub.type);
	}
	return LP_OK;
}

/* The numbers of the signature; those of an algorithm that we do not know stay unread. */
static bool read_numbers(struct slice at, struct pgp_signature *s)
{
	switch (s->algorithm) {
	case PGP_RSA:
		return lp_pgp_take_mpi(&at, &s->numbers[0]) && at.len == 0;
	case PGP_ECDSA:
	case PGP_EDDSA_LEGACY:
		return lp_pgp_take_mpi(&at, &s->numbers[0]) &&
		       lp_pgp_take_mpi(&at, &s->numbers[1]) && at.len == 0;
	case PGP_ED25519:
		return lp_pgp_take(&at, 64, &s->numbers[0]) && at.len == 0;
	default:
		return true;
	}
}

static void read_hash(struct pgp_signature *s)
{
	s->has_hash = s->hash_id >= 8 && s->hash_id <= 10;
	s->hash = s->hash_id == 8 ? LP_SHA256 : s->hash_id == 9 ? LP_SHA384 : LP_SHA512;
}

/* Two names of who made it must be of one key. */
static bool issuers_agree(const struct pgp_signature *s)
{
	return !s->has_fingerprint || !s->has_key_id ||
	       memcmp(s->fingerprint + sizeof(s->fingerprint) - sizeof(s->key_id), s->key_id,
		      sizeof(s->key_id)) == 0;
}

enum lp_code lp_pgp_signature_read(struct slice body, bool strict, struct pgp_signature *ret,
				   struct err *err)
{
	struct slice at = body, hashed, unhashed, left;
	unsigned len;

	*ret = (struct pgp_signature){0};
	if (!lp_pgp_take_u8(&at, &ret->version))
		return malformed(err, "it is empty");
	if (ret->version != 4)
		return lp_err_set(err, LP_REJECTED, "an OpenPGP signature of version %u; 4 is read",
				  ret->version);
	if (!lp_pgp_take_u8(&at, &ret->type) || !lp_pgp_take_u8(&at, &ret->algorithm) ||
	    !lp_pgp_take_u8(&at, &ret->hash_id) || !lp_pgp_take_u16(&at, &len) ||
	    !lp_pgp_take(&at, len, &hashed))
		return malformed(err, "it is cut off");
	ret->hashed = (struct slice){body.data, body.len - at.len};
	read_hash(ret);
	if (!lp_pgp_take_u16(&at, &len) || !lp_pgp_take(&at, len, &unhashed) ||
	    !lp_pgp_take(&at, sizeof(ret->left), &left))
		return malformed(err, "it is cut off");
	memcpy(ret->left, left.data, sizeof(ret->left));
	LP_TRY(read_area(hashed, true, strict, ret, err));
	LP_TRY(read_area(unhashed, false, strict, ret, err));
	if (!ret->has_created)
		return malformed(err, "it is not dated");
	if (!issuers_agree(ret))
		return malformed(err, "it names two keys");
	if (!read_numbers(at, ret))
		return malformed(err, "its numbers are not those of its algorithm");
	if (ret->expires_s)
		ret->expires_s += ret->created_s;
	return LP_OK;
}

static const char *hash_name(unsigned id)
{
	return id == 1 ? "MD5" : id == 2 ? "SHA-1" : id == 3 ? "RIPEMD-160" : "another hash";
}

static bool is_algorithm(unsigned number)
{
	return number == PGP_RSA || number == PGP_ECDSA || number == PGP_EDDSA_LEGACY ||
	       number == PGP_ED25519;
}

/* What only a signature over a commit must be. */
static enum lp_code check_over_commit(const struct pgp_signature *s, enum verdict *ret_verdict,
				      struct err *err)
{
	if (s->type != PGP_OVER_BINARY)
		return lp_err_set(err, LP_REJECTED,
				  "the OpenPGP signature is malformed: its type is 0x%02x, and not "
				  "0x00, over a document as it is",
				  s->type);
	if (s->unknown)
		return lp_err_set(err, LP_REJECTED,
				  "the OpenPGP signature is malformed: a subpacket of type %u must "
				  "be understood, and is not",
				  s->unknown);
	if (!s->has_fingerprint && !s->has_key_id)
		return malformed(err, "it does not say which key made it");
	*ret_verdict = VERDICT_UNSUPPORTED_KEY;
	if (!s->has_hash)
		return lp_err_set(err, LP_REJECTED,
				  "an OpenPGP signature over %s (%u); SHA-256, SHA-384 and SHA-512 "
				  "are read",
				  hash_name(s->hash_id), s->hash_id);
	if (!is_algorithm(s->algorithm))
		return lp_err_set(
			err, LP_REJECTED,
			"an OpenPGP signature by algorithm %u; RSA, ECDSA and Ed25519 are "
			"read",
			s->algorithm);
	return LP_OK;
}

enum lp_code lp_pgp_signature_parse(struct slice armor, struct buf *blob, struct pgp_signature *ret,
				    enum verdict *ret_verdict, struct err *err)
{
	struct pgp_packet packet;

	*ret = (struct pgp_signature){0};
	*ret_verdict = VERDICT_MALFORMED;
	LP_TRY(lp_pgp_unarmor_signature(armor, blob, err));
	struct slice rest = LP_SLICE_OF(blob);
	if (!lp_pgp_take_packet(&rest, true, &packet) || packet.tag != PGP_SIGNATURE)
		return malformed(err, "not a signature packet");
	if (rest.len)
		return malformed(err, "something follows it");
	enum lp_code code = lp_pgp_signature_read(packet.body, true, ret, err);
	if (code != LP_OK && ret->version && ret->version != 4)
		*ret_verdict = VERDICT_UNSUPPORTED_KEY;
	LP_TRY(code);
	LP_TRY(check_over_commit(ret, ret_verdict, err));
	*ret_verdict = VERDICT_ACCEPTED;
	return LP_OK;
}

bool lp_pgp_signature_is_by(const struct pgp_signature *s, const struct pgp_key *key)
{
	if (s->has_fingerprint)
		return memcmp(s->fingerprint, key->fingerprint, sizeof(s->fingerprint)) == 0;
	return s->has_key_id &&
	       memcmp(s->key_id, key->fingerprint + sizeof(key->fingerprint) - sizeof(s->key_id),
		      sizeof(s->key_id)) == 0;
}

/* The digest that is signed: of the data, then of what the signature says, then of its length. */
static void digest_of(const struct pgp_signature *s, const struct slice *data, size_t n_slices,
		      uint8_t to[LP_HASH_MAX])
{
	const uint32_t n = (uint32_t)s->hashed.len;
	const uint8_t trailer[] = {
		4, 0xff, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	LP_AUTO(lp_hash_abort) struct lp_hash h = {0};

	lp_hash_begin(&h, s->hash);
	for (size_t i = 0; i < n_slices; i++)
		lp_hash_add(&h, data[i].data, data[i].len);
	lp_hash_add(&h, s->hashed.data, s->hashed.len);
	lp_hash_add(&h, trailer, sizeof(trailer));
	lp_hash_end(&h, to);
}

/* Writes number right-aligned into width bytes; false when it is wider. */
static bool pad(struct slice number, uint8_t *to, size_t width)
{
	if (number.len > width)
		return false;
	memset(to, 0, width - number.len);
	memcpy(to + width - number.len, number.data, number.len);
	return true;
}

static bool verify_rsa(const struct pgp_signature *s, const struct pgp_key *key,
		       const uint8_t *digest)
{
	uint8_t padded[LP_RSA_BITS_MAX / 8];

	if (key->n.len > sizeof(padded) || !pad(s->numbers[0], padded, key->n.len))
		return false;
	return lp_rsa_verify(key->n, key->e, s->hash, digest, (struct slice){padded, key->n.len});
}

/*
 * Any hash goes with any curve: the leftmost bits of the digest that the curve has room for,
 * or a number with zeros in front. lp_ecdsa_verify wants one of the curve's own length.
 */
static bool verify_ecdsa(const struct pgp_signature *s, const struct pgp_key *key,
			 const uint8_t *digest)
{
	uint8_t fitted[LP_HASH_MAX];
	size_t have = lp_hash_bytes(s->hash), want = key->bits == 521 ? 64 : key->bits / 8;

	if (!pad((struct slice){digest, have < want ? have : want}, fitted, want))
		return false;
	return lp_ecdsa_verify(key->bits, key->point, s->numbers[0], s->numbers[1], fitted, want);
}

static bool verify_eddsa(const struct pgp_signature *s, const struct pgp_key *key,
			 const uint8_t *digest)
{
	uint8_t sig[64];

	if (s->algorithm == PGP_ED25519)
		memcpy(sig, s->numbers[0].data, sizeof(sig));
	else if (!pad(s->numbers[0], sig, 32) || !pad(s->numbers[1], sig + 32, 32))
		return false;
	return lp_ed25519_verify(sig, digest, lp_hash_bytes(s->hash), key->point.data);
}

bool lp_pgp_verify(const struct pgp_signature *s, const struct pgp_key *key,
		   const struct slice *data, size_t n_slices)
{
	uint8_t digest[LP_HASH_MAX];

	if (!s->has_hash || s->algorithm != key->algorithm)
		return false;
	digest_of(s, data, n_slices, digest);
	if (memcmp(digest, s->left, sizeof(s->left)) != 0)
		return false;
	switch (key->algorithm) {
	case PGP_RSA:
		return verify_rsa(s, key, digest);
	case PGP_ECDSA:
		return verify_ecdsa(s, key, digest);
	case PGP_EDDSA_LEGACY:
	case PGP_ED25519:
		return verify_eddsa(s, key, digest);
	case PGP_OTHER:
		break;
	}
	return false;
}

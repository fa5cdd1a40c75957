/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/pgp_key.h"

#include "agent/trust/pgp_packet.h"

static const struct kind {
	const char *name;
	enum pgp_algorithm algorithm;
	unsigned bits;
	struct slice oid; /* of the curve, without its length; empty: none is written */
} kinds[] = {
	{"rsa", PGP_RSA, 0, {NULL, 0}},
	{"ecdsa-p256", PGP_ECDSA, 256, {(const uint8_t *)"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8}},
	{"ecdsa-p384", PGP_ECDSA, 384, {(const uint8_t *)"\x2b\x81\x04\x00\x22", 5}},
	{"ecdsa-p521", PGP_ECDSA, 521, {(const uint8_t *)"\x2b\x81\x04\x00\x23", 5}},
	{"eddsa",
	 PGP_EDDSA_LEGACY,
	 256,
	 {(const uint8_t *)"\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", 9}},
	{"ed25519", PGP_ED25519, 256, {NULL, 0}},
};

/* The names of algorithms that we know of and do not verify. */
static const char *other_name(unsigned algorithm)
{
	switch (algorithm) {
	case 2:
	case 3:
		return "RSA for one use only";
	case 16:
	case 20:
		return "ElGamal";
	case 17:
		return "DSA";
	case 18:
		return "ECDH";
	case 19:
		return "ECDSA on a curve other than NIST P-256, P-384 and P-521";
	case 22:
		return "EdDSA on a curve other than Ed25519";
	case 25:
		return "X25519";
	case 26:
		return "X448";
	case 28:
		return "Ed448";
	default:
		return "an unknown algorithm";
	}
}

enum pgp_algorithm lp_pgp_algorithm(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].algorithm;
	return PGP_OTHER;
}

/* The kind of a key; takes the curve, where the algorithm has one, from *at. */
static const struct kind *take_kind(struct slice *at, unsigned algorithm)
{
	bool has_curve = algorithm == PGP_ECDSA || algorithm == PGP_EDDSA_LEGACY;
	struct slice oid = {0};
	unsigned len;

	if (has_curve && (!lp_pgp_take_u8(at, &len) || !lp_pgp_take(at, len, &oid)))
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].algorithm == algorithm && lp_slice_equal(kinds[i].oid, oid))
			return &kinds[i];
	return NULL;
}

static unsigned bits_of(struct slice number)
{
	unsigned bits = (unsigned)number.len * 8;

	for (unsigned top = number.data[0]; !(top & 0x80); top <<= 1)
		bits--;
	return bits;
}

/* A point on a curve, after the byte that says how it is written. */
static bool take_point(struct slice *at, struct pgp_key *key)
{
	struct slice point;

	if (!lp_pgp_take_mpi(at, &point))
		return false;
	key->point = point;
	if (key->algorithm == PGP_ECDSA)
		return point.len == 1 + 2 * ((key->bits + 7) / 8) && point.data[0] == 0x04;
	key->point = (struct slice){point.data + 1, point.len - 1};
	return point.len == 33 && point.data[0] == 0x40;
}

static bool take_numbers(struct slice *at, struct pgp_key *key)
{
	switch (key->algorithm) {
	case PGP_RSA:
		if (!lp_pgp_take_mpi(at, &key->n) || !lp_pgp_take_mpi(at, &key->e))
			return false;
		key->bits = bits_of(key->n);
		return true;
	case PGP_ECDSA:
	case PGP_EDDSA_LEGACY:
		return take_point(at, key);
	case PGP_ED25519:
		return lp_pgp_take(at, 32, &key->point);
	case PGP_OTHER:
		break;
	}
	return false;
}

/* SHA-1 names the key, and is trusted for nothing else. */
static void set_fingerprint(struct pgp_key *key)
{
	const uint8_t head[] = {0x99, (uint8_t)(key->body.len >> 8), (uint8_t)key->body.len};
	LP_AUTO(lp_hash_abort) struct lp_hash h = {0};

	lp_hash_begin(&h, LP_SHA1);
	lp_hash_add(&h, head, sizeof(head));
	lp_hash_add(&h, key->body.data, key->body.len);
	lp_hash_end(&h, key->fingerprint);
}

enum lp_code lp_pgp_key_parse(struct slice body, struct pgp_key *ret, struct err *err)
{
	struct slice at = body;
	unsigned version, algorithm;
	uint32_t created;

	*ret = (struct pgp_key){.body = body};
	if (!lp_pgp_take_u8(&at, &version) || body.len > UINT16_MAX)
		return lp_err_set(err, LP_REJECTED, "not an OpenPGP key");
	if (version != 4)
		return lp_err_set(err, LP_REJECTED, "an OpenPGP key of version %u; 4 is read",
				  version);
	if (!lp_pgp_take_u32(&at, &created) || !lp_pgp_take_u8(&at, &algorithm))
		return lp_err_set(err, LP_REJECTED, "not an OpenPGP key");
	ret->created_s = created;
	ret->material = at;
	set_fingerprint(ret);
	const struct kind *kind = take_kind(&at, algorithm);
	ret->name = kind ? kind->name : other_name(algorithm);
	if (!kind)
		return LP_OK;
	ret->algorithm = kind->algorithm;
	ret->bits = kind->bits;
	if (!take_numbers(&at, ret) || at.len != 0)
		return lp_err_set(err, LP_REJECTED, "a malformed OpenPGP key (%s)", kind->name);
	return LP_OK;
}

const char *lp_pgp_hex(const uint8_t *bytes, size_t n, char *to)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n; i++) {
		to[2 * i] = digits[bytes[i] >> 4];
		to[2 * i + 1] = digits[bytes[i] & 15];
	}
	to[2 * n] = '\0';
	return to;
}

const char *lp_pgp_fingerprint(const struct pgp_key *key, char to[LP_PGP_FINGERPRINT_TEXT])
{
	return lp_pgp_hex(key->fingerprint, sizeof(key->fingerprint), to);
}

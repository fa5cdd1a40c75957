/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/sshsig.h"

#include "agent/trust/limits.h"
#include "platform/text.h"

#define MAGIC         "SSHSIG"
#define ARMOR_BEGIN   "-----BEGIN SSH SIGNATURE-----"
#define ARMOR_END     "-----END SSH SIGNATURE-----"
#define ARMOR_COLUMNS 70 /* as ssh-keygen and git write it */

/* SSH's wire format (RFC 4251, 5): what is left to read. */
struct wire {
	const uint8_t *data;
	size_t len;
};

static bool take_bytes(struct wire *w, size_t n, struct slice *ret)
{
	if (n > w->len)
		return false;
	*ret = (struct slice){w->data, n};
	w->data += n;
	w->len -= n;
	return true;
}

static bool take_u32(struct wire *w, uint32_t *ret)
{
	struct slice b;

	if (!take_bytes(w, 4, &b))
		return false;
	*ret = (uint32_t)b.data[0] << 24 | (uint32_t)b.data[1] << 16 | (uint32_t)b.data[2] << 8 |
	       b.data[3];
	return true;
}

static bool take_string(struct wire *w, struct slice *ret)
{
	uint32_t n;

	return take_u32(w, &n) && take_bytes(w, n, ret);
}

/* A positive number in its one spelling: a zero in front only where the top bit is set. */
static bool take_positive(struct wire *w, struct slice *ret)
{
	if (!take_string(w, ret) || ret->len == 0)
		return false;
	if (ret->data[0] & 0x80)
		return false;
	if (ret->data[0] != 0)
		return true;
	if (ret->len < 2 || !(ret->data[1] & 0x80))
		return false;
	ret->data++;
	ret->len--;
	return true;
}

static unsigned bits_of(struct slice number)
{
	unsigned bits = (unsigned)number.len * 8;

	for (uint8_t top = number.data[0]; !(top & 0x80); top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

static const struct key_kind {
	const char *name;
	enum ssh_key_type type;
	unsigned bits;
	const char *curve;
} kinds[] = {
	{"ssh-ed25519", SSH_KEY_ED25519, 256, NULL},
	{"ecdsa-sha2-nistp256", SSH_KEY_ECDSA256, 256, "nistp256"},
	{"ecdsa-sha2-nistp384", SSH_KEY_ECDSA384, 384, "nistp384"},
	{"ecdsa-sha2-nistp521", SSH_KEY_ECDSA521, 521, "nistp521"},
	{"ssh-rsa", SSH_KEY_RSA, 0, NULL},
};

static const struct key_kind *kind_of(struct slice name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (lp_slice_is(name, kinds[i].name))
			return &kinds[i];
	return NULL;
}

static bool take_ec_point(struct wire *w, const struct key_kind *kind, struct ssh_key *key)
{
	struct slice curve;

	return take_string(w, &curve) && lp_slice_is(curve, kind->curve) &&
	       take_string(w, &key->point) && key->point.len == 1 + 2 * ((kind->bits + 7) / 8) &&
	       key->point.data[0] == 0x04;
}

static bool take_rsa(struct wire *w, struct ssh_key *key)
{
	if (!take_positive(w, &key->e) || !take_positive(w, &key->n))
		return false;
	key->bits = bits_of(key->n);
	return true;
}

static bool take_key(struct wire *w, const struct key_kind *kind, struct ssh_key *key)
{
	switch (kind->type) {
	case SSH_KEY_ED25519:
		return take_string(w, &key->point) && key->point.len == 32;
	case SSH_KEY_ECDSA256:
	case SSH_KEY_ECDSA384:
	case SSH_KEY_ECDSA521:
		return take_ec_point(w, kind, key);
	case SSH_KEY_RSA:
		return take_rsa(w, key);
	case SSH_KEY_UNSUPPORTED:
		break;
	}
	return false;
}

enum lp_code lp_ssh_key_parse(struct slice blob, struct ssh_key *ret, struct err *err)
{
	struct wire w = {blob.data, blob.len};
	struct slice name;

	*ret = (struct ssh_key){.blob = blob};
	if (!take_string(&w, &name) || name.len == 0)
		return lp_err_set(err, LP_REJECTED, "not an SSH public key");
	ret->name = name;
	const struct key_kind *kind = kind_of(name);
	if (!kind)
		return LP_OK;
	ret->type = kind->type;
	ret->bits = kind->bits;
	if (!take_key(&w, kind, ret) || w.len != 0)
		return lp_err_set(err, LP_REJECTED, "a malformed %s key", kind->name);
	return LP_OK;
}

const char *lp_ssh_fingerprint(struct slice blob, char to[LP_FINGERPRINT_TEXT])
{
	uint8_t digest[LP_SHA256_BYTES];
	char text[LP_BASE64_TEXT(LP_SHA256_BYTES)];

	lp_sha256(blob.data, blob.len, digest);
	lp_base64_text(digest, sizeof(digest), text);
	snprintf(to, LP_FINGERPRINT_TEXT, "SHA256:%.43s", text);
	return to;
}

void lp_sshsig_free(struct sshsig *s)
{
	lp_buf_free(&s->blob);
	*s = (struct sshsig){0};
}

/* Collects the base64 between BEGIN and END; each line of it begins with one space. */
static enum lp_code collect_base64(struct slice armor, struct buf *b, struct err *err)
{
	size_t begin = sizeof(ARMOR_BEGIN "\n") - 1, end = sizeof("\n " ARMOR_END) - 1;

	if (armor.len < begin + end)
		return lp_err_set(err, LP_REJECTED, "the armor has no end");
	const uint8_t *at = armor.data + begin, *stop = armor.data + armor.len - end;
	while (at < stop) {
		const uint8_t *eol = memchr(at, '\n', (size_t)(stop - at));
		size_t n = (size_t)((eol ? eol : stop) - at);

		if (n < 2 || *at != ' ')
			return lp_err_set(err, LP_REJECTED, "an empty line in the armor");
		LP_TRY(lp_buf_append(b, at + 1, n - 1, err));
		at += n + (eol ? 1 : 0);
	}
	return LP_OK;
}

/* The armor that ssh-keygen and git write for this base64. */
static enum lp_code canonical_armor(const struct buf *base64, struct buf *ret, struct err *err)
{
	LP_TRY(lp_buf_str(ret, ARMOR_BEGIN "\n", err));
	for (size_t at = 0; at < base64->len; at += ARMOR_COLUMNS) {
		size_t n = base64->len - at < ARMOR_COLUMNS ? base64->len - at : ARMOR_COLUMNS;

		LP_TRY(lp_buf_byte(ret, ' ', err));
		LP_TRY(lp_buf_append(ret, base64->data + at, n, err));
		LP_TRY(lp_buf_byte(ret, '\n', err));
	}
	return lp_buf_str(ret, " " ARMOR_END, err);
}

/* Decodes the armor into blob and demands that encoding that again gives the same bytes. */
static enum lp_code unarmor(struct slice armor, struct buf *blob, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf base64 = LP_BUF(LP_ARMOR_BYTES);
	LP_AUTO(lp_buf_free) struct buf again = LP_BUF(2 * LP_ARMOR_BYTES);

	LP_TRY(collect_base64(armor, &base64, err));
	if (lp_base64_decode(LP_SLICE_OF(&base64), blob, err) != LP_OK)
		return lp_err_wrap(err, "the armor");
	lp_buf_clear(&base64);
	LP_TRY(lp_base64_encode(LP_SLICE_OF(blob), &base64, err));
	LP_TRY(canonical_armor(&base64, &again, err));
	if (!lp_slice_equal(LP_SLICE_OF(&again), armor))
		return lp_err_set(err, LP_REJECTED,
				  "the armor is not spelled as ssh-keygen spells it (%d columns)",
				  ARMOR_COLUMNS);
	return LP_OK;
}

static bool read_hash(struct slice name, enum lp_hash_alg *ret)
{
	*ret = lp_slice_is(name, "sha256") ? LP_SHA256 : LP_SHA512;
	return lp_slice_is(name, "sha256") || lp_slice_is(name, "sha512");
}

static enum lp_code malformed(struct err *err, const char *what)
{
	return lp_err_set(err, LP_REJECTED, "the SSH signature is malformed: %s", what);
}

static enum lp_code unsupported(enum verdict *ret_verdict, struct err *err, const char *what,
				struct slice detail)
{
	char shown[64];

	*ret_verdict = VERDICT_UNSUPPORTED_KEY;
	return lp_err_set(err, LP_REJECTED, "%s%s", what,
			  lp_printable(detail, shown, sizeof(shown)));
}

static enum lp_code check_rsa(const struct sshsig *s, enum verdict *ret_verdict, struct err *err)
{
	unsigned bits = s->key.bits;

	if (bits < LP_RSA_BITS_MIN || bits > LP_RSA_BITS_MAX || bits % 8) {
		*ret_verdict = VERDICT_UNSUPPORTED_KEY;
		return lp_err_set(err, LP_REJECTED,
				  "signed by an RSA key of %u bits; %d to %d bits are read", bits,
				  LP_RSA_BITS_MIN, LP_RSA_BITS_MAX);
	}
	if (lp_slice_is(s->sig_alg, "ssh-rsa"))
		return unsupported(ret_verdict, err, "an RSA signature over SHA-1", LP_SLICE(""));
	if (!lp_slice_is(s->sig_alg, "rsa-sha2-256") && !lp_slice_is(s->sig_alg, "rsa-sha2-512"))
		return malformed(err, "its algorithm is not one of its key");
	/* Signers that drop leading zeros exist; ones that add them do not. */
	if (s->sig.len == 0 || s->sig.len > bits / 8 ||
	    (s->sig.len < bits / 8 && s->sig.data[0] == 0))
		return malformed(err, "its length is not that of its key");
	return LP_OK;
}

/* What stands in the last field: algorithm and signature, by the type of the key. */
static enum lp_code read_signature(struct slice field, struct sshsig *s, enum verdict *ret_verdict,
				   struct err *err)
{
	struct wire w = {field.data, field.len};

	if (!take_string(&w, &s->sig_alg) || !take_string(&w, &s->sig) || w.len != 0)
		return malformed(err, "its last field");
	if (s->key.type == SSH_KEY_RSA)
		return check_rsa(s, ret_verdict, err);
	if (!lp_slice_equal(s->sig_alg, s->key.name))
		return malformed(err, "its algorithm is not that of its key");
	if (s->key.type == SSH_KEY_ED25519)
		return s->sig.len == 64 ? LP_OK : malformed(err, "not 64 bytes of Ed25519");
	w = (struct wire){s->sig.data, s->sig.len};
	if (!take_positive(&w, &s->r) || !take_positive(&w, &s->s) || w.len != 0)
		return malformed(err, "not two positive numbers of ECDSA");
	return LP_OK;
}

static enum lp_code read_blob(struct sshsig *s, enum verdict *ret_verdict, struct err *err)
{
	struct wire w = {s->blob.data, s->blob.len};
	struct slice magic, key, reserved, hash, signature;
	uint32_t version;

	if (!take_bytes(&w, sizeof(MAGIC) - 1, &magic) || !lp_slice_is(magic, MAGIC) ||
	    !take_u32(&w, &version) || version != 1)
		return malformed(err, "it does not begin with SSHSIG and version 1");
	if (!take_string(&w, &key) || !take_string(&w, &s->name_space) ||
	    !take_string(&w, &reserved) || !take_string(&w, &hash) ||
	    !take_string(&w, &signature) || w.len != 0)
		return malformed(err, "its fields");
	LP_TRY(lp_ssh_key_parse(key, &s->key, err));
	if (s->name_space.len == 0 || s->name_space.len > LP_NAMESPACE_BYTES)
		return malformed(err, "its namespace");
	if (reserved.len != 0)
		return malformed(err, "its reserved field is not empty");
	if (!read_hash(hash, &s->hash))
		return malformed(err, "its hash is neither sha256 nor sha512");
	if (s->key.type == SSH_KEY_UNSUPPORTED)
		return unsupported(ret_verdict, err, "signed by a key of type ", s->key.name);
	return read_signature(signature, s, ret_verdict, err);
}

enum lp_code lp_sshsig_parse(struct slice armor, struct sshsig *ret, enum verdict *ret_verdict,
			     struct err *err)
{
	*ret = (struct sshsig){.blob = LP_BUF(LP_ARMOR_BYTES)};
	*ret_verdict = VERDICT_MALFORMED;
	if (lp_slice_starts(armor, "-----BEGIN PGP "))
		return unsupported(ret_verdict, err, "an OpenPGP signature", LP_SLICE(""));
	if (lp_slice_starts(armor, "-----BEGIN SIGNED MESSAGE-----"))
		return unsupported(ret_verdict, err, "an X.509 signature", LP_SLICE(""));
	if (!lp_slice_starts(armor, ARMOR_BEGIN "\n"))
		return lp_err_set(err, LP_REJECTED, "the signature does not begin with %s",
				  ARMOR_BEGIN);
	LP_TRY(unarmor(armor, &ret->blob, err));
	LP_TRY(read_blob(ret, ret_verdict, err));
	*ret_verdict = VERDICT_ACCEPTED;
	return LP_OK;
}

static uint8_t *put_string(uint8_t *to, struct slice text)
{
	*to++ = (uint8_t)(text.len >> 24);
	*to++ = (uint8_t)(text.len >> 16);
	*to++ = (uint8_t)(text.len >> 8);
	*to++ = (uint8_t)text.len;
	if (text.len)
		memcpy(to, text.data, text.len);
	return to + text.len;
}

/* What the key signs: the payload's hash, said to be for this namespace. */
static struct slice to_be_signed(const struct sshsig *s, const struct slice *payload,
				 size_t n_slices, uint8_t to[LP_NAMESPACE_BYTES + 128])
{
	LP_AUTO(lp_hash_abort) struct lp_hash h = {0};
	uint8_t digest[LP_HASH_MAX], *at = to;

	lp_hash_begin(&h, s->hash);
	for (size_t i = 0; i < n_slices; i++)
		lp_hash_add(&h, payload[i].data, payload[i].len);
	lp_hash_end(&h, digest);
	memcpy(at, MAGIC, sizeof(MAGIC) - 1);
	at = put_string(at + sizeof(MAGIC) - 1, s->name_space);
	at = put_string(at, LP_SLICE(""));
	at = put_string(at, s->hash == LP_SHA256 ? LP_SLICE("sha256") : LP_SLICE("sha512"));
	at = put_string(at, (struct slice){digest, lp_hash_bytes(s->hash)});
	return (struct slice){to, (size_t)(at - to)};
}

static bool verify_rsa(const struct sshsig *s, struct slice tbs)
{
	enum lp_hash_alg alg = lp_slice_is(s->sig_alg, "rsa-sha2-256") ? LP_SHA256 : LP_SHA512;
	uint8_t digest[LP_HASH_MAX], padded[LP_RSA_BITS_MAX / 8] = {0};
	size_t width = s->key.n.len;

	if (s->sig.len > width || width > sizeof(padded))
		return false;
	memcpy(padded + width - s->sig.len, s->sig.data, s->sig.len);
	lp_hash(alg, tbs.data, tbs.len, digest);
	return lp_rsa_verify(s->key.n, s->key.e, alg, digest, (struct slice){padded, width});
}

static bool verify_ecdsa(const struct sshsig *s, struct slice tbs)
{
	uint8_t digest[LP_HASH_MAX];
	enum lp_hash_alg alg = s->key.type == SSH_KEY_ECDSA256   ? LP_SHA256
			       : s->key.type == SSH_KEY_ECDSA384 ? LP_SHA384
								 : LP_SHA512;

	lp_hash(alg, tbs.data, tbs.len, digest);
	return lp_ecdsa_verify(s->key.bits, s->key.point, s->r, s->s, digest, lp_hash_bytes(alg));
}

bool lp_sshsig_verify(const struct sshsig *s, const struct slice *payload, size_t n_slices)
{
	uint8_t room[LP_NAMESPACE_BYTES + 128];
	struct slice tbs = to_be_signed(s, payload, n_slices, room);

	switch (s->key.type) {
	case SSH_KEY_ED25519:
		return lp_ed25519_verify(s->sig.data, tbs.data, tbs.len, s->key.point.data);
	case SSH_KEY_ECDSA256:
	case SSH_KEY_ECDSA384:
	case SSH_KEY_ECDSA521:
		return verify_ecdsa(s, tbs);
	case SSH_KEY_RSA:
		return verify_rsa(s, tbs);
	case SSH_KEY_UNSUPPORTED:
		break;
	}
	return false;
}

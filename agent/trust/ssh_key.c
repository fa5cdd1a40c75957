/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/ssh_key.h"

#include "agent/trust/limits.h"
#include "platform/text.h"

#include <stdio.h>
#include <string.h>

#define RSA_BITS_READ_MIN                                                      \
	1024 /* OpenSSH takes no shorter one for a key; it is not one we trust \
	      */

#define WEBAUTHN "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"

#define USER_PRESENT 0x01 /* a security key's flag: somebody touched it */

static const struct key_kind {
	const char *name, *cert_name;
	enum ssh_key_type type;
	unsigned bits;
	const char *curve;
} kinds[] = {
	{"ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", SSH_KEY_ED25519, 256, NULL},
	{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256-cert-v01@openssh.com", SSH_KEY_ECDSA256, 256,
	 "nistp256"},
	{"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384-cert-v01@openssh.com", SSH_KEY_ECDSA384, 384,
	 "nistp384"},
	{"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521-cert-v01@openssh.com", SSH_KEY_ECDSA521, 521,
	 "nistp521"},
	{"ssh-rsa", "ssh-rsa-cert-v01@openssh.com", SSH_KEY_RSA, 0, NULL},
	{"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", SSH_KEY_SK_ED25519,
	 256, NULL},
	{"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
	 SSH_KEY_SK_ECDSA256, 256, "nistp256"},
};

static const struct key_kind *kind_of(struct slice name, bool certified)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (lp_slice_is(name, certified ? kinds[i].cert_name : kinds[i].name))
			return &kinds[i];
	return NULL;
}

static unsigned bits_of(struct slice number)
{
	unsigned bits = (unsigned)number.len * 8;

	for (uint8_t top = number.data[0]; !(top & 0x80); top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

static bool take_ec_point(struct ssh_reader *r, const struct key_kind *kind, struct ssh_key *key)
{
	struct slice curve;

	return lp_ssh_take_string(r, &curve) && lp_slice_is(curve, kind->curve) &&
	       lp_ssh_take_string(r, &key->point) && lp_ecdsa_is_key(kind->bits, key->point);
}

static bool take_ed25519(struct ssh_reader *r, struct ssh_key *key)
{
	return lp_ssh_take_string(r, &key->point) && key->point.len == 32;
}

static bool take_rsa(struct ssh_reader *r, struct ssh_key *key)
{
	if (!lp_ssh_take_positive(r, &key->e) || !lp_ssh_take_positive(r, &key->n))
		return false;
	key->bits = bits_of(key->n);
	return key->bits >= RSA_BITS_READ_MIN;
}

/* What follows the name of the type. */
static bool take_key(struct ssh_reader *r, const struct key_kind *kind, struct ssh_key *key)
{
	key->type = kind->type;
	key->bits = kind->bits;
	switch (kind->type) {
	case SSH_KEY_ED25519:
		return take_ed25519(r, key);
	case SSH_KEY_SK_ED25519:
		return take_ed25519(r, key) && lp_ssh_take_text(r, &key->application);
	case SSH_KEY_ECDSA256:
	case SSH_KEY_ECDSA384:
	case SSH_KEY_ECDSA521:
		return take_ec_point(r, kind, key);
	case SSH_KEY_SK_ECDSA256:
		return take_ec_point(r, kind, key) && lp_ssh_take_text(r, &key->application);
	case SSH_KEY_RSA:
		return take_rsa(r, key);
	case SSH_KEY_UNSUPPORTED:
		break;
	}
	return false;
}

enum lp_code lp_ssh_key_parse(struct slice blob, struct ssh_key *ret, struct err *err)
{
	struct ssh_reader r = LP_SSH_READER(blob);
	struct slice name;

	*ret = (struct ssh_key){.blob = blob};
	if (!lp_ssh_take_string(&r, &name) || name.len == 0)
		return lp_err_set(err, LP_REJECTED, "not an SSH public key");
	ret->name = name;
	const struct key_kind *kind = kind_of(name, false);
	if (!kind)
		return LP_OK;
	if (!take_key(&r, kind, ret) || r.len != 0)
		return lp_err_set(err, LP_REJECTED, "a malformed %s key", kind->name);
	return LP_OK;
}

bool lp_ssh_key_take_certified(struct ssh_reader *r, struct slice cert_name, struct ssh_key *ret)
{
	const struct key_kind *kind = kind_of(cert_name, true);

	*ret = (struct ssh_key){.name = cert_name};
	if (!kind)
		return false;
	ret->name = (struct slice){(const uint8_t *)kind->name, strlen(kind->name)};
	return take_key(r, kind, ret);
}

bool lp_ssh_is_cert_name(struct slice name)
{
	static const char suffix[] = "-cert-v01@openssh.com";
	size_t n = sizeof(suffix) - 1;

	return name.len > n && memcmp(name.data + name.len - n, suffix, n) == 0;
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

static enum lp_code malformed(struct err *err, const char *what)
{
	return lp_err_set(err, LP_REJECTED, "the SSH signature is malformed: %s", what);
}

static enum lp_code check_rsa(const struct ssh_signature *s, const struct ssh_key *key,
			      enum verdict *ret_verdict, struct err *err)
{
	unsigned bits = key->bits;

	*ret_verdict = VERDICT_UNSUPPORTED_KEY;
	if (bits < LP_RSA_BITS_MIN || bits > LP_RSA_BITS_MAX || bits % 8)
		return lp_err_set(err, LP_REJECTED,
				  "signed by an RSA key of %u bits; %d to %d bits are read", bits,
				  LP_RSA_BITS_MIN, LP_RSA_BITS_MAX);
	if (lp_slice_is(s->alg, "ssh-rsa"))
		return lp_err_set(err, LP_REJECTED, "an RSA signature over SHA-1");
	*ret_verdict = VERDICT_MALFORMED;
	if (!lp_slice_is(s->alg, "rsa-sha2-256") && !lp_slice_is(s->alg, "rsa-sha2-512"))
		return malformed(err, "its algorithm is not one of its key");
	/* Signers that drop leading zeros exist; ones that add them do not. */
	if (s->data.len == 0 || s->data.len > bits / 8 ||
	    (s->data.len < bits / 8 && s->data.data[0] == 0))
		return malformed(err, "its length is not that of its key");
	return LP_OK;
}

static enum lp_code check_ed25519(const struct ssh_signature *s, struct err *err)
{
	return s->data.len == 64 ? LP_OK : malformed(err, "not 64 bytes of Ed25519");
}

static enum lp_code check_ecdsa(struct ssh_signature *s, struct err *err)
{
	struct ssh_reader r = LP_SSH_READER(s->data);

	if (!lp_ssh_take_positive(&r, &s->r) || !lp_ssh_take_positive(&r, &s->s) || r.len != 0)
		return malformed(err, "not two positive numbers of ECDSA");
	return LP_OK;
}

static bool is_of_security_key(const struct ssh_key *key)
{
	return key->type == SSH_KEY_SK_ED25519 || key->type == SSH_KEY_SK_ECDSA256;
}

enum lp_code lp_ssh_signature_parse(struct slice field, const struct ssh_key *key,
				    struct ssh_signature *ret, enum verdict *ret_verdict,
				    struct err *err)
{
	struct ssh_reader r = LP_SSH_READER(field);
	char shown[64];

	*ret = (struct ssh_signature){0};
	*ret_verdict = VERDICT_UNSUPPORTED_KEY;
	if (key->type == SSH_KEY_UNSUPPORTED)
		return lp_err_set(err, LP_REJECTED, "signed by a key of type %s",
				  lp_printable(key->name, shown, sizeof(shown)));
	*ret_verdict = VERDICT_MALFORMED;
	if (!lp_ssh_take_string(&r, &ret->alg) || !lp_ssh_take_string(&r, &ret->data))
		return malformed(err, "its last field");
	if (key->type == SSH_KEY_SK_ECDSA256 && lp_slice_is(ret->alg, WEBAUTHN)) {
		*ret_verdict = VERDICT_UNSUPPORTED_KEY;
		return lp_err_set(err, LP_REJECTED,
				  "signed by a security key by way of a browser (" WEBAUTHN ")");
	}
	if (key->type != SSH_KEY_RSA && !lp_slice_equal(ret->alg, key->name))
		return malformed(err, "its algorithm is not that of its key");
	if (is_of_security_key(key) &&
	    (!lp_ssh_take_u8(&r, &ret->flags) || !lp_ssh_take_u32(&r, &ret->counter)))
		return malformed(err, "no flags and counter of a security key");
	if (r.len != 0)
		return malformed(err, "its last field");
	if (key->type == SSH_KEY_RSA)
		return check_rsa(ret, key, ret_verdict, err);
	LP_TRY(key->type == SSH_KEY_ED25519 || key->type == SSH_KEY_SK_ED25519
		       ? check_ed25519(ret, err)
		       : check_ecdsa(ret, err));
	if (!is_of_security_key(key) || ret->flags & USER_PRESENT)
		return LP_OK;
	*ret_verdict = VERDICT_BAD_SIGNATURE;
	return lp_err_set(err, LP_REJECTED, "signed by a security key that nobody touched");
}

static bool verify_rsa(const struct ssh_signature *s, const struct ssh_key *key,
		       struct slice message)
{
	enum lp_hash_alg alg = lp_slice_is(s->alg, "rsa-sha2-256") ? LP_SHA256 : LP_SHA512;
	uint8_t digest[LP_HASH_MAX], padded[LP_RSA_BITS_MAX / 8] = {0};
	size_t width = key->n.len;

	if (s->data.len > width || width > sizeof(padded))
		return false;
	memcpy(padded + width - s->data.len, s->data.data, s->data.len);
	lp_hash(alg, message.data, message.len, digest);
	return lp_rsa_verify(key->n, key->e, alg, digest, (struct slice){padded, width});
}

static bool verify_ecdsa(const struct ssh_signature *s, const struct ssh_key *key,
			 struct slice message)
{
	uint8_t digest[LP_HASH_MAX];
	enum lp_hash_alg alg = key->bits == 256   ? LP_SHA256
			       : key->bits == 384 ? LP_SHA384
						  : LP_SHA512;

	lp_hash(alg, message.data, message.len, digest);
	return lp_ecdsa_verify(key->bits, key->point, s->r, s->s, digest, lp_hash_bytes(alg));
}

static bool verify_ed25519(const struct ssh_signature *s, const struct ssh_key *key,
			   struct slice message)
{
	return lp_ed25519_verify(s->data.data, message.data, message.len, key->point.data);
}

#define SK_MESSAGE_BYTES (LP_SHA256_BYTES + 1 + 4 + LP_SHA256_BYTES)

/* What a security key signs in place of the message: OpenSSH's PROTOCOL.u2f, "signature". */
static struct slice security_key_message(const struct ssh_signature *s, const struct ssh_key *key,
					 struct slice message, uint8_t to[SK_MESSAGE_BYTES])
{
	uint8_t *at = to + LP_SHA256_BYTES;

	lp_sha256(key->application.data, key->application.len, to);
	*at++ = s->flags;
	for (int shift = 24; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(s->counter >> shift);
	lp_sha256(message.data, message.len, at);
	return (struct slice){to, SK_MESSAGE_BYTES};
}

bool lp_ssh_signature_verify(const struct ssh_signature *sig, const struct ssh_key *key,
			     struct slice message)
{
	uint8_t room[SK_MESSAGE_BYTES];

	if (is_of_security_key(key))
		message = security_key_message(sig, key, message, room);
	switch (key->type) {
	case SSH_KEY_ED25519:
	case SSH_KEY_SK_ED25519:
		return verify_ed25519(sig, key, message);
	case SSH_KEY_ECDSA256:
	case SSH_KEY_ECDSA384:
	case SSH_KEY_ECDSA521:
	case SSH_KEY_SK_ECDSA256:
		return verify_ecdsa(sig, key, message);
	case SSH_KEY_RSA:
		return verify_rsa(sig, key, message);
	case SSH_KEY_UNSUPPORTED:
		break;
	}
	return false;
}

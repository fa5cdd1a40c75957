/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/sshsig.h"

#include "agent/trust/limits.h"
#include "platform/text.h"

#define MAGIC         "SSHSIG"
#define ARMOR_BEGIN   "-----BEGIN SSH SIGNATURE-----"
#define ARMOR_END     "-----END SSH SIGNATURE-----"
#define ARMOR_COLUMNS 70 /* as ssh-keygen and git write it */

void lp_sshsig_free(struct sshsig *s)
{
	lp_ssh_cert_free(&s->cert);
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

static enum lp_code unsupported(enum verdict *ret_verdict, struct err *err, const char *what)
{
	*ret_verdict = VERDICT_UNSUPPORTED_KEY;
	return lp_err_set(err, LP_REJECTED, "%s", what);
}

/* The field of the key: a key, or a certificate with one. */
static enum lp_code read_key(struct slice field, struct sshsig *s, enum verdict *ret_verdict,
			     struct err *err)
{
	LP_TRY(lp_ssh_key_parse(field, &s->key, err));
	if (!lp_ssh_is_cert_name(s->key.name))
		return LP_OK;
	s->has_cert = true;
	enum lp_code code = lp_ssh_cert_parse(field, &s->cert, ret_verdict, err);
	s->key = s->cert.subject; /* for the report, also of what is refused */
	LP_TRY(code);
	*ret_verdict = VERDICT_UNSUPPORTED_KEY;
	LP_TRY(lp_ssh_cert_usable(&s->cert, err));
	*ret_verdict = VERDICT_MALFORMED;
	return LP_OK;
}

static enum lp_code read_blob(struct sshsig *s, enum verdict *ret_verdict, struct err *err)
{
	struct ssh_reader r = {s->blob.data, s->blob.len};
	struct slice magic, key, reserved, hash, signature;
	uint32_t version;

	if (!lp_ssh_take_bytes(&r, sizeof(MAGIC) - 1, &magic) || !lp_slice_is(magic, MAGIC) ||
	    !lp_ssh_take_u32(&r, &version) || version != 1)
		return malformed(err, "it does not begin with SSHSIG and version 1");
	if (!lp_ssh_take_string(&r, &key) || !lp_ssh_take_string(&r, &s->name_space) ||
	    !lp_ssh_take_string(&r, &reserved) || !lp_ssh_take_string(&r, &hash) ||
	    !lp_ssh_take_string(&r, &signature) || r.len != 0)
		return malformed(err, "its fields");
	if (s->name_space.len == 0 || s->name_space.len > LP_NAMESPACE_BYTES)
		return malformed(err, "its namespace");
	if (reserved.len != 0)
		return malformed(err, "its reserved field is not empty");
	if (!read_hash(hash, &s->hash))
		return malformed(err, "its hash is neither sha256 nor sha512");
	LP_TRY(read_key(key, s, ret_verdict, err));
	return lp_ssh_signature_parse(signature, &s->key, &s->signature, ret_verdict, err);
}

enum lp_code lp_sshsig_parse(struct slice armor, struct sshsig *ret, enum verdict *ret_verdict,
			     struct err *err)
{
	*ret = (struct sshsig){.blob = LP_BUF(LP_ARMOR_BYTES)};
	*ret_verdict = VERDICT_MALFORMED;
	if (lp_slice_starts(armor, "-----BEGIN PGP "))
		return unsupported(ret_verdict, err, "an OpenPGP signature");
	if (lp_slice_starts(armor, "-----BEGIN SIGNED MESSAGE-----"))
		return unsupported(ret_verdict, err, "an X.509 signature");
	if (!lp_slice_starts(armor, ARMOR_BEGIN "\n"))
		return lp_err_set(err, LP_REJECTED, "the signature does not begin with %s",
				  ARMOR_BEGIN);
	LP_TRY(unarmor(armor, &ret->blob, err));
	LP_TRY(read_blob(ret, ret_verdict, err));
	*ret_verdict = VERDICT_ACCEPTED;
	return LP_OK;
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
	at = lp_ssh_put_string(at + sizeof(MAGIC) - 1, s->name_space);
	at = lp_ssh_put_string(at, LP_SLICE(""));
	at = lp_ssh_put_string(at, s->hash == LP_SHA256 ? LP_SLICE("sha256") : LP_SLICE("sha512"));
	at = lp_ssh_put_string(at, (struct slice){digest, lp_hash_bytes(s->hash)});
	return (struct slice){to, (size_t)(at - to)};
}

bool lp_sshsig_verify(const struct sshsig *s, const struct slice *payload, size_t n_slices)
{
	uint8_t room[LP_NAMESPACE_BYTES + 128];

	return lp_ssh_signature_verify(&s->signature, &s->key,
				       to_be_signed(s, payload, n_slices, room));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/cert.h"

#include "agent/trust/limits.h"
#include "platform/text.h"

#define TYPE_USER 1
#define TYPE_HOST 2

static enum lp_code malformed(struct err *err, const char *what)
{
	return lp_err_set(err, LP_REJECTED, "the SSH certificate is malformed: %s", what);
}

void lp_ssh_cert_free(struct ssh_cert *c)
{
	lp_buf_free(&c->subject_blob);
	*c = (struct ssh_cert){0};
}

bool lp_ssh_cert_principal(struct ssh_reader *left, struct slice *ret)
{
	return left->len != 0 && lp_ssh_take_text(left, ret);
}

static enum lp_code check_principals(const struct ssh_cert *c, struct err *err)
{
	struct ssh_reader left = LP_SSH_READER(c->principals);
	struct slice name;
	unsigned n = 0;

	while (lp_ssh_cert_principal(&left, &name))
		if (++n > LP_CERT_PRINCIPALS)
			return lp_err_set(err, LP_REJECTED,
					  "the SSH certificate has more than %u principals",
					  LP_CERT_PRINCIPALS);
	return left.len == 0 ? LP_OK : malformed(err, "its principals");
}

/* Options are pairs of a name and data; *ret_first is the first one's name. */
static bool read_options(struct slice options, struct slice *ret_first)
{
	struct ssh_reader r = LP_SSH_READER(options);
	struct slice name, data;

	*ret_first = (struct slice){0};
	while (r.len != 0) {
		if (!lp_ssh_take_text(&r, &name) || name.len == 0 || !lp_ssh_take_string(&r, &data))
			return false;
		if (ret_first->len == 0)
			*ret_first = name;
	}
	return true;
}

/* What the key is known by without its certificate: its name, and its fields as they stand. */
static enum lp_code build_subject_blob(struct ssh_cert *c, struct slice fields, struct err *err)
{
	uint8_t name[4 + 64];
	const uint8_t *end = lp_ssh_put_string(name, c->subject.name);

	c->subject_blob = LP_BUF(LP_ARMOR_BYTES);
	LP_TRY(lp_buf_append(&c->subject_blob, name, (size_t)(end - name), err));
	LP_TRY(lp_buf_append(&c->subject_blob, fields.data, fields.len, err));
	c->subject.blob = LP_SLICE_OF(&c->subject_blob);
	return LP_OK;
}

static enum lp_code read_subject(struct ssh_reader *r, struct ssh_cert *c,
				 enum verdict *ret_verdict, struct err *err)
{
	struct slice name, nonce;
	char shown[64];

	if (!lp_ssh_take_string(r, &name) || !lp_ssh_take_string(r, &nonce))
		return malformed(err, "its first fields");
	const uint8_t *fields = r->data;
	if (!lp_ssh_key_take_certified(r, name, &c->subject)) {
		if (c->subject.type != SSH_KEY_UNSUPPORTED)
			return malformed(err, "the key in it");
		*ret_verdict = VERDICT_UNSUPPORTED_KEY;
		return lp_err_set(err, LP_REJECTED, "signed by a key of type %s",
				  lp_printable(name, shown, sizeof(shown)));
	}
	return build_subject_blob(c, (struct slice){fields, (size_t)(r->data - fields)}, err);
}

static enum lp_code read_statement(struct ssh_reader *r, struct ssh_cert *c, struct err *err)
{
	struct slice critical, extensions, reserved, ignored;

	if (!lp_ssh_take_u64(r, &c->serial) || !lp_ssh_take_u32(r, &c->type) ||
	    !lp_ssh_take_text(r, &c->key_id) || !lp_ssh_take_string(r, &c->principals) ||
	    !lp_ssh_take_u64(r, &c->valid_after_s) || !lp_ssh_take_u64(r, &c->valid_before_s) ||
	    !lp_ssh_take_string(r, &critical) || !lp_ssh_take_string(r, &extensions) ||
	    !lp_ssh_take_string(r, &reserved))
		return malformed(err, "its fields");
	if (c->type != TYPE_USER && c->type != TYPE_HOST)
		return malformed(err, "its type");
	if (!read_options(critical, &c->critical) || !read_options(extensions, &ignored))
		return malformed(err, "its options");
	return check_principals(c, err);
}

/* The authority's key and signature: what all that stands before the latter is signed by. */
static enum lp_code read_authority(struct slice blob, struct ssh_reader *r, struct ssh_cert *c,
				   enum verdict *ret_verdict, struct err *err)
{
	struct slice key, signature;

	if (!lp_ssh_take_string(r, &key))
		return malformed(err, "its authority");
	c->signed_bytes = (struct slice){blob.data, blob.len - r->len};
	if (!lp_ssh_take_string(r, &signature) || r->len != 0)
		return malformed(err, "its last field");
	if (lp_ssh_key_parse(key, &c->authority, err) != LP_OK ||
	    lp_ssh_signature_parse(signature, &c->authority, &c->signature, ret_verdict, err) !=
		    LP_OK)
		return lp_err_wrap(err, "the authority of an SSH certificate");
	return LP_OK;
}

enum lp_code lp_ssh_cert_parse(struct slice blob, struct ssh_cert *ret, enum verdict *ret_verdict,
			       struct err *err)
{
	struct ssh_reader r = LP_SSH_READER(blob);

	*ret = (struct ssh_cert){0};
	*ret_verdict = VERDICT_MALFORMED;
	LP_TRY(read_subject(&r, ret, ret_verdict, err));
	LP_TRY(read_statement(&r, ret, err));
	LP_TRY(read_authority(blob, &r, ret, ret_verdict, err));
	*ret_verdict = VERDICT_ACCEPTED;
	return LP_OK;
}

enum lp_code lp_ssh_cert_usable(const struct ssh_cert *c, struct err *err)
{
	char shown[64];

	if (c->type != TYPE_USER)
		return lp_err_set(err, LP_REJECTED,
				  "signed with an SSH certificate for a host, not for a user");
	if (c->critical.len != 0)
		return lp_err_set(err, LP_REJECTED,
				  "signed with an SSH certificate whose critical option %s is not "
				  "known here",
				  lp_printable(c->critical, shown, sizeof(shown)));
	return LP_OK;
}

bool lp_ssh_cert_verify(const struct ssh_cert *c)
{
	return lp_ssh_signature_verify(&c->signature, &c->authority, c->signed_bytes);
}

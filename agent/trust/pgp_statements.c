/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/pgp_statements.h"

#include "agent/trust/pgp_packet.h"

#include <stdio.h>

/* A key as signatures over it have it: 0x99, two bytes of length, the body. */
static size_t put_key(const struct pgp_key *key, uint8_t head[3], struct slice to[2])
{
	head[0] = 0x99;
	head[1] = (uint8_t)(key->body.len >> 8);
	head[2] = (uint8_t)key->body.len;
	to[0] = (struct slice){head, 3};
	to[1] = key->body;
	return 2;
}

static bool is_made(const struct pgp_signature *s, const struct pgp_key *by,
		    const struct pgp_subject *about)
{
	uint8_t heads[2][3], uid_head[5];
	struct slice data[4];
	size_t n = put_key(about->primary, heads[0], data);

	if (about->subkey) {
		n += put_key(about->subkey, heads[1], data + n);
	} else if (about->uid) {
		size_t len = about->uid->len;
		uid_head[0] = about->uid_tag == PGP_USER_ID ? 0xb4 : 0xd1;
		for (int i = 0; i < 4; i++)
			uid_head[1 + i] = (uint8_t)(len >> (24 - 8 * i));
		data[n++] = (struct slice){uid_head, sizeof(uid_head)};
		data[n++] = *about->uid;
	}
	return lp_pgp_verify(s, by, data, n);
}

/* Whether a signature of this type says something about the subject. */
static bool is_about(unsigned type, const struct pgp_subject *about)
{
	if (about->subkey)
		return type == PGP_BINDS_SUBKEY;
	if (about->uid)
		return type >= PGP_OVER_USER_ID && type <= PGP_OVER_USER_ID_LAST;
	return type == PGP_OVER_KEY;
}

static unsigned revocation_of(const struct pgp_subject *about)
{
	return about->subkey ? PGP_REVOKES_SUBKEY
	       : about->uid  ? PGP_REVOKES_USER_ID
			     : PGP_REVOKES_KEY;
}

/* Why a statement that says it is the primary key's cannot be checked; NULL when it can. */
static const char *doubt_about(const struct pgp_signature *s)
{
	if (s->hash_id == 1)
		return "is over MD5, which anybody can forge";
	if (s->hash_id == 2)
		return "is over SHA-1, which can be forged";
	if (!s->has_hash)
		return "is over a hash that is not read (SHA-256, SHA-384 and SHA-512 are)";
	if (s->unknown)
		return "has a part that must be understood, and is not";
	return NULL;
}

static void doubt(struct pgp_statements *of, int64_t created_s, const char *why)
{
	if (created_s < of->doubtful_s)
		return;
	of->doubtful_s = created_s;
	snprintf(of->doubt, sizeof(of->doubt), "%s", why);
}

/* A revocation counts whenever it may be one: what cannot be checked is taken at its word. */
static void add_revocation(const struct pgp_signature *s, bool is_read,
			   const struct pgp_subject *about, struct pgp_statements *of)
{
	if (is_read && s->has_hash && !is_made(s, about->primary, about))
		return;
	of->is_revoked = true;
	if (s->created_s > of->revoked_s)
		of->revoked_s = s->created_s;
}

static void add_statement(const struct pgp_signature *s, const struct pgp_subject *about,
			  int64_t now_s, struct pgp_statements *of)
{
	const char *why = doubt_about(s);

	if (why) {
		doubt(of, s->created_s, why);
		return;
	}
	if (!is_made(s, about->primary, about))
		return;
	of->names_revoker |= s->names_revoker;
	if (s->created_s > now_s)
		doubt(of, s->created_s, "is dated in the future");
	else if (s->expires_s && s->expires_s <= now_s)
		doubt(of, s->created_s, "has expired");
	else if (!of->has || s->created_s >= of->newest.created_s)
		of->newest = *s, of->has = true;
}

static bool is_by_other(const struct pgp_signature *s, const struct pgp_key *primary)
{
	return (s->has_fingerprint || s->has_key_id) && !lp_pgp_signature_is_by(s, primary);
}

/* Of a signature of version 3: what it is and who made it. It is never verified. */
static void read_version_3(struct slice body, struct pgp_signature *s)
{
	if (body.len < 15)
		return;
	s->type = body.data[2];
	s->has_key_id = true;
	memcpy(s->key_id, body.data + 7, sizeof(s->key_id));
}

void lp_pgp_statements_add(struct pgp_statements *of, struct slice body,
			   const struct pgp_subject *about, int64_t now_s)
{
	struct pgp_signature s;
	struct err ignored;

	bool is_read = lp_pgp_signature_read(body, false, &s, &ignored) == LP_OK;
	if (!is_read && s.version == 3)
		read_version_3(body, &s);
	bool is_revocation = s.type == revocation_of(about);
	if (is_by_other(&s, about->primary))
		of->is_revoked_by_other |= is_revocation;
	else if (is_revocation)
		add_revocation(&s, is_read, about, of);
	else if (!is_read) /* when it was made cannot be told: it may be the newest */
		doubt(of, INT64_MAX, "cannot be read");
	else if (is_about(s.type, about))
		add_statement(&s, about, now_s, of);
}

bool lp_pgp_statements_settled(const struct pgp_statements *of, const char *what,
			       char why[LP_PGP_REASON_TEXT])
{
	if (of->doubtful_s && (!of->has || of->doubtful_s >= of->newest.created_s))
		snprintf(why, LP_PGP_REASON_TEXT, "%s %s", what, of->doubt);
	else if (!of->has)
		snprintf(why, LP_PGP_REASON_TEXT, "%s is missing, or does not fit", what);
	else
		return true;
	return false;
}

/* Why it is none; NULL when it is one. */
static const char *wrong_with_back_signature(struct slice body, const struct pgp_subject *about,
					     int64_t now_s)
{
	struct pgp_signature s;
	struct err ignored;

	if (lp_pgp_signature_read(body, false, &s, &ignored) != LP_OK ||
	    s.type != PGP_BACK_SIGNATURE)
		return "is malformed";
	if (doubt_about(&s))
		return doubt_about(&s);
	if (!is_made(&s, about->subkey, about))
		return "does not fit";
	if (s.created_s > now_s || (s.expires_s && s.expires_s <= now_s))
		return "has expired, or is dated in the future";
	return NULL;
}

bool lp_pgp_has_back_signature(const struct pgp_statements *of, const struct pgp_subject *about,
			       int64_t now_s, char why[LP_PGP_REASON_TEXT])
{
	if (!of->newest.embedded.len) {
		snprintf(why, LP_PGP_REASON_TEXT, "it has no back-signature over its primary key");
		return false;
	}
	const char *wrong = wrong_with_back_signature(of->newest.embedded, about, now_s);
	if (wrong)
		snprintf(why, LP_PGP_REASON_TEXT, "its back-signature %s", wrong);
	return !wrong;
}

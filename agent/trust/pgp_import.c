/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/pgp_import.h"

#include "agent/trust/pgp_armor.h"
#include "agent/trust/pgp_packet.h"
#include "platform/clock.h"
#include "platform/text.h"

#include <stdio.h>

#define ARENA_BYTES (16u * LP_MIB)

/* A file under evaluation. */
struct certs {
	struct slice rest; /* packets not taken yet */
	unsigned taken;
	int64_t now_s;
	struct pgp_import *out;
	size_t room;                  /* in out->list */
	struct pgp_imported *primary; /* of the certificate at hand; NULL: its key is not read */
	struct pgp_statements direct; /* about the primary key itself */
	struct pgp_statements uid;    /* the newest user id's */
	bool binds;                   /* whether it vouches for its subkeys */
	const char *label;
	bool has_primary_uid;
	char uid_reason[LP_PGP_REASON_TEXT]; /* why a user id does not count */
	struct err *err;
};

void lp_pgp_import_free(struct pgp_import *i)
{
	lp_arena_free(&i->arena);
	*i = (struct pgp_import){0};
}

LP_PRINTF(2, 3)
static void refuse(struct pgp_imported *k, const char *fmt, ...)
{
	va_list args;

	k->is_taken = false;
	va_start(args, fmt);
	vsnprintf(k->reason, sizeof(k->reason), fmt, args);
	va_end(args);
	lp_trim_cut(k->reason);
}

static enum lp_code take_packet(struct certs *c, struct pgp_packet *ret)
{
	if (!lp_pgp_take_packet(&c->rest, false, ret))
		return lp_err_set(c->err, LP_REJECTED, "it is not OpenPGP, damaged or cut off");
	if (++c->taken > LP_PGP_IMPORT_PACKETS)
		return lp_err_set(c->err, LP_LIMIT,
				  "more than %u packets; export less: gpg --armor "
				  "--export-options export-minimal --export WHO",
				  LP_PGP_IMPORT_PACKETS);
	return LP_OK;
}

/* The tag of the packet that comes next; 0: none, or a damaged one. */
static unsigned next_tag(const struct certs *c)
{
	struct slice rest = c->rest;
	struct pgp_packet packet;

	return lp_pgp_take_packet(&rest, false, &packet) ? packet.tag : 0;
}

/* Takes the signatures that follow a key or a user id. */
static enum lp_code take_statements(struct certs *c, const struct pgp_subject *about,
				    struct pgp_statements *of)
{
	struct pgp_packet packet;

	while (next_tag(c) == PGP_SIGNATURE || next_tag(c) == PGP_TRUST) {
		LP_TRY(take_packet(c, &packet));
		if (packet.tag == PGP_SIGNATURE)
			lp_pgp_statements_add(of, packet.body, about, c->now_s);
	}
	return LP_OK;
}

static enum lp_code add_key(struct certs *c, struct slice body, bool is_primary,
			    struct pgp_imported **ret)
{
	if (c->out->len == c->room)
		return lp_err_set(c->err, LP_LIMIT, "more than %zu keys", c->room);
	struct pgp_imported *k = &c->out->list[c->out->len];
	*k = (struct pgp_imported){.is_primary = is_primary, .label = ""};
	*ret = NULL;
	if (lp_pgp_key_parse(body, &k->key, c->err) != LP_OK)
		return c->err->code;
	c->out->len++;
	*ret = k;
	return LP_OK;
}

/* What makes a key unfit by itself, whatever is said about it. */
static bool is_fit(struct pgp_imported *k)
{
	const struct pgp_key *key = &k->key;

	if (key->algorithm == PGP_OTHER)
		refuse(k, "%s is not read; RSA, ECDSA and Ed25519 are", key->name);
	else if (key->algorithm == PGP_RSA && key->bits < LP_RSA_BITS_MIN)
		refuse(k, "RSA of %u bits; at least %d are demanded", key->bits, LP_RSA_BITS_MIN);
	else if (key->algorithm == PGP_RSA && (key->bits > LP_RSA_BITS_MAX || key->bits % 8))
		refuse(k, "RSA of %u bits; whole bytes up to %d are read", key->bits,
		       LP_RSA_BITS_MAX);
	else
		return true;
	return false;
}

static int64_t earlier(int64_t a_s, int64_t b_s)
{
	return !a_s || (b_s && b_s < a_s) ? b_s : a_s;
}

static int64_t key_expiry(const struct pgp_statements *of, const struct pgp_key *key)
{
	return of->has && of->newest.key_expires_s ? key->created_s + of->newest.key_expires_s : 0;
}

/* Dates that hold for primary keys and subkeys alike. */
static bool is_in_time(const struct certs *c, struct pgp_imported *k)
{
	char text[LP_TIME_TEXT];

	if (k->key.created_s == 0)
		refuse(k, "it is not dated");
	else if (k->key.created_s > c->now_s)
		refuse(k, "it is made in the future, %s", lp_time_text(k->key.created_s, text));
	else if (k->expires_s && k->expires_s <= c->now_s)
		refuse(k, "it expired at %s", lp_time_text(k->expires_s, text));
	else
		return true;
	return false;
}

/* By its primary key, or by one that this names: such a key is not here, and believed. */
static bool is_revoked(const struct certs *c, const struct pgp_statements *of,
		       struct pgp_imported *k)
{
	if (of->is_revoked)
		refuse(k, "it is revoked");
	else if (of->is_revoked_by_other && c->direct.names_revoker)
		refuse(k, "it is revoked, by a key that it names for that");
	else
		return false;
	k->is_revoked = true;
	return true;
}

/* Whether the primary key's word counts at all, whatever it is for. */
static bool is_sound(struct certs *c, struct pgp_imported *k)
{
	char why[LP_PGP_REASON_TEXT];

	if (is_revoked(c, &c->direct, k) || !is_fit(k))
		return false;
	if (c->direct.doubtful_s &&
	    !lp_pgp_statements_settled(&c->direct, "its newest signature over itself", why))
		refuse(k, "%s", why);
	else if (!c->uid.has)
		refuse(k, "%s", *c->uid_reason ? c->uid_reason : "it has no user id");
	else
		return is_in_time(c, k);
	return false;
}

static bool denies_signing(const struct pgp_statements *of)
{
	return of->newest.has_flags && !(of->newest.flags & PGP_FLAG_SIGN);
}

/* The end of a certificate's user ids: what came of the primary key. */
static void settle_primary(struct certs *c)
{
	struct pgp_imported *k = c->primary;

	k->label = c->label ? c->label : "";
	k->expires_s = earlier(key_expiry(&c->uid, &k->key), key_expiry(&c->direct, &k->key));
	c->binds = is_sound(c, k);
	if (!c->binds)
		return;
	if (!c->uid.newest.has_flags && !c->direct.newest.has_flags)
		refuse(k, "it does not say what it is for");
	else if (denies_signing(&c->uid) || denies_signing(&c->direct))
		refuse(k, "it is not for signing");
	else
		k->is_taken = true;
}

static enum lp_code copy_label(struct certs *c, struct slice body)
{
	char shown[LP_SIGNER_TEXT];
	size_t from = 0;

	lp_printable(body, shown, sizeof(shown));
	for (size_t n = strlen(shown); n && shown[n - 1] == ' '; n--)
		shown[n - 1] = '\0';
	from = strspn(shown, " ");
	c->label = lp_arena_str(&c->out->arena, shown[from] ? shown + from : "?");
	return c->label ? LP_OK : lp_arena_full(&c->out->arena, "OpenPGP keys", c->err);
}

static enum lp_code take_user_id(struct certs *c, const struct pgp_packet *packet)
{
	const struct pgp_subject about = {
		.primary = &c->primary->key, .uid = &packet->body, .uid_tag = packet->tag};
	struct pgp_statements of = {0};
	char why[LP_PGP_REASON_TEXT];

	LP_TRY(take_statements(c, &about, &of));
	if (packet->tag != PGP_USER_ID)
		return LP_OK;
	if (!lp_pgp_statements_settled(&of, "the newest signature over its user id", why)) {
		snprintf(c->uid_reason, sizeof(c->uid_reason), "%s", why);
		return LP_OK;
	}
	if (of.is_revoked && of.revoked_s >= of.newest.created_s) {
		snprintf(c->uid_reason, sizeof(c->uid_reason), "its user id is revoked");
		return LP_OK;
	}
	if (!c->uid.has || of.newest.created_s >= c->uid.newest.created_s)
		c->uid = of;
	if (c->label && (c->has_primary_uid || !of.newest.is_primary_uid))
		return LP_OK;
	c->has_primary_uid = of.newest.is_primary_uid;
	return copy_label(c, packet->body);
}

static void settle_subkey(const struct certs *c, const struct pgp_statements *of,
			  const struct pgp_subject *about, struct pgp_imported *k)
{
	char why[LP_PGP_REASON_TEXT];

	k->label = c->primary->label;
	k->expires_s = earlier(c->primary->expires_s, key_expiry(of, &k->key));
	if (is_revoked(c, of, k))
		return;
	if (c->primary->is_revoked) {
		k->is_revoked = true;
		refuse(k, "its primary key is revoked");
	} else if (!lp_pgp_statements_settled(of, "the newest signature that binds it", why)) {
		refuse(k, "%s", why);
	} else if (!of->newest.has_flags || !(of->newest.flags & PGP_FLAG_SIGN)) {
		refuse(k, "it is not for signing");
	} else if (!is_fit(k)) {
		return;
	} else if (!c->binds) {
		refuse(k, "its primary key does not count: %.100s", c->primary->reason);
	} else if (is_in_time(c, k)) {
		k->is_taken = lp_pgp_has_back_signature(of, about, c->now_s, k->reason);
	}
}

static enum lp_code take_subkey(struct certs *c, const struct pgp_packet *packet)
{
	struct pgp_imported *k;
	struct pgp_statements of = {0};

	LP_TRY(add_key(c, packet->body, false, &k));
	const struct pgp_subject about = {.primary = &c->primary->key, .subkey = &k->key};
	LP_TRY(take_statements(c, &about, &of));
	settle_subkey(c, &of, &about, k);
	return LP_OK;
}

/* User ids, then subkeys, up to the next primary key. */
static enum lp_code take_parts(struct certs *c)
{
	struct pgp_packet packet;

	while (next_tag(c) == PGP_USER_ID || next_tag(c) == PGP_USER_ATTRIBUTE) {
		LP_TRY(take_packet(c, &packet));
		LP_TRY(take_user_id(c, &packet));
	}
	settle_primary(c);
	while (next_tag(c) == PGP_PUBLIC_SUBKEY) {
		LP_TRY(take_packet(c, &packet));
		LP_TRY(take_subkey(c, &packet));
	}
	return LP_OK;
}

static enum lp_code take_certificate(struct certs *c)
{
	struct pgp_packet packet;

	LP_TRY(take_packet(c, &packet));
	if (packet.tag == PGP_MARKER || packet.tag == PGP_PADDING || packet.tag == PGP_TRUST)
		return LP_OK;
	if (packet.tag == PGP_SECRET_KEY)
		return lp_err_set(c->err, LP_REJECTED,
				  "secret keys; export the public ones: gpg --armor --export WHO");
	if (packet.tag != PGP_PUBLIC_KEY)
		return lp_err_set(c->err, LP_REJECTED,
				  "a packet of type %u where a public key is expected", packet.tag);
	c->direct = c->uid = (struct pgp_statements){0};
	c->label = NULL;
	c->has_primary_uid = false;
	c->uid_reason[0] = '\0';
	LP_TRY(add_key(c, packet.body, true, &c->primary));
	const struct pgp_subject about = {.primary = &c->primary->key};
	LP_TRY(take_statements(c, &about, &c->direct));
	return take_parts(c);
}

static size_t count_keys(struct slice packets)
{
	struct pgp_packet packet;
	size_t n = 0;

	for (size_t i = 0; i < LP_PGP_IMPORT_PACKETS; i++) {
		if (!lp_pgp_take_packet(&packets, false, &packet))
			break;
		n += packet.tag == PGP_PUBLIC_KEY || packet.tag == PGP_PUBLIC_SUBKEY;
	}
	return n;
}

static enum lp_code evaluate(struct slice file, int64_t now_s, struct pgp_import *out,
			     struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf packets = LP_BUF(LP_PGP_IMPORT_BYTES);
	struct certs c = {.now_s = now_s, .out = out, .err = err};

	LP_TRY(lp_pgp_unarmor_keys(file, &packets, err));
	uint8_t *copy = lp_arena_alloc(&out->arena, packets.len + 1);
	if (!copy)
		return lp_arena_full(&out->arena, "OpenPGP keys", err);
	if (packets.len)
		memcpy(copy, packets.data, packets.len);
	c.rest = (struct slice){copy, packets.len};
	c.room = count_keys(c.rest);
	out->list = lp_arena_alloc(&out->arena, (c.room + 1) * sizeof(*out->list));
	if (!out->list)
		return lp_arena_full(&out->arena, "OpenPGP keys", err);
	while (c.rest.len)
		LP_TRY(take_certificate(&c));
	if (!out->len)
		return lp_err_set(err, LP_REJECTED, "no OpenPGP public key in it");
	return LP_OK;
}

enum lp_code lp_pgp_import(struct slice file, int64_t now_s, struct pgp_import *ret,
			   struct err *err)
{
	*ret = (struct pgp_import){.arena = LP_ARENA(ARENA_BYTES)};
	enum lp_code code = evaluate(file, now_s, ret, err);
	if (code != LP_OK)
		lp_pgp_import_free(ret);
	return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/krl.h"

#include <string.h>

#define MAGIC   "SSHKRL\n\0"
#define VERSION 1

enum {
	SECTION_CERTIFICATES = 1,
	SECTION_KEYS = 2,
	SECTION_SHA1 = 3,
	SECTION_SIGNATURE = 4,
	SECTION_SHA256 = 5,
	SECTION_EXTENSION = 255,
	CERT_SERIALS = 0x20,
	CERT_RANGE = 0x21,
	CERT_BITMAP = 0x22,
	CERT_KEY_IDS = 0x23,
	CERT_EXTENSION = 0x39,
};

/* A list on its way, and what was found in it so far. */
struct walk {
	const struct revoked_question *question; /* may be NULL */
	const struct ssh_cert
		*cert; /* asked about in this section; NULL: none is, or another CA's */
	enum revoked found;
	struct err *err;
};

bool lp_krl_is(struct slice bytes)
{
	return bytes.len >= sizeof(MAGIC) - 1 && memcmp(bytes.data, MAGIC, sizeof(MAGIC) - 1) == 0;
}

static enum lp_code malformed(struct walk *w, const char *what)
{
	return lp_err_set(w->err, LP_CONFIG, "a malformed KRL: %s", what);
}

/* The first that is found is told: lists are asked whether, not how often. */
static void found(struct walk *w, bool is, enum revoked what)
{
	if (is && w->found == REVOKED_NOT)
		w->found = what;
}

typedef bool names_key(struct slice entry, const struct revoked_name *name);

static bool is_blob(struct slice entry, const struct revoked_name *name)
{
	return lp_slice_equal(entry, name->blob);
}

static bool is_sha1(struct slice entry, const struct revoked_name *name)
{
	return memcmp(entry.data, name->sha1, LP_SHA1_BYTES) == 0;
}

static bool is_sha256(struct slice entry, const struct revoked_name *name)
{
	return memcmp(entry.data, name->sha256, LP_SHA256_BYTES) == 0;
}

/* A row of keys or of their digests; bytes is the length of each, 0 for any. */
static enum lp_code walk_keys(struct walk *w, struct slice section, size_t bytes, names_key *is)
{
	struct ssh_reader r = LP_SSH_READER(section);
	const struct revoked_question *q = w->question;
	struct slice entry;

	while (r.len != 0) {
		if (!lp_ssh_take_string(&r, &entry) || entry.len == 0 ||
		    (bytes && entry.len != bytes))
			return malformed(w, "an entry of its keys");
		if (!q)
			continue;
		found(w, is(entry, &q->key), REVOKED_KEY);
		found(w, q->cert && is(entry, &q->authority), REVOKED_AUTHORITY);
	}
	return LP_OK;
}

/* No certificate of serial number 0 is revoked by it: 0 is that of an authority that counts none.
 */
static void found_serial(struct walk *w, uint64_t from, uint64_t to)
{
	found(w, w->cert && w->cert->serial >= from && w->cert->serial <= to, REVOKED_SERIAL);
}

static enum lp_code walk_serials(struct walk *w, struct ssh_reader *r)
{
	uint64_t serial;

	while (r->len != 0) {
		if (!lp_ssh_take_u64(r, &serial) || serial == 0)
			return malformed(w, "its serial numbers");
		found_serial(w, serial, serial);
	}
	return LP_OK;
}

static enum lp_code walk_range(struct walk *w, struct ssh_reader *r)
{
	uint64_t from, to;

	if (!lp_ssh_take_u64(r, &from) || !lp_ssh_take_u64(r, &to) || from == 0 || from > to)
		return malformed(w, "a range of its serial numbers");
	found_serial(w, from, to);
	return LP_OK;
}

/* Bit N, counted from the end, stands for the serial number offset + N. */
static bool has_bit(struct slice bits, uint64_t n)
{
	return n / 8 < bits.len && bits.data[bits.len - 1 - n / 8] >> (n % 8) & 1;
}

static enum lp_code walk_bitmap(struct walk *w, struct ssh_reader *r)
{
	struct slice bits;
	uint64_t offset;

	if (!lp_ssh_take_u64(r, &offset) || !lp_ssh_take_string(r, &bits))
		return malformed(w, "a bitmap of its serial numbers");
	if (bits.len && bits.data[0] & 0x80)
		return malformed(w, "a bitmap that is a negative number");
	uint64_t top = bits.len * 8;
	while (top && !has_bit(bits, top - 1))
		top--;
	if ((top && offset > UINT64_MAX - (top - 1)) || (offset == 0 && has_bit(bits, 0)))
		return malformed(w, "a bitmap of numbers that are none");
	if (w->cert && w->cert->serial >= offset)
		found(w, has_bit(bits, w->cert->serial - offset), REVOKED_SERIAL);
	return LP_OK;
}

static enum lp_code walk_key_ids(struct walk *w, struct ssh_reader *r)
{
	struct slice id;

	while (r->len != 0) {
		if (!lp_ssh_take_text(r, &id))
			return malformed(w, "its key ids");
		found(w, w->cert && lp_slice_equal(w->cert->key_id, id), REVOKED_KEY_ID);
	}
	return LP_OK;
}

static enum lp_code walk_extension(struct walk *w, struct ssh_reader *r)
{
	struct slice name, content;
	uint8_t critical;

	if (!lp_ssh_take_text(r, &name) || !lp_ssh_take_u8(r, &critical) ||
	    !lp_ssh_take_string(r, &content))
		return malformed(w, "an extension of it");
	if (critical)
		return malformed(w, "a critical extension, which is not known here");
	return LP_OK;
}

static enum lp_code walk_cert_part(struct walk *w, uint8_t type, struct ssh_reader *r)
{
	switch (type) {
	case CERT_SERIALS:
		return walk_serials(w, r);
	case CERT_RANGE:
		return walk_range(w, r);
	case CERT_BITMAP:
		return walk_bitmap(w, r);
	case CERT_KEY_IDS:
		return walk_key_ids(w, r);
	case CERT_EXTENSION:
		return walk_extension(w, r);
	default:
		return malformed(w, "a section about certificates of a kind that is not known");
	}
}

/* An authority's key, or nothing for all of them, and what is revoked of its certificates. */
static enum lp_code walk_certificates(struct walk *w, struct slice section)
{
	struct ssh_reader r = LP_SSH_READER(section);
	struct slice key, reserved, part;
	struct ssh_key authority;
	uint8_t type;

	if (!lp_ssh_take_string(&r, &key) || !lp_ssh_take_string(&r, &reserved))
		return malformed(w, "the authority of a section");
	if (key.len != 0 && (lp_ssh_key_parse(key, &authority, w->err) != LP_OK ||
			     authority.type == SSH_KEY_UNSUPPORTED))
		return malformed(w, "the key of a section's authority");
	w->cert = w->question ? w->question->cert : NULL;
	if (w->cert && key.len != 0 && !lp_slice_equal(key, w->cert->authority.blob))
		w->cert = NULL;
	while (r.len != 0) {
		if (!lp_ssh_take_u8(&r, &type) || !lp_ssh_take_string(&r, &part))
			return malformed(w, "a section about certificates");
		struct ssh_reader inner = LP_SSH_READER(part);
		LP_TRY(walk_cert_part(w, type, &inner));
		if (inner.len != 0)
			return malformed(w, "bytes after a section's end");
	}
	return LP_OK;
}

static enum lp_code walk_section(struct walk *w, uint8_t type, struct slice section)
{
	struct ssh_reader r = LP_SSH_READER(section);

	switch (type) {
	case SECTION_CERTIFICATES:
		return walk_certificates(w, section);
	case SECTION_KEYS:
		return walk_keys(w, section, 0, is_blob);
	case SECTION_SHA1:
		return walk_keys(w, section, LP_SHA1_BYTES, is_sha1);
	case SECTION_SHA256:
		return walk_keys(w, section, LP_SHA256_BYTES, is_sha256);
	case SECTION_EXTENSION:
		LP_TRY(walk_extension(w, &r));
		return r.len == 0 ? LP_OK : malformed(w, "bytes after an extension");
	case SECTION_SIGNATURE:
		return malformed(w, "a signature in it, which nothing makes any more");
	default:
		return malformed(w, "a section of a kind that is not known");
	}
}

static enum lp_code walk_header(struct walk *w, struct ssh_reader *r)
{
	struct slice magic, reserved, comment;
	uint64_t number, generated_s, flags;
	uint32_t version;

	if (!lp_ssh_take_bytes(r, sizeof(MAGIC) - 1, &magic) || !lp_ssh_take_u32(r, &version) ||
	    !lp_ssh_take_u64(r, &number) || !lp_ssh_take_u64(r, &generated_s) ||
	    !lp_ssh_take_u64(r, &flags) || !lp_ssh_take_string(r, &reserved) ||
	    !lp_ssh_take_text(r, &comment))
		return malformed(w, "its header");
	if (version != VERSION || flags != 0)
		return malformed(w, "of a version or with flags that are not known");
	return LP_OK;
}

static enum lp_code walk(struct walk *w, struct slice krl)
{
	struct ssh_reader r = LP_SSH_READER(krl);
	struct slice section;
	uint8_t type;

	if (!lp_krl_is(krl))
		return malformed(w, "its first bytes");
	LP_TRY(walk_header(w, &r));
	while (r.len != 0) {
		if (!lp_ssh_take_u8(&r, &type) || !lp_ssh_take_string(&r, &section))
			return malformed(w, "a section that goes past its end");
		LP_TRY(walk_section(w, type, section));
	}
	return LP_OK;
}

enum lp_code lp_krl_ask(struct slice krl, const struct revoked_question *question,
			enum revoked *ret, struct err *err)
{
	struct walk w = {.question = question, .err = err};

	*ret = REVOKED_NOT;
	LP_TRY(walk(&w, krl));
	*ret = w.found;
	return LP_OK;
}

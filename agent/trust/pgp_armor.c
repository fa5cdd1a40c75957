/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/pgp_armor.h"

#include "agent/trust/limits.h"
#include "platform/crypto.h"

#define END_SIGNATURE "-----END PGP SIGNATURE-----"
#define BEGIN_KEYS    "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define END_KEYS      "-----END PGP PUBLIC KEY BLOCK-----"
#define COLUMNS       64 /* as gpg writes it */
#define CHECKSUM_TEXT 6  /* "=", four characters, NUL */

/* CRC-24 of RFC 4880, 6.1, as its line says it. */
static void checksum(struct slice data, char to[CHECKSUM_TEXT])
{
	uint32_t crc = 0xb704ce;

	for (size_t i = 0; i < data.len; i++) {
		crc ^= (uint32_t)data.data[i] << 16;
		for (int bit = 0; bit < 8; bit++) {
			crc <<= 1;
			if (crc & 0x1000000)
				crc ^= 0x1864cfb;
		}
	}
	const uint8_t bytes[] = {(uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
	to[0] = '=';
	lp_base64_text(bytes, sizeof(bytes), to + 1);
}

/* Takes the next line without its line end; false at the end. */
static bool take_line(struct slice *from, struct slice *ret)
{
	if (from->len == 0)
		return false;
	const uint8_t *eol = memchr(from->data, '\n', from->len);
	size_t n = eol ? (size_t)(eol - from->data) : from->len;
	*ret = (struct slice){from->data, n};
	n += eol ? 1 : 0;
	*from = (struct slice){from->data + n, from->len - n};
	return true;
}

static enum lp_code bad(struct err *err, const char *what)
{
	return lp_err_set(err, LP_REJECTED, "the OpenPGP armor is malformed: %s", what);
}

/* Collects the base64 of a signature, which ends at the checksum; each line begins with a space. */
static enum lp_code collect_signature(struct slice armor, struct buf *base64, struct err *err)
{
	struct slice line;

	if (!take_line(&armor, &line) || !lp_slice_is(line, LP_PGP_BEGIN_SIGNATURE))
		return bad(err, "it does not begin with " LP_PGP_BEGIN_SIGNATURE);
	if (!take_line(&armor, &line) || !lp_slice_is(line, " "))
		return bad(err, "a header line, such as Comment or Version, which nobody signed "
				"(gpg writes it when gpg.conf asks for it)");
	while (take_line(&armor, &line)) {
		if (line.len < 2 || line.data[0] != ' ')
			return bad(err, "an empty line");
		if (line.data[1] == '=')
			return LP_OK;
		LP_TRY(lp_buf_append(base64, line.data + 1, line.len - 1, err));
		if (line.len != COLUMNS + 1)
			break; /* the last one */
	}
	if (take_line(&armor, &line) && line.len > 1 && line.data[1] == '=')
		return LP_OK;
	return bad(err, "no line with the checksum after lines of 64 columns");
}

/* The armor that gpg writes for this, as it stands in a commit. */
static enum lp_code armor_signature(struct slice data, struct buf *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf base64 = LP_BUF(LP_ARMOR_BYTES);
	char crc[CHECKSUM_TEXT];

	checksum(data, crc);
	LP_TRY(lp_base64_encode(data, &base64, err));
	LP_TRY(lp_buf_str(ret, LP_PGP_BEGIN_SIGNATURE "\n \n", err));
	for (size_t at = 0; at < base64.len; at += COLUMNS) {
		size_t n = base64.len - at < COLUMNS ? base64.len - at : COLUMNS;

		LP_TRY(lp_buf_printf(ret, err, " %.*s\n", (int)n, (const char *)base64.data + at));
	}
	return lp_buf_printf(ret, err, " %s\n " END_SIGNATURE, crc);
}

enum lp_code lp_pgp_unarmor_signature(struct slice armor, struct buf *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf base64 = LP_BUF(LP_ARMOR_BYTES);
	LP_AUTO(lp_buf_free) struct buf data = LP_BUF(LP_ARMOR_BYTES);
	LP_AUTO(lp_buf_free) struct buf again = LP_BUF(2 * LP_ARMOR_BYTES);

	LP_TRY(collect_signature(armor, &base64, err));
	if (lp_base64_decode(LP_SLICE_OF(&base64), &data, err) != LP_OK)
		return lp_err_wrap(err, "the OpenPGP armor is malformed");
	LP_TRY(armor_signature(LP_SLICE_OF(&data), &again, err));
	if (!lp_slice_equal(LP_SLICE_OF(&again), armor))
		return bad(err, "it is not spelled as gpg spells it (64 columns, a checksum that "
				"fits, nothing after the end)");
	return data.len ? lp_buf_append(ret, data.data, data.len, err) : bad(err, "it is empty");
}

static struct slice without_blanks_behind(struct slice line)
{
	while (line.len && (line.data[line.len - 1] == '\r' || line.data[line.len - 1] == ' ' ||
			    line.data[line.len - 1] == '\t'))
		line.len--;
	return line;
}

/* Decodes what lies between the header lines and the end, the checksum (or NULL) compared. */
static enum lp_code decode_block(struct slice base64, struct slice crc, struct buf *ret,
				 struct err *err)
{
	char expected[CHECKSUM_TEXT];
	size_t before = ret->len;

	if (lp_base64_decode(base64, ret, err) != LP_OK)
		return err->code == LP_REJECTED ? bad(err, "its base64") : err->code;
	if (ret->len == before)
		return bad(err, "it is empty");
	checksum((struct slice){ret->data + before, ret->len - before}, expected);
	if (crc.len && !lp_slice_is(crc, expected))
		return bad(err, "its checksum does not fit: the file is damaged");
	return LP_OK;
}

/* One block; *file stands after its first line, and then after its last. */
static enum lp_code take_block(struct slice *file, struct buf *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf base64 = LP_BUF(2 * LP_PGP_IMPORT_BYTES);
	struct slice line, crc = {0};
	bool in_headers = true;

	while (take_line(file, &line)) {
		line = without_blanks_behind(line);
		if (lp_slice_is(line, END_KEYS))
			return decode_block(LP_SLICE_OF(&base64), crc, ret, err);
		if (in_headers) {
			in_headers = line.len != 0;
			if (line.len && !memmem(line.data, line.len, ": ", 2))
				return bad(err, "no empty line before its base64");
		} else if (crc.len) {
			return bad(err, "a line after its checksum");
		} else if (line.len && line.data[0] == '=') {
			crc = line;
		} else if (line.len) {
			LP_TRY(lp_buf_append(&base64, line.data, line.len, err));
		}
	}
	return bad(err, "it has no " END_KEYS);
}

enum lp_code lp_pgp_unarmor_keys(struct slice file, struct buf *ret, struct err *err)
{
	struct slice line;
	bool found = false;

	if (file.len && file.data[0] & 0x80)
		return lp_buf_append(ret, file.data, file.len, err);
	while (take_line(&file, &line)) {
		line = without_blanks_behind(line);
		if (lp_slice_starts(line, "-----BEGIN PGP PRIVATE KEY"))
			return lp_err_set(err, LP_REJECTED,
					  "secret keys; export the public ones: "
					  "gpg --armor --export WHO");
		if (!lp_slice_is(line, BEGIN_KEYS))
			continue;
		LP_TRY(take_block(&file, ret, err));
		found = true;
	}
	if (!found)
		return lp_err_set(err, LP_REJECTED,
				  "no OpenPGP public key in it; export one: "
				  "gpg --armor --export WHO");
	return LP_OK;
}

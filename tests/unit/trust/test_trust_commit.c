/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/limits.h"
#include "platform/text.h"
#include "tests/unit/trust/fixture.h"

static struct commit c;

static enum lp_code parse(struct slice s)
{
	return lp_commit_parse(s.data, s.len, &c, &err);
}

static const char *text(struct slice s)
{
	static char to[256];

	snprintf(to, sizeof(to), "%.*s", (int)s.len, (const char *)s.data);
	return to;
}

#define TREE "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
#define WHO  "author A <a@b> 1 +0000\ncommitter C <c@d> 2 -0130\n"

static struct slice plain(const char *s)
{
	return (struct slice){(const uint8_t *)s, strlen(s)};
}

static void a_signed_commit_is_read_field_by_field(void)
{
	char hex[LP_OID_TEXT];

	CHECK_OK(parse(load("commit-ed25519")));
	CHECK_STR(lp_oid_hex(&c.tree, hex), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
	CHECK_STR(text(c.committer.name), "Ops Ärger");
	CHECK_STR(text(c.committer.email), "ops@example.com");
	CHECK(c.committer.time_s > 1750000000 && c.committer.time_s < 1750001000);
	CHECK_STR(text(c.subject), "signed with ed25519");
	CHECK(c.is_signed && lp_slice_starts(c.armor, "-----BEGIN SSH SIGNATURE-----\n "));
	CHECK(c.armor.data[c.armor.len - 1] == '-');
}

static void the_payload_is_the_object_without_its_signature(void)
{
	struct slice s = load("commit-ed25519"), sig = signature_of(s);
	struct slice rest = splice(s, (size_t)(sig.data - s.data), sig.len, LP_SLICE(""));
	struct payload_id id;
	struct commit unsigned_twin;

	CHECK_OK(parse(s));
	CHECK(c.payload[0].len + c.payload[1].len == rest.len);
	lp_sha256(rest.data, rest.len, id.bytes);
	CHECK(lp_payload_equal(&id, &c.payload_id));
	CHECK_OK(lp_commit_parse(rest.data, rest.len, &unsigned_twin, &err));
	CHECK(!unsigned_twin.is_signed);
	CHECK(lp_payload_equal(&unsigned_twin.payload_id, &c.payload_id));
}

static void an_object_id_is_gits(void)
{
	struct oid id;
	char hex[LP_OID_TEXT];
	struct slice s = plain(TREE WHO "\nhello\n");

	lp_commit_oid(s.data, s.len, &id);
	/* printf ... | git hash-object -t commit --stdin */
	CHECK_STR(lp_oid_hex(&id, hex), "d1f56c615bee9871c9ae34e08a5c49ff3960b776");
}

static void merges_tags_encodings_and_unknown_headers_are_read(void)
{
	CHECK_OK(parse(load("commit-mergetag")));
	CHECK(c.parents_len == 2);
	CHECK_OK(parse(load("commit-encoding")));
	CHECK_OK(parse(load("commit-change-id")));
	CHECK_OK(parse(load("commit-no-message")));
	CHECK(c.subject.len == 0);
}

static void a_commit_without_a_name_or_a_message_is_read(void)
{
	CHECK_OK(parse(plain(TREE "author <a@b> 0 +0000\ncommitter  <> 2 +0000\n\n")));
	CHECK(c.author.name.len == 0 && c.committer.email.len == 0 && !c.is_signed);
}

static void a_second_signature_is_malformed(void)
{
	struct slice s = load("commit-ed25519"), sig = signature_of(s);
	struct slice twice = splice(s, (size_t)(sig.data - s.data), 0, sig);

	CHECK_CODE(parse(twice), LP_REJECTED, "a second gpgsig header");
	CHECK_STR(verdict_of(twice), "malformed");
}

static void a_signature_in_the_message_is_malformed(void)
{
	struct slice s = load("commit-ed25519"), sig = signature_of(s);
	struct slice rest = splice(s, (size_t)(sig.data - s.data), sig.len, LP_SLICE(""));

	CHECK_CODE(parse(splice(rest, rest.len, 0, sig)), LP_REJECTED,
		   "line 9: a signature inside the message");
	CHECK_CODE(parse(splice(s, s.len, 0, sig)), LP_REJECTED, "inside the message");
	CHECK_OK(parse(insert(s, s.len, "gpgsig is a header\n")));
}

static void lookalikes_of_gpgsig_are_malformed(void)
{
	struct slice s = load("commit-ed25519");

	CHECK_STR(verdict_of(replace(s, "\ngpgsig ", "\ngpgsigx ")), "malformed");
	CHECK_STR(verdict_of(replace(s, "\ngpgsig ", "\ngpgsig-sha256 ")), "malformed");
	CHECK_STR(verdict_of(replace(s, "\ngpgsig ", "\nGPGSIG ")), "malformed");
	CHECK_STR(verdict_of(insert(s, where(s, "\ngpgsig "), "\ngpgsigx unsigned bytes")),
		  "malformed");
	CHECK_STR(verdict_of(replace(s, "\ngpgsig ", "\n gpgsig ")), "malformed");
}

static void a_nul_anywhere_is_malformed(void)
{
	struct slice s = load("commit-ed25519");

	for (size_t at = 0; at <= s.len; at += 7)
		CHECK_CODE(parse(splice(s, at, 0, (struct slice){(const uint8_t *)"", 1})),
			   LP_REJECTED, "NUL");
	CHECK_CODE(parse(splice(s, s.len, 0, (struct slice){(const uint8_t *)"", 1})), LP_REJECTED,
		   "NUL");
}

static void a_carriage_return_in_a_header_is_malformed(void)
{
	struct slice s = load("commit-ed25519");

	for (size_t at = 0; at < where(s, "\n\n"); at++)
		CHECK_STR(verdict_of(insert(s, at, "\r")), "malformed");
	CHECK_STR(verdict_of(insert(s, s.len - 1, "\r")), "bad-signature");
}

static void headers_out_of_place_are_malformed(void)
{
	CHECK_CODE(parse(plain(WHO TREE "\n")), LP_REJECTED, "line 1: expected \"tree \"");
	CHECK_CODE(parse(plain(TREE TREE WHO "\n")), LP_REJECTED, "line 2: expected \"author ");
	CHECK_CODE(parse(plain(TREE WHO TREE "\n")), LP_REJECTED, "a second \"tree\"");
	CHECK_CODE(parse(plain(TREE WHO "author A <a@b> 1 +0000\n\n")), LP_REJECTED,
		   "a second \"author\"");
	CHECK_CODE(parse(plain(TREE WHO "parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\n")),
		   LP_REJECTED, "a second \"parent\"");
	CHECK_CODE(parse(plain(TREE WHO "x 1\nx 2\n\n")), LP_REJECTED, "second time");
	CHECK_CODE(parse(plain(TREE WHO "encoding a\n b\n\n")), LP_REJECTED, "encoding");
	CHECK_CODE(parse(plain(TREE WHO "novalue\n\n")), LP_REJECTED, "expected a header");
	CHECK_CODE(parse(plain(TREE WHO " x\n\n")), LP_REJECTED, "expected a header");
	CHECK_CODE(parse(plain(TREE WHO)), LP_REJECTED, "ends inside its headers");
	CHECK_CODE(parse(plain("")), LP_REJECTED, "ends inside its headers");
	CHECK_CODE(parse(plain("tree 4B825dc642cb6eb9a060e54bf8d69288fbee4904\n" WHO "\n")),
		   LP_REJECTED, "40 lower-case hex digits");
}

static void idents_of_another_shape_are_malformed(void)
{
	static const char *const bad[] = {
		"author a@b 1 +0000\n",
		"author A <a@b>1 +0000\n",
		"author A <a@b> 1\n",
		"author A <a@b> 1 0000\n",
		"author A <a@b> 1 +000\n",
		"author A <a@b> 1 +00000\n",
		"author A <a@b> -1 +0000\n",
		"author A <a@b> 01 +0000\n",
		"author A <a@b>  1 +0000\n",
		"author A<a@b> 1 +0000\n",
		"author A <a<b> 1 +0000\n",
		"author A <a>b> 1 +0000\n",
		"author A > <a@b> 1 +0000\n",
		"author A <a@b> 1234567890123 +0000\n",
		"author A <a@b> 1 +0000 \n",
		"author A <a@b\n",
		"author A <a@b> 1 +0000> 1 +0000\n",
	};
	char object[512];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(object, sizeof(object), TREE "%scommitter C <c@d> 2 +0000\n\n", bad[i]);
		CHECK_CODE(parse(plain(object)), LP_REJECTED, "line 2: expected \"author Name");
	}
}

static struct slice repeat(const char *head, const char *line, size_t times, const char *tail)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(LP_MIB);

	CHECK_OK(lp_buf_str(&b, head, &err));
	for (size_t i = 0; i < times; i++)
		CHECK_OK(lp_buf_str(&b, line, &err));
	CHECK_OK(lp_buf_str(&b, tail, &err));
	return copy_of(b.data, b.len);
}

static void the_limits_hold_to_the_byte(void)
{
	static const char parent[] = "parent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n";
	size_t head = strlen(TREE WHO "\n");

	CHECK_OK(parse(repeat(TREE, parent, LP_COMMIT_PARENTS, WHO "\n")));
	CHECK_CODE(parse(repeat(TREE, parent, LP_COMMIT_PARENTS + 1, WHO "\n")), LP_LIMIT,
		   "parents");
	CHECK_OK(parse(repeat(TREE WHO "\n", "x", LP_COMMIT_BYTES - head, "")));
	CHECK_CODE(parse(repeat(TREE WHO "\n", "x", LP_COMMIT_BYTES - head + 1, "")), LP_LIMIT,
		   "bytes");
	CHECK_OK(parse(repeat(TREE WHO "gpgsig ", "x", LP_ARMOR_BYTES, "\n\n")));
	CHECK_CODE(parse(repeat(TREE WHO "gpgsig ", "x", LP_ARMOR_BYTES + 1, "\n\n")), LP_LIMIT,
		   "signature");
	CHECK_STR(verdict_of(repeat(TREE WHO "gpgsig ", "x", LP_ARMOR_BYTES + 1, "\n\n")),
		  "too-large");
}

static void unknown_headers_are_limited(void)
{
	struct slice s = plain(TREE WHO);
	char name[16];

	for (int i = 0; i <= LP_COMMIT_HEADERS; i++) {
		snprintf(name, sizeof(name), "h%d v\n", i);
		s = insert(s, s.len, name);
		if (i == LP_COMMIT_HEADERS - 1)
			CHECK_OK(parse(insert(s, s.len, "\n")));
	}
	snprintf(name, sizeof(name), "than %d headers", LP_COMMIT_HEADERS);
	CHECK_CODE(parse(insert(s, s.len, "\n")), LP_LIMIT, name);
}

static void a_date_has_so_many_digits_and_no_more(void)
{
	char object[512];

	for (int n = LP_DATE_DIGITS; n <= LP_DATE_DIGITS + 1; n++) {
		snprintf(object, sizeof(object),
			 TREE "author A <a@b> 1%0*d +0000\ncommitter C <c@d> 2 +0000\n\n", n - 1,
			 0);
		CHECK(parse(plain(object)) == (n == LP_DATE_DIGITS ? LP_OK : LP_REJECTED));
	}
	CHECK_HAS(err.msg, "line 2: expected \"author Name");
}

static void a_sha256_repository_has_its_own_verdict(void)
{
	struct slice s = plain("tree 4b825dc642cb6eb9a060e54bf8d69288fbee49044b825dc642cb6eb9a060e5"
			       "4b\n" WHO "\nx\n");

	CHECK_CODE(parse(s), LP_REJECTED, "line 1");
	CHECK_STR(verdict_of(s), "unsupported-format");
}

static void text_for_people_has_nothing_that_moves_a_cursor(void)
{
	char to[16];

	CHECK_STR(lp_printable(plain("a\033[31mb\n"), to, sizeof(to)), "a?[31mb?");
	CHECK_STR(lp_printable(plain("gr\xc3\xbc\xc3\x9f"), to, sizeof(to)), "grüß");
	CHECK_STR(lp_printable(plain("\xff\xc3z\xe2\x80\xaez"), to, sizeof(to)), "??z?z");
	CHECK_STR(lp_printable(plain("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80"), to, sizeof(to)),
		  "?????????");
	CHECK_STR(lp_printable(plain("0123456789abcde\xc3\xbc"), to, sizeof(to)),
		  "0123456789abcde");
	CHECK_STR(lp_printable(plain("0123456789abcd\xc3\xbc"), to, sizeof(to)), "0123456789abcd");
}

int main(void)
{
	TEST(load_signers);
	TEST(a_signed_commit_is_read_field_by_field);
	TEST(the_payload_is_the_object_without_its_signature);
	TEST(an_object_id_is_gits);
	TEST(merges_tags_encodings_and_unknown_headers_are_read);
	TEST(a_commit_without_a_name_or_a_message_is_read);
	TEST(a_second_signature_is_malformed);
	TEST(a_signature_in_the_message_is_malformed);
	TEST(lookalikes_of_gpgsig_are_malformed);
	TEST(a_nul_anywhere_is_malformed);
	TEST(a_carriage_return_in_a_header_is_malformed);
	TEST(headers_out_of_place_are_malformed);
	TEST(idents_of_another_shape_are_malformed);
	TEST(the_limits_hold_to_the_byte);
	TEST(unknown_headers_are_limited);
	TEST(a_date_has_so_many_digits_and_no_more);
	TEST(a_sha256_repository_has_its_own_verdict);
	TEST(text_for_people_has_nothing_that_moves_a_cursor);
	lp_signers_free(&signers);
	return check_report();
}

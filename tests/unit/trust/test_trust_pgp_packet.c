/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/pgp_fixture.h"

/* n bytes behind a head; what the packet or subpacket is of. */
static struct slice with_body(struct slice head, size_t n)
{
	uint8_t *bytes = keep(head.len + n);

	if (head.len)
		memcpy(bytes, head.data, head.len);
	memset(bytes + head.len, 'x', n);
	return (struct slice){bytes, head.len + n};
}

static void check_packet(struct slice head, size_t n, bool loose, bool strict)
{
	struct slice from = with_body(head, n), before = from;
	struct pgp_packet p;

	CHECK(lp_pgp_take_packet(&from, true, &p) == strict);
	CHECK(strict ? from.len == 0 : from.data == before.data && from.len == before.len);
	from = before;
	CHECK(lp_pgp_take_packet(&from, false, &p) == loose);
	if (loose)
		CHECK(p.tag == PGP_SIGNATURE && p.body.len == n && from.len == 0);
}

static void packets_of_both_formats_are_taken(void)
{
	check_packet(BYTES(0x88, 3), 3, true, true);
	check_packet(BYTES(0x89, 1, 0), 256, true, true);
	check_packet(BYTES(0x8a, 0, 1, 0, 0), 65536, true, true);
	check_packet(BYTES(0xc2, 191), 191, true, true);
	check_packet(BYTES(0xc2, 192, 0), 192, true, true);
	check_packet(BYTES(0xc2, 223, 255), 8383, true, true);
	check_packet(BYTES(0xc2, 255, 0, 0, 0x20, 0xc0), 8384, true, true);
}

static void a_longer_length_than_needed_is_not_strict(void)
{
	check_packet(BYTES(0x89, 0, 3), 3, true, false);
	check_packet(BYTES(0x8a, 0, 0, 0, 3), 3, true, false);
	check_packet(BYTES(0x8a, 0, 0, 0xff, 0xff), 65535, true, false);
	check_packet(BYTES(0xc2, 255, 0, 0, 0, 3), 3, true, false);
	check_packet(BYTES(0xc2, 255, 0, 0, 0x20, 0xbf), 8383, true, false);
}

static void packets_of_no_certain_length_are_not_taken(void)
{
	check_packet(BYTES(0x8b, 0, 0, 0, 0, 0, 0, 0, 3), 3, false, false);
	check_packet(BYTES(0xc2, 224), 9000, false, false);
	check_packet(BYTES(0xc2, 254), 3, false, false);
	check_packet(BYTES(0x88, 4), 3, false, false);
	check_packet(BYTES(0xc2, 255, 0xff, 0xff, 0xff, 0xff), 3, false, false);
	check_packet(BYTES(0x08, 3), 3, false, false);
	check_packet(BYTES(0xc2, 192), 0, false, false);
	check_packet(BYTES(0x8a, 0, 0), 0, false, false);
	check_packet((struct slice){NULL, 0}, 0, false, false);
}

/* The length counts the type, which is the last byte of the head. */
static void check_subpacket(struct slice head, size_t n, bool loose, bool strict)
{
	struct slice from = with_body(head, n), before = from;
	struct pgp_subpacket sub;

	CHECK(lp_pgp_take_subpacket(&from, true, &sub) == strict);
	from = before;
	CHECK(lp_pgp_take_subpacket(&from, false, &sub) == loose);
	if (loose)
		CHECK(sub.type == 2 && sub.body.len == n && from.len == 0);
	else
		CHECK(from.data == before.data && from.len == before.len);
}

static void subpackets_of_every_length_are_taken(void)
{
	struct slice from = BYTES(1, 0x82);
	struct pgp_subpacket sub;

	check_subpacket(BYTES(1, 2), 0, true, true);
	check_subpacket(BYTES(191, 2), 190, true, true);
	check_subpacket(BYTES(192, 0, 2), 191, true, true);
	check_subpacket(BYTES(254, 255, 2), 16318, true, true);
	check_subpacket(BYTES(255, 0, 0, 0x3f, 0xc0, 2), 16319, true, true);
	check_subpacket(BYTES(255, 0, 0, 0, 1, 2), 0, true, false);
	check_subpacket(BYTES(255, 0, 0, 0x3f, 0xbf, 2), 16318, true, false);
	CHECK(lp_pgp_take_subpacket(&from, true, &sub) && sub.critical && sub.type == 2);
	check_subpacket(BYTES(0), 0, false, false);
	check_subpacket(BYTES(3, 2), 1, false, false);
}

static void numbers_have_one_spelling(void)
{
	const struct {
		struct slice bytes;
		size_t len; /* 0: refused */
	} cases[] = {
		{BYTES(0, 1, 1), 1},    {BYTES(0, 9, 1, 0xff), 2}, {BYTES(0, 8, 0x80), 1},
		{BYTES(0, 0), 0},       {BYTES(0, 9, 0, 0xff), 0}, {BYTES(0, 7, 0x80), 0},
		{BYTES(0, 8, 0x7f), 0}, {BYTES(0, 17, 1, 0), 0},   {BYTES(0, 1), 0},
		{BYTES(0), 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct slice from = copy_of(cases[i].bytes.data, cases[i].bytes.len), number;
		bool taken = lp_pgp_take_mpi(&from, &number);

		CHECK(taken == (cases[i].len != 0));
		CHECK(!taken || (number.len == cases[i].len && from.len == 0));
		CHECK(taken || from.len == cases[i].bytes.len);
	}
}

/* The key of a certificate: the body of its first packet. */
static struct slice key_of(const char *name)
{
	struct slice file = load_pgp(name);
	struct pgp_packet p;

	CHECK(lp_pgp_take_packet(&file, false, &p) && p.tag == PGP_PUBLIC_KEY);
	return copy_of(p.body.data, p.body.len);
}

static void keys_are_read_to_the_byte(void)
{
	static const char *const names[] = {"cert-rsa2048", "cert-p256", "cert-p521",
					    "cert-ed25519", "cert-rfc9580"};
	struct pgp_key key;

	CHECK_OK(lp_crypto_init(&err));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct slice body = key_of(names[i]);

		CHECK_OK(lp_pgp_key_parse(body, &key, &err));
		CHECK(key.algorithm != PGP_OTHER && lp_pgp_algorithm(key.name) == key.algorithm);
		CHECK_CODE(lp_pgp_key_parse(insert(body, body.len, "x"), &key, &err), LP_REJECTED,
			   "malformed OpenPGP key");
		for (size_t n = 0; n < body.len; n++) {
			enum lp_code code = lp_pgp_key_parse(copy_of(body.data, n), &key, &err);

			CHECK(code == LP_REJECTED || key.algorithm == PGP_OTHER);
		}
	}
}

static void keys_whose_point_has_another_shape_are_malformed(void)
{
	struct slice p256 = key_of("cert-p256"), ed25519 = key_of("cert-ed25519");
	struct pgp_key key;

	/* compressed, though it has the room of both coordinates */
	CHECK_CODE(lp_pgp_key_parse(replace(p256, "\x02\x03\x04", "\x02\x02\x03"), &key, &err),
		   LP_REJECTED, "malformed");
	CHECK_CODE(lp_pgp_key_parse(replace(ed25519, "\x01\x07\x40", "\x01\x07\x41"), &key, &err),
		   LP_REJECTED, "malformed");
}

static void what_is_no_key_of_version_4_is_rejected(void)
{
	struct pgp_key key;

	CHECK_CODE(lp_pgp_key_parse(BYTES(3, 1, 2, 3, 4, 1), &key, &err), LP_REJECTED,
		   "version 3; 4 is read");
	CHECK_CODE(lp_pgp_key_parse(BYTES(6, 1, 2, 3, 4, 27), &key, &err), LP_REJECTED,
		   "version 6; 4 is read");
	CHECK_CODE(lp_pgp_key_parse(BYTES(4, 1, 2, 3, 4), &key, &err), LP_REJECTED,
		   "not an OpenPGP key");
	CHECK_CODE(lp_pgp_key_parse((struct slice){NULL, 0}, &key, &err), LP_REJECTED,
		   "not an OpenPGP key");
}

static void algorithms_that_are_not_verified_have_a_name(void)
{
	static const struct {
		uint8_t number;
		const char *name;
	} cases[] = {
		{2, "RSA for one use only"},
		{3, "RSA for one use only"},
		{16, "ElGamal"},
		{17, "DSA"},
		{18, "ECDH"},
		{20, "ElGamal"},
		{25, "X25519"},
		{26, "X448"},
		{28, "Ed448"},
		{99, "an unknown algorithm"},
	};
	struct pgp_key key;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK_OK(lp_pgp_key_parse(BYTES(4, 1, 2, 3, 4, cases[i].number, 'x'), &key, &err));
		CHECK(key.algorithm == PGP_OTHER);
		CHECK_STR(key.name, cases[i].name);
	}
	CHECK_OK(lp_pgp_key_parse(BYTES(4, 1, 2, 3, 4, 19, 1, 'x'), &key, &err));
	CHECK_HAS(key.name, "ECDSA on a curve other than");
	CHECK_OK(lp_pgp_key_parse(BYTES(4, 1, 2, 3, 4, 22, 1, 'x'), &key, &err));
	CHECK_HAS(key.name, "EdDSA on a curve other than");
}

int main(void)
{
	TEST(packets_of_both_formats_are_taken);
	TEST(a_longer_length_than_needed_is_not_strict);
	TEST(packets_of_no_certain_length_are_not_taken);
	TEST(subpackets_of_every_length_are_taken);
	TEST(numbers_have_one_spelling);
	TEST(keys_are_read_to_the_byte);
	TEST(keys_whose_point_has_another_shape_are_malformed);
	TEST(what_is_no_key_of_version_4_is_rejected);
	TEST(algorithms_that_are_not_verified_have_a_name);
	return check_report();
}

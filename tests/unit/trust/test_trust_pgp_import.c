/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/pgp_fixture.h"

static struct pgp_import import;

static enum lp_code run(struct slice file)
{
	lp_pgp_import_free(&import);
	return lp_pgp_import(file, NOW_S, &import, &err);
}

/* The last key of a file: a subkey when there is one. */
static const struct pgp_imported *last_of(const char *name)
{
	CHECK_OK(run(load_pgp(name)));
	CHECK(import.len > 0);
	return &import.list[import.len - 1];
}

static void check_refused(const char *name, const char *reason)
{
	const struct pgp_imported *k = last_of(name);

	CHECK(!k->is_taken);
	CHECK_HAS(k->reason, reason);
}

static void check_taken(const char *name)
{
	const struct pgp_imported *k = last_of(name);

	CHECK_STR(k->reason, "");
	CHECK(k->is_taken && !k->is_revoked);
}

static void set_up(void)
{
	CHECK_OK(lp_crypto_init(&err));
}

static void every_kind_of_key_that_gpg_makes_is_taken(void)
{
	static const struct {
		const char *name, *algorithm;
		unsigned bits;
	} keys[] = {
		{"rsa2048", "rsa", 2048},
		{"rsa3072", "rsa", 3072},
		{"rsa4096", "rsa", 4096},
		{"p256", "ecdsa-p256", 256},
		{"p384", "ecdsa-p384", 384},
		{"p521", "ecdsa-p521", 521},
		{"ed25519", "eddsa", 256},
		{"ed25519-sub", "eddsa", 256},
		{"rsa-sub-p384", "ecdsa-p384", 384},
		{"p256-sub-rsa", "rsa", 3072},
	};
	char file[64], label[64];

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		snprintf(file, sizeof(file), "cert-%s", keys[i].name);
		snprintf(label, sizeof(label), "%s <%s@example.com>", keys[i].name, keys[i].name);
		check_taken(file);
		const struct pgp_imported *k = &import.list[import.len - 1];
		CHECK_STR(k->key.name, keys[i].algorithm);
		CHECK(k->key.bits == keys[i].bits);
		CHECK_STR(k->label, label);
		CHECK(k->expires_s == 0 && k->key.created_s == MADE_S);
		CHECK(k->is_primary == (import.len == 1));
	}
}

static void ed25519_of_rfc9580_is_taken(void)
{
	check_taken("cert-rfc9580");
	CHECK_STR(import.list[0].key.name, "ed25519");
	CHECK_OK(run(load_pgp("vector-gocrypto-cert")));
	CHECK(import.len == 2 && import.list[0].is_taken);
	CHECK_STR(import.list[0].key.name, "ed25519");
	CHECK_STR(import.list[1].reason, "it is not for signing");
}

static void what_is_taken_is_the_line_of_the_file_of_keys(void)
{
	static const char *const names[] = {"rsa4096", "p521", "ed25519-sub", "p256-sub-rsa",
					    "brief"};
	struct slice lines = load_pgp("openpgp.keys");
	char file[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		LP_AUTO(lp_buf_free) struct buf line = LP_BUF(LP_PGP_KEYS_LINE);

		snprintf(file, sizeof(file), "cert-%s", names[i]);
		check_taken(file);
		const struct pgp_imported *k = &import.list[import.len - 1];
		CHECK_OK(lp_pgp_keys_write(&k->key, k->expires_s, k->label, &line, &err));
		CHECK(memmem(lines.data, lines.len, line.data, line.len) != NULL);
	}
}

static void armored_files_are_read_block_by_block(void)
{
	CHECK_OK(run(load_pgp("cert-ed25519.asc")));
	CHECK(import.len == 1 && import.list[0].is_taken);
	CHECK_OK(run(load_pgp("cert-two.asc")));
	CHECK(import.len == 2 && import.list[0].is_taken && import.list[1].is_taken);
}

static void keys_of_gpg_that_may_not_sign_are_refused_with_the_reason(void)
{
	check_refused("cert-expired", "it expired at 2024-01-01T00:00:00Z");
	check_refused("cert-sha1", "over its user id is over SHA-1, which can be forged");
	check_refused("cert-rsa1024", "RSA of 1024 bits; at least 2048 are demanded");
	check_refused("cert-dsa", "DSA is not read");
	check_refused("cert-brainpool", "ECDSA on a curve other than NIST P-256");
	check_refused("cert-critical", "has a part that must be understood, and is not");
	check_refused("cert-certify", "it is not for signing");
	check_refused("cert-revoked", "it is revoked");
	CHECK(import.list[0].is_revoked);
	check_refused("cert-sub-sha1", "that binds it is over SHA-1");
	CHECK(import.list[0].is_taken);
}

static void a_revoked_subkey_is_refused_and_its_sister_taken(void)
{
	CHECK_OK(run(load_pgp("cert-sub-revoked")));
	CHECK(import.len == 3);
	CHECK(!import.list[1].is_taken && import.list[1].is_revoked);
	CHECK_STR(import.list[1].reason, "it is revoked");
	CHECK(import.list[2].is_taken);
}

static void a_revoked_user_id_names_nobody(void)
{
	check_taken("cert-uid-revoked");
	CHECK_STR(import.list[0].label, "Two <two@example.com>");
}

static void a_key_needs_a_user_id_that_it_signed_itself(void)
{
	check_taken("odd-good");
	CHECK_STR(import.list[0].label, "odd <odd@example.com>");
	check_taken("odd-others-too");
	check_refused("odd-bare", "it has no user id");
	check_refused("odd-no-signature", "is missing, or does not fit");
	check_refused("odd-by-other", "is missing, or does not fit");
	check_refused("odd-other-uid", "is missing, or does not fit");
}

static void the_newest_signature_over_a_user_id_counts(void)
{
	check_taken("odd-newer-for-signing");
	check_refused("odd-newer-not-for-signing", "it is not for signing");
	check_refused("odd-older-last", "it is not for signing");
	check_refused("odd-newer-expires", "it expired at 2025-06-02T00:00:00Z");
	check_refused("odd-lapsed", "has expired");
}

static void a_newest_signature_that_cannot_be_checked_refuses_the_key(void)
{
	check_taken("odd-sha1-older");
	check_taken("odd-others-sha1");
	check_refused("odd-sha1-newer", "is over SHA-1");
	check_refused("odd-unknown-newer", "has a part that must be understood");
	check_refused("odd-future", "is dated in the future");
	check_refused("odd-unreadable", "cannot be read");
	check_refused("odd-version-3", "cannot be read");
	check_refused("odd-direct-sha1", "its newest signature over itself is over SHA-1");
	check_refused("odd-young", "is dated in the future");
}

static void a_key_must_say_that_it_is_for_signing(void)
{
	check_taken("odd-direct");
	check_taken("odd-direct-other-type");
	check_refused("odd-no-flags", "it does not say what it is for");
	check_refused("odd-not-for-signing", "it is not for signing");
	check_refused("odd-direct-not-for-signing", "it is not for signing");
}

static void the_earliest_expiry_counts(void)
{
	check_taken("odd-direct-expires");
	CHECK(import.list[0].expires_s == MADE_S + 30 * 86400);
	check_taken("odd-sub-expires");
	CHECK(import.list[0].expires_s == 0);
	CHECK(import.list[1].expires_s == MADE_S + 30 * 86400);
	check_refused("odd-sub-of-expiring", "it expired at 2025-06-02T00:00:00Z");
	CHECK(import.list[0].is_taken);
}

static void a_revocation_counts_even_when_it_cannot_be_checked(void)
{
	check_refused("odd-revoked", "it is revoked");
	check_refused("odd-revoked-sha1", "it is revoked");
	check_refused("odd-revocation-cut", "it is revoked");
	check_taken("odd-revocation-damaged");
	check_refused("odd-sub-of-revoked", "its primary key is revoked");
	CHECK(import.list[1].is_revoked);
	check_refused("odd-sub-revoked", "it is revoked");
}

static void a_revocation_by_another_key_counts_when_it_is_named_for_that(void)
{
	check_taken("odd-revoked-by-other");
	check_taken("odd-revoker");
	check_refused("odd-revoked-by-revoker", "it is revoked, by a key that it names for that");
	CHECK(import.list[0].is_revoked);
}

static void a_signing_subkey_needs_its_back_signature(void)
{
	check_taken("odd-sub-good");
	check_taken("odd-sub-hashed-back");
	check_refused("odd-sub-no-back", "it has no back-signature");
	check_refused("odd-sub-other-back", "its back-signature does not fit");
	check_refused("odd-sub-damaged-back", "its back-signature does not fit");
	check_refused("odd-sub-cut-back", "its back-signature is malformed");
	check_refused("odd-sub-other-type-back", "its back-signature is malformed");
	check_refused("odd-sub-sha1-back", "its back-signature is over SHA-1");
	check_refused("odd-sub-future-back", "dated in the future");
	check_refused("odd-sub-lapsed-back", "its back-signature has expired");
}

static void a_subkey_must_be_bound_for_signing(void)
{
	check_refused("odd-sub-unbound", "is missing, or does not fit");
	check_refused("odd-sub-other-type", "is missing, or does not fit");
	check_refused("odd-sub-self-bound", "is missing, or does not fit");
	check_refused("odd-sub-sha1", "that binds it is over SHA-1");
	check_refused("odd-sub-unknown", "has a part that must be understood");
	check_refused("odd-sub-encrypts", "it is not for signing");
	check_refused("odd-sub-no-flags", "it is not for signing");
	check_refused("odd-sub-expired", "it expired at 2025-06-02T00:00:00Z");
}

static void packets_that_say_nothing_are_passed_over(void)
{
	check_taken("odd-marker");
}

static void check_rejected(struct slice file, const char *text)
{
	CHECK_CODE(run(file), LP_REJECTED, text);
	CHECK(import.len == 0 && import.list == NULL);
}

static void files_that_are_no_certificates_are_rejected(void)
{
	struct slice good = load_pgp("odd-good");

	check_rejected(load_pgp("odd-secret"), "secret keys");
	check_rejected(LP_SLICE("-----BEGIN PGP PRIVATE KEY BLOCK-----\n"), "secret keys");
	check_rejected(load_pgp("odd-uid-first"), "a packet of type 13");
	check_rejected(load_pgp("odd-version-3-key"), "of version 3; 4 is read");
	check_rejected(load_pgp("odd-cut"), "damaged or cut off");
	check_rejected(insert(good, good.len, "x"), "damaged or cut off");
	check_rejected(LP_SLICE(""), "no OpenPGP public key in it");
	check_rejected(LP_SLICE("hello\n"), "no OpenPGP public key in it");
	check_rejected(BYTES(0xa8, 3, 'P', 'G', 'P'), "no OpenPGP public key in it");
}

static void armor_of_a_file_is_held_to_its_checksum(void)
{
	struct slice good = load_pgp("cert-ed25519.asc");

	CHECK_OK(run(replace(good, "BLOCK-----\n\n", "BLOCK-----\r\nComment: by hand\r\n\r\n")));
	CHECK(import.list[0].is_taken);
	check_rejected(replace(good, "\n=", "\n=A"), "its checksum does not fit");
	check_rejected((struct slice){good.data, where(good, "-----END")}, "it has no -----END");
	check_rejected(replace(good, "BLOCK-----\n\n", "BLOCK-----\n"), "no empty line");
	check_rejected(LP_SLICE("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n"
				"-----END PGP PUBLIC KEY BLOCK-----\n"),
		       "it is empty");
	check_rejected(replace(good, "\n-----END", "\nAAAA\n-----END"),
		       "a line after its checksum");
	check_rejected(replace(good, "BLOCK-----\n\n", "BLOCK-----\n\n*"), "its base64");
}

/* A certificate and, behind it, so much padding that the file has n bytes. */
static struct slice padded(size_t n)
{
	struct slice good = load_pgp("odd-good");
	size_t fill = n - good.len - 6;
	uint8_t *bytes = keep(n), *at = bytes + good.len;

	memset(bytes, 0, n);
	memcpy(bytes, good.data, good.len);
	*at++ = 0xc0 | PGP_PADDING;
	*at++ = 255;
	for (int i = 0; i < 4; i++)
		*at++ = (uint8_t)(fill >> (24 - 8 * i));
	return (struct slice){bytes, n};
}

static void a_file_may_have_a_certain_length_and_no_more(void)
{
	CHECK_OK(run(padded(LP_PGP_IMPORT_BYTES)));
	CHECK(import.list[0].is_taken);
	CHECK(run(padded(LP_PGP_IMPORT_BYTES + 1)) == LP_LIMIT);
	CHECK(import.len == 0 && import.list == NULL);
}

/* A certificate of three packets, and trust packets at `at` in it until there are n of all. */
static struct slice crowded(size_t at, size_t n)
{
	static const uint8_t one[] = {0x80 | PGP_TRUST << 2, 1, 0};
	size_t fill = (n - 3) * sizeof(one);
	uint8_t *bytes = keep(fill);

	for (size_t i = 0; i < fill; i++)
		bytes[i] = one[i % sizeof(one)];
	return splice(load_pgp("odd-good"), at, 0, (struct slice){bytes, fill});
}

static void a_file_may_have_a_certain_number_of_packets_and_no_more(void)
{
	struct slice good = load_pgp("odd-good");
	const size_t among_signatures = 2 + good.data[1]; /* behind the key */
	const size_t places[] = {good.len, among_signatures};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		CHECK_OK(run(crowded(places[i], LP_PGP_IMPORT_PACKETS)));
		CHECK(import.list[0].is_taken);
		CHECK_CODE(run(crowded(places[i], LP_PGP_IMPORT_PACKETS + 1)), LP_LIMIT,
			   "more than 4096 packets");
		CHECK(import.len == 0 && import.list == NULL);
	}
}

/* Every bit of a certificate: what is still taken is the key that was made, with its dates. */
static void no_flipped_bit_makes_another_key_or_date(void)
{
	struct slice good = load_pgp("odd-sub-expires");
	uint8_t *bytes = keep(good.len);
	unsigned taken = 0;

	check_taken("odd-sub-expires");
	struct pgp_key key = import.list[1].key;
	const struct slice file = {bytes, good.len};
	memcpy(bytes, good.data, good.len);
	for (size_t bit = 0; bit < good.len * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bool is_read = run(file) == LP_OK;
		for (size_t i = 1; is_read && i < import.len; i++) {
			const struct pgp_imported *k = &import.list[i];

			if (!k->is_taken)
				continue;
			taken++;
			CHECK(memcmp(k->key.fingerprint, key.fingerprint, LP_SHA1_BYTES) == 0);
			CHECK(k->expires_s == MADE_S + 30 * 86400);
		}
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	CHECK(taken < good.len); /* of eight times as many: in what is not signed, and no more */
}

int main(void)
{
	TEST(set_up);
	TEST(every_kind_of_key_that_gpg_makes_is_taken);
	TEST(ed25519_of_rfc9580_is_taken);
	TEST(what_is_taken_is_the_line_of_the_file_of_keys);
	TEST(armored_files_are_read_block_by_block);
	TEST(keys_of_gpg_that_may_not_sign_are_refused_with_the_reason);
	TEST(a_revoked_subkey_is_refused_and_its_sister_taken);
	TEST(a_revoked_user_id_names_nobody);
	TEST(a_key_needs_a_user_id_that_it_signed_itself);
	TEST(the_newest_signature_over_a_user_id_counts);
	TEST(a_newest_signature_that_cannot_be_checked_refuses_the_key);
	TEST(a_key_must_say_that_it_is_for_signing);
	TEST(the_earliest_expiry_counts);
	TEST(a_revocation_counts_even_when_it_cannot_be_checked);
	TEST(a_revocation_by_another_key_counts_when_it_is_named_for_that);
	TEST(a_signing_subkey_needs_its_back_signature);
	TEST(a_subkey_must_be_bound_for_signing);
	TEST(packets_that_say_nothing_are_passed_over);
	TEST(files_that_are_no_certificates_are_rejected);
	TEST(armor_of_a_file_is_held_to_its_checksum);
	TEST(a_file_may_have_a_certain_length_and_no_more);
	TEST(a_file_may_have_a_certain_number_of_packets_and_no_more);
	TEST(no_flipped_bit_makes_another_key_or_date);
	lp_pgp_import_free(&import);
	return check_report();
}

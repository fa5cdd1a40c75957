/* SPDX-License-Identifier: Apache-2.0 */
/* Commits with an OpenPGP signature, judged by data_pgp/openpgp.keys. */
#include "tests/unit/trust/pgp_fixture.h"

static struct pgp_keys keys;

static void load_keys(void)
{
	CHECK_OK(lp_crypto_init(&err));
	CHECK_OK(lp_pgp_keys_load(TEST_DATA "/data_pgp/openpgp.keys", &keys, &err));
	policy.pgp_keys = &keys;
}

static void check_verdict(const char *file, const char *verdict, const char *reason)
{
	CHECK_STR(verdict_of(load_pgp(file)), verdict);
	CHECK_HAS(judged.reason, reason);
}

static void every_kind_of_key_that_gpg_signs_with_is_accepted(void)
{
	static const char *const names[] = {
		"rsa2048", "rsa3072",     "rsa4096",      "p256",         "p384",    "p521",
		"ed25519", "ed25519-sub", "rsa-sub-p384", "p256-sub-rsa", "rfc9580",
	};
	char file[64], signer[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(file, sizeof(file), "commit-%s", names[i]);
		snprintf(signer, sizeof(signer), "%s@example.com", names[i]);
		check_verdict(file, "accepted", signer);
		CHECK_STR(judged.signer, signer);
		CHECK(strlen(judged.fingerprint) == 40);
	}
}

/* Ed25519 of RFC 9580 as another program has it, from the certificate on. */
static void what_another_program_signs_is_accepted(void)
{
	LP_AUTO(lp_pgp_import_free) struct pgp_import import = {0};
	LP_AUTO(lp_pgp_keys_free) struct pgp_keys own = {0};
	LP_AUTO(lp_buf_free) struct buf line = LP_BUF(LP_PGP_KEYS_LINE);
	struct judgement j;

	CHECK_OK(lp_pgp_import(load_pgp("vector-gocrypto-cert"), NOW_S, &import, &err));
	CHECK_OK(lp_pgp_keys_write(&import.list[0].key, 0, import.list[0].label, &line, &err));
	CHECK_OK(lp_pgp_keys_parse(LP_SLICE_OF(&line), "keys", &own, &err));
	const struct trust_policy only = {.pgp_keys = &own};
	CHECK_OK(lp_trust_judge_bytes(&only, load_pgp("vector-gocrypto-commit"), &j, &err));
	CHECK_STR(lp_verdict_name(j.verdict), "accepted");
	CHECK_STR(j.signer, "gocrypto@example.com");
}

static void each_hash_goes_with_each_algorithm(void)
{
	static const char *const files[] = {"commit-sha384", "commit-sha512", "commit-rsa-sha512",
					    "commit-p256-sha512", "commit-p384-sha512"};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		check_verdict(files[i], "accepted", "signed by");
}

static void a_packet_of_the_new_format_and_a_notation_are_accepted(void)
{
	check_verdict("commit-odd", "accepted", "signed by odd");
	check_verdict("commit-packet-new", "accepted", "signed by odd");
	check_verdict("commit-notation", "accepted", "signed by");
}

static void hashes_and_algorithms_that_are_not_verified_are_unsupported(void)
{
	check_verdict("commit-sha1", "unsupported-key", "over SHA-1 (2)");
	CHECK(strlen(judged.fingerprint) == 40);
	check_verdict("commit-ripemd160", "unsupported-key", "over RIPEMD-160 (3)");
	check_verdict("commit-sha224", "unsupported-key", "over another hash (11)");
	check_verdict("commit-algorithm", "unsupported-key", "algorithm 17");
	check_verdict("commit-version-3", "unsupported-key", "version 3; 4 is read");
	check_verdict("commit-version-6", "unsupported-key", "version 6; 4 is read");
}

static void a_signature_that_is_spelled_otherwise_is_malformed(void)
{
	check_verdict("commit-comment", "malformed", "Comment");
	check_verdict("commit-version", "malformed", "Version");
	check_verdict("commit-packet-twice", "malformed", "something follows it");
	check_verdict("commit-packet-long", "malformed", "not a signature packet");
	check_verdict("commit-packet-partial", "malformed", "not a signature packet");
	check_verdict("commit-packet-other", "malformed", "not a signature packet");
	check_verdict("commit-long-length", "malformed", "its subpackets");
}

static void a_signature_that_says_too_little_or_too_much_is_malformed(void)
{
	check_verdict("commit-text", "malformed", "its type is 0x01");
	check_verdict("commit-critical", "malformed", "type 20 must be understood");
	check_verdict("commit-undated", "malformed", "it is not dated");
	check_verdict("commit-nameless", "malformed", "does not say which key made it");
	check_verdict("commit-names-two", "malformed", "it names two keys");
	check_verdict("commit-twice", "malformed", "signed subpacket of type 2");
	check_verdict("commit-unhashed-date", "malformed", "unsigned subpacket of type 3");
	check_verdict("commit-two-issuers", "malformed", "unsigned subpacket of type 16");
	check_verdict("commit-other-issuer", "malformed", "type 16");
}

static void armor_has_one_spelling(void)
{
	struct slice s = load_pgp("commit-ed25519");
	static const char *const changes[][2] = {
		{"SIGNATURE-----\n \n ", "SIGNATURE-----\n \n  "},
		{"SIGNATURE-----\n \n ", "SIGNATURE-----\n "},
		{"SIGNATURE-----\n \n ", "SIGNATURE-----\n \n \n "},
		{"\n =", "\n A="},
		{"\n =", "\n \n ="},
		{" -----END PGP", "  -----END PGP"},
		{" -----END PGP", " \n -----END PGP"},
		{"END PGP SIGNATURE-----", "END PGP SIGNATURE----- "},
		{"END PGP SIGNATURE-----", "END PGP SIGNATURE-----\n more"},
		{"END PGP SIGNATURE-----", "END PGP SIGNATURE"},
		{" -----END PGP SIGNATURE-----\n", ""},
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		CHECK_STR(verdict_of(replace(s, changes[i][0], changes[i][1])), "malformed");
		CHECK_HAS(judged.reason, "armor");
	}
}

static void a_signature_over_other_bytes_is_bad(void)
{
	struct slice s = load_pgp("commit-rsa2048");

	CHECK_STR(verdict_of(insert(s, s.len, "more\n")), "bad-signature");
	CHECK_STR(verdict_of(replace(s, "tree 4b", "tree 5b")), "bad-signature");
	CHECK_STR(judged.signer, "rsa2048@example.com");
	CHECK(strlen(judged.fingerprint) == 40);
}

static void a_signature_is_held_to_its_first_bytes_and_its_algorithm(void)
{
	LP_AUTO(lp_buf_free) struct buf blob = LP_BUF(LP_ARMOR_BYTES);
	struct slice object = load_pgp("commit-ed25519");
	struct pgp_signature sig;
	struct commit commit;
	enum verdict verdict;

	CHECK_OK(lp_commit_parse(object.data, object.len, &commit, &err));
	CHECK_OK(lp_pgp_signature_parse(commit.armor, &blob, &sig, &verdict, &err));
	struct pgp_key key = lp_pgp_keys_find(&keys, &sig)->key;
	CHECK(lp_pgp_verify(&sig, &key, commit.payload, 2));
	key.algorithm = PGP_ED25519;
	CHECK(!lp_pgp_verify(&sig, &key, commit.payload, 2));
	key.algorithm = PGP_EDDSA_LEGACY;
	sig.left[1] ^= 1;
	CHECK(!lp_pgp_verify(&sig, &key, commit.payload, 2));
}

static void a_strangers_commit_is_of_an_unknown_signer(void)
{
	check_verdict("commit-stranger", "unknown-signer", "which no line of the OpenPGP keys");
	CHECK_STR(judged.signer, "");
	CHECK_HAS(judged.reason, judged.fingerprint);
}

static void without_a_file_of_keys_openpgp_is_unsupported(void)
{
	policy.pgp_keys = NULL;
	const char *verdict = verdict_of(load_pgp("commit-ed25519"));
	policy.pgp_keys = &keys;
	CHECK_STR(verdict, "unsupported-key");
}

static void short_rsa_keys_are_unsupported_when_more_is_demanded(void)
{
	policy.rsa_bits = 3072;
	const char *verdict = verdict_of(load_pgp("commit-rsa2048"));
	policy.rsa_bits = 0;
	CHECK_STR(verdict, "unsupported-key");
	CHECK_HAS(judged.reason, "at least 3072");
}

/* The verdict on a commit when so much time has passed for certain. */
static const char *verdict_at(const char *file, int64_t floor_s)
{
	policy.floor_s = floor_s;
	const char *verdict = verdict_of(load_pgp(file));
	policy.floor_s = 0;
	return verdict;
}

static void a_key_that_has_expired_by_now_signs_no_tip(void)
{
	const int64_t last_s = MADE_S + 730 * 86400;

	CHECK_STR(verdict_at("commit-brief", last_s), "accepted");
	CHECK_STR(verdict_at("commit-brief", last_s + 1), "expired-key");
	CHECK_HAS(judged.reason, "is valid until 2027-06-01T00:00:00Z");
	CHECK_HAS(judged.reason, "whatever date the commit bears");
}

/* The verdict on commit-brief, of NOW_S, when its key has other dates. */
static const char *verdict_between(int64_t created_s, int64_t expires_s)
{
	struct pgp_line *line = NULL;

	for (size_t i = 0; i < keys.len; i++)
		if (strstr(keys.list[i].label, "brief"))
			line = &keys.list[i];
	CHECK(line != NULL);
	const struct pgp_line before = *line;
	line->key.created_s = created_s;
	line->expires_s = expires_s;
	const char *verdict = verdict_of(load_pgp("commit-brief"));
	*line = before;
	return verdict;
}

static void a_key_signs_what_is_dated_between_its_dates(void)
{
	CHECK_STR(verdict_between(NOW_S, NOW_S), "accepted");
	CHECK_STR(verdict_between(MADE_S, NOW_S - 1), "expired-key");
	CHECK_HAS(judged.reason, "the commit is dated");
	CHECK_STR(verdict_between(NOW_S + 1, 0), "not-yet-valid-key");
	CHECK_HAS(judged.reason, "the commit is dated");
}

static void a_signature_counts_until_the_date_it_says(void)
{
	check_verdict("commit-until", "accepted", "signed by");
	CHECK_STR(verdict_at("commit-until", NOW_S + 86400), "accepted");
	CHECK_STR(verdict_at("commit-until", NOW_S + 86401), "expired-key");
	CHECK_HAS(judged.reason, "counts until 2025-06-16T15:06:40Z");
}

static void a_key_signs_nothing_from_before_it_was_made(void)
{
	check_verdict("commit-early", "not-yet-valid-key", "the signature is dated");
}

/* Every bit of every kind of commit: what is accepted has the payload it had before. */
static void no_flipped_bit_makes_another_revision(void)
{
	static const char *const files[] = {"commit-ed25519", "commit-p256", "commit-rsa2048",
					    "commit-rfc9580"};
	struct judgement j;
	unsigned accepted = 0;

	for (size_t f = 0; f < sizeof(files) / sizeof(*files); f++) {
		struct slice s = load_pgp(files[f]);
		uint8_t *bytes = keep(s.len);

		memcpy(bytes, s.data, s.len);
		for (size_t bit = 0; bit < s.len * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			CHECK_OK(lp_trust_judge_bytes(&policy, (struct slice){bytes, s.len}, &j,
						      &err));
			CHECK(*j.reason != '\0');
			accepted += j.verdict == VERDICT_ACCEPTED;
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	CHECK(accepted == 0); /* the armor's checksum sees every one */
}

/* Cut anywhere, doubled anywhere: never accepted, never read past its end. */
static void no_cut_or_repeated_piece_is_accepted(void)
{
	struct slice s = load_pgp("commit-ed25519");
	struct judgement j;

	for (size_t at = 0; at < s.len; at++) {
		CHECK_OK(lp_trust_judge_bytes(&policy, copy_of(s.data, at), &j, &err));
		CHECK(j.verdict != VERDICT_ACCEPTED);
		struct slice tail = {s.data + at, s.len - at};
		CHECK_OK(lp_trust_judge_bytes(&policy, splice(s, at, 0, tail), &j, &err));
		CHECK(j.verdict != VERDICT_ACCEPTED);
	}
}

int main(void)
{
	TEST(load_keys);
	TEST(every_kind_of_key_that_gpg_signs_with_is_accepted);
	TEST(what_another_program_signs_is_accepted);
	TEST(each_hash_goes_with_each_algorithm);
	TEST(a_packet_of_the_new_format_and_a_notation_are_accepted);
	TEST(hashes_and_algorithms_that_are_not_verified_are_unsupported);
	TEST(a_signature_that_is_spelled_otherwise_is_malformed);
	TEST(a_signature_that_says_too_little_or_too_much_is_malformed);
	TEST(armor_has_one_spelling);
	TEST(a_signature_over_other_bytes_is_bad);
	TEST(a_signature_is_held_to_its_first_bytes_and_its_algorithm);
	TEST(a_strangers_commit_is_of_an_unknown_signer);
	TEST(without_a_file_of_keys_openpgp_is_unsupported);
	TEST(short_rsa_keys_are_unsupported_when_more_is_demanded);
	TEST(a_key_that_has_expired_by_now_signs_no_tip);
	TEST(a_key_signs_what_is_dated_between_its_dates);
	TEST(a_signature_counts_until_the_date_it_says);
	TEST(a_key_signs_nothing_from_before_it_was_made);
	TEST(no_flipped_bit_makes_another_revision);
	TEST(no_cut_or_repeated_piece_is_accepted);
	lp_pgp_keys_free(&keys);
	return check_report();
}

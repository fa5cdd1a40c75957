/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/fixture.h"

static void every_key_type_that_git_signs_with_is_accepted(void)
{
	static const char *const names[] = {
		"ecdsa256", "ecdsa384", "ecdsa521", "ed25519", "rsa2048", "rsa3072", "rsa4096",
	};
	char file[64], signer[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(file, sizeof(file), "commit-%s", names[i]);
		snprintf(signer, sizeof(signer), "%s@example.com", names[i]);
		CHECK_STR(verdict_of(load(file)), "accepted");
		CHECK_STR(judged.signer, signer);
	}
}

static void a_payload_hashed_with_sha256_is_accepted(void)
{
	CHECK_STR(verdict_of(load("commit-sha256-hash")), "accepted");
}

static void merges_tags_encodings_and_unknown_headers_are_accepted(void)
{
	CHECK_STR(verdict_of(load("commit-mergetag")), "accepted");
	CHECK_STR(verdict_of(load("commit-encoding")), "accepted");
	CHECK_STR(judged.verified.subject, "?bersetzt");
	CHECK_STR(verdict_of(load("commit-change-id")), "accepted");
	CHECK_STR(verdict_of(load("commit-no-message")), "accepted");
}

static void an_accepted_commit_is_told_whole(void)
{
	struct slice s = load("commit-ed25519");
	struct oid id;

	CHECK_STR(verdict_of(s), "accepted");
	lp_commit_oid(s.data, s.len, &id);
	CHECK(lp_oid_equal(&judged.verified.commit, &id));
	CHECK(lp_payload_equal(&judged.verified.payload, &judged.payload));
	CHECK_STR(judged.verified.signer, "ed25519@example.com");
	CHECK_STR(judged.verified.fingerprint, judged.fingerprint);
	CHECK_STR(judged.verified.subject, "signed with ed25519");
	CHECK(judged.verified.committed_s > 1750000000);
	CHECK_HAS(judged.reason, "signed by ed25519@example.com with key SHA256:");
}

static void a_refused_commit_leaves_nothing_verified(void)
{
	static const struct verified nothing;

	CHECK_STR(verdict_of(load("commit-stranger")), "unknown-signer");
	CHECK(memcmp(&judged.verified, &nothing, sizeof(nothing)) == 0);
}

static void an_unsigned_commit_is_unsigned(void)
{
	CHECK_STR(verdict_of(load("commit-unsigned")), "unsigned");
	CHECK(!lp_payload_is_zero(&judged.payload));
}

static void a_strangers_commit_is_of_an_unknown_signer(void)
{
	CHECK_STR(verdict_of(load("commit-stranger")), "unknown-signer");
	CHECK_HAS(judged.reason, judged.fingerprint);
	CHECK_HAS(judged.fingerprint, "SHA256:");
	CHECK_STR(judged.signer, "");
}

static void a_signature_for_another_namespace_is_bad(void)
{
	CHECK_STR(verdict_of(load("commit-namespace-file")), "bad-signature");
	CHECK_HAS(judged.reason, "namespace \"file\"");
}

static void a_signature_over_other_bytes_is_bad(void)
{
	struct slice s = load("commit-ed25519");

	CHECK_STR(verdict_of(insert(s, s.len, "more\n")), "bad-signature");
	CHECK_STR(verdict_of(replace(s, "tree 4b", "tree 5b")), "bad-signature");
	CHECK_STR(judged.signer, "ed25519@example.com");
}

static void a_second_spelling_of_a_signature_is_malformed(void)
{
	CHECK_STR(verdict_of(load("bad-reserved")), "malformed");
	CHECK_HAS(judged.reason, "reserved");
	CHECK_STR(verdict_of(load("bad-columns")), "malformed");
	CHECK_HAS(judged.reason, "70 columns");
	CHECK_STR(verdict_of(load("bad-trailing")), "malformed");
	CHECK_STR(verdict_of(load("bad-base64-bits")), "malformed");
	CHECK_STR(verdict_of(load("bad-version")), "malformed");
	CHECK_STR(verdict_of(load("bad-hash")), "malformed");
}

static void a_signature_of_another_shape_than_its_keys_is_malformed(void)
{
	static const struct {
		const char *file, *reason;
	} bad[] = {
		{"bad-length", "not 64 bytes of Ed25519"},
		{"bad-algorithm", "algorithm is not that of its key"},
		{"bad-sk", "algorithm is not that of its key"},
		{"bad-zero", "two positive numbers"},
		{"bad-negative", "two positive numbers"},
		{"bad-third-number", "two positive numbers"},
		{"bad-rsa-zero", "length is not that of its key"},
		{"bad-rsa-long", "length is not that of its key"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_STR(verdict_of(load(bad[i].file)), "malformed");
		CHECK_HAS(judged.reason, bad[i].reason);
	}
}

/* The blob of a key of data/. */
static struct slice blob_of(const char *file)
{
	LP_AUTO(lp_buf_free) struct buf blob = LP_BUF(LP_KIB);
	struct slice text = load(file);
	size_t at = where(text, " ") + 1;

	CHECK_OK(lp_base64_decode((struct slice){text.data + at, text.len - at - 1}, &blob, &err));
	return copy_of(blob.data, blob.len);
}

static void keys_are_read_to_the_byte(void)
{
	static const char *const files[] = {"ed25519.pub", "ecdsa256.pub", "ecdsa521.pub",
					    "rsa2048.pub"};
	struct ssh_key key;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct slice blob = blob_of(files[i]);

		CHECK_OK(lp_ssh_key_parse(blob, &key, &err));
		CHECK(key.type != SSH_KEY_UNSUPPORTED);
		CHECK_CODE(lp_ssh_key_parse(insert(blob, blob.len, "x"), &key, &err), LP_REJECTED,
			   "malformed");
		for (size_t n = 0; n < blob.len; n++)
			CHECK(lp_ssh_key_parse(copy_of(blob.data, n), &key, &err) == LP_REJECTED);
	}
	CHECK_OK(lp_ssh_key_parse(blob_of("rsa2048.pub"), &key, &err));
	CHECK(key.type == SSH_KEY_RSA && key.bits == 2048 && key.n.len == 256 && key.e.len == 3);
}

static void keys_that_contradict_themselves_are_malformed(void)
{
	struct slice blob = blob_of("ecdsa256.pub");
	struct ssh_key key;

	/* the type stays, the curve after it changes */
	size_t curve = 4 + strlen("ecdsa-sha2-nistp256") + 4;
	CHECK_CODE(lp_ssh_key_parse(splice(blob, curve, 8, LP_SLICE("nistp384")), &key, &err),
		   LP_REJECTED, "malformed");
	/* a compressed point */
	CHECK_CODE(lp_ssh_key_parse(splice(blob, curve + 8 + 4, 1, LP_SLICE("\2")), &key, &err),
		   LP_REJECTED, "malformed");
}

static void bytes_around_the_armor_are_malformed(void)
{
	struct slice s = load("commit-ed25519");

	CHECK_STR(verdict_of(replace(s, "SIGNATURE-----\n U1", "SIGNATURE-----\n  U1")),
		  "malformed");
	CHECK_STR(verdict_of(replace(s, "SIGNATURE-----\n U1", "SIGNATURE-----\n \n U1")),
		  "malformed");
	CHECK_STR(verdict_of(replace(s, "END SSH SIGNATURE-----\n", "END SSH SIGNATURE-----\n \n")),
		  "malformed");
	CHECK_STR(verdict_of(replace(s, "END SSH SIGNATURE-----", "END SSH SIGNATURE----- ")),
		  "malformed");
	CHECK_STR(verdict_of(replace(s, "gpgsig -----BEGIN", "gpgsig  -----BEGIN")), "malformed");
	CHECK_STR(verdict_of(replace(s, "gpgsig -----BEGIN SSH", "gpgsig -----BEGIN SSX")),
		  "malformed");
}

static void keys_that_are_not_read_are_unsupported(void)
{
	CHECK_STR(verdict_of(load("bad-mldsa")), "unsupported-key");
	CHECK_HAS(judged.reason, "ssh-mldsa44-ed25519@openssh.com");
	CHECK_HAS(judged.fingerprint, "SHA256:");
	CHECK_STR(verdict_of(load("bad-certificate")), "unsupported-key");
	CHECK_HAS(judged.reason, "ssh-dss-cert-v01@openssh.com");
	CHECK_STR(verdict_of(load("bad-openpgp")), "unsupported-key");
	CHECK_HAS(judged.reason, "OpenPGP");
	CHECK_STR(verdict_of(load("bad-rsa-sha1")), "unsupported-key");
	CHECK_HAS(judged.reason, "SHA-1");
}

static void short_rsa_keys_are_unsupported(void)
{
	CHECK_STR(verdict_of(load("commit-rsa1024")), "unsupported-key");
	CHECK_HAS(judged.reason, "1024 bits");
	policy.rsa_bits = 3072;
	const char *verdict = verdict_of(load("commit-rsa2048"));
	policy.rsa_bits = 0;
	CHECK_STR(verdict, "unsupported-key");
	CHECK_HAS(judged.reason, "at least 3072");
}

static void an_ecdsa_twin_has_the_same_payload_and_another_id(void)
{
	struct slice one = load("chain-1"), two = load("chain-1-twin");
	struct oid a, b;

	CHECK_STR(verdict_of(one), "accepted");
	struct payload_id payload = judged.payload;
	CHECK_STR(verdict_of(two), "accepted");
	CHECK(lp_payload_equal(&payload, &judged.payload));
	lp_commit_oid(one.data, one.len, &a);
	lp_commit_oid(two.data, two.len, &b);
	CHECK(!lp_oid_equal(&a, &b));
}

static void a_fingerprint_is_spelled_as_ssh_keygen_spells_it(void)
{
	LP_AUTO(lp_buf_free) struct buf blob = LP_BUF(64);
	char text[LP_FINGERPRINT_TEXT];

	/* the example of GitHub's own documentation: its Ed25519 host key */
	CHECK_OK(lp_base64_decode(LP_SLICE("AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9o"
					   "kWi0dh2l9GKJl"),
				  &blob, &err));
	CHECK_STR(lp_ssh_fingerprint(LP_SLICE_OF(&blob), text),
		  "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
	CHECK(strlen(text) == LP_FINGERPRINT_TEXT - 1); /* as every other one */
}

/* Every bit of every kind of commit: what is accepted has the payload it had before. */
static void no_flipped_bit_makes_another_revision(void)
{
	static const char *const files[] = {"commit-ed25519", "commit-ecdsa256", "commit-rsa2048"};
	struct judgement j;
	unsigned flipped = 0;

	for (size_t f = 0; f < sizeof(files) / sizeof(*files); f++) {
		struct slice s = load(files[f]);
		uint8_t *bytes = keep(s.len);

		memcpy(bytes, s.data, s.len);
		for (size_t bit = 0; bit < s.len * 8; bit++, flipped++) {
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			CHECK_OK(lp_trust_judge_bytes(&policy, (struct slice){bytes, s.len}, &j,
						      &err));
			CHECK(j.verdict != VERDICT_ACCEPTED);
			CHECK(*j.reason != '\0');
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	CHECK(flipped > 15000);
}

/* Cut anywhere, doubled anywhere: never accepted, never read past its end. */
static void no_cut_or_repeated_piece_is_accepted(void)
{
	struct slice s = load("commit-ed25519");
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
	TEST(load_signers);
	TEST(every_key_type_that_git_signs_with_is_accepted);
	TEST(a_payload_hashed_with_sha256_is_accepted);
	TEST(merges_tags_encodings_and_unknown_headers_are_accepted);
	TEST(an_accepted_commit_is_told_whole);
	TEST(a_refused_commit_leaves_nothing_verified);
	TEST(an_unsigned_commit_is_unsigned);
	TEST(a_strangers_commit_is_of_an_unknown_signer);
	TEST(a_signature_for_another_namespace_is_bad);
	TEST(a_signature_over_other_bytes_is_bad);
	TEST(a_second_spelling_of_a_signature_is_malformed);
	TEST(a_signature_of_another_shape_than_its_keys_is_malformed);
	TEST(keys_are_read_to_the_byte);
	TEST(keys_that_contradict_themselves_are_malformed);
	TEST(bytes_around_the_armor_are_malformed);
	TEST(keys_that_are_not_read_are_unsupported);
	TEST(short_rsa_keys_are_unsupported);
	TEST(an_ecdsa_twin_has_the_same_payload_and_another_id);
	TEST(a_fingerprint_is_spelled_as_ssh_keygen_spells_it);
	TEST(no_flipped_bit_makes_another_revision);
	TEST(no_cut_or_repeated_piece_is_accepted);
	lp_signers_free(&signers);
	return check_report();
}

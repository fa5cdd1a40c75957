/* SPDX-License-Identifier: Apache-2.0 */
/* Commits of data_ssh/ (see make-ssh-fixtures), all dated 2025-06-15T15:06:40Z. */
#include "agent/trust/signature.h"
#include "tests/unit/trust/fixture.h"

#define COMMITTED_S 1750000000
#define JULY_S      1751328000 /* when the certificate of "dated" ends */

static struct ssh_cert cert;
static enum verdict verdict;

static struct slice load_ssh(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "../data_ssh/%s", name);
	return load(path);
}

static void load_authorities(void)
{
	CHECK_OK(lp_crypto_init(&err));
	CHECK_OK(lp_signers_load(TEST_DATA "/data_ssh/signers", &signers, &err));
}

/* The verdict's name of a commit-NAME of data_ssh/. */
static const char *verdict_on(const char *name)
{
	char file[64];

	snprintf(file, sizeof(file), "commit-%s", name);
	return verdict_of(load_ssh(file));
}

static enum lp_code parse(struct slice blob)
{
	lp_ssh_cert_free(&cert);
	return lp_ssh_cert_parse(blob, &cert, &verdict, &err);
}

static void a_certificate_of_every_key_type_is_accepted(void)
{
	static const char *const names[] = {
		"of-ed25519", "of-ecdsa256",   "of-ecdsa384", "of-ecdsa521",
		"of-rsa3072", "of-sk-ed25519", "of-sk-ecdsa",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		CHECK_STR(verdict_on(names[i]), "accepted");
		CHECK_STR(judged.signer, "ann@example.com");
	}
}

static void an_authority_of_every_key_type_is_accepted(void)
{
	static const char *const names[] = {"by-ecdsa256", "by-ecdsa521", "by-rsa", "by-sk"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		CHECK_STR(verdict_on(names[i]), "accepted");
}

static void the_key_that_signed_is_told_and_not_its_certificate(void)
{
	char told[LP_FINGERPRINT_TEXT];

	CHECK_STR(verdict_on("plain-key"), "accepted");
	memcpy(told, judged.fingerprint, sizeof(told));
	CHECK_STR(judged.signer, "plain@example.com");
	CHECK_STR(verdict_on("plain"), "accepted");
	CHECK_STR(judged.fingerprint, told);
	CHECK_STR(judged.signer, "ann@example.com");
}

static void security_keys_sign_when_they_are_touched(void)
{
	CHECK_STR(verdict_on("sk-ed25519"), "accepted");
	CHECK_STR(judged.signer, "sk-ed25519@example.com");
	CHECK_STR(verdict_on("sk-ecdsa"), "accepted");
	CHECK_STR(verdict_on("sk-ed25519-other"), "bad-signature");
	CHECK_STR(verdict_on("sk-ecdsa-other"), "bad-signature");
	CHECK_STR(verdict_on("sk-ed25519-untouched"), "bad-signature");
	CHECK_HAS(judged.reason, "nobody touched");
	CHECK_STR(verdict_on("sk-ecdsa-untouched"), "bad-signature");
	CHECK_STR(verdict_on("by-sk-untouched"), "bad-signature");
	CHECK_HAS(judged.reason, "the authority of an SSH certificate");
}

static void certificates_that_do_not_count_are_refused_by_name(void)
{
	static const struct {
		const char *commit, *verdict, *reason;
	} refused[] = {
		{"stranger", "unknown-signer", "no cert-authority"},
		{"no-principal", "unknown-signer", "any principal"},
		{"other-principal", "unknown-signer", "line 1"},
		{"expired", "expired-key", "valid until 2025-02-01T00:00:00Z"},
		{"early", "not-yet-valid-key", "valid from 2025-07-01T00:00:00Z"},
		{"host", "unsupported-key", "for a host"},
		{"command", "unsupported-key", "critical option force-command"},
		{"by-rsa-sha1", "unsupported-key", "SHA-1"},
		{"by-cert", "unsupported-key", "sk-ssh-ed25519-cert-v01@openssh.com"},
		{"forged", "bad-signature", "not signed by the authority"},
		{"altered", "bad-signature", "not signed by the authority"},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		CHECK_STR(verdict_on(refused[i].commit), refused[i].verdict);
		CHECK_HAS(judged.reason, refused[i].reason);
		CHECK_HAS(judged.fingerprint, "SHA256:");
	}
}

static void a_name_in_a_certificate_that_nobody_signed_is_not_told(void)
{
	CHECK_STR(verdict_on("altered"), "bad-signature");
	CHECK_STR(judged.signer, "");
	CHECK_STR(verdict_on("stranger"), "unknown-signer");
	CHECK_STR(judged.signer, "");
}

static void extensions_are_ignored_and_any_principal_may_be_the_one(void)
{
	CHECK_STR(verdict_on("extension"), "accepted");
	CHECK_STR(verdict_on("second-principal"), "accepted");
	CHECK_STR(judged.signer, "bob@example.com");
}

static void a_certified_key_is_not_its_own_authority(void)
{
	static struct signers alone;
	struct signers *all = &signers;
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_KIB);
	struct slice key = load_ssh("ed25519.pub");

	CHECK_OK(lp_buf_printf(&text, &err, "a %.*sb cert-authority %.*s", (int)key.len,
			       (const char *)key.data, (int)key.len, (const char *)key.data));
	CHECK_OK(lp_signers_parse(LP_SLICE_OF(&text), "alone", &alone, &err));
	policy.signers = &alone;
	const char *certified = verdict_on("plain"), *plain = verdict_on("plain-key");
	policy.signers = all;
	lp_signers_free(&alone);
	CHECK_STR(certified, "unknown-signer");
	CHECK_STR(plain, "accepted");
}

/* The verdict on "dated" where so much time has passed for certain. */
static const char *dated_at(enum signature_place place, int64_t floor_s)
{
	static struct signature s;
	struct commit commit;
	struct slice object = load_ssh("commit-dated");

	policy.floor_s = floor_s;
	CHECK_OK(lp_commit_parse(object.data, object.len, &commit, &err));
	enum lp_code code = lp_signature_judge(&policy, &commit, place, &s, &err);
	policy.floor_s = 0;
	CHECK(code == LP_OK);
	if (s.verdict == VERDICT_EXPIRED_KEY)
		CHECK_HAS(s.reason, "whatever date the commit bears");
	return lp_verdict_name(s.verdict);
}

static void an_expired_certificate_cannot_be_backdated_at_the_tip(void)
{
	CHECK_STR(dated_at(SIGNATURE_OF_TIP, 0), "accepted");
	CHECK_STR(dated_at(SIGNATURE_OF_TIP, JULY_S - 1), "accepted");
	CHECK_STR(dated_at(SIGNATURE_OF_TIP, JULY_S), "expired-key");
	CHECK_STR(dated_at(SIGNATURE_BELOW, JULY_S), "accepted");
}

static void a_short_rsa_authority_is_unsupported(void)
{
	CHECK_STR(verdict_on("by-rsa2048"), "accepted");
	policy.rsa_bits = 3072;
	const char *verdict_2048 = verdict_on("by-rsa2048"), *verdict_3072 = verdict_on("by-rsa");
	policy.rsa_bits = 0;
	CHECK_STR(verdict_2048, "unsupported-key");
	CHECK_STR(verdict_3072, "accepted");
}

static void the_fields_of_a_certificate_are_read(void)
{
	struct ssh_reader left;
	struct slice name;

	CHECK_OK(parse(load_ssh("cert-plain")));
	CHECK(cert.serial == 7 && lp_slice_is(cert.key_id, "ann's") && cert.critical.len == 0);
	CHECK(cert.valid_after_s == 0 && cert.valid_before_s == UINT64_MAX);
	CHECK(lp_slice_is(cert.subject.name, "ssh-ed25519") && cert.subject.blob.len == 51);
	left = LP_SSH_READER(cert.principals);
	CHECK(lp_ssh_cert_principal(&left, &name) && lp_slice_is(name, "ann@example.com"));
	CHECK(!lp_ssh_cert_principal(&left, &name));
	CHECK_OK(lp_ssh_cert_usable(&cert, &err));
	CHECK(lp_ssh_cert_verify(&cert));
	CHECK_OK(parse(load_ssh("cert-dated")));
	CHECK(cert.valid_after_s == 1748736000 && cert.valid_before_s == JULY_S);
	CHECK_OK(parse(load_ssh("cert-command")));
	CHECK(lp_slice_is(cert.critical, "force-command"));
}

static void certificates_are_read_to_the_byte(void)
{
	static const char *const names[] = {
		"cert-plain",       "cert-of-ecdsa256", "cert-of-rsa3072", "cert-of-sk-ed25519",
		"cert-of-sk-ecdsa", "cert-by-rsa",      "cert-by-sk",      "cert-command"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct slice blob = load_ssh(names[i]);

		CHECK_OK(parse(blob));
		CHECK(parse(insert(blob, blob.len, "x")) == LP_REJECTED);
		for (size_t n = 0; n < blob.len; n++)
			CHECK(parse(copy_of(blob.data, n)) == LP_REJECTED);
	}
	CHECK(verdict != VERDICT_ACCEPTED);
}

static void no_flipped_bit_leaves_a_certificate_good(void)
{
	struct slice blob = load_ssh("cert-of-sk-ecdsa");
	uint8_t *bytes = keep(blob.len);
	unsigned read = 0;

	memcpy(bytes, blob.data, blob.len);
	for (size_t bit = 0; bit < blob.len * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (parse((struct slice){bytes, blob.len}) == LP_OK) {
			CHECK(!lp_ssh_cert_verify(&cert));
			read++;
		}
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	CHECK(read > 1000); /* so that verification was asked */
	CHECK_OK(parse((struct slice){bytes, blob.len}));
	CHECK(lp_ssh_cert_verify(&cert));
}

/* A certificate with n principals; its signature does not fit. */
static struct slice with_principals(struct slice blob, unsigned n)
{
	uint8_t *names = keep(4 + (size_t)n * 5), *at = names;
	uint32_t bytes = n * 5;

	CHECK_OK(parse(blob));
	size_t where_s = (size_t)(cert.principals.data - blob.data) - 4;
	for (int shift = 24; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(bytes >> shift);
	for (unsigned i = 0; i < n; i++)
		at = lp_ssh_put_string(at, LP_SLICE("a"));
	return splice(blob, where_s, cert.principals.len + 4, (struct slice){names, bytes + 4});
}

static void the_limits_of_a_certificate_hold(void)
{
	struct slice blob = load_ssh("cert-plain");

	CHECK_OK(parse(with_principals(blob, LP_CERT_PRINCIPALS)));
	CHECK_CODE(parse(with_principals(blob, LP_CERT_PRINCIPALS + 1)), LP_REJECTED,
		   "more than 256 principals");
	CHECK(verdict == VERDICT_MALFORMED);
}

/* A copy of the certificate with a NUL where a letter of its text was. */
static void texts_with_a_nul_are_malformed(void)
{
	struct slice blob = load_ssh("cert-plain");

	CHECK(parse(splice(blob, where(blob, "ann's"), 1, LP_SLICE("\0"))) == LP_REJECTED);
	CHECK(parse(splice(blob, where(blob, "ann@"), 1, LP_SLICE("\0"))) == LP_REJECTED);
	blob = load_ssh("cert-of-sk-ed25519");
	CHECK(parse(splice(blob, where(blob, "ssh:") + 3, 1, LP_SLICE("\0"))) == LP_REJECTED);
	CHECK(verdict == VERDICT_MALFORMED);
}

static void principals_that_ssh_keygen_cannot_hand_back_are_nobody(void)
{
	struct slice blob = load_ssh("cert-plain"), principal;
	const struct signer *line;
	size_t at = where(blob, "ann@");

	CHECK_OK(parse(blob));
	CHECK(lp_signers_find_cert(&signers, &cert, "git", COMMITTED_S, &line, &principal) ==
	      VERDICT_ACCEPTED);
	CHECK(line->line == 1 && lp_slice_is(principal, "ann@example.com"));
	CHECK_OK(parse(splice(blob, at, 1, LP_SLICE(","))));
	CHECK(lp_signers_find_cert(&signers, &cert, "git", COMMITTED_S, &line, &principal) ==
	      VERDICT_UNKNOWN_SIGNER);
	CHECK(line->line == 1 && principal.len == 0);
	CHECK_OK(parse(splice(blob, at, 1, LP_SLICE("\n"))));
	CHECK(lp_signers_find_cert(&signers, &cert, "git", COMMITTED_S, &line, &principal) ==
	      VERDICT_UNKNOWN_SIGNER);
}

int main(void)
{
	TEST(load_authorities);
	TEST(a_certificate_of_every_key_type_is_accepted);
	TEST(an_authority_of_every_key_type_is_accepted);
	TEST(the_key_that_signed_is_told_and_not_its_certificate);
	TEST(security_keys_sign_when_they_are_touched);
	TEST(certificates_that_do_not_count_are_refused_by_name);
	TEST(a_name_in_a_certificate_that_nobody_signed_is_not_told);
	TEST(extensions_are_ignored_and_any_principal_may_be_the_one);
	TEST(a_certified_key_is_not_its_own_authority);
	TEST(an_expired_certificate_cannot_be_backdated_at_the_tip);
	TEST(a_short_rsa_authority_is_unsupported);
	TEST(the_fields_of_a_certificate_are_read);
	TEST(certificates_are_read_to_the_byte);
	TEST(no_flipped_bit_leaves_a_certificate_good);
	TEST(the_limits_of_a_certificate_hold);
	TEST(texts_with_a_nul_are_malformed);
	TEST(principals_that_ssh_keygen_cannot_hand_back_are_nobody);
	lp_ssh_cert_free(&cert);
	lp_signers_free(&signers);
	return check_report();
}

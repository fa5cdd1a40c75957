/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of data_ssh/ (see make-ssh-fixtures) against the certificate cert-plain and its key. */
#include "agent/trust/revocation.h"
#include "tests/unit/trust/fixture.h"

static struct revocation list;
static struct ssh_cert cert;
static const char *what;

static struct slice load_ssh(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "../data_ssh/%s", name);
	return load(path);
}

static void load_certificate(void)
{
	enum verdict verdict;

	CHECK_OK(lp_crypto_init(&err));
	CHECK_OK(lp_ssh_cert_parse(load_ssh("cert-plain"), &cert, &verdict, &err));
	CHECK_OK(lp_signers_load(TEST_DATA "/data_ssh/signers", &signers, &err));
}

static enum lp_code parse(struct slice content)
{
	lp_revocation_free(&list);
	return lp_revocation_parse(content, "list", &list, &err);
}

static enum lp_code parse_text(const char *text)
{
	return parse(copy_of(text, strlen(text)));
}

static bool has_cert(void)
{
	return lp_revocation_has(&list, &cert.subject, &cert, &what);
}

static bool has_key(void)
{
	return lp_revocation_has(&list, &cert.subject, NULL, &what);
}

static void a_krl_revokes_what_it_revokes_for_openssh(void)
{
	static const struct {
		const char *file;
		bool revokes_cert, revokes_key;
		const char *what;
	} lists[] = {
		{"serial", true, false, "serial number"},
		{"serial-other", false, false, ""},
		{"range", true, false, "serial number"},
		{"range-any", true, false, "serial number"},
		{"range-stranger", false, false, ""},
		{"bitmap", true, false, "serial number"},
		{"bitmap-other", false, false, ""},
		{"high", false, false, ""},
		{"id", true, false, "key id"},
		{"id-any", true, false, "key id"},
		{"id-other", false, false, ""},
		{"key", true, true, "key"},
		{"sha1", true, true, "key"},
		{"sha256", true, true, "key"},
		{"ca", true, false, "authority"},
		{"other", false, false, ""},
		{"empty", false, false, ""},
	};
	char name[64];

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		snprintf(name, sizeof(name), "krl-%s", lists[i].file);
		CHECK_OK(parse(load_ssh(name)));
		CHECK(has_key() == lists[i].revokes_key);
		CHECK(has_cert() == lists[i].revokes_cert);
		CHECK_HAS(what, lists[i].what);
	}
}

static void a_certificate_without_a_serial_number_is_revoked_by_none(void)
{
	uint64_t serial = cert.serial;

	CHECK_OK(parse(load_ssh("krl-range-any")));
	cert.serial = 0;
	bool none = has_cert();
	cert.serial = 5;
	bool first = has_cert();
	cert.serial = 9001;
	bool above = has_cert();
	cert.serial = serial;
	CHECK(!none && first && !above);
}

static void the_highest_serial_numbers_are_read(void)
{
	uint64_t serial = cert.serial;
	unsigned revoked = 0;

	CHECK_OK(parse(load_ssh("krl-high")));
	for (int i = 0; i < 16; i++) {
		cert.serial = UINT64_MAX - (unsigned)i;
		revoked |= (unsigned)has_cert() << i;
	}
	cert.serial = serial;
	CHECK(revoked == (1u << 0 | 1u << 2 | 1u << 8));
}

/* The KRL that has nothing in it, and a section after that. */
static enum lp_code parse_section(uint8_t type, struct slice section)
{
	struct slice start = load_ssh("krl-empty");
	uint8_t *bytes = keep(start.len + 5 + section.len);

	memcpy(bytes, start.data, start.len);
	bytes[start.len] = type;
	lp_ssh_put_string(bytes + start.len + 1, section);
	return parse((struct slice){bytes, start.len + 5 + section.len});
}

/* As parse_section, of a part about the certificates of all authorities. */
static enum lp_code parse_part(uint8_t type, struct slice part)
{
	uint8_t bytes[256] = {[8] = type};
	const uint8_t *end = lp_ssh_put_string(bytes + 9, part);

	return parse_section(1, (struct slice){bytes, (size_t)(end - bytes)});
}

static void what_is_not_known_refuses_the_list(void)
{
	CHECK_CODE(parse_section(6, LP_SLICE("")), LP_CONFIG, "a kind that is not known");
	CHECK_CODE(parse_section(4, LP_SLICE("")), LP_CONFIG, "a signature in it");
	CHECK_CODE(parse_part(0x24, LP_SLICE("")), LP_CONFIG, "a kind that is not known");
	CHECK_CODE(parse_section(255, LP_SLICE("\0\0\0\1x\1\0\0\0\0")), LP_CONFIG, "critical");
	CHECK_CODE(parse_part(0x39, LP_SLICE("\0\0\0\1x\1\0\0\0\0")), LP_CONFIG, "critical");
	CHECK(list.krl.len == 0);
	CHECK_OK(parse_section(255, LP_SLICE("\0\0\0\1x\0\0\0\0\0")));
	CHECK_OK(parse_part(0x39, LP_SLICE("\0\0\0\1x\0\0\0\0\0")));
	CHECK(list.krl.len != 0);
}

static void a_malformed_section_refuses_the_list(void)
{
	CHECK_CODE(parse_section(3, LP_SLICE("\0\0\0\1x")), LP_CONFIG, "an entry of its keys");
	CHECK_CODE(parse_section(5, LP_SLICE("\0\0\0\1x")), LP_CONFIG, "an entry of its keys");
	CHECK_CODE(parse_section(2, LP_SLICE("\0\0\0\0")), LP_CONFIG, "an entry of its keys");
	CHECK_CODE(parse_section(1, LP_SLICE("\0\0\0\1x\0\0\0\0")), LP_CONFIG, "authority");
	CHECK_CODE(parse_section(1, LP_SLICE("\0\0\0")), LP_CONFIG, "authority");
	CHECK_CODE(parse_section(255, LP_SLICE("\0\0\0\1x\0\0\0\0\0x")), LP_CONFIG,
		   "bytes after an extension");
}

#define U64(last) "\0\0\0\0\0\0\0" last
#define U64_MAX   "\xff\xff\xff\xff\xff\xff\xff\xff"

static void serial_numbers_that_are_none_refuse_the_list(void)
{
	CHECK_OK(parse_part(0x20, LP_SLICE(U64("\1") U64_MAX)));
	CHECK_CODE(parse_part(0x20, LP_SLICE(U64("\0"))), LP_CONFIG, "serial numbers");
	CHECK_CODE(parse_part(0x20, LP_SLICE("\0\0\0\0\0\0\1")), LP_CONFIG, "serial numbers");
	CHECK_OK(parse_part(0x21, LP_SLICE(U64("\1") U64("\1"))));
	CHECK_CODE(parse_part(0x21, LP_SLICE(U64("\2") U64("\1"))), LP_CONFIG, "a range");
	CHECK_CODE(parse_part(0x21, LP_SLICE(U64("\0") U64("\1"))), LP_CONFIG, "a range");
	CHECK_CODE(parse_part(0x21, LP_SLICE(U64("\1") U64("\1") "x")), LP_CONFIG, "bytes after");
	CHECK_OK(parse_part(0x22, LP_SLICE(U64("\0") "\0\0\0\1\2")));
	CHECK_CODE(parse_part(0x22, LP_SLICE(U64("\0") "\0\0\0\1\3")), LP_CONFIG, "none");
	CHECK_OK(parse_part(0x22, LP_SLICE(U64_MAX "\0\0\0\2\0\1")));
	CHECK_CODE(parse_part(0x22, LP_SLICE(U64_MAX "\0\0\0\1\2")), LP_CONFIG, "none");
	CHECK_CODE(parse_part(0x22, LP_SLICE(U64("\1") "\0\0\0\1\x80")), LP_CONFIG, "negative");
	CHECK_CODE(parse_part(0x23, LP_SLICE("\0\0\0\2a\0")), LP_CONFIG, "key ids");
}

static void a_header_that_is_not_known_refuses_the_list(void)
{
	struct slice good = load_ssh("krl-serial");

	CHECK_CODE(parse(splice(good, 11, 1, LP_SLICE("\2"))), LP_CONFIG, "version");
	CHECK_CODE(parse(splice(good, 35, 1, LP_SLICE("\1"))), LP_CONFIG, "flags");
	CHECK_CODE(parse(splice(good, 3, 1, LP_SLICE("X"))), LP_CONFIG, "expected a public key");
}

static void a_comment_is_text_as_for_openssh(void)
{
	struct slice good = load_ssh("krl-serial");

	CHECK_OK(parse(splice(good, 40, 4, LP_SLICE("\0\0\0\2xy"))));
	CHECK_CODE(parse(splice(good, 40, 4, LP_SLICE("\0\0\0\2\0y"))), LP_CONFIG, "header");
}

static void a_krl_that_is_cut_is_refused_or_ends_with_a_section(void)
{
	struct slice good = load_ssh("krl-id");
	unsigned read = 0;

	for (size_t n = 0; n < good.len; n++) {
		enum lp_code code = parse(copy_of(good.data, n));

		CHECK(code == LP_OK || code == LP_CONFIG);
		read += code == LP_OK;
	}
	CHECK(read == 1); /* where its only section would begin */
}

static void a_list_of_keys_revokes_them_and_what_they_certified(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_KIB);
	struct slice key = load_ssh("ed25519.pub"), ca = load_ssh("ca-ed25519.pub");

	CHECK_OK(lp_buf_printf(&text, &err, "# lost\r\n\n \t%.*s ann's laptop\r\n",
			       (int)key.len - 1, (const char *)key.data));
	CHECK_OK(parse(LP_SLICE_OF(&text)));
	CHECK(has_key() && has_cert());
	CHECK_STR(what, "key");
	CHECK_OK(parse(ca));
	CHECK(!has_key() && has_cert());
	CHECK_HAS(what, "authority");
	CHECK_OK(parse(load_ssh("ecdsa256.pub")));
	CHECK(!has_key() && !has_cert());
	CHECK_OK(parse_text("# nothing\n"));
	CHECK(!has_key() && !has_cert());
}

static void a_line_that_is_no_key_refuses_the_list_with_its_number(void)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"#\nserial: 7\n", "list:2: expected a public key"},
		{"ssh-ed25519\n", "list:1: expected a public key"},
		{"ssh-ed25519 AAAA\n", "list:1: not an SSH public key"},
		{"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n",
		 "list:1: the key is not of the type it says"},
		{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9\n",
		 "list:1: a malformed ssh-ed25519 key"},
		{"#\n#\n\x01\n", "list:3: a control character"},
		{"", "list: empty"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_CODE(parse_text(bad[i].text), LP_CONFIG, bad[i].message);
		CHECK(list.keys.len == 0 && list.krl.len == 0);
	}
}

static void the_limits_of_a_list_hold(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(2 * LP_MIB);

	CHECK_OK(lp_buf_printf(&text, &err, "#%0*d\n", (int)LP_REVOKED_LINE - 1, 0));
	CHECK_OK(parse(LP_SLICE_OF(&text)));
	text.data[text.len - 1] = '0';
	CHECK_CODE(parse(LP_SLICE_OF(&text)), LP_LIMIT, "list:1: a line of more than");
	text.data[text.len - 1] = '\n';
	while (text.len < LP_REVOKED_BYTES)
		CHECK_OK(lp_buf_byte(&text, '\n', &err));
	CHECK_OK(parse(LP_SLICE_OF(&text)));
	CHECK_OK(lp_buf_byte(&text, '\n', &err));
	CHECK_CODE(parse(LP_SLICE_OF(&text)), LP_LIMIT, "list: more than");
}

static void a_file_that_is_not_there_is_said_so(void)
{
	lp_revocation_free(&list);
	CHECK_CODE(lp_revocation_load("/nonexistent/revoked", &list, &err), LP_NOT_FOUND,
		   "/nonexistent/revoked");
	CHECK(!lp_revocation_has(NULL, &cert.subject, &cert, &what));
}

/* The verdict on a commit of data_ssh/ when a list of data_ssh/ holds. */
static const char *verdict_by(const char *revoked, const char *commit)
{
	CHECK_OK(parse(load_ssh(revoked)));
	policy.revoked = &list;
	const char *verdict = verdict_of(load_ssh(commit));
	policy.revoked = NULL;
	return verdict;
}

static void a_revoked_key_does_not_count_whatever_the_dates(void)
{
	CHECK_STR(verdict_by("krl-other", "commit-plain"), "accepted");
	CHECK_STR(verdict_by("krl-serial", "commit-plain"), "revoked-key");
	CHECK_HAS(judged.reason, "the certificate, by its serial number was revoked");
	CHECK_STR(judged.signer, "ann@example.com");
	CHECK_STR(verdict_by("krl-serial", "commit-plain-key"), "accepted");
	CHECK_STR(verdict_by("krl-key", "commit-plain-key"), "revoked-key");
	CHECK_STR(verdict_by("krl-sha256", "commit-expired"), "revoked-key");
	CHECK_STR(verdict_by("krl-ca", "commit-early"), "revoked-key");
	CHECK_STR(verdict_by("ca-ed25519.pub", "commit-plain"), "revoked-key");
	CHECK_STR(verdict_by("krl-key", "commit-stranger"), "unknown-signer");
}

static void a_refusal_is_remembered_with_the_list_it_was_judged_by(void)
{
	uint8_t none[LP_SHA256_BYTES], first[LP_SHA256_BYTES], second[LP_SHA256_BYTES];

	lp_trust_digest(&policy, NULL, "1", none);
	CHECK_OK(parse(load_ssh("krl-serial")));
	policy.revoked = &list;
	lp_trust_digest(&policy, NULL, "1", first);
	CHECK_OK(parse(load_ssh("krl-id")));
	lp_trust_digest(&policy, NULL, "1", second);
	policy.revoked = NULL;
	CHECK(memcmp(none, first, sizeof(none)) != 0 && memcmp(first, second, sizeof(first)) != 0);
}

int main(void)
{
	TEST(load_certificate);
	TEST(a_krl_revokes_what_it_revokes_for_openssh);
	TEST(a_certificate_without_a_serial_number_is_revoked_by_none);
	TEST(the_highest_serial_numbers_are_read);
	TEST(what_is_not_known_refuses_the_list);
	TEST(a_malformed_section_refuses_the_list);
	TEST(serial_numbers_that_are_none_refuse_the_list);
	TEST(a_header_that_is_not_known_refuses_the_list);
	TEST(a_comment_is_text_as_for_openssh);
	TEST(a_krl_that_is_cut_is_refused_or_ends_with_a_section);
	TEST(a_list_of_keys_revokes_them_and_what_they_certified);
	TEST(a_line_that_is_no_key_refuses_the_list_with_its_number);
	TEST(the_limits_of_a_list_hold);
	TEST(a_file_that_is_not_there_is_said_so);
	TEST(a_revoked_key_does_not_count_whatever_the_dates);
	TEST(a_refusal_is_remembered_with_the_list_it_was_judged_by);
	lp_revocation_free(&list);
	lp_ssh_cert_free(&cert);
	lp_signers_free(&signers);
	return check_report();
}

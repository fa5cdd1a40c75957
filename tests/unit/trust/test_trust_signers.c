/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/trust/fixture.h"

static struct signers set;
static char key[128]; /* "ssh-ed25519 AAAA..." */

static void read_keys(void)
{
	CHECK_OK(lp_crypto_init(&err));
	struct slice a = load("ed25519.pub");

	snprintf(key, sizeof(key), "%.*s", (int)a.len - 1, (const char *)a.data);
}

/* Parses a file in which %K stands for the key. */
static enum lp_code parse(const char *format)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);

	lp_signers_free(&set);
	for (const char *at = format; *at; at++) {
		bool is_key = at[0] == '%' && at[1] == 'K';
		CHECK_OK(lp_buf_append(&text, is_key ? key : at, is_key ? strlen(key) : 1, &err));
		at += is_key;
	}
	return lp_signers_parse(LP_SLICE_OF(&text), "signers", &set, &err);
}

/* The verdict's name for the key at a time; the line is in *line. */
static const struct signer *line;
static const char *find_at(const char *name_space, int64_t time_s)
{
	return lp_verdict_name(lp_signers_find(&set, &set.list[0].key, name_space, time_s, &line));
}

static const char *find_git(void)
{
	return find_at("git", 1750000000);
}

static void a_plain_line_lets_its_key_sign(void)
{
	char who[LP_SIGNER_TEXT];

	CHECK_OK(parse("ann@example.com %K a comment \"with quotes\n"));
	CHECK(set.len == 1);
	CHECK_STR(find_git(), "accepted");
	CHECK_STR(lp_signer_principal(line, who), "ann@example.com");
}

static void comments_blank_lines_tabs_and_line_ends_are_as_in_openssh(void)
{
	CHECK_OK(parse("# a comment\n\n   \t\n \t ann \t %K\r\n#%K\n  bob namespaces=\"git\"\t%K"));
	CHECK(set.len == 2);
	CHECK(set.list[0].line == 4 && set.list[1].line == 6);
}

static void a_key_that_no_line_names_is_unknown(void)
{
	struct ssh_key stranger = {.blob = LP_SLICE("x")};

	CHECK_OK(parse("ann %K\n"));
	CHECK(lp_signers_find(&set, &stranger, "git", 0, &line) == VERDICT_UNKNOWN_SIGNER);
	CHECK(line == NULL);
}

static void namespaces_are_a_pattern_list(void)
{
	CHECK_OK(parse("ann namespaces=\"file,g?t\" %K\n"));
	CHECK_STR(find_git(), "accepted");
	CHECK_OK(parse("ann NameSpaces=\"file\" %K\n"));
	CHECK_STR(find_git(), "unknown-signer");
	CHECK(line == &set.list[0]);
	CHECK_OK(parse("ann namespaces=\"*,!git\" %K\n"));
	CHECK_STR(find_git(), "unknown-signer");
	CHECK_OK(parse("ann namespaces=\"file\" %K\nann namespaces=\"git\" %K\n"));
	CHECK_STR(find_git(), "accepted");
	CHECK(line->line == 2);
}

static void a_key_is_valid_from_second_to_second(void)
{
	/* 2025-06-15T15:06:40Z is 1750000000 */
	CHECK_OK(parse("ann valid-after=\"20250615150640Z\",valid-before=\"20250615150650Z\" %K"));
	CHECK_STR(find_at("git", 1749999999), "not-yet-valid-key");
	CHECK(line == &set.list[0]);
	CHECK_STR(find_at("git", 1750000000), "accepted");
	CHECK_STR(find_at("git", 1750000010), "accepted");
	CHECK_STR(find_at("git", 1750000011), "expired-key");
	CHECK_OK(parse("ann valid-before=\"20250616Z\" %K"));
	CHECK(set.list[0].valid_before_s == 1750032000);
	CHECK_OK(parse("ann valid-before=\"202506161230Z\" %K"));
	CHECK(set.list[0].valid_before_s == 1750077000);
}

/* git then asks ssh-keygen for now, which is past every limit that a device could know of. */
static void a_commit_without_a_date_is_signed_by_no_key_that_ends(void)
{
	CHECK_OK(parse("ann valid-before=\"20250616Z\" %K"));
	CHECK_STR(find_at("git", 0), "expired-key");
	CHECK_STR(find_at("git", 1), "accepted");
	CHECK_OK(parse("ann valid-after=\"20250616Z\" %K"));
	CHECK_STR(find_at("git", 0), "not-yet-valid-key");
	CHECK_OK(parse("ann %K"));
	CHECK_STR(find_at("git", 0), "accepted");
}

static void one_line_that_allows_is_enough(void)
{
	CHECK_OK(parse("ann valid-before=\"20200101Z\" %K\nbob %K\n"));
	CHECK_STR(find_git(), "accepted");
	CHECK(line->line == 2);
	CHECK_OK(parse("ann %K\nbob %K\n"));
	CHECK_STR(find_git(), "accepted");
	CHECK(line->line == 1);
	CHECK_OK(parse("ann namespaces=\"file\" %K\nbob valid-before=\"20200101Z\" %K\n"));
	CHECK_STR(find_git(), "expired-key");
	CHECK(line->line == 2);
}

static void times_without_z_or_off_the_calendar_refuse_the_file(void)
{
	static const char *const bad[] = {
		"20250615",   "2025061512Z",     "20250632Z",       "20250229Z", "20251301Z",
		"20250600Z",  "202506152460Z",   "202506152400Z",   "",          "Z",
		"2025-06-15", "20250615150660Z", "20250615150640z", "19700101Z", "-20250615Z",
	};
	char text[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "# x\nann valid-before=\"%s\" %%K\n", bad[i]);
		CHECK_CODE(parse(text), LP_CONFIG, "signers:2: valid-before=");
		CHECK(set.len == 0 && set.list == NULL);
	}
	CHECK_CODE(parse("a valid-after=\"20250102Z\",valid-before=\"20250101Z\" %K"), LP_CONFIG,
		   "signers:1: valid-before is not after valid-after");
}

static void lines_that_cannot_be_read_refuse_the_file_with_their_number(void)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{"ann %K\nann\n", "signers:2: expected a key type"},
		{"ann ssh-ed25519\n", "signers:1: expected a key in base64"},
		{"ann ssh-ed25519 AAAA\n", "not an SSH public key"},
		{"ann ssh-ed25519 !!!!\n", "not a key in base64"},
		{"ann ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n",
		 "not of the type it says"},
		{"ann ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9\n",
		 "a malformed ssh-ed25519 key"},
		{"ann nonsense=\"x\" %K", "unknown option \"nonsense\""},
		{"ann no-touch %K", "after no-touch: not a key in base64"},
		{"ann namespaces=git %K", "double quotes"},
		{"ann namespaces=\"git %K", "not closed"},
		{"ann namespaces=\"\" %K", "empty"},
		{"ann namespaces=\"git\"x %K", "expected a comma or a space"},
		{"ann namespaces=\"git\", %K", "expected an option"},
		{"ann namespaces=\"git\",namespaces=\"git\" %K", "second time"},
		{"ann valid-after=\"20250101Z\",valid-after=\"20250101Z\" %K", "second time"},
		{"ann cert-authority,cert-authority %K", "second time"},
		{"\"ann %K", "a quote that is not closed"},
		{"an\"n\" %K", "a quote inside a word"},
		{"\"\" %K", "expected a principal"},
		{",ann %K", "an empty name"},
		{"ann,,bob %K", "an empty name"},
		{"ann, %K", "an empty name"},
		{"ann %K\x01\n", "a control character"},
		{"", "no key in it"},
		{"# nothing\n", "no key in it"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_CODE(parse(bad[i].text), LP_CONFIG, bad[i].message);
		CHECK(set.len == 0);
	}
}

static void a_nul_in_the_file_refuses_it(void)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "ann %s\nbob", key);

	lp_signers_free(&set);
	CHECK_CODE(
		lp_signers_parse((struct slice){(uint8_t *)text, (size_t)n + 1}, "f", &set, &err),
		LP_CONFIG, "f:2: a control character");
}

static void quoted_principals_and_escaped_quotes_are_read(void)
{
	char who[LP_SIGNER_TEXT];

	CHECK_OK(parse("\"ann lee,bob\" namespaces=\"a\\\"b,git\" %K\n"));
	CHECK_STR(set.list[0].namespaces, "a\"b,git");
	CHECK_STR(find_git(), "accepted");
	CHECK_STR(lp_signer_principal(line, who), "ann lee");
	CHECK_OK(parse("!eve,*@example.com %K\n"));
	CHECK_STR(lp_signer_principal(&set.list[0], who), "*@example.com");
}

static void a_long_principal_is_cut(void)
{
	char line_text[2 * LP_SIGNER_TEXT], who[LP_SIGNER_TEXT];

	for (int n = LP_SIGNER_TEXT - 1; n <= LP_SIGNER_TEXT; n++) {
		snprintf(line_text, sizeof(line_text), "a%0*d %%K\n", n - 1, 0);
		CHECK_OK(parse(line_text));
		CHECK(strlen(set.list[0].principals) == (size_t)n);
		CHECK(strlen(lp_signer_principal(&set.list[0], who)) == LP_SIGNER_TEXT - 1);
	}
}

static void an_authority_for_certificates_does_not_sign_by_itself(void)
{
	CHECK_OK(parse("ann cert-authority %K\n"));
	CHECK_STR(find_git(), "unsupported-key");
	CHECK_OK(parse("ann CERT-AUTHORITY,namespaces=\"git\" %K\nbob %K\n"));
	CHECK_STR(find_git(), "accepted");
	CHECK(line->line == 2);
}

static void lines_of_key_types_that_are_not_verified_are_kept(void)
{
	CHECK_OK(parse("ann ssh-mldsa44-ed25519@openssh.com "
		       "AAAAH3NzaC1tbGRzYTQ0LWVkMjU1MTlAb3BlbnNzaC5jb20=\n"));
	CHECK(set.len == 1 && set.list[0].key.type == SSH_KEY_UNSUPPORTED);
}

static void a_line_whose_principals_are_nobody_lets_nobody_sign(void)
{
	CHECK_CODE(parse("!ann %K\n"), LP_CONFIG, "nobody could sign");
	CHECK_CODE(parse("ann,!an* %K\n"), LP_CONFIG, "nobody could sign");
	CHECK_OK(parse("!ann %K\nann,bob,!bob* %K\n"));
	CHECK_STR(find_git(), "unknown-signer");
	CHECK_OK(parse("ann,bob,!bob* %K\n"));
	CHECK_STR(find_git(), "accepted");
}

/* ssh-keygen tells git the names of that line alone, and git asks it about those. */
static void the_names_of_a_key_are_those_of_its_first_valid_line(void)
{
	CHECK_OK(parse("ann namespaces=\"file\" %K\nbob %K\n"));
	CHECK_STR(find_git(), "unknown-signer");
	CHECK_OK(parse("ann namespaces=\"file\" %K\nann %K\n"));
	CHECK_STR(find_git(), "accepted");
	CHECK(line->line == 2);
	CHECK_OK(parse("ann,bob namespaces=\"file\" %K\neve %K\nb*,x %K\n"));
	CHECK_STR(find_git(), "accepted");
	CHECK(line->line == 3);
	CHECK_OK(parse("ann namespaces=\"file\",valid-before=\"20200101Z\" %K\nbob %K\n"));
	CHECK_STR(find_git(), "accepted");
	CHECK(line->line == 2);
}

static void patterns_match_as_in_openssh(void)
{
	CHECK(lp_pattern_list_match("git", "git"));
	CHECK(!lp_pattern_list_match("git", "gitx"));
	CHECK(!lp_pattern_list_match("", "git"));
	CHECK(lp_pattern_list_match("*", ""));
	CHECK(lp_pattern_list_match("a*b*c", "a-b-b-c"));
	CHECK(!lp_pattern_list_match("a*b*c", "a-c-b"));
	CHECK(!lp_pattern_list_match("?", ""));
	CHECK(lp_pattern_list_match("x,g??", "git"));
	CHECK(!lp_pattern_list_match("!git,*", "git"));
	CHECK(!lp_pattern_list_match("!x", "git"));
	CHECK(lp_pattern_list_match("!x,*", "git"));
	/* in time that is no power of the pattern's length */
	CHECK(!lp_pattern_list_match("*a*a*a*a*a*a*a*a*a*a*a*a*b",
				     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void the_limits_of_a_file_hold(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);

	for (unsigned i = 0; i < LP_SIGNERS_LINES; i++)
		CHECK_OK(lp_buf_printf(&text, &err, "ann %s\n", key));
	lp_signers_free(&set);
	CHECK_OK(lp_signers_parse(LP_SLICE_OF(&text), "f", &set, &err));
	CHECK(set.len == LP_SIGNERS_LINES);
	CHECK_OK(lp_buf_printf(&text, &err, "ann %s\n", key));
	lp_signers_free(&set);
	CHECK_CODE(lp_signers_parse(LP_SLICE_OF(&text), "f", &set, &err), LP_LIMIT, "f:1001:");

	lp_buf_clear(&text);
	CHECK_OK(lp_buf_printf(&text, &err, "ann %s %0*d\n", key,
			       (int)(LP_SIGNERS_LINE - strlen(key) - 5), 0));
	CHECK_OK(lp_signers_parse(LP_SLICE_OF(&text), "f", &set, &err));
	lp_signers_free(&set);
	text.data[text.len - 1] = '0';
	CHECK_CODE(lp_signers_parse(LP_SLICE_OF(&text), "f", &set, &err), LP_CONFIG, "f:1: a line");

	while (text.len <= LP_SIGNERS_BYTES)
		CHECK_OK(lp_buf_str(&text, "#\n", &err));
	CHECK_CODE(lp_signers_parse(LP_SLICE_OF(&text), "f", &set, &err), LP_LIMIT, "f: more than");
}

static void the_digest_is_of_the_whole_file(void)
{
	uint8_t before[LP_SHA256_BYTES];

	CHECK_OK(parse("ann %K\n"));
	memcpy(before, set.digest, sizeof(before));
	CHECK_OK(parse("ann %K\n#\n"));
	CHECK(memcmp(before, set.digest, sizeof(before)) != 0);
}

static void a_file_that_is_not_there_is_said_so(void)
{
	lp_signers_free(&set);
	CHECK_CODE(lp_signers_load("/nonexistent/signers", &set, &err), LP_NOT_FOUND,
		   "/nonexistent/signers");
}

int main(void)
{
	TEST(read_keys);
	TEST(a_plain_line_lets_its_key_sign);
	TEST(comments_blank_lines_tabs_and_line_ends_are_as_in_openssh);
	TEST(a_key_that_no_line_names_is_unknown);
	TEST(namespaces_are_a_pattern_list);
	TEST(a_key_is_valid_from_second_to_second);
	TEST(a_commit_without_a_date_is_signed_by_no_key_that_ends);
	TEST(one_line_that_allows_is_enough);
	TEST(times_without_z_or_off_the_calendar_refuse_the_file);
	TEST(lines_that_cannot_be_read_refuse_the_file_with_their_number);
	TEST(a_nul_in_the_file_refuses_it);
	TEST(quoted_principals_and_escaped_quotes_are_read);
	TEST(a_long_principal_is_cut);
	TEST(an_authority_for_certificates_does_not_sign_by_itself);
	TEST(lines_of_key_types_that_are_not_verified_are_kept);
	TEST(a_line_whose_principals_are_nobody_lets_nobody_sign);
	TEST(the_names_of_a_key_are_those_of_its_first_valid_line);
	TEST(patterns_match_as_in_openssh);
	TEST(the_limits_of_a_file_hold);
	TEST(the_digest_is_of_the_whole_file);
	TEST(a_file_that_is_not_there_is_said_so);
	lp_signers_free(&set);
	return check_report();
}

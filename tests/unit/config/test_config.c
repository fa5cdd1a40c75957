/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config.h"
#include "agent/config_keys.h"
#include "tests/unit/check.h"

#include <unistd.h>

static struct config config;
static struct buf problems;
static char path[] = "/tmp/limpet-config-XXXXXX";

/* Loads text as a file; the problems are in `problems`, with the file's name cut to "FILE". */
static enum lp_code load(const char *text)
{
	struct err write_err = {0};

	lp_buf_free(&problems);
	if (lp_file_write(path, text, strlen(text), 0600, &write_err) != LP_OK)
		return LP_INTERNAL;
	return lp_config_load(path, &config, &problems, &err);
}

#define SOURCE "sources:\n- url: https://git.example/fleet.git\n  trust: {signers: /etc/signers}\n"
#define GOOD   "site: berlin\n" SOURCE

static void a_short_file_gets_every_default(void)
{
	CHECK_OK(load(GOOD));
	CHECK_STR(config.site, "berlin");
	CHECK_STR(config.state_dir, "/var/lib/limpet");
	CHECK(config.source_count == 1);
	CHECK_STR(config.sources[0].name, "site");
	CHECK_STR(config.sources[0].branch, "site/berlin");
	CHECK_STR(config.sources[0].path, "");
	CHECK_STR(config.sources[0].ns, "default");
	CHECK(config.sources[0].poll_ms == 300000);
	CHECK(config.sources[0].trust.rsa_bits == 2048);
	CHECK(config.cluster.concurrency == 2);
	CHECK(config.cluster.reconcile_ms == 12 * 3600000);
	CHECK(config.drift == DRIFT_MODE_HEAL && config.sources[0].drift == DRIFT_MODE_INHERIT);
	CHECK(config.retention.bytes == 32 << 20);
	CHECK(config.log == LOG_LEVEL_INFO);
}

static void what_is_written_wins_over_the_default(void)
{
	CHECK_OK(load(GOOD "  poll: 1h30m\n  path: ./sites/berlin/\n  allowEmpty: true\n"
			   "groups: [retail, north]\nlog: debug\n"
			   "cluster: {concurrency: 8}\nretention: {bytes: 512MiB}\n"));
	CHECK(config.sources[0].poll_ms == 5400000);
	CHECK_STR(config.sources[0].path, "sites/berlin");
	CHECK(config.sources[0].allow_empty);
	CHECK(config.group_count == 2);
	CHECK_STR(config.groups[1], "north");
	CHECK(config.cluster.concurrency == 8);
	CHECK(config.retention.bytes == 512 << 20);
}

static void an_unknown_key_is_told_with_its_line_and_the_nearest_name(void)
{
	CHECK_CODE(load(GOOD "  polll: 10s\n"), LP_CONFIG, "1 error");
	CHECK_HAS(lp_buf_text(&problems),
		  ":5: sources[0].polll: unknown key; did you mean \"poll\"?");
}

static void all_errors_are_told_in_one_pass(void)
{
	CHECK_CODE(load("site: Berlin!\nlog: loud\nsources:\n- url: ftp://x\n  poll: soon\n"
			"cluster: {concurrency: 99}\nretention: 7\n"),
		   LP_CONFIG, "7 errors");
	CHECK_HAS(lp_buf_text(&problems), ":1: site: \"Berlin!\": expected a-z, 0-9 and - inside");
	CHECK_HAS(lp_buf_text(&problems),
		  ":2: log: \"loud\": expected one of error, warn, info, debug");
	CHECK_HAS(lp_buf_text(&problems), ":4: sources[0].url: \"ftp://x\": expected https://");
	CHECK_HAS(lp_buf_text(&problems), ":5: sources[0].poll: \"soon\" is not a duration");
	CHECK_HAS(lp_buf_text(&problems), ":4: sources[0].trust.signers: is missing");
	CHECK_HAS(lp_buf_text(&problems), "cluster.concurrency: expected a number between 1 and ");
	CHECK_HAS(lp_buf_text(&problems), ":7: retention: is an integer; expected keys and values");
}

static enum lp_code load_rsa_bits(int number)
{
	char file[256];

	snprintf(file, sizeof(file),
		 "site: berlin\nsources: [{url: 'https://git.example.com/x.git', trust: {signers: "
		 "/etc/signers, rsaBits: %d}}]\n",
		 number);
	return load(file);
}

static void rsa_keys_are_demanded_of_lengths_that_are_read_only(void)
{
	CHECK_OK(load_rsa_bits(LP_RSA_BITS_MIN));
	CHECK_OK(load_rsa_bits(LP_RSA_BITS_MAX));
	CHECK(config.sources[0].trust.rsa_bits == LP_RSA_BITS_MAX);
	CHECK_CODE(load_rsa_bits(LP_RSA_BITS_MIN - 1), LP_CONFIG, "1 error");
	CHECK_CODE(load_rsa_bits(LP_RSA_BITS_MAX + 1), LP_CONFIG, "1 error");
	CHECK_HAS(lp_buf_text(&problems), "rsaBits: expected a number between 2048 and 4096");
}

static void trust_is_strict_unless_it_is_told_otherwise(void)
{
#define TRUST "site: berlin\nsources: [{url: 'https://g/x', trust: {signers: /etc/signers"
	CHECK_OK(load(TRUST "}}]\n"));
	const struct trust_config *trust = &config.sources[0].trust;
	CHECK(trust->history == TRUST_HISTORY_EVERY && trust->commits == LP_ANCESTRY_COMMITS);
	CHECK(trust->binding == TRUST_BINDING_OPTIONAL && !*trust->repo);
	CHECK_OK(load(TRUST ", history: tip, binding: required, commits: 5, repo: "
			    "6f1c0000000000000000000000000000}}]\n"));
	CHECK(trust->history == TRUST_HISTORY_TIP && trust->binding == TRUST_BINDING_REQUIRED);
	CHECK(trust->commits == 5);
	CHECK_STR(trust->repo, "6f1c0000000000000000000000000000");
	CHECK_CODE(load(TRUST ", history: some, repo: 6f1C}}]\n"), LP_CONFIG, "2 errors");
	CHECK_HAS(lp_buf_text(&problems), "trust.history: \"some\": expected one of every, tip");
	CHECK_HAS(lp_buf_text(&problems), "trust.repo: \"6f1C\": expected the 32 hex digits");
}

static enum lp_code load_concurrency(unsigned number)
{
	char file[256];

	snprintf(file, sizeof(file), GOOD "cluster: {concurrency: %u}\n", number);
	return load(file);
}

static void writes_at_once_have_a_limit(void)
{
	char said[100];

	CHECK_OK(load_concurrency(LP_CONCURRENCY_MAX));
	CHECK(config.cluster.concurrency == LP_CONCURRENCY_MAX);
	CHECK_CODE(load_concurrency(LP_CONCURRENCY_MAX + 1), LP_CONFIG, "1 error");
	snprintf(said, sizeof(said), "concurrency: expected a number between 1 and %u",
		 LP_CONCURRENCY_MAX);
	CHECK_HAS(lp_buf_text(&problems), said);
}

static void a_second_source_is_not_yet_supported(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);

	CHECK_OK(lp_buf_str(&text, "site: berlin\nsources:\n", &err));
	for (unsigned i = 0; i <= LP_SOURCES_MAX; i++) {
		if (i == LP_SOURCES_MAX)
			CHECK_OK(load(lp_buf_text(&text)));
		CHECK_OK(lp_buf_str(&text, "- url: https://b/c\n  trust: {signers: /x}\n", &err));
	}
	CHECK(config.source_count == LP_SOURCES_MAX);
	CHECK_CODE(load(lp_buf_text(&text)), LP_CONFIG, "1 error");
	CHECK_HAS(lp_buf_text(&problems), "more than one source is not yet supported");
}

/* GOOD with key: text behind it, n bytes all in all of text. */
static enum lp_code load_long(const char *key, const char *begins, size_t n)
{
	char text[LP_PATH_MAX + 1] = "", file[LP_PATH_MAX + 256];

	memset(text, 'x', n);
	memcpy(text, begins, strlen(begins));
	snprintf(file, sizeof(file), "site: berlin\nsources:\n- trust: {signers: /x}\n  %s: %s\n%s",
		 key, text, strcmp(key, "url") == 0 ? "" : "  url: https://a/b\n");
	return load(file);
}

static void a_text_of_one_byte_too_many_is_refused(void)
{
	static const struct {
		const char *key, *begins;
		size_t max; /* with its NUL */
	} texts[] = {
		{"name", "", LP_SOURCE_NAME_MAX}, {"url", "https://", LP_URL_MAX},
		{"branch", "", LP_REF_MAX},       {"path", "", LP_PATH_MAX},
		{"ca", "/", LP_PATH_MAX},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK_OK(load_long(texts[i].key, texts[i].begins, texts[i].max - 1));
		CHECK_CODE(load_long(texts[i].key, texts[i].begins, texts[i].max), LP_CONFIG,
			   "1 error");
		CHECK_HAS(lp_buf_text(&problems), texts[i].key);
	}
}

/* GOOD with n groups. */
static enum lp_code load_groups(unsigned n)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);

	CHECK_OK(lp_buf_str(&text, GOOD "groups: [", &err));
	for (unsigned i = 0; i < n; i++)
		CHECK_OK(lp_buf_str(&text, "a,", &err));
	CHECK_OK(lp_buf_str(&text, "]\n", &err));
	return load(lp_buf_text(&text));
}

static void groups_have_a_limit(void)
{
	char said[64];

	CHECK_OK(load_groups(LP_GROUPS_MAX));
	CHECK(config.group_count == LP_GROUPS_MAX);
	CHECK_CODE(load_groups(LP_GROUPS_MAX + 1), LP_CONFIG, "1 error");
	snprintf(said, sizeof(said), "groups: more than %u names", LP_GROUPS_MAX);
	CHECK_HAS(lp_buf_text(&problems), said);
}

/* Nodes of a few bytes in the file, and many times that in memory. */
static void a_file_whose_tree_is_too_large_is_refused(void)
{
	char said[64];

	snprintf(said, sizeof(said), "more than %u bytes of memory", (unsigned)LP_CONFIG_MEMORY);
	CHECK_CODE(load_groups(LP_CONFIG_BYTES / 2 - 100), LP_CONFIG, said);
}

static void a_password_in_the_url_is_sent_to_a_file(void)
{
	CHECK_CODE(load("site: a\nsources:\n- url: https://me:pw@h/r\n  trust: {signers: /x}\n"),
		   LP_CONFIG, "1 error");
	CHECK_HAS(lp_buf_text(&problems), "put user and password into a credentials file");
}

static void a_path_may_not_leave_the_repository(void)
{
	CHECK_CODE(load(GOOD "  path: a/../../b\n"), LP_CONFIG, "1 error");
	CHECK_CODE(load(GOOD "  path: /etc\n"), LP_CONFIG, "1 error");
}

static void only_site_is_a_variable(void)
{
	CHECK_CODE(load(GOOD "  branch: site/${host}\n"), LP_CONFIG, "1 error");
	CHECK_HAS(lp_buf_text(&problems), "${site} is the only variable");
}

static void an_empty_file_and_two_documents_are_errors(void)
{
	CHECK_CODE(load(""), LP_CONFIG, "the file is empty");
	CHECK_CODE(load(GOOD "---\na: b\n"), LP_CONFIG, "a second document");
}

static void a_missing_file_is_named(void)
{
	lp_buf_free(&problems);
	CHECK_CODE(lp_config_load("/nonexistent/limpet.yaml", &config, &problems, &err), LP_CONFIG,
		   "/nonexistent/limpet.yaml: No such file");
}

static void a_file_over_the_limit_is_refused(void)
{
	static char text[LP_CONFIG_BYTES + 2] = GOOD "#";
	char said[64];

	memset(text + strlen(text), '#', LP_CONFIG_BYTES - strlen(text));
	CHECK_OK(load(text));
	text[LP_CONFIG_BYTES] = '#';
	snprintf(said, sizeof(said), "more than %u bytes", (unsigned)LP_CONFIG_BYTES);
	CHECK_CODE(load(text), LP_CONFIG, said);
}

static void every_key_of_a_section_stands_in_the_example(const struct key *keys, const char *text)
{
	for (const struct key *key = keys; key->name; key++) {
		char name[64];
		snprintf(name, sizeof(name), "%s:", key->name);
		CHECK_HAS(text, name);
		if (key->keys)
			every_key_of_a_section_stands_in_the_example(key->keys, text);
	}
}

static void the_example_loads_and_names_every_key(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(64 * 1024);
	const char *example = TEST_DATA "/../../../packaging/config.yaml";

	lp_buf_free(&problems);
	CHECK_OK(lp_file_read(example, &text, &err));
	CHECK_OK(lp_config_load(example, &config, &problems, &err));
	every_key_of_a_section_stands_in_the_example(lp_config_keys, lp_buf_text(&text));
}

static void the_reference_names_every_key(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(64 * 1024);

	CHECK_OK(lp_config_reference(&text, &err));
	CHECK_HAS(lp_buf_text(&text), "    signers");
	CHECK_HAS(lp_buf_text(&text), "required");
}

/* A source with one ignore rule, whose members these are. */
static enum lp_code load_rule(const char *members)
{
	char text[8192];

	snprintf(text, sizeof(text), GOOD "  ignore:\n  - {%s}\n", members);
	return load(text);
}

static void fields_that_others_may_own_are_read(void)
{
	const struct ignore_rule *rule = config.sources[0].ignore;

	CHECK_OK(load_rule("kind: Deployment, name: till-*, pointers: [/spec/replicas, /a~1b]"));
	CHECK(config.sources[0].ignore_count == 1);
	CHECK_STR(rule->kind, "Deployment");
	CHECK_STR(rule->group, "*");
	CHECK_STR(rule->ns, "*");
	CHECK_STR(rule->name, "till-*");
	CHECK_STR(rule->pointers, "/spec/replicas\n/a~1b\n");
	CHECK_OK(load(GOOD));
	CHECK(config.sources[0].ignore_count == 0);
}

static void a_bad_pointer_is_told_with_its_line(void)
{
	CHECK_CODE(load_rule("kind: X, pointers: [spec/replicas]"), LP_CONFIG, "");
	CHECK_HAS(lp_buf_text(&problems), ":6: sources[0].ignore[0].pointers: \"spec/replicas\"");
	CHECK_CODE(load_rule("kind: X, pointers: [/metadata/name]"), LP_CONFIG, "");
	CHECK_CODE(load_rule("kind: X, pointers: []"), LP_CONFIG, "");
	CHECK_CODE(load_rule("kind: X, pointers: [1]"), LP_CONFIG, "");
	CHECK_CODE(load_rule("kind: X"), LP_CONFIG, "");
	CHECK_HAS(lp_buf_text(&problems), "ignore[0].pointers: is missing");
	CHECK_CODE(load_rule("pointers: [/a]"), LP_CONFIG, "");
	CHECK_CODE(load(GOOD "  ignore: yes\n"), LP_CONFIG, "");
}

static void ignore_rules_have_limits(void)
{
	char text[LP_IGNORE_RULES * (LP_IGNORE_RULE_BYTES + 64)], pointer[LP_IGNORE_RULE_BYTES];
	size_t n = LP_IGNORE_RULE_BYTES - 2;

	memset(pointer, '/', sizeof(pointer));
	snprintf(text, sizeof(text), "kind: X, pointers: [\"%.*s\"]", (int)n, pointer);
	CHECK_OK(load_rule(text));
	snprintf(text, sizeof(text), "kind: X, pointers: [\"%.*s\"]", (int)n + 1, pointer);
	CHECK_CODE(load_rule(text), LP_CONFIG, "");
	CHECK_HAS(lp_buf_text(&problems), "more than 511 bytes of pointers");

	size_t used = (size_t)snprintf(text, sizeof(text), GOOD "  ignore:\n");
	for (size_t left = LP_IGNORE_CONFIG_BYTES; left; left -= left < 480 ? left : 480)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "  - {kind: X, pointers: [\"%.*s\"]}\n",
					 left < 480 ? (int)left - 1 : 479, pointer);
	CHECK_OK(load(text));
	snprintf(text + used, sizeof(text) - used, "  - {kind: X, pointers: [/]}\n");
	CHECK_CODE(load(text), LP_CONFIG, "");
	CHECK_HAS(lp_buf_text(&problems), "more than 1920 bytes of pointers in all rules");

	used = (size_t)snprintf(text, sizeof(text), GOOD "  ignore:\n");
	for (size_t i = 0; i < LP_IGNORE_RULES; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "  - {kind: X, pointers: [/a]}\n");
	CHECK_OK(load(text));
	snprintf(text + used, sizeof(text) - used, "  - {kind: X, pointers: [/a]}\n");
	CHECK_CODE(load(text), LP_CONFIG, "");
	CHECK_HAS(lp_buf_text(&problems), "more than 16 rules");
}

int main(void)
{
	close(mkstemp(path));
	TEST(a_short_file_gets_every_default);
	TEST(what_is_written_wins_over_the_default);
	TEST(an_unknown_key_is_told_with_its_line_and_the_nearest_name);
	TEST(all_errors_are_told_in_one_pass);
	TEST(rsa_keys_are_demanded_of_lengths_that_are_read_only);
	TEST(trust_is_strict_unless_it_is_told_otherwise);
	TEST(writes_at_once_have_a_limit);
	TEST(a_second_source_is_not_yet_supported);
	TEST(a_text_of_one_byte_too_many_is_refused);
	TEST(groups_have_a_limit);
	TEST(a_file_whose_tree_is_too_large_is_refused);
	TEST(a_password_in_the_url_is_sent_to_a_file);
	TEST(a_path_may_not_leave_the_repository);
	TEST(only_site_is_a_variable);
	TEST(an_empty_file_and_two_documents_are_errors);
	TEST(a_missing_file_is_named);
	TEST(a_file_over_the_limit_is_refused);
	TEST(the_example_loads_and_names_every_key);
	TEST(the_reference_names_every_key);
	TEST(fields_that_others_may_own_are_read);
	TEST(a_bad_pointer_is_told_with_its_line);
	TEST(ignore_rules_have_limits);
	lp_buf_free(&problems);
	unlink(path);
	return check_report();
}

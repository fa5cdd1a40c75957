/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/kubeconfig.h"
#include "agent/cluster/limits.h"
#include "platform/crypto.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kubeconfig config;
static char folder[] = "/tmp/limpet-kubeconfig-XXXXXX";

/* base64 of "-----BEGIN CERTIFICATE-----\n" and "-----BEGIN PRIVATE KEY-----\n" */
#define CERT_B64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="
#define KEY_B64  "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg=="

#define HEAD                                                                             \
	"apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n- name: here\n" \
	"  context: {cluster: c, user: u}\n- name: there\n  context: {cluster: d, user: u}\n"
#define CLUSTERS                                                                  \
	"clusters:\n- name: c\n  cluster:\n    server: https://127.0.0.1:6443/\n" \
	"    certificate-authority-data: " CERT_B64 "\n- name: d\n  cluster:\n"   \
	"    server: https://there.example:443\n"
#define USER(text) "users:\n- name: u\n  user:\n" text

static enum lp_code parse(const char *text, const char *context)
{
	lp_kubeconfig_free(&config);
	config = (struct kubeconfig){0};
	return lp_kubeconfig_parse((struct slice){(const uint8_t *)text, strlen(text)},
				   "/etc/k.yaml", context, &config, &err);
}

static const char *write_file(const char *name, const char *text)
{
	static char path[8][LP_PATH_MAX];
	static unsigned next;
	char *to = path[next++ % 8];

	CHECK_OK(lp_path_join(to, folder, name, &err));
	CHECK_OK(lp_file_write(to, text, strlen(text), 0600, &err));
	return to;
}

static void what_k3s_writes_is_understood(void)
{
	CHECK_OK(parse(HEAD CLUSTERS USER("    client-certificate-data: " CERT_B64
					  "\n    client-key-data: " KEY_B64 "\n"),
		       ""));
	CHECK_STR(config.server, "https://127.0.0.1:6443");
	CHECK_STR(config.user, "u");
	CHECK_STR(lp_buf_text(&config.ca_pem), "-----BEGIN CERTIFICATE-----\n");
	CHECK_STR(lp_buf_text(&config.key_pem), "-----BEGIN PRIVATE KEY-----\n");
	CHECK(config.token.len == 0);
}

static void another_context_can_be_named(void)
{
	CHECK_OK(parse(HEAD CLUSTERS USER("    token: abc\n"), "there"));
	CHECK_STR(config.server, "https://there.example:443");
	CHECK(config.ca_pem.len == 0);
	CHECK_STR(lp_buf_text(&config.token), "abc");
	CHECK_CODE(parse(HEAD CLUSTERS USER("    token: abc\n"), "nowhere"), LP_CONFIG,
		   "/etc/k.yaml:4: no entry of contexts is named \"nowhere\"");
}

static void json_is_a_kubeconfig_too(void)
{
	CHECK_OK(parse(
		"{\"current-context\":\"x\",\"contexts\":[{\"name\":\"x\",\"context\":{"
		"\"cluster\":\"c\",\"user\":\"u\"}}],\"clusters\":[{\"name\":\"c\",\"cluster\":{"
		"\"server\":\"https://a\"}}],\"users\":[{\"name\":\"u\",\"user\":{\"token\":\"t\"}}]}",
		""));
	CHECK_STR(config.server, "https://a");
}

/* Everything that is refused: where, and in which words. */
static const struct {
	const char *text, *says;
} refused[] = {
	{"", "/etc/k.yaml: an empty kubeconfig"},
	{"[]", "/etc/k.yaml:1: not a kubeconfig"},
	{"kind: Config\n", "no current-context"},
	{"a: [\n", "/etc/k.yaml:"},
	{HEAD CLUSTERS, "no entry of users is named \"u\""},
	{HEAD CLUSTERS USER("    {}\n"),
	 "/etc/k.yaml:19: the user has neither a client certificate nor a token"},
	{HEAD CLUSTERS USER("    exec:\n      command: aws\n"),
	 "/etc/k.yaml:20: exec is refused: limpet starts no programs"},
	{HEAD CLUSTERS USER("    auth-provider:\n      name: gcp\n"), "auth-provider is refused"},
	{HEAD CLUSTERS USER("    username: admin\n    password: x\n"), "username is refused"},
	{HEAD CLUSTERS USER("    token: a\n    as: root\n"),
	 "as is refused: limpet does not impersonate"},
	{HEAD CLUSTERS USER("    client-certificate-data: " CERT_B64 "\n"),
	 "client-certificate and client-key go together"},
	{HEAD CLUSTERS USER("    client-certificate-data: '!!'\n"),
	 "/etc/k.yaml:20: client-certificate-data is not base64"},
	{HEAD CLUSTERS USER("    client-certificate-data: YWJj\n"),
	 "client-certificate is not PEM"},
	{HEAD CLUSTERS USER("    token: \"a b\"\n"), "the token has characters that no token has"},
	{HEAD
	 "clusters:\n- name: c\n  cluster:\n    server: 127.0.0.1:6443\n" USER("    token: a\n"),
	 "/etc/k.yaml:12: server must be a URL"},
	{HEAD "clusters:\n- name: c\n  cluster: {}\n" USER("    token: a\n"),
	 "server must be a URL"},
	{HEAD "clusters:\n- name: c\n" USER("    token: a\n"), "clusters \"c\" has no cluster"},
	{HEAD
	 "clusters:\n- name: c\n  cluster:\n    insecure-skip-tls-verify: true\n    server: https://a\n" USER(
		 "    token: a\n"),
	 "insecure-skip-tls-verify is refused: limpet always checks"},
	{HEAD
	 "clusters:\n- name: c\n  cluster:\n    tls-server-name: x\n    server: https://a\n" USER(
		 "    token: a\n"),
	 "tls-server-name is refused"},
	{HEAD CLUSTERS USER("    tokenFile: /nonexistent/token\n"), "/nonexistent/token"},
};

static void what_is_not_done_or_not_there_is_told_by_its_line(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		enum lp_code code = parse(refused[i].text, "");
		if (code != LP_CONFIG)
			printf("  row %zu gave %d\n", i, code);
		CHECK(code == LP_CONFIG);
		CHECK_HAS(err.msg, refused[i].says);
	}
}

static void insecure_skip_tls_verify_false_is_fine(void)
{
	CHECK_OK(parse(HEAD
		       "clusters:\n- name: c\n  cluster:\n    insecure-skip-tls-verify: false\n"
		       "    server: https://a\n" USER("    token: a\n"),
		       ""));
}

static void files_are_read_beside_the_kubeconfig(void)
{
	write_file("ca.pem", "-----BEGIN CERTIFICATE-----\n");
	write_file("token", "  secret\n\n");
	const char *path = write_file("kubeconfig", HEAD
				      "clusters:\n- name: c\n  cluster:\n    server: https://a\n"
				      "    certificate-authority: ca.pem\n" USER(
					      "    token: old\n    tokenFile: token\n"));

	lp_kubeconfig_free(&config);
	CHECK_OK(lp_kubeconfig_load(path, "", &config, &err));
	CHECK_STR(lp_buf_text(&config.token), "secret");
	CHECK(config.file_count == 3);
}

static void a_change_of_any_file_is_seen(void)
{
	files_are_read_beside_the_kubeconfig();
	CHECK(!lp_stamps_changed(config.files, config.file_count));
	const char *token = write_file("token", "  other \n\n");
	CHECK(lp_stamps_changed(config.files, config.file_count));
	files_are_read_beside_the_kubeconfig();
	CHECK(unlink(token) == 0);
	CHECK(lp_stamps_changed(config.files, config.file_count));
}

static void a_kubeconfig_that_appears_later_is_seen(void)
{
	char path[LP_PATH_MAX];

	CHECK_OK(lp_path_join(path, folder, "later", &err));
	lp_kubeconfig_free(&config);
	CHECK_CODE(lp_kubeconfig_load(path, "", &config, &err), LP_CONFIG, "kubeconfig");
	CHECK(config.file_count == 1);
	CHECK(!lp_stamps_changed(config.files, config.file_count));
	write_file("later", "x");
	CHECK(lp_stamps_changed(config.files, config.file_count));
}

static void an_empty_token_file_is_refused(void)
{
	write_file("token", " \n");
	const char *path = write_file("kubeconfig", HEAD CLUSTERS USER("    tokenFile: token\n"));

	lp_kubeconfig_free(&config);
	CHECK_CODE(lp_kubeconfig_load(path, "", &config, &err), LP_CONFIG,
		   "the token file is empty");
}

static void files_past_their_limits_are_refused(void)
{
	size_t n = LP_KUBECONFIG_BYTES + 1;
	char *big = malloc(n + 1);

	CHECK(big != NULL);
	memset(big, '#', n);
	big[n] = '\0';
	const char *path = write_file("big", big);
	lp_kubeconfig_free(&config);
	CHECK_CODE(lp_kubeconfig_load(path, "", &config, &err), LP_LIMIT, "kubeconfig");
	big[LP_CREDENTIAL_BYTES + 1] = '\0';
	write_file("token", big);
	free(big);
	path = write_file("kubeconfig", HEAD CLUSTERS USER("    tokenFile: token\n"));
	lp_kubeconfig_free(&config);
	CHECK_CODE(lp_kubeconfig_load(path, "", &config, &err), LP_LIMIT, "token");
}

/* An alias is two bytes of the file, and what it stands for in the tree. */
static void a_kubeconfig_whose_tree_is_too_large_is_refused(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_KUBECONFIG_BYTES);
	char limit[64];

	CHECK_OK(lp_buf_printf(&text, &err, "%s%sa: &a %0*d\nb: [", HEAD CLUSTERS,
			       USER("    token: abc\n"),
			       (int)(2 * LP_KUBECONFIG_MEMORY / LP_YAML_ALIASES), 0));
	for (unsigned i = 0; i < LP_YAML_ALIASES; i++)
		CHECK_OK(lp_buf_str(&text, "*a,", &err));
	CHECK_OK(lp_buf_str(&text, "]\n", &err));
	snprintf(limit, sizeof(limit), "more than %u bytes of memory", LP_KUBECONFIG_MEMORY);
	CHECK_CODE(parse(lp_buf_text(&text), ""), LP_LIMIT, limit);
}

int main(void)
{
	if (!mkdtemp(folder) || lp_crypto_init(&err) != LP_OK)
		return 1;
	TEST(what_k3s_writes_is_understood);
	TEST(another_context_can_be_named);
	TEST(json_is_a_kubeconfig_too);
	TEST(what_is_not_done_or_not_there_is_told_by_its_line);
	TEST(insecure_skip_tls_verify_false_is_fine);
	TEST(files_are_read_beside_the_kubeconfig);
	TEST(a_change_of_any_file_is_seen);
	TEST(a_kubeconfig_that_appears_later_is_seen);
	TEST(an_empty_token_file_is_refused);
	TEST(files_past_their_limits_are_refused);
	TEST(a_kubeconfig_whose_tree_is_too_large_is_refused);
	lp_kubeconfig_free(&config);
	if (lp_dir_remove(folder, &err) != LP_OK)
		return 1;
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Asks every library for one thing that it does only when it was configured as limpet needs it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>
#include <git2.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_time.h>
#include <mbedtls/x509_crt.h>
#include <nghttp2/nghttp2.h>
#include <psa/crypto.h>
#include <sodium.h>
#include <sqlite3.h>
#include <yaml.h>
#include <yyjson.h>
#include <zlib.h>

static int failures;

static void expect(int good, const char *what)
{
	if (good)
		return;
	printf("FAILED: %s\n", what);
	failures++;
}

static mbedtls_time_t the_floor(mbedtls_time_t *ret_now)
{
	if (ret_now)
		*ret_now = 4102444800; /* 2100-01-01 */
	return 4102444800;
}

static void curl_has_what_a_poll_needs(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	expect(strncmp(info->ssl_version, "mbedTLS/3.6", 11) == 0, "curl uses mbedTLS 3.6");
	expect(info->features & CURL_VERSION_HTTP2, "curl speaks HTTP/2");
	expect(info->features & CURL_VERSION_ASYNCHDNS, "curl resolves in a thread");
	expect(info->features & CURL_VERSION_UNIX_SOCKETS, "curl reaches unix sockets");
	expect(info->features & CURL_VERSION_LIBZ, "curl inflates");
	int exports_sessions = 0;

	for (const char *const *name = info->feature_names; *name; name++)
		exports_sessions |= strcmp(*name, "SSLS-EXPORT") == 0;
	expect(exports_sessions, "curl exports TLS sessions");
	for (const char *const *name = info->protocols; *name; name++)
		expect(!strcmp(*name, "http") || !strcmp(*name, "https"), *name);
}

static void certificates_are_judged_by_our_clock(void)
{
	mbedtls_x509_time year_2050 = {.year = 2050, .mon = 1, .day = 1};

	expect(!mbedtls_x509_time_is_past(&year_2050), "2050 is to come");
	mbedtls_platform_set_time(the_floor);
	expect(mbedtls_x509_time_is_past(&year_2050), "2050 is past in 2100");
	mbedtls_platform_set_time(time);
}

static void psa_has_what_signatures_need(void)
{
	static const psa_algorithm_t hashes[] = {PSA_ALG_SHA_1, PSA_ALG_SHA_256, PSA_ALG_SHA_384,
						 PSA_ALG_SHA_512};
	uint8_t out[64];
	size_t size;

	expect(psa_crypto_init() == PSA_SUCCESS, "PSA starts");
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		expect(psa_hash_compute(hashes[i], (const uint8_t *)"x", 1, out, sizeof(out), &size) ==
			       PSA_SUCCESS,
		       "PSA hashes");
	for (size_t bits = 256; bits <= 521; bits += bits == 384 ? 137 : 128) {
		psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
		psa_key_id_t key;

		psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
		psa_set_key_bits(&attributes, bits);
		psa_set_key_algorithm(&attributes, PSA_ALG_ECDSA(PSA_ALG_ANY_HASH));
		psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_HASH | PSA_KEY_USAGE_VERIFY_HASH);
		expect(psa_generate_key(&attributes, &key) == PSA_SUCCESS, "PSA makes NIST keys");
		uint8_t signature[PSA_SIGNATURE_MAX_SIZE];

		expect(psa_sign_hash(key, PSA_ALG_ECDSA(PSA_ALG_SHA_512), out, 64, signature,
				     sizeof(signature), &size) == PSA_SUCCESS,
		       "ECDSA signs");
		expect(psa_verify_hash(key, PSA_ALG_ECDSA(PSA_ALG_SHA_512), out, 64, signature, size) ==
			       PSA_SUCCESS,
		       "ECDSA verifies");
		psa_destroy_key(key);
	}
	psa_key_derivation_operation_t hkdf = PSA_KEY_DERIVATION_OPERATION_INIT;

	expect(psa_key_derivation_setup(&hkdf, PSA_ALG_HKDF(PSA_ALG_SHA_256)) == PSA_SUCCESS, "HKDF");
	psa_key_derivation_abort(&hkdf);
}

static void git_hashes_and_packs(void)
{
	git_oid id;
	git_odb *odb = NULL;

	expect(git_libgit2_init() > 0, "libgit2 starts");
	expect(!(git_libgit2_features() & (GIT_FEATURE_HTTPS | GIT_FEATURE_SSH)), "libgit2 has no network");
	expect(git_odb_hash(&id, "x", 1, GIT_OBJECT_BLOB) == 0, "libgit2 hashes");
	expect(strcmp(git_oid_tostr_s(&id), "c1b0730e0133447badcfd47fd144e254807b06e1") == 0,
	       "libgit2 hashes as git does");
	expect(git_odb_new(&odb) == 0, "libgit2 makes an object database");
	git_odb_free(odb);
	git_libgit2_shutdown();
}

static void sqlite_keeps_a_row(void)
{
	sqlite3 *db = NULL;

	expect(sqlite3_initialize() == SQLITE_OK, "SQLite starts");
	expect(sqlite3_open(":memory:", &db) == SQLITE_OK, "SQLite opens");
	expect(sqlite3_exec(db, "CREATE TABLE t (a) STRICT", NULL, NULL, NULL) != SQLITE_OK,
	       "SQLite knows STRICT tables");
	expect(sqlite3_exec(db, "CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1)", NULL, NULL,
			    NULL) == SQLITE_OK,
	       "SQLite inserts");
	sqlite3_close(db);
}

static void yaml_and_json_are_parsed_and_written(void)
{
	yaml_parser_t parser;
	yaml_emitter_t emitter;
	yaml_event_t event;

	expect(yaml_parser_initialize(&parser) && yaml_emitter_initialize(&emitter), "libyaml starts");
	yaml_parser_set_input_string(&parser, (const unsigned char *)"a: 1\n", 5);
	expect(yaml_parser_parse(&parser, &event), "libyaml parses");
	yaml_event_delete(&event);
	yaml_parser_delete(&parser);
	yaml_emitter_delete(&emitter);

	yyjson_doc *doc = yyjson_read("{\"a\":[1]}", 9, 0);
	char *text = yyjson_write(doc, 0, NULL);

	expect(text && strcmp(text, "{\"a\":[1]}") == 0, "yyjson reads and writes");
	free(text);
	yyjson_doc_free(doc);
}

int main(void)
{
	unsigned char packed[64], seed[crypto_sign_SEEDBYTES] = {1};
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES], secret_key[crypto_sign_SECRETKEYBYTES];
	unsigned char signature[crypto_sign_BYTES];
	uLongf size = sizeof(packed);

	curl_has_what_a_poll_needs();
	certificates_are_judged_by_our_clock();
	psa_has_what_signatures_need();
	git_hashes_and_packs();
	sqlite_keeps_a_row();
	yaml_and_json_are_parsed_and_written();
	expect(compress2(packed, &size, (const Bytef *)"limpet", 6, 9) == Z_OK, "zlib deflates");
	expect(sodium_init() >= 0, "libsodium starts");
	crypto_sign_seed_keypair(public_key, secret_key, seed);
	crypto_sign_detached(signature, NULL, packed, size, secret_key);
	expect(crypto_sign_verify_detached(signature, packed, size, public_key) == 0, "Ed25519 verifies");
	expect(nghttp2_version(0) != NULL, "nghttp2 is there");
	expect(sizeof(time_t) == 8, "time does not end in 2038");
	printf("%s\n", failures ? "selftest failed" : "selftest passed");
	return failures != 0;
}

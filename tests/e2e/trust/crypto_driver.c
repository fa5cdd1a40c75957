/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks platform/crypto.h to verify signatures. A question a line comes in, its fields in hex
 * ("-" for an empty one); "yes" or "no" goes out.
 *
 *	ed25519 KEY MESSAGE SIGNATURE        a signature that is not of 64 bytes is a "no"
 *	ecdsa BITS POINT MESSAGE R S         by the hash that belongs to the curve
 *	rsa BITS N E MESSAGE SIGNATURE       BITS of the hash: 256 or 512
 */
#include "platform/crypto.h"
#include "platform/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS      6
#define FIELD_BYTES (64u * LP_KIB)
#define LINE_BYTES  (2 * FIELDS * FIELD_BYTES)

static struct err err;

static void fail(const char *what)
{
	fprintf(stderr, "crypto_driver: %s %s\n", what, err.msg);
	exit(2);
}

static struct slice unhex(const char *text, uint8_t *to)
{
	size_t n = strcmp(text, "-") == 0 ? 0 : strlen(text);

	if (n % 2 || n / 2 > FIELD_BYTES || (n && !lp_unhex(text, n, to, n / 2)))
		fail("not hex");
	return (struct slice){to, n / 2};
}

static bool ask(const char *what, unsigned bits, const struct slice *f)
{
	uint8_t digest[LP_HASH_MAX];
	enum lp_hash_alg alg = bits == 256 ? LP_SHA256 : bits == 384 ? LP_SHA384 : LP_SHA512;

	if (strcmp(what, "ed25519") == 0)
		return f[0].len == 32 && f[2].len == 64 &&
		       lp_ed25519_verify(f[2].data, f[1].data, f[1].len, f[0].data);
	if (strcmp(what, "ecdsa") == 0) {
		lp_hash(alg, f[1].data, f[1].len, digest);
		return lp_ecdsa_verify(bits, f[0], f[2], f[3], digest, lp_hash_bytes(alg));
	}
	if (strcmp(what, "rsa") != 0)
		fail("no such question");
	lp_hash(alg, f[2].data, f[2].len, digest);
	return lp_rsa_verify(f[0], f[1], alg, digest, f[3]);
}

static bool answer(char *line)
{
	static uint8_t bytes[FIELDS][FIELD_BYTES];
	struct slice fields[FIELDS] = {0};
	char *rest, *what = strtok_r(line, " \n", &rest);
	unsigned bits = 0;
	size_t n = 0;

	if (what && strcmp(what, "ed25519") != 0) {
		const char *number = strtok_r(NULL, " \n", &rest);
		bits = number ? (unsigned)strtoul(number, NULL, 10) : 0;
	}
	for (char *word; n < FIELDS && (word = strtok_r(NULL, " \n", &rest)); n++)
		fields[n] = unhex(word, bytes[n]);
	if (!what || n < 3)
		fail("too few fields");
	return ask(what, bits, fields);
}

int main(void)
{
	static char line[LINE_BYTES];

	if (lp_crypto_init(&err) != LP_OK)
		fail("cannot begin:");
	while (fgets(line, sizeof(line), stdin))
		puts(answer(line) ? "yes" : "no");
	return fflush(stdout) == 0 ? 0 : 2;
}

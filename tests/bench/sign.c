/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs with a new Ed25519 key, as fast as a bench wants its commits: ssh-keygen takes
 * minutes for ten thousand. The key's 32 bytes go out first. Then each message comes in as its
 * length in four bytes, the highest first, and its bytes; the 64 bytes of its signature go out.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGE_BYTES 4096

static void put(const unsigned char *bytes, size_t n)
{
	if (fwrite(bytes, 1, n, stdout) != n || fflush(stdout) != 0)
		exit(2);
}

int main(void)
{
	unsigned char key[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
	unsigned char head[4], message[MESSAGE_BYTES], signature[crypto_sign_BYTES];

	if (sodium_init() < 0 || crypto_sign_keypair(key, secret) != 0)
		return 2;
	put(key, sizeof(key));
	while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		size_t n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 |
			   head[3];
		if (n > sizeof(message) || fread(message, 1, n, stdin) != n)
			return 2;
		crypto_sign_detached(signature, NULL, message, n, secret);
		put(signature, sizeof(signature));
	}
	return 0;
}

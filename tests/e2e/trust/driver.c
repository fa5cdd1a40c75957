/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges many commit objects by the same files, as `limpet verify --object` judges one.
 *
 *	trust_driver [--signers FILE] [--keys FILE] [--revoked FILE] [--floor UNIX_S]
 *	trust_driver --sshsig
 *
 * Each object comes in on stdin as its length in decimal, LF, and its bytes. For each a line
 * goes out, of fields between tabs: the verdict's name, payload, signer, key, reason.
 * Exit 3, with nothing printed, when a file that is named cannot be read.
 *
 * With --sshsig, objects come in pairs: an SSH signature as a gpgsig header has it, and what
 * it is said to sign. A line is then: the verdict on the former alone, whether it does sign the
 * latter (yes, no), its namespace, key, reason.
 */
#include "agent/trust/files.h"
#include "agent/trust/judge.h"
#include "agent/trust/sshsig.h"
#include "platform/crypto.h"
#include "platform/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_BYTES    (4u * LP_MIB) /* tests send more than limpet takes */
#define EXIT_BAD_OBJECT 2
#define EXIT_BAD_FILE   3

static struct err err;

static void fail(int code, const char *what)
{
	fprintf(stderr, "trust_driver: %s: %s\n", what, err.msg[0] ? err.msg : strerror(errno));
	exit(code);
}

/* The next object of stdin; false at its end. */
static bool next_object(struct buf *ret)
{
	static uint8_t bytes[OBJECT_BYTES];
	char line[32], *end;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	unsigned long n = strtoul(line, &end, 10);
	if (*end != '\n' || n > sizeof(bytes) || fread(bytes, 1, n, stdin) != n)
		fail(EXIT_BAD_OBJECT, "stdin");
	lp_buf_clear(ret);
	if (lp_buf_append(ret, bytes, n, &err) != LP_OK)
		fail(EXIT_BAD_OBJECT, "an object");
	return true;
}

static void judge(const struct trust_policy *policy, const struct buf *object)
{
	struct judgement j;
	char payload[LP_PAYLOAD_TEXT];

	if (lp_trust_judge_bytes(policy, LP_SLICE_OF(object), &j, &err) != LP_OK)
		fail(EXIT_BAD_OBJECT, "a judgement");
	printf("%s\t%s\t%s\t%s\t%s\n", lp_verdict_name(j.verdict),
	       lp_payload_text(&j.payload, payload), j.signer, j.fingerprint, j.reason);
}

static void verify(const struct buf *armor, const struct buf *message)
{
	LP_AUTO(lp_sshsig_free) struct sshsig sig = {0};
	char key[LP_FINGERPRINT_TEXT] = "", name_space[LP_SIGNER_TEXT];
	struct slice payload = LP_SLICE_OF(message);
	enum verdict verdict;

	err.msg[0] = '\0';
	bool good = lp_sshsig_parse(LP_SLICE_OF(armor), &sig, &verdict, &err) == LP_OK;
	if (sig.key.blob.len)
		lp_ssh_fingerprint(sig.key.blob, key);
	good = good && lp_sshsig_verify(&sig, &payload, 1);
	printf("%s\t%s\t%s\t%s\t%s\n", lp_verdict_name(verdict), good ? "yes" : "no",
	       lp_printable(sig.name_space, name_space, sizeof(name_space)), key, err.msg);
}

static void read_options(int argc, char **argv, struct trust_paths *paths,
			 struct trust_policy *policy, bool *ret_sshsig)
{
	static const struct option options[] = {
		{"signers", required_argument, NULL, 's'}, {"keys", required_argument, NULL, 'k'},
		{"revoked", required_argument, NULL, 'r'}, {"floor", required_argument, NULL, 'f'},
		{"sshsig", no_argument, NULL, 'S'},        {0},
	};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 's')
			paths->signers = optarg;
		else if (c == 'k')
			paths->keys = optarg;
		else if (c == 'r')
			paths->revoked = optarg;
		else if (c == 'f')
			policy->floor_s = strtoll(optarg, NULL, 10);
		else if (c == 'S')
			*ret_sshsig = true;
		else
			exit(EXIT_BAD_FILE);
	}
}

int main(int argc, char **argv)
{
	LP_AUTO(lp_trust_files_free) struct trust_files files = {0};
	LP_AUTO(lp_buf_free) struct buf object = LP_BUF(OBJECT_BYTES);
	LP_AUTO(lp_buf_free) struct buf second = LP_BUF(OBJECT_BYTES);
	struct trust_paths paths = {0};
	struct trust_policy policy = {0};
	bool sshsig = false;

	read_options(argc, argv, &paths, &policy, &sshsig);
	if (lp_crypto_init(&err) != LP_OK || lp_trust_files_load(&paths, &files, &err) != LP_OK)
		fail(EXIT_BAD_FILE, "its files");
	lp_trust_files_use(&files, &policy);
	while (next_object(&object)) {
		if (!sshsig)
			judge(&policy, &object);
		else if (next_object(&second))
			verify(&object, &second);
		else
			fail(EXIT_BAD_OBJECT, "a signature without what it signs");
	}
	return fflush(stdout) == 0 ? 0 : EXIT_BAD_OBJECT;
}

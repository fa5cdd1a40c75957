/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_UNIT_TRUST_FIXTURE_H
#define LIMPET_TESTS_UNIT_TRUST_FIXTURE_H
/*
 * Commits of data/ (see make-fixtures), ways to alter them, and their verdict
 * under data/signers. A test's memory goes when the program ends.
 */
#include "agent/trust/judge.h"
#include "platform/fs.h"
#include "tests/unit/check.h"

static struct signers signers;
static struct trust_policy policy = {.signers = &signers};

/* Exactly n bytes, so that a sanitizer sees a read past them; freed when the program ends. */
static void *keep(size_t n)
{
	static void **kept;
	static size_t kept_len;

	kept = realloc(kept, (kept_len + 1) * sizeof(*kept));
	kept[kept_len] = malloc(n ? n : 1);
	return kept[kept_len++];
}

static struct slice copy_of(const void *data, size_t n)
{
	return (struct slice){n ? memcpy(keep(n), data, n) : keep(0), n};
}

static struct slice load(const char *name)
{
	char path[LP_PATH_MAX];
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(LP_MIB);

	CHECK_OK(lp_path_join(path, TEST_DATA "/data", name, &err));
	CHECK_OK(lp_file_read(path, &b, &err));
	return copy_of(b.data, b.len);
}

__attribute__((unused)) static void load_signers(void)
{
	CHECK_OK(lp_crypto_init(&err));
	CHECK_OK(lp_signers_load(TEST_DATA "/data/signers", &signers, &err));
}

/* Where the text needle is in s; the test fails when it is nowhere. */
__attribute__((unused)) static size_t where(struct slice s, const char *needle)
{
	const uint8_t *at = memmem(s.data, s.len, needle, strlen(needle));

	CHECK(at != NULL);
	return (size_t)(at - s.data);
}

/* A copy of s with n bytes at `at` replaced by the bytes of with. */
__attribute__((unused)) static struct slice splice(struct slice s, size_t at, size_t n,
						   struct slice with)
{
	uint8_t *copy = keep(s.len - n + with.len);

	memcpy(copy, s.data, at);
	if (with.len)
		memcpy(copy + at, with.data, with.len);
	memcpy(copy + at + with.len, s.data + at + n, s.len - at - n);
	return (struct slice){copy, s.len - n + with.len};
}

__attribute__((unused)) static struct slice insert(struct slice s, size_t at, const char *text)
{
	return splice(s, at, 0, (struct slice){(const uint8_t *)text, strlen(text)});
}

/* A copy of s with the first `from` replaced by to. */
__attribute__((unused)) static struct slice replace(struct slice s, const char *from,
						    const char *to)
{
	return splice(s, where(s, from), strlen(from),
		      (struct slice){(const uint8_t *)to, strlen(to)});
}

/* The gpgsig header of a commit, from its name to its last LF. */
__attribute__((unused)) static struct slice signature_of(struct slice s)
{
	static const char end[] = " -----END SSH SIGNATURE-----\n";
	size_t start = where(s, "\ngpgsig ") + 1;

	return (struct slice){s.data + start, where(s, end) + sizeof(end) - 1 - start};
}

static struct judgement judged;

/* The verdict's name of a commit's bytes; the rest is in judged. */
__attribute__((unused)) static const char *verdict_of(struct slice object)
{
	CHECK_OK(lp_trust_judge_bytes(&policy, object, &judged, &err));
	return lp_verdict_name(judged.verdict);
}
#endif

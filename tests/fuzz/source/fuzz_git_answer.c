/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile Git server could answer. The first byte says to what (ls-refs, info/refs,
 * fetch), the second in pieces of how many bytes; the answer follows. However it is cut, the
 * outcome must be the same.
 */
#include "agent/source/capabilities.h"
#include "agent/source/refs.h"
#include "agent/source/upload.h"

#include <stdlib.h>

static size_t pack_bytes;

static enum lp_code count(void *ctx, const uint8_t *data, size_t n, struct err *err)
{
	if (n == 0)
		abort();
	pack_bytes += n;
	return LP_OK;
}

struct outcome {
	enum lp_code code;
	bool flag;
	size_t bytes;
};

static size_t piece(size_t left, size_t step)
{
	return left < step ? left : step;
}

static struct outcome refs(const uint8_t *data, size_t n, size_t step)
{
	LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("refs/heads/a");
	struct err err = {0};
	enum lp_code code = LP_OK;
	for (size_t i = 0; i < n && code == LP_OK; i += step)
		code = lp_refs_feed(&answer, data + i, piece(n - i, step), &err);
	if (code == LP_OK)
		code = lp_refs_finish(&answer, &err);
	return (struct outcome){code, answer.found, 0};
}

static struct outcome capabilities(const uint8_t *data, size_t n, size_t step)
{
	LP_AUTO(lp_advertisement_free) struct advertisement ad = LP_ADVERTISEMENT;
	struct err err = {0};
	enum lp_code code = LP_OK;
	for (size_t i = 0; i < n && code == LP_OK && !ad.complete; i += step)
		code = lp_advertisement_feed(&ad, data + i, piece(n - i, step), &err);
	if (ad.complete)
		code = LP_OK; /* the rest is left unread, and how much of it came is chance */
	if (code == LP_OK)
		code = lp_advertisement_finish(&ad, &err);
	return (struct outcome){code, ad.can.filter, ad.can.version_2};
}

static struct outcome fetch(const uint8_t *data, size_t n, size_t step)
{
	LP_AUTO(lp_fetch_answer_free) struct fetch_answer answer = LP_FETCH_ANSWER(count, NULL);
	struct err err = {0};
	enum lp_code code = LP_OK;
	pack_bytes = 0;
	for (size_t i = 0; i < n && code == LP_OK; i += step)
		code = lp_fetch_answer_feed(&answer, data + i, piece(n - i, step), &err);
	if (code == LP_OK)
		code = lp_fetch_answer_finish(&answer, &err);
	return (struct outcome){code, false, pack_bytes};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outcome (*const readers[])(const uint8_t *, size_t,
						 size_t) = {refs, capabilities, fetch};
	if (size < 2)
		return 0;
	struct outcome whole = readers[data[0] % 3](data + 2, size - 2, size);
	struct outcome cut = readers[data[0] % 3](data + 2, size - 2, data[1] % 16 + 1u);
	if (whole.code != cut.code || whole.flag != cut.flag || whole.bytes != cut.bytes)
		abort();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/pack.h"
#include "tests/unit/source/packs.h"

static const struct pack_limits roomy = {
	.bytes = LP_MIB, .objects = 100, .object_bytes = LP_MIB, .inflated_bytes = LP_MIB};

/* "x", deflated without compression. */
#define X                              \
	"\x78\x01\x01\x01\x00\xfe\xff" \
	"x"                            \
	"\x00\x79\x00\x79"
#define HEAD "PACK\0\0\0\2\0\0\0\1"
#define SUM  "01234567890123456789"

static enum lp_code scan(const void *data, size_t n, size_t step, const struct pack_limits *limits)
{
	LP_AUTO(lp_pack_scan_free) struct pack_scan scan = {0};
	LP_TRY(lp_pack_scan_begin(&scan, limits, &err));
	for (size_t i = 0; i < n; i += step)
		LP_TRY(lp_pack_scan_feed(&scan, (const uint8_t *)data + i,
					 n - i < step ? n - i : step, &err));
	return lp_pack_scan_finish(&scan, &err);
}

#define SCAN(literal) scan(literal, sizeof(literal) - 1, SIZE_MAX, &roomy)

static void packs_of_git_are_taken_however_they_are_cut(void)
{
	static const char *const names[] = {"first.pack", "thin.pack", "both.pack"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		LP_AUTO(lp_buf_free) struct buf pack = load(names[i]);
		for (size_t step = 1; step < 70; step += 3)
			CHECK_OK(scan(pack.data, pack.len, step, &roomy));
		CHECK_OK(scan(pack.data, pack.len, pack.len, &roomy));
	}
}

static void a_pack_cut_anywhere_is_transient(void)
{
	LP_AUTO(lp_buf_free) struct buf pack = load("both.pack");
	for (size_t n = 0; n < pack.len; n++)
		CHECK_CODE(scan(pack.data, n, SIZE_MAX, &roomy), LP_TRANSIENT, "cut short");
}

static void a_flipped_bit_is_found_or_changes_only_what_the_checksum_guards(void)
{
	LP_AUTO(lp_buf_free) struct buf pack = load("first.pack");
	for (size_t i = 0; i < pack.len; i++) {
		pack.data[i] ^= 0x10;
		enum lp_code code = scan(pack.data, pack.len, SIZE_MAX, &roomy);
		CHECK(code == LP_OK || code == LP_REJECTED || code == LP_LIMIT ||
		      code == LP_TRANSIENT);
		pack.data[i] ^= 0x10;
	}
}

static void what_follows_the_end_is_refused(void)
{
	LP_AUTO(lp_buf_free) struct buf pack = load("first.pack");
	CHECK_OK(lp_buf_byte(&pack, 0, &err));
	CHECK_CODE(scan(pack.data, pack.len, 1, &roomy), LP_REJECTED, "after its end");
}

static void a_tag_is_refused(void)
{
	LP_AUTO(lp_buf_free) struct buf pack = load("tag.pack");
	CHECK_CODE(scan(pack.data, pack.len, SIZE_MAX, &roomy), LP_REJECTED, "a tag");
}

static void what_is_no_pack_is_refused(void)
{
	CHECK_CODE(SCAN("PACL\0\0\0\2\0\0\0\1"), LP_REJECTED, "does not begin");
	CHECK_CODE(SCAN("PACK\0\0\0\4\0\0\0\1"), LP_REJECTED, "does not begin");
}

static void an_object_of_unknown_type_is_refused(void)
{
	CHECK_CODE(SCAN(HEAD "\x01" X SUM), LP_REJECTED, "unknown type");
	CHECK_CODE(SCAN(HEAD "\x51" X SUM), LP_REJECTED, "unknown type");
	CHECK_OK(SCAN(HEAD "\x31" X SUM));
}

static void a_size_that_does_not_fit_the_data_is_refused(void)
{
	CHECK_CODE(SCAN(HEAD "\x30" X SUM), LP_REJECTED, "longer");
	CHECK_CODE(SCAN(HEAD "\x32" X SUM), LP_REJECTED, "shorter");
}

static void a_size_with_too_many_digits_is_refused(void)
{
	CHECK_CODE(SCAN(HEAD "\xb1\xff\xff\xff\xff\xff\xff\xff\xff\xff"), LP_REJECTED,
		   "too many digits");
}

static void damaged_data_is_refused(void)
{
	CHECK_CODE(SCAN(HEAD "\x31\x78\x01\x01\x01\x00\xfe\xffx\x00\x79\x00\x78" SUM), LP_REJECTED,
		   "damaged");
}

static void a_base_outside_of_the_pack_is_refused(void)
{
	CHECK_CODE(SCAN(HEAD "\x62\x00"), LP_REJECTED, "base lies outside");
	CHECK_CODE(SCAN(HEAD "\x62\x0c"), LP_REJECTED, "base lies outside");
	CHECK_CODE(SCAN(HEAD "\x62\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"), LP_REJECTED,
		   "too many digits");
}

static void a_delta_without_its_sizes_is_refused(void)
{
	CHECK_CODE(SCAN(HEAD "\x71" SUM X SUM), LP_REJECTED, "without its sizes");
}

/* A delta of 6 bytes: base 1, result 1 GiB. */
static void a_delta_with_a_large_result_is_refused(void)
{
	static const char bomb[] = HEAD "\x76" SUM "\x78\x01\x01\x06\x00\xf9\xff"
					"\x01\x80\x80\x80\x80\x04"
					"\x07\x10\x02\x06" SUM;
	CHECK_CODE(scan(bomb, sizeof(bomb) - 1, SIZE_MAX, &roomy), LP_LIMIT,
		   "too-large: bytes of one object: 1073741824");
}

static void every_limit_is_told_with_its_number(void)
{
	LP_AUTO(lp_buf_free) struct buf pack = load("first.pack");
	struct pack_limits limits = roomy;
	limits.bytes = pack.len - 1;
	CHECK_CODE(scan(pack.data, pack.len, 7, &limits), LP_LIMIT, "bytes of the pack");
	limits = roomy;
	limits.objects = 7;
	CHECK_CODE(scan(pack.data, pack.len, 7, &limits), LP_LIMIT,
		   "objects in the pack: 8, and 7");
	limits = roomy;
	limits.object_bytes = 600;
	CHECK_CODE(scan(pack.data, pack.len, 7, &limits), LP_LIMIT,
		   "too-large: a file of 692 bytes, and 600 are allowed");
	limits = roomy;
	limits.inflated_bytes = 900;
	CHECK_CODE(scan(pack.data, pack.len, 7, &limits), LP_LIMIT, "bytes of all objects");
}

/* A pack's beginning that announces this many objects. */
static enum lp_code announce(uint32_t objects)
{
	uint8_t head[12] = "PACK\0\0\0\2";
	for (int i = 0; i < 4; i++)
		head[8 + i] = (uint8_t)(objects >> (24 - 8 * i));
	return scan(head, sizeof(head), SIZE_MAX, &LP_PACK_LIMITS);
}

static void a_pack_announces_at_most_so_many_objects(void)
{
	char said[100];
	CHECK_CODE(announce(LP_PACK_OBJECTS), LP_TRANSIENT, "cut short");
	snprintf(said, sizeof(said), "too-large: objects in the pack: %u, and %u are allowed",
		 LP_PACK_OBJECTS + 1, LP_PACK_OBJECTS);
	CHECK_CODE(announce(LP_PACK_OBJECTS + 1), LP_LIMIT, said);
}

/* The type and size in front of an object of a pack. */
static size_t put_size(uint8_t *to, unsigned type, uint64_t size)
{
	size_t n = 0;
	to[n] = (uint8_t)(type << 4 | (size & 0x0f));
	for (size >>= 4; size; size >>= 7) {
		to[n] |= 0x80;
		to[++n] = (uint8_t)(size & 0x7f);
	}
	return n + 1;
}

static void an_object_announces_at_most_so_many_bytes(void)
{
	uint8_t pack[40] = HEAD;
	size_t n = 12 + put_size(pack + 12, 3, LP_BLOB_BYTES);
	char said[100];
	CHECK_CODE(scan(pack, n, SIZE_MAX, &LP_PACK_LIMITS), LP_TRANSIENT, "cut short");
	n = 12 + put_size(pack + 12, 3, LP_BLOB_BYTES + 1);
	snprintf(said, sizeof(said), "%u", LP_BLOB_BYTES + 1);
	CHECK_CODE(scan(pack, n, SIZE_MAX, &LP_PACK_LIMITS), LP_LIMIT, said);
}

/* Deflates without compression, as X is. */
static void put_stored(struct buf *to, const uint8_t *data, uint8_t n)
{
	uint8_t head[] = {0x78, 0x01, 0x01, n, 0, (uint8_t)~n, 0xff};
	unsigned a = 1, b = 0;
	for (unsigned i = 0; i < n; i++) {
		a += data[i];
		b += a;
	}
	uint8_t sum[] = {(uint8_t)(b >> 8), (uint8_t)b, (uint8_t)(a >> 8), (uint8_t)a};
	CHECK_OK(lp_buf_append(to, head, sizeof(head), &err));
	CHECK_OK(lp_buf_append(to, data, n, &err));
	CHECK_OK(lp_buf_append(to, sum, sizeof(sum), &err));
}

/*
 * Deltas of a few bytes, each with a result of LP_BLOB_BYTES; what they announce is what counts,
 * and so is their own size.
 */
static enum lp_code inflate_to(uint64_t total)
{
	enum { DELTA_BYTES = 7 };
	LP_AUTO(lp_buf_free) struct buf pack = LP_BUF(LP_MIB);
	CHECK_OK(lp_buf_append(&pack, "PACK\0\0\0\2\0\0\x10\0", 12, &err));
	while (total) {
		uint64_t result = total - DELTA_BYTES;
		uint8_t delta[DELTA_BYTES] = {1};
		if (result > LP_BLOB_BYTES)
			result = LP_BLOB_BYTES;
		total -= result + DELTA_BYTES;
		if (total && total <= DELTA_BYTES) { /* the next one must have room for itself */
			result -= DELTA_BYTES;
			total += DELTA_BYTES;
		}
		for (int i = 1; i <= 4; i++)
			delta[i] = (uint8_t)((result >> (7 * (i - 1)) & 0x7f) | (i < 4 ? 0x80 : 0));
		CHECK_OK(lp_buf_byte(&pack, 0x70 | DELTA_BYTES, &err));
		CHECK_OK(lp_buf_append(&pack, SUM, 20, &err));
		put_stored(&pack, delta, DELTA_BYTES);
	}
	return scan(pack.data, pack.len, SIZE_MAX, &LP_PACK_LIMITS);
}

static void all_objects_inflate_to_at_most_so_many_bytes(void)
{
	CHECK_CODE(inflate_to(LP_PACK_INFLATED), LP_TRANSIENT, "cut short");
	CHECK_CODE(inflate_to(LP_PACK_INFLATED + 1), LP_LIMIT,
		   "too-large: bytes of all objects: 536870913, and 536870912 are allowed");
}

static void a_pack_has_at_most_so_many_bytes(void)
{
	size_t n = (size_t)LP_PACK_BYTES + 1;
	char said[100], *pack = calloc(1, n); /* the pages that are never looked at cost nothing */
	CHECK(pack != NULL);
	memcpy(pack, "PACK\0\0\0\2\0\0\0", 11);
	enum lp_code code = scan(pack, n - 1, SIZE_MAX, &LP_PACK_LIMITS);
	bool inside = code == LP_REJECTED && strstr(err.msg, "after its end");
	code = scan(pack, n, SIZE_MAX, &LP_PACK_LIMITS);
	free(pack);
	CHECK(inside);
	snprintf(said, sizeof(said), "bytes of the pack: %zu, and %u are allowed", n,
		 LP_PACK_BYTES);
	CHECK_CODE(code, LP_LIMIT, said);
}

static void an_empty_pack_is_a_pack(void)
{
	CHECK_OK(SCAN("PACK\0\0\0\2\0\0\0\0" SUM));
}

int main(void)
{
	TEST(packs_of_git_are_taken_however_they_are_cut);
	TEST(a_pack_cut_anywhere_is_transient);
	TEST(a_flipped_bit_is_found_or_changes_only_what_the_checksum_guards);
	TEST(what_follows_the_end_is_refused);
	TEST(a_tag_is_refused);
	TEST(what_is_no_pack_is_refused);
	TEST(an_object_of_unknown_type_is_refused);
	TEST(a_size_that_does_not_fit_the_data_is_refused);
	TEST(a_size_with_too_many_digits_is_refused);
	TEST(damaged_data_is_refused);
	TEST(a_base_outside_of_the_pack_is_refused);
	TEST(a_delta_without_its_sizes_is_refused);
	TEST(a_delta_with_a_large_result_is_refused);
	TEST(every_limit_is_told_with_its_number);
	TEST(a_pack_announces_at_most_so_many_objects);
	TEST(an_object_announces_at_most_so_many_bytes);
	TEST(all_objects_inflate_to_at_most_so_many_bytes);
	TEST(a_pack_has_at_most_so_many_bytes);
	TEST(an_empty_pack_is_a_pack);
	return check_report();
}

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
	CHECK_CODE(scan(pack.data, pack.len, 7, &limits), LP_LIMIT, "bytes of one object: 692");
	limits = roomy;
	limits.inflated_bytes = 900;
	CHECK_CODE(scan(pack.data, pack.len, 7, &limits), LP_LIMIT, "bytes of all objects");
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
	TEST(an_empty_pack_is_a_pack);
	return check_report();
}

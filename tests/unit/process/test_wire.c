/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/clock.h"
#include "platform/fs.h"
#include "platform/wire.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL 256u /* frame_max of the channels here */

struct sample {
	uint8_t u8;
	uint32_t u32;
	uint64_t u64;
	int64_t i64;
	char text[16];
	uint8_t digest[4];
	struct slice body;
};

static const struct sample sample = {.u8 = 0xfe,
				     .u32 = 0xfedcba98,
				     .u64 = UINT64_MAX - 1,
				     .i64 = -2,
				     .text = "site/berlin",
				     .digest = {1, 2, 3, 4},
				     .body = {(const uint8_t *)"{\0}", 3}};

static void put_sample(struct buf *out)
{
	struct wire_writer w;

	lp_wire_begin(&w, out, 7);
	lp_wire_put_u8(&w, sample.u8);
	lp_wire_put_u32(&w, sample.u32);
	lp_wire_put_u64(&w, sample.u64);
	lp_wire_put_i64(&w, sample.i64);
	lp_wire_put_str(&w, sample.text);
	lp_wire_put_bytes(&w, sample.digest, sizeof(sample.digest));
	lp_wire_put_bytes(&w, sample.body.data, sample.body.len);
	CHECK_OK(lp_wire_end(&w, &err));
}

static enum lp_code take_sample(struct wire_reader *r, struct sample *ret)
{
	ret->u8 = lp_wire_u8(r);
	ret->u32 = lp_wire_u32(r);
	ret->u64 = lp_wire_u64(r);
	ret->i64 = lp_wire_i64(r);
	lp_wire_str(r, ret->text, sizeof(ret->text));
	lp_wire_bytes(r, ret->digest, sizeof(ret->digest));
	ret->body = lp_wire_slice(r);
	return lp_wire_done(r, "sample", &err);
}

/* A channel whose other end is *ret_other. */
static struct channel pair(int *ret_other)
{
	struct channel ch;
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	lp_channel_open(&ch, fds[0], SMALL);
	*ret_other = fds[1];
	return ch;
}

static void fill(struct channel *ch, bool *ret_found, struct wire_reader *r)
{
	bool closed;

	CHECK_OK(lp_channel_fill(ch, &closed, &err));
	CHECK(!closed);
	CHECK_OK(lp_channel_next(ch, ret_found, r, &err));
}

static void what_is_put_is_taken_in_the_same_order(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(SMALL);
	struct wire_reader r;
	struct sample got;

	put_sample(&out);
	CHECK(write(other, out.data, out.len) == (ssize_t)out.len);
	CHECK_OK(lp_channel_receive(&ch, 1000, &r, &err));
	CHECK(r.type == 7);
	CHECK_OK(take_sample(&r, &got));
	CHECK(got.u8 == sample.u8 && got.u32 == sample.u32);
	CHECK(got.u64 == sample.u64 && got.i64 == sample.i64);
	CHECK_STR(got.text, sample.text);
	CHECK(memcmp(got.digest, sample.digest, 4) == 0);
	CHECK(lp_slice_equal(got.body, sample.body));
	close(other);
}

static void numbers_are_little_endian_and_a_frame_begins_with_its_length(void)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(SMALL);
	static const uint8_t want[] = {10, 0, 0, 0, 2, 1, 4, 3, 2, 1, 0, 0, 0, 0};
	struct wire_writer w;

	lp_wire_begin(&w, &out, 0x102);
	lp_wire_put_u32(&w, 0x01020304);
	lp_wire_put_str(&w, NULL);
	CHECK_OK(lp_wire_end(&w, &err));
	CHECK(out.len == sizeof(want) && memcmp(out.data, want, sizeof(want)) == 0);
}

static void a_frame_cut_at_any_byte_is_refused_and_yields_zeros(void)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(SMALL);

	put_sample(&out);
	for (size_t n = 6; n < out.len; n++) {
		uint8_t *copy = malloc(n); /* exactly as long, so that ASan sees one byte too far */
		memcpy(copy, out.data, n);
		struct wire_reader r = {.type = 7, .at = copy + 6, .end = copy + n};
		struct sample got;
		enum lp_code code = take_sample(&r, &got);
		bool empty = got.body.len == 0;
		free(copy);
		CHECK(code == LP_REJECTED && empty);
		CHECK_HAS(err.msg, "sample: message 7 has a field that is missing or too long");
	}
}

static void a_byte_left_over_is_refused(void)
{
	uint8_t bytes[] = {1, 2};
	struct wire_reader r = {.type = 9, .at = bytes, .end = bytes + 2};

	CHECK(lp_wire_u8(&r) == 1);
	CHECK_CODE(lp_wire_done(&r, "step", &err), LP_REJECTED,
		   "step: message 9 has 1 bytes too many");
	CHECK(lp_wire_u8(&r) == 2);
	CHECK_OK(lp_wire_done(&r, "step", &err));
}

static void read_text(const char *bytes, size_t n, bool good, const char *want)
{
	char text[4] = "xxx";
	struct wire_reader r = {.at = (const uint8_t *)bytes, .end = (const uint8_t *)bytes + n};

	lp_wire_str(&r, text, sizeof(text));
	CHECK(r.bad == !good);
	CHECK_STR(text, want);
}

static void a_string_with_a_nul_or_too_long_is_refused(void)
{
	read_text("\3\0\0\0abc", 7, true, "abc");
	read_text("\0\0\0\0", 4, true, "");
	read_text("\4\0\0\0abcd", 8, false, "");
	read_text("\3\0\0\0a\0c", 7, false, "");
	read_text("\1\0\0\0\0", 5, false, "");
	read_text("\377\377\377\377abc", 7, false, "");
	read_text("\3\0\0", 3, false, "");
}

static void bytes_of_another_length_are_refused(void)
{
	uint8_t digest[4] = {9, 9, 9, 9};
	static const uint8_t three[] = {3, 0, 0, 0, 1, 2, 3}, five[] = {5, 0, 0, 0, 1, 2, 3, 4, 5};
	struct wire_reader r = {.at = three, .end = three + sizeof(three)};

	lp_wire_bytes(&r, digest, 4);
	CHECK(r.bad && memcmp(digest, "\0\0\0\0", 4) == 0);
	r = (struct wire_reader){.at = five, .end = five + sizeof(five)};
	lp_wire_bytes(&r, digest, 4);
	CHECK(r.bad);
	CHECK(lp_wire_u8(&r) == 0); /* bad stays bad */
}

static void a_frame_past_the_ceiling_leaves_the_buffer_as_it_was(void)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(40);
	struct wire_writer w;

	lp_wire_begin(&w, &out, 1);
	lp_wire_put_str(&w, "first");
	CHECK_OK(lp_wire_end(&w, &err));
	size_t before = out.len;
	lp_wire_begin(&w, &out, 2);
	lp_wire_put_str(&w, "a text that has no room any more");
	lp_wire_put_u8(&w, 1);
	CHECK_CODE(lp_wire_end(&w, &err), LP_LIMIT, "message to a role: more than 40 bytes");
	CHECK(out.len == before);
	lp_wire_begin(&w, &out, 3);
	CHECK_OK(lp_wire_end(&w, &err));
}

static void a_frame_of_more_than_frame_max_is_not_sent(void)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(3 * LP_FRAME_MAX);
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_FRAME_MAX + 1);
	struct wire_writer w;

	CHECK_OK(lp_buf_reserve(&body, LP_FRAME_MAX + 1, &err));
	memset(body.data, 'x', LP_FRAME_MAX + 1);
	lp_wire_begin(&w, &out, 1);
	lp_wire_put_bytes(&w, body.data, LP_FRAME_MAX - 6); /* type and length of the bytes */
	CHECK_OK(lp_wire_end(&w, &err));
	lp_buf_clear(&out);
	lp_wire_begin(&w, &out, 1);
	lp_wire_put_bytes(&w, body.data, LP_FRAME_MAX - 5);
	CHECK_CODE(lp_wire_end(&w, &err), LP_LIMIT, "more than");
	lp_wire_begin(&w, &out, 1);
	lp_wire_put_bytes(&w, body.data, LP_FRAME_MAX + 1);
	CHECK_CODE(lp_wire_end(&w, &err), LP_LIMIT, "more than");
	CHECK(out.len == 0);
}

static void a_length_of_none_or_too_many_bytes_is_not_a_frame(void)
{
	static const uint32_t lengths[] = {0, 1, SMALL + 1, 0x7fffffff, 0xffffffff};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int other;
		LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
		struct wire_reader r;
		uint8_t bytes[8] = {(uint8_t)lengths[i], (uint8_t)(lengths[i] >> 8),
				    (uint8_t)(lengths[i] >> 16), (uint8_t)(lengths[i] >> 24)};
		CHECK(write(other, bytes, sizeof(bytes)) == sizeof(bytes));
		enum lp_code code = lp_channel_receive(&ch, 1000, &r, &err);
		close(other);
		CHECK(code == LP_REJECTED);
		CHECK_HAS(err.msg, "2 to 256 are allowed");
	}
}

static void frames_of_every_allowed_length_arrive_whole(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
	uint8_t frame[4 + SMALL] = {0};

	for (unsigned n = 2; n <= SMALL; n++) {
		struct wire_reader r;
		frame[0] = (uint8_t)n;
		frame[1] = (uint8_t)(n >> 8);
		frame[4] = (uint8_t)n;
		CHECK(write(other, frame, 4 + n) == (ssize_t)(4 + n));
		CHECK_OK(lp_channel_receive(&ch, 1000, &r, &err));
		CHECK(r.type == (n & 255) && (size_t)(r.end - r.at) == n - 2);
	}
	close(other);
}

static void a_frame_that_comes_byte_by_byte_is_found_once_it_is_whole(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(SMALL);
	struct wire_reader r;
	struct sample got;
	bool found;

	put_sample(&out);
	for (size_t i = 0; i < out.len; i++) {
		CHECK(write(other, out.data + i, 1) == 1);
		fill(&ch, &found, &r);
		CHECK(found == (i == out.len - 1));
	}
	CHECK_OK(take_sample(&r, &got));
	CHECK_OK(lp_channel_next(&ch, &found, &r, &err));
	CHECK(!found);
	close(other);
}

static void many_frames_in_one_read_are_taken_one_by_one(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(SMALL);
	struct wire_reader r;
	struct wire_writer w;
	bool found;

	for (uint16_t type = 0; type < 20; type++) {
		lp_wire_begin(&w, &out, type);
		lp_wire_put_u32(&w, type * 3u);
		CHECK_OK(lp_wire_end(&w, &err));
	}
	CHECK(write(other, out.data, out.len - 1) == (ssize_t)out.len - 1);
	fill(&ch, &found, &r);
	for (uint16_t type = 0; type < 19; type++) {
		CHECK(found && r.type == type && lp_wire_u32(&r) == type * 3u);
		CHECK_OK(lp_wire_done(&r, "many", &err));
		CHECK_OK(lp_channel_next(&ch, &found, &r, &err));
	}
	CHECK(!found);
	CHECK(write(other, out.data + out.len - 1, 1) == 1);
	fill(&ch, &found, &r);
	CHECK(found && r.type == 19);
	close(other);
}

static void an_end_in_order_differs_from_one_in_the_middle_of_a_frame(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
	struct wire_reader r;

	close(other);
	CHECK_CODE(lp_channel_receive(&ch, -1, &r, &err), LP_NOT_FOUND, "has ended");

	LP_AUTO(lp_channel_close) struct channel cut = pair(&other);
	CHECK(write(other, "\5\0\0\0\1", 5) == 5);
	close(other);
	CHECK_CODE(lp_channel_receive(&cut, -1, &r, &err), LP_TRANSIENT,
		   "in the middle of a message");
}

static void the_last_frame_is_found_after_the_other_end_has_closed(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
	struct wire_reader r;

	CHECK(write(other, "\2\0\0\0\1\0", 6) == 6);
	close(other);
	CHECK_OK(lp_channel_receive(&ch, -1, &r, &err));
	CHECK(r.type == 1);
	CHECK_CODE(lp_channel_receive(&ch, -1, &r, &err), LP_NOT_FOUND, "has ended");
}

static void waiting_ends_at_the_timeout(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
	struct wire_reader r;
	int64_t before_ms = lp_boot_ms();

	CHECK_CODE(lp_channel_receive(&ch, 50, &r, &err), LP_TRANSIENT, "did not answer in time");
	CHECK(lp_boot_ms() - before_ms >= 50 && lp_boot_ms() - before_ms < 5000);
	close(other);
}

static void sending_to_a_role_that_is_gone_is_an_error_and_no_signal(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);

	close(other);
	put_sample(&ch.out);
	CHECK_CODE(lp_channel_flush(&ch, &err), LP_TRANSIENT, "send to the other role");
}

static void a_full_socket_keeps_the_rest_and_flush_waits_for_the_reader(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
	LP_AUTO(lp_channel_close) struct channel reader = {.fd = -1};
	size_t left = 0, queued = 0;

	ch.out.max = 4 * LP_MIB;
	while (!left) {
		put_sample(&ch.out);
		queued++;
		CHECK_OK(lp_channel_drain(&ch, &left, &err));
	}
	CHECK(left == ch.out.len);
	pid_t child = fork();
	if (child == 0) {
		close(other);
		_exit(lp_channel_flush(&ch, &err) == LP_OK ? 0 : 1);
	}
	lp_close(&ch.fd);
	lp_channel_open(&reader, other, SMALL);
	struct wire_reader r;
	struct sample got;
	size_t taken = 0;
	while (lp_channel_receive(&reader, 10000, &r, &err) == LP_OK) {
		CHECK_OK(take_sample(&r, &got));
		taken++;
	}
	CHECK(err.code == LP_NOT_FOUND && taken == queued);
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void memory_of_a_large_message_is_given_back(void)
{
	LP_AUTO(lp_channel_close) struct channel big = {.fd = -1};
	int fds[2];
	bool closed, found = false;
	struct wire_reader r;
	struct wire_writer w;
	size_t left = 1;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	LP_AUTO(lp_channel_close) struct channel from = {.fd = -1};
	lp_channel_open(&from, fds[0], LP_FRAME_MAX);
	lp_channel_open(&big, fds[1], LP_FRAME_MAX);
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_MIB);
	CHECK_OK(lp_buf_reserve(&body, LP_MIB, &err));
	memset(body.data, 'x', LP_MIB);
	lp_wire_begin(&w, &from.out, 1);
	lp_wire_put_bytes(&w, body.data, LP_MIB);
	CHECK_OK(lp_wire_end(&w, &err));
	while (!found) {
		CHECK_OK(lp_channel_drain(&from, &left, &err));
		CHECK_OK(lp_channel_fill(&big, &closed, &err));
		CHECK_OK(lp_channel_next(&big, &found, &r, &err));
	}
	CHECK(left == 0 && from.out.cap <= 64 * LP_KIB);
	CHECK(lp_wire_slice(&r).len == LP_MIB);
	CHECK_OK(lp_channel_fill(&big, &closed, &err));
	CHECK(big.in.cap <= 64 * LP_KIB);
}

static void frames_that_nobody_takes_stop_at_the_ceiling(void)
{
	int other;
	LP_AUTO(lp_channel_close) struct channel ch = pair(&other);
	uint8_t junk[4096] = {2};
	bool closed;
	enum lp_code code = LP_OK;

	CHECK(fcntl(other, F_SETFL, O_NONBLOCK) == 0);
	for (int i = 0; i < 100 && code == LP_OK; i++) {
		while (write(other, junk, sizeof(junk)) > 0)
			;
		code = lp_channel_fill(&ch, &closed, &err);
	}
	CHECK(code == LP_LIMIT);
	CHECK(ch.in.len <= ch.in.max);
	close(other);
}

int main(void)
{
	alarm(60);
	TEST(what_is_put_is_taken_in_the_same_order);
	TEST(numbers_are_little_endian_and_a_frame_begins_with_its_length);
	TEST(a_frame_cut_at_any_byte_is_refused_and_yields_zeros);
	TEST(a_byte_left_over_is_refused);
	TEST(a_string_with_a_nul_or_too_long_is_refused);
	TEST(bytes_of_another_length_are_refused);
	TEST(a_frame_past_the_ceiling_leaves_the_buffer_as_it_was);
	TEST(a_frame_of_more_than_frame_max_is_not_sent);
	TEST(a_length_of_none_or_too_many_bytes_is_not_a_frame);
	TEST(frames_of_every_allowed_length_arrive_whole);
	TEST(a_frame_that_comes_byte_by_byte_is_found_once_it_is_whole);
	TEST(many_frames_in_one_read_are_taken_one_by_one);
	TEST(an_end_in_order_differs_from_one_in_the_middle_of_a_frame);
	TEST(the_last_frame_is_found_after_the_other_end_has_closed);
	TEST(waiting_ends_at_the_timeout);
	TEST(sending_to_a_role_that_is_gone_is_an_error_and_no_signal);
	TEST(a_full_socket_keeps_the_rest_and_flush_waits_for_the_reader);
	TEST(memory_of_a_large_message_is_given_back);
	TEST(frames_that_nobody_takes_stop_at_the_ceiling);
	return check_report();
}

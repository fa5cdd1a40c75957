/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/limits.h"
#include "agent/source/pkt.h"
#include "tests/unit/check.h"

static char seen[4096];

static enum lp_code note(void *ctx, const struct pkt *pkt, struct err *e)
{
	static const char *const names[] = {"data", "flush", "delim", "end"};
	size_t at = strlen(seen);
	snprintf(seen + at, sizeof(seen) - at, "%s(%.*s) ", names[pkt->kind], (int)pkt->data.len,
		 pkt->data.len ? (const char *)pkt->data.data : "");
	return LP_OK;
}

/* Feeds text in pieces of step bytes. */
static enum lp_code feed(const char *text, size_t n, size_t step)
{
	LP_AUTO(lp_pkt_free) struct pkt_reader reader = LP_PKT_READER;
	seen[0] = 0;
	for (size_t i = 0; i < n; i += step)
		LP_TRY(lp_pkt_feed(&reader, (const uint8_t *)text + i, n - i < step ? n - i : step,
				   note, NULL, &err));
	return lp_pkt_finish(&reader, &err);
}

static void lines_are_the_same_however_they_are_cut(void)
{
	static const char text[] = "0009hello0000000bversion0001000400020005x";
	for (size_t step = 1; step <= sizeof(text); step++) {
		CHECK_OK(feed(text, sizeof(text) - 1, step));
		CHECK_STR(seen, "data(hello) flush() data(version) delim() data() end() data(x) ");
	}
}

static void a_length_that_is_no_number_is_refused(void)
{
	CHECK_CODE(feed("00g0", 4, 4), LP_REJECTED, "no pkt-line");
	CHECK_CODE(feed("<!DOCTYPE html>", 15, 1), LP_REJECTED, "no pkt-line");
}

static void a_length_of_three_is_refused(void)
{
	CHECK_CODE(feed("0003", 4, 4), LP_REJECTED, "3 bytes");
}

static void a_line_longer_than_the_protocol_allows_is_refused(void)
{
	CHECK_CODE(feed("fff1", 4, 4), LP_REJECTED, "65521 bytes");
}

static void a_line_of_the_largest_size_is_taken(void)
{
	static char text[LP_PKT_BYTES];
	LP_AUTO(lp_pkt_free) struct pkt_reader reader = LP_PKT_READER;
	memset(text, 'x', sizeof(text));
	memcpy(text, "fff0", 4);
	seen[0] = 0;
	CHECK_OK(lp_pkt_feed(&reader, (uint8_t *)text, 100, note, NULL, &err));
	CHECK_STR(seen, "");
	CHECK_OK(lp_pkt_feed(&reader, (uint8_t *)text + 100, sizeof(text) - 100, note, NULL, &err));
	CHECK_HAS(seen, "data(xxx");
	CHECK_OK(lp_pkt_finish(&reader, &err));
}

static void a_line_cut_short_is_transient(void)
{
	CHECK_CODE(feed("0009hel", 7, 7), LP_TRANSIENT, "cut short");
	CHECK_CODE(feed("00", 2, 1), LP_TRANSIENT, "cut short");
}

static enum lp_code stop(void *ctx, const struct pkt *pkt, struct err *e)
{
	return lp_err_set(e, LP_CONFLICT, "stop");
}

static void an_error_of_the_visitor_ends_the_reading(void)
{
	LP_AUTO(lp_pkt_free) struct pkt_reader reader = LP_PKT_READER;
	CHECK_CODE(lp_pkt_feed(&reader, (const uint8_t *)"00000000", 8, stop, NULL, &err),
		   LP_CONFLICT, "stop");
}

static void a_line_that_is_written_is_read_again(void)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(100);
	CHECK_OK(lp_pkt_put(&out, &err, "want %s", "abc"));
	CHECK_OK(lp_pkt_put_delim(&out, &err));
	CHECK_OK(lp_pkt_put_flush(&out, &err));
	CHECK_STR(lp_buf_text(&out), "000dwant abc\n00010000");
}

static void what_a_server_says_is_shown_without_its_control_characters(void)
{
	char text[16];
	CHECK_STR(lp_remote_text(LP_SLICE("\n\x1b[1mno\r\nway\t\xff\n"), text, sizeof(text)),
		  "[1mno way");
	CHECK_STR(lp_remote_text(LP_SLICE("0123456789abcdefghi"), text, sizeof(text)),
		  "0123456789abcde");
	CHECK_STR(lp_remote_text(LP_SLICE(" \n "), text, sizeof(text)), "");
}

int main(void)
{
	TEST(lines_are_the_same_however_they_are_cut);
	TEST(a_length_that_is_no_number_is_refused);
	TEST(a_length_of_three_is_refused);
	TEST(a_line_longer_than_the_protocol_allows_is_refused);
	TEST(a_line_of_the_largest_size_is_taken);
	TEST(a_line_cut_short_is_transient);
	TEST(an_error_of_the_visitor_ends_the_reading);
	TEST(a_line_that_is_written_is_read_again);
	TEST(what_a_server_says_is_shown_without_its_control_characters);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/capabilities.h"
#include "agent/source/limits.h"
#include "agent/source/refs.h"
#include "agent/source/upload.h"
#include "tests/unit/check.h"

#define A40 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B40 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* --- ls-refs --- */

static struct buf lines;

static void begin(void)
{
	lp_buf_free(&lines);
	lines = LP_BUF(LP_MIB);
}

#define LINE(...) CHECK_OK(lp_pkt_put(&lines, &err, __VA_ARGS__))

static enum lp_code read_refs(struct refs_answer *answer)
{
	LP_TRY(lp_refs_feed(answer, lines.data, lines.len, &err));
	return lp_refs_finish(answer, &err);
}

static void the_request_asks_for_one_prefix_and_nothing_else(void)
{
	begin();
	CHECK_OK(lp_refs_request("refs/heads/site/a", &lines, &err));
	CHECK_STR(lp_buf_text(&lines), "0014command=ls-refs\n0001"
				       "0021ref-prefix refs/heads/site/a\n0000");
}

static void the_exact_ref_is_picked_out(void)
{
	LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("refs/heads/site/a");
	char hex[LP_OID_TEXT];
	begin();
	LINE(B40 " refs/heads/site/a-longer");
	LINE(A40 " refs/heads/site/a");
	LINE(B40 " refs/heads/site/a/below");
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	CHECK_OK(read_refs(&answer));
	CHECK(answer.found);
	CHECK_STR(lp_oid_hex(&answer.tip, hex), A40);
}

static void attributes_behind_a_ref_are_no_part_of_its_name(void)
{
	LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("HEAD");
	begin();
	LINE(A40 " HEAD symref-target:refs/heads/main peeled:" B40);
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	CHECK_OK(read_refs(&answer));
	CHECK(answer.found);
}

static void a_ref_that_only_begins_alike_is_not_found(void)
{
	LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("refs/heads/a");
	begin();
	LINE(A40 " refs/heads/ab");
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	CHECK_OK(read_refs(&answer));
	CHECK(!answer.found);
}

static void an_answer_without_its_flush_is_transient(void)
{
	LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("refs/heads/a");
	begin();
	LINE(A40 " refs/heads/a");
	CHECK_CODE(read_refs(&answer), LP_TRANSIENT, "cut short");
}

static void lines_that_are_no_refs_are_refused(void)
{
	static const char *const bad[] = {"hello", A40, A40 " ", A40 "0 refs/heads/a",
					  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA refs/heads/a"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("refs/heads/a");
		begin();
		LINE("%s", bad[i]);
		CHECK_CODE(lp_refs_feed(&answer, lines.data, lines.len, &err), LP_REJECTED,
			   "not one");
	}
}

static void sha256_ids_are_an_unsupported_format(void)
{
	LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("refs/heads/a");
	begin();
	LINE("%s%.24s refs/heads/a", A40, A40);
	CHECK_CODE(lp_refs_feed(&answer, lines.data, lines.len, &err), LP_REJECTED,
		   "unsupported-format");
}

static void what_follows_the_flush_is_refused(void)
{
	LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("refs/heads/a");
	begin();
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	LINE(A40 " refs/heads/a");
	CHECK_CODE(lp_refs_feed(&answer, lines.data, lines.len, &err), LP_REJECTED, "goes on");
}

static void a_refusal_is_passed_on(void)
{
	LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("refs/heads/a");
	begin();
	LINE("ERR no such \x1b[31mthing");
	CHECK_CODE(lp_refs_feed(&answer, lines.data, lines.len, &err), LP_CONFIG,
		   "no such [31mthing");
}

static void a_long_refusal_is_cut(void)
{
	char said[LP_REMOTE_TEXT + 1];
	memset(said, 'x', sizeof(said));
	for (size_t n = LP_REMOTE_TEXT - 1; n <= LP_REMOTE_TEXT; n++) {
		LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER("refs/heads/a");
		begin();
		LINE("ERR %.*s", (int)n, said);
		CHECK_CODE(lp_refs_feed(&answer, lines.data, lines.len, &err), LP_CONFIG, "xxx");
		CHECK(strspn(strchr(err.msg, 'x'), "x") == LP_REMOTE_TEXT - 1);
	}
}

/* --- capabilities --- */

static enum lp_code read_ad(struct advertisement *ad)
{
	LP_TRY(lp_advertisement_feed(ad, lines.data, lines.len, &err));
	return lp_advertisement_finish(ad, &err);
}

static void capabilities_are_words_not_parts_of_words(void)
{
	LP_AUTO(lp_advertisement_free) struct advertisement ad = LP_ADVERTISEMENT;
	begin();
	LINE("version 2");
	LINE("agent=git/2.39.5");
	LINE("ls-refs=unborn");
	LINE("fetch=shallow wait-for-done filters");
	LINE("object-format=sha1");
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	CHECK_OK(read_ad(&ad));
	CHECK(ad.can.version_2 && ad.can.ls_refs && ad.can.fetch && ad.can.shallow);
	CHECK(!ad.can.filter && !ad.can.sha256);
}

static void the_service_line_of_older_servers_is_skipped(void)
{
	LP_AUTO(lp_advertisement_free) struct advertisement ad = LP_ADVERTISEMENT;
	begin();
	LINE("# service=git-upload-pack");
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	LINE("version 2");
	LINE("fetch=filter");
	LINE("object-format=sha256");
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	CHECK_OK(read_ad(&ad));
	CHECK(ad.can.version_2 && ad.can.filter && ad.can.sha256);
}

static void the_refs_of_an_older_protocol_are_left_unread(void)
{
	LP_AUTO(lp_advertisement_free) struct advertisement ad = LP_ADVERTISEMENT;
	begin();
	LINE("# service=git-upload-pack");
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	LINE(A40 " HEAD");
	CHECK_OK(read_ad(&ad));
	CHECK(!ad.can.version_2);
}

static void an_empty_repository_of_an_older_protocol_is_no_version_2(void)
{
	LP_AUTO(lp_advertisement_free) struct advertisement ad = LP_ADVERTISEMENT;
	begin();
	LINE("# service=git-upload-pack");
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	CHECK_OK(read_ad(&ad));
	CHECK(!ad.can.version_2);
}

static void an_advertisement_cut_short_is_transient(void)
{
	LP_AUTO(lp_advertisement_free) struct advertisement ad = LP_ADVERTISEMENT;
	begin();
	LINE("version 2");
	CHECK_CODE(read_ad(&ad), LP_TRANSIENT, "cut short");
}

/* --- fetch --- */

static char pack[256];
static size_t pack_len;

static enum lp_code keep(void *ctx, const uint8_t *data, size_t n, struct err *e)
{
	CHECK(pack_len + n < sizeof(pack));
	memcpy(pack + pack_len, data, n);
	pack_len += n;
	pack[pack_len] = 0;
	return LP_OK;
}

static enum lp_code read_fetch(void)
{
	LP_AUTO(lp_fetch_answer_free) struct fetch_answer answer = LP_FETCH_ANSWER(keep, NULL);
	pack_len = 0;
	LP_TRY(lp_fetch_answer_feed(&answer, lines.data, lines.len, &err));
	return lp_fetch_answer_finish(&answer, &err);
}

/* A side band line, whose data ends without LF. */
static void band(char which, const char *data)
{
	CHECK_OK(lp_buf_printf(&lines, &err, "%04zx%c%s", strlen(data) + 5, which, data));
}

static void the_tip_is_asked_for_as_a_thin_pack_on_a_shallow_commit(void)
{
	struct fetch_wish wish = {.tip_only = true};
	begin();
	CHECK(lp_oid_parse(A40, 40, &wish.want) && lp_oid_parse(B40, 40, &wish.have));
	CHECK_OK(lp_fetch_ask(&wish, &lines, &err));
	CHECK_HAS(lp_buf_text(&lines), "thin-pack\n");
	CHECK_HAS(lp_buf_text(&lines), "shallow " B40 "\n");
	CHECK_HAS(lp_buf_text(&lines), "deepen 1\n");
	CHECK_HAS(lp_buf_text(&lines), "want " A40 "\n");
	CHECK_HAS(lp_buf_text(&lines), "have " B40 "\n");
	CHECK(!strstr(lp_buf_text(&lines), "filter"));
}

static void the_commits_between_are_asked_for_whole_and_alone(void)
{
	struct fetch_wish wish = {.commits_only = true};
	begin();
	CHECK(lp_oid_parse(A40, 40, &wish.want) && lp_oid_parse(B40, 40, &wish.have));
	CHECK_OK(lp_fetch_ask(&wish, &lines, &err));
	CHECK_HAS(lp_buf_text(&lines), "filter tree:0\n");
	CHECK(!strstr(lp_buf_text(&lines), "thin-pack"));
	CHECK(!strstr(lp_buf_text(&lines), "shallow"));
	CHECK(!strstr(lp_buf_text(&lines), "deepen"));
}

static void the_pack_is_taken_out_of_its_sections_and_bands(void)
{
	begin();
	LINE("acknowledgments");
	LINE("NAK");
	CHECK_OK(lp_pkt_put_delim(&lines, &err));
	LINE("shallow-info");
	LINE("shallow " A40);
	CHECK_OK(lp_pkt_put_delim(&lines, &err));
	LINE("packfile");
	band(2, "counting");
	band(1, "PA");
	band(1, "CK");
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	CHECK_OK(read_fetch());
	CHECK_STR(pack, "PACK");
}

static void a_server_that_gives_up_is_heard(void)
{
	begin();
	LINE("packfile");
	band(1, "PACK");
	band(3, "out of memory\n");
	CHECK_CODE(read_fetch(), LP_TRANSIENT, "gave up: out of memory");
}

static void a_refused_fetch_is_passed_on(void)
{
	begin();
	LINE("ERR upload-pack: not our ref " A40);
	CHECK_CODE(read_fetch(), LP_CONFIG, "not our ref");
}

static void an_answer_out_of_order_is_refused(void)
{
	begin();
	LINE("shallow " A40);
	CHECK_CODE(read_fetch(), LP_REJECTED, "unknown section");
	begin();
	CHECK_OK(lp_pkt_put_delim(&lines, &err));
	CHECK_CODE(read_fetch(), LP_REJECTED, "did not begin");
	begin();
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	CHECK_CODE(read_fetch(), LP_REJECTED, "without a pack");
	begin();
	LINE("shallow-info");
	LINE("hello");
	CHECK_CODE(read_fetch(), LP_REJECTED, "unknown line");
	begin();
	LINE("packfile");
	band(7, "x");
	CHECK_CODE(read_fetch(), LP_REJECTED, "side band");
	begin();
	LINE("packfile");
	CHECK_OK(lp_pkt_put_flush(&lines, &err));
	LINE("packfile");
	CHECK_CODE(read_fetch(), LP_REJECTED, "after its end");
}

static void a_pack_section_cut_short_is_transient(void)
{
	begin();
	LINE("packfile");
	band(1, "PACK");
	CHECK_CODE(read_fetch(), LP_TRANSIENT, "cut short");
}

static void lines_before_the_pack_have_a_limit(void)
{
	LP_AUTO(lp_fetch_answer_free) struct fetch_answer answer = LP_FETCH_ANSWER(keep, NULL);
	enum lp_code code = LP_OK;
	begin();
	LINE("acknowledgments");
	CHECK_OK(lp_fetch_answer_feed(&answer, lines.data, lines.len, &err));
	for (unsigned i = 0; i <= LP_SECTION_LINES && code == LP_OK; i++)
		code = lp_fetch_answer_feed(&answer, (const uint8_t *)"0008NAK\n", 8, &err);
	CHECK_CODE(code, LP_LIMIT, "100000 lines");
}

int main(void)
{
	TEST(the_request_asks_for_one_prefix_and_nothing_else);
	TEST(the_exact_ref_is_picked_out);
	TEST(attributes_behind_a_ref_are_no_part_of_its_name);
	TEST(a_ref_that_only_begins_alike_is_not_found);
	TEST(an_answer_without_its_flush_is_transient);
	TEST(lines_that_are_no_refs_are_refused);
	TEST(sha256_ids_are_an_unsupported_format);
	TEST(what_follows_the_flush_is_refused);
	TEST(a_refusal_is_passed_on);
	TEST(a_long_refusal_is_cut);
	TEST(capabilities_are_words_not_parts_of_words);
	TEST(the_service_line_of_older_servers_is_skipped);
	TEST(the_refs_of_an_older_protocol_are_left_unread);
	TEST(an_empty_repository_of_an_older_protocol_is_no_version_2);
	TEST(an_advertisement_cut_short_is_transient);
	TEST(the_tip_is_asked_for_as_a_thin_pack_on_a_shallow_commit);
	TEST(the_commits_between_are_asked_for_whole_and_alone);
	TEST(the_pack_is_taken_out_of_its_sections_and_bands);
	TEST(a_server_that_gives_up_is_heard);
	TEST(a_refused_fetch_is_passed_on);
	TEST(an_answer_out_of_order_is_refused);
	TEST(a_pack_section_cut_short_is_transient);
	TEST(lines_before_the_pack_have_a_limit);
	lp_buf_free(&lines);
	return check_report();
}

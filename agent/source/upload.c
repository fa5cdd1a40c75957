/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/upload.h"

#include "agent/source/limits.h"

#include <string.h>

void lp_fetch_answer_free(struct fetch_answer *answer)
{
	lp_pkt_free(&answer->reader);
}

/*
 * The tip's own fetch names the accepted commit as shallow, because its parents were never
 * fetched, and takes a thin pack built on it. The fetch of the commits between the two says
 * neither: whoever has the accepted commit is then not sent what came before it, and every
 * object must come whole.
 */
enum lp_code lp_fetch_ask(const struct fetch_wish *wish, struct buf *to, struct err *err)
{
	char hex[LP_OID_TEXT];
	bool have = !lp_oid_is_zero(&wish->have);
	LP_TRY(lp_pkt_put(to, err, "command=fetch"));
	LP_TRY(lp_pkt_put_delim(to, err));
	if (wish->tip_only && have)
		LP_TRY(lp_pkt_put(to, err, "thin-pack"));
	LP_TRY(lp_pkt_put(to, err, "no-progress"));
	LP_TRY(lp_pkt_put(to, err, "ofs-delta"));
	if (wish->tip_only && have)
		LP_TRY(lp_pkt_put(to, err, "shallow %s", lp_oid_hex(&wish->have, hex)));
	if (wish->tip_only || wish->depth)
		LP_TRY(lp_pkt_put(to, err, "deepen %u", wish->tip_only ? 1 : wish->depth));
	if (wish->commits_only)
		LP_TRY(lp_pkt_put(to, err, "filter tree:0"));
	LP_TRY(lp_pkt_put(to, err, "want %s", lp_oid_hex(&wish->want, hex)));
	if (have)
		LP_TRY(lp_pkt_put(to, err, "have %s", lp_oid_hex(&wish->have, hex)));
	LP_TRY(lp_pkt_put(to, err, "done"));
	return lp_pkt_put_flush(to, err);
}

static enum lp_code unexpected(struct err *err, const char *what)
{
	return lp_err_set(err, LP_REJECTED, "an answer to fetch that is not one: %s", what);
}

static enum lp_code server_says(enum lp_code code, const char *doing, struct slice said,
				struct err *err)
{
	char text[LP_REMOTE_TEXT];
	return lp_err_set(err, code, "the Git server %s: %s", doing,
			  lp_remote_text(said, text, sizeof(text)));
}

static enum lp_code take_section(struct fetch_answer *answer, struct slice line, struct err *err)
{
	static const char *const known[] = {"acknowledgments", "shallow-info", "wanted-refs"};
	if (lp_slice_starts(line, "ERR ")) {
		struct slice said = {line.data + 4, line.len - 4};
		return server_says(LP_CONFIG, "refuses", said, err);
	}
	if (lp_slice_is(line, "packfile")) {
		answer->state = ANSWER_PACK;
		return LP_OK;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (lp_slice_is(line, known[i])) {
			answer->state = ANSWER_LINES;
			return LP_OK;
		}
	}
	return unexpected(err, "an unknown section");
}

static enum lp_code take_line(struct fetch_answer *answer, struct slice line, struct err *err)
{
	static const char *const known[] = {"NAK", "ACK ", "ready", "shallow ", "unshallow "};
	if (++answer->lines > LP_SECTION_LINES)
		return lp_err_set(err, LP_LIMIT, "more than %u lines before the pack",
				  LP_SECTION_LINES);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (lp_slice_starts(line, known[i]))
			return LP_OK;
	return unexpected(err, "an unknown line");
}

/* Band 1 is the pack, 2 is for people to watch, 3 says why the server gave up. */
static enum lp_code take_band(struct fetch_answer *answer, struct slice data, struct err *err)
{
	if (data.len == 0)
		return unexpected(err, "no side band");
	struct slice rest = {data.data + 1, data.len - 1};
	switch (data.data[0]) {
	case 1:
		return rest.len ? answer->on_pack(answer->ctx, rest.data, rest.len, err) : LP_OK;
	case 2:
		return LP_OK;
	case 3:
		return server_says(LP_TRANSIENT, "gave up", rest, err);
	default:
		return unexpected(err, "an unknown side band");
	}
}

static enum lp_code take_data(struct fetch_answer *answer, const struct pkt *pkt, struct err *err)
{
	switch (answer->state) {
	case ANSWER_SECTION:
		return take_section(answer, lp_pkt_line(pkt), err);
	case ANSWER_LINES:
		return take_line(answer, lp_pkt_line(pkt), err);
	case ANSWER_PACK:
		return take_band(answer, pkt->data, err);
	case ANSWER_END:
		break;
	}
	return unexpected(err, "it goes on after its end");
}

static enum lp_code take_pkt(void *ctx, const struct pkt *pkt, struct err *err)
{
	struct fetch_answer *answer = ctx;
	switch (pkt->kind) {
	case PKT_DATA:
		return take_data(answer, pkt, err);
	case PKT_DELIM:
		if (answer->state != ANSWER_LINES)
			return unexpected(err, "a section ends that did not begin");
		answer->state = ANSWER_SECTION;
		return LP_OK;
	case PKT_FLUSH:
		if (answer->state != ANSWER_PACK)
			return unexpected(err, "it ends without a pack");
		answer->state = ANSWER_END;
		return LP_OK;
	case PKT_END:
		return answer->state == ANSWER_END ? LP_OK : unexpected(err, "it ends too early");
	}
	return unexpected(err, "a pkt-line of unknown kind");
}

enum lp_code lp_fetch_answer_feed(struct fetch_answer *answer, const uint8_t *data, size_t n,
				  struct err *err)
{
	return lp_pkt_feed(&answer->reader, data, n, take_pkt, answer, err);
}

enum lp_code lp_fetch_answer_finish(const struct fetch_answer *answer, struct err *err)
{
	if (answer->state != ANSWER_END || lp_pkt_finish(&answer->reader, err) != LP_OK)
		return lp_err_set(err, LP_TRANSIENT, "the answer was cut short");
	return LP_OK;
}

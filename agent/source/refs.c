/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/refs.h"

#include "agent/source/limits.h"

#include <string.h>

void lp_refs_free(struct refs_answer *answer)
{
	lp_pkt_free(&answer->reader);
}

enum lp_code lp_refs_request(const char *prefix, struct buf *to, struct err *err)
{
	LP_TRY(lp_pkt_put(to, err, "command=ls-refs"));
	LP_TRY(lp_pkt_put_delim(to, err));
	LP_TRY(lp_pkt_put(to, err, "ref-prefix %s", prefix));
	return lp_pkt_put_flush(to, err);
}

static enum lp_code server_error(struct slice line, struct err *err)
{
	char text[LP_REMOTE_TEXT];
	line.data += strlen("ERR ");
	line.len -= strlen("ERR ");
	return lp_err_set(err, LP_CONFIG, "the Git server refuses: %s",
			  lp_remote_text(line, text, sizeof(text)));
}

/* How many lower-case hex digits a line begins with. */
static size_t hex_digits(struct slice line)
{
	size_t n = 0;
	while (n < line.len && ((line.data[n] >= '0' && line.data[n] <= '9') ||
				(line.data[n] >= 'a' && line.data[n] <= 'f')))
		n++;
	return n;
}

/* "oid SP refname", and after another space attributes that nobody asked for. */
static enum lp_code take_ref(struct refs_answer *answer, struct slice line, struct err *err)
{
	size_t digits = hex_digits(line);
	if (digits == 64)
		return lp_err_set(err, LP_REJECTED,
				  "unsupported-format: the repository has SHA-256 object ids; "
				  "use one with SHA-1 (git init --object-format=sha1)");
	if (digits != 40 || line.len < 42 || line.data[40] != ' ')
		return lp_err_set(err, LP_REJECTED, "an answer to ls-refs that is not one");
	struct slice name = {line.data + 41, line.len - 41};
	const uint8_t *space = memchr(name.data, ' ', name.len);
	if (space)
		name.len = (size_t)(space - name.data);
	if (answer->ref && !lp_slice_is(name, answer->ref))
		return LP_OK;
	answer->found = lp_oid_parse((const char *)line.data, 40, &answer->tip);
	return LP_OK;
}

static enum lp_code take_pkt(void *ctx, const struct pkt *pkt, struct err *err)
{
	struct refs_answer *answer = ctx;
	struct slice line = lp_pkt_line(pkt);
	if (answer->complete || pkt->kind == PKT_DELIM)
		return lp_err_set(err, LP_REJECTED, "an answer to ls-refs goes on after its end");
	if (pkt->kind != PKT_DATA) {
		answer->complete = true;
		return LP_OK;
	}
	if (lp_slice_starts(line, "ERR "))
		return server_error(line, err);
	return take_ref(answer, line, err);
}

enum lp_code lp_refs_feed(struct refs_answer *answer, const uint8_t *data, size_t n,
			  struct err *err)
{
	return lp_pkt_feed(&answer->reader, data, n, take_pkt, answer, err);
}

enum lp_code lp_refs_finish(const struct refs_answer *answer, struct err *err)
{
	LP_TRY(lp_pkt_finish(&answer->reader, err));
	if (!answer->complete)
		return lp_err_set(err, LP_TRANSIENT, "the answer was cut short");
	return LP_OK;
}

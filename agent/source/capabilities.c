/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/capabilities.h"

#include "agent/source/limits.h"

#include <string.h>

void lp_advertisement_free(struct advertisement *ad)
{
	lp_pkt_free(&ad->reader);
}

/* Whether word is one of the words of text that are parted by spaces. */
static bool has_word(struct slice text, const char *word)
{
	size_t n = strlen(word);
	for (size_t at = 0; at < text.len;) {
		const uint8_t *space = memchr(text.data + at, ' ', text.len - at);
		size_t end = space ? (size_t)(space - text.data) : text.len;
		if (end - at == n && memcmp(text.data + at, word, n) == 0)
			return true;
		at = end + 1;
	}
	return false;
}

/* The value of a line "key=value" or "key"; false for another key. */
static bool value_of(struct slice line, const char *key, struct slice *ret)
{
	size_t n = strlen(key);
	if (!lp_slice_starts(line, key) || (line.len > n && line.data[n] != '='))
		return false;
	*ret = line.len > n ? (struct slice){line.data + n + 1, line.len - n - 1}
			    : (struct slice){line.data + n, 0};
	return true;
}

static void take_capability(struct capabilities *can, struct slice line)
{
	struct slice value;
	if (value_of(line, "ls-refs", &value)) {
		can->ls_refs = true;
	} else if (value_of(line, "fetch", &value)) {
		can->fetch = true;
		can->filter = has_word(value, "filter");
		can->shallow = has_word(value, "shallow");
	} else if (value_of(line, "object-format", &value)) {
		can->sha256 = !lp_slice_is(value, "sha1");
	}
}

static enum lp_code take_pkt(void *ctx, const struct pkt *pkt, struct err *err)
{
	struct advertisement *ad = ctx;
	struct slice line = lp_pkt_line(pkt);
	if (ad->complete)
		return LP_OK;
	if (pkt->kind != PKT_DATA) {
		/* Some servers send "# service=" and a flush first, as for the older protocols. */
		ad->complete = ad->decided || !ad->service_seen;
		if (ad->service_seen && !ad->decided)
			ad->service_seen = false;
		return LP_OK;
	}
	if (!ad->decided && lp_slice_starts(line, "# service=")) {
		ad->service_seen = true;
	} else if (!ad->decided) {
		ad->decided = true;
		ad->can.version_2 = lp_slice_is(line, "version 2");
		ad->complete = !ad->can.version_2;
	} else {
		take_capability(&ad->can, line);
	}
	return LP_OK;
}

enum lp_code lp_advertisement_feed(struct advertisement *ad, const uint8_t *data, size_t n,
				   struct err *err)
{
	return lp_pkt_feed(&ad->reader, data, n, take_pkt, ad, err);
}

enum lp_code lp_advertisement_finish(const struct advertisement *ad, struct err *err)
{
	if (ad->complete)
		return LP_OK;
	LP_TRY(lp_pkt_finish(&ad->reader, err));
	return lp_err_set(err, LP_TRANSIENT, "the answer was cut short");
}

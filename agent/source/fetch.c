/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/fetch.h"

#include "agent/source/limits.h"
#include "agent/source/objects.h"
#include "agent/source/pack.h"
#include "agent/trust/ancestry.h"
#include "platform/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TELL_EVERY_MS 1000

/* --- a pack on its way from the server into quarantine --- */

struct download {
	struct pack_scan scan;
	struct git_inbound *inbound;
	const struct fetch_progress *progress;
	int64_t told_ms;
};

static void download_free(struct download *download)
{
	lp_git_inbound_free(&download->inbound);
	lp_pack_scan_free(&download->scan);
}

static enum lp_code tell(struct download *download, struct err *err)
{
	const struct fetch_progress *progress = download->progress;
	int64_t now_ms = lp_boot_ms();
	if (!progress->tell || now_ms - download->told_ms < TELL_EVERY_MS)
		return LP_OK;
	download->told_ms = now_ms;
	return progress->tell(progress->ctx, download->scan.bytes, download->scan.seen, err);
}

/* The scan comes first: libgit2 gets no byte that was not looked at. */
static enum lp_code take_pack(void *ctx, const uint8_t *data, size_t n, struct err *err)
{
	struct download *download = ctx;
	LP_TRY(lp_pack_scan_feed(&download->scan, data, n, err));
	LP_TRY(lp_git_inbound_add(download->inbound, data, n, err));
	return tell(download, err);
}

/* One poll that brings something. */
struct fetching {
	struct remote *remote;
	const struct fetch_request *request;
	const struct fetch_progress *progress;
	struct git *store; /* owned; what is accepted; NULL when it is no base to build on */
	char incoming[LP_PATH_MAX];
	uint64_t left_bytes;     /* of all packs of this poll */
	uint64_t ancestry_bytes; /* of those with the commits between, that are left */
	uint64_t announced;      /* objects, by the head of the last pack */
};

static void fetching_free(struct fetching *f)
{
	lp_git_close(&f->store);
}

/* Fetches one pack into quarantine; an empty one leaves no file. */
static enum lp_code download_pack(struct fetching *f, const struct fetch_wish *wish,
				  const struct pack_limits *limits, struct err *err)
{
	LP_AUTO(download_free)
	struct download download = {.progress = f->progress, .told_ms = lp_boot_ms()};
	LP_TRY(lp_pack_scan_begin(&download.scan, limits, err));
	LP_TRY(lp_git_inbound_new(f->incoming, wish->tip_only ? f->store : NULL, &download.inbound,
				  err));
	enum lp_code code =
		lp_remote_fetch(f->remote, wish, limits->bytes, take_pack, &download, err);
	uint64_t took = download.scan.bytes;
	f->announced = download.scan.objects;
	f->left_bytes -= took < f->left_bytes ? took : f->left_bytes;
	LP_TRY(code);
	LP_TRY(lp_pack_scan_finish(&download.scan, err));
	if (download.scan.objects == 0)
		return LP_OK;
	return lp_git_inbound_finish(download.inbound, err);
}

/* --- the tip --- */

/* Whether the accepted commit and its root tree are there, so that a thin pack can build on them.
 */
static bool is_whole(struct git *store, const struct oid *commit)
{
	LP_AUTO(lp_buf_free) struct buf content = LP_BUF(LP_COMMIT_BYTES);
	struct err err = {0};
	struct oid tree;
	enum git_type type;
	uint64_t bytes;
	const char *text;
	if (lp_git_read(store, commit->bytes, GIT_TYPE_COMMIT, &content, &err) != LP_OK)
		return false;
	text = lp_buf_text(&content);
	return content.len > 45 && strncmp(text, "tree ", 5) == 0 &&
	       lp_oid_parse(text + 5, 40, &tree) &&
	       lp_git_header(store, tree.bytes, &type, &bytes, &err) == LP_OK &&
	       type == GIT_TYPE_TREE;
}

static bool is_crowded(const struct fetch_request *request)
{
	struct err err = {0};
	uint64_t bytes = 0, most = request->max_store_bytes;
	unsigned packs = 0;
	if (lp_objects_bytes(request->objects, &bytes, &packs, &err) != LP_OK)
		return true;
	return packs > LP_STORE_PACKS || bytes > (most ? most : LP_STORE_BYTES);
}

/* Opens the store to build on, or leaves f->store NULL: then everything is fetched afresh. */
static enum lp_code open_store(struct fetching *f, struct err *err)
{
	const struct fetch_request *request = f->request;
	if (request->again || lp_oid_is_zero(&request->accepted) || is_crowded(request) ||
	    lp_objects_in_doubt(request->objects))
		return LP_OK;
	enum lp_code code = lp_objects_open(request->objects, "", &f->store, err);
	if (code == LP_CORRUPT)
		return LP_OK;
	LP_TRY(code);
	if (!is_whole(f->store, &request->accepted))
		lp_git_close(&f->store);
	return LP_OK;
}

static enum lp_code fetch_tip(struct fetching *f, const struct oid *tip, struct err *err)
{
	struct fetch_wish wish = {.want = *tip, .tip_only = true};
	struct pack_limits limits = LP_PACK_LIMITS;
	limits.bytes = f->left_bytes;
	if (f->store)
		wish.have = f->request->accepted;
	return download_pack(f, &wish, &limits, err);
}

/* --- the commits between --- */

/*
 * Asks for commits from one down to a depth, without what the accepted one has. With a filter they
 * come alone, and otherwise with their files. What passes the bounds is left, and most of it shows
 * in the head of the pack, before anything of it was sent.
 */
static enum lp_code fetch_commits(struct fetching *f, const struct fetch_wish *from,
				  bool *ret_in_bounds, struct err *err)
{
	struct capabilities can;
	LP_TRY(lp_remote_capabilities(f->remote, &can, err));
	struct fetch_wish wish = *from;
	wish.commits_only = can.filter;
	uint64_t had = f->left_bytes, most = had < f->ancestry_bytes ? had : f->ancestry_bytes;
	uint64_t commits = wish.depth ? LP_ANCESTRY_COMMITS : LP_ANCESTRY_PIECE;
	struct pack_limits limits = {.bytes = most,
				     .objects = can.filter ? commits : LP_PACK_OBJECTS,
				     .object_bytes = can.filter ? LP_COMMIT_BYTES : LP_BLOB_BYTES,
				     .inflated_bytes = LP_PACK_INFLATED};
	enum lp_code code = download_pack(f, &wish, &limits, err);
	uint64_t took = had - f->left_bytes; /* the piece that is too much is counted too */
	f->ancestry_bytes -= took < f->ancestry_bytes ? took : f->ancestry_bytes;
	/* One pack with everything was only to be had had it been small; pieces are next. */
	*ret_in_bounds = code == LP_OK ||
			 (!wish.depth && f->announced <= LP_ANCESTRY_COMMITS && f->ancestry_bytes);
	return code == LP_LIMIT ? LP_OK : code;
}

/* What lies between the tip and the accepted one, as far as it is there; *ret_at is missing. */
static enum lp_code look(struct fetching *f, const struct oid *tip, enum ancestry *ret,
			 struct oid *ret_at, struct err *err)
{
	LP_AUTO(lp_git_close) struct git *all = NULL;
	LP_TRY(lp_objects_open(f->request->objects, f->incoming, &all, err));
	struct ancestry_walk walk = {.from = tip,
				     .from_len = 1,
				     .goal = f->request->accepted,
				     .all = true,
				     .max = LP_ANCESTRY_COMMITS,
				     .read = lp_objects_commit,
				     .ctx = all};
	LP_TRY(lp_ancestry_walk(&walk, err));
	*ret = walk.result;
	*ret_at = walk.at;
	return LP_OK;
}

/*
 * Fetches the commits between: all at once when they are few, otherwise in pieces, because an
 * indexer's memory grows with the commits of a pack. A piece that brings nothing begins at an
 * ancestor of the accepted commit, where a merged branch began; then what lies below the accepted
 * one is fetched too, deeper each time, so that it can be told to be an ancestor. All of it is
 * bounded by LP_ANCESTRY_PIECES.
 */
static enum lp_code complete_ancestry(struct fetching *f, const struct oid *tip,
				      struct fetched *ret, struct err *err)
{
	const struct oid *accepted = &f->request->accepted;
	struct oid missing, before = {{0}};
	unsigned below = LP_ANCESTRY_BELOW;
	enum ancestry way;
	bool in_bounds = true;

	LP_TRY(look(f, tip, &way, &missing, err));
	for (unsigned piece = 0; way == ANCESTRY_INCOMPLETE && in_bounds; piece++) {
		struct fetch_wish wish = {
			.want = missing, .have = *accepted, .depth = piece ? LP_ANCESTRY_PIECE : 0};
		if (piece == LP_ANCESTRY_PIECES)
			break;
		if (piece > 1 && lp_oid_equal(&missing, &before)) {
			wish = (struct fetch_wish){.want = *accepted, .depth = below};
			below *= 8;
		}
		before = missing;
		LP_TRY(fetch_commits(f, &wish, &in_bounds, err));
		LP_TRY(look(f, tip, &way, &missing, err));
	}
	ret->ancestry = way != ANCESTRY_INCOMPLETE && way != ANCESTRY_TOO_LONG;
	/* what a server does not show though it was asked for is another thing than too much */
	ret->cut = way == ANCESTRY_INCOMPLETE && (!in_bounds || !lp_oid_equal(&missing, &before));
	return LP_OK;
}

/* --- all of it --- */

static enum lp_code check_tip(struct fetching *f, const struct oid *tip, struct err *err)
{
	LP_AUTO(lp_git_close) struct git *all = NULL;
	enum git_type type;
	uint64_t bytes;
	const char *objects = f->request->objects;
	LP_TRY(lp_objects_open(objects, f->incoming, &all, err));
	enum lp_code code = lp_git_header(all, tip->bytes, &type, &bytes, err);
	if (code == LP_NOT_FOUND)
		return lp_err_set(err, LP_REJECTED, "the Git server sent a pack without the tip");
	LP_TRY(code);
	if (type != GIT_TYPE_COMMIT)
		return lp_err_set(err, LP_REJECTED, "malformed: the branch points at no commit");
	return LP_OK;
}

static enum lp_code fetch_into_quarantine(struct fetching *f, const struct oid *tip,
					  struct err *err)
{
	LP_TRY(lp_objects_begin(f->request->objects, !f->store, f->incoming, err));
	return fetch_tip(f, tip, err);
}

/* A thin pack on a damaged base cannot be completed: then everything is fetched, and needs none. */
static enum lp_code fetch_news(struct fetching *f, struct fetched *ret, struct err *err)
{
	LP_TRY(open_store(f, err));
	enum lp_code code = fetch_into_quarantine(f, &ret->tip, err);
	if ((code == LP_REJECTED || code == LP_CORRUPT) && f->store) {
		lp_git_close(&f->store);
		code = fetch_into_quarantine(f, &ret->tip, err);
	}
	LP_TRY(code);
	LP_TRY(check_tip(f, &ret->tip, err));
	ret->ancestry = true;
	if (!lp_oid_is_zero(&f->request->accepted))
		LP_TRY(complete_ancestry(f, &ret->tip, ret, err));
	return lp_copy(ret->quarantine, sizeof(ret->quarantine), f->incoming, err);
}

static bool is_news(const struct fetch_request *request, const struct oid *tip)
{
	for (uint32_t i = 0; i < request->refused_count; i++)
		if (lp_oid_equal(tip, &request->refused[i]))
			return false;
	return request->again || !lp_oid_equal(tip, &request->accepted);
}

/* What is over a limit now is over it at the next poll: that is a word on the tip, not a failure.
 */
static bool is_too_large(const struct err *err, struct fetched *ret)
{
	static const char word[] = "too-large: ";

	if (err->code != LP_LIMIT || strncmp(err->msg, word, strlen(word)) != 0)
		return false;
	ret->quarantine[0] = '\0';
	snprintf(ret->too_large, sizeof(ret->too_large), "%s", err->msg + strlen(word));
	return true;
}

enum lp_code lp_fetch(struct remote *remote, const struct fetch_request *request,
		      const struct fetch_progress *progress, struct fetched *ret, struct err *err)
{
	LP_AUTO(fetching_free)
	struct fetching f = {.remote = remote,
			     .request = request,
			     .progress = progress,
			     .left_bytes = LP_PACK_BYTES,
			     .ancestry_bytes = LP_ANCESTRY_BYTES};
	struct fetched fetched = {0};
	if (request->max_pack_bytes && request->max_pack_bytes < LP_PACK_BYTES)
		f.left_bytes = request->max_pack_bytes;
	LP_TRY(lp_copy(fetched.source, sizeof(fetched.source), request->source, err));
	LP_TRY(lp_remote_tip(remote, request->ref, &fetched.tip, err));
	fetched.unchanged = !is_news(request, &fetched.tip);
	if (!fetched.unchanged && fetch_news(&f, &fetched, err) != LP_OK &&
	    !is_too_large(err, &fetched))
		return err->code;
	fetched.sent_bytes = remote->sent_bytes;
	fetched.received_bytes = remote->received_bytes;
	*ret = fetched;
	return LP_OK;
}

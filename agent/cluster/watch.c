/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/watch.h"

#include "agent/cluster/skim.h"
#include "agent/cluster/status.h"
#include "agent/cluster/stream.h"
#include "platform/clock.h"
#include "platform/log.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_MS     500
#define BACKOFF_MAX_MS 30000
#define REFUSED_MS     60000 /* what only a person or another object mends */
#define CREDENTIAL_MS  2000  /* how often the kubeconfig's files are looked at after a 401 */
#define BRIEF_MS       1000  /* a watch that ended sooner was no success */
#define STEADY_MS      10000 /* one that ended later was one */
#define ALONE_TRIES    3     /* of a silent watch on a connection on which others speak */
#define REFUSAL_BYTES  (16u * LP_KIB)

/* --- the call --- */

static enum lp_code on_header(void *ctx, const struct http_response *response, struct err *err)
{
	struct watch *watch = ctx;
	struct watches *all = watch->cluster->watches;

	watch->status = response->status;
	watch->heard_ms = lp_boot_ms();
	if (watch->state != WATCH_LISTING && response->new_connection) {
		all->connections++;
		all->no_filling = false; /* it may be to a newer server */
	}
	if (watch->listed)
		watch->connection = all->connections;
	watch->listed = false;
	if (watch->state != WATCH_OPEN || watch->connection == all->connections)
		return LP_OK;
	/* Numbers of a store that was put back in between mean something else now. */
	watch->strange = true;
	return lp_err_set(err, LP_CONFLICT, "the connection is another one");
}

static enum lp_code on_body(void *ctx, const uint8_t *data, size_t n, struct err *err)
{
	struct watch *watch = ctx;

	watch->heard_ms = lp_boot_ms();
	if (watch->status == 200)
		return lp_stream_feed(watch->stream, data, n, err);
	if (n > watch->refusal.max - watch->refusal.len)
		n = watch->refusal.max - watch->refusal.len;
	return lp_buf_append(&watch->refusal, data, n, err);
}

static void on_done(void *ctx, struct http_response *response, struct err *result)
{
	struct watch *watch = ctx;

	watch->call = NULL;
	watch->ended = true;
	watch->code = result->code;
	snprintf(watch->why, sizeof(watch->why), "%s", result->code == LP_OK ? "" : result->msg);
	watch->retry_after_ms = response->retry_after_ms;
}

static void hang_up(struct watch *watch)
{
	lp_http_cancel(&watch->call);
	lp_stream_free(&watch->stream);
	lp_buf_free(&watch->refusal);
	watch->ended = false;
}

static void pause_for(struct watch *watch, int64_t ms)
{
	hang_up(watch);
	watch->state = WATCH_PAUSED;
	watch->wake_ms = lp_boot_ms() + ms;
}

/* Longer each time, and never in step with others. */
static void back_off(struct watch *watch)
{
	int64_t ms = BACKOFF_MS << (watch->failures < 6 ? watch->failures : 6);
	int64_t asked_ms = watch->retry_after_ms;

	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	ms = (int64_t)lp_random_between((uint64_t)ms / 2, (uint64_t)ms);
	watch->failures++;
	if (asked_ms > 0) /* not sooner than it asks for */
		ms += asked_ms < LP_RETRY_AFTER_MS ? asked_ms : LP_RETRY_AFTER_MS;
	pause_for(watch, ms);
}

/* For what only a person or another object mends. */
static void pause_long(struct watch *watch)
{
	pause_for(watch, (int64_t)lp_random_between(REFUSED_MS * 4 / 5, REFUSED_MS));
}

static enum lp_code put_url(struct watch *watch, const struct api_kind *kind, struct buf *url,
			    struct err *err)
{
	struct watches *all = watch->cluster->watches;
	int64_t timeout_s = all->timeout_ms / 1000;

	LP_TRY(lp_buf_str(url, watch->cluster->client.server, err));
	LP_TRY(lp_api_path(kind, "", "", url, err));
	LP_TRY(lp_buf_printf(url, err, "?labelSelector=%s", all->selector));
	if (watch->state == WATCH_LISTING) {
		LP_TRY(lp_buf_printf(url, err, "&limit=%u", LP_WATCH_PAGE_OBJECTS));
		if (!watch->more.len)
			return LP_OK;
		LP_TRY(lp_buf_str(url, "&continue=", err));
		return lp_url_encode(url, lp_buf_text(&watch->more), err);
	}
	/* not all at the same time */
	timeout_s = (int64_t)lp_random_between((uint64_t)(timeout_s * 4 / 5), (uint64_t)timeout_s);
	LP_TRY(lp_buf_printf(url, err, "&watch=true&allowWatchBookmarks=true&timeoutSeconds=%lld",
			     (long long)(timeout_s ? timeout_s : 1)));
	if (watch->state == WATCH_OPEN)
		return lp_buf_printf(url, err, "&resourceVersion=%s", watch->version);
	return lp_buf_str(url, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", err);
}

static enum lp_code call(struct watch *watch, const struct api_kind *kind, struct err *err)
{
	static const struct http_header watching[] = {{"Accept", LP_ACCEPT_METADATA}};
	static const struct http_header listing[] = {{"Accept", LP_ACCEPT_METADATA_LIST}};
	struct cluster *cluster = watch->cluster;
	bool list = watch->state == WATCH_LISTING;
	LP_AUTO(lp_buf_free) struct buf url = LP_BUF(LP_REQUEST_URL_BYTES);
	const struct stream_sink sink = {.ctx = watch, .tell = lp_watch_take};

	LP_TRY(put_url(watch, kind, &url, err));
	LP_TRY(lp_stream_new(list ? STREAM_LIST : STREAM_WATCH, &sink, &watch->stream, err));
	struct http_request request = {
		.method = "GET",
		.url = lp_buf_text(&url),
		.headers = list ? listing : watching,
		.header_count = 1,
		.timeout_ms = list ? cluster->setup.request_ms : 0,
		.may_rest = !list,
		.sink = {watch, on_header, on_body, on_done},
	};
	watch->refusal = LP_BUF(REFUSAL_BYTES);
	watch->status = 0;
	watch->retry_after_ms = -1;
	watch->strange = false;
	watch->begun_ms = watch->heard_ms = lp_boot_ms();
	LP_TRY(lp_http_start(list ? cluster->client.http : cluster->client.watches, &request,
			     &watch->call, err));
	lp_cluster_sent(cluster, list ? &cluster->sent.reads : &cluster->sent.watches);
	return LP_OK;
}

static void ask(struct watch *watch, enum watch_state state, const struct api_kind *kind)
{
	struct err err = {0};

	hang_up(watch);
	watch->state = state;
	if (call(watch, kind, &err) == LP_OK)
		return;
	lp_watch_lose(watch, 0, err.msg);
	back_off(watch);
}

/* The kind as it is served now; NULL, told, and asked again later, when it is not. */
static const struct api_kind *resolve(struct watch *watch)
{
	const struct api_kind *kind =
		lp_api_find(&watch->cluster->table, watch->group, "", watch->kind);

	if (kind && kind->verbs & VERB_WATCH) {
		snprintf(watch->api_version, sizeof(watch->api_version), "%s", kind->version);
		return kind;
	}
	if (kind)
		lp_watch_lose(watch, 405, "the kind cannot be watched");
	else if (watch->cluster->discovered_ms)
		lp_watch_lose(watch, 404, "the kind is not served");
	watch->unserved = !kind;
	pause_long(watch);
	return NULL;
}

static void next_page(struct watch *watch)
{
	const struct api_kind *kind = resolve(watch);

	if (kind && ++watch->pages >= LP_WATCH_PAGES) {
		lp_watch_lose(watch, 200, "the API server's list does not end");
		pause_long(watch);
	} else if (kind)
		ask(watch, WATCH_LISTING, kind);
}

/* After a 401: whether it waits on for another credential, or does not need to. */
static bool still_unauthorized(struct watch *watch)
{
	struct err err;

	if (!watch->unauthorized)
		return false;
	if (lp_client_changed(&watch->cluster->client) && lp_cluster_reopen(watch->cluster, &err))
		return true; /* it begins anew, as all do */
	watch->unauthorized = lp_boot_ms() - watch->begun_ms < REFUSED_MS;
	if (watch->unauthorized)
		pause_for(watch, CREDENTIAL_MS);
	return watch->unauthorized;
}

void lp_watch_begin(struct watch *watch)
{
	struct watches *all = watch->cluster->watches;

	watch->unserved = false;
	if (still_unauthorized(watch))
		return;
	const struct api_kind *kind = resolve(watch);
	if (!kind)
		return;
	if (!watch->cluster->client.http) {
		back_off(watch);
		return;
	}
	if (watch->version[0]) {
		ask(watch, WATCH_OPEN, kind);
		return;
	}
	lp_buf_free(&watch->more);
	watch->more = LP_BUF(LP_CONTINUE_BYTES);
	watch->pages = 0;
	lp_watch_tell(watch, SIGHT_BEGIN, "");
	ask(watch, all->no_filling ? WATCH_LISTING : WATCH_FILLING, kind);
}

/* --- how it ended --- */

/* The server's words, if there are any; into why. */
static void read_refusal(struct watch *watch)
{
	struct status status;

	if (watch->refusal.len) {
		lp_status_read(watch->status, LP_SLICE_OF(&watch->refusal), NULL, &status);
		snprintf(watch->why, sizeof(watch->why), "%.200s (%d)", status.message,
			 watch->status);
	} else if (!watch->why[0]) {
		snprintf(watch->why, sizeof(watch->why), "the API server answers %d",
			 watch->status);
	}
}

static void list_ended(struct watch *watch)
{
	if (watch->more.len) {
		next_page(watch);
		return;
	}
	char version[LP_RESOURCE_VERSION_MAX];
	memcpy(version, watch->version, sizeof(version));
	lp_watch_filled(watch, version);
	watch->listed = true;
	lp_watch_begin(watch);
}

/* In order: the server ends each watch some time. */
static void ended_well(struct watch *watch)
{
	bool brief = lp_boot_ms() - watch->begun_ms < BRIEF_MS;

	if (watch->state == WATCH_LISTING && lp_stream_at_rest(watch->stream)) {
		list_ended(watch);
	} else if (watch->state == WATCH_OPEN && !brief && lp_stream_at_rest(watch->stream)) {
		lp_watch_begin(watch);
	} else {
		lp_watch_lose(watch, 0, "the answer was cut short");
		back_off(watch);
	}
}

/* Whether it is the watch that begins with a list that the server does not know. */
static bool cannot_fill(const struct watch *watch)
{
	return watch->state == WATCH_FILLING &&
	       (watch->status == 422 || watch->status == 400 || watch->status == 500);
}

/* Whether waiting alone does not mend it. */
static bool for_good(int status)
{
	return status >= 400 && status < 500 && status != 401 && status != 408 && status != 409 &&
	       status != 410 && status != 429;
}

static void refused(struct watch *watch)
{
	read_refusal(watch);
	if (cannot_fill(watch)) {
		watch->cluster->watches->no_filling = true;
		lp_watch_begin(watch);
		return;
	}
	if (watch->status == 410 && watch->state == WATCH_OPEN)
		lp_watch_lose_history(watch, "what is older is forgotten by the API server (410)");
	else
		lp_watch_lose(watch, watch->status, watch->why);
	watch->unserved = watch->status == 404;
	watch->unauthorized = watch->status == 401;
	if (watch->unauthorized)
		pause_for(watch, 0);
	else if (for_good(watch->status))
		pause_long(watch);
	else
		back_off(watch);
}

/* There was no answer, or not all of it. k3s writes its kubeconfig anew when it starts. */
static void broke(struct watch *watch)
{
	struct err err;

	lp_watch_lose(watch, 0, watch->why);
	if (lp_client_changed(&watch->cluster->client) && lp_cluster_reopen(watch->cluster, &err))
		return;
	back_off(watch);
}

/* A call that went well for long makes good for what failed before. */
static void forgive(struct watch *watch)
{
	if (watch->state == WATCH_OPEN && watch->status == 200 &&
	    lp_boot_ms() - watch->begun_ms >= STEADY_MS)
		watch->failures = 0;
}

void lp_watch_end(struct watch *watch)
{
	lp_log(LOG_LEVEL_DEBUG, "watch-ended", "kind", watch->kind, "why", watch->why, NULL);
	forgive(watch);
	if (watch->strange) {
		lp_watch_lose(watch, 0, watch->why);
		lp_watch_begin(watch);
	} else if (watch->status && watch->status != 200) {
		refused(watch);
	} else if (watch->code == LP_OK) {
		ended_well(watch);
	} else {
		broke(watch);
	}
}

/* Whether the connection lives: another watch has had something lately, which this one has not. */
static bool others_speak(const struct watch *watch)
{
	const struct watches *all = watch->cluster->watches;
	int64_t since_ms = lp_boot_ms() - all->silence_ms / 2;

	for (unsigned i = 0; i < all->count; i++)
		if (all->at[i] != watch && all->at[i]->call && all->at[i]->status == 200 &&
		    all->at[i]->heard_ms > since_ms)
			return true;
	return false;
}

void lp_watch_silent(struct watch *watch)
{
	struct err err;

	forgive(watch);
	bool alone = watch->failures < ALONE_TRIES && others_speak(watch);
	lp_log(LOG_LEVEL_WARN, "watch-silent", "kind", watch->kind, NULL);
	lp_watch_lose(watch, 0, "no word from the API server for long");
	if (!alone && lp_cluster_reopen(watch->cluster, &err))
		return;
	back_off(watch);
}

void lp_watch_unfilled(struct watch *watch)
{
	if (watch->status != 200) {
		lp_watch_silent(watch);
		return;
	}
	watch->cluster->watches->no_filling = true;
	lp_watch_begin(watch);
}

void lp_watch_anew(struct watch *watch)
{
	if (watch->in_sync)
		lp_watch_lose(watch, 0, "connected anew");
	watch->version[0] = '\0';
	watch->unauthorized = false;
	pause_for(watch, 0);
}

void lp_watch_free(struct watch *watch)
{
	hang_up(watch);
	lp_buf_free(&watch->more);
	free(watch);
}

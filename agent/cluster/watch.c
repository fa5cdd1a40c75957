/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/watch.h"

#include "agent/cluster/skim.h"
#include "agent/cluster/stream.h"
#include "platform/clock.h"
#include "platform/log.h"

#include <stdlib.h>
#include <string.h>

#define BACKOFF_MS     500
#define BACKOFF_MAX_MS 30000
#define REFUSED_MS     60000 /* what only a person or another object mends */
#define BRIEF_MS       1000  /* a watch that ended sooner was no success */
#define REFUSAL_BYTES  (16u * LP_KIB)

/* --- telling --- */

static enum lp_code tell(struct watch *watch, struct sighting *sighting)
{
	struct cluster *cluster = watch->cluster;
	struct wire_writer w;

	memcpy(sighting->key.group, watch->group, sizeof(watch->group));
	memcpy(sighting->key.kind, watch->kind, sizeof(watch->kind));
	memcpy(sighting->key.version, watch->api_version, sizeof(watch->api_version));
	lp_wire_begin(&w, &cluster->channel->out, CLUSTER_SIGHTING);
	lp_sighting_put(&w, sighting);
	enum lp_code code = lp_wire_end(&w, &cluster->err);
	if (code == LP_OK && cluster->channel->out.len > LP_SIGHTINGS_BYTES)
		code = lp_channel_flush(cluster->channel, &cluster->err);
	if (code != LP_OK)
		cluster->broken = true;
	return code;
}

static void tell_kind(struct watch *watch, enum sighting_kind kind, const char *message)
{
	struct sighting sighting = {.kind = kind};

	snprintf(sighting.message, sizeof(sighting.message), "%s", message);
	lp_text_clean(sighting.message);
	memcpy(sighting.live.version, watch->version, sizeof(watch->version));
	tell(watch, &sighting);
}

/* Changes may be missed from now on. */
static void lose(struct watch *watch, const char *why)
{
	if (watch->in_sync)
		tell_kind(watch, SIGHT_LOST, why);
	watch->in_sync = false;
}

/* What was known of the past does not hold: the server keeps no such history, or another one. */
static void lose_history(struct watch *watch, const char *why)
{
	lose(watch, why);
	watch->version[0] = '\0';
	tell_kind(watch, SIGHT_BACK, why);
}

/* --- what comes --- */

static void keep_version(struct watch *watch, const char *version)
{
	snprintf(watch->version, sizeof(watch->version), "%s", version);
	if (!watch->highest[0] || lp_version_newer(version, watch->highest))
		memcpy(watch->highest, watch->version, sizeof(watch->highest));
}

/* All that is there was told. */
static void filled(struct watch *watch, const char *version)
{
	struct cluster *cluster = watch->cluster;

	if (lp_version_newer(watch->highest, version)) {
		lose_history(watch, "the API server's store went back in time");
		cluster->newest[0] = '\0';
		watch->highest[0] = '\0';
	}
	keep_version(watch, version);
	watch->connection = cluster->watches->connections;
	watch->failures = 0;
	watch->in_sync = true;
	tell_kind(watch, SIGHT_END, "");
}

static enum lp_code take_error(struct watch *watch, const struct told *told, struct err *err)
{
	watch->status = told->status;
	return lp_err_set(err, LP_REJECTED, "%s", told->message);
}

static enum lp_code take_object(struct watch *watch, const struct told *told, struct err *err)
{
	struct sighting sighting = told->object;

	sighting.kind = told->kind == TOLD_GONE ? SIGHT_GONE : SIGHT_THERE;
	if (watch->state == WATCH_OPEN)
		keep_version(watch, sighting.live.version);
	if (tell(watch, &sighting) != LP_OK)
		return *err = watch->cluster->err, err->code;
	return LP_OK;
}

static enum lp_code take_told(void *ctx, const struct told *told, struct err *err)
{
	struct watch *watch = ctx;

	switch (told->kind) {
	case TOLD_THERE:
	case TOLD_GONE:
		return take_object(watch, told, err);
	case TOLD_BOOKMARK:
		if (watch->state == WATCH_OPEN)
			keep_version(watch, told->object.live.version);
		else if (told->initial_end) {
			filled(watch, told->object.live.version);
			watch->state = WATCH_OPEN;
		}
		return LP_OK;
	case TOLD_LIST:
		snprintf(watch->version, sizeof(watch->version), "%s", told->version);
		lp_buf_clear(&watch->more);
		return lp_buf_str(&watch->more, told->more, err);
	case TOLD_ERROR:
		break;
	}
	return take_error(watch, told, err);
}

/* --- the call --- */

static enum lp_code on_header(void *ctx, const struct http_response *response, struct err *err)
{
	struct watch *watch = ctx;
	struct watches *all = watch->cluster->watches;

	watch->status = response->status;
	watch->heard_ms = lp_boot_ms();
	if (watch->state != WATCH_LISTING && response->new_connection)
		all->connections++;
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

	if (watch->retry_after_ms > 0)
		ms = watch->retry_after_ms < BACKOFF_MAX_MS ? watch->retry_after_ms
							    : BACKOFF_MAX_MS;
	else if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	watch->failures++;
	pause_for(watch, (int64_t)lp_random_between((uint64_t)ms / 2, (uint64_t)ms));
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
	LP_AUTO(lp_buf_free) struct buf url = LP_BUF(LP_JOB_URL_BYTES);
	const struct stream_sink sink = {.ctx = watch, .tell = take_told};

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
	watch->strange = false;
	watch->begun_ms = watch->heard_ms = lp_boot_ms();
	return lp_http_start(list ? cluster->client.http : cluster->client.watches, &request,
			     &watch->call, err);
}

static void ask(struct watch *watch, enum watch_state state, const struct api_kind *kind)
{
	struct err err = {0};

	hang_up(watch);
	watch->state = state;
	if (call(watch, kind, &err) == LP_OK)
		return;
	lose(watch, err.msg);
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
	watch->in_sync |= watch->failures++ == 0; /* it is told the first time, too */
	lose(watch, kind ? "the kind cannot be watched" : "the kind is not served");
	watch->version[0] = '\0';
	pause_for(watch, REFUSED_MS);
	return NULL;
}

static void next_page(struct watch *watch)
{
	const struct api_kind *kind = resolve(watch);

	if (kind)
		ask(watch, WATCH_LISTING, kind);
}

void lp_watch_begin(struct watch *watch)
{
	struct watches *all = watch->cluster->watches;
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
	tell_kind(watch, SIGHT_BEGIN, "");
	ask(watch, all->no_filling ? WATCH_LISTING : WATCH_FILLING, kind);
}

/* --- how it ended --- */

/* The server's words, if there are any; into why. */
static void read_refusal(struct watch *watch)
{
	struct status status;

	if (!watch->refusal.len)
		return;
	lp_status_read(watch->status, LP_SLICE_OF(&watch->refusal), &status);
	snprintf(watch->why, sizeof(watch->why), "%.200s (%d)", status.message, watch->status);
}

static void list_ended(struct watch *watch)
{
	if (watch->more.len) {
		next_page(watch);
		return;
	}
	if (!watch->version[0]) { /* an answer that was no list */
		back_off(watch);
		return;
	}
	char version[LP_RESOURCE_VERSION_MAX];
	memcpy(version, watch->version, sizeof(version));
	filled(watch, version);
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
		watch->failures = 0;
		lp_watch_begin(watch);
	} else {
		lose(watch, "the answer was cut short");
		watch->version[0] = '\0';
		back_off(watch);
	}
}

static void refused(struct watch *watch)
{
	struct watches *all = watch->cluster->watches;
	struct err err;

	read_refusal(watch);
	if (watch->state == WATCH_FILLING && !all->no_filling &&
	    (watch->status == 422 || watch->status == 400 || watch->status == 500)) {
		all->no_filling = true;
		lp_watch_begin(watch);
		return;
	}
	if (watch->status == 410) {
		lose_history(watch, "what is older is forgotten by the API server (410)");
		back_off(watch);
		return;
	}
	lose(watch, watch->why);
	watch->version[0] = '\0';
	if (watch->status == 401 && lp_client_changed(&watch->cluster->client) &&
	    lp_cluster_reopen(watch->cluster, &err))
		return;
	if (watch->status == 401 || watch->status == 403 || watch->status == 404)
		pause_for(watch, REFUSED_MS);
	else
		back_off(watch);
}

void lp_watch_end(struct watch *watch)
{
	lp_log(LOG_LEVEL_DEBUG, "watch-ended", "kind", watch->kind, "why", watch->why, NULL);
	if (watch->strange) {
		lose(watch, watch->why);
		watch->version[0] = '\0';
		lp_watch_begin(watch);
	} else if (watch->status && watch->status != 200) {
		refused(watch);
	} else if (watch->code == LP_OK) {
		ended_well(watch);
	} else {
		lose(watch, watch->why);
		watch->version[0] = '\0';
		back_off(watch);
	}
}

void lp_watch_silent(struct watch *watch)
{
	struct err err;

	lp_log(LOG_LEVEL_WARN, "watch-silent", "kind", watch->kind, NULL);
	snprintf(watch->why, sizeof(watch->why), "no word from the API server for long");
	if (lp_cluster_reopen(watch->cluster, &err))
		return;
	lose(watch, watch->why);
	watch->version[0] = '\0';
	back_off(watch);
}

void lp_watch_anew(struct watch *watch)
{
	lose(watch, "connected anew");
	watch->version[0] = '\0';
	pause_for(watch, 0);
}

void lp_watch_free(struct watch *watch)
{
	hang_up(watch);
	lp_buf_free(&watch->more);
	free(watch);
}

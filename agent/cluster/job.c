/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/job.h"

#include "agent/cluster/skim.h"
#include "agent/cluster/watches.h"
#include "platform/clock.h"
#include "platform/log.h"

#include <string.h>

#define STEP_MS        60000 /* of a step that names no time of its own */
#define RECOVER_MS     600000
#define BACKOFF_MS     250
#define BACKOFF_MAX_MS 30000
#define REQUEST_MIN_MS 1000 /* a request is not sent for less: its answer would be lost */

static void (*const begin[STEP_KIND_COUNT])(struct job *job) = {
	[STEP_CONNECT] = lp_connect_begin,       [STEP_PARENT] = lp_parent_begin,
	[STEP_APPLY] = lp_apply_begin,           [STEP_WAIT] = lp_wait_begin,
	[STEP_PRUNE] = lp_prune_begin,           [STEP_RECOVER] = lp_recover_begin,
	[STEP_KINDS] = lp_kinds_begin,           [STEP_LOOK] = lp_look_begin,
	[STEP_LEASE] = lp_lease_begin,           [STEP_SERVERS] = lp_servers_begin,
	[STEP_CONFIG_KEY] = lp_config_key_begin, [STEP_CONFIG_LOOK] = lp_config_look_begin,
	[STEP_ANNOUNCE] = lp_announce_begin,
};

/* --- ending --- */

void lp_job_tell(struct job *job, const struct event *event)
{
	struct cluster *cluster = job->cluster;
	struct wire_writer w;

	lp_wire_begin(&w, &cluster->channel->out, CLUSTER_EVENT);
	lp_event_put(&w, event);
	if (lp_wire_end(&w, &cluster->err) != LP_OK)
		cluster->broken = true;
}

static void end(struct job *job)
{
	struct cluster *cluster = job->cluster;

	if (cluster->discovering == job) {
		cluster->discovering = NULL;
		lp_api_free(&cluster->fresh);
	}
	job->event.id = job->step.id;
	lp_text_clean(job->event.message);
	lp_job_tell(job, &job->event);
	lp_careful_free(&job->look);
	lp_buf_free(&job->body);
	lp_buf_free(&job->answer);
	job->busy = false;
	job->wake_ms = 0;
	cluster->busy--;
}

/* How long to leave the server alone: longer each time, and never in step with others. */
static int64_t backoff_ms(const struct cluster *cluster)
{
	int64_t ms = BACKOFF_MS << (cluster->failures < 7 ? cluster->failures : 7);

	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	return (int64_t)lp_random_between((uint64_t)ms / 2, (uint64_t)ms);
}

void lp_job_done(struct job *job, enum outcome outcome)
{
	job->event.kind = EVENT_DONE;
	job->event.outcome = outcome;
	end(job);
}

static void add_message(struct job *job, const char *fmt, va_list args) LP_PRINTF(2, 0);

static void add_message(struct job *job, const char *fmt, va_list args)
{
	size_t used = strlen(job->event.message);

	if (used && used + 2 < sizeof(job->event.message)) {
		memcpy(job->event.message + used, ": ", 3);
		used += 2;
	}
	vsnprintf(job->event.message + used, sizeof(job->event.message) - used, fmt, args);
}

void lp_job_failed(struct job *job, enum lp_code code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_message(job, fmt, args);
	va_end(args);
	job->event.kind = EVENT_FAILED;
	job->event.code = code;
	end(job);
}

void lp_job_retry(struct job *job, enum lp_code code, int64_t after_ms, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_message(job, fmt, args);
	va_end(args);
	job->event.kind = EVENT_RETRY;
	job->event.code = code;
	job->event.retry_after_ms = after_ms >= 0 ? after_ms : backoff_ms(job->cluster);
	end(job);
}

void lp_job_error(struct job *job, const struct err *err)
{
	if (err->code == LP_TRANSIENT || err->code == LP_CONFLICT || err->code == LP_INTERNAL)
		lp_job_retry(job, err->code, -1, "%s", err->msg);
	else
		lp_job_failed(job, err->code, "%s", err->msg);
}

void lp_job_refused(struct job *job)
{
	struct status status;

	lp_status_read(job->status, LP_SLICE_OF(&job->answer), &status);
	lp_status_judge(&status, &job->step, job->retry_after_ms, &job->event);
	if (job->event.kind == EVENT_RETRY && job->event.retry_after_ms < 0)
		job->event.retry_after_ms = backoff_ms(job->cluster);
	end(job);
}

bool lp_job_ok(const struct job *job)
{
	return job->status >= 200 && job->status < 300;
}

/* --- asking --- */

static void take_answer(void *ctx, struct http_response *response, struct err *result)
{
	struct job *job = ctx;

	job->call = NULL;
	job->answered = true;
	job->result = *result;
	job->status = response->status;
	job->retry_after_ms = response->retry_after_ms;
	job->new_connection = response->new_connection;
	memcpy(job->etag, response->etag, sizeof(job->etag));
	lp_buf_free(&job->answer);
	job->answer = response->body;
	response->body = (struct buf){0};
}

/* A server that no connection could be made of: a person or the next rewrite mends that. */
static void cannot_open(struct job *job, const struct err *err)
{
	job->cluster->failures++;
	lp_job_retry(job, err->code == LP_LIMIT ? LP_CONFIG : err->code, -1, "%s", err->msg);
}

static size_t set_headers(struct job *job)
{
	size_t n = 0;

	if (job->request.accept)
		job->headers[n++] = (struct http_header){"Accept", job->request.accept};
	if (job->request.content_type)
		job->headers[n++] = (struct http_header){"Content-Type", job->request.content_type};
	if (job->request.etag && *job->request.etag)
		job->headers[n++] = (struct http_header){"If-None-Match", job->request.etag};
	return n;
}

void lp_cluster_sent(struct cluster *cluster, uint32_t *count)
{
	if (!cluster->sent_since_ms)
		cluster->sent_since_ms = lp_boot_ms();
	++*count;
}

/* Sends the request of job->request, job->url and job->body. */
static void send_request(struct job *job)
{
	struct client *client = &job->cluster->client;
	struct requests *sent = &job->cluster->sent;
	LP_AUTO(lp_buf_free) struct buf url = LP_BUF(LP_JOB_URL_BYTES);
	int64_t left_ms = job->until_ms - lp_boot_ms();
	struct err err;

	if (left_ms < REQUEST_MIN_MS) {
		lp_job_retry(job, LP_TRANSIENT, -1, "no success in the time given");
		return;
	}
	if (lp_buf_printf(&url, &err, "%s%s", client->server, lp_buf_text(&job->url)) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	struct http_request request = {
		.method = job->request.method,
		.url = lp_buf_text(&url),
		.headers = job->headers,
		.header_count = set_headers(job),
		.max_response_bytes = job->request.max_bytes,
		.timeout_ms = left_ms < job->cluster->setup.request_ms
				      ? left_ms
				      : job->cluster->setup.request_ms,
		.sink = {.ctx = job, .on_done = take_answer},
	};
	if (job->request.content_type)
		request.body = LP_SLICE_OF(&job->body);
	job->opened = client->opened;
	job->tries++;
	if (lp_http_start(client->http, &request, &job->call, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	bool read = strcmp(request.method, "GET") == 0;
	lp_cluster_sent(job->cluster, read ? &sent->reads : &sent->writes);
}

bool lp_cluster_reopen(struct cluster *cluster, struct err *err)
{
	struct http *old[2] = {NULL};

	if (lp_client_open(&cluster->client, old, err) != LP_OK)
		return false;
	if (cluster->client.opened > 1)
		lp_log(LOG_LEVEL_INFO, "kubeconfig-read-again", "file", cluster->client.path,
		       "server", cluster->client.server, NULL);
	for (unsigned i = 0; i < cluster->setup.concurrency; i++) {
		struct job *job = &cluster->jobs[i];
		if (!job->busy || !job->call)
			continue;
		lp_http_cancel(&job->call);
		send_request(job);
	}
	lp_watches_anew(cluster);
	lp_http_close(&old[0]);
	lp_http_close(&old[1]);
	return true;
}

struct buf *lp_job_url(struct job *job)
{
	job->url.max = LP_JOB_URL_BYTES;
	lp_buf_clear(&job->url);
	return &job->url;
}

void lp_job_again(struct job *job)
{
	struct cluster *cluster = job->cluster;
	struct err err = {0};

	if ((!cluster->client.http || lp_client_aged(&cluster->client)) &&
	    !lp_cluster_reopen(cluster, &err) && !cluster->client.http) {
		cannot_open(job, &err);
		return;
	}
	send_request(job);
}

void lp_job_send(struct job *job, const struct job_request *request, void (*then)(struct job *job))
{
	job->request = *request;
	job->then = then;
	job->tries = 0;
	lp_job_again(job);
}

void lp_job_get(struct job *job, const char *accept, size_t max_bytes,
		void (*then)(struct job *job))
{
	const struct job_request request = {
		.method = "GET", .accept = accept, .max_bytes = max_bytes};

	lp_job_send(job, &request, then);
}

void lp_job_write(struct job *job, const char *method, const char *content_type,
		  void (*then)(struct job *job))
{
	const struct job_request request = {.method = method,
					    .accept = LP_ACCEPT_METADATA,
					    .content_type = content_type,
					    .max_bytes = LP_ANSWER_BYTES};

	lp_job_send(job, &request, then);
}

void lp_job_later(struct job *job, int64_t ms, void (*then)(struct job *job))
{
	int64_t now_ms = lp_boot_ms();

	if (now_ms + ms >= job->until_ms) {
		lp_job_retry(job, LP_TRANSIENT, -1, "no success in the time given");
		return;
	}
	job->then = then;
	job->wake_ms = now_ms + ms;
}

/* --- answers --- */

/* Sends it once more as whom the kubeconfig says by now, if that has changed since it was sent. */
static bool try_again_anew(struct job *job)
{
	struct cluster *cluster = job->cluster;
	struct err err;

	if (job->opened == cluster->client.opened) {
		if (job->reloaded || !lp_client_changed(&cluster->client))
			return false;
		job->reloaded = true;
		if (!lp_cluster_reopen(cluster, &err)) {
			cannot_open(job, &err);
			return true;
		}
	}
	send_request(job);
	return true;
}

/* There was no answer. */
static void lost(struct job *job)
{
	struct cluster *cluster = job->cluster;

	if (job->result.code == LP_LIMIT || job->result.code == LP_REJECTED) {
		lp_job_error(job, &job->result);
		return;
	}
	/* a kept connection may have gone at any time: that says nothing of the server */
	if (job->result.code == LP_TRANSIENT && !job->new_connection && job->tries < 2) {
		lp_job_again(job);
		return;
	}
	if (try_again_anew(job))
		return;
	cluster->failures++;
	lp_job_retry(job, job->result.code, -1, "%s", job->result.msg);
}

static void unauthorized(struct job *job)
{
	if (try_again_anew(job))
		return;
	job->cluster->failures++;
	lp_job_retry(job, LP_CONFIG, -1,
		     "the API server does not accept the credentials of user \"%s\" in %s (401)",
		     job->cluster->client.user, job->cluster->client.path);
}

/*
 * A connection was made or was lost: the server may have been restarted, and k3s writes its
 * kubeconfig anew when it starts.
 */
static void look_at_files(struct job *job)
{
	struct cluster *cluster = job->cluster;
	struct err err;

	if ((job->new_connection || job->result.code != LP_OK) &&
	    job->opened == cluster->client.opened && lp_client_changed(&cluster->client) &&
	    !lp_cluster_reopen(cluster, &err))
		lp_log(LOG_LEVEL_WARN, "kubeconfig-unusable", "error", err.msg, NULL);
}

static void take(struct job *job)
{
	job->answered = false;
	job->event.status = job->status;
	look_at_files(job);
	if (job->result.code != LP_OK) {
		lost(job);
	} else if (job->status == 401) {
		unauthorized(job);
	} else if (job->status == 429 || job->status == 503) {
		job->cluster->failures++;
		lp_job_refused(job);
	} else {
		job->cluster->failures = 0;
		job->then(job);
	}
}

void lp_jobs_move(struct cluster *cluster)
{
	for (unsigned i = 0; i < cluster->setup.concurrency; i++) {
		struct job *job = &cluster->jobs[i];
		if (!job->busy)
			continue;
		if (job->answered) {
			take(job);
		} else if (job->wake_ms && job->wake_ms <= lp_boot_ms()) {
			job->wake_ms = 0;
			job->then(job);
		}
	}
}

int64_t lp_jobs_wake_ms(const struct cluster *cluster)
{
	int64_t wake_ms = INT64_MAX;

	for (unsigned i = 0; i < cluster->setup.concurrency; i++) {
		const struct job *job = &cluster->jobs[i];
		if (job->busy && job->wake_ms && job->wake_ms < wake_ms)
			wake_ms = job->wake_ms;
	}
	return wake_ms;
}

/* --- starting --- */

static struct job *free_job(struct cluster *cluster)
{
	for (unsigned i = 0; i < cluster->setup.concurrency; i++)
		if (!cluster->jobs[i].busy)
			return &cluster->jobs[i];
	return NULL;
}

static int64_t default_ms(enum step_kind kind)
{
	return kind == STEP_RECOVER ? RECOVER_MS : STEP_MS;
}

void lp_job_start(struct cluster *cluster, const struct step *step)
{
	struct job *job = free_job(cluster);
	struct buf url = job->url;

	*job = (struct job){.cluster = cluster, .busy = true, .step = *step, .url = url};
	job->event.retry_after_ms = -1;
	job->begun_ms = lp_boot_ms();
	job->until_ms =
		job->begun_ms + (step->timeout_ms ? step->timeout_ms : default_ms(step->kind));
	cluster->busy++;
	begin[step->kind](job);
	job->step.body = job->step.handed = (struct slice){0};
}

enum lp_code lp_jobs_new(struct cluster *cluster, struct err *err)
{
	cluster->jobs = calloc(cluster->setup.concurrency, sizeof(*cluster->jobs));
	return cluster->jobs ? LP_OK : lp_err_nomem(err, "jobs");
}

void lp_jobs_free(struct cluster *cluster)
{
	for (unsigned i = 0; cluster->jobs && i < cluster->setup.concurrency; i++) {
		lp_http_cancel(&cluster->jobs[i].call);
		lp_buf_free(&cluster->jobs[i].url);
		lp_buf_free(&cluster->jobs[i].body);
		lp_buf_free(&cluster->jobs[i].answer);
		lp_careful_free(&cluster->jobs[i].look);
	}
	free(cluster->jobs);
	cluster->jobs = NULL;
}

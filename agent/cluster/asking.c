/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/job.h"
#include "agent/cluster/watches.h"
#include "platform/clock.h"
#include "platform/log.h"

#include <string.h>

#define REQUEST_MIN_MS 1000 /* a request is not sent for less: its answer would be lost */

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
	LP_AUTO(lp_buf_free) struct buf url = LP_BUF(LP_REQUEST_URL_BYTES);
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
	job->url.max = LP_REQUEST_URL_BYTES;
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

void lp_job_take(struct job *job)
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

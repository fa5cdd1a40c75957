/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/job.h"

#include "agent/cluster/skim.h"
#include "agent/cluster/steps.h"
#include "platform/clock.h"

#include <string.h>

#define STEP_MS        60000 /* of a step that names no time of its own */
#define RECOVER_MS     600000
#define BACKOFF_MS     250
#define BACKOFF_MAX_MS 30000

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

void lp_job_status(const struct job *job, struct status *ret)
{
	lp_status_read(job->status, LP_SLICE_OF(&job->answer), &job->step.key, ret);
}

void lp_job_refused(struct job *job)
{
	struct status status;

	lp_job_status(job, &status);
	lp_status_judge(&status, &job->step, job->retry_after_ms, &job->event);
	if (job->event.kind == EVENT_RETRY && job->event.retry_after_ms < 0)
		job->event.retry_after_ms = backoff_ms(job->cluster);
	end(job);
}

bool lp_job_ok(const struct job *job)
{
	return job->status >= 200 && job->status < 300;
}

void lp_jobs_move(struct cluster *cluster)
{
	for (unsigned i = 0; i < cluster->setup.concurrency; i++) {
		struct job *job = &cluster->jobs[i];
		if (!job->busy)
			continue;
		if (job->answered) {
			lp_job_take(job);
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

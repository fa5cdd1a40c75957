/* SPDX-License-Identifier: Apache-2.0 */
/* STEP_CONNECT, and the questions of discovery for every step that meets an unknown kind. */
#include "agent/cluster/steps.h"
#include "agent/cluster/watches.h"
#include "platform/clock.h"

#include <string.h>

#define STALE_MS        5000  /* an unknown kind asks again at most this often */
#define STALE_SETTLE_MS 200   /* while a CRD was just changed */
#define SETTLE_MS       10000 /* so long may the server take to serve a changed CRD */
#define OTHER_MS        20    /* how often to look whether another job's discovery is done */

static const char *const documents[] = {"/api", "/apis"};

static void ask_document(struct job *job);
static void ask_group(struct job *job);

bool lp_connect_settling(const struct cluster *cluster)
{
	return cluster->crd_ms && lp_boot_ms() - cluster->crd_ms < SETTLE_MS;
}

bool lp_connect_stale(const struct cluster *cluster)
{
	int64_t age_ms = lp_boot_ms() - cluster->discovered_ms;

	return !cluster->discovered_ms ||
	       age_ms >= (lp_connect_settling(cluster) ? STALE_SETTLE_MS : STALE_MS);
}

static void complete(struct job *job)
{
	struct cluster *cluster = job->cluster;

	lp_api_free(&cluster->table);
	cluster->table = cluster->fresh;
	cluster->fresh = LP_API_TABLE;
	memcpy(cluster->etags, cluster->fresh_etags, sizeof(cluster->etags));
	cluster->discovering = NULL;
	cluster->discovered_ms = lp_boot_ms();
	lp_buf_free(&job->answer);
	lp_watches_discovered(cluster);
	job->after_discovery(job);
}

static void fail(struct job *job, struct err *err)
{
	lp_err_wrap(err, "discovery %s", lp_buf_text(&job->url));
	lp_job_error(job, err);
}

/* An old server's group that cannot be told (a dead APIService) is left out, as kubectl does. */
static enum lp_code take_group(struct job *job, struct err *err)
{
	struct api_table *fresh = &job->cluster->fresh;

	if (!lp_job_ok(job))
		return lp_api_add_stale(fresh, job->group->group, err);
	return lp_api_add_resources(fresh, job->group, LP_SLICE_OF(&job->answer), err);
}

static void group_answer(struct job *job)
{
	struct err err;

	if (take_group(job, &err) != LP_OK) {
		fail(job, &err);
		return;
	}
	job->group = job->group->next;
	ask_group(job);
}

static void ask_group(struct job *job)
{
	struct err err;

	if (!job->group) {
		complete(job);
		return;
	}
	if (lp_buf_printf(lp_job_url(job), &err, job->group->group[0] ? "/apis/%s/%s" : "/api%s/%s",
			  job->group->group, job->group->version) != LP_OK) {
		fail(job, &err);
		return;
	}
	lp_job_send(job,
		    &(struct job_request){.method = "GET",
					  .accept = "application/json",
					  .max_bytes = LP_DISCOVERY_BYTES},
		    group_answer);
}

static enum lp_code take_document(struct job *job, struct err *err)
{
	struct cluster *cluster = job->cluster;
	bool aggregated;

	if (job->status == 304) {
		memcpy(cluster->fresh_etags[job->document], cluster->etags[job->document],
		       sizeof(job->etag));
		return lp_api_add_part(&cluster->fresh, &cluster->table, job->document == 0, err);
	}
	LP_TRY(lp_api_add(&cluster->fresh, LP_SLICE_OF(&job->answer), &aggregated, err));
	if (aggregated)
		memcpy(cluster->fresh_etags[job->document], job->etag, sizeof(job->etag));
	return LP_OK;
}

static void document_answer(struct job *job)
{
	struct err err;

	if (!lp_job_ok(job) && job->status != 304) {
		lp_job_refused(job);
		return;
	}
	if (take_document(job, &err) != LP_OK) {
		fail(job, &err);
		return;
	}
	if (job->document == 0) {
		job->document = 1;
		ask_document(job);
		return;
	}
	job->group = job->cluster->fresh.groups;
	ask_group(job);
}

static void ask_document(struct job *job)
{
	struct err err;

	if (lp_buf_str(lp_job_url(job), documents[job->document], &err) != LP_OK) {
		fail(job, &err);
		return;
	}
	lp_job_send(job,
		    &(struct job_request){.method = "GET",
					  .accept = LP_ACCEPT_DISCOVERY,
					  .etag = job->cluster->etags[job->document],
					  .max_bytes = LP_DISCOVERY_BYTES},
		    document_answer);
}

/* Another job is asking: its answer is ours too. */
static void other_asks(struct job *job)
{
	if (job->cluster->discovering)
		lp_job_later(job, OTHER_MS, other_asks);
	else if (lp_connect_stale(job->cluster))
		lp_connect_discover(job, job->after_discovery);
	else
		job->after_discovery(job);
}

void lp_connect_discover(struct job *job, void (*then)(struct job *job))
{
	struct cluster *cluster = job->cluster;

	job->after_discovery = then;
	if (cluster->discovering) {
		other_asks(job);
		return;
	}
	cluster->discovering = job;
	lp_api_free(&cluster->fresh);
	memset(cluster->fresh_etags, 0, sizeof(cluster->fresh_etags));
	job->document = 0;
	ask_document(job);
}

void lp_connect_tell(struct job *job, bool (*which)(const struct job *, const struct api_kind *))
{
	const struct api_kind *kind = job->cluster->table.first;

	for (; kind; kind = kind->next) {
		struct event event = {.id = job->step.id,
				      .kind = EVENT_KIND,
				      .scope = kind->namespaced ? SCOPE_NAMESPACED : SCOPE_CLUSTER,
				      .verbs = kind->verbs,
				      .preferred = kind->preferred};
		if (which && !which(job, kind))
			continue;
		snprintf(event.key.group, sizeof(event.key.group), "%s", kind->group);
		snprintf(event.key.version, sizeof(event.key.version), "%s", kind->version);
		snprintf(event.key.kind, sizeof(event.key.kind), "%s", kind->kind);
		snprintf(event.resource, sizeof(event.resource), "%s", kind->plural);
		lp_job_tell(job, &event);
	}
}

static void connected(struct job *job)
{
	lp_connect_tell(job, NULL);
	snprintf(job->event.message, sizeof(job->event.message), "%s", job->cluster->client.server);
	lp_job_done(job, OUTCOME_NONE);
}

void lp_connect_begin(struct job *job)
{
	lp_connect_discover(job, connected);
}

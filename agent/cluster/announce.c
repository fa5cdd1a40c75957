/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STEP_ANNOUNCE: a Kubernetes Event about the ApplySet's parent. It is applied under its own name,
 * so that one request makes it, raises its count, and makes it again when the API server has
 * dropped it, as it does after an hour.
 *
 * A core/v1 Event, not one of events.k8s.io: it is the same object in the store of the API server,
 * but this one's count and times are what `kubectl describe` and `kubectl get events` show. They
 * find it by the parent's uid, which is asked for once.
 */
#include "agent/cluster/steps.h"

#include <ctype.h>
#include <string.h>

#define QUERY "?fieldManager=" LP_FIELD_MANAGER "&force=true"

static const struct api_kind events = {
	.group = "", .version = "v1", .plural = "events", .namespaced = true};

static void written(struct job *job)
{
	if (job->status == 404) { /* the namespace is gone, and the parent with it */
		job->cluster->parent_uid[0] = '\0';
		lp_job_done(job, OUTCOME_GONE);
	} else if (lp_job_ok(job)) {
		lp_job_done(job, job->status == 201 ? OUTCOME_CREATED : OUTCOME_CONFIGURED);
	} else {
		lp_job_refused(job);
	}
}

/* Completes the body by what it is about. */
static enum lp_code add_involved(struct job *job, struct err *err)
{
	const struct cluster *cluster = job->cluster;
	char name[LP_NAME_MAX];

	job->body.len--; /* its last bracket */
	return lp_buf_printf(&job->body, err,
			     ",\"involvedObject\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
			     "\"namespace\":\"%s\",\"name\":\"%s\",\"uid\":\"%s\"}}",
			     cluster->setup.ns, lp_applyset_parent(job->step.source, name),
			     cluster->parent_uid);
}

static void write_it(struct job *job)
{
	struct buf *url = lp_job_url(job);
	struct err err;

	if (add_involved(job, &err) != LP_OK ||
	    lp_api_path(&events, job->cluster->setup.ns, job->step.key.name, url, &err) != LP_OK ||
	    lp_buf_str(url, QUERY, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_job_write(job, "PATCH", "application/apply-patch+yaml", written);
}

/* Letters, digits and '-' alone: it goes into JSON as it is. */
static bool is_plain(const char *uid)
{
	const char *at = uid;

	while (isalnum((unsigned char)*at) || *at == '-')
		at++;
	return !*at && at != uid;
}

static void found(struct job *job)
{
	struct cluster *cluster = job->cluster;
	struct metadata parent;

	if (job->status == 404) { /* nothing was applied yet: there is nothing to tell it of */
		lp_job_done(job, OUTCOME_GONE);
		return;
	}
	if (!lp_parent_take(job, &parent))
		return;
	if (!is_plain(parent.uid)) {
		lp_job_failed(job, LP_REJECTED, "the parent's uid is none");
		return;
	}
	memcpy(cluster->parent_uid, parent.uid, sizeof(cluster->parent_uid));
	memcpy(cluster->parent_of, job->step.source, sizeof(cluster->parent_of));
	write_it(job);
}

void lp_announce_begin(struct job *job)
{
	const struct cluster *cluster = job->cluster;
	struct slice body = job->step.body;
	struct err err;

	job->body = LP_BUF(LP_ANNOUNCE_BYTES);
	if (body.len < 3 || body.data[body.len - 1] != '}') {
		lp_job_failed(job, LP_REJECTED, "the event is no object");
		return;
	}
	if (lp_buf_append(&job->body, body.data, body.len, &err) != LP_OK)
		lp_job_error(job, &err);
	else if (cluster->parent_uid[0] && strcmp(cluster->parent_of, job->step.source) == 0)
		write_it(job);
	else
		lp_parent_ask(job, found);
}

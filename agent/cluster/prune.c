/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STEP_PRUNE: delete one object, if and only if it is still the one that we made and nobody
 * asked to keep it. The delete names what was judged, so that nothing can come between.
 */
#include "agent/cluster/skim.h"
#include "agent/cluster/steps.h"
#include "agent/precious.h"
#include "platform/clock.h"

#include <string.h>

#define CONFLICT_MS 200 /* longest wait after somebody wrote between look and delete */

static void look(struct job *job);
static void begin_anew(struct job *job);

bool lp_prune_owns(const struct job *job, const struct metadata *m, char *ret_why, size_t size)
{
	char id[LP_APPLYSET_ID_MAX];
	struct slice label = lp_metadata_label(m, LP_PART_OF_LABEL);

	lp_applyset_source_id(job->step.source, job->cluster->setup.ns, id);
	if (!lp_skim_is(label, id))
		snprintf(ret_why, size,
			 "it is not ours (any more): its label " LP_PART_OF_LABEL
			 " is %.*s, not \"%s\"",
			 label.len ? (int)label.len : 7,
			 label.len ? (const char *)label.data : "missing", id);
	else if (!m->applied)
		snprintf(ret_why, size,
			 "nothing in it says that limpet has applied it: it has our label from the "
			 "object that it was made of, or lost its managedFields");
	else
		return true;
	return false;
}

/* Why the object is to be left alone: in the event's message. False: it is ours to delete. */
static bool is_kept(struct job *job, const struct metadata *m)
{
	const struct step *step = &job->step;
	char *message = job->event.message;
	size_t size = sizeof(job->event.message);
	const struct annotation *keeper = lp_metadata_asks(m, ASKS_KEEP);

	if (step->uid[0] && strcmp(step->uid, m->uid) != 0)
		snprintf(message, size, "somebody has made it again since (uid %s, not %s)", m->uid,
			 step->uid);
	else if (!lp_prune_owns(job, m, message, size))
		return true;
	else if (keeper)
		snprintf(message, size, "its annotation %s says so", keeper->key);
	else if (lp_is_precious(step->key.group, step->key.kind))
		snprintf(
			message, size,
			"limpet deletes no Namespace, CustomResourceDefinition, PersistentVolume or "
			"PersistentVolumeClaim: what is in it would be lost. By hand: kubectl delete "
			"%s %s%s%s",
			job->event.resource, step->key.name, step->key.ns[0] ? " -n " : "",
			step->key.ns);
	else
		return false;
	return true;
}

/*
 * 404. The object is gone, unless the path is not served: then what we know of the kind may be old,
 * and to take its objects for gone would leave them in the cluster for good.
 */
static void not_found(struct job *job)
{
	struct status status;

	lp_job_status(job, &status);
	if (!lp_status_no_kind(&status))
		lp_job_done(job, OUTCOME_GONE);
	else if (job->anew)
		lp_job_retry(job, LP_TRANSIENT, -1,
			     "the API server tells that it serves %s, and does not (%s)",
			     job->event.resource, status.message);
	else
		lp_connect_discover(job, begin_anew);
}

static void deleted(struct job *job)
{
	if (lp_job_ok(job))
		lp_job_done(job, OUTCOME_PRUNED);
	else if (job->status == 404)
		not_found(job);
	else if (job->status == 409 && ++job->conflicts < LP_LOOKS_MAX)
		lp_job_later(job, (int64_t)lp_random_between(1, CONFLICT_MS), look);
	else
		lp_job_refused(job);
}

void lp_prune_delete(struct job *job, const struct metadata *m, void (*then)(struct job *job))
{
	struct err err;

	lp_buf_free(&job->body);
	job->body = LP_BUF(1024);
	if (lp_buf_printf(&job->body, &err,
			  "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
			  "\"propagationPolicy\":\"Background\","
			  "\"preconditions\":{\"uid\":\"%s\",\"resourceVersion\":\"%s\"}}",
			  m->uid, m->live.version) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_job_write(job, "DELETE", "application/json", then);
}

static void judge(struct job *job)
{
	struct metadata m;
	struct err err;

	if (job->status == 404) {
		not_found(job);
		return;
	}
	if (!lp_job_ok(job)) {
		lp_job_refused(job);
		return;
	}
	if (lp_metadata_read(LP_SLICE_OF(&job->answer), &m, &err) != LP_OK) {
		lp_job_retry(job, LP_TRANSIENT, -1, "%s", err.msg);
		return;
	}
	memcpy(job->event.uid, m.uid, sizeof(job->event.uid));
	if (is_kept(job, &m))
		lp_job_done(job, OUTCOME_KEPT);
	else if (m.deleting)
		lp_job_done(job, OUTCOME_PRUNED);
	else
		lp_prune_delete(job, &m, deleted);
}

static void look(struct job *job)
{
	lp_job_get(job, LP_ACCEPT_METADATA, LP_ANSWER_BYTES, judge);
}

/* With a CRD went all its objects. */
static void not_served(struct job *job)
{
	const char *group = job->step.key.group;

	if (lp_api_is_stale(&job->cluster->table, group)) {
		lp_job_retry(job, LP_TRANSIENT, -1,
			     "the API server cannot tell at the moment which kinds %s has", group);
		return;
	}
	snprintf(job->event.message, sizeof(job->event.message), "its kind is not served any more");
	lp_job_done(job, OUTCOME_GONE);
}

void lp_prune_begin(struct job *job)
{
	const struct object_key *key = &job->step.key;
	struct cluster *cluster = job->cluster;
	struct buf *url = lp_job_url(job);
	struct err err;
	/* any version will do, and the one on record may be served no more */
	const struct api_kind *kind = lp_api_find(&cluster->table, key->group, "", key->kind);

	job->event.key = *key;
	if (!kind && lp_connect_stale(cluster)) {
		lp_connect_discover(job, lp_prune_begin);
		return;
	}
	if (!kind) {
		not_served(job);
		return;
	}
	snprintf(job->event.resource, sizeof(job->event.resource), "%s", kind->plural);
	if (lp_api_path(kind, key->ns, key->name, url, &err) != LP_OK)
		lp_job_error(job, &err);
	else
		look(job);
}

static void begin_anew(struct job *job)
{
	job->anew = true;
	lp_prune_begin(job);
}

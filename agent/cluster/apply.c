/* SPDX-License-Identifier: Apache-2.0 */
/* STEP_APPLY: server-side apply of one object, by force, under our own field manager. */
#include "agent/cluster/job.h"
#include "platform/clock.h"

#include <string.h>

#define SETTLE_POLL_MS 250
#define DELETING_MS    2000 /* an object that is being deleted mostly takes seconds */

/* Strict: a duplicate or unknown field is an error with its path, not a warning that nobody reads.
 */
#define QUERY "?fieldManager=" LP_FIELD_MANAGER "&force=true&fieldValidation=Strict"

static void resolve(struct job *job);

static void unknown_kind(struct job *job)
{
	const struct object_key *key = &job->step.key;
	const struct api_kind *other = lp_api_find(&job->cluster->table, key->group, "", key->kind);
	const char *slash = key->group[0] ? "/" : "";

	if (other)
		lp_job_failed(job, LP_NOT_FOUND, "no version %s of %s in %s: the cluster serves %s",
			      key->version, key->kind,
			      key->group[0] ? key->group : "the core group", other->version);
	else
		lp_job_failed(job, LP_NOT_FOUND,
			      "no kind %s in %s%s%s: its CRD is neither in the revision nor in "
			      "the cluster",
			      key->kind, key->group, slash, key->version);
}

/* Whether our apply changed the object, when the supervisor remembers it: exactly. */
static bool has_moved(const struct job *job, const struct metadata *now)
{
	if (job->step.known.version[0])
		return lp_live_moved(&job->step.known, &now->live);
	/* not newer than what we had seen before we sent it: nobody wrote anything */
	if (job->newest[0] && !lp_version_newer(now->live.version, job->newest))
		return false;
	/* our entry has the time of the apply that last changed it, to the second */
	return !now->applied_s || now->applied_s >= job->sent_s - 1;
}

static bool is_crd(const struct object_key *key)
{
	return strcmp(key->kind, "CustomResourceDefinition") == 0 &&
	       strcmp(key->group, "apiextensions.k8s.io") == 0;
}

static void applied(struct job *job)
{
	struct cluster *cluster = job->cluster;
	enum outcome outcome = OUTCOME_CREATED;
	struct metadata now;
	struct err err;

	if (lp_metadata_read(LP_SLICE_OF(&job->answer), &now, &err) != LP_OK) {
		lp_job_retry(job, LP_TRANSIENT, -1, "%s", err.msg);
		return;
	}
	memcpy(job->event.uid, now.uid, sizeof(job->event.uid));
	job->event.live = now.live;
	if (now.deleting) {
		lp_job_retry(job, LP_CONFLICT, DELETING_MS,
			     "it is being deleted, and is applied again when it is gone");
		return;
	}
	if (job->status != 201)
		outcome = has_moved(job, &now) ? OUTCOME_CONFIGURED : OUTCOME_UNCHANGED;
	if (lp_version_newer(now.live.version, cluster->newest) || !cluster->newest[0])
		memcpy(cluster->newest, now.live.version, sizeof(cluster->newest));
	if (outcome != OUTCOME_UNCHANGED && is_crd(&job->step.key))
		cluster->crd_ms = lp_boot_ms();
	lp_job_done(job, outcome);
}

/* 404: the namespace is missing, or the kind is not served (any more, or yet). */
static void not_found(struct job *job)
{
	struct status status;

	lp_status_read(job->status, LP_SLICE_OF(&job->answer), &status);
	if (!lp_status_no_kind(&status))
		lp_job_refused(job);
	else if (lp_connect_settling(job->cluster))
		lp_job_later(job, SETTLE_POLL_MS, resolve);
	else if (job->conflicts++ == 0)
		lp_connect_discover(job, resolve);
	else
		unknown_kind(job);
}

static void answer(struct job *job)
{
	if (lp_job_ok(job))
		applied(job);
	else if (job->status == 404)
		not_found(job);
	else if (job->status == 409 && job->conflicts++ == 0)
		lp_job_again(job); /* somebody wrote at the same moment */
	else
		lp_job_refused(job);
}

/* The namespace it goes to; false when the scope and the object disagree: the job is over. */
static bool set_namespace(struct job *job, const struct api_kind *kind)
{
	struct object_key *key = &job->event.key;

	*key = job->step.key;
	if (kind->namespaced && !key->ns[0])
		memcpy(key->ns, job->step.default_ns, sizeof(key->ns));
	if (kind->namespaced && !key->ns[0])
		lp_job_failed(job, LP_REJECTED, "%s is namespaced, and no namespace is named",
			      key->kind);
	else if (!kind->namespaced && key->ns[0])
		lp_job_failed(job, LP_REJECTED,
			      "%s is cluster-scoped; remove metadata.namespace (%s)", key->kind,
			      key->ns);
	else
		return true;
	return false;
}

static void patch(struct job *job, const struct api_kind *kind)
{
	struct buf *url = lp_job_url(job);
	struct err err;

	if (!(kind->verbs & VERB_PATCH)) {
		lp_job_failed(job, LP_REJECTED,
			      "%s cannot be applied: the API server has no patch "
			      "for it",
			      kind->kind);
		return;
	}
	if (!set_namespace(job, kind))
		return;
	if (lp_api_path(kind, job->event.key.ns, job->step.key.name, url, &err) != LP_OK ||
	    lp_buf_str(url, QUERY, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	job->sent_s = lp_wall_s();
	memcpy(job->newest, job->cluster->newest, sizeof(job->newest));
	/* JSON is YAML, and there is no such type with +json */
	lp_job_send(job,
		    &(struct job_request){.method = "PATCH",
					  .accept = LP_ACCEPT_METADATA,
					  .content_type = "application/apply-patch+yaml",
					  .max_bytes = LP_ANSWER_BYTES},
		    answer);
}

static void resolve(struct job *job)
{
	const struct object_key *key = &job->step.key;
	struct cluster *cluster = job->cluster;
	const struct api_kind *kind =
		lp_api_find(&cluster->table, key->group, key->version, key->kind);

	if (kind)
		patch(job, kind);
	else if (lp_connect_stale(cluster))
		lp_connect_discover(job, resolve);
	else if (lp_connect_settling(cluster))
		lp_job_later(job, SETTLE_POLL_MS, resolve);
	else
		unknown_kind(job);
}

void lp_apply_begin(struct job *job)
{
	char id[LP_APPLYSET_ID_MAX];
	struct err err;

	lp_applyset_source_id(job->step.source, job->cluster->setup.ns, id);
	job->body = LP_BUF(LP_OBJECT_BYTES + 256);
	if (lp_metadata_mark(job->step.body, id, &job->body, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	resolve(job);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* STEP_APPLY: server-side apply of one object, by force, under our own field manager. */
#include "agent/cluster/skim.h"
#include "agent/cluster/steps.h"
#include "platform/clock.h"

#include <string.h>

#define SETTLE_POLL_MS 250
#define DELETING_MS    2000 /* an object that is being deleted mostly takes seconds */

/* Strict: a duplicate or unknown field is an error with its path, not a warning that nobody reads.
 */
#define POLITE "?fieldManager=" LP_FIELD_MANAGER "&fieldValidation=Strict"
#define QUERY  POLITE "&force=true"

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
		return lp_live_moved(&job->step.known, now, job->sent_s);
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

bool lp_apply_take(struct job *job, struct metadata *ret)
{
	struct cluster *cluster = job->cluster;
	struct err err;

	if (lp_metadata_read(LP_SLICE_OF(&job->answer), ret, &err) != LP_OK) {
		lp_job_retry(job, LP_TRANSIENT, -1, "%s", err.msg);
		return false;
	}
	memcpy(job->event.uid, ret->uid, sizeof(job->event.uid));
	job->event.live = ret->live;
	job->event.marks = ret->marks;
	if (ret->deleting) {
		lp_job_retry(job, LP_CONFLICT, DELETING_MS,
			     "it is being deleted, and is applied again when it is gone");
		return false;
	}
	if (lp_version_newer(ret->live.version, cluster->newest) || !cluster->newest[0])
		memcpy(cluster->newest, ret->live.version, sizeof(cluster->newest));
	return true;
}

void lp_apply_done(struct job *job, enum outcome outcome)
{
	if (outcome != OUTCOME_UNCHANGED && is_crd(&job->step.key))
		job->cluster->crd_ms = lp_boot_ms();
	lp_job_done(job, outcome);
}

static void applied(struct job *job)
{
	struct metadata now;

	if (!lp_apply_take(job, &now))
		return;
	job->look.moved = job->status == 201 || has_moved(job, &now);
	if (job->status == 201)
		lp_apply_done(job, OUTCOME_CREATED);
	else if (job->look.adopt || now.handed) /* what others had of it may be ours now */
		lp_careful_begin(job);
	else
		lp_apply_done(job, job->look.moved ? OUTCOME_CONFIGURED : OUTCOME_UNCHANGED);
}

/* 404: the namespace is missing, or the kind is not served (any more, or yet). */
static void not_found(struct job *job, const struct status *status)
{
	if (!lp_status_no_kind(status))
		lp_job_refused(job);
	else if (lp_connect_settling(job->cluster))
		lp_job_later(job, SETTLE_POLL_MS, lp_apply_resolve);
	else if (job->conflicts++ == 0)
		lp_connect_discover(job, lp_apply_resolve);
	else
		unknown_kind(job);
}

/* Entries of a version whose fields the schema does not have any more: every apply fails. */
static bool is_of_old_version(const struct status *status)
{
	return status->code != 404 && strstr(status->message, "field not declared in schema");
}

/* An item of a list whose key somebody has changed is there twice: his, and ours. */
static bool is_duplicate(const struct job *job, const struct status *status)
{
	return status->code == 422 && job->look.before.len &&
	       strstr(status->message, "Duplicate value");
}

/* Something of it is another's: replicas of an autoscaler, or what is ours to take. */
static void ask_whose(struct job *job)
{
	job->polite = false;
	if (job->look.adopt) {
		lp_buf_free(&job->look.whose);
		job->look.whose = job->answer;
		job->answer = (struct buf){0};
	}
	lp_careful_begin(job);
}

void lp_apply_refused(struct job *job)
{
	struct status status;
	bool dry = job->step.how == APPLY_DRY;
	/* a dry run takes nothing over, and may be refused for what a takeover would mend */
	bool mends = dry && (job->event.marks & SIGHT_OVERRIDABLE);

	lp_job_status(job, &status);
	if (status.code == 404)
		not_found(job, &status);
	else if (status.code == 409 && job->polite)
		ask_whose(job);
	else if (status.code == 409 && job->conflicts++ == 0)
		lp_job_again(job); /* somebody wrote at the same moment */
	else if (is_of_old_version(&status) && !job->look.renew && !dry)
		lp_careful_renew(job);
	else if (status.code == 422 && lp_careful_undo(job))
		return;
	else if ((status.code == 409 || status.code == 422) && (!job->look.on || mends))
		lp_careful_second(job);
	else if (job->look.kept && status.code >= 400 && status.code < 500 && status.code != 401 &&
		 status.code != 429)
		lp_finish_kept_refused(job, &status);
	else if (is_duplicate(job, &status))
		lp_finish_duplicate(job, &status);
	else
		lp_recreate_or_refuse(job);
}

static void answer(struct job *job)
{
	if (!lp_job_ok(job))
		lp_apply_refused(job);
	else if (job->look.on)
		lp_careful_applied(job);
	else
		applied(job);
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

bool lp_apply_url(struct job *job, const char *query)
{
	const struct object_key *key = &job->event.key;
	struct buf *url = lp_job_url(job);
	const struct api_kind *kind =
		lp_api_find(&job->cluster->table, key->group, key->version, key->kind);
	struct err err;

	if (!kind) {
		unknown_kind(job);
		return false;
	}
	if (lp_api_path(kind, key->ns, key->name, url, &err) != LP_OK ||
	    lp_buf_str(url, query, &err) != LP_OK) {
		lp_job_error(job, &err);
		return false;
	}
	return true;
}

void lp_apply_send(struct job *job, bool dry)
{
	const char *query = dry ? QUERY "&dryRun=All" : job->polite ? POLITE : QUERY;

	if (!lp_apply_url(job, query))
		return;
	job->sent_s = lp_wall_s();
	memcpy(job->newest, job->cluster->newest, sizeof(job->newest));
	/* JSON is YAML, and there is no such type with +json */
	lp_job_write(job, "PATCH", "application/apply-patch+yaml", answer);
}

static void patch(struct job *job, const struct api_kind *kind)
{
	if (!(kind->verbs & VERB_PATCH))
		lp_job_failed(job, LP_REJECTED,
			      "%s cannot be applied: the API server has no patch "
			      "for it",
			      kind->kind);
	else if (!set_namespace(job, kind))
		return;
	else if (job->once)
		lp_once_begin(job);
	else if (job->look.on)
		lp_careful_begin(job);
	else
		lp_apply_send(job, false);
}

void lp_apply_resolve(struct job *job)
{
	const struct object_key *key = &job->step.key;
	struct cluster *cluster = job->cluster;
	const struct api_kind *kind =
		lp_api_find(&cluster->table, key->group, key->version, key->kind);

	if (kind)
		patch(job, kind);
	else if (lp_connect_stale(cluster))
		lp_connect_discover(job, lp_apply_resolve);
	else if (lp_connect_settling(cluster))
		lp_job_later(job, SETTLE_POLL_MS, lp_apply_resolve);
	else
		unknown_kind(job);
}

void lp_apply_begin(struct job *job)
{
	char id[LP_APPLYSET_ID_MAX];
	struct err err;

	const struct slice handed = job->step.handed;

	job->once = lp_once_is(&job->step);
	job->look.on = job->step.how != APPLY_PLAIN || handed.len || job->step.make_only;
	job->look.adopt = job->step.adopt && job->step.how != APPLY_DRY && !job->step.make_only;
	job->look.take = job->step.how == APPLY_LOOK || job->look.adopt;
	/* an apply by force takes replicas from an autoscaler, and all from others, without a word
	 */
	job->polite = !job->look.on &&
		      (job->look.adopt || lp_skim_at(job->step.body, "spec", "replicas", NULL).len);
	lp_applyset_source_id(job->step.source, job->cluster->setup.ns, id);
	job->body = LP_BUF(LP_OBJECT_BYTES + 256);
	job->look.handed = LP_BUF(LP_IGNORE_BYTES);
	if (lp_metadata_mark(job->step.body, id, &job->body, &err) != LP_OK ||
	    lp_buf_append(&job->look.handed, handed.data, handed.len, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_apply_resolve(job);
}

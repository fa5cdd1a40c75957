/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STEP_KINDS and STEP_PARENT: what the ApplySet's parent says. Before an apply it gets more kinds
 * and namespaces, after a prune it loses what is no longer there; in between it may say too
 * much, never too little. And the trust floor, of which it keeps a copy: STEP_LOOK reads that.
 */
#include "agent/cluster/skim.h"
#include "agent/cluster/steps.h"
#include "platform/crypto.h"

#include <string.h>

#define QUERY "?fieldManager=" LP_FIELD_MANAGER "-applyset&force=true"

static void write_parent(struct job *job);

static void begin_set(struct job *job)
{
	struct cluster *cluster = job->cluster;

	lp_applyset_free(&cluster->set);
	memcpy(cluster->set.source, job->step.source, sizeof(cluster->set.source));
	cluster->set_used = false;
}

void lp_kinds_begin(struct job *job)
{
	struct cluster *cluster = job->cluster;
	struct err err;

	if (cluster->set_used || strcmp(cluster->set.source, job->step.source) != 0)
		begin_set(job);
	if (lp_applyset_add(&cluster->set, &job->step.key, cluster->setup.ns, &err) != LP_OK)
		lp_job_failed(job, err.code, "%s", err.msg);
	else
		lp_job_done(job, OUTCOME_NONE);
}

static enum lp_code parent_path(struct job *job, struct err *err)
{
	char text[LP_NAME_MAX];
	struct buf *url = lp_job_url(job);
	const struct api_kind config_map = {
		.group = "", .version = "v1", .plural = "configmaps", .namespaced = true};

	return lp_api_path(&config_map, job->cluster->setup.ns,
			   lp_applyset_parent(job->step.source, text), url, err);
}

void lp_parent_ask(struct job *job, void (*then)(struct job *job))
{
	struct err err;

	if (parent_path(job, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_job_get(job, LP_ACCEPT_METADATA, LP_ANSWER_BYTES, then);
}

static void done(struct job *job, enum outcome outcome)
{
	job->cluster->set_used = true;
	lp_job_done(job, outcome);
}

static void written(struct job *job)
{
	if (!lp_job_ok(job)) {
		lp_job_refused(job);
		return;
	}
	lp_sha256(job->body.data, job->body.len, job->cluster->parent_says);
	done(job, job->status == 201 ? OUTCOME_CREATED : OUTCOME_CONFIGURED);
}

static void namespace_made(struct job *job)
{
	if (lp_job_ok(job))
		job->after_namespace(job);
	else
		lp_job_refused(job);
}

void lp_parent_namespace(struct job *job, void (*then)(struct job *job))
{
	const struct api_kind kind = {.group = "", .version = "v1", .plural = "namespaces"};
	const char *ns = job->cluster->setup.ns;
	struct buf *url = lp_job_url(job);
	struct err err;

	job->looked = true;
	job->after_namespace = then;
	lp_buf_free(&job->body);
	job->body = LP_BUF(1024);
	if (lp_api_path(&kind, "", ns, url, &err) != LP_OK ||
	    lp_buf_str(url, QUERY, &err) != LP_OK ||
	    lp_buf_printf(&job->body, &err,
			  "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":"
			  "\"%s\"}}",
			  ns) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_job_write(job, "PATCH", "application/apply-patch+yaml", namespace_made);
}

static void first_written(struct job *job)
{
	if (job->status == 404 && !job->looked)
		lp_parent_namespace(job, write_parent);
	else
		written(job);
}

static void write_parent(struct job *job)
{
	struct cluster *cluster = job->cluster;
	uint8_t says[LP_SHA256_BYTES];
	struct err err;

	lp_buf_free(&job->body);
	job->body = LP_BUF(2 * LP_APPLYSET_MEMORY);
	if (lp_applyset_write(&cluster->set, cluster->setup.ns, &job->body, &err) != LP_OK ||
	    parent_path(job, &err) != LP_OK || lp_buf_str(&job->url, QUERY, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_sha256(job->body.data, job->body.len, says);
	if (job->step.exact && memcmp(says, cluster->parent_says, sizeof(says)) == 0) {
		done(job, OUTCOME_UNCHANGED);
		return;
	}
	cluster->parent_uid[0] = '\0'; /* it may be made anew */
	lp_job_write(job, "PATCH", "application/apply-patch+yaml", first_written);
}

bool lp_parent_take(struct job *job, struct metadata *ret)
{
	char id[LP_APPLYSET_ID_MAX];
	struct err err;

	if (!lp_job_ok(job)) {
		lp_job_refused(job);
		return false;
	}
	lp_applyset_source_id(job->step.source, job->cluster->setup.ns, id);
	if (lp_metadata_read(LP_SLICE_OF(&job->answer), ret, &err) != LP_OK ||
	    lp_applyset_check(ret, id, &err) != LP_OK) {
		lp_job_error(job, &err);
		return false;
	}
	return true;
}

/* The parent as it is, or a 404. */
static void found(struct job *job)
{
	struct cluster *cluster = job->cluster;
	struct metadata parent;
	struct err err;

	if (job->status == 404) {
		write_parent(job);
		return;
	}
	if (!lp_parent_take(job, &parent))
		return;
	if (lp_applyset_add_parent(&cluster->set, &parent, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	if (!lp_applyset_same(&cluster->set, &parent)) {
		write_parent(job);
		return;
	}
	lp_buf_free(&job->body);
	job->body = LP_BUF(2 * LP_APPLYSET_MEMORY);
	if (lp_applyset_write(&cluster->set, cluster->setup.ns, &job->body, &err) == LP_OK)
		lp_sha256(job->body.data, job->body.len, cluster->parent_says);
	done(job, OUTCOME_UNCHANGED);
}

void lp_parent_begin(struct job *job)
{
	struct cluster *cluster = job->cluster;
	struct err err;

	/* nothing was named since the last one: an empty set */
	if (cluster->set_used || strcmp(cluster->set.source, job->step.source) != 0)
		begin_set(job);
	if (lp_applyset_set_floor(&cluster->set, job->step.body, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	if (job->step.exact) {
		write_parent(job);
		return;
	}
	memset(cluster->parent_says, 0, sizeof(cluster->parent_says));
	lp_parent_ask(job, found);
}

/* --- the floor --- */

static void looked(struct job *job)
{
	struct metadata parent;

	if (job->status == 404) {
		lp_job_done(job, OUTCOME_GONE);
		return;
	}
	if (!lp_parent_take(job, &parent))
		return;
	struct slice floor = lp_skim_raw(lp_metadata_annotation(&parent, LP_APPLYSET_FLOOR));
	if (floor.len < LP_APPLYSET_FLOOR_TEXT)
		snprintf(job->event.message, sizeof(job->event.message), "%.*s", (int)floor.len,
			 (const char *)floor.data);
	lp_job_done(job, OUTCOME_NONE);
}

void lp_look_begin(struct job *job)
{
	lp_parent_ask(job, looked);
}

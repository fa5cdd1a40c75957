/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STEP_CONFIG_KEY: the key of the config digests. It lies in a Secret beside the ApplySet's
 * parent, so that an agent that has lost its store makes the same digests again; the only live
 * Secret whose data is ever asked for. The first one there wins: it is made by POST, and immutable.
 *
 * STEP_CONFIG_LOOK: the digests that a workload carries. The pod template's is no metadata of the
 * workload, so it is asked for whole; once in a workload's life, when the store knows nothing.
 */
#include "agent/cluster/skim.h"
#include "agent/cluster/steps.h"
#include "platform/crypto.h"

#include <string.h>

#define KEY_FIELD "config-digest-key"
#define QUERY     "?fieldManager=" LP_FIELD_MANAGER

_Static_assert(sizeof(((struct event *)0)->config) == 32, "a key, or two digests of 16 bytes");

/* --- the key --- */

static void ask_key(struct job *job);
static void make_key(struct job *job);

static const struct api_kind secrets = {
	.group = "", .version = "v1", .plural = "secrets", .namespaced = true};

static bool read_key(struct job *job)
{
	struct slice text =
		lp_skim_raw(lp_skim_at(LP_SLICE_OF(&job->answer), "data", KEY_FIELD, NULL));
	LP_AUTO(lp_buf_free) struct buf key = LP_BUF(64);
	struct err ignored;

	if (lp_base64_decode(text, &key, &ignored) != LP_OK || key.len != sizeof(job->event.config))
		return false;
	memcpy(job->event.config, key.data, key.len);
	return true;
}

static void key_found(struct job *job)
{
	char name[LP_NAME_MAX];

	if (job->status == 404)
		make_key(job);
	else if (!lp_job_ok(job))
		lp_job_refused(job);
	else if (read_key(job))
		lp_job_done(job, OUTCOME_NONE);
	else
		lp_job_failed(job, LP_CONFIG,
			      "the Secret %s/%s has no " KEY_FIELD
			      " of 32 bytes; delete it, and limpet makes it anew",
			      job->cluster->setup.ns, lp_applyset_parent(job->step.source, name));
}

static void key_made(struct job *job)
{
	if (job->status == 404 && !job->looked)
		lp_parent_namespace(job, make_key);
	else if (job->status == 409 && job->conflicts++ == 0)
		ask_key(job); /* another agent was first */
	else if (lp_job_ok(job))
		lp_job_done(job, OUTCOME_CREATED);
	else
		lp_job_refused(job);
}

static void make_key(struct job *job)
{
	char name[LP_NAME_MAX], key[LP_BASE64_TEXT(sizeof(job->event.config))];
	struct buf *url = lp_job_url(job);
	struct err err;

	lp_buf_free(&job->body);
	job->body = LP_BUF(1024);
	lp_base64_text(job->event.config, sizeof(job->event.config), key);
	if (lp_api_path(&secrets, job->cluster->setup.ns, "", url, &err) != LP_OK ||
	    lp_buf_str(url, QUERY, &err) != LP_OK ||
	    lp_buf_printf(
		    &job->body, &err,
		    "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"%s\"},"
		    "\"immutable\":true,\"data\":{\"" KEY_FIELD "\":\"%s\"}}",
		    lp_applyset_parent(job->step.source, name), key) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_job_write(job, "POST", "application/json", key_made);
}

static void ask_key(struct job *job)
{
	char name[LP_NAME_MAX];
	struct err err;

	if (lp_api_path(&secrets, job->cluster->setup.ns,
			lp_applyset_parent(job->step.source, name), lp_job_url(job), &err) != LP_OK)
		lp_job_error(job, &err);
	else
		lp_job_get(job, "application/json", LP_ANSWER_BYTES, key_found);
}

void lp_config_key_begin(struct job *job)
{
	if (job->step.body.len != sizeof(job->event.config)) {
		lp_job_failed(job, LP_REJECTED, "no key of 32 bytes is offered");
		return;
	}
	memcpy(job->event.config, job->step.body.data, sizeof(job->event.config));
	ask_key(job);
}

/* --- what a workload carries --- */

/* The digest of some metadata; one that is none of ours is as good as none. */
static void take_digest(struct slice metadata, uint8_t *to)
{
	struct slice text = lp_skim_raw(
		lp_skim_get(lp_skim_get(metadata, "annotations"), LP_CONFIG_DIGEST_ANNOTATION));

	if (!lp_unhex((const char *)text.data, text.len, to, 16))
		memset(to, 0, 16);
}

static void workload_found(struct job *job)
{
	struct slice object = LP_SLICE_OF(&job->answer);

	if (job->status == 404) {
		lp_job_done(job, OUTCOME_GONE);
		return;
	}
	if (!lp_job_ok(job)) {
		lp_job_refused(job);
		return;
	}
	if (!lp_skim_whole(object)) {
		lp_job_retry(job, LP_TRANSIENT, -1, "the API server's answer is cut short");
		return;
	}
	take_digest(lp_skim_at(object, "spec", "template", "metadata", NULL), job->event.config);
	take_digest(lp_skim_get(object, "metadata"), job->event.config + 16);
	lp_job_done(job, lp_skim_at(object, "metadata", "deletionTimestamp", NULL).len
				 ? OUTCOME_GONE
				 : OUTCOME_NONE);
}

void lp_config_look_begin(struct job *job)
{
	const struct object_key *key = &job->step.key;
	const struct api_kind *kind =
		lp_api_find(&job->cluster->table, key->group, key->version, key->kind);
	struct err err;

	if (!kind)
		lp_job_failed(job, LP_NOT_FOUND, "no kind %s in %s/%s", key->kind, key->group,
			      key->version);
	else if (lp_api_path(kind, key->ns, key->name, lp_job_url(job), &err) != LP_OK)
		lp_job_error(job, &err);
	else
		lp_job_get(job, "application/json", LP_ANSWER_BYTES, workload_found);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STEP_RECOVER: everything that we have applied, by its label and our managedFields entry, kind by
 * kind as the parent names them, in pages. What a store that was lost is made of again.
 */
#include "agent/cluster/skim.h"
#include "agent/cluster/steps.h"

#include <string.h>

#define DRAIN_MS    20
#define DRAIN_BYTES (64u * LP_KIB) /* told but not yet read: no further page before */

static void next_kind(struct job *job);

static void tell_object(struct job *job, const struct api_kind *kind, struct slice item)
{
	struct event event = {.id = job->step.id,
			      .kind = EVENT_FOUND,
			      .scope = kind->namespaced ? SCOPE_NAMESPACED : SCOPE_CLUSTER};
	struct metadata m;
	struct err err;

	/* Controllers copy labels onto what they make of an object; such a copy is theirs. */
	if (lp_metadata_read(item, &m, &err) != LP_OK || !m.applied)
		return;
	snprintf(event.key.group, sizeof(event.key.group), "%s", kind->group);
	snprintf(event.key.version, sizeof(event.key.version), "%s", kind->version);
	snprintf(event.key.kind, sizeof(event.key.kind), "%s", kind->kind);
	snprintf(event.resource, sizeof(event.resource), "%s", kind->plural);
	memcpy(event.key.ns, m.ns, sizeof(event.key.ns));
	memcpy(event.key.name, m.name, sizeof(event.key.name));
	memcpy(event.uid, m.uid, sizeof(event.uid));
	event.live = m.live;
	lp_job_tell(job, &event);
	job->found++;
}

/* "Deployment.apps" of job->listing, as it is served; NULL when it is not. */
static const struct api_kind *kind_of(const struct job *job)
{
	char kind[LP_KIND_MAX];
	const char *dot = strchr(job->listing, '.');
	size_t n = dot ? (size_t)(dot - job->listing) : strlen(job->listing);

	if (n >= sizeof(kind))
		return NULL;
	memcpy(kind, job->listing, n);
	kind[n] = '\0';
	return lp_api_find(&job->cluster->table, dot ? dot + 1 : "", "", kind);
}

static void page(struct job *job);

static void ask_page(struct job *job, const struct api_kind *kind, const char *more)
{
	struct buf *url = lp_job_url(job);
	char id[LP_APPLYSET_ID_MAX];
	struct err err;

	lp_applyset_source_id(job->step.source, job->cluster->setup.ns, id);
	enum lp_code code = lp_api_path(kind, "", "", url, &err);
	if (code == LP_OK)
		code = lp_buf_printf(url, &err, "?limit=%u&labelSelector=", LP_PAGE_OBJECTS);
	if (code == LP_OK)
		code = lp_url_encode(url, LP_PART_OF_LABEL, &err);
	if (code == LP_OK)
		code = lp_buf_printf(url, &err, "%%3D%s", id);
	if (code == LP_OK && *more)
		code = lp_buf_str(url, "&continue=", &err);
	if (code == LP_OK && *more)
		code = lp_url_encode(url, more, &err);
	if (code != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_job_get(job, LP_ACCEPT_METADATA_LIST, LP_PAGE_BYTES, page);
}

/* The supervisor reads at its own speed. */
static void go_on(struct job *job)
{
	const struct api_kind *kind = kind_of(job);
	char more[LP_CONTINUE_BYTES];

	if (job->cluster->channel->out.len > DRAIN_BYTES) {
		lp_job_later(job, DRAIN_MS, go_on);
		return;
	}
	struct slice token = lp_skim_at(LP_SLICE_OF(&job->answer), "metadata", "continue", NULL);
	if (!lp_skim_str(token, more, sizeof(more)) && lp_skim_raw(token).len) {
		lp_job_failed(job, LP_LIMIT,
			      "a list of %s goes on behind a token of more than %u bytes",
			      job->listing, LP_CONTINUE_BYTES - 1);
		return;
	}
	lp_buf_free(&job->answer);
	if (more[0] && kind)
		ask_page(job, kind, more);
	else
		next_kind(job);
}

static void page(struct job *job)
{
	const struct api_kind *kind = kind_of(job);
	struct skim_iter it = lp_skim_iter(lp_skim_get(LP_SLICE_OF(&job->answer), "items"));

	/* the token of a page is too old: once more from the first, objects may be told twice */
	if (job->status == 410 && job->conflicts++ < 3 && kind) {
		ask_page(job, kind, "");
		return;
	}
	if (!lp_job_ok(job)) {
		lp_job_refused(job);
		return;
	}
	while (kind && lp_skim_next(&it))
		tell_object(job, kind, it.value);
	go_on(job);
}

static void not_served(struct job *job)
{
	size_t used = strlen(job->event.message);

	snprintf(job->event.message + used, sizeof(job->event.message) - used, "%s%s",
		 used ? ", " : "not served: ", job->listing);
}

/* Takes the next kind off the parent's list; false at its end. */
static bool take_kind(struct job *job)
{
	const uint8_t *comma = job->kinds.len ? memchr(job->kinds.data, ',', job->kinds.len) : NULL;
	size_t n = comma ? (size_t)(comma - job->kinds.data) : job->kinds.len;

	if (!job->kinds.len)
		return false;
	snprintf(job->listing, sizeof(job->listing), "%.*s", (int)n, (const char *)job->kinds.data);
	job->kinds.data += n + (comma != NULL);
	job->kinds.len -= n + (comma != NULL);
	return true;
}

static void next_kind(struct job *job)
{
	while (take_kind(job)) {
		const struct api_kind *kind = kind_of(job);
		if (kind && kind->verbs & VERB_LIST) {
			ask_page(job, kind, "");
			return;
		}
		not_served(job);
	}
	lp_job_done(job, OUTCOME_NONE);
}

static void parent_found(struct job *job)
{
	struct metadata parent;
	struct err err;

	if (job->status == 404) {
		lp_job_done(job, OUTCOME_GONE);
		return;
	}
	if (!lp_parent_take(job, &parent))
		return;
	/* the list outlives the answer in which it came */
	struct slice kinds = lp_skim_raw(lp_metadata_annotation(&parent, LP_APPLYSET_KINDS));
	job->body = LP_BUF(LP_ANSWER_BYTES);
	if (lp_buf_append(&job->body, kinds.data, kinds.len, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	job->kinds = LP_SLICE_OF(&job->body);
	next_kind(job);
}

void lp_recover_begin(struct job *job)
{
	if (!job->cluster->discovered_ms)
		lp_connect_discover(job, lp_recover_begin);
	else
		lp_parent_ask(job, parent_found);
}

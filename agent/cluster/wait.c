/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STEP_WAIT: until a CRD's kind is served. Discovery shows a kind once its CRD is Established,
 * and costs a 304 a question; the CRD itself may be a megabyte, so it is read only when it
 * takes long, to tell why.
 */
#include "agent/cluster/skim.h"
#include "agent/cluster/steps.h"
#include "platform/clock.h"

#include <string.h>

#define POLL_MS  250
#define LOOK_MS  2000
#define CRD_PATH "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"

static void check(struct job *job);

/* "tills.shop.example" is the plural and the group. */
static bool is_its_kind(const struct job *job, const struct api_kind *kind)
{
	const char *name = job->step.key.name;
	size_t n = strlen(kind->plural);

	return strncmp(name, kind->plural, n) == 0 && name[n] == '.' &&
	       strcmp(name + n + 1, kind->group) == 0;
}

static bool is_served(const struct job *job)
{
	const struct api_kind *kind = job->cluster->table.first;

	while (kind && !is_its_kind(job, kind))
		kind = kind->next;
	return kind != NULL;
}

/* The condition of a type, or nothing. */
static struct slice condition(struct slice crd, const char *type)
{
	struct skim_iter it = lp_skim_iter(lp_skim_at(crd, "status", "conditions", NULL));

	while (lp_skim_next(&it))
		if (lp_skim_is(lp_skim_get(it.value, "type"), type))
			return it.value;
	return (struct slice){0};
}

static void looked(struct job *job)
{
	struct slice names = condition(LP_SLICE_OF(&job->answer), "NamesAccepted");
	char message[400];

	if (job->status == 404) {
		lp_job_failed(job, LP_CONFLICT, "the CRD was deleted meanwhile");
		return;
	}
	if (!lp_job_ok(job)) {
		lp_job_refused(job);
		return;
	}
	if (lp_skim_is(lp_skim_get(names, "status"), "False")) {
		lp_skim_cut(lp_skim_get(names, "message"), message, sizeof(message));
		lp_job_failed(job, LP_REJECTED, "the API server does not accept its names: %s",
			      message);
		return;
	}
	lp_buf_free(&job->answer);
	lp_job_later(job, POLL_MS, check);
}

static void look(struct job *job)
{
	struct buf *url = lp_job_url(job);
	struct err err;

	job->looked = true;
	if (lp_buf_str(url, CRD_PATH, &err) != LP_OK ||
	    lp_url_encode(url, job->step.key.name, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_job_get(job, "application/json", LP_CRD_BYTES, looked);
}

static void checked(struct job *job)
{
	if (is_served(job)) {
		job->event.message[0] = '\0';
		lp_connect_tell(job, is_its_kind);
		lp_job_done(job, OUTCOME_NONE);
	} else if (!job->looked && lp_boot_ms() - job->begun_ms >= LOOK_MS) {
		look(job);
	} else {
		lp_job_later(job, POLL_MS, check);
	}
}

static void check(struct job *job)
{
	lp_connect_discover(job, checked);
}

void lp_wait_begin(struct job *job)
{
	struct cluster *cluster = job->cluster;

	if (!strchr(job->step.key.name, '.')) {
		lp_job_failed(job, LP_REJECTED, "\"%s\" is no name of a CRD", job->step.key.name);
		return;
	}
	snprintf(job->event.message, sizeof(job->event.message), "the CRD is not Established");
	if (is_served(job) && cluster->discovered_ms > cluster->crd_ms)
		checked(job);
	else
		check(job);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Job that goes by itself once it has finished (ttlSecondsAfterFinished), and was made for this
 * content before: when it is not there, it has finished. Server-side apply would make it again.
 */
#include "agent/cluster/job.h"
#include "agent/cluster/skim.h"

#include <string.h>

bool lp_once_is(const struct step *step)
{
	int64_t ttl_s;

	return step->once && strcmp(step->key.kind, "Job") == 0 &&
	       strcmp(step->key.group, "batch") == 0 &&
	       lp_skim_int(lp_skim_at(step->body, "spec", "ttlSecondsAfterFinished", NULL), &ttl_s);
}

static void looked(struct job *job)
{
	struct status status;

	if (lp_job_ok(job)) {
		job->once = false;
		lp_apply_resolve(job);
		return;
	}
	lp_job_status(job, &status);
	if (status.code != 404 || lp_status_no_kind(&status)) {
		lp_job_refused(job);
		return;
	}
	snprintf(job->event.message, sizeof(job->event.message),
		 "it has finished, and its time to live is over");
	lp_job_done(job, OUTCOME_GONE);
}

void lp_once_begin(struct job *job)
{
	if (lp_apply_url(job, ""))
		lp_job_get(job, LP_ACCEPT_METADATA, LP_ANSWER_BYTES, looked);
}

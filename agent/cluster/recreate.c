/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An apply that was refused because a field cannot change, of an object that asks to be deleted
 * then: look whether it is ours, delete exactly what was looked at, wait until it is gone, apply
 * anew. When this ends in between, nothing is lost: the object is missing, and applied again.
 */
#include "agent/cluster/skim.h"
#include "agent/cluster/steps.h"
#include "agent/precious.h"
#include "platform/clock.h"

#include <string.h>

#define POLL_MS     200
#define GONE_MS     10000 /* then somebody holds it by a finalizer: others have their turn */
#define DELETING_MS 2000
#define CONFLICT_MS 200 /* longest wait after somebody wrote between look and delete */

static void look(struct job *job);
static void ask_whether_gone(struct job *job);

/* By what the manifest asks for it; NULL: it does not. */
static const struct annotation *asks(const struct job *job)
{
	const struct object_words words = lp_words_of(LP_SLICE_OF(&job->look.object));

	return lp_words_ask(&words, ASKS_RECREATE, ASKED_IN_REVISION);
}

/* The refusal is the last word, and so is why nothing was deleted. */
static void decline(struct job *job, const char *why)
{
	struct status status;

	lp_careful_refusal(job, &status);
	job->event.status = status.code;
	job->event.message[0] = '\0';
	lp_job_failed(job, LP_REJECTED, "%.600s; not deleted and made anew, as %s asks: %s",
		      status.message, asks(job)->key, why);
}

/* --- until it is gone --- */

static void is_gone(struct job *job)
{
	const struct look *l = &job->look;
	bool missing = job->status == 404;
	struct metadata now;
	struct err err;

	if (!missing && !lp_job_ok(job)) {
		lp_job_refused(job);
	} else if (!missing && lp_metadata_read(LP_SLICE_OF(&job->answer), &now, &err) != LP_OK) {
		lp_job_retry(job, LP_TRANSIENT, -1, "%s", err.msg);
	} else if (missing || strcmp(now.uid, l->gone) != 0) { /* or somebody was faster */
		lp_careful_anew(job);
	} else if (lp_boot_ms() - l->gone_ms >= GONE_MS) {
		lp_job_retry(job, LP_CONFLICT, DELETING_MS,
			     "it is being deleted to be made anew, and something holds it");
	} else {
		lp_job_later(job, POLL_MS, ask_whether_gone);
	}
}

static void ask_whether_gone(struct job *job)
{
	lp_job_get(job, LP_ACCEPT_METADATA, LP_ANSWER_BYTES, is_gone);
}

static void wait_until_gone(struct job *job)
{
	job->look.recreated = true;
	job->look.gone_ms = lp_boot_ms();
	ask_whether_gone(job);
}

/* --- the delete --- */

static void tell(struct job *job)
{
	struct event event = {.id = job->step.id,
			      .kind = EVENT_DELETED,
			      .retry_after_ms = -1,
			      .key = job->event.key};
	struct look *l = &job->look;
	struct status status;

	lp_careful_refusal(job, &status);
	memcpy(event.uid, l->gone, sizeof(event.uid));
	snprintf(event.message, sizeof(event.message),
		 "deleted, to be made anew, as %s asks: %.600s", asks(job)->key, status.message);
	lp_text_clean(event.message);
	lp_job_tell(job, &event);
}

static void deleted(struct job *job)
{
	/* a lost answer is asked for once more, and then it is not there */
	bool ours = lp_job_ok(job) || (job->status == 404 && job->tries > 1);

	if (ours)
		tell(job);
	if (ours || job->status == 404)
		wait_until_gone(job);
	else if (job->status == 409 && ++job->look.looks < LP_LOOKS_MAX)
		lp_job_later(job, (int64_t)lp_random_between(1, CONFLICT_MS), look);
	else if (job->status == 403)
		decline(job, "limpet's user needs the verb delete there");
	else
		lp_job_refused(job);
}

static void delete_it(struct job *job, const struct metadata *m)
{
	memcpy(job->look.gone, m->uid, sizeof(job->look.gone));
	lp_prune_delete(job, m, deleted);
}

/* --- whether it may be --- */

static bool is_stateful_set(const struct object_key *key)
{
	return strcmp(key->kind, "StatefulSet") == 0 && strcmp(key->group, "apps") == 0;
}

/* Whether its claims, and so its data, would go along. */
static bool takes_claims(const struct job *job)
{
	return lp_skim_is(lp_skim_at(LP_SLICE_OF(&job->answer), "spec",
				     "persistentVolumeClaimRetentionPolicy", "whenDeleted", NULL),
			  "Delete");
}

static void looked(struct job *job)
{
	char why[300];
	struct metadata m;
	struct err err;

	if (job->status == 404) {
		wait_until_gone(job);
	} else if (!lp_job_ok(job)) {
		lp_job_refused(job);
	} else if (lp_metadata_read(LP_SLICE_OF(&job->answer), &m, &err) != LP_OK) {
		lp_job_retry(job, LP_TRANSIENT, -1, "%s", err.msg);
	} else if (!lp_prune_owns(job, &m, why, sizeof(why))) {
		decline(job, why);
	} else if (job->step.adopt) {
		/* its entry may be from a takeover that could not be put back */
		decline(job, "limpet has not applied it before, on this device: if it is to go, "
			     "delete it by hand");
	} else if (takes_claims(job)) {
		decline(job, "its persistentVolumeClaimRetentionPolicy would delete its claims, "
			     "and what is in them would be lost");
	} else if (m.deleting) {
		memcpy(job->look.gone, m.uid, sizeof(job->look.gone));
		wait_until_gone(job);
	} else {
		delete_it(job, &m);
	}
}

/* Of a StatefulSet all: its metadata do not say what becomes of its claims. */
static void look(struct job *job)
{
	bool whole = is_stateful_set(&job->event.key);

	lp_buf_free(&job->body);
	if (lp_apply_url(job, ""))
		lp_job_get(job, whole ? "application/json" : LP_ACCEPT_METADATA,
			   whole ? LP_OBJECT_BYTES + LP_ANSWER_BYTES : LP_ANSWER_BYTES, looked);
}

/* What was taken over and could not be put back may be what it was refused for. */
static bool is_taken(const struct look *l)
{
	return l->wrote && l->undo.len;
}

void lp_recreate_or_refuse(struct job *job)
{
	const struct object_key *key = &job->event.key;
	struct look *l = &job->look;
	struct status status;

	lp_job_status(job, &status);
	if (!status.immutable || l->recreated || job->step.how == APPLY_DRY || is_taken(l) ||
	    !asks(job)) {
		lp_job_refused(job);
		return;
	}
	lp_careful_keep_refusal(job);
	if (lp_is_precious(key->group, key->kind))
		decline(job, "what is in it would be lost");
	else
		look(job);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an apply that looked first: what has come of it, and who had changed what. */
#include "agent/cluster/job.h"
#include "agent/cluster/story.h"

#include <string.h>

static void add(struct job *job, const char *text, const char *more)
{
	struct event *event = &job->event;
	size_t used = strlen(event->message);

	snprintf(event->message + used, sizeof(event->message) - used, "%s%s%s", used ? "; " : "",
		 text, more);
}

/* Somebody else had made it, or what we knew of it is lost. */
static void tell_adopted(struct job *job, const struct story *story)
{
	const struct look *l = &job->look;
	struct event *event = &job->event;
	struct story whose;

	lp_story_conflicts(LP_SLICE_OF(&l->whose), LP_SLICE_OF(&l->handed), &whose);
	add(job, story->text[0] ? story->text : "it was there already", "");
	if (whose.text[0])
		add(job, whose.text, "");
	if (!event->manager[0])
		snprintf(event->manager, sizeof(event->manager), "%s", whose.manager);
}

/* Ends the step and tells who had changed what. */
static void finish(struct job *job, const struct story *story, enum outcome outcome)
{
	struct event *event = &job->event;
	const struct look *l = &job->look;
	bool changed = outcome == OUTCOME_CONFIGURED;

	event->message[0] = '\0';
	if (changed && l->kept) {
		outcome = OUTCOME_KEPT;
		add(job, l->kept, " in the cluster says that drift is only reported");
	}
	snprintf(event->manager, sizeof(event->manager), "%s",
		 changed ? story->manager : story->foreign_manager);
	if (changed && l->adopt)
		tell_adopted(job, story);
	else if (changed)
		add(job,
		    story->text[0] ? story->text
		    : l->hands     ? "handed over what others may own"
				   : "no other manager had changed it: a new value of ours, an "
				     "order, or a write under our own name",
		    "");
	if (story->foreign_text[0])
		add(job, story->foreign_text, "");
	if (l->whole[0])
		add(job, l->whole, " stays ours: it is in a value that is only written as a whole");
	if (l->refused[0])
		add(job, "what others have of it cannot be taken over: ", l->refused);
	lp_apply_done(job, outcome);
}

/* What the metadata before and after say of it; nothing but the error when they cannot be read. */
static void compare(const struct job *job, struct slice after, struct story *ret)
{
	LP_AUTO(lp_json_freep) struct json *desired = NULL;
	const struct look *l = &job->look;
	struct err err;

	*ret = (struct story){0};
	if (lp_careful_parse(l, &desired, &err) != LP_OK ||
	    lp_story_tell(LP_SLICE_OF(&l->before), after,
			  &(struct story_free){LP_SLICE_OF(&l->handed), desired,
					       .fresh = !job->step.once},
			  ret, &err) != LP_OK)
		snprintf(ret->text, sizeof(ret->text), "who changed it: %s", err.msg);
}

/*
 * Whether the apply changed something. What was taken over and given back moves the version; and
 * so do controllers between the look and the apply, above all when an object is new.
 */
static bool has_changed(const struct job *job, const struct metadata *now)
{
	const struct look *l = &job->look;
	const struct live *live = &now->live;

	if (!l->refused[0] && (l->wrote || l->moved))
		return true;
	if (l->refused[0] || (job->step.how == APPLY_LOOK && !live->generation))
		return memcmp(l->live.entry, live->entry, sizeof(live->entry)) != 0;
	return lp_live_moved(&l->live, now, job->sent_s);
}

void lp_finish_applied(struct job *job)
{
	struct metadata now;
	struct story story;

	if (!job->look.before.len) {
		lp_apply_done(job, OUTCOME_CREATED);
		return;
	}
	if (!lp_apply_take(job, &now))
		return;
	compare(job, LP_SLICE_OF(&job->answer), &story);
	finish(job, &story, has_changed(job, &now) ? OUTCOME_CONFIGURED : OUTCOME_UNCHANGED);
}

/* Nothing was written, so that the object is as it was at the look. */
void lp_finish_dry(struct job *job)
{
	const struct look *l = &job->look;
	struct story story;
	struct metadata then;
	struct err err;

	if (!l->before.len) {
		snprintf(job->event.message, sizeof(job->event.message), "it is not there");
		lp_job_done(job, OUTCOME_CONFIGURED);
		return;
	}
	if (lp_metadata_read(LP_SLICE_OF(&job->answer), &then, &err) != LP_OK) {
		lp_job_retry(job, LP_TRANSIENT, -1, "%s", err.msg);
		return;
	}
	compare(job, LP_SLICE_OF(&job->answer), &story);
	bool same = then.live.generation == l->live.generation &&
		    memcmp(then.live.entry, l->live.entry, sizeof(then.live.entry)) == 0;
	finish(job, &story,
	       same && !story.added && !l->hands ? OUTCOME_UNCHANGED : OUTCOME_CONFIGURED);
}

void lp_finish_kept_refused(struct job *job, const struct status *status)
{
	struct story story;

	compare(job, LP_SLICE_OF(&job->look.before), &story);
	snprintf(story.text, sizeof(story.text), "an apply would be refused: %.300s",
		 status->message);
	finish(job, &story, OUTCOME_CONFIGURED);
}

void lp_finish_dry_refused(struct job *job)
{
	struct story story;

	compare(job, LP_SLICE_OF(&job->look.before), &story);
	finish(job, &story, OUTCOME_CONFIGURED);
}

void lp_finish_duplicate(struct job *job, const struct status *status)
{
	struct story story;

	compare(job, LP_SLICE_OF(&job->look.before), &story);
	if (!story.foreign_text[0]) {
		lp_job_refused(job);
		return;
	}
	lp_status_judge(status, &job->step, job->retry_after_ms, &job->event);
	memcpy(job->event.manager, story.foreign_manager, sizeof(job->event.manager));
	lp_job_failed(job, job->event.code, "%s", story.foreign_text);
}

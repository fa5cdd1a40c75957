/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_APPLY_H
#define LIMPET_AGENT_CLUSTER_APPLY_H
/*
 * Inside the cluster role: STEP_APPLY.
 *
 *	apply.c     one PATCH, when nothing is known against it
 *	once.c      a Job that may have finished: is it there at all?
 *	careful.c   looks at the object first: others' fields are taken over or handed over
 *	recreate.c  deletes what cannot be changed, where the object asks for it
 *	finish.c    what became of it, for a person
 *
 * What a look reads and writes, by functions that know no job:
 *
 *	managed.c   managedFields: which entries are to be rewritten, and the patch
 *	handover.c  takes what others may own out of our fields and out of the object
 *	fields.c    walks over several managers' sets of fields at once
 *	story.c     who had changed which fields, in words
 */
#include "agent/cluster/metadata.h"
#include "agent/cluster/status.h"
#include "agent/cluster/step.h"
#include "platform/json.h"

struct job;

/* An apply that looks at the object's metadata first. */
struct look {
	bool on;
	bool take;          /* takes over the fields of overridable managers */
	bool adopt;         /* we have not applied it before: others may have made it */
	bool moved;         /* an apply before the look changed it */
	bool second;        /* begun because a plain apply was refused */
	bool renew;         /* entries of another version are rewritten; once */
	bool wrote;         /* managedFields were rewritten */
	bool hands;         /* there is something to hand over */
	bool made;          /* it was not there; it is now */
	bool recreated;     /* it was deleted to be made anew; once */
	const char *kept;   /* the annotation by which it is only looked at; NULL none */
	unsigned looks;     /* how often */
	unsigned rounds;    /* how often managedFields were looked at behind an apply */
	struct live live;   /* at the first look */
	struct buf object;  /* owned; all that was asked to be applied, with its label */
	struct buf handed;  /* owned; JSON pointers */
	struct buf before;  /* owned; the answer to the first look; empty: nothing was there */
	struct buf desired; /* owned; object without what is handed over */
	struct buf refusal; /* owned; what the API server said to the apply before the look */
	struct buf undo;    /* owned; managedFields before something was taken over */
	struct buf whose;   /* owned; the conflicts by which others had other values, or empty */
	int refusal_status;
	char version[LP_RESOURCE_VERSION_MAX]; /* when managedFields were rewritten */
	char refused[300];     /* why what others have cannot be taken over; "" nothing was tried */
	char gone[LP_UID_MAX]; /* what was deleted to be made anew */
	int64_t gone_ms;       /* CLOCK_BOOTTIME; when */
	char whole[200];       /* a pointer that cannot be handed over; "" none */
};

/* Finds the object's kind and sends the apply. */
void lp_apply_resolve(struct job *job);

/* Sets job->url to the object's path and query; false: that cannot be, the job is over. */
bool lp_apply_url(struct job *job, const char *query);
/* Sends job->body, by dry run or not. */
void lp_apply_send(struct job *job, bool dry);
/* Goes on by an answer that is no success: again, another way, or the end. */
void lp_apply_refused(struct job *job);
/* Reads the answer, which is a success, into the event; false: the job is over. */
bool lp_apply_take(struct job *job, struct metadata *ret);

/* The end of an apply that wrote, or found nothing to write. */
void lp_apply_done(struct job *job, enum outcome outcome);

/* Begins to look: job->body is the object, with its label, and the kind is known. */
void lp_careful_begin(struct job *job);
/*
 * As lp_careful_begin, after a plain apply was refused by the answer at hand, which is told when
 * there is nothing to take over. After a refused dry run: tells that something had changed.
 */
void lp_careful_second(struct job *job);
/* As lp_careful_begin, after an apply was refused for entries of another version. */
void lp_careful_renew(struct job *job);
/*
 * After an apply that was refused because of what was taken over: puts managedFields back and
 * applies without. False: nothing was taken over.
 */
bool lp_careful_undo(struct job *job);
/* The object as a tree, or NULL when nothing of it can have to go. Errors as lp_json_parse. */
LP_CHECKED enum lp_code lp_careful_parse(const struct look *look, struct json **ret,
					 struct err *err);
/* Goes on by the answer to lp_apply_send, which is a success. */
void lp_careful_applied(struct job *job);
void lp_careful_free(struct look *look); /* {0} is fine */
/* Keeps the answer at hand as look.refusal. */
void lp_careful_keep_refusal(struct job *job);
/* Reads it. */
void lp_careful_refusal(const struct job *job, struct status *ret);
/* Applies all of the object, which is not there any more, as if it had never been. */
void lp_careful_anew(struct job *job);

/*
 * Ends by the refusal at hand, of an apply that looked; or, when the object asks for it and what is
 * refused is only that fields cannot change, deletes the object, if it is ours, waits until it is
 * gone and applies it anew.
 */
void lp_recreate_or_refuse(struct job *job);

/* Ends an apply that looked and wrote, or found nothing to write, by job->event and its answer. */
void lp_finish_applied(struct job *job);
/* The dry run of what is only looked at was refused: it stays as it is. */
void lp_finish_kept_refused(struct job *job, const struct status *status);
/* Ends a dry run by its answer, or by the refusal of what a takeover would mend. */
void lp_finish_dry(struct job *job);
void lp_finish_dry_refused(struct job *job);
/* Ends an apply that looked, was refused for a duplicate, and says whose that may be. */
void lp_finish_duplicate(struct job *job, const struct status *status);

/* Whether a step is of a Job that, when it is not there, has finished (once.c). */
bool lp_once_is(const struct step *step);
/* Looks whether it is there; ends the job with OUTCOME_GONE, or goes on by lp_apply_resolve. */
void lp_once_begin(struct job *job);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_JOB_H
#define LIMPET_AGENT_CLUSTER_JOB_H
/*
 * Inside the cluster role: one step on its way. A job sends one request at a
 * time and names the function that goes on when its answer is here; in the end
 * it is done, failed or to be tried again, which is told as the step's event.
 *
 *	connect.c apply.c wait.c prune.c parent.c recover.c
 *	lease.c config.c announce.c                           begin_... of each step kind
 *	careful.c finish.c                                    an apply that looks first, its end
 *	recreate.c                                            an apply that deletes what it cannot
 *change job.c                                                 requests, answers, events role.c the
 *loop
 */
#include "agent/cluster/applyset.h"
#include "agent/cluster/client.h"
#include "agent/cluster/discovery.h"
#include "agent/cluster/limits.h"
#include "agent/cluster/status.h"
#include "platform/crypto.h"
#include "platform/json.h"

#define LP_JOB_URL_BYTES (LP_URL_MAX + LP_CONTINUE_BYTES + 2048u)

struct job;
struct watches;

/* What all jobs and watches share. */
struct cluster {
	struct cluster_setup setup;
	struct channel *channel; /* borrowed */
	struct client client;
	struct job *jobs; /* owned; setup.concurrency of them */
	unsigned busy;    /* jobs under way */

	struct api_table table;     /* what is served */
	char etags[2][LP_ETAG_MAX]; /* of /api and /apis */
	struct job *discovering;    /* who is asking for it now */
	struct api_table fresh;     /* what that job has so far */
	char fresh_etags[2][LP_ETAG_MAX];
	int64_t discovered_ms; /* CLOCK_BOOTTIME; of the last good answer; 0 never */
	int64_t crd_ms;        /* CLOCK_BOOTTIME; when a CRD was last changed; 0 never */

	struct applyset set; /* of the STEP_KINDS since the last STEP_PARENT */
	bool set_used;       /* that one was done: the next STEP_KINDS begins another */
	uint8_t parent_says[LP_SHA256_BYTES]; /* what the last parent in the cluster was written as
					       */

	char parent_of[LP_SOURCE_NAME_MAX]; /* whose parent has */
	char parent_uid[LP_UID_MAX];        /* this uid; "" not known */

	struct watches *watches; /* watch.c's own; NULL: nothing was ordered */

	struct requests sent;  /* and not yet told */
	int64_t sent_since_ms; /* CLOCK_BOOTTIME; the first of them; 0 none */
	int64_t sent_told_ms;  /* CLOCK_BOOTTIME; when the last were told */

	char newest[LP_RESOURCE_VERSION_MAX]; /* of all answers: nothing later was seen */
	unsigned failures;                    /* answers in a row that did not come */
	bool broken;                          /* the channel cannot be written: the role ends */
	struct err err;                       /* why */
};

/* What a job asks for. NULL: not sent. */
struct job_request {
	const char *method;
	const char *accept;
	const char *content_type;
	const char *etag; /* If-None-Match */
	size_t max_bytes; /* of the answer */
};

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

struct job {
	struct cluster *cluster; /* borrowed */
	struct step step;        /* without its body, which is in `body` */
	struct event event;      /* what will be told */
	void (*then)(struct job *job);
	int64_t begun_ms; /* CLOCK_BOOTTIME; of the step */
	int64_t until_ms; /* CLOCK_BOOTTIME; the step's deadline */
	int64_t wake_ms;  /* CLOCK_BOOTTIME; when then is called without an answer; 0: not */
	bool busy;
	bool reloaded; /* the kubeconfig was read again for this step */
	bool polite;   /* apply: without force, until somebody else's fields are known */
	bool once;     /* apply: look first whether it is there at all, see once.c */
	bool looked;   /* wait: the CRD itself was looked at; or the namespace was made */

	/* the request on its way, or the last one */
	bool answered;
	bool new_connection;
	unsigned opened; /* client.opened when it was sent */
	unsigned tries;  /* of this request */
	struct job_request request;
	struct buf url;  /* begins with the path; the server's address is put before it */
	struct buf body; /* owned; of APPLY: the object with its label */
	struct http_header headers[3];
	struct http_call *call;

	/* its answer */
	struct err result;
	int status;
	int64_t retry_after_ms;
	struct buf answer;
	char etag[LP_ETAG_MAX];

	/* of single step kinds */
	void (*after_discovery)(struct job *job);
	void (*after_namespace)(struct job *job);
	const struct api_group *group; /* connect: which of an old server's groups is asked for */
	unsigned document;             /* connect: 0 /api, 1 /apis */
	unsigned conflicts;            /* apply, prune, recover: how often it was begun again */
	struct look look;              /* apply */
	int64_t sent_s;                /* apply: wall clock when it was sent */
	char newest[LP_RESOURCE_VERSION_MAX];     /* apply: cluster->newest then */
	struct slice kinds;                       /* recover: what is left of the parent's list */
	char listing[LP_KIND_MAX + LP_GROUP_MAX]; /* recover: the kind at hand */
	unsigned found;                           /* recover: objects told */
};

/* Takes a step; a job must be free. step->body is used in this call alone. */
void lp_job_start(struct cluster *cluster, const struct step *step);

/* Moves on every job whose answer has come or whose time has. */
void lp_jobs_move(struct cluster *cluster);

/* When the next job wants to be called; INT64_MAX: none. CLOCK_BOOTTIME. */
int64_t lp_jobs_wake_ms(const struct cluster *cluster);

/*
 * Reads the kubeconfig again and connects anew. What was under way on the old connections is
 * sent again on the new ones: every request here may be sent twice. False when it cannot be
 * read; the old connections are then still in use.
 */
bool lp_cluster_reopen(struct cluster *cluster, struct err *err);

/* Counts a request that was sent: one of the three counts of cluster->sent. */
void lp_cluster_sent(struct cluster *cluster, uint32_t *count);

/* Makes room for setup.concurrency jobs; LP_INTERNAL. lp_jobs_free ends what is under way. */
LP_CHECKED enum lp_code lp_jobs_new(struct cluster *cluster, struct err *err);

/* Ends what is under way without telling it; none is fine. */
void lp_jobs_free(struct cluster *cluster);

/* --- for the steps --- */

/* Empties url, so that a path can be put into it. Returns it. */
struct buf *lp_job_url(struct job *job);

/* Sends a request for job->url (a path) with job->body; then() is called with its answer. */
void lp_job_send(struct job *job, const struct job_request *request, void (*then)(struct job *job));

/* The same for a GET of at most max_bytes; job->body is not sent. */
void lp_job_get(struct job *job, const char *accept, size_t max_bytes,
		void (*then)(struct job *job));

/* The same for job->body as the content of a write, which answers with an object's metadata. */
void lp_job_write(struct job *job, const char *method, const char *content_type,
		  void (*then)(struct job *job));

/* The same request once more. */
void lp_job_again(struct job *job);

/* then() in ms milliseconds; past the step's deadline the job is to be tried again instead. */
void lp_job_later(struct job *job, int64_t ms, void (*then)(struct job *job));

/* Three ways to end, after which the job is another's; the text goes behind what is in
 * event.message. */
void lp_job_done(struct job *job, enum outcome outcome);
void lp_job_failed(struct job *job, enum lp_code code, const char *fmt, ...) LP_PRINTF(3, 4);
void lp_job_retry(struct job *job, enum lp_code code, int64_t after_ms, const char *fmt, ...)
	LP_PRINTF(4, 5);
/* By err, whose code says which of the two. */
void lp_job_error(struct job *job, const struct err *err);
/* By the answer, which is no success: lp_status_judge decides. */
void lp_job_refused(struct job *job);

/* Tells one event besides the step's last one. */
void lp_job_tell(struct job *job, const struct event *event);

/* Whether the answer is a success. */
bool lp_job_ok(const struct job *job);

/* --- each in its own file --- */

/* STEP_CONNECT: asks which kinds are served and tells them. */
void lp_connect_begin(struct job *job);
/* Asks again which kinds are served, then calls then(); a failure ends the job. */
void lp_connect_discover(struct job *job, void (*then)(struct job *job));
/* Whether it is of use: not when that was done a moment ago. */
bool lp_connect_stale(const struct cluster *cluster);
/* Whether a CRD was changed so lately that the server may not serve all of it yet. */
bool lp_connect_settling(const struct cluster *cluster);
/* Tells the kinds that `which` (NULL: all) lets pass. */
void lp_connect_tell(struct job *job, bool (*which)(const struct job *, const struct api_kind *));

/* Whether a step is of a Job that, when it is not there, has finished (once.c). */
bool lp_once_is(const struct step *step);
/* Looks whether it is there; ends the job with OUTCOME_GONE, or goes on by lp_apply_resolve. */
void lp_once_begin(struct job *job);
/* Finds the object's kind and sends the apply; what STEP_APPLY does. */
void lp_apply_resolve(struct job *job);

/* Each begins a step that job->step holds, and sees to it that the job ends some time. */
void lp_apply_begin(struct job *job);

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

/* As lp_apply_begin; body is not used by it and the ones below. */
void lp_wait_begin(struct job *job);

/* As lp_wait_begin. */
void lp_prune_begin(struct job *job);

/* Whether an object in the cluster is the step's source's, made by us; why not (cut to size). */
bool lp_job_owns(const struct job *job, const struct metadata *m, char *ret_why, size_t size);

/* Deletes the object at job->url if it is still this one, and `exactly`: as it was looked at; what
 * belongs to it goes after it. then() is called with the answer. Uses job->body. */
void lp_job_delete(struct job *job, const struct metadata *m, bool exactly,
		   void (*then)(struct job *job));

/* As lp_wait_begin; ends at once. */
void lp_kinds_begin(struct job *job);

/* As lp_wait_begin. */
void lp_parent_begin(struct job *job);

/* As lp_wait_begin. */
void lp_look_begin(struct job *job);

/* Makes the namespace of our own objects and sets job->looked; then() is called when it is there, a
 * refusal ends the job. Uses job->body. */
void lp_namespace_make(struct job *job, void (*then)(struct job *job));

/* Asks for the ApplySet's parent of the step's source; then() is called with the answer. */
void lp_parent_ask(struct job *job, void (*then)(struct job *job));
/* Reads that answer, which is no 404; false when it is not our parent: the job has then ended. */
bool lp_parent_take(struct job *job, struct metadata *ret);

/* As lp_wait_begin. */
void lp_lease_begin(struct job *job);
void lp_servers_begin(struct job *job);

/* As lp_apply_begin. */
void lp_config_key_begin(struct job *job);

/* As lp_wait_begin. */
void lp_config_look_begin(struct job *job);

/* As lp_apply_begin. */
void lp_announce_begin(struct job *job);

/* As lp_wait_begin; tells EVENT_FOUND meanwhile. */
void lp_recover_begin(struct job *job);
#endif

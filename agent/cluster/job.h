/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_JOB_H
#define LIMPET_AGENT_CLUSTER_JOB_H
/*
 * Inside the cluster role: one step on its way. A job sends one request at a
 * time and names the function that goes on when its answer is here; in the end
 * it is done, failed or to be tried again, which is told as the step's event.
 *
 *	role.c     takes steps, and calls jobs and watches in turn
 *	job.c      begins and ends jobs
 *	asking.c   their requests and the answers to them
 *	steps.h    what each kind of step does
 */
#include "agent/cluster/apply.h"
#include "agent/cluster/cluster.h"

/* What a job asks for. NULL: not sent. */
struct job_request {
	const char *method;
	const char *accept;
	const char *content_type;
	const char *etag; /* If-None-Match */
	size_t max_bytes; /* of the answer */
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
	bool anew;     /* prune: what is served was asked once more */

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

/* Makes room for setup.concurrency jobs; LP_INTERNAL. lp_jobs_free ends what is under way. */
LP_CHECKED enum lp_code lp_jobs_new(struct cluster *cluster, struct err *err);

/* Ends what is under way without telling it; none is fine. */
void lp_jobs_free(struct cluster *cluster);

/* Goes on by the answer that has come, for lp_jobs_move. */
void lp_job_take(struct job *job);

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
/* Reads the answer, which is no success. */
void lp_job_status(const struct job *job, struct status *ret);
/* By the answer, which is no success: lp_status_judge decides. */
void lp_job_refused(struct job *job);

/* Tells one event besides the step's last one. */
void lp_job_tell(struct job *job, const struct event *event);

/* Whether the answer is a success. */
bool lp_job_ok(const struct job *job);
#endif

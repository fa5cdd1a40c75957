/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STEP_APPLY that looks first: GET of the metadata, a JSON patch that rewrites managedFields when
 * there is something to take over or to hand over, then the apply as ever. Between the look and
 * the patch nobody can have written, or it is all done again; between the patch and the apply
 * anybody may: whatever that is has an entry of its own by then.
 */
#include "agent/cluster/job.h"
#include "agent/cluster/managed.h"
#include "agent/cluster/skim.h"
#include "agent/pointers.h"
#include "platform/clock.h"

#include <string.h>

#define ROUNDS      2  /* of what there is to take over or back behind an apply */
#define CONFLICT_MS 40 /* longest wait after the first conflict; doubled each time */
/* Not as limpet: what the server fills in with it would be ours by Update, to be taken over again.
 */
#define PATCH_QUERY "?fieldManager=" LP_HANDED_MANAGER

static void look(struct job *job);

void lp_careful_free(struct look *l)
{
	lp_buf_free(&l->object);
	lp_buf_free(&l->handed);
	lp_buf_free(&l->before);
	lp_buf_free(&l->desired);
	lp_buf_free(&l->refusal);
	lp_buf_free(&l->undo);
	lp_buf_free(&l->whose);
}

/* --- the apply --- */

/* Without anything of it in the cluster all is sent: a field that others may own has to begin. */
static void apply(struct job *job)
{
	const struct look *l = &job->look;
	const struct buf *body = l->before.len && l->desired.len ? &l->desired : &l->object;
	struct err err;

	lp_buf_free(&job->body);
	job->body = LP_BUF(body->len);
	if (lp_buf_append(&job->body, body->data, body->len, &err) != LP_OK)
		lp_job_error(job, &err);
	else
		lp_apply_send(job, job->step.how == APPLY_DRY);
}

void lp_careful_keep_refusal(struct job *job)
{
	lp_buf_free(&job->look.refusal);
	job->look.refusal = job->answer;
	job->answer = (struct buf){0};
	job->look.refusal_status = job->status;
}

/* The refusal that made us look is the last word. */
static void refused_after_all(struct job *job)
{
	lp_buf_free(&job->answer);
	job->answer = job->look.refusal;
	job->look.refusal = (struct buf){0};
	job->status = job->look.refusal_status;
	job->event.message[0] = '\0';
	lp_recreate_or_refuse(job);
}

void lp_careful_anew(struct job *job)
{
	struct look *l = &job->look;

	lp_buf_free(&l->before);
	lp_buf_free(&l->refusal);
	lp_buf_free(&l->undo);
	l->second = l->renew = l->wrote = l->hands = l->made = false;
	l->take = job->step.how == APPLY_LOOK;
	l->refused[0] = '\0';
	apply(job);
}

/* --- managedFields --- */

/* Somebody wrote: once more, from the look on, when they may have finished. */
static void again(struct job *job)
{
	struct look *l = &job->look;

	if (++l->looks >= LP_LOOKS_MAX)
		lp_job_retry(job, LP_CONFLICT, -1,
			     "others kept writing it while its fields were taken over (%u tries)",
			     l->looks);
	else
		lp_job_later(job, (int64_t)lp_random_between(1, CONFLICT_MS << l->looks / 2), look);
}

static void remember_version(struct job *job)
{
	struct metadata now;
	struct err err;

	job->look.version[0] = '\0';
	if (lp_metadata_read(LP_SLICE_OF(&job->answer), &now, &err) == LP_OK)
		memcpy(job->look.version, now.live.version, sizeof(job->look.version));
}

static void rewritten(struct job *job)
{
	struct metadata now;

	if (job->status == 409 || job->status == 404) {
		again(job);
	} else if (!lp_job_ok(job)) {
		lp_job_refused(job);
	} else if (!job->look.made) {
		job->look.wrote = true;
		lp_buf_free(&job->look.refusal);
		remember_version(job);
		apply(job);
	} else if (lp_apply_take(job, &now)) {
		lp_apply_done(job, OUTCOME_CREATED);
	}
}

static void send_rewrite(struct job *job, struct buf *patch, void (*then)(struct job *job))
{
	lp_buf_free(&job->body);
	job->body = *patch;
	*patch = (struct buf){0};
	if (lp_apply_url(job, PATCH_QUERY))
		lp_job_write(job, "PATCH", "application/json-patch+json", then);
}

enum lp_code lp_careful_parse(const struct look *l, struct json **ret, struct err *err)
{
	if (!l->handed.len)
		return LP_OK;
	return lp_json_parse(l->object.data, l->object.len, LP_MANAGED_MEMORY, ret, err);
}

/* What is to be done to managedFields as it was seen: a patch, or nothing. */
static enum lp_code plan(struct job *job, struct slice seen, struct buf *ret_patch, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *desired = NULL;
	const struct object_key *key = &job->event.key;
	char version[LP_GROUP_MAX + LP_VERSION_MAX];
	struct look *l = &job->look;
	struct managed_plan done;

	snprintf(version, sizeof(version), "%s%s%s", key->group, key->group[0] ? "/" : "",
		 key->version);
	LP_TRY(lp_careful_parse(l, &desired, err));
	const struct managed_wish wish = {.take = l->take,
					  .renew = l->renew,
					  .api_version = version,
					  .handed = LP_SLICE_OF(&l->handed),
					  .desired = desired};
	LP_TRY(lp_managed_plan(seen, &wish, &done, ret_patch, err));
	l->hands |= done.hands;
	lp_buf_free(&l->undo);
	l->undo = LP_BUF(LP_ANSWER_BYTES);
	struct slice fields = lp_skim_at(seen, "metadata", "managedFields", NULL);
	if (done.takes)
		LP_TRY(lp_buf_append(&l->undo, fields.data, fields.len, err));
	memcpy(l->whole, done.whole, sizeof(l->whole));
	lp_buf_free(&l->desired);
	l->desired = LP_BUF(LP_OBJECT_BYTES + 256);
	return desired ? lp_json_write(lp_json_root(desired), &l->desired, err) : LP_OK;
}

static void rewrite(struct job *job, struct slice seen)
{
	LP_AUTO(lp_buf_free) struct buf patch = LP_BUF(2 * LP_ANSWER_BYTES);
	struct look *l = &job->look;
	struct err err;

	if (plan(job, seen, &patch, &err) != LP_OK)
		lp_job_error(job, &err);
	else if (patch.len && job->step.how != APPLY_DRY)
		send_rewrite(job, &patch, rewritten);
	else if (l->renew && l->refusal.len)
		refused_after_all(job);
	else if (l->made)
		lp_apply_done(job, OUTCOME_CREATED);
	else if (l->rounds)
		lp_finish_applied(job);
	else
		apply(job);
}

void lp_careful_refusal(const struct job *job, struct status *ret)
{
	const struct look *l = &job->look;

	lp_status_read(l->refusal_status, LP_SLICE_OF(&l->refusal), &job->step.key, ret);
}

/* --- back --- */

static void undone(struct job *job)
{
	struct look *l = &job->look;
	struct status status;

	if (!lp_job_ok(job)) { /* somebody wrote meanwhile; whoever comes next looks again */
		refused_after_all(job);
		return;
	}
	lp_careful_refusal(job, &status);
	snprintf(l->refused, sizeof(l->refused), "%s", status.message);
	l->wrote = false;
	apply(job);
}

bool lp_careful_undo(struct job *job)
{
	LP_AUTO(lp_buf_free) struct buf patch = LP_BUF(2 * LP_ANSWER_BYTES);
	struct look *l = &job->look;
	struct err err;

	if (!l->wrote || !l->undo.len || !l->version[0])
		return false;
	lp_careful_keep_refusal(job);
	l->take = false;
	if (lp_managed_put_back(LP_SLICE_OF(&l->undo), l->version, &patch, &err) != LP_OK)
		lp_job_error(job, &err);
	else
		send_rewrite(job, &patch, undone);
	return true;
}

/* --- looking --- */

/*
 * Whether a person asks on the device for reports alone, and our manifest says nothing of it. New
 * content is no drift.
 */
static bool is_kept(const struct job *job, const struct metadata *now)
{
	struct slice says = lp_skim_at(LP_SLICE_OF(&job->look.object), "metadata", "annotations",
				       LP_DRIFT_ANNOTATION, NULL);

	return job->step.how == APPLY_LOOK && job->step.once && (now->marks & SIGHT_REPORT_ONLY) &&
	       !lp_annotation_is(LP_DRIFT_ANNOTATION, lp_skim_raw(says), ASKS_HEAL) &&
	       !lp_annotation_is(LP_DRIFT_ANNOTATION, lp_skim_raw(says), ASKS_REPORT);
}

/*
 * A controller sets its replicas by /scale: an autoscaler of the cluster, which the revision may
 * not know. That is told by managedFields alone, and costs no request. False: the job is over.
 */
static bool leave_replicas(struct job *job, const struct metadata *now)
{
	struct buf *handed = &job->look.handed;
	struct err err;

	if (!(now->marks & SIGHT_SCALED) || lp_pointer_in(LP_SLICE_OF(handed), LP_REPLICAS_POINTER))
		return true;
	if (lp_buf_str(handed, LP_REPLICAS_POINTER "\n", &err) == LP_OK)
		return true;
	lp_job_error(job, &err);
	return false;
}

static void seen(struct job *job)
{
	struct look *l = &job->look;
	struct metadata now;

	if (!lp_apply_take(job, &now))
		return;
	if (job->step.make_only) {
		lp_job_done(job, OUTCOME_UNCHANGED);
		return;
	}
	if (is_kept(job, &now)) {
		l->kept = lp_metadata_asks(&now, ASKS_REPORT)->key;
		l->take = false;
		job->step.how = APPLY_DRY;
	}
	if (l->second && !(now.marks & SIGHT_OVERRIDABLE)) {
		refused_after_all(job);
		return;
	}
	if (!leave_replicas(job, &now))
		return;
	if (l->before.len || l->made) {
		rewrite(job, LP_SLICE_OF(&job->answer));
		return;
	}
	l->live = now.live;
	l->before = job->answer;
	job->answer = (struct buf){0};
	rewrite(job, LP_SLICE_OF(&l->before));
}

static void looked(struct job *job)
{
	struct status status;

	if (lp_job_ok(job)) {
		seen(job);
		return;
	}
	lp_job_status(job, &status);
	if (job->status != 404 && job->look.refusal.len) {
		refused_after_all(job);
	} else if (job->status != 404) {
		lp_job_refused(job);
	} else if (lp_status_no_kind(&status)) {
		lp_apply_refused(job);
	} else {
		lp_buf_free(&job->look.before);
		apply(job);
	}
}

static void look(struct job *job)
{
	lp_buf_free(&job->body);
	if (lp_apply_url(job, ""))
		lp_job_get(job, LP_ACCEPT_METADATA, LP_ANSWER_BYTES, looked);
}

void lp_careful_begin(struct job *job)
{
	struct look *l = &job->look;

	l->on = true;
	if (!l->object.len) {
		l->object = job->body;
		job->body = (struct buf){0};
	}
	look(job);
}

void lp_careful_renew(struct job *job)
{
	lp_careful_keep_refusal(job);
	job->look.renew = true;
	lp_careful_begin(job);
}

/* --- from the apply --- */

void lp_careful_second(struct job *job)
{
	struct look *l = &job->look;

	if (job->step.how == APPLY_DRY) {
		lp_finish_dry_refused(job);
		return;
	}
	lp_careful_keep_refusal(job);
	l->second = l->take = true;
	lp_careful_begin(job);
}

/* It went after the look, and was made without what others had of it: once more, with all. */
static bool make_whole(struct job *job)
{
	struct look *l = &job->look;
	bool part = l->before.len && l->desired.len;

	if (job->status != 201)
		return false;
	lp_buf_free(&l->before);
	l->made |= part;
	if (part)
		apply(job);
	return part;
}

void lp_careful_applied(struct job *job)
{
	struct look *l = &job->look;
	struct metadata now;

	if (job->step.how == APPLY_DRY) {
		lp_finish_dry(job);
		return;
	}
	if (!lp_apply_take(job, &now) || make_whole(job))
		return;
	bool more = now.handed || (l->take && (now.marks & SIGHT_OVERRIDABLE));
	if ((job->status == 201 || l->made) && l->handed.len) {
		l->made = true;
		rewrite(job, LP_SLICE_OF(&job->answer));
	} else if (more && l->before.len && l->rounds < ROUNDS) {
		l->rounds++;
		rewrite(job, LP_SLICE_OF(&job->answer));
	} else {
		lp_finish_applied(job);
	}
}

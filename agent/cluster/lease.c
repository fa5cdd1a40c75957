/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STEP_LEASE: takes, renews or gives back the Lease of a source; STEP_SERVERS: whether another
 * server node may want it. Every write is a merge patch that names the version it is for, or a
 * create, so that of two agents one gets a 409; what others have put into the object stays.
 */
#include "agent/cluster/lease.h"

#include "agent/cluster/skim.h"
#include "agent/cluster/steps.h"
#include "platform/clock.h"

#include <inttypes.h>
#include <string.h>

#define INSTANCE      "limpet.dev/instance"
#define QUERY         "?fieldManager=" LP_FIELD_MANAGER
#define SERVERS_QUERY "?limit=2&labelSelector=node-role.kubernetes.io%2Fcontrol-plane"
#define CONFLICTS     4 /* in one step; somebody else is as eager then */
#define TIME_TEXT     32

static void ask(struct job *job);
static void create(struct job *job);

/* --- the door --- */

void lp_lease_order_put(struct wire_writer *w, const struct lease_order *order)
{
	lp_wire_put_u32(w, order->wish);
	lp_wire_put_str(w, order->holder);
	lp_wire_put_str(w, order->instance);
	lp_wire_put_i64(w, order->duration_s);
	lp_wire_put_i64(w, order->transitions);
	lp_wire_put_u32(w, order->beat);
	lp_wire_put_u8(w, order->renew);
	lp_wire_put_u8(w, order->again);
}

void lp_lease_order_take(struct wire_reader *r, struct lease_order *ret)
{
	uint32_t wish = lp_wire_u32(r);

	ret->wish = wish < LEASE_WISH_COUNT ? wish : LEASE_TAKE;
	lp_wire_str(r, ret->holder, sizeof(ret->holder));
	lp_wire_str(r, ret->instance, sizeof(ret->instance));
	ret->duration_s = lp_wire_i64(r);
	ret->transitions = lp_wire_i64(r);
	ret->beat = lp_wire_u32(r);
	ret->renew = lp_wire_u8(r);
	ret->again = lp_wire_u8(r);
	if (wish >= LEASE_WISH_COUNT || ret->duration_s < 0 || ret->duration_s > LP_LEASE_S)
		r->bad = true;
}

void lp_lease_put(struct wire_writer *w, const struct lease *lease)
{
	lp_wire_put_str(w, lease->holder);
	lp_wire_put_u8(w, lease->same);
	lp_wire_put_i64(w, lease->duration_s);
	lp_wire_put_i64(w, lease->transitions);
	lp_wire_put_u32(w, lease->servers);
}

void lp_lease_take(struct wire_reader *r, struct lease *ret)
{
	lp_wire_str(r, ret->holder, sizeof(ret->holder));
	ret->same = lp_wire_u8(r);
	ret->duration_s = lp_wire_i64(r);
	ret->transitions = lp_wire_i64(r);
	ret->servers = lp_wire_u32(r);
	if (ret->duration_s < 0 || ret->duration_s > LP_LEASE_S)
		r->bad = true;
}

/* --- the requests --- */

static enum lp_code put_path(struct job *job, bool collection, struct err *err)
{
	static const struct api_kind leases = {.group = "coordination.k8s.io",
					       .version = "v1",
					       .plural = "leases",
					       .namespaced = true};
	struct buf *url = lp_job_url(job);
	char name[LP_NAME_MAX];

	lp_applyset_parent(job->step.source, name);
	return lp_api_path(&leases, job->cluster->setup.ns, collection ? "" : name, url, err);
}

/* Now, for people: the microseconds are none, but make each write differ from the one before. */
static const char *time_text(uint32_t beat, char to[TIME_TEXT])
{
	char seconds[LP_TIME_TEXT];

	lp_time_text(lp_wall_s(), seconds);
	snprintf(to, TIME_TEXT, "%.19s.%06" PRIu32 "Z", seconds, beat % 1000000);
	return to;
}

/* The members of spec that each write says; acquired: and those of a new holder. */
static enum lp_code put_spec(struct job *job, bool acquired, struct err *err)
{
	const struct lease_order *order = &job->step.lease;
	bool release = order->wish == LEASE_RELEASE;
	char now[TIME_TEXT];

	time_text(order->beat, now);
	LP_TRY(lp_buf_printf(&job->body, err,
			     "\"spec\":{\"holderIdentity\":\"%s\",\"leaseDurationSeconds\":%" PRId64
			     ",\"renewTime\":\"%s\"",
			     release ? "" : order->holder, release ? 1 : order->duration_s, now));
	if (acquired)
		LP_TRY(lp_buf_printf(&job->body, err,
				     ",\"acquireTime\":\"%s\",\"leaseTransitions\":%" PRId64, now,
				     order->transitions));
	return lp_buf_str(&job->body, "}}", err);
}

/* --- what a write ends with --- */

static void held(struct job *job)
{
	struct slice metadata = lp_skim_get(LP_SLICE_OF(&job->answer), "metadata");

	lp_skim_name(lp_skim_get(metadata, "resourceVersion"), job->event.live.version,
		     sizeof(job->event.live.version));
	job->event.lease.transitions = job->step.lease.transitions;
	job->event.lease.duration_s = job->step.lease.duration_s;
	lp_job_done(job, OUTCOME_HELD);
}

static void written(struct job *job)
{
	bool release = job->step.lease.wish == LEASE_RELEASE;

	if (lp_job_ok(job) && !release)
		held(job);
	else if (release && (lp_job_ok(job) || job->status == 404 || job->status == 409))
		lp_job_done(job, OUTCOME_NONE); /* or somebody else has it: not ours to give */
	else if (job->status == 404)
		create(job);
	else if (job->status == 409 && job->conflicts++ < CONFLICTS)
		ask(job);
	else
		lp_job_refused(job);
}

/* Writes over version; acquired: it was not ours. */
static void write_over(struct job *job, const char *version, bool acquired)
{
	struct err err;

	lp_buf_free(&job->body);
	job->body = LP_BUF(2 * LP_KIB);
	if (acquired)
		job->step.lease.transitions++;
	if (put_path(job, false, &err) != LP_OK || lp_buf_str(&job->url, QUERY, &err) != LP_OK ||
	    lp_buf_printf(&job->body, &err,
			  "{\"metadata\":{\"resourceVersion\":\"%s\",\"annotations\":{\"" INSTANCE
			  "\":\"%s\"}},",
			  version, job->step.lease.instance) != LP_OK ||
	    put_spec(job, acquired, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_job_write(job, "PATCH", "application/merge-patch+json", written);
}

/* --- none yet --- */

static void created(struct job *job)
{
	if (lp_job_ok(job))
		held(job);
	else if (job->status == 404 && !job->looked)
		lp_parent_namespace(job, create);
	else if (job->status == 409 && job->conflicts++ < CONFLICTS)
		ask(job);
	else
		lp_job_refused(job);
}

static void create(struct job *job)
{
	char name[LP_NAME_MAX];
	struct err err;

	lp_buf_free(&job->body);
	job->body = LP_BUF(2 * LP_KIB);
	job->step.lease.transitions = 0;
	if (put_path(job, true, &err) != LP_OK || lp_buf_str(&job->url, QUERY, &err) != LP_OK ||
	    lp_buf_printf(&job->body, &err,
			  "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
			  "\"metadata\":{\"name\":\"%s\",\"annotations\":{\"" INSTANCE
			  "\":\"%s\"}},",
			  lp_applyset_parent(job->step.source, name),
			  job->step.lease.instance) != LP_OK ||
	    put_spec(job, true, &err) != LP_OK) {
		lp_job_error(job, &err);
		return;
	}
	lp_job_write(job, "POST", "application/json", created);
}

/* --- one that is there --- */

/* Whether it names us, under whatever host name. */
static bool is_us(const struct job *job, struct slice holder)
{
	struct slice raw = lp_skim_raw(holder);
	const char *id = strrchr(job->step.lease.holder, '_');
	size_t n = id ? strlen(id) : 0;

	return n && raw.len >= n && memcmp(raw.data + raw.len - n, id, n) == 0;
}

/* Somebody else's, who must be waited for. */
static void tell_other(struct job *job, struct slice spec, bool same)
{
	struct lease *lease = &job->event.lease;
	char name[LP_NAME_MAX];

	lp_skim_cut_middle(lp_skim_get(spec, "holderIdentity"), lease->holder,
			   sizeof(lease->holder));
	lp_text_clean(lease->holder);
	lease->same = same;
	if (!lp_skim_int(lp_skim_get(spec, "leaseDurationSeconds"), &lease->duration_s) ||
	    lease->duration_s < 1 || lease->duration_s > LP_LEASE_S) {
		lease->duration_s = 0;
		lp_applyset_parent(job->step.source, name);
		lp_job_failed(job, LP_CONFIG,
			      "the Lease %s/%s is held by \"%s\", but its leaseDurationSeconds is "
			      "not 1 to %d: no limpet has written it. If nothing needs it: kubectl "
			      "delete lease %s -n %s",
			      job->cluster->setup.ns, name, lease->holder, LP_LEASE_S, name,
			      job->cluster->setup.ns);
		return;
	}
	lp_job_done(job, OUTCOME_STANDBY);
}

static void judge(struct job *job, struct slice object)
{
	const struct lease_order *order = &job->step.lease;
	struct slice spec = lp_skim_get(object, "spec"),
		     holder = lp_skim_get(spec, "holderIdentity"),
		     instance = lp_skim_at(object, "metadata", "annotations", INSTANCE, NULL);
	bool us = is_us(job, holder), this_one = us && lp_skim_is(instance, order->instance);

	job->step.lease.transitions = 0;
	lp_skim_int(lp_skim_get(spec, "leaseTransitions"), &job->step.lease.transitions);
	job->event.lease.transitions = job->step.lease.transitions;
	if (this_one || (us && !order->again)) /* after a restart: at once */
		write_over(job, job->event.live.version, false);
	else if (!lp_skim_raw(holder).len)
		write_over(job, job->event.live.version, true);
	else
		tell_other(job, spec, us);
}

static void asked(struct job *job)
{
	struct slice object = LP_SLICE_OF(&job->answer);

	if (job->status == 404)
		create(job);
	else if (!lp_job_ok(job))
		lp_job_refused(job);
	else if (!lp_skim_whole(object) ||
		 !lp_skim_name(lp_skim_at(object, "metadata", "resourceVersion", NULL),
			       job->event.live.version, sizeof(job->event.live.version)))
		lp_job_retry(job, LP_TRANSIENT, -1, "the API server's answer is no Lease");
	else
		judge(job, object);
}

static void ask(struct job *job)
{
	struct err err;

	if (put_path(job, false, &err) != LP_OK)
		lp_job_error(job, &err);
	else
		lp_job_get(job, "application/json", LP_ANSWER_BYTES, asked);
}

void lp_lease_begin(struct job *job)
{
	const struct step *step = &job->step;

	if (step->known.version[0])
		write_over(job, step->known.version,
			   !step->lease.renew && step->lease.wish == LEASE_TAKE);
	else if (step->lease.wish == LEASE_RELEASE)
		lp_job_done(job, OUTCOME_NONE);
	else
		ask(job);
}

/* --- STEP_SERVERS --- */

static void counted(struct job *job)
{
	struct skim_iter it = lp_skim_iter(lp_skim_get(LP_SLICE_OF(&job->answer), "items"));

	if (!lp_job_ok(job)) {
		lp_job_refused(job);
		return;
	}
	while (job->event.lease.servers < 2 && lp_skim_next(&it))
		job->event.lease.servers++;
	lp_job_done(job, OUTCOME_NONE);
}

void lp_servers_begin(struct job *job)
{
	static const struct api_kind nodes = {.group = "", .version = "v1", .plural = "nodes"};
	struct buf *url = lp_job_url(job);
	struct err err;

	if (lp_api_path(&nodes, "", "", url, &err) != LP_OK ||
	    lp_buf_str(url, SERVERS_QUERY, &err) != LP_OK)
		lp_job_error(job, &err);
	else
		lp_job_get(job, LP_ACCEPT_METADATA_LIST, LP_PAGE_BYTES, counted);
}

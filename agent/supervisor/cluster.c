/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/cluster.h"

#include "agent/supervisor/announcing.h"
#include "agent/supervisor/telling.h"
#include "agent/supervisor/watching.h"
#include "platform/clock.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST_MS 34000 /* the API server ends a request of its own accord at 34 s */

void lp_kind_list_free(struct kind_list *kinds)
{
	free(kinds->list);
	*kinds = (struct kind_list){0};
}

static enum lp_code grow(struct kind_list *kinds, struct err *err)
{
	size_t cap = kinds->cap ? kinds->cap * 2 : 64;

	if (kinds->len == LP_KINDS_MAX)
		return lp_err_set(err, LP_LIMIT, "the cluster serves more than %u kinds",
				  LP_KINDS_MAX);
	struct stored_kind *list = realloc(kinds->list, cap * sizeof(*list));
	if (!list)
		return lp_err_nomem(err, "kinds");
	kinds->list = list;
	kinds->cap = cap;
	return LP_OK;
}

enum lp_code lp_kind_list_add(struct kind_list *kinds, const struct event *event, struct err *err)
{
	if (kinds->len == kinds->cap)
		LP_TRY(grow(kinds, err));
	struct stored_kind kind = {.namespaced = event->scope == SCOPE_NAMESPACED,
				   .verbs = event->verbs};
	LP_TRY(lp_copy(kind.group, sizeof(kind.group), event->key.group, err));
	LP_TRY(lp_copy(kind.kind, sizeof(kind.kind), event->key.kind, err));
	LP_TRY(lp_copy(kind.version, sizeof(kind.version), event->key.version, err));
	LP_TRY(lp_copy(kind.resource, sizeof(kind.resource), event->resource, err));
	kinds->list[kinds->len++] = kind;
	return LP_OK;
}

static enum lp_code on_sighting(struct supervisor *super, struct wire_reader *frame,
				struct err *err)
{
	struct sighting sighting;

	lp_sighting_take(frame, &sighting);
	LP_TRY(lp_wire_done(frame, "sighting", err));
	return lp_watching_sighting(&super->run, &sighting, err);
}

static enum lp_code on_requests(struct supervisor *super, struct wire_reader *frame,
				struct err *err)
{
	struct requests sent;

	lp_requests_take(frame, &sent);
	LP_TRY(lp_wire_done(frame, "requests", err));
	lp_requests_add(&super->cluster.requests, lp_boot_ms(), &sent);
	return LP_OK;
}

static enum lp_code on_frame(void *ctx, struct wire_reader *frame, struct err *err)
{
	struct supervisor *super = ctx;
	struct event event;

	if (frame->type == CLUSTER_SIGHTING)
		return on_sighting(super, frame, err);
	if (frame->type == CLUSTER_REQUESTS)
		return on_requests(super, frame, err);
	if (frame->type != CLUSTER_EVENT)
		return lp_err_set(err, LP_REJECTED, "frame of type %u", frame->type);
	lp_event_take(frame, &event);
	LP_TRY(lp_wire_done(frame, "event", err));
	if (lp_leading_is(&event))
		return lp_leading_event(&super->run, &event, err);
	if (lp_announcing_is(&event))
		return lp_announcing_event(&super->run, &event, err);
	return lp_watching_event(&super->run, &event) ? LP_OK
						      : lp_applying_event(&super->run, &event, err);
}

static void on_gone(void *ctx, const char *why)
{
	struct supervisor *super = ctx;

	lp_log(LOG_LEVEL_ERROR, "role-ended", "why", why, NULL);
	lp_cluster_reached(super, why);
	super->cluster.discovered = false;
	lp_watching_gone(&super->run);
	lp_leading_gone(&super->run);
	lp_announcing_gone(&super->run);
	lp_applying_gone(&super->run, why);
}

static enum lp_code send_setup(struct supervisor *super, struct err *err)
{
	const struct cluster_config *config = &super->config.cluster;
	struct cluster_setup setup = {.concurrency = (unsigned)config->concurrency,
				      .request_ms = REQUEST_MS,
				      .floor_s = lp_wall_floor_s()};
	struct link *link = &super->cluster.link;
	struct wire_writer w;

	LP_TRY(lp_copy(setup.kubeconfig, sizeof(setup.kubeconfig), config->kubeconfig, err));
	LP_TRY(lp_copy(setup.context, sizeof(setup.context), config->context, err));
	LP_TRY(lp_copy(setup.ns, sizeof(setup.ns), config->ns, err));
	lp_wire_begin(&w, lp_link_out(link), CLUSTER_SETUP);
	lp_cluster_setup_put(&w, &setup);
	LP_TRY(lp_wire_end(&w, err));
	lp_link_send(link);
	return LP_OK;
}

enum lp_code lp_cluster_start(struct supervisor *super, struct err *err)
{
	struct link *link = &super->cluster.link;

	if (link->up)
		return LP_OK;
	*link = (struct link){
		.loop = super->loop, .ctx = super, .on_frame = on_frame, .on_gone = on_gone};
	LP_TRY(lp_link_start(link, "cluster", err));
	return send_setup(super, err);
}

void lp_cluster_end(struct supervisor *super)
{
	lp_link_end(&super->cluster.link);
	super->cluster.discovered = false;
	lp_watching_gone(&super->run);
	lp_leading_gone(&super->run);
	lp_announcing_gone(&super->run);
}

enum lp_code lp_cluster_step(struct supervisor *super, const struct step *step, struct err *err)
{
	struct link *link = &super->cluster.link;
	struct wire_writer w;

	lp_wire_begin(&w, lp_link_out(link), CLUSTER_STEP);
	lp_step_put(&w, step);
	LP_TRY(lp_wire_end(&w, err));
	lp_link_send(link);
	return LP_OK;
}

/* A start that finds it there is no news; one that does not, is. */
static void keep_reached(struct supervisor *super, bool reached, bool first, const char *error)
{
	const struct happening what = {.kind = reached ? LP_HAPPENED_BACK : LP_HAPPENED_AWAY,
				       .message = error};

	if (!reached || !first)
		lp_keep_happening(&super->run, &what);
}

void lp_cluster_reached(struct supervisor *super, const char *error)
{
	struct cluster_link *cluster = &super->cluster;
	bool reached = !*error;

	bool first = !cluster->reached_s, changed = first || cluster->reached != reached;

	if (changed) {
		cluster->reached = reached;
		cluster->reached_s = lp_wall_s();
		lp_log(reached ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
		       reached ? "cluster-reached" : "cluster-away", "error", error, NULL);
	}
	size_t n = strnlen(error, sizeof(cluster->error) - 1);
	memcpy(cluster->error, error, n);
	cluster->error[n] = '\0';
	if (changed)
		keep_reached(super, reached, first, cluster->error);
}

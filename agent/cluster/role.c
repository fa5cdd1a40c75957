/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/role.h"

#include "agent/cluster/job.h"
#include "agent/cluster/watches.h"
#include "platform/clock.h"
#include "platform/crypto.h"
#include "platform/log.h"
#include "platform/sandbox.h"

#include <limits.h>
#include <string.h>

#define MEMORY_BYTES (256ull * LP_MIB)
#define OPEN_FILES   64

#define OUT_BYTES (256u * LP_KIB) /* told and not yet read: no further step is taken before */
#define DRAIN_MS  10

#define REQUESTS_MS 1000 /* requests are told at most so often, and at least so soon */

static void cluster_free(struct cluster *cluster)
{
	lp_watches_free(cluster);
	lp_jobs_free(cluster);
	lp_client_close(&cluster->client);
	lp_api_free(&cluster->table);
	lp_api_free(&cluster->fresh);
	lp_applyset_free(&cluster->set);
}

/* --- the walls --- */

/*
 * Once the kubeconfig has told which files there are, and before the first answer is read.
 * CAP_DAC_READ_SEARCH is how the service's user reads k3s's file, which is root's; Landlock
 * leaves it these folders.
 */
static void wall_in(const struct client *client)
{
	char folders[2 * LP_KUBECONFIG_FILES][LP_PATH_MAX], real[PATH_MAX];
	struct sandbox_report report;
	struct sandbox sandbox = {
		.readable = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
			     "/etc/host.conf", "/etc/gai.conf", "/run/systemd/resolve",
			     "/run/NetworkManager", "/run/resolvconf", LP_SYSTEM_CA},
		.network = true,
		.threads = true,
		.keep_caps = 1ull << CAP_DAC_READ_SEARCH,
		.nofile = OPEN_FILES,
#ifndef LIMPET_SANITIZED
		.as_bytes = MEMORY_BYTES,
#endif
	};
	const char **next = sandbox.readable;

	while (*next)
		next++;
	for (unsigned i = 0; i < client->file_count; i++) {
		/* the folder, because the file itself is replaced when it changes */
		const char *path = client->files[i].path;
		*next++ = lp_path_folder(path, folders[2 * i]);
		if (realpath(path, real) && strlen(real) < LP_PATH_MAX)
			*next++ = lp_path_folder(real, folders[2 * i + 1]);
	}
	lp_sandbox_enter(&sandbox, &report);
	enum wall missing = lp_sandbox_missing(&report);
	if (missing != WALLS)
		lp_log(LOG_LEVEL_DEBUG, "wall-missing", "wall", lp_wall_name(missing), "why",
		       report.walls[missing].text, NULL);
}

static enum lp_code take_setup(struct cluster *cluster, struct err *err)
{
	struct wire_reader r;

	LP_TRY(lp_channel_receive(cluster->channel, -1, &r, err));
	if (r.type != CLUSTER_SETUP)
		return lp_err_set(err, LP_REJECTED, "message %u before the setup", r.type);
	lp_cluster_setup_take(&r, &cluster->setup);
	LP_TRY(lp_wire_done(&r, "cluster setup", err));
	lp_wall_floor(cluster->setup.floor_s);
	LP_TRY(lp_copy(cluster->client.path, sizeof(cluster->client.path),
		       cluster->setup.kubeconfig, err));
	LP_TRY(lp_copy(cluster->client.context, sizeof(cluster->client.context),
		       cluster->setup.context, err));
	return lp_jobs_new(cluster, err);
}

static bool has_room(const struct cluster *cluster)
{
	return cluster->busy < cluster->setup.concurrency && cluster->channel->out.len < OUT_BYTES;
}

static enum lp_code take_order(struct cluster *cluster, struct wire_reader *r, struct err *err)
{
	LP_AUTO(lp_watch_order_free) struct watch_order order = {0};

	lp_watch_order_take(r, &order);
	LP_TRY(lp_wire_done(r, "watch order", err));
	return lp_watches_order(cluster, &order, err);
}

static enum lp_code take_step(struct cluster *cluster, struct wire_reader *r, struct err *err)
{
	struct step step;

	lp_step_take(r, &step);
	LP_TRY(lp_wire_done(r, "cluster step", err));
	lp_job_start(cluster, &step);
	return LP_OK;
}

/* Does what was asked for, as far as there is room. */
static enum lp_code take_frames(struct cluster *cluster, struct err *err)
{
	struct wire_reader r;
	bool found;

	while (has_room(cluster)) {
		LP_TRY(lp_channel_next(cluster->channel, &found, &r, err));
		if (!found)
			return LP_OK;
		if (r.type == CLUSTER_STEP)
			LP_TRY(take_step(cluster, &r, err));
		else if (r.type == CLUSTER_WATCH)
			LP_TRY(take_order(cluster, &r, err));
		else
			return lp_err_set(err, LP_REJECTED, "message %u is no step", r.type);
	}
	return LP_OK;
}

/* Together with what is told anyway, such as the answer to the only request of an hour. */
static enum lp_code tell_requests(struct cluster *cluster, struct err *err)
{
	int64_t now_ms = lp_boot_ms();
	bool goes_along =
		cluster->channel->out.len && now_ms - cluster->sent_told_ms >= REQUESTS_MS;
	struct wire_writer w;

	if (!cluster->sent_since_ms ||
	    (!goes_along && now_ms - cluster->sent_since_ms < REQUESTS_MS))
		return LP_OK;
	lp_wire_begin(&w, &cluster->channel->out, CLUSTER_REQUESTS);
	lp_requests_put(&w, &cluster->sent);
	LP_TRY(lp_wire_end(&w, err));
	cluster->sent = (struct requests){0};
	cluster->sent_since_ms = 0;
	cluster->sent_told_ms = now_ms;
	return LP_OK;
}

/* CLOCK_BOOTTIME; when something is to be done though nothing comes; INT64_MAX never. */
static int64_t next_wake_ms(const struct cluster *cluster)
{
	int64_t jobs_ms = lp_jobs_wake_ms(cluster), watches_ms = lp_watches_wake_ms(cluster);
	int64_t wake_ms = jobs_ms < watches_ms ? jobs_ms : watches_ms;

	if (cluster->sent_since_ms && cluster->sent_since_ms + REQUESTS_MS < wake_ms)
		return cluster->sent_since_ms + REQUESTS_MS;
	return wake_ms;
}

/* How long nothing need be looked at; -1: until something comes. */
static int wait_ms(const struct cluster *cluster)
{
	int64_t wake_ms = next_wake_ms(cluster);
	int64_t ms = wake_ms - lp_boot_ms();

	if (cluster->channel->out.len)
		return DRAIN_MS;
	if (wake_ms == INT64_MAX)
		return -1;
	return ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
}

/* Waits for answers, frames or time. */
static enum lp_code wait(struct cluster *cluster, bool *ret_readable, struct err *err)
{
	int fd = has_room(cluster) ? cluster->channel->fd : -1;

	struct http *clients[] = {cluster->client.http, cluster->client.watches};

	return lp_http_wait(clients, 2, wait_ms(cluster), fd, ret_readable, NULL, err);
}

static enum lp_code serve(struct cluster *cluster, struct err *err)
{
	bool readable = false, closed = false, walled = false;
	size_t left;

	LP_TRY(take_setup(cluster, err));
	while (!closed) {
		LP_TRY(take_frames(cluster, err));
		if (!walled && cluster->client.http) {
			wall_in(&cluster->client);
			walled = true;
		}
		LP_TRY(tell_requests(cluster, err));
		LP_TRY(lp_channel_drain(cluster->channel, &left, err));
		LP_TRY(wait(cluster, &readable, err));
		lp_jobs_move(cluster);
		lp_watches_move(cluster);
		if (cluster->broken)
			return *err = cluster->err, err->code;
		if (readable)
			LP_TRY(lp_channel_fill(cluster->channel, &closed, err));
	}
	return LP_OK;
}

int lp_cluster_role(struct channel *ch)
{
	LP_AUTO(cluster_free)
	struct cluster cluster = {.channel = ch, .table = LP_API_TABLE, .fresh = LP_API_TABLE};
	struct err err = {0};

	lp_applyset_free(&cluster.set);
	if (lp_crypto_init(&err) == LP_OK && lp_http_init(&err) == LP_OK)
		serve(&cluster, &err);
	/* the other end going away is how a role ends */
	if (err.code == LP_OK || err.code == LP_NOT_FOUND || err.code == LP_TRANSIENT)
		return 0;
	lp_log(LOG_LEVEL_ERROR, "cluster-role-failed", "error", err.msg, NULL);
	return 1;
}

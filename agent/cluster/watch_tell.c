/* SPDX-License-Identifier: Apache-2.0 */
/* What a watch tells, and what it makes of what it is told. */
#include "agent/cluster/skim.h"
#include "agent/cluster/watch.h"
#include "platform/clock.h"
#include "platform/log.h"

#include <string.h>

/* --- telling --- */

/* Meanwhile nothing was read from the API server either: that is not its silence. */
static enum lp_code wait_for_reader(struct cluster *cluster)
{
	int64_t since_ms = lp_boot_ms();
	enum lp_code code = lp_channel_flush(cluster->channel, &cluster->err);

	lp_watches_waited(cluster, lp_boot_ms() - since_ms);
	return code;
}

static enum lp_code tell(struct watch *watch, struct sighting *sighting)
{
	struct cluster *cluster = watch->cluster;
	struct wire_writer w;

	memcpy(sighting->key.group, watch->group, sizeof(watch->group));
	memcpy(sighting->key.kind, watch->kind, sizeof(watch->kind));
	memcpy(sighting->key.version, watch->api_version, sizeof(watch->api_version));
	lp_wire_begin(&w, &cluster->channel->out, CLUSTER_SIGHTING);
	lp_sighting_put(&w, sighting);
	enum lp_code code = lp_wire_end(&w, &cluster->err);
	if (code == LP_OK && cluster->channel->out.len > LP_SIGHTINGS_BYTES)
		code = wait_for_reader(cluster);
	if (code != LP_OK)
		cluster->broken = true;
	return code;
}

void lp_watch_tell(struct watch *watch, enum sighting_kind kind, const char *message)
{
	struct sighting sighting = {.kind = kind};

	snprintf(sighting.message, sizeof(sighting.message), "%s", message);
	lp_text_clean(sighting.message);
	memcpy(sighting.live.version, watch->version, sizeof(watch->version));
	tell(watch, &sighting);
}

void lp_watch_lose(struct watch *watch, int status, const char *why)
{
	struct sighting sighting = {.kind = SIGHT_LOST, .status = status};
	bool refusal = status >= 400 && status < 500 && status != watch->lost_status;

	watch->version[0] = '\0';
	if (watch->in_sync || !watch->lost || refusal) {
		snprintf(sighting.message, sizeof(sighting.message), "%s", why);
		lp_text_clean(sighting.message);
		tell(watch, &sighting);
		watch->lost_status = status;
	}
	watch->in_sync = false;
	watch->lost = true;
}

void lp_watch_lose_history(struct watch *watch, const char *why)
{
	lp_watch_lose(watch, 0, why);
	lp_watch_tell(watch, SIGHT_BACK, why);
}

/* --- what comes --- */

static void keep_version(struct watch *watch, const char *version)
{
	snprintf(watch->version, sizeof(watch->version), "%s", version);
	if (!watch->highest[0] || lp_version_newer(version, watch->highest))
		memcpy(watch->highest, watch->version, sizeof(watch->highest));
}

void lp_watch_filled(struct watch *watch, const char *version)
{
	struct cluster *cluster = watch->cluster;

	if (lp_version_newer(watch->highest, version)) {
		lp_watch_lose_history(watch, "the API server's store went back in time");
		cluster->newest[0] = '\0';
		watch->highest[0] = '\0';
	}
	keep_version(watch, version);
	watch->connection = cluster->watches->connections;
	watch->in_sync = true;
	watch->lost = false;
	lp_watch_tell(watch, SIGHT_END, "");
}

static enum lp_code take_error(struct watch *watch, const struct told *told, struct err *err)
{
	watch->status = told->status;
	return lp_err_set(err, LP_REJECTED, "%s", told->message);
}

static enum lp_code take_object(struct watch *watch, const struct told *told, struct err *err)
{
	struct sighting sighting = told->object;

	sighting.kind = told->kind == TOLD_GONE ? SIGHT_GONE : SIGHT_THERE;
	if (watch->state == WATCH_OPEN)
		keep_version(watch, sighting.live.version);
	if (tell(watch, &sighting) != LP_OK)
		return *err = watch->cluster->err, err->code;
	return LP_OK;
}

/* Told once: whoever made it can make more of them. */
static void pass_over(struct watch *watch, const struct told *told)
{
	if (watch->state == WATCH_OPEN)
		keep_version(watch, told->object.live.version);
	if (!watch->unfit)
		lp_log(LOG_LEVEL_WARN, "object-passed-over", "kind", watch->kind, "object",
		       told->message, "why",
		       "it has our label, but a name that limpet does not take", NULL);
	watch->unfit = true;
}

enum lp_code lp_watch_take(void *ctx, const struct told *told, struct err *err)
{
	struct watch *watch = ctx;

	switch (told->kind) {
	case TOLD_THERE:
	case TOLD_GONE:
		return take_object(watch, told, err);
	case TOLD_UNFIT:
		pass_over(watch, told);
		return LP_OK;
	case TOLD_BOOKMARK:
		if (watch->state == WATCH_OPEN)
			keep_version(watch, told->object.live.version);
		else if (told->initial_end) {
			lp_watch_filled(watch, told->object.live.version);
			watch->state = WATCH_OPEN;
		}
		return LP_OK;
	case TOLD_LIST:
		snprintf(watch->version, sizeof(watch->version), "%s", told->version);
		lp_buf_clear(&watch->more);
		return lp_buf_str(&watch->more, told->more, err);
	case TOLD_ERROR:
		break;
	}
	return take_error(watch, told, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/watches.h"

#include "agent/cluster/watch.h"
#include "platform/clock.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 3000000 /* 50 minutes: the server's own is 30 to 60 */
#define SILENCE_MS 240000  /* a bookmark comes every minute */

/* A watch that begins with all that is there has as long for it as a list. */
static bool is_unfilled(const struct watch *watch, int64_t now_ms)
{
	return watch->state == WATCH_FILLING &&
	       now_ms - watch->begun_ms >= watch->cluster->setup.request_ms;
}

void lp_watches_move(struct cluster *cluster)
{
	struct watches *all = cluster->watches;

	for (unsigned i = 0; all && i < all->count; i++) {
		struct watch *watch = all->at[i];
		int64_t now_ms = lp_boot_ms();
		if (watch->ended)
			lp_watch_end(watch);
		else if (watch->state == WATCH_PAUSED && watch->wake_ms <= now_ms)
			lp_watch_begin(watch);
		else if (watch->state != WATCH_PAUSED &&
			 now_ms - watch->heard_ms >= all->silence_ms)
			lp_watch_silent(watch);
		else if (is_unfilled(watch, now_ms))
			lp_watch_unfilled(watch);
	}
}

/* When it wants to be called. */
static int64_t wake_ms(const struct watch *watch)
{
	int64_t silent_ms = watch->heard_ms + watch->cluster->watches->silence_ms;
	int64_t unfilled_ms = watch->begun_ms + watch->cluster->setup.request_ms;

	if (watch->ended)
		return 0;
	if (watch->state == WATCH_PAUSED)
		return watch->wake_ms;
	return watch->state == WATCH_FILLING && unfilled_ms < silent_ms ? unfilled_ms : silent_ms;
}

int64_t lp_watches_wake_ms(const struct cluster *cluster)
{
	const struct watches *all = cluster->watches;
	int64_t first_ms = INT64_MAX;

	for (unsigned i = 0; all && i < all->count; i++) {
		int64_t ms = wake_ms(all->at[i]);
		if (ms < first_ms)
			first_ms = ms;
	}
	return first_ms;
}

void lp_watches_anew(struct cluster *cluster)
{
	struct watches *all = cluster->watches;

	for (unsigned i = 0; all && i < all->count; i++)
		lp_watch_anew(all->at[i]);
}

void lp_watches_discovered(struct cluster *cluster)
{
	struct watches *all = cluster->watches;

	for (unsigned i = 0; all && i < all->count; i++)
		if (all->at[i]->state == WATCH_PAUSED && all->at[i]->unserved)
			all->at[i]->wake_ms = 0;
}

void lp_watches_waited(struct cluster *cluster, int64_t ms)
{
	struct watches *all = cluster->watches;

	for (unsigned i = 0; all && i < all->count; i++) {
		all->at[i]->begun_ms += ms;
		all->at[i]->heard_ms += ms;
	}
}

static struct watch *find(struct watches *all, const struct watch_kind *kind)
{
	for (unsigned i = 0; i < all->count; i++)
		if (strcmp(all->at[i]->kind, kind->kind) == 0 &&
		    strcmp(all->at[i]->group, kind->group) == 0)
			return all->at[i];
	return NULL;
}

static enum lp_code add(struct cluster *cluster, const struct watch_kind *kind, struct err *err)
{
	struct watches *all = cluster->watches;
	struct watch *watch = find(all, kind);

	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch)
			return lp_err_nomem(err, "watch");
		watch->cluster = cluster;
		memcpy(watch->group, kind->group, sizeof(watch->group));
		memcpy(watch->kind, kind->kind, sizeof(watch->kind));
		all->at[all->count++] = watch;
	}
	watch->ordered = true;
	return LP_OK;
}

/* What is not ordered any more goes before what is new comes, so that there is room. */
static void drop_others(struct watches *all, const struct watch_order *order)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < all->count; i++)
		all->at[i]->ordered = false;
	for (unsigned i = 0; i < order->kind_count; i++) {
		struct watch *watch = find(all, &order->kinds[i]);
		if (watch)
			watch->ordered = true;
	}
	for (unsigned i = 0; i < all->count; i++) {
		if (all->at[i]->ordered)
			all->at[kept++] = all->at[i];
		else
			lp_watch_free(all->at[i]);
	}
	all->count = kept;
}

/* "part-of in (applyset-..., applyset-...)" as in a URL; *ret_same: as before. */
static enum lp_code set_selector(struct cluster *cluster, const struct watch_order *order,
				 bool *ret_same, struct err *err)
{
	struct watches *all = cluster->watches;
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(sizeof(all->selector));
	LP_AUTO(lp_buf_free) struct buf url = LP_BUF(3 * sizeof(all->selector));
	char id[LP_APPLYSET_ID_MAX];

	LP_TRY(lp_buf_str(&text, LP_PART_OF_LABEL " in (", err));
	for (unsigned i = 0; i < order->source_count; i++)
		LP_TRY(lp_buf_printf(
			&text, err, "%s%s", i ? "," : "",
			lp_applyset_source_id(order->sources[i], cluster->setup.ns, id)));
	LP_TRY(lp_buf_str(&text, ")", err));
	LP_TRY(lp_url_encode(&url, lp_buf_text(&text), err));
	*ret_same = strcmp(all->selector, lp_buf_text(&url)) == 0;
	return lp_copy(all->selector, sizeof(all->selector), lp_buf_text(&url), err);
}

enum lp_code lp_watches_order(struct cluster *cluster, struct watch_order *order, struct err *err)
{
	LP_AUTO(lp_watch_order_free) struct watch_order mine = *order;
	bool same = false;

	order->kinds = NULL;
	if (!cluster->watches)
		cluster->watches = calloc(1, sizeof(*cluster->watches));
	if (!cluster->watches)
		return lp_err_nomem(err, "watches");
	struct watches *all = cluster->watches;
	all->timeout_ms = mine.timeout_ms ? mine.timeout_ms : TIMEOUT_MS;
	all->silence_ms = mine.silence_ms ? mine.silence_ms : SILENCE_MS;
	LP_TRY(set_selector(cluster, &mine, &same, err));
	if (!same)
		lp_watches_anew(cluster);
	drop_others(all, &mine);
	for (unsigned i = 0; i < mine.kind_count; i++)
		LP_TRY(add(cluster, &mine.kinds[i], err));
	return LP_OK;
}

void lp_watches_free(struct cluster *cluster)
{
	struct watches *all = cluster->watches;

	for (unsigned i = 0; all && i < all->count; i++)
		lp_watch_free(all->at[i]);
	free(all);
	cluster->watches = NULL;
}

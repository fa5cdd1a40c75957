/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An apply, between reaching.c and the plan: what config digests need (config_digest.h).
 *
 *	CONFIG_KEY: once a start, and only if a workload uses a ConfigMap or Secret
 *	CONFIG_LOOK: of each workload that the store knows nothing of: the digests that it carries
 *
 * Without one of them all is applied none the less.
 */
#include "agent/supervisor/applying.h"
#include "platform/clock.h"
#include "store/config_digest.h"

static void ask_key(struct source_run *run)
{
	uint8_t key[LP_CONFIG_KEY];
	struct err err = {0};
	enum lp_code code = lp_config_key_get(run->super->db, run->config->name, key, &err);

	run->applying->part = PART_KEY;
	if (code == LP_NOT_FOUND)
		lp_random(key, sizeof(key));
	if (code == LP_OK || code == LP_NOT_FOUND)
		lp_reaching_send(run, &(struct step){.id = LP_KEY_ID,
						     .kind = STEP_CONFIG_KEY,
						     .body = {key, sizeof(key)}});
	else
		lp_applying_store_failed(run, "read the key of config digests", &err);
}

static void ask_carried(struct source_run *run)
{
	struct step step = {.id = LP_CARRIED_ID, .kind = STEP_CONFIG_LOOK};

	run->applying->part = PART_CARRIED;
	lp_key_from_store(&run->applying->carried, &step.key);
	lp_reaching_send(run, &step);
}

/* The next workload that nothing is known of; the plan when there is none. */
static void next_carried(struct source_run *run)
{
	struct applying *a = run->applying;
	struct err err = {0};
	enum lp_code code =
		lp_config_unknown(run->super->db, a->ledger.revision.id, &a->carried, &err);

	if (code == LP_OK) {
		ask_carried(run);
		return;
	}
	if (code == LP_NOT_FOUND)
		code = lp_ledger_flush(&a->ledger, &err);
	if (code == LP_OK)
		lp_planning_start(run);
	else
		lp_applying_store_failed(run, "store what workloads carry", &err);
}

/* What another agent has written since is in the cluster alone. */
static enum lp_code forget_stale(struct source_run *run, struct err *err)
{
	if (run->config_stale)
		LP_TRY(lp_config_digests_forget(run->super->db, run->config->name, err));
	run->config_stale = false;
	return LP_OK;
}

void lp_preparing_start(struct source_run *run)
{
	bool used = false;
	struct err err = {0};
	enum lp_code code = forget_stale(run, &err);

	if (code == LP_OK)
		code = lp_config_is_used(run->super->db, run->applying->ledger.revision.id, &used,
					 &err);
	if (code != LP_OK)
		lp_applying_store_failed(run, "read the revision", &err);
	else if (used && !run->keyed)
		ask_key(run);
	else if (used)
		next_carried(run);
	else
		lp_planning_start(run);
}

/* Without a key nothing restarts; without what a workload carries, that one. */
static void tell_unable(struct source_run *run, const char *event, const char *object,
			const char *why)
{
	lp_log(LOG_LEVEL_WARN, event, "source", run->config->name, "object", object, "error", why,
	       "next", "pods are not restarted when their ConfigMaps and Secrets change", NULL);
}

static void take_key(struct source_run *run, const struct event *event)
{
	struct err err = {0};

	if (event->kind != EVENT_DONE) {
		tell_unable(run, "config-key-failed", NULL, event->message);
	} else if (lp_config_key_put(run->super->db, run->config->name, event->config, &err) ==
		   LP_OK) {
		run->keyed = true;
	} else {
		lp_applying_store_failed(run, "store the key of config digests", &err);
		return;
	}
	next_carried(run);
}

static void take_carried(struct source_run *run, const struct event *event)
{
	struct applying *a = run->applying;
	char text[LP_KEY_TEXT];
	struct object_key key;
	struct err err = {0};

	lp_key_from_store(&a->carried, &key);
	if (event->kind != EVENT_DONE) {
		tell_unable(run, "config-look-failed", lp_object_key_text(&key, text),
			    event->message);
	} else if (lp_ledger_config(&a->ledger, &key, event->outcome != OUTCOME_GONE, event->config,
				    &err) != LP_OK) {
		lp_applying_store_failed(run, "store what a workload carries", &err);
		return;
	}
	next_carried(run);
}

/*
 * Whether nothing else would be answered either. A webhook that guards Secrets and is down must not
 * keep the revision out that brings it.
 */
static bool is_away(const struct event *event)
{
	return event->status == 0 || event->status == 401 || event->status == 429 ||
	       event->status == 503;
}

void lp_preparing_event(struct source_run *run, const struct event *event)
{
	if (event->kind == EVENT_RETRY && is_away(event))
		lp_reaching_put_off(run, event);
	else if (run->applying->part == PART_KEY)
		take_key(run, event);
	else
		take_carried(run, event);
}

void lp_preparing_again(struct source_run *run)
{
	if (run->applying->part == PART_KEY)
		ask_key(run);
	else
		ask_carried(run);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* limpet status and history: the daemon's own words, or the store's when none runs. */
#include "agent/supervisor/status.h"

#include "agent/cli/commands.h"
#include "agent/cli/daemon.h"
#include "platform/clock.h"
#include "store/db.h"

#include <stdio.h>
#include <string.h>

static struct config config;

/* --- getting --- */

static enum lp_code from_store(bool history, struct json **ret, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_db_close) struct db *db = NULL;
	struct jval *v = NULL;

	LP_TRY(lp_cli_store(&config, &db, err));
	LP_TRY(lp_json_new(8 * LP_MIB, &doc, err));
	if (history)
		LP_TRY(lp_history_make(db, config.sources[0].name, doc, &v, err));
	else
		LP_TRY(lp_status_make(db, &config, NULL, doc, &v, err));
	struct jval *root = lp_json_obj(doc);
	lp_json_put(doc, root, history ? "history" : "status", v);
	lp_json_set_root(doc, root);
	*ret = LP_STEAL(doc);
	return LP_OK;
}

/* *ret_value is the status or history object inside *ret. */
static enum lp_code get(bool history, struct json **ret, struct jval **ret_value, struct err *err)
{
	const char *what = history ? "history" : "status";
	enum lp_code code = lp_daemon_ask(&config, what, NULL, ret, err);

	if (code == LP_NOT_FOUND)
		code = from_store(history, ret, err);
	if (code != LP_OK)
		return code;
	*ret_value = lp_json_get(lp_json_root(*ret), what);
	if (!*ret_value)
		return lp_err_set(err, LP_TRANSIENT, "%s",
				  lp_json_text(lp_json_root(*ret), "text"));
	return LP_OK;
}

/* --- printing --- */

static const char *health_colour(const char *health)
{
	return strcmp(health, "ok") == 0         ? lp_cli_green()
	       : strcmp(health, "degraded") == 0 ? lp_cli_yellow()
						 : lp_cli_red();
}

static int health_exit(const char *health)
{
	return strcmp(health, "ok") == 0 ? 0 : strcmp(health, "degraded") == 0 ? 1 : 2;
}

static int64_t number(const struct jval *obj, const char *key)
{
	int64_t n = 0;

	return lp_json_int(lp_json_get(obj, key), &n) ? n : 0;
}

static bool flag(const struct jval *obj, const char *key)
{
	bool on = false;

	return lp_json_bool(lp_json_get(obj, key), &on) && on;
}

static void print_revision(const char *label, const struct jval *revision)
{
	if (!lp_json_is(revision, JSON_OBJ))
		return;
	printf("  %-10s %lld  %.12s  %s\n", label, (long long)number(revision, "id"),
	       lp_json_text(revision, "commit"), lp_json_text(revision, "subject"));
	printf("  %-10s %ssigned by %s with %s%s\n", "", lp_cli_dim(),
	       lp_json_text(revision, "signer"), lp_json_text(revision, "key"), lp_cli_plain());
	if (number(revision, "sequence") || *lp_json_text(revision, "expires"))
		printf("  %-10s %ssequence %lld, expires %s%s\n", "", lp_cli_dim(),
		       (long long)number(revision, "sequence"),
		       *lp_json_text(revision, "expires") ? lp_json_text(revision, "expires")
							  : "never",
		       lp_cli_plain());
	printf("  %-10s %saccepted %s%s%s%s\n", "", lp_cli_dim(),
	       lp_json_text(revision, "acceptedAt"),
	       *lp_json_text(revision, "appliedAt") ? ", applied " : "",
	       lp_json_text(revision, "appliedAt"), lp_cli_plain());
}

static void print_drift(const struct jval *drift)
{
	if (!lp_json_get(drift, "mode"))
		return; /* the daemon is down */
	printf("  %-10s %s; %s, %lld differ, %lld healed", "drift", lp_json_text(drift, "mode"),
	       flag(drift, "watching") ? "watched" : "not watched",
	       (long long)number(drift, "differs"), (long long)number(drift, "heals"));
	printf("%s%s\n", *lp_json_text(drift, "lastHeal") ? ", last " : "",
	       lp_json_text(drift, "lastHeal"));
	if (*lp_json_text(drift, "lost"))
		printf("  %-10s %schanges may be missed: %s%s\n", "", lp_cli_dim(),
		       lp_json_text(drift, "lost"), lp_cli_plain());
}

static void print_suspension(const struct jval *source)
{
	char left[16];

	if (!flag(source, "suspended"))
		return;
	if (lp_json_get(source, "suspendedForSeconds"))
		printf("  %-10s for %s more, or until limpet resume\n", "suspended",
		       lp_duration_text(number(source, "suspendedForSeconds") * 1000, left));
	else
		printf("  %-10s until limpet resume\n", "suspended");
}

static void print_source(const struct jval *source)
{
	const struct jval *pinned = lp_json_get(source, "pinned");
	const struct jval *desired = lp_json_get(source, "desired");
	const struct jval *applied = lp_json_get(source, "applied");
	const struct jval *drift = lp_json_get(source, "drift");
	struct json_iter it = lp_json_iter(lp_json_get(source, "refused"));

	printf("\nsource %s  %s  %s\n", lp_json_text(source, "name"), lp_json_text(source, "url"),
	       lp_json_text(source, "branch"));
	printf("  %-10s %s\n", "state", lp_json_text(source, "state"));
	const struct jval *lease = lp_json_get(source, "lease");
	if (strcmp(lp_json_text(lease, "state"), "standby") == 0)
		printf("  %-10s %s holds the lease %s/%s, since %s\n", "standby",
		       lp_json_text(lease, "holder"), lp_json_text(lease, "namespace"),
		       lp_json_text(lease, "name"), lp_json_text(lease, "since"));
	print_revision("applied", applied);
	if (number(desired, "id") != number(applied, "id"))
		print_revision("desired", desired);
	if (lp_json_is(pinned, JSON_OBJ))
		printf("  %-10s to revision %lld; newer ones wait for limpet resume\n", "pinned",
		       (long long)number(pinned, "id"));
	print_suspension(source);
	printf("  %-10s %lld in the cluster because of this source\n", "objects",
	       (long long)number(source, "inventory"));
	if (*lp_json_text(source, "lastGoodPoll"))
		printf("  %-10s last good one %s%s", "polls", lp_json_text(source, "lastGoodPoll"),
		       number(source, "failedPolls") ? ", and then failures" : "");
	if (lp_json_get(source, "nextPollInSeconds"))
		printf(", next in %lld s", (long long)number(source, "nextPollInSeconds"));
	if (*lp_json_text(source, "lastGoodPoll"))
		printf("\n");
	print_drift(drift);
	while (lp_json_next(&it)) {
		printf("  %-10s %.12s  %s: %s\n", it.index ? "" : "refused",
		       lp_json_text(it.value, "commit"), lp_json_text(it.value, "verdict"),
		       lp_json_text(it.value, "reason"));
		if (flag(it.value, "tip"))
			printf("  %-10s %-12s  -> %s\n", "", "", lp_json_text(it.value, "wayOut"));
	}
	if (*lp_json_text(source, "problems"))
		printf("  problems:\n%s", lp_json_text(source, "problems"));
}

static void print_requests(const struct jval *requests)
{
	int64_t minutes = (number(requests, "sinceSeconds") + 59) / 60;

	if (!requests)
		return; /* the daemon is down */
	printf("requests   %lld to the API server in ", (long long)number(requests, "total"));
	if (minutes >= 59) /* so many whole ones are known at least */
		printf("the last hour");
	else
		printf("the %lld min since its start", (long long)minutes);
	printf(": %lld writes, %lld reads, %lld watches\n", (long long)number(requests, "writes"),
	       (long long)number(requests, "reads"), (long long)number(requests, "watches"));
}

static void print_status(const struct jval *status)
{
	const char *health = lp_json_text(status, "health");
	const struct jval *daemon = lp_json_get(status, "daemon");
	struct json_iter reasons = lp_json_iter(lp_json_get(status, "reasons"));
	struct json_iter sources = lp_json_iter(lp_json_get(status, "sources"));

	printf("site %s  %s%s%s\n", lp_json_text(status, "site"), health_colour(health), health,
	       lp_cli_plain());
	while (lp_json_next(&reasons))
		printf("  - %s\n", lp_json_str(reasons.value));
	if (daemon)
		printf("daemon     process %lld, since %s, limpet %s\n",
		       (long long)number(daemon, "pid"), lp_json_text(daemon, "since"),
		       lp_json_text(status, "version"));
	else
		printf("daemon     not running; this is what it stored\n");
	print_requests(lp_json_at(status, "cluster", "requests", NULL));
	while (lp_json_next(&sources))
		print_source(sources.value);
}

static const char *sequence_text(const struct jval *revision, char to[24])
{
	if (!number(revision, "sequence"))
		return "-";
	snprintf(to, 24, "%lld", (long long)number(revision, "sequence"));
	return to;
}

static void print_history(const struct jval *history)
{
	char sequence[24];
	struct json_iter it = lp_json_iter(lp_json_get(history, "revisions"));

	printf("%5s  %-12s  %-20s  %-10s  %7s  %8s  %-20s  %-24s  %-50s  %s\n", "ID", "COMMIT",
	       "ACCEPTED", "STATE", "OBJECTS", "SEQUENCE", "EXPIRES", "SIGNER", "KEY", "SUBJECT");
	while (lp_json_next(&it)) {
		const struct jval *v = it.value;
		printf("%5lld  %.12s  %-20s  %-10s  %7lld  %8s  %-20s  %-24s  %-50s  %s%s%s\n",
		       (long long)number(v, "id"), lp_json_text(v, "commit"),
		       lp_json_text(v, "acceptedAt"), lp_json_text(v, "state"),
		       (long long)number(v, "objects"), sequence_text(v, sequence),
		       *lp_json_text(v, "expires") ? lp_json_text(v, "expires") : "-",
		       lp_json_text(v, "signer"), lp_json_text(v, "key"),
		       lp_json_text(v, "subject"), flag(v, "applied") ? "  <- applied" : "",
		       flag(v, "pinned") ? " (pinned)" : "");
	}
}

/* --- the subcommands --- */

static const struct cli_help status_help = {
	.usage = "limpet status [options]",
	.about =
		"Tells what this device runs, what it refused and why, from the daemon or, when\n"
		"none runs, from the store.\n\n"
		"The state of a source is current; new (nothing accepted yet); stale (what runs is\n"
		"past its own expires, by the time that is known to have passed); no-news (nothing\n"
		"was accepted for longer than trust.newsWithin of uptime); unreachable (polls\n"
		"fail); or standby (another agent holds the lease and applies; this one takes over\n"
		"when it is gone). What runs goes on running in each. Counters are since the store\n"
		"was made; requests to the API server are those of the last hour, or since the\n"
		"daemon's start.\n\n"
		"Exit: 0 ok, 1 degraded, 2 failed or not to be known.",
	.examples = "  limpet status\n"
		    "  limpet status -o json | jq .sources[0].applied.commit",
};

int lp_cmd_status(int argc, char **argv)
{
	const char *file = NULL;
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {CLI_CONFIG(file), CLI_OUTPUT(output), CLI_END};
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct jval *status = NULL;
	struct err err = {0};
	int exit = 0;

	if (lp_cli_parse(&status_help, options, argc, argv, &exit) < 0)
		return exit;
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	if (get(false, &doc, &status, &err) != LP_OK)
		return lp_cli_fail(&err);
	if (output == OUTPUT_JSON)
		lp_cli_json(status);
	else
		print_status(status);
	return health_exit(lp_json_text(status, "health"));
}

static const struct cli_help history_help = {
	.usage = "limpet history [options]",
	.about = "Lists the revisions that are kept on this device, newest first; each can be\n"
		 "applied again with limpet rollback ID, without a network.\n\n"
		 "Exit: 0 listed, 2 could not be done.",
	.examples = "  limpet history\n"
		    "  limpet history -o json",
};

int lp_cmd_history(int argc, char **argv)
{
	const char *file = NULL;
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {CLI_CONFIG(file), CLI_OUTPUT(output), CLI_END};
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct jval *history = NULL;
	struct err err = {0};
	int exit = 0;

	if (lp_cli_parse(&history_help, options, argc, argv, &exit) < 0)
		return exit;
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	if (get(true, &doc, &history, &err) != LP_OK)
		return lp_cli_fail(&err);
	if (output == OUTPUT_JSON)
		return lp_cli_json(history);
	print_history(history);
	return CLI_OK;
}

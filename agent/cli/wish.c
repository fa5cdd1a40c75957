/* SPDX-License-Identifier: Apache-2.0 */
/* limpet sync, rollback, resume, suspend: a running daemon is asked; without one, sync and
 * rollback do their work here, and the others change what the next start finds. */
#include "agent/cli/commands.h"
#include "agent/cli/daemon.h"
#include "agent/supervisor/supervisor.h"
#include "agent/supervisor/suspending.h"
#include "agent/supervisor/telling.h"
#include "platform/clock.h"
#include "store/clock.h"

#include <stdio.h>
#include <string.h>

static struct config config;

/* One cycle in this process. */
static int do_here(enum wish_kind kind, const char *revision, enum cli_output output)
{
	struct wish wish = {.kind = kind};
	struct err err = {0};

	if (revision && lp_copy(wish.revision, sizeof(wish.revision), revision, &err) != LP_OK)
		return lp_cli_fail(&err);
	lp_log_setup(config.log < LOG_LEVEL_WARN ? config.log : LOG_LEVEL_WARN, "");
	int exit = lp_supervisor_run(&config, &wish, &err);
	return lp_cli_end(exit, exit ? err.msg : "done", output);
}

/* Asks the daemon; LP_NOT_FOUND means that there is none and nothing was printed. */
static enum lp_code ask(const char *command, const char *revision, enum cli_output output,
			int *ret_exit)
{
	LP_AUTO(lp_json_freep) struct json *answer = NULL;
	struct err err = {0};
	enum lp_code code = lp_daemon_ask(&config, command, revision, &answer, &err);

	if (code == LP_OK)
		*ret_exit = lp_daemon_answer(answer, output);
	else if (code != LP_NOT_FOUND)
		*ret_exit = lp_cli_end(CLI_ERROR, err.msg, output);
	return code;
}

static const struct cli_help sync_help = {
	.usage = "limpet sync [options]",
	.about = "Looks at the branch now, judges its tip (also one that was refused before) and\n"
		 "applies the accepted revision. Asks the running daemon; without one, does one\n"
		 "cycle itself.\n\n"
		 "Exit: 0 converged, 1 refused or incomplete, 2 could not be done.",
	.examples = "  limpet sync\n"
		    "  limpet sync -o json\n"
		    "  limpet sync -c ./config.yaml",
};

int lp_cmd_sync(int argc, char **argv)
{
	const char *file = NULL;
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {CLI_CONFIG(file), CLI_OUTPUT(output), CLI_END};
	int exit = 0;

	if (lp_cli_parse(&sync_help, options, argc, argv, &exit) < 0)
		return exit;
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	if (ask("sync", NULL, output, &exit) != LP_NOT_FOUND)
		return exit;
	if (!lp_cli_config_files(&config))
		return CLI_ERROR;
	return do_here(WISH_SYNC, NULL, output);
}

static const struct cli_help rollback_help = {
	.usage = "limpet rollback [REVISION] [options]",
	.about =
		"Applies a stored revision again, from this device alone, and pins it: newer ones\n"
		"are fetched and verified, but applied only after limpet resume. REVISION is an id\n"
		"of limpet history, the beginning of a commit, or sha256:...; without it, the\n"
		"revision that was applied before the present one.\n\n"
		"Exit: 0 applied, 1 no such revision or incomplete, 2 could not be done.",
	.examples = "  limpet rollback            to the one before\n"
		    "  limpet rollback 12\n"
		    "  limpet rollback 9f2c41",
	.operands_max = 1,
};

int lp_cmd_rollback(int argc, char **argv)
{
	const char *file = NULL;
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {CLI_CONFIG(file), CLI_OUTPUT(output), CLI_END};
	int exit = 0;
	int operands = lp_cli_parse(&rollback_help, options, argc, argv, &exit);

	if (operands < 0)
		return exit;
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	const char *revision = operands ? argv[1] : "";
	if (ask("rollback", revision, output, &exit) != LP_NOT_FOUND)
		return exit;
	return do_here(WISH_ROLLBACK, revision, output);
}

static const struct cli_help resume_help = {
	.usage = "limpet resume [options]",
	.about = "Ends a suspension and a pin: the newest accepted revision is applied, and the\n"
		 "branch is polled again.\n\n"
		 "Exit: 0 converged, 1 incomplete, 2 could not be done.",
	.examples = "  limpet resume",
};

static const struct cli_help suspend_help = {
	.usage = "limpet suspend [options]",
	.about =
		"Stops polling, applying and healing, also across restarts, until limpet resume, or\n"
		"for a time. What runs in the cluster goes on running; what others change there is\n"
		"reported. The time is measured by the uptime; while the device is off, by its\n"
		"clock, if something keeps that right.\n\n"
		"Exit: 0 suspended, 2 could not be done.",
	.examples = "  limpet suspend\n"
		    "  limpet suspend --for 1h     ends by itself",
};

/* The change, and what is told of it when there is one. */
static enum lp_code change(struct db *db, const char *source, bool suspend, int64_t for_ms,
			   struct err *err)
{
	const struct suspension ends = lp_suspension_of(for_ms);
	char text[32];
	struct happening what = {.kind = LP_HAPPENED_SUSPENDED,
				 .message = lp_suspension_text(for_ms, text)};
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	struct stored_happening row;
	struct source_state before;

	LP_TRY(lp_state_get(db, source, &before, err));
	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(suspend ? lp_state_suspend_for(db, source, &ends, err)
		       : lp_store_resume(db, source, err));
	if (suspend ? !before.suspended : lp_resume_happens(&before, &what))
		LP_TRY(lp_happening_add(db, NULL, source, &what, lp_wall_s(), &row, err));
	return lp_tx_commit(&tx, err);
}

/* Without a daemon: what the next start will find. */
static enum lp_code change_stored(bool suspend, int64_t for_ms, struct err *err)
{
	LP_AUTO(lp_db_close) struct db *db = NULL;
	LP_AUTO(lp_close) int lock = -1;
	int64_t floor_s = 0;

	LP_TRY(lp_cli_own_store(&config, &lock, &db, err));
	LP_TRY(lp_clock_floor(db, &floor_s, err));
	lp_wall_floor(floor_s);
	return change(db, config.sources[0].name, suspend, for_ms, err);
}

/* Asks the daemon, or changes what the next start finds. */
static int stored_wish(const char *command, const char *how_long, int64_t for_ms,
		       enum cli_output output)
{
	bool suspend = strcmp(command, "suspend") == 0;
	struct err err = {0};
	int exit = 0;

	if (ask(command, how_long, output, &exit) != LP_NOT_FOUND)
		return exit;
	if (change_stored(suspend, for_ms, &err) != LP_OK)
		return lp_cli_end(CLI_ERROR, err.msg, output);
	if (output == OUTPUT_TEXT)
		printf("no daemon runs; the next start finds it %s\n",
		       suspend ? "suspended" : "resumed");
	return output == OUTPUT_JSON ? lp_cli_end(CLI_OK, "stored for the next start", output)
				     : CLI_OK;
}

int lp_cmd_resume(int argc, char **argv)
{
	const char *file = NULL;
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {CLI_CONFIG(file), CLI_OUTPUT(output), CLI_END};
	int exit = 0;

	if (lp_cli_parse(&resume_help, options, argc, argv, &exit) < 0)
		return exit;
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	return stored_wish("resume", NULL, 0, output);
}

int lp_cmd_suspend(int argc, char **argv)
{
	const char *file = NULL, *how_long = NULL;
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {
		{"for", 0, "TIME", "ends by itself after this: 30m, 1h, 2d", NULL, &how_long, NULL},
		CLI_CONFIG(file),
		CLI_OUTPUT(output),
		CLI_END};
	struct err err = {0};
	int64_t for_ms = 0;
	int exit = 0;

	if (lp_cli_parse(&suspend_help, options, argc, argv, &exit) < 0)
		return exit;
	if (how_long && !*how_long)
		return lp_cli_error("--for needs a time, such as 1h");
	if (lp_suspension_parse(how_long ? how_long : "", &for_ms, &err) != LP_OK)
		return lp_cli_error("--for %s", err.msg);
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	return stored_wish("suspend", how_long, for_ms, output);
}

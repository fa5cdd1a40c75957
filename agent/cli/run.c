/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/commands.h"
#include "agent/cli/daemon.h"
#include "agent/supervisor/supervisor.h"

static struct config config;

/* What is stored can be kept running without them, so they are no reason not to start. */
static void tell_unreadable_files(void)
{
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	struct err err = {0};

	if (lp_config_check_files(config.file, &problems, &err) != LP_OK)
		lp_log(LOG_LEVEL_ERROR, "files-unreadable", "problems", lp_buf_text(&problems),
		       NULL);
}

static const struct cli_help help = {
	.usage = "limpet run [options]",
	.about =
		"Runs the agent in the foreground: polls the branch, verifies, renders, stores and\n"
		"applies, until SIGTERM. SIGHUP reads the configuration again. Logs one line of\n"
		"logfmt an event to standard error.\n\n"
		"Exit: 0 was asked to stop, 2 could not go on.",
	.examples = "  limpet run\n"
		    "  limpet run -c ./config.yaml --debug",
};

int lp_cmd_run(int argc, char **argv)
{
	const char *file = NULL;
	bool debug = false;
	const struct cli_option options[] = {
		CLI_CONFIG(file),
		{"debug", 'd', NULL, "log everything", &debug, NULL, NULL},
		CLI_END,
	};
	struct wish wish = {.kind = WISH_RUN};
	struct err err = {0};
	int exit = 0;

	if (lp_cli_parse(&help, options, argc, argv, &exit) < 0)
		return exit;
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	lp_log_setup(debug ? LOG_LEVEL_DEBUG : config.log, "");
	tell_unreadable_files();
	exit = lp_supervisor_run(&config, &wish, &err);
	if (exit)
		lp_cli_fail(&err);
	return exit;
}

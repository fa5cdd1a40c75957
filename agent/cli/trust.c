/* SPDX-License-Identifier: Apache-2.0 */
/* limpet trust reset: what was accepted last is given up, knowingly, by a person. */
#include "agent/cli/commands.h"
#include "agent/cli/daemon.h"
#include "agent/supervisor/supervisor.h"
#include "store/db.h"

#include <stdio.h>
#include <string.h>

static struct config config;

static const struct cli_help help = {
	.usage = "limpet trust reset [--yes] [options]",
	.about =
		"A device never goes back behind what it has accepted. It remembers that in its\n"
		"store, in two files beside it and in the cluster; when all of them are lost it\n"
		"accepts nothing until a person says that it may begin anew. reset says so: the\n"
		"next tip that a trusted key signed for this device is accepted, however old it is.\n"
		"Without --yes it only tells what would be given up.\n\n"
		"Exit: 0 done, 1 only told, 2 could not be done.",
	.examples = "  limpet trust reset         what would be given up\n"
		    "  limpet trust reset --yes   gives it up",
	.operands_min = 1,
	.operands_max = 1,
};

static int print(int exit, const char *text, enum cli_output output)
{
	if (exit == CLI_FAILED) {
		lp_cli_error("%s; say --yes to do it", text);
		return exit;
	}
	if (exit == CLI_OK && output == OUTPUT_TEXT)
		printf("done: %s\n", text);
	return lp_cli_end(exit, text, output);
}

/* Without a daemon. */
static enum lp_code reset_here(bool sure, char told[LP_ERR_MAX], struct err *err)
{
	LP_AUTO(lp_close) int lock = -1;
	LP_AUTO(lp_db_close) struct db *db = NULL;

	LP_TRY(lp_cli_own_store(&config, &lock, &db, err));
	return lp_floor_reset(db, config.state_dir, config.sources[0].name, sure, told, err);
}

static int reset(bool sure, enum cli_output output)
{
	LP_AUTO(lp_json_freep) struct json *answer = NULL;
	char told[LP_ERR_MAX] = "";
	struct err err = {0};
	int64_t exit = CLI_ERROR;

	enum lp_code code =
		lp_daemon_ask(&config, "trust-reset", sure ? "yes" : "no", &answer, &err);
	if (code == LP_NOT_FOUND) {
		code = reset_here(sure, told, &err);
		exit = sure ? CLI_OK : CLI_FAILED;
	} else if (code == LP_OK) {
		struct jval *root = lp_json_root(answer);
		snprintf(told, sizeof(told), "%s", lp_json_text(root, "text"));
		if (!lp_json_int(lp_json_get(root, "exit"), &exit) || exit == CLI_ERROR)
			return lp_cli_error("%s", told);
	}
	return code == LP_OK ? print((int)exit, told, output) : lp_cli_fail(&err);
}

int lp_cmd_trust(int argc, char **argv)
{
	const char *file = NULL;
	enum cli_output output = OUTPUT_TEXT;
	bool sure = false;
	const struct cli_option options[] = {
		CLI_CONFIG(file),
		{"yes", 'y', NULL, "do it", &sure, NULL, NULL, NULL},
		CLI_OUTPUT(output),
		CLI_END,
	};
	int exit = CLI_OK;

	if (lp_cli_parse(&help, options, argc, argv, &exit) < 0)
		return exit;
	if (strcmp(argv[1], "reset") != 0)
		return lp_cli_error("trust: no \"%s\"; did you mean \"limpet trust reset\"?",
				    argv[1]);
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	return reset(sure, output);
}

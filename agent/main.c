/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limpet: start here. A process is either a role that the supervisor started
 * (the table of roles), or a person's subcommand (the table of commands).
 */
#include "agent/cli/cli.h"
#include "agent/cli/commands.h"
#include "agent/cluster/role.h"
#include "agent/source/role.h"
#include "agent/supervisor/render_role.h"
#include "platform/crypto.h"
#include "platform/role.h"

#include <stdio.h>
#include <string.h>

/* Each does its work over the channel, behind walls of its own, and returns an exit code. */
static const struct role {
	const char *name;
	int (*run)(struct channel *channel);
} roles[] = {
	{"fetch", lp_fetch_role},     /* asks the Git server */
	{"render", lp_render_role},   /* verifies and renders one revision */
	{"cluster", lp_cluster_role}, /* speaks with the API server */
};

const struct command lp_commands[] = {
	{"run", lp_cmd_run, "run the agent in the foreground (what the service does)"},
	{"sync", lp_cmd_sync, "look at the branch and apply it now"},
	{"status", lp_cmd_status, "what runs here, and what was refused and why"},
	{"history", lp_cmd_history, "the revisions that are kept on this device"},
	{"events", lp_cmd_events, "what happened on this device, and what happens now"},
	{"rollback", lp_cmd_rollback, "apply a stored revision again and pin it"},
	{"resume", lp_cmd_resume, "end a rollback's pin or a suspension"},
	{"suspend", lp_cmd_suspend, "stop polling and applying until resume"},
	{"build", lp_cmd_build, "render a folder as the device would"},
	{"verify", lp_cmd_verify, "judge a commit as the device would"},
	{"keys", lp_cmd_keys, "import, list and check the keys that may sign"},
	{"release", lp_cmd_release, "raise a path's sequence and make the signed commit"},
	{"trust", lp_cmd_trust, "begin the trust of this device anew"},
	{"doctor", lp_cmd_doctor, "check this device, and say how to mend what is wrong"},
	{"version", lp_cmd_version, "version, libraries and their licences"},
	{"help", lp_cmd_help, "this text, or that of a subcommand"},
	{NULL, NULL, NULL},
};

static int run_role(const char *name, struct channel *channel)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strcmp(roles[i].name, name) == 0)
			return roles[i].run(channel);
	return lp_cli_error("no role \"%s\"", name);
}

static int unknown_command(const char *word)
{
	const char *names[sizeof(lp_commands) / sizeof(lp_commands[0])];
	size_t n = 0;

	for (const struct command *command = lp_commands; command->name; command++)
		names[n++] = command->name;
	names[n] = NULL;
	const char *nearest = lp_cli_nearest(word, names);
	if (nearest)
		lp_cli_error("no subcommand \"%s\"; did you mean \"limpet %s\"?", word, nearest);
	else
		lp_cli_error("no subcommand \"%s\"; limpet help lists all", word);
	return CLI_ERROR;
}

static int run_command(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "help";

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		word = "help";
	if (strcmp(word, "--version") == 0)
		word = "version";
	for (const struct command *command = lp_commands; command->name; command++)
		if (strcmp(command->name, word) == 0)
			return argc > 1 ? command->run(argc - 1, argv + 1) : command->run(1, argv);
	return unknown_command(word);
}

int main(int argc, char **argv)
{
	LP_AUTO(lp_channel_close) struct channel channel = {.fd = -1};
	const char *role = NULL;
	struct err err = {0};

	if (lp_role_enter(argc, argv, &role, &channel, &err) != LP_OK ||
	    lp_crypto_init(&err) != LP_OK)
		return lp_cli_fail(&err);
	return role ? run_role(role, &channel) : lp_cli_finish(run_command(argc, argv));
}

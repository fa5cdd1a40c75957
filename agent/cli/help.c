/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"
#include "agent/cli/commands.h"
#include "agent/config.h"

#include <stdio.h>
#include <string.h>

static void print_overview(void)
{
	printf("limpet keeps what a signed Git branch says running on this device's Kubernetes.\n\n"
	       "Usage: limpet COMMAND [options]\n\nCommands:\n");
	for (const struct command *command = lp_commands; command->name; command++)
		printf("  %-10s %s\n", command->name, command->summary);
	printf("\nlimpet COMMAND --help shows its options and examples;\n"
	       "limpet help config lists the keys of %s.\n",
	       LP_CONFIG_DEFAULT);
}

static int print_config(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(64 * LP_KIB);
	struct err err = {0};

	if (lp_config_reference(&text, &err) != LP_OK)
		return lp_cli_fail(&err);
	fputs(lp_buf_text(&text), stdout);
	return CLI_OK;
}

static const struct cli_help help = {
	.usage = "limpet help [COMMAND|config]",
	.about = "Lists the subcommands, or tells about one, or lists the configuration's keys.",
	.examples = "  limpet help rollback\n"
		    "  limpet help config",
	.operands_max = 1,
};

int lp_cmd_help(int argc, char **argv)
{
	const struct cli_option options[] = {CLI_END};
	char *words[] = {NULL, (char *)"--help", NULL};
	int exit = 0;
	int operands = lp_cli_parse(&help, options, argc, argv, &exit);

	if (operands < 0)
		return exit;
	if (operands == 0) {
		print_overview();
		return CLI_OK;
	}
	if (strcmp(argv[1], "config") == 0)
		return print_config();
	for (const struct command *command = lp_commands; command->name; command++) {
		if (strcmp(command->name, argv[1]) == 0) {
			words[0] = argv[1];
			return command->run(2, words);
		}
	}
	return lp_cli_error("no subcommand \"%s\"; limpet help lists all", argv[1]);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/annotations.h"
#include "agent/cli/cli.h"
#include "agent/cli/commands.h"
#include "agent/config.h"

#include <stdio.h>
#include <string.h>

#define HELP_BYTES (64u * LP_KIB)

static void print_overview(void)
{
	printf("limpet keeps what a signed Git branch says running on this device's Kubernetes.\n\n"
	       "Usage: limpet COMMAND [options]\n\nCommands:\n");
	for (const struct command *command = lp_commands; command->name; command++)
		printf("  %-10s %s\n", command->name, command->summary);
	printf("\nlimpet COMMAND --help shows its options and examples;\n"
	       "limpet help config lists the keys of %s,\n"
	       "limpet help annotations what objects can ask for.\n",
	       LP_CONFIG_DEFAULT);
}

static int print_overview_json(void)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (lp_json_new(HELP_BYTES, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *root = lp_json_obj(doc), *list = lp_json_arr(doc);
	for (const struct command *command = lp_commands; command->name; command++) {
		struct jval *row = lp_json_obj(doc);
		lp_json_put_str(doc, row, "name", command->name);
		lp_json_put_str(doc, row, "summary", command->summary);
		lp_json_add(list, row);
	}
	if (!lp_json_put(doc, root, "commands", list))
		return lp_cli_error("out of memory");
	return lp_cli_json(root);
}

static int print_config(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(HELP_BYTES);
	struct err err = {0};

	if (lp_config_reference(&text, &err) != LP_OK)
		return lp_cli_fail(&err);
	fputs(lp_buf_text(&text), stdout);
	return CLI_OK;
}

static int print_config_json(void)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (lp_json_new(HELP_BYTES, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *root = lp_json_obj(doc);
	if (!lp_json_put(doc, root, "keys", lp_config_reference_json(doc)))
		return lp_cli_error("out of memory");
	return lp_cli_json(root);
}

static int print_annotations(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(HELP_BYTES);
	struct err err = {0};

	if (lp_annotations_reference(&text, &err) != LP_OK)
		return lp_cli_fail(&err);
	fputs(lp_buf_text(&text), stdout);
	return CLI_OK;
}

static int print_annotations_json(void)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (lp_json_new(HELP_BYTES, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *root = lp_json_obj(doc);
	if (!lp_json_put(doc, root, "annotations", lp_annotations_reference_json(doc)))
		return lp_cli_error("out of memory");
	return lp_cli_json(root);
}

static const struct cli_help help = {
	.usage = "limpet help [COMMAND|config|annotations] [options]",
	.about =
		"Lists the subcommands, or tells about one, or lists the configuration's keys, or the\n"
		"annotations of objects that limpet heeds.",
	.examples = "  limpet help rollback\n"
		    "  limpet help config\n"
		    "  limpet help annotations\n"
		    "  limpet help -o json        the same for programs",
	.operands_max = 1,
};

static int help_of(const char *word, bool json)
{
	char *words[] = {NULL, json ? (char *)"--help=json" : (char *)"--help", NULL};

	if (strcmp(word, "config") == 0)
		return json ? print_config_json() : print_config();
	if (strcmp(word, "annotations") == 0)
		return json ? print_annotations_json() : print_annotations();
	for (const struct command *command = lp_commands; command->name; command++) {
		if (strcmp(command->name, word) == 0) {
			words[0] = (char *)command->name;
			return command->run(2, words);
		}
	}
	return lp_cli_error("no subcommand \"%s\"; limpet help lists all", word);
}

int lp_cmd_help(int argc, char **argv)
{
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {CLI_OUTPUT(output), CLI_END};
	int exit = CLI_OK;

	int operands = lp_cli_parse(&help, options, argc, argv, &exit);
	if (operands < 0)
		return exit;
	if (operands > 0)
		return help_of(argv[1], output == OUTPUT_JSON);
	if (output == OUTPUT_JSON)
		return print_overview_json();
	print_overview();
	return CLI_OK;
}

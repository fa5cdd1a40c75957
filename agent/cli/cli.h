/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_CLI_H
#define LIMPET_AGENT_CLI_CLI_H
/*
 * What every subcommand shares: options from a table, help with examples, one
 * way to say that something went wrong, text or JSON output.
 *
 * A subcommand is one file with `int lp_cmd_NAME(int argc, char **argv)`, where argv[0]
 * is the subcommand's own name, and a line in the table of agent/main.c.
 */
#include "platform/buf.h"
#include "platform/json.h"
#include "platform/limits.h"

enum {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_ERROR = 2
}; /* exit codes; status and verify say their own */

enum cli_output { OUTPUT_TEXT, OUTPUT_JSON };

#define CLI_LIST_MAX 32 /* values of an option that may be given many times */

/* One option. Exactly one of flag, text, output and list says where its value goes. */
struct cli_option {
	const char *name;  /* "config": --config; NULL ends the table */
	char letter;       /* 'c', or 0 */
	const char *value; /* "FILE" in the help; NULL for a flag */
	const char *help;
	bool *flag;
	const char **text;
	enum cli_output *output;
	const char **list; /* CLI_LIST_MAX + 1 places, NULL at first: the values in order */
};

#define CLI_CONFIG(to)                                                                             \
	{                                                                                          \
		"config", 'c', "FILE", "configuration file (default " LP_CONFIG_DEFAULT ")", NULL, \
			&(to), NULL                                                                \
	}
#define CLI_OUTPUT(to)                                                                       \
	{                                                                                    \
		"output", 'o', "text|json", "how to print (default text)", NULL, NULL, &(to) \
	}
#define CLI_END                                       \
	{                                             \
		NULL, 0, NULL, NULL, NULL, NULL, NULL \
	}

struct cli_help {
	const char *usage;    /* "limpet rollback [REVISION] [options]" */
	const char *about;    /* what it does, for a person; lines of at most 80 columns */
	const char *examples; /* each line "  limpet ...   what that does" */
	int operands_min, operands_max;
};

/*
 * Every subcommand has --help; --help=json prints the same for programs.
 *
 * Reads the options of argv[1..] into their places and moves the operands to argv[1..n].
 * Returns n; or -1 after it has printed help (*ret_exit CLI_OK) or what is wrong with the
 * words and the way out (*ret_exit CLI_ERROR).
 */
int lp_cli_parse(const struct cli_help *help, const struct cli_option *options, int argc,
		 char **argv, int *ret_exit);

/*
 * main() hands every exit code through this. A subcommand that was asked for JSON and failed
 * before it printed any gets {"exit": CODE, "text": what was said on stderr}. Returns exit.
 */
int lp_cli_finish(int exit);

/* Prints "limpet: message" (and the rest of a multi-line text) to stderr; returns CLI_ERROR. */
int lp_cli_fail(const struct err *err);
int lp_cli_error(const char *fmt, ...) LP_PRINTF(1, 2);
/* Prints lines that name their own place, "file:line: ...", to stderr as they are. */
void lp_cli_lines(const char *text);

/* Prints v as JSON with a newline to stdout; CLI_OK, or CLI_ERROR when stdout is gone. */
int lp_cli_json(const struct jval *v);

/* A subcommand that was asked for JSON has printed some by itself: lp_cli_finish adds none. */
void lp_cli_answered(void);

/* The nearest of names (ended by NULL) to a mistyped word, or NULL when none is near. */
const char *lp_cli_nearest(const char *word, const char *const *names);

/* Whether stdout is a terminal that shows colour (NO_COLOR unset). */
bool lp_cli_colour(void);

/* Escape sequences when lp_cli_colour, "" otherwise. */
const char *lp_cli_green(void);
const char *lp_cli_yellow(void);
const char *lp_cli_red(void);
const char *lp_cli_dim(void);
const char *lp_cli_plain(void);
#endif

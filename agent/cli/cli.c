/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX  24
#define JSON_OUT_MAX (64u * 1024 * 1024)
#define HELP_OPTION  1000

static void print_help(const struct cli_help *help, const struct cli_option *options)
{
	printf("Usage: %s\n\n%s\n\nOptions:\n", help->usage, help->about);
	for (const struct cli_option *option = options; option->name; option++) {
		char name[64];
		snprintf(name, sizeof(name), "%c%c%s--%s%s%s", option->letter ? '-' : ' ',
			 option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
			 option->name, option->value ? " " : "",
			 option->value ? option->value : "");
		printf("  %-28s %s\n", name, option->help);
	}
	printf("  %-28s %s\n", "-h, --help", "this text");
	if (help->examples)
		printf("\nExamples:\n%s\n", help->examples);
}

static bool store(const struct cli_option *option, const char *value)
{
	if (option->flag)
		*option->flag = true;
	else if (option->text)
		*option->text = value;
	else if (strcmp(value, "json") == 0)
		*option->output = OUTPUT_JSON;
	else if (strcmp(value, "text") == 0)
		*option->output = OUTPUT_TEXT;
	else
		return false;
	return true;
}

/* Fills what getopt_long wants from our table. */
static void tables(const struct cli_option *options, struct option *longs, char *shorts)
{
	int n = 0;

	*shorts++ = ':'; /* so that a missing value is told from an unknown option */
	for (; options[n].name && n < OPTIONS_MAX - 2; n++) {
		longs[n] = (struct option){options[n].name,
					   options[n].value ? required_argument : no_argument, NULL,
					   n};
		if (options[n].letter) {
			*shorts++ = options[n].letter;
			if (options[n].value)
				*shorts++ = ':';
		}
	}
	longs[n++] = (struct option){"help", no_argument, NULL, HELP_OPTION};
	longs[n] = (struct option){0};
	*shorts++ = 'h';
	*shorts = '\0';
}

static const struct cli_option *find(const struct cli_option *options, int code)
{
	for (int i = 0; options[i].name; i++)
		if (code == i || (code > 31 && options[i].letter == code))
			return &options[i];
	return NULL;
}

static int wrong(const struct cli_help *help, int *ret_exit)
{
	fprintf(stderr, "Usage: %s\nSee it with --help for options and examples.\n", help->usage);
	*ret_exit = CLI_ERROR;
	return -1;
}

int lp_cli_parse(const struct cli_help *help, const struct cli_option *options, int argc,
		 char **argv, int *ret_exit)
{
	struct option longs[OPTIONS_MAX];
	char shorts[2 * OPTIONS_MAX + 3];
	int code;

	tables(options, longs, shorts);
	optind = 1;
	opterr = 0; /* getopt would not say whose message it is */
	while ((code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (code == 'h' || code == HELP_OPTION) {
			print_help(help, options);
			*ret_exit = CLI_OK;
			return -1;
		}
		const struct cli_option *option = NULL;
		if (code != '?' && code != ':')
			option = find(options, code);
		if (!option) {
			lp_cli_error(code == ':' ? "%s: %s needs a value" : "%s: no option %s",
				     argv[0], argv[optind - 1]);
			return wrong(help, ret_exit);
		}
		if (!store(option, optarg)) {
			lp_cli_error("--%s %s: expected %s", option->name, optarg, option->value);
			return wrong(help, ret_exit);
		}
	}
	int operands = argc - optind;
	for (int i = 0; i < operands; i++)
		argv[1 + i] = argv[optind + i];
	if (operands >= help->operands_min && operands <= help->operands_max)
		return operands;
	if (operands < help->operands_min)
		lp_cli_error("%s: something is missing", argv[0]);
	else
		lp_cli_error("%s: do not know what to do with \"%s\"", argv[0],
			     argv[1 + help->operands_max]);
	return wrong(help, ret_exit);
}

int lp_cli_fail(const struct err *err)
{
	return lp_cli_error("%s", err->msg);
}

int lp_cli_error(const char *fmt, ...)
{
	va_list args;

	fputs("limpet: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return CLI_ERROR;
}

int lp_cli_json(const struct jval *v)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(JSON_OUT_MAX);
	struct err err = {0};

	if (lp_json_write_pretty(v, &text, &err) != LP_OK)
		return lp_cli_fail(&err);
	if (fwrite(lp_buf_text(&text), 1, text.len, stdout) != text.len || fputc('\n', stdout) < 0)
		return lp_cli_error("standard output cannot be written");
	return CLI_OK;
}

/* Letters in common at the front and in total: enough to guess a mistyped word. */
static int likeness(const char *word, const char *name)
{
	int same = 0;
	size_t front = 0;

	while (word[front] && word[front] == name[front])
		front++;
	for (const char *c = word; *c; c++)
		same += strchr(name, *c) != NULL;
	return (int)front * 2 + same;
}

const char *lp_cli_nearest(const char *word, const char *const *names)
{
	const char *best = NULL;
	int best_likeness = (int)strlen(word);

	for (; *names; names++) {
		int here = likeness(word, *names);
		if (here > best_likeness) {
			best = *names;
			best_likeness = here;
		}
	}
	return best;
}

bool lp_cli_colour(void)
{
	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}

static const char *escape(const char *sequence)
{
	return lp_cli_colour() ? sequence : "";
}

const char *lp_cli_green(void)
{
	return escape("\033[32m");
}

const char *lp_cli_yellow(void)
{
	return escape("\033[33m");
}

const char *lp_cli_red(void)
{
	return escape("\033[31m");
}

const char *lp_cli_dim(void)
{
	return escape("\033[2m");
}

const char *lp_cli_plain(void)
{
	return escape("\033[0m");
}

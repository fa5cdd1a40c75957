/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"

#include "platform/text.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX  24
#define JSON_OUT_MAX (64u * 1024 * 1024)
#define HELP_OPTION  1000
#define HELP_BYTES   (64u * LP_KIB)
#define SAID_BYTES   (32u * LP_KIB) /* what is past it is on stderr only */

/* What a program that asked for JSON is still owed when the subcommand ends. */
static struct {
	bool json;     /* it asked */
	bool answered; /* and has got it */
	struct buf said;
} owed = {.said = LP_BUF(SAID_BYTES)};

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

/* {"usage", "about", "options": [{"name", "letter", "value", "help"}], "examples"} */
static int print_help_json(const struct cli_help *help, const struct cli_option *options)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (lp_json_new(HELP_BYTES, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *root = lp_json_obj(doc), *list = lp_json_arr(doc);
	lp_json_put_str(doc, root, "usage", help->usage);
	lp_json_put_str(doc, root, "about", help->about);
	for (const struct cli_option *option = options; option->name; option++) {
		struct jval *row = lp_json_obj(doc);
		lp_json_put_str(doc, row, "name", option->name);
		if (option->letter)
			lp_json_put_str(doc, row, "letter", (char[]){option->letter, '\0'});
		if (option->value)
			lp_json_put_str(doc, row, "value", option->value);
		lp_json_put_str(doc, row, "help", option->help);
		lp_json_add(list, row);
	}
	lp_json_put(doc, root, "options", list);
	if (!lp_json_put_str(doc, root, "examples", help->examples ? help->examples : ""))
		return lp_cli_error("out of memory");
	return lp_cli_json(root);
}

static int show_help(const struct cli_help *help, const struct cli_option *options, const char *how)
{
	if (how && strcmp(how, "json") == 0)
		return print_help_json(help, options);
	if (how && strcmp(how, "text") != 0)
		return lp_cli_error("--help=%s: expected --help=text or --help=json", how);
	print_help(help, options);
	return CLI_OK;
}

static bool append(const char **list, const char *value)
{
	size_t n = 0;

	while (list[n])
		n++;
	if (n < CLI_LIST_MAX)
		list[n] = value;
	return n < CLI_LIST_MAX;
}

static bool store(const struct cli_option *option, const char *value)
{
	if (option->flag)
		*option->flag = true;
	else if (option->text)
		*option->text = value;
	else if (option->list)
		return append(option->list, value);
	else if (strcmp(value, "json") == 0)
		*option->output = OUTPUT_JSON;
	else if (strcmp(value, "text") == 0)
		*option->output = OUTPUT_TEXT;
	else
		return false;
	if (option->output)
		owed.json = *option->output == OUTPUT_JSON;
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
	longs[n++] = (struct option){"help", optional_argument, NULL, HELP_OPTION};
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

/* getopt says in optopt which letter it was, among several in one word or of an option. */
static void wrong_option(const char *command, const char *word, bool needs_value)
{
	char letter[] = {'-', (char)optopt, '\0'};

	if (optopt > ' ' && optopt < 0x7f)
		word = letter;
	lp_cli_error(needs_value ? "%s: %s needs a value" : "%s: no option %s", command, word);
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
			*ret_exit = show_help(help, options, optarg);
			return -1;
		}
		const struct cli_option *option = NULL;
		if (code != '?' && code != ':')
			option = find(options, code);
		if (!option) {
			wrong_option(argv[0], argv[optind - 1], code == ':');
			return wrong(help, ret_exit);
		}
		if (!store(option, optarg)) {
			lp_cli_error("--%s %s: expected %s%s", option->name, optarg,
				     option->list ? "no more than 32 times " : "", option->value);
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

static void remember(const char *text)
{
	struct err ignored = {0};
	size_t n = strlen(text);

	while (n && text[n - 1] == '\n')
		n--;
	if (lp_buf_printf(&owed.said, &ignored, "%s%.*s", owed.said.len ? "\n" : "", (int)n,
			  text) != LP_OK)
		return; /* it is on stderr */
}

int lp_cli_error(const char *fmt, ...)
{
	char text[2 * LP_ERR_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	lp_trim_cut(text);
	fprintf(stderr, "limpet: %s\n", text);
	remember(text);
	return CLI_ERROR;
}

void lp_cli_lines(const char *text)
{
	fputs(text, stderr);
	remember(text);
}

int lp_cli_finish(int exit)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (exit && owed.json && !owed.answered &&
	    lp_json_new(4 * SAID_BYTES, &doc, &err) == LP_OK) {
		struct jval *v = lp_json_obj(doc);
		lp_json_put_int(doc, v, "exit", exit);
		lp_json_put_str(doc, v, "text", lp_buf_text(&owed.said));
		lp_cli_json(v);
	}
	lp_buf_free(&owed.said);
	return exit;
}

void lp_cli_answered(void)
{
	owed.answered = true;
}

int lp_cli_json(const struct jval *v)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(JSON_OUT_MAX);
	struct err err = {0};

	lp_cli_answered();
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

/* SPDX-License-Identifier: Apache-2.0 */
/* limpet keys: the files that say who may sign, listed and checked. */
#include "agent/cli/keys.h"

#include "agent/cli/cli.h"
#include "agent/cli/commands.h"
#include "agent/trust/pgp_keys.h"
#include "agent/trust/signers.h"
#include "platform/clock.h"
#include "platform/fs.h"

#include <stdio.h>
#include <string.h>

/* A file of keys, of either kind. */
struct key_file {
	bool is_pgp;
	struct pgp_keys pgp;
	struct signers ssh;
};

static void free_file(struct key_file *f)
{
	lp_pgp_keys_free(&f->pgp);
	lp_signers_free(&f->ssh);
}

/* Copies the word at *at, cut to fit, and moves on to the next one. */
static void next_word(const char **at, const char *end, char *to, size_t size)
{
	size_t n = 0;

	for (; *at < end && **at != ' ' && **at != '\t' && **at != '\n'; (*at)++)
		if (n + 1 < size)
			to[n++] = **at;
	to[n] = '\0';
	while (*at < end && (**at == ' ' || **at == '\t'))
		(*at)++;
}

/*
 * Which kind it is, by its first key: an algorithm's name and then base64 is a line of ours. In
 * allowed_signers it would be a principal, and an option or a key type follows, which no base64
 * is: they have a '-' or a '"' in them.
 */
static bool looks_like_pgp(struct slice text)
{
	const char *at = (const char *)text.data, *end = at + text.len;
	char first[16], second[LP_PGP_KEYS_LINE];

	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		while (at < end && (*at == ' ' || *at == '\t'))
			at++;
		if (at < end && *at != '#' && *at != '\n' && *at != '\r') {
			next_word(&at, end, first, sizeof(first));
			next_word(&at, end, second, sizeof(second));
			return lp_pgp_algorithm(first) != PGP_OTHER && !strpbrk(second, "-\"");
		}
		at = eol ? eol + 1 : end;
	}
	return false;
}

static enum lp_code load(const char *path, struct key_file *ret, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_PGP_KEYS_BYTES);

	LP_TRY(lp_file_read(path, &text, err));
	ret->is_pgp = looks_like_pgp(LP_SLICE_OF(&text));
	return ret->is_pgp ? lp_pgp_keys_parse(LP_SLICE_OF(&text), path, &ret->pgp, err)
			   : lp_signers_parse(LP_SLICE_OF(&text), path, &ret->ssh, err);
}

int lp_keys_fail(const struct err *err)
{
	bool is_content =
		strchr(err->msg, ':') && (err->code == LP_LIMIT || err->code == LP_REJECTED ||
					  (err->code == LP_CONFIG && !err->os_errno));

	if (err->code == LP_CONFIG && is_content) {
		char text[LP_ERR_MAX + 2];
		snprintf(text, sizeof(text), "%s\n", err->msg);
		lp_cli_lines(text);
	} else {
		lp_cli_fail(err);
	}
	return is_content ? CLI_FAILED : CLI_ERROR;
}

static const char *date(int64_t time_s, char to[LP_TIME_TEXT])
{
	if (!time_s)
		return "-";
	lp_time_text(time_s, to);
	return to;
}

void lp_keys_put_date(struct json *doc, struct jval *obj, const char *name, int64_t time_s)
{
	char text[LP_TIME_TEXT];

	lp_json_put(doc, obj, name,
		    time_s ? lp_json_new_str(doc, lp_time_text(time_s, text)) : lp_json_null(doc));
}

void lp_keys_put_pgp(struct json *doc, struct jval *obj, const struct pgp_key *key)
{
	char fingerprint[LP_PGP_FINGERPRINT_TEXT];

	lp_json_put_str(doc, obj, "algorithm", key->name);
	lp_json_put_int(doc, obj, "bits", key->bits);
	lp_json_put_str(doc, obj, "fingerprint", lp_pgp_fingerprint(key, fingerprint));
	lp_keys_put_date(doc, obj, "created", key->created_s);
}

static void list_pgp_json(struct json *doc, struct jval *list, const struct pgp_line *line)
{
	struct jval *row = lp_json_obj(doc);

	lp_json_put_int(doc, row, "line", line->number);
	lp_keys_put_pgp(doc, row, &line->key);
	lp_keys_put_date(doc, row, "expires", line->expires_s);
	lp_json_put_str(doc, row, "label", line->label);
	lp_json_add(list, row);
}

static void list_ssh_json(struct json *doc, struct jval *list, const struct signer *line)
{
	struct jval *row = lp_json_obj(doc);
	char name[64], fingerprint[LP_FINGERPRINT_TEXT];

	snprintf(name, sizeof(name), "%.*s", (int)line->key.name.len,
		 (const char *)line->key.name.data);
	lp_json_put_int(doc, row, "line", line->line);
	lp_json_put_str(doc, row, "algorithm", name);
	lp_json_put_int(doc, row, "bits", line->key.bits);
	lp_json_put_str(doc, row, "fingerprint", lp_ssh_fingerprint(line->key.blob, fingerprint));
	lp_keys_put_date(doc, row, "validAfter", line->valid_after_s);
	lp_keys_put_date(doc, row, "validBefore", line->valid_before_s);
	lp_json_put_str(doc, row, "principals", line->principals);
	if (line->namespaces)
		lp_json_put_str(doc, row, "namespaces", line->namespaces);
	lp_json_put_bool(doc, row, "certAuthority", line->cert_authority);
	lp_json_add(list, row);
}

static int list_json(const struct key_file *f)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (lp_json_new(LP_KEYS_JSON, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *root = lp_json_obj(doc), *list = lp_json_arr(doc);
	for (size_t i = 0; i < f->pgp.len; i++)
		list_pgp_json(doc, list, &f->pgp.list[i]);
	for (size_t i = 0; i < f->ssh.len; i++)
		list_ssh_json(doc, list, &f->ssh.list[i]);
	lp_json_put_str(doc, root, "format", f->is_pgp ? "openpgp" : "allowed_signers");
	if (!lp_json_put(doc, root, "keys", list))
		return lp_cli_error("out of memory");
	return lp_cli_json(root);
}

static void list_text(const struct key_file *f)
{
	char from[LP_TIME_TEXT], until[LP_TIME_TEXT], fingerprint[LP_FINGERPRINT_TEXT];

	printf("%4s  %-20s %4s  %-50s  %-20s  %-20s  %s\n", "LINE", "ALGORITHM", "BITS",
	       "FINGERPRINT", "FROM", "UNTIL", "WHO");
	for (size_t i = 0; i < f->pgp.len; i++) {
		const struct pgp_line *line = &f->pgp.list[i];
		printf("%4u  %-20s %4u  %-50s  %-20s  %-20s  %s\n", line->number, line->key.name,
		       line->key.bits, lp_pgp_fingerprint(&line->key, fingerprint),
		       date(line->key.created_s, from), date(line->expires_s, until), line->label);
	}
	for (size_t i = 0; i < f->ssh.len; i++) {
		const struct signer *line = &f->ssh.list[i];
		printf("%4u  %-20.*s %4u  %-50s  %-20s  %-20s  %s%s\n", line->line,
		       (int)line->key.name.len, (const char *)line->key.name.data, line->key.bits,
		       lp_ssh_fingerprint(line->key.blob, fingerprint),
		       date(line->valid_after_s, from), date(line->valid_before_s, until),
		       line->principals, line->cert_authority ? " (certificate authority)" : "");
	}
}

static const struct cli_help list_help = {
	.usage = "limpet keys list FILE [options]",
	.about =
		"Lists the keys of a file: allowed_signers, or OpenPGP keys as limpet keys import\n"
		"writes them.\n\n"
		"Exit: 0 listed, 1 something in it is wrong, 2 it cannot be read.",
	.examples = "  limpet keys list /etc/limpet/allowed_signers\n"
		    "  limpet keys list openpgp.keys -o json",
	.operands_min = 1,
	.operands_max = 1,
};

static int list(int argc, char **argv)
{
	LP_AUTO(free_file) struct key_file file = {0};
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {CLI_OUTPUT(output), CLI_END};
	struct err err = {0};
	int exit = CLI_OK;

	if (lp_cli_parse(&list_help, options, argc, argv, &exit) < 0)
		return exit;
	if (load(argv[1], &file, &err) != LP_OK)
		return lp_keys_fail(&err);
	if (output == OUTPUT_JSON)
		return list_json(&file);
	list_text(&file);
	return CLI_OK;
}

static const struct cli_help check_help = {
	.usage = "limpet keys check FILE [options]",
	.about =
		"Says whether a device could read a file of keys: allowed_signers, or OpenPGP keys\n"
		"as limpet keys import writes them. What is wrong is told as file:line.\n\n"
		"Exit: 0 good, 1 something in it is wrong, 2 it cannot be read.",
	.examples = "  limpet keys check /etc/limpet/allowed_signers\n"
		    "  limpet keys check openpgp.keys && scp openpgp.keys device:/etc/limpet/",
	.operands_min = 1,
	.operands_max = 1,
};

static int tell_good(const char *path, const struct key_file *f, enum cli_output output)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	size_t n = f->is_pgp ? f->pgp.len : f->ssh.len;
	struct err err = {0};

	if (output == OUTPUT_TEXT) {
		printf("%s: good: %zu key%s of %s\n", path, n, n == 1 ? "" : "s",
		       f->is_pgp ? "OpenPGP" : "SSH (allowed_signers)");
		return CLI_OK;
	}
	if (lp_json_new(LP_KEYS_JSON, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *root = lp_json_obj(doc);
	lp_json_put_str(doc, root, "format", f->is_pgp ? "openpgp" : "allowed_signers");
	if (!lp_json_put_int(doc, root, "keys", (int64_t)n))
		return lp_cli_error("out of memory");
	return lp_cli_json(root);
}

static int check(int argc, char **argv)
{
	LP_AUTO(free_file) struct key_file file = {0};
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {CLI_OUTPUT(output), CLI_END};
	struct err err = {0};
	int exit = CLI_OK;

	if (lp_cli_parse(&check_help, options, argc, argv, &exit) < 0)
		return exit;
	if (load(argv[1], &file, &err) != LP_OK)
		return lp_keys_fail(&err);
	return tell_good(argv[1], &file, output);
}

static const struct cli_help help = {
	.usage = "limpet keys (import FILE.asc | list FILE | check FILE) [options]",
	.about =
		"The keys that may sign: import takes OpenPGP public keys into a file for devices;\n"
		"list and check read such a file, or allowed_signers. Each has its own --help.",
	.examples = "  limpet keys import ann.asc --to openpgp.keys\n"
		    "  limpet keys list openpgp.keys\n"
		    "  limpet keys check allowed_signers",
	.operands_min = 1,
	.operands_max = 1,
};

static const struct {
	const char *word, *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{"import", "keys import", lp_keys_import},
	{"list", "keys list", list},
	{"check", "keys check", check},
};

int lp_cmd_keys(int argc, char **argv)
{
	static const char *const words[] = {"import", "list", "check", NULL};
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_option options[] = {CLI_OUTPUT(output), CLI_END};
	int exit = CLI_OK;

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(argv[1], verbs[i].word) != 0)
			continue;
		argv[1] = (char *)verbs[i].name;
		return verbs[i].run(argc - 1, argv + 1);
	}
	if (lp_cli_parse(&help, options, argc, argv, &exit) < 0)
		return exit;
	const char *nearest = lp_cli_nearest(argv[1], words);
	return lp_cli_error("keys: no \"%s\"; did you mean \"limpet keys %s\"?", argv[1],
			    nearest ? nearest : "list");
}

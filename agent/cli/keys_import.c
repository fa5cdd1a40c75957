/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limpet keys import: certificates of OpenPGP are evaluated here, on a workstation;
 * a device reads nothing but the bare keys that come of it.
 */
#include "agent/cli/cli.h"
#include "agent/cli/keys.h"
#include "agent/trust/pgp_import.h"
#include "agent/trust/pgp_keys.h"
#include "platform/clock.h"
#include "platform/fs.h"

#include <stdio.h>
#include <string.h>

#define FILE_BYTES (2u * LP_PGP_IMPORT_BYTES) /* armor is a third larger than what is in it */

static const char *expiry_of(const struct pgp_imported *k, char to[LP_TIME_TEXT])
{
	return k->expires_s ? lp_time_text(k->expires_s, to) : "never";
}

static const struct pgp_line *line_of(const struct pgp_keys *keys, const struct pgp_imported *k)
{
	for (size_t i = 0; i < keys->len; i++)
		if (memcmp(keys->list[i].key.fingerprint, k->key.fingerprint, LP_SHA1_BYTES) == 0)
			return &keys->list[i];
	return NULL;
}

/* What is said about one key, to people; what the file has of it already is told too. */
static void tell_key(FILE *to, const struct pgp_imported *k, const struct pgp_line *old)
{
	char fingerprint[LP_PGP_FINGERPRINT_TEXT], until[LP_TIME_TEXT], bits[24] = "";

	if (k->key.algorithm == PGP_RSA)
		snprintf(bits, sizeof(bits), " of %u bits", k->key.bits);
	fprintf(to, "%s %s (%s%s): ", k->is_primary ? "key" : "  subkey",
		lp_pgp_fingerprint(&k->key, fingerprint), k->key.name, bits);
	if (!k->is_taken)
		fprintf(to, "not taken: %s\n", k->reason);
	else if (old && old->expires_s == k->expires_s)
		fprintf(to, "is there already, in line %u\n", old->number);
	else
		fprintf(to, "taken%s for %s, expires: %s\n", old ? " in place of its old line" : "",
			k->label, expiry_of(k, until));
	if (!k->is_taken && old)
		fprintf(to, "    line %u of the file still has it: remove that line\n",
			old->number);
}

static int tell_json(const struct pgp_import *import, const struct pgp_keys *old)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (lp_json_new(LP_KEYS_JSON, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *root = lp_json_obj(doc), *list = lp_json_arr(doc);
	for (size_t i = 0; i < import->len; i++) {
		const struct pgp_imported *k = &import->list[i];
		const struct pgp_line *line = line_of(old, k);
		struct jval *row = lp_json_obj(doc);

		lp_keys_put_pgp(doc, row, &k->key);
		lp_keys_put_date(doc, row, "expires", k->expires_s);
		lp_json_put_bool(doc, row, "primary", k->is_primary);
		lp_json_put_str(doc, row, "label", k->label);
		lp_json_put_bool(doc, row, "taken", k->is_taken);
		lp_json_put_str(doc, row, "reason", k->reason);
		lp_json_put_bool(doc, row, "stillInFile", line && !k->is_taken);
		lp_json_add(list, row);
	}
	if (!lp_json_put(doc, root, "keys", list))
		return lp_cli_error("out of memory");
	return lp_cli_json(root);
}

/* Appends a file without the lines whose number is in dropped, which rise. */
static enum lp_code copy_lines(struct slice text, const unsigned *dropped, size_t n_dropped,
			       struct buf *out, struct err *err)
{
	for (unsigned number = 1; text.len; number++) {
		const uint8_t *eol = memchr(text.data, '\n', text.len);
		size_t n = eol ? (size_t)(eol - text.data) + 1 : text.len;
		bool is_dropped = false;

		for (size_t i = 0; i < n_dropped; i++)
			is_dropped = is_dropped || dropped[i] == number;
		if (!is_dropped)
			LP_TRY(lp_buf_append(out, text.data, n, err));
		if (!is_dropped && !eol)
			LP_TRY(lp_buf_byte(out, '\n', err));
		text = (struct slice){text.data + n, text.len - n};
	}
	return LP_OK;
}

/* The new content of the file: its lines, but for those of keys whose dates changed; then ours. */
static enum lp_code merge(const struct pgp_import *import, struct slice text,
			  const struct pgp_keys *old, struct buf *out, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf added = LP_BUF(LP_PGP_KEYS_BYTES);
	unsigned dropped[LP_PGP_KEYS_LINES];
	size_t n_dropped = 0;

	for (size_t i = 0; i < import->len; i++) {
		const struct pgp_imported *k = &import->list[i];
		const struct pgp_line *line = line_of(old, k);

		if (!k->is_taken || (line && line->expires_s == k->expires_s))
			continue;
		if (line && n_dropped < LP_PGP_KEYS_LINES)
			dropped[n_dropped++] = line->number;
		LP_TRY(lp_pgp_keys_write(&k->key, k->expires_s, k->label, &added, err));
	}
	LP_TRY(copy_lines(text, dropped, n_dropped, out, err));
	return added.len ? lp_buf_append(out, added.data, added.len, err) : LP_OK;
}

struct import_request {
	const char *from, *to;
	enum cli_output output;
};

/* Reads the file that is added to, unless it is not there yet. */
static enum lp_code read_old(const char *path, struct buf *text, struct pgp_keys *ret,
			     struct err *err)
{
	enum lp_code code = path ? lp_file_read(path, text, err) : LP_NOT_FOUND;

	if (code != LP_OK && code != LP_NOT_FOUND)
		return code;
	return lp_pgp_keys_parse(LP_SLICE_OF(text), path ? path : "", ret, err);
}

/* Writes what was taken: into the file when there is news for it, or to standard output. */
static enum lp_code write_keys(const struct import_request *request,
			       const struct pgp_import *import, struct slice text,
			       const struct pgp_keys *old, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(LP_PGP_KEYS_BYTES);
	LP_AUTO(lp_pgp_keys_free) struct pgp_keys again = {0};

	LP_TRY(merge(import, text, old, &out, err));
	LP_TRY(lp_pgp_keys_parse(LP_SLICE_OF(&out), request->to ? request->to : "what it makes",
				 &again, err));
	if (!request->to) {
		if (request->output == OUTPUT_TEXT)
			fputs(lp_buf_text(&out), stdout);
		return LP_OK;
	}
	if (!out.len || lp_slice_equal(LP_SLICE_OF(&out), text))
		return LP_OK;
	return lp_file_write(request->to, out.data, out.len, 0644, err);
}

/* 0 when a key was taken and nothing in the file is known to be void. */
static int import_exit(const struct pgp_import *import, const struct pgp_keys *old)
{
	bool any = false, stale = false;

	for (size_t i = 0; i < import->len; i++) {
		any = any || import->list[i].is_taken;
		stale = stale || (!import->list[i].is_taken && line_of(old, &import->list[i]));
	}
	return any && !stale ? CLI_OK : CLI_FAILED;
}

static int run_import(const struct import_request *request)
{
	LP_AUTO(lp_buf_free) struct buf file = LP_BUF(FILE_BYTES);
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_PGP_KEYS_BYTES);
	LP_AUTO(lp_pgp_import_free) struct pgp_import import = {0};
	LP_AUTO(lp_pgp_keys_free) struct pgp_keys old = {0};
	struct err err = {0};

	if (lp_file_read(request->from, &file, &err) != LP_OK)
		return lp_cli_fail(&err);
	if (lp_pgp_import(LP_SLICE_OF(&file), lp_wall_s(), &import, &err) != LP_OK) {
		lp_err_wrap(&err, "%s", request->from);
		return lp_keys_fail(&err);
	}
	if (read_old(request->to, &text, &old, &err) != LP_OK ||
	    write_keys(request, &import, LP_SLICE_OF(&text), &old, &err) != LP_OK)
		return lp_cli_fail(&err);
	if (request->output == OUTPUT_JSON && tell_json(&import, &old) != CLI_OK)
		return CLI_ERROR;
	for (size_t i = 0; request->output == OUTPUT_TEXT && i < import.len; i++)
		tell_key(request->to ? stdout : stderr, &import.list[i],
			 line_of(&old, &import.list[i]));
	return import_exit(&import, &old);
}

static const struct cli_help import_help = {
	.usage = "limpet keys import FILE.asc [--to KEYS] [options]",
	.about =
		"Reads OpenPGP public keys, as gpg --export writes them, judges which of them may\n"
		"sign (self-signatures, bindings, expiry, revocation, flags; nothing over SHA-1)\n"
		"and adds those to a file for devices, one line each. For each key that is not\n"
		"taken it says why. A key whose expiry was moved gets its line anew. Without --to\n"
		"the lines go to standard output.\n\n"
		"Exit: 0 taken, 1 no key may sign or the file has one that no longer may, 2 could\n"
		"not be done.",
	.examples =
		"  gpg --armor --export ann@example.com > ann.asc\n"
		"  limpet keys import ann.asc                     what would be written, and why\n"
		"  limpet keys import ann.asc --to openpgp.keys   adds it",
	.operands_min = 1,
	.operands_max = 1,
};

int lp_keys_import(int argc, char **argv)
{
	struct import_request request = {.output = OUTPUT_TEXT};
	const struct cli_option options[] = {
		{"to", 't', "KEYS", "file of OpenPGP keys that it is added to", NULL, &request.to,
		 NULL},
		CLI_OUTPUT(request.output),
		CLI_END,
	};
	int exit = CLI_OK;

	if (lp_cli_parse(&import_help, options, argc, argv, &exit) < 0)
		return exit;
	request.from = argv[1];
	return run_import(&request);
}

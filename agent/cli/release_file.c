/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/release_file.h"

#include "platform/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A run of bytes of the text. */
struct span {
	size_t from, to;
};

static size_t line_end(const struct buf *text, size_t at)
{
	while (at < text->len && text->data[at] != '\n')
		at++;
	return at;
}

static size_t next_line(const struct buf *text, size_t at)
{
	at = line_end(text, at);
	return at < text->len ? at + 1 : at;
}

/* Where the line "key:" begins that is not indented; false when there is none. */
static bool find_line(const struct buf *text, const char *key, size_t *ret)
{
	size_t n = strlen(key);

	for (size_t at = 0; at < text->len; at = next_line(text, at)) {
		const char *line = (const char *)text->data + at;
		if (strncmp(line, key, n) == 0 && line[n] == ':' &&
		    (line[n + 1] == '\0' || strchr(" \t\r\n", line[n + 1]))) {
			*ret = at;
			return true;
		}
	}
	return false;
}

/* The value on the line of key, without the blanks and the comment after it. */
static struct span value_of(const struct buf *text, size_t line, const char *key)
{
	size_t end = line_end(text, line), from = line + strlen(key) + 1;
	const char *data = (const char *)text->data;

	while (from < end && strchr(" \t", data[from]))
		from++;
	size_t to = from;
	while (to < end && !(data[to] == '#' && strchr(" \t", data[to - 1])))
		to++;
	while (to > from && strchr(" \t\r", data[to - 1]))
		to--;
	return (struct span){from, to};
}

/* The line "audience:" and the lines of its list, which begin with a blank or '-'. */
static struct span list_of(const struct buf *text, size_t line)
{
	size_t at = next_line(text, line);

	while (at < text->len && strchr(" \t-", text->data[at]))
		at = next_line(text, at);
	return (struct span){line, at};
}

static enum lp_code replace(struct buf *text, struct span span, const char *with, struct err *err)
{
	struct buf changed = LP_BUF(text->max);

	enum lp_code code = lp_buf_append(&changed, text->data, span.from, err);
	if (code == LP_OK)
		code = lp_buf_str(&changed, with, err);
	if (code == LP_OK)
		code = lp_buf_append(&changed, text->data + span.to, text->len - span.to, err);
	if (code != LP_OK) {
		lp_buf_free(&changed);
		return code;
	}
	lp_buf_free(text);
	*text = changed;
	return LP_OK;
}

/* Writes "key: value" over the value that is there, or as a new line at the end. */
static enum lp_code set(struct buf *text, const char *key, const char *value, struct err *err)
{
	size_t line;

	if (find_line(text, key, &line))
		return replace(text, value_of(text, line, key), value, err);
	if (text->len && text->data[text->len - 1] != '\n')
		LP_TRY(lp_buf_byte(text, '\n', err));
	return lp_buf_printf(text, err, "%s: %s\n", key, value);
}

static enum lp_code write_audience(const struct audience *audience, struct buf *out,
				   struct err *err)
{
	LP_TRY(lp_buf_str(out, "audience:\n", err));
	for (size_t i = 0; i < audience->len; i++)
		LP_TRY(lp_buf_printf(out, err, "- %s\n", audience->list[i]));
	return LP_OK;
}

static enum lp_code set_audience(struct buf *text, const char *file,
				 const struct audience *audience, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf lines = LP_BUF(LP_BINDING_BYTES);
	size_t line;

	LP_TRY(write_audience(audience, &lines, err));
	if (!find_line(text, "audience", &line)) {
		if (text->len && text->data[text->len - 1] != '\n')
			LP_TRY(lp_buf_byte(text, '\n', err));
		return lp_buf_append(text, lines.data, lines.len, err);
	}
	struct span list = list_of(text, line);
	if (memchr(text->data + list.from, '#', list.to - list.from))
		return lp_err_set(err, LP_REJECTED,
				  "%s: its audience has comments, which would be lost; change the "
				  "list by hand, then run it without --audience",
				  file);
	return replace(text, list, lp_buf_text(&lines), err);
}

static bool same_audience(const struct audience *a, const struct audience *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (strcmp(a->list[i], b->list[i]) != 0)
			return false;
	return true;
}

static bool says(const struct binding *have, const struct binding *wanted)
{
	return strcmp(have->repo, wanted->repo) == 0 &&
	       same_audience(&have->audience, &wanted->audience) &&
	       have->sequence == wanted->sequence && have->expires_s == wanted->expires_s &&
	       have->sync.has_wait == wanted->sync.has_wait &&
	       have->sync.wait == wanted->sync.wait &&
	       have->sync.on_failure == wanted->sync.on_failure;
}

static enum lp_code change(struct buf *text, const char *file, const struct binding *old,
			   const struct binding *wanted, struct err *err)
{
	char value[32];

	if (!same_audience(&old->audience, &wanted->audience))
		LP_TRY(set_audience(text, file, &wanted->audience, err));
	if (old->sequence != wanted->sequence) {
		snprintf(value, sizeof(value), "%" PRId64, wanted->sequence);
		LP_TRY(set(text, "sequence", value, err));
	}
	if (old->expires_s != wanted->expires_s)
		LP_TRY(set(text, "expires", lp_time_text(wanted->expires_s, value), err));
	return LP_OK;
}

enum lp_code lp_release_change(struct buf *text, const char *file, const struct binding *old,
			       const struct binding *wanted, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf changed = LP_BUF(LP_BINDING_BYTES);
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	struct err ignored = {0};
	struct binding now;

	LP_TRY(lp_buf_append(&changed, text->data, text->len, err));
	LP_TRY(change(&changed, file, old, wanted, err));
	if (lp_binding_parse(LP_SLICE_OF(&changed), file, &now, &problems, &ignored) != LP_OK ||
	    !says(&now, wanted))
		return lp_err_set(err, LP_REJECTED,
				  "%s: audience, sequence and expires cannot be changed as they "
				  "are written; put each on lines of its own, not indented, as "
				  "limpet release --init does",
				  file);
	struct buf before = *text;
	*text = changed;
	changed = before;
	return LP_OK;
}

enum lp_code lp_release_new(const struct binding *b, struct buf *ret_text, struct err *err)
{
	char expires[LP_TIME_TEXT];

	LP_TRY(lp_buf_printf(
		ret_text, err,
		"# For whom this path is. limpet release raises the sequence and signs "
		"the commit.\n"
		"apiVersion: " LP_BINDING_API_VERSION "\n"
		"repo: \"%s\"\n",
		b->repo));
	LP_TRY(write_audience(&b->audience, ret_text, err));
	if (b->sequence)
		LP_TRY(lp_buf_printf(ret_text, err, "sequence: %" PRId64 "\n", b->sequence));
	if (b->expires_s)
		LP_TRY(lp_buf_printf(ret_text, err, "expires: %s\n",
				     lp_time_text(b->expires_s, expires)));
	return LP_OK;
}

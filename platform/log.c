/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/log.h"

#include "platform/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static struct {
	enum log_level level;
	char role[16];
} setup = {.level = LOG_LEVEL_INFO};

#define CLOSING 5 /* bytes of "...", a quote and the newline */

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
	bool full; /* something did not fit: nothing is added any more */
};

void lp_log_setup(enum log_level level, const char *role)
{
	setup.level = level;
	snprintf(setup.role, sizeof(setup.role), "%s", role);
}

bool lp_log_on(enum log_level level)
{
	return level <= setup.level;
}

static void put(struct line *line, char c)
{
	if (line->len < sizeof(line->text) - CLOSING)
		line->text[line->len++] = c;
	else
		line->full = true;
}

static void put_text(struct line *line, const char *text)
{
	for (; *text; text++)
		put(line, *text);
}

static bool needs_quotes(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value <= ' ' || strchr("\"=\\\x7f", *value))
			return true;
	return false;
}

static void put_escaped(struct line *line, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	if (c == '"' || c == '\\') {
		put(line, '\\');
		put(line, (char)c);
	} else if (c == '\n') {
		put_text(line, "\\n");
	} else if (c < ' ' || c == 0x7f) {
		put_text(line, "\\x");
		put(line, digits[c >> 4]);
		put(line, digits[c & 15]);
	} else {
		put(line, (char)c);
	}
}

static void put_pair(struct line *line, const char *key, const char *value)
{
	bool quoted = needs_quotes(value);

	if (!*value || line->full)
		return;
	put(line, ' ');
	put_text(line, key);
	put(line, '=');
	if (quoted)
		put(line, '"');
	quoted = quoted && !line->full;
	for (const char *at = value; *at; at++)
		put_escaped(line, (unsigned char)*at);
	if (line->full) {
		memcpy(line->text + line->len, "...", 3);
		line->len += 3;
	}
	if (quoted) /* there is room: put leaves CLOSING bytes */
		line->text[line->len++] = '"';
}

static void put_prefix(struct line *line, enum log_level level)
{
	char now[LP_TIME_TEXT];

	if (getenv("JOURNAL_STREAM")) {
		put(line, '<');
		put(line, (char)('0' + level));
		put(line, '>');
		return;
	}
	put_text(line, lp_time_text(lp_wall_s(), now));
	put_text(line, level <= LOG_LEVEL_ERROR  ? " error "
		       : level == LOG_LEVEL_WARN ? " warn  "
		       : level == LOG_LEVEL_INFO ? " info  "
						 : " debug ");
}

void lp_log(enum log_level level, const char *event, ...)
{
	struct line line = {.len = 0};
	const char *key;
	va_list args;

	if (!lp_log_on(level))
		return;
	put_prefix(&line, level);
	put_text(&line, "event=");
	put_text(&line, event);
	put_pair(&line, "role", setup.role);
	va_start(args, event);
	while ((key = va_arg(args, const char *))) {
		const char *value = va_arg(args, const char *);
		if (value)
			put_pair(&line, key, value);
	}
	va_end(args);
	line.text[line.len++] = '\n';
	ssize_t ignored = write(STDERR_FILENO, line.text, line.len);
	(void)ignored;
}

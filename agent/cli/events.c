/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limpet events: rows of what happened, from the daemon or, when none runs, from its store. One
 * that follows a daemon is sent what comes; without a daemon it looks into the store each second,
 * and for a daemon that has started meanwhile.
 */
#include "agent/cli/events.h"

#include "agent/cli/commands.h"
#include "agent/cli/daemon.h"
#include "agent/supervisor/telling.h"
#include "platform/clock.h"
#include "platform/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SHOWN      50
#define AGAIN_MS   1000
#define LINE_BYTES LP_MIB
#define LIST_BYTES (32u * LP_MIB)
#define ROW_BYTES  (16u * LP_KIB)

static struct config config;

struct events {
	/* what is asked for */
	bool follow;
	enum cli_output output;
	const char *source; /* NULL: of all */
	int64_t since_s;
	unsigned count;

	struct loop *loop;
	struct timer again;
	int fd; /* to the daemon; -1 none */
	struct buf in;
	bool headed;        /* the table's head is printed */
	bool begun;         /* what was there before is printed */
	int64_t seen;       /* the newest id that was */
	struct json *doc;   /* of the one document; NULL unless that is asked for */
	struct jval *list;  /* in it */
	enum lp_code ended; /* with why */
	struct err why;
};

/* --- printing --- */

static const char *colour_of(const char *name)
{
	enum happening_kind kind = LP_HAPPENED_KINDS;

	lp_happening_parse(name, &kind);
	switch (kind) {
	case LP_HAPPENED_HEALED:
	case LP_HAPPENED_APPLIED:
	case LP_HAPPENED_BACK:
	case LP_HAPPENED_RESUMED:
	case LP_HAPPENED_TOOK_OVER:
		return lp_cli_green();
	case LP_HAPPENED_REFUSED:
	case LP_HAPPENED_FAILED:
	case LP_HAPPENED_FIGHT:
	case LP_HAPPENED_STORE_LOST:
		return lp_cli_red();
	case LP_HAPPENED_DETECTED:
	case LP_HAPPENED_OVERWRITTEN:
	case LP_HAPPENED_ADOPTED:
	case LP_HAPPENED_REPORTED:
	case LP_HAPPENED_FOREIGN:
	case LP_HAPPENED_INCOMPLETE:
	case LP_HAPPENED_SUSPENDED:
	case LP_HAPPENED_ROLLED_BACK:
	case LP_HAPPENED_AWAY:
	case LP_HAPPENED_STANDBY:
	case LP_HAPPENED_RECREATED:
		return lp_cli_yellow();
	default:
		return lp_cli_plain();
	}
}

static int64_t number(const struct jval *row, const char *key)
{
	int64_t n = 0;

	return lp_json_int(lp_json_get(row, key), &n) ? n : 0;
}

static const char *or_none(const char *text)
{
	return *text ? text : "-";
}

/* Not before something is sure to be told. */
static void print_head(struct events *e)
{
	if (e->headed || e->output == OUTPUT_JSON)
		return;
	e->headed = true;
	printf("%-20s  %-15s  %4s  %-40s  %s\n", "TIME", "KIND", "REV", "OBJECT", "MESSAGE");
}

static void print_row(struct events *e, const struct jval *row)
{
	const char *kind = lp_json_text(row, "kind"), *by = lp_json_text(row, "by");
	const char *message = lp_json_text(row, "message");
	char revision[24] = "-";

	print_head(e);
	if (number(row, "revision"))
		snprintf(revision, sizeof(revision), "%lld", (long long)number(row, "revision"));
	printf("%-20s  %s%-15s%s  %4s  %-40s  %s%s%s", lp_json_text(row, "at"), colour_of(kind),
	       kind, lp_cli_plain(), revision, or_none(lp_json_text(row, "object")), by,
	       *by && *message ? ": " : "", *by ? message : or_none(message));
	if (number(row, "count") > 1)
		printf("  %s(%lld times, last %s)%s", lp_cli_dim(), (long long)number(row, "count"),
		       lp_json_text(row, "last"), lp_cli_plain());
	printf("\n");
}

static enum lp_code print_line(const struct jval *row, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf line = LP_BUF(LINE_BYTES);

	lp_cli_answered();
	LP_TRY(lp_json_write(row, &line, err));
	printf("%s\n", lp_buf_text(&line));
	return LP_OK;
}

static enum lp_code take_row(struct events *e, const struct jval *row, struct err *err)
{
	if (number(row, "id") > e->seen)
		e->seen = number(row, "id");
	if (e->source && strcmp(lp_json_text(row, "source"), e->source) != 0)
		return LP_OK;
	if (e->doc && !lp_json_add(e->list, lp_json_copy(e->doc, row)))
		return lp_json_full(e->doc, "events", err);
	if (e->doc)
		return LP_OK;
	if (e->output == OUTPUT_JSON)
		LP_TRY(print_line(row, err));
	else
		print_row(e, row);
	if (e->follow && fflush(stdout) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "standard output");
	return LP_OK;
}

/* All is told that was there before. */
static enum lp_code listed(struct events *e, struct err *err)
{
	e->begun = true;
	print_head(e);
	if (fflush(stdout) != 0)
		return lp_err_os(err, LP_TRANSIENT, errno, "standard output");
	return LP_OK;
}

/* --- from the store --- */

static enum lp_code from_store(struct events *e, struct err *err)
{
	struct happening_cursor cursor = {
		.source = e->source, .since_s = e->since_s, .id = e->seen};
	LP_AUTO(lp_db_close) struct db *db = NULL;
	enum lp_code code;

	LP_TRY(lp_cli_store(&config, &db, err));
	if (!e->begun)
		LP_TRY(lp_happening_newest(db, NULL, &cursor, e->count, err));
	while ((code = lp_happening_next(db, NULL, &cursor, err)) == LP_OK) {
		LP_AUTO(lp_json_freep) struct json *doc = NULL;
		LP_TRY(lp_json_new(ROW_BYTES, &doc, err));
		LP_TRY(take_row(e, lp_happening_json(doc, &cursor.at), err));
	}
	if (code != LP_NOT_FOUND)
		return code;
	e->seen = cursor.id;
	return listed(e, err);
}

/* --- from the daemon --- */

static enum lp_code make_request(const struct events *e, struct json *doc, struct jval **ret,
				 struct err *err)
{
	struct jval *v = lp_json_obj(doc);

	lp_json_put_str(doc, v, "command", "events");
	lp_json_put_bool(doc, v, "follow", e->follow);
	if (e->source)
		lp_json_put_str(doc, v, "source", e->source);
	lp_json_put_int(doc, v, "since", e->since_s);
	lp_json_put_int(doc, v, "after", e->seen);
	if (!lp_json_put_int(doc, v, "count", e->begun ? LP_HAPPENINGS_KEPT : e->count))
		return lp_json_full(doc, "the request", err);
	*ret = v;
	return LP_OK;
}

static void end(struct events *e, enum lp_code code, const struct err *why)
{
	e->ended = code;
	if (code != LP_OK)
		e->why = *why;
	lp_loop_stop(e->loop);
}

static void hang_up(struct events *e)
{
	lp_loop_remove(e->loop, e->fd);
	lp_close(&e->fd);
	lp_buf_clear(&e->in);
}

/* The last line of an answer: {"exit":0,"text":""}. */
static void take_exit(struct events *e, const struct jval *line)
{
	struct err err = {0};

	enum lp_code code = number(line, "exit") ? lp_err_set(&err, LP_CONFLICT, "%s",
							      lp_json_text(line, "text"))
						 : listed(e, &err);
	end(e, code, &err);
}

static enum lp_code take_lines(struct events *e, struct err *err)
{
	for (;;) {
		LP_AUTO(lp_json_freep) struct json *doc = NULL;
		LP_TRY(lp_daemon_line(&e->in, &doc, err));
		if (!doc)
			return LP_OK;
		const struct jval *line = lp_json_root(doc), *row = lp_json_get(line, "event");
		if (row) {
			LP_TRY(take_row(e, row, err));
		} else if (lp_json_get(line, "seen")) {
			if (number(line, "seen") > e->seen)
				e->seen = number(line, "seen");
			LP_TRY(listed(e, err));
		} else {
			take_exit(e, line);
			return LP_OK;
		}
	}
}

static void gone(struct events *e)
{
	struct err err = {0};

	hang_up(e);
	if (e->follow)
		lp_loop_timer_set(e->loop, &e->again, lp_boot_ms() + AGAIN_MS);
	else
		end(e,
		    lp_err_set(&err, LP_TRANSIENT,
			       "the daemon went away before it answered; see its log"),
		    &err);
}

static void ready(void *ctx, unsigned events)
{
	struct events *e = ctx;
	uint8_t chunk[8192];
	struct err err = {0};
	ssize_t n = recv(e->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		gone(e);
	else if (lp_buf_append(&e->in, chunk, (size_t)n, &err) != LP_OK ||
		 take_lines(e, &err) != LP_OK)
		end(e, err.code, &err);
}

static enum lp_code from_daemon(struct events *e, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct jval *request = NULL;

	LP_TRY(lp_json_new(ROW_BYTES, &doc, err));
	LP_TRY(make_request(e, doc, &request, err));
	LP_TRY(lp_daemon_request(&config, request, &e->fd, err));
	return lp_loop_fd(e->loop, e->fd, LOOP_READ, ready, e, err);
}

/* --- both --- */

/* What one that follows waits out: nothing stored yet, or an owner that starts or ends. */
static bool may_pass(const struct events *e, enum lp_code code)
{
	return e->follow && (e->begun || code == LP_NOT_FOUND || code == LP_CONFLICT);
}

static void ask(void *ctx)
{
	struct events *e = ctx;
	struct err err = {0};
	enum lp_code code = from_daemon(e, &err);

	if (code == LP_OK)
		return;
	if (code == LP_NOT_FOUND)
		code = from_store(e, &err);
	if (code != LP_OK && !may_pass(e, code))
		end(e, code, &err);
	else if (e->follow)
		lp_loop_timer_set(e->loop, &e->again, lp_boot_ms() + AGAIN_MS);
	else
		end(e, LP_OK, NULL);
}

static void interrupted(void *ctx)
{
	end(ctx, LP_OK, NULL);
}

static enum lp_code run(struct events *e, struct err *err)
{
	LP_TRY(lp_loop_new(&e->loop, err));
	if (e->follow) {
		LP_TRY(lp_loop_signal(e->loop, SIGINT, interrupted, e, err));
		LP_TRY(lp_loop_signal(e->loop, SIGTERM, interrupted, e, err));
	}
	e->again = (struct timer){.fire = ask, .ctx = e};
	lp_loop_timer_set(e->loop, &e->again, lp_boot_ms());
	LP_TRY(lp_loop_run(e->loop, err));
	if (e->ended != LP_OK)
		*err = e->why;
	return e->ended;
}

static void close_events(struct events *e)
{
	lp_loop_free(&e->loop);
	lp_close(&e->fd);
	lp_buf_free(&e->in);
	lp_json_freep(&e->doc);
}

static const struct cli_help help = {
	.usage = "limpet events [options]",
	.about =
		"Tells what happened on this device, the newest last: revisions that were accepted,\n"
		"refused and applied, what was pruned and rolled back, who changed an object and\n"
		"that it was healed, which agent writes. The same again is a count in its line. The 1000 newest are\n"
		"kept; they come from the daemon or, when none runs, from the store.\n\n"
		"Exit: 0 listed, or one that follows was interrupted; 2 could not be done.",
	.examples = "  limpet events\n"
		    "  limpet events -f                          and what happens from now on\n"
		    "  limpet events --since 1h\n"
		    "  limpet events --since 2026-11-21T10:00:00Z -n 1000\n"
		    "  limpet events -f -o json | jq .kind       one object a line",
};

/* Puts the words into *e. */
static enum lp_code read_words(const char *count, const char *since, struct events *e,
			       struct err *err)
{
	e->count = since ? LP_HAPPENINGS_KEPT : SHOWN;
	if (count)
		LP_TRY(lp_events_count(count, &e->count, err));
	if (!since)
		return LP_OK;
	lp_cli_learn_time(&config);
	return lp_events_since(since, lp_wall_s(), &e->since_s, err);
}

static enum lp_code print_all(struct events *e, struct err *err)
{
	if (e->output == OUTPUT_JSON && !e->follow) {
		LP_TRY(lp_json_new(LIST_BYTES, &e->doc, err));
		e->list = lp_json_arr(e->doc);
	}
	return run(e, err);
}

static int print_document(struct events *e)
{
	struct jval *root = lp_json_obj(e->doc);

	if (!lp_json_put(e->doc, root, "events", e->list))
		return lp_cli_error("out of memory");
	return lp_cli_json(root);
}

int lp_cmd_events(int argc, char **argv)
{
	const char *file = NULL, *count = NULL, *since = NULL;
	LP_AUTO(close_events) struct events e = {.fd = -1, .in = LP_BUF(LINE_BYTES)};
	const struct cli_option options[] = {
		{"follow", 'f', NULL, "go on with what happens, until interrupted", &e.follow},
		{"lines", 'n', "N", "the newest N (default 50; with --since all)", NULL, &count},
		{"since", 0, "TIME", "1h ago, or since 2026-11-21T10:00:00Z", NULL, &since},
		{"source", 0, "NAME", "of this source alone", NULL, &e.source},
		CLI_CONFIG(file),
		CLI_OUTPUT(e.output),
		CLI_END,
	};
	struct err err = {0};
	int exit = 0;

	if (lp_cli_parse(&help, options, argc, argv, &exit) < 0)
		return exit;
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	if (read_words(count, since, &e, &err) != LP_OK || print_all(&e, &err) != LP_OK)
		return lp_cli_fail(&err);
	return e.doc ? print_document(&e) : CLI_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/daemon.h"

#include "platform/clock.h"
#include "store/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_BYTES (16u * LP_MIB)

static void tell(const struct buf *problems, const struct err *err)
{
	if (!strstr(lp_buf_text(problems), err->msg)) /* otherwise the error is the only one */
		lp_cli_lines(lp_buf_text(problems));
	lp_cli_fail(err);
}

bool lp_cli_config(const char *file, struct config *ret)
{
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	struct err err = {0};

	if (lp_config_load(file ? file : LP_CONFIG_DEFAULT, ret, &problems, &err) == LP_OK)
		return true;
	tell(&problems, &err);
	return false;
}

bool lp_cli_config_files(const struct config *config)
{
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	struct err err = {0};

	if (lp_config_check_files(config->file, &problems, &err) == LP_OK)
		return true;
	tell(&problems, &err);
	return false;
}

static enum lp_code dial(const char *path, int *ret_fd, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	LP_AUTO(lp_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return lp_err_os(err, LP_INTERNAL, errno, "socket");
	LP_TRY(lp_copy(address.sun_path, sizeof(address.sun_path), path, err));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return lp_err_set(err, LP_NOT_FOUND, "no daemon answers on %s", path);
		return lp_err_os(err, LP_CONFIG, errno,
				 "%s (only root and the service's group may ask)", path);
	}
	*ret_fd = lp_steal_fd(&fd);
	return LP_OK;
}

static enum lp_code send_request(int fd, const struct jval *request, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf line = LP_BUF(4 * LP_KIB);

	LP_TRY(lp_json_write(request, &line, err));
	LP_TRY(lp_buf_byte(&line, '\n', err));
	if (send(fd, line.data, line.len, MSG_NOSIGNAL) == (ssize_t)line.len)
		return LP_OK;
	if (errno == EPIPE)
		return LP_OK; /* it refuses us before it listens, and has said why */
	return lp_err_os(err, LP_TRANSIENT, errno, "ask the daemon");
}

enum lp_code lp_daemon_request(const struct config *config, const struct jval *request, int *ret_fd,
			       struct err *err)
{
	LP_AUTO(lp_close) int fd = -1;

	LP_TRY(dial(config->socket, &fd, err));
	LP_TRY(send_request(fd, request, err));
	*ret_fd = lp_steal_fd(&fd);
	return LP_OK;
}

static enum lp_code request(const struct config *config, const char *command, const char *revision,
			    int *ret_fd, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;

	LP_TRY(lp_json_new(16 * LP_KIB, &doc, err));
	struct jval *v = lp_json_obj(doc);
	lp_json_put_str(doc, v, "command", command);
	if (revision)
		lp_json_put_str(doc, v, "revision", revision);
	return lp_daemon_request(config, v, ret_fd, err);
}

enum lp_code lp_daemon_line(struct buf *in, struct json **ret, struct err *err)
{
	uint8_t *end = in->len ? memchr(in->data, '\n', in->len) : NULL;
	struct json *doc = NULL;

	*ret = NULL;
	if (!end)
		return LP_OK;
	size_t n = (size_t)(end - in->data);
	LP_TRY(lp_json_parse(in->data, n, 4 * n + LP_MIB, &doc, err));
	lp_buf_consume(in, n + 1);
	*ret = doc;
	return LP_OK;
}

/* Takes whole lines out of in: progress is shown, anything else is the answer. */
static enum lp_code take_lines(struct buf *in, struct json **ret, struct err *err)
{
	for (;;) {
		LP_AUTO(lp_json_freep) struct json *doc = NULL;
		LP_TRY(lp_daemon_line(in, &doc, err));
		if (!doc)
			return LP_OK;
		const char *progress = lp_json_str(lp_json_get(lp_json_root(doc), "progress"));
		if (!progress) {
			*ret = LP_STEAL(doc);
			return LP_OK;
		}
		fprintf(stderr, "%s\n", progress);
	}
}

enum lp_code lp_daemon_ask(const struct config *config, const char *command, const char *revision,
			   struct json **ret, struct err *err)
{
	LP_AUTO(lp_close) int fd = -1;
	LP_AUTO(lp_buf_free) struct buf in = LP_BUF(ANSWER_BYTES);
	struct json *answer = NULL;
	uint8_t chunk[8192];

	LP_TRY(request(config, command, revision, &fd, err));
	while (!answer) {
		ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lp_err_os(err, LP_TRANSIENT, errno, "the daemon's answer");
		if (n == 0)
			return lp_err_set(err, LP_TRANSIENT,
					  "the daemon went away before it answered; see its log");
		LP_TRY(lp_buf_append(&in, chunk, (size_t)n, err));
		LP_TRY(take_lines(&in, &answer, err));
	}
	*ret = answer;
	return LP_OK;
}

int lp_daemon_answer(const struct json *answer, enum cli_output output)
{
	struct jval *root = lp_json_root(answer);
	int64_t exit = CLI_ERROR;

	if (!lp_json_int(lp_json_get(root, "exit"), &exit))
		return lp_cli_error(
			"the daemon's answer cannot be read; is it of another version?");
	if (output == OUTPUT_JSON)
		lp_cli_json(root);
	else if (exit)
		lp_cli_error("%s", lp_json_text(root, "text"));
	else
		printf("%s\n", lp_json_text(root, "text"));
	return (int)exit;
}

enum lp_code lp_cli_store(const struct config *config, struct db **ret, struct err *err)
{
	char path[LP_PATH_MAX];

	LP_TRY(lp_path_join(path, config->state_dir, "limpet.db", err));
	if (lp_db_open(path, LP_DB_READ, ret, err) == LP_OK)
		return LP_OK;
	if (err->code == LP_NOT_FOUND)
		return lp_err_set(err, LP_NOT_FOUND,
				  "nothing is stored in %s yet: limpet did not run here",
				  config->state_dir);
	return err->code;
}

enum lp_code lp_cli_own_store(const struct config *config, int *ret_lock, struct db **ret,
			      struct err *err)
{
	char path[LP_PATH_MAX];
	int holder = 0;

	LP_TRY(lp_dir_make(config->state_dir, err));
	LP_TRY(lp_path_join(path, config->state_dir, "lock", err));
	if (lp_file_lock(path, ret_lock, &holder, err) == LP_CONFLICT)
		return lp_err_set(err, LP_CONFLICT,
				  "process %d has the state and does not answer yet: it is "
				  "starting or ending; ask again in a moment",
				  holder);
	if (*ret_lock < 0)
		return err->code;
	LP_TRY(lp_path_join(path, config->state_dir, "limpet.db", err));
	return lp_db_open(path, LP_DB_WRITE, ret, err);
}

/* The floor in what the daemon says of itself; 0 when none answers. */
static int64_t daemons_floor(const struct config *config)
{
	LP_AUTO(lp_json_freep) struct json *answer = NULL;
	struct err err = {0};
	int64_t floor_s = 0;

	if (lp_daemon_ask(config, "status", NULL, &answer, &err) != LP_OK)
		return 0;
	const struct jval *status = lp_json_get(lp_json_root(answer), "status");
	const char *floor = lp_json_text(lp_json_get(status, "clock"), "floor");
	return lp_time_parse(floor, &floor_s) ? floor_s : 0;
}

void lp_cli_learn_time(const struct config *config)
{
	LP_AUTO(lp_db_close) struct db *db = NULL;
	struct err err = {0};
	int64_t floor_s = daemons_floor(config);

	if (!floor_s && lp_cli_store(config, &db, &err) == LP_OK &&
	    lp_clock_floor(db, &floor_s, &err) != LP_OK)
		floor_s = 0;
	lp_wall_floor(floor_s);
}

int lp_cli_end(int exit, const char *text, enum cli_output output)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (exit)
		lp_cli_error("%s", text); /* lp_cli_finish says it in JSON */
	if (exit || output == OUTPUT_TEXT)
		return exit;
	if (lp_json_new(64 * LP_KIB, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *v = lp_json_obj(doc);
	lp_json_put_int(doc, v, "exit", exit);
	lp_json_put_str(doc, v, "text", text);
	return lp_cli_json(v);
}

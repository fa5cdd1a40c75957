/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/control.h"

#include "agent/supervisor/holding.h"
#include "agent/supervisor/limits.h"
#include "agent/supervisor/run.h"
#include "agent/supervisor/status.h"
#include "agent/supervisor/suspending.h"
#include "platform/clock.h"
#include "platform/json.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_BYTES (8u * LP_MIB) /* a document of half that size is the largest answer */

void lp_client_drop(struct client *client)
{
	lp_loop_remove(client->super->loop, client->fd);
	lp_close(&client->fd);
	lp_buf_free(&client->in);
	lp_buf_free(&client->out);
	client->waits = client->follows = client->closing = false;
}

static void flush(struct client *client)
{
	while (client->out.len) {
		ssize_t n = send(client->fd, client->out.data, client->out.len,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			lp_loop_change(client->super->loop, client->fd, LOOP_READ | LOOP_WRITE);
			return;
		}
		if (n < 0) {
			lp_client_drop(client);
			return;
		}
		lp_buf_consume(&client->out, (size_t)n);
	}
	if (client->closing)
		lp_client_drop(client);
	else
		lp_loop_change(client->super->loop, client->fd, LOOP_READ);
}

void lp_client_say(struct client *client, const struct jval *v)
{
	struct err err = {0};

	if (lp_json_write(v, &client->out, &err) != LP_OK ||
	    lp_buf_byte(&client->out, '\n', &err) != LP_OK)
		lp_client_drop(client);
	else
		flush(client);
}

static void say_text(struct client *client, const char *key, const char *text, int exit)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (lp_json_new(64 * LP_KIB, &doc, &err) != LP_OK) {
		lp_client_drop(client);
		return;
	}
	struct jval *v = lp_json_obj(doc);
	if (exit >= 0)
		lp_json_put_int(doc, v, "exit", exit);
	lp_json_put_str(doc, v, key, text);
	lp_client_say(client, v);
}

void lp_client_finish(struct client *client, int exit, const char *text)
{
	client->waits = false;
	client->closing = true;
	say_text(client, "text", text, exit);
}

/* --- commands --- */

/* Tells what a reset of the trust floor gives up; does it when the person is sure. */
static void answer_trust_reset(struct client *client, bool sure)
{
	char told[LP_ERR_MAX];
	struct err err = {0};

	if (lp_wish_trust_reset(&client->super->run, sure, told, &err) != LP_OK)
		lp_client_finish(client, 2, err.msg);
	else
		lp_client_finish(client, sure ? 0 : 1, told);
}

/* A document about the source: what is its name. */
static void answer_document(struct client *client, const char *what)
{
	struct supervisor *super = client->super;
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct jval *v = NULL;
	struct err err = {0};

	client->closing = true;
	enum lp_code code = lp_json_new(4 * LP_MIB, &doc, &err);
	if (code == LP_OK && strcmp(what, "history") == 0)
		code = lp_history_make(super->db, super->run.config->name, doc, &v, &err);
	else if (code == LP_OK && strcmp(what, "kinds") == 0)
		code = lp_holding_make(super->db, super->run.config->name, doc, &v, &err);
	else if (code == LP_OK)
		code = lp_status_make(super->db, &super->config, &super->run, doc, &v, &err);
	if (code != LP_OK) {
		lp_client_finish(client, 2, err.msg);
		return;
	}
	struct jval *root = lp_json_obj(doc);
	lp_json_put(doc, root, what, v);
	lp_client_say(client, root);
}

static void answer_wish(struct client *client, enum lp_code code, const struct err *err)
{
	if (code != LP_OK)
		lp_client_finish(client, lp_wish_exit(code), err->msg);
	else if (client->waits && client->super->run.state == CYCLE_IDLE)
		lp_client_finish(client, client->super->run.outcome.exit,
				 client->super->run.outcome.text);
}

static void answer_suspend(struct client *client, const char *how_long)
{
	struct source_run *run = &client->super->run;
	char until[64] = "limpet resume", text[LP_ERR_MAX];
	struct err err = {0};
	int64_t for_ms = 0;

	enum lp_code code = lp_suspension_parse(how_long, &for_ms, &err);
	if (code == LP_OK)
		code = lp_wish_suspend(run, for_ms, &err);
	if (code != LP_OK) {
		lp_client_finish(client, 2, err.msg);
		return;
	}
	if (for_ms)
		snprintf(until, sizeof(until), "%s have passed, or limpet resume",
			 lp_duration_text(for_ms, (char[16]){0}));
	snprintf(text, sizeof(text), "suspended: %snothing is polled or applied until %s",
		 run->state == CYCLE_APPLYING ? "the apply under way is ended, then " : "", until);
	lp_client_finish(client, 0, text);
}

static void command(struct client *client, const struct jval *request)
{
	struct source_run *run = &client->super->run;
	const char *name = lp_json_text(request, "command");
	struct err err = {0};

	if (strcmp(name, "status") == 0 || strcmp(name, "history") == 0 ||
	    strcmp(name, "kinds") == 0) {
		answer_document(client, name);
		return;
	}
	if (strcmp(name, "events") == 0) {
		lp_client_events(client, request);
		return;
	}
	if (strcmp(name, "suspend") == 0) {
		answer_suspend(client, lp_json_text(request, "revision"));
		return;
	}
	if (strcmp(name, "trust-reset") == 0) {
		answer_trust_reset(client, strcmp(lp_json_text(request, "revision"), "yes") == 0);
		return;
	}
	/* From here on progress may come before the answer. */
	client->waits = true;
	if (strcmp(name, "sync") == 0)
		answer_wish(client, lp_wish_sync(run, &err), &err);
	else if (strcmp(name, "rollback") == 0)
		answer_wish(client, lp_wish_rollback(run, lp_json_text(request, "revision"), &err),
			    &err);
	else if (strcmp(name, "resume") == 0)
		answer_wish(client, lp_wish_resume(run, &err), &err);
	else
		lp_client_finish(client, 2, "unknown command; this client is of another version");
}

static void take_request(struct client *client)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};
	uint8_t *end = memchr(client->in.data, '\n', client->in.len);

	if (!end)
		return;
	if (lp_json_parse(client->in.data, (size_t)(end - client->in.data), 64 * LP_KIB, &doc,
			  &err) != LP_OK)
		lp_client_finish(client, 2, err.msg);
	else
		command(client, lp_json_root(doc));
	if (client->fd >= 0)
		lp_buf_clear(&client->in);
}

static void client_ready(void *ctx, unsigned events)
{
	struct client *client = ctx;
	char chunk[1024];
	struct err err = {0};

	if (events & LOOP_WRITE)
		flush(client);
	if (client->fd < 0 || !(events & (LOOP_READ | LOOP_GONE)))
		return;
	ssize_t n = recv(client->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0 || lp_buf_append(&client->in, chunk, (size_t)n, &err) != LP_OK)
		lp_client_drop(client);
	else if (!client->waits && !client->follows && !client->closing)
		take_request(client);
}

/* --- who may connect --- */

static bool in_group(int fd, gid_t wanted)
{
	gid_t groups[LP_CONTROL_GROUPS];
	socklen_t size = sizeof(groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0)
		return false;
	for (size_t i = 0; i < size / sizeof(groups[0]); i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

static bool may_speak(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid() || peer.gid == getegid() ||
	       in_group(fd, getegid());
}

static struct client *free_client(struct control *control)
{
	for (int i = 0; i < LP_CONTROL_CLIENTS; i++)
		if (control->clients[i].fd < 0)
			return &control->clients[i];
	return NULL;
}

static void accept_client(void *ctx, unsigned events)
{
	static const char refusal[] =
		"{\"exit\":2,\"text\":\"only root and the group of the service may ask\"}\n";
	struct supervisor *super = ctx;
	LP_AUTO(lp_close) int fd = accept4(super->control->fd, NULL, NULL, SOCK_CLOEXEC);
	struct client *client = free_client(super->control);
	struct err err = {0};

	if (fd < 0 || !client)
		return;
	if (!may_speak(fd)) {
		ssize_t told = send(fd, refusal, sizeof(refusal) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)told; /* it is sent away in any case */
		return;
	}
	*client = (struct client){.super = super,
				  .fd = -1,
				  .in = LP_BUF(LP_CONTROL_REQUEST),
				  .out = LP_BUF(ANSWER_BYTES)};
	if (lp_loop_fd(super->loop, fd, LOOP_READ, client_ready, client, &err) == LP_OK)
		client->fd = lp_steal_fd(&fd);
}

/* --- the socket --- */

static enum lp_code make_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (lp_copy(ret->sun_path, sizeof(ret->sun_path), path, err) != LP_OK)
		return lp_err_set(err, LP_CONFIG,
				  "socket: %s: a socket's path has at most %zu bytes", path,
				  sizeof(ret->sun_path) - 1);
	return LP_OK;
}

enum lp_code lp_control_open(struct supervisor *super, struct err *err)
{
	const char *path = super->config.socket;
	struct sockaddr_un address;
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return lp_err_nomem(err, "control socket");
	super->control = control;
	control->fd = -1;
	for (int i = 0; i < LP_CONTROL_CLIENTS; i++)
		control->clients[i].fd = -1;
	LP_TRY(make_address(path, &address, err));
	unlink(path); /* of a daemon that was killed: the state directory's lock is ours */
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t old = umask(0117);
	int bound = control->fd < 0
			    ? -1
			    : bind(control->fd, (struct sockaddr *)&address, sizeof(address));
	umask(old);
	if (bound != 0 || listen(control->fd, LP_CONTROL_CLIENTS) != 0)
		return lp_err_os(err, LP_CONFIG, errno, "control socket %s", path);
	return lp_loop_fd(super->loop, control->fd, LOOP_READ, accept_client, super, err);
}

void lp_control_close(struct supervisor *super)
{
	struct control *control = super->control;

	if (!control)
		return;
	for (int i = 0; i < LP_CONTROL_CLIENTS; i++) {
		if (control->clients[i].fd >= 0 && control->clients[i].waits)
			lp_client_finish(&control->clients[i], 2, "the daemon is stopping");
		if (control->clients[i].fd >= 0)
			lp_client_drop(&control->clients[i]);
	}
	lp_loop_remove(super->loop, control->fd);
	if (control->fd >= 0)
		unlink(super->config.socket);
	lp_close(&control->fd);
	free(control);
	super->control = NULL;
}

void lp_control_progress(struct supervisor *super, const char *text)
{
	for (int i = 0; i < LP_CONTROL_CLIENTS; i++) {
		struct client *client = &super->control->clients[i];
		if (client->fd >= 0 && client->waits)
			say_text(client, "progress", text, -1);
	}
}

void lp_control_outcome(struct supervisor *super, const struct ending *ending)
{
	if (!super->control)
		return;
	for (int i = 0; i < LP_CONTROL_CLIENTS; i++) {
		struct client *client = &super->control->clients[i];
		if (client->fd >= 0 && client->waits)
			lp_client_finish(client, ending->exit, ending->text);
	}
}

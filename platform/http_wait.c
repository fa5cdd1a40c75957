/* SPDX-License-Identifier: Apache-2.0 */
/* The loop that moves calls on, and waits for them. */
#include "platform/clock.h"
#include "platform/http_curl.h"
#include "platform/limits.h"

#include <poll.h>
#include <sys/select.h>

/* --- rounds --- */

/* Frees what was cancelled from inside callbacks, and adds what was started there. */
static enum lp_code settle(struct http *http, struct err *err)
{
	struct http_call *next;
	for (struct http_call *call = http->calls; call; call = next) {
		next = call->next;
		if (call->cancelled)
			lp_http_call_free(call);
		else if (!call->added)
			LP_TRY(lp_http_call_add(call, err));
	}
	return LP_OK;
}

/* Tells a call's end. on_done may start and cancel calls, but not this one: it is gone. */
static void tell_done(struct http_call *call, CURLcode result)
{
	struct http_sink sink = call->sink;
	lp_http_call_finish(call, result);
	struct http_response response = call->response;
	struct err err = call->err;
	bool cancelled = call->cancelled;
	call->response.body = (struct buf){0};
	lp_http_call_free(call);
	if (!cancelled && sink.on_done)
		sink.on_done(sink.ctx, &response, &err);
	lp_http_response_free(&response);
}

/* One round of libcurl; *ret_running counts the calls that are left. */
static enum lp_code move_on(struct http *http, unsigned *ret_running, struct err *err)
{
	int running = 0, left = 0;
	LP_TRY(settle(http, err));
	http->inside = true;
	CURLMcode code = curl_multi_perform(http->multi, &running);
	http->inside = false;
	if (code != CURLM_OK)
		return lp_http_multi_error(code, err);
	CURLMsg *message;
	while ((message = curl_multi_info_read(http->multi, &left))) {
		struct http_call *call = NULL;
		CURLcode result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		http->happened = true;
		tell_done(call, result);
	}
	LP_TRY(settle(http, err));
	*ret_running = 0;
	for (struct http_call *call = http->calls; call; call = call->next)
		(*ret_running)++;
	return LP_OK;
}

#define WAITED_FDS 32 /* sockets of all clients but the first */

/* libcurl has no endless wait; a minute at a time is as good. */
#define LONGEST_WAIT_MS 60000

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return fd >= 0 && poll(&p, 1, 0) > 0;
}

/* What is polled besides the sockets of the first client. */
struct extras {
	struct curl_waitfd at[1 + WAITED_FDS];
	unsigned count;
	int timeout_ms;
};

/* The sockets of another client and when it wants to be called: curl_multi_poll knows of one. */
static enum lp_code add_client(struct http *http, struct extras *extras, struct err *err)
{
	fd_set in, out, odd;
	int last = -1;
	long left_ms = -1;
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&odd);
	CURLMcode code = curl_multi_fdset(http->multi, &in, &out, &odd, &last);
	if (code == CURLM_OK)
		code = curl_multi_timeout(http->multi, &left_ms);
	if (code != CURLM_OK)
		return lp_http_multi_error(code, err);
	if (left_ms >= 0 && left_ms < extras->timeout_ms)
		extras->timeout_ms = (int)left_ms;
	for (int fd = 0; fd <= last; fd++) {
		short events = (short)((FD_ISSET(fd, &in) ? CURL_WAIT_POLLIN : 0) |
				       (FD_ISSET(fd, &out) ? CURL_WAIT_POLLOUT : 0));
		if (!events)
			continue;
		if (extras->count == sizeof(extras->at) / sizeof(extras->at[0]))
			return lp_err_set(err, LP_LIMIT, "more than %d connections", WAITED_FDS);
		extras->at[extras->count++] = (struct curl_waitfd){.fd = fd, .events = events};
	}
	return LP_OK;
}

/* Waits on the sockets of all clients and on extra_fd. */
static enum lp_code wait_on(struct http *const clients[], unsigned count, int timeout_ms,
			    int extra_fd, struct err *err)
{
	struct extras extras = {.timeout_ms = timeout_ms};
	if (extra_fd >= 0)
		extras.at[extras.count++] =
			(struct curl_waitfd){.fd = extra_fd, .events = CURL_WAIT_POLLIN};
	if (!count) {
		struct pollfd p = {.fd = extra_fd, .events = POLLIN};
		poll(&p, 1, timeout_ms);
		return LP_OK;
	}
	for (unsigned i = 1; i < count; i++)
		LP_TRY(add_client(clients[i], &extras, err));
	CURLMcode code = curl_multi_poll(clients[0]->multi, extras.at, extras.count,
					 extras.timeout_ms, NULL);
	return code == CURLM_OK ? LP_OK : lp_http_multi_error(code, err);
}

/* One round of each client. */
static enum lp_code move_all(struct http *const clients[], unsigned count, unsigned *ret_running,
			     bool *ret_happened, struct err *err)
{
	*ret_running = 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned running = 0;
		LP_TRY(move_on(clients[i], &running, err));
		*ret_running += running;
	}
	for (unsigned i = 0; i < count; i++)
		*ret_happened |= clients[i]->happened;
	return LP_OK;
}

enum lp_code lp_http_wait(struct http *const clients[], unsigned count, int timeout_ms,
			  int extra_fd, bool *ret_extra, unsigned *ret_running, struct err *err)
{
	int64_t deadline_ms = timeout_ms < 0 ? INT64_MAX : lp_boot_ms() + timeout_ms;
	struct http *some[LP_HTTP_CLIENTS_MAX];
	bool extra = false, happened = false;
	unsigned running = 0, n = 0;
	for (unsigned i = 0; i < count && n < LP_HTTP_CLIENTS_MAX; i++)
		if (clients[i]) {
			clients[i]->happened = false;
			some[n++] = clients[i];
		}
	for (;;) {
		LP_TRY(move_all(some, n, &running, &happened, err));
		extra = readable(extra_fd);
		int64_t left_ms = deadline_ms - lp_boot_ms();
		if (happened || extra || left_ms <= 0 ||
		    (!running && extra_fd < 0 && timeout_ms < 0))
			break;
		LP_TRY(wait_on(some, n, left_ms < LONGEST_WAIT_MS ? (int)left_ms : LONGEST_WAIT_MS,
			       extra_fd, err));
	}
	if (ret_extra)
		*ret_extra = extra;
	if (ret_running)
		*ret_running = running;
	return LP_OK;
}

/* --- one call, waited for --- */

struct performed {
	struct http_sink sink; /* of the caller */
	struct http_response *response;
	struct err *err;
	enum lp_code code;
	bool done;
};

static enum lp_code performed_header(void *ctx, const struct http_response *response,
				     struct err *err)
{
	struct performed *p = ctx;
	return p->sink.on_header ? p->sink.on_header(p->sink.ctx, response, err) : LP_OK;
}

static enum lp_code performed_body(void *ctx, const uint8_t *data, size_t n, struct err *err)
{
	struct performed *p = ctx;
	return p->sink.on_body(p->sink.ctx, data, n, err);
}

static void performed_done(void *ctx, struct http_response *response, struct err *result)
{
	struct performed *p = ctx;
	*p->response = *response;
	response->body = (struct buf){0};
	p->code = result->code;
	if (result->code != LP_OK)
		*p->err = *result;
	p->done = true;
}

enum lp_code lp_http_perform(struct http *http, const struct http_request *request,
			     struct http_response *response, struct err *err)
{
	struct performed p = {.sink = request->sink, .response = response, .err = err};
	struct http_request mine = *request;
	struct http_call *call = NULL;
	*response = (struct http_response){.retry_after_ms = -1};
	mine.sink = (struct http_sink){.ctx = &p,
				       .on_header = performed_header,
				       .on_body = request->sink.on_body ? performed_body : NULL,
				       .on_done = performed_done};
	LP_TRY(lp_http_start(http, &mine, &call, err));
	while (!p.done)
		if (lp_http_wait(&http, 1, -1, -1, NULL, NULL, err) != LP_OK) {
			lp_http_cancel(&call);
			return err->code;
		}
	if (p.sink.on_done)
		p.sink.on_done(p.sink.ctx, response, err);
	return p.code;
}

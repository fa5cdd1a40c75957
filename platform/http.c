/* SPDX-License-Identifier: Apache-2.0 */
/* The client: its connections, its calls, and the loop that moves them on. */
#include "platform/http.h"

#include "platform/clock.h"
#include "platform/fs.h"
#include "platform/http_curl.h"
#include "platform/http_tls.h"
#include "platform/limits.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USER_AGENT    "limpet/" LIMPET_VERSION
#define CA_FILE_BYTES (4u * LP_MIB)

enum lp_code lp_http_init(struct err *err)
{
	static bool done;
	if (done)
		return LP_OK;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return lp_err_set(err, LP_INTERNAL, "libcurl cannot start");
	lp_tls_use_wall_clock();
	done = true;
	return LP_OK;
}

/* --- a client --- */

static enum lp_code copy_text(const char *text, char **ret, struct err *err)
{
	if (!text)
		return LP_OK;
	*ret = strdup(text);
	return *ret ? LP_OK : lp_err_nomem(err, "HTTP client");
}

static enum lp_code copy_pem(struct slice pem, struct buf *to, struct err *err)
{
	*to = LP_BUF(pem.len);
	return pem.len ? lp_buf_append(to, pem.data, pem.len, err) : LP_OK;
}

/*
 * A file that a person named is parsed now, so that a mistake in it is told by its name. The
 * system's bundle is only looked at: it takes half a megabyte to parse.
 */
static enum lp_code take_ca(struct http *http, const struct http_options *options, struct err *err)
{
	if (options->ca_pem.len) {
		LP_TRY(lp_tls_check_certificates(options->ca_pem, "CA certificate", err));
		return copy_pem(options->ca_pem, &http->ca_pem, err);
	}
	const char *file = options->ca_file ? options->ca_file : LP_SYSTEM_CA;
	LP_TRY(copy_text(file, &http->ca_file, err));
	if (!options->ca_file)
		return LP_OK;
	LP_AUTO(lp_buf_free) struct buf pem = LP_BUF(CA_FILE_BYTES);
	if (lp_file_read(file, &pem, err) != LP_OK) {
		if (err->code == LP_NOT_FOUND)
			err->code = LP_CONFIG;
		return lp_err_wrap(err, "CA certificate");
	}
	return lp_tls_check_certificates(LP_SLICE_OF(&pem), file, err);
}

static enum lp_code take_identity(struct http *http, const struct http_options *options,
				  struct err *err)
{
	LP_TRY(copy_text(options->user, &http->user, err));
	LP_TRY(copy_text(options->password, &http->password, err));
	LP_TRY(copy_text(options->bearer, &http->bearer, err));
	if (http->bearer && strpbrk(http->bearer, "\r\n"))
		return lp_err_set(err, LP_CONFIG, "the bearer token has a line break in it");
	if (!options->client_cert_pem.len && !options->client_key_pem.len)
		return LP_OK;
	LP_TRY(lp_tls_check_pair(options->client_cert_pem, options->client_key_pem, err));
	LP_TRY(copy_pem(options->client_cert_pem, &http->client_cert_pem, err));
	return copy_pem(options->client_key_pem, &http->client_key_pem, err);
}

static void set_pool(struct http *http)
{
	long connections = (long)http->max_connections;
	curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
	curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, connections);
	curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
}

static enum lp_code fill(struct http *http, const struct http_options *options, struct err *err)
{
	http->max_connections = options->max_connections ? options->max_connections : 2;
	http->http1_only = options->http1_only;
	http->connect_timeout_ms =
		options->connect_timeout_ms ? options->connect_timeout_ms : 15000;
	http->stall_timeout_ms = options->stall_timeout_ms ? options->stall_timeout_ms : 60000;
	http->judge.pinned = options->ca_file || options->ca_pem.len;
	http->judge.tell = options->tell;
	LP_TRY(take_ca(http, options, err));
	LP_TRY(take_identity(http, options, err));
	LP_TRY(copy_text(options->user_agent ? options->user_agent : USER_AGENT, &http->user_agent,
			 err));
	LP_TRY(copy_text(options->proxy, &http->proxy, err));
	http->multi = curl_multi_init();
	if (!http->multi)
		return lp_err_nomem(err, "HTTP client");
	set_pool(http);
	return LP_OK;
}

enum lp_code lp_http_open(const struct http_options *options, struct http **ret, struct err *err)
{
	LP_TRY(lp_http_init(err));
	struct http *http = calloc(1, sizeof(*http));
	if (!http)
		return lp_err_nomem(err, "HTTP client");
	enum lp_code code = fill(http, options, err);
	if (code == LP_OK)
		*ret = http;
	else
		lp_http_close(&http);
	return code;
}

static void wipe_text(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

static void wipe_buf(struct buf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->len);
	lp_buf_free(secret);
}

void lp_http_close(struct http **http)
{
	struct http *old = LP_STEAL(*http);
	if (!old)
		return;
	while (old->calls)
		lp_http_call_free(old->calls);
	if (old->multi)
		curl_multi_cleanup(old->multi);
	lp_buf_free(&old->ca_pem);
	lp_buf_free(&old->client_cert_pem);
	wipe_buf(&old->client_key_pem);
	wipe_text(old->password);
	wipe_text(old->bearer);
	free(old->ca_file);
	free(old->user);
	free(old->user_agent);
	free(old->proxy);
	free(old->origin);
	free(old);
}

void lp_http_response_free(struct http_response *response)
{
	lp_buf_free(&response->body);
}

bool lp_http_ok(const struct http_response *response)
{
	return response->status >= 200 && response->status < 300;
}

/* --- calls --- */

static enum lp_code multi_error(CURLMcode code, struct err *err)
{
	return lp_err_set(err, LP_INTERNAL, "libcurl: %s", curl_multi_strerror(code));
}

static enum lp_code add_to_multi(struct http_call *call, struct err *err)
{
	CURLMcode code = curl_multi_add_handle(call->http->multi, call->easy);
	if (code != CURLM_OK)
		return multi_error(code, err);
	call->added = true;
	return LP_OK;
}

enum lp_code lp_http_start(struct http *http, const struct http_request *request,
			   struct http_call **ret, struct err *err)
{
	struct http_call *call = NULL;
	LP_TRY(lp_http_call_new(http, request, &call, err));
	/* From inside a callback libcurl takes no new handle: the next round adds it. */
	if (!http->inside && add_to_multi(call, err) != LP_OK) {
		lp_http_call_free(call);
		return err->code;
	}
	if (ret)
		*ret = call;
	return LP_OK;
}

void lp_http_cancel(struct http_call **call)
{
	struct http_call *old = LP_STEAL(*call);
	if (!old)
		return;
	if (old->http->inside)
		old->cancelled = true; /* freed when libcurl has returned */
	else
		lp_http_call_free(old);
}

/* Frees what was cancelled from inside callbacks, and adds what was started there. */
static enum lp_code settle(struct http *http, struct err *err)
{
	struct http_call *next;
	for (struct http_call *call = http->calls; call; call = next) {
		next = call->next;
		if (call->cancelled)
			lp_http_call_free(call);
		else if (!call->added)
			LP_TRY(add_to_multi(call, err));
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
		return multi_error(code, err);
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

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return fd >= 0 && poll(&p, 1, 0) > 0;
}

/* Waits on libcurl's sockets and extra_fd. */
static enum lp_code wait_on(struct http *http, int timeout_ms, int extra_fd, struct err *err)
{
	struct curl_waitfd extra = {.fd = extra_fd, .events = CURL_WAIT_POLLIN};
	CURLMcode code =
		curl_multi_poll(http->multi, &extra, extra_fd >= 0 ? 1 : 0, timeout_ms, NULL);
	return code == CURLM_OK ? LP_OK : multi_error(code, err);
}

/* libcurl has no endless wait; a minute at a time is as good. */
#define LONGEST_WAIT_MS 60000

enum lp_code lp_http_wait(struct http *http, int timeout_ms, int extra_fd, bool *ret_extra,
			  unsigned *ret_running, struct err *err)
{
	int64_t deadline_ms = timeout_ms < 0 ? INT64_MAX : lp_boot_ms() + timeout_ms;
	bool extra = false;
	unsigned running = 0;
	http->happened = false;
	for (;;) {
		LP_TRY(move_on(http, &running, err));
		extra = readable(extra_fd);
		int64_t left_ms = deadline_ms - lp_boot_ms();
		if (http->happened || extra || left_ms <= 0 || (running == 0 && extra_fd < 0))
			break;
		LP_TRY(wait_on(http, left_ms < LONGEST_WAIT_MS ? (int)left_ms : LONGEST_WAIT_MS,
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
		if (lp_http_wait(http, -1, -1, NULL, NULL, err) != LP_OK) {
			lp_http_cancel(&call);
			return err->code;
		}
	if (p.sink.on_done)
		p.sink.on_done(p.sink.ctx, response, err);
	return p.code;
}

enum lp_code lp_url_encode(struct buf *out, const char *text, struct err *err)
{
	static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789-._~";
	for (; *text; text++) {
		if (strchr(kept, *text))
			LP_TRY(lp_buf_byte(out, (uint8_t)*text, err));
		else
			LP_TRY(lp_buf_printf(out, err, "%%%02X", (uint8_t)*text));
	}
	return LP_OK;
}

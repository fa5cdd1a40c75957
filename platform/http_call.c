/* SPDX-License-Identifier: Apache-2.0 */
/* One request: from struct http_request to libcurl's handle, and back to a response. */
#include "platform/http_curl.h"
#include "platform/http_tls.h"
#include "platform/limits.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Small on purpose: a role's memory is mostly buffers. Both are libcurl's minimum or near it. */
#define RECEIVE_BUFFER_BYTES (16L * 1024)
#define SEND_BUFFER_BYTES    (16L * 1024)

/* A kept connection that idled longer than this is not used again; libcurl's own is 118 s. */
#define IDLE_CONNECTION_S 3600L

/* --- what libcurl tells while the call runs --- */

/* The value of a header line when its name is name; trimmed, not terminated. */
static bool header_value(const char *line, size_t n, const char *name, struct slice *ret)
{
	size_t len = strlen(name);
	if (n <= len || line[len] != ':' || strncasecmp(line, name, len) != 0)
		return false;
	const char *at = line + len + 1, *end = line + n;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
		end--;
	*ret = (struct slice){(const uint8_t *)at, (size_t)(end - at)};
	return true;
}

/* A value that does not fit is as good as none: nobody asks for such an etag or type. */
static void keep_header(char *to, size_t size, struct slice value)
{
	to[0] = 0;
	if (value.len < size && !memchr(value.data, 0, value.len)) {
		memcpy(to, value.data, value.len);
		to[value.len] = 0;
	}
}

static size_t ended_by_callback(struct http_call *call)
{
	return call->cancelled || call->err.code != LP_OK ? CURL_WRITEFUNC_ERROR : 0;
}

static void head_complete(struct http_call *call)
{
	long status = 0, connects = 0;
	curl_off_t retry_after_s = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || call->head_done)
		return; /* 1xx, or the blank line after trailers */
	call->head_done = true;
	call->response.status = (int)status;
	curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
	call->response.new_connection = connects > 0;
	curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	if (retry_after_s > 0)
		call->response.retry_after_ms = retry_after_s * 1000;
	if (call->sink.on_header)
		call->err.code = call->sink.on_header(call->sink.ctx, &call->response, &call->err);
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	struct slice value;
	n *= size;
	call->http->happened = true;
	if (ended_by_callback(call))
		return CURL_WRITEFUNC_ERROR;
	if (header_value(line, n, "content-type", &value))
		keep_header(call->response.content_type, sizeof(call->response.content_type),
			    value);
	else if (header_value(line, n, "etag", &value))
		keep_header(call->response.etag, sizeof(call->response.etag), value);
	else if (n <= 2)
		head_complete(call);
	return ended_by_callback(call) ? CURL_WRITEFUNC_ERROR : n;
}

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct http_call *call = ctx;
	n *= size;
	call->http->happened = true;
	if (ended_by_callback(call))
		return CURL_WRITEFUNC_ERROR;
	call->body_bytes += n;
	if (call->max_response_bytes && call->body_bytes > call->max_response_bytes)
		lp_err_set(&call->err, LP_LIMIT, "the answer is larger than %zu bytes",
			   call->max_response_bytes);
	else if (call->sink.on_body)
		call->err.code =
			call->sink.on_body(call->sink.ctx, (const uint8_t *)data, n, &call->err);
	else
		call->err.code = lp_buf_append(&call->response.body, data, n, &call->err);
	return ended_by_callback(call) ? CURL_WRITEFUNC_ERROR : n;
}

/* --- making the handle --- */

static enum lp_code add_header(struct http_call *call, struct err *err, const char *fmt, ...)
	LP_PRINTF(3, 4);

static enum lp_code add_header(struct http_call *call, struct err *err, const char *fmt, ...)
{
	LP_AUTO(lp_buf_free) struct buf line = LP_BUF(64u * LP_KIB);
	char text[512];
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		return lp_err_set(err, LP_INTERNAL, "a header could not be written");
	if ((size_t)n >= sizeof(text)) {
		LP_TRY(lp_buf_reserve(&line, (size_t)n + 1, err));
		va_start(args, fmt);
		vsnprintf((char *)line.data, (size_t)n + 1, fmt, args);
		va_end(args);
	}
	struct curl_slist *longer =
		curl_slist_append(call->headers, line.data ? (char *)line.data : text);
	explicit_bzero(text, sizeof(text));
	if (line.data)
		explicit_bzero(line.data, (size_t)n);
	if (!longer)
		return lp_err_nomem(err, "HTTP header");
	call->headers = longer;
	return LP_OK;
}

static bool has_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++)
		if (strcasecmp(request->headers[i].name, name) == 0)
			return true;
	return false;
}

/*
 * Headers that nobody asked for are switched off ("Accept:"): each costs its bytes on every
 * poll, and Expect costs a round trip.
 */
static enum lp_code add_headers(struct http_call *call, const struct http_request *request,
				struct err *err)
{
	static const char *const off[] = {"Accept", "Expect", "Content-Type"};
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		if (!has_header(request, off[i]))
			LP_TRY(add_header(call, err, "%s:", off[i]));
	for (size_t i = 0; i < request->header_count; i++) {
		const struct http_header *h = &request->headers[i];
		if (strpbrk(h->name, "\r\n:") || strpbrk(h->value, "\r\n"))
			return lp_err_set(err, LP_INTERNAL, "header %s has a line break", h->name);
		LP_TRY(add_header(call, err, "%s: %s", h->name, h->value));
	}
	if (call->http->bearer)
		LP_TRY(add_header(call, err, "Authorization: Bearer %s", call->http->bearer));
	return LP_OK;
}

static struct curl_blob blob_of(struct buf *b)
{
	return (struct curl_blob){.data = b->data, .len = b->len, .flags = CURL_BLOB_NOCOPY};
}

/* Collects the first failure of many curl_easy_setopt in *bad. */
#define SET(option, value)                                             \
	do {                                                           \
		CURLcode set_ = curl_easy_setopt(easy, option, value); \
		if (set_ != CURLE_OK && *bad == CURLE_OK)              \
			*bad = set_;                                   \
	} while (0)

static CURLcode on_ssl_config(CURL *easy, void *config, void *ctx)
{
	struct http *http = ctx;
	lp_tls_judge(config, &http->judge);
	return CURLE_OK;
}

/* Another TLS library (a distribution's libcurl) judges by itself, and by the system's clock. */
static bool has_mbedtls(void)
{
	const char *name = curl_version_info(CURLVERSION_NOW)->ssl_version;
	return name && strncmp(name, "mbedTLS/", 8) == 0;
}

static void set_tls(CURL *easy, struct http *http, CURLcode *bad)
{
	struct curl_blob ca = blob_of(&http->ca_pem);
	struct curl_blob cert = blob_of(&http->client_cert_pem);
	struct curl_blob key = blob_of(&http->client_key_pem);
	if (key.len)
		key.len++; /* mbedTLS knows PEM by its NUL, and libcurl adds one only to
			      certificates */
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (has_mbedtls()) {
		SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_config);
		SET(CURLOPT_SSL_CTX_DATA, http);
	}
	if (ca.len)
		SET(CURLOPT_CAINFO_BLOB, &ca);
	else
		SET(CURLOPT_CAINFO, http->ca_file);
	if (cert.len) {
		SET(CURLOPT_SSLCERT_BLOB, &cert);
		SET(CURLOPT_SSLKEY_BLOB, &key);
		SET(CURLOPT_SSLCERTTYPE, "PEM");
		SET(CURLOPT_SSLKEYTYPE, "PEM");
	}
}

static void set_connection(CURL *easy, struct http *http, CURLcode *bad)
{
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_HTTP_VERSION,
	    (long)(http->http1_only ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
	SET(CURLOPT_PIPEWAIT, http->http1_only ? 0L : 1L);
	SET(CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES);
	SET(CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER_BYTES);
	SET(CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_S);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_timeout_ms);
	SET(CURLOPT_USERAGENT, http->user_agent);
	if (http->proxy)
		SET(CURLOPT_PROXY, http->proxy);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (http->user) {
		SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(CURLOPT_USERNAME, http->user);
		SET(CURLOPT_PASSWORD, http->password ? http->password : "");
	}
}

static void set_request(CURL *easy, struct http_call *call, const struct http_request *request,
			CURLcode *bad)
{
	SET(CURLOPT_URL, request->url);
	if (request->body.len || strcmp(request->method, "POST") == 0) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		SET(CURLOPT_POSTFIELDS, request->body.len ? (const char *)request->body.data : "");
	} else if (strcmp(request->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
	}
	SET(CURLOPT_CUSTOMREQUEST, request->method);
	SET(CURLOPT_HTTPHEADER, call->headers);
	SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	if (!request->may_rest) { /* it makes libcurl look once a second */
		SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
		SET(CURLOPT_LOW_SPEED_TIME, (long)((call->http->stall_timeout_ms + 999) / 1000));
	}
	SET(CURLOPT_ERRORBUFFER, call->curl_error);
	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, call);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, call);
}

static enum lp_code set_all(struct http_call *call, const struct http_request *request,
			    struct err *err)
{
	CURLcode first_bad = CURLE_OK, *bad = &first_bad;
	LP_TRY(add_headers(call, request, err));
	set_tls(call->easy, call->http, bad);
	set_connection(call->easy, call->http, bad);
	set_request(call->easy, call, request, bad);
	if (first_bad != CURLE_OK)
		return lp_err_set(err, LP_INTERNAL, "libcurl refuses an option: %s",
				  curl_easy_strerror(first_bad));
	return LP_OK;
}

static bool is_loopback(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
	       strncmp(host, "[::1]", 5) == 0;
}

/* Credentials belong to one server: they are never sent to another, nor in clear over a network. */
static enum lp_code check_origin(struct http *http, const char *url, struct err *err)
{
	const char *host = strstr(url, "://");
	if (!host || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
		return lp_err_set(err, LP_CONFIG, "%s is no https:// address", url);
	host += 3;
	if (!http->user && !http->bearer && !http->client_key_pem.len)
		return LP_OK;
	if (strncmp(url, "http:", 5) == 0 && !is_loopback(host))
		return lp_err_set(err, LP_CONFIG,
				  "%s would carry the credentials in clear: use https", url);
	size_t n = (size_t)(host - url) + strcspn(host, "/?#");
	if (!http->origin) {
		http->origin = strndup(url, n);
		return http->origin ? LP_OK : lp_err_nomem(err, "server name");
	}
	if (strlen(http->origin) != n || strncmp(http->origin, url, n) != 0)
		return lp_err_set(err, LP_INTERNAL, "a client for %s was asked for %s",
				  http->origin, url);
	return LP_OK;
}

static void call_freep(struct http_call **call)
{
	lp_http_call_free(*call);
}

enum lp_code lp_http_call_new(struct http *http, const struct http_request *request,
			      struct http_call **ret, struct err *err)
{
	LP_TRY(check_origin(http, request->url, err));
	LP_AUTO(call_freep) struct http_call *call = calloc(1, sizeof(*call));
	if (!call)
		return lp_err_nomem(err, "HTTP request");
	call->http = http;
	call->next = http->calls;
	if (call->next)
		call->next->previous = call;
	http->calls = call;
	call->sink = request->sink;
	call->max_response_bytes = request->max_response_bytes;
	if (!call->max_response_bytes && !request->sink.on_body)
		call->max_response_bytes = LP_HTTP_DEFAULT_BYTES;
	call->response.retry_after_ms = -1;
	call->response.body.max = call->max_response_bytes;
	call->easy = curl_easy_init();
	if (!call->easy)
		return lp_err_nomem(err, "HTTP request");
	LP_TRY(set_all(call, request, err));
	*ret = LP_STEAL(call);
	return LP_OK;
}

void lp_http_call_free(struct http_call *call)
{
	if (!call)
		return;
	struct http *http = call->http;
	if (call->previous)
		call->previous->next = call->next;
	else
		http->calls = call->next;
	if (call->next)
		call->next->previous = call->previous;
	if (call->added)
		curl_multi_remove_handle(http->multi, call->easy);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	lp_http_response_free(&call->response);
	free(call);
}

/* --- the end --- */

static enum lp_code code_of(CURLcode result)
{
	switch (result) {
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_LOGIN_DENIED:
		return LP_CONFIG;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		return LP_INTERNAL;
	default:
		return LP_TRANSIENT;
	}
}

/* Of "https://host:1/path" the part before the path. */
static int origin_length(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (int)(host + 3 - url + (int)strcspn(host + 3, "/")) : (int)strlen(url);
}

static void explain(struct http_call *call, CURLcode result)
{
	const char *url = "", *text = call->curl_error;
	curl_easy_getinfo(call->easy, CURLINFO_EFFECTIVE_URL, &url);
	if (!text[0])
		text = curl_easy_strerror(result);
	if (result == CURLE_PEER_FAILED_VERIFICATION)
		lp_tls_explain(call->http->judge.problem[0] ? call->http->judge.problem : text, url,
			       &call->err);
	else if (result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR)
		lp_err_set(&call->err, LP_TRANSIENT, "the connection to %.*s broke: %.*s",
			   origin_length(url), url, (int)strcspn(text, "\n"), text);
	else
		lp_err_set(&call->err, code_of(result), "%.*s", (int)strcspn(text, "\n"), text);
}

void lp_http_call_finish(struct http_call *call, CURLcode result)
{
	struct http_response *response = &call->response;
	curl_off_t up = 0, down = 0;
	long head_up = 0, head_down = 0, connects = 0;
	curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &head_up);
	curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	curl_easy_getinfo(call->easy, CURLINFO_HEADER_SIZE, &head_down);
	curl_easy_getinfo(call->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
	response->sent_bytes = (uint64_t)head_up + (uint64_t)up;
	response->received_bytes = (uint64_t)head_down + (uint64_t)down;
	response->new_connection = connects > 0;
	if (call->err.code == LP_OK && result != CURLE_OK)
		explain(call, result);
	if (!call->head_done)
		response->status = 0;
}

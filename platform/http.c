/* SPDX-License-Identifier: Apache-2.0 */
/* The client: its connections and its calls. */
#include "platform/http.h"

#include "platform/fs.h"
#include "platform/http_curl.h"
#include "platform/http_tls.h"
#include "platform/limits.h"

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
	if (http->max_streams)
		curl_multi_setopt(http->multi, CURLMOPT_MAX_CONCURRENT_STREAMS,
				  (long)http->max_streams);
}

static enum lp_code fill(struct http *http, const struct http_options *options, struct err *err)
{
	http->max_connections = options->max_connections ? options->max_connections : 2;
	http->max_streams = options->max_streams;
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

enum lp_code lp_http_multi_error(CURLMcode code, struct err *err)
{
	return lp_err_set(err, LP_INTERNAL, "libcurl: %s", curl_multi_strerror(code));
}

enum lp_code lp_http_call_add(struct http_call *call, struct err *err)
{
	CURLMcode code = curl_multi_add_handle(call->http->multi, call->easy);
	if (code != CURLM_OK)
		return lp_http_multi_error(code, err);
	call->added = true;
	return LP_OK;
}

enum lp_code lp_http_start(struct http *http, const struct http_request *request,
			   struct http_call **ret, struct err *err)
{
	struct http_call *call = NULL;
	LP_TRY(lp_http_call_new(http, request, &call, err));
	/* From inside a callback libcurl takes no new handle: the next round adds it. */
	if (!http->inside && lp_http_call_add(call, err) != LP_OK) {
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

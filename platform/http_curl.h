/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_HTTP_CURL_H
#define LIMPET_PLATFORM_HTTP_CURL_H
/* Inside platform/http: what http.c and http_call.c share. Nobody else includes it. */
#include "platform/http.h"
#include "platform/http_tls.h"

#include <curl/curl.h>

/* One client: a connection pool and how to use it. */
struct http {
	CURLM *multi;
	struct http_call *calls; /* all that were started and are not done */
	struct buf ca_pem, client_cert_pem, client_key_pem;
	char *ca_file, *user, *password, *bearer, *user_agent, *proxy; /* owned */
	char *origin; /* "https://host:443" of the first request, when there are credentials */
	unsigned max_connections, max_streams;
	bool http1_only;
	int64_t connect_timeout_ms, stall_timeout_ms;
	struct tls_judge judge; /* of the server's certificates; outlives all connections */
	bool inside;   /* libcurl is running: its handles must not be added or removed now */
	bool happened; /* a callback ran since the last look */
};

/* One request on its way. */
struct http_call {
	struct http *http;
	struct http_call *next, *previous;
	CURL *easy;
	struct curl_slist *headers;
	struct http_sink sink;
	struct http_response response;
	struct err err; /* of a callback, or the call's end */
	size_t max_response_bytes;
	uint64_t body_bytes;
	bool head_done; /* the final header was told */
	bool added;     /* to the multi handle */
	bool cancelled;
	char curl_error[CURL_ERROR_SIZE];
};

/* Makes the handle of a request and puts it in http->calls; not yet added to the multi handle. */
LP_CHECKED enum lp_code lp_http_call_new(struct http *http, const struct http_request *request,
					 struct http_call **ret, struct err *err);

/* Takes a call out of its client and frees it with its response. */
void lp_http_call_free(struct http_call *call);

/* Gives a call to libcurl, which moves it on from then. LP_INTERNAL. */
LP_CHECKED enum lp_code lp_http_call_add(struct http_call *call, struct err *err);

/* What libcurl says, as an error. */
enum lp_code lp_http_multi_error(CURLMcode code, struct err *err);

/* Fills response and err of a call that libcurl has ended with result. */
void lp_http_call_finish(struct http_call *call, CURLcode result);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_HTTP_H
#define LIMPET_PLATFORM_HTTP_H
/*
 * HTTP over TLS by libcurl with the mbedTLS backend: one client holds the
 * connections, TLS sessions and credentials for one server; requests run on it
 * one at a time (lp_http_perform) or many at once (lp_http_start, lp_http_wait).
 * HTTP/2 is used where the server speaks it, so that many requests share one
 * connection. Redirects are never followed; only http and https are spoken.
 */
#include "platform/buf.h"

#define LP_SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

/* What a collected body may hold when its request sets no max_response_bytes. */
#define LP_HTTP_DEFAULT_BYTES ((size_t)64 * 1024)

struct http;
struct http_response;
struct http_call;

/* How to reach a server and as whom. All strings are copied; NULL or 0 means unset. */
struct http_options {
	const char *ca_file; /* PEM; NULL: the system's bundle (LP_SYSTEM_CA) */
	struct slice ca_pem; /* used instead of ca_file when it has a length */
	struct slice client_cert_pem, client_key_pem;
	const char *user, *password; /* HTTP Basic */
	const char *bearer;
	/*
	 * Told once, in words, when a server's certificate was taken although its dates do not fit
	 * the clock; NULL: nobody. That is only so with a CA of one's own (ca_file, ca_pem) and a
	 * clock that is a guess (lp_wall_is_guess); the time floor then judges.
	 */
	void (*tell)(const char *text);
	const char *user_agent;   /* default "limpet/VERSION" */
	const char *proxy;        /* "" none; NULL: from the environment */
	unsigned max_connections; /* default 2 */
	unsigned max_streams;     /* requests at once on one HTTP/2 connection; default 100 */
	bool http1_only;
	int64_t connect_timeout_ms; /* default 15 s */
	int64_t stall_timeout_ms;   /* no byte for that long ends a request; default 60 s */
};

struct http_header {
	const char *name, *value;
};

/* Told about a response as it comes; any may be NULL. The code returned ends the call unless LP_OK.
 */
struct http_sink {
	void *ctx;
	/* Once, after the header. */
	enum lp_code (*on_header)(void *ctx, const struct http_response *response, struct err *err);
	/* A piece of the body. Without it the body is collected in response->body. */
	enum lp_code (*on_body)(void *ctx, const uint8_t *data, size_t n, struct err *err);
	/* Last, always, exactly once for a call started with lp_http_start. */
	void (*on_done)(void *ctx, struct http_response *response, struct err *result);
};

struct http_request {
	const char *method; /* "GET" */
	const char *url;
	const struct http_header *headers; /* borrowed for the call's life */
	size_t header_count;
	struct slice body; /* borrowed for the call's life */
	/* Of a collected or streamed body; LP_LIMIT past it. 0: LP_HTTP_DEFAULT_BYTES when it is
	 * collected, no bound when it is streamed (a watch). */
	size_t max_response_bytes;
	int64_t timeout_ms; /* for all of it; 0 none (a watch) */
	bool may_rest;      /* no stall_timeout_ms: whoever asks sees to it (a watch) */
	struct http_sink sink;
};

#define LP_ETAG_MAX 160 /* the API server's are SHA-512 in hex: 131 with quotes and NUL */

struct http_response {
	int status;             /* 200; 0 when there was no answer */
	int64_t retry_after_ms; /* -1 without the header; seconds or a date */
	char content_type[96];
	char etag[LP_ETAG_MAX];
	struct buf body;                     /* as collected; owned by the response */
	uint64_t sent_bytes, received_bytes; /* headers and body, as libcurl counts them */
	bool new_connection;
};
void lp_http_response_free(struct http_response *response); /* for LP_AUTO; {0} is fine */

/* Once a process, before anything else here. */
LP_CHECKED enum lp_code lp_http_init(struct err *err);

/* A client. LP_CONFIG: a CA, certificate or key that cannot be used (named). */
LP_CHECKED enum lp_code lp_http_open(const struct http_options *options, struct http **ret,
				     struct err *err);
void lp_http_close(struct http **http); /* ends all calls without on_done; for LP_AUTO */

/*
 * One request, waited for. LP_OK when there was an answer, whatever its status. LP_TRANSIENT:
 * no connection, a timeout, an answer cut short. LP_CONFIG: the server's certificate is not
 * good for us (wrong CA, expired, wrong name): err says which and what to do. LP_LIMIT.
 * *response is the caller's to free in every case.
 */
LP_CHECKED enum lp_code lp_http_perform(struct http *http, const struct http_request *request,
					struct http_response *response, struct err *err);

/* Starts a request; its sink is told the rest from inside lp_http_wait. *ret is valid until
 * on_done. */
LP_CHECKED enum lp_code lp_http_start(struct http *http, const struct http_request *request,
				      struct http_call **ret, struct err *err);

/* Ends a call early; on_done is not called. NULL is fine. */
void lp_http_cancel(struct http_call **call);

/*
 * Moves all calls of some clients on for at most timeout_ms (-1: as long as it takes) or until
 * extra_fd (-1: none) is readable; returns earlier when anything happened. *ret_extra says whether
 * extra_fd is readable; *ret_running how many calls are left (with none, and nothing else to wait
 * for, it returns at once). At most LP_HTTP_CLIENTS_MAX
 * clients; NULL ones are passed over. A callback may start calls on any of them, but close none.
 */
LP_CHECKED enum lp_code lp_http_wait(struct http *const clients[], unsigned count, int timeout_ms,
				     int extra_fd, bool *ret_extra, unsigned *ret_running,
				     struct err *err);

/* "2xx": whether the status says success. */
bool lp_http_ok(const struct http_response *response);

/* Appends text percent-encoded for a path segment or query value (RFC 3986 unreserved kept). */
LP_CHECKED enum lp_code lp_url_encode(struct buf *out, const char *text, struct err *err);
#endif

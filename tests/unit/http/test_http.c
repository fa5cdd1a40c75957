/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a scripted server on loopback; TLS is tested end to end (tests/e2e). */
#include "platform/clock.h"
#include "platform/http.h"
#include "platform/limits.h"
#include "tests/unit/check.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int port;
static pid_t server_pid;

/* --- the server: the path says what it does --- */

static void answer(int fd, const char *head, const char *body)
{
	char text[9000];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head,
			 strlen(body), body);
	if (write(fd, text, (size_t)n) != n)
		exit(1);
}

static void answer_large(int fd, size_t bytes)
{
	static const char chunk[1024];
	char head[100];
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
			 bytes);
	if (write(fd, head, (size_t)n) != n)
		exit(1);
	for (; bytes >= sizeof(chunk); bytes -= sizeof(chunk))
		if (write(fd, chunk, sizeof(chunk)) != sizeof(chunk))
			exit(1);
}

static void serve(int fd, const char *request)
{
	const char *path = strchr(request, ' ') + 1;
	if (strncmp(path, "/ok", 3) == 0)
		answer(fd, "200 OK\r\nContent-Type: text/plain\r\nETag: \"x1\"", "hello");
	else if (strncmp(path, "/echo", 5) == 0)
		answer(fd, "200 OK", request);
	else if (strncmp(path, "/moved", 6) == 0)
		answer(fd, "302 Found\r\nLocation: /ok", "");
	else if (strncmp(path, "/retry-date", 11) == 0)
		answer(fd, "503 No\r\nRetry-After: Fri, 31 Dec 2100 23:59:59 GMT", "");
	else if (strncmp(path, "/retry", 6) == 0)
		answer(fd, "503 No\r\nRetry-After: 7", "");
	else if (strncmp(path, "/continue", 9) == 0)
		answer(fd, "102 Processing\r\n\r\nHTTP/1.1 200 OK", "late");
	else if (strncmp(path, "/large", 6) == 0)
		answer_large(fd, 1 << 20);
	else if (strncmp(path, "/cut", 4) == 0)
		exit(write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 42) != 42);
	else if (strncmp(path, "/hang", 5) == 0)
		pause();
	else
		answer(fd, "404 Not Found", "");
}

/* One connection: requests with at most a small body, until it is closed. */
static void connection(int fd)
{
	static char request[8192];
	size_t have = 0;
	for (;;) {
		ssize_t n = read(fd, request + have, sizeof(request) - 1 - have);
		if (n <= 0)
			exit(0);
		have += (size_t)n;
		request[have] = 0;
		char *end = strstr(request, "\r\n\r\n"),
		     *length = strstr(request, "Content-Length: ");
		if (!end || have < (size_t)(end + 4 - request) +
					    (length ? strtoul(length + 16, NULL, 10) : 0))
			continue;
		serve(fd, request);
		have = 0;
	}
}

static void start_server(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 16) != 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) != 0)
		exit(2);
	port = ntohs(at.sin_port);
	server_pid = fork();
	if (server_pid != 0) {
		close(listener);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			connection(fd);
		}
		close(fd);
	}
}

/* --- the client --- */

static struct http *http;
static struct http_response response;

static void client(struct http_options options)
{
	lp_http_response_free(&response);
	lp_http_close(&http);
	CHECK_OK(lp_http_open(&options, &http, &err));
}

static const char *url(const char *path)
{
	static char text[4][200];
	static unsigned next;
	char *to = text[next++ % 4];
	snprintf(to, sizeof(text[0]), "http://127.0.0.1:%d%s", port, path);
	return to;
}

static enum lp_code get(const char *path)
{
	struct http_request request = {.method = "GET", .url = url(path), .timeout_ms = 10000};
	lp_http_response_free(&response);
	return lp_http_perform(http, &request, &response, &err);
}

static void an_answer_is_collected_with_its_header(void)
{
	client((struct http_options){0});
	CHECK_OK(get("/ok"));
	CHECK(response.status == 200 && lp_http_ok(&response) && response.new_connection);
	CHECK_STR(lp_buf_text(&response.body), "hello");
	CHECK_STR(response.content_type, "text/plain");
	CHECK_STR(response.etag, "\"x1\"");
	CHECK(response.retry_after_ms == -1);
	CHECK(response.sent_bytes > 0 && response.received_bytes > 5);
}

static void the_connection_is_kept(void)
{
	client((struct http_options){0});
	CHECK_OK(get("/ok"));
	CHECK_OK(get("/ok"));
	CHECK(!response.new_connection);
}

static void a_redirect_is_an_answer_and_is_not_followed(void)
{
	client((struct http_options){0});
	CHECK_OK(get("/moved"));
	CHECK(response.status == 302 && !lp_http_ok(&response));
	CHECK(response.body.len == 0); /* "hello", had it been */
}

static void no_header_is_sent_that_nobody_asked_for(void)
{
	struct http_header headers[] = {{"X-Mine", "yes"}};
	struct http_request request = {.method = "PATCH",
				       .url = url("/echo"),
				       .headers = headers,
				       .header_count = 1,
				       .body = LP_SLICE("body")};
	client((struct http_options){.user_agent = "me"});
	CHECK_OK(lp_http_perform(http, &request, &response, &err));
	char wanted[300];
	snprintf(wanted, sizeof(wanted),
		 "PATCH /echo HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: me\r\nX-Mine: yes\r\n"
		 "Content-Length: 4\r\n\r\nbody",
		 port);
	CHECK_STR(lp_buf_text(&response.body), wanted);
}

static void credentials_are_sent_to_their_server(void)
{
	client((struct http_options){.user = "me", .password = "pass:word"});
	CHECK_OK(get("/echo"));
	CHECK_HAS(lp_buf_text(&response.body), "Authorization: Basic bWU6cGFzczp3b3Jk\r\n");
	client((struct http_options){.bearer = "token"});
	CHECK_OK(get("/echo"));
	CHECK_HAS(lp_buf_text(&response.body), "Authorization: Bearer token\r\n");
}

static void credentials_are_sent_to_no_other_server(void)
{
	char other[100];
	struct http_request request = {.method = "GET", .url = other};
	client((struct http_options){.bearer = "token"});
	CHECK_OK(get("/ok"));
	lp_http_response_free(&response);
	snprintf(other, sizeof(other), "http://127.0.0.2:%d/ok", port);
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_INTERNAL, "was asked for");
	snprintf(other, sizeof(other), "http://127.0.0.1:%d/ok", port / 10);
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_INTERNAL, "was asked for");
	snprintf(other, sizeof(other), "http://127.0.0.1:%d0/ok", port);
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_INTERNAL, "was asked for");
}

static void credentials_are_not_sent_in_clear_over_a_network(void)
{
	struct http_request request = {.method = "GET", .url = "http://192.0.2.1/"};
	client((struct http_options){.user = "me", .password = "x"});
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_CONFIG, "use https");
}

static void other_addresses_than_http_are_refused(void)
{
	static const char *const bad[] = {"file:///etc/passwd", "ftp://a/", "a/b", ""};
	client((struct http_options){0});
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct http_request request = {.method = "GET", .url = bad[i]};
		CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_CONFIG, "https");
	}
}

static void a_header_with_a_line_break_is_not_sent(void)
{
	struct http_header headers[] = {{"X", "a\r\nY: b"}};
	struct http_request request = {
		.method = "GET", .url = url("/ok"), .headers = headers, .header_count = 1};
	client((struct http_options){0});
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_INTERNAL, "line break");
	CHECK(lp_http_open(&(struct http_options){.bearer = "a\r\nb"}, &http, &err) == LP_CONFIG);
}

static void what_the_server_asks_to_wait_is_told(void)
{
	client((struct http_options){0});
	CHECK_OK(get("/retry"));
	CHECK(response.status == 503 && response.retry_after_ms == 7000);
	CHECK_OK(get("/retry-date"));
	CHECK(response.retry_after_ms > 1000000);
}

static void an_interim_answer_is_not_the_answer(void)
{
	client((struct http_options){0});
	CHECK_OK(get("/continue"));
	CHECK(response.status == 200);
	CHECK_STR(lp_buf_text(&response.body), "late");
}

static void an_answer_cut_short_is_transient(void)
{
	client((struct http_options){0});
	CHECK_CODE(get("/cut"), LP_TRANSIENT, "");
}

static void a_closed_port_is_transient(void)
{
	struct http_request request = {.method = "GET", .url = "http://127.0.0.1:1/"};
	client((struct http_options){0});
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_TRANSIENT, "127.0.0.1");
	CHECK(response.status == 0);
}

static void a_name_that_is_not_known_is_transient(void)
{
	struct http_request request = {.method = "GET", .url = "http://no-such-host.invalid/"};
	client((struct http_options){0});
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_TRANSIENT,
		   "no-such-host.invalid");
}

static void a_request_ends_at_its_deadline(void)
{
	struct http_request request = {.method = "GET", .url = url("/hang"), .timeout_ms = 200};
	int64_t begin_ms = lp_boot_ms();
	client((struct http_options){0});
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_TRANSIENT, "timed out");
	CHECK(lp_boot_ms() - begin_ms < 5000);
}

static void a_collected_body_has_a_limit(void)
{
	struct http_request request = {
		.method = "GET", .url = url("/large"), .max_response_bytes = 5000};
	client((struct http_options){0});
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_LIMIT, "5000 bytes");
	lp_http_response_free(&response);
	CHECK_CODE(get("/large"), LP_LIMIT, "65536 bytes"); /* nothing set: the default */
}

/* --- sinks --- */

struct seen {
	size_t bytes, stop_after;
	int headers, done, status;
	enum lp_code code;
	struct http_call **cancel;
	const char *then; /* a request to start when this one is done */
};

static enum lp_code see_header(void *ctx, const struct http_response *r, struct err *e)
{
	struct seen *seen = ctx;
	seen->headers++;
	seen->status = r->status;
	return LP_OK;
}

static enum lp_code see_body(void *ctx, const uint8_t *data, size_t n, struct err *e)
{
	struct seen *seen = ctx;
	seen->bytes += n;
	if (seen->cancel)
		lp_http_cancel(seen->cancel);
	if (seen->stop_after && seen->bytes >= seen->stop_after)
		return lp_err_set(e, LP_CONFLICT, "stop here");
	return LP_OK;
}

static struct http_request request_for(struct seen *seen, const char *path);

static void see_done(void *ctx, struct http_response *r, struct err *result)
{
	struct seen *seen = ctx;
	seen->done++;
	seen->code = result->code;
	if (seen->then) {
		struct http_request next = request_for(seen, seen->then);
		seen->then = NULL;
		CHECK_OK(lp_http_start(http, &next, NULL, &err));
	}
}

static struct http_request request_for(struct seen *seen, const char *path)
{
	return (struct http_request){
		.method = "GET", .url = url(path), .sink = {seen, see_header, see_body, see_done}};
}

static void wait_all(void)
{
	unsigned running = 1;
	while (running)
		CHECK_OK(lp_http_wait(&http, 1, 5000, -1, NULL, &running, &err));
}

static void a_streamed_body_needs_no_limit(void)
{
	struct seen seen = {0};
	struct http_request request = request_for(&seen, "/large");
	client((struct http_options){0});
	CHECK_OK(lp_http_perform(http, &request, &response, &err));
	CHECK(seen.bytes == 1 << 20 && seen.headers == 1 && seen.done == 1);
	CHECK(response.body.len == 0);
}

static void a_sink_can_end_the_call(void)
{
	struct seen seen = {.stop_after = 1000};
	struct http_request request = request_for(&seen, "/large");
	client((struct http_options){0});
	CHECK_CODE(lp_http_perform(http, &request, &response, &err), LP_CONFLICT, "stop here");
	CHECK(response.status == 200 && seen.bytes < 1 << 20);
}

static void many_calls_run_at_once(void)
{
	struct seen seen[8] = {0};
	client((struct http_options){.max_connections = 3});
	for (int i = 0; i < 8; i++) {
		struct http_request request = request_for(&seen[i], "/ok");
		CHECK_OK(lp_http_start(http, &request, NULL, &err));
	}
	wait_all();
	for (int i = 0; i < 8; i++)
		CHECK(seen[i].done == 1 && seen[i].code == LP_OK && seen[i].bytes == 5);
}

static void a_call_that_is_done_can_start_the_next(void)
{
	struct seen seen = {.then = "/large"};
	struct http_request request = request_for(&seen, "/ok");
	client((struct http_options){0});
	CHECK_OK(lp_http_start(http, &request, NULL, &err));
	wait_all();
	CHECK(seen.done == 2 && seen.bytes == 5 + (1 << 20));
}

static void a_cancelled_call_says_nothing_more(void)
{
	struct seen seen = {0};
	struct http_request request = request_for(&seen, "/hang");
	struct http_call *call = NULL;
	unsigned running = 9;
	client((struct http_options){0});
	CHECK_OK(lp_http_start(http, &request, &call, &err));
	CHECK_OK(lp_http_wait(&http, 1, 50, -1, NULL, &running, &err));
	CHECK(running == 1);
	lp_http_cancel(&call);
	CHECK(call == NULL);
	CHECK_OK(lp_http_wait(&http, 1, 50, -1, NULL, &running, &err));
	CHECK(running == 0 && seen.done == 0);
}

static void a_call_can_be_cancelled_from_its_own_sink(void)
{
	struct http_call *call = NULL;
	struct seen seen = {.cancel = &call};
	struct http_request request = request_for(&seen, "/large");
	client((struct http_options){0});
	CHECK_OK(lp_http_start(http, &request, &call, &err));
	wait_all();
	CHECK(seen.done == 0 && seen.bytes > 0 && seen.bytes < 1 << 20);
}

static void closing_ends_what_still_runs(void)
{
	struct seen seen = {0};
	struct http_request request = request_for(&seen, "/hang");
	client((struct http_options){0});
	CHECK_OK(lp_http_start(http, &request, NULL, &err));
	lp_http_close(&http);
	CHECK(seen.done == 0);
}

static void another_descriptor_ends_the_wait(void)
{
	struct seen seen = {0};
	struct http_request request = request_for(&seen, "/hang");
	int ends[2];
	bool readable = true;
	unsigned running = 0;
	client((struct http_options){0});
	CHECK(pipe(ends) == 0);
	CHECK_OK(lp_http_wait(&http, 1, 20, ends[0], &readable, &running, &err));
	CHECK(!readable && running == 0);
	CHECK_OK(lp_http_start(http, &request, NULL, &err));
	CHECK(write(ends[1], "x", 1) == 1);
	int64_t begin_ms = lp_boot_ms();
	CHECK_OK(lp_http_wait(&http, 1, 60000, ends[0], &readable, &running, &err));
	CHECK(readable && running == 1 && lp_boot_ms() - begin_ms < 10000);
	close(ends[0]);
	close(ends[1]);
}

static void the_calls_of_several_clients_move_on_together(void)
{
	struct http_options options = {.proxy = "", .connect_timeout_ms = 5000};
	struct http *clients[LP_HTTP_CLIENTS_MAX] = {NULL};
	struct seen hanging = {0}, seen[LP_HTTP_CLIENTS_MAX] = {0};
	struct http_request wait = request_for(&hanging, "/hang");
	unsigned running = LP_HTTP_CLIENTS_MAX;

	for (unsigned i = 1; i < LP_HTTP_CLIENTS_MAX; i++) { /* the first is not there */
		CHECK_OK(lp_http_open(&options, &clients[i], &err));
		struct http_request request = request_for(&seen[i], "/large");
		CHECK_OK(lp_http_start(clients[i], &request, NULL, &err));
	}
	CHECK_OK(lp_http_start(clients[1], &wait, NULL, &err));
	while (running > 1)
		CHECK_OK(
			lp_http_wait(clients, LP_HTTP_CLIENTS_MAX, 5000, -1, NULL, &running, &err));
	for (unsigned i = 1; i < LP_HTTP_CLIENTS_MAX; i++) {
		CHECK(seen[i].done == 1 && seen[i].bytes == 1 << 20);
		lp_http_close(&clients[i]);
	}
	CHECK(hanging.done == 0);
}

/* --- files and names --- */

static void a_ca_that_cannot_be_used_is_named(void)
{
	struct http_options none = {.ca_file = "/nonexistent/ca.pem"};
	struct http_options bad = {.ca_file = "/etc/passwd"};
	struct http_options text = {.ca_pem = LP_SLICE("-----BEGIN CERTIFICATE-----\n")};
	CHECK_CODE(lp_http_open(&none, &http, &err), LP_CONFIG, "/nonexistent/ca.pem");
	CHECK_CODE(lp_http_open(&bad, &http, &err), LP_CONFIG, "/etc/passwd");
	CHECK_CODE(lp_http_open(&text, &http, &err), LP_CONFIG, "CA certificate");
}

static void text_is_encoded_for_a_url(void)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(100);
	CHECK_OK(lp_url_encode(&b, "a-Z_0.~/ ?\xc3\xa9", &err));
	CHECK_STR(lp_buf_text(&b), "a-Z_0.~%2F%20%3F%C3%A9");
}

int main(void)
{
	start_server();
	TEST(an_answer_is_collected_with_its_header);
	TEST(the_connection_is_kept);
	TEST(a_redirect_is_an_answer_and_is_not_followed);
	TEST(no_header_is_sent_that_nobody_asked_for);
	TEST(credentials_are_sent_to_their_server);
	TEST(credentials_are_sent_to_no_other_server);
	TEST(credentials_are_not_sent_in_clear_over_a_network);
	TEST(other_addresses_than_http_are_refused);
	TEST(a_header_with_a_line_break_is_not_sent);
	TEST(what_the_server_asks_to_wait_is_told);
	TEST(an_interim_answer_is_not_the_answer);
	TEST(an_answer_cut_short_is_transient);
	TEST(a_closed_port_is_transient);
	TEST(a_name_that_is_not_known_is_transient);
	TEST(a_request_ends_at_its_deadline);
	TEST(a_collected_body_has_a_limit);
	TEST(a_streamed_body_needs_no_limit);
	TEST(a_sink_can_end_the_call);
	TEST(many_calls_run_at_once);
	TEST(a_call_that_is_done_can_start_the_next);
	TEST(a_cancelled_call_says_nothing_more);
	TEST(a_call_can_be_cancelled_from_its_own_sink);
	TEST(closing_ends_what_still_runs);
	TEST(another_descriptor_ends_the_wait);
	TEST(the_calls_of_several_clients_move_on_together);
	TEST(a_ca_that_cannot_be_used_is_named);
	TEST(text_is_encoded_for_a_url);
	lp_http_response_free(&response);
	lp_http_close(&http);
	kill(server_pid, SIGKILL);
	waitpid(server_pid, NULL, 0);
	return check_report();
}

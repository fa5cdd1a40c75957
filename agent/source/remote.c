/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/remote.h"

#include "agent/source/limits.h"
#include "agent/source/refs.h"
#include "platform/clock.h"
#include "platform/log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define RESULT_TYPE        "application/x-git-upload-pack-result"
#define ADVERTISEMENT_TYPE "application/x-git-upload-pack-advertisement"

/* HTTP headers, pkt-lines and side bands around a pack. */
#define FRAMING_BYTES(pack_bytes) ((pack_bytes) / 100 + 4u * LP_MIB)

static void wipe(struct buf *secret)
{
	if (secret->data)
		explicit_bzero(secret->data, secret->len);
	lp_buf_free(secret);
}

void lp_remote_close(struct remote *remote)
{
	lp_http_close(&remote->http);
	wipe(&remote->credentials);
	remote->can_known = false;
}

/* --- the client --- */

/* One line, "user:password"; the password may have colons in it. */
static enum lp_code read_credentials(const char *file, struct buf *to, bool *ret_readable_by_others,
				     struct err *err)
{
	struct stat st;
	if (lp_file_read(file, to, err) != LP_OK) {
		if (err->code == LP_NOT_FOUND || err->code == LP_LIMIT)
			err->code = LP_CONFIG;
		return lp_err_wrap(err, "credentials");
	}
	while (to->len && (to->data[to->len - 1] == '\n' || to->data[to->len - 1] == '\r'))
		to->data[--to->len] = 0;
	if (!to->len || !memchr(to->data, ':', to->len) || memchr(to->data, '\n', to->len) ||
	    memchr(to->data, 0, to->len))
		return lp_err_set(err, LP_CONFIG,
				  "credentials: %s: one line is expected, user:password", file);
	*ret_readable_by_others = stat(file, &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH));
	return LP_OK;
}

static void tell_certificate(const char *text)
{
	lp_log(LOG_LEVEL_WARN, "certificate-dates", "server", "git", "told", text, "way-out",
	       "synchronise the clock", NULL);
}

static enum lp_code open_client(struct remote *remote, struct err *err)
{
	LP_AUTO(wipe) struct buf user = LP_BUF(LP_CREDENTIAL_FILE);
	struct http_options options = {
		.ca_file = remote->ca_file[0] ? remote->ca_file : NULL,
		.tell = tell_certificate,
		.max_connections = 1,
	};
	const char *colon = strchr(lp_buf_text(&remote->credentials), ':');
	if (colon) {
		const char *text = lp_buf_text(&remote->credentials);
		LP_TRY(lp_buf_append(&user, text, (size_t)(colon - text), err));
		options.user = lp_buf_text(&user);
		options.password = colon + 1;
	}
	return lp_http_open(&options, &remote->http, err);
}

enum lp_code lp_remote_begin(struct remote *remote, const struct fetch_request *request,
			     bool *ret_readable_by_others, struct err *err)
{
	LP_AUTO(wipe) struct buf credentials = LP_BUF(LP_CREDENTIAL_FILE);
	bool readable = false;
	*ret_readable_by_others = false;
	remote->deadline_ms = lp_boot_ms() + request->deadline_ms;
	remote->retry_after_ms = -1;
	remote->sent_bytes = remote->received_bytes = 0;
	if (request->credentials_file[0])
		LP_TRY(read_credentials(request->credentials_file, &credentials, &readable, err));
	if (readable && !remote->told_mode)
		*ret_readable_by_others = remote->told_mode = true;
	if (remote->http && strcmp(remote->url, request->url) == 0 &&
	    strcmp(remote->ca_file, request->ca_file) == 0 &&
	    lp_slice_equal(LP_SLICE_OF(&remote->credentials), LP_SLICE_OF(&credentials)))
		return LP_OK;
	lp_remote_close(remote);
	LP_TRY(lp_copy(remote->url, sizeof(remote->url), request->url, err));
	for (size_t n = strlen(remote->url); n && remote->url[n - 1] == '/'; n--)
		remote->url[n - 1] = 0;
	LP_TRY(lp_copy(remote->ca_file, sizeof(remote->ca_file), request->ca_file, err));
	LP_TRY(lp_copy(remote->credentials_file, sizeof(remote->credentials_file),
		       request->credentials_file, err));
	remote->credentials = credentials;
	credentials = LP_BUF(0);
	return open_client(remote, err);
}

/* --- one request --- */

struct exchange {
	struct remote *remote;
	const char *type; /* of a good answer */
	enum lp_code (*feed)(void *of, const uint8_t *data, size_t n, struct err *err);
	void *of;
	uint64_t body_bytes;
};

static enum lp_code refuse_login(const struct remote *remote, struct err *err)
{
	if (remote->credentials_file[0])
		return lp_err_set(err, LP_CONFIG,
				  "the Git server refuses user and password (401): put valid ones, "
				  "user:password, into %s",
				  remote->credentials_file);
	return lp_err_set(err, LP_CONFIG,
			  "the Git server asks for user and password (401): write them, "
			  "user:password, into a file and name it in `credentials`");
}

static enum lp_code refuse_status(struct remote *remote, const struct http_response *response,
				  struct err *err)
{
	int status = response->status;
	remote->retry_after_ms = response->retry_after_ms;
	if (status == 401)
		return refuse_login(remote, err);
	if (status == 403)
		return lp_err_set(err, LP_CONFIG,
				  "the Git server forbids it (403): give these credentials the "
				  "right to read %s",
				  remote->url);
	if (status == 404 || status == 410)
		return lp_err_set(err, LP_CONFIG,
				  "there is no repository %s (%d): check `url`, and that the "
				  "credentials may see it",
				  remote->url, status);
	if (status >= 300 && status < 400)
		return lp_err_set(err, LP_CONFIG,
				  "%s has moved (%d) and redirects are not followed: put its new "
				  "address into `url`",
				  remote->url, status);
	if (status == 429 || status >= 500)
		return lp_err_set(err, LP_TRANSIENT, "the Git server answers %d%s", status,
				  status == 429 ? " (too many requests)" : "");
	return lp_err_set(err, LP_CONFIG, "the Git server answers %d to a request for %s", status,
			  remote->url);
}

static enum lp_code on_header(void *ctx, const struct http_response *response, struct err *err)
{
	struct exchange *exchange = ctx;
	char type[sizeof(response->content_type)];
	size_t n = strlen(exchange->type);
	if (response->status != 200)
		return refuse_status(exchange->remote, response, err);
	if (strncmp(response->content_type, exchange->type, n) == 0 &&
	    (response->content_type[n] == 0 || response->content_type[n] == ';'))
		return LP_OK;
	struct slice said = {(const uint8_t *)response->content_type,
			     strlen(response->content_type)};
	return lp_err_set(err, LP_TRANSIENT,
			  "%s answers as something other than a Git server (%s): check `url`; a "
			  "login page in between looks like this too",
			  exchange->remote->url,
			  said.len ? lp_remote_text(said, type, sizeof(type)) : "no type");
}

static enum lp_code on_body(void *ctx, const uint8_t *data, size_t n, struct err *err)
{
	struct exchange *exchange = ctx;
	exchange->body_bytes += n;
	return exchange->feed(exchange->of, data, n, err);
}

static enum lp_code exchange_run(struct exchange *exchange, struct http_request *request,
				 struct err *err)
{
	struct remote *remote = exchange->remote;
	LP_AUTO(lp_http_response_free) struct http_response response = {0};
	request->timeout_ms = remote->deadline_ms - lp_boot_ms();
	if (request->timeout_ms <= 0)
		return lp_err_set(err, LP_TRANSIENT, "the deadline of the poll has passed");
	request->sink =
		(struct http_sink){.ctx = exchange, .on_header = on_header, .on_body = on_body};
	enum lp_code code = lp_http_perform(remote->http, request, &response, err);
	remote->sent_bytes += response.sent_bytes;
	remote->received_bytes += response.received_bytes;
	return code;
}

static enum lp_code post(struct exchange *exchange, const struct buf *body, uint64_t max_bytes,
			 struct err *err)
{
	static const struct http_header headers[] = {
		{"Content-Type", "application/x-git-upload-pack-request"},
		{"Git-Protocol", "version=2"},
	};
	char url[LP_URL_MAX + 32];
	snprintf(url, sizeof(url), "%s/git-upload-pack", exchange->remote->url);
	struct http_request request = {.method = "POST",
				       .url = url,
				       .headers = headers,
				       .header_count = 2,
				       .body = LP_SLICE_OF(body),
				       .max_response_bytes = max_bytes};
	exchange->type = RESULT_TYPE;
	return exchange_run(exchange, &request, err);
}

/* --- what the server can do --- */

/* Ends an exchange whose rest is of no interest. */
static enum lp_code enough(struct err *err)
{
	return lp_err_set(err, LP_CONFLICT, "enough");
}

static enum lp_code feed_advertisement(void *of, const uint8_t *data, size_t n, struct err *err)
{
	struct advertisement *ad = of;
	LP_TRY(lp_advertisement_feed(ad, data, n, err));
	return ad->complete && !ad->can.version_2 ? enough(err) : LP_OK;
}

enum lp_code lp_remote_capabilities(struct remote *remote, struct capabilities *ret,
				    struct err *err)
{
	static const struct http_header headers[] = {{"Git-Protocol", "version=2"}};
	LP_AUTO(lp_advertisement_free) struct advertisement ad = LP_ADVERTISEMENT;
	char url[LP_URL_MAX + 64];
	if (remote->can_known) {
		*ret = remote->can;
		return LP_OK;
	}
	snprintf(url, sizeof(url), "%s/info/refs?service=git-upload-pack", remote->url);
	struct http_request request = {.method = "GET",
				       .url = url,
				       .headers = headers,
				       .header_count = 1,
				       .max_response_bytes = LP_CAPABILITY_BYTES};
	struct exchange exchange = {.remote = remote,
				    .type = ADVERTISEMENT_TYPE,
				    .feed = feed_advertisement,
				    .of = &ad};
	enum lp_code code = exchange_run(&exchange, &request, err);
	if (code != LP_OK && !ad.complete)
		return code;
	LP_TRY(lp_advertisement_finish(&ad, err));
	remote->can = *ret = ad.can;
	remote->can_known = true;
	return LP_OK;
}

/*
 * An answer that makes no sense, or none at all: Git ends without a word when it is not told of
 * protocol v2, and when object ids are not the ones it expects. What the server says of itself
 * tells which. Returns the better error, or the one that err has.
 */
static enum lp_code diagnose(struct remote *remote, struct err *err)
{
	struct capabilities can;
	struct err other = {0};
	remote->can_known = false;
	if (lp_remote_capabilities(remote, &can, &other) != LP_OK)
		return err->code;
	if (!can.version_2)
		return lp_err_set(err, LP_CONFIG,
				  "the Git server does not speak protocol v2: it needs git 2.18 or "
				  "newer, and the web server must pass the header Git-Protocol on "
				  "(as GIT_PROTOCOL or HTTP_GIT_PROTOCOL)");
	if (can.sha256)
		return lp_err_set(err, LP_REJECTED,
				  "unsupported-format: the repository has SHA-256 object ids; use "
				  "one with SHA-1 (git init --object-format=sha1)");
	return err->code;
}

/* --- ls-refs --- */

static enum lp_code feed_refs(void *of, const uint8_t *data, size_t n, struct err *err)
{
	struct refs_answer *answer = of;
	LP_TRY(lp_refs_feed(answer, data, n, err));
	return !answer->ref && answer->found ? enough(err) : LP_OK;
}

static enum lp_code ls_refs(struct remote *remote, const char *prefix, struct refs_answer *answer,
			    struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(2u * LP_KIB);
	struct exchange exchange = {.remote = remote, .feed = feed_refs, .of = answer};
	LP_TRY(lp_refs_request(prefix, &body, err));
	if (post(&exchange, &body, LP_REFS_BYTES, err) != LP_OK)
		return !answer->ref && answer->found ? LP_OK : err->code;
	if (lp_refs_finish(answer, err) != LP_OK)
		return exchange.body_bytes ? err->code : diagnose(remote, err);
	return LP_OK;
}

/* The branch is not there: has the repository any? The answer is left at its first line. */
static enum lp_code no_branch(struct remote *remote, const char *ref, struct err *err)
{
	LP_AUTO(lp_refs_free) struct refs_answer any = LP_REFS_ANSWER(NULL);
	const char *branch = strncmp(ref, "refs/heads/", 11) == 0 ? ref + 11 : ref;
	LP_TRY(ls_refs(remote, "refs/", &any, err));
	if (any.found)
		return lp_err_set(
			err, LP_NOT_FOUND,
			"the repository has no branch %s; push it: git push origin HEAD:%s", branch,
			branch);
	return lp_err_set(err, LP_NOT_FOUND,
			  "the repository is empty; push its branch: git push origin HEAD:%s",
			  branch);
}

enum lp_code lp_remote_tip(struct remote *remote, const char *ref, struct oid *ret, struct err *err)
{
	LP_AUTO(lp_refs_free) struct refs_answer answer = LP_REFS_ANSWER(ref);
	LP_TRY(ls_refs(remote, ref, &answer, err));
	if (!answer.found)
		return no_branch(remote, ref, err);
	*ret = answer.tip;
	return LP_OK;
}

/* --- fetch --- */

static enum lp_code feed_answer(void *of, const uint8_t *data, size_t n, struct err *err)
{
	return lp_fetch_answer_feed(of, data, n, err);
}

enum lp_code lp_remote_fetch(struct remote *remote, const struct fetch_wish *wish,
			     uint64_t max_bytes, pack_sink *sink, void *ctx, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(2u * LP_KIB);
	LP_AUTO(lp_fetch_answer_free) struct fetch_answer answer = LP_FETCH_ANSWER(sink, ctx);
	struct exchange exchange = {.remote = remote, .feed = feed_answer, .of = &answer};
	LP_TRY(lp_fetch_ask(wish, &body, err));
	LP_TRY(post(&exchange, &body, max_bytes + FRAMING_BYTES(max_bytes), err));
	if (lp_fetch_answer_finish(&answer, err) != LP_OK)
		return exchange.body_bytes ? err->code : diagnose(remote, err);
	return LP_OK;
}

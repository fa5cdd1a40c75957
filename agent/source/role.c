/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source/role.h"

#include "agent/source/fetch.h"
#include "agent/source/limits.h"
#include "platform/clock.h"
#include "platform/git.h"
#include "platform/log.h"
#include "platform/sandbox.h"

#include <string.h>

/* A pack, the bases that a thin one lacks, and an index. */
#define LARGEST_FILE_BYTES (4ull * LP_PACK_BYTES)
#define ADDRESS_SPACE      (512ull * LP_MIB)
#define OPEN_FILES         128u

struct fetch_role {
	struct channel *channel;
	struct remote remote;
	bool walled;
	char objects[LP_PATH_MAX], ca_folder[LP_PATH_MAX], credentials_folder[LP_PATH_MAX];
};

/* --- the walls --- */

static void wall_in(struct fetch_role *role)
{
	struct sandbox_report report;
	struct sandbox sandbox = {
		/* what getaddrinfo reads, and where /etc/resolv.conf may lead */
		.readable = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf",
			     "/etc/host.conf", "/etc/gai.conf", "/run/systemd/resolve",
			     "/run/NetworkManager", "/run/resolvconf", "/run/connman",
			     LP_SYSTEM_CA},
		.writable = {role->objects},
		.network = true,
		.threads = true,
		.fsize_bytes = LARGEST_FILE_BYTES,
		.nofile = OPEN_FILES,
#ifndef LIMPET_SANITIZED
		.as_bytes = ADDRESS_SPACE,
#endif
	};
	const char **next = sandbox.readable;
	while (*next)
		next++;
	if (role->ca_folder[0])
		*next++ = role->ca_folder;
	if (role->credentials_folder[0])
		*next++ = role->credentials_folder;
	lp_sandbox_enter(&sandbox, &report);
	role->walled = true;
	enum wall missing = lp_sandbox_missing(&report);
	if (missing != WALLS)
		lp_log(LOG_LEVEL_DEBUG, "wall-missing", "wall", lp_wall_name(missing), "why",
		       report.walls[missing].text, NULL);
}

/* With the first request the walls go up around its paths; later ones must have the same. */
static enum lp_code stay_within(struct fetch_role *role, const struct fetch_request *request,
				struct err *err)
{
	char ca[LP_PATH_MAX], credentials[LP_PATH_MAX];
	/* the folder, because the file itself may be replaced while the role lives */
	lp_path_folder(request->ca_file, ca);
	lp_path_folder(request->credentials_file, credentials);
	if (!role->walled) {
		LP_TRY(lp_copy(role->objects, sizeof(role->objects), request->objects, err));
		LP_TRY(lp_copy(role->ca_folder, sizeof(role->ca_folder), ca, err));
		LP_TRY(lp_copy(role->credentials_folder, sizeof(role->credentials_folder),
			       credentials, err));
		LP_TRY(lp_dir_make(role->objects, err));
		LP_TRY(lp_http_init(err));
		LP_TRY(lp_git_init(err));
		wall_in(role);
	}
	if (strcmp(role->objects, request->objects) != 0 || strcmp(role->ca_folder, ca) != 0 ||
	    strcmp(role->credentials_folder, credentials) != 0)
		return lp_err_set(err, LP_INTERNAL, "the fetch role was asked for other paths");
	return LP_OK;
}

/* --- frames --- */

static enum lp_code send_frame(struct fetch_role *role, struct wire_writer *w, struct err *err)
{
	LP_TRY(lp_wire_end(w, err));
	return lp_channel_flush(role->channel, err);
}

static enum lp_code tell_progress(void *ctx, uint64_t bytes, uint64_t objects, struct err *err)
{
	struct fetch_role *role = ctx;
	struct wire_writer w;
	lp_wire_begin(&w, &role->channel->out, FETCH_PROGRESS);
	lp_wire_put_u64(&w, bytes);
	lp_wire_put_u64(&w, objects);
	return send_frame(role, &w, err);
}

static enum lp_code answer_error(struct fetch_role *role, const struct err *why, struct err *err)
{
	struct wire_writer w;
	lp_wire_begin(&w, &role->channel->out, FETCH_ERROR);
	lp_wire_put_u8(&w, (uint8_t)why->code);
	lp_wire_put_i64(&w, role->remote.retry_after_ms);
	lp_wire_put_str(&w, why->msg);
	return send_frame(role, &w, err);
}

static enum lp_code answer_result(struct fetch_role *role, const struct fetched *fetched,
				  struct err *err)
{
	struct wire_writer w;
	lp_wire_begin(&w, &role->channel->out, FETCH_RESULT);
	lp_fetched_put(&w, fetched);
	return send_frame(role, &w, err);
}

/* --- one request --- */

static enum lp_code serve(struct fetch_role *role, const struct fetch_request *request,
			  struct fetched *ret, struct err *err)
{
	struct fetch_progress progress = {.tell = tell_progress, .ctx = role};
	bool readable_by_others = false;
	lp_wall_floor(request->floor_s);
	LP_TRY(stay_within(role, request, err));
	LP_TRY(lp_remote_begin(&role->remote, request, &readable_by_others, err));
	if (readable_by_others)
		lp_log(LOG_LEVEL_WARN, "credentials-readable", "source", request->source, "file",
		       request->credentials_file, "way-out", "chmod 600", NULL);
	return lp_fetch(&role->remote, request, &progress, ret, err);
}

static enum lp_code take_request(struct fetch_role *role, struct wire_reader *frame,
				 struct err *err)
{
	struct fetch_request request = {0};
	struct fetched fetched = {0};
	struct err why = {0};
	if (frame->type != FETCH_REQUEST)
		return lp_err_set(err, LP_REJECTED, "a frame of type %u", frame->type);
	lp_fetch_request_take(frame, &request);
	LP_TRY(lp_wire_done(frame, "fetch request", err));
	if (serve(role, &request, &fetched, &why) == LP_OK)
		return answer_result(role, &fetched, err);
	LP_TRY(answer_error(role, &why, err));
	if (why.code == LP_INTERNAL)
		*err = why;
	return why.code == LP_INTERNAL ? LP_INTERNAL : LP_OK;
}

int lp_fetch_role(struct channel *ch)
{
	struct fetch_role role = {.channel = ch, .remote = LP_REMOTE};
	struct err err = {0};
	enum lp_code code;
	do {
		struct wire_reader frame;
		code = lp_channel_receive(ch, -1, &frame, &err);
		if (code == LP_OK)
			code = take_request(&role, &frame, &err);
	} while (code == LP_OK);
	lp_remote_close(&role.remote);
	if (code == LP_NOT_FOUND)
		return 0;
	lp_log(LOG_LEVEL_ERROR, "fetch-role-ends", "error", err.msg, NULL);
	return 1;
}

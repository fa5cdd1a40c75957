/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/client.h"

#include "agent/cluster/limits.h"
#include "platform/clock.h"
#include "platform/log.h"

#include <string.h>

#define CHECK_MS    60000
#define CONNECT_MS  10000 /* the API server is near; what hangs is not worth more */
#define STALL_MS    45000 /* its own cap for a write is 34 s */
#define CONNECTIONS 1     /* one HTTP/2 connection carries all steps */

#define WATCH_CONNECTIONS ((LP_WATCHES_MAX + LP_WATCH_STREAMS - 1) / LP_WATCH_STREAMS)

static void tell_certificate(const char *text)
{
	lp_log(LOG_LEVEL_WARN, "certificate-dates", "server", "kubernetes", "told", text, "way-out",
	       "synchronise the clock", NULL);
}

static enum lp_code make(const struct kubeconfig *config, struct http *ret[2], struct err *err)
{
	struct http_options options = {
		.ca_pem = LP_SLICE_OF(&config->ca_pem),
		.client_cert_pem = LP_SLICE_OF(&config->cert_pem),
		.client_key_pem = LP_SLICE_OF(&config->key_pem),
		.bearer = config->token.len ? lp_buf_text(&config->token) : NULL,
		.tell = tell_certificate,
		/* "" is none: a proxy for the Git server is not the way to the node itself */
		.proxy = config->proxy,
		.max_connections = CONNECTIONS,
		.connect_timeout_ms = CONNECT_MS,
		.stall_timeout_ms = STALL_MS,
	};

	LP_TRY(lp_http_open(&options, &ret[0], err));
	options.max_connections = WATCH_CONNECTIONS;
	options.max_streams = LP_WATCH_STREAMS;
	enum lp_code code = lp_http_open(&options, &ret[1], err);
	if (code != LP_OK)
		lp_http_close(&ret[0]);
	return code;
}

enum lp_code lp_client_open(struct client *client, struct http *ret_old[2], struct err *err)
{
	LP_AUTO(lp_kubeconfig_free) struct kubeconfig config = {0};
	struct http *made[2] = {NULL};

	client->checked_ms = lp_boot_ms();
	enum lp_code code = lp_kubeconfig_load(client->path, client->context, &config, err);
	/* also after an error: the next look sees whether somebody has mended it */
	memcpy(client->files, config.files, sizeof(client->files));
	client->file_count = config.file_count;
	if (code != LP_OK)
		return code;
	if (make(&config, made, err) != LP_OK)
		return lp_err_wrap(err, "%s", client->path);
	memcpy(client->server, config.server, sizeof(client->server));
	memcpy(client->user, config.user, sizeof(client->user));
	ret_old[0] = client->http;
	ret_old[1] = client->watches;
	client->http = made[0];
	client->watches = made[1];
	client->opened++;
	return LP_OK;
}

void lp_client_close(struct client *client)
{
	lp_http_close(&client->http);
	lp_http_close(&client->watches);
}

bool lp_client_changed(struct client *client)
{
	client->checked_ms = lp_boot_ms();
	return lp_stamps_changed(client->files, client->file_count);
}

bool lp_client_aged(struct client *client)
{
	return lp_boot_ms() - client->checked_ms >= CHECK_MS && lp_client_changed(client);
}

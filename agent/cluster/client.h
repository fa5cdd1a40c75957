/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_CLIENT_H
#define LIMPET_AGENT_CLUSTER_CLIENT_H
/*
 * The connections to the API server: made from the kubeconfig, made again when
 * a file that it was made from has changed. Watches have one of their own, so
 * that what they are sent does not hold up the steps.
 */
#include "agent/cluster/kubeconfig.h"
#include "platform/http.h"

struct client {
	char path[LP_PATH_MAX], context[LP_NAME_MAX];
	struct http *http;       /* owned; for all but watches; NULL: not open */
	struct http *watches;    /* owned; there when http is */
	char server[LP_URL_MAX]; /* "https://127.0.0.1:6443" */
	char user[LP_NAME_MAX];  /* its name in the kubeconfig, for messages */
	struct file_stamp files[LP_KUBECONFIG_FILES];
	unsigned file_count;
	unsigned opened;    /* how often */
	int64_t checked_ms; /* CLOCK_BOOTTIME; when the files were looked at */
};

/*
 * Reads the kubeconfig and makes a client of it; nothing is sent yet. Errors as lp_kubeconfig_load
 * and lp_http_open; the connections that were there are then still there. Otherwise those are
 * handed over in ret_old (NULL none) to be closed, once nobody needs their calls any more.
 */
LP_CHECKED enum lp_code lp_client_open(struct client *client, struct http *ret_old[2],
				       struct err *err);
void lp_client_close(struct client *client); /* {0} is fine */

/* Whether a file has changed since it was read. */
bool lp_client_changed(struct client *client);

/* The same, but looks at the files once a minute at most. */
bool lp_client_aged(struct client *client);
#endif

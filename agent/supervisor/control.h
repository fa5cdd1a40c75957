/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_CONTROL_H
#define LIMPET_AGENT_SUPERVISOR_CONTROL_H
/*
 * The control socket from the inside: lines of JSON for root and the service's group.
 *
 *	{"command":"sync"}			one request a connection
 *	{"progress":"fetched 9f2c..."}		none or more
 *	{"exit":0,"text":"..."} or {"status":{...}}
 *
 * "events" answers with a line {"event":{...}} for each row; one that says "follow" gets those that
 * come, too, until it hangs up, after a line {"seen":ID}.
 *
 *	control.c	the socket, who may ask, and the other commands
 *	following.c	events
 */
#include "agent/supervisor/limits.h"
#include "platform/json.h"

struct supervisor;

struct client {
	struct supervisor *super;
	int fd;       /* -1: free */
	bool waits;   /* for the outcome of the cycle */
	bool follows; /* what happens */
	bool closing; /* once all is written */
	struct buf in, out;
};

struct control {
	int fd;
	struct client clients[LP_CONTROL_CLIENTS];
};

/* --- control.c; after each the client may be gone: its fd is then -1 --- */

/* Hangs up. */
void lp_client_drop(struct client *client);
/* Queues one line of JSON; a client that does not read is dropped. */
void lp_client_say(struct client *client, const struct jval *v);
/* The last line of an answer. */
void lp_client_finish(struct client *client, int exit, const char *text);

/* --- following.c --- */

/* The command "events", with all that it says. */
void lp_client_events(struct client *client, const struct jval *request);
#endif

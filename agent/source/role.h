/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SOURCE_ROLE_H
#define LIMPET_AGENT_SOURCE_ROLE_H
/*
 * The fetch role: answers each FETCH_REQUEST with FETCH_RESULT or FETCH_ERROR, and keeps its
 * connection from one to the next. With the first request it walls itself in: the network, the
 * object store, and to read the folders of CA and credentials. Another source, or other paths,
 * need another process; it then says so and ends.
 */
#include "platform/wire.h"

/* Serves until the other end closes the channel. Returns the exit code. */
int lp_fetch_role(struct channel *ch);
#endif

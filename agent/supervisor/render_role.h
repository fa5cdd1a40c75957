/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_RENDER_ROLE_H
#define LIMPET_AGENT_SUPERVISOR_RENDER_ROLE_H
/* The render role: judges one tip and renders it, with no network and nothing writable. */
#include "platform/wire.h"

/*
 * Serves one request (render_wire.h) and returns the exit code: 0 when RENDER_END was sent,
 * whatever it says; 1 when the channel broke.
 */
int lp_render_role(struct channel *ch);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_ROLE_H
#define LIMPET_AGENT_CLUSTER_ROLE_H
/* The cluster role: the only part of limpet that speaks to the API server. */
#include "agent/cluster/step.h"

/*
 * Serves the channel: one CLUSTER_SETUP, then CLUSTER_STEPs, answered by CLUSTER_EVENTs, until the
 * other end closes it. At most setup.concurrency steps are under way; further frames wait in the
 * socket, so the sender may be ahead. Returns the exit code: 0 when the channel was closed, 1 after
 * an error, which was logged. The API server being away is none.
 */
int lp_cluster_role(struct channel *ch);
#endif

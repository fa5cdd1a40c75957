/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_PRECIOUS_H
#define LIMPET_AGENT_PRECIOUS_H
/* Kinds whose deletion takes along what nobody can bring back. */
#include <stdbool.h>

/* Whether a kind is one of them: limpet deletes none, and needs no right to. */
bool lp_is_precious(const char *group, const char *kind);
#endif

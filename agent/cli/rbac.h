/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_RBAC_H
#define LIMPET_AGENT_CLI_RBAC_H
/* limpet doctor --rbac: the rights that limpet needs as manifests, and which of them are missing.
 */
#include "agent/cli/cli.h"
#include "agent/config.h"

/* Prints both; returns the exit code: 0 none is missing, 1 some are, 2 could not be known. */
int lp_cli_rbac(const struct config *config, enum cli_output output);
#endif

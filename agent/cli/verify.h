/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_VERIFY_H
#define LIMPET_AGENT_CLI_VERIFY_H
/* limpet verify; see agent/main.c for the table of all subcommands. */
int lp_cmd_verify(int argc, char **argv);
#endif

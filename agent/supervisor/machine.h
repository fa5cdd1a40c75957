/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_MACHINE_H
#define LIMPET_AGENT_SUPERVISOR_MACHINE_H
/*
 * Who we are among the agents of a cluster: the same after every restart, and another than that
 * of any other machine, source or state folder.
 */
#include "agent/config.h"

#define LP_MACHINE_ID_FILE "/etc/machine-id"

/*
 * "HOST_ID" into to, for people the one and to be told apart by the other: 16 hex digits of an HMAC
 * by the machine's id, which itself is not to be shown (machine-id(5)), of our own salt, the source
 * and the state folder. A machine without an id gets one in a file of the state folder. Errors of
 * lp_file_write.
 */
LP_CHECKED enum lp_code lp_machine_name(const struct config *config, const char *source, char *to,
					size_t size, struct err *err);
#endif

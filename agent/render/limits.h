/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_LIMITS_H
#define LIMPET_AGENT_RENDER_LIMITS_H
/* The limits of this room alone; those that others know too are in platform/limits.h. */
#include "platform/limits.h"

#define LP_SCOPES_BYTES   (1u * LP_MIB)   /* kinds that a revision or the cluster adds to ours */
#define LP_PROBLEMS_BYTES (256u * LP_KIB) /* texts of the problems that are told */

/* what workloads use of ConfigMaps and Secrets, in one revision */
#define LP_CONFIG_REFERENCES 50000u         /* objects and keys that they name */
#define LP_CONFIG_USE_BYTES  (16u * LP_MIB) /* names of those keys */
#endif

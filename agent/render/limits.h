/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_LIMITS_H
#define LIMPET_AGENT_RENDER_LIMITS_H
/* The limits of this room alone; those that others know too are in platform/limits.h. */
#include "platform/limits.h"

#define LP_SCOPES_BYTES   (1u * LP_MIB)   /* kinds that a revision or the cluster adds to ours */
#define LP_PROBLEMS_BYTES (256u * LP_KIB) /* texts of the problems that are told */
#endif

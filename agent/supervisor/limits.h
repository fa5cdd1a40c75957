/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_LIMITS_H
#define LIMPET_AGENT_SUPERVISOR_LIMITS_H
/* The limits of this room alone; those that others know too are in platform/limits.h. */
#include "platform/limits.h"

#define LP_WALK_KINDS_MAX 2048                 /* different (kind, namespace) of one source */
#define LP_FOUND_MAX      (4 * LP_OBJECTS_MAX) /* objects that a recovery is told of; some twice */

/* drift: rows of events in LP_DRIFT_WINDOW_S; more are in the log alone */
#define LP_DRIFT_TOLD 100u

/* status: the requests of so many minutes are known */
#define LP_REQUEST_MINUTES 60

/* Kubernetes Events: a bucket of tokens, one for each try to write one */
#define LP_ANNOUNCE_BURST    10u /* at once after a quiet time */
#define LP_ANNOUNCE_REFILL_S 60  /* and then one in so long */
#define LP_ANNOUNCE_WAITING  16u /* for a token; then the least telling one is left out */
#define LP_ANNOUNCE_TRIES    3u  /* of one; then it is left out */

/* the control socket */
#define LP_CONTROL_CLIENTS 8               /* at once; one more is hung up on */
#define LP_CONTROL_REQUEST (4u * LP_KIB)   /* bytes of one request; past them the same */
#define LP_CONTROL_GROUPS  64              /* of a user; who is in more is refused */
#define LP_CONTROL_FOLLOW  4               /* clients that follow; the others keep room to ask */
#define LP_CONTROL_BEHIND  (256u * LP_KIB) /* bytes not read by one that follows; then hung up */
#endif

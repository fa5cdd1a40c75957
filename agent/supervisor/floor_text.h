/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_FLOOR_TEXT_H
#define LIMPET_AGENT_SUPERVISOR_FLOOR_TEXT_H
/*
 * The trust floor as the annotation limpet.dev/floor of the ApplySet's parent:
 *
 *	counter=12 sequence=5 payload=sha256:9f2c... commit=1d0c...
 */
#include "agent/cluster/limits.h"
#include "store/floor.h"

/* Writes what holds; "" when nothing does. Returns to. */
const char *lp_floor_text_write(const struct stored_floor *floor, char to[LP_APPLYSET_FLOOR_TEXT]);

/*
 * Reads exactly what the other writes; false when text is anything else. Of *ret accepted_s and
 * revision are 0.
 */
bool lp_floor_text_read(const char *text, struct stored_floor *ret);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/floor_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEX_PAYLOAD (2 * LP_STORE_PAYLOAD)
#define HEX_OID     (2 * LP_STORE_OID)

const char *lp_floor_text_write(const struct stored_floor *floor, char to[LP_APPLYSET_FLOOR_TEXT])
{
	char payload[HEX_PAYLOAD + 1], commit[HEX_OID + 1];

	*to = '\0';
	if (!lp_floor_holds(floor))
		return to;
	lp_hex(floor->payload, sizeof(floor->payload), payload);
	lp_hex(floor->commit, sizeof(floor->commit), commit);
	snprintf(to, LP_APPLYSET_FLOOR_TEXT,
		 "counter=%" PRId64 " sequence=%" PRId64 " payload=sha256:%s commit=%s",
		 floor->counter, floor->sequence, payload, commit);
	return to;
}

bool lp_floor_text_read(const char *text, struct stored_floor *ret)
{
	char payload[HEX_PAYLOAD + 1], commit[HEX_OID + 1], again[LP_APPLYSET_FLOOR_TEXT];

	_Static_assert(HEX_PAYLOAD == 64 && HEX_OID == 40, "the widths below");
	*ret = (struct stored_floor){0};
	if (sscanf(text,
		   "counter=%" SCNd64 " sequence=%" SCNd64
		   " payload=sha256:%64[0-9a-f] commit=%40[0-9a-f]",
		   &ret->counter, &ret->sequence, payload, commit) != 4)
		return false;
	return lp_unhex(payload, strlen(payload), ret->payload, sizeof(ret->payload)) &&
	       lp_unhex(commit, strlen(commit), ret->commit, sizeof(ret->commit)) &&
	       ret->counter > 0 && ret->sequence >= 0 &&
	       strcmp(lp_floor_text_write(ret, again), text) == 0;
}

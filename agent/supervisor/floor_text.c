/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/floor_text.h"

#include "store/floor_copy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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
	char counter[24], sequence[24];
	const char *at = text;

	*ret = (struct stored_floor){0};
	if (!lp_floor_field(&at, "counter=", counter, sizeof(counter)) ||
	    !lp_floor_field(&at, "sequence=", sequence, sizeof(sequence)) ||
	    !lp_floor_field(&at, "payload=sha256:", payload, sizeof(payload)) ||
	    !lp_floor_field(&at, "commit=", commit, sizeof(commit)))
		return false;
	ret->counter = strtoll(counter, NULL, 10);
	ret->sequence = strtoll(sequence, NULL, 10);
	/* the numbers above may be spelt in more than one way; what is written again has but one */
	return lp_unhex(payload, strlen(payload), ret->payload, sizeof(ret->payload)) &&
	       lp_unhex(commit, strlen(commit), ret->commit, sizeof(ret->commit)) &&
	       ret->counter > 0 && ret->sequence >= 0 &&
	       strcmp(lp_floor_text_write(ret, again), text) == 0;
}

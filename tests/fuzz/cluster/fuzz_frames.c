/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a frame on the channel; the first byte chooses which. */
#include "agent/cluster/step.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cluster_setup setup;
	struct event event;
	struct step step;
	struct err err;

	if (!size)
		return 0;
	struct wire_reader r = {.type = data[0], .at = data + 1, .end = data + size};
	switch (data[0] % 3) {
	case 0:
		lp_cluster_setup_take(&r, &setup);
		break;
	case 1:
		lp_step_take(&r, &step);
		if (!lp_step_kind_name(step.kind)[0] || step.how >= APPLY_HOW_COUNT ||
		    (step.body.len && step.body.data < data) ||
		    (step.handed.len && step.handed.data < data))
			__builtin_trap();
		break;
	default:
		lp_event_take(&r, &event);
		if (strlen(event.message) >= sizeof(event.message) || event.marks > SIGHT_MARKS)
			__builtin_trap();
	}
	(void)!lp_wire_done(&r, "frame", &err);
	return 0;
}

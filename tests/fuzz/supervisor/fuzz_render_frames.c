/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor takes from the render role, which has parsed a stranger's bytes. */
#include "agent/render/object.h"
#include "agent/supervisor/render_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct render_request request;
	struct render_verdict verdict;
	struct render_end end;
	struct object object;
	struct err err;

	if (!size)
		return 0;
	struct wire_reader r = {.type = data[0], .at = data + 1, .end = data + size};
	switch (data[0] % 4) {
	case 0:
		lp_render_request_take(&r, &request);
		break;
	case 1:
		lp_render_verdict_take(&r, &verdict);
		break;
	case 2:
		lp_render_end_take(&r, &end);
		break;
	default:
		lp_object_take(&r, &object);
	}
	if (lp_wire_done(&r, "frame", &err) != LP_OK && err.msg[0] == '\0')
		abort(); /* a refusal must say why */
	return 0;
}

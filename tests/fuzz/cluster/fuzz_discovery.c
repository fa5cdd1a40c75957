/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/discovery.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_api_free) struct api_table table = LP_API_TABLE;
	LP_AUTO(lp_buf_free) struct buf path = LP_BUF(4096);
	struct slice answer = {data, size};
	const struct api_group group = {.group = "g", .version = "v1"};
	bool aggregated;
	struct err err;

	if (lp_api_add(&table, answer, &aggregated, &err) == LP_OK &&
	    lp_api_add_part(&table, &table, false, &err) == LP_OK && table.first &&
	    !lp_api_find(&table, table.first->group, "", table.first->kind))
		__builtin_trap();
	if (lp_api_add_resources(&table, &group, answer, &err) != LP_OK)
		return 0;
	for (const struct api_kind *kind = table.first; kind; kind = kind->next) {
		lp_buf_clear(&path);
		if (!kind->kind[0] || strchr(kind->plural, '/') ||
		    lp_api_path(kind, "ns", "name", &path, &err) != LP_OK)
			__builtin_trap();
	}
	return 0;
}

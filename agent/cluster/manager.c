/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/manager.h"

#include "agent/cluster/metadata.h"

#include <string.h>

#define APPLY  1u
#define UPDATE 2u
#define ANY    4u /* whatever it says */

static const struct overridable {
	const char *manager;
	bool prefix;
	unsigned operations;
} overridable[] = {
	{"kubectl", true, APPLY | UPDATE},  /* kubectl-edit, kubectl-client-side-apply, ... */
	{"before-first-apply", false, ANY}, /* what was there before anybody applied */
	{"argocd-controller", false, ANY},  {"kustomize-controller", false, ANY},
	{"helm-controller", false, ANY},    {"helm", false, ANY},
	{LP_FIELD_MANAGER, false, UPDATE}, /* ours by another verb: a proxy, or a person */
};

static unsigned operation_bits(const char *operation)
{
	if (strcmp(operation, "Apply") == 0)
		return ANY | APPLY;
	return strcmp(operation, "Update") == 0 ? ANY | UPDATE : ANY;
}

bool lp_manager_is_overridable(const char *manager, const char *operation)
{
	unsigned bits = operation_bits(operation);

	for (size_t i = 0; i < sizeof(overridable) / sizeof(overridable[0]); i++) {
		const struct overridable *known = &overridable[i];
		size_t n = strlen(known->manager) + (known->prefix ? 0 : 1);
		if (strncmp(manager, known->manager, n) == 0 && (known->operations & bits))
			return true;
	}
	return false;
}

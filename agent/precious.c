/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/precious.h"

#include <stddef.h>
#include <string.h>

bool lp_is_precious(const char *group, const char *kind)
{
	static const char *const precious[][2] = {
		{"", "Namespace"},
		{"", "PersistentVolume"},
		{"", "PersistentVolumeClaim"},
		{"apiextensions.k8s.io", "CustomResourceDefinition"},
	};

	for (size_t i = 0; i < sizeof(precious) / sizeof(precious[0]); i++)
		if (strcmp(group, precious[i][0]) == 0 && strcmp(kind, precious[i][1]) == 0)
			return true;
	return false;
}

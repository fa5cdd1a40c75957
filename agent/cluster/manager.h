/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_MANAGER_H
#define LIMPET_AGENT_CLUSTER_MANAGER_H
/*
 * Field managers: whose fields we take over before we apply, so that what they
 * added goes with their entry. They are people at a shell (kubectl) and tools
 * that held the object before us; a controller's fields are its own.
 */
#include <stdbool.h>

/*
 * Whether the fields of an entry of managedFields without subresource are taken over: manager
 * and operation ("Apply", "Update") as the entry has them, unescaped; "" what it does not say.
 */
bool lp_manager_is_overridable(const char *manager, const char *operation);
#endif

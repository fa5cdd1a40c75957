/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/kinds.h"

#include "agent/render/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES (LP_GROUP_MAX + LP_KIND_MAX)

/* "group/Kind" and whether it is namespaced; sorted by bytes. From k8s.io/api 0.36. */
static const struct known_kind builtin[] = {
	{"/Binding", true},
	{"/ComponentStatus", false},
	{"/ConfigMap", true},
	{"/Endpoints", true},
	{"/Event", true},
	{"/LimitRange", true},
	{"/Namespace", false},
	{"/Node", false},
	{"/PersistentVolume", false},
	{"/PersistentVolumeClaim", true},
	{"/Pod", true},
	{"/PodTemplate", true},
	{"/ReplicationController", true},
	{"/ResourceQuota", true},
	{"/Secret", true},
	{"/Service", true},
	{"/ServiceAccount", true},
	{"admissionregistration.k8s.io/MutatingAdmissionPolicy", false},
	{"admissionregistration.k8s.io/MutatingAdmissionPolicyBinding", false},
	{"admissionregistration.k8s.io/MutatingWebhookConfiguration", false},
	{"admissionregistration.k8s.io/ValidatingAdmissionPolicy", false},
	{"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding", false},
	{"admissionregistration.k8s.io/ValidatingWebhookConfiguration", false},
	{"apiextensions.k8s.io/CustomResourceDefinition", false},
	{"apiregistration.k8s.io/APIService", false},
	{"apps/ControllerRevision", true},
	{"apps/DaemonSet", true},
	{"apps/Deployment", true},
	{"apps/ReplicaSet", true},
	{"apps/StatefulSet", true},
	{"authentication.k8s.io/SelfSubjectReview", false},
	{"authentication.k8s.io/TokenReview", false},
	{"authorization.k8s.io/LocalSubjectAccessReview", true},
	{"authorization.k8s.io/SelfSubjectAccessReview", false},
	{"authorization.k8s.io/SelfSubjectRulesReview", false},
	{"authorization.k8s.io/SubjectAccessReview", false},
	{"autoscaling/HorizontalPodAutoscaler", true},
	{"batch/CronJob", true},
	{"batch/Job", true},
	{"certificates.k8s.io/CertificateSigningRequest", false},
	{"certificates.k8s.io/ClusterTrustBundle", false},
	{"certificates.k8s.io/PodCertificateRequest", true},
	{"coordination.k8s.io/Lease", true},
	{"coordination.k8s.io/LeaseCandidate", true},
	{"discovery.k8s.io/EndpointSlice", true},
	{"events.k8s.io/Event", true},
	{"flowcontrol.apiserver.k8s.io/FlowSchema", false},
	{"flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration", false},
	{"internal.apiserver.k8s.io/StorageVersion", false},
	{"networking.k8s.io/IPAddress", false},
	{"networking.k8s.io/Ingress", true},
	{"networking.k8s.io/IngressClass", false},
	{"networking.k8s.io/NetworkPolicy", true},
	{"networking.k8s.io/ServiceCIDR", false},
	{"node.k8s.io/RuntimeClass", false},
	{"policy/PodDisruptionBudget", true},
	{"rbac.authorization.k8s.io/ClusterRole", false},
	{"rbac.authorization.k8s.io/ClusterRoleBinding", false},
	{"rbac.authorization.k8s.io/Role", true},
	{"rbac.authorization.k8s.io/RoleBinding", true},
	{"resource.k8s.io/DeviceClass", false},
	{"resource.k8s.io/DeviceTaintRule", false},
	{"resource.k8s.io/ResourceClaim", true},
	{"resource.k8s.io/ResourceClaimTemplate", true},
	{"resource.k8s.io/ResourcePoolStatusRequest", false},
	{"resource.k8s.io/ResourceSlice", false},
	{"scheduling.k8s.io/PodGroup", true},
	{"scheduling.k8s.io/PriorityClass", false},
	{"scheduling.k8s.io/Workload", true},
	{"storage.k8s.io/CSIDriver", false},
	{"storage.k8s.io/CSINode", false},
	{"storage.k8s.io/CSIStorageCapacity", true},
	{"storage.k8s.io/StorageClass", false},
	{"storage.k8s.io/VolumeAttachment", false},
	{"storage.k8s.io/VolumeAttributesClass", false},
	{"storagemigration.k8s.io/StorageVersionMigration", false},
};

static int compare_kinds(const void *key, const void *entry)
{
	return strcmp(key, ((const struct known_kind *)entry)->name);
}

static const char *join(const char *group, const char *kind, char to[NAME_BYTES])
{
	snprintf(to, NAME_BYTES, "%s/%s", group, kind);
	return to;
}

enum scope lp_builtin_scope(const char *group, const char *kind)
{
	char name[NAME_BYTES];
	const struct known_kind *found =
		bsearch(join(group, kind, name), builtin, sizeof(builtin) / sizeof(builtin[0]),
			sizeof(builtin[0]), compare_kinds);

	if (!found)
		return SCOPE_UNKNOWN;
	return found->namespaced ? SCOPE_NAMESPACED : SCOPE_CLUSTER;
}

void lp_known_kinds_free(struct known_kinds *k)
{
	lp_arena_free(&k->arena);
	free(k->list);
	*k = (struct known_kinds){0};
}

enum lp_code lp_known_kinds_add(struct known_kinds *k, const char *group, const char *kind,
				bool namespaced, struct err *err)
{
	if (k->n == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 16;
		struct known_kind *list = realloc(k->list, cap * sizeof(*list));
		if (!list)
			return lp_err_nomem(err, "known kinds");
		k->list = list;
		k->cap = cap;
	}
	k->arena.max_bytes = LP_SCOPES_BYTES;
	const char *name = lp_arena_printf(&k->arena, "%s/%s", group, kind);
	if (!name)
		return lp_arena_full(&k->arena, "known kinds", err);
	k->list[k->n++] = (struct known_kind){name, namespaced};
	return LP_OK;
}

enum scope lp_known_kinds_scope(const struct known_kinds *k, const char *group, const char *kind)
{
	char name[NAME_BYTES];

	join(group, kind, name);
	for (size_t i = k ? k->n : 0; i-- > 0;)
		if (strcmp(k->list[i].name, name) == 0)
			return k->list[i].namespaced ? SCOPE_NAMESPACED : SCOPE_CLUSTER;
	return SCOPE_UNKNOWN;
}

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

enum stage lp_kind_stage(const char *group, const char *kind)
{
	static const struct {
		const char *group, *kind;
		enum stage stage;
	} stages[] = {
		{"apiextensions.k8s.io", "CustomResourceDefinition", STAGE_CRDS},
		{"", "Namespace", STAGE_NAMESPACES},
		{"admissionregistration.k8s.io", "MutatingWebhookConfiguration", STAGE_GATES},
		{"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", STAGE_GATES},
		{"apiregistration.k8s.io", "APIService", STAGE_GATES},
	};

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
		if (strcmp(stages[i].group, group) == 0 && strcmp(stages[i].kind, kind) == 0)
			return stages[i].stage;
	return ends_in(kind, "Class") ? STAGE_CLASSES : STAGE_REST;
}

int lp_kind_order(const char *kind)
{
	static const char *const first[] = {
		"CustomResourceDefinition",
		"Namespace",
		"ClusterRole",
		"ClusterClass",
		"RuntimeClass",
		"PriorityClass",
		"StorageClass",
		"VolumeSnapshotClass",
		"IngressClass",
		"GatewayClass",
		"ClusterRoleBinding",
		"ResourceQuota",
		"ServiceAccount",
		"Role",
		"RoleBinding",
		"ConfigMap",
		"Secret",
		"Service",
		"LimitRange",
		"Deployment",
		"StatefulSet",
		"CronJob",
		"PodDisruptionBudget",
	};
	static const char *const last[] = {
		"MutatingWebhookConfiguration",
		"ValidatingWebhookConfiguration",
	};

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
		if (strcmp(first[i], kind) == 0)
			return (int)i;
	for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++)
		if (strcmp(last[i], kind) == 0)
			return 200 + (int)i;
	return 100;
}

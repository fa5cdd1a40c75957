/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/manager.h"
#include "agent/cluster/metadata.h"
#include "tests/unit/check.h"

static void fields_of_people_at_a_shell_are_taken_over(void)
{
	CHECK(lp_manager_is_overridable("kubectl", "Update"));
	CHECK(lp_manager_is_overridable("kubectl", "Apply"));
	CHECK(lp_manager_is_overridable("kubectl-edit", "Update"));
	CHECK(lp_manager_is_overridable("kubectl-client-side-apply", "Update"));
	CHECK(!lp_manager_is_overridable("kubectl-edit", ""));
	CHECK(!lp_manager_is_overridable("kubect", "Update"));
	CHECK(!lp_manager_is_overridable("my-kubectl", "Update"));
}

static void fields_of_tools_that_held_the_object_before_are_taken_over(void)
{
	static const char *const tools[] = {"before-first-apply", "argocd-controller",
					    "kustomize-controller", "helm-controller", "helm"};

	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		CHECK(lp_manager_is_overridable(tools[i], "Apply"));
		CHECK(lp_manager_is_overridable(tools[i], "Update"));
		CHECK(lp_manager_is_overridable(tools[i], ""));
	}
}

static void our_name_is_ours_by_apply_alone(void)
{
	CHECK(lp_manager_is_overridable(LP_FIELD_MANAGER, "Update"));
	CHECK(!lp_manager_is_overridable(LP_FIELD_MANAGER, "Apply"));
	CHECK(!lp_manager_is_overridable(LP_FIELD_MANAGER, ""));
	CHECK(!lp_manager_is_overridable(LP_FIELD_MANAGER "-applyset", "Update"));
}

static void fields_of_controllers_stay_theirs(void)
{
	static const char *const others[] = {"kube-controller-manager", "k3s",    "deploy@node", "",
					     "helm-controller@node",    "helmet", "argocd"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		CHECK(!lp_manager_is_overridable(others[i], "Apply"));
		CHECK(!lp_manager_is_overridable(others[i], "Update"));
	}
}

int main(void)
{
	TEST(fields_of_people_at_a_shell_are_taken_over);
	TEST(fields_of_tools_that_held_the_object_before_are_taken_over);
	TEST(our_name_is_ours_by_apply_alone);
	TEST(fields_of_controllers_stay_theirs);
	return check_report();
}

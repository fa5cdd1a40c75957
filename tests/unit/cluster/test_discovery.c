/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/discovery.h"
#include "agent/cluster/limits.h"
#include "tests/unit/check.h"

#include <stdlib.h>

static struct api_table table = LP_API_TABLE;

#define RESOURCE(plural, kind, scope, verbs)                                            \
	"{\"resource\":\"" plural                                                       \
	"\",\"responseKind\":{\"group\":\"\",\"version\":\"\",\"kind\":\"" kind         \
	"\"},\"scope\":\"" scope "\",\"singularResource\":\"x\",\"verbs\":[" verbs "]," \
	"\"subresources\":[{\"subresource\":\"status\",\"responseKind\":{\"kind\":\"Wrong\"}}]}"
#define VERBS "\"create\",\"delete\",\"get\",\"list\",\"patch\",\"watch\""

#define CORE                                                                                             \
	"{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\",\"metadata\":{}," \
	"\"items\":[{\"metadata\":{\"creationTimestamp\":null},\"versions\":[{\"version\":\"v1\","       \
	"\"resources\":[" RESOURCE("bindings", "Binding", "Namespaced", "\"create\"") "," RESOURCE(      \
		"configmaps", "ConfigMap", "Namespaced",                                                 \
		VERBS) "," RESOURCE("namespaces", "Namespace", "Cluster",                                \
				    VERBS) "],\"freshness\":\"Current\"}]}]}"

#define GROUPS(api)                                                                                                                                                                     \
	"{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/" api                                                                                                 \
	"\",\"items\":["                                                                                                                                                                \
	"{\"metadata\":{\"name\":\"autoscaling\"},\"versions\":["                                                                                                                       \
	"{\"version\":\"v2\",\"resources\":[" RESOURCE(                                                                                                                                 \
		"horizontalpodautoscalers", "HorizontalPodAutoscaler", "Namespaced",                                                                                                    \
		VERBS) "]},{\"version\":\"v1\",\"resources\":[" RESOURCE("horizontalpodautoscalers",                                                                                    \
									 "HorizontalPodAutoscaler",                                                                                     \
									 "Namespaced",                                                                                                  \
									 VERBS) "],\"freshness\":\"Stale\"}]},"                                                                         \
										"{\"metadata\":{\"name\":\"shop.example\"},\"versions\":[{\"version\":\"v1\",\"resources\":[" RESOURCE( \
											"tills",                                                                                        \
											"Till",                                                                                         \
											"Namespaced",                                                                                   \
											VERBS) "]}]}]}"

static struct slice text(const char *json)
{
	return (struct slice){(const uint8_t *)json, strlen(json)};
}

static bool add(const char *json)
{
	bool aggregated = false;

	CHECK_OK(lp_api_add(&table, text(json), &aggregated, &err));
	return aggregated;
}

static void check_groups(void)
{
	const struct api_kind *kind = lp_api_find(&table, "", "v1", "ConfigMap");

	CHECK(kind && kind->namespaced && kind->preferred);
	CHECK_STR(kind->plural, "configmaps");
	CHECK(kind->verbs == (VERB_PATCH | VERB_LIST | VERB_DELETE | VERB_WATCH));
	kind = lp_api_find(&table, "", "", "Namespace");
	CHECK(kind && !kind->namespaced);
	kind = lp_api_find(&table, "autoscaling", "", "HorizontalPodAutoscaler");
	CHECK(kind && kind->preferred);
	CHECK_STR(kind->version, "v2");
	kind = lp_api_find(&table, "autoscaling", "v1", "HorizontalPodAutoscaler");
	CHECK(kind && !kind->preferred);
	CHECK(lp_api_find(&table, "autoscaling", "v9", "HorizontalPodAutoscaler") == NULL);
	CHECK(lp_api_find(&table, "", "", "Wrong") == NULL);
	kind = lp_api_find_resource(&table, "shop.example", "tills");
	CHECK(kind && strcmp(kind->kind, "Till") == 0);
}

static void the_aggregated_form_is_read(void)
{
	lp_api_free(&table);
	CHECK(add(CORE));
	CHECK(add(GROUPS("v2")));
	check_groups();
	CHECK(table.count == 6);
	CHECK(lp_api_find(&table, "", "v1", "Binding")->verbs == 0);
}

static void so_is_the_beta_of_older_servers(void)
{
	lp_api_free(&table);
	CHECK(add(CORE));
	CHECK(add(GROUPS("v2beta1")));
	check_groups();
}

static void the_oldest_form_is_read_group_by_group(void)
{
	static const char *const lists[] = {
		"{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\",\"resources\":["
		"{\"name\":\"configmaps\",\"singularName\":\"\",\"namespaced\":true,\"kind\":\"ConfigMap\","
		"\"verbs\":[" VERBS
		"]},{\"name\":\"namespaces\",\"namespaced\":false,\"kind\":\"Namespace\","
		"\"verbs\":[" VERBS
		"]},{\"name\":\"namespaces/status\",\"namespaced\":false,\"kind\":\"Wrong\","
		"\"verbs\":[\"get\"]}]}",
		"{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"horizontalpodautoscalers\","
		"\"namespaced\":true,\"kind\":\"HorizontalPodAutoscaler\",\"verbs\":[" VERBS "]}]}",
		"{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"horizontalpodautoscalers\","
		"\"namespaced\":true,\"kind\":\"HorizontalPodAutoscaler\",\"verbs\":[" VERBS "]}]}",
		"{\"kind\":\"APIResourceList\",\"resources\":[{\"name\":\"tills\",\"namespaced\":true,"
		"\"kind\":\"Till\",\"verbs\":[" VERBS "]}]}",
	};
	size_t i = 0;

	lp_api_free(&table);
	CHECK(!add("{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}"));
	CHECK(!add(
		"{\"kind\":\"APIGroupList\",\"groups\":["
		"{\"name\":\"autoscaling\",\"versions\":[{\"groupVersion\":\"autoscaling/v1\",\"version\":\"v1\"},"
		"{\"groupVersion\":\"autoscaling/v2\",\"version\":\"v2\"}],\"preferredVersion\":{\"version\":\"v2\"}},"
		"{\"name\":\"shop.example\",\"versions\":[{\"version\":\"v1\"}]}]}"));
	CHECK(table.count == 0 && table.group_count == 4);
	for (struct api_group *group = table.groups; group; group = group->next)
		CHECK_OK(lp_api_add_resources(&table, group, text(lists[i++]), &err));
	check_groups();
	CHECK(table.count == 5);
}

/* Nothing is told of the kinds of a dead APIService: that they are gone is not known. */
static void a_group_that_cannot_be_told_is_stale(void)
{
	struct api_table fresh = LP_API_TABLE;

	lp_api_free(&table);
	add(CORE);
	CHECK(!lp_api_is_stale(&table, ""));
	add(GROUPS("v2"));
	CHECK(lp_api_is_stale(&table, "autoscaling") && !lp_api_is_stale(&table, "shop.example"));
	CHECK_OK(lp_api_add_part(&fresh, &table, true, &err));
	CHECK(!lp_api_is_stale(&fresh, "autoscaling"));
	CHECK_OK(lp_api_add_part(&fresh, &table, false, &err));
	CHECK(lp_api_is_stale(&fresh, "autoscaling"));
	lp_api_free(&fresh);
	CHECK(!lp_api_is_stale(&fresh, "autoscaling"));
}

static void a_part_that_did_not_change_is_taken_over(void)
{
	struct api_table fresh = LP_API_TABLE;

	the_aggregated_form_is_read();
	CHECK_OK(lp_api_add_part(&fresh, &table, true, &err));
	CHECK(fresh.count == 3 && lp_api_find(&fresh, "", "v1", "ConfigMap"));
	CHECK_OK(lp_api_add_part(&fresh, &table, false, &err));
	CHECK(fresh.count == 6);
	lp_api_free(&table);
	table = fresh;
	check_groups();
}

static void two_resources_of_one_kind_count_once(void)
{
	lp_api_free(&table);
	add("{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"m\"},\"versions\":[{"
	    "\"version\":\"v1\",\"resources\":[" RESOURCE("a", "K", "Namespaced", "") "," RESOURCE(
		    "b", "K", "Namespaced", "") "]}]}]}");
	CHECK(table.count == 1);
	CHECK_STR(table.first->plural, "a");
}

static void other_answers_are_refused(void)
{
	static const char *const others[] = {"", "{}", "<html>", "{\"kind\":\"Status\"}",
					     "{\"kind\":\"APIGroupDiscoveryList\",\"items\":["};
	bool aggregated;

	lp_api_free(&table);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK_CODE(lp_api_add(&table, text(others[i]), &aggregated, &err), LP_REJECTED,
			   "no discovery document");
	CHECK(table.count == 0);
}

static void names_that_are_too_long_are_left_out(void)
{
	char json[2000], name[LP_KIND_MAX + 1];

	memset(name, 'x', LP_KIND_MAX);
	name[LP_KIND_MAX] = '\0';
	snprintf(
		json, sizeof(json),
		"{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"m\"},\"versions\":[{"
		"\"version\":\"v1\",\"resources\":[{\"resource\":\"%s\",\"responseKind\":{\"kind\":\"A\"}},"
		"{\"resource\":\"b\",\"responseKind\":{\"kind\":\"%s\"}},"
		"{\"resource\":\"c\",\"responseKind\":{\"kind\":\"C\"}}]}]}]}",
		name, name);
	lp_api_free(&table);
	CHECK(add(json));
	CHECK(table.count == 1 && strcmp(table.first->kind, "C") == 0);
}

static void more_kinds_than_fit_are_refused(void)
{
	size_t n = 0, size = 90u * (LP_DISCOVERY_KINDS + 2) + 200;
	char *json = malloc(size);
	bool aggregated;

	CHECK(json != NULL);
	n += (size_t)snprintf(
		json + n, size - n,
		"{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"m\"},"
		"\"versions\":[{\"version\":\"v1\",\"resources\":[");
	for (unsigned i = 0; i <= LP_DISCOVERY_KINDS; i++)
		n += (size_t)snprintf(
			json + n, size - n,
			"%s{\"resource\":\"r%u\",\"responseKind\":{\"kind\":\"K%u\"}}",
			i ? "," : "", i, i);
	snprintf(json + n, size - n, "]}]}]}");
	lp_api_free(&table);
	enum lp_code code = lp_api_add(&table, text(json), &aggregated, &err);
	free(json);
	CHECK_CODE(code, LP_LIMIT, "more than 4096 kinds");
	CHECK(table.arena.used_bytes <= LP_DISCOVERY_MEMORY);
}

static void more_groups_than_fit_are_refused(void)
{
	size_t n = 0, size = 60u * (LP_DISCOVERY_GROUPS + 2) + 200;
	char *json = malloc(size);
	bool aggregated;

	CHECK(json != NULL);
	n += (size_t)snprintf(json + n, size - n, "{\"kind\":\"APIGroupList\",\"groups\":[");
	for (unsigned i = 0; i <= LP_DISCOVERY_GROUPS; i++)
		n += (size_t)snprintf(json + n, size - n,
				      "%s{\"name\":\"g%u\",\"versions\":[{\"version\":\"v1\"}]}",
				      i ? "," : "", i);
	snprintf(json + n, size - n, "]}");
	lp_api_free(&table);
	enum lp_code code = lp_api_add(&table, text(json), &aggregated, &err);
	free(json);
	CHECK_CODE(code, LP_LIMIT, "more than 1024 group-versions");
}

static void paths_are_those_of_the_api(void)
{
	LP_AUTO(lp_buf_free) struct buf path = LP_BUF(1000);

	the_aggregated_form_is_read();
	CHECK_OK(lp_api_path(lp_api_find(&table, "", "v1", "ConfigMap"), "shop", "a b", &path,
			     &err));
	CHECK_STR(lp_buf_text(&path), "/api/v1/namespaces/shop/configmaps/a%20b");
	lp_buf_clear(&path);
	CHECK_OK(lp_api_path(lp_api_find(&table, "shop.example", "v1", "Till"), "", "", &path,
			     &err));
	CHECK_STR(lp_buf_text(&path), "/apis/shop.example/v1/tills");
	lp_buf_clear(&path);
	CHECK_OK(lp_api_path(lp_api_find(&table, "", "v1", "Namespace"), "shop", "../x", &path,
			     &err));
	CHECK_STR(lp_buf_text(&path), "/api/v1/namespaces/..%2Fx");
}

int main(void)
{
	TEST(the_aggregated_form_is_read);
	TEST(so_is_the_beta_of_older_servers);
	TEST(the_oldest_form_is_read_group_by_group);
	TEST(a_group_that_cannot_be_told_is_stale);
	TEST(a_part_that_did_not_change_is_taken_over);
	TEST(two_resources_of_one_kind_count_once);
	TEST(other_answers_are_refused);
	TEST(names_that_are_too_long_are_left_out);
	TEST(more_kinds_than_fit_are_refused);
	TEST(more_groups_than_fit_are_refused);
	TEST(paths_are_those_of_the_api);
	lp_api_free(&table);
	return check_report();
}

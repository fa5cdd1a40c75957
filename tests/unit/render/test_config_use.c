/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/config_use.h"
#include "agent/render/render.h"
#include "tests/unit/check.h"
#include "tests/unit/render/fake.h"

#include <stdlib.h>

#define CONFIG(kind, name, rest) \
	"---\napiVersion: v1\nkind: " kind "\nmetadata: {name: " name "}\n" rest
#define TILL(annotations, spec)                                                                         \
	"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: till, annotations: {" annotations \
	"}}\nspec:\n  template:\n    metadata: {labels: {app: till}}\n    spec:\n"                      \
	"      containers:\n" spec
#define ENV(kind, name, key)                                                                 \
	"      - {name: c, env: [{name: E, valueFrom: {" kind ": {name: " name ", key: " key \
	"}}}]}\n"
#define ENV_FROM(ref, name) "      - {name: c, envFrom: [{" ref ": {name: " name "}}]}\n"
#define NO_ENV              "      - {name: c}\n"

/* What was said of the workload "till" of a revision. */
struct told {
	enum config_use use;
	uint8_t content[32];
};

static enum lp_code take(void *context, const struct object *object, struct err *ret)
{
	struct told *told = context;

	if (strcmp(object->key.name, "till") == 0) {
		told->use = object->use;
		memcpy(told->content, object->content, sizeof(told->content));
	} else {
		CHECK(object->use == CONFIG_NONE);
	}
	return LP_OK;
}

static enum lp_code render(const struct fake_file *files, struct told *told,
			   struct problems *problems)
{
	struct fake fake = {.files = files};
	const struct tree tree = {&fake, fake_list, fake_read};
	const struct known_kinds known = {0};

	*told = (struct told){0};
	return lp_render(&tree, &(struct render_options){.path = ""}, &known, take, told, problems,
			 &err);
}

static struct told told_of(const char *text)
{
	const struct fake_file files[] = {{"a.yaml", text}, {NULL}};
	LP_AUTO(lp_problems_free) struct problems problems = {0};
	struct told told;

	CHECK_OK(render(files, &told, &problems));
	return told;
}

static bool same(const char *a, const char *b)
{
	const struct told x = told_of(a), y = told_of(b);

	CHECK(x.use == CONFIG_USED && y.use == CONFIG_USED);
	return memcmp(x.content, y.content, sizeof(x.content)) == 0;
}

#define MAP(a, b) CONFIG("ConfigMap", "m", "data: {a: \"" a "\", b: \"" b "\"}\n")

/* --- what counts --- */

static void a_variable_of_one_key_counts_that_key(void)
{
	CHECK(!same(MAP("1", "2") TILL("", ENV("configMapKeyRef", "m", "a")),
		    MAP("9", "2") TILL("", ENV("configMapKeyRef", "m", "a"))));
	CHECK(same(MAP("1", "2") TILL("", ENV("configMapKeyRef", "m", "a")),
		   MAP("1", "9") TILL("", ENV("configMapKeyRef", "m", "a"))));
}

static void variables_of_an_object_count_all_its_keys(void)
{
	CHECK(!same(MAP("1", "2") TILL("", ENV_FROM("configMapRef", "m")),
		    MAP("9", "2") TILL("", ENV_FROM("configMapRef", "m"))));
	CHECK(!same(MAP("1", "2") TILL("", ENV_FROM("configMapRef", "m")),
		    MAP("1", "9") TILL("", ENV_FROM("configMapRef", "m"))));
	CHECK(same(MAP("1", "2") TILL("", ENV_FROM("prefix: P_, configMapRef", "m")),
		   MAP("1", "2") TILL("", ENV_FROM("configMapRef", "m"))));
}

static void no_variable_comes_from_binary_data(void)
{
#define BINARY(value) CONFIG("ConfigMap", "m", "data: {a: x}\nbinaryData: {b: " value "}\n")
	CHECK(same(BINARY("AAAA") TILL("", ENV_FROM("configMapRef", "m")),
		   BINARY("BBBB") TILL("", ENV_FROM("configMapRef", "m"))));
	CHECK(same(BINARY("AAAA") TILL("", ENV("configMapKeyRef", "m", "b")),
		   BINARY("BBBB") TILL("", ENV("configMapKeyRef", "m", "b"))));
}

#define VOLUME(what) NO_ENV "      volumes: [{name: v, " what "}]\n"

static void a_volume_counts_its_items_or_all(void)
{
#define ALL   TILL("", VOLUME("configMap: {name: m}"))
#define EMPTY TILL("", VOLUME("configMap: {name: m, items: []}"))
#define ITEM  TILL("", VOLUME("configMap: {name: m, items: [{key: a, path: x}]}"))
	CHECK(!same(MAP("1", "2") ALL, MAP("1", "9") ALL));
	CHECK(!same(MAP("1", "2") EMPTY, MAP("1", "9") EMPTY));
	CHECK(!same(MAP("1", "2") ITEM, MAP("9", "2") ITEM));
	CHECK(same(MAP("1", "2") ITEM, MAP("1", "9") ITEM));
	CHECK(!same(BINARY("AAAA") ALL, BINARY("BBBB") ALL));
	CHECK(same(BINARY("AAAA") ITEM, BINARY("BBBB") ITEM));
}

static void a_secret_counts_in_every_place(void)
{
#define SECRET(value) CONFIG("Secret", "s", "data: {a: " value ", b: AA==}\n")
	static const char *const places[] = {
		ENV("secretKeyRef", "s", "a"),
		ENV_FROM("secretRef", "s"),
		VOLUME("secret: {secretName: s}"),
		VOLUME("secret: {secretName: s, items: [{key: a, path: x}]}"),
		VOLUME("projected: {sources: [{secret: {name: s}}]}"),
		VOLUME("projected: {sources: [{secret: {name: s, items: [{key: a, path: x}]}}]}"),
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char one[4096], two[4096];
		snprintf(one, sizeof(one), "%s%s", SECRET("AQ==") TILL("", ""), places[i]);
		snprintf(two, sizeof(two), "%s%s", SECRET("Ag==") TILL("", ""), places[i]);
		CHECK(!same(one, two));
	}
}

static void a_projected_configmap_counts(void)
{
#define PROJECTED TILL("", VOLUME("projected: {sources: [{configMap: {name: m}}]}"))
	CHECK(!same(MAP("1", "2") PROJECTED, MAP("1", "9") PROJECTED));
}

static void init_containers_count(void)
{
#define INIT                                                                 \
	TILL("", NO_ENV "      initContainers:\n      - {name: i, envFrom: " \
			"[{configMapRef: {name: m}}]}\n")
	CHECK(!same(MAP("1", "2") INIT, MAP("1", "9") INIT));
}

static void a_key_that_is_not_there_yet_counts_when_it_comes(void)
{
#define OPTIONAL TILL("", ENV("configMapKeyRef", "m", "c, optional: true"))
	CHECK(!same(MAP("1", "2") OPTIONAL,
		    CONFIG("ConfigMap", "m", "data: {a: \"1\", b: \"2\", c: \"3\"}\n") OPTIONAL));
	CHECK(same(MAP("1", "2") OPTIONAL, MAP("1", "9") OPTIONAL));
}

/* --- what makes no difference --- */

static void string_data_is_data(void)
{
#define S TILL("", ENV("secretKeyRef", "s", "a"))
	CHECK(same(CONFIG("Secret", "s", "data: {a: aGVsbG8=}\n") S,
		   CONFIG("Secret", "s", "stringData: {a: hello}\n") S));
	CHECK(same(CONFIG("Secret", "s", "data: {a: AAAA}\nstringData: {a: hello}\n") S,
		   CONFIG("Secret", "s", "stringData: {a: hello}\n") S));
	CHECK(same(CONFIG("Secret", "s", "data: {a: \"aGVs\\nbG8=\\n\"}\n") S,
		   CONFIG("Secret", "s", "stringData: {a: hello}\n") S));
}

static void order_does_not_matter(void)
{
#define TWO_MAPS MAP("1", "2") CONFIG("ConfigMap", "o", "data: {a: \"3\"}\n")
#define C1       "      - {name: x, envFrom: [{configMapRef: {name: m}}]}\n"
#define C2       "      - {name: z, envFrom: [{configMapRef: {name: o}}]}\n"
	CHECK(same(TWO_MAPS TILL("", C1 C2), TWO_MAPS TILL("", C2 C1)));
	CHECK(same(TWO_MAPS TILL("", C1 C2), TILL("", C1 C2) TWO_MAPS));
	CHECK(!same(TWO_MAPS TILL("", C1 C2), TWO_MAPS TILL("", C1)));
}

static void a_key_that_is_used_twice_counts_once(void)
{
	CHECK(same(MAP("1", "2") TILL("", ENV("configMapKeyRef", "m", "a")),
		   MAP("1", "2") TILL("", ENV("configMapKeyRef", "m", "a")
						  ENV("configMapKeyRef", "m", "a"))));
	CHECK(same(MAP("1", "2") TILL("", ENV("configMapKeyRef", "m", "a")), MAP("1", "2") ITEM));
	CHECK(same(MAP("1", "2") TILL("", ENV_FROM("configMapRef", "m")), MAP("1", "2") ALL));
}

static void values_do_not_run_into_each_other(void)
{
	CHECK(!same(MAP("12", "3") ALL, MAP("1", "23") ALL));
	CHECK(!same(CONFIG("ConfigMap", "m", "data: {a: b}\n") ALL,
		    CONFIG("ConfigMap", "m", "data: {b: b}\n") ALL));
	CHECK(!same(CONFIG("ConfigMap", "m", "data: {a: bc}\n") ALL,
		    CONFIG("ConfigMap", "m", "data: {ab: c}\n") ALL));
}

static void files_stand_in_any_order(void)
{
	static const struct fake_file behind[] = {
		{"a.yaml", TILL("", ENV_FROM("configMapRef", "m"))},
		{"z.yaml", MAP("1", "2")},
		{NULL}};
	LP_AUTO(lp_problems_free) struct problems problems = {0};
	struct told told, one = told_of(MAP("1", "2") TILL("", ENV_FROM("configMapRef", "m")));

	CHECK_OK(render(behind, &told, &problems));
	CHECK(told.use == CONFIG_USED && memcmp(&told, &one, sizeof(told)) == 0);
}

/* --- what does not count --- */

static enum config_use use_of(const char *text)
{
	const struct told told = told_of(text);
	static const uint8_t zero[32];

	CHECK(told.use == CONFIG_USED || memcmp(told.content, zero, sizeof(zero)) == 0);
	return told.use;
}

static void what_is_not_in_the_revision_does_not_count(void)
{
	CHECK(use_of(TILL("", ENV_FROM("configMapRef", "m"))) == CONFIG_NONE);
	CHECK(use_of("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: other}\n"
		     "data: {a: b}\n" TILL("", ENV_FROM("configMapRef", "m"))) == CONFIG_NONE);
	CHECK(use_of(CONFIG("Secret", "m", "") TILL("", ENV_FROM("configMapRef", "m"))) ==
	      CONFIG_NONE);
	CHECK(use_of(MAP("1", "2") TILL("", NO_ENV)) == CONFIG_NONE);
}

static void an_immutable_object_restarts_nothing(void)
{
	CHECK(use_of(CONFIG("ConfigMap", "m", "immutable: true\n")
			     TILL("", ENV_FROM("configMapRef", "m"))) == CONFIG_KEPT);
	CHECK(use_of(CONFIG("ConfigMap", "m", "immutable: false\n")
			     TILL("", ENV_FROM("configMapRef", "m"))) == CONFIG_USED);
}

#define OFF "limpet.dev/restart: \"off\""

static void an_annotation_says_that_nothing_restarts(void)
{
	CHECK(use_of(MAP("1", "2") TILL(OFF, ENV_FROM("configMapRef", "m"))) == CONFIG_KEPT);
	CHECK(use_of(MAP("1", "2") TILL("example.com/restart: \"off\"",
					ENV_FROM("configMapRef", "m"))) == CONFIG_USED);
	CHECK(use_of("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, annotations: {" OFF
		     "}}\ndata: {a: b}\n" TILL("", ENV_FROM("configMapRef", "m"))) == CONFIG_KEPT);
	CHECK(use_of(MAP("1", "2") "---\napiVersion: apps/v1\nkind: Deployment\n"
				   "metadata: {name: till}\nspec:\n  template:\n"
				   "    metadata: {annotations: {" OFF "}}\n    spec:\n"
				   "      containers:\n" ENV_FROM("configMapRef", "m")) ==
	      CONFIG_KEPT);
	/* one of two */
	CHECK(same(TWO_MAPS TILL("", C1),
		   MAP("1", "2") CONFIG("ConfigMap", "o", "immutable: true\n") TILL("", C1 C2)));
}

static enum config_use use_of_kind(const char *version, const char *kind)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "%s---\napiVersion: %s\nkind: %s\nmetadata: {name: till}\nspec:\n  template:\n"
		 "    spec:\n      containers:\n%s",
		 MAP("1", "2"), version, kind, ENV_FROM("configMapRef", "m"));
	return use_of(text);
}

static void only_what_replaces_its_pods_is_a_workload(void)
{
	CHECK(use_of_kind("apps/v1", "Deployment") == CONFIG_USED);
	CHECK(use_of_kind("apps/v1", "StatefulSet") == CONFIG_USED);
	CHECK(use_of_kind("apps/v1", "DaemonSet") == CONFIG_USED);
	CHECK(use_of_kind("apps/v1", "ReplicaSet") == CONFIG_NONE);
	CHECK(use_of_kind("batch/v1", "Job") == CONFIG_NONE);
	CHECK(use_of_kind("example.com/v1", "Deployment") == CONFIG_NONE);
}

static void what_is_not_a_pod_spec_is_left_to_the_api_server(void)
{
	CHECK(use_of(MAP("1", "2") TILL(
		      "", "      - 7\n      - {env: {a: b}, envFrom: [1, {}]}\n"
			  "      volumes: [[], {configMap: x}, {projected: 3}]\n")) == CONFIG_NONE);
}

/* --- limits --- */

static const struct object_key till = {"apps", "v1", "Deployment", "shop", "till"};

/* A workload with n variables, whose keys are long bytes long each. */
static enum lp_code note_variables(unsigned n, int bytes)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(64 * LP_MIB);
	LP_AUTO(lp_json_freep) struct json *json = NULL;
	LP_AUTO(lp_config_free) struct config_uses uses = LP_CONFIG_USES;

	CHECK_OK(lp_buf_str(&text, "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"env\":[0",
			    &err));
	for (unsigned i = 0; i < n; i++)
		CHECK_OK(lp_buf_printf(&text, &err,
				       ",{\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"m\","
				       "\"key\":\"%0*u\"}}}",
				       bytes, i));
	CHECK_OK(lp_buf_str(&text, "]}]}}}}", &err));
	CHECK_OK(lp_json_parse(text.data, text.len, 256 * LP_MIB, &json, &err));
	return lp_config_note(&uses, lp_json_root(json), &till, &err);
}

static void references_of_a_revision_are_limited(void)
{
	CHECK_OK(note_variables(LP_CONFIG_REFERENCES, 1));
	CHECK_CODE(note_variables(LP_CONFIG_REFERENCES + 1, 1), LP_LIMIT, "split the source");
}

static void names_of_used_keys_are_limited(void)
{
	const int bytes = 1000;

	CHECK_OK(note_variables(LP_CONFIG_USE_BYTES / 2 / bytes, bytes));
	CHECK_CODE(note_variables(LP_CONFIG_USE_BYTES / bytes, bytes), LP_LIMIT,
		   "what workloads use");
}

static void too_many_references_are_a_problem_of_the_revision(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(8 * LP_MIB);
	LP_AUTO(lp_problems_free) struct problems problems = {0};
	struct told told;

	for (unsigned w = 0; w < 6; w++) {
		CHECK_OK(
			lp_buf_printf(&text, &err,
				      "---\n{\"apiVersion\": \"apps/v1\", \"kind\": \"DaemonSet\","
				      " \"metadata\": {\"name\": \"w%u\"}, \"spec\": {\"template\":"
				      " {\"spec\": {\"volumes\": [{\"configMap\": {\"name\": \"m\","
				      " \"items\": [",
				      w));
		for (unsigned i = 0; i < LP_CONFIG_REFERENCES / 5; i++)
			CHECK_OK(lp_buf_str(&text, "{\"key\": \"a\"},", &err));
		CHECK_OK(lp_buf_str(&text, "]}}]}}}}\n", &err));
	}
	const struct fake_file files[] = {{"a.yaml", lp_buf_text(&text)}, {NULL}};
	CHECK_CODE(render(files, &told, &problems), LP_REJECTED, "split the source");
}

int main(void)
{
	TEST(a_variable_of_one_key_counts_that_key);
	TEST(variables_of_an_object_count_all_its_keys);
	TEST(no_variable_comes_from_binary_data);
	TEST(a_volume_counts_its_items_or_all);
	TEST(a_secret_counts_in_every_place);
	TEST(a_projected_configmap_counts);
	TEST(init_containers_count);
	TEST(a_key_that_is_not_there_yet_counts_when_it_comes);
	TEST(string_data_is_data);
	TEST(order_does_not_matter);
	TEST(a_key_that_is_used_twice_counts_once);
	TEST(values_do_not_run_into_each_other);
	TEST(files_stand_in_any_order);
	TEST(what_is_not_in_the_revision_does_not_count);
	TEST(an_immutable_object_restarts_nothing);
	TEST(an_annotation_says_that_nothing_restarts);
	TEST(only_what_replaces_its_pods_is_a_workload);
	TEST(what_is_not_a_pod_spec_is_left_to_the_api_server);
	TEST(references_of_a_revision_are_limited);
	TEST(names_of_used_keys_are_limited);
	TEST(too_many_references_are_a_problem_of_the_revision);
	return check_report();
}

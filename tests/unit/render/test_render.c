/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/limits.h"
#include "agent/render/render.h"
#include "platform/crypto.h"
#include "tests/unit/check.h"
#include "tests/unit/render/fake.h"

#include <stdlib.h>

static struct problems problems; /* of the test that runs */
static struct known_kinds known; /* of the cluster */
static struct fake fake;
static struct buf said;           /* the problems, one line each */
static struct buf made;           /* the objects, one line each */
static struct object objects[64]; /* and whole, without json */
static size_t n_objects;

static enum lp_code take(void *context, const struct object *object, struct err *ret)
{
	char text[LP_KEY_TEXT];

	CHECK(context == &made);
	if (n_objects < 64)
		objects[n_objects] = *object;
	n_objects++;
	LP_TRY(lp_buf_printf(&made, ret, "%s:%u %s ", object->file, object->line,
			     lp_object_key_text(&object->key, text)));
	LP_TRY(lp_buf_append(&made, object->json.data, object->json.len, ret));
	return lp_buf_byte(&made, '\n', ret);
}

static void put_away(void)
{
	lp_problems_free(&problems);
	lp_buf_free(&said);
	lp_buf_free(&made);
	said = LP_BUF(LP_MIB);
	made = LP_BUF(64 * LP_MIB);
	n_objects = 0;
}

static enum lp_code render_with(const struct fake_file *files, struct render_options options)
{
	fake.files = files;
	fake.reads = fake.lists = 0;
	const struct tree tree = {&fake, fake_list, fake_read};

	put_away();
	if (!options.path)
		options.path = "";
	enum lp_code code = lp_render(&tree, &options, &known, take, &made, &problems, &err);
	for (unsigned i = 0; i < problems.n; i++) {
		char text[LP_PROBLEM_TEXT];
		CHECK_OK(lp_buf_printf(&said, &err, "%s\n",
				       lp_problem_text(&problems.list[i], text)));
	}
	return code;
}

static enum lp_code render(const struct fake_file *files)
{
	return render_with(files, (struct render_options){0});
}

static const char *objects_of(const char *text)
{
	const struct fake_file files[] = {{"a.yaml", text}, {NULL}};

	CHECK(render(files) == LP_OK || !printf("%s", lp_buf_text(&said)));
	return lp_buf_text(&made);
}

static const char *objects_of_json(const char *text)
{
	const struct fake_file files[] = {{"a.json", text}, {NULL}};

	CHECK(render(files) == LP_OK || !printf("%s", lp_buf_text(&said)));
	return lp_buf_text(&made);
}

static const char *problems_of_files(const struct fake_file *files)
{
	CHECK(render(files) == LP_REJECTED);
	CHECK(n_objects == 0);
	return lp_buf_text(&said);
}

static const char *problems_of(const char *text)
{
	const struct fake_file files[] = {{"a.yaml", text}, {NULL}};

	return problems_of_files(files);
}

#define CM(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

/* --- what is read --- */

static void every_manifest_below_the_path_is_read_in_byte_order_of_the_names(void)
{
	static const struct fake_file files[] = {
		{"README.md", "not yaml: ["},
		{"a-b.yaml", CM("one")},
		{"a.json",
		 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"two\"}}"},
		{"a/limpet.yaml", CM("three")},
		{"a/x.yml", CM("four")},
		{"limpet.yaml", "no: object"},
		{"yaml", "not yaml: ["},
		{NULL},
	};

	CHECK_OK(render(files));
	CHECK_STR(
		lp_buf_text(&made),
		"a-b.yaml:1 ConfigMap default/one {\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":"
		"{\"name\":\"one\",\"namespace\":\"default\"}}\n"
		"a.json:1 ConfigMap default/two {\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":"
		"{\"name\":\"two\",\"namespace\":\"default\"}}\n"
		"a/limpet.yaml:1 ConfigMap default/three {\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","
		"\"metadata\":{\"name\":\"three\",\"namespace\":\"default\"}}\n"
		"a/x.yml:1 ConfigMap default/four {\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":"
		"{\"name\":\"four\",\"namespace\":\"default\"}}\n");
}

static void only_what_is_below_the_path_is_read_and_named_from_there(void)
{
	static const struct fake_file files[] = {
		{"other/bad.yaml", "["},
		{"sites/berlin/a.yaml", CM("one")},
		{"sites/berlin/limpet.yaml", "no: object"},
		{"sites/berlin2/b.yaml", "["},
		{NULL},
	};

	CHECK_OK(render_with(files, (struct render_options){.path = "sites/berlin"}));
	CHECK(n_objects == 1);
	CHECK_STR(objects[0].file, "a.yaml");
}

static void documents_and_lists_are_opened(void)
{
	CHECK_HAS(
		objects_of("# a comment\n---\n---\n" CM(
			"one") "---\n\napiVersion: v1\nkind: List\n"
			       "items:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: two}\n-\n"
			       "  apiVersion: example.com/v1\n  kind: ThingList\n  items:\n"
			       "  - {apiVersion: example.com/v1, kind: Thing, metadata: {name: three}}\n"),
		"a.yaml:4 ConfigMap default/one");
	CHECK(n_objects == 3);
	CHECK_HAS(lp_buf_text(&made), "a.yaml:12 ConfigMap default/two");
	CHECK_HAS(lp_buf_text(&made), "a.yaml:19 Thing.example.com three");
}

static void a_kind_that_ends_in_list_without_items_is_an_object(void)
{
	objects_of("apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: x}\n");
	CHECK(n_objects == 1);
}

static void an_empty_list_is_no_object(void)
{
	static const struct fake_file files[] = {
		{"a.yaml", "apiVersion: v1\nkind: List\nitems: []\n"}, {NULL}};

	CHECK_CODE(render(files), LP_NOT_FOUND, "no manifests in the tree");
}

static void items_of_a_json_list_know_their_lines(void)
{
	objects_of_json(
		"\n{\"kind\": \"List\", \"x\": [\"items\", {\"items\": []}], \"y\": \"items\",\n"
		" \"apiVersion\": \"v1\",\n"
		" \"items\": [\n  {\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\",\n"
		"   \"data\": {\"x\": \"\\\"]\", \"items\": \"[\"}, \"metadata\": {\"name\": \"a\"}},\n\n"
		"  {\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"b\"}}]}\n");
	CHECK(n_objects == 2 && objects[0].line == 5 && objects[1].line == 8);
	objects_of_json(
		"\n\n{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}");
	CHECK(objects[0].line == 3);
}

static void a_json_file_can_hold_what_yaml_cannot(void)
{
	CHECK_HAS(
		objects_of_json(
			"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},"
			"\"data\":{\"smile\":\"\\ud83d\\ude00\\/\"}}"),
		"\"smile\":\"\xf0\x9f\x98\x80/\"");
}

/* --- namespaces and scopes --- */

static void a_namespaced_object_without_a_namespace_gets_the_one_of_the_source(void)
{
	static const struct fake_file files[] = {
		{"a.yaml",
		 CM("one") "---\n" CM("two, namespace: own") "---\n" CM("three, namespace: \"\"")},
		{NULL}};

	CHECK_OK(render_with(files, (struct render_options){.ns = "shop"}));
	CHECK_STR(objects[0].key.ns, "shop");
	CHECK_STR(objects[1].key.ns, "own");
	CHECK_STR(objects[2].key.ns, "shop");
	CHECK_HAS(lp_buf_text(&made), "{\"name\":\"one\",\"namespace\":\"shop\"}");
	CHECK_HAS(lp_buf_text(&made), "{\"name\":\"three\",\"namespace\":\"shop\"}");
}

static void a_cluster_scoped_object_has_no_namespace(void)
{
	CHECK_HAS(
		objects_of(
			"apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, namespace: \"\"}\n"),
		"Namespace shop {\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"shop\"}}");
	CHECK(objects[0].scope == SCOPE_CLUSTER);
	CHECK_STR(
		problems_of(
			"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  namespace: x\n"),
		"a.yaml:5: metadata.namespace: a Namespace is in no namespace; remove the line\n");
}

#define CRD(scope)                                                              \
	"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n" \
	"metadata: {name: tills.example.com}\n"                                 \
	"spec: {group: example.com, names: {kind: Till}, scope: " scope "}\n"
#define TILL(more) "apiVersion: example.com/v1\nkind: Till\nmetadata: {name: t" more "}\n"

static void the_scope_of_a_custom_kind_comes_from_a_crd_of_the_revision(void)
{
	objects_of(TILL("") "---\n" CRD("Namespaced"));
	CHECK(objects[0].scope == SCOPE_NAMESPACED);
	CHECK_STR(objects[0].key.ns, "default");
	objects_of(TILL("") "---\n" CRD("Cluster"));
	CHECK(objects[0].scope == SCOPE_CLUSTER);
	CHECK_STR(objects[0].key.ns, "");
	CHECK_HAS(problems_of(TILL(", namespace: x") "---\n" CRD("Cluster")),
		  "a.yaml:3: metadata.namespace: a Till is in no namespace");
}

static void the_scope_of_a_custom_kind_comes_from_the_cluster_else(void)
{
	CHECK_OK(lp_known_kinds_add(&known, "example.com", "Till", true, &err));
	objects_of(TILL(""));
	CHECK(objects[0].scope == SCOPE_NAMESPACED);
	objects_of(TILL("") "---\n" CRD("Cluster"));
	CHECK(objects[0].scope == SCOPE_CLUSTER); /* the revision is newer */
	lp_known_kinds_free(&known);
}

static void a_kind_that_nobody_knows_keeps_its_namespace(void)
{
	objects_of(TILL("") "---\n" TILL(", namespace: x"));
	CHECK(objects[0].scope == SCOPE_UNKNOWN && objects[1].scope == SCOPE_UNKNOWN);
	CHECK_STR(objects[0].key.ns, "");
	CHECK_STR(objects[1].key.ns, "x");
}

/* --- duplicates --- */

static void two_definitions_of_one_object_are_refused_with_both_places(void)
{
	static const struct fake_file files[] = {
		{"a.yaml", "\n" CM("x")},
		{"b/c.yaml", CM("z") "---\n" CM("x, namespace: default")},
		{"d.yaml", CM("x, namespace: other") "---\n" CM("x")},
		{NULL},
	};

	CHECK_STR(
		problems_of_files(files),
		"b/c.yaml:5: ConfigMap default/x is already defined at a.yaml:2; keep one of them\n"
		"d.yaml:5: ConfigMap default/x is already defined at a.yaml:2; keep one of them\n");
}

static void versions_of_one_object_are_duplicates(void)
{
	CHECK_HAS(
		problems_of(
			"apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\n"
			"---\n"
			"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\n"),
		"a.yaml:5: HorizontalPodAutoscaler.autoscaling default/x is already defined at a.yaml:1");
}

static void an_unknown_kind_without_a_namespace_counts_as_in_the_default_one(void)
{
	CHECK_HAS(problems_of(TILL("") "---\n" TILL(", namespace: default")),
		  "a.yaml:5: Till.example.com default/t is already defined at a.yaml:1");
}

static void the_same_name_of_another_kind_or_group_is_no_duplicate(void)
{
	objects_of(CM("t") "---\n" TILL(
		"") "---\napiVersion: v1\nkind: Secret\nmetadata: {name: t}\n---\n"
		    "apiVersion: example.org/v1\nkind: Till\nmetadata: {name: t}\n");
	CHECK(n_objects == 4);
}

/* --- the form of an object --- */

static void api_version_is_checked(void)
{
	CHECK_STR(problems_of("kind: X\nmetadata: {name: x}\n"),
		  "a.yaml:1: apiVersion: missing; expected a version such as v1 or apps/v1\n");
	CHECK_HAS(problems_of("apiVersion: 1\nkind: X\nmetadata: {name: x}\n"),
		  "apiVersion: an integer; expected a version such as v1 or apps/v1 (quote it");
	CHECK_HAS(problems_of("apiVersion: apps\nkind: Deployment\nmetadata: {name: x}\n"),
		  "apiVersion: \"apps\" names no group; expected v1, or the group before it");
	CHECK_HAS(problems_of("apiVersion: a/b/c\nkind: X\nmetadata: {name: x}\n"),
		  "\"a/b/c\" is not a version");
	CHECK_HAS(problems_of("apiVersion: /v1\nkind: X\nmetadata: {name: x}\n"),
		  "\"/v1\" is not a");
	CHECK_HAS(problems_of("apiVersion: Apps/v1\nkind: X\nmetadata: {name: x}\n"),
		  "is not a version");
	CHECK_HAS(problems_of("apiVersion: apps/v1/\nkind: X\nmetadata: {name: x}\n"),
		  "is not a version");
	CHECK_HAS(problems_of("apiVersion: \"\"\nkind: X\nmetadata: {name: x}\n"),
		  "is not a version");
	char text[512];
	snprintf(text, sizeof(text), "apiVersion: g%0253d/v1\nkind: X\nmetadata: {name: x}\n", 1);
	CHECK_HAS(problems_of(text), "is not a version");
	snprintf(text, sizeof(text), "apiVersion: g%0252d/v1\nkind: X\nmetadata: {name: x}\n", 1);
	objects_of(text);
	CHECK_HAS(problems_of("apiVersion: \"v1\\0\"\nkind: X\nmetadata: {name: x}\n"), "NUL byte");
}

static void kind_is_checked(void)
{
	CHECK_HAS(problems_of("apiVersion: v1\nmetadata: {name: x}\n"), "a.yaml:1: kind: missing");
	CHECK_HAS(problems_of("apiVersion: v1\nkind: on\nmetadata: {name: x}\n"),
		  "a.yaml:2: kind: a boolean");
	CHECK_HAS(problems_of("apiVersion: v1\nkind: A/B\nmetadata: {name: x}\n"),
		  "\"A/B\" is not a kind");
	CHECK_HAS(
		problems_of(
			"apiVersion: v1\nkind: K1234567890123456789012345678901234567890123456789012345"
			"678901234\nmetadata: {name: x}\n"),
		"is not a kind");
}

static void a_name_is_checked(void)
{
	static const char *const bad[] = {
		"",   "\"\"", "A",   "a/b",     "a%b", ".",        "..",       "a..b",
		"-a", "a-",   "a_b", "\"a b\"", "a:b", "\xc3\xa9", "\"a\\n\"", "a.-b",
	};
	char text[1024];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text),
			 "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n", bad[i]);
		CHECK_HAS(problems_of(text), "a.yaml:4: metadata.name: ");
	}
	snprintf(text, sizeof(text), CM("a%0252d"), 1);
	objects_of(text);
	snprintf(text, sizeof(text), CM("a%0253d"), 1);
	CHECK_HAS(problems_of(text), "expected at most 253");
	objects_of(CM("0.a-b.c"));
	CHECK_HAS(problems_of("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"),
		  "a.yaml:3: metadata.name: missing; expected the object's name");
	CHECK_HAS(problems_of("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: 12\n"),
		  "a.yaml:4: metadata.name: an integer; expected the object's name (quote it");
}

static void objects_without_a_name_are_no_duplicates(void)
{
	CHECK(!strstr(problems_of("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n---\n"
				  "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n"),
		      "already defined"));
	CHECK(problems.total == 2);
}

static void names_of_roles_may_hold_colons_and_capitals(void)
{
	objects_of(
		"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \"system:X\"}\n");
	CHECK_STR(objects[0].key.name, "system:X");
	CHECK_HAS(
		problems_of(
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a/b}\n"),
		"characters without '/' and '%'");
}

static void a_namespace_is_checked(void)
{
	CHECK_HAS(problems_of(CM("x, namespace: a.b")),
		  "a.yaml:3: metadata.namespace: \"a.b\" is not");
	CHECK_HAS(problems_of(CM("x, namespace: 7")), "a.yaml:3: metadata.namespace: an integer");
	CHECK_HAS(
		problems_of(CM(
			"x, namespace: n1234567890123456789012345678901234567890123456789012345678"
			"901234")),
		"at most 63");
}

static void metadata_must_be_an_object(void)
{
	CHECK_HAS(problems_of("apiVersion: v1\nkind: ConfigMap\n"), "a.yaml:1: metadata: missing");
	CHECK_HAS(problems_of("apiVersion: v1\nkind: ConfigMap\nmetadata: [x]\n"),
		  "a.yaml:3: metadata: a list; expected an object with a name");
}

static void a_document_must_be_an_object(void)
{
	CHECK_STR(problems_of("just text\n---\n- a\n"),
		  "a.yaml:1: a string; expected an object with apiVersion, kind and metadata\n"
		  "a.yaml:3: a list; expected an object with apiVersion, kind and metadata\n");
	CHECK_HAS(problems_of("apiVersion: v1\nkind: List\nitems:\n- x\n"),
		  "a.yaml:4: a string; expected");
}

static void generate_name_cannot_be_applied(void)
{
	CHECK_STR(
		problems_of("apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: x-\n"),
		"a.yaml:4: metadata.generateName: would make a new object on every apply; give the "
		"object a metadata.name\n");
}

static void labels_and_annotations_must_be_texts(void)
{
	CHECK_STR(
		problems_of(
			"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  labels:\n    a: b\n"
			"    on: yes\n    v: 1.10\n  annotations: [x]\n"),
		"a.yaml:7: metadata.labels.true: a boolean; expected a string: quote it\n"
		"a.yaml:8: metadata.labels.v: a number; expected a string: quote it\n"
		"a.yaml:9: metadata.annotations: a list; expected an object of texts\n");
}

static void the_label_of_an_applyset_is_refused(void)
{
	CHECK_HAS(
		problems_of("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  labels:\n"
			    "    applyset.kubernetes.io/part-of: y\n"),
		"a.yaml:6: metadata.labels.applyset.kubernetes.io/part-of: the label by which an agent");
}

static void all_that_is_wrong_is_told_in_one_pass_in_order(void)
{
	static const struct fake_file files[] = {
		{"a.yaml", CM("x") "---\nkind: X\nmetadata: {}\n"},
		{"b.json", "{\n \"a\": 1,}"},
		{"c.yaml", "a: 1\n\tb: 2\n"},
		{"d.yaml",
		 "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: Bad\n  namespace: x\n---\n" CM(
			 "x")},
		{NULL},
	};

	CHECK_STR(
		problems_of_files(files),
		"a.yaml:5: apiVersion: missing; expected a version such as v1 or apps/v1\n"
		"a.yaml:6: metadata.name: missing; expected the object's name\n"
		"b.json:2:8: trailing comma is not allowed\n"
		"c.yaml:2:1: a tab where YAML expects indentation; use spaces\n"
		"d.yaml:4: metadata.name: \"Bad\" is not a name; expected at most 253 lower-case letters, "
		"digits, '-' and '.', with a letter or digit at both ends\n"
		"d.yaml:5: metadata.namespace: a Namespace is in no namespace; remove the line\n"
		"d.yaml:7: ConfigMap default/x is already defined at a.yaml:1; keep one of them\n");
	CHECK(problems.total == 7);
	CHECK_HAS(err.msg, "7 problems in the manifests; the first: a.yaml:5: apiVersion: missing");
}

static void problems_past_the_limit_are_counted(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);

	for (unsigned i = 0; i < LP_PROBLEMS_MAX + 20; i++)
		CHECK_OK(lp_buf_str(&text, "- \n---\n", &err));
	problems_of(lp_buf_text(&text));
	CHECK(problems.n == LP_PROBLEMS_MAX && problems.total == LP_PROBLEMS_MAX + 20);
}

static void texts_of_problems_past_the_limit_are_counted(void)
{
	LP_AUTO(lp_problems_free) struct problems many = {0};
	char text[1024];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (unsigned i = 0; i < LP_PROBLEMS_MAX; i++) {
		text[0] = (char)('a' + i % 2); /* a file's name is kept once in a row */
		lp_problem(&many, text, 1, text, "%s", text);
	}
	CHECK(many.total == LP_PROBLEMS_MAX && many.arena.used_bytes <= LP_PROBLEMS_BYTES);
	CHECK(many.n < LP_PROBLEMS_MAX && many.n * 3 * sizeof(text) > LP_PROBLEMS_BYTES / 2);
}

static void kinds_past_the_limit_are_refused(void)
{
	struct known_kinds kinds = {0};
	enum lp_code code = LP_OK;
	char kind[LP_KIND_MAX];

	for (unsigned i = 0; code == LP_OK && i <= LP_SCOPES_BYTES / LP_KIND_MAX; i++) {
		snprintf(kind, sizeof(kind), "Kind%0*u", LP_KIND_MAX - 5, i);
		code = lp_known_kinds_add(&kinds, "example.org", kind, true, &err);
	}
	bool last = lp_known_kinds_scope(&kinds, "example.org",
					 kinds.list[kinds.n - 1].name + strlen("example.org/")) ==
		    SCOPE_NAMESPACED;
	size_t used = kinds.arena.used_bytes;
	lp_known_kinds_free(&kinds);
	CHECK_CODE(code, LP_LIMIT, "known kinds");
	CHECK(last && used <= LP_SCOPES_BYTES && used > LP_SCOPES_BYTES - 8 * LP_KIB);
}

/* A number takes two bytes of a file and many of a tree. */
static void a_document_whose_tree_is_too_large_is_refused(void)
{
	static const char head[] =
		"{\"apiVersion\":\"v1\",\"kind\":\"X\",\"metadata\":{\"name\":\"x\"},\"a\":[";
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_FILE_BYTES);
	char limit[64];

	CHECK_OK(lp_buf_str(&text, head, &err));
	while (text.len < LP_FILE_BYTES - 4)
		CHECK_OK(lp_buf_str(&text, "1,", &err));
	CHECK_OK(lp_buf_str(&text, "1]}", &err));
	const struct fake_file files[] = {{"a.json", lp_buf_text(&text)}, {NULL}};
	snprintf(limit, sizeof(limit), "more than %u bytes of memory", LP_DOCUMENT_BYTES);
	CHECK_HAS(problems_of_files(files), limit);
}

static void texts_of_strangers_are_made_fit_to_show(void)
{
	CHECK_HAS(problems_of("apiVersion: v1\nkind: \"\\e[31mX\"\nmetadata: {name: x}\n"),
		  "kind: \"?[31mX\" is not a kind");
}

static void problems_have_a_json_form(void)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);

	problems_of("apiVersion: v1\nkind: [\n");
	CHECK_OK(lp_json_new(LP_MIB, &doc, &err));
	CHECK_OK(lp_json_write(lp_problems_json(&problems, doc), &text, &err));
	CHECK_HAS(lp_buf_text(&text),
		  "[{\"file\":\"a.yaml\",\"line\":3,\"column\":1,\"message\":\"");
	problems_of("apiVersion: v1\nmetadata: {name: x}\n");
	lp_buf_clear(&text);
	CHECK_OK(lp_json_write(lp_problems_json(&problems, doc), &text, &err));
	CHECK_STR(lp_buf_text(&text),
		  "[{\"file\":\"a.yaml\",\"line\":1,\"field\":\"kind\",\"message\":"
		  "\"missing; expected a kind such as Deployment\"}]");
}

/* --- the form in which it is applied --- */

static void what_is_the_servers_to_write_is_taken_away(void)
{
	CHECK_HAS(
		objects_of(
			"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: x\n  uid: u\n"
			"  creationTimestamp: 2020-01-01T00:00:00Z\n  resourceVersion: \"1\"\n  generation: 3\n"
			"  selfLink: /x\n  managedFields: [{manager: m}]\n  deletionTimestamp: x\n"
			"  deletionGracePeriodSeconds: 1\nspec: {replicas: 1}\nstatus: {replicas: 1}\n"),
		"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"x\",\"namespace\":"
		"\"default\"},\"spec\":{\"replicas\":1}}\n");
}

static void a_config_digest_that_somebody_copied_is_taken_away(void)
{
	const char *all = objects_of(
		"apiVersion: apps/v1\nkind: Deployment\n"
		"metadata: {name: till, annotations: {a: b, limpet.dev/config-digest: \"12\"}}\n"
		"spec: {template: {metadata: {annotations: {limpet.dev/config-digest: \"34\"}}}}\n");

	CHECK(!strstr(all, "config-digest"));
	CHECK_HAS(all, "\"annotations\":{\"a\":\"b\"}");
}

static void the_status_of_a_custom_object_is_kept(void)
{
	CHECK_HAS(objects_of(TILL("") "status: {a: b}\n"), "\"status\":{\"a\":\"b\"}");
	CHECK(!strstr(objects_of(CRD("Cluster") "status: {a: b}\n"), "status"));
}

static void nulls_are_taken_away_and_empty_lists_of_built_in_kinds(void)
{
	CHECK_HAS(
		objects_of(
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  a: ~\n"
			"  b: [{c: null, d: 1, e: []}, null]\n  f: []\n  g: {}\n"),
		"\"spec\":{\"b\":[{\"d\":1},null],\"g\":{}}");
	CHECK_HAS(objects_of(TILL("") "spec: {a: ~, f: []}\n"), "\"spec\":{\"f\":[]}");
}

static void the_schema_of_a_crd_keeps_its_defaults(void)
{
	CHECK_HAS(
		objects_of(
			"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
			"metadata: {name: x.y}\nspec: {a: ~, versions: [{schema: {d: {default: ~, enum: []}}}]}\n"),
		"\"spec\":{\"versions\":[{\"schema\":{\"d\":{\"default\":null,\"enum\":[]}}}]}");
}

static void a_secret_is_encoded(void)
{
	CHECK_HAS(
		objects_of(
			"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: eA==, b: eQ==}\n"
			"stringData: {b: \"hi\\n\", c: \"\", d: ~}\n"),
		"\"data\":{\"a\":\"eA==\",\"b\":\"aGkK\",\"c\":\"\"}");
	CHECK(!strstr(lp_buf_text(&made), "stringData"));
	CHECK_STR(
		problems_of(
			"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  a: 1\n  b: x\n"
			"  c: no\n"),
		"a.yaml:5: stringData.a: an integer; expected a string: quote it\n"
		"a.yaml:7: stringData.c: a boolean; expected a string: quote it\n");
	CHECK_HAS(problems_of("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: x\n"),
		  "a.yaml:4: stringData: a string; expected an object of texts");
	CHECK_HAS(
		problems_of(
			"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: x\nstringData: {a: b}\n"),
		"a.yaml:4: data: a string; expected an object of base64 texts");
}

/* The API server would refuse it too, and tell the value. */
static void what_is_no_text_in_the_data_of_a_secret_is_refused_without_its_value(void)
{
	const char *told = problems_of(
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: ~\n"
		"  pin: 12345678\n  open: yes\n  b: eA==\n  map: {hidden: 1}\n  c: [2]\n");

	CHECK_HAS(told, "a.yaml:6: data.pin: an integer; expected a string: quote base64, or write "
			"the plain text, quoted, under stringData\n");
	CHECK_HAS(told, "a.yaml:7: data.open: a boolean; expected a string: quote");
	CHECK_HAS(told, "a.yaml:9: data.map: an object; expected a string: quote");
	CHECK_HAS(told, "a.yaml:10: data.c: a list; expected a string: quote");
	CHECK(!strstr(told, "12345678") && !strstr(told, "hidden") && !strstr(told, "data.a"));
	CHECK_HAS(problems_of("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: [x]\n"),
		  "a.yaml:4: data: a list; expected an object of base64 texts");
}

static void keys_of_a_secret_are_limited(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);

	CHECK_OK(lp_buf_str(
		&text, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n", &err));
	for (unsigned i = 0; i <= LP_SECRET_KEYS; i++)
		CHECK_OK(lp_buf_printf(&text, &err, "  k%u: x\n", i));
	CHECK_HAS(problems_of(lp_buf_text(&text)),
		  "a.yaml:1: stringData: 10001 keys; at most 10000");
}

static void the_rules_of_an_aggregated_role_are_left_to_its_controller(void)
{
	CHECK(!strstr(
		objects_of(
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
			"metadata: {name: x}\naggregationRule: {a: b}\nrules: [{verbs: [get]}]\n"),
		"rules"));
}

static void a_bundle_that_says_nothing_is_left_to_its_injector(void)
{
	static const char webhook[] = "apiVersion: admissionregistration.k8s.io/v1\n"
				      "kind: MutatingWebhookConfiguration\nmetadata: {name: x}\n"
				      "webhooks: [{name: a, clientConfig: {caBundle: %s}}]\n";
	static const struct {
		const char *value;
		bool stays;
	} cases[] = {{"\"\"", false}, {"Cg==", false}, {"eA==", true}, {"1", true}};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), webhook, cases[i].value);
		CHECK(!strstr(objects_of(text), "caBundle") == !cases[i].stays);
	}
	CHECK(!strstr(objects_of("apiVersion: apiregistration.k8s.io/v1\nkind: APIService\n"
				 "metadata: {name: x}\nspec: {caBundle: Cg==}\n"),
		      "caBundle"));
	CHECK(!strstr(
		objects_of("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
			   "metadata: {name: x}\nspec: {conversion: {webhook: "
			   "{clientConfig: {caBundle: Cg==}}}}\n"),
		"caBundle"));
}

static void empty_maps_of_the_metadata_are_nobody_s(void)
{
	CHECK_HAS(objects_of("apiVersion: v1\nkind: ConfigMap\n"
			     "metadata: {name: x, labels: {}, annotations: {}}\n"),
		  "\"metadata\":{\"name\":\"x\",\"namespace\":\"default\"}");
}

static void the_digest_is_that_of_the_json(void)
{
	static const char json[] =
		"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\","
		"\"namespace\":\"default\"}}";
	uint8_t wanted[LP_SHA256_BYTES];

	objects_of(CM("x"));
	lp_sha256(json, sizeof(json) - 1, wanted);
	CHECK(memcmp(objects[0].digest, wanted, sizeof(wanted)) == 0);
}

static void the_order_of_members_does_not_change_the_digest(void)
{
	uint8_t digest[LP_SHA256_BYTES];

	objects_of("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b, c: d}\n");
	memcpy(digest, objects[0].digest, sizeof(digest));
	objects_of(
		"data: {c: \"d\", a: 'b'}\nmetadata: {name: x}\nkind: ConfigMap\napiVersion: v1\n");
	CHECK(memcmp(digest, objects[0].digest, sizeof(digest)) == 0);
}

static void objects_know_their_stage(void)
{
	objects_of(CM("x") "---\n" CRD(
		"Cluster") "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ns}\n---\n"
			   "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: p}\n---\n"
			   "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: a}\n");
	CHECK(objects[0].stage == STAGE_REST && objects[1].stage == STAGE_CRDS &&
	      objects[2].stage == STAGE_NAMESPACES && objects[3].stage == STAGE_CLASSES &&
	      objects[4].stage == STAGE_GATES);
}

/* --- what is refused as a whole --- */

static void no_object_at_all_is_refused_unless_it_is_allowed(void)
{
	static const struct fake_file none[] = {
		{"README.md", "x"}, {"limpet.yaml", "x: y"}, {NULL}};
	static const struct fake_file comments[] = {{"a/a.yaml", "# nothing\n---\n"}, {NULL}};

	CHECK_CODE(render(none), LP_NOT_FOUND, "no manifests in the tree");
	CHECK_CODE(render_with(comments, (struct render_options){.path = "a"}), LP_NOT_FOUND,
		   "no manifests below a");
	CHECK_CODE(render_with(comments, (struct render_options){.path = "b"}), LP_NOT_FOUND,
		   "b: no such path");
	CHECK_OK(render_with(none, (struct render_options){.allow_empty = true}));
	CHECK_OK(render_with(comments, (struct render_options){.path = "b", .allow_empty = true}));
	CHECK(n_objects == 0 && problems.total == 0);
}

static void an_object_past_what_the_api_stores_is_refused(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(4 * LP_MIB);

	CHECK_OK(lp_buf_str(&text, CM("x") "data:\n  a: ", &err));
	for (unsigned i = 0; i < LP_OBJECT_BYTES / 2 / 64; i++)
		CHECK_OK(lp_buf_str(
			&text, "0123456789012345678901234567890123456789012345678901234567890123",
			&err));
	CHECK_OK(lp_buf_str(&text, "x\n  b: y", &err));
	objects_of(lp_buf_text(&text));
	for (unsigned i = 0; i < LP_OBJECT_BYTES / 2 / 64; i++)
		CHECK_OK(lp_buf_str(
			&text, "0123456789012345678901234567890123456789012345678901234567890123",
			&err));
	CHECK_HAS(problems_of(lp_buf_text(&text)),
		  "a.yaml:1: an object of more than 1572864 bytes");
}

static void objects_are_limited(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(4 * LP_MIB);
	struct fake_file files[] = {{"a.yaml", NULL}, {"b.yaml", NULL}, {"c.yaml", NULL}, {NULL}};
	LP_AUTO(lp_buf_free) struct buf more = LP_BUF(4 * LP_MIB);

	for (unsigned i = 0; i < LP_OBJECTS_MAX / 2; i++) {
		CHECK_OK(lp_buf_printf(&text, &err, "---\n" CM("a%u"), i));
		CHECK_OK(lp_buf_printf(&more, &err, "---\n" CM("b%u"), i));
	}
	files[0].text = lp_buf_text(&text);
	files[1].text = lp_buf_text(&more);
	files[2].text = "# nothing";
	CHECK_OK(render(files));
	CHECK(n_objects == LP_OBJECTS_MAX);
	files[2].text = CM("c");
	CHECK_HAS(problems_of_files(files), "more than 10000 objects: split the source");
}

static void a_disk_that_fails_is_no_fault_of_the_revision(void)
{
	static const struct fake_file files[] = {{"a.yaml", CM("x")}, {"b.yaml", CM("z")}, {NULL}};

	fake.fail_read = 2;
	CHECK_CODE(render(files), LP_TRANSIENT, "b.yaml: the disk is away");
	CHECK(n_objects == 0 && problems.total == 0);
	fake.fail_read = 0;
}

static void a_file_that_vanishes_is_never_taken_for_an_empty_path(void)
{
	static const struct fake_file files[] = {{"a.yaml", CM("x")}, {"b/c.yaml", NULL}, {NULL}};

	CHECK_CODE(render_with(files, (struct render_options){.allow_empty = true}), LP_CONFLICT,
		   "b/c.yaml: no such file");
	CHECK(n_objects == 0 && problems.total == 0);
}

static void a_tree_that_changes_between_the_passes_is_noticed(void)
{
	static const struct fake_file before[] = {{"a.yaml", CM("x")}, {NULL}};
	static const struct fake_file after[] = {{"a.yaml", "["}, {NULL}};

	fake.later = after;
	CHECK_CODE(render(before), LP_CONFLICT, "changed while they were read");
	fake.later = NULL;
}

int main(void)
{
	TEST(every_manifest_below_the_path_is_read_in_byte_order_of_the_names);
	TEST(only_what_is_below_the_path_is_read_and_named_from_there);
	TEST(documents_and_lists_are_opened);
	TEST(a_kind_that_ends_in_list_without_items_is_an_object);
	TEST(an_empty_list_is_no_object);
	TEST(items_of_a_json_list_know_their_lines);
	TEST(a_json_file_can_hold_what_yaml_cannot);
	TEST(a_namespaced_object_without_a_namespace_gets_the_one_of_the_source);
	TEST(a_cluster_scoped_object_has_no_namespace);
	TEST(the_scope_of_a_custom_kind_comes_from_a_crd_of_the_revision);
	TEST(the_scope_of_a_custom_kind_comes_from_the_cluster_else);
	TEST(a_kind_that_nobody_knows_keeps_its_namespace);
	TEST(two_definitions_of_one_object_are_refused_with_both_places);
	TEST(versions_of_one_object_are_duplicates);
	TEST(an_unknown_kind_without_a_namespace_counts_as_in_the_default_one);
	TEST(the_same_name_of_another_kind_or_group_is_no_duplicate);
	TEST(api_version_is_checked);
	TEST(kind_is_checked);
	TEST(a_name_is_checked);
	TEST(objects_without_a_name_are_no_duplicates);
	TEST(names_of_roles_may_hold_colons_and_capitals);
	TEST(a_namespace_is_checked);
	TEST(metadata_must_be_an_object);
	TEST(a_document_must_be_an_object);
	TEST(generate_name_cannot_be_applied);
	TEST(labels_and_annotations_must_be_texts);
	TEST(the_label_of_an_applyset_is_refused);
	TEST(all_that_is_wrong_is_told_in_one_pass_in_order);
	TEST(problems_past_the_limit_are_counted);
	TEST(texts_of_problems_past_the_limit_are_counted);
	TEST(kinds_past_the_limit_are_refused);
	TEST(a_document_whose_tree_is_too_large_is_refused);
	TEST(texts_of_strangers_are_made_fit_to_show);
	TEST(problems_have_a_json_form);
	TEST(what_is_the_servers_to_write_is_taken_away);
	TEST(a_config_digest_that_somebody_copied_is_taken_away);
	TEST(the_status_of_a_custom_object_is_kept);
	TEST(nulls_are_taken_away_and_empty_lists_of_built_in_kinds);
	TEST(the_schema_of_a_crd_keeps_its_defaults);
	TEST(a_secret_is_encoded);
	TEST(what_is_no_text_in_the_data_of_a_secret_is_refused_without_its_value);
	TEST(keys_of_a_secret_are_limited);
	TEST(the_rules_of_an_aggregated_role_are_left_to_its_controller);
	TEST(a_bundle_that_says_nothing_is_left_to_its_injector);
	TEST(empty_maps_of_the_metadata_are_nobody_s);
	TEST(the_digest_is_that_of_the_json);
	TEST(the_order_of_members_does_not_change_the_digest);
	TEST(objects_know_their_stage);
	TEST(no_object_at_all_is_refused_unless_it_is_allowed);
	TEST(an_object_past_what_the_api_stores_is_refused);
	TEST(objects_are_limited);
	TEST(a_disk_that_fails_is_no_fault_of_the_revision);
	TEST(a_file_that_vanishes_is_never_taken_for_an_empty_path);
	TEST(a_tree_that_changes_between_the_passes_is_noticed);
	put_away();
	lp_known_kinds_free(&known);
	return check_report();
}

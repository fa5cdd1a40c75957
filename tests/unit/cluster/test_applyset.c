/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/applyset.h"
#include "agent/cluster/limits.h"
#include "platform/crypto.h"
#include "tests/unit/check.h"

static struct applyset set;

static struct object_key key(const char *group, const char *kind, const char *ns)
{
	struct object_key k = {0};

	snprintf(k.group, sizeof(k.group), "%s", group);
	snprintf(k.kind, sizeof(k.kind), "%s", kind);
	snprintf(k.ns, sizeof(k.ns), "%s", ns);
	return k;
}

static void add(const char *group, const char *kind, const char *ns)
{
	struct object_key k = key(group, kind, ns);

	CHECK_OK(lp_applyset_add(&set, &k, "limpet-system", &err));
}

static void fresh(void)
{
	lp_applyset_free(&set);
	snprintf(set.source, sizeof(set.source), "site");
}

static struct metadata parent(const char *annotations)
{
	static char text[4000];
	struct metadata m;

	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"limpet-site\",\"namespace\":\"limpet-system\","
		 "\"uid\":\"u\",\"labels\":{\"applyset.kubernetes.io/id\":\"the-id\"},"
		 "\"annotations\":{%s}}}",
		 annotations);
	CHECK_OK(lp_metadata_read((struct slice){(const uint8_t *)text, strlen(text)}, &m, &err));
	return m;
}

static void the_id_is_the_one_of_kubectl(void)
{
	char id[LP_APPLYSET_ID_MAX];

	/* the vector of kubectl's own test */
	CHECK_STR(lp_applyset_id("my-set", "test", "Secret", "", id),
		  "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1");
}

static void kinds_and_namespaces_are_sorted_and_told_once(void)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(4000);

	fresh();
	add("apps", "Deployment", "shop");
	add("", "ConfigMap", "till");
	add("", "ConfigMap", "shop");
	add("", "Secret", "limpet-system");
	add("", "Namespace", "");
	CHECK_OK(lp_applyset_write(&set, "limpet-system", &out, &err));
	CHECK_HAS(lp_buf_text(&out),
		  "contains-group-kinds\":\"ConfigMap,Deployment.apps,Namespace,Secret\"");
	CHECK_HAS(lp_buf_text(&out), "additional-namespaces\":\"shop,till\"");
	CHECK_HAS(lp_buf_text(&out), "\"name\":\"limpet-site\",\"namespace\":\"limpet-system\"");
	CHECK_HAS(lp_buf_text(&out),
		  "applyset.kubernetes.io/tooling\":\"limpet/v" LIMPET_VERSION "\"");
}

static void what_the_parent_says_is_kept(void)
{
	struct metadata m =
		parent("\"applyset.kubernetes.io/contains-group-kinds\":\"Job.batch,Secret\","
		       "\"applyset.kubernetes.io/additional-namespaces\":\"old\","
		       "\"applyset.kubernetes.io/tooling\":\"limpet/v" LIMPET_VERSION "\"");

	fresh();
	add("", "Secret", "old");
	CHECK(!lp_applyset_same(&set, &m));
	CHECK_OK(lp_applyset_add_parent(&set, &m, &err));
	CHECK(set.kinds.count == 2 && strcmp(set.kinds.at[0], "Job.batch") == 0);
	CHECK(set.namespaces.count == 1);
	CHECK(lp_applyset_same(&set, &m));
	add("", "Service", "");
	CHECK(!lp_applyset_same(&set, &m));
}

static void an_empty_set_is_not_the_same_as_a_missing_annotation(void)
{
	struct metadata m =
		parent("\"applyset.kubernetes.io/tooling\":\"limpet/v" LIMPET_VERSION "\"");

	fresh();
	CHECK(!lp_applyset_same(&set, &m));
	m = parent("\"applyset.kubernetes.io/tooling\":\"limpet/v" LIMPET_VERSION "\","
		   "\"applyset.kubernetes.io/contains-group-kinds\":\"\","
		   "\"applyset.kubernetes.io/additional-namespaces\":\"\"");
	CHECK(lp_applyset_same(&set, &m));
}

static void the_floor_is_told_and_a_parent_with_another_is_not_the_same(void)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(4000);
	struct metadata m = parent("\"applyset.kubernetes.io/tooling\":\"limpet/v" LIMPET_VERSION
				   "\",\"applyset.kubernetes.io/contains-group-kinds\":\"\","
				   "\"applyset.kubernetes.io/additional-namespaces\":\"\","
				   "\"limpet.dev/floor\":\"counter=2\"");

	fresh();
	CHECK(!lp_applyset_same(&set, &m));
	CHECK_OK(lp_applyset_set_floor(&set, LP_SLICE("counter=2"), &err));
	CHECK(lp_applyset_same(&set, &m));
	CHECK_OK(lp_applyset_write(&set, "limpet-system", &out, &err));
	CHECK_HAS(lp_buf_text(&out), ",\"limpet.dev/floor\":\"counter=2\"}}}");
	CHECK_OK(lp_applyset_set_floor(&set, LP_SLICE("counter=3"), &err));
	CHECK(!lp_applyset_same(&set, &m));
}

static void a_floor_that_json_would_have_to_quote_or_that_is_too_long_is_refused(void)
{
	char large[LP_APPLYSET_FLOOR_TEXT];

	fresh();
	CHECK_CODE(lp_applyset_set_floor(&set, LP_SLICE("a\"b"), &err), LP_REJECTED, "quotes");
	CHECK_CODE(lp_applyset_set_floor(&set, LP_SLICE("a\\b"), &err), LP_REJECTED, "quotes");
	CHECK_CODE(lp_applyset_set_floor(&set, LP_SLICE("a\nb"), &err), LP_REJECTED, "quotes");
	memset(large, 'a', sizeof(large));
	struct slice all = {(const uint8_t *)large, sizeof(large)};
	CHECK_CODE(lp_applyset_set_floor(&set, all, &err), LP_LIMIT, "256 bytes");
	all.len--;
	CHECK_OK(lp_applyset_set_floor(&set, all, &err));
}

static void another_tools_parent_is_refused(void)
{
	struct metadata m = parent("\"applyset.kubernetes.io/tooling\":\"kubectl/v1.36\"");

	CHECK_CODE(lp_applyset_check(&m, "the-id", &err), LP_CONFIG, "belongs to kubectl/v1.36");
	m = parent("\"a\":\"b\"");
	CHECK_CODE(lp_applyset_check(&m, "the-id", &err), LP_CONFIG, "it is not limpet's");
	m = parent("\"applyset.kubernetes.io/tooling\":\"limpet/v9.9.9\"");
	CHECK_OK(lp_applyset_check(&m, "the-id", &err));
	CHECK_CODE(lp_applyset_check(&m, "other-id", &err), LP_CONFIG, "copied from elsewhere");
	/* the name of a tool may have slashes itself */
	m = parent("\"applyset.kubernetes.io/tooling\":\"limpet/fork/v1\"");
	CHECK_CODE(lp_applyset_check(&m, "the-id", &err), LP_CONFIG, "belongs to limpet/fork");
	m = parent("\"applyset.kubernetes.io/tooling\":\"limpetish/v1\"");
	CHECK_CODE(lp_applyset_check(&m, "the-id", &err), LP_CONFIG, "belongs to");
}

static void a_name_that_would_break_the_list_is_refused(void)
{
	struct object_key bad = key("apps", "A,B", "");

	fresh();
	CHECK_CODE(lp_applyset_add(&set, &bad, "", &err), LP_REJECTED, "A,B.apps");
	bad = key("", "Secret", "x\"y");
	CHECK_CODE(lp_applyset_add(&set, &bad, "", &err), LP_REJECTED, "x\"y");
}

static void more_namespaces_than_fit_are_refused(void)
{
	enum lp_code code = LP_OK;
	unsigned n = 0;

	fresh();
	for (; code == LP_OK && n < 100000; n++) {
		struct object_key k = key("", "Secret", "");
		snprintf(k.ns, sizeof(k.ns), "%063u", n);
		code = lp_applyset_add(&set, &k, "", &err);
	}
	CHECK(code == LP_LIMIT && n > 1000);
	CHECK(set.arena.used_bytes <= LP_APPLYSET_MEMORY);
	CHECK_HAS(err.msg, "kinds and namespaces of the ApplySet");
	lp_applyset_free(&set);
}

int main(void)
{
	if (lp_crypto_init(&err) != LP_OK)
		return 1;
	TEST(the_id_is_the_one_of_kubectl);
	TEST(kinds_and_namespaces_are_sorted_and_told_once);
	TEST(what_the_parent_says_is_kept);
	TEST(an_empty_set_is_not_the_same_as_a_missing_annotation);
	TEST(the_floor_is_told_and_a_parent_with_another_is_not_the_same);
	TEST(a_floor_that_json_would_have_to_quote_or_that_is_too_long_is_refused);
	TEST(another_tools_parent_is_refused);
	TEST(a_name_that_would_break_the_list_is_refused);
	TEST(more_namespaces_than_fit_are_refused);
	return check_report();
}

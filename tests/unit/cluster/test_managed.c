/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/managed.h"
#include "agent/cluster/skim.h"
#include "tests/unit/check.h"

#include <stdlib.h>

#define ENTRY(manager, operation, fields)                                                     \
	"{\"manager\":\"" manager "\",\"operation\":\"" operation "\",\"apiVersion\":\"v1\"," \
	"\"time\":\"2026-11-21T08:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":" fields "}"
#define SCALE(manager, fields)                                                         \
	"{\"manager\":\"" manager "\",\"operation\":\"Update\",\"apiVersion\":\"v1\"," \
	"\"subresource\":\"scale\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":" fields "}"
#define OBJECT(entries) \
	"{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"77\",\"managedFields\":[" entries "]}}"
#define TILL "k:{\\\"name\\\":\\\"till\\\"}"
#define SIDE "k:{\\\"name\\\":\\\"side\\\"}"

static struct buf patch = LP_BUF(4 * LP_MIB), body = LP_BUF(4 * LP_MIB);
static struct managed_plan done;

static struct slice text(const char *json)
{
	return (struct slice){(const uint8_t *)json, strlen(json)};
}

static enum lp_code plan(const char *object, struct managed_wish wish, const char *desired)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;

	lp_buf_clear(&patch);
	lp_buf_clear(&body);
	wish.api_version = "v1";
	if (desired)
		CHECK_OK(lp_json_parse(desired, strlen(desired), LP_MIB, &doc, &err));
	wish.desired = doc;
	enum lp_code code = lp_managed_plan(text(object), &wish, &done, &patch, &err);
	if (code == LP_OK && doc)
		CHECK_OK(lp_json_write(lp_json_root(doc), &body, &err));
	return code;
}

/* What the plan makes of managedFields, by manager: its fields, or "". */
static const char *fields_of(const char *manager)
{
	static char all[8][4000];
	static unsigned next;
	struct skim_iter ops = lp_skim_iter(LP_SLICE_OF(&patch));
	char *to = all[next++ % 8];

	*to = '\0';
	while (lp_skim_next(&ops)) {
		struct skim_iter it = lp_skim_iter(lp_skim_get(ops.value, "value"));
		while (lp_skim_next(&it)) {
			struct slice fields = lp_skim_get(it.value, "fieldsV1");
			if (lp_skim_is(lp_skim_get(it.value, "manager"), manager))
				snprintf(to, sizeof(all[0]), "%.*s", (int)fields.len,
					 (const char *)fields.data);
		}
	}
	return to;
}

static void an_object_that_is_ours_alone_needs_no_patch(void)
{
	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply", "{\"f:data\":{\"f:a\":{}}}")),
		      (struct managed_wish){.take = true}, NULL));
	CHECK(!patch.len && !done.takes && !done.hands);
	CHECK_OK(plan("{\"metadata\":{\"resourceVersion\":\"7\"}}",
		      (struct managed_wish){.take = true}, NULL));
	CHECK(!patch.len);
}

static void what_kubectl_owns_becomes_ours_and_its_entries_go(void)
{
	CHECK_OK(plan(
		OBJECT(ENTRY("limpet", "Apply", "{\"f:data\":{\"f:a\":{}}}") "," ENTRY(
			"kubectl-edit", "Update",
			"{\"f:data\":{\"f:b\":{}}}") "," ENTRY("kubectl", "Apply",
							       "{\"f:data\":{\".\":{},\"f:a\":{}}}")),
		(struct managed_wish){.take = true}, NULL));
	CHECK(done.takes && !done.hands);
	CHECK_STR(fields_of("limpet"), "{\"f:data\":{\".\":{},\"f:a\":{},\"f:b\":{}}}");
	CHECK_STR(fields_of("kubectl-edit"), "");
	CHECK_STR(fields_of("kubectl"), "");
	CHECK(lp_slice_starts(LP_SLICE_OF(&patch),
			      "[{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\","
			      "\"value\":\"77\"}"));
}

static void a_leaf_of_one_stays_owned_where_another_has_members(void)
{
	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply", "{\"f:emptyDir\":{}}") "," ENTRY(
			      "kubectl", "Update", "{\"f:emptyDir\":{\"f:medium\":{}}}")),
		      (struct managed_wish){.take = true}, NULL));
	CHECK_STR(fields_of("limpet"), "{\"f:emptyDir\":{\"f:medium\":{},\".\":{}}}");
}

static void our_entry_is_made_when_it_is_not_there(void)
{
	CHECK_OK(plan(OBJECT(ENTRY("kubectl-create", "Update", "{\"f:data\":{\"f:a\":{}}}")),
		      (struct managed_wish){.take = true}, NULL));
	CHECK_STR(fields_of("limpet"), "{\"f:data\":{\"f:a\":{}}}");
	CHECK_HAS(lp_buf_text(&patch),
		  "{\"manager\":\"limpet\",\"operation\":\"Apply\",\"apiVersion\":\"v1\","
		  "\"time\":\"2026-11-21T08:00:00Z\",\"fieldsType\":\"FieldsV1\",");
}

static void others_and_subresources_are_left_alone(void)
{
	CHECK_OK(plan(
		OBJECT(ENTRY("limpet", "Apply", "{\"f:a\":{}}") "," ENTRY(
			"istio", "Update",
			"{\"f:b\":{}}") "," SCALE("kubectl", "{\"f:spec\":{\"f:replicas\":{}}}")),
		(struct managed_wish){.take = true}, NULL));
	CHECK(!patch.len);
	CHECK_OK(plan(OBJECT(ENTRY("kubectl-edit", "Update", "{\"f:b\":{}}")),
		      (struct managed_wish){.take = false}, NULL));
	CHECK(!patch.len);
}

static void the_annotation_of_kubectl_goes_unless_it_is_ours(void)
{
	static const char object[] =
		"{\"metadata\":{\"resourceVersion\":\"7\",\"annotations\":{"
		"\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"},\"managedFields\":[%s]}}";
	char with[600];

	snprintf(with, sizeof(with), object, "");
	CHECK_OK(plan(with, (struct managed_wish){.take = true}, NULL));
	CHECK(done.takes);
	CHECK_STR(lp_buf_text(&patch),
		  "[{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":\"7\"},"
		  "{\"op\":\"remove\",\"path\":\"/metadata/annotations/"
		  "kubectl.kubernetes.io~1last-applied-configuration\"}]");
	snprintf(with, sizeof(with), object,
		 ENTRY("limpet", "Apply",
		       "{\"f:metadata\":{\"f:annotations\":{"
		       "\"f:kubectl.kubernetes.io/last-applied-configuration\":{}}}}"));
	CHECK_OK(plan(with, (struct managed_wish){.take = true}, NULL));
	CHECK(!patch.len);
}

static void a_field_is_handed_over_and_is_not_sent_any_more(void)
{
	struct managed_wish wish = {.handed = LP_SLICE("/spec/replicas\n")};
	const char *object = OBJECT(
		ENTRY("limpet", "Apply", "{\"f:spec\":{\"f:paused\":{},\"f:replicas\":{}}}"));

	CHECK_OK(plan(object, wish, "{\"spec\":{\"replicas\":5,\"paused\":true}}"));
	CHECK(done.hands && !done.takes);
	CHECK_STR(fields_of("limpet"), "{\"f:spec\":{\"f:paused\":{}}}");
	CHECK_STR(fields_of(LP_HANDED_MANAGER), "{\"f:spec\":{\"f:replicas\":{}}}");
	CHECK_STR(lp_buf_text(&body), "{\"spec\":{\"paused\":true}}");
	/* the body may have lost it before */
	CHECK_OK(plan(object, wish, "{\"spec\":{\"paused\":true}}"));
	CHECK_STR(fields_of(LP_HANDED_MANAGER), "{\"f:spec\":{\"f:replicas\":{}}}");
}

static void the_last_field_of_an_object_takes_the_object_along(void)
{
	CHECK_OK(plan(
		OBJECT(ENTRY("limpet", "Apply", "{\"f:a\":{},\"f:spec\":{\"f:replicas\":{}}}")),
		(struct managed_wish){.handed = LP_SLICE("/spec/replicas")},
		"{\"a\":1,\"spec\":{\"replicas\":5}}"));
	CHECK_STR(fields_of("limpet"), "{\"f:a\":{}}");
	CHECK_STR(lp_buf_text(&body), "{\"a\":1}");
}

static void what_was_handed_over_before_is_added_to(void)
{
	CHECK_OK(plan(
		OBJECT(ENTRY("limpet", "Apply", "{\"f:data\":{\"f:a\":{},\"f:b\":{}}}") "," ENTRY(
			LP_HANDED_MANAGER, "Update", "{\"f:data\":{\"f:c\":{}}}")),
		(struct managed_wish){.handed = LP_SLICE("/data/b\n/data/c")},
		"{\"data\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}}"));
	CHECK_STR(fields_of("limpet"), "{\"f:data\":{\"f:a\":{}}}");
	CHECK_STR(fields_of(LP_HANDED_MANAGER), "{\"f:data\":{\"f:b\":{},\"f:c\":{}}}");
	CHECK_STR(lp_buf_text(&body), "{\"data\":{\"a\":\"1\"}}");
}

static void what_is_not_ours_is_not_sent_and_needs_no_patch(void)
{
	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply", "{\"f:data\":{\"f:a\":{}}}") "," ENTRY(
			      "hpa", "Update", "{\"f:data\":{\"f:b\":{}}}")),
		      (struct managed_wish){.handed = LP_SLICE("/data/b")},
		      "{\"data\":{\"a\":\"1\",\"b\":\"2\"}}"));
	CHECK(!patch.len && !done.hands);
	CHECK_STR(lp_buf_text(&body), "{\"data\":{\"a\":\"1\"}}");
}

#define CONTAINERS(till) "{\"f:c\":{\"" TILL "\":{\".\":{},\"f:name\":{}" till "}}}"

static void a_pointer_goes_through_a_list_by_the_item_of_the_body(void)
{
	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply",
				   "{\"f:c\":{\"" SIDE "\":{\".\":{},\"f:image\":{}},"
				   "\"" TILL "\":{\".\":{},\"f:image\":{},\"f:name\":{}}}}")),
		      (struct managed_wish){.handed = LP_SLICE("/c/1/image")},
		      "{\"c\":[{\"name\":\"side\",\"image\":\"s\"},"
		      "{\"name\":\"till\",\"image\":\"t\"}]}"));
	CHECK_STR(fields_of(LP_HANDED_MANAGER), "{\"f:c\":{\"" TILL "\":{\"f:image\":{}}}}");
	CHECK_STR(lp_buf_text(&body),
		  "{\"c\":[{\"name\":\"side\",\"image\":\"s\"},{\"name\":\"till\"}]}");
}

static void keys_of_many_members_sets_and_indexes_are_found(void)
{
	CHECK_OK(plan(
		OBJECT(ENTRY(
			"limpet", "Apply",
			"{\"f:i\":{\"i:0\":{},\"i:1\":{}},\"f:p\":{"
			"\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\"f:name\":{}},"
			"\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"UDP\\\"}\":{\"f:name\":{}}},"
			"\"f:s\":{\"v:\\\"a\\\"\":{},\"v:\\\"b\\\"\":{}}}")),
		(struct managed_wish){.handed = LP_SLICE("/p/0/name\n/s/1\n/i/1")},
		"{\"i\":[1,2],\"p\":[{\"port\":80,\"name\":\"x\"}],\"s\":[\"a\",\"b\"]}"));
	CHECK_STR(fields_of(LP_HANDED_MANAGER),
		  "{\"f:i\":{\"i:1\":{}},\"f:p\":{\"k:{\\\"port\\\":80,\\\"protocol\\\":"
		  "\\\"TCP\\\"}\":{\"f:name\":{}}},\"f:s\":{\"v:\\\"b\\\"\":{}}}");
	CHECK_STR(lp_buf_text(&body), "{\"i\":[1],\"p\":[{\"port\":80}],\"s\":[\"a\"]}");
}

static void items_are_taken_out_from_behind_and_from_inside(void)
{
	CHECK_OK(plan(OBJECT(""),
		      (struct managed_wish){.handed = LP_SLICE("/l/1\n/l/10\n/l/2\n/l/1/x")},
		      "{\"l\":[0,{\"x\":1},2,3,4,5,6,7,8,9,10,11]}"));
	CHECK_STR(lp_buf_text(&body), "{\"l\":[0,3,4,5,6,7,8,9,11]}");
}

static void a_part_of_a_value_that_we_own_as_a_whole_stays_ours(void)
{
	static const char desired[] = "{\"c\":[{\"name\":\"till\",\"args\":[\"a\",\"b\"]},"
				      "{\"name\":\"new\",\"image\":\"n\"}]}";

	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply", CONTAINERS(",\"f:args\":{}"))),
		      (struct managed_wish){.handed = LP_SLICE("/c/0/args/1")}, desired));
	CHECK(!patch.len);
	CHECK_STR(done.whole, "/c/0/args/1");
	CHECK_STR(lp_buf_text(&body), desired);
	/* nor can an item be taken apart that is not there yet */
	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply", CONTAINERS(""))),
		      (struct managed_wish){.handed = LP_SLICE("/c/1/image")}, desired));
	CHECK(!patch.len);
	CHECK_STR(lp_buf_text(&body), desired);
}

static void a_pointer_is_unescaped(void)
{
	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply", "{\"f:a/b~c\":{},\"f:d\":{}}")),
		      (struct managed_wish){.handed = LP_SLICE("/a~1b~0c")},
		      "{\"a/b~c\":1,\"d\":2}"));
	CHECK_STR(fields_of(LP_HANDED_MANAGER), "{\"f:a/b~c\":{}}");
	CHECK_STR(lp_buf_text(&body), "{\"d\":2}");
}

static void what_is_no_pointer_is_refused(void)
{
	static const struct slice bad[] = {LP_SLICE("spec"), LP_SLICE("/a~2"), LP_SLICE("/a~"),
					   LP_SLICE("/a\n/b\0c\n"), LP_SLICE("\n\nx/y")};
	static uint8_t many[LP_IGNORE_BYTES + 1];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_CODE(plan(OBJECT(""), (struct managed_wish){.handed = bad[i]}, "{}"),
			   LP_REJECTED, "JSON pointer");
	memset(many, '/', sizeof(many));
	CHECK_OK(plan(OBJECT(""), (struct managed_wish){.handed = {many, LP_IGNORE_BYTES}}, "{}"));
	CHECK_CODE(plan(OBJECT(""), (struct managed_wish){.handed = {many, sizeof(many)}}, "{}"),
		   LP_LIMIT, "bytes of JSON pointers");
}

static void kubectls_change_of_a_handed_field_is_handed_over_too(void)
{
	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply", "{\"f:spec\":{\"f:paused\":{}}}") "," ENTRY(
			      "kubectl-edit", "Update", "{\"f:spec\":{\"f:replicas\":{}}}")),
		      (struct managed_wish){.take = true, .handed = LP_SLICE("/spec/replicas")},
		      "{\"spec\":{\"paused\":true,\"replicas\":5}}"));
	CHECK_STR(fields_of("limpet"), "{\"f:spec\":{\"f:paused\":{}}}");
	CHECK_STR(fields_of(LP_HANDED_MANAGER), "{\"f:spec\":{\"f:replicas\":{}}}");
	CHECK_STR(fields_of("kubectl-edit"), "");
}

static void what_is_ours_again_is_ours_alone(void)
{
	CHECK_OK(plan(
		OBJECT(ENTRY("limpet", "Apply", "{\"f:spec\":{\"f:replicas\":{},\"f:x\":{}}}") "," ENTRY(
			LP_HANDED_MANAGER, "Update",
			"{\"f:spec\":{\"f:paused\":{},\"f:replicas\":{}}}")),
		(struct managed_wish){0}, NULL));
	CHECK(done.hands);
	CHECK_STR(fields_of("limpet"), "{\"f:spec\":{\"f:replicas\":{},\"f:x\":{}}}");
	CHECK_STR(fields_of(LP_HANDED_MANAGER), "{\"f:spec\":{\"f:paused\":{}}}");
	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply", "{\"f:a\":{}}") "," ENTRY(
			      LP_HANDED_MANAGER, "Update", "{\"f:a\":{}}")),
		      (struct managed_wish){0}, NULL));
	CHECK_STR(fields_of(LP_HANDED_MANAGER), "");
}

/* Nobody knows who set it, so nothing of it may go, but what we want is ours alone. */
static void what_was_there_before_the_first_apply_is_kept(void)
{
	static const char unknown[] =
		"{\"f:m\":{\"f:finalizers\":{\".\":{},\"v:\\\"x\\\"\":{}},\"f:labels\":{\".\":{},"
		"\"f:a\":{}}},\"f:spec\":{\"f:volumeName\":{}}}";
	char object[1000];

	snprintf(
		object, sizeof(object),
		OBJECT(ENTRY(
			"limpet", "Apply",
			"{\"f:m\":{\"f:labels\":{\"f:a\":{}}},\"f:x\":{}}") "," ENTRY("before-first-apply",
										      "Update",
										      "%s")),
		unknown);
	CHECK_OK(plan(object, (struct managed_wish){.take = true}, NULL));
	CHECK(done.hands && !done.takes);
	CHECK_STR(fields_of("before-first-apply"), "");
	CHECK_STR(fields_of("limpet"), "{\"f:m\":{\"f:labels\":{\"f:a\":{}}},\"f:x\":{}}");
	CHECK_STR(fields_of(LP_HANDED_MANAGER),
		  "{\"f:m\":{\"f:finalizers\":{\".\":{},\"v:\\\"x\\\"\":{}},\"f:labels\":"
		  "{\".\":{}}},\"f:spec\":{\"f:volumeName\":{}}}");
	/* as long as nothing says what we want, nothing says what is not ours */
	snprintf(object, sizeof(object), OBJECT(ENTRY("before-first-apply", "Update", "%s")),
		 unknown);
	CHECK_OK(plan(object, (struct managed_wish){.take = true}, NULL));
	CHECK(!patch.len);
}

static void managed_fields_are_put_back_as_they_were(void)
{
	lp_buf_clear(&patch);
	CHECK_OK(lp_managed_put_back(LP_SLICE("[{\"a\":1}]"), "78", &patch, &err));
	CHECK_STR(lp_buf_text(&patch),
		  "[{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":\"78\"},"
		  "{\"op\":\"add\",\"path\":\"/metadata/managedFields\",\"value\":[{\"a\":1}]}]");
}

static void entries_of_another_version_are_said_to_be_of_this_one(void)
{
	static const char object[] =
		"{\"metadata\":{\"resourceVersion\":\"7\",\"managedFields\":["
		"{\"manager\":\"limpet\",\"operation\":\"Apply\",\"apiVersion\":\"v1beta1\","
		"\"fieldsV1\":{\"f:a\":{}}}]}}";

	CHECK_OK(plan(object, (struct managed_wish){.renew = true}, NULL));
	CHECK_HAS(lp_buf_text(&patch), "\"apiVersion\":\"v1\"");
	CHECK(!strstr(lp_buf_text(&patch), "v1beta1"));
	CHECK_OK(plan(OBJECT(ENTRY("limpet", "Apply", "{\"f:a\":{}}")),
		      (struct managed_wish){.renew = true}, NULL));
	CHECK(!patch.len);
}

static void broken_metadata_is_refused(void)
{
	struct managed_wish wish = {.take = true};

	CHECK_CODE(plan("{\"metadata\":{\"managedFields\":[]}}", wish, NULL), LP_REJECTED,
		   "no resourceVersion");
	CHECK_CODE(plan("{\"metadata\":{\"resourceVersion\":\"7\\\"\"}}", wish, NULL), LP_REJECTED,
		   "no resourceVersion");
	CHECK_CODE(plan(OBJECT("1"), wish, NULL), LP_REJECTED, "no list of objects");
	CHECK_CODE(plan(OBJECT("{\"a\":1,\"a\":2}"), wish, NULL), LP_REJECTED, "managedFields");
	CHECK_CODE(plan("{\"metadata\":{\"resourceVersion\":\"7\",\"managedFields\":{\"a\":{}}}}",
			wish, NULL),
		   LP_REJECTED, "no list of objects");
}

/* The most that an answer can hold is read; a tree of more than the ceiling is refused. */
static void managed_fields_without_end_are_refused(void)
{
	static struct buf large = LP_BUF(64 * LP_MIB);

	for (unsigned rounds = 0; rounds < 2; rounds++) {
		size_t size = rounds ? LP_MANAGED_MEMORY : LP_ANSWER_BYTES - 1000;
		lp_buf_clear(&large);
		CHECK_OK(lp_buf_str(&large,
				    "{\"metadata\":{\"resourceVersion\":\"7\","
				    "\"managedFields\":[{\"fieldsV1\":{\"f:\":{}",
				    &err));
		for (unsigned i = 0; large.len < size; i++)
			CHECK_OK(lp_buf_printf(&large, &err, ",\"f:%x\":{}", i));
		CHECK_OK(lp_buf_str(&large, "}}]}}", &err));
		enum lp_code code =
			plan(lp_buf_text(&large), (struct managed_wish){.take = true}, NULL);
		CHECK(code == (rounds ? LP_LIMIT : LP_OK));
	}
	lp_buf_free(&large);
}

int main(void)
{
	TEST(an_object_that_is_ours_alone_needs_no_patch);
	TEST(what_kubectl_owns_becomes_ours_and_its_entries_go);
	TEST(a_leaf_of_one_stays_owned_where_another_has_members);
	TEST(our_entry_is_made_when_it_is_not_there);
	TEST(others_and_subresources_are_left_alone);
	TEST(the_annotation_of_kubectl_goes_unless_it_is_ours);
	TEST(a_field_is_handed_over_and_is_not_sent_any_more);
	TEST(the_last_field_of_an_object_takes_the_object_along);
	TEST(what_was_handed_over_before_is_added_to);
	TEST(what_is_not_ours_is_not_sent_and_needs_no_patch);
	TEST(a_pointer_goes_through_a_list_by_the_item_of_the_body);
	TEST(keys_of_many_members_sets_and_indexes_are_found);
	TEST(items_are_taken_out_from_behind_and_from_inside);
	TEST(a_part_of_a_value_that_we_own_as_a_whole_stays_ours);
	TEST(a_pointer_is_unescaped);
	TEST(what_is_no_pointer_is_refused);
	TEST(kubectls_change_of_a_handed_field_is_handed_over_too);
	TEST(what_is_ours_again_is_ours_alone);
	TEST(what_was_there_before_the_first_apply_is_kept);
	TEST(managed_fields_are_put_back_as_they_were);
	TEST(entries_of_another_version_are_said_to_be_of_this_one);
	TEST(broken_metadata_is_refused);
	TEST(managed_fields_without_end_are_refused);
	lp_buf_free(&patch);
	lp_buf_free(&body);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/story.h"
#include "tests/unit/check.h"

#define ENTRY(manager, operation, second, fields)                                             \
	"{\"manager\":\"" manager "\",\"operation\":\"" operation "\",\"apiVersion\":\"v1\"," \
	"\"time\":\"2026-11-21T08:00:" second "Z\",\"fieldsV1\":" fields "}"
#define OF(sub, manager, fields)                                                       \
	"{\"manager\":\"" manager "\",\"operation\":\"Update\",\"subresource\":\"" sub \
	"\",\"fieldsV1\":" fields "}"
#define OBJECT(entries) "{\"metadata\":{\"managedFields\":[" entries "]}}"
#define OURS(fields)    ENTRY("limpet", "Apply", "00", fields)

static struct story story;

static struct slice text(const char *json)
{
	return (struct slice){(const uint8_t *)json, strlen(json)};
}

static void tell(const char *before, const char *after)
{
	CHECK_OK(lp_story_tell(text(before), text(after), &(struct story_free){0}, &story, &err));
}

static void nothing_that_moved_tells_nothing(void)
{
	tell(OBJECT(OURS("{\"f:a\":{}}")), OBJECT(OURS("{\"f:a\":{}}")));
	CHECK_STR(story.text, "");
	CHECK_STR(story.foreign_text, "");
	CHECK(!story.changed && !story.added && !story.missing && !story.foreign);
}

static void a_field_that_we_have_back_was_changed_by_whoever_had_it(void)
{
	tell(OBJECT(OURS("{\"f:spec\":{\"f:x\":{}}}") "," ENTRY(
		     "vi", "Update", "01",
		     "{\"f:spec\":{\"f:replicas\":{},\"f:x\":{}}}") "," ENTRY("kubectl-edit",
									      "Update", "02",
									      "{\"f:spec\":{\"f:replicas\":{}}}")),
	     OBJECT(OURS("{\"f:spec\":{\"f:replicas\":{},\"f:x\":{}}}")));
	CHECK_STR(story.text, "kubectl-edit changed spec.replicas");
	CHECK_STR(story.manager, "kubectl-edit");
	CHECK(story.changed == 1);
}

static void a_field_that_nobody_had_was_missing(void)
{
	tell(OBJECT(OURS("{\"f:metadata\":{\"f:labels\":{}}}")),
	     OBJECT(OURS("{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:a.b/c\":{}}}}")));
	CHECK_STR(story.text, "missing: metadata.labels[a.b/c]");
	CHECK_STR(story.manager, "");
}

static void what_kubectl_added_is_told_by_its_item_alone(void)
{
	tell(OBJECT(OURS("{\"f:a\":{}}") "," ENTRY(
		     "kubectl-patch", "Update", "01",
		     "{\"f:c\":{\"k:{\\\"name\\\":\\\"side\\\"}\":{\".\":{},\"f:image\":{},"
		     "\"f:ports\":{\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":"
		     "{\".\":{}}}},\"k:{\\\"name\\\":\\\"till\\\"}\":{\"f:env\":{\"v:\\\"e\\\"\":{}}}}}")),
	     OBJECT(OURS("{\"f:a\":{}}")));
	CHECK_STR(story.text, "kubectl-patch added c[side], c[till].env[e]");
	CHECK(story.added == 2);
}

static void what_a_controller_adds_is_its_own(void)
{
	tell(OBJECT(OURS("{\"f:a\":{}}") "," ENTRY("istio", "Update", "01", "{\"f:metadata\":{\"f:labels\":{\"f:mesh\":{}}}}") "," OF(
		     "scale", "hpa",
		     "{\"f:spec\":{\"f:replicas\":{}}}") "," OF("status", "kcm",
								"{\"f:status\":{}}") "," ENTRY(LP_HANDED_MANAGER,
											       "Update",
											       "01",
											       "{\"f:b\":{}}")),
	     OBJECT(OURS("{\"f:a\":{}}")));
	CHECK_STR(story.text, "");
	CHECK_STR(story.manager, "");
	CHECK_STR(story.foreign_text,
		  "istio has its own metadata.labels.mesh; hpa has its own spec.replicas");
	CHECK_STR(story.foreign_manager, "istio");
}

static void what_we_did_not_apply_before_was_changed_by_nobody(void)
{
	tell(OBJECT(ENTRY(
		     "kubectl-create", "Update", "01",
		     "{\"f:data\":{\"f:a\":{},\"f:b\":{}}}") "," ENTRY("helm", "Update", "00",
								       "{\"f:data\":{\"f:a\":{}}}")),
	     OBJECT(OURS("{\"f:data\":{\"f:a\":{}}}")));
	CHECK_STR(story.text, "taken over from kubectl-create, helm");
	CHECK_STR(story.manager, "kubectl-create");
	CHECK(!story.added && !story.changed);
	tell(OBJECT(""), OBJECT(OURS("{\"f:data\":{\"f:a\":{}}}")));
	CHECK_STR(story.text, "nothing said that limpet had applied it");
}

static void a_field_that_others_may_own_is_nobodys_change(void)
{
	LP_AUTO(lp_json_freep) struct json *desired = NULL;
	const char *body =
		"{\"spec\":{\"replicas\":5,\"c\":[{\"name\":\"till\",\"image\":\"t\"}]}}";

	CHECK_OK(lp_json_parse(body, strlen(body), LP_MIB, &desired, &err));
	CHECK_OK(lp_story_tell(
		text(OBJECT(OURS("{\"f:a\":{}}") "," ENTRY(
			"kubectl-edit", "Update", "01",
			"{\"f:spec\":{\"f:c\":{\"k:{\\\"name\\\":\\\"till\\\"}\":{\"f:image\":{}}},"
			"\"f:replicas\":{}}}"))),
		text(OBJECT(OURS("{\"f:a\":{}}"))),
		&(struct story_free){LP_SLICE("/spec/replicas\n/spec/c/0/image"), desired}, &story,
		&err));
	CHECK(!story.added);
	CHECK_STR(story.text, "taken over from kubectl-edit");
}

static void what_a_new_revision_adds_was_missed_by_nobody(void)
{
	const char *before =
		OBJECT(OURS("{\"f:a\":{}}") "," ENTRY("vi", "Update", "01", "{\"f:b\":{}}"));
	const char *after = OBJECT(OURS("{\"f:a\":{},\"f:b\":{},\"f:c\":{}}"));

	CHECK_OK(lp_story_tell(text(before), text(after), &(struct story_free){.fresh = true},
			       &story, &err));
	CHECK_STR(story.text, "vi changed b");
	tell(before, after);
	CHECK_STR(story.text, "vi changed b; missing: c");
}

#define CONFLICT(manager, field)                                                        \
	"{\"reason\":\"FieldManagerConflict\",\"message\":\"conflict with \\\"" manager \
	"\\\" using v1\",\"field\":\"" field "\"}"

static void conflicts(const char *causes, const char *handed)
{
	char body[4000];

	snprintf(body, sizeof(body), "{\"kind\":\"Status\",\"details\":{\"causes\":[%s]}}", causes);
	lp_story_conflicts(text(body), text(handed), &story);
}

static void conflicts_say_who_had_another_value(void)
{
	conflicts(CONFLICT("helm", ".data.a") "," CONFLICT("helm", ".spec.replicas") "," CONFLICT(
			  "vi\\u001b", ".data.b"),
		  "");
	CHECK_STR(story.text, "helm had another data.a, spec.replicas; vi? had another data.b");
	CHECK_STR(story.manager, "helm");
	CHECK(story.changed == 3);
	conflicts(CONFLICT("hpa", ".spec.replicas") "," CONFLICT("helm", ".data.a"),
		  "/data/x\n/spec/replicas\n");
	CHECK_STR(story.text, "helm had another data.a");
	CHECK_STR(story.manager, "helm");
	conflicts(CONFLICT("helm", ".spec.replicas"), "/spec/worker/spec/replicas\n");
	CHECK_STR(story.text, "helm had another spec.replicas");
	conflicts(CONFLICT("a", ".1") "," CONFLICT("a", ".2") "," CONFLICT("a", ".3") "," CONFLICT(
			  "a", ".4") "," CONFLICT("a", ".5") "," CONFLICT("a", ".6"),
		  "");
	CHECK_STR(story.text, "a had another 1, 2, 3, 4, 5 and 1 more");
}

static void an_answer_without_conflicts_names_nobody(void)
{
	conflicts("{\"message\":\"no name\",\"field\":\".a\"},{\"message\":\"an \\\"\"},3", "");
	CHECK(!story.changed && !story.text[0] && !story.manager[0]);
	lp_story_conflicts(text("no JSON"), text(""), &story);
	CHECK(!story.changed && !story.text[0]);
	lp_story_conflicts((struct slice){0}, (struct slice){0}, &story);
	CHECK(!story.changed && !story.text[0]);
}

static void a_handful_is_named_and_the_rest_is_counted(void)
{
	static char before[4000], after[4000], fields[2000];
	size_t used = 0;

	for (int i = 0; i < 9; i++)
		used += (size_t)snprintf(fields + used, sizeof(fields) - used, ",\"f:k%d\":{}", i);
	snprintf(before, sizeof(before),
		 OBJECT(OURS("{\"f:a\":{}}") "," ENTRY("vi", "Update", "01", "{%s}")), fields + 1);
	snprintf(after, sizeof(after), OBJECT(OURS("{\"f:a\":{}%s}")), fields);
	tell(before, after);
	CHECK(story.changed == 9);
	CHECK_STR(story.text, "vi changed k0, k1, k2, k3, k4 and 4 more");
}

static void texts_that_are_long_or_no_text_are_cut_and_cleaned(void)
{
	static char before[60000], after[60000], name[400];
	size_t used = 0;

	memset(name, 'x', sizeof(name) - 1);
	for (int i = 0; i < 40; i++)
		used += (size_t)snprintf(
			before + used, sizeof(before) - used,
			"%s{\"manager\":\"\\u001b%s\",\"time\":\"%d\",\"fieldsV1\":"
			"{\"f:%s%d\":{}}}",
			i ? "," : "{\"metadata\":{\"managedFields\":[", name, i, name, i);
	snprintf(before + used, sizeof(before) - used, ",%s]}}", OURS("{\"f:a\":{}}"));
	used = (size_t)snprintf(after, sizeof(after),
				"{\"metadata\":{\"managedFields\":[{\"manager\":\"limpet\","
				"\"operation\":\"Apply\",\"fieldsV1\":{\"f:a\":{}");
	for (int i = 0; i < 40; i++)
		used += (size_t)snprintf(after + used, sizeof(after) - used, ",\"f:%s%d\":{}", name,
					 i);
	snprintf(after + used, sizeof(after) - used, "}}]}}");
	tell(before, after);
	CHECK(story.changed == LP_FIELDS_SETS - 2);
	CHECK(story.missing == 40 - (LP_FIELDS_SETS - 2));
	CHECK(strlen(story.text) == sizeof(story.text) - 1);
	CHECK(strlen(story.manager) == sizeof(story.manager) - 1 && story.manager[0] == '?');
	CHECK(!strchr(story.text, 0x1b));
}

int main(void)
{
	TEST(nothing_that_moved_tells_nothing);
	TEST(a_field_that_we_have_back_was_changed_by_whoever_had_it);
	TEST(a_field_that_nobody_had_was_missing);
	TEST(what_kubectl_added_is_told_by_its_item_alone);
	TEST(what_a_controller_adds_is_its_own);
	TEST(what_we_did_not_apply_before_was_changed_by_nobody);
	TEST(a_field_that_others_may_own_is_nobodys_change);
	TEST(what_a_new_revision_adds_was_missed_by_nobody);
	TEST(conflicts_say_who_had_another_value);
	TEST(an_answer_without_conflicts_names_nobody);
	TEST(a_handful_is_named_and_the_rest_is_counted);
	TEST(texts_that_are_long_or_no_text_are_cut_and_cleaned);
	return check_report();
}

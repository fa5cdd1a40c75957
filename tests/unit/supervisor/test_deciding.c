/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/limits.h"
#include "agent/pointers.h"
#include "agent/supervisor/deciding.h"
#include "tests/unit/check.h"

static const struct object_key key = {"apps", "v1", "Deployment", "shop", "till-1"};
static struct source_config config;
static struct decision decision;
static struct scaled scaled;

/* Decides about an object with these metadata members. */
static enum lp_code decide(const char *metadata)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_OBJECT_BYTES);

	lp_decision_free(&decision);
	LP_TRY(lp_buf_printf(&body, &err, "{\"metadata\":{\"name\":\"till-1\"%s}}", metadata));
	return lp_decide(&config, &scaled, &key, LP_SLICE_OF(&body), &decision, &err);
}

#define ANNOTATED(key, text) ",\"annotations\":{\"" key "\":\"" text "\"}"
#define FLUX                 "kustomize.toolkit.fluxcd.io/"

static void an_object_that_says_nothing_is_ours_as_a_whole(void)
{
	CHECK_OK(decide(""));
	CHECK(!decision.leave && !decision.make_only && decision.drift == DRIFT_MODE_INHERIT);
	CHECK(decision.handed.len == 0);
}

static void its_annotations_decide(void)
{
	CHECK_OK(decide(ANNOTATED("limpet.dev/ignore", "all")));
	CHECK(decision.leave);
	CHECK_OK(decide(ANNOTATED(FLUX "ssa", "ignore")));
	CHECK(decision.leave);
	CHECK_OK(decide(",\"labels\":{\"" FLUX "reconcile\":\"disabled\"}"));
	CHECK(decision.leave);
	CHECK_OK(decide(ANNOTATED(FLUX "ssa", "IfNotPresent")));
	CHECK(decision.make_only && !decision.leave);
	CHECK_OK(decide(ANNOTATED(FLUX "ssa", "Override")));
	CHECK(!decision.make_only && !decision.leave);
	CHECK_OK(decide(ANNOTATED("limpet.dev/ignore", "/spec/replicas,/data/a\\n /b ")));
	CHECK_STR(lp_buf_text(&decision.handed), "/spec/replicas\n/data/a\n/b\n");
}

static void rules_of_the_source_fit_by_kind_and_patterns(void)
{
	config = (struct source_config){
		.ignore = {{"Deployment", "*", "*", "till-*", "/spec/replicas\n"},
			   {"Deployment", "", "*", "*", "/core\n"},
			   {"Deployment", "apps", "other", "*", "/ns\n"},
			   {"StatefulSet", "*", "*", "*", "/kind\n"},
			   {"Deployment", "app*", "shop", "*", "/a\n"}},
		.ignore_count = 5};
	CHECK_OK(decide(ANNOTATED("limpet.dev/ignore", "/own")));
	CHECK_STR(lp_buf_text(&decision.handed), "/own\n/spec/replicas\n/a\n");
	config = (struct source_config){0};
}

static void all_that_can_be_written_fits_a_step(void)
{
	char text[LP_IGNORE_TEXT_BYTES + 64];

	config = (struct source_config){.ignore_count = 4};
	for (size_t i = 0; i < 4; i++) {
		struct ignore_rule *rule = &config.ignore[i];
		*rule = (struct ignore_rule){"Deployment", "*", "*", "*", ""};
		memset(rule->pointers, '/', LP_IGNORE_CONFIG_BYTES / 4 - 1);
		rule->pointers[LP_IGNORE_CONFIG_BYTES / 4 - 1] = '\n';
	}
	snprintf(text, sizeof(text), ",\"annotations\":{\"limpet.dev/ignore\":\"%0*d\"}",
		 (int)LP_IGNORE_TEXT_BYTES, 0);
	for (char *at = strchr(text, '0'); *at == '0'; at++)
		*at = '/';
	CHECK_OK(decide(text));
	CHECK(decision.handed.len == LP_IGNORE_TEXT_BYTES + 1 + LP_IGNORE_CONFIG_BYTES);
	CHECK(decision.handed.len + sizeof("/spec/replicas") <= LP_IGNORE_BYTES);
	config = (struct source_config){0};
}

static void the_target_of_an_autoscaler_hands_its_replicas_over(void)
{
	struct object_key target = {"apps", "", "Deployment", "shop", "till-1"};

	scaled = (struct scaled){.revision = 1, .list = &target, .count = 1};
	CHECK_OK(decide(""));
	CHECK_STR(lp_buf_text(&decision.handed), LP_REPLICAS_POINTER "\n");
	memcpy(target.ns, "other", sizeof("other"));
	CHECK_OK(decide(""));
	CHECK(decision.handed.len == 0);
	scaled = (struct scaled){0};
}

static void replicas_that_a_manifest_no_longer_names_are_not_dropped(void)
{
	const struct slice with = {(const uint8_t *)"{\"spec\":{\"replicas\":5}}", 23};
	const struct slice without = {(const uint8_t *)"{\"spec\":{}}", 11};
	struct plan_object object = {.key = key, .known = {.version = "7"}};

	CHECK(lp_scaled_drops(&object, without) && !lp_scaled_drops(&object, with));
	object.once = true; /* as it was sent before */
	CHECK(!lp_scaled_drops(&object, without));
	object = (struct plan_object){.key = key}; /* not there yet */
	CHECK(!lp_scaled_drops(&object, without));
	object = (struct plan_object){.key = {"", "v1", "ConfigMap", "shop", "x"},
				      .known = {.version = "7"}};
	CHECK(!lp_scaled_drops(&object, without));
}

static void nothing_waits_for_what_says_so(void)
{
	CHECK_OK(decide(""));
	CHECK(!decision.no_wait);
	CHECK_OK(decide(ANNOTATED("limpet.dev/wait", "off")));
	CHECK(decision.no_wait);
}

static void the_object_decides_about_drift_before_the_source(void)
{
	const struct config global = {.drift = DRIFT_MODE_REPORT};

	CHECK_OK(decide(""));
	CHECK(lp_drift_mode(&global, &config, &decision) == DRIFT_MODE_REPORT);
	config.drift = DRIFT_MODE_HEAL;
	CHECK(lp_drift_mode(&global, &config, &decision) == DRIFT_MODE_HEAL);
	CHECK(lp_drift_mode(&global, &config, NULL) == DRIFT_MODE_HEAL);
	CHECK_OK(decide(ANNOTATED("limpet.dev/drift", "Report")));
	CHECK(lp_drift_mode(&global, &config, &decision) == DRIFT_MODE_REPORT);
	config.drift = DRIFT_MODE_REPORT;
	CHECK_OK(decide(ANNOTATED("limpet.dev/drift", "heal")));
	CHECK(lp_drift_mode(&global, &config, &decision) == DRIFT_MODE_HEAL);
}

int main(void)
{
	TEST(an_object_that_says_nothing_is_ours_as_a_whole);
	TEST(its_annotations_decide);
	TEST(rules_of_the_source_fit_by_kind_and_patterns);
	TEST(all_that_can_be_written_fits_a_step);
	TEST(the_target_of_an_autoscaler_hands_its_replicas_over);
	TEST(replicas_that_a_manifest_no_longer_names_are_not_dropped);
	TEST(nothing_waits_for_what_says_so);
	TEST(the_object_decides_about_drift_before_the_source);
	lp_decision_free(&decision);
	return check_report();
}

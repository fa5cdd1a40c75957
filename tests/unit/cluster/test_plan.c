/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan runs against a cluster that is a function: what it answers to which object is a
 * row of the test, and the steps that were sent are told as one line of text.
 */
#include "agent/cluster/plan.h"
#include "platform/buf.h"
#include "tests/unit/check.h"

#include <stdlib.h>

/* "CRD:tills" is the object tills of the stage that CRD stands for; with "!" behind it is clean,
 * with "?" somebody else has changed it. */
struct world {
	const char *desired[32], *removed[32];
	size_t at[3];
	const char *answers; /* "tills=unknown sa=refused": what is not simply done */
	unsigned begun[3];
	bool broken; /* the reader fails at its next call */
};
static struct world world;
static struct plan plan;
static struct buf told = LP_BUF(65536);
static int64_t now_ms;

static const struct {
	const char *prefix;
	enum stage stage;
} stages[] = {{"CRD", STAGE_CRDS},
	      {"NS", STAGE_NAMESPACES},
	      {"CLASS", STAGE_CLASSES},
	      {"HOOK", STAGE_GATES},
	      {"", STAGE_REST}};

static void make(const char *text, struct plan_object *ret)
{
	const char *colon = strchr(text, ':');
	size_t i = 0;

	*ret = (struct plan_object){0};
	while (stages[i].prefix[0] &&
	       (!colon || strncmp(text, stages[i].prefix, (size_t)(colon - text)) != 0))
		i++;
	ret->stage = stages[i].stage;
	snprintf(ret->key.kind, sizeof(ret->key.kind), "%s",
		 strncmp(text, "config", 6) == 0 ? "ConfigMap" : "K");
	ret->uses_config = strncmp(text, "user", 4) == 0;
	snprintf(ret->key.name, sizeof(ret->key.name), "%s", colon ? colon + 1 : text);
	char *last = &ret->key.name[strlen(ret->key.name) - 1];
	ret->clean = *last == '!';
	ret->look = *last == '?';
	if (ret->clean || ret->look)
		*last = '\0';
}

static enum lp_code begin(void *ctx, enum plan_walk walk, struct err *e)
{
	(void)e;
	((struct world *)ctx)->at[walk] = 0;
	((struct world *)ctx)->begun[walk]++;
	return LP_OK;
}

static enum lp_code next(void *ctx, enum plan_walk walk, struct plan_object *ret, bool *ret_more,
			 struct err *e)
{
	struct world *w = ctx;
	const char *const *list = walk == WALK_REMOVED ? w->removed : w->desired;
	const char *text = walk == WALK_KINDS && w->at[walk] ? NULL : list[w->at[walk]];

	if (w->broken)
		return lp_err_set(e, LP_CORRUPT, "the store is broken");
	*ret_more = text != NULL;
	if (!text)
		return LP_OK;
	w->at[walk]++;
	make(text, ret);
	return LP_OK;
}

static struct plan_policy policy = {
	.source = "site", .default_ns = "shop", .prune = true, .in_flight = 2, .tries = 3};

static void start(const struct world *from)
{
	world = *from;
	now_ms = 1000;
	lp_buf_clear(&told);
	lp_plan_begin(&plan, &policy, &(struct plan_reader){&world, begin, next});
}

static void tell(const char *word, const char *name)
{
	CHECK_OK(lp_buf_printf(&told, &err, "%s%s%s%s", told.len ? " " : "", word, *name ? ":" : "",
			       name));
}

/* What the row of the world says of "apply:till": "done", "refused", ...; NULL: nothing. */
static bool says(const struct step *step, const char *word)
{
	char text[LP_NAME_MAX + 40];

	snprintf(text, sizeof(text), "%s:%s=%s", lp_step_kind_name(step->kind),
		 step->kind == STEP_PARENT ? (step->exact ? "exact" : "") : step->key.name, word);
	return world.answers && strstr(world.answers, text);
}

static struct event answer(const struct step *step)
{
	struct event event = {.id = step->id, .kind = EVENT_DONE, .retry_after_ms = -1};

	if (step->kind == STEP_APPLY)
		event.outcome = OUTCOME_CREATED;
	if (step->kind == STEP_PRUNE)
		event.outcome = says(step, "kept") ? OUTCOME_KEPT : OUTCOME_PRUNED;
	if (says(step, "gone"))
		event.outcome = OUTCOME_GONE;
	if (says(step, "unknown") || says(step, "refused")) {
		event.kind = EVENT_FAILED;
		event.code = says(step, "unknown") ? LP_NOT_FOUND : LP_REJECTED;
		event.status = 422;
		snprintf(event.message, sizeof(event.message), "the server said no");
	}
	if (says(step, "busy")) {
		event.kind = EVENT_RETRY;
		event.status = 403;
		event.retry_after_ms = 500;
	}
	if (says(step, "error") || says(step, "timeout")) {
		event.kind = EVENT_RETRY;
		event.code = LP_TRANSIENT;
		event.status = says(step, "error") ? 500 : 504;
		event.retry_after_ms = 500;
	}
	return event;
}

/* Sends what the plan wants, at most `most` steps, oldest answered first. Returns how it ended. */
static enum plan_answer run(unsigned most)
{
	struct step sent[LP_PLAN_ITEMS], step;
	const struct plan_object *object;
	enum plan_answer what = PLAN_END;
	enum step_kind kind;
	size_t waiting = 0;

	while (most) {
		CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
		if (what == PLAN_END)
			return what;
		if (what == PLAN_STEP) {
			CHECK(waiting < policy.in_flight);
			sent[waiting++] = step;
			if (step.kind != STEP_KINDS)
				tell(step.kind == STEP_PARENT && step.exact ? "shrink"
				     : step.how == APPLY_LOOK               ? "look"
							      : lp_step_kind_name(step.kind),
				     step.key.name);
			most--;
			continue;
		}
		if (!waiting) {
			CHECK(lp_plan_wake_ms(&plan) != INT64_MAX);
			CHECK(lp_plan_wake_ms(&plan) > now_ms);
			now_ms = lp_plan_wake_ms(&plan);
			tell("later", "");
			continue;
		}
		struct event event = answer(&sent[0]);
		CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) != PLAN_STRANGE);
		memmove(sent, sent + 1, --waiting * sizeof(sent[0]));
	}
	return what;
}

static void a_revision_goes_stage_by_stage_and_what_is_left_is_pruned(void)
{
	start(&(struct world){
		.desired = {"CRD:tills", "NS:shop", "CLASS:fast", "sa", "till", "HOOK:w"},
		.removed = {"old", "older"}});
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told),
		  "parent apply:tills wait:tills apply:shop apply:fast apply:sa apply:till apply:w "
		  "prune:old prune:older shrink");
	CHECK(plan.result.complete && plan.result.created == 6 && plan.result.pruned == 2);
	CHECK(plan.result.not_pruned == NULL);
	CHECK(world.begun[WALK_KINDS] == 2);
}

static void what_is_clean_is_passed_over_and_what_others_changed_is_looked_at(void)
{
	start(&(struct world){
		.desired = {"CRD:tills!", "NS:shop!", "sa", "till?", "web!", "HOOK:w!"},
		.removed = {"old"}});
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent apply:sa look:till prune:old shrink");
	CHECK(plan.result.complete && plan.result.created == 2 && plan.result.unchanged == 4);
}

static void a_job_that_has_finished_counts_as_unchanged(void)
{
	start(&(struct world){.desired = {"job", "till"}, .answers = "apply:job=gone"});
	CHECK(run(1000) == PLAN_END);
	CHECK(plan.result.complete && plan.result.unchanged == 1 && plan.result.gone == 0);
}

static void a_revision_that_is_clean_as_a_whole_still_prunes(void)
{
	start(&(struct world){.desired = {"sa!", "till!"}, .removed = {"old"}});
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent prune:old shrink");
	CHECK(plan.result.complete && plan.result.unchanged == 2 && plan.result.pruned == 1);
}

static void steps_carry_what_the_role_needs(void)
{
	const struct plan_object *object;
	enum plan_answer what;
	struct step step;

	start(&(struct world){.desired = {"till"}});
	CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
	CHECK(what == PLAN_STEP && step.kind == STEP_KINDS && !object);
	CHECK_STR(step.source, "site");
	CHECK_STR(step.default_ns, "shop");
	CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
	CHECK(what == PLAN_HOLD);
	CHECK(lp_plan_wake_ms(&plan) == INT64_MAX);
}

static void no_more_are_under_way_than_asked_for(void)
{
	struct world w = {.desired = {"a", "b", "c", "d"}};
	const struct plan_object *object;
	enum plan_answer what;
	struct step step;

	start(&w);
	run(2); /* kinds, parent */
	struct event event = {.id = 2, .kind = EVENT_DONE};
	enum step_kind kind;
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_SETTLED);
	CHECK(kind == STEP_PARENT && !object);
	for (unsigned i = 0; i < policy.in_flight; i++) {
		CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
		CHECK(what == PLAN_STEP && object);
	}
	CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
	CHECK(what == PLAN_HOLD);
}

/* Which answers keep which prune from happening. */
static const struct {
	const char *answers, *sent, *why;
	unsigned unknown, refused;
} failures[] = {
	{"apply:till=unknown", "parent apply:sa apply:till", "an object's kind is not known", 1, 0},
	{"apply:sa=refused", "parent apply:sa apply:till", "an object was not applied", 0, 1},
	{"apply:sa=busy", "parent apply:sa apply:till later apply:sa later apply:sa",
	 "an object was not applied", 0, 1},
	{"apply:sa=error", "parent apply:sa apply:till later apply:sa later apply:sa",
	 "an object was not applied", 0, 1},
	{"apply:till=timeout", "parent apply:sa apply:till later apply:till later apply:till",
	 "an object was not applied", 0, 1},
};

static void pods_wait_for_what_they_read(void)
{
	start(&(struct world){.desired = {"config-a", "user-a", "other"},
			      .answers = "apply:config-a=busy"});
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent apply:config-a later apply:config-a later "
				      "apply:config-a apply:user-a apply:other");
	CHECK(plan.result.config_refused);

	start(&(struct world){.desired = {"sa", "user-a"}, .answers = "apply:sa=busy"});
	CHECK(run(4) == PLAN_STEP);
	CHECK_HAS(lp_buf_text(&told), "parent apply:sa apply:user-a");
	CHECK(!plan.result.config_refused);
}

static void nothing_is_pruned_when_an_apply_failed_but_the_rest_is_applied(void)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		start(&(struct world){.desired = {"sa", "till"},
				      .removed = {"old"},
				      .answers = failures[i].answers});
		CHECK(run(1000) == PLAN_END);
		CHECK_STR(lp_buf_text(&told), failures[i].sent);
		CHECK_HAS(plan.result.not_pruned, failures[i].why);
		CHECK(plan.result.unknown == failures[i].unknown);
		CHECK(plan.result.refused == failures[i].refused);
		CHECK(!plan.result.complete && plan.result.pruned == 0);
	}
}

static void nor_when_the_policy_or_the_revision_says_so(void)
{
	struct plan_policy before = policy;

	policy.prune = false;
	start(&(struct world){.desired = {"a"}, .removed = {"old"}});
	run(1000);
	CHECK_STR(lp_buf_text(&told), "parent apply:a");
	CHECK(plan.result.complete);
	policy = before;
	policy.incomplete = true;
	start(&(struct world){.desired = {"a"}, .removed = {"old"}});
	run(1000);
	CHECK_STR(lp_buf_text(&told), "parent apply:a");
	CHECK_HAS(plan.result.not_pruned, "incomplete");
	CHECK(!plan.result.complete);
	policy = before;
	start(&(struct world){.removed = {"old"}});
	run(1000);
	CHECK_STR(lp_buf_text(&told), "parent");
	CHECK_HAS(plan.result.not_pruned, "no objects");
	policy.allow_empty = true;
	start(&(struct world){.removed = {"old"}});
	run(1000);
	CHECK_STR(lp_buf_text(&told), "parent prune:old shrink");
	policy = before;
}

static void a_crd_that_is_never_served_keeps_everything(void)
{
	start(&(struct world){.desired = {"CRD:tills", "sa"},
			      .removed = {"old"},
			      .answers = "wait:tills=refused"});
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent apply:tills wait:tills apply:sa");
	CHECK(plan.result.refused == 1 && plan.result.created == 2);
}

static void a_refused_prune_leaves_the_parent_as_wide_as_it_is(void)
{
	start(&(struct world){
		.desired = {"a"}, .removed = {"old", "older"}, .answers = "prune:old=refused"});
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent apply:a prune:old prune:older");
	CHECK(plan.result.prune_refused == 1 && plan.result.pruned == 1 && !plan.result.complete);
}

static void what_is_kept_is_no_failure(void)
{
	start(&(struct world){
		.desired = {"a"}, .removed = {"NS:old"}, .answers = "prune:old=kept"});
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent apply:a prune:old shrink");
	CHECK(plan.result.kept == 1 && plan.result.complete);
}

static void without_its_parent_nothing_is_applied(void)
{
	start(&(struct world){.desired = {"a"}, .removed = {"old"}, .answers = "parent:=refused"});
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent");
	CHECK(plan.result.stopped.code == LP_REJECTED && !plan.result.complete);
	CHECK_STR(plan.result.stopped.msg, "the server said no");
}

/* Lets the plan send one step and answers it with an away server; returns when it may go on. */
static void goes_away(int64_t after_ms)
{
	struct event event = {.kind = EVENT_RETRY, .retry_after_ms = after_ms, .status = 0};
	const struct plan_object *object;
	enum plan_answer what;
	enum step_kind kind;
	struct step step;

	CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
	CHECK(what == PLAN_STEP);
	event.id = step.id;
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_AGAIN);
	CHECK(lp_plan_wake_ms(&plan) == now_ms + after_ms);
	CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
	CHECK(what == PLAN_HOLD);
}

static void a_server_that_is_away_is_waited_for_however_long_it_takes(void)
{
	start(&(struct world){.desired = {"a", "b"}, .removed = {"old"}});
	for (int i = 0; i < 50; i++) {
		goes_away(700);
		now_ms += 700;
	}
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent apply:a apply:b prune:old shrink");
	CHECK(plan.result.complete);
}

static void the_longest_time_that_the_server_asks_for_is_waited(void)
{
	struct event event = {.kind = EVENT_RETRY, .status = 429, .retry_after_ms = 9000};
	const struct plan_object *object;
	enum plan_answer what;
	enum step_kind kind;
	struct step step;

	start(&(struct world){.desired = {"a", "b"}});
	run(3); /* kinds, parent, a */
	CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
	CHECK(what == PLAN_STEP);
	event.id = step.id - 1;
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_AGAIN);
	event.id = step.id;
	event.retry_after_ms = 100;
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_AGAIN);
	CHECK(lp_plan_wake_ms(&plan) == now_ms + 9000);
}

/* A wake-up at which nothing can be done would be followed by the next one at once. */
static void nothing_is_woken_up_for_before_something_can_be_sent(void)
{
	struct event event = {.kind = EVENT_RETRY, .retry_after_ms = 1000};
	const struct plan_object *object;
	enum plan_answer what;
	enum step_kind kind;
	struct step step[3];

	policy.in_flight = 3;
	start(&(struct world){.desired = {"a", "b", "c", "d", "e", "f"}});
	run(2); /* kinds, parent */
	lp_plan_event(&plan, &(struct event){.id = 2}, now_ms, &kind, &object);
	for (int i = 0; i < 3; i++)
		CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step[i], &object, &err));
	event.id = step[0].id;
	event.status = 409;
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_AGAIN);
	CHECK(lp_plan_wake_ms(&plan) == now_ms + 1000);
	event.id = step[1].id;
	event.status = 503;
	event.retry_after_ms = 30000;
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_AGAIN);
	event = (struct event){.id = step[2].id, .kind = EVENT_DONE, .status = 200};
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_SETTLED);
	CHECK(!plan.away && lp_plan_wake_ms(&plan) == now_ms + 30000);
	now_ms += 30000;
	for (int i = 0; i < 3; i++) {
		CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step[i], &object, &err));
		CHECK(what == PLAN_STEP);
	}
	/* one more is put off, and its place goes to another: it is due, and there is no room */
	event = (struct event){.id = step[0].id, .kind = EVENT_RETRY, .status = 409};
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_AGAIN);
	plan.items[0].not_before_ms = now_ms + 1;
	CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step[0], &object, &err));
	CHECK(what == PLAN_STEP && lp_plan_wake_ms(&plan) == INT64_MAX);
	policy.in_flight = 2;
}

static void an_object_that_is_not_ready_does_not_hold_up_the_others(void)
{
	policy.tries = 2;
	start(&(struct world){.desired = {"a", "b", "c", "HOOK:h"}, .answers = "apply:a=busy"});
	policy.tries = 3;
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent apply:a apply:b apply:c later apply:a apply:h");
}

static void an_error_of_the_server_about_one_object_does_not_hold_up_later_stages(void)
{
	start(&(struct world){.desired = {"NS:n", "a", "b", "HOOK:h"},
			      .removed = {"old"},
			      .answers = "apply:n=error apply:a=error"});
	CHECK(run(1000) == PLAN_END);
	CHECK_STR(lp_buf_text(&told), "parent apply:n later apply:n later apply:n "
				      "apply:a apply:b later apply:a later apply:a apply:h");
	CHECK(plan.result.refused == 2 && plan.result.created == 2 && !plan.result.complete);
	CHECK(!plan.away);
}

static void tries_of_one_object_take_longer_each_time_but_never_for_ever(void)
{
	struct event event = {.kind = EVENT_RETRY, .status = 500, .retry_after_ms = 250};
	const struct plan_object *object;
	enum plan_answer what;
	enum step_kind kind;
	struct step step;

	policy.tries = 9;
	start(&(struct world){.desired = {"a"}});
	policy.tries = 3;
	run(2); /* kinds, parent */
	lp_plan_event(&plan, &(struct event){.id = 2}, now_ms, &kind, &object);
	for (int64_t wait_ms = 250; wait_ms <= 2000; wait_ms *= 2) {
		CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
		CHECK(what == PLAN_STEP);
		event.id = step.id;
		CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_AGAIN);
		CHECK(lp_plan_wake_ms(&plan) == now_ms + wait_ms);
		now_ms += wait_ms;
	}
	CHECK_OK(lp_plan_next(&plan, now_ms, &what, &step, &object, &err));
	event.id = step.id;
	event.retry_after_ms = 86400000;
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_AGAIN);
	CHECK(lp_plan_wake_ms(&plan) == now_ms + 30000);
}

static void an_event_of_a_step_that_is_not_under_way_is_ignored(void)
{
	struct event event = {.id = 99, .kind = EVENT_DONE};
	const struct plan_object *object;
	enum step_kind kind;

	start(&(struct world){.desired = {"a"}});
	run(1);
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_STRANGE);
	event = (struct event){.id = 1, .kind = EVENT_KIND};
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_STRANGE);
	event.kind = EVENT_DONE;
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_SETTLED);
	CHECK(lp_plan_event(&plan, &event, now_ms, &kind, &object) == PLAN_STRANGE);
}

static void an_error_of_the_store_is_passed_on(void)
{
	const struct plan_object *object;
	enum plan_answer what;
	struct step step;

	start(&(struct world){.desired = {"a"}, .broken = true});
	CHECK_CODE(lp_plan_next(&plan, now_ms, &what, &step, &object, &err), LP_CORRUPT,
		   "the store is broken");
}

/* A server whose answers are dice: every plan ends, and prunes only after a full success. */
static void every_plan_ends_whatever_the_server_does(void)
{
	static const char *const moods[] = {"",
					    "apply:a=refused",
					    "apply:c=unknown",
					    "wait:x=refused",
					    "prune:old=refused",
					    "apply:b=busy",
					    "apply:d=busy prune:old=busy"};

	for (unsigned flight = 1; flight <= LP_PLAN_ITEMS; flight++)
		for (size_t i = 0; i < sizeof(moods) / sizeof(moods[0]); i++) {
			policy.in_flight = flight;
			start(&(struct world){
				.desired = {"CRD:x", "CRD:y", "NS:n", "a", "b", "c", "d", "HOOK:h"},
				.removed = {"old", "older"},
				.answers = moods[i]});
			CHECK(run(1000) == PLAN_END);
			bool good = !plan.result.refused && !plan.result.unknown;
			CHECK(good == (strstr(lp_buf_text(&told), "prune:old") != NULL));
			CHECK(plan.result.complete == (good && !plan.result.prune_refused));
		}
	policy.in_flight = 2;
}

int main(void)
{
	TEST(a_revision_goes_stage_by_stage_and_what_is_left_is_pruned);
	TEST(what_is_clean_is_passed_over_and_what_others_changed_is_looked_at);
	TEST(a_job_that_has_finished_counts_as_unchanged);
	TEST(a_revision_that_is_clean_as_a_whole_still_prunes);
	TEST(steps_carry_what_the_role_needs);
	TEST(no_more_are_under_way_than_asked_for);
	TEST(pods_wait_for_what_they_read);
	TEST(nothing_is_pruned_when_an_apply_failed_but_the_rest_is_applied);
	TEST(nor_when_the_policy_or_the_revision_says_so);
	TEST(a_crd_that_is_never_served_keeps_everything);
	TEST(a_refused_prune_leaves_the_parent_as_wide_as_it_is);
	TEST(what_is_kept_is_no_failure);
	TEST(without_its_parent_nothing_is_applied);
	TEST(a_server_that_is_away_is_waited_for_however_long_it_takes);
	TEST(the_longest_time_that_the_server_asks_for_is_waited);
	TEST(nothing_is_woken_up_for_before_something_can_be_sent);
	TEST(an_object_that_is_not_ready_does_not_hold_up_the_others);
	TEST(an_error_of_the_server_about_one_object_does_not_hold_up_later_stages);
	TEST(tries_of_one_object_take_longer_each_time_but_never_for_ever);
	TEST(an_event_of_a_step_that_is_not_under_way_is_ignored);
	TEST(an_error_of_the_store_is_passed_on);
	TEST(every_plan_ends_whatever_the_server_does);
	lp_buf_free(&told);
	return check_report();
}

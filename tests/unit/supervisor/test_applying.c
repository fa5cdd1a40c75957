/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The apply, with a cluster role that does as the test says: this program is the supervisor, and
 * is started again as the role, which takes its part from the environment.
 */
#include "agent/supervisor/cluster.h"
#include "agent/supervisor/limits.h"
#include "agent/supervisor/telling.h"
#include "store/config_digest.h"
#include "tests/unit/store/fixture.h"

#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#define PART       "LIMPET_TEST_PART"
#define CONNECT_ID (1ull << 62)
#define RECOVER_ID (CONNECT_ID + 1)
#define KEY_ID     (CONNECT_ID + 3)
#define LOOK_ID    (CONNECT_ID + 4) /* of a workload */

#ifdef SYS_clock_gettime64 /* 32 bits with 64 of time */
#define CLOCK_CALL SYS_clock_gettime64
#else
#define CLOCK_CALL SYS_clock_gettime
#endif

/* --- the clock, which a test may put forward --- */

static int64_t ahead_s;
static unsigned asked; /* how often it was asked for the time */

int clock_gettime(clockid_t clock, struct timespec *now)
{
	long result = syscall(CLOCK_CALL, clock, now);

	asked++;
	if (clock == CLOCK_BOOTTIME)
		now->tv_sec += ahead_s;
	return (int)result;
}

/* --- the role --- */

static struct channel channel;
static const char *part;

static bool is_part(const char *name)
{
	return strcmp(part, name) == 0;
}

static void tell(const struct event *event)
{
	struct wire_writer w;

	lp_wire_begin(&w, &channel.out, CLUSTER_EVENT);
	lp_event_put(&w, event);
	if (lp_wire_end(&w, &err) != LP_OK || lp_channel_flush(&channel, &err) != LP_OK)
		_exit(0); /* the supervisor has enough of us */
}

static void tell_kind(uint64_t id)
{
	tell(&(struct event){.id = id,
			     .kind = EVENT_KIND,
			     .scope = SCOPE_NAMESPACED,
			     .key = {"", "v1", "ConfigMap", "", ""},
			     .resource = "configmaps",
			     .verbs = VERB_PATCH | VERB_LIST});
}

static void tell_found(uint64_t id, unsigned round, unsigned count)
{
	struct event event = {.id = id,
			      .kind = EVENT_FOUND,
			      .scope = SCOPE_NAMESPACED,
			      .key = {"", "v1", "ConfigMap", "shop", ""}};

	for (unsigned i = 0; i < count; i++) {
		snprintf(event.key.name, sizeof(event.key.name), "found-%u-%u", round, i);
		snprintf(event.uid, sizeof(event.uid), "uid-%u", i);
		tell(&event);
	}
}

/* A cluster that knows 100 objects of ours. */
static void recover(struct event *event)
{
	static unsigned round;

	tell_found(event->id, ++round, is_part("find-endless") ? LP_FOUND_MAX + 1 : 100);
	if (is_part("find-forbidden") || (is_part("find-busy") && round == 1)) {
		event->kind = is_part("find-busy") ? EVENT_RETRY : EVENT_FAILED;
		event->code = LP_CONFIG;
		event->retry_after_ms = 10;
		snprintf(event->message, sizeof(event->message), "secrets is forbidden");
	}
	if (is_part("find-slow") && round == 1)
		usleep(300 * 1000);
}

/*
 * The lease runs out with the first four steps under way, and its renewal takes long: what is sent
 * before that has an answer comes too soon.
 */
static bool too_soon;

static void renew_slowly(void)
{
	struct pollfd more = {.fd = channel.fd, .events = POLLIN};

	usleep(300 * 1000);
	too_soon = poll(&more, 1, 0) == 1;
}

static void be_slow(struct event *event)
{
	static unsigned applies;

	if (applies++ == 0)
		usleep(300 * 1000);
	if (!too_soon)
		return;
	event->kind = EVENT_FAILED;
	event->code = LP_INTERNAL;
}

/* Ours, for as long as the supervisor asks, or somebody else's for 30 s. */
static void lease(struct event *event)
{
	static unsigned round;
	bool first = round++ == 0;

	if (is_part("slow") && !first)
		renew_slowly();
	event->lease.duration_s = 30;
	event->outcome = OUTCOME_HELD;
	if (is_part("somebody else's") || (is_part("lost") && !first))
		event->outcome = OUTCOME_STANDBY;
	if (is_part("out of reach") && !first) {
		event->kind = EVENT_RETRY;
		event->retry_after_ms = 10;
	}
	if (is_part("led twice"))
		tell(event);
	snprintf(event->live.version, sizeof(event->live.version), "7");
	snprintf(event->lease.holder, sizeof(event->lease.holder), "node-b_0");
}

/* CONFIG_KEY and CONFIG_LOOK: of two workloads one is there, and shows "aa..". */
static void config(const struct step *step, struct event *event)
{
	static bool was_away;
	bool key = step->kind == STEP_CONFIG_KEY;

	if (key)
		memset(event->config, 'k', sizeof(event->config));
	else if (strcmp(step->key.name, "object-1") == 0)
		memset(event->config, 0xaa, 16);
	else
		event->outcome = OUTCOME_GONE;
	if (is_part(key ? "no key" : "no look"))
		event->kind = EVENT_FAILED;
	if (is_part(key ? "key stuck" : "look stuck")) {
		event->kind = EVENT_RETRY;
		event->status = 500;
	}
	if (is_part(key ? "key away" : "look away") && !was_away) {
		event->kind = EVENT_RETRY;
		was_away = true;
	}
}

/* While a CONNECT is under way. */
static void answer_unasked(uint64_t id)
{
	if (is_part("found early"))
		tell_found(RECOVER_ID, 1, 1);
	if (is_part("found of connect"))
		tell_found(id, 1, 1);
	if (is_part("recovered early"))
		tell(&(struct event){.id = RECOVER_ID, .kind = EVENT_DONE});
	if (is_part("applied early"))
		tell(&(struct event){.id = 1, .kind = EVENT_DONE});
	if (is_part("key early"))
		tell(&(struct event){.id = KEY_ID, .kind = EVENT_DONE});
	if (is_part("look early"))
		tell(&(struct event){.id = LOOK_ID, .kind = EVENT_DONE});
	if (is_part("connected twice")) {
		tell(&(struct event){.id = id, .kind = EVENT_DONE});
		tell(&(struct event){.id = id, .kind = EVENT_DONE});
	}
	if (is_part("away twice")) {
		tell(&(struct event){.id = id, .kind = EVENT_RETRY, .retry_after_ms = 1000});
		tell(&(struct event){.id = id, .kind = EVENT_RETRY, .retry_after_ms = 1000});
	}
}

/* While a PARENT is under way. */
static void answer_in_the_plan(uint64_t id)
{
	if (is_part("found late"))
		tell_found(RECOVER_ID, 1, 1);
	if (is_part("connected late"))
		tell(&(struct event){.id = CONNECT_ID, .kind = EVENT_DONE});
	if (is_part("ahead"))
		tell(&(struct event){.id = id + 1, .kind = EVENT_DONE});
}

static void do_step(const struct step *step)
{
	struct event event = {.id = step->id, .kind = EVENT_DONE, .retry_after_ms = -1};

	if (step->kind == STEP_CONNECT) {
		tell_kind(step->id);
		answer_unasked(CONNECT_ID);
	}
	if (step->kind == STEP_LEASE)
		lease(&event);
	if (step->kind == STEP_CONFIG_KEY || step->kind == STEP_CONFIG_LOOK)
		config(step, &event);
	if (step->kind == STEP_PARENT)
		answer_in_the_plan(step->id);
	if (step->kind == STEP_RECOVER && strncmp(part, "find", 4) == 0)
		recover(&event);
	if (step->kind == STEP_PRUNE)
		event.outcome = OUTCOME_PRUNED;
	if (step->kind == STEP_APPLY) {
		event.outcome = OUTCOME_CREATED;
		snprintf(event.uid, sizeof(event.uid), "uid-of-%.40s", step->key.name);
	}
	if (step->kind == STEP_APPLY && is_part("rest")) {
		event.kind = EVENT_RETRY;
		event.status = 429;
		event.retry_after_ms = 86400000;
		snprintf(event.message, sizeof(event.message), "come back tomorrow");
	}
	if (step->kind == STEP_APPLY && is_part("slow"))
		be_slow(&event);
	if (step->kind == STEP_APPLY && (is_part("lost") || is_part("out of reach")))
		return; /* it is under way */
	if (step->kind == STEP_APPLY && is_part("away")) {
		if (strcmp(step->key.name, "object-0") != 0)
			return; /* its answer is to come late */
		event.kind = EVENT_RETRY;
		event.retry_after_ms = 300;
		snprintf(event.message, sizeof(event.message), "connection refused");
	}
	static bool slept;
	if (step->kind == STEP_APPLY && is_part("sleep over a retry") && !slept) {
		event.kind = EVENT_RETRY;
		event.status = 409;
		event.retry_after_ms = 10;
		tell(&event);
		slept = usleep(500 * 1000) == 0;
		return;
	}
	tell(&event);
	if (step->kind == STEP_PARENT && is_part("sleep"))
		usleep(300 * 1000); /* what is sent meanwhile waits on the supervisor's side */
}

static int serve(void)
{
	struct wire_reader r;
	struct step step;

	part = getenv(PART);
	while (lp_channel_receive(&channel, -1, &r, &err) == LP_OK) {
		if (r.type != CLUSTER_STEP)
			continue;
		lp_step_take(&r, &step);
		do_step(&step);
	}
	return 0;
}

/* --- the supervisor --- */

static struct supervisor super;
static struct source_run *run;
static struct timer soon;

/* A source with one revision of count objects, and nothing in the inventory. */
static void start_with(unsigned count)
{
	struct config *config = &super.config;

	if (run)
		lp_applying_end(run);
	lp_telling_close(&super);
	lp_loop_free(&super.loop);
	start();
	ahead_s = 0;
	super = (struct supervisor){.db = db, .lock_fd = -1, .notify.fd = -1};
	super.wish.kind = WISH_SYNC;
	snprintf(config->state_dir, sizeof(config->state_dir), "%s", folder);
	config->source_count = 1;
	snprintf(config->sources[0].name, sizeof(config->sources[0].name), "site");
	snprintf(config->sources[0].ns, sizeof(config->sources[0].ns), "shop");
	snprintf(config->cluster.ns, sizeof(config->cluster.ns), "limpet-system");
	config->cluster.concurrency = 2;
	config->cluster.reconcile_ms = 60000;
	config->retention = (struct retention_config){.revisions = 10, .bytes = 1 << 20};
	run = &super.run;
	run->super = &super;
	run->config = &config->sources[0];
	lp_buf_free(&run->problems);
	run->problems = LP_BUF(PROBLEM_BYTES);
	CHECK_OK(lp_loop_new(&super.loop, &err));
	if (count)
		accept_revision("site", 1, count, count);
}

static unsigned generation; /* of the last role so far */
static bool role_ended;     /* in the last apply; giving back the lease takes another */

/* One apply by a role that plays the part; how it ended is in run->outcome. */
static void apply(const char *role)
{
	setenv(PART, role, 1);
	run->leading = (struct leading){0}; /* as a process of its own */
	CHECK_OK(lp_leading_open(run, &err));
	run->outcome = (struct ending){0};
	lp_feed(run, CYCLE_APPLY_DUE);
	if (run->state != CYCLE_IDLE)
		CHECK_OK(lp_loop_run(super.loop, &err));
	CHECK(run->state == CYCLE_IDLE);
	role_ended = !super.cluster.link.up || super.cluster.link.generation > generation + 1;
	if (super.cluster.link.generation)
		generation = super.cluster.link.generation;
}

/* Calls what after 100 ms of the loop. */
static void later(void (*what)(void *ctx))
{
	soon = (struct timer){.fire = what};
	lp_loop_timer_set(super.loop, &soon, lp_boot_ms() + 100);
}

static void nothing(void *ctx)
{
	(void)ctx;
}

/* What is due by then fires. */
static void half_a_minute_passes(void *ctx)
{
	(void)ctx;
	soon = (struct timer){.fire = nothing};
	lp_loop_timer_set(super.loop, &soon, 0); /* the kernel's clock does not move */
	ahead_s += 30;
}

static unsigned inventory(void)
{
	unsigned count = 0;

	CHECK_OK(lp_inventory_count(db, "site", &count, &err));
	return count;
}

static void a_revision_is_applied(void)
{
	start_with(5);
	apply("good");
	CHECK_HAS(run->outcome.text, "is applied: 5 objects, 5 created");
	CHECK(run->outcome.exit == 0 && super.cluster.link.up && inventory() == 5);
}

static void steps_under_way_end_with_the_plan_that_sent_them(void)
{
	start_with(5);
	later(half_a_minute_passes);
	apply("away");
	CHECK_HAS(run->outcome.text, "the API server: connection refused");
	CHECK(run->outcome.exit == 2 && run->incomplete);
	CHECK(role_ended);
}

static void a_server_that_wants_to_rest_for_a_day_holds_nothing_up(void)
{
	start_with(5);
	later(half_a_minute_passes);
	apply("rest");
	CHECK_HAS(run->outcome.text, "the API server: come back tomorrow");
	CHECK(run->outcome.exit == 2);
}

static void nothing_is_applied_while_somebody_else_holds_the_lease(void)
{
	start_with(5);
	apply("somebody else's");
	CHECK_HAS(run->outcome.text, "this agent stands by: node-b_0 holds the Lease "
				     "limpet-system/limpet-site");
	CHECK(run->outcome.exit == 2 && inventory() == 0 && !lp_leading_holds(run));
}

static void a_plan_is_given_up_when_the_lease_is_lost(void)
{
	start_with(5);
	later(half_a_minute_passes);
	apply("lost");
	CHECK_HAS(run->outcome.text, "this agent stands by");
	CHECK(run->outcome.exit == 2 && role_ended);
}

static void a_plan_is_given_up_when_the_lease_has_run_out_and_cannot_be_renewed(void)
{
	start_with(5);
	later(half_a_minute_passes);
	apply("out of reach");
	CHECK_HAS(run->outcome.text, "the lease cannot be renewed");
	CHECK(run->outcome.exit == 2);
}

static void nothing_new_is_sent_once_the_lease_has_run_out_until_it_is_renewed(void)
{
	start_with(8);
	later(half_a_minute_passes);
	apply("slow");
	CHECK_HAS(run->outcome.text, "is applied: 8 objects, 8 created");
}

static void no_step_has_the_number_of_an_earlier_one(void)
{
	start_with(5);
	apply("good");
	uint64_t first = super.cluster.last_id;
	CHECK(first >= 5);
	apply("good");
	CHECK(super.cluster.last_id >= first + 5);
}

static bool has(const char *name)
{
	struct stored_key key = {"", "v1", "ConfigMap", "shop", ""};
	struct inventory_row row;

	snprintf(key.name, sizeof(key.name), "%s", name);
	return lp_inventory_get(db, "site", &key, &row, &err) == LP_OK;
}

static void what_carries_our_label_is_in_the_inventory_before_anything_is_applied(void)
{
	start_with(1);
	apply("find");
	CHECK(run->outcome.exit == 0 && inventory() == 101 && has("found-1-99"));
}

static void what_the_inventory_lacks_is_found_once_a_start_and_when_asked_for_and_pruned(void)
{
	start_with(1);
	apply("good");
	CHECK(inventory() == 1 && run->listed);
	lp_applying_end(run);
	apply("find");
	CHECK_HAS(run->outcome.text, " 0 pruned");
	run->listed = false; /* another start, or the cluster was put back to an older copy */
	lp_applying_end(run);
	apply("find");
	CHECK_HAS(run->outcome.text, "100 pruned");
	CHECK(run->outcome.exit == 0 && inventory() == 1 && !run->rebuilt && run->listed);
}

static void what_may_not_be_listed_keeps_nothing_from_being_applied_with_an_inventory(void)
{
	start_with(1);
	apply("good");
	run->listed = false;
	lp_applying_end(run);
	apply("find-forbidden");
	CHECK_HAS(run->outcome.text, "is applied: 1 objects");
	CHECK(run->outcome.exit == 0 && inventory() == 1);
}

static void half_a_recovery_is_none_and_is_begun_again(void)
{
	start_with(1);
	apply("find-forbidden");
	CHECK_HAS(run->outcome.text, "secrets is forbidden");
	CHECK(run->outcome.exit == 2 && inventory() == 0);
	lp_applying_end(run); /* the next part is another role's */
	apply("find");
	CHECK(run->outcome.exit == 0 && inventory() == 101);
	start_with(1);
	apply("find-busy");
	CHECK(run->outcome.exit == 0 && inventory() == 101 && !has("found-1-0"));
}

static void somebody_suspends(void *ctx)
{
	(void)ctx;
	lp_applying_flush(run);
	CHECK(inventory() == 0);
	CHECK_OK(lp_state_set_suspended(db, "site", true, &err));
}

static void what_a_person_asks_for_in_the_middle_of_a_recovery_is_stored_without_it(void)
{
	start_with(1);
	later(somebody_suspends);
	apply("find-slow");
	CHECK(lp_stored_state(run).suspended);
	CHECK(inventory() == 101 && has("found-2-0") && !has("found-1-0"));
}

static void nothing_is_applied_once_it_is_suspended(void)
{
	start_with(3);
	CHECK_OK(lp_state_set_suspended(db, "site", true, &err));
	apply("good");
	CHECK_STR(run->outcome.text, "site is suspended; limpet resume ends that");
	CHECK(run->outcome.exit == 1 && !super.cluster.link.up && inventory() == 0);
}

static void a_recovery_without_end_is_given_up(void)
{
	start_with(1);
	apply("find-endless");
	CHECK_HAS(run->outcome.text, "more than 40000 objects with our label");
	CHECK(run->outcome.exit == 2 && inventory() == 0 && role_ended);
}

/* Accepts a revision of count objects that do not get smaller when they are deflated. */
static void accept_large(unsigned count, size_t bytes)
{
	LP_AUTO(lp_revision_abandon) struct revision_writer *w = NULL;
	struct revision r = make_revision("site", 1);
	uint8_t *body = malloc(bytes);
	struct stored_object o;
	char unused[4096];
	int64_t id;

	CHECK(body && lp_revision_begin(db, &r, &w, &err) == LP_OK);
	for (unsigned i = 0; i < count; i++) {
		make_object(i, 0, &o, unused, 1);
		lp_random(body, bytes);
		lp_sha256(body, bytes, o.digest);
		CHECK_OK(lp_revision_add(w, &o, (struct slice){body, bytes}, &err));
	}
	CHECK_OK(lp_revision_commit(w, 1, &id, &err));
	free(body);
}

static void large_objects_one_behind_the_other_are_sent_as_the_role_takes_them(void)
{
	start_with(0);
	accept_large(8, LP_OBJECT_BYTES);
	super.config.cluster.concurrency = 8;
	apply("sleep");
	CHECK_HAS(run->outcome.text, "is applied: 8 objects, 8 created");
}

/* --- config digests --- */

/* Of four objects two are workloads that use a ConfigMap. */
static void start_with_workloads(void)
{
	start_with(4);
	CHECK_OK(lp_sql_exec(db,
			     "UPDATE object SET config_use = 2, content = CAST("
			     "'cccccccccccccccccccccccccccccccc' AS BLOB) WHERE api_group = 'apps'",
			     &err));
	super.config.sources[0].config_digest = true;
}

static bool is_known(const char *name, struct config_digest *ret)
{
	struct stored_key key = {.group = "apps", .kind = "Deployment", .ns = "shop"};

	snprintf(key.name, sizeof(key.name), "%s", name);
	return lp_config_digest_get(db, "site", &key, ret, &err) == LP_OK;
}

static void what_workloads_carry_is_known_before_the_plan(void)
{
	static const char *const parts[] = {"good", "key away", "look away"};
	uint8_t key[LP_CONFIG_KEY], hmac[LP_SHA256_BYTES];
	struct config_digest there, new;

	memset(key, 'k', sizeof(key));
	lp_hmac_sha256((struct slice){key, sizeof(key)}, "cccccccccccccccccccccccccccccccc", 32,
		       hmac);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		start_with_workloads();
		run->keyed = false;
		apply(parts[i]);
		CHECK_HAS(run->outcome.text, "is applied: 4 objects, 4 created");
		CHECK_OK(lp_config_key_get(db, "site", key, &err));
		CHECK(key[0] == 'k' && key[31] == 'k' && run->keyed);
		CHECK(is_known("object-1", &there) && is_known("object-3", &new));
		CHECK(memcmp(new.shown, hmac, 16) == 0 && memcmp(new.made_for, hmac, 16) == 0);
		CHECK(memcmp(there.shown, hmac, 16) == 0); /* it showed another content's */
	}
}

static void without_a_key_or_a_look_all_is_applied_and_nothing_restarts(void)
{
	struct config_digest digest;

	static const char *const parts[][2] = {{"no key", "no look"}, {"key stuck", "look stuck"}};

	for (size_t i = 0; i < 2; i++) {
		start_with_workloads();
		run->keyed = false;
		apply(parts[i][0]);
		CHECK_HAS(run->outcome.text, "is applied: 4 objects, 4 created");
		CHECK(is_known("object-1", &digest) && digest.shown[0] == 0xaa && !run->keyed);
		CHECK(is_known("object-3", &digest) && !digest.shown[0]);

		start_with_workloads();
		apply(parts[i][1]);
		CHECK_HAS(run->outcome.text, "is applied: 4 objects, 4 created");
		CHECK(!is_known("object-1", &digest) && run->keyed);
	}
}

static void a_workload_that_is_pruned_is_forgotten(void)
{
	struct config_digest digest;

	start_with_workloads();
	apply("good");
	CHECK(is_known("object-1", &digest));
	accept_revision("site", 2, 1, 1);
	apply("good");
	CHECK(inventory() == 1 && !is_known("object-1", &digest));
}

static void a_role_that_answers_what_nobody_asked_is_ended(void)
{
	static const char *const parts[] = {
		"found early",     "found of connect", "recovered early", "applied early",
		"connected twice", "away twice",       "found late",      "connected late",
		"ahead",           "led twice",        "key early",       "look early",
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		start_with(3);
		apply(parts[i]);
		if (!strstr(run->outcome.text, "to what was not asked"))
			printf("  %s\n", parts[i]);
		CHECK_HAS(run->outcome.text, "to what was not asked");
		CHECK(run->outcome.exit == 2 && role_ended);
		CHECK(!has("found-1-0"));
	}
}

static void a_step_that_is_due_and_has_no_room_wakes_nobody_up(void)
{
	start_with(0);
	accept_large(8, LP_OBJECT_BYTES);
	super.config.cluster.concurrency = 8;
	asked = 0;
	apply("sleep over a retry");
	CHECK_HAS(run->outcome.text, "is applied: 8 objects, 8 created");
	CHECK(asked < 300);
}

int main(int argc, char **argv)
{
	const char *name = NULL;

	if (lp_role_enter(argc, argv, &name, &channel, &err) == LP_OK && name)
		return serve();
	lp_log_setup(LOG_LEVEL_ERROR, "");
	alarm(240); /* an apply that does not end */
	TEST(a_revision_is_applied);
	TEST(steps_under_way_end_with_the_plan_that_sent_them);
	TEST(a_server_that_wants_to_rest_for_a_day_holds_nothing_up);
	TEST(nothing_is_applied_while_somebody_else_holds_the_lease);
	TEST(a_plan_is_given_up_when_the_lease_is_lost);
	TEST(a_plan_is_given_up_when_the_lease_has_run_out_and_cannot_be_renewed);
	TEST(nothing_new_is_sent_once_the_lease_has_run_out_until_it_is_renewed);
	TEST(no_step_has_the_number_of_an_earlier_one);
	TEST(what_carries_our_label_is_in_the_inventory_before_anything_is_applied);
	TEST(what_the_inventory_lacks_is_found_once_a_start_and_when_asked_for_and_pruned);
	TEST(what_may_not_be_listed_keeps_nothing_from_being_applied_with_an_inventory);
	TEST(half_a_recovery_is_none_and_is_begun_again);
	TEST(what_a_person_asks_for_in_the_middle_of_a_recovery_is_stored_without_it);
	TEST(nothing_is_applied_once_it_is_suspended);
	TEST(a_recovery_without_end_is_given_up);
	TEST(what_workloads_carry_is_known_before_the_plan);
	TEST(without_a_key_or_a_look_all_is_applied_and_nothing_restarts);
	TEST(a_workload_that_is_pruned_is_forgotten);
	TEST(a_role_that_answers_what_nobody_asked_is_ended);
	TEST(large_objects_one_behind_the_other_are_sent_as_the_role_takes_them);
	TEST(a_step_that_is_due_and_has_no_room_wakes_nobody_up);
	lp_applying_end(run);
	lp_telling_close(&super);
	lp_loop_free(&super.loop);
	lp_buf_free(&run->problems);
	remove_folder();
	return check_report();
}

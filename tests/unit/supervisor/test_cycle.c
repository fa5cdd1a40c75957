/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/cycle.h"
#include "agent/supervisor/schedule.h"
#include "tests/unit/check.h"

static void every_cell_of_the_table_is_filled(void)
{
	/* An empty cell would be {NOTHING, IDLE}: legal only where it is meant, in IDLE itself. */
	for (int state = CYCLE_FETCHING; state < CYCLE_STATES; state++)
		for (int event = 0; event < CYCLE_EVENTS; event++) {
			struct cycle_cell cell = lp_cycle(state, event);
			CHECK(cell.action != CYCLE_NOTHING || cell.next != CYCLE_IDLE);
		}
}

static void an_action_leads_to_the_state_that_waits_for_its_event(void)
{
	static const enum cycle_state next[] = {
		[CYCLE_FETCH] = CYCLE_FETCHING, [CYCLE_LEARN] = CYCLE_LEARNING,
		[CYCLE_JUDGE] = CYCLE_JUDGING,  [CYCLE_APPLY] = CYCLE_APPLYING,
		[CYCLE_REST] = CYCLE_IDLE,      [CYCLE_END] = CYCLE_STOPPING,
	};

	for (int state = 0; state < CYCLE_STATES; state++)
		for (int event = 0; event < CYCLE_EVENTS; event++) {
			struct cycle_cell cell = lp_cycle(state, event);
			if (cell.action >= CYCLE_FETCH && cell.action != CYCLE_LATER &&
			    cell.action != CYCLE_NEVER)
				CHECK(cell.next == next[cell.action]);
			else
				CHECK(cell.next == (enum cycle_state)state);
		}
}

static void a_push_goes_down_the_corridor(void)
{
	static const struct {
		enum cycle_event event;
		enum cycle_state state;
	} way[] = {{CYCLE_POLL_DUE, CYCLE_FETCHING},
		   {CYCLE_NEWS, CYCLE_LEARNING},
		   {CYCLE_LEARNED, CYCLE_JUDGING},
		   {CYCLE_ACCEPTED, CYCLE_APPLYING},
		   {CYCLE_APPLIED, CYCLE_IDLE}};
	enum cycle_state state = CYCLE_IDLE;

	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		state = lp_cycle(state, way[i].event).next;
		CHECK(state == way[i].state);
	}
}

static void a_stop_is_heard_in_every_state_and_nothing_starts_after_it(void)
{
	for (int state = 0; state < CYCLE_STOPPING; state++)
		CHECK(lp_cycle(state, CYCLE_STOP).action == CYCLE_END);
	for (int event = 0; event < CYCLE_EVENTS; event++)
		CHECK(lp_cycle(CYCLE_STOPPING, event).action == CYCLE_NOTHING);
}

static void a_rollback_while_something_runs_is_not_forgotten(void)
{
	for (int state = CYCLE_FETCHING; state < CYCLE_STOPPING; state++)
		CHECK(lp_cycle(state, CYCLE_APPLY_DUE).action == CYCLE_LATER);
}

static void states_and_events_have_names(void)
{
	for (int state = 0; state < CYCLE_STATES; state++)
		CHECK(strlen(lp_cycle_state_name(state)) > 3);
	for (int event = 0; event < CYCLE_EVENTS; event++)
		CHECK(strlen(lp_cycle_event_name(event)) > 3);
}

static void a_fleet_spreads_over_the_interval(void)
{
	unsigned buckets[10] = {0};
	char site[32];

	for (int i = 0; i < 10000; i++) {
		snprintf(site, sizeof(site), "site-%d", i);
		int64_t phase = lp_schedule_phase("https://git.example/fleet.git", site, 300000);
		CHECK(phase >= 0 && phase < 300000);
		buckets[phase / 30000]++;
	}
	for (int i = 0; i < 10; i++)
		CHECK(buckets[i] > 850 && buckets[i] < 1150);
}

static void a_device_keeps_its_place_after_a_restart(void)
{
	int64_t phase = lp_schedule_phase("https://g/r", "berlin", 300000);

	CHECK(phase == lp_schedule_phase("https://g/r", "berlin", 300000));
	CHECK(phase != lp_schedule_phase("https://g/r", "munich", 300000));
	CHECK(lp_schedule_next(0, 5000, 300000) == 5000);
	CHECK(lp_schedule_next(5000, 5000, 300000) == 305000);
	CHECK(lp_schedule_next(5001, 5000, 300000) == 305000);
	CHECK(lp_schedule_next(1000000, 5000, 300000) == 1205000);
}

static void backoff_grows_to_its_cap_and_honours_the_server(void)
{
	int64_t delay = 0;

	for (int i = 0; i < 200; i++) {
		int64_t next = lp_schedule_backoff(delay, 300000, -1);
		CHECK(next >= LP_BACKOFF_BASE_MS && next <= LP_BACKOFF_CAP_MS);
		CHECK(next <= 3 * (delay > LP_BACKOFF_BASE_MS ? delay : LP_BACKOFF_BASE_MS));
		delay = next;
	}
	CHECK(lp_schedule_backoff(0, 300000, 3600000) == 3600000);
	CHECK(lp_schedule_backoff(0, 1000, -1) <= 3000);
	CHECK(lp_schedule_backoff(0, 300000, INT64_MAX) == 86400000);
}

int main(void)
{
	TEST(every_cell_of_the_table_is_filled);
	TEST(an_action_leads_to_the_state_that_waits_for_its_event);
	TEST(a_push_goes_down_the_corridor);
	TEST(a_stop_is_heard_in_every_state_and_nothing_starts_after_it);
	TEST(a_rollback_while_something_runs_is_not_forgotten);
	TEST(states_and_events_have_names);
	TEST(a_fleet_spreads_over_the_interval);
	TEST(a_device_keeps_its_place_after_a_restart);
	TEST(backoff_grows_to_its_cap_and_honours_the_server);
	return check_report();
}

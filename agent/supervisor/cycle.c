/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/cycle.h"

/* Short names, so that the table fits the page. */
#define I CYCLE_IDLE
#define F CYCLE_FETCHING
#define L CYCLE_LEARNING
#define J CYCLE_JUDGING
#define A CYCLE_APPLYING
#define S CYCLE_STOPPING

#define NEVER(state)               \
	{                          \
		CYCLE_NEVER, state \
	}
#define LATER(state)               \
	{                          \
		CYCLE_LATER, state \
	}
#define REST                  \
	{                     \
		CYCLE_REST, I \
	}
#define END                  \
	{                    \
		CYCLE_END, S \
	}
#define IGNORE                   \
	{                        \
		CYCLE_NOTHING, S \
	}

/* clang-format off */
static const struct cycle_cell table[CYCLE_STATES][CYCLE_EVENTS] = {
	[I] = {
		[CYCLE_POLL_DUE]     = {CYCLE_FETCH, F},
		[CYCLE_APPLY_DUE]    = {CYCLE_APPLY, A},
		[CYCLE_NEWS]         = NEVER(I),
		[CYCLE_NO_NEWS]      = NEVER(I),
		[CYCLE_FETCH_FAILED] = {CYCLE_NOTHING, I}, /* a kept connection ended */
		[CYCLE_LEARNED]      = {CYCLE_NOTHING, I},
		[CYCLE_ACCEPTED]     = NEVER(I),
		[CYCLE_REFUSED]      = NEVER(I),
		[CYCLE_JUDGE_FAILED] = NEVER(I),
		[CYCLE_APPLIED]      = NEVER(I),
		[CYCLE_AWAY]         = {CYCLE_NOTHING, I}, /* the role ended; APPLY starts it again */
		[CYCLE_STOP]         = END,
	},
	[F] = {
		[CYCLE_POLL_DUE]     = {CYCLE_NOTHING, F},
		[CYCLE_APPLY_DUE]    = LATER(F),
		[CYCLE_NEWS]         = {CYCLE_LEARN, L},
		[CYCLE_NO_NEWS]      = REST,
		[CYCLE_FETCH_FAILED] = REST,
		[CYCLE_LEARNED]      = {CYCLE_NOTHING, F},
		[CYCLE_ACCEPTED]     = NEVER(F),
		[CYCLE_REFUSED]      = NEVER(F),
		[CYCLE_JUDGE_FAILED] = NEVER(F),
		[CYCLE_APPLIED]      = NEVER(F),
		[CYCLE_AWAY]         = {CYCLE_NOTHING, F},
		[CYCLE_STOP]         = END,
	},
	[L] = {
		[CYCLE_POLL_DUE]     = LATER(L),
		[CYCLE_APPLY_DUE]    = LATER(L),
		[CYCLE_NEWS]         = NEVER(L),
		[CYCLE_NO_NEWS]      = NEVER(L),
		[CYCLE_FETCH_FAILED] = {CYCLE_NOTHING, L},
		[CYCLE_LEARNED]      = {CYCLE_JUDGE, J},
		[CYCLE_ACCEPTED]     = NEVER(L),
		[CYCLE_REFUSED]      = NEVER(L),
		[CYCLE_JUDGE_FAILED] = NEVER(L),
		[CYCLE_APPLIED]      = NEVER(L),
		[CYCLE_AWAY]         = {CYCLE_JUDGE, J},
		[CYCLE_STOP]         = END,
	},
	[J] = {
		[CYCLE_POLL_DUE]     = LATER(J),
		[CYCLE_APPLY_DUE]    = LATER(J),
		[CYCLE_NEWS]         = NEVER(J),
		[CYCLE_NO_NEWS]      = NEVER(J),
		[CYCLE_FETCH_FAILED] = {CYCLE_NOTHING, J},
		[CYCLE_LEARNED]      = {CYCLE_NOTHING, J},
		[CYCLE_ACCEPTED]     = {CYCLE_APPLY, A},
		[CYCLE_REFUSED]      = REST,
		[CYCLE_JUDGE_FAILED] = REST,
		[CYCLE_APPLIED]      = NEVER(J),
		[CYCLE_AWAY]         = {CYCLE_NOTHING, J},
		[CYCLE_STOP]         = END,
	},
	[A] = {
		[CYCLE_POLL_DUE]     = LATER(A),
		[CYCLE_APPLY_DUE]    = LATER(A),
		[CYCLE_NEWS]         = NEVER(A),
		[CYCLE_NO_NEWS]      = NEVER(A),
		[CYCLE_FETCH_FAILED] = {CYCLE_NOTHING, A},
		[CYCLE_LEARNED]      = {CYCLE_NOTHING, A},
		[CYCLE_ACCEPTED]     = NEVER(A),
		[CYCLE_REFUSED]      = NEVER(A),
		[CYCLE_JUDGE_FAILED] = NEVER(A),
		[CYCLE_APPLIED]      = REST,
		[CYCLE_AWAY]         = REST,
		[CYCLE_STOP]         = END,
	},
	[S] = {
		[CYCLE_POLL_DUE]     = IGNORE,
		[CYCLE_APPLY_DUE]    = IGNORE,
		[CYCLE_NEWS]         = IGNORE,
		[CYCLE_NO_NEWS]      = IGNORE,
		[CYCLE_FETCH_FAILED] = IGNORE,
		[CYCLE_LEARNED]      = IGNORE,
		[CYCLE_ACCEPTED]     = IGNORE,
		[CYCLE_REFUSED]      = IGNORE,
		[CYCLE_JUDGE_FAILED] = IGNORE,
		[CYCLE_APPLIED]      = IGNORE,
		[CYCLE_AWAY]         = IGNORE,
		[CYCLE_STOP]         = IGNORE,
	},
};
/* clang-format on */

struct cycle_cell lp_cycle(enum cycle_state state, enum cycle_event event)
{
	return table[state][event];
}

const char *lp_cycle_state_name(enum cycle_state state)
{
	static const char *const names[CYCLE_STATES] = {
		[CYCLE_IDLE] = "idle",         [CYCLE_FETCHING] = "fetching",
		[CYCLE_LEARNING] = "learning", [CYCLE_JUDGING] = "judging",
		[CYCLE_APPLYING] = "applying", [CYCLE_STOPPING] = "stopping",
	};
	return state < CYCLE_STATES ? names[state] : "unknown";
}

const char *lp_cycle_event_name(enum cycle_event event)
{
	static const char *const names[CYCLE_EVENTS] = {
		[CYCLE_POLL_DUE] = "poll-due",
		[CYCLE_APPLY_DUE] = "apply-due",
		[CYCLE_NEWS] = "news",
		[CYCLE_NO_NEWS] = "no-news",
		[CYCLE_FETCH_FAILED] = "fetch-failed",
		[CYCLE_LEARNED] = "learned",
		[CYCLE_ACCEPTED] = "accepted",
		[CYCLE_REFUSED] = "refused",
		[CYCLE_JUDGE_FAILED] = "judge-failed",
		[CYCLE_APPLIED] = "applied",
		[CYCLE_AWAY] = "away",
		[CYCLE_STOP] = "stop",
	};
	return event < CYCLE_EVENTS ? names[event] : "unknown";
}

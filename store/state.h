/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_STATE_H
#define LIMPET_STORE_STATE_H
/*
 * What is remembered of a source between two cycles. A setter whose value is
 * stored already writes nothing, so that a poll without news costs no flash.
 */
#include "store/db.h"

/* When a suspension ends by itself. All zero: it does not. */
struct suspension {
	int64_t left_s;   /* so much was left of it */
	int64_t uptime_s; /* CLOCK_BOOTTIME; when that was so */
	int64_t until_s;  /* wall; 0: nobody had set the clock when it began */
};

struct source_state {
	int64_t desired; /* revision to be applied; set by lp_revision_commit; 0 none */
	int64_t applied; /* last one applied or incomplete; set by lp_revision_set_state; 0 none */
	int64_t pinned;  /* held by a rollback; 0 not pinned */
	bool suspended;
	struct suspension suspension;
	bool complete;              /* the last apply left nothing out */
	unsigned failures;          /* in a row */
	int64_t next_poll_s;        /* wall; 0 by the schedule */
	int64_t delay_ms;           /* the last backoff */
	int64_t poll_ok_s;          /* wall; the last good poll, up to LP_REFRESH_S too old */
	int64_t error_s;            /* wall; when error was set, as precise as poll_ok_s */
	char error[LP_MESSAGE_MAX]; /* "" none */
	uint8_t tip[LP_STORE_OID];  /* the last one seen at the remote; zero none */
};

/* A source that nothing is stored of yields zeroes (and LP_OK). */
LP_CHECKED enum lp_code lp_state_get(struct db *db, const char *source, struct source_state *ret,
				     struct err *err);

/*
 * Each sets one field of struct source_state, by the same name, and leaves the others; a source
 * that nothing was stored of is begun. LP_CORRUPT, LP_TRANSIENT as all of the store.
 */
LP_CHECKED enum lp_code lp_state_set_desired(struct db *db, const char *source, int64_t revision,
					     struct err *err);
LP_CHECKED enum lp_code lp_state_set_pinned(struct db *db, const char *source, int64_t revision,
					    struct err *err);
LP_CHECKED enum lp_code lp_state_set_suspended(struct db *db, const char *source, bool suspended,
					       struct err *err);
/* Suspended for a time; lp_state_set_suspended forgets the time. */
LP_CHECKED enum lp_code lp_state_suspend_for(struct db *db, const char *source,
					     const struct suspension *suspension, struct err *err);
LP_CHECKED enum lp_code lp_state_set_complete(struct db *db, const char *source, bool complete,
					      struct err *err);
LP_CHECKED enum lp_code lp_state_set_tip(struct db *db, const char *source,
					 const uint8_t tip[LP_STORE_OID], struct err *err);

/* All three 0 when the last poll was good: then it is written once, not at every poll. */
LP_CHECKED enum lp_code lp_state_set_backoff(struct db *db, const char *source, unsigned failures,
					     int64_t next_poll_s, int64_t delay_ms,
					     struct err *err);

/* A good poll; written when the stored time is LP_REFRESH_S away, in either direction. */
LP_CHECKED enum lp_code lp_state_set_poll_ok(struct db *db, const char *source, int64_t now_s,
					     struct err *err);

/* The last error (cut to LP_MESSAGE_MAX), "" none; the same text again is written as rarely as a
 * poll. */
LP_CHECKED enum lp_code lp_state_set_error(struct db *db, const char *source, const char *text,
					   int64_t now_s, struct err *err);

/*
 * What is left of a suspension by now; 0: it is over. Of this boot what has passed since it was
 * written counts, of another one all of it, and a wall clock that was set then and now (wall_s, 0:
 * it is not) can say that it is less. Never called with one that does not end.
 */
int64_t lp_suspension_left_s(const struct suspension *suspension, int64_t uptime_s, int64_t wall_s);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_SUSPENDING_H
#define LIMPET_AGENT_SUPERVISOR_SUSPENDING_H
/* For how long a source is suspended; the daemon and a command without one are both its users. */
#include "store/state.h"

struct source_run; /* supervisor/run.h */

/* Reads "1h" into milliseconds; "" is 0, until limpet resume. LP_REJECTED: no duration, less than a
 * second, or more than LP_SUSPEND_S; *ret_ms is then untouched. */
LP_CHECKED enum lp_code lp_suspension_parse(const char *text, int64_t *ret_ms, struct err *err);

/* What is stored of one that begins now. */
struct suspension lp_suspension_of(int64_t for_ms);

/* What is left of one that ends by itself; 0: it is over. */
int64_t lp_suspension_left_now_s(const struct suspension *suspension);

/* "for 1h", or "until limpet resume". Returns to. */
const char *lp_suspension_text(int64_t for_ms, char to[32]);

/* --- the supervisor's --- */

/* At the start: ends one that is over by now, and waits for the end of one that is not. */
void lp_suspending_open(struct source_run *run);

/* The stored one was changed. */
void lp_suspending_changed(struct source_run *run);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_LOG_H
#define LIMPET_PLATFORM_LOG_H
/*
 * One logfmt line per event, on stderr, for people and for journald:
 *
 *	<6>event=applied source=site revision=9f2c objects=37 took=840ms
 *
 * Only agent/ logs; platform/ and store/ return errors. The priority prefix
 * (sd-daemon(3)) is written when stderr goes to the journal; a terminal gets
 * the time instead. Values are quoted and escaped where logfmt needs it. A
 * secret is never passed here: it is a struct secret, which has no formatter.
 */
#include "platform/err.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* What is logged (default: info and above), and the role's name on each line ("fetch"; "" none). */
void lp_log_setup(enum log_level level, const char *role);

/* Whether a line of this level is written. */
bool lp_log_on(enum log_level level);

/*
 * Writes one line. The rest are pairs of key and value, both const char *, ended by NULL;
 * a pair whose value is NULL or "" is left out. At most 2 KiB; longer values are cut with "...".
 *
 *	lp_log(LOG_LEVEL_INFO, "applied", "source", name, "revision", id, NULL);
 */
void lp_log(enum log_level level, const char *event, ...) __attribute__((sentinel));
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_SYSTEMD_H
#define LIMPET_PLATFORM_SYSTEMD_H
/*
 * The service manager: sd_notify(3) without its library. Without NOTIFY_SOCKET
 * everything here does nothing and succeeds. Not told is never fatal, so the
 * calls return nothing but lp_notify_open; a lost READY=1 shows as a start
 * timeout.
 */
#include "platform/err.h"

struct notify {
	int fd; /* owned; connected datagram socket; -1: nobody to tell */
};

/*
 * Connects to the service manager of NOTIFY_SOCKET; call it before lp_sandbox_enter, which may
 * close the way there. LP_CONFIG when the variable is set and cannot be used; fd is then -1.
 */
LP_CHECKED enum lp_code lp_notify_open(struct notify *ret, struct err *err);
void lp_notify_close(struct notify *notify); /* for LP_AUTO */

/* Started: units that wait for this one may go on. Also ends a reload. */
void lp_notify_ready(const struct notify *notify);

/* Reads its configuration again; tell lp_notify_ready when done. */
void lp_notify_reloading(const struct notify *notify);

/* Is ending, in order. */
void lp_notify_stopping(const struct notify *notify);

/* The line that `systemctl status` shows; cut at 200 bytes, control characters become spaces. */
void lp_notify_status(const struct notify *notify, const char *text);

/* Still alive. */
void lp_notify_watchdog(const struct notify *notify);

/*
 * How often to call lp_notify_watchdog: half of what WATCHDOG_USEC allows. 0: nobody watches
 * (the variable is missing or no number, or WATCHDOG_PID names another process).
 */
int64_t lp_watchdog_ms(void);
#endif

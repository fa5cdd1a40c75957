/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_LOOP_H
#define LIMPET_PLATFORM_LOOP_H
/*
 * The event loop: one thread, epoll. Descriptors, one-shot timers and signals
 * call back; a callback may add, change or remove anything, itself included,
 * and what it removed is not called any more, not even when it was ready too.
 */
#include "platform/err.h"

struct loop;

enum loop_events {
	LOOP_READ = 1,
	LOOP_WRITE = 2,
	LOOP_GONE = 4, /* hung up or broken; told unasked, until the descriptor is removed */
};

/*
 * A one-shot timer, owned by the caller and zeroed but for fire and ctx before its first use.
 * It may be set again, or its memory freed, once it has fired or is cancelled.
 */
struct timer {
	void (*fire)(void *ctx);
	void *ctx;
	int64_t at_ms; /* CLOCK_BOOTTIME; when it fires, while it is set */
	/* the loop's own: a pairing heap; back is a first child's parent, else the left sibling */
	bool set;
	struct timer *child, *next, *back;
};

/* Makes a loop; free it with lp_loop_free. LP_INTERNAL when the kernel refuses. */
LP_CHECKED enum lp_code lp_loop_new(struct loop **ret_loop, struct err *err);

/* Frees *loop (NULL is fine) and sets it to NULL; descriptors stay the caller's. For LP_AUTO. */
void lp_loop_free(struct loop **loop);

/*
 * Calls ready(ctx, events) whenever fd is ready for one of events (an OR of LOOP_READ and
 * LOOP_WRITE; 0 tells only LOOP_GONE). fd stays the caller's: remove it before closing it.
 * LP_INTERNAL when fd is there already or cannot be waited for; nothing is added then.
 */
LP_CHECKED enum lp_code lp_loop_fd(struct loop *loop, int fd, unsigned events,
				   void (*ready)(void *ctx, unsigned events), void *ctx,
				   struct err *err);

/* What fd is waited for from now on. A descriptor that is not in the loop is left alone. */
void lp_loop_change(struct loop *loop, int fd, unsigned events);

/* Takes fd out of the loop. One that is not in it, or -1, is fine. */
void lp_loop_remove(struct loop *loop, int fd);

/* Fires timer once, at or after at_ms (CLOCK_BOOTTIME); moves it when it is set already. */
void lp_loop_timer_set(struct loop *loop, struct timer *timer, int64_t at_ms);

/* The timer will not fire. One that is not set is fine. */
void lp_loop_timer_cancel(struct loop *loop, struct timer *timer);

/*
 * Calls got(ctx) for each signal signo from now on (blocked otherwise, in this process;
 * lp_role_spawn gives its children a clear mask). LP_INTERNAL when the kernel refuses.
 */
LP_CHECKED enum lp_code lp_loop_signal(struct loop *loop, int signo, void (*got)(void *ctx),
				       void *ctx, struct err *err);

/* Runs until lp_loop_stop. LP_INTERNAL when waiting fails. It can be run again. */
LP_CHECKED enum lp_code lp_loop_run(struct loop *loop, struct err *err);

/* lp_loop_run returns once the callback at hand is done. */
void lp_loop_stop(struct loop *loop);
#endif

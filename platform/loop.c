/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/loop.h"

#include "platform/clock.h"
#include "platform/fs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 32
#define SIGNALS_MAX    32
#define FDS_MAX        1024

/* What is called for one descriptor; found by its number. */
struct watch {
	void (*ready)(void *ctx, unsigned events); /* NULL: not in the loop */
	void *ctx;
	uint32_t turn; /* counts the times this number was added, so that an old event is known */
};

struct loop {
	int epoll_fd, timer_fd, signal_fd;
	bool stopped;
	struct watch *watches; /* owned; by descriptor */
	size_t n_watches;
	struct timer *timers; /* a pairing heap by at_ms; the timers are their owners' */
	int64_t armed_ms;     /* what timer_fd is set to; 0: not */
	int64_t fired_ms;     /* what was due then has fired; nothing is set to fire before */
	sigset_t signals;
	struct {
		void (*got)(void *ctx);
		void *ctx;
	} on_signal[SIGNALS_MAX];
};

/* --- timers: a pairing heap, because it needs no memory but the timers' own --- */

static struct timer *meld(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->at_ms < a->at_ms)
		return meld(b, a);
	b->next = a->child;
	b->back = a;
	if (a->child)
		a->child->back = b;
	a->child = b;
	a->next = a->back = NULL;
	return a;
}

/* Melds a list of siblings: in pairs from the left, then those from the right. */
static struct timer *meld_all(struct timer *first)
{
	struct timer *pairs = NULL, *whole = NULL;

	while (first) {
		struct timer *a = first, *b = first->next;
		first = b ? b->next : NULL;
		a->next = a->back = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct timer *rest = pairs->next;
		pairs->next = NULL;
		whole = meld(whole, pairs);
		pairs = rest;
	}
	return whole;
}

void lp_loop_timer_cancel(struct loop *loop, struct timer *timer)
{
	if (!timer->set)
		return;
	struct timer *below = meld_all(timer->child);
	if (timer == loop->timers) {
		loop->timers = below;
	} else {
		if (timer->back->child == timer)
			timer->back->child = timer->next;
		else
			timer->back->next = timer->next;
		if (timer->next)
			timer->next->back = timer->back;
		loop->timers = meld(loop->timers, below);
	}
	timer->set = false;
	timer->child = timer->next = timer->back = NULL;
}

void lp_loop_timer_set(struct loop *loop, struct timer *timer, int64_t at_ms)
{
	lp_loop_timer_cancel(loop, timer);
	/* or a callback that sets itself to "now" would hold up everything else for ever */
	timer->at_ms = at_ms > loop->fired_ms ? at_ms : loop->fired_ms + 1;
	timer->set = true;
	loop->timers = meld(loop->timers, timer);
}

static enum lp_code arm(struct loop *loop, struct err *err)
{
	int64_t at_ms = loop->timers ? loop->timers->at_ms : 0;
	struct itimerspec when = {0};

	if (at_ms == loop->armed_ms)
		return LP_OK;
	when.it_value.tv_sec = (time_t)(at_ms / 1000);
	when.it_value.tv_nsec = (long)(at_ms % 1000 * 1000000);
	if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) != 0)
		return lp_err_os(err, LP_INTERNAL, errno, "timerfd_settime");
	loop->armed_ms = at_ms;
	return LP_OK;
}

static void fire_due(void *ctx, unsigned events)
{
	struct loop *loop = ctx;
	uint64_t times;

	if (read(loop->timer_fd, &times, sizeof(times)) < 0)
		return;
	loop->armed_ms = 0;
	loop->fired_ms = lp_boot_ms();
	while (loop->timers && loop->timers->at_ms <= loop->fired_ms && !loop->stopped) {
		struct timer *due = loop->timers;
		lp_loop_timer_cancel(loop, due);
		due->fire(due->ctx);
	}
}

/* --- descriptors --- */

static struct watch *find(const struct loop *loop, int fd)
{
	if (fd < 0 || (size_t)fd >= loop->n_watches || !loop->watches[fd].ready)
		return NULL;
	return &loop->watches[fd];
}

static struct epoll_event event_of(int fd, uint32_t turn, unsigned events)
{
	return (struct epoll_event){.events = (events & LOOP_READ ? EPOLLIN : 0u) |
					      (events & LOOP_WRITE ? EPOLLOUT : 0u),
				    .data.u64 = (uint64_t)turn << 32 | (uint32_t)fd};
}

static enum lp_code make_room(struct loop *loop, int fd, struct err *err)
{
	size_t n = ((size_t)fd + 16) / 16 * 16;

	if (fd < 0 || fd >= FDS_MAX)
		return lp_err_set(err, LP_INTERNAL, "descriptor %d is not below %d", fd, FDS_MAX);
	if (n <= loop->n_watches)
		return LP_OK;
	struct watch *watches = realloc(loop->watches, n * sizeof(*watches));
	if (!watches)
		return lp_err_nomem(err, "event loop");
	memset(watches + loop->n_watches, 0, (n - loop->n_watches) * sizeof(*watches));
	loop->watches = watches;
	loop->n_watches = n;
	return LP_OK;
}

enum lp_code lp_loop_fd(struct loop *loop, int fd, unsigned events,
			void (*ready)(void *ctx, unsigned events), void *ctx, struct err *err)
{
	LP_TRY(make_room(loop, fd, err));
	struct watch *watch = &loop->watches[fd];
	struct epoll_event event = event_of(fd, watch->turn + 1, events);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		return lp_err_os(err, LP_INTERNAL, errno, "wait for descriptor %d", fd);
	*watch = (struct watch){.ready = ready, .ctx = ctx, .turn = watch->turn + 1};
	return LP_OK;
}

void lp_loop_change(struct loop *loop, int fd, unsigned events)
{
	struct watch *watch = find(loop, fd);

	if (!watch)
		return;
	struct epoll_event event = event_of(fd, watch->turn, events);
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

void lp_loop_remove(struct loop *loop, int fd)
{
	struct watch *watch = find(loop, fd);

	if (!watch)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	watch->ready = NULL;
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
	const struct watch *watch = find(loop, (int)(uint32_t)event->data.u64);
	unsigned events = (event->events & EPOLLIN ? LOOP_READ : 0u) |
			  (event->events & EPOLLOUT ? LOOP_WRITE : 0u) |
			  (event->events & (EPOLLHUP | EPOLLERR) ? LOOP_GONE : 0u);

	/* A callback before this one may have removed it, or put another in its place. */
	if (watch && watch->turn == event->data.u64 >> 32)
		watch->ready(watch->ctx, events);
}

/* --- signals --- */

static void read_signals(void *ctx, unsigned events)
{
	struct loop *loop = ctx;
	struct signalfd_siginfo info;

	while (!loop->stopped && read(loop->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo < SIGNALS_MAX && loop->on_signal[info.ssi_signo].got)
			loop->on_signal[info.ssi_signo].got(loop->on_signal[info.ssi_signo].ctx);
}

enum lp_code lp_loop_signal(struct loop *loop, int signo, void (*got)(void *ctx), void *ctx,
			    struct err *err)
{
	if (signo < 1 || signo >= SIGNALS_MAX)
		return lp_err_set(err, LP_INTERNAL, "signal %d is not below %d", signo,
				  SIGNALS_MAX);
	sigaddset(&loop->signals, signo);
	if (sigprocmask(SIG_BLOCK, &loop->signals, NULL) != 0 ||
	    signalfd(loop->signal_fd, &loop->signals, SFD_NONBLOCK | SFD_CLOEXEC) < 0)
		return lp_err_os(err, LP_INTERNAL, errno, "signalfd");
	loop->on_signal[signo].got = got;
	loop->on_signal[signo].ctx = ctx;
	return LP_OK;
}

static enum lp_code open_fds(struct loop *loop, struct err *err)
{
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	loop->signal_fd = signalfd(-1, &loop->signals, SFD_NONBLOCK | SFD_CLOEXEC);
	if (loop->epoll_fd < 0 || loop->timer_fd < 0 || loop->signal_fd < 0)
		return lp_err_os(err, LP_INTERNAL, errno, "event loop");
	LP_TRY(lp_loop_fd(loop, loop->timer_fd, LOOP_READ, fire_due, loop, err));
	return lp_loop_fd(loop, loop->signal_fd, LOOP_READ, read_signals, loop, err);
}

enum lp_code lp_loop_new(struct loop **ret_loop, struct err *err)
{
	LP_AUTO(lp_loop_free) struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return lp_err_nomem(err, "event loop");
	loop->epoll_fd = loop->timer_fd = loop->signal_fd = -1;
	sigemptyset(&loop->signals);
	LP_TRY(open_fds(loop, err));
	*ret_loop = LP_STEAL(loop);
	return LP_OK;
}

void lp_loop_free(struct loop **loop)
{
	if (!*loop)
		return;
	lp_close(&(*loop)->epoll_fd);
	lp_close(&(*loop)->timer_fd);
	lp_close(&(*loop)->signal_fd);
	free((*loop)->watches);
	free(*loop);
	*loop = NULL;
}

enum lp_code lp_loop_run(struct loop *loop, struct err *err)
{
	struct epoll_event events[EVENTS_AT_ONCE];

	loop->stopped = false;
	while (!loop->stopped) {
		LP_TRY(arm(loop, err));
		int n = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, -1);
		if (n < 0 && errno != EINTR)
			return lp_err_os(err, LP_INTERNAL, errno, "epoll_wait");
		for (int i = 0; i < n && !loop->stopped; i++)
			dispatch(loop, &events[i]);
	}
	return LP_OK;
}

void lp_loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

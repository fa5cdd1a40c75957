/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/link.h"

#include "platform/clock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define END_WAIT_MS 2000 /* for a role that has closed its channel to end by itself */

void lp_link_end(struct link *link)
{
	if (!link->up)
		return;
	link->up = false;
	lp_loop_timer_cancel(link->loop, &link->deadline);
	lp_loop_remove(link->loop, link->role.channel.fd);
	lp_role_free(&link->role);
}

/* How the role ended, in words; waits for it as long as a tidy end may take. */
static void ending(struct link *link, char *to, size_t size)
{
	struct pollfd ended = {.fd = link->role.pidfd, .events = POLLIN};
	struct role_end end = {0};
	struct err err = {0};

	if (poll(&ended, 1, END_WAIT_MS) == 1 && lp_role_reap(&link->role, &end, &err) == LP_OK)
		snprintf(to, size, "role %s: %s", link->role.name, end.text);
	else
		snprintf(to, size, "role %s: closed its channel and went on", link->role.name);
}

static void gone(struct link *link, const char *why)
{
	char text[LP_ERR_MAX];

	if (why)
		snprintf(text, sizeof(text), "role %s: %s", link->role.name, why);
	else
		ending(link, text, sizeof(text));
	lp_link_end(link);
	link->on_gone(link->ctx, text);
}

/* Gives whole frames to the owner until there is none left or the link is down. */
static enum lp_code deliver(struct link *link, struct err *err)
{
	unsigned generation = link->generation;
	bool found = true;

	while (link->up && link->generation == generation) {
		struct wire_reader frame = {0};
		LP_TRY(lp_channel_next(&link->role.channel, &found, &frame, err));
		if (!found)
			return LP_OK;
		LP_TRY(link->on_frame(link->ctx, &frame, err));
	}
	return LP_OK;
}

static void read_frames(struct link *link)
{
	unsigned generation = link->generation;
	struct err err = {0};
	bool closed = false;

	if (lp_channel_fill(&link->role.channel, &closed, &err) != LP_OK ||
	    deliver(link, &err) != LP_OK) {
		if (link->up && link->generation == generation)
			gone(link, err.msg);
		return;
	}
	if (closed && link->up && link->generation == generation)
		gone(link, NULL);
}

void lp_link_send(struct link *link)
{
	struct err err = {0};
	size_t left = 0;

	/* A broken channel shows as LOOP_GONE, where it is dealt with once. */
	if (lp_channel_drain(&link->role.channel, &left, &err) != LP_OK)
		left = 0;
	lp_loop_change(link->loop, link->role.channel.fd,
		       left ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void ready(void *ctx, unsigned events)
{
	struct link *link = ctx;

	if (events & LOOP_WRITE)
		lp_link_send(link);
	if (link->up && (events & (LOOP_READ | LOOP_GONE)))
		read_frames(link);
}

static void deadline(void *ctx)
{
	gone(ctx, "took longer than it may and was ended");
}

enum lp_code lp_link_start(struct link *link, const char *name, struct err *err)
{
	static unsigned generations;

	link->role = LP_ROLE_CHILD;
	LP_TRY(lp_role_spawn(name, &link->role, err));
	if (lp_loop_fd(link->loop, link->role.channel.fd, LOOP_READ, ready, link, err) != LP_OK) {
		lp_role_free(&link->role);
		return err->code;
	}
	link->deadline = (struct timer){.fire = deadline, .ctx = link};
	link->generation = ++generations;
	link->up = true;
	return LP_OK;
}

struct buf *lp_link_out(struct link *link)
{
	return &link->role.channel.out;
}

size_t lp_link_waiting(const struct link *link)
{
	return link->role.channel.out.len;
}

void lp_link_deadline(struct link *link, int64_t ms)
{
	if (ms)
		lp_loop_timer_set(link->loop, &link->deadline, lp_boot_ms() + ms);
	else
		lp_loop_timer_cancel(link->loop, &link->deadline);
}

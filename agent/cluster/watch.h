/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_WATCH_H
#define LIMPET_AGENT_CLUSTER_WATCH_H
/*
 * One watch from the inside: how watches.c drives what watch.c does, and what
 * watch_tell.c makes of the answers.
 */
#include "agent/cluster/stream.h"
#include "agent/cluster/watches.h"

enum watch_state {
	WATCH_PAUSED,  /* until wake_ms */
	WATCH_LISTING, /* a page of a LIST is on its way */
	WATCH_FILLING, /* a watch that begins with all that is there */
	WATCH_OPEN,    /* changes are told */
};

/* One kind. */
struct watch {
	struct cluster *cluster;
	char group[LP_GROUP_MAX], kind[LP_KIND_MAX];
	char api_version[LP_VERSION_MAX]; /* that it is asked for in */
	bool ordered;
	enum watch_state state;
	bool in_sync;                          /* END was told, and not LOST since */
	bool lost;                             /* LOST was told, and not END since */
	int lost_status;                       /* with which status */
	bool unserved;                         /* waits for discovery to find the kind */
	bool unfit;                            /* one with a name that we do not take was told of */
	bool unauthorized;                     /* waits for another credential */
	char version[LP_RESOURCE_VERSION_MAX]; /* to go on from; "": begin with a list */
	char highest[LP_RESOURCE_VERSION_MAX]; /* of all lists and changes */
	struct buf more;                       /* the continue token of the next page */
	unsigned pages;                        /* of the list so far */
	unsigned failures;                     /* in a row */
	unsigned connection;                   /* on which version was learnt */
	bool listed;                           /* by a LIST: the watch may make a connection */
	int64_t begun_ms, heard_ms, wake_ms;   /* CLOCK_BOOTTIME */

	/* the call on its way, or the last one */
	struct http_call *call;
	struct stream *stream;
	bool ended, strange; /* strange: on another connection than version was learnt on */
	int status;
	enum lp_code code;
	char why[256];
	int64_t retry_after_ms;
	struct buf refusal; /* the body of an answer that is no success */
};

struct watches {
	struct watch *at[LP_WATCHES_MAX]; /* owned */
	unsigned count;
	char selector[LP_SOURCES_MAX * LP_APPLYSET_ID_MAX + 64];
	int64_t timeout_ms, silence_ms;
	bool no_filling;      /* this server cannot begin a watch with a list */
	unsigned connections; /* made so far: another one may be to another server */
};

/* Asks from where it ended, or for a list. */
void lp_watch_begin(struct watch *watch);

/* Its call has ended: begins again, now or later. */
void lp_watch_end(struct watch *watch);

/* No word for long: it or its connection is dead, though nobody said so. */
void lp_watch_silent(struct watch *watch);

/* What is there does not come to an end within the time of a list: asks for a list instead. */
void lp_watch_unfilled(struct watch *watch);

/* Begins with a list, soon: what was seen before is told to be worth nothing. */
void lp_watch_anew(struct watch *watch);

/* Ends its call and frees it. */
void lp_watch_free(struct watch *watch);

/* --- watch_tell.c --- */

/* Tells a sighting of the kind as such. */
void lp_watch_tell(struct watch *watch, enum sighting_kind kind, const char *message);

/* Changes may be missed from now on, and the next call begins with a list. Told once until the
 * next END, and again for another refusal. status as in struct sighting. */
void lp_watch_lose(struct watch *watch, int status, const char *why);

/* As lp_watch_lose, and what was known of the past does not hold: the server keeps no such
 * history, or another one. */
void lp_watch_lose_history(struct watch *watch, const char *why);

/* All that is there was told; the state of that version. */
void lp_watch_filled(struct watch *watch, const char *version);

/* The sink of its stream; ctx is the watch. */
enum lp_code lp_watch_take(void *ctx, const struct told *told, struct err *err);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_SIGHTING_H
#define LIMPET_AGENT_CLUSTER_SIGHTING_H
/*
 * The doors of the watches: supervisor -> cluster, which kinds are to be
 * watched; cluster -> supervisor, what is seen of them. The cluster role
 * remembers no object: whoever is told knows what was there before.
 */
#include "agent/cluster/metadata.h"

enum sighting_kind {
	SIGHT_BEGIN, /* a list of the kind begins: what is not told before its END is gone */
	SIGHT_THERE, /* an object as it is now */
	SIGHT_GONE,  /* it was deleted, or lost the label; uid and live are of its last state */
	SIGHT_END,   /* the list is whole; from now on every change is told */
	SIGHT_LOST,  /* changes may be missed until the next END; message says why */
	SIGHT_BACK,  /* the API server went back in time: nothing known of any object holds */
	SIGHTING_COUNT,
};

struct sighting {
	enum sighting_kind kind;
	struct object_key key;            /* ns and name only of THERE and GONE */
	char part_of[LP_APPLYSET_ID_MAX]; /* its ApplySet label; "" none */
	char uid[LP_UID_MAX];
	struct live live;             /* of END: version alone, as the list said */
	unsigned marks;               /* an OR of enum sight_mark */
	char manager[LP_MANAGER_MAX]; /* whose entry besides ours has the latest time; "" nobody's
				       */
	int status; /* of LOST: what the server answered, 404 also when it serves no such kind;
		     * 0: nothing, or not to the end */
	char message[LP_EVENT_MESSAGE];
};

/* Which kinds to watch from now on, for all sources at once; replaces the order before. */
struct watch_order {
	char sources[LP_SOURCES_MAX][LP_SOURCE_NAME_MAX];
	unsigned source_count;
	struct watch_kind {
		char group[LP_GROUP_MAX], kind[LP_KIND_MAX];
	} * kinds; /* owned; freed by lp_watch_order_free */
	unsigned kind_count;
	int64_t timeout_ms; /* how long the server keeps one watch; 0: the role's default */
	int64_t silence_ms; /* without a word, bookmarks too, a watch is dead; 0: the default */
};
void lp_watch_order_free(struct watch_order *order); /* {0} is fine; for LP_AUTO */

/* As the functions of step.h; an order past LP_WATCHES_MAX kinds makes the reader bad. */
void lp_watch_order_put(struct wire_writer *w, const struct watch_order *order);
void lp_watch_order_take(struct wire_reader *r, struct watch_order *ret);
void lp_sighting_put(struct wire_writer *w, const struct sighting *sighting);
void lp_sighting_take(struct wire_reader *r, struct sighting *ret);

/* "there", "gone": for logs; never NULL. */
const char *lp_sighting_kind_name(enum sighting_kind kind);
#endif

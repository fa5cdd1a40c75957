/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_READING_H
#define LIMPET_AGENT_CLUSTER_READING_H
/*
 * What stream.c has read of an event or a list so far: texts of fixed size, as
 * the API server wrote them. What they mean is found when their bracket closes.
 */
#include "agent/cluster/stream.h"

/* An entry of managedFields. A text that is only compared is cut: then it is none we know. */
struct entry_read {
	char manager[LP_MANAGER_MAX], operation[8], subresource[8];
	char time[40], api_version[LP_GROUP_MAX + LP_VERSION_MAX + 4]; /* as written, with quotes */
	struct lp_hash hash; /* of fieldsV1, while it flows by */
	uint8_t fields[LP_LIVE_ENTRY];
	bool hashed; /* fields is there */
};

struct object_read {
	char ns[LP_NAME_MAX], name[LP_NAME_MAX], uid[LP_UID_MAX], part_of[LP_APPLYSET_ID_MAX];
	struct live live;
	char deletion[2], drift[8], initial_end[8]; /* only compared */
	bool unfit;                                 /* ns or name has a NUL, or was cut */
	unsigned marks;                             /* of its managedFields */
	char manager[LP_MANAGER_MAX], manager_time[40];
	/* of a Status */
	int64_t status;
	char reason[64], message[256];
};

struct reading {
	char type[12], kind[32];               /* of an event; of a list; only compared */
	char version[LP_RESOURCE_VERSION_MAX]; /* of a list */
	struct buf more;                       /* of a list: the continue token */
	struct object_read object;
	struct entry_read entry;
};

/* A reading at its beginning, or NULL out of memory. lp_reading_free takes NULL. */
struct reading *lp_reading_new(void);
void lp_reading_free(struct reading **reading);

/* An object, or an entry of managedFields, begins: nothing of it is read. */
void lp_reading_begin_object(struct reading *r);
void lp_reading_begin_entry(struct reading *r);

/* A piece of the entry's fieldsV1, or its last; hashed when the entry may be ours. */
void lp_reading_add_fields(struct reading *r, struct slice piece, bool last);

/* The entry is whole: what it says of the object. */
void lp_reading_end_entry(struct reading *r);

/*
 * Tells sink the event, the item or the list that was read. LP_REJECTED when it is none, or
 * an object without name, uid or version; else what sink returns.
 */
LP_CHECKED enum lp_code lp_reading_tell_event(const struct reading *r,
					      const struct stream_sink *sink, struct err *err);
LP_CHECKED enum lp_code lp_reading_tell_item(const struct reading *r,
					     const struct stream_sink *sink, struct err *err);
LP_CHECKED enum lp_code lp_reading_tell_list(const struct reading *r,
					     const struct stream_sink *sink, struct err *err);
#endif

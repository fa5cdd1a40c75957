/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_METADATA_H
#define LIMPET_AGENT_CLUSTER_METADATA_H
/*
 * What we read of an object that the API server sent as PartialObjectMetadata,
 * and what we write into one before it is sent: the label that makes it ours.
 */
#include "agent/annotations.h"
#include "agent/cluster/step.h"

#define LP_FIELD_MANAGER   "limpet"
#define LP_PART_OF_LABEL   "applyset.kubernetes.io/part-of"
/* Owns what was ours and is no longer, so that the API server keeps it as it is. */
#define LP_HANDED_MANAGER  LP_FIELD_MANAGER "-handed-over"
#define LP_APPLYSET_ID_MAX 64 /* "applyset-", 43 characters, "-v1" and a NUL: 56 */

/* Asks for metadata alone; a Status (an error) comes as it is. */
#define LP_ACCEPT_METADATA      "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#define LP_ACCEPT_METADATA_LIST "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

struct metadata {
	char ns[LP_NAME_MAX], name[LP_NAME_MAX];
	char uid[LP_UID_MAX];
	struct live live;
	int64_t applied_s; /* server's wall clock; the time of our managedFields entry; 0 none */
	bool applied;      /* that entry is there: we have applied it, whatever its labels say */
	bool deleting;     /* deletionTimestamp is set */
	bool handed;       /* fields of ours were handed over: lp_managed_plan */
	unsigned marks;    /* an OR of enum sight_mark */
	struct slice labels, annotations; /* objects, as written; borrowed from the answer */
};

/* Reads one object. LP_REJECTED when it is not one (no uid, broken JSON); *ret is then zero. */
LP_CHECKED enum lp_code lp_metadata_read(struct slice object, struct metadata *ret,
					 struct err *err);

/*
 * What is kept of our entry of managedFields, by whatever reader: the SHA-256 of apiVersion and
 * time, each as written and with a line end, and of the SHA-256 of fieldsV1 as written (so that
 * it may have flowed by before the others came). What is not there is empty.
 */
void lp_entry_digest(struct slice api_version, struct slice time,
		     const uint8_t fields[LP_LIVE_ENTRY], uint8_t ret[LP_LIVE_ENTRY]);

/* A label or annotation, as written; length 0 when it is not there. */
struct slice lp_metadata_label(const struct metadata *metadata, const char *key);
struct slice lp_metadata_annotation(const struct metadata *metadata, const char *key);

/* Where an object has the words by which it asks for something: objects, as written; borrowed. */
struct object_words {
	struct slice labels, annotations;
};
struct object_words lp_words_of(struct slice object);

/* By what they ask for it where they stand (an OR of ASKED_...); NULL: they do not. */
const struct annotation *lp_words_ask(const struct object_words *words, enum asks asks,
				      unsigned where);

/* By what an object in the cluster asks for it; NULL: it does not. */
const struct annotation *lp_metadata_asks(const struct metadata *metadata, enum asks asks);

/*
 * Whether an apply that was told `known` before, was sent at sent_s (our wall clock) and answered
 * `now` changed the object, and not somebody else in between.
 */
bool lp_live_moved(const struct live *known, const struct metadata *now, int64_t sent_s);

/*
 * Appends the object in body (canonical JSON) to out with the label part-of = id. LP_REJECTED:
 * no object, no metadata, labels that are no object, or a part-of label of its own.
 */
LP_CHECKED enum lp_code lp_metadata_mark(struct slice body, const char *id, struct buf *out,
					 struct err *err);

/* Decimal resourceVersions: whether a is newer than b. False when one is not a decimal number. */
bool lp_version_newer(const char *a, const char *b);
#endif

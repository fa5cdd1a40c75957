/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_ANNOTATIONS_H
#define LIMPET_AGENT_ANNOTATIONS_H
/*
 * What an object can ask of limpet by its annotations, and the words of Flux and
 * Argo CD that ask for the same. One table (annotations.c) holds all that is
 * honoured; the readers, `limpet help annotations` and the README are made from it.
 */
#include "platform/buf.h"
#include "platform/json.h"

#define LP_DRIFT_ANNOTATION    "limpet.dev/drift"
#define LP_IGNORE_ANNOTATION   "limpet.dev/ignore"
#define LP_PRUNE_ANNOTATION    "limpet.dev/prune"
#define LP_RECREATE_ANNOTATION "limpet.dev/recreate"
#define LP_RESTART_ANNOTATION  "limpet.dev/restart"
#define LP_WAIT_ANNOTATION     "limpet.dev/wait"

enum asks {
	ASKS_REPORT,     /* a foreign edit is told of, and left */
	ASKS_HEAL,       /* it is healed, whatever the live object says */
	ASKS_IGNORE,     /* the fields that its JSON pointers name may be others' */
	ASKS_LEAVE,      /* the object is neither applied nor pruned */
	ASKS_ONCE,       /* it is made when it is missing, and then left alone */
	ASKS_KEEP,       /* the object is not deleted when it is no longer wanted */
	ASKS_RECREATE,   /* it is deleted and made anew when a field of it cannot change */
	ASKS_NO_RESTART, /* no pod restarts for a ConfigMap or Secret */
	ASKS_NO_WAIT,    /* nothing waits for it */
	ASKS_COUNT,
};

/* On which object it is looked for: as it is written in the revision, or as it is in the cluster.
 */
enum { ASKED_IN_REVISION = 1, ASKED_IN_CLUSTER = 2 };

/* One way to ask. */
struct annotation {
	const char *key, *value; /* compared without regard to case, as Flux does; IGNORE: any */
	enum asks asks;
	unsigned where;  /* an OR of ASKED_... */
	bool listed;     /* the value is one of a comma list, written exactly so */
	bool label;      /* a label of that name asks for the same */
	const char *who; /* whose word it is: "limpet", "Flux", "Argo CD" */
};
extern const struct annotation lp_annotations[]; /* ended by one without a key */

/* Whether the text of an annotation (or label) of that key asks so. */
bool lp_annotation_says(const struct annotation *annotation, struct slice text);

/* Where the texts come from: text of that annotation, or label; length 0 when it is not there. */
struct annotation_reader {
	const void *ctx;
	struct slice (*read)(const void *ctx, const char *key, bool label);
};

/* The first way in the table by which an object there (an OR of ASKED_...) asks for it; NULL: it
 * does not. */
const struct annotation *lp_annotations_ask(enum asks asks, unsigned where,
					    const struct annotation_reader *reader);

/* As lp_annotations_ask, for the limpet.dev/... one of a single key and its text. */
bool lp_annotation_is(const char *key, struct slice text, enum asks asks);

/*
 * Whether the text of a limpet.dev/... annotation is one that the table has. Otherwise *ret (size
 * bytes with its NUL) is what it could be: "\"report\" or \"heal\"".
 */
bool lp_annotation_known(const char *key, struct slice text, char *ret, size_t size);

/* Appends the table for people, as Markdown. */
LP_CHECKED enum lp_code lp_annotations_reference(struct buf *out, struct err *err);
/* The same for programs: a list in doc of {key, value, in, meaning, same: [{by, key, value}]}. */
struct jval *lp_annotations_reference_json(struct json *doc);
#endif

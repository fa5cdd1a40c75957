/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_STREAM_H
#define LIMPET_AGENT_CLUSTER_STREAM_H
/*
 * Reads a watch or a list of PartialObjectMetadata as it comes, byte by byte:
 * nothing of it is collected. What is kept of an object is a struct sighting;
 * its other labels and annotations are passed over, and managedFields is hashed
 * while it flows by. A watch is JSON objects, one behind the other
 * ({"type":"MODIFIED","object":{...}}), a list is one object with "items".
 */
#include "agent/cluster/sighting.h"
#include "platform/crypto.h"

enum stream_form { STREAM_WATCH, STREAM_LIST };

enum told_kind {
	TOLD_THERE,    /* ADDED, MODIFIED, or an item of a list: *object */
	TOLD_GONE,     /* DELETED: *object as it was */
	TOLD_UNFIT,    /* any of these, with a name that limpet takes from nobody: of *object only
			  live.version; message: the name, cut */
	TOLD_BOOKMARK, /* object->live.version; initial_end: the objects so far are all */
	TOLD_ERROR,    /* an ERROR event, or a Status instead of a list: status, reason, message */
	TOLD_LIST,     /* the list's end: version, and what goes on behind it */
};

/* One thing that was read; borrowed for the call. */
struct told {
	enum told_kind kind;
	struct sighting object; /* kind, and key.group to key.kind, are the caller's to set */
	bool initial_end;
	int status; /* metav1.Status.code */
	char reason[64];
	char message[256]; /* cut, fit for one line */
	char version[LP_RESOURCE_VERSION_MAX];
	const char *more; /* LIST: the continue token, "" none */
};

/* Whoever listens; an error ends the stream. */
struct stream_sink {
	void *ctx;
	enum lp_code (*tell)(void *ctx, const struct told *told, struct err *err);
};

struct stream; /* 200 bytes between events, 2.5 KiB within one, whatever comes */

/* A reader at the beginning of a stream; LP_INTERNAL. lp_stream_free takes NULL, for LP_AUTO. */
LP_CHECKED enum lp_code lp_stream_new(enum stream_form form, const struct stream_sink *sink,
				      struct stream **ret, struct err *err);
void lp_stream_free(struct stream **stream);

/*
 * Reads on. LP_REJECTED: no JSON of that form, an object without name, uid or version; LP_LIMIT:
 * an event of more than LP_STREAM_EVENT_BYTES, nesting past LP_STREAM_DEPTH, a continue token past
 * LP_CONTINUE_BYTES; or what tell() returned. The stream is then over. Members that come twice or
 * in any order are read; what is too long for its field makes the object LP_REJECTED, but for
 * names, which are then unfit, and messages and managers, which are cut.
 */
LP_CHECKED enum lp_code lp_stream_feed(struct stream *stream, const uint8_t *data, size_t n,
				       struct err *err);

/* Whether all that was begun has ended: a watch between two events, a list behind its bracket. */
bool lp_stream_at_rest(const struct stream *stream);
#endif

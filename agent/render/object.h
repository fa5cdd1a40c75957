/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_OBJECT_H
#define LIMPET_AGENT_RENDER_OBJECT_H
/*
 * The door render -> store: one Kubernetes object of a revision, checked and
 * complete, and where it was written. Made only by render/.
 */
#include "platform/buf.h"
#include "platform/limits.h"
#include "platform/wire.h"

enum scope {
	SCOPE_UNKNOWN, /* a custom kind that neither the revision nor the cluster defines yet */
	SCOPE_NAMESPACED,
	SCOPE_CLUSTER,
};

/* In which stage of an apply an object belongs; each stage waits for the one before. */
enum stage {
	STAGE_CRDS, /* wait to be Established */
	STAGE_NAMESPACES,
	STAGE_CLASSES, /* kinds that end in Class: StorageClass, PriorityClass, ... */
	STAGE_REST,
	STAGE_GATES, /* webhook configurations and APIServices, last */
	STAGES,
};

/* What names an object in the API. Empty group: core. Empty ns: cluster-scoped (or not known). */
struct object_key {
	char group[LP_GROUP_MAX];
	char version[LP_VERSION_MAX]; /* not part of the identity */
	char kind[LP_KIND_MAX];
	char ns[LP_NAME_MAX];
	char name[LP_NAME_MAX];
};

struct object {
	struct object_key key;
	enum scope scope;
	enum stage stage;
	int kind_order;           /* within a stage; smaller is applied first */
	int wave;                 /* within a stage; 0 so far */
	uint8_t digest[32];       /* SHA-256 of json */
	char file[LP_ORIGIN_MAX]; /* below the source's path: "apps/till.yaml" */
	unsigned line;            /* 1-based, where the object begins */
	struct slice json;        /* canonical JSON; borrowed */
};

/* Same group, kind, namespace and name; versions may differ. */
bool lp_object_key_equal(const struct object_key *a, const struct object_key *b);

/* "Deployment.apps shop/till", "Namespace shop" for people and logs. Returns to. */
const char *lp_object_key_text(const struct object_key *key, char to[LP_KEY_TEXT]);

/*
 * Across the pipe from the render role. What is taken is checked: a bad enum, a name that is
 * empty or too long, JSON past LP_OBJECT_BYTES make the reader bad. json is then borrowed from
 * the frame.
 */
void lp_object_put(struct wire_writer *w, const struct object *object);
void lp_object_take(struct wire_reader *r, struct object *ret);
#endif

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

/* On a workload's pod template: what its pods were started with. On the workload itself: what they
 * were taken over with, until that changes. Ours alone to set. */
#define LP_CONFIG_DIGEST_ANNOTATION "limpet.dev/config-digest"

/* Whether a workload is to restart when what it uses of ConfigMaps and Secrets changes. */
enum config_use {
	CONFIG_NONE, /* it uses nothing of this revision, or it is no workload */
	CONFIG_KEPT, /* it does, and none of that is to restart it */
	CONFIG_USED,
	CONFIG_USE_COUNT,
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
	int kind_order;     /* within a stage; smaller is applied first */
	int wave;           /* within a stage; 0 so far */
	uint8_t digest[32]; /* SHA-256 of json */
	enum config_use use;
	uint8_t content[32];      /* USED: a hash of what it uses */
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

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_CONFIG_USE_H
#define LIMPET_AGENT_RENDER_CONFIG_USE_H
/*
 * Which keys of the revision's own ConfigMaps and Secrets a workload uses, and one hash of what
 * they hold: it changes when, and only when, its pods would see something else.
 *
 *	lp_config_note     for every workload: what it uses
 *	lp_config_want     then for every object: its file, if it is one that they use
 *	lp_config_fill     then for every object of those files: what it holds
 *	lp_config_of       then for every workload: the hash
 *
 * Workloads are Deployments, StatefulSets and DaemonSets of apps: only they replace their pods. A
 * Job's template cannot change, and a CronJob's next Job reads what is there by then.
 * Used is what envFrom, env.valueFrom, volumes and projected volumes of containers and
 * initContainers name; what is not in the revision does not count. Neither does an object that is
 * immutable or says limpet.dev/restart: "off"; a workload, or its pod template, may say so too.
 *
 * No value is kept: 32 bytes for each workload and object that it uses, and the names of the keys.
 */
#include "agent/render/limits.h"
#include "agent/render/object.h"
#include "platform/arena.h"
#include "platform/json.h"

#define LP_CONFIG_ID 16

struct used_key {
	struct used_key *next;
	const char *name;
	bool file; /* as a file; otherwise as a variable */
};

/* One workload's use of one object. */
struct used {
	uint8_t workload[LP_CONFIG_ID], object[LP_CONFIG_ID]; /* hashes of their names */
	bool all_env, all_files; /* every key, as variables or as files */
	bool off;                /* the workload wants no restart */
	enum config_use state;   /* NONE until the object was there */
	uint8_t content[32];     /* of the keys that it uses; of USED */
	struct used_key *keys;   /* in the arena */
};

enum config_order { CONFIG_AS_NOTED, CONFIG_BY_OBJECT, CONFIG_BY_WORKLOAD };

struct config_uses {
	struct arena arena;
	struct used *list; /* owned */
	size_t n, cap;
	unsigned references; /* all that were noted */
	const char **files;  /* owned, and what it points at is not; that hold what is used */
	size_t n_files, cap_files;
	bool files_sorted;
	enum config_order order; /* of list */
};

#define LP_CONFIG_USES ((struct config_uses){.arena = LP_ARENA(LP_CONFIG_USE_BYTES)})

/* Frees what uses holds; {0} is fine. For LP_AUTO. */
void lp_config_free(struct config_uses *uses);

/*
 * Notes what a workload uses; root may be any object, and only a workload's is looked at. key has
 * the namespace that it will be in, as for all of these. LP_LIMIT: past LP_CONFIG_REFERENCES or
 * LP_CONFIG_USE_BYTES; LP_INTERNAL.
 */
LP_CHECKED enum lp_code lp_config_note(struct config_uses *uses, const struct jval *root,
				       const struct object_key *key, struct err *err);

/* Notes the file (borrowed) of an object that a workload uses; others are ignored. LP_INTERNAL. */
LP_CHECKED enum lp_code lp_config_want(struct config_uses *uses, const struct object_key *key,
				       const char *file, struct err *err);

/* Whether a file was noted. */
bool lp_config_is_in(struct config_uses *uses, const char *file);

/*
 * Takes what a ConfigMap or Secret holds, after lp_normalise, when a workload uses it. LP_INTERNAL:
 * out of memory.
 */
LP_CHECKED enum lp_code lp_config_fill(struct config_uses *uses, const struct jval *root,
				       const struct object_key *key, struct err *err);

/* What is to be said of an object; ret is set for CONFIG_USED, and zero for the others. */
enum config_use lp_config_of(struct config_uses *uses, const struct object_key *key,
			     uint8_t ret[32]);

/* --- what config_use.c and config_fill.c share --- */

/* The uses of an object (borrowed until the next call of this header); NULL: none. */
struct used *lp_config_users(struct config_uses *uses, const struct object_key *key, size_t *ret_n);

/* Whether an object's metadata, or that of its pod template, says that it wants no restart. */
bool lp_config_is_off(const struct jval *metadata);
#endif

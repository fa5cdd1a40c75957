/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_OBJECT_H
#define LIMPET_STORE_OBJECT_H
/*
 * The objects of a stored revision. Keys and digests come by a cursor in apply
 * order; a body is read by its digest when its turn comes.
 */
#include "store/db.h"

/* What names an object in the API. Empty group: core. Empty ns: cluster-scoped. */
struct stored_key {
	char group[LP_GROUP_MAX];
	char version[LP_VERSION_MAX]; /* not part of the identity */
	char kind[LP_KIND_MAX];
	char ns[LP_NAME_MAX];
	char name[LP_NAME_MAX];
};

struct stored_object {
	struct stored_key key;
	int scope;                   /* the caller's enum, kept as it is; so are stage and order */
	int stage, wave, kind_order; /* the apply order: these three, then the key */
	uint8_t digest[LP_STORE_DIGEST];  /* SHA-256 of the body */
	int use;                          /* of ConfigMaps and Secrets; the caller's enum, 0 none */
	uint8_t content[LP_STORE_DIGEST]; /* the caller's hash of what it uses, or zero */
	char file[LP_ORIGIN_MAX];         /* below the source's path */
	unsigned line;                    /* 1-based */
};

/*
 * Walks the objects of a revision in apply order. No statement stays open between two calls, so
 * that the store may be written meanwhile. Start with LP_OBJECTS(revision).
 */
struct object_cursor {
	int64_t revision;
	bool started;
	struct stored_object at; /* the last one given */
};
#define LP_OBJECTS(revision_id) ((struct object_cursor){.revision = (revision_id)})

/* The next object is then cursor->at. LP_NOT_FOUND after the last one. */
LP_CHECKED enum lp_code lp_object_next(struct db *db, struct object_cursor *cursor,
				       struct err *err);

/* One object of a revision by group, kind, ns and name of key. LP_NOT_FOUND. */
LP_CHECKED enum lp_code lp_object_get(struct db *db, int64_t revision, const struct stored_key *key,
				      struct stored_object *ret, struct err *err);

/*
 * Appends the body of an object of source to json, whose ceiling bounds it. LP_NOT_FOUND when
 * no stored revision has it. LP_CORRUPT, naming the object, when the stored bytes do not have the
 * digest; json is then as before.
 */
LP_CHECKED enum lp_code lp_object_body(struct db *db, const char *source,
				       const struct stored_object *object, struct buf *json,
				       struct err *err);
#endif

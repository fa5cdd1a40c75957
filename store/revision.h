/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_REVISION_H
#define LIMPET_STORE_REVISION_H
/*
 * Revisions: what was accepted from a source, with its objects. A revision is
 * written whole, in the transaction that raises the trust floor to it.
 */
#include "store/object.h"

enum revision_state {
	LP_REVISION_ACCEPTED = 1, /* stored; nothing was applied yet */
	LP_REVISION_APPLYING,
	LP_REVISION_APPLIED,    /* all of it */
	LP_REVISION_INCOMPLETE, /* all that can be applied now (a kind is missing) */
	LP_REVISION_FAILED,
};

struct revision {
	int64_t id; /* grows with every accepted revision; never used again */
	char source[LP_SOURCE_NAME_MAX];
	uint8_t commit[LP_STORE_OID];
	uint8_t payload[LP_STORE_PAYLOAD]; /* the identity */
	uint8_t tree[LP_STORE_OID];
	char signer[LP_SIGNER_TEXT];           /* the principal */
	char fingerprint[LP_FINGERPRINT_TEXT]; /* of the key that signed */
	int64_t committed_s;                   /* wall, as the committer says */
	int64_t sequence;                      /* of its limpet.yaml; 0 none */
	int64_t expires_s;                     /* wall; of its limpet.yaml; 0 never */
	char subject[LP_SUBJECT_TEXT];
	int64_t accepted_s; /* wall */
	int64_t applied_s;  /* wall; the last time it became applied or incomplete, 0 never */
	enum revision_state state;
	unsigned objects;
	uint64_t bytes;               /* of all bodies, as JSON */
	char message[LP_MESSAGE_MAX]; /* the last error, or "" */
};

/* The word for people and JSON: "applied"; never NULL. */
const char *lp_revision_state_name(enum revision_state state);

/* --- accepting one: begin, add each object, commit --- */
struct revision_writer;

/*
 * Begins a revision from what's source, commit, payload, tree, signer, fingerprint, committed_s,
 * sequence, expires_s and subject (copied; the other fields are ignored). Objects are collected in
 * an unlinked file beside the database: until lp_revision_commit the database is untouched, and may
 * be used for anything else. Ended by lp_revision_abandon, also after a commit.
 */
LP_CHECKED enum lp_code lp_revision_begin(struct db *db, const struct revision *what,
					  struct revision_writer **ret_writer, struct err *err);

/*
 * Adds one object (copied) with its body. LP_REJECTED: the body does not have the digest. LP_LIMIT:
 * LP_OBJECTS_MAX, LP_OBJECT_BYTES or LP_REVISION_BYTES. After any error only abandon is useful.
 */
LP_CHECKED enum lp_code lp_revision_add(struct revision_writer *writer,
					const struct stored_object *object, struct slice json,
					struct err *err);

/*
 * Writes in one transaction: the revision (state accepted), its objects and bodies, the
 * accepted payload, the floor (floor.h) and, unless the source is pinned, the desired
 * revision of the source (state.h); a refusal of the same commit goes. LP_REJECTED: two objects
 * with one key; both places are named. On an error the store is as before.
 */
LP_CHECKED enum lp_code lp_revision_commit(struct revision_writer *writer, int64_t accepted_s,
					   int64_t *ret_id, struct err *err);

/* Frees *writer and what it collected; NULL is fine. For LP_AUTO. */
void lp_revision_abandon(struct revision_writer **writer);

/* --- reading --- */
#define LP_REVISION_NEWEST INT64_MAX

/*
 * The newest revision of source with an id below before. The list, newest first:
 *	int64_t at = LP_REVISION_NEWEST;
 *	while (lp_revision_before(db, source, at, &r, err) == LP_OK) { ...; at = r.id; }
 * LP_NOT_FOUND after the last one.
 */
LP_CHECKED enum lp_code lp_revision_before(struct db *db, const char *source, int64_t before,
					   struct revision *ret, struct err *err);

/* As lp_revision_before, but only one that was applied (applied_s != 0): where a rollback goes. */
LP_CHECKED enum lp_code lp_revision_previous(struct db *db, const char *source, int64_t before,
					     struct revision *ret, struct err *err);

/* By id. LP_NOT_FOUND also when it belongs to another source. */
LP_CHECKED enum lp_code lp_revision_get(struct db *db, const char *source, int64_t id,
					struct revision *ret, struct err *err);

/* The newest one with this payload. LP_NOT_FOUND. */
LP_CHECKED enum lp_code lp_revision_by_payload(struct db *db, const char *source,
					       const uint8_t payload[LP_STORE_PAYLOAD],
					       struct revision *ret, struct err *err);

/*
 * What a person typed: an id ("12"; fewer than 7 digits), the beginning of a commit (4 to 40 hex
 * digits), or "sha256:" and the beginning of a payload (4 to 64). LP_NOT_FOUND; LP_REJECTED
 * when it is none of these, or fits two different revisions (both are named).
 */
LP_CHECKED enum lp_code lp_revision_find(struct db *db, const char *source, const char *text,
					 struct revision *ret, struct err *err);

/* How many revisions of the source are kept. LP_CORRUPT, LP_TRANSIENT as all of the store. */
LP_CHECKED enum lp_code lp_revision_count(struct db *db, const char *source, unsigned *ret_count,
					  struct err *err);

/* --- changing --- */
/*
 * Sets state and last error (message is cut to LP_MESSAGE_MAX; "" none). APPLIED and INCOMPLETE set
 * applied_s to now_s when the state changes, and make it the source's applied revision
 * (state.h). Writes nothing when all is so already. LP_NOT_FOUND.
 */
LP_CHECKED enum lp_code lp_revision_set_state(struct db *db, int64_t id, enum revision_state state,
					      const char *message, int64_t now_s, struct err *err);

/*
 * Retention: drops the oldest revisions of source while there are more than keep_count, or one when
 * their bodies, deflated, take more than keep_bytes; then the bodies without users. At most
 * LP_DROPS_MAX at once: what is left goes with the next calls. Never dropped: the
 * newest, the desired, the applied, the pinned (of state.h, and pinned when not 0), the one of an
 * open journal intent, and the previous one of the desired and of the applied. *ret_dropped counts.
 */
LP_CHECKED enum lp_code lp_revision_gc(struct db *db, const char *source, uint64_t keep_bytes,
				       unsigned keep_count, int64_t pinned, unsigned *ret_dropped,
				       struct err *err);
#endif

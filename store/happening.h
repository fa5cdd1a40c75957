/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_HAPPENING_H
#define LIMPET_STORE_HAPPENING_H
/*
 * What happened, for people: the LP_HAPPENINGS_KEPT newest transitions of all sources, in the
 * order of their ids. The same once more raises the count of its row; that is held in memory and
 * written now and then, so that a storm of edits neither wears the flash nor pushes out the rest.
 */
#include "store/db.h"

/* Numbers are stored: a new kind goes to the end. */
enum happening_kind {
	LP_HAPPENED_DETECTED = 1, /* somebody else changed an object of ours */
	LP_HAPPENED_HEALED,       /* and it was put back */
	LP_HAPPENED_REPORTED,     /* or left so, because it is to be reported only */
	LP_HAPPENED_FOREIGN,      /* another manager added fields of its own, which it keeps */
	LP_HAPPENED_FIGHT,        /* another manager changes it again and again */
	/* from here on the steps that a source takes */
	LP_HAPPENED_ACCEPTED,
	LP_HAPPENED_REFUSED,
	LP_HAPPENED_APPLIED,
	LP_HAPPENED_INCOMPLETE,
	LP_HAPPENED_FAILED,
	LP_HAPPENED_PRUNED,
	LP_HAPPENED_ROLLED_BACK,
	LP_HAPPENED_SUSPENDED,
	LP_HAPPENED_RESUMED,
	/* up to here */
	LP_HAPPENED_AWAY, /* the API server */
	LP_HAPPENED_BACK,
	LP_HAPPENED_STORE_LOST,  /* the store was damaged: this one is new */
	LP_HAPPENED_STANDBY,     /* another agent holds the Lease, and writes */
	LP_HAPPENED_TOOK_OVER,   /* it is gone, and this one writes */
	LP_HAPPENED_RECREATED,   /* an object was deleted, to be made anew */
	LP_HAPPENED_OVERWRITTEN, /* new content went over what somebody else had changed */
	LP_HAPPENED_ADOPTED,     /* an object that others had made is applied now */
	LP_HAPPENED_KINDS,
};

/* "rolled-back": the word for people, logs and JSON; never NULL. */
const char *lp_happening_name(enum happening_kind kind);

/* False, and *ret untouched, for any other word. */
bool lp_happening_parse(const char *name, enum happening_kind *ret);

/* What is told. Texts are borrowed, NULL is "", a longer one than its column is cut. */
struct happening {
	enum happening_kind kind;
	const char *object; /* its key for people: "Deployment.apps shop/till" */
	int64_t revision;   /* 0: none */
	const char *by;     /* the field manager that changed it, or who signed */
	const char *message;
};

struct stored_happening {
	int64_t id; /* rises */
	char source[LP_SOURCE_NAME_MAX];
	int64_t at_s, last_s; /* wall; of the first time and of the last */
	int64_t count;        /* times */
	enum happening_kind kind;
	char object[LP_KEY_TEXT];
	int64_t revision;
	char by[LP_SIGNER_TEXT];
	char message[LP_HAPPENING_TEXT];
};

/* Repeats that are not written yet, for rows that are; {0} is none. Of the owner of the store. */
struct held_repeat {
	int64_t id; /* of the row */
	int64_t count;
	int64_t last_s; /* wall */
};
struct held_repeats {
	unsigned len;
	struct held_repeat list[LP_HAPPENINGS_KEPT];
};

/*
 * Adds a row and drops the oldest one past LP_HAPPENINGS_KEPT, in one transaction or in the one
 * that is open; *ret is the row. When the newest row that says the same (source, kind, object, by
 * and message) last happened less than LP_HAPPENING_REPEAT_S before now_s, and first less than
 * LP_HAPPENING_SPAN_S, nothing is added: its count is raised in held, or in the row when held is
 * NULL, and *ret is the row with that. Not so for a step of the source when it has taken another
 * since, or the order would be lost. Texts are made fit for a terminal.
 */
LP_CHECKED enum lp_code lp_happening_add(struct db *db, struct held_repeats *held,
					 const char *source, const struct happening *what,
					 int64_t now_s, struct stored_happening *ret,
					 struct err *err);

/* Writes what is held, in one transaction, and holds nothing then. None writes nothing. */
LP_CHECKED enum lp_code lp_happening_flush(struct db *db, struct held_repeats *held,
					   struct err *err);

/* The row of a source and a kind that happened last, with what is held of it. LP_NOT_FOUND. */
LP_CHECKED enum lp_code lp_happening_last(struct db *db, const struct held_repeats *held,
					  const char *source, enum happening_kind kind,
					  struct stored_happening *ret, struct err *err);

/*
 * Walks rows in their order, what is held of them included; no statement stays open between two
 * calls. held may be NULL. Rows with an id up to `id` are not given, so that an id that somebody
 * has seen is where to go on.
 */
struct happening_cursor {
	const char *source; /* borrowed; NULL: of all */
	int64_t since_s;    /* wall; only what (last) happened since then */
	int64_t id;
	struct stored_happening at; /* the last one given */
};

/* Moves the cursor on so that it gives the `count` newest of its rows and no more. */
LP_CHECKED enum lp_code lp_happening_newest(struct db *db, const struct held_repeats *held,
					    struct happening_cursor *cursor, unsigned count,
					    struct err *err);

/* The next row is then cursor->at. LP_NOT_FOUND after the last one. */
LP_CHECKED enum lp_code lp_happening_next(struct db *db, const struct held_repeats *held,
					  struct happening_cursor *cursor, struct err *err);
#endif

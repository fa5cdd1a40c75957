/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_DRIFT_TABLE_H
#define LIMPET_AGENT_CLUSTER_DRIFT_TABLE_H
/* The table of drift.h from the inside: its entries, and the kinds that they are of. */
#include "agent/cluster/drift.h"

#define LP_DRIFT_KEY 16

/* Hashes stand for names: 128 bits of SHA-256 do not meet. */
struct drift_entry {
	uint8_t key[LP_DRIFT_KEY], entry[LP_DRIFT_KEY];
	uint8_t uid[8];
	uint64_t version, seen; /* resourceVersions: of the answer, of sightings; 0: no number */
	int64_t generation;
	uint32_t due_s, healed_s; /* CLOCK_BOOTTIME; a suspect waits until; the last heal */
	uint16_t kind, round;
	uint8_t state, reason, heals;
	uint8_t fails; /* looks in a row that did */
	bool used, overridable;
	bool report; /* seen last: a person asks in the cluster for reports alone */
	bool older;  /* the list that is under way shows it as it was before our last write */
};

_Static_assert(sizeof(struct drift_entry) <= 88, "one for each object");

/* The entry of key; NULL: there is none. Valid until one is added or taken out. */
struct drift_entry *lp_drift_find(const struct drift *drift, const struct object_key *key);

/* The same; one that is not there is made, all zero but for its key. LP_INTERNAL: no memory. */
LP_CHECKED enum lp_code lp_drift_find_or_add(struct drift *drift, const struct object_key *key,
					     struct drift_entry **ret, struct err *err);

/* Changes the state, and counts. */
void lp_drift_set_state(struct drift *drift, struct drift_entry *entry, enum drift_state state);

/* Takes an entry out; others may move. */
void lp_drift_take_out(struct drift *drift, struct drift_entry *entry);

/* The kind of key, which is made unless it is there. LP_LIMIT past LP_DRIFT_KINDS, LP_INTERNAL. */
LP_CHECKED enum lp_code lp_drift_kind(struct drift *drift, const struct object_key *key,
				      struct drift_kind **ret, struct err *err);
#endif

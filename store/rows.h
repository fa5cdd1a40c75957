/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_ROWS_H
#define LIMPET_STORE_ROWS_H
/* Inside store/ only: columns that several tables have. */
#include "store/object.h"
#include "store/sql.h"

/* api_group, kind, ns, name: as they stand in every index of keys. */
void lp_put_key(struct sql *q, const struct stored_key *key);

/* The same, and version behind them. */
void lp_take_key(struct sql *q, struct stored_key *ret);

/* The key for people: "Deployment.apps shop/till". Returns to. */
#define LP_STORED_KEY_TEXT (LP_KIND_MAX + LP_GROUP_MAX + LP_NAME_MAX + LP_NAME_MAX)
const char *lp_stored_key_text(const struct stored_key *key, char to[LP_STORED_KEY_TEXT]);

/* Sets the desired revision of a source unless it is pinned. */
LP_CHECKED enum lp_code lp_state_desire(struct db *db, const char *source, int64_t revision,
					struct err *err);

/* Sets the applied revision of a source. */
LP_CHECKED enum lp_code lp_state_set_applied(struct db *db, const char *source, int64_t revision,
					     struct err *err);

/* Raises the floor to a revision that the same transaction has just written. */
LP_CHECKED enum lp_code lp_floor_raise(struct db *db, int64_t revision, struct err *err);
#endif

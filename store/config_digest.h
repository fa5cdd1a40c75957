/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_CONFIG_DIGEST_H
#define LIMPET_STORE_CONFIG_DIGEST_H
/*
 * What was told to the pods of each workload of the ConfigMaps and Secrets that it uses, and the
 * key of the digests that tell it. All of it can be lost: the cluster knows it too.
 */
#include "store/object.h"

#define LP_CONFIG_DIGEST 16 /* bytes: an HMAC, cut */
#define LP_CONFIG_KEY    32

struct config_digest {
	uint8_t shown[LP_CONFIG_DIGEST];    /* on its pod template; zero: none is */
	uint8_t made_for[LP_CONFIG_DIGEST]; /* of the content that its pods have; zero: not known */
};

/* LP_NOT_FOUND. */
LP_CHECKED enum lp_code lp_config_digest_get(struct db *db, const char *source,
					     const struct stored_key *key,
					     struct config_digest *ret, struct err *err);

/* Adds or replaces; an equal one is not written. LP_CORRUPT, LP_TRANSIENT as all of the store. */
LP_CHECKED enum lp_code lp_config_digest_put(struct db *db, const char *source,
					     const struct stored_key *key,
					     const struct config_digest *digest, struct err *err);

/* Removes one; one that is not there is fine. */
LP_CHECKED enum lp_code lp_config_digest_delete(struct db *db, const char *source,
						const struct stored_key *key, struct err *err);

/* Removes all of a source. LP_CORRUPT, LP_TRANSIENT as all of the store. */
LP_CHECKED enum lp_code lp_config_digests_forget(struct db *db, const char *source,
						 struct err *err);

/* LP_NOT_FOUND. */
LP_CHECKED enum lp_code lp_config_key_get(struct db *db, const char *source,
					  uint8_t ret[LP_CONFIG_KEY], struct err *err);

/*
 * Sets the key. When there was another one, made_for of all is zero afterwards: nothing that was
 * made with that key can be compared any more.
 */
LP_CHECKED enum lp_code lp_config_key_put(struct db *db, const char *source,
					  const uint8_t key[LP_CONFIG_KEY], struct err *err);

/* Whether any object of a revision has a config_use (object.h). */
LP_CHECKED enum lp_code lp_config_is_used(struct db *db, int64_t revision, bool *ret,
					  struct err *err);

/*
 * The next object of a revision, by its key, that has a config_use and of which nothing is stored
 * here. Start with *at zeroed; it is then the key of the one given. LP_NOT_FOUND after the last.
 */
LP_CHECKED enum lp_code lp_config_unknown(struct db *db, int64_t revision, struct stored_key *at,
					  struct err *err);
#endif

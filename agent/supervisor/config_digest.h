/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_SUPERVISOR_CONFIG_DIGEST_H
#define LIMPET_AGENT_SUPERVISOR_CONFIG_DIGEST_H
/*
 * Config changes restart pods: the annotation limpet.dev/config-digest on the pod template of a
 * workload is an HMAC of what it uses of the revision's ConfigMaps and Secrets.
 *
 * Two digests are kept of a workload: the one that its pod template shows, and the one of the
 * content that its pods were made for. While the content is that, the template stays as it is; so
 *	- a workload that ran before (shows none) gets the annotation with the first change;
 *	- one that is new shows its digest at once;
 *	- what is off, by configuration or annotation, leaves the template alone: no restart either.
 * Where the two differ, the workload itself carries the second as an annotation of the same name.
 * So the cluster knows all that the store does: a store that was lost asks each workload once
 * (STEP_CONFIG_LOOK), and the key is in a Secret (STEP_CONFIG_KEY). Should both keys be lost, the
 * annotated workloads restart once. Where store and Secret differ, the Secret's key is taken, and
 * what was made with the other is not compared any more: nothing restarts.
 *
 * The annotation is put into the body when it is sent, because the key can be unknown when a
 * revision is rendered. What is on record as applied is the digest of the body with it.
 */
#include "store/config_digest.h"

/* The digest of a content (a hash, see config_use.h) under a key. */
void lp_config_digest(const uint8_t key[LP_CONFIG_KEY], const uint8_t content[LP_STORE_DIGEST],
		      uint8_t ret[LP_CONFIG_DIGEST]);

/* What is to be of a workload whose content has this digest; NULL: it is to stay as it is. */
void lp_config_decide(struct config_digest *state, const uint8_t *digest);

/* What is known of a workload that nothing was stored of: the digests found on it, zero none. */
struct config_digest lp_config_found(const uint8_t shown[LP_CONFIG_DIGEST],
				     const uint8_t carried[LP_CONFIG_DIGEST]);

/*
 * What an object of a revision is to show when it is applied now; zero for what is no workload
 * that uses any. on: the source's configDigest. *ret_known (may be NULL): something is stored.
 */
LP_CHECKED enum lp_code lp_config_state(struct db *db, const char *source, bool on,
					const struct stored_object *object,
					struct config_digest *ret, bool *ret_known,
					struct err *err);

/* Whether anything is to be put into the body. */
bool lp_config_shows(const struct config_digest *state);

/* The digest of a body with what is put into it; that of the body alone when that is nothing. */
void lp_config_effective(const uint8_t body[LP_STORE_DIGEST], const struct config_digest *state,
			 uint8_t ret[LP_STORE_DIGEST]);

/*
 * Puts the annotations into a body (canonical JSON). Where they have no place, which the API
 * server refuses anyway, it is left as it is. LP_LIMIT past body's ceiling; it is then as before.
 */
LP_CHECKED enum lp_code lp_config_put(const struct config_digest *state, struct buf *body,
				      struct err *err);
#endif

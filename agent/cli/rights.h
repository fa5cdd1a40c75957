/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_RIGHTS_H
#define LIMPET_AGENT_CLI_RIGHTS_H
/*
 * The rights that limpet needs in the cluster for what the source holds there, and for its own
 * few objects: made from the kinds in the store, and asked for one by one.
 */
#include "agent/cluster/client.h"
#include "agent/config.h"

enum right {
	RIGHT_GET = 1,
	RIGHT_LIST = 2,
	RIGHT_WATCH = 4,
	RIGHT_CREATE = 8,
	RIGHT_PATCH = 16,
	RIGHT_DELETE = 32,
	RIGHT_ESCALATE = 64, /* write rights into a Role that we do not have */
	RIGHT_BIND = 128,    /* bind to a Role with such rights */
	RIGHTS_END = 256,
};

/* Some verbs on one resource. */
struct right_rule {
	char group[LP_GROUP_MAX];
	char resource[LP_KIND_MAX];
	char name[LP_NAME_MAX]; /* of one object; "" all */
	bool own;               /* in limpet's own namespace; else in all of the cluster */
	unsigned verbs;         /* an OR of enum right */
};

struct rights {
	struct right_rule *list; /* owned; the own ones first */
	size_t len, cap;
	char ns[LP_NAME_MAX]; /* limpet's own */
	char source[LP_SOURCE_NAME_MAX];
	unsigned kinds;            /* of the source */
	char unserved[LP_ERR_MAX]; /* kinds that the cluster did not serve; "" none */
	bool daemon;               /* a daemon told its kinds */
};

void lp_rights_free(struct rights *rights); /* {0} is fine; for LP_AUTO */

/* "patch": of one right; never NULL. */
const char *lp_right_name(unsigned right);

/*
 * What the first source needs, by the daemon's kinds or the store's; where nothing was ever
 * stored, what limpet needs to begin. Errors are the store's and the daemon's.
 */
LP_CHECKED enum lp_code lp_rights_load(const struct config *config, struct rights *ret,
				       struct err *err);

/* Opens the client of the configuration. Errors as lp_client_open. */
LP_CHECKED enum lp_code lp_rights_connect(const struct config *config, struct client *client,
					  struct err *err);

/* Whether the client's user may do all of everything. LP_CONFIG: the server will not say. */
LP_CHECKED enum lp_code lp_rights_all(const struct client *client, bool *ret, struct err *err);

/*
 * Asks about each right; missing is called for those that are not there. Says how far it is on
 * stderr when it takes long. Errors as lp_rights_all, and what there was was told.
 */
LP_CHECKED enum lp_code lp_rights_ask(const struct client *client, const struct rights *rights,
				      void (*missing)(void *ctx, const struct right_rule *rule,
						      unsigned right),
				      void *ctx, struct err *err);
#endif

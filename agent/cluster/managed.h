/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_MANAGED_H
#define LIMPET_AGENT_CLUSTER_MANAGED_H
/*
 * Who owns which fields of an object, by the managedFields that the API server
 * sent, and what to rewrite of it before an apply. Paths alone are looked at,
 * never a value of the live object.
 */
#include "agent/cluster/metadata.h"
#include "platform/json.h"

/*
 * Has what was there when the first apply came or managedFields were reset, whoever set it: a
 * claim's volume, a controller's finalizers. None of that may go because it is not in a manifest.
 */
#define LP_UNKNOWN_MANAGER "before-first-apply"

/* One entry of managedFields; all of it borrowed from the document. */
struct manager_entry {
	const char *manager, *operation, *subresource, *time; /* "" what it does not say */
	struct jval *value, *fields;                          /* fields: NULL none */
	bool ours;                                            /* by Apply, on the object itself */
	bool overridable;
	bool unknown; /* of LP_UNKNOWN_MANAGER */
};
struct managed {
	struct json *doc;           /* owned; its root is the list */
	struct manager_entry *list; /* owned; in the list's order */
	size_t count;
};

/*
 * Reads managedFields of an object (PartialObjectMetadata); one without any has count 0.
 * LP_REJECTED: broken; LP_LIMIT: LP_MANAGED_MEMORY. *ret is then {0}. Free with lp_managed_free,
 * which takes {0}, for LP_AUTO.
 */
LP_CHECKED enum lp_code lp_managed_read(struct slice object, struct managed *ret, struct err *err);
void lp_managed_free(struct managed *managed);

/* What shall be done to managedFields before an apply of `desired`. */
struct managed_wish {
	bool take;               /* overridable managers' fields become ours; what is left of
				    LP_UNKNOWN_MANAGER's without ours is handed over */
	bool renew;              /* every entry is said to be of api_version */
	const char *api_version; /* of desired: "apps/v1" */
	struct slice handed;     /* JSON pointers, one a line, as struct step has them */
	struct json *desired;    /* what will be applied; NULL only when handed is empty */
};

/* What came of it. */
struct managed_plan {
	bool takes;      /* another manager's entry, or kubectl's annotation, goes */
	bool hands;      /* fields are handed over, or what was is ours again */
	char whole[200]; /* the first pointer that cannot be handed over; cut; "" none */
};

/*
 * Appends the JSON patch (RFC 6902) that rewrites managedFields of object, as the API server
 * sent it, and fails with 409 when the object has moved since; nothing when there is nothing to
 * rewrite. What `handed` names is taken out of wish->desired, but for what is part of a value
 * that we own as a whole (a list that the API server takes for one value, an item that it does
 * not have yet): that stays ours. A pointer goes through a list by the index in desired.
 * LP_REJECTED: no resourceVersion, broken managedFields, or a pointer that is none; LP_LIMIT:
 * LP_MANAGED_MEMORY. desired is then of no use.
 */
LP_CHECKED enum lp_code lp_managed_plan(struct slice object, const struct managed_wish *wish,
					struct managed_plan *ret, struct buf *patch,
					struct err *err);

/* Appends the patch that puts managedFields (as text) back, if the object is still of version. */
LP_CHECKED enum lp_code lp_managed_put_back(struct slice fields, const char *version,
					    struct buf *patch, struct err *err);
#endif

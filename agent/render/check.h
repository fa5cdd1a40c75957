/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_CHECK_H
#define LIMPET_AGENT_RENDER_CHECK_H
/*
 * What can be said of one object by itself: its form (check.c), and the form
 * in which it is applied (normalise.c).
 */
#include "agent/render/manifest.h"
#include "agent/render/object.h"

/*
 * Judges apiVersion, kind and metadata. *ret is its key, with the namespace as it is written.
 * False when something was wrong and went to problems; the parts of *ret that were are "".
 */
bool lp_check_object(const struct manifest *m, struct problems *problems, struct object_key *ret);

/*
 * Takes away what is the server's to write (status, uid, managedFields, ...) and what would
 * be a change on every apply (nulls, empty lists of built-in kinds), and turns a Secret's
 * stringData into data. LP_REJECTED when something was wrong and went to problems; LP_LIMIT
 * past the document's ceiling; LP_INTERNAL.
 */
LP_CHECKED enum lp_code lp_normalise(struct manifest *m, const struct object_key *key,
				     struct problems *problems, struct err *err);
#endif

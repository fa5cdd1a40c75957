/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_RELEASE_FILE_H
#define LIMPET_AGENT_CLI_RELEASE_FILE_H
/*
 * Changing fields of a limpet.yaml that a person wrote: only the lines of the fields are
 * touched, so that comments and order stay. What comes out is read again, and when it does not
 * say exactly what it should, nothing was changed.
 */
#include "agent/trust/binding.h"

/* The text of a new file with the repo, audience, sequence and expiry of b. */
LP_CHECKED enum lp_code lp_release_new(const struct binding *b, struct buf *ret_text,
				       struct err *err);

/*
 * Changes text, which says old, until it says wanted: their audience, sequence and expires_s may
 * differ. LP_REJECTED: the file is written in a way that cannot be changed line by line (file is
 * its name for the message, which says what to do); LP_LIMIT; LP_INTERNAL. text is then as before.
 */
LP_CHECKED enum lp_code lp_release_change(struct buf *text, const char *file,
					  const struct binding *old, const struct binding *wanted,
					  struct err *err);
#endif

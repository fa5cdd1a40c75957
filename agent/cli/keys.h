/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_KEYS_H
#define LIMPET_AGENT_CLI_KEYS_H
/* What the parts of limpet keys share. */
#include "agent/trust/pgp_key.h"
#include "platform/json.h"
#include "platform/limits.h"

#define LP_KEYS_JSON (16u * LP_MIB) /* bytes of what is told as JSON */

/* limpet keys import; argv[0] is "keys import". Returns the exit code. */
int lp_keys_import(int argc, char **argv);

/*
 * Says what is wrong on standard error: 1 when it is a file's content, which is an answer; 2 when
 * there is none.
 */
int lp_keys_fail(const struct err *err);

/* Puts a date (Unix seconds) into obj under name; null for 0. Out of memory shows in the root. */
void lp_keys_put_date(struct json *doc, struct jval *obj, const char *name, int64_t time_s);

/* Puts what there is to say of an OpenPGP key into obj; as above. */
void lp_keys_put_pgp(struct json *doc, struct jval *obj, const struct pgp_key *key);
#endif

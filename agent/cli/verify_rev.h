/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_VERIFY_REV_H
#define LIMPET_AGENT_CLI_VERIFY_REV_H
/* Which commit of a repository on disk a person means; read from its files, without git. */
#include "agent/trust/oid.h"
#include "platform/err.h"

/*
 * The commit that rev names in the repository at repo, a work tree or a bare one: all 40 digits,
 * HEAD, a branch, a tag or a full ref. *ret_sha256: its ids are of SHA-256, and *ret is not set.
 * LP_NOT_FOUND: no such ref; LP_REJECTED: no name of one; LP_CORRUPT: the ref holds no id.
 */
LP_CHECKED enum lp_code lp_verify_rev(const char *repo, const char *rev, struct oid *ret,
				      bool *ret_sha256, struct err *err);
#endif

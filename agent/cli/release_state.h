/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_RELEASE_STATE_H
#define LIMPET_AGENT_CLI_RELEASE_STATE_H
/*
 * What limpet release must know of the checkout before it changes anything: where the
 * path lies in it, what else is changed, and which sequences were given out already.
 */
#include "agent/trust/binding.h"
#include "platform/fs.h"
#include "platform/json.h"

struct checkout {
	const char *folder;        /* the path that is released, as the user named it */
	char file[LP_PATH_MAX];    /* limpet.yaml in it */
	char in_tree[LP_PATH_MAX]; /* the same below the root of the repository */
	char branch[LP_REF_MAX];   /* "" when HEAD is detached */
	bool has_upstream;
};

/*
 * Looks at the checkout that folder (borrowed) lies in. LP_CONFIG: it is in none, or in one whose
 * object ids are SHA-256, which no device takes; LP_LIMIT; errors of lp_release_git.
 */
LP_CHECKED enum lp_code lp_release_checkout(const char *folder, struct checkout *ret,
					    struct err *err);

/* The other files of the checkout that are changed, as names in lists of doc. */
struct changes {
	struct jval *staged, *unstaged;
};

/*
 * Lists what is changed apart from limpet.yaml itself. LP_CONFLICT: files are unmerged, or a merge,
 * cherry-pick, revert or rebase is under way, which a commit would end; LP_LIMIT: too many files.
 */
LP_CHECKED enum lp_code lp_release_changes(const struct checkout *c, struct json *doc,
					   struct changes *ret, struct err *err);

/*
 * The highest sequence that HEAD's limpet.yaml and that of the branch's upstream carry; 0 when
 * neither has one that can be read.
 */
LP_CHECKED enum lp_code lp_release_highest(const struct checkout *c, int64_t *ret, struct err *err);

/*
 * The id that the other limpet.yaml files of the checkout carry; "" when there is none.
 * LP_CONFLICT: they carry different ones.
 */
LP_CHECKED enum lp_code lp_release_known_repo(const struct checkout *c, char ret[LP_REPO_TEXT],
					      struct err *err);
#endif

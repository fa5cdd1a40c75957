/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_BINDING_H
#define LIMPET_AGENT_TRUST_BINDING_H
/*
 * limpet.yaml at the root of a source's path: to which repository and for whom a
 * revision is, its place in the order of releases, and until when it holds. A good
 * signature says who; this says for whom, and the signature covers it.
 *
 *	apiVersion: limpet.dev/v1
 *	repo: 6f1c...                  32 hex digits, made once by limpet release --init
 *	audience: [site/berlin, group/retail-*]
 *	sequence: 184
 *	expires: 2027-01-01T00:00:00Z
 *	sync: {wait: true, onFailure: rollback}
 *
 * Only apiVersion must be there. Strict: a key that is not here is refused, because one
 * that was mistyped could be the one that limits the revision.
 */
#include "agent/trust/limits.h"
#include "agent/trust/verdict.h"
#include "platform/buf.h"

#define LP_BINDING_FILE        "limpet.yaml"
#define LP_BINDING_API_VERSION "limpet.dev/v1"

/* For whom: "site/NAME" and "group/NAME", where NAME may hold * and ?. */
struct audience {
	size_t len;
	char list[LP_AUDIENCE_MAX][LP_AUDIENCE_TEXT];
};

enum on_failure { ON_FAILURE_DEFAULT, ON_FAILURE_ROLLBACK, ON_FAILURE_HOLD };

/* How to apply it: read and checked; nobody acts on it yet. */
struct binding_sync {
	bool has_wait, wait;
	enum on_failure on_failure;
};

/* What a limpet.yaml says. {0} is that of a tree without one. No pointers: it can be copied. */
struct binding {
	bool present;
	char repo[LP_REPO_TEXT]; /* "": none */
	struct audience audience;
	int64_t sequence;  /* 1..LP_SEQUENCE_MAX; 0: none */
	int64_t expires_s; /* Unix seconds, the last one it holds in; 0: for ever */
	struct binding_sync sync;
};

/*
 * Reads a limpet.yaml; file is its name for messages. LP_REJECTED: each problem is a line of
 * *problems, "file:line: key: what is wrong; what to write" (err has the first, and how many
 * more); LP_LIMIT: more than LP_BINDING_BYTES, told in the same way; LP_INTERNAL: out of memory.
 * *ret is then {0}. The caller frees problems, which may be uninitialised when it is passed.
 * Texts of the file are made fit to be shown in both.
 */
LP_CHECKED enum lp_code lp_binding_parse(struct slice text, const char *file, struct binding *ret,
					 struct buf *problems, struct err *err);

/* What the device wants of a limpet.yaml: everything in it is borrowed. */
struct binding_policy {
	const char *repo;            /* trust.repo; NULL or "": not known */
	bool required;               /* trust.binding: required */
	const char *site;            /* its name, without "site/" */
	char (*groups)[LP_NAME_MAX]; /* their names, without "group/"; may be NULL when none */
	size_t group_count;          /* of them */
	int64_t floor_s;             /* Unix seconds that have passed for certain; 0: none */
};

/*
 * Judges what a limpet.yaml says; b NULL is a tree without one. In this order:
 * VERDICT_UNBOUND: required, and there is none, it lacks repo or audience, or the device does
 * not know its own repo; VERDICT_WRONG_REPO and VERDICT_WRONG_AUDIENCE: it names others, also
 * when not required; VERDICT_EXPIRED; else VERDICT_ACCEPTED. reason is for a person, "" when
 * accepted. sequence is not looked at: it is compared with the floor's, by the judge.
 */
enum verdict lp_binding_judge(const struct binding *b, const struct binding_policy *policy,
			      char reason[LP_REASON_TEXT]);

/* Whether the site or one of its groups is in the audience. */
bool lp_binding_audience_match(const struct audience *audience, const char *site,
			       char (*groups)[LP_NAME_MAX], size_t group_count);

/* What is wrong with one entry of an audience, for a person; NULL when nothing is. */
const char *lp_binding_bad_audience(const char *text);

/* Whether text is a repository's id: 32 lower-case hex digits. */
bool lp_binding_is_repo(const char *text);
#endif

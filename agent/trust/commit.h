/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_COMMIT_H
#define LIMPET_AGENT_TRUST_COMMIT_H
/*
 * A commit object, read by one strict grammar of our own:
 *
 *	"tree " 40hex LF *( "parent " 40hex LF ) "author " ident LF "committer " ident LF
 *	then in any order: "gpgsig " armor LF at most once, "encoding " ... LF at most once,
 *	mergetag any number, other headers each name at most once
 *	LF message; no NUL anywhere, no CR in headers
 *
 * It is stricter than Git on purpose: what the signature covers and what we
 * read are then the same bytes. Git's own readers have disagreed about objects
 * that this grammar does not admit.
 */
#include "agent/trust/oid.h"
#include "platform/limits.h"

struct commit_ident {
	struct slice name;  /* may be empty */
	struct slice email; /* between < and > */
	int64_t time_s;     /* Unix seconds, never negative */
};

/* Slices point into the bytes that were parsed and live as long as those. */
struct commit {
	struct oid tree;
	struct oid parents[LP_COMMIT_PARENTS];
	size_t parents_len;
	struct commit_ident author;
	struct commit_ident committer;
	struct slice subject; /* first line of the message; may be empty */

	bool is_signed;     /* whether there is a gpgsig header */
	struct slice armor; /* its value as it stands in the object: continuation lines begin
			     * with a space, no line end after the last; empty when unsigned */

	/* What is signed: the object without its gpgsig header (all of it when unsigned). */
	struct slice payload[2];
	struct payload_id payload_id; /* SHA-256 over payload[0], payload[1] */
};

/*
 * Reads the content of a commit object (without the "commit <len>\0" header); lp_crypto_init
 * comes before. LP_REJECTED with what is wrong and at which line; LP_LIMIT for an object,
 * armor or parent count above its limit. *ret is then undefined. Unsigned is no error here.
 */
LP_CHECKED enum lp_code lp_commit_parse(const uint8_t *data, size_t len, struct commit *ret,
					struct err *err);

/*
 * Whether this looks like a commit of a repository with SHA-256 object ids, which
 * lp_commit_parse rejects: such a refusal has a name of its own.
 */
bool lp_commit_is_sha256(const uint8_t *data, size_t len);

/* The object id that a commit object with this content has. */
void lp_commit_oid(const uint8_t *data, size_t len, struct oid *ret);

/*
 * Appends the content of a commit object (no header) to out, which is empty and takes no
 * more than LP_COMMIT_BYTES. LP_NOT_FOUND when the store has no such commit (it was not
 * fetched), LP_LIMIT when it is larger; any other error ends the judgement.
 */
typedef enum lp_code commit_reader(void *ctx, const struct oid *id, struct buf *out,
				   struct err *err);

/*
 * Reads a commit into out (cleared before) and demands that the bytes are those of id:
 * errors of the reader; LP_CORRUPT when they are another object's.
 */
LP_CHECKED enum lp_code lp_commit_read(commit_reader *read, void *ctx, const struct oid *id,
				       struct buf *out, struct err *err);
#endif

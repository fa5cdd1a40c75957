/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_YAML_H
#define LIMPET_PLATFORM_YAML_H
/*
 * YAML by libyaml's events, into the tree of platform/json.h, with our limits
 * on depth, nodes, aliases and scalars (limits.h), because libyaml has none.
 *
 * Scalars are typed as sigs.k8s.io/yaml does it for Kubernetes (go-yaml v2,
 * YAML 1.1 booleans: y, yes, on, ...; 0o and 0 octal; .inf and timestamps stay
 * text where JSON has no such type). Duplicate keys are refused, merge keys (<<)
 * are expanded, keys that are not strings become strings as there.
 */
#include "platform/json.h"

struct yaml_stream; /* a parser in the middle of a text */

/* One document of a stream. */
struct yaml_doc {
	struct json *json; /* owned; NULL root for an empty document */
	unsigned line;     /* 1-based, of the document's first content */
	struct yaml_lines *lines;
};

/* Starts on a text of len bytes, which must outlive the stream; name is for messages: "a/b.yaml".
 */
LP_CHECKED enum lp_code lp_yaml_open(const void *text, size_t len, const char *name,
				     struct yaml_stream **ret, struct err *err);
void lp_yaml_close(struct yaml_stream **stream); /* for LP_AUTO; NULL is fine */

/*
 * Reads the next document into *doc (max_bytes is its memory ceiling). *ret_more is
 * false when there is none, and *doc is then empty. LP_REJECTED: "a/b.yaml:12:3: what is
 * wrong and what was expected"; LP_LIMIT the same for limits. After an error the stream ends.
 */
LP_CHECKED enum lp_code lp_yaml_next(struct yaml_stream *stream, size_t max_bytes,
				     struct yaml_doc *doc, bool *ret_more, struct err *err);
void lp_yaml_doc_free(struct yaml_doc *doc); /* for LP_AUTO; {0} is fine */

/* The line (1-based) where a value of doc was written, or the document's line when unknown. */
unsigned lp_yaml_line(const struct yaml_doc *doc, const struct jval *v);

/* Appends v as a YAML document without "---", block style, in a form that parses to the same. */
LP_CHECKED enum lp_code lp_yaml_write(const struct jval *v, struct buf *out, struct err *err);
#endif

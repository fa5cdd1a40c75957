/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_RENDER_MANIFEST_H
#define LIMPET_AGENT_RENDER_MANIFEST_H
/*
 * The objects in one file: its documents one at a time, Lists opened.
 */
#include "agent/render/problems.h"
#include "platform/yaml.h"

/* What may be an object; nothing of it is judged yet. */
struct manifest {
	const char *file;
	struct json *json; /* the document that root lies in */
	struct jval *root;
	unsigned line;              /* where it begins */
	const struct yaml_doc *doc; /* NULL: JSON, whose values all have the object's line */
};

/* The line of a value of m, or of m when v is NULL. */
unsigned lp_manifest_line(const struct manifest *m, const struct jval *v);

/* Gets each; m and its document are good until it returns, and may be changed. */
typedef enum lp_code manifest_visit(void *context, struct manifest *m, struct err *err);

/*
 * Calls visit for each object in the text of file. What cannot be read goes to problems.
 * Fails with what visit gave, and LP_INTERNAL.
 */
LP_CHECKED enum lp_code lp_manifests(const char *file, bool is_json, struct slice text,
				     struct problems *problems, manifest_visit *visit,
				     void *context, struct err *err);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/scaled.h"

#include "agent/cluster/skim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lp_scaled_free(struct scaled *scaled)
{
	free(scaled->list);
	*scaled = (struct scaled){0};
}

static bool is_autoscaler(const struct stored_key *key)
{
	return strcmp(key->group, "autoscaling") == 0 &&
	       strcmp(key->kind, "HorizontalPodAutoscaler") == 0;
}

/* What its scaleTargetRef names; false: nothing that could be an object. */
static bool read_target(struct slice body, const char *ns, struct object_key *ret)
{
	struct slice target = lp_skim_at(body, "spec", "scaleTargetRef", NULL);
	char version[LP_GROUP_MAX + LP_VERSION_MAX];

	*ret = (struct object_key){0};
	lp_skim_str(lp_skim_get(target, "apiVersion"), version, sizeof(version));
	char *slash = strchr(version, '/');
	snprintf(ret->group, sizeof(ret->group), "%.*s", slash ? (int)(slash - version) : 0,
		 version);
	snprintf(ret->ns, sizeof(ret->ns), "%s", ns);
	return lp_skim_str(lp_skim_get(target, "kind"), ret->kind, sizeof(ret->kind)) &&
	       lp_skim_str(lp_skim_get(target, "name"), ret->name, sizeof(ret->name));
}

static enum lp_code add_target(struct db *db, const char *source, const char *default_ns,
			       const struct stored_object *object, struct scaled *to,
			       struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(LP_OBJECT_BYTES);
	const char *ns = object->key.ns[0] ? object->key.ns : default_ns;
	struct object_key target;

	LP_TRY(lp_object_body(db, source, object, &body, err));
	if (!read_target(LP_SLICE_OF(&body), ns, &target))
		return LP_OK;
	struct object_key *more = realloc(to->list, (to->count + 1) * sizeof(*more));
	if (!more)
		return lp_err_nomem(err, "what autoscalers scale");
	to->list = more;
	to->list[to->count++] = target;
	return LP_OK;
}

enum lp_code lp_scaled_read(struct db *db, const char *source, const char *default_ns,
			    int64_t revision, struct scaled *scaled, struct err *err)
{
	struct object_cursor walk = LP_OBJECTS(revision);
	enum lp_code code;

	if (scaled->revision == revision)
		return LP_OK;
	lp_scaled_free(scaled);
	while ((code = lp_object_next(db, &walk, err)) == LP_OK)
		if (is_autoscaler(&walk.at.key))
			LP_TRY(add_target(db, source, default_ns, &walk.at, scaled, err));
	if (code != LP_NOT_FOUND)
		return code;
	scaled->revision = revision;
	return LP_OK;
}

bool lp_scaled_has(const struct scaled *scaled, const struct object_key *key)
{
	for (size_t i = 0; i < scaled->count; i++)
		if (lp_object_key_equal(&scaled->list[i], key))
			return true;
	return false;
}

static bool has_replicas(const struct object_key *key)
{
	return strcmp(key->group, "apps") == 0 &&
	       (strcmp(key->kind, "Deployment") == 0 || strcmp(key->kind, "StatefulSet") == 0 ||
		strcmp(key->kind, "ReplicaSet") == 0);
}

bool lp_scaled_drops(const struct plan_object *object, struct slice body)
{
	return object->known.version[0] && !object->once && has_replicas(&object->key) &&
	       !lp_skim_at(body, "spec", "replicas", NULL).len;
}

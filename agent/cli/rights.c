/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/rights.h"

#include "agent/cli/daemon.h"
#include "agent/cluster/applyset.h"
#include "agent/precious.h"
#include "agent/supervisor/holding.h"
#include "platform/clock.h"
#include "store/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS       15000
#define ANSWER_BYTES (256u * LP_KIB)
#define KINDS_JSON   (4u * LP_MIB)
#define TELL_MS      2000

#define HOLD (RIGHT_GET | RIGHT_LIST | RIGHT_WATCH | RIGHT_CREATE | RIGHT_PATCH)
#define RBAC "rbac.authorization.k8s.io"

void lp_rights_free(struct rights *rights)
{
	free(rights->list);
	*rights = (struct rights){0};
}

const char *lp_right_name(unsigned right)
{
	static const char *const names[] = {"get",   "list",   "watch",    "create",
					    "patch", "delete", "escalate", "bind"};
	unsigned i = 0;

	while (i < 7 && right >> i > 1)
		i++;
	return names[i];
}

/* --- what is needed --- */

static enum lp_code grow(struct rights *rights, struct err *err)
{
	size_t cap = rights->cap ? rights->cap * 2 : 32;
	struct right_rule *list = realloc(rights->list, cap * sizeof(*list));

	if (!list)
		return lp_err_nomem(err, "rights");
	rights->list = list;
	rights->cap = cap;
	return LP_OK;
}

/* Adds verbs to the rule of that resource and name. */
static enum lp_code need(struct rights *rights, bool own, const char *group, const char *resource,
			 const char *name, unsigned verbs, struct err *err)
{
	struct right_rule rule = {.own = own, .verbs = verbs};

	LP_TRY(lp_copy(rule.group, sizeof(rule.group), group, err));
	LP_TRY(lp_copy(rule.resource, sizeof(rule.resource), resource, err));
	LP_TRY(lp_copy(rule.name, sizeof(rule.name), name, err));
	for (size_t i = 0; i < rights->len; i++) {
		struct right_rule *at = &rights->list[i];
		if (at->own != own || strcmp(at->group, group) != 0 ||
		    strcmp(at->resource, resource) != 0 || strcmp(at->name, name) != 0)
			continue;
		at->verbs |= verbs;
		return LP_OK;
	}
	if (rights->len == rights->cap)
		LP_TRY(grow(rights, err));
	rights->list[rights->len++] = rule;
	return LP_OK;
}

/* The parent, the Lease and the key of the config digests. A POST names nothing. */
static enum lp_code need_own(struct rights *rights, bool events, struct err *err)
{
	static const char *const leases = "coordination.k8s.io";
	char name[LP_NAME_MAX];

	lp_applyset_parent(rights->source, name);
	LP_TRY(need(rights, true, "", "configmaps", name, RIGHT_GET | RIGHT_CREATE | RIGHT_PATCH,
		    err));
	LP_TRY(need(rights, true, leases, "leases", name, RIGHT_GET | RIGHT_PATCH, err));
	LP_TRY(need(rights, true, leases, "leases", "", RIGHT_CREATE, err));
	LP_TRY(need(rights, true, "", "secrets", name, RIGHT_GET, err));
	LP_TRY(need(rights, true, "", "secrets", "", RIGHT_CREATE, err));
	if (events)
		LP_TRY(need(rights, true, "", "events", "", RIGHT_CREATE | RIGHT_PATCH, err));
	return need(rights, false, "", "nodes", "", RIGHT_LIST, err);
}

/* What an HPA may scale is handed over to it. */
static bool is_scaled(const char *group, const char *kind)
{
	static const char *const kinds[] = {"Deployment", "StatefulSet", "ReplicaSet"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(group, "apps") == 0 && strcmp(kind, kinds[i]) == 0)
			return true;
	return false;
}

/* Besides what every object needs. */
static enum lp_code need_more(struct rights *rights, const char *group, const char *kind,
			      struct err *err)
{
	bool rbac = strcmp(group, RBAC) == 0;

	if (is_scaled(group, kind))
		return need(rights, false, "autoscaling", "horizontalpodautoscalers", "",
			    RIGHT_LIST | RIGHT_WATCH, err);
	if (rbac && strcmp(kind, "Role") == 0)
		return need(rights, false, RBAC, "roles", "", RIGHT_ESCALATE, err);
	if (rbac && strcmp(kind, "ClusterRole") == 0)
		return need(rights, false, RBAC, "clusterroles", "", RIGHT_ESCALATE, err);
	if (rbac && strcmp(kind, "ClusterRoleBinding") == 0)
		return need(rights, false, RBAC, "clusterroles", "", RIGHT_BIND, err);
	if (rbac && strcmp(kind, "RoleBinding") == 0) {
		LP_TRY(need(rights, false, RBAC, "roles", "", RIGHT_BIND, err));
		return need(rights, false, RBAC, "clusterroles", "", RIGHT_BIND, err);
	}
	return LP_OK;
}

static enum lp_code need_kind(struct rights *rights, const struct jval *kind, struct err *err)
{
	const char *group = lp_json_text(kind, "group"), *name = lp_json_text(kind, "kind"),
		   *resource = lp_json_text(kind, "resource");
	size_t used = strlen(rights->unserved);

	rights->kinds++;
	if (!*resource) {
		snprintf(rights->unserved + used, sizeof(rights->unserved) - used, "%s%s%s%s",
			 used ? ", " : "", name, *group ? "." : "", group);
		return LP_OK;
	}
	LP_TRY(need(rights, false, group, resource, "",
		    HOLD | (lp_is_precious(group, name) ? 0 : RIGHT_DELETE), err));
	return need_more(rights, group, name, err);
}

static enum lp_code from_store(const struct config *config, struct json **ret, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_db_close) struct db *db = NULL;
	struct jval *v = NULL;

	LP_TRY(lp_json_new(KINDS_JSON, &doc, err));
	struct jval *root = lp_json_obj(doc);
	enum lp_code code = lp_cli_store(config, &db, err);
	if (code == LP_OK)
		code = lp_holding_make(db, config->sources[0].name, doc, &v, err);
	if (code != LP_OK && code != LP_NOT_FOUND)
		return code;
	if (v)
		lp_json_put(doc, root, "kinds", v);
	lp_json_set_root(doc, root);
	*ret = LP_STEAL(doc);
	return LP_OK;
}

enum lp_code lp_rights_load(const struct config *config, struct rights *ret, struct err *err)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_rights_free) struct rights rights = {0};
	enum lp_code code = lp_daemon_ask(config, "kinds", NULL, &doc, err);

	rights.daemon = code == LP_OK;
	if (code == LP_NOT_FOUND)
		code = from_store(config, &doc, err);
	if (code != LP_OK)
		return code;
	const struct jval *kinds = lp_json_get(lp_json_root(doc), "kinds");
	if (rights.daemon && !kinds)
		return lp_err_set(err, LP_TRANSIENT, "%s", lp_json_text(lp_json_root(doc), "text"));
	struct json_iter it = lp_json_iter(lp_json_get(kinds, "kinds"));
	LP_TRY(lp_copy(rights.ns, sizeof(rights.ns), config->cluster.ns, err));
	LP_TRY(lp_copy(rights.source, sizeof(rights.source), config->sources[0].name, err));
	LP_TRY(need_own(&rights, config->cluster.events, err));
	while (lp_json_next(&it))
		LP_TRY(need_kind(&rights, it.value, err));
	*ret = rights;
	rights = (struct rights){0};
	return LP_OK;
}

/* --- what is there --- */

enum lp_code lp_rights_connect(const struct config *config, struct client *client, struct err *err)
{
	struct http *old[2] = {NULL};

	LP_TRY(lp_copy(client->path, sizeof(client->path), config->cluster.kubeconfig, err));
	LP_TRY(lp_copy(client->context, sizeof(client->context), config->cluster.context, err));
	return lp_client_open(client, old, err);
}

/* Whether we may, by a SelfSubjectAccessReview; ns "": everywhere. */
static enum lp_code may(const struct client *client, const char *verb, const struct right_rule *on,
			const char *ns, bool *ret, struct err *err)
{
	static const struct http_header headers[] = {{"Content-Type", "application/json"}};
	LP_AUTO(lp_http_response_free) struct http_response response = {0};
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_buf_free) struct buf body = LP_BUF(4 * LP_KIB);
	char url[LP_URL_MAX + 80];

	snprintf(url, sizeof(url), "%s/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		 client->server);
	LP_TRY(lp_buf_printf(&body, err,
			     "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":"
			     "\"SelfSubjectAccessReview\",\"spec\":{\"resourceAttributes\":{"
			     "\"verb\":\"%s\",\"group\":\"%s\",\"resource\":\"%s\",\"name\":\"%s\","
			     "\"namespace\":\"%s\"}}}",
			     verb, on->group, on->resource, on->name, ns));
	struct http_request request = {.method = "POST",
				       .url = url,
				       .headers = headers,
				       .header_count = 1,
				       .body = LP_SLICE_OF(&body),
				       .max_response_bytes = ANSWER_BYTES,
				       .timeout_ms = ASK_MS};
	LP_TRY(lp_http_perform(client->http, &request, &response, err));
	if (!lp_http_ok(&response))
		return lp_err_set(err, LP_CONFIG, "the API server answers %d: %.300s",
				  response.status, lp_buf_text(&response.body));
	LP_TRY(lp_json_parse(response.body.data, response.body.len, LP_MIB, &doc, err));
	*ret = false;
	lp_json_bool(lp_json_at(lp_json_root(doc), "status", "allowed", NULL), ret);
	return LP_OK;
}

enum lp_code lp_rights_all(const struct client *client, bool *ret, struct err *err)
{
	static const struct right_rule everything = {.group = "*", .resource = "*"};

	return may(client, "*", &everything, "", ret, err);
}

enum lp_code lp_rights_ask(const struct client *client, const struct rights *rights,
			   void (*missing)(void *ctx, const struct right_rule *rule,
					   unsigned right),
			   void *ctx, struct err *err)
{
	int64_t tell_ms = lp_boot_ms() + TELL_MS;

	for (size_t i = 0; i < rights->len; i++) {
		const struct right_rule *rule = &rights->list[i];
		if (lp_boot_ms() >= tell_ms) {
			fprintf(stderr, "asked about %zu of %zu\n", i, rights->len);
			tell_ms = lp_boot_ms() + TELL_MS;
		}
		for (unsigned right = 1; right < RIGHTS_END; right <<= 1) {
			bool allowed = true;
			if (rule->verbs & right)
				LP_TRY(may(client, lp_right_name(right), rule,
					   rule->own ? rights->ns : "", &allowed, err));
			if (!allowed)
				missing(ctx, rule, right);
		}
	}
	return LP_OK;
}

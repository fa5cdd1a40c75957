/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/rbac.h"

#include "agent/cli/rights.h"
#include "agent/cluster/applyset.h"
#include "platform/http.h"
#include "platform/json.h"

#include <stdio.h>
#include <string.h>

#define RBAC_JSON (1u * LP_MIB)

/* What is missing, as it is found. */
struct found {
	enum cli_output output;
	const struct rights *rights;
	struct json *doc;
	struct jval *list;
	unsigned count;
};

/* --- the rules, joined: those of one API group and the same verbs and name --- */

static bool joins(const struct right_rule *a, const struct right_rule *b)
{
	return a->own == b->own && a->verbs == b->verbs && strcmp(a->group, b->group) == 0 &&
	       strcmp(a->name, b->name) == 0;
}

/* Whether none before it is joined with it. */
static bool is_first(const struct rights *rights, size_t i)
{
	for (size_t before = 0; before < i; before++)
		if (joins(&rights->list[before], &rights->list[i]))
			return false;
	return true;
}

static bool has(const struct rights *rights, unsigned verb)
{
	for (size_t i = 0; i < rights->len; i++)
		if (rights->list[i].verbs & verb)
			return true;
	return false;
}

static bool reads_secrets(const struct rights *rights)
{
	for (size_t i = 0; i < rights->len; i++)
		if (!rights->list[i].own && strcmp(rights->list[i].resource, "secrets") == 0)
			return true;
	return false;
}

/* --- as manifests --- */

static const char escalate_text[] =
	"  # limpet holds Roles or ClusterRoles. With \"escalate\" it can write any right into\n"
	"  # one: who may sign for this source can then do everything in the cluster. Without\n"
	"  # it the API server refuses a Role with rights that this ClusterRole does not have.\n";
static const char bind_text[] =
	"  # limpet holds RoleBindings or ClusterRoleBindings. With \"bind\" it can give any Role\n"
	"  # to anybody, cluster-admin too: who may sign for this source can then do everything\n"
	"  # in the cluster. Without it the API server refuses to bind a Role with rights that\n"
	"  # this ClusterRole does not have.\n";

static void print_verbs(unsigned verbs)
{
	const char *comma = "";

	printf("  verbs: [");
	for (unsigned right = 1; right < RIGHTS_END; right <<= 1)
		if (verbs & right) {
			printf("%s%s", comma, lp_right_name(right));
			comma = ", ";
		}
	printf("]\n");
}

static void print_rule(const struct rights *rights, size_t i)
{
	const struct right_rule *rule = &rights->list[i];
	const char *comma = "";

	if (rule->verbs & RIGHT_ESCALATE)
		printf("%s", escalate_text);
	if (rule->verbs & RIGHT_BIND)
		printf("%s", bind_text);
	printf("- apiGroups: [\"%s\"]\n  resources: [", rule->group);
	for (size_t j = i; j < rights->len; j++)
		if (joins(rule, &rights->list[j])) {
			printf("%s\"%s\"", comma, rights->list[j].resource);
			comma = ", ";
		}
	printf("]\n");
	if (*rule->name)
		printf("  resourceNames: [\"%s\"]\n", rule->name);
	print_verbs(rule->verbs);
}

static void print_rules(const struct rights *rights, bool own)
{
	printf("rules:\n");
	for (size_t i = 0; i < rights->len; i++)
		if (rights->list[i].own == own && is_first(rights, i))
			print_rule(rights, i);
}

static void print_binding(const struct rights *rights, bool own, const char *name)
{
	printf("---\napiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata:\n",
	       own ? "RoleBinding" : "ClusterRoleBinding");
	if (own)
		printf("  name: \"%s\"\n  namespace: \"%s\"\n", name, rights->ns);
	else
		printf("  name: \"%s:%s\"\n", rights->ns, name);
	printf("roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: %s\n  name: \"%s%s%s\"\n",
	       own ? "Role" : "ClusterRole", own ? "" : rights->ns, own ? "" : ":", name);
	printf("subjects:\n- kind: ServiceAccount\n  name: \"%s\"\n  namespace: \"%s\"\n", name,
	       rights->ns);
}

static void print_header(const struct rights *rights)
{
	printf("# What limpet needs in the cluster for source \"%s\": the %u kinds that it holds or "
	       "wants\n# to, and its own few objects in %s. It changes when the source does: a "
	       "revision with\n# another kind needs that one, too.\n",
	       rights->source, rights->kinds, rights->ns);
	if (!rights->kinds)
		printf("# Nothing was accepted yet: this is what limpet needs to begin. Ask again "
		       "after the first\n# revision.\n");
	if (*rights->unserved)
		printf("# Not here, because neither the cluster nor the revision says what they are: "
		       "%s\n",
		       rights->unserved);
	if (reads_secrets(rights))
		printf("# limpet asks for the metadata of Secrets alone, but the API server knows "
		       "no such right:\n# with \"get\", \"list\" and \"watch\" it could read all of "
		       "every Secret.\n");
}

static void print_yaml(const struct rights *rights)
{
	char name[LP_NAME_MAX];

	lp_applyset_parent(rights->source, name);
	print_header(rights);
	printf("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: \"%s\"\n", rights->ns);
	printf("---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: \"%s\"\n  namespace: "
	       "\"%s\"\n",
	       name, rights->ns);
	printf("---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  "
	       "name: \"%s:%s\"\n",
	       rights->ns, name);
	print_rules(rights, false);
	print_binding(rights, false, name);
	printf("---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: "
	       "\"%s\"\n  namespace: \"%s\"\n",
	       name, rights->ns);
	print_rules(rights, true);
	print_binding(rights, true, name);
	fflush(stdout);
}

/* --- for programs --- */

static struct jval *words(struct json *doc, const char *word)
{
	struct jval *list = lp_json_arr(doc);

	lp_json_add(list, lp_json_new_str(doc, word));
	return list;
}

static struct jval *rule_json(struct json *doc, const struct rights *rights, size_t i)
{
	const struct right_rule *rule = &rights->list[i];
	struct jval *v = lp_json_obj(doc), *resources = lp_json_arr(doc), *verbs = lp_json_arr(doc);

	for (size_t j = i; j < rights->len; j++)
		if (joins(rule, &rights->list[j]))
			lp_json_add(resources, lp_json_new_str(doc, rights->list[j].resource));
	for (unsigned right = 1; right < RIGHTS_END; right <<= 1)
		if (rule->verbs & right)
			lp_json_add(verbs, lp_json_new_str(doc, lp_right_name(right)));
	lp_json_put(doc, v, "apiGroups", words(doc, rule->group));
	lp_json_put(doc, v, "resources", resources);
	if (*rule->name)
		lp_json_put(doc, v, "resourceNames", words(doc, rule->name));
	lp_json_put(doc, v, "verbs", verbs);
	return v;
}

static struct jval *rules_json(struct json *doc, const struct rights *rights, bool own)
{
	struct jval *list = lp_json_arr(doc);

	for (size_t i = 0; i < rights->len; i++)
		if (rights->list[i].own == own && is_first(rights, i))
			lp_json_add(list, rule_json(doc, rights, i));
	return list;
}

static int print_json(const struct found *found, const char *user, const char *error)
{
	const struct rights *rights = found->rights;
	struct jval *root = lp_json_obj(found->doc);

	lp_json_put_str(found->doc, root, "source", rights->source);
	lp_json_put_str(found->doc, root, "namespace", rights->ns);
	lp_json_put_int(found->doc, root, "kinds", rights->kinds);
	lp_json_put_str(found->doc, root, "unserved", rights->unserved);
	lp_json_put_bool(found->doc, root, "escalates", has(rights, RIGHT_ESCALATE));
	lp_json_put_bool(found->doc, root, "binds", has(rights, RIGHT_BIND));
	lp_json_put(found->doc, root, "clusterRules", rules_json(found->doc, rights, false));
	lp_json_put(found->doc, root, "namespaceRules", rules_json(found->doc, rights, true));
	lp_json_put_str(found->doc, root, "user", user);
	lp_json_put_bool(found->doc, root, "asked", !error);
	if (error)
		lp_json_put_str(found->doc, root, "error", error);
	lp_json_put(found->doc, root, "missing", found->list);
	return lp_cli_json(root);
}

/* --- what is missing --- */

static void missing(void *ctx, const struct right_rule *rule, unsigned right)
{
	struct found *found = ctx;
	const char *verb = lp_right_name(right);

	found->count++;
	if (found->output == OUTPUT_TEXT) {
		fprintf(stderr, "missing: %s %s%s%s%s%s%s%s\n", verb, rule->resource,
			*rule->group ? "." : "", rule->group, *rule->name ? " " : "", rule->name,
			rule->own ? " in namespace " : "", rule->own ? found->rights->ns : "");
		return;
	}
	struct jval *v = lp_json_obj(found->doc);
	lp_json_put_str(found->doc, v, "verb", verb);
	lp_json_put_str(found->doc, v, "group", rule->group);
	lp_json_put_str(found->doc, v, "resource", rule->resource);
	if (*rule->name)
		lp_json_put_str(found->doc, v, "name", rule->name);
	if (rule->own)
		lp_json_put_str(found->doc, v, "namespace", found->rights->ns);
	lp_json_add(found->list, v);
}

static enum lp_code ask(const struct config *config, struct client *client, struct found *found,
			struct err *err)
{
	bool all = false;

	LP_TRY(lp_rights_connect(config, client, err));
	LP_TRY(lp_rights_all(client, &all, err));
	return all ? LP_OK : lp_rights_ask(client, found->rights, missing, found, err);
}

int lp_cli_rbac(const struct config *config, enum cli_output output)
{
	LP_AUTO(lp_rights_free) struct rights rights = {0};
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_client_close) struct client client = {0};
	struct err err = {0}, unknown = {0}; /* the second: why what is missing is not known */

	if (lp_rights_load(config, &rights, &err) != LP_OK ||
	    lp_json_new(RBAC_JSON, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct found found = {
		.output = output, .rights = &rights, .doc = doc, .list = lp_json_arr(doc)};
	if (output == OUTPUT_TEXT)
		print_yaml(&rights);
	bool asked = ask(config, &client, &found, &unknown) == LP_OK;
	if (output == OUTPUT_JSON &&
	    print_json(&found, client.user, asked ? NULL : unknown.msg) != CLI_OK)
		return CLI_ERROR;
	if (!asked)
		return lp_cli_error("what is missing cannot be known: %s", unknown.msg);
	return found.count ? CLI_FAILED : CLI_OK;
}

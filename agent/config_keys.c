/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config_keys.h"

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define DAY    (24 * 60 * MINUTE)
#define MIB    (1024LL * 1024)

#define FIELD(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)

_Static_assert(sizeof(enum log_level) == sizeof(int), "a KEY_WORD's field");

static const struct key_word levels[] = {{"error", LOG_LEVEL_ERROR},
					 {"warn", LOG_LEVEL_WARN},
					 {"info", LOG_LEVEL_INFO},
					 {"debug", LOG_LEVEL_DEBUG},
					 {0}};
static const struct key_word histories[] = {
	{"every", TRUST_HISTORY_EVERY}, {"tip", TRUST_HISTORY_TIP}, {0}};
static const struct key_word bindings[] = {
	{"optional", TRUST_BINDING_OPTIONAL}, {"required", TRUST_BINDING_REQUIRED}, {0}};

static const struct key_word drifts[] = {
	{"heal", DRIFT_MODE_HEAL}, {"report", DRIFT_MODE_REPORT}, {0}};
static const struct key_word source_drifts[] = {{"inherit", DRIFT_MODE_INHERIT},
						{"heal", DRIFT_MODE_HEAL},
						{"report", DRIFT_MODE_REPORT},
						{0}};

static const struct key trust_keys[] = {
	{"signers", KEY_FILE, FIELD(trust_config, signers), "", 0, 0,
	 "allowed_signers file (ssh-keygen(1)): whose commits are accepted; empty: see keys"},
	{"keys", KEY_FILE, FIELD(trust_config, keys), "", 0, 0,
	 "OpenPGP keys as limpet keys import writes them: whose commits are accepted, too"},
	{"revoked", KEY_FILE, FIELD(trust_config, revoked), "", 0, 0,
	 "SSH keys that are refused, one a line, or a KRL of ssh-keygen -k; empty: none"},
	{"rsaBits", KEY_NUMBER, FIELD(trust_config, rsa_bits), "2048", LP_RSA_BITS_MIN,
	 LP_RSA_BITS_MAX, "shortest RSA key that is accepted"},
	{"history", KEY_WORD, FIELD(trust_config, history), "every", 0, 0,
	 "whose signatures must be good: of every commit since the accepted one, or of the tip",
	 NULL, histories},
	{"repo", KEY_REPO, FIELD(trust_config, repo), "", 0, 0,
	 "id of the repository, from limpet release --init: limpet.yaml must name it; empty: any"},
	{"binding", KEY_WORD, FIELD(trust_config, binding), "optional", 0, 0,
	 "whether a revision must say in limpet.yaml for which repository and whom it is", NULL,
	 bindings},
	{"commits", KEY_NUMBER, FIELD(trust_config, commits), "20000", 1, LP_ANCESTRY_COMMITS,
	 "the most commits between the accepted one and a new tip"},
	{"newsWithin", KEY_DURATION, FIELD(trust_config, news_ms), "90d", 0, 3650 * DAY,
	 "uptime without an accepted revision after which status warns; 0s: never"},
	{0},
};

static const struct key ignore_keys[] = {
	{"kind", KEY_TEXT, FIELD(ignore_rule, kind), NULL, 0, 0,
	 "of the objects, such as Deployment"},
	{"group", KEY_TEXT, FIELD(ignore_rule, group), "*", 0, 0,
	 "API group of the kind; \"\" is the core's, * stands for any letters, also below"},
	{"namespace", KEY_TEXT, FIELD(ignore_rule, ns), "*", 0, 0, "of the objects"},
	{"name", KEY_TEXT, FIELD(ignore_rule, name), "*", 0, 0, "of the objects"},
	{"pointers", KEY_POINTERS, FIELD(ignore_rule, pointers), NULL, 0, 0,
	 "JSON pointers (RFC 6901) to the fields, such as /spec/replicas"},
	{0},
};

const struct key lp_source_keys[] = {
	{"name", KEY_NAME, FIELD(source_config, name), "site", 0, 0,
	 "names the source in messages, the store and its ApplySet"},
	{"url", KEY_URL, FIELD(source_config, url), NULL, 0, 0, "the Git repository, over HTTPS"},
	{"branch", KEY_BRANCH, FIELD(source_config, branch), "site/${site}", 0, 0,
	 "the branch that this device follows"},
	{"path", KEY_TREE, FIELD(source_config, path), ".", 0, 0,
	 "folder of the repository that holds the manifests"},
	{"namespace", KEY_NAME, FIELD(source_config, ns), "default", 0, 0,
	 "for namespaced objects that name none"},
	{"ca", KEY_FILE, FIELD(source_config, ca), "", 0, 0,
	 "PEM file of the authority that signed the server's certificate; empty: the system's"},
	{"credentials", KEY_FILE, FIELD(source_config, credentials), "", 0, 0,
	 "file with one line user:password (or user:token); empty: none"},
	{"poll", KEY_DURATION, FIELD(source_config, poll_ms), "300s", SECOND, 7 * DAY,
	 "how often the branch is looked at"},
	{"allowEmpty", KEY_BOOL, FIELD(source_config, allow_empty), "false", 0, 0,
	 "accept a revision without any manifest, or without the path: it prunes everything"},
	{"drift", KEY_WORD, FIELD(source_config, drift), "inherit", 0, 0,
	 "what is done about a foreign edit: heal, report, or as the top level's drift says", NULL,
	 source_drifts},
	{"configDigest", KEY_BOOL, FIELD(source_config, config_digest), "true", 0, 0,
	 "restart workloads when what they use of the revision's ConfigMaps and Secrets changes"},
	{"ignore", KEY_IGNORE, FIELD(source_config, ignore), "[]", 0, 0,
	 "fields that others may own: sent when an object is made, and then left alone",
	 ignore_keys},
	{"trust", KEY_SECTION, FIELD(source_config, trust), "{}", 0, 0, "who may sign", trust_keys},
	{0},
};

static const struct key cluster_keys[] = {
	{"kubeconfig", KEY_PATH, FIELD(cluster_config, kubeconfig), "/etc/rancher/k3s/k3s.yaml", 0,
	 0, "how to reach the API server; read again when it changes"},
	{"context", KEY_TEXT, FIELD(cluster_config, context), "", 0, 0,
	 "context of the kubeconfig; empty: its current-context"},
	{"namespace", KEY_NAME, FIELD(cluster_config, ns), "limpet-system", 0, 0,
	 "where limpet keeps its own few objects; made when missing"},
	{"concurrency", KEY_NUMBER, FIELD(cluster_config, concurrency), "2", 1, LP_CONCURRENCY_MAX,
	 "writes to the API server at once"},
	{"reconcile", KEY_DURATION, FIELD(cluster_config, reconcile_ms), "12h", SECOND, 7 * DAY,
	 "how often everything is applied again, with jitter; changes are seen at once"},
	{"watchTimeout", KEY_DURATION, FIELD(cluster_config, watch_ms), "50m", SECOND, DAY,
	 "how long the API server is to keep one watch; its end costs one request"},
	{"watchSilence", KEY_DURATION, FIELD(cluster_config, silence_ms), "4m", SECOND, DAY,
	 "a watch without a word for so long is dead; bookmarks come every minute"},
	{"events", KEY_BOOL, FIELD(cluster_config, events), "false", 0, 0,
	 "write what happened as Kubernetes Events about limpet's ConfigMap, too; rate-limited"},
	{0},
};

static const struct key retention_keys[] = {
	{"revisions", KEY_NUMBER, FIELD(retention_config, revisions), "10", 2, 1000,
	 "revisions kept for rollback; current, previous and pinned always are"},
	{"bytes", KEY_BYTES, FIELD(retention_config, bytes), "32MiB", MIB, 4096 * MIB,
	 "size of the store above which older revisions go"},
	{0},
};

static const struct key limits_keys[] = {
	{"fetchBytes", KEY_BYTES, FIELD(limits_config, fetch_bytes), "64MiB", MIB / 16,
	 LP_PACK_BYTES, "largest pack that one fetch may bring"},
	{"fetchTime", KEY_DURATION, FIELD(limits_config, fetch_ms), "10m", SECOND, DAY,
	 "longest time of one fetch"},
	{"renderTime", KEY_DURATION, FIELD(limits_config, render_ms), "2m", SECOND, 60 * MINUTE,
	 "longest time to verify and render one revision"},
	{"objectsBytes", KEY_BYTES, FIELD(limits_config, objects_bytes), "128MiB", MIB, 4096 * MIB,
	 "size of a source's Git objects on disk above which they are fetched anew"},
	{0},
};

const struct key lp_config_keys[] = {
	{"site", KEY_NAME, FIELD(config, site), NULL, 0, 0, "the name of this device's site"},
	{"groups", KEY_NAMES, FIELD(config, groups), "[]", 0, 0, "groups that the site belongs to"},
	{"stateDir", KEY_PATH, FIELD(config, state_dir), "/var/lib/limpet", 0, 0,
	 "where revisions, inventory and Git objects are kept"},
	{"socket", KEY_PATH, FIELD(config, socket), "/run/limpet/limpet.sock", 0, 0,
	 "control socket of the daemon"},
	{"log", KEY_WORD, FIELD(config, log), "info", 0, 0, "error, warn, info or debug", NULL,
	 levels},
	{"drift", KEY_WORD, FIELD(config, drift), "heal", 0, 0,
	 "what is done about a foreign edit of an object: heal it at once, or only report it", NULL,
	 drifts},
	{"sources", KEY_SOURCES, FIELD(config, sources), NULL, 0, 0,
	 "what this device runs; one entry for now", lp_source_keys},
	{"cluster", KEY_SECTION, FIELD(config, cluster), "{}", 0, 0, "the API server",
	 cluster_keys},
	{"retention", KEY_SECTION, FIELD(config, retention), "{}", 0, 0,
	 "how much is kept for rollback", retention_keys},
	{"limits", KEY_SECTION, FIELD(config, limits), "{}", 0, 0, "what one revision may cost",
	 limits_keys},
	{0},
};

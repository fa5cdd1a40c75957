/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CONFIG_H
#define LIMPET_AGENT_CONFIG_H
/*
 * The configuration: /etc/limpet/config.yaml, strict. One table (config_keys.c)
 * holds every key with its type, bounds, default and meaning; the parser, `limpet
 * help config` and the test of packaging/config.yaml are made from it.
 */
#include "platform/fs.h"
#include "platform/json.h"
#include "platform/limits.h"
#include "platform/log.h"

#define LP_CONFIG_DEFAULT "/etc/limpet/config.yaml"

struct trust_config {
	char signers[LP_PATH_MAX]; /* allowed_signers; "" none */
	char keys[LP_PATH_MAX];    /* OpenPGP keys; "" none, and then there are signers */
	char revoked[LP_PATH_MAX]; /* SSH keys, or a KRL; "" none */
	int64_t rsa_bits;          /* the shortest RSA key that is accepted */
	enum { TRUST_HISTORY_EVERY, TRUST_HISTORY_TIP } history; /* whose signature must be good */
	char repo[LP_REPO_TEXT]; /* that limpet.yaml must name; "" any */
	enum { TRUST_BINDING_OPTIONAL, TRUST_BINDING_REQUIRED } binding; /* of limpet.yaml */
	int64_t commits; /* the most between the accepted one and a new tip */
	int64_t news_ms; /* of uptime without an accepted revision; 0 any */
};

/* What is done about an object that differs from what was applied. */
enum drift_mode { DRIFT_MODE_INHERIT, DRIFT_MODE_HEAL, DRIFT_MODE_REPORT };

/* Fields of objects that others may own. '*' stands for any letters; "" of group is the core. */
struct ignore_rule {
	char kind[LP_KIND_MAX];
	char group[LP_GROUP_MAX], ns[LP_NAME_MAX], name[LP_NAME_MAX]; /* patterns */
	char pointers[LP_IGNORE_RULE_BYTES]; /* JSON pointers, each with a line end */
};

struct source_config {
	char name[LP_SOURCE_NAME_MAX];
	char url[LP_URL_MAX];
	char branch[LP_REF_MAX]; /* ${site} is put in already */
	char path[LP_PATH_MAX];  /* in the tree; "" is its root */
	char ns[LP_NAME_MAX];    /* for namespaced objects that name none */
	char ca[LP_PATH_MAX];
	char credentials[LP_PATH_MAX];
	int64_t poll_ms;
	bool allow_empty;
	enum drift_mode drift; /* INHERIT: as the configuration's own */
	bool config_digest;    /* a change of a ConfigMap or Secret restarts the pods that use it */
	struct ignore_rule ignore[LP_IGNORE_RULES];
	size_t ignore_count;
	struct trust_config trust;
};

struct cluster_config {
	char kubeconfig[LP_PATH_MAX];
	char context[LP_NAME_MAX];
	char ns[LP_NAME_MAX]; /* of the ApplySet parent */
	int64_t concurrency;  /* writes at once */
	int64_t reconcile_ms; /* full re-apply, jittered */
	int64_t watch_ms;     /* how long the API server keeps one watch */
	int64_t silence_ms;   /* a watch without a word for so long is dead */
	bool events;          /* Kubernetes Events about the ApplySet parent */
};

struct retention_config {
	int64_t revisions;
	int64_t bytes;
};

struct limits_config {
	int64_t fetch_bytes;
	int64_t fetch_ms;
	int64_t render_ms;
	int64_t objects_bytes; /* of a source's object store on disk */
};

struct config {
	char file[LP_PATH_MAX]; /* where it came from */
	char site[LP_NAME_MAX];
	char groups[LP_GROUPS_MAX][LP_NAME_MAX];
	size_t group_count;
	char state_dir[LP_PATH_MAX];
	char socket[LP_PATH_MAX];
	enum log_level log;
	enum drift_mode drift;
	struct source_config sources[LP_SOURCES_MAX];
	size_t source_count;
	struct cluster_config cluster;
	struct retention_config retention;
	struct limits_config limits;
};

/*
 * Reads file into *ret. LP_CONFIG: every problem is a line of *problems, "file:line: key:
 * what is wrong; what to write"; *ret is then not to be used. Nothing is opened but the file.
 */
LP_CHECKED enum lp_code lp_config_load(const char *file, struct config *ret, struct buf *problems,
				       struct err *err);

/*
 * Reads file as above and asks of each file that it names whether this process can read it. Apart
 * from lp_config_load, because status and history do without, and may be a person's who cannot.
 */
LP_CHECKED enum lp_code lp_config_check_files(const char *file, struct buf *problems,
					      struct err *err);

/* Appends the reference of all keys for people: key, type, default, meaning. */
LP_CHECKED enum lp_code lp_config_reference(struct buf *out, struct err *err);
/* The same for programs: a list in doc of {key, type, required, default, meaning}. */
struct jval *lp_config_reference_json(struct json *doc);
#endif

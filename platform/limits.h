/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_LIMITS_H
#define LIMPET_PLATFORM_LIMITS_H
/*
 * Limits that are not a setting and that more than one room knows; those of one room stand in
 * its own limits.h. Each has a test that hits it (tests/lint/limits). A setting of
 * config.yaml has its bounds in agent/config_keys.c.
 */
#define LP_KIB 1024u
#define LP_MIB (1024u * 1024u)

/* The clock: how far one source alone may move the time floor; see lp_floor_after. */
#define LP_CLOCK_JUMP_S (400LL * 24 * 3600)

/* names and sizes of the API (Kubernetes: pkg/apis/meta/v1/validation) */
#define LP_NAME_MAX     254 /* an object's or namespace's name, with its NUL */
#define LP_GROUP_MAX    254 /* an API group */
#define LP_VERSION_MAX  64
#define LP_KIND_MAX     64 /* a kind, or its plural */
#define LP_UID_MAX      64
#define LP_KEY_TEXT     640              /* bytes of an object key for people */
#define LP_OBJECT_BYTES (1536u * LP_KIB) /* one object as JSON: what etcd and kine store */

/* a source; each text with its NUL */
#define LP_SOURCE_NAME_MAX 64 /* a DNS label */
#define LP_URL_MAX         512
#define LP_REF_MAX         256
#define LP_SOURCES_MAX     1 /* of a configuration, so far */

/* the configuration file */
#define LP_CONFIG_BYTES  (256 * LP_KIB)
#define LP_CONFIG_MEMORY (2 * LP_MIB) /* its tree, until it is read */
#define LP_GROUPS_MAX    32

/* git */
#define LP_COMMIT_BYTES     (64u * LP_KIB)
#define LP_ARMOR_BYTES      (16u * LP_KIB)
#define LP_COMMIT_PARENTS   16
#define LP_PACK_BYTES       (64u * LP_MIB) /* on the wire */
#define LP_PACK_OBJECTS     50000u
#define LP_BLOB_BYTES       (8u * LP_MIB) /* any object, inflated */
#define LP_TREE_DEPTH       24
#define LP_TREE_ENTRIES     20000u
#define LP_ANCESTRY_COMMITS 20000u /* commits between the floor and a new tip */

/* trust: bytes of texts, each with its NUL; a longer one is cut */
#define LP_SIGNER_TEXT      256 /* a principal */
#define LP_REASON_TEXT      512 /* why a tip is refused, for a person; a longer one is cut */
#define LP_FINGERPRINT_TEXT 51  /* "SHA256:" and 43 characters of base64: no other length */
#define LP_SUBJECT_TEXT     129 /* a subject line */
#define LP_REPO_TEXT        33  /* a repository's id: 128 bits as hex digits; no other length */
#define LP_VERDICT_TEXT     24  /* the longest verdict's name fits */

/* rendering */
#define LP_ORIGIN_MAX     512 /* the path of a manifest below the source's, with its NUL */
#define LP_FILE_BYTES     (4u * LP_MIB)  /* one manifest file */
#define LP_SOURCE_BYTES   (32u * LP_MIB) /* all manifest files of a path */
#define LP_YAML_DEPTH     64
#define LP_YAML_NODES     200000u /* of one document, aliases expanded */
#define LP_YAML_ALIASES   1000u
#define LP_YAML_MERGED    1000u /* members of a mapping with a merge key, or maps in its list */
#define LP_YAML_SCALAR    (1536u * LP_KIB)
#define LP_YAML_DOCS      5000u /* of one file */
#define LP_JSON_DEPTH     128
#define LP_DOCUMENT_BYTES (24u * LP_MIB) /* of memory for one document's tree */
#define LP_OBJECTS_MAX    10000u         /* of one revision */
#define LP_SECRET_KEYS    10000u         /* keys of a Secret's stringData */
#define LP_PROBLEMS_MAX   100u           /* errors told about one revision; the rest are counted */

/* HTTP clients that are waited for together */
#define LP_HTTP_CLIENTS_MAX 4

/* the cluster */
#define LP_CONCURRENCY_MAX 16u /* steps at once: the most that `cluster.concurrency` may say */

/* keys; trust.rsaBits raises the first */
#define LP_RSA_BITS_MIN 2048
#define LP_RSA_BITS_MAX 4096

/* fields that others may own; together they fit LP_IGNORE_BYTES of a step */
#define LP_IGNORE_TEXT_BYTES   2048u /* of one object's annotation limpet.dev/ignore */
#define LP_IGNORE_RULES        16u   /* of one source */
#define LP_IGNORE_RULE_BYTES   512u  /* pointers of one rule, and a byte behind each */
#define LP_IGNORE_CONFIG_BYTES 1920u /* pointers of all rules of one source, counted so */
#endif

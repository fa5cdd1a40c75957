/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_LIMITS_H
#define LIMPET_AGENT_CLUSTER_LIMITS_H
/* Every limit of the cluster room, once; each has a test that hits it. */
#include "platform/limits.h"

/* kubeconfig */
#define LP_KUBECONFIG_BYTES  (1u * LP_MIB)   /* the file */
#define LP_KUBECONFIG_MEMORY (8u * LP_MIB)   /* its tree, until it is read */
#define LP_CREDENTIAL_BYTES  (256u * LP_KIB) /* one CA, certificate, key or token */

/* discovery */
#define LP_DISCOVERY_BYTES  (8u * LP_MIB) /* one answer; k3s: 20 KiB */
#define LP_DISCOVERY_MEMORY (2u * LP_MIB) /* the table made of it */
#define LP_DISCOVERY_KINDS  4096u
#define LP_DISCOVERY_GROUPS 1024u /* group-versions asked one by one of an old server */

/* answers */
#define LP_ANSWER_BYTES   (2u * LP_MIB)  /* metadata of one object: at most what is stored of it */
#define LP_PAGE_OBJECTS   50u            /* of a LIST */
#define LP_PAGE_BYTES     (16u * LP_MIB) /* one page; 50 objects of 1-3 KiB */
#define LP_CONTINUE_BYTES 4096u          /* a continue token */
#define LP_CRD_BYTES      (4u * LP_MIB)  /* a CustomResourceDefinition whole */

/* an apply that looks first */
#define LP_MANAGED_MEMORY (32u * LP_MIB) /* managedFields as trees, and what is made of them */
#define LP_FIELDS_SETS    32u            /* managers whose fields are compared for a message */
#define LP_LOOKS_MAX      8u    /* of one step; then others who keep writing are left alone */
#define LP_IGNORE_BYTES   4096u /* JSON pointers of one object, one a line */

/* watches */
#define LP_WATCHES_MAX        256u /* kinds watched; what is more is left to the deep pass */
#define LP_WATCH_STREAMS      90u  /* on one connection; the API server allows 100 */
#define LP_WATCH_PAGE_OBJECTS 500u /* of the LIST that a watch begins with */
#define LP_WATCH_PAGES        64u  /* of it; more than an inventory holds */
#define LP_SIGHTINGS_BYTES    (64u * LP_KIB) /* told and not yet read: the role waits */
#define LP_STREAM_EVENT_BYTES (8u * LP_MIB)  /* of one object flowing by; none of it is kept */
#define LP_MANAGER_MAX        129u /* a field manager with its NUL: the API allows 128 bytes */
#define LP_STREAM_DEPTH       128u /* brackets; fieldsV1 is nested like the object */

/* drift */
#define LP_DRIFT_QUEUE    32u /* suspects whose names are kept; more are found by a walk */
#define LP_DRIFT_KINDS    1024u
#define LP_DRIFT_HEALS    5u   /* of one object within the window before it waits */
#define LP_DRIFT_WINDOW_S 600  /* a quiet time that long forgets them */
#define LP_DRIFT_WAIT_S   30   /* the first wait; it doubles */
#define LP_DRIFT_WAITS_S  3600 /* the longest */

/* the Lease */
#define LP_HOLDER_MAX   128  /* who holds it, with its NUL; a longer name is cut */
#define LP_INSTANCE_MAX 17   /* 64 bits as hex digits; no other length */
#define LP_LEASE_S      3600 /* seconds that a holder can be waited for; limpet writes 900 */

/* of what the API server says, with its NUL */
#define LP_RESOURCE_VERSION_MAX 32
#define LP_EVENT_MESSAGE        1024 /* for people; cut */

/* how long the API server may ask to be left alone; longer is taken for that */
#define LP_RETRY_AFTER_MS (24 * 60 * 60 * 1000)

/* Kubernetes Events about the ApplySet parent */
#define LP_ANNOUNCE_BYTES (8u * LP_KIB) /* one, as JSON */

/* ApplySet parent */
#define LP_APPLYSET_MEMORY \
	(256u * LP_KIB)            /* kinds and namespaces together; annotations hold as much */
#define LP_APPLYSET_FLOOR_TEXT 256 /* what it says of the floor, with its NUL */
#endif

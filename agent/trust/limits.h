/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_LIMITS_H
#define LIMPET_AGENT_TRUST_LIMITS_H
/* The limits of this room alone; those that others know too are in platform/limits.h. */
#include "platform/limits.h"

/* a commit */
#define LP_COMMIT_HEADERS 32 /* of names that we do not know */
#define LP_DATE_DIGITS    12 /* of a date: until the year 33658 */

/* a signature */
#define LP_NAMESPACE_BYTES 255  /* what it says it is for: "git" */
#define LP_CERT_PRINCIPALS 256u /* of a certificate, as in OpenSSH */

/* a file of OpenPGP keys, and the certificates that it is made of */
#define LP_PGP_KEYS_BYTES     (256u * LP_KIB)
#define LP_PGP_KEYS_LINES     1000u         /* that name a key */
#define LP_PGP_KEYS_LINE      (4u * LP_KIB) /* bytes of one line */
#define LP_PGP_IMPORT_BYTES   (1u * LP_MIB) /* without armor */
#define LP_PGP_IMPORT_PACKETS 4096u

/* the signers file */
#define LP_SIGNERS_BYTES (256u * LP_KIB)
#define LP_SIGNERS_LINES 1000u          /* that name a key */
#define LP_SIGNERS_LINE  (16u * LP_KIB) /* bytes of one line */

/* the list of what is revoked */
#define LP_REVOKED_BYTES (1u * LP_MIB)
#define LP_REVOKED_LINE  (16u * LP_KIB) /* bytes of one line, when it has lines */

/* limpet.yaml */
#define LP_BINDING_BYTES  (64u * LP_KIB)
#define LP_BINDING_MEMORY (1u * LP_MIB) /* its tree, until it is read */
#define LP_AUDIENCE_MAX   128           /* entries */
#define LP_AUDIENCE_TEXT  70            /* "group/" and a name of 63 letters, with the NUL */
#define LP_SEQUENCE_MAX   (1LL << 53)   /* what every JSON reader keeps whole */
#endif

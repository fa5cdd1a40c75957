/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_LIMITS_H
#define LIMPET_STORE_LIMITS_H
/* Limits of the store that are not a setting; each has a test that hits it. */
#include "platform/limits.h"

#define LP_STORE_OID     20 /* bytes of a commit or tree id (SHA-1) */
#define LP_STORE_PAYLOAD 32 /* bytes of a payload id (SHA-256 of the signed bytes) */
#define LP_STORE_DIGEST  32 /* bytes of a digest (SHA-256) */

/* text, in bytes with the NUL; what people wrote is cut, in a row a longer one is damage */
#define LP_MESSAGE_MAX 1024 /* the last error of a revision or of a source */
#define LP_LIVE_BYTES  72   /* what a caller keeps of an applied object */

#define LP_REVISION_BYTES (64u * LP_MIB) /* all objects of one revision, as JSON */
#define LP_REFUSALS_KEPT  64u            /* newest of each source */
#define LP_PAYLOADS_KEPT  4096u          /* newest accepted payloads of each source */
#define LP_DROPS_MAX      8u             /* revisions that one call of retention drops */
#define LP_KINDS_MAX      4096u          /* kinds of one cluster */

#define LP_HAPPENINGS_KEPT    1000u /* newest of all sources */
#define LP_HAPPENING_TEXT     512   /* bytes of a message with its NUL; a longer one is cut */
#define LP_HAPPENING_REPEAT_S 3600  /* the same again after longer than this is a row of its own */
#define LP_HAPPENING_SPAN_S   86400 /* and so it is when the first is longer ago than this */

#define LP_FLOOR_BYTES 1024u /* of a copy of the floor; we write fewer than 400 */

#define LP_ASIDE_MAX 3u /* damaged databases kept for a person to look at; the oldest go */

#define LP_SUSPEND_S (366 * 86400) /* the longest suspension that ends by itself */

/* A refresh of a time alone (last good poll, same error again) is written at most this often. */
#define LP_REFRESH_S 3600
#endif

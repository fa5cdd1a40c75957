/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_JSON_PARTS_H
#define LIMPET_PLATFORM_JSON_PARTS_H
/*
 * What the files behind json.h and yaml.h share and nobody else needs.
 */
#include "platform/json.h"

#define LP_JSON_DIGITS 48 /* bytes of any number as text, with a NUL */

struct json_member {
	const char *key;
	struct jval *value;
	size_t index; /* in the object */
};

/*
 * The members of an object, sorted by the bytes of their keys, equal keys in their order; to
 * be given to free(). NULL when there is none, or out of memory.
 */
struct json_member *lp_json_sorted(const struct jval *obj);

/* A number in the shortest digits that read back the same: 1, 0.5, 1e-7. False: not finite. */
bool lp_json_digits(const struct jval *v, char to[LP_JSON_DIGITS]);
#endif

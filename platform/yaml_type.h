/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_YAML_TYPE_H
#define LIMPET_PLATFORM_YAML_TYPE_H
/*
 * What a YAML scalar means, as go-yaml v2 and sigs.k8s.io/yaml have it (their
 * resolve.go). Shared by yaml.c, which reads, and yaml_write.c, which must
 * write what reads back the same.
 */
#include "platform/json.h"

#define LP_YAML_NUMBER_CHARS 1024 /* of one number, with a NUL */
#define LP_YAML_KEY_TEXT     64   /* a key that is no string, as text */

struct yaml_scalar {
	enum json_type type; /* JSON_NULL, BOOL, INT, REAL or STR */
	bool boolean;
	bool negative; /* INT: sint holds it, else uint */
	int64_t sint;
	uint64_t uint;
	double real; /* may be infinite or no number: JSON has neither */
	bool binary; /* STR: the text is base64 (!!binary) */
};

/*
 * Resolves a scalar's n bytes of text. tag is its long tag or NULL; plain is libyaml's
 * plain_implicit. False when an explicit tag does not fit the text, and *ret_why says what.
 */
bool lp_yaml_resolve(const char *tag, bool plain, const char *text, size_t n,
		     struct yaml_scalar *ret, const char **ret_why);

/*
 * The text of a scalar that is no string as the key of a JSON object, as sigs.k8s.io/yaml
 * converts it: 1, true, .inf. NULL when it cannot be a key (null, integers past int64).
 */
const char *lp_yaml_key(const struct yaml_scalar *s, char to[LP_YAML_KEY_TEXT]);

/* How many bytes of text are whole UTF-8 characters from its start; n when it is all UTF-8. */
size_t lp_yaml_utf8(const void *text, size_t n);

/* Decodes base64 (white space ignored) in place; false when it is none. *n becomes its length. */
bool lp_yaml_binary(char *text, size_t *n);
#endif

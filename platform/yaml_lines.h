/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_YAML_LINES_H
#define LIMPET_PLATFORM_YAML_LINES_H
/*
 * Where the values of a document were written, in some bytes a line and none a value.
 */
#include "platform/yaml.h"

/* NULL out of memory. */
struct yaml_lines *lp_yaml_lines_new(void);
void lp_yaml_lines_free(struct yaml_lines *lines); /* NULL is fine */

/* Notes a value in the order of the text; NULL is fine. Out of memory, its line is not known. */
void lp_yaml_note(struct yaml_lines *lines, const struct jval *v, unsigned line);
#endif

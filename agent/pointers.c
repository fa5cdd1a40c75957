/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pointers.h"

#include <string.h>

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool names_us(struct slice pointer)
{
	static const char *const fixed[] = {
		"/apiVersion",
		"/kind",
		"/metadata",
		"/metadata/name",
		"/metadata/namespace",
		"/metadata/labels",
		"/metadata/labels/applyset.kubernetes.io~1part-of",
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (lp_slice_is(pointer, fixed[i]))
			return true;
	return false;
}

const char *lp_pointer_wrong(struct slice pointer)
{
	if (!pointer.len || pointer.data[0] != '/')
		return "a JSON pointer begins with '/', such as /spec/replicas";
	for (size_t i = 0; i < pointer.len; i++) {
		bool last = i + 1 == pointer.len;
		if (pointer.data[i] < 0x20)
			return "a control character stands in it";
		if (pointer.data[i] == '~' &&
		    (last || (pointer.data[i + 1] != '0' && pointer.data[i + 1] != '1')))
			return "in a JSON pointer '/' is written ~1 and '~' is written ~0";
	}
	if (names_us(pointer))
		return "what names the object, or makes it limpet's, cannot be ignored";
	return NULL;
}

bool lp_pointer_next(struct slice text, size_t *at, struct slice *ret)
{
	while (*at < text.len) {
		size_t from = *at, to = from;
		while (to < text.len && text.data[to] != ',' && text.data[to] != '\n')
			to++;
		*at = to + 1;
		while (from < to && is_blank(text.data[from]))
			from++;
		while (from < to && is_blank(text.data[to - 1]))
			to--;
		*ret = (struct slice){text.data + from, to - from};
		if (to > from)
			return true;
	}
	return false;
}

bool lp_pointer_in(struct slice lines, const char *pointer)
{
	while (lines.len) {
		const uint8_t *end = memchr(lines.data, '\n', lines.len);
		size_t n = end ? (size_t)(end - lines.data) : lines.len;
		if (lp_slice_is((struct slice){lines.data, n}, pointer))
			return true;
		n += end != NULL;
		lines.data += n;
		lines.len -= n;
	}
	return false;
}

bool lp_pattern_fits(const char *pattern, const char *text)
{
	const char *star = NULL, *behind = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			behind = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++behind;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

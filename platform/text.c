/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/text.h"

#include <string.h>

/* The length of the character at text and its code point; 0 when it is no valid UTF-8. */
static size_t read_char(struct slice text, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = text.data[0];
	size_t n = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	if (n == 1)
		*ret = first;
	if (n < 2 || n > text.len || first > 0xf4)
		return n == 1;
	uint32_t c = first & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((text.data[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text.data[i] & 0x3fu);
	}
	*ret = c;
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

/* Control characters, and marks that hide text or turn its direction. */
static bool is_visible(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad)
		return false;
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e))
		return false;
	return !((c >= 0x2060 && c <= 0x206f) || c == 0x61c || c == 0xfeff ||
		 (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f));
}

const char *lp_printable(struct slice text, char *to, size_t size)
{
	size_t out = 0;

	for (size_t at = 0; at < text.len;) {
		uint32_t c = 0;
		size_t n = read_char((struct slice){text.data + at, text.len - at}, &c);
		bool show = n && is_visible(c);

		if (out + (show ? n : 1) >= size)
			break;
		if (show)
			memcpy(to + out, text.data + at, n);
		else
			to[out] = '?';
		out += show ? n : 1;
		at += n ? n : 1;
	}
	to[out] = '\0';
	return to;
}

void lp_trim_cut(char *text)
{
	size_t len = strlen(text), start = len;
	uint32_t c;

	while (start && len - start < 3 && ((uint8_t)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start && (uint8_t)text[start - 1] >= 0xc0)
		start--;
	if (start < len && !read_char((struct slice){(uint8_t *)text + start, len - start}, &c))
		text[start] = '\0';
}

bool lp_is_name(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c == '/' || *c == '%' || (unsigned char)*c < 0x21 || *c == 0x7f)
			return false;
	return strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

#define EDITS_CHARS 64

size_t lp_edits(const char *a, const char *b)
{
	size_t row[EDITS_CHARS];
	size_t n = strlen(b);

	if (n >= EDITS_CHARS || strlen(a) >= EDITS_CHARS)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
			best = above + 1 < best ? above + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			diagonal = above;
			row[j] = best;
		}
	}
	return row[n];
}

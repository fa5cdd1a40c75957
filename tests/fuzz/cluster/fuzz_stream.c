/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the API server sends as a watch or a list: the same is told however it is cut, it is
 * fit for whoever listens, and of an object it is what lp_metadata_read says of it.
 */
#include "agent/cluster/skim.h"
#include "agent/cluster/stream.h"
#include "platform/text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEPT 8

struct heard {
	unsigned count;
	uint8_t digest[LP_SHA256_BYTES]; /* of all that was told */
	struct told kept[KEPT];          /* the first of them */
	enum lp_code code;               /* how it ended */
	bool at_rest;
};

static void check(bool condition)
{
	if (!condition)
		__builtin_trap();
}

/* Whether text can be shown and has its NUL. */
static void check_text(const char *text, size_t size)
{
	check(memchr(text, '\0', size) != NULL);
	for (const char *at = text; *at; at++)
		check((unsigned char)*at >= ' ' && *at != 0x7f);
}

static void check_told(const struct told *told)
{
	const struct sighting *object = &told->object;

	check_text(told->reason, sizeof(told->reason));
	check_text(told->message, sizeof(told->message));
	check_text(object->manager, sizeof(object->manager));
	check(strlen(told->more) < LP_CONTINUE_BYTES);
	check(!(object->marks & ~(unsigned)SIGHT_MARKS));
	check(told->status >= 0 && told->status < 1000);
	if (told->kind == TOLD_THERE || told->kind == TOLD_GONE)
		check(object->key.name[0] && object->uid[0] && object->live.version[0]);
	if (told->kind == TOLD_BOOKMARK || told->kind == TOLD_UNFIT)
		check(object->live.version[0]);
	if (told->kind == TOLD_LIST)
		check(told->version[0] && lp_is_name(told->version));
	check(lp_is_name(object->key.ns) && lp_is_name(object->key.name) &&
	      lp_is_name(object->uid) && lp_is_name(object->live.version));
}

static enum lp_code hear(void *ctx, const struct told *told, struct err *err)
{
	struct heard *heard = ctx;
	struct told copy = *told;
	struct lp_hash hash;

	check_told(told);
	copy.more = NULL;
	if (heard->count < KEPT)
		heard->kept[heard->count] = copy;
	heard->count++;
	lp_hash_begin(&hash, LP_SHA256);
	lp_hash_add(&hash, heard->digest, sizeof(heard->digest));
	lp_hash_add(&hash, &copy, sizeof(copy));
	lp_hash_add(&hash, told->more, strlen(told->more));
	lp_hash_end(&hash, heard->digest);
	return LP_OK;
}

/* Reads text in pieces; seed 0: in one. */
static void read_pieces(enum stream_form form, struct slice text, uint32_t seed, struct heard *ret)
{
	LP_AUTO(lp_stream_free) struct stream *stream = NULL;
	struct stream_sink sink = {ret, hear};
	struct err err;

	*ret = (struct heard){0};
	check(lp_stream_new(form, &sink, &stream, &err) == LP_OK);
	for (size_t at = 0, n; at < text.len && ret->code == LP_OK; at += n) {
		seed = seed ? seed * 1664525u + 1013904223u : 0;
		n = seed ? 1 + (seed >> 8) % (seed & 0x80 ? 7 : 200) : text.len;
		n = n < text.len - at ? n : text.len - at;
		ret->code = lp_stream_feed(stream, text.data + at, n, &err);
	}
	ret->at_rest = lp_stream_at_rest(stream);
	check(!ret->at_rest || ret->code == LP_OK);
}

static void check_cuts(enum stream_form form, struct slice text)
{
	static struct heard whole, cut;

	read_pieces(form, text, 0, &whole);
	read_pieces(form, text, 1 + (uint32_t)text.len, &cut);
	check(cut.count == whole.count && cut.code == whole.code && cut.at_rest == whole.at_rest);
	check(memcmp(cut.digest, whole.digest, sizeof(cut.digest)) == 0);
}

static bool has_escape(struct slice text)
{
	return text.len && memchr(text.data, '\\', text.len);
}

/* Keys and words with escapes, which only the stream reads. */
static bool has_escaped_words(struct slice object)
{
	static const char *const words[] = {"manager", "operation", "subresource"};
	struct skim_iter it = lp_skim_iter(object);

	while (lp_skim_next(&it)) {
		if (has_escape(it.key))
			return true;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (lp_slice_is(it.key, words[i]) && has_escape(it.value))
				return true;
	}
	return false;
}

static bool is_comparable(struct slice object)
{
	struct slice metadata = lp_skim_get(object, "metadata");
	struct skim_iter it = lp_skim_iter(lp_skim_get(metadata, "managedFields"));

	while (lp_skim_next(&it))
		if (has_escaped_words(it.value))
			return false;
	return !has_escaped_words(object) && !has_escaped_words(metadata) &&
	       !has_escaped_words(lp_skim_get(metadata, "labels")) &&
	       !has_escaped_words(lp_skim_get(metadata, "annotations"));
}

/* What both readers say of an object is the same. */
static void compare(struct slice object, const struct sighting *seen)
{
	struct metadata m;
	struct err err;
	char text[LP_APPLYSET_ID_MAX];

	if (!lp_skim_whole(object) || !is_comparable(object) ||
	    lp_metadata_read(object, &m, &err) != LP_OK)
		return;
	check(strcmp(m.ns, seen->key.ns) == 0 && strcmp(m.name, seen->key.name) == 0);
	check(strcmp(m.uid, seen->uid) == 0 && strcmp(m.live.version, seen->live.version) == 0);
	check(m.live.generation == seen->live.generation);
	check(memcmp(m.live.entry, seen->live.entry, sizeof(m.live.entry)) == 0);
	check(m.applied == !!(seen->marks & SIGHT_APPLIED));
	check(m.deleting == !!(seen->marks & SIGHT_DELETING));
	lp_skim_str(lp_metadata_label(&m, LP_PART_OF_LABEL), text, sizeof(text));
	check(strcmp(text, seen->part_of) == 0);
	lp_skim_str(lp_metadata_annotation(&m, "limpet.dev/drift"), text, sizeof(text));
	check((strcmp(text, "report") == 0) == !!(seen->marks & SIGHT_REPORT_ONLY));
}

static void compare_event(struct slice line)
{
	static struct heard heard;

	if (has_escaped_words(line))
		return;
	read_pieces(STREAM_WATCH, line, 0, &heard);
	if (heard.code == LP_OK && heard.count == 1 && heard.at_rest &&
	    (heard.kept[0].kind == TOLD_THERE || heard.kept[0].kind == TOLD_GONE))
		compare(lp_skim_get(line, "object"), &heard.kept[0].object);
}

static void compare_lines(struct slice text)
{
	const uint8_t *at = text.data, *end = text.data + text.len, *line_end;

	for (; at < end; at = line_end + 1) {
		line_end = memchr(at, '\n', (size_t)(end - at));
		line_end = line_end ? line_end : end;
		compare_event((struct slice){at, (size_t)(line_end - at)});
	}
}

static void compare_items(struct slice text)
{
	static struct heard heard;
	struct skim_iter it = lp_skim_iter(lp_skim_get(text, "items"));

	if (has_escaped_words(text))
		return;
	read_pieces(STREAM_LIST, text, 0, &heard);
	for (unsigned i = 0; heard.code == LP_OK && heard.at_rest && lp_skim_next(&it); i++) {
		check(i < heard.count);
		if (i < KEPT && heard.kept[i].kind == TOLD_THERE)
			compare(it.value, &heard.kept[i].object);
	}
}

/* The input as the object of an event. */
static void compare_object(struct slice object)
{
	LP_AUTO(lp_buf_free) struct buf event = LP_BUF(object.len + 64);
	struct err err;

	check(lp_buf_str(&event, "{\"type\":\"ADDED\",\"object\":", &err) == LP_OK);
	check(lp_buf_append(&event, object.data, object.len, &err) == LP_OK);
	check(lp_buf_str(&event, "}", &err) == LP_OK);
	if (lp_skim_whole(object))
		compare_event(LP_SLICE_OF(&event));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = {data, size};
	struct err err;

	check(lp_crypto_init(&err) == LP_OK);
	if (!size)
		return 0;
	check_cuts(STREAM_WATCH, text);
	check_cuts(STREAM_LIST, text);
	compare_lines(text);
	compare_items(text);
	compare_object(text);
	return 0;
}

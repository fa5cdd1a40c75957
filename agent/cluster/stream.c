/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/stream.h"

#include "agent/cluster/reading.h"
#include "agent/cluster/tokens.h"
#include "platform/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where in an event or list we are. What is none of these is passed over as one value. */
enum place {
	IN_EVENT,
	IN_LIST,
	IN_LIST_METADATA,
	IN_ITEMS, /* an array of IN_OBJECT */
	IN_OBJECT,
	IN_METADATA,
	IN_LABELS,
	IN_ANNOTATIONS,
	IN_ENTRIES, /* an array of IN_ENTRY */
	IN_ENTRY,
};

#define DEEPEST 6 /* places in places: LIST, ITEMS, OBJECT, METADATA, ENTRIES, ENTRY */

/* What is read of a member: into a field of struct reading, or as a place. */
enum wanted {
	TEXT,      /* a string that must fit */
	NAME,      /* a string that makes the object unfit when it does not fit */
	CUT_TEXT,  /* a string for people, which may be cut at a character */
	WORD,      /* a string that is only compared: of a long one, more than any word it may be */
	LONG_TEXT, /* a string into a struct buf */
	NUMBER,    /* an integer, int64_t */
	WRITTEN,   /* any value as written, which must fit */
	FIELDS,    /* fieldsV1: as written, into the entry's hash */
	OBJECT,    /* the place is an object */
	ARRAY,     /* the place is an array */
};

#define FIELD(field) offsetof(struct reading, field), sizeof(((struct reading *)0)->field), 0
#define INTO(place)  0, 0, place

static const struct member {
	const char *key;
	uint8_t in, wanted; /* enum place, enum wanted */
	uint16_t at, size;  /* of the field */
	uint8_t into;       /* enum place */
} members[] = {
	{"type", IN_EVENT, WORD, FIELD(type)},
	{"object", IN_EVENT, OBJECT, INTO(IN_OBJECT)},
	{"kind", IN_LIST, WORD, FIELD(kind)},
	{"metadata", IN_LIST, OBJECT, INTO(IN_LIST_METADATA)},
	{"items", IN_LIST, ARRAY, INTO(IN_ITEMS)},
	/* a Status, as the object of an event or instead of a list */
	{"code", IN_LIST, NUMBER, FIELD(object.status)},
	{"reason", IN_LIST, TEXT, FIELD(object.reason)},
	{"message", IN_LIST, CUT_TEXT, FIELD(object.message)},
	{"code", IN_OBJECT, NUMBER, FIELD(object.status)},
	{"reason", IN_OBJECT, TEXT, FIELD(object.reason)},
	{"message", IN_OBJECT, CUT_TEXT, FIELD(object.message)},
	{"resourceVersion", IN_LIST_METADATA, TEXT, FIELD(version)},
	{"continue", IN_LIST_METADATA, LONG_TEXT, FIELD(more)},
	{"metadata", IN_OBJECT, OBJECT, INTO(IN_METADATA)},
	{"name", IN_METADATA, NAME, FIELD(object.name)},
	{"namespace", IN_METADATA, NAME, FIELD(object.ns)},
	{"uid", IN_METADATA, TEXT, FIELD(object.uid)},
	{"resourceVersion", IN_METADATA, TEXT, FIELD(object.live.version)},
	{"generation", IN_METADATA, NUMBER, FIELD(object.live.generation)},
	{"deletionTimestamp", IN_METADATA, WORD, FIELD(object.deletion)},
	{"labels", IN_METADATA, OBJECT, INTO(IN_LABELS)},
	{"annotations", IN_METADATA, OBJECT, INTO(IN_ANNOTATIONS)},
	{"managedFields", IN_METADATA, ARRAY, INTO(IN_ENTRIES)},
	{LP_PART_OF_LABEL, IN_LABELS, TEXT, FIELD(object.part_of)},
	{LP_DRIFT_ANNOTATION, IN_ANNOTATIONS, WORD, FIELD(object.drift)},
	{"k8s.io/initial-events-end", IN_ANNOTATIONS, WORD, FIELD(object.initial_end)},
	{"manager", IN_ENTRY, CUT_TEXT, FIELD(entry.manager)},
	{"operation", IN_ENTRY, WORD, FIELD(entry.operation)},
	{"subresource", IN_ENTRY, WORD, FIELD(entry.subresource)},
	{"time", IN_ENTRY, WRITTEN, FIELD(entry.time)},
	{"apiVersion", IN_ENTRY, WRITTEN, FIELD(entry.api_version)},
	{"fieldsV1", IN_ENTRY, FIELDS, 0, 0, 0},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))
_Static_assert(MEMBERS <= 64, "a bit of struct stream.seen each");
_Static_assert(sizeof(struct reading) <= UINT16_MAX, "member.at");

/* Between two events all that is held is this. */
struct stream {
	struct tokens tokens;
	struct stream_sink sink;
	enum stream_form form;
	enum lp_code over;  /* what ended it, or LP_OK */
	bool done;          /* LIST: it is told */
	size_t event_bytes; /* since an event or item ended */
	uint8_t path[DEEPEST];
	unsigned places;             /* of path; the last is where we are */
	uint64_t seen;               /* of members, in the places of path */
	const struct member *member; /* whose value comes; NULL: it is passed over */
	char word[40];               /* a key, then a number or null */
	size_t used;                 /* bytes of word, then of the member's field */
	bool cut;                    /* the field has not all of it */
	struct reading *reading;     /* owned; NULL between events */
};

enum lp_code lp_stream_new(enum stream_form form, const struct stream_sink *sink,
			   struct stream **ret, struct err *err)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return lp_err_nomem(err, "a stream");
	s->form = form;
	s->sink = *sink;
	*ret = s;
	return LP_OK;
}

void lp_stream_free(struct stream **stream)
{
	if (!*stream)
		return;
	lp_reading_free(&(*stream)->reading);
	free(*stream);
	*stream = NULL;
}

static enum lp_code not_that_form(const struct stream *s, const char *why, struct err *err)
{
	return lp_err_set(err, LP_REJECTED, "what the API server tells is no %s: %s %s",
			  s->form == STREAM_LIST ? "list" : "watch",
			  s->member ? s->member->key : "a value", why);
}

static enum place here(const struct stream *s)
{
	return s->path[s->places - 1];
}

static bool in_array(const struct stream *s)
{
	return s->places && (here(s) == IN_ITEMS || here(s) == IN_ENTRIES);
}

/* Goes into a place, of which nothing is seen yet. */
static void enter(struct stream *s, enum place place)
{
	s->path[s->places++] = (uint8_t)place;
	for (size_t i = 0; i < MEMBERS; i++)
		if (members[i].in == place)
			s->seen &= ~((uint64_t)1 << i);
	s->member = NULL;
	s->used = 0;
	if (place == IN_OBJECT)
		lp_reading_begin_object(s->reading);
	if (place == IN_ENTRY)
		lp_reading_begin_entry(s->reading);
}

/* An event or a list begins. */
static enum lp_code begin(struct stream *s, bool array, struct err *err)
{
	if (array || s->done)
		return not_that_form(s, s->done ? "comes behind it" : "is no object", err);
	s->reading = lp_reading_new();
	if (!s->reading)
		return lp_err_nomem(err, "an event");
	enter(s, s->form == STREAM_LIST ? IN_LIST : IN_EVENT);
	return LP_OK;
}

static enum lp_code open_value(struct stream *s, bool array, struct err *err)
{
	if (!s->places)
		return begin(s, array, err);
	if (in_array(s)) {
		if (array)
			return not_that_form(s, "is an array in an array", err);
		enter(s, here(s) == IN_ITEMS ? IN_OBJECT : IN_ENTRY);
		return LP_OK;
	}
	if (!s->member || s->member->wanted != (array ? ARRAY : OBJECT))
		return not_that_form(s, array ? "is an array" : "is an object", err);
	enter(s, s->member->into);
	return LP_OK;
}

/* An event is whole, or a list. */
static enum lp_code end(struct stream *s, struct err *err)
{
	LP_AUTO(lp_reading_free) struct reading *reading = LP_STEAL(s->reading);

	s->event_bytes = 0;
	if (s->form == STREAM_WATCH)
		return lp_reading_tell_event(reading, &s->sink, err);
	s->done = true;
	return lp_reading_tell_list(reading, &s->sink, err);
}

static enum lp_code leave(struct stream *s, struct err *err)
{
	enum place place = here(s);

	s->places--;
	s->member = NULL;
	s->used = 0;
	if (place == IN_ENTRY)
		lp_reading_end_entry(s->reading);
	if (!s->places)
		return end(s, err);
	if (place != IN_OBJECT || s->form != STREAM_LIST)
		return LP_OK;
	s->event_bytes = 0;
	return lp_reading_tell_item(s->reading, &s->sink, err);
}

/* The member of that key here; NULL when nobody asks for it, or it was there before. */
static const struct member *find_member(struct stream *s)
{
	for (size_t i = 0; i < MEMBERS; i++) {
		uint64_t bit = (uint64_t)1 << i;
		if (members[i].in != here(s) || strcmp(members[i].key, s->word) != 0)
			continue;
		if (s->seen & bit)
			return NULL;
		s->seen |= bit;
		return &members[i];
	}
	return NULL;
}

static bool has_nul(struct slice piece)
{
	return piece.len && memchr(piece.data, '\0', piece.len);
}

/* Adds a piece to word, which is "" for good when that does not fit: it is then none of ours. */
static void add_word(struct stream *s, struct slice piece)
{
	if (piece.len >= sizeof(s->word) - s->used || has_nul(piece)) {
		s->used = sizeof(s->word) - 1;
		s->word[0] = '\0';
		return;
	}
	memcpy(s->word + s->used, piece.data, piece.len);
	s->used += piece.len;
	s->word[s->used] = '\0';
}

static void take_key(struct stream *s, const struct token *token)
{
	add_word(s, token->piece);
	if (!token->ends)
		return;
	s->member = find_member(s);
	s->used = 0;
	s->cut = false;
	if (!s->member || s->member->wanted == WRITTEN || s->member->wanted == FIELDS)
		lp_tokens_pass(&s->tokens);
}

static bool may_be_cut(const struct member *member)
{
	return member->wanted == CUT_TEXT || member->wanted == WORD || member->wanted == NAME;
}

/* Adds a piece to the member's text of a fixed size. */
static enum lp_code add_text(struct stream *s, struct slice piece, struct err *err)
{
	const struct member *member = s->member;
	char *to = (char *)s->reading + member->at;
	size_t room = member->size - 1u - s->used, n = piece.len < room ? piece.len : room;

	if (!may_be_cut(member) && n < piece.len)
		return not_that_form(s, "is too long", err);
	s->cut |= n < piece.len;
	for (size_t i = 0; i < n; i++)
		to[s->used++] = (char)(piece.data[i] ? piece.data[i] : '?');
	return LP_OK;
}

static enum lp_code add_long_text(struct stream *s, struct slice piece, struct err *err)
{
	if (lp_buf_append(&s->reading->more, piece.data, piece.len, err) != LP_OK)
		return lp_err_wrap(err, "what the API server tells: %s", s->member->key);
	return LP_OK;
}

static enum lp_code take_string(struct stream *s, const struct token *token, struct err *err)
{
	const struct member *member = s->member;

	if (!member || member->wanted > LONG_TEXT)
		return not_that_form(s, "is a string", err);
	if (!may_be_cut(member) && has_nul(token->piece))
		return not_that_form(s, "has a NUL in it", err);
	s->reading->object.unfit |= member->wanted == NAME && has_nul(token->piece);
	if (member->wanted == LONG_TEXT)
		LP_TRY(add_long_text(s, token->piece, err));
	else
		LP_TRY(add_text(s, token->piece, err));
	if (!token->ends)
		return LP_OK;
	if (s->cut && (member->wanted == CUT_TEXT || member->wanted == NAME))
		lp_trim_cut((char *)s->reading + member->at);
	s->reading->object.unfit |= s->cut && member->wanted == NAME;
	s->used = 0;
	return LP_OK;
}

/* Of what is no string only null, which says nothing, and integers are read. */
static enum lp_code take_plain(struct stream *s, const struct token *token, struct err *err)
{
	char *behind;

	add_word(s, token->piece);
	if (!token->ends)
		return LP_OK;
	s->used = 0;
	if (s->member && strcmp(s->word, "null") == 0)
		return LP_OK;
	if (!s->member || s->member->wanted != NUMBER)
		return not_that_form(s, "is of another type", err);
	errno = 0;
	long long number = strtoll(s->word, &behind, 10);
	if (errno || *behind || behind == s->word)
		return not_that_form(s, "is no integer that fits", err);
	int64_t value = number;
	memcpy((char *)s->reading + s->member->at, &value, sizeof(value));
	return LP_OK;
}

static enum lp_code take_raw(struct stream *s, const struct token *token, struct err *err)
{
	if (!s->member)
		return LP_OK;
	if (s->member->wanted == FIELDS)
		lp_reading_add_fields(s->reading, token->piece, token->ends);
	else
		LP_TRY(add_text(s, token->piece, err));
	if (token->ends)
		s->used = 0;
	return LP_OK;
}

static enum lp_code take_token(struct stream *s, const struct token *token, struct err *err)
{
	switch (token->kind) {
	case TOKEN_MORE:
		return LP_OK;
	case TOKEN_OBJECT:
	case TOKEN_ARRAY:
		return open_value(s, token->kind == TOKEN_ARRAY, err);
	case TOKEN_OBJECT_END:
	case TOKEN_ARRAY_END:
		return leave(s, err);
	case TOKEN_KEY:
		take_key(s, token);
		return LP_OK;
	case TOKEN_STRING:
		return take_string(s, token, err);
	case TOKEN_PLAIN:
		return take_plain(s, token, err);
	case TOKEN_RAW:
		return take_raw(s, token, err);
	case TOKEN_DEEP:
		return lp_err_set(err, LP_LIMIT,
				  "what the API server tells is nested deeper than %u",
				  LP_STREAM_DEPTH);
	default:
		return lp_err_set(err, LP_REJECTED, "what the API server tells is no JSON");
	}
}

/* The next token of input; no more of it than an event may have. */
static enum lp_code read_token(struct stream *s, struct slice *input, struct err *err)
{
	size_t room = LP_STREAM_EVENT_BYTES - s->event_bytes;
	struct slice part = {input->data, input->len < room ? input->len : room};

	if (!room)
		return lp_err_set(err, LP_LIMIT, "the API server tells of more than %u bytes",
				  LP_STREAM_EVENT_BYTES);
	struct token token = lp_tokens_next(&s->tokens, &part);
	size_t read = (size_t)(part.data - input->data);
	s->event_bytes += read;
	input->data += read;
	input->len -= read;
	return take_token(s, &token, err);
}

enum lp_code lp_stream_feed(struct stream *stream, const uint8_t *data, size_t n, struct err *err)
{
	struct slice input = {data, n};

	if (stream->over)
		return lp_err_set(err, stream->over, "the stream is over");
	while (input.len && !stream->over)
		stream->over = read_token(stream, &input, err);
	if (stream->over)
		lp_reading_free(&stream->reading);
	return stream->over;
}

bool lp_stream_at_rest(const struct stream *stream)
{
	if (stream->over)
		return false;
	return stream->form == STREAM_LIST ? stream->done : !stream->places;
}

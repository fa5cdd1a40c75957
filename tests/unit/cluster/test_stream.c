/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/limits.h"
#include "agent/cluster/stream.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TOLD_MAX 16

/* What a stream told, and what it is to be answered. */
static struct told told[TOLD_MAX];
static char more[TOLD_MAX][LP_CONTINUE_BYTES];
static unsigned count;
static unsigned fail_at; /* the so-manieth is answered with LP_CONFLICT; 0 none */

static enum lp_code remember(void *ctx, const struct told *what, struct err *error)
{
	CHECK(count < TOLD_MAX);
	told[count] = *what;
	CHECK(what->more && strlen(what->more) < sizeof(more[0]));
	memcpy(more[count], what->more, strlen(what->more) + 1);
	told[count].more = more[count];
	count++;
	return count == fail_at ? lp_err_set(error, LP_CONFLICT, "enough") : LP_OK;
}

static const struct stream_sink sink = {.tell = remember};

static struct stream *begin(enum stream_form form)
{
	struct stream *stream;

	count = fail_at = 0;
	CHECK_OK(lp_stream_new(form, &sink, &stream, &err));
	return stream;
}

static enum lp_code feed(struct stream *stream, const char *text)
{
	return lp_stream_feed(stream, (const uint8_t *)text, strlen(text), &err);
}

/* Reads text in pieces of `size` bytes, or of random sizes up to -size. */
static enum lp_code read_pieces(enum stream_form form, const char *text, int size)
{
	LP_AUTO(lp_stream_free) struct stream *stream = begin(form);
	size_t len = strlen(text);
	enum lp_code code = LP_OK;
	unsigned seed = 7;

	for (size_t at = 0, n; at < len && code == LP_OK; at += n) {
		n = (size_t)(size > 0 ? size : 1 + rand_r(&seed) % -size);
		n = n < len - at ? n : len - at;
		code = lp_stream_feed(stream, (const uint8_t *)text + at, n, &err);
	}
	CHECK(code != LP_OK || lp_stream_at_rest(stream));
	return code;
}

static enum lp_code read_watch(const char *text)
{
	return read_pieces(STREAM_WATCH, text, 1 << 20);
}

static enum lp_code read_list(const char *text)
{
	return read_pieces(STREAM_LIST, text, 1 << 20);
}

#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define META(rest) \
	"{\"metadata\":{\"name\":\"till\",\"uid\":\"u-1\",\"resourceVersion\":\"77\"" rest "}}"
#define ENTRIES(entries) META(",\"managedFields\":[" entries "]")
#define ENTRY(manager, operation, rest) \
	"{\"manager\":\"" manager "\",\"operation\":\"" operation "\"" rest "}"
#define STATUS                                                                               \
	"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\"," \
	"\"message\":\"too old resource version: 1 (2)\",\"reason\":\"Expired\",\"code\":410}"

static void a_watch_tells_of_each_event(void)
{
	static const char text[] = EVENT(
		"ADDED", "{\"kind\":\"PartialObjectMetadata\",\"metadata\":{\"name\":\"till\","
			 "\"namespace\":\"shop\",\"uid\":\"u-1\",\"resourceVersion\":\"77\","
			 "\"generation\":3,\"labels\":{\"app\":\"x\","
			 "\"applyset.kubernetes.io/part-of\":\"applyset-x-v1\"},"
			 "\"annotations\":{\"limpet.dev/drift\":\"report\"},"
			 "\"deletionTimestamp\":\"2026-11-21T08:00:00Z\"}}")
		EVENT("MODIFIED", META(",\"generation\":4")) EVENT("DELETED", META(""))
			EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"80\","
					  "\"creationTimestamp\":null,\"annotations\":"
					  "{\"k8s.io/initial-events-end\":\"true\"}}}")
				EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"81\"}}")
					EVENT("ERROR", STATUS);
	static const int sizes[] = {1 << 20, 1, 2, 3, -5, -80};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CHECK_OK(read_pieces(STREAM_WATCH, text, sizes[i]));
		CHECK(count == 6);
		const struct sighting *object = &told[0].object;
		CHECK(told[0].kind == TOLD_THERE && told[1].kind == TOLD_THERE);
		CHECK_STR(object->key.ns, "shop");
		CHECK_STR(object->key.name, "till");
		CHECK_STR(object->part_of, "applyset-x-v1");
		CHECK_STR(object->uid, "u-1");
		CHECK_STR(object->live.version, "77");
		CHECK(object->live.generation == 3);
		CHECK(object->marks == (SIGHT_DELETING | SIGHT_REPORT_ONLY));
		CHECK(told[1].object.live.generation == 4 && told[1].object.marks == 0);
		CHECK_STR(told[1].object.key.ns, "");
		CHECK_STR(told[1].object.part_of, "");
		CHECK(told[2].kind == TOLD_GONE);
		CHECK_STR(told[2].object.uid, "u-1");
		CHECK(told[3].kind == TOLD_BOOKMARK && told[3].initial_end);
		CHECK_STR(told[3].object.live.version, "80");
		CHECK(told[4].kind == TOLD_BOOKMARK && !told[4].initial_end);
		CHECK(told[5].kind == TOLD_ERROR && told[5].status == 410);
		CHECK_STR(told[5].reason, "Expired");
		CHECK_STR(told[5].message, "too old resource version: 1 (2)");
	}
}

static void members_come_in_any_order(void)
{
	CHECK_OK(read_watch("{\"object\":" META(",\"generation\":2") ",\"type\":\"DELETED\"}"
								     "{\"object\":" STATUS
								     ",\"type\":\"ERROR\"}"));
	CHECK(count == 2 && told[0].kind == TOLD_GONE && told[0].object.live.generation == 2);
	CHECK(told[1].kind == TOLD_ERROR && told[1].status == 410);
	CHECK_OK(read_list("{\"items\":[" META(
		"") "],\"metadata\":{\"continue\":\"c\","
		    "\"resourceVersion\":\"9\"},\"kind\":\"PartialObjectMetadataList\"}"));
	CHECK(count == 2 && told[0].kind == TOLD_THERE && told[1].kind == TOLD_LIST);
	CHECK_STR(told[1].version, "9");
	CHECK_STR(told[1].more, "c");
}

#define LIST(metadata, items)                                                        \
	"{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\"," \
	"\"metadata\":{" metadata "},\"items\":" items "}"

static void a_list_tells_its_items_and_then_its_end(void)
{
	static const int sizes[] = {1 << 20, 1, -9};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CHECK_OK(read_pieces(
			STREAM_LIST,
			LIST("\"resourceVersion\":\"387\",\"remainingItemCount\":38",
			     "[" META(
				     ",\"generation\":1,\"labels\":"
				     "{\"applyset.kubernetes.io/part-of\":\"x\"}") " , " META("") "]") "\n",
			sizes[i]));
		CHECK(count == 3 && told[0].kind == TOLD_THERE && told[1].kind == TOLD_THERE);
		CHECK_STR(told[0].object.part_of, "x");
		/* nothing of the first is left in the second */
		CHECK_STR(told[1].object.part_of, "");
		CHECK(told[1].object.live.generation == 0);
		CHECK(told[2].kind == TOLD_LIST);
		CHECK_STR(told[2].version, "387");
		CHECK_STR(told[2].more, "");
	}
	CHECK_OK(read_list(LIST("\"resourceVersion\":\"1\"", "null")));
	CHECK(count == 1 && told[0].kind == TOLD_LIST);
	CHECK_OK(read_list(LIST("\"resourceVersion\":\"1\"", "[]")));
	CHECK(count == 1 && told[0].kind == TOLD_LIST);
}

static void a_status_instead_of_a_list_is_told_as_an_error(void)
{
	CHECK_OK(read_list(STATUS));
	CHECK(count == 1 && told[0].kind == TOLD_ERROR && told[0].status == 410);
	CHECK_STR(told[0].reason, "Expired");
	CHECK_STR(told[0].message, "too old resource version: 1 (2)");
	CHECK_OK(read_list("{\"kind\":\"Status\"}"));
	CHECK(count == 1 && told[0].kind == TOLD_ERROR && told[0].status == 0);
	CHECK_STR(told[0].reason, "");
}

static void a_list_that_is_none_is_refused(void)
{
	CHECK_CODE(
		read_list("{\"kind\":\"ConfigMapList\",\"metadata\":{\"resourceVersion\":\"1\"}}"),
		LP_REJECTED, "no list of metadata");
	CHECK_CODE(read_list("{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}"),
		   LP_REJECTED, "no list of metadata");
	CHECK_CODE(read_list(LIST("\"continue\":\"c\"", "[]")), LP_REJECTED, "no list of metadata");
	CHECK_CODE(read_list(LIST("\"resourceVersion\":\"1/..\"", "[]")), LP_REJECTED,
		   "no list of metadata");
	CHECK(count == 0);
	CHECK_CODE(read_list(LIST("\"resourceVersion\":\"1\"", "[]") "{}"), LP_REJECTED,
		   "comes behind");
	CHECK(count == 1);
}

static struct sighting sight(const char *entries)
{
	char text[8192];

	snprintf(text, sizeof(text), EVENT("ADDED", ENTRIES("%s")), entries);
	CHECK_OK(read_watch(text));
	CHECK(count == 1);
	return told[0].object;
}

#define APPLY  "Apply"
#define UPDATE "Update"
#define AT(s)  ",\"time\":\"2026-11-21T08:00:0" s "Z\""
#define SUB(s) ",\"subresource\":\"" s "\""

static void marks_are_what_the_managers_did(void)
{
	static const struct {
		const char *entries;
		unsigned marks;
	} rows[] = {
		{"", 0},
		{ENTRY("limpet", APPLY, AT("1")), SIGHT_APPLIED},
		{ENTRY("limpet", APPLY, AT("1") SUB("")), SIGHT_APPLIED},
		{ENTRY("limpet", APPLY, SUB("status")), 0},
		{ENTRY("limpet", UPDATE, ""), SIGHT_OVERRIDABLE},
		{ENTRY("limpet-applyset", APPLY, ""), 0},
		{ENTRY("kubectl-edit", UPDATE, ""), SIGHT_OVERRIDABLE},
		{ENTRY("kubectl-edit", UPDATE, SUB("status")), 0},
		{ENTRY("helm", APPLY, ""), SIGHT_OVERRIDABLE},
		{ENTRY("kubectl", UPDATE, SUB("scale")), 0},
		{ENTRY("kube-controller-manager", UPDATE, SUB("scale")), SIGHT_SCALED},
		{ENTRY("kube-controller-manager", UPDATE, SUB("scaled")), 0},
		{ENTRY("kube-controller-manager", UPDATE, SUB("status")), 0},
		{ENTRY("limpet", APPLY, "") "," ENTRY("hpa", UPDATE, SUB("scale")) "," ENTRY(
			 "kubectl-patch", UPDATE, ""),
		 SIGHT_APPLIED | SIGHT_SCALED | SIGHT_OVERRIDABLE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK(sight(rows[i].entries).marks == rows[i].marks);
}

static void the_manager_is_who_wrote_last_besides_us(void)
{
	CHECK_STR(sight("").manager, "");
	CHECK_STR(sight(ENTRY("limpet", APPLY, AT("9"))).manager, "");
	CHECK_STR(sight(ENTRY("limpet", UPDATE, AT("9"))).manager, "limpet");
	CHECK_STR(sight(ENTRY("a", UPDATE, AT("2")) "," ENTRY("b", UPDATE, AT("1"))).manager, "a");
	CHECK_STR(sight(ENTRY("a", UPDATE, AT("1")) "," ENTRY("b", UPDATE, AT("2"))).manager, "b");
	CHECK_STR(sight(ENTRY("a", UPDATE, AT("1")) "," ENTRY("b", UPDATE, AT("1"))).manager, "b");
	CHECK_STR(sight(ENTRY("a", UPDATE, AT("1")) "," ENTRY("b", UPDATE, AT("2") SUB("status")))
			  .manager,
		  "a");
	CHECK_STR(sight(ENTRY("a", UPDATE, AT("1")) "," ENTRY("b", UPDATE, AT("2") SUB("scale")))
			  .manager,
		  "b");
	/* the API server gives a scale no time: it is the oldest then */
	CHECK_STR(sight(ENTRY("a", UPDATE, AT("1")) "," ENTRY("b", UPDATE, SUB("scale"))).manager,
		  "a");
	CHECK_STR(
		sight(ENTRY("a", UPDATE, AT("1")) "," ENTRY("b", UPDATE, ",\"time\":null")).manager,
		"a");
	CHECK_STR(sight(ENTRY("b", UPDATE, SUB("scale"))).manager, "b");
	CHECK_STR(sight(ENTRY("a", UPDATE, AT("1")) "," ENTRY("", UPDATE, AT("2"))).manager, "a");
}

/* Our entry in every order of its members, between others. */
static const char *const orders[] = {
	"{\"manager\":\"limpet\",\"operation\":\"Apply\",\"apiVersion\":\"apps/v1\","
	"\"time\":\"2026-11-21T08:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":"
	"{\"f:spec\": {\"k:{\\\"port\\\":80}\":{\".\":{}}, \"f:x\":[1,-2.5e3,null]}}}",
	"{\"fieldsV1\":{\"f:spec\": {\"k:{\\\"port\\\":80}\":{\".\":{}}, \"f:x\":[1,-2.5e3,null]}},"
	"\"subresource\":\"\",\"time\":\"2026-11-21T08:00:00Z\",\"apiVersion\":\"apps/v1\","
	"\"operation\":\"Apply\",\"manager\":\"limpet\"}",
	"{\"operation\":\"Apply\",\"time\":\"2026-11-21T08:00:00Z\",\"fieldsV1\": "
	"{\"f:spec\": {\"k:{\\\"port\\\":80}\":{\".\":{}}, \"f:x\":[1,-2.5e3,null]}} ,"
	"\"apiVersion\":\"apps/v1\",\"manager\":\"limpet\"}",
};

static void our_entry_has_one_digest_in_whatever_order_it_comes(void)
{
	/* SHA-256("\"apps/v1\"\n\"2026-11-21T08:00:00Z\"\n" SHA-256(fieldsV1)) as Python has it */
	char hex[2 * LP_LIVE_ENTRY + 1];

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct sighting object = sight(orders[i]);
		CHECK(object.marks == SIGHT_APPLIED);
		lp_hex(object.live.entry, LP_LIVE_ENTRY, hex);
		CHECK_STR(hex, "c5e0c7c8d820c0c96594bd4b09b25f0796142524091accbe7e985d30773a9abe");
	}
}

static void both_readers_make_the_same_digest_of_the_same_bytes(void)
{
	static const char *const entries[] = {
		orders[0],
		orders[1],
		orders[2],
		ENTRY("limpet", APPLY, ""),
		ENTRY("limpet", APPLY, ",\"fieldsV1\":null,\"time\":null"),
		ENTRY("limpet", APPLY, ",\"fieldsV1\":17,\"apiVersion\":17,\"time\":[ ]"),
		ENTRY("limpet", APPLY, ",\"apiVersion\":\"\\u0061\",\"fieldsV1\":\"\\u0061\""),
		ENTRY("limpet", APPLY, AT("1")) "," ENTRY("limpet", APPLY, AT("2")),
		ENTRY("limpet", APPLY, AT("1")) "," ENTRY("limpet", UPDATE, AT("2")),
		ENTRY("kubectl", UPDATE, ",\"fieldsV1\":{\"f:a\":{}}"),
	};

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		char text[4096], object[4096];
		struct metadata m;
		snprintf(object, sizeof(object), ENTRIES("%s"), entries[i]);
		snprintf(text, sizeof(text), "{\"type\":\"ADDED\",\"object\":%s}", object);
		struct slice slice = {(const uint8_t *)object, strlen(object)};
		CHECK_OK(lp_metadata_read(slice, &m, &err));
		for (int size = -30; size < 30; size++) {
			CHECK_OK(read_pieces(STREAM_WATCH, text, size ? size : 1 << 20));
			CHECK(count == 1);
			CHECK(memcmp(&told[0].object.live, &m.live, sizeof(m.live)) == 0);
			CHECK(((told[0].object.marks & SIGHT_APPLIED) != 0) == m.applied);
		}
	}
}

static void escapes_are_read_in_keys_and_texts(void)
{
	CHECK_OK(read_watch(
		EVENT("A\\u0044DED",
		      "{\"meta\\u0064ata\":{\"n\\u0061me\":\"t\\u00e9l\\u006c\\ud83d\\ude00\","
		      "\"uid\":\"u\\u002d1\",\"resourceVersion\":\"7\","
		      "\"labels\":{\"applyset.kubernetes.io\\/part-of\":\"a\\u002dx\"}}}")));
	CHECK(count == 1);
	CHECK_STR(told[0].object.key.name, "t\xc3\xa9ll\xf0\x9f\x98\x80");
	CHECK_STR(told[0].object.uid, "u-1");
	CHECK_STR(told[0].object.part_of, "a-x");
}

static void keys_that_only_look_like_ours_are_passed_over(void)
{
	CHECK_OK(read_watch(EVENT(
		"ADDED",
		META(",\"namespace\\u0000\":\"x\",\"\":\"x\",\"Name\":7,\"nam\":7,\"namespaces\":\"x\","
		     "\"applyset.kubernetes.io/part-of-and-so-on-and-so-on-and-so-on\":[7],"
		     "\"annotations\":{\"name\":7,\"namespace\":{\"metadata\":{\"namespace\":\"x\"}}},"
		     "\"ownerReferences\":[{\"name\":\"x\",\"uid\":\"x\"}],\"labels\":{"
		     "\"applyset.kubernetes.io/part-of.\":\"x\",\"limpet.dev/drift\":\"report\"}"))));
	CHECK(count == 1 && told[0].object.marks == 0);
	CHECK_STR(told[0].object.key.name, "till");
	CHECK_STR(told[0].object.key.ns, "");
	CHECK_STR(told[0].object.part_of, "");
}

static void of_members_that_come_twice_the_first_counts(void)
{
	CHECK_OK(read_watch("{\"type\":\"ADDED\",\"type\":\"DELETED\",\"object\":" META(
		",\"name\":\"other\",\"uid\":{}") ",\"object\":" STATUS
						  "}\n" EVENT("ADDED", META(""))));
	CHECK(count == 2 && told[0].kind == TOLD_THERE && told[1].kind == TOLD_THERE);
	CHECK_STR(told[0].object.key.name, "till");
	CHECK_STR(told[0].object.uid, "u-1");
}

static void an_object_without_name_uid_or_version_is_refused(void)
{
	static const char *const objects[] = {
		"{}",
		"{\"metadata\":{}}",
		"{\"metadata\":null}",
		"{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"1\"}}",
		"{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"1\"}}",
		"{\"metadata\":{\"name\":\"n\",\"uid\":\"u\"}}",
		"{\"metadata\":{\"name\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"\"}}",
	};

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		char text[300];
		snprintf(text, sizeof(text), EVENT("MODIFIED", "%s"), objects[i]);
		CHECK_CODE(read_watch(text), LP_REJECTED, "without name, uid or version");
		snprintf(text, sizeof(text), "{\"items\":[%s]}", objects[i]);
		CHECK_CODE(read_list(text), LP_REJECTED, "without name, uid or version");
	}
	CHECK_CODE(read_watch(EVENT("BOOKMARK", "{\"metadata\":{}}")), LP_REJECTED, "version");
	CHECK(count == 0);
}

/* An event of an object with that member. */
static const char *event_with(const char *key, const char *value)
{
	static char text[800];

	snprintf(text, sizeof(text),
		 EVENT("ADDED", "{\"metadata\":{\"%s\":\"%s\",\"name\":\"n\",\"uid\":\"u\","
				"\"resourceVersion\":\"1\"}}"),
		 key, value);
	return text;
}

static void uids_and_versions_that_none_can_have_are_refused(void)
{
	static const char *const names[] = {"a/b", "..", "a b", "a%2f", "a\\nb", "a\\u007f"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CHECK_CODE(read_watch(event_with("uid", names[i])), LP_REJECTED, "none can have");
		CHECK_CODE(read_watch(event_with("resourceVersion", names[i])), LP_REJECTED,
			   "none can have");
	}
	CHECK_CODE(read_watch(event_with("uid", "a\\u0000")), LP_REJECTED, "uid has a NUL");
}

static void a_name_that_we_do_not_take_is_told_and_the_stream_goes_on(void)
{
	static const char *const names[][2] = {
		{"a/b", "a/b"},   {"..", ".."},       {"a b", "a b"},      {"a%2f", "a%2f"},
		{"a\\nb", "a b"}, {"a\\u007f", "a?"}, {"a\\u0000b", "a?b"}};
	char text[1700];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(text, sizeof(text), "%s" EVENT("MODIFIED", META("")),
			 event_with("name", names[i][0]));
		CHECK_OK(read_watch(text));
		CHECK(count == 2 && told[0].kind == TOLD_UNFIT && told[1].kind == TOLD_THERE);
		CHECK_STR(told[0].message, names[i][1]);
		CHECK_STR(told[0].object.live.version, "1");
		CHECK_STR(told[0].object.key.name, "");
		CHECK_OK(read_watch(event_with("namespace", names[i][0])));
		CHECK(count == 1 && told[0].kind == TOLD_UNFIT);
	}
}

/* A text of n times c; one at a time. */
static const char *long_text(size_t n, char c)
{
	static char text[2 * LP_CONTINUE_BYTES];

	CHECK(n < sizeof(text));
	memset(text, c, n);
	text[n] = '\0';
	return text;
}

static void names_are_as_long_as_they_may_be(void)
{
	static const struct {
		const char *key;
		size_t max;
	} rows[] = {{"name", LP_NAME_MAX},
		    {"namespace", LP_NAME_MAX},
		    {"uid", LP_UID_MAX},
		    {"resourceVersion", LP_RESOURCE_VERSION_MAX}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t more_bytes = 0; more_bytes < 2; more_bytes++) {
			bool name = rows[i].max == LP_NAME_MAX;
			const char *text = event_with(rows[i].key,
						      long_text(rows[i].max - 1 + more_bytes, 'n'));
			for (int size = 1; size < 600; size += 59)
				if (more_bytes && !name) {
					CHECK_CODE(read_pieces(STREAM_WATCH, text, size),
						   LP_REJECTED, "is too long");
				} else {
					CHECK_OK(read_pieces(STREAM_WATCH, text, size));
					CHECK(told[0].kind ==
					      (more_bytes ? TOLD_UNFIT : TOLD_THERE));
				}
		}
}

static void managers_and_messages_are_cut_at_a_character(void)
{
	char text[2000], wanted[LP_MANAGER_MAX];

	/* 127 bytes and a character of two */
	snprintf(text, sizeof(text),
		 EVENT("ADDED", ENTRIES("{\"manager\":\"%s\xc3\xa9\xc3\xa9\"}")),
		 long_text(LP_MANAGER_MAX - 2, 'm'));
	snprintf(wanted, sizeof(wanted), "%s", long_text(LP_MANAGER_MAX - 2, 'm'));
	for (int size = 1; size < 200; size++) {
		CHECK_OK(read_pieces(STREAM_WATCH, text, size));
		CHECK_STR(told[0].object.manager, wanted);
	}
	/* half a character that comes whole is not what a cut left */
	snprintf(text, sizeof(text),
		 EVENT("ADDED", ENTRIES("{\"manager\":\"%s\"},{\"manager\":\"\\u001ba\xc3\"}")),
		 long_text(LP_MANAGER_MAX, 'm'));
	CHECK_OK(read_watch(text));
	CHECK_STR(told[0].object.manager, "?a?");
	snprintf(text, sizeof(text),
		 EVENT("ERROR", "{\"message\":\"a\\nb\\u0000c\\u001b%s\",\"code\":500,"
				"\"reason\":\"\\u001b\"}"),
		 long_text(600, 'm'));
	CHECK_OK(read_watch(text));
	CHECK(strlen(told[0].message) == sizeof(told[0].message) - 1);
	CHECK(strncmp(told[0].message, "a b?c?mmm", 9) == 0);
	CHECK(told[0].status == 500);
	CHECK_STR(told[0].reason, "?");
}

static void what_is_cut_is_not_taken_for_what_it_begins_like(void)
{
	CHECK_OK(read_watch(EVENT("ADDED", META(",\"annotations\":{\"limpet.dev/drift\":"
						"\"reported\"}"))));
	CHECK(told[0].object.marks == 0);
	CHECK_OK(read_watch(EVENT("ADDED", META(",\"annotations\":{\"k8s.io/initial-events-end\":"
						"\"true\"}"))));
	CHECK(!told[0].initial_end);
	CHECK_CODE(read_watch(EVENT("MODIFIEDMODIFIED", META(""))), LP_REJECTED, "no known type");
	CHECK(sight(ENTRY("limpet", "ApplyApply", "")).marks == 0);
	/* nor when the cut is in a character, which is not taken away then */
	CHECK(sight(ENTRY("limpet", "Apply\xe2\x82\xac", "")).marks == 0);
	CHECK_OK(read_watch(EVENT("ADDED", META(",\"annotations\":{\"limpet.dev/drift\":"
						"\"report\xc3\xa9\"}"))));
	CHECK(told[0].object.marks == 0);
	CHECK_OK(read_watch(EVENT("ADDED", META(",\"deletionTimestamp\":\"\xc3\xa9\""))));
	CHECK(told[0].object.marks == SIGHT_DELETING);
	CHECK(sight(ENTRY("limpet", APPLY, SUB("statusstatus"))).marks == 0);
}

static void members_of_another_type_are_refused(void)
{
	static const char *const events[] = {
		"[]",
		"\"x\"",
		"7 ",
		"null",
		"{\"type\":7}",
		"{\"type\":{}}",
		"{\"type\":[]}",
		"{\"object\":[]}",
		"{\"object\":\"x\"}",
		"{\"object\":true}",
		"{\"object\":{\"code\":\"410\"}}",
		"{\"object\":{\"code\":1.5}}",
		"{\"object\":{\"metadata\":{\"name\":7}}}",
		"{\"object\":{\"metadata\":{\"name\":[\"x\"]}}}",
		"{\"object\":{\"metadata\":{\"generation\":\"7\"}}}",
		"{\"object\":{\"metadata\":{\"generation\":7e1}}}",
		"{\"object\":{\"metadata\":{\"generation\":9223372036854775808}}}",
		"{\"object\":{\"metadata\":{\"generation\":"
		"10000000000000000000000000000000000000000000000000}}}",
		"{\"object\":{\"metadata\":{\"generation\":{}}}}",
		"{\"object\":{\"metadata\":{\"labels\":[]}}}",
		"{\"object\":{\"metadata\":{\"managedFields\":{}}}}",
		"{\"object\":{\"metadata\":{\"managedFields\":[[]]}}}",
		"{\"object\":{\"metadata\":{\"managedFields\":[null]}}}",
		"{\"object\":{\"metadata\":{\"managedFields\":[7]}}}",
		"{\"object\":{\"metadata\":{\"managedFields\":[\"x\"]}}}",
		"{\"object\":{\"metadata\":{\"managedFields\":[{\"manager\":7}]}}}",
	};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		CHECK_CODE(read_watch(events[i]), LP_REJECTED, "is no watch");
		CHECK_CODE(read_pieces(STREAM_WATCH, events[i], 1), LP_REJECTED, "is no watch");
		CHECK(count == 0);
	}
	CHECK_CODE(read_list("{\"items\":{}}"), LP_REJECTED, "is no list: items");
	CHECK_CODE(read_list("{\"items\":[7]}"), LP_REJECTED, "is no list");
	CHECK_OK(read_watch(EVENT("ADDED", META(",\"generation\":-9223372036854775808"))));
	CHECK(told[0].object.live.generation == INT64_MIN);
}

static void a_member_that_is_null_says_nothing(void)
{
	CHECK_OK(read_watch(
		EVENT("ADDED", META(",\"namespace\":null,\"generation\":null,"
				    "\"labels\":null,\"annotations\":null,"
				    "\"deletionTimestamp\":null,\"managedFields\":null"))));
	CHECK(count == 1 && told[0].object.marks == 0);
	CHECK(sight("{\"manager\":\"limpet\",\"operation\":\"Apply\",\"subresource\":null}")
		      .marks == SIGHT_APPLIED);
}

static void what_is_no_json_ends_the_stream(void)
{
	CHECK_CODE(read_watch(EVENT("ADDED", META("")) "HTTP/1.1"), LP_REJECTED, "no JSON");
	CHECK(count == 1);
	CHECK_CODE(read_watch("{\"type\":\"ADDED\",\"object\":{\"x\":[1,]}}"), LP_REJECTED,
		   "no JSON");
	CHECK_CODE(read_watch("{\"type\":\"ADDED\"},"), LP_REJECTED, "without name");
	CHECK_CODE(read_watch("{}"), LP_REJECTED, "no known type");
	CHECK_CODE(read_watch(EVENT("ADDED", ENTRIES(ENTRY("limpet", APPLY,
							   ",\"fieldsV1\":{\"f:a\":{}]}")))),
		   LP_REJECTED, "no JSON");
	CHECK(count == 0);
}

static void a_stream_that_is_over_takes_nothing_more(void)
{
	LP_AUTO(lp_stream_free) struct stream *stream = begin(STREAM_WATCH);

	CHECK(lp_stream_at_rest(stream));
	CHECK_OK(feed(stream, EVENT("ADDED", META("")) "{\"type\":"));
	CHECK(!lp_stream_at_rest(stream));
	CHECK_CODE(feed(stream, "oh"), LP_REJECTED, "no JSON");
	CHECK(!lp_stream_at_rest(stream));
	CHECK_CODE(feed(stream, EVENT("ADDED", META(""))), LP_REJECTED, "is over");
	CHECK(count == 1 && !lp_stream_at_rest(stream));
}

static void what_the_listener_refuses_ends_the_stream(void)
{
	LP_AUTO(lp_stream_free) struct stream *stream = begin(STREAM_WATCH);

	fail_at = 2;
	CHECK_CODE(feed(stream,
			EVENT("ADDED", META("")) EVENT("ADDED", META("")) EVENT("ADDED", META(""))),
		   LP_CONFLICT, "enough");
	CHECK(count == 2);
	CHECK_CODE(feed(stream, EVENT("ADDED", META(""))), LP_CONFLICT, "is over");
	CHECK(count == 2);
}

static void a_list_is_at_rest_behind_its_bracket_alone(void)
{
	LP_AUTO(lp_stream_free) struct stream *stream = begin(STREAM_LIST);

	CHECK(!lp_stream_at_rest(stream));
	CHECK_OK(feed(stream, "{\"kind\":\"PartialObjectMetadataList\",\"items\":[" META("") "]"));
	CHECK(!lp_stream_at_rest(stream));
	CHECK_OK(feed(stream, ",\"metadata\":{\"resourceVersion\":\"1\"}}"));
	CHECK(lp_stream_at_rest(stream));
	CHECK_OK(feed(stream, " \n"));
	CHECK(lp_stream_at_rest(stream));
}

/* Feeds filler until n bytes of an event are fed; *fed says how many were before. */
static enum lp_code fill(struct stream *stream, const char *filler, size_t n, size_t *fed)
{
	size_t len = strlen(filler);
	enum lp_code code = LP_OK;

	while (code == LP_OK && *fed < n) {
		size_t part = n - *fed < len ? n - *fed : len;
		code = lp_stream_feed(stream, (const uint8_t *)filler, part, &err);
		*fed += part;
	}
	return code;
}

static const char head[] = "{\"type\":\"ADDED\",\"object\":" META("") ",\"x\":\"", tail[] = "\"}";

static void an_event_may_have_so_many_bytes(void)
{
	for (size_t i = 0; i < 2; i++) {
		LP_AUTO(lp_stream_free) struct stream *stream = begin(STREAM_WATCH);
		size_t fed = sizeof(head) - 1;
		/* an event before it does not count */
		CHECK_OK(feed(stream, EVENT("ADDED", META(""))));
		CHECK_OK(feed(stream, " "));
		CHECK_OK(feed(stream, head));
		/* the line end and the space behind the event before are two of its bytes */
		CHECK_OK(fill(stream, long_text(4096, 'x'),
			      LP_STREAM_EVENT_BYTES - 2 - (sizeof(tail) - 1) + i, &fed));
		if (i == 0) {
			CHECK_OK(feed(stream, tail));
			CHECK(count == 2 && lp_stream_at_rest(stream));
			CHECK_OK(feed(stream, EVENT("ADDED", META(""))));
		} else {
			CHECK_CODE(feed(stream, tail), LP_LIMIT, "more than 8388608 bytes");
			CHECK(count == 1);
			CHECK_CODE(feed(stream, tail), LP_LIMIT, "is over");
		}
	}
}

static void a_stream_that_never_ends_its_line_ends_at_the_limit(void)
{
	static const struct {
		enum stream_form form;
		const char *begin, *filler;
	} rows[] = {
		{STREAM_WATCH, "", " \n"},
		{STREAM_WATCH, "{\"type\":\"", "xxxxxxxxxxxxxxxx"},
		{STREAM_WATCH, "{\"", "xxxxxxxxxxxxxxxx"},
		{STREAM_WATCH, "{\"object\":{\"metadata\":{\"managedFields\":[", "{},{},{},"},
		{STREAM_WATCH, "{\"object\":{\"metadata\":{\"managedFields\":[{\"fieldsV1\":[",
		 "{\"f:a\":{}},"},
		{STREAM_WATCH, "{\"object\":{\"message\":\"", "\\u0041\\n"},
		{STREAM_WATCH, "{\"x\":", "11111111111111111111"},
		{STREAM_WATCH, "", "11111111111111111111"},
		{STREAM_LIST, "{\"kind\":\"PartialObjectMetadataList\"", "             "},
		{STREAM_LIST, "{\"items\":[" META("") ",{\"metadata\":{\"x\":\"",
		 "xxxxxxxxxxxxxxxx"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		LP_AUTO(lp_stream_free) struct stream *stream = begin(rows[i].form);
		char filler[8192] = "";
		size_t fed = 0, each = strlen(rows[i].filler);
		for (size_t k = 0; k + each < sizeof(filler); k += each)
			memcpy(filler + k, rows[i].filler, each + 1);
		CHECK_OK(feed(stream, rows[i].begin));
		CHECK_CODE(fill(stream, filler, 2 * LP_STREAM_EVENT_BYTES, &fed), LP_LIMIT,
			   "more than 8388608 bytes");
		CHECK(count == (i == 9));
	}
}

static enum lp_code count_items(void *ctx, const struct told *what, struct err *error)
{
	*(unsigned *)ctx += what->kind == TOLD_THERE;
	return LP_OK;
}

static void a_list_may_have_more_bytes_than_one_of_its_items(void)
{
	LP_AUTO(lp_stream_free) struct stream *stream = NULL;
	char item[4096];
	unsigned items = 0, wanted = LP_STREAM_EVENT_BYTES / 2048;
	struct stream_sink counting = {&items, count_items};

	snprintf(item, sizeof(item), META(",\"x\":\"%s\"") ",", long_text(2048, 'x'));
	CHECK_OK(lp_stream_new(STREAM_LIST, &counting, &stream, &err));
	CHECK_OK(feed(stream, "{\"kind\":\"PartialObjectMetadataList\",\"items\":["));
	for (unsigned i = 0; i < wanted; i++)
		CHECK_OK(feed(stream, item));
	CHECK_OK(feed(stream, META("") "],\"metadata\":{\"resourceVersion\":\"1\"}}"));
	CHECK(items == wanted + 1 && lp_stream_at_rest(stream));
}

static void brackets_are_counted_as_deep_as_fields_are(void)
{
	/* fieldsV1 begins in six brackets of an event: event, object, metadata, array, entry */
	for (unsigned depth = LP_STREAM_DEPTH - 5; depth <= LP_STREAM_DEPTH - 4; depth++) {
		LP_AUTO(lp_stream_free) struct stream *stream = begin(STREAM_WATCH);
		enum lp_code code;
		CHECK_OK(feed(stream,
			      "{\"object\":{\"metadata\":{\"managedFields\":[{\"fieldsV1\":"));
		code = feed(stream, long_text(depth, '['));
		if (depth == LP_STREAM_DEPTH - 5)
			CHECK(code == LP_OK);
		else
			CHECK_CODE(code, LP_LIMIT, "deeper than 128");
	}
}

static void a_continue_token_may_have_so_many_bytes(void)
{
	for (size_t i = 0; i < 2; i++) {
		char text[2 * LP_CONTINUE_BYTES];
		snprintf(text, sizeof(text),
			 LIST("\"resourceVersion\":\"1\",\"continue\":\"%s\"", "[]"),
			 long_text(LP_CONTINUE_BYTES - 1 + i, 'c'));
		for (int size = 1; size < 9000; size += 4000) {
			enum lp_code code = read_pieces(STREAM_LIST, text, size);
			if (i) {
				CHECK(code == LP_LIMIT && count == 0);
				CHECK_HAS(err.msg, "continue");
				continue;
			}
			CHECK(code == LP_OK && count == 1);
			CHECK(strlen(told[0].more) == LP_CONTINUE_BYTES - 1);
		}
	}
}

/* A stream that a kube-apiserver 1.36 sent, from the corpus of the fuzz target. */
static const char *recorded(const char *name)
{
	static char text[16384];
	char path[512];

	snprintf(path, sizeof(path), "%s/../../fuzz/cluster/corpus_stream/%s", TEST_DATA, name);
	FILE *file = fopen(path, "re");
	CHECK(file != NULL);
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	CHECK(n > 0 && n < sizeof(text) - 1);
	text[n] = '\0';
	return text;
}

static void what_a_real_api_server_told_of_edits_is_read(void)
{
	static const struct {
		enum told_kind kind;
		const char *version, *manager;
		int64_t generation;
		unsigned marks;
	} wanted[] = {
		{TOLD_THERE, "302", "", 1, SIGHT_APPLIED},
		{TOLD_BOOKMARK, "303", "", 0, 0},
		/* kubectl edit; then kubectl scale; then an HPA, which takes the field from it */
		{TOLD_THERE, "304", "kubectl-edit", 2, SIGHT_APPLIED | SIGHT_OVERRIDABLE},
		{TOLD_THERE, "341", "kubectl-edit", 3, SIGHT_APPLIED | SIGHT_OVERRIDABLE},
		{TOLD_BOOKMARK, "341", "", 0, 0},
		{TOLD_THERE, "363", "kubectl-edit", 4,
		 SIGHT_APPLIED | SIGHT_OVERRIDABLE | SIGHT_SCALED},
		{TOLD_THERE, "381", "kubectl-edit", 4,
		 SIGHT_APPLIED | SIGHT_OVERRIDABLE | SIGHT_SCALED},
	};

	CHECK_OK(read_watch(recorded("watch_deployments.json")));
	CHECK(count == sizeof(wanted) / sizeof(wanted[0]));
	for (size_t i = 0; i < count; i++) {
		const struct sighting *object = &told[i].object;
		bool bookmark = wanted[i].kind == TOLD_BOOKMARK;
		unsigned report = bookmark ? 0 : SIGHT_REPORT_ONLY;
		CHECK(told[i].kind == wanted[i].kind && told[i].initial_end == (i == 1));
		CHECK_STR(object->live.version, wanted[i].version);
		CHECK(object->live.generation == wanted[i].generation);
		CHECK(object->marks == (wanted[i].marks | report));
		CHECK_STR(object->manager, wanted[i].manager);
		CHECK_STR(object->key.name, bookmark ? "" : "till");
		CHECK_STR(object->key.ns, bookmark ? "" : "shop");
	}
	/* the edit and the first scale took a field from us; the HPA took that from kubectl */
	static const unsigned objects[] = {0, 2, 3, 5, 6};
	static const bool moved[] = {false, true, true, false, false};
	for (size_t i = 1; i < sizeof(objects) / sizeof(objects[0]); i++) {
		const struct live *live = &told[objects[i]].object.live;
		const struct live *before = &told[objects[i - 1]].object.live;
		CHECK((memcmp(live->entry, before->entry, LP_LIVE_ENTRY) != 0) == moved[i]);
	}
}

static void what_a_real_api_server_told_of_ends_is_read(void)
{
	CHECK_OK(read_watch(recorded("watch_tables.json")));
	CHECK(count == 6 && told[5].kind == TOLD_GONE);
	CHECK_OK(read_watch(recorded("watch_configmaps.json")));
	/* it lost the label: gone, and told as it was with it */
	CHECK(count == 5 && told[4].kind == TOLD_GONE && told[4].object.part_of[0]);
	CHECK_OK(read_watch(recorded("watch_services.json")));
	CHECK(count == 5 && (told[4].object.marks & SIGHT_DELETING));
	CHECK_OK(read_watch(recorded("watch_410.json")));
	CHECK(count == 1 && told[0].status == 410);
	CHECK_OK(read_list(recorded("list_page.json")));
	CHECK(count == 3 && told[2].more[0] && told[2].kind == TOLD_LIST);
	CHECK_STR(told[2].version, "387");
	CHECK_OK(read_list(recorded("list_404.json")));
	CHECK(count == 1 && told[0].status == 404);
}

/* Bytes of memory that this process has at hand; asking takes none. */
static size_t resident(void)
{
	char text[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	CHECK(n > 0);
	text[n] = '\0';
	return strtoul(strchr(text, ' '), NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* By how much that may grow. What is freed, as a hash's copy of its input, stays with ASan. */
#ifdef LIMPET_SANITIZED
#define SLACK (16 * LP_MIB)
#else
#define SLACK LP_MIB
#endif

/* Feeds text again and again until n bytes are fed; returns the most memory meanwhile. */
static size_t feed_much(struct stream *stream, const char *text, size_t n)
{
	static char page[4096];
	size_t len = strlen(text), used = 0, most = 0;

	for (; used + len < sizeof(page); used += len)
		memcpy(page + used, text, len + 1);
	for (size_t fed = 0; fed < n; fed += used) {
		CHECK_OK(feed(stream, page));
		size_t now = resident();
		most = now > most ? now : most;
	}
	return most;
}

static void an_event_with_much_managed_fields_needs_no_more_memory(void)
{
	LP_AUTO(lp_stream_free) struct stream *stream = begin(STREAM_WATCH);
	static const char entry[] = ENTRY("kubectl", UPDATE, ",\"fieldsV1\":{\"f:a\":{}}") ",";
	static const char head_of_ours[] = "{\"manager\":\"limpet\",\"operation\":\"Apply\","
					   "\"fieldsV1\":{\"f:a\":[";

	CHECK_OK(feed(stream, EVENT("ADDED", ENTRIES(ENTRY("limpet", APPLY, "")))));
	CHECK_OK(feed(stream, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"managedFields\":["));
	size_t before = resident();
	CHECK(feed_much(stream, entry, 4 * LP_MIB) < before + SLACK);
	CHECK_OK(feed(stream, head_of_ours));
	CHECK(feed_much(stream, "{\"f:b\":{}},", 3 * LP_MIB) < before + SLACK);
	CHECK_OK(feed(stream, "{}]}}],\"name\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"1\"}}}"));
	CHECK(count == 2 && told[1].object.marks == (SIGHT_APPLIED | SIGHT_OVERRIDABLE));
	CHECK(memcmp(told[1].object.live.entry, told[0].object.live.entry, LP_LIVE_ENTRY) != 0);
}

int main(void)
{
	if (lp_crypto_init(&err) != LP_OK)
		return 1;
	TEST(a_watch_tells_of_each_event);
	TEST(members_come_in_any_order);
	TEST(a_list_tells_its_items_and_then_its_end);
	TEST(a_status_instead_of_a_list_is_told_as_an_error);
	TEST(a_list_that_is_none_is_refused);
	TEST(marks_are_what_the_managers_did);
	TEST(the_manager_is_who_wrote_last_besides_us);
	TEST(our_entry_has_one_digest_in_whatever_order_it_comes);
	TEST(both_readers_make_the_same_digest_of_the_same_bytes);
	TEST(escapes_are_read_in_keys_and_texts);
	TEST(keys_that_only_look_like_ours_are_passed_over);
	TEST(of_members_that_come_twice_the_first_counts);
	TEST(an_object_without_name_uid_or_version_is_refused);
	TEST(uids_and_versions_that_none_can_have_are_refused);
	TEST(a_name_that_we_do_not_take_is_told_and_the_stream_goes_on);
	TEST(names_are_as_long_as_they_may_be);
	TEST(managers_and_messages_are_cut_at_a_character);
	TEST(what_is_cut_is_not_taken_for_what_it_begins_like);
	TEST(members_of_another_type_are_refused);
	TEST(a_member_that_is_null_says_nothing);
	TEST(what_is_no_json_ends_the_stream);
	TEST(a_stream_that_is_over_takes_nothing_more);
	TEST(what_the_listener_refuses_ends_the_stream);
	TEST(a_list_is_at_rest_behind_its_bracket_alone);
	TEST(an_event_may_have_so_many_bytes);
	TEST(a_stream_that_never_ends_its_line_ends_at_the_limit);
	TEST(a_list_may_have_more_bytes_than_one_of_its_items);
	TEST(brackets_are_counted_as_deep_as_fields_are);
	TEST(a_continue_token_may_have_so_many_bytes);
	TEST(what_a_real_api_server_told_of_edits_is_read);
	TEST(what_a_real_api_server_told_of_ends_is_read);
	TEST(an_event_with_much_managed_fields_needs_no_more_memory);
	return check_report();
}

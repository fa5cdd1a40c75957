/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/metadata.h"
#include "tests/unit/check.h"

#define ENTRY(time, fields)                                                                      \
	"{\"manager\":\"limpet\",\"operation\":\"Apply\",\"apiVersion\":\"v1\",\"time\":\"" time \
	"\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":" fields "}"
#define OBJECT(rv, entries)                                                                           \
	"{\"kind\":\"PartialObjectMetadata\",\"metadata\":{\"name\":\"till\",\"namespace\":\"shop\"," \
	"\"uid\":\"u-1\",\"resourceVersion\":\"" rv "\",\"generation\":3,"                            \
	"\"labels\":{\"applyset.kubernetes.io/part-of\":\"x\"},\"annotations\":{\"a/b\":\"c\"},"      \
	"\"managedFields\":[" entries "]}}"

static struct slice text(const char *json)
{
	return (struct slice){(const uint8_t *)json, strlen(json)};
}

static struct metadata read(const char *json)
{
	struct metadata m;

	CHECK_OK(lp_metadata_read(text(json), &m, &err));
	return m;
}

static void an_answer_gives_key_uid_version_and_our_entry(void)
{
	struct metadata m =
		read(OBJECT("77", "{\"manager\":\"kubectl\",\"operation\":\"Update\"}," ENTRY(
					  "2026-11-21T08:00:00Z", "{\"f:data\":{}}")));
	static const uint8_t none[LP_LIVE_ENTRY];

	CHECK_STR(m.name, "till");
	CHECK_STR(m.ns, "shop");
	CHECK_STR(m.uid, "u-1");
	CHECK_STR(m.live.version, "77");
	CHECK(m.live.generation == 3);
	CHECK(m.applied_s == 1795248000);
	CHECK(m.applied && memcmp(m.live.entry, none, sizeof(none)) != 0);
	CHECK(!m.deleting);
	CHECK(lp_slice_is(lp_metadata_label(&m, LP_PART_OF_LABEL), "\"x\""));
	CHECK(lp_slice_is(lp_metadata_annotation(&m, "a/b"), "\"c\""));
	CHECK(lp_metadata_annotation(&m, "a").len == 0);
}

static void each_part_of_our_entry_moves_its_digest(void)
{
	static const char *const entries[] = {
		ENTRY("2026-11-21T08:00:00Z", "{\"f:data\":{}}"),
		ENTRY("2026-11-21T08:00:01Z", "{\"f:data\":{}}"),
		ENTRY("2026-11-21T08:00:00Z", "{\"f:data\": {}}"),
		"{\"manager\":\"limpet\",\"operation\":\"Apply\",\"apiVersion\":\"v2\","
		"\"time\":\"2026-11-21T08:00:00Z\",\"fieldsV1\":{\"f:data\":{}}}",
		"{\"manager\":\"limpet\",\"operation\":\"Apply\"}",
	};
	uint8_t digests[5][LP_LIVE_ENTRY];

	for (size_t i = 0; i < 5; i++) {
		char json[2000];
		snprintf(json, sizeof(json), OBJECT("1", "%s"), entries[i]);
		memcpy(digests[i], read(json).live.entry, LP_LIVE_ENTRY);
		for (size_t k = 0; k < i; k++)
			CHECK(memcmp(digests[i], digests[k], LP_LIVE_ENTRY) != 0);
	}
}

static void a_member_that_is_null_is_as_good_as_none(void)
{
	struct metadata m =
		read("{\"metadata\":{\"uid\":\"u\",\"deletionTimestamp\":null,\"managedFields\":"
		     "[{\"manager\":\"limpet\",\"operation\":\"Apply\",\"subresource\":null}]}}");

	CHECK(m.applied && !m.deleting);
	m = read("{\"metadata\":{\"uid\":\"u\",\"deletionTimestamp\":\"2026-11-21T08:00:00Z\"}}");
	CHECK(m.deleting);
}

static void entries_of_others_are_not_ours(void)
{
	static const uint8_t none[LP_LIVE_ENTRY];
	static const char *const others[] = {
		OBJECT("1", ""),
		OBJECT("1", "{\"manager\":\"limpet\",\"operation\":\"Update\",\"time\":\"x\"}"),
		OBJECT("1", "{\"manager\":\"limpet-applyset\",\"operation\":\"Apply\"}"),
		OBJECT("1",
		       "{\"manager\":\"limpet\",\"operation\":\"Apply\",\"subresource\":\"status\"}"),
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct metadata m = read(others[i]);
		CHECK(!m.applied && memcmp(m.live.entry, none, sizeof(none)) == 0);
		CHECK(m.applied_s == 0);
	}
}

static void an_answer_without_a_uid_is_refused(void)
{
	struct metadata m;

	CHECK_CODE(lp_metadata_read(text("{\"kind\":\"Status\",\"metadata\":{}}"), &m, &err),
		   LP_REJECTED, "is no object: {\"kind\":\"Status\"");
	CHECK_CODE(lp_metadata_read((struct slice){0}, &m, &err), LP_REJECTED, "is no object");
}

static void names_that_the_api_cannot_have_are_refused(void)
{
	struct metadata m;

	CHECK_CODE(lp_metadata_read(text("{\"metadata\":{\"uid\":\"u\",\"name\":\"a\\nb\"}}"), &m,
				    &err),
		   LP_REJECTED, "is no object");
	CHECK_STR(m.uid, "");
	CHECK_CODE(
		lp_metadata_read(text("{\"metadata\":{\"uid\":\"u\",\"namespace\":7}}"), &m, &err),
		LP_REJECTED, "is no object");
	CHECK_OK(lp_metadata_read(text("{\"metadata\":{\"uid\":\"u\",\"name\":\"system:x\"}}"), &m,
				  &err));
}

#define EIGHT 1795248000 /* 2026-11-21T08:00:00Z */

static void an_apply_that_moved_nothing_is_told_from_one_that_did(void)
{
	struct metadata same = read(OBJECT("10", ENTRY("2026-11-21T08:00:00Z", "{}")));
	struct metadata status = read(OBJECT("11", ENTRY("2026-11-21T08:00:00Z", "{}")));
	struct metadata later = read(OBJECT("12", ENTRY("2026-11-21T08:00:09Z", "{}")));
	struct metadata fields = read(OBJECT("12", ENTRY("2026-11-21T08:00:00Z", "{\"f:a\":{}}")));
	struct live before = same.live;

	CHECK(status.applied_s == EIGHT);
	CHECK(!lp_live_moved(&before, &same, EIGHT));
	CHECK(!lp_live_moved(&before, &status, EIGHT));
	CHECK(lp_live_moved(&before, &later, EIGHT + 9));
	CHECK(lp_live_moved(&before, &fields, EIGHT));
	status.live.generation = 4;
	CHECK(lp_live_moved(&before, &status, EIGHT));
	/* without a generation there is nothing but the version to go by */
	before.generation = status.live.generation = 0;
	CHECK(lp_live_moved(&before, &status, EIGHT));
}

static void what_others_wrote_since_is_no_change_of_ours(void)
{
	struct metadata now = read(OBJECT("11", ENTRY("2026-11-21T08:00:00Z", "{}")));
	struct live before = now.live;

	memcpy(before.version, "10", 3);
	now.live.generation = before.generation + 1;
	CHECK(lp_live_moved(&before, &now, EIGHT + 1));
	CHECK(!lp_live_moved(&before, &now, EIGHT + 2));
	before.generation = now.live.generation = 0;
	CHECK(!lp_live_moved(&before, &now, EIGHT + 2));
	/* an object whose server keeps no entries has no time either */
	now.applied_s = 0;
	CHECK(lp_live_moved(&before, &now, EIGHT + 2));
}

static const char *marked(const char *body)
{
	static struct buf out;

	lp_buf_free(&out);
	out = LP_BUF(100000);
	CHECK_OK(lp_metadata_mark(text(body), "applyset-ID-v1", &out, &err));
	return lp_buf_text(&out);
}

#define LABEL "\"applyset.kubernetes.io/part-of\":\"applyset-ID-v1\""

static void the_label_is_put_into_what_labels_there_are(void)
{
	CHECK_STR(marked("{\"metadata\":{\"labels\":{\"a\":\"b\"},\"name\":\"x\"}}"),
		  "{\"metadata\":{\"labels\":{" LABEL ",\"a\":\"b\"},\"name\":\"x\"}}");
	CHECK_STR(marked("{\"metadata\":{\"labels\":{},\"name\":\"x\"}}"),
		  "{\"metadata\":{\"labels\":{" LABEL "},\"name\":\"x\"}}");
	CHECK_STR(marked("{\"metadata\":{\"labels\":null,\"name\":\"x\"}}"),
		  "{\"metadata\":{\"labels\":{" LABEL "},\"name\":\"x\"}}");
	CHECK_STR(marked("{\"metadata\":{\"name\":\"x\"}}"),
		  "{\"metadata\":{\"labels\":{" LABEL "},\"name\":\"x\"}}");
	CHECK_STR(marked("{\"metadata\":{}}"), "{\"metadata\":{\"labels\":{" LABEL "}}}");
}

static void labels_of_a_template_or_in_a_string_are_left_alone(void)
{
	CHECK_STR(
		marked("{\"data\":{\"metadata\":\"{\\\"labels\\\":{}}\"},\"metadata\":{"
		       "\"annotations\":{\"labels\":\"x\"},\"name\":\"x\"},\"spec\":{\"template\":{"
		       "\"metadata\":{\"labels\":{\"app\":\"x\"}}}}}"),
		"{\"data\":{\"metadata\":\"{\\\"labels\\\":{}}\"},\"metadata\":{\"labels\":{" LABEL
		"},\"annotations\":{\"labels\":\"x\"},\"name\":\"x\"},\"spec\":{\"template\":{"
		"\"metadata\":{\"labels\":{\"app\":\"x\"}}}}}");
}

static void an_object_that_cannot_be_marked_is_refused(void)
{
	struct buf out = LP_BUF(1000);

	CHECK_CODE(lp_metadata_mark(text("{\"metadata\":{\"labels\":{"
					 "\"applyset.kubernetes.io/part-of\":\"mine\"}}}"),
				    "id", &out, &err),
		   LP_REJECTED, "which limpet sets itself");
	CHECK_CODE(lp_metadata_mark(text("{\"metadata\":{\"labels\":[]}}"), "id", &out, &err),
		   LP_REJECTED, "labels is not an object");
	CHECK_CODE(lp_metadata_mark(text("{\"kind\":\"x\"}"), "id", &out, &err), LP_REJECTED,
		   "no metadata");
	CHECK_CODE(lp_metadata_mark(text("{\"metadata\":{}"), "id", &out, &err), LP_REJECTED,
		   "not JSON");
	CHECK_CODE(lp_metadata_mark(text("[]"), "id", &out, &err), LP_REJECTED, "not JSON");
	CHECK(out.len == 0);
	out.max = 20;
	CHECK_CODE(lp_metadata_mark(text("{\"metadata\":{}}"), "id", &out, &err), LP_LIMIT, "20");
	lp_buf_free(&out);
}

static void versions_are_compared_as_numbers(void)
{
	CHECK(lp_version_newer("10", "9"));
	CHECK(lp_version_newer("00100", "99"));
	CHECK(!lp_version_newer("9", "10"));
	CHECK(!lp_version_newer("7", "7"));
	CHECK(lp_version_newer("18446744073709551617", "18446744073709551616"));
	CHECK(!lp_version_newer("abc", "9"));
	CHECK(!lp_version_newer("10", ""));
}

static unsigned marks(const char *entries, const char *rest)
{
	char json[2000];

	snprintf(json, sizeof(json), "{\"metadata\":{\"uid\":\"u\"%s,\"managedFields\":[%s]}}",
		 rest, entries);
	return read(json).marks;
}

static void an_object_of_which_fields_were_handed_over_says_so(void)
{
	CHECK(!read(OBJECT("1", ENTRY("", "{}"))).handed);
	CHECK(read(OBJECT("1", "{\"manager\":\"limpet-handed-over\",\"operation\":\"Update\"}"))
		      .handed);
}

static void marks_say_what_the_metadata_shows(void)
{
	CHECK(marks("", "") == 0);
	CHECK(marks(ENTRY("2026-11-21T08:00:00Z", "{}"), "") == SIGHT_APPLIED);
	CHECK(marks("{\"manager\":\"kubectl-edit\",\"operation\":\"Update\"}", "") ==
	      SIGHT_OVERRIDABLE);
	CHECK(marks("{\"manager\":\"limpet\",\"operation\":\"Update\"}", "") == SIGHT_OVERRIDABLE);
	CHECK(marks("{\"manager\":\"istio\",\"operation\":\"Update\"}", "") == 0);
	CHECK(marks("{\"manager\":\"kcm\",\"operation\":\"Update\",\"subresource\":\"scale\"}",
		    "") == SIGHT_SCALED);
	CHECK(marks("{\"manager\":\"kubectl\",\"operation\":\"Update\",\"subresource\":\"scale\"}",
		    "") == 0);
	CHECK(marks("{\"manager\":\"kubectl\",\"operation\":\"Update\",\"subresource\":\"status\"}",
		    "") == 0);
	CHECK(marks("", ",\"deletionTimestamp\":\"2026-11-21T08:00:00Z\"") == SIGHT_DELETING);
	CHECK(marks("", ",\"annotations\":{\"" LP_DRIFT_ANNOTATION "\":\"report\"}") ==
	      SIGHT_REPORT_ONLY);
	CHECK(marks("", ",\"annotations\":{\"" LP_DRIFT_ANNOTATION "\":\"heal\"}") == 0);
}

int main(void)
{
	TEST(an_object_of_which_fields_were_handed_over_says_so);
	TEST(marks_say_what_the_metadata_shows);
	TEST(an_answer_gives_key_uid_version_and_our_entry);
	TEST(each_part_of_our_entry_moves_its_digest);
	TEST(a_member_that_is_null_is_as_good_as_none);
	TEST(entries_of_others_are_not_ours);
	TEST(an_answer_without_a_uid_is_refused);
	TEST(names_that_the_api_cannot_have_are_refused);
	TEST(an_apply_that_moved_nothing_is_told_from_one_that_did);
	TEST(what_others_wrote_since_is_no_change_of_ours);
	TEST(the_label_is_put_into_what_labels_there_are);
	TEST(labels_of_a_template_or_in_a_string_are_left_alone);
	TEST(an_object_that_cannot_be_marked_is_refused);
	TEST(versions_are_compared_as_numbers);
	return check_report();
}

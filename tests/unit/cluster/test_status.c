/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/status.h"
#include "tests/unit/check.h"

static struct event judge(int code, const char *body, enum step_kind step_kind)
{
	struct step step = {.kind = step_kind};
	struct event event = {0};
	struct status status;

	lp_status_read(code, (struct slice){(const uint8_t *)body, strlen(body)}, NULL, &status);
	lp_status_judge(&status, &step, -1, &event);
	return event;
}

#define STATUS(reason, message, details)                                                     \
	"{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\"," \
	"\"message\":\"" message "\",\"reason\":\"" reason "\",\"details\":{" details "}}"

/* What the API server says (1.36), what becomes of the step, and what the person reads. */
static const struct {
	int code;
	const char *body;
	enum event_kind kind;
	enum lp_code lp;
	const char *says;
} table[] = {
	{409, STATUS("Conflict", "please apply your changes to the latest version", ""),
	 EVENT_RETRY, LP_CONFLICT, "latest version"},
	{422,
	 STATUS("Invalid", "Job.batch \\\"m\\\" is invalid: spec.template: field is immutable", ""),
	 EVENT_FAILED, LP_REJECTED, "field is immutable; this field cannot be changed in place"},
	{422,
	 STATUS("Invalid", "spec: Forbidden: updates to statefulset spec for fields other than",
		""),
	 EVENT_FAILED, LP_REJECTED, "delete the object by hand, or give it a new name"},
	{422, STATUS("Invalid", "spec.ports[0].port: Invalid value: 99999", ""), EVENT_FAILED,
	 LP_REJECTED, "Invalid value: 99999"},
	{500,
	 STATUS("InternalError",
		"failed to create typed patch object: .spec.x: field not declared in schema", ""),
	 EVENT_FAILED, LP_REJECTED, ".spec.x: field not declared in schema"},
	{500, STATUS("InternalError", "Internal error occurred: failed calling webhook", ""),
	 EVENT_RETRY, LP_TRANSIENT, "failed calling webhook"},
	{404, "404 page not found\n", EVENT_FAILED, LP_NOT_FOUND, "404 page not found"},
	{404,
	 STATUS("NotFound", "namespaces \\\"shop\\\" not found",
		"\"name\":\"shop\",\"kind\":\"namespaces\""),
	 EVENT_FAILED, LP_CONFLICT, "neither in the revision nor in the cluster"},
	{403,
	 STATUS("Forbidden", "configmaps \\\"a\\\" is forbidden: User \\\"u\\\" cannot patch", ""),
	 EVENT_FAILED, LP_CONFIG, "cannot patch; limpet's user needs the verbs patch and create"},
	{403,
	 STATUS("Forbidden",
		"unable to create new content in namespace shop because it is being terminated",
		"\"causes\":[{\"reason\":\"NamespaceTerminating\",\"message\":\"namespace shop is being terminated\",\"field\":\"metadata.namespace\"}]"),
	 EVENT_RETRY, LP_TRANSIENT, "being terminated"},
	{413, STATUS("RequestEntityTooLarge", "limit is 3145728", ""), EVENT_FAILED, LP_LIMIT,
	 "3 MiB"},
	{429, STATUS("TooManyRequests", "too many requests", ""), EVENT_RETRY, LP_TRANSIENT,
	 "too many"},
	{503, "", EVENT_RETRY, LP_TRANSIENT, "HTTP status 503"},
	{504, STATUS("Timeout", "request did not complete", ""), EVENT_RETRY, LP_TRANSIENT,
	 "complete"},
	{400, STATUS("BadRequest", "metadata.managedFields must be nil", ""), EVENT_FAILED,
	 LP_REJECTED, "must be nil"},
	{415, STATUS("UnsupportedMediaType", "the body was in an unknown format", ""), EVENT_FAILED,
	 LP_REJECTED, "unknown format"},
	{302, "", EVENT_FAILED, LP_REJECTED, "HTTP status 302"},
};

static void a_storage_that_gives_up_is_no_fault_of_the_object(void)
{
	static const char *const bodies[] = {
		STATUS("", "etcdserver: leader changed", ""),
		STATUS("", "rpc error: code = Unknown desc = database is locked", ""),
		STATUS("", "database or disk is full", ""),
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct event e = judge(500, bodies[i], STEP_APPLY);
		CHECK(e.kind == EVENT_RETRY && e.status == 503);
	}
	struct event e = judge(500,
			       STATUS("InternalError",
				      "Internal error occurred: failed calling webhook \\\"w\\\": "
				      "transport: etcdserver: no leader",
				      ""),
			       STEP_APPLY);
	CHECK(e.kind == EVENT_RETRY && e.status == 500);
	e = judge(500, STATUS("", "etcdserver: request is too large", ""), STEP_APPLY);
	CHECK(e.kind == EVENT_FAILED && e.status == 500);
}

static void every_answer_has_its_verdict(void)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct event e = judge(table[i].code, table[i].body, STEP_APPLY);
		if (e.kind != table[i].kind || e.code != table[i].lp)
			printf("  row %zu: %s\n", i, e.message);
		CHECK(e.kind == table[i].kind);
		CHECK(e.code == table[i].lp);
		CHECK(e.status == table[i].code);
		CHECK_HAS(e.message, table[i].says);
	}
}

static void a_plain_mistake_is_not_told_to_be_immutable(void)
{
	struct event e =
		judge(422, STATUS("Invalid", "spec.replicas: must be positive", ""), STEP_APPLY);

	CHECK(!strstr(e.message, "delete the object"));
}

#define CAUSE(reason, message) \
	"{\"reason\":\"FieldValue" reason "\",\"message\":\"" message "\",\"field\":\"spec\"}"

static bool is_immutable(int code, const char *causes)
{
	char body[1000];
	struct status status;

	snprintf(body, sizeof(body), STATUS("Invalid", "it is invalid", "\"causes\":[%s]"), causes);
	lp_status_read(code, (struct slice){(const uint8_t *)body, strlen(body)}, NULL, &status);
	return status.immutable;
}

/* The words of 1.36. An object is deleted for them: whatever else is said must not count. */
static void only_fields_that_cannot_change_are_immutable(void)
{
	static const char *const fixed[] = {
		CAUSE("Invalid", "Invalid value: {\\\"a\\\":1}: field is immutable"),
		CAUSE("Invalid", "Invalid value: \\\"10.0.0.1\\\": may not change once set"),
		CAUSE("Invalid", "Invalid value: {}: cannot change roleRef"),
		CAUSE("Invalid", "Invalid value: 1: may not be changed in an update."),
		CAUSE("Invalid", "Invalid value: \\\"object\\\": Value is immutable"),
		CAUSE("Forbidden", "Forbidden: field is immutable when `immutable` is set"),
		CAUSE("Forbidden", "Forbidden: updates to provisioner are forbidden."),
		CAUSE("Forbidden", "Forbidden: updates to statefulset spec for fields other than "
				   "'replicas', 'template' are forbidden"),
		CAUSE("Forbidden", "Forbidden: pod updates may not change fields other than a"),
		CAUSE("Forbidden", "Forbidden: field is immutable when `immutable` is set") "," CAUSE(
			"Invalid", "Invalid value: 2: field is immutable"),
	};
	static const char *const others[] = {
		"",
		CAUSE("Required", "Required value: field is immutable"),
		CAUSE("Invalid", "Invalid value: \\\"field is immutable\\\""),
		CAUSE("Invalid", "Invalid value: \\\": field is immutable\\\": is too long"),
		CAUSE("Forbidden", "Forbidden: updates to it may not be made on Sundays"),
		CAUSE("Invalid", "Invalid value: 1: field is immutable") "," CAUSE(
			"Invalid", "Invalid value: 2: must be positive"),
		CAUSE("Invalid", "Invalid value: 2: must be positive") "," CAUSE(
			"Invalid", "Invalid value: 1: field is immutable"),
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		CHECK(is_immutable(422, fixed[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK(!is_immutable(422, others[i]));
	CHECK(!is_immutable(403, fixed[0]));
}

static void the_way_out_is_told_but_not_of_what_is_never_deleted(void)
{
	static const char body[] =
		STATUS("Invalid", "it is invalid",
		       "\"causes\":[" CAUSE("Invalid", "Invalid value: 1: field is immutable") "]");
	struct step step = {.kind = STEP_APPLY, .key = {"batch", "v1", "Job", "shop", "a"}};
	struct event event = {0};
	struct status status;

	lp_status_read(422, (struct slice){(const uint8_t *)body, sizeof(body) - 1}, NULL, &status);
	lp_status_judge(&status, &step, -1, &event);
	CHECK_HAS(event.message, "limpet.dev/recreate: enabled");
	step.key = (struct object_key){"", "v1", "PersistentVolumeClaim", "shop", "a"};
	lp_status_judge(&status, &step, -1, &event);
	CHECK(!strstr(event.message, "limpet.dev"));
	CHECK_HAS(event.message, "give it a new name");
}

static void causes_that_the_message_leaves_out_are_told(void)
{
	struct event e =
		judge(422,
		      STATUS("Invalid", "invalid",
			     "\"causes\":[{\"message\":\"too short\",\"field\":\"spec.a\"},"
			     "{\"message\":\"invalid\"},{\"field\":\"spec.b\"}]"),
		      STEP_APPLY);

	CHECK_STR(e.message, "invalid; spec.a: too short");
}

/* A pod's worth of text: "word word word ..." */
static const char *filler(void)
{
	static char text[15000];

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 5 == 4 ? ' ' : 'x';
	return text;
}

static void a_long_message_loses_its_middle(void)
{
	char body[20000];

	snprintf(body, sizeof(body), "{\"kind\":\"Status\",\"message\":\"begin %s the end\"}",
		 filler());
	struct event e = judge(422, body, STEP_APPLY);
	CHECK(strlen(e.message) > 900 && strlen(e.message) < LP_EVENT_MESSAGE);
	CHECK_HAS(e.message, "begin ");
	CHECK_HAS(e.message, " ... ");
	CHECK_HAS(e.message, " the end");
}

static void what_a_job_says_of_its_template_is_still_known_to_be_immutable(void)
{
	char body[40000];

	snprintf(
		body, sizeof(body),
		"{\"kind\":\"Status\",\"message\":\"Job.batch \\\"m\\\" is invalid: spec.template: "
		"Invalid value: {%s}: field is immutable\",\"details\":{\"causes\":[{\"message\":"
		"\"Invalid value: {%s}: field is immutable\",\"field\":\"spec.template\"}]}}",
		filler(), filler());
	struct event e = judge(422, body, STEP_APPLY);
	CHECK_HAS(e.message, "Job.batch \"m\" is invalid; spec.template: Invalid value: {xxxx");
	CHECK_HAS(e.message, "field is immutable; this field cannot be changed in place");
}

/* The words of 1.36 for "pin: 12345678" in data. */
static void no_value_of_a_secret_is_told(void)
{
	static const char typed[] =
		STATUS("InternalError",
		       "failed to create typed patch object (shop/s; /v1, Kind=Secret): .data.pin: "
		       "expected string, got &value.valueUnstructured{Value:12345678}",
		       "");
	const struct object_key secret = {"", "v1", "Secret", "shop", "s"};
	const struct object_key other = {"x.example", "v1", "Secret", "shop", "s"};
	const struct slice body = {(const uint8_t *)typed, sizeof(typed) - 1};
	struct status status;

	lp_status_read(500, body, &secret, &status);
	CHECK_STR(status.message, "failed to create typed patch object (shop/s; /v1, Kind=Secret): "
				  ".data.pin: expected string");
	lp_status_read(500, body, &other, &status);
	CHECK_HAS(status.message, "12345678");
}

static void no_end_of_a_long_value_of_a_secret_is_told(void)
{
	const struct object_key secret = {"", "v1", "Secret", "shop", "s"};
	struct status status;
	char body[20000];

	int len = snprintf(
		body, sizeof(body),
		"{\"kind\":\"Status\",\"message\":\".data: expected map, got {%s the end}\"}",
		filler());
	lp_status_read(500, (struct slice){(const uint8_t *)body, (size_t)len}, &secret, &status);
	CHECK_STR(status.message, ".data: expected map");
	len = snprintf(body, sizeof(body),
		       "{\"kind\":\"Status\",\"message\":\"%.600s, got %s 12345678\"}", filler(),
		       filler());
	lp_status_read(500, (struct slice){(const uint8_t *)body, (size_t)len}, &secret, &status);
	CHECK(!strstr(status.message, "12345678"));
}

static void retry_after_of_the_server_wins_over_our_own(void)
{
	struct status status = {.code = 403, .message = "because it is being terminated"};
	struct step step = {.kind = STEP_APPLY};
	struct event event = {0};

	lp_status_judge(&status, &step, 7000, &event);
	CHECK(event.kind == EVENT_RETRY && event.retry_after_ms == 7000);
	lp_status_judge(&status, &step, -1, &event);
	CHECK(event.retry_after_ms == 2000);
}

static void only_a_404_about_no_object_means_an_unknown_kind(void)
{
	struct status status = {.code = 404};

	CHECK(lp_status_no_kind(&status));
	snprintf(status.name, sizeof(status.name), "shop");
	CHECK(!lp_status_no_kind(&status));
	status = (struct status){.code = 403};
	CHECK(!lp_status_no_kind(&status));
}

int main(void)
{
	TEST(every_answer_has_its_verdict);
	TEST(a_storage_that_gives_up_is_no_fault_of_the_object);
	TEST(a_plain_mistake_is_not_told_to_be_immutable);
	TEST(only_fields_that_cannot_change_are_immutable);
	TEST(the_way_out_is_told_but_not_of_what_is_never_deleted);
	TEST(causes_that_the_message_leaves_out_are_told);
	TEST(a_long_message_loses_its_middle);
	TEST(what_a_job_says_of_its_template_is_still_known_to_be_immutable);
	TEST(no_value_of_a_secret_is_told);
	TEST(no_end_of_a_long_value_of_a_secret_is_told);
	TEST(retry_after_of_the_server_wins_over_our_own);
	TEST(only_a_404_about_no_object_means_an_unknown_kind);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/render/kinds.h"
#include "agent/render/object.h"
#include "tests/unit/check.h"
#include "tests/unit/longest.h"

static struct object object;
static struct buf frame;

static void start(void)
{
	static const char json[] = "{\"apiVersion\":\"apps/v1\"}";

	object = (struct object){
		.key = {"apps", "v1", "Deployment", "shop", "till"},
		.scope = SCOPE_NAMESPACED,
		.stage = STAGE_REST,
		.kind_order = 19,
		.wave = -3,
		.digest = {1, 2, 3},
		.use = CONFIG_USED,
		.content = {4, 5},
		.file = "apps/till.yaml",
		.line = 12,
		.json = {(const uint8_t *)json, sizeof(json) - 1},
	};
}

/* Sends object through a frame; true when the other end takes it for good. */
static bool passes(struct object *ret)
{
	struct wire_writer w;

	lp_buf_free(&frame);
	frame = LP_BUF(LP_FRAME_MAX);
	lp_wire_begin(&w, &frame, 7);
	lp_object_put(&w, &object);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = {7, frame.data + 6, frame.data + frame.len, false};
	lp_object_take(&r, ret);
	return lp_wire_done(&r, "object", &err) == LP_OK;
}

static void an_object_crosses_the_wire_whole(void)
{
	struct object taken;

	start();
	CHECK(passes(&taken));
	CHECK(lp_object_key_equal(&taken.key, &object.key));
	CHECK_STR(taken.key.version, "v1");
	CHECK(taken.scope == object.scope && taken.stage == object.stage);
	CHECK(taken.kind_order == 19 && taken.wave == -3 && taken.line == 12);
	CHECK(memcmp(taken.digest, object.digest, sizeof(object.digest)) == 0);
	CHECK(taken.use == CONFIG_USED && memcmp(taken.content, object.content, 32) == 0);
	CHECK_STR(taken.file, "apps/till.yaml");
	CHECK(lp_slice_equal(taken.json, object.json));
}

static void an_object_of_the_largest_size_fits_a_frame(void)
{
	LP_AUTO(lp_buf_free) struct buf json = LP_BUF(LP_OBJECT_BYTES);
	struct object taken;

	start();
	CHECK_OK(lp_buf_reserve(&json, LP_OBJECT_BYTES, &err));
	memset(json.data, ' ', LP_OBJECT_BYTES);
	object.json = (struct slice){json.data, LP_OBJECT_BYTES};
	CHECK(passes(&taken));
}

#define REFUSED(change)                  \
	do {                             \
		struct object taken_;    \
		start();                 \
		change;                  \
		CHECK(!passes(&taken_)); \
	} while (0)

static void what_render_would_never_send_is_refused(void)
{
	REFUSED(object.key.name[0] = '\0');
	REFUSED(object.key.kind[0] = '\0');
	REFUSED(object.key.version[0] = '\0');
	REFUSED(object.key.name[0] = '/');
	REFUSED(object.key.ns[0] = '%');
	REFUSED(memcpy(object.key.name, "..", 3));
	REFUSED(memcpy(object.key.group, "a b", 4));
	REFUSED(object.key.ns[0] = '\0');
	REFUSED(object.scope = SCOPE_CLUSTER);
	REFUSED(object.scope = 3);
	REFUSED(object.stage = STAGES);
	REFUSED(object.use = CONFIG_USE_COUNT);
	REFUSED(object.json.len = 0);
}

static void put_object(struct wire_writer *w)
{
	lp_object_put(w, &object);
}

static void take_object(struct wire_reader *r)
{
	struct object taken;

	lp_object_take(r, &taken);
}

static void a_text_of_one_byte_too_many_is_refused(void)
{
	static const struct text_field fields[] = {
		TEXT_FIELD(object, key.group, LP_GROUP_MAX),
		TEXT_FIELD(object, key.version, LP_VERSION_MAX),
		TEXT_FIELD(object, key.kind, LP_KIND_MAX),
		TEXT_FIELD(object, key.ns, LP_NAME_MAX),
		TEXT_FIELD(object, key.name, LP_NAME_MAX),
		TEXT_FIELD(object, file, LP_ORIGIN_MAX),
	};
	const struct text_message message = {(char *)&object, put_object, take_object};

	start();
	check_longest(&message, fields, sizeof(fields) / sizeof(fields[0]));
}

static void a_cut_frame_is_refused(void)
{
	struct object taken;

	start();
	CHECK(passes(&taken));
	for (size_t n = 6; n < frame.len; n++) {
		struct wire_reader r = {7, frame.data + 6, frame.data + n, false};
		lp_object_take(&r, &taken);
		CHECK(lp_wire_done(&r, "object", &err) == LP_REJECTED);
	}
}

static void keys_are_told_to_people(void)
{
	char text[LP_KEY_TEXT];
	struct object_key key = {"", "v1", "Namespace", "", "shop"};

	start();
	CHECK_STR(lp_object_key_text(&object.key, text), "Deployment.apps shop/till");
	CHECK_STR(lp_object_key_text(&key, text), "Namespace shop");
	memset(key.group, 'g', LP_GROUP_MAX - 1);
	memset(key.ns, 'n', LP_NAME_MAX - 1);
	memset(key.name, 'x', LP_NAME_MAX - 1);
	CHECK(strlen(lp_object_key_text(&key, text)) == LP_KEY_TEXT - 1);
	CHECK_HAS(text + LP_KEY_TEXT - 4, "...");
}

static void versions_do_not_tell_objects_apart(void)
{
	struct object_key other;

	start();
	other = object.key;
	memcpy(other.version, "v2", 3);
	CHECK(lp_object_key_equal(&object.key, &other));
	memcpy(other.ns, "x", 2);
	CHECK(!lp_object_key_equal(&object.key, &other));
}

static void the_built_in_kinds_are_known(void)
{
	CHECK(lp_builtin_scope("", "Binding") == SCOPE_NAMESPACED);
	CHECK(lp_builtin_scope("", "Namespace") == SCOPE_CLUSTER);
	CHECK(lp_builtin_scope("", "ServiceAccount") == SCOPE_NAMESPACED);
	CHECK(lp_builtin_scope("apps", "Deployment") == SCOPE_NAMESPACED);
	CHECK(lp_builtin_scope("networking.k8s.io", "IngressClass") == SCOPE_CLUSTER);
	CHECK(lp_builtin_scope("rbac.authorization.k8s.io", "ClusterRole") == SCOPE_CLUSTER);
	CHECK(lp_builtin_scope("storagemigration.k8s.io", "StorageVersionMigration") ==
	      SCOPE_CLUSTER);
	CHECK(lp_builtin_scope("", "Deployment") == SCOPE_UNKNOWN);
	CHECK(lp_builtin_scope("apps", "Deploymnet") == SCOPE_UNKNOWN);
	CHECK(lp_builtin_scope("", "") == SCOPE_UNKNOWN);
}

static void kinds_are_ordered_as_flux_orders_them(void)
{
	CHECK(lp_kind_order("Namespace") < lp_kind_order("ServiceAccount"));
	CHECK(lp_kind_order("Secret") < lp_kind_order("Deployment"));
	CHECK(lp_kind_order("PodDisruptionBudget") < lp_kind_order("Job"));
	CHECK(lp_kind_order("Job") == lp_kind_order("AnythingElse"));
	CHECK(lp_kind_order("Job") < lp_kind_order("MutatingWebhookConfiguration"));
	CHECK(lp_kind_stage("example.com", "Namespace") == STAGE_REST);
	CHECK(lp_kind_stage("example.com", "Class") == STAGE_REST);
	CHECK(lp_kind_stage("gateway.networking.k8s.io", "GatewayClass") == STAGE_CLASSES);
}

int main(void)
{
	TEST(an_object_crosses_the_wire_whole);
	TEST(an_object_of_the_largest_size_fits_a_frame);
	TEST(what_render_would_never_send_is_refused);
	TEST(a_text_of_one_byte_too_many_is_refused);
	TEST(a_cut_frame_is_refused);
	TEST(keys_are_told_to_people);
	TEST(versions_do_not_tell_objects_apart);
	TEST(the_built_in_kinds_are_known);
	TEST(kinds_are_ordered_as_flux_orders_them);
	lp_buf_free(&frame);
	return check_report();
}

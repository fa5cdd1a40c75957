/* SPDX-License-Identifier: Apache-2.0 */
/* What a column may hold: the longest text is read whole, one more byte is damage. */
#include "store/happening.h"
#include "tests/unit/store/fixture.h"

static char source[LP_SOURCE_NAME_MAX + 1]; /* whose rows are read */
static int64_t id;

static enum lp_code read_revision(void)
{
	struct revision r;

	return lp_revision_before(db, source, LP_REVISION_NEWEST, &r, &err);
}

static enum lp_code read_object(void)
{
	struct object_cursor cursor = LP_OBJECTS(id);

	return lp_object_next(db, &cursor, &err);
}

static enum lp_code read_inventory(void)
{
	struct inventory_cursor cursor = LP_INVENTORY(source);

	return lp_inventory_next(db, &cursor, &err);
}

static enum lp_code read_refusal(void)
{
	struct stored_refusal refusal;

	return lp_refusal_nth(db, source, 0, &refusal, &err);
}

static enum lp_code read_state(void)
{
	struct source_state state;

	return lp_state_get(db, source, &state, &err);
}

static enum lp_code read_kind(void)
{
	struct stored_kind kind;

	return lp_kind_nth(db, 0, &kind, &err);
}

static enum lp_code read_happening(void)
{
	struct happening_cursor cursor = {0};

	return lp_happening_next(db, NULL, &cursor, &err);
}

/* One row in every table. */
static void fill(void)
{
	struct stored_kind kind = {.kind = "Till", .version = "v1", .resource = "tills"};
	struct stored_refusal refusal = {.verdict = "unsigned", .reason = "no signature"};
	struct inventory_row row = {.source = "site",
				    .key = {"", "v1", "ConfigMap", "shop", "till"},
				    .state = LP_INVENTORY_APPLIED};
	const struct happening what = {.kind = LP_HAPPENED_SUSPENDED};
	struct stored_happening happened;

	start();
	snprintf(source, sizeof(source), "site");
	id = accept_revision("site", 1, 1, 1);
	CHECK_OK(lp_inventory_put(db, &row, &err));
	CHECK_OK(lp_refusal_put(db, "site", &refusal, &err));
	CHECK_OK(lp_state_set_error(db, "site", "no route", 1, &err));
	CHECK_OK(lp_kinds_replace(db, &kind, 1, &err));
	CHECK_OK(lp_happening_add(db, NULL, "site", &what, 1, &happened, &err));
	CHECK_OK(lp_sql_exec(db, "PRAGMA foreign_keys = OFF", &err));
}

/* Puts a value of size bytes, which is made by head, size and tail, into a column of the one row.
 */
static void set(const char *table, const char *column, const char *head, size_t size,
		const char *tail)
{
	char text[200];

	snprintf(text, sizeof(text), "UPDATE %s SET %s = %s%zu%s", table, column, head, size, tail);
	CHECK_OK(lp_sql_exec(db, text, &err));
	if (strcmp(column, "source") == 0) {
		memset(source, 'x', size);
		source[size] = '\0';
	}
}

static void a_text_of_one_byte_too_many_is_damage(void)
{
	static const struct {
		const char *table, *column;
		size_t max; /* with its NUL */
		enum lp_code (*read)(void);
	} texts[] = {
		{"revision", "source", LP_SOURCE_NAME_MAX, read_revision},
		{"revision", "signer", LP_SIGNER_TEXT, read_revision},
		{"revision", "fingerprint", LP_FINGERPRINT_TEXT, read_revision},
		{"revision", "subject", LP_SUBJECT_TEXT, read_revision},
		{"revision", "message", LP_MESSAGE_MAX, read_revision},
		{"object", "api_group", LP_GROUP_MAX, read_object},
		{"object", "version", LP_VERSION_MAX, read_object},
		{"object", "kind", LP_KIND_MAX, read_object},
		{"object", "ns", LP_NAME_MAX, read_object},
		{"object", "name", LP_NAME_MAX, read_object},
		{"object", "file", LP_ORIGIN_MAX, read_object},
		{"inventory", "source", LP_SOURCE_NAME_MAX, read_inventory},
		{"inventory", "version", LP_VERSION_MAX, read_inventory},
		{"inventory", "uid", LP_UID_MAX, read_inventory},
		{"refusal", "verdict", LP_VERDICT_TEXT, read_refusal},
		{"refusal", "reason", LP_MESSAGE_MAX, read_refusal},
		{"refusal", "signer", LP_SIGNER_TEXT, read_refusal},
		{"source_state", "error", LP_MESSAGE_MAX, read_state},
		{"kind", "api_group", LP_GROUP_MAX, read_kind},
		{"kind", "kind", LP_KIND_MAX, read_kind},
		{"kind", "version", LP_VERSION_MAX, read_kind},
		{"kind", "resource", LP_KIND_MAX, read_kind},
		{"happening", "source", LP_SOURCE_NAME_MAX, read_happening},
		{"happening", "object", LP_KEY_TEXT, read_happening},
		{"happening", "by_whom", LP_SIGNER_TEXT, read_happening},
		{"happening", "message", LP_HAPPENING_TEXT, read_happening},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		err.msg[0] = '\0';
		fill();
		set(texts[i].table, texts[i].column, "printf('%.*c', ", texts[i].max - 1, ", 'x')");
		CHECK_OK(texts[i].read());
		set(texts[i].table, texts[i].column, "printf('%.*c', ", texts[i].max, ", 'x')");
		CHECK_CODE(texts[i].read(), LP_CORRUPT, "a row is not as limpet writes it");
	}
}

static void bytes_of_another_length_are_damage(void)
{
	static const struct {
		const char *table, *column;
		size_t length;
		enum lp_code (*read)(void);
	} bytes[] = {
		{"revision", "commit_oid", LP_STORE_OID, read_revision},
		{"revision", "payload", LP_STORE_PAYLOAD, read_revision},
		{"body", "digest", LP_STORE_DIGEST, read_object},
		{"inventory", "digest", LP_STORE_DIGEST, read_inventory},
		{"inventory", "live", LP_LIVE_BYTES, read_inventory},
		{"refusal", "judged_by", LP_STORE_DIGEST, read_refusal},
		{"source_state", "tip", LP_STORE_OID, read_state},
	};

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		fill();
		set(bytes[i].table, bytes[i].column, "zeroblob(", bytes[i].length, ")");
		CHECK_OK(bytes[i].read());
		set(bytes[i].table, bytes[i].column, "zeroblob(", bytes[i].length + 1, ")");
		CHECK_CODE(bytes[i].read(), LP_CORRUPT, "a row is not as limpet writes it");
		set(bytes[i].table, bytes[i].column, "zeroblob(", bytes[i].length - 1, ")");
		CHECK_CODE(bytes[i].read(), LP_CORRUPT, "a row is not as limpet writes it");
	}
}

int main(void)
{
	TEST(a_text_of_one_byte_too_many_is_damage);
	TEST(bytes_of_another_length_are_damage);
	remove_folder();
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config.h"
#include "agent/config_keys.h"

#include <stdio.h>

static const char *type_name(enum key_type type)
{
	static const char *const names[] = {
		[KEY_TEXT] = "text",         [KEY_NAME] = "name",
		[KEY_PATH] = "path",         [KEY_FILE] = "file",
		[KEY_TREE] = "path",         [KEY_REPO] = "id",
		[KEY_URL] = "url",           [KEY_BRANCH] = "branch",
		[KEY_DURATION] = "duration", [KEY_BYTES] = "size",
		[KEY_NUMBER] = "number",     [KEY_BOOL] = "true/false",
		[KEY_WORD] = "word",         [KEY_NAMES] = "list of names",
		[KEY_SOURCES] = "list",      [KEY_SECTION] = "section",
		[KEY_IGNORE] = "list",       [KEY_POINTERS] = "list",
	};
	return names[type];
}

static enum lp_code write_reference(const struct key *keys, int indent, struct buf *out,
				    struct err *err)
{
	for (const struct key *key = keys; key->name; key++) {
		const char *fallback = key->keys ? "" : key->fallback ? key->fallback : "required";
		LP_TRY(lp_buf_printf(out, err, "%*s%-*s %-13s %-26s %s\n", indent, "", 16 - indent,
				     key->name, type_name(key->type), fallback, key->help));
		if (key->keys)
			LP_TRY(write_reference(key->keys, indent + 2, out, err));
	}
	return LP_OK;
}

enum lp_code lp_config_reference(struct buf *out, struct err *err)
{
	LP_TRY(lp_buf_printf(out, err, "%-16s %-13s %-26s %s\n", "KEY", "TYPE", "DEFAULT",
			     "MEANING"));
	return write_reference(lp_config_keys, 0, out, err);
}

/* A row for each key that takes a value, named from the top: "sources[].trust.signers". */
static void list_keys(const struct key *keys, const char *above, struct json *doc,
		      struct jval *list)
{
	for (const struct key *key = keys; key->name; key++) {
		char name[64];
		snprintf(name, sizeof(name), "%s%s%s", above, key->name,
			 !key->keys                                            ? ""
			 : key->type == KEY_SOURCES || key->type == KEY_IGNORE ? "[]."
									       : ".");
		if (key->keys) {
			list_keys(key->keys, name, doc, list);
			continue;
		}
		struct jval *row = lp_json_obj(doc);
		lp_json_put_str(doc, row, "key", name);
		lp_json_put_str(doc, row, "type", type_name(key->type));
		lp_json_put_bool(doc, row, "required", !key->fallback);
		if (key->fallback)
			lp_json_put_str(doc, row, "default", key->fallback);
		lp_json_put_str(doc, row, "meaning", key->help);
		lp_json_add(list, row);
	}
}

struct jval *lp_config_reference_json(struct json *doc)
{
	struct jval *list = lp_json_arr(doc);

	list_keys(lp_config_keys, "", doc, list);
	return list;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config.h"

#include "agent/config_keys.h"
#include "agent/pointers.h"
#include "platform/clock.h"
#include "platform/text.h"
#include "platform/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBLEMS_BYTES (16 * LP_KIB)

/* One reading: where we are in the file, and what was wrong so far. */
struct reading {
	const char *file;
	const struct yaml_doc *doc;
	struct config *config;
	struct buf *problems;
	bool open_files; /* whether what a KEY_FILE names must be there to be read */
	unsigned count;
	const struct jval *near; /* the section at hand: where something is missing */
};

static void complain(struct reading *r, const struct jval *at, const char *path, const char *fmt,
		     ...) LP_PRINTF(4, 5);
static void complain(struct reading *r, const struct jval *at, const char *path, const char *fmt,
		     ...)
{
	struct err ignored = {0};
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->count++;
	if (!at)
		at = r->near;
	unsigned line = at ? lp_yaml_line(r->doc, at) : r->doc->line;
	if (lp_buf_printf(r->problems, &ignored, "%s:%u: %s: %s\n", r->file, line ? line : 1, path,
			  text) != LP_OK)
		return; /* past the ceiling the count still tells */
}

/* --- values: each writes the field or says what was wrong --- */

static const char *bad_name(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n > 63)
		return "expected 1 to 63 letters";
	if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != n || text[0] == '-' ||
	    text[n - 1] == '-')
		return "expected a-z, 0-9 and - inside";
	return NULL;
}

static const char *bad_repo(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || (n == LP_REPO_TEXT - 1 && strspn(text, "0123456789abcdef") == n))
		return NULL;
	return "expected the 32 hex digits that `limpet release --init` prints";
}

static const char *bad_url(const char *text)
{
	if (strncmp(text, "https://", 8) == 0 && text[8] && text[8] != '/')
		return strchr(text, '@') ? "put user and password into a credentials file" : NULL;
	if (strncmp(text, "http://127.0.0.1", 16) == 0 ||
	    strncmp(text, "http://localhost", 16) == 0)
		return NULL;
	return "expected https://HOST/PATH";
}

static const char *bad_branch(const char *text)
{
	size_t n = strlen(text);

	if (!n || text[0] == '/' || text[0] == '-' || text[n - 1] == '/' || text[n - 1] == '.' ||
	    strstr(text, "..") || strstr(text, "//") || strstr(text, "@{") ||
	    strpbrk(text, " ~^:?*[\\\t\n"))
		return "expected a branch name such as site/${site}";
	if (strncmp(text, "refs/", 5) == 0)
		return "expected a branch without refs/heads/";
	return NULL;
}

static const char *bad_tree_path(const char *text)
{
	if (text[0] == '/' || strstr(text, "//") || strcmp(text, "..") == 0 ||
	    strncmp(text, "../", 3) == 0 || strstr(text, "/../"))
		return "expected a path inside the repository, such as sites/berlin";
	return NULL;
}

static const char *bad_path(const char *text)
{
	return text[0] == '\0' || text[0] == '/' ? NULL : "expected an absolute path";
}

static const char *check_text(enum key_type type, const char *text)
{
	switch (type) {
	case KEY_NAME:
		return bad_name(text);
	case KEY_URL:
		return bad_url(text);
	case KEY_BRANCH:
		return bad_branch(text);
	case KEY_TREE:
		return bad_tree_path(text);
	case KEY_REPO:
		return bad_repo(text);
	case KEY_PATH:
	case KEY_FILE:
		return bad_path(text);
	default:
		return NULL;
	}
}

/* "./" and trailing slashes say nothing; "." is the root. */
static void tidy_tree_path(char *path)
{
	while (path[0] == '.' && (path[1] == '/' || path[1] == '\0'))
		memmove(path, path + 1 + (path[1] == '/'), strlen(path + 1 + (path[1] == '/')) + 1);
	for (size_t n = strlen(path); n && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
}

/* Copies text with ${site} put in; false on another variable or when it is too long. */
static bool expand(const struct config *config, const char *text, char *to, size_t size)
{
	size_t at = 0;

	while (*text) {
		const char *piece = text;
		size_t n = 1;
		if (strncmp(text, "${site}", 7) == 0) {
			piece = config->site;
			n = strlen(piece);
			text += 7;
		} else if (strncmp(text, "${", 2) == 0) {
			return false;
		} else {
			text++;
		}
		if (at + n >= size)
			return false;
		memcpy(to + at, piece, n);
		at += n;
	}
	to[at] = '\0';
	return true;
}

static void set_text(struct reading *r, const struct key *key, const struct jval *v,
		     const char *path, const char *text, char *field)
{
	const char *why = check_text(key->type, text);
	struct err err = {0};

	if (why)
		complain(r, v, path, "\"%s\": %s", text, why);
	else if (key->type == KEY_BRANCH && !expand(r->config, text, field, key->size))
		complain(r, v, path,
			 "\"%s\": ${site} is the only variable, and the result is a "
			 "branch of at most %zu bytes",
			 text, key->size - 1);
	else if (key->type != KEY_BRANCH && lp_copy(field, key->size, text, &err) != LP_OK)
		complain(r, v, path, "%s", err.msg);
	else if (key->type == KEY_FILE && r->open_files && *text && access(text, R_OK) != 0)
		complain(r, v, path, "%s: %s; limpet reads it as the user that it runs as", text,
			 strerror(errno));
	if (key->type == KEY_TREE)
		tidy_tree_path(field);
}

static bool parse_bytes(const char *text, int64_t *ret)
{
	static const struct {
		const char *name;
		int64_t bytes;
	} units[] = {{"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
	char *end;

	errno = 0;
	long long number = text[0] >= '0' && text[0] <= '9' ? strtoll(text, &end, 10) : -1;
	if (number < 0 || errno || number > (1LL << 32))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].name) == 0) {
			*ret = number * units[i].bytes;
			return true;
		}
	}
	return false;
}

static void set_number(struct reading *r, const struct key *key, const struct jval *v,
		       const char *path, int64_t number, int64_t *field)
{
	char low[16], high[16];

	if (number >= key->min && number <= key->max) {
		*field = number;
	} else if (key->type == KEY_DURATION) {
		complain(r, v, path, "expected between %s and %s", lp_duration_text(key->min, low),
			 lp_duration_text(key->max, high));
	} else {
		complain(r, v, path, "expected a number between %" PRId64 " and %" PRId64, key->min,
			 key->max);
	}
}

static void set_measure(struct reading *r, const struct key *key, const struct jval *v,
			const char *path, const char *text, int64_t *field)
{
	struct err err = {0};
	int64_t number = 0;

	if (key->type == KEY_DURATION && lp_duration_parse(text, &number, &err) != LP_OK)
		complain(r, v, path, "%s", err.msg);
	else if (key->type == KEY_BYTES && !parse_bytes(text, &number))
		complain(r, v, path, "\"%s\" is not a size; write 512KiB, 32MiB or 1GiB", text);
	else
		set_number(r, key, v, path, number, field);
}

static void set_word(struct reading *r, const struct key *key, const struct jval *v,
		     const char *path, const char *text, int *field)
{
	LP_AUTO(lp_buf_free) struct buf all = LP_BUF(LP_KIB);
	struct err err = {0};

	for (const struct key_word *word = key->words; word->name; word++) {
		if (strcmp(word->name, text) == 0) {
			*field = word->value;
			return;
		}
		if (lp_buf_printf(&all, &err, "%s%s", all.len ? ", " : "", word->name) != LP_OK)
			break;
	}
	complain(r, v, path, "\"%s\": expected one of %s", text, lp_buf_text(&all));
}

static void set_names(struct reading *r, const struct jval *v, const char *path)
{
	struct json_iter it = lp_json_iter(v);

	if (!lp_json_is(v, JSON_ARR))
		complain(r, v, path, "is %s; expected a list of names", lp_json_type_name(v));
	while (lp_json_next(&it)) {
		const char *text = lp_json_str(it.value);
		const char *why = text ? bad_name(text) : "expected a name";
		struct err err = {0};
		if (why)
			complain(r, it.value, path, "\"%s\": %s", text ? text : "", why);
		else if (r->config->group_count == LP_GROUPS_MAX)
			complain(r, it.value, path, "more than %d names", LP_GROUPS_MAX);
		else if (lp_copy(r->config->groups[r->config->group_count], LP_NAME_MAX, text,
				 &err) == LP_OK)
			r->config->group_count++;
	}
}

/* --- sections --- */

static void join(char to[160], const char *path, const char *name)
{
	snprintf(to, 160, "%s%s%s", path, *path ? "." : "", name);
}

static void read_section(struct reading *r, const struct key *keys, const struct jval *section,
			 const char *path, void *base);

static void read_sources(struct reading *r, const struct key *key, const struct jval *v,
			 const char *path)
{
	struct json_iter it = lp_json_iter(v);

	if (!lp_json_is(v, JSON_ARR) || lp_json_len(v) == 0) {
		complain(r, v, path, "expected a list with one entry: name, url, trust, ...");
		return;
	}
	if (lp_json_len(v) > LP_SOURCES_MAX) {
		complain(r, v, path, "more than one source is not yet supported; keep one entry");
		return;
	}
	while (lp_json_next(&it)) {
		char name[64], trust[160];
		snprintf(name, sizeof(name), "%s[%zu]", path, it.index);
		struct source_config *source = &r->config->sources[r->config->source_count++];
		read_section(r, key->keys, it.value, name, source);
		join(trust, name, "trust.signers");
		if (!*source->trust.signers && !*source->trust.keys)
			complain(r, it.value, trust,
				 "is missing: whose commits are accepted (or trust.keys, for "
				 "OpenPGP)");
	}
}

static void add_pointer(struct reading *r, const struct jval *v, const char *path, char *to)
{
	struct slice pointer = lp_json_slice(v);
	const char *why = pointer.data ? lp_pointer_wrong(pointer) : "expected a text";
	size_t used = strlen(to);

	if (why)
		complain(r, v, path, "\"%.200s\": %s", pointer.data ? lp_json_str(v) : "", why);
	else if (used + pointer.len + 1 >= LP_IGNORE_RULE_BYTES)
		complain(r, v, path, "more than %u bytes of pointers", LP_IGNORE_RULE_BYTES - 1);
	else
		snprintf(to + used, LP_IGNORE_RULE_BYTES - used, "%s\n", lp_json_str(v));
}

static void set_pointers(struct reading *r, const struct jval *v, const char *path, char *to)
{
	struct json_iter it = lp_json_iter(v);

	if (!lp_json_is(v, JSON_ARR) || !lp_json_len(v))
		complain(r, v, path, "expected a list of JSON pointers, such as /spec/replicas");
	while (lp_json_next(&it))
		add_pointer(r, it.value, path, to);
}

static void read_ignore(struct reading *r, const struct key *key, const struct jval *v,
			const char *path, struct ignore_rule *rules)
{
	/* the count stands beside the list in the only section that has one */
	struct source_config *source = (struct source_config *)((char *)rules - key->offset);
	struct json_iter it = lp_json_iter(v);
	size_t bytes = 0;

	if (!lp_json_is(v, JSON_ARR)) {
		complain(r, v, path, "is %s; expected a list of rules", lp_json_type_name(v));
		return;
	}
	if (lp_json_len(v) > LP_IGNORE_RULES) {
		complain(r, v, path, "more than %u rules", LP_IGNORE_RULES);
		return;
	}
	while (lp_json_next(&it)) {
		struct ignore_rule *rule = &rules[source->ignore_count++];
		char name[160];
		snprintf(name, sizeof(name), "%s[%zu]", path, it.index);
		read_section(r, key->keys, it.value, name, rule);
		bytes += strlen(rule->pointers);
	}
	if (bytes > LP_IGNORE_CONFIG_BYTES)
		complain(r, v, path, "more than %u bytes of pointers in all rules",
			 LP_IGNORE_CONFIG_BYTES);
}

static const char *text_of(const struct jval *v, char number[32])
{
	int64_t integer;

	if (!lp_json_int(v, &integer))
		return lp_json_str(v);
	snprintf(number, 32, "%" PRId64, integer);
	return number;
}

static void read_value(struct reading *r, const struct key *key, const struct jval *v,
		       const char *path, void *base)
{
	void *field = (char *)base + key->offset;
	char number[32];
	const char *text = lp_json_str(v);
	int64_t integer;

	if (key->type == KEY_SECTION)
		read_section(r, key->keys, v, path, field);
	else if (key->type == KEY_SOURCES)
		read_sources(r, key, v, path);
	else if (key->type == KEY_IGNORE)
		read_ignore(r, key, v, path, field);
	else if (key->type == KEY_POINTERS)
		set_pointers(r, v, path, field);
	else if (key->type == KEY_NAMES)
		set_names(r, v, path);
	else if (key->type == KEY_BOOL && !lp_json_bool(v, field))
		complain(r, v, path, "is %s; expected true or false", lp_json_type_name(v));
	else if (key->type == KEY_NUMBER && !lp_json_int(v, &integer))
		complain(r, v, path, "is %s; expected a number", lp_json_type_name(v));
	else if (key->type == KEY_NUMBER)
		set_number(r, key, v, path, integer, field);
	else if (key->type == KEY_BYTES && text_of(v, number))
		set_measure(r, key, v, path, text_of(v, number), field);
	else if (key->type != KEY_BOOL && !text)
		complain(r, v, path, "is %s; expected a text%s", lp_json_type_name(v),
			 key->type == KEY_DURATION ? " such as 300s" : "");
	else if (key->type == KEY_DURATION)
		set_measure(r, key, v, path, text, field);
	else if (key->type == KEY_WORD)
		set_word(r, key, v, path, text, field);
	else if (key->type != KEY_BOOL)
		set_text(r, key, v, path, text, field);
}

/* The default is read as if a person had written it, so it obeys the same rules. */
static void read_default(struct reading *r, const struct key *key, const char *path, void *base)
{
	void *field = (char *)base + key->offset;

	switch (key->type) {
	case KEY_SECTION:
		read_section(r, key->keys, NULL, path, field);
		break;
	case KEY_BOOL:
		*(bool *)field = strcmp(key->fallback, "true") == 0;
		break;
	case KEY_NUMBER:
		*(int64_t *)field = strtoll(key->fallback, NULL, 10);
		break;
	case KEY_DURATION:
	case KEY_BYTES:
		set_measure(r, key, NULL, path, key->fallback, field);
		break;
	case KEY_WORD:
		set_word(r, key, NULL, path, key->fallback, field);
		break;
	case KEY_NAMES:
	case KEY_SOURCES:
	case KEY_IGNORE:
	case KEY_POINTERS:
		break;
	default:
		set_text(r, key, NULL, path, key->fallback, field);
	}
}

static void unknown_key(struct reading *r, const struct key *keys, const struct json_iter *it,
			const char *path)
{
	const struct key *nearest = keys;

	for (const struct key *key = keys; key->name; key++)
		if (lp_edits(it->key, key->name) < lp_edits(it->key, nearest->name))
			nearest = key;
	complain(r, it->value, path,
		 "unknown key; did you mean \"%s\"? `limpet help config` lists all", nearest->name);
}

static void read_section(struct reading *r, const struct key *keys, const struct jval *section,
			 const char *path, void *base)
{
	struct json_iter it = lp_json_iter(section);
	const struct jval *outer = r->near;
	char name[160];

	if (section)
		r->near = section;
	if (section && !lp_json_is(section, JSON_OBJ) && !lp_json_is(section, JSON_NULL)) {
		complain(r, section, *path ? path : "file", "is %s; expected keys and values",
			 lp_json_type_name(section));
		r->near = outer;
		return;
	}
	for (const struct key *key = keys; key->name; key++) {
		const struct jval *v = lp_json_get(section, key->name);
		join(name, path, key->name);
		if (v && !lp_json_is(v, JSON_NULL))
			read_value(r, key, v, name, base);
		else if (key->fallback)
			read_default(r, key, name, base);
		else
			complain(r, section, name, "is missing: %s", key->help);
	}
	while (lp_json_next(&it)) {
		const struct key *key = keys;
		while (key->name && strcmp(key->name, it.key) != 0)
			key++;
		join(name, path, it.key);
		if (!key->name)
			unknown_key(r, keys, &it, name);
	}
	r->near = outer;
}

static enum lp_code read_document(const char *file, const struct buf *text, struct yaml_doc *doc,
				  struct err *err)
{
	LP_AUTO(lp_yaml_close) struct yaml_stream *stream = NULL;
	LP_AUTO(lp_yaml_doc_free) struct yaml_doc second = {0};
	bool more = false;

	LP_TRY(lp_yaml_open(text->data, text->len, file, &stream, err));
	LP_TRY(lp_yaml_next(stream, LP_CONFIG_MEMORY, doc, &more, err));
	if (!more)
		return lp_err_set(err, LP_CONFIG,
				  "%s:1: the file is empty; packaging/config.yaml "
				  "is an example",
				  file);
	LP_TRY(lp_yaml_next(stream, LP_CONFIG_MEMORY, &second, &more, err));
	if (more)
		return lp_err_set(err, LP_CONFIG, "%s:%u: a second document; expected one", file,
				  second.line);
	return LP_OK;
}

static enum lp_code load(const char *file, bool open_files, struct config *ret,
			 struct buf *problems, struct err *err)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_CONFIG_BYTES);
	LP_AUTO(lp_yaml_doc_free) struct yaml_doc doc = {0};
	struct err ignored = {0};
	enum lp_code code;

	*problems = LP_BUF(PROBLEMS_BYTES);
	*ret = (struct config){0};
	LP_TRY(lp_copy(ret->file, sizeof(ret->file), file, err));
	code = lp_file_read(file, &text, err);
	if (code != LP_OK)
		lp_err_wrap(err, "the configuration (-c FILE names another)");
	else
		code = read_document(file, &text, &doc, err);
	if (code != LP_OK) {
		err->code = LP_CONFIG;
		if (lp_buf_printf(problems, &ignored, "%s\n", err->msg) != LP_OK)
			return ignored.code;
		return LP_CONFIG;
	}
	struct reading r = {.file = file,
			    .doc = &doc,
			    .config = ret,
			    .problems = problems,
			    .open_files = open_files};
	read_section(&r, lp_config_keys, lp_json_root(doc.json), "", ret);
	if (r.count)
		return lp_err_set(err, LP_CONFIG, "%u error%s in %s", r.count,
				  r.count == 1 ? "" : "s", file);
	return LP_OK;
}

enum lp_code lp_config_load(const char *file, struct config *ret, struct buf *problems,
			    struct err *err)
{
	return load(file, false, ret, problems, err);
}

enum lp_code lp_config_check_files(const char *file, struct buf *problems, struct err *err)
{
	struct config *scratch = malloc(sizeof(*scratch));

	*problems = (struct buf){0};
	if (!scratch)
		return lp_err_nomem(err, "configuration");
	enum lp_code code = load(file, true, scratch, problems, err);
	free(scratch);
	return code;
}

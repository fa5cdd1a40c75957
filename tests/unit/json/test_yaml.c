/* SPDX-License-Identifier: Apache-2.0 */
/* scalars.json and documents/ are what Kubernetes' own YAML library makes of them: see oracle/. */
#include "platform/fs.h"
#include "platform/limits.h"
#include "platform/yaml.h"
#include "tests/unit/check.h"

#include <dirent.h>
#include <stdlib.h>

#define ROOM (24 * LP_MIB)

static struct yaml_stream *stream; /* of the test that runs */
static struct yaml_doc doc;
static struct buf out;

static void put_away(void)
{
	lp_yaml_close(&stream);
	lp_yaml_doc_free(&doc);
}

static enum lp_code read_n(const char *text, size_t n)
{
	bool more;

	put_away();
	err.msg[0] = '\0';
	LP_TRY(lp_yaml_open(text, n, "a/b.yaml", &stream, &err));
	LP_TRY(lp_yaml_next(stream, ROOM, &doc, &more, &err));
	return LP_OK;
}

static enum lp_code read_text(const char *text)
{
	return read_n(text, strlen(text));
}

static const char *canonical(const struct jval *v)
{
	lp_buf_free(&out);
	out = LP_BUF(ROOM);
	CHECK_OK(lp_json_canonical(v, &out, &err));
	return lp_buf_text(&out);
}

static const char *json(const char *text)
{
	CHECK_OK(read_text(text));
	return canonical(lp_json_root(doc.json));
}

static void refused(const char *text, enum lp_code code, const char *why)
{
	bool more = true;

	CHECK_CODE(read_text(text), code, why);
	CHECK(doc.json == NULL && doc.lines == NULL);
	if (stream) {
		CHECK_OK(lp_yaml_next(stream, ROOM, &doc, &more, &err));
		CHECK(!more);
	}
}

/* Whether text, which ends after its first document, is what the library made of it. */
static bool agrees(const char *text, size_t n, const char *wanted)
{
	LP_AUTO(lp_json_freep) struct json *want = NULL;
	LP_AUTO(lp_buf_free) struct buf have = LP_BUF(ROOM);
	LP_AUTO(lp_yaml_doc_free) struct yaml_doc second = {0};
	bool more = false;

	enum lp_code code = read_n(text, n);
	if (code == LP_OK)
		code = lp_yaml_next(stream, ROOM, &second, &more, &err);
	if (strcmp(wanted, "refused") == 0)
		return code != LP_OK || more;
	CHECK_OK(lp_json_parse(wanted, strlen(wanted), ROOM, &want, &err));
	if (code != LP_OK || lp_json_canonical(lp_json_root(doc.json), &have, &err) != LP_OK)
		return false;
	return strcmp(lp_buf_text(&have), wanted) == 0 ||
	       strcmp(lp_buf_text(&have), canonical(lp_json_root(want))) == 0;
}

static bool disagrees(const char *what, const char *have, const char *want)
{
	printf("  %s\n  have: %s\n  want: %s\n", what, err.msg[0] ? err.msg : have, want);
	return true;
}

static bool scalar_agrees(const char *line)
{
	LP_AUTO(lp_json_freep) struct json *entry = NULL;
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	CHECK_OK(lp_json_parse(line, strlen(line), ROOM, &entry, &err));
	const struct jval *e = lp_json_root(entry);
	const char *scalar = lp_json_str(lp_json_element(e, 0));
	CHECK_OK(lp_buf_printf(&text, &err, "v: %s\n", scalar));
	if (!agrees(lp_buf_text(&text), text.len, lp_json_str(lp_json_element(e, 1))))
		return !disagrees(lp_buf_text(&text), canonical(lp_json_root(doc.json)),
				  lp_json_str(lp_json_element(e, 1)));
	lp_buf_clear(&text);
	CHECK_OK(lp_buf_printf(&text, &err, "? %s\n: 1\n", scalar));
	if (!agrees(lp_buf_text(&text), text.len, lp_json_str(lp_json_element(e, 2))))
		return !disagrees(lp_buf_text(&text), canonical(lp_json_root(doc.json)),
				  lp_json_str(lp_json_element(e, 2)));
	return true;
}

static void every_scalar_means_what_kubernetes_takes_it_for(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);
	char *rest = NULL;
	int wrong = 0, lines = 0;

	CHECK_OK(lp_file_read(TEST_DATA "/scalars.json", &text, &err));
	for (char *line = strtok_r((char *)text.data, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest), lines++)
		wrong += !scalar_agrees(line);
	CHECK(lines > 500 && !wrong);
}

static bool document_agrees(const char *name)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);
	LP_AUTO(lp_buf_free) struct buf want = LP_BUF(ROOM);
	char path[LP_PATH_MAX];

	snprintf(path, sizeof(path), TEST_DATA "/documents/%s.yaml", name);
	CHECK_OK(lp_file_read(path, &text, &err));
	snprintf(path, sizeof(path), TEST_DATA "/documents/%s.json", name);
	CHECK_OK(lp_file_read(path, &want, &err));
	want.data[want.len - 1] = '\0';
	if (agrees(lp_buf_text(&text), text.len, lp_buf_text(&want)))
		return true;
	return !disagrees(name, canonical(lp_json_root(doc.json)), lp_buf_text(&want));
}

static void every_document_is_what_kubernetes_takes_it_for(void)
{
	DIR *dir = opendir(TEST_DATA "/documents");
	int wrong = 0, documents = 0;

	CHECK(dir != NULL);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char *end = strstr(entry->d_name, ".yaml");
		if (!end)
			continue;
		*end = '\0';
		wrong += !document_agrees(entry->d_name);
		documents++;
	}
	closedir(dir);
	CHECK(documents > 50 && !wrong);
}

static void a_stream_yields_its_documents_one_by_one(void)
{
	static const char text[] = "a: 1\n---\n# nothing\n---\nb: 2\n...\n---\n- c\n";
	bool more;

	CHECK_STR(json(text), "{\"a\":1}");
	CHECK(doc.line == 1);
	lp_yaml_doc_free(&doc);
	CHECK_OK(lp_yaml_next(stream, ROOM, &doc, &more, &err));
	CHECK(more && lp_json_root(doc.json) == NULL);
	lp_yaml_doc_free(&doc);
	CHECK_OK(lp_yaml_next(stream, ROOM, &doc, &more, &err));
	CHECK_STR(canonical(lp_json_root(doc.json)), "{\"b\":2}");
	CHECK(more && doc.line == 5);
	lp_yaml_doc_free(&doc);
	CHECK_OK(lp_yaml_next(stream, ROOM, &doc, &more, &err));
	CHECK_STR(canonical(lp_json_root(doc.json)), "[\"c\"]");
	lp_yaml_doc_free(&doc);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(lp_yaml_next(stream, ROOM, &doc, &more, &err));
		CHECK(!more && doc.json == NULL);
	}
}

static void every_value_knows_its_line(void)
{
	CHECK_OK(read_text("# a comment\n\napiVersion: v1\nmetadata: &m\n  name: x\n\n  labels:\n"
			   "    - {a: b,\n       c: d}\n    - e\nagain: *m\n"));
	const struct jval *root = lp_json_root(doc.json);
	const struct jval *labels = lp_json_at(root, "metadata", "labels", NULL);

	CHECK(doc.line == 3 && lp_yaml_line(&doc, root) == 3);
	CHECK(lp_yaml_line(&doc, lp_json_get(root, "apiVersion")) == 3);
	CHECK(lp_yaml_line(&doc, lp_json_get(root, "metadata")) == 4);
	CHECK(lp_yaml_line(&doc, lp_json_at(root, "metadata", "name", NULL)) == 5);
	CHECK(lp_yaml_line(&doc, labels) == 7);
	CHECK(lp_yaml_line(&doc, lp_json_element(labels, 0)) == 8);
	CHECK(lp_yaml_line(&doc, lp_json_get(lp_json_element(labels, 0), "c")) == 9);
	CHECK(lp_yaml_line(&doc, lp_json_element(labels, 1)) == 10);
	CHECK(lp_yaml_line(&doc, lp_json_at(root, "again", "labels", NULL)) == 11);
	CHECK(lp_yaml_line(&doc, NULL) == 3);
	CHECK(lp_yaml_line(&doc, lp_json_new_int(doc.json, 1)) == 3);
}

static void lines_stay_right_in_a_long_document(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	for (int i = 0; i < 3000; i++)
		CHECK_OK(lp_buf_printf(&text, &err, "- k%d:\n    v: %d\n", i, i));
	CHECK_OK(read_text(lp_buf_text(&text)));
	struct json_iter it = lp_json_iter(lp_json_root(doc.json));
	while (lp_json_next(&it)) {
		struct json_iter member = lp_json_iter(it.value);
		CHECK(lp_json_next(&member));
		CHECK(lp_yaml_line(&doc, it.value) == 2 * it.index + 1);
		CHECK(lp_yaml_line(&doc, lp_json_get(member.value, "v")) == 2 * it.index + 2);
	}
}

static void what_is_wrong_is_said_with_its_place(void)
{
	refused("a: 1\n\tb: 2\n", LP_REJECTED,
		"a/b.yaml:2:1: a tab where YAML expects indentation");
	refused("a:\n\t- b\n", LP_REJECTED, "a/b.yaml:2:1: a tab");
	refused("a: [1, 2\nb: 3\n", LP_REJECTED, "a/b.yaml:");
	refused("x: 1\nk: 1\nk: 2\n", LP_REJECTED,
		"a/b.yaml:3: the key \"k\" is there twice in one mapping");
	refused("x:\n  y: *z\n", LP_REJECTED,
		"a/b.yaml:2:6: the alias *z has no anchor &z before it");
	refused("x: &x\n- *x\n", LP_REJECTED, "a/b.yaml:2:3: the alias *x is inside the value");
	refused("x: .inf\n", LP_REJECTED, "a/b.yaml:1:4: .inf is a number that JSON does not have");
	refused("[a]: 1\n", LP_REJECTED, "a/b.yaml:1:1: a key must be");
	refused("x: !!int y\n", LP_REJECTED, "a/b.yaml:1:4: the tag !!int");
	refused("\"a\\0b\": 1\n", LP_REJECTED, "a/b.yaml:1:1: a key must be");
	refused("a: \x07\n", LP_REJECTED, "a/b.yaml:1:4: control characters are not allowed");
}

static void text_that_is_not_utf_8_is_refused_with_its_place(void)
{
	refused("a: \xc3\xa9\nbc: \xff\n", LP_REJECTED, "a/b.yaml:2:5: not UTF-8");
	refused("a: \xc3\xa9 \xed\xa0\x80\n", LP_REJECTED, "a/b.yaml:1:6: not UTF-8");
	refused("a: \xc0\xaf\n", LP_REJECTED, "a/b.yaml:1:4: not UTF-8");
	refused("a: \xf4\x90\x80\x80\n", LP_REJECTED, "a/b.yaml:1:4: not UTF-8");
	refused("a: \xf5\x80\x80\x80\n", LP_REJECTED, "a/b.yaml:1:4: not UTF-8");
	refused("a: \xe2\x82", LP_REJECTED, "a/b.yaml:1:4: not UTF-8");
	CHECK_CODE(read_n("a\0: \0", 5), LP_REJECTED, "a/b.yaml:1:2: control characters");
	/* UTF-16, which libyaml would guess from its first bytes */
	CHECK_CODE(read_n("\xff\xfe\x61\x00", 4), LP_REJECTED, "a/b.yaml:1:1: not UTF-8");
}

static char *repeat(const char *part, size_t n, struct buf *to)
{
	for (size_t i = 0; i < n; i++)
		CHECK_OK(lp_buf_str(to, part, &err));
	return (char *)to->data;
}

static void depth_is_limited(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	repeat("[", LP_YAML_DEPTH, &text);
	CHECK_OK(read_text(repeat("]", LP_YAML_DEPTH, &text)));
	lp_buf_clear(&text);
	refused(repeat("[", LP_YAML_DEPTH + 1, &text), LP_LIMIT,
		"a/b.yaml:1:65: nested more than 64");
	lp_buf_clear(&text);
	refused(repeat("[", 10000, &text), LP_LIMIT, "nested more than 64");
	lp_buf_clear(&text);
	refused(repeat("- ", 10000, &text), LP_LIMIT, "nested more than 64");
	lp_buf_clear(&text);
	refused(repeat("{a: ", 10000, &text), LP_LIMIT, "nested more than 64");
}

static void depth_counts_through_aliases(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	CHECK_OK(lp_buf_str(&text, "a0: &a0 x\n", &err));
	for (int i = 1; i < LP_YAML_DEPTH + 2; i++)
		CHECK_OK(lp_buf_printf(&text, &err, "a%d: &a%d [*a%d]\n", i, i, i - 1));
	refused(lp_buf_text(&text), LP_LIMIT, "nested more than 64");
}

static void an_alias_bomb_is_refused(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	CHECK_OK(lp_buf_str(&text, "a0: &a0 lol\n", &err));
	for (int i = 1; i < 12; i++)
		CHECK_OK(lp_buf_printf(&text, &err,
				       "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i,
				       i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1));
	refused(lp_buf_text(&text), LP_LIMIT,
		"more than 200000 values in one document, aliases expanded");
}

static void aliases_are_limited(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	CHECK_OK(lp_buf_str(&text, "- &a x\n", &err));
	CHECK_OK(read_text(repeat("- *a\n", LP_YAML_ALIASES, &text)));
	refused(repeat("- *a\n", 1, &text), LP_LIMIT, "a/b.yaml:1002:3: more than 1000 aliases");
}

static void anchors_are_limited(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	for (int i = 0; i < 20000; i++)
		CHECK_OK(lp_buf_printf(&text, &err, "- &a%d x\n", i));
	refused(lp_buf_text(&text), LP_LIMIT, "too many anchors");
}

static void values_are_limited(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	CHECK_OK(read_text(repeat("- x\n", LP_YAML_NODES - 1, &text)));
	refused(repeat("- x\n", 1, &text), LP_LIMIT, "a/b.yaml:200000:3: more than 200000 values");
}

static void a_scalar_is_limited(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	CHECK_OK(read_text(repeat("x", LP_YAML_SCALAR, &text)));
	refused(repeat("x", 1, &text), LP_LIMIT, "a text of 1572865 bytes; at most 1572864");
}

static void documents_of_a_stream_are_limited(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);
	bool more = true;

	repeat("---\na\n", LP_YAML_DOCS + 1, &text);
	CHECK_OK(read_text(lp_buf_text(&text)));
	for (unsigned i = 1; i < LP_YAML_DOCS; i++) {
		lp_yaml_doc_free(&doc);
		CHECK_OK(lp_yaml_next(stream, ROOM, &doc, &more, &err));
		CHECK(more);
	}
	lp_yaml_doc_free(&doc);
	CHECK_CODE(lp_yaml_next(stream, ROOM, &doc, &more, &err), LP_LIMIT,
		   "a/b.yaml:10001:1: more than 5000 documents");
}

static void members_beside_a_merge_key_are_limited(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	CHECK_OK(lp_buf_str(&text, "<<: {}\n", &err));
	for (unsigned i = 0; i <= LP_YAML_MERGED; i++)
		CHECK_OK(lp_buf_printf(&text, &err, "k%u: 1\n", i));
	CHECK_OK(read_text(lp_buf_text(&text)));
	refused(repeat("last: 1\n", 1, &text), LP_LIMIT, "more than 1000 members");
	lp_buf_clear(&text);
	CHECK_OK(lp_buf_str(&text, "<<: [", &err));
	repeat("{},", LP_YAML_MERGED + 1, &text);
	refused(repeat("]", 1, &text), LP_LIMIT, "more than 1000 mappings");
}

static void memory_is_limited(void)
{
	static const char text[] = "a: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]";
	bool more;

	put_away();
	CHECK_OK(lp_yaml_open(text, sizeof(text) - 1, "a/b.yaml", &stream, &err));
	CHECK_CODE(lp_yaml_next(stream, 1000, &doc, &more, &err), LP_LIMIT,
		   "more than 1000 bytes of memory");
	CHECK(!more && doc.json == NULL);
}

static void many_keys_take_no_longer_for_being_many(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);

	for (int i = 0; i < 90000; i++)
		CHECK_OK(lp_buf_printf(&text, &err, "k%d: 1\n", i));
	CHECK_OK(read_text(lp_buf_text(&text)));
	refused(repeat("k77: 1\n", 1, &text), LP_REJECTED, "a/b.yaml:90001: the key \"k77\"");
}

/* --- writing --- */

static const char *yaml(const char *json_text)
{
	LP_AUTO(lp_json_freep) struct json *tree = NULL;

	CHECK_OK(lp_json_parse(json_text, strlen(json_text), ROOM, &tree, &err));
	lp_buf_free(&out);
	out = LP_BUF(ROOM);
	CHECK_OK(lp_yaml_write(lp_json_root(tree), &out, &err));
	return lp_buf_text(&out);
}

static void yaml_is_written_as_people_write_it(void)
{
	CHECK_STR(
		yaml("{\"a\":{\"b\":[1,{\"c\":\"d\",\"e\":[\"f\"]},[2,[3]]],\"z\":null,\"o\":{},\"l\":[]},"
		     "\"t\":\"two\\nlines\\n\",\"q\":\"yes\",\"v\":\"1.10\",\"i\":\"till:1.10\"}"),
		"a:\n  b:\n  - 1\n  - c: d\n    e:\n    - f\n  - - 2\n    - - 3\n  z: null\n  o: {}\n  l: []\n"
		"t: |\n  two\n  lines\nq: \"yes\"\nv: \"1.10\"\ni: till:1.10\n");
	CHECK_STR(yaml("{\"space at an end\":\"x \\ny\\n\"}"), "space at an end: \"x \\ny\\n\"\n");
	CHECK_STR(yaml("{\"zero\":[-0.0,-0.5,0]}"), "zero:\n- -0.0\n- -0.5\n- 0\n");
	CHECK_STR(yaml("\"x\""), "x\n");
	CHECK_STR(yaml("[]"), "[]\n");
}

static void writes_back(const struct jval *v)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);
	LP_AUTO(lp_buf_free) struct buf want = LP_BUF(ROOM);

	CHECK_OK(lp_json_canonical(v, &want, &err));
	CHECK_OK(lp_yaml_write(v, &text, &err));
	CHECK(agrees(lp_buf_text(&text), text.len, lp_buf_text(&want)) ||
	      !disagrees(lp_buf_text(&text), canonical(lp_json_root(doc.json)),
			 lp_buf_text(&want)));
}

static void strings_that_look_like_something_else_read_back(void)
{
	static const char *const texts[] = {
		"",
		" ",
		"a ",
		" a",
		"- a",
		"-",
		"a: b",
		"a:",
		"a #b",
		"#",
		"? a",
		"? ",
		": ",
		"{a}",
		"[a]",
		"a, b",
		"*a",
		"&a",
		"!a",
		"|",
		">",
		"%a",
		"@a",
		"`a`",
		"'a'",
		"\"a\"",
		"y",
		"No",
		"null",
		"~",
		"1",
		"0x1f",
		"1e3",
		"1_000",
		"0b+1",
		".5",
		".inf",
		"=",
		"<<",
		"2001-01-01",
		"1:30",
		"12:30:45",
		"+1",
		"-1",
		"---",
		"...",
		"--- a",
		"a\n",
		"a\n\n",
		"\n",
		"\na",
		"a\n b",
		" a\nb",
		"a\n  \nb",
		"a\t\nb",
		"\ta\nb",
		"a\rb",
		"a\r\nb",
		"a\n\tb",
		"\x01",
		"\x7f",
		"\xc2\x85",
		"\xc2\xa0",
		"\xe2\x80\xa8",
		"\xef\xbb\xbf",
		"\xef\xbf\xbf",
		"\xf0\x9f\x98\x80",
		"\\n",
		"\\",
		"a\\",
		"a\nb\n\n\n",
		"#a\nb\n",
		"- a\n- b\n",
		"a: b\nc: d\n",
		"---\na\n",
		"a\n...\n",
		"a\n\n\nb",
		"a b  c",
		"a\n#b",
	};
	LP_AUTO(lp_json_freep) struct json *tree = NULL;

	CHECK_OK(lp_json_new(ROOM, &tree, &err));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct jval *v = lp_json_obj(tree), *list = lp_json_arr(tree);
		CHECK(lp_json_put_str(tree, v, texts[i], texts[i]));
		CHECK(lp_json_add(list, lp_json_new_str(tree, texts[i])));
		CHECK(lp_json_put(tree, v, "list", list));
		CHECK(lp_json_put_str(tree, v, "last", texts[i]));
		writes_back(v);
		writes_back(lp_json_new_str(tree, texts[i]));
	}
	struct jval *v = lp_json_obj(tree);
	LP_AUTO(lp_buf_free) struct buf key = LP_BUF(ROOM);
	CHECK(lp_json_put_str(tree, v, repeat("k", 3000, &key), "x"));
	CHECK(lp_json_put(tree, v, repeat(" ", 3, &key), lp_json_copy(tree, v)));
	writes_back(v);
}

static void every_document_that_can_be_read_can_be_written_back(void)
{
	DIR *dir = opendir(TEST_DATA "/documents");

	CHECK(dir != NULL);
	for (struct dirent *entry; (entry = readdir(dir));) {
		LP_AUTO(lp_buf_free) struct buf text = LP_BUF(ROOM);
		LP_AUTO(lp_json_freep) struct json *tree = NULL;
		char path[LP_PATH_MAX];
		if (!strstr(entry->d_name, ".json"))
			continue;
		snprintf(path, sizeof(path), TEST_DATA "/documents/%s", entry->d_name);
		CHECK_OK(lp_file_read(path, &text, &err));
		if (strcmp(lp_buf_text(&text), "refused\n") == 0)
			continue;
		CHECK_OK(lp_json_parse(text.data, text.len, ROOM, &tree, &err));
		writes_back(lp_json_root(tree));
	}
	closedir(dir);
}

int main(void)
{
	TEST(every_scalar_means_what_kubernetes_takes_it_for);
	TEST(every_document_is_what_kubernetes_takes_it_for);
	TEST(a_stream_yields_its_documents_one_by_one);
	TEST(every_value_knows_its_line);
	TEST(lines_stay_right_in_a_long_document);
	TEST(what_is_wrong_is_said_with_its_place);
	TEST(text_that_is_not_utf_8_is_refused_with_its_place);
	TEST(depth_is_limited);
	TEST(depth_counts_through_aliases);
	TEST(an_alias_bomb_is_refused);
	TEST(aliases_are_limited);
	TEST(anchors_are_limited);
	TEST(values_are_limited);
	TEST(a_scalar_is_limited);
	TEST(documents_of_a_stream_are_limited);
	TEST(members_beside_a_merge_key_are_limited);
	TEST(memory_is_limited);
	TEST(many_keys_take_no_longer_for_being_many);
	TEST(yaml_is_written_as_people_write_it);
	TEST(strings_that_look_like_something_else_read_back);
	TEST(every_document_that_can_be_read_can_be_written_back);
	put_away();
	lp_buf_free(&out);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/annotations.h"
#include "platform/fs.h"
#include "platform/limits.h"
#include "tests/unit/check.h"

/* An object with one annotation, or label. */
struct one {
	const char *key, *text;
	bool label;
};

static struct slice read_one(const void *ctx, const char *key, bool label)
{
	const struct one *one = ctx;

	if (strcmp(key, one->key) != 0 || label != one->label)
		return (struct slice){0};
	return (struct slice){(const uint8_t *)one->text, strlen(one->text)};
}

static bool asks(enum asks what, const char *key, const char *text, bool label)
{
	const struct one one = {key, text, label};
	const struct annotation_reader reader = {&one, read_one};

	return lp_annotations_ask(what, ASKED_IN_REVISION | ASKED_IN_CLUSTER, &reader) != NULL;
}

static void case_is_of_no_matter_as_with_flux(void)
{
	CHECK(asks(ASKS_KEEP, "limpet.dev/prune", "disabled", false));
	CHECK(asks(ASKS_KEEP, "kustomize.toolkit.fluxcd.io/prune", "DisaBled", false));
	CHECK(asks(ASKS_REPORT, "limpet.dev/drift", "Report", false));
	CHECK(asks(ASKS_NO_RESTART, "limpet.dev/restart", "OFF", false));
	CHECK(!asks(ASKS_KEEP, "limpet.dev/prune", "disable", false));
	CHECK(!asks(ASKS_KEEP, "limpet.dev/prune", "disabled ", false));
	CHECK(!asks(ASKS_KEEP, "limpet.dev/prune", "", false));
	CHECK(!asks(ASKS_HEAL, "limpet.dev/drift", "report", false));
	CHECK(!asks(ASKS_REPORT, "limpet.dev/prune", "report", false));
}

static void labels_ask_only_where_flux_looks_at_them(void)
{
	CHECK(asks(ASKS_KEEP, "kustomize.toolkit.fluxcd.io/prune", "disabled", true));
	CHECK(!asks(ASKS_REPORT, "limpet.dev/drift", "report", true));
	CHECK(!asks(ASKS_KEEP, "argocd.argoproj.io/sync-options", "Prune=false", true));
}

static void an_option_of_argo_is_one_of_a_list(void)
{
	static const char key[] = "argocd.argoproj.io/sync-options";

	CHECK(asks(ASKS_KEEP, key, "Prune=false", false));
	CHECK(asks(ASKS_KEEP, key, "Replace=true , Prune=false , Force=true", false));
	CHECK(!asks(ASKS_KEEP, key, "Prune=falsely", false));
	CHECK(!asks(ASKS_KEEP, key, "NoPrune=false", false));
	CHECK(!asks(ASKS_KEEP, key, "Prune=false x", false));
	CHECK(!asks(ASKS_KEEP, key, ",,", false));
}

static void one_key_is_read_by_the_same_table(void)
{
	const struct slice report = {(const uint8_t *)"REPORT", 6};

	CHECK(lp_annotation_is(LP_DRIFT_ANNOTATION, report, ASKS_REPORT));
	CHECK(!lp_annotation_is(LP_DRIFT_ANNOTATION, report, ASKS_HEAL));
	CHECK(!lp_annotation_is(LP_PRUNE_ANNOTATION, report, ASKS_REPORT));
}

static void flux_words_mean_another_thing_on_a_device(void)
{
	const struct one one = {"kustomize.toolkit.fluxcd.io/reconcile", "Disabled", true};
	const struct annotation_reader reader = {&one, read_one};

	CHECK(lp_annotations_ask(ASKS_LEAVE, ASKED_IN_REVISION, &reader));
	CHECK(!lp_annotations_ask(ASKS_LEAVE, ASKED_IN_CLUSTER, &reader));
	CHECK(lp_annotations_ask(ASKS_REPORT, ASKED_IN_CLUSTER, &reader));
	CHECK(!lp_annotations_ask(ASKS_REPORT, ASKED_IN_REVISION, &reader));
	CHECK(lp_annotations_ask(ASKS_KEEP, ASKED_IN_CLUSTER, &reader));
	CHECK(asks(ASKS_ONCE, "kustomize.toolkit.fluxcd.io/ssa", "ifNotPresent", false));
	CHECK(!asks(ASKS_LEAVE, "kustomize.toolkit.fluxcd.io/ssa", "Merge", false));
}

static void ignore_has_two_words_besides_pointers(void)
{
	CHECK(asks(ASKS_LEAVE, LP_IGNORE_ANNOTATION, "all", false));
	CHECK(asks(ASKS_ONCE, LP_IGNORE_ANNOTATION, "existing", false));
	CHECK(asks(ASKS_IGNORE, LP_IGNORE_ANNOTATION, "\n/spec/replicas", false));
	CHECK(!asks(ASKS_IGNORE, LP_IGNORE_ANNOTATION, "all", false));
}

static bool is_known(const char *key, const char *text, char ret[40])
{
	return lp_annotation_known(key, (struct slice){(const uint8_t *)text, strlen(text)}, ret,
				   40);
}

static void a_word_that_nobody_knows_is_told_with_those_that_are(void)
{
	char known[40];

	CHECK(is_known(LP_DRIFT_ANNOTATION, "Heal", known));
	CHECK(is_known(LP_PRUNE_ANNOTATION, "disabled", known));
	CHECK(!is_known(LP_DRIFT_ANNOTATION, "heel", known));
	CHECK_STR(known, "\"report\" or \"heal\"");
	CHECK(!is_known(LP_RESTART_ANNOTATION, "", known));
	CHECK_STR(known, "\"off\"");
	CHECK(!is_known("limpet.dev/none", "off", known));
	CHECK_STR(known, "");
	CHECK(!is_known(LP_IGNORE_ANNOTATION, "x", known)); /* more than there is room for */
	CHECK(strlen(known) == 39);
}

static void each_word_of_a_peer_has_one_of_our_own(void)
{
	for (const struct annotation *a = lp_annotations; a->key; a++) {
		const struct annotation *own = lp_annotations;
		while (own->key && (own->asks != a->asks || strcmp(own->who, "limpet") != 0))
			own++;
		CHECK(own->key && a->where && a->asks < ASKS_COUNT);
		CHECK((strncmp(a->key, "limpet.dev/", 11) == 0) == (strcmp(a->who, "limpet") == 0));
	}
}

static void the_readme_has_exactly_this_table(void)
{
	LP_AUTO(lp_buf_free) struct buf table = LP_BUF(64 * LP_KIB), page = LP_BUF(LP_MIB);

	CHECK_OK(lp_annotations_reference(&table, &err));
	CHECK_OK(lp_file_read(TEST_DATA "/../../../README.md", &page, &err));
	CHECK_HAS(lp_buf_text(&page), lp_buf_text(&table));
	const char *behind = strstr(lp_buf_text(&page), lp_buf_text(&table));
	CHECK(behind && behind[table.len] == '\n'); /* no row that the code does not have */
}

static void programs_are_told_the_same(void)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;

	CHECK_OK(lp_json_new(64 * LP_KIB, &doc, &err));
	struct jval *list = lp_annotations_reference_json(doc);
	struct json_iter it = lp_json_iter(list);
	bool found = false;
	while (lp_json_next(&it)) {
		CHECK(*lp_json_text(it.value, "key") && *lp_json_text(it.value, "meaning") &&
		      *lp_json_text(it.value, "in"));
		if (strcmp(lp_json_text(it.value, "key"), LP_PRUNE_ANNOTATION) == 0)
			found = lp_json_len(lp_json_get(it.value, "same")) == 4;
	}
	CHECK(found);
}

int main(void)
{
	TEST(case_is_of_no_matter_as_with_flux);
	TEST(labels_ask_only_where_flux_looks_at_them);
	TEST(an_option_of_argo_is_one_of_a_list);
	TEST(one_key_is_read_by_the_same_table);
	TEST(flux_words_mean_another_thing_on_a_device);
	TEST(ignore_has_two_words_besides_pointers);
	TEST(a_word_that_nobody_knows_is_told_with_those_that_are);
	TEST(each_word_of_a_peer_has_one_of_our_own);
	TEST(the_readme_has_exactly_this_table);
	TEST(programs_are_told_the_same);
	return check_report();
}

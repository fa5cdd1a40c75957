/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/story.h"

#include "agent/cluster/fields.h"
#include "agent/cluster/handover.h"
#include "agent/cluster/skim.h"
#include "agent/pointers.h"

#include <stdlib.h>
#include <string.h>

#define TOLD_PATHS 5 /* of each verb; what is more is counted */
#define PATH_TEXT  120

/* What can be said of a field, in the order in which it is told. */
enum verb_told { CHANGED, ADDED, MISSING, FOREIGN, VERBS };

struct found {
	size_t who;
	char path[PATH_TEXT];
};

/* The sets that are compared: ours before, ours after, then the others, latest first. */
enum { BEFORE, AFTER, OTHERS };

struct telling {
	const struct manager_entry *others[LP_FIELDS_SETS];
	struct jval *sets[LP_FIELDS_SETS];
	size_t count; /* of sets */
	bool adopted; /* it was not applied by us before */
	bool fresh;
	struct found found[VERBS][TOLD_PATHS];
	unsigned counts[VERBS];
};

static const struct manager_entry *our_entry(const struct managed *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->list[i].ours)
			return &m->list[i];
	return NULL;
}

struct other {
	const struct manager_entry *entry;
};

static int latest_first(const void *a, const void *b)
{
	const struct other *x = a, *y = b;

	return strcmp(y->entry->time, x->entry->time);
}

static void free_others(struct other **others)
{
	free(*others);
}

/* Status is nobody's drift; what we handed over, or nobody knows of, was never anybody's change. */
static bool is_of_interest(const struct manager_entry *e)
{
	return !e->ours && !e->unknown && e->fields && strcmp(e->subresource, "status") != 0 &&
	       strcmp(e->manager, LP_HANDED_MANAGER) != 0;
}

static enum lp_code choose_others(const struct managed *before, struct telling *t, struct err *err)
{
	LP_AUTO(free_others) struct other *all = calloc(before->count + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return lp_err_nomem(err, "managers");
	for (size_t i = 0; i < before->count; i++)
		if (is_of_interest(&before->list[i]))
			all[n++].entry = &before->list[i];
	qsort(all, n, sizeof(*all), latest_first);
	for (size_t i = 0; i < n && t->count < LP_FIELDS_SETS; i++) {
		t->others[t->count] = all[i].entry;
		t->sets[t->count++] = all[i].entry->fields;
	}
	return LP_OK;
}

/* The first of the owners that is overridable; 0 none. */
static size_t overridable_of(const struct telling *t, uint64_t owners)
{
	for (size_t i = OTHERS; i < t->count; i++)
		if ((owners >> i & 1) && t->others[i]->overridable)
			return i;
	return 0;
}

/* What is to be said of a path, and of whom (a set's number); false: nothing. */
static bool judge(const struct telling *t, uint64_t owners, enum verb_told *ret, size_t *ret_who)
{
	bool before = owners >> BEFORE & 1, after = owners >> AFTER & 1;
	uint64_t others = owners >> OTHERS << OTHERS;
	size_t latest = others ? (size_t)__builtin_ctzll(others) : 0;
	size_t overridable = overridable_of(t, owners);

	*ret_who = overridable && !after ? overridable : latest;
	if (after)
		*ret = latest ? CHANGED : MISSING;
	else
		*ret = overridable ? ADDED : FOREIGN;
	if (after)
		return !before && !t->adopted && (latest || !t->fresh);
	return overridable ? !before && !t->adopted : latest != 0;
}

static unsigned take(void *ctx, const char *path, uint64_t owners, unsigned above)
{
	struct telling *t = ctx;
	enum verb_told verb;
	size_t who;

	if (!judge(t, owners, &verb, &who))
		return 0;
	unsigned said = (unsigned)verb + 1 + VERBS * (unsigned)who;
	if (said == above) /* said of what it is in */
		return said;
	if (t->counts[verb] < TOLD_PATHS) {
		struct found *found = &t->found[verb][t->counts[verb]];
		found->who = who;
		snprintf(found->path, sizeof(found->path), "%s", path);
	}
	t->counts[verb]++;
	return said;
}

/* --- words --- */

/* A text that grows; what does not fit is cut. */
struct words {
	char *text;
	size_t size;
};

static void say(struct words *to, const char *fmt, ...) LP_PRINTF(2, 3);

static void say(struct words *to, const char *fmt, ...)
{
	size_t used = strlen(to->text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(to->text + used, to->size - used, fmt, args);
	va_end(args);
}

/* "kubectl-edit changed spec.replicas, spec.paused; vi changed data.a and 3 more" */
static void say_verb(const struct telling *t, enum verb_told verb, struct words *to)
{
	static const char *const words[VERBS] = {"changed", "added", "missing:", "has its own"};
	unsigned shown = t->counts[verb] < TOLD_PATHS ? t->counts[verb] : TOLD_PATHS;
	size_t who = SIZE_MAX;

	for (unsigned i = 0; i < shown; i++) {
		const struct found *found = &t->found[verb][i];
		if (found->who == who) {
			say(to, ", %s", found->path);
			continue;
		}
		who = found->who;
		say(to, "%s", to->text[0] ? "; " : "");
		if (verb != MISSING)
			say(to, "%s ", t->others[who]->manager);
		say(to, "%s %s", words[verb], found->path);
	}
	if (t->counts[verb] > shown)
		say(to, " and %u more", t->counts[verb] - shown);
}

static void say_taken(const struct telling *t, struct words *to)
{
	const char *between = "taken over from";

	for (size_t i = OTHERS; i < t->count; i++) {
		if (!t->others[i]->overridable)
			continue;
		say(to, "%s %s", between, t->others[i]->manager);
		between = ",";
	}
	if (t->adopted && !to->text[0])
		say(to, "nothing said that limpet had applied it");
}

static void name(const struct telling *t, enum verb_told verb, char to[LP_MANAGER_MAX])
{
	if (t->counts[verb])
		snprintf(to, LP_MANAGER_MAX, "%s", t->others[t->found[verb][0].who]->manager);
	lp_text_clean(to);
}

static void say_all(const struct telling *t, struct story *story)
{
	struct words seen = {story->text, sizeof(story->text)};
	struct words foreign = {story->foreign_text, sizeof(story->foreign_text)};

	story->changed = t->counts[CHANGED];
	story->added = t->counts[ADDED];
	story->missing = t->counts[MISSING];
	story->foreign = t->counts[FOREIGN];
	if (t->adopted || !(story->changed + story->added + story->missing))
		say_taken(t, &seen);
	say_verb(t, CHANGED, &seen);
	say_verb(t, ADDED, &seen);
	say_verb(t, MISSING, &seen);
	say_verb(t, FOREIGN, &foreign);
	name(t, story->changed ? CHANGED : ADDED, story->manager);
	if (t->adopted && overridable_of(t, UINT64_MAX))
		snprintf(story->manager, sizeof(story->manager), "%s",
			 t->others[overridable_of(t, UINT64_MAX)]->manager);
	name(t, FOREIGN, story->foreign_manager);
	lp_text_clean(story->manager);
	lp_text_clean(story->text);
	lp_text_clean(story->foreign_text);
}

/* Takes the fields that are nobody's change out of a set, which is a tree of doc. */
static enum lp_code set_free(const struct story_free *free, struct json *doc, struct jval *set,
			     struct err *err)
{
	struct handover h = {.doc = doc,
			     .pointers = free->handed,
			     .desired = lp_json_root(free->desired),
			     .keep_desired = true,
			     .ours = set};
	bool changed = false;

	return set && free->handed.len ? lp_handover(&h, &changed, err) : LP_OK;
}

enum lp_code lp_story_tell(struct slice before, struct slice after, const struct story_free *free,
			   struct story *ret, struct err *err)
{
	LP_AUTO(lp_managed_free) struct managed old = {0};
	LP_AUTO(lp_managed_free) struct managed new = {0};
	struct telling t = {.count = OTHERS, .fresh = free->fresh};

	*ret = (struct story){0};
	LP_TRY(lp_managed_read(before, &old, err));
	LP_TRY(lp_managed_read(after, &new, err));
	const struct manager_entry *was = our_entry(&old), *is = our_entry(&new);
	t.adopted = !was;
	t.sets[BEFORE] = was ? was->fields : NULL;
	t.sets[AFTER] = is ? is->fields : NULL;
	LP_TRY(choose_others(&old, &t, err));
	for (size_t i = 0; i < t.count; i++)
		LP_TRY(set_free(free, i == AFTER ? new.doc : old.doc, t.sets[i], err));
	LP_TRY(lp_fields_walk(t.sets, t.count, &(struct fields_walk){&t, take}, err));
	say_all(&t, ret);
	return LP_OK;
}

/* Whose field it is, by the API server's words: conflict with "kubectl-edit" using v1. */
static void read_whose(struct slice cause, char to[LP_MANAGER_MAX])
{
	char text[LP_MANAGER_MAX + 64];
	const char *name;

	lp_skim_cut(lp_skim_get(cause, "message"), text, sizeof(text));
	name = strchr(text, '"');
	snprintf(to, LP_MANAGER_MAX, "%.*s", name ? (int)strcspn(name + 1, "\"") : 0,
		 name ? name + 1 : "");
	lp_text_clean(to);
}

void lp_story_conflicts(struct slice answer, struct slice handed, struct story *ret)
{
	struct slice causes = lp_skim_at(answer, "details", "causes", NULL);
	bool scaled = lp_pointer_in(handed, LP_REPLICAS_POINTER);
	struct words words = {ret->text, sizeof(ret->text)};
	struct skim_iter it = lp_skim_iter(causes);
	char field[PATH_TEXT], last[LP_MANAGER_MAX] = "", whose[LP_MANAGER_MAX];

	*ret = (struct story){0};
	while (causes.len && lp_skim_next(&it)) {
		lp_skim_cut(lp_skim_get(it.value, "field"), field, sizeof(field));
		read_whose(it.value, whose);
		if (!whose[0] || (scaled && strcmp(field, ".spec.replicas") == 0))
			continue;
		if (!ret->changed)
			snprintf(ret->manager, sizeof(ret->manager), "%s", whose);
		if (++ret->changed > TOLD_PATHS)
			continue;
		if (strcmp(whose, last) == 0)
			say(&words, ", ");
		else
			say(&words, "%s%s had another ", ret->text[0] ? "; " : "", whose);
		say(&words, "%s", field + (field[0] == '.'));
		memcpy(last, whose, sizeof(last));
	}
	if (ret->changed > TOLD_PATHS)
		say(&words, " and %u more", ret->changed - TOLD_PATHS);
	lp_text_clean(ret->text);
}

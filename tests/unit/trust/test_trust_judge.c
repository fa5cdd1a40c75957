/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/ancestry.h"
#include "platform/clock.h"
#include "tests/unit/trust/fixture.h"

#define OBJECTS_MAX 30000

/* An object store of commits in memory; found by id, in the order of a hash of it. */
static struct object {
	struct oid id;
	struct slice bytes;
} store[2 * OBJECTS_MAX];
static size_t stored, read_count;
static enum lp_code read_fails; /* LP_OK, or what every read ends with */
static bool read_lies;          /* gives bytes of another object */

static enum lp_code read_object(void *ctx, const struct oid *id, struct buf *out, struct err *e);
static const char *limpet_yaml; /* of every tree; NULL: there is none */

static enum lp_code read_binding(void *ctx, const struct oid *tree, struct buf *out, struct err *e)
{
	return limpet_yaml ? lp_buf_str(out, limpet_yaml, e)
			   : lp_err_set(e, LP_NOT_FOUND, "not there");
}

static struct trust_reader reader = {.commit = read_object, .binding = read_binding};

static struct object *place_of(const struct oid *id)
{
	uint32_t at;

	memcpy(&at, id->bytes, sizeof(at));
	at %= 2 * OBJECTS_MAX;
	while (store[at].bytes.data && !lp_oid_equal(&store[at].id, id))
		at = (at + 1) % (2 * OBJECTS_MAX);
	return &store[at];
}

static enum lp_code read_object(void *ctx, const struct oid *id, struct buf *out, struct err *e)
{
	struct object *object = place_of(id);

	read_count++;
	if (read_fails)
		return lp_err_set(e, read_fails, "the store says no");
	if (!object->bytes.data)
		return lp_err_set(e, LP_NOT_FOUND, "not there");
	LP_TRY(lp_buf_append(out, object->bytes.data, object->bytes.len, e));
	if (read_lies)
		out->data[out->len - 1] ^= 1;
	return LP_OK;
}

static struct oid put(struct slice bytes)
{
	struct oid id;

	CHECK(stored < OBJECTS_MAX);
	lp_commit_oid(bytes.data, bytes.len, &id);
	struct object *object = place_of(&id);
	stored += !object->bytes.data;
	*object = (struct object){id, bytes};
	return id;
}

static struct oid put_file(const char *name)
{
	return put(load(name));
}

/* An unsigned commit with these parents. */
static struct oid put_commit(const struct oid *parents, size_t n, const char *message)
{
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(LP_COMMIT_BYTES);
	char hex[LP_OID_TEXT];

	CHECK_OK(lp_buf_str(&b, "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n", &err));
	for (size_t i = 0; i < n; i++)
		CHECK_OK(lp_buf_printf(&b, &err, "parent %s\n", lp_oid_hex(&parents[i], hex)));
	CHECK_OK(lp_buf_printf(&b, &err, "author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n%s",
			       message));
	return put(copy_of(b.data, b.len));
}

static void forget(void)
{
	memset(store, 0, sizeof(store));
	stored = read_count = 0;
	read_fails = LP_OK;
	read_lies = false;
}

/* --- the walk --- */

static struct ancestry_walk walk_for(const struct oid *from, const struct oid *goal)
{
	return (struct ancestry_walk){
		.from = from,
		.from_len = 1,
		.goal = *goal,
		.goal_payload = {"no such payload"},
		.max = LP_ANCESTRY_COMMITS,
		.read = read_object,
	};
}

static void a_walk_finds_the_goal_at_the_end_of_a_long_line(void)
{
	struct oid root, at;

	forget();
	root = at = put_commit(NULL, 0, "root");
	for (int i = 0; i < 5000; i++)
		at = put_commit(&at, 1, "");
	struct ancestry_walk w = walk_for(&at, &root);
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_FOUND && w.walked == 5000);
	w.max = 5001;
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_FOUND);
	w.max = 5000;
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_TOO_LONG);
}

static void the_walk_of_the_limits_length_ends(void)
{
	struct oid at, none = {{1}};

	forget();
	at = put_commit(NULL, 0, "root");
	for (unsigned i = 0; i < LP_ANCESTRY_COMMITS; i++)
		at = put_commit(&at, 1, "");
	struct ancestry_walk w = walk_for(&at, &none);
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_TOO_LONG && read_count == LP_ANCESTRY_COMMITS);
}

/* Merges of merges: 2^40 ways, 41 * 2 commits. */
static void a_walk_reads_each_commit_once(void)
{
	struct oid pair[2], none = {{1}};

	forget();
	pair[0] = put_commit(NULL, 0, "left");
	pair[1] = put_commit(NULL, 0, "right");
	for (int i = 0; i < 40; i++) {
		struct oid left = put_commit(pair, 2, "left");
		pair[1] = put_commit(pair, 2, "right");
		pair[0] = left;
	}
	struct ancestry_walk w = walk_for(pair, &none);
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_NOT_FOUND && read_count == 81);
}

static void a_goal_beyond_a_missing_commit_is_found_on_another_way(void)
{
	struct oid goal, missing = {{7}}, ways[2];

	forget();
	goal = put_commit(NULL, 0, "goal");
	ways[0] = missing;
	ways[1] = put_commit(&goal, 1, "");
	struct oid tip = put_commit(ways, 2, "");
	struct ancestry_walk w = walk_for(&tip, &goal);
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_FOUND);
	w.goal = (struct oid){{9}};
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_INCOMPLETE && lp_oid_equal(&w.at, &missing));
}

/* A floor on a line of three, and a tip that merges a branch which began at its root:
 *
 *	root - middle - floor - next - tip
 *	   \-- side ---------------/
 */
static struct {
	struct oid root, middle, floor, side, tip;
} merge;

static struct ancestry_walk make_merge(void)
{
	struct oid both[2];

	forget();
	merge.root = put_commit(NULL, 0, "root");
	merge.middle = put_commit(&merge.root, 1, "middle");
	merge.floor = put_commit(&merge.middle, 1, "floor");
	merge.side = put_commit(&merge.root, 1, "side");
	both[0] = put_commit(&merge.floor, 1, "next");
	both[1] = merge.side;
	merge.tip = put_commit(both, 2, "tip");
	struct ancestry_walk w = walk_for(&merge.tip, &merge.floor);
	w.all = true;
	return w;
}

static void take_away(struct oid id)
{
	place_of(&id)->id = (struct oid){{0xff}}; /* nobody asks for that one */
}

static void what_a_merge_brings_from_below_the_goal_ends_at_its_ancestors(void)
{
	struct ancestry_walk w = make_merge();

	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_FOUND && w.found && w.walked == 3); /* tip, next, side */
}

static void an_end_that_cannot_be_told_to_be_an_ancestor_is_incomplete(void)
{
	struct ancestry_walk w = make_merge();

	take_away(merge.middle);
	take_away(merge.root);
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_INCOMPLETE && w.found && lp_oid_equal(&w.at, &merge.root));
	w.all = false;
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_FOUND);
}

/* Says no to commits whose message is that of ctx. */
static enum lp_code no_to(void *ctx, const struct oid *id, const struct commit *commit,
			  bool *ret_good, struct err *e)
{
	*ret_good = !lp_slice_is(commit->subject, *(const char **)ctx);
	return LP_OK;
}

static void every_commit_between_is_asked_about_and_none_below(void)
{
	struct ancestry_walk w = make_merge();
	const char *word = "side";

	w.check = no_to;
	w.check_ctx = &word;
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_REFUSED && lp_oid_equal(&w.at, &merge.side));
	word = "root";
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_FOUND);
	word = "floor";
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_FOUND);
}

static void a_goal_that_is_not_met_goes_before_what_is_refused(void)
{
	struct ancestry_walk w = make_merge();
	const char *word = "side";

	w.check = no_to;
	w.check_ctx = &word;
	w.from = &merge.side;
	CHECK_OK(lp_ancestry_walk(&w, &err));
	CHECK(w.result == ANCESTRY_NOT_FOUND && !w.found);
}

/* --- the judgement --- */

static struct trust_floor the_floor;
static struct payload_id seen_payload;

static enum lp_code seen(void *ctx, const struct payload_id *id, bool *ret, struct err *e)
{
	if (ctx)
		return lp_err_set(e, LP_TRANSIENT, "the store is busy");
	*ret = lp_payload_equal(id, &seen_payload);
	return LP_OK;
}

/* The floor at a commit of data/, which is in the object store or not. */
static void floor_at(const char *name, bool here)
{
	struct slice bytes = load(name);
	struct commit c;

	CHECK_OK(lp_commit_parse(bytes.data, bytes.len, &c, &err));
	the_floor = (struct trust_floor){.present = true, .payload = c.payload_id, .seen = seen};
	lp_commit_oid(bytes.data, bytes.len, &the_floor.commit);
	if (here)
		put(bytes);
}

static const char *judge(const char *name)
{
	struct oid tip = put_file(name);

	CHECK_OK(lp_trust_judge(&policy, &tip, &the_floor, &reader, &judged, &err));
	return lp_verdict_name(judged.verdict);
}

static void start(void)
{
	forget();
	the_floor = (struct trust_floor){0};
	policy.history = HISTORY_TIP; /* chain-2 is unsigned */
	policy.binding = NULL;
	limpet_yaml = NULL;
	seen_payload = (struct payload_id){0};
}

static void a_first_start_accepts_a_signed_tip(void)
{
	start();
	CHECK_STR(judge("chain-3"), "accepted");
	CHECK(!judged.nothing_new && read_count == 1);
	CHECK_STR(judged.verified.subject, "chain 3");
	struct oid tip = put_file("chain-2");
	CHECK_OK(lp_trust_judge(&policy, &tip, NULL, &reader, &judged, &err));
	CHECK(judged.verdict == VERDICT_UNSIGNED);
}

static void a_tip_that_descends_is_accepted_also_over_unsigned_commits(void)
{
	start();
	floor_at("chain-1", false);
	put_file("chain-2");
	CHECK_STR(judge("chain-3"), "accepted");
	CHECK(!judged.nothing_new && judged.walked == 1);
}

static void an_unsigned_commit_below_the_tip_is_refused_by_its_id(void)
{
	char hex[LP_OID_TEXT];

	start();
	policy.history = HISTORY_EVERY;
	floor_at("chain-1", false);
	struct oid unsigned_one = put_file("chain-2");
	CHECK_STR(judge("chain-3"), "unsigned");
	CHECK_HAS(judged.reason, lp_oid_hex(&unsigned_one, hex));
	CHECK(lp_oid_is_zero(&judged.verified.commit));
	floor_at("chain-2", false); /* what was accepted once is not asked about again */
	CHECK_STR(judge("chain-3"), "accepted");
}

#define REPO "6f1c0000000000000000000000000000"
#define YAML "apiVersion: limpet.dev/v1\nrepo: " REPO "\naudience: [site/berlin]\n"

static struct binding_policy berlin = {.repo = REPO, .required = true, .site = "berlin"};

/* chain-3 in the way of chain-1, with this limpet.yaml in every tree. */
static const char *judge_yaml(const char *yaml, int64_t floor_sequence)
{
	start();
	floor_at("chain-1", true);
	the_floor.sequence = floor_sequence;
	put_file("chain-2");
	policy.binding = &berlin;
	limpet_yaml = yaml;
	return judge("chain-3");
}

static void a_tip_says_for_which_repository_and_whom_it_is(void)
{
	CHECK_STR(judge_yaml(YAML, 0), "accepted");
	CHECK_STR(judge_yaml(NULL, 0), "unbound");
	CHECK_STR(judge_yaml("apiVersion: limpet.dev/v1\n", 0), "unbound");
	CHECK_STR(judge_yaml("apiVersion: limpet.dev/v1\nrepo: "
			     "0000000000000000000000000000000f\naudience: [site/berlin]\n",
			     0),
		  "wrong-repo");
	CHECK_STR(judge_yaml("apiVersion: limpet.dev/v1\nrepo: " REPO "\naudience: [site/munich]\n",
			     0),
		  "wrong-audience");
	CHECK_STR(judge_yaml(YAML "sequenze: 3\n", 0), "malformed");
	CHECK_HAS(judged.reason, "limpet.yaml:4: sequenze");
	CHECK_STR(judge_yaml(YAML "expires: 2020-01-01T00:00:00Z\n", 0), "accepted");
	berlin.floor_s = 1600000000;
	CHECK_STR(judge_yaml(YAML "expires: 2020-01-01T00:00:00Z\n", 0), "expired");
	berlin.floor_s = 0;
}

static void a_sequence_never_goes_back_and_is_never_used_twice(void)
{
	CHECK_STR(judge_yaml(YAML "sequence: 7\n", 6), "accepted");
	CHECK(judged.verified.sequence == 7);
	CHECK_STR(judge_yaml(YAML "sequence: 7\n", 7), "equivocation");
	CHECK_STR(judge_yaml(YAML "sequence: 7\n", 8), "rollback");
	CHECK_HAS(judged.reason, "its sequence is 7, and 8 was accepted");
	CHECK_STR(judge_yaml(YAML, 8), "accepted"); /* it descends */
}

static void a_branch_begun_anew_needs_a_higher_sequence(void)
{
	CHECK_STR(judge_yaml(YAML "sequence: 7\n", 6), "accepted");
	floor_at("chain-3", true);
	the_floor.sequence = 6;
	CHECK_STR(judge("chain-side"), "accepted");
	the_floor.sequence = 0;
	CHECK_STR(judge("chain-root"), "accepted");
	limpet_yaml = YAML;
	CHECK_STR(judge("chain-side"), "diverged");
	CHECK_STR(judge("chain-root"), "diverged");
}

static void what_was_kept_back_is_not_taken_for_a_branch_begun_anew(void)
{
	CHECK_STR(judge_yaml(YAML "sequence: 7\n", 6), "accepted");
	struct oid two = put_file("chain-2");
	take_away(two);
	CHECK_STR(judge("chain-3"), "diverged");
	CHECK(judged.incomplete && lp_oid_equal(&judged.missing, &two));
}

static void the_accepted_tip_again_is_nothing_new(void)
{
	start();
	floor_at("chain-3", true);
	CHECK_STR(judge("chain-3"), "accepted");
	CHECK(judged.nothing_new);
}

static void the_accepted_tip_is_news_where_its_revision_is_not_stored(void)
{
	start();
	floor_at("chain-3", true);
	the_floor.lost = true;
	CHECK_STR(judge("chain-3"), "accepted");
	CHECK(!judged.nothing_new);
	judge("chain-2");
	CHECK(judged.verdict != VERDICT_ACCEPTED);
}

static void a_twin_of_the_floor_is_nothing_new(void)
{
	start();
	floor_at("chain-1", true);
	CHECK_STR(judge("chain-1-twin"), "accepted");
	CHECK(judged.nothing_new);
}

static void a_twin_of_the_floor_does_not_wedge_what_comes_next(void)
{
	start();
	floor_at("chain-1-twin", true);
	put_file("chain-1");
	put_file("chain-2");
	CHECK_STR(judge("chain-3"), "accepted");
	CHECK(!judged.nothing_new);
}

static void a_known_ancestor_of_the_floor_is_a_rollback(void)
{
	start();
	floor_at("chain-3", true);
	put_file("chain-2");
	CHECK_STR(judge("chain-1"), "rollback");
	CHECK_HAS(judged.reason, "ancestor of the accepted commit");
	CHECK_STR(judge("chain-1-twin"), "rollback");
}

static void a_payload_that_was_accepted_before_is_a_rollback(void)
{
	struct slice bytes = load("chain-1");
	struct commit c;

	start();
	CHECK_OK(lp_commit_parse(bytes.data, bytes.len, &c, &err));
	floor_at("chain-3", false);
	seen_payload = c.payload_id;
	CHECK_STR(judge("chain-1"), "rollback");
	CHECK_HAS(judged.reason, "accepted before");
}

static void a_rewritten_branch_is_diverged(void)
{
	start();
	floor_at("chain-3", true);
	put_file("chain-2");
	put_file("chain-1");
	CHECK_STR(judge("chain-side"), "diverged");
	CHECK(!judged.incomplete);
	CHECK_STR(judge("chain-root"), "diverged");
	CHECK(!judged.incomplete);
}

static void a_tip_whose_ancestors_are_not_there_asks_for_more(void)
{
	start();
	floor_at("chain-1", true);
	CHECK_STR(judge("chain-3"), "diverged");
	CHECK(judged.incomplete && judged.walked == 0);
	struct oid missing = put_file("chain-2");
	CHECK(lp_oid_equal(&judged.missing, &missing));
	CHECK_STR(judge("chain-3"), "accepted");
}

static void a_tip_whose_ancestors_were_left_out_is_too_large(void)
{
	start();
	floor_at("chain-1", true);
	reader.cut = true;
	const char *verdict = judge("chain-3");
	reader.cut = false;
	CHECK_STR(verdict, "too-large");
	CHECK(!judged.incomplete);
}

static void a_malformed_commit_below_the_tip_is_malformed(void)
{
	start();
	floor_at("chain-1", true);
	struct oid bad = put_file("chain-bad");
	char hex[LP_OID_TEXT];
	CHECK_STR(judge("chain-on-bad"), "malformed");
	CHECK_HAS(judged.reason, lp_oid_hex(&bad, hex));
	CHECK_HAS(judged.reason, "second gpgsig");
}

static void a_way_longer_than_the_limit_is_too_large(void)
{
	start();
	floor_at("chain-1", true);
	put_file("chain-2");
	policy.ancestry_commits = 1;
	const char *verdict = judge("chain-3");
	policy.ancestry_commits = 0;
	CHECK_STR(verdict, "too-large");
	CHECK(!judged.incomplete);
	CHECK_HAS(judged.reason, "first 1 commits");
}

static void a_refused_signature_is_judged_before_the_way(void)
{
	start();
	floor_at("chain-1", true);
	CHECK_STR(judge("commit-stranger"), "unknown-signer");
	CHECK_STR(judge("chain-2"), "unsigned");
}

static void a_tip_that_is_not_there_or_too_large_is_told_apart(void)
{
	struct oid none = {{1}};

	start();
	CHECK_CODE(lp_trust_judge(&policy, &none, &the_floor, &reader, &judged, &err), LP_NOT_FOUND,
		   "not there");
	char *message = keep(LP_COMMIT_BYTES);
	memset(message, 'x', LP_COMMIT_BYTES - 1);
	message[LP_COMMIT_BYTES - 1] = '\0';
	LP_AUTO(lp_buf_free) struct buf b = LP_BUF(LP_MIB);
	CHECK_OK(lp_buf_str(&b, message, &err));
	CHECK_OK(lp_buf_str(&b, message, &err));
	struct oid huge = put(copy_of(b.data, b.len));
	CHECK_OK(lp_trust_judge(&policy, &huge, &the_floor, &reader, &judged, &err));
	CHECK(judged.verdict == VERDICT_TOO_LARGE);
}

static void an_object_store_that_fails_or_lies_decides_nothing(void)
{
	struct oid tip;

	start();
	floor_at("chain-1", true);
	tip = put_file("chain-3");
	read_fails = LP_TRANSIENT;
	CHECK_CODE(lp_trust_judge(&policy, &tip, &the_floor, &reader, &judged, &err), LP_TRANSIENT,
		   "says no");
	read_fails = LP_OK;
	read_lies = true;
	CHECK_CODE(lp_trust_judge(&policy, &tip, &the_floor, &reader, &judged, &err), LP_CORRUPT,
		   "another object");
	read_lies = false;
	the_floor.seen_ctx = &read_lies;
	CHECK_CODE(lp_trust_judge(&policy, &tip, &the_floor, &reader, &judged, &err), LP_TRANSIENT,
		   "busy");
	CHECK(judged.verdict != VERDICT_ACCEPTED && lp_oid_is_zero(&judged.verified.commit));
}

static void the_digest_changes_with_each_thing_that_a_refusal_rests_on(void)
{
	uint8_t first[LP_SHA256_BYTES], next[LP_SHA256_BYTES];
	struct signers others = {.digest = {1}};

	start();
	lp_trust_digest(&policy, &the_floor, "1.0", first);
	lp_trust_digest(&policy, NULL, "1.0", next);
	CHECK(memcmp(first, next, sizeof(first)) == 0);
	lp_trust_digest(&policy, &the_floor, "1.1", next);
	CHECK(memcmp(first, next, sizeof(first)) != 0);
	lp_trust_digest(&(struct trust_policy){.signers = &others}, &the_floor, "1.0", next);
	CHECK(memcmp(first, next, sizeof(first)) != 0);
	lp_trust_digest(&(struct trust_policy){.signers = &signers, .rsa_bits = 3072}, &the_floor,
			"1.0", next);
	CHECK(memcmp(first, next, sizeof(first)) != 0);
	lp_trust_digest(&(struct trust_policy){.signers = &signers, .ancestry_commits = 7},
			&the_floor, "1.0", next);
	CHECK(memcmp(first, next, sizeof(first)) != 0);
	lp_trust_digest(&(struct trust_policy){.signers = &signers}, &the_floor, "1.0", next);
	CHECK(memcmp(first, next, sizeof(first)) != 0); /* HISTORY_EVERY */
	floor_at("chain-1", false);
	lp_trust_digest(&policy, &the_floor, "1.0", next);
	CHECK(memcmp(first, next, sizeof(first)) != 0);
}

static void every_verdict_has_a_name_and_a_way_out(void)
{
	for (int i = 0; i < VERDICT_COUNT; i++) {
		enum verdict back;
		const char *name = lp_verdict_name((enum verdict)i);

		CHECK(strlen(name) < LP_VERDICT_TEXT);
		CHECK(lp_verdict_parse(name, &back) && back == (enum verdict)i);
		CHECK(!*lp_verdict_way_out((enum verdict)i) == (i == VERDICT_ACCEPTED));
	}
	enum verdict back;
	CHECK(!lp_verdict_parse("nonsense", &back));
}

static void ids_are_read_as_they_are_written(void)
{
	struct payload_id payload = {{1, 2, 3}}, payload_back;
	struct oid id = {{0xab}}, id_back;
	char hex[LP_OID_TEXT], text[LP_PAYLOAD_TEXT];

	CHECK(lp_oid_parse(lp_oid_hex(&id, hex), 40, &id_back) && lp_oid_equal(&id, &id_back));
	CHECK(!lp_oid_parse(hex, 39, &id_back) && !lp_oid_is_zero(&id));
	lp_payload_text(&payload, text);
	CHECK(lp_payload_parse(text, strlen(text), &payload_back) &&
	      lp_payload_equal(&payload, &payload_back));
	text[0] = 'S';
	CHECK(!lp_payload_parse(text, strlen(text), &payload_back));
}

int main(void)
{
	TEST(load_signers);
	TEST(a_walk_finds_the_goal_at_the_end_of_a_long_line);
	TEST(the_walk_of_the_limits_length_ends);
	TEST(a_walk_reads_each_commit_once);
	TEST(what_a_merge_brings_from_below_the_goal_ends_at_its_ancestors);
	TEST(an_end_that_cannot_be_told_to_be_an_ancestor_is_incomplete);
	TEST(every_commit_between_is_asked_about_and_none_below);
	TEST(a_goal_that_is_not_met_goes_before_what_is_refused);
	TEST(an_unsigned_commit_below_the_tip_is_refused_by_its_id);
	TEST(a_goal_beyond_a_missing_commit_is_found_on_another_way);
	TEST(a_first_start_accepts_a_signed_tip);
	TEST(a_tip_that_descends_is_accepted_also_over_unsigned_commits);
	TEST(a_tip_says_for_which_repository_and_whom_it_is);
	TEST(a_sequence_never_goes_back_and_is_never_used_twice);
	TEST(a_branch_begun_anew_needs_a_higher_sequence);
	TEST(what_was_kept_back_is_not_taken_for_a_branch_begun_anew);
	TEST(the_accepted_tip_again_is_nothing_new);
	TEST(the_accepted_tip_is_news_where_its_revision_is_not_stored);
	TEST(a_twin_of_the_floor_is_nothing_new);
	TEST(a_twin_of_the_floor_does_not_wedge_what_comes_next);
	TEST(a_known_ancestor_of_the_floor_is_a_rollback);
	TEST(a_payload_that_was_accepted_before_is_a_rollback);
	TEST(a_rewritten_branch_is_diverged);
	TEST(a_tip_whose_ancestors_are_not_there_asks_for_more);
	TEST(a_tip_whose_ancestors_were_left_out_is_too_large);
	TEST(a_malformed_commit_below_the_tip_is_malformed);
	TEST(a_way_longer_than_the_limit_is_too_large);
	TEST(a_refused_signature_is_judged_before_the_way);
	TEST(a_tip_that_is_not_there_or_too_large_is_told_apart);
	TEST(an_object_store_that_fails_or_lies_decides_nothing);
	TEST(the_digest_changes_with_each_thing_that_a_refusal_rests_on);
	TEST(every_verdict_has_a_name_and_a_way_out);
	TEST(ids_are_read_as_they_are_written);
	lp_signers_free(&signers);
	return check_report();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the fetch role and the object store from a test: a command a line comes in as JSON,
 * one answer a line goes out (and, before that of "fetch", its progress). Ends with stdin.
 *
 *	{"do":"fetch", "source":..., "url":..., ...}    the fields of struct fetch_request
 *	{"do":"floor", "unix_s":...}                    of the clock, before the first fetch
 *	{"do":"pid"}                                    the role's
 *	{"do":"promote"|"discard"|"size", "objects":...}
 *	{"do":"walk", "objects":..., "quarantine":..., "from":..., "to":...}
 *	{"do":"files", "objects":..., "quarantine":..., "commit":...}
 */
#include "tests/e2e/driver.h"

#include "agent/source/fetched.h"
#include "agent/source/objects.h"
#include "agent/source/role.h"
#include "agent/source/tree_git.h"
#include "agent/trust/ancestry.h"
#include "platform/clock.h"

#include <sys/wait.h>

#define LINE_BYTES (64u * LP_KIB)
#define TREE_BYTES (32u * LP_MIB)

static struct channel role = {.fd = -1};
static pid_t role_pid;

static void oid_of(const struct jval *object, const char *key, struct oid *ret)
{
	const char *text = lp_json_text(object, key);
	DIE_IF(text[0] && !lp_oid_parse(text, strlen(text), ret));
}

/* --- answers --- */

struct answer {
	struct json *doc;
	struct jval *root;
};

static struct answer answer_new(void)
{
	struct answer answer;
	DIE_IF(lp_json_new(TREE_BYTES, &answer.doc, &err) != LP_OK);
	answer.root = lp_json_obj(answer.doc);
	return answer;
}

static void answer_send(struct answer *answer)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(TREE_BYTES);
	DIE_IF(lp_json_write(answer->root, &text, &err) != LP_OK);
	printf("%s\n", lp_buf_text(&text));
	fflush(stdout);
	lp_json_free(answer->doc);
}

static void put_code(struct answer *answer, enum lp_code code, const char *message)
{
	lp_json_put_str(answer->doc, answer->root, "code", lp_code_name(code));
	lp_json_put_str(answer->doc, answer->root, "message", code == LP_OK ? "" : message);
}

/* --- the role --- */

static void refused_of(const struct jval *command, struct fetch_request *request)
{
	struct json_iter it = lp_json_iter(lp_json_get(command, "refused"));

	while (lp_json_next(&it)) {
		const char *hex = lp_json_str(it.value);
		DIE_IF(request->refused_count == LP_REFUSALS_KEPT || !hex ||
		       !lp_oid_parse(hex, strlen(hex),
				     &request->refused[request->refused_count++]));
	}
}

static void send_request(const struct jval *command)
{
	struct fetch_request request = {0};
	struct wire_writer w;
	int64_t number = 0;
	text_of(command, "source", request.source, sizeof(request.source));
	text_of(command, "url", request.url, sizeof(request.url));
	text_of(command, "ref", request.ref, sizeof(request.ref));
	text_of(command, "ca_file", request.ca_file, sizeof(request.ca_file));
	text_of(command, "credentials_file", request.credentials_file,
		sizeof(request.credentials_file));
	text_of(command, "objects", request.objects, sizeof(request.objects));
	oid_of(command, "accepted", &request.accepted);
	refused_of(command, &request);
	if (lp_json_int(lp_json_get(command, "max_pack_bytes"), &number))
		request.max_pack_bytes = (uint64_t)number;
	number = 0;
	if (lp_json_int(lp_json_get(command, "max_store_bytes"), &number))
		request.max_store_bytes = (uint64_t)number;
	lp_json_int(lp_json_get(command, "deadline_ms"), &request.deadline_ms);
	lp_json_int(lp_json_get(command, "floor_s"), &request.floor_s);
	lp_json_bool(lp_json_get(command, "again"), &request.again);
	lp_wire_begin(&w, &role.out, FETCH_REQUEST);
	lp_fetch_request_put(&w, &request);
	DIE_IF(lp_wire_end(&w, &err) != LP_OK);
	DIE_IF(lp_channel_flush(&role, &err) != LP_OK);
}

static void put_result(struct answer *answer, struct wire_reader *frame)
{
	struct fetched fetched = {0};
	char hex[LP_OID_TEXT];
	lp_fetched_take(frame, &fetched);
	put_code(answer, LP_OK, "");
	lp_json_put_str(answer->doc, answer->root, "tip", lp_oid_hex(&fetched.tip, hex));
	lp_json_put_bool(answer->doc, answer->root, "unchanged", fetched.unchanged);
	lp_json_put_bool(answer->doc, answer->root, "ancestry", fetched.ancestry);
	lp_json_put_bool(answer->doc, answer->root, "cut", fetched.cut);
	lp_json_put_str(answer->doc, answer->root, "quarantine", fetched.quarantine);
	lp_json_put_str(answer->doc, answer->root, "too_large", fetched.too_large);
	lp_json_put_int(answer->doc, answer->root, "sent", (int64_t)fetched.sent_bytes);
	lp_json_put_int(answer->doc, answer->root, "received", (int64_t)fetched.received_bytes);
}

static void put_error(struct answer *answer, struct wire_reader *frame)
{
	char text[LP_ERR_MAX];
	enum lp_code code = (enum lp_code)lp_wire_u8(frame);
	int64_t retry_after_ms = lp_wire_i64(frame);
	lp_wire_str(frame, text, sizeof(text));
	put_code(answer, code, text);
	lp_json_put_int(answer->doc, answer->root, "retry_after_ms", retry_after_ms);
}

static void fetch(const struct jval *command)
{
	struct wire_reader frame;
	bool more = true;
	if (role.fd < 0)
		role_pid = start_role(lp_fetch_role, &role);
	send_request(command);
	while (more) {
		struct answer answer = answer_new();
		DIE_IF(lp_channel_receive(&role, -1, &frame, &err) != LP_OK);
		more = frame.type == FETCH_PROGRESS;
		if (frame.type == FETCH_RESULT) {
			put_result(&answer, &frame);
		} else if (frame.type == FETCH_ERROR) {
			put_error(&answer, &frame);
		} else {
			DIE_IF(!more);
			lp_json_put_int(answer.doc, answer.root, "progress",
					(int64_t)lp_wire_u64(&frame));
			lp_json_put_int(answer.doc, answer.root, "objects",
					(int64_t)lp_wire_u64(&frame));
		}
		DIE_IF(lp_wire_done(&frame, "frame", &err) != LP_OK);
		answer_send(&answer);
	}
}

/* --- the object store --- */

static void walk(struct git *git, const struct jval *command, struct answer *answer)
{
	static const char *const names[] = {
		[ANCESTRY_FOUND] = "connected", [ANCESTRY_NOT_FOUND] = "unrelated",
		[ANCESTRY_INCOMPLETE] = "gap",  [ANCESTRY_TOO_LONG] = "bound",
		[ANCESTRY_MALFORMED] = "bad",   [ANCESTRY_TOO_LARGE] = "large",
	};
	struct oid from;
	struct ancestry_walk w = {.from = &from,
				  .from_len = 1,
				  .all = true,
				  .max = LP_ANCESTRY_COMMITS,
				  .read = lp_objects_commit,
				  .ctx = git};
	oid_of(command, "from", &from);
	oid_of(command, "to", &w.goal);
	enum lp_code code = lp_ancestry_walk(&w, &err);
	put_code(answer, code, err.msg);
	if (code == LP_OK)
		lp_json_put_str(answer->doc, answer->root, "ancestry", names[w.result]);
}

struct listing {
	struct tree tree;
	const char *path;
	struct answer *answer;
};

/* Reads every file, so that what is missing or damaged shows. */
static enum lp_code visit(void *context, const struct tree_entry *entry, struct err *e)
{
	const struct listing *above = context;
	LP_AUTO(lp_buf_free) struct buf content = LP_BUF(LP_BLOB_BYTES);
	char path[LP_PATH_MAX];
	struct listing below = {.tree = above->tree, .path = path, .answer = above->answer};
	snprintf(path, sizeof(path), "%s%s%s", above->path, above->path[0] ? "/" : "", entry->name);
	if (entry->type == TREE_DIR)
		return above->tree.list(above->tree.of, path, visit, &below, e);
	if (entry->type != TREE_FILE)
		return LP_OK;
	LP_TRY(above->tree.read(above->tree.of, path, &content, e));
	if (content.len != entry->size_bytes)
		return lp_err_set(e, LP_INTERNAL, "%s has another size than listed", path);
	lp_json_put_int(above->answer->doc, lp_json_get(above->answer->root, "files"), path,
			(int64_t)content.len);
	return LP_OK;
}

static void files(struct git *git, const struct jval *command, struct answer *answer)
{
	LP_AUTO(lp_buf_free) struct buf content = LP_BUF(LP_COMMIT_BYTES);
	LP_AUTO(lp_tree_git_close) struct tree_git *of = NULL;
	struct oid commit, root;
	oid_of(command, "commit", &commit);
	lp_json_put_obj(answer->doc, answer->root, "files");
	enum lp_code code = lp_objects_commit(git, &commit, &content, &err);
	if (code == LP_OK) {
		DIE_IF(!lp_oid_parse((const char *)content.data + 5, 40, &root));
		DIE_IF(lp_tree_git_open(git, &root, &of, &err) != LP_OK);
		struct tree tree = lp_tree_git(of);
		struct listing listing = {.tree = tree, .path = "", .answer = answer};
		code = tree.list(tree.of, "", visit, &listing, &err);
	}
	put_code(answer, code, err.msg);
}

static void read_store(const struct jval *command, struct answer *answer)
{
	LP_AUTO(lp_git_close) struct git *git = NULL;
	enum lp_code code = lp_objects_open(lp_json_text(command, "objects"),
					    lp_json_text(command, "quarantine"), &git, &err);
	if (code != LP_OK)
		put_code(answer, code, err.msg);
	else if (strcmp(lp_json_text(command, "do"), "walk") == 0)
		walk(git, command, answer);
	else
		files(git, command, answer);
}

static void size(const char *objects, struct answer *answer)
{
	uint64_t bytes = 0;
	unsigned packs = 0;
	put_code(answer, lp_objects_bytes(objects, &bytes, &packs, &err), err.msg);
	lp_json_put_int(answer->doc, answer->root, "bytes", (int64_t)bytes);
	lp_json_put_int(answer->doc, answer->root, "packs", packs);
}

static void raise_floor(const struct jval *command, struct answer *answer)
{
	int64_t unix_s = 0;
	DIE_IF(!lp_json_int(lp_json_get(command, "unix_s"), &unix_s));
	lp_wall_floor(unix_s);
	put_code(answer, LP_OK, "");
}

static void run(const struct jval *command)
{
	const char *what = lp_json_text(command, "do");
	const char *objects = lp_json_text(command, "objects");
	if (strcmp(what, "fetch") == 0) {
		fetch(command);
		return;
	}
	struct answer answer = answer_new();
	if (strcmp(what, "floor") == 0)
		raise_floor(command, &answer);
	else if (strcmp(what, "pid") == 0)
		lp_json_put_int(answer.doc, answer.root, "pid", role_pid);
	else if (strcmp(what, "promote") == 0)
		put_code(&answer, lp_objects_promote(objects, &err), err.msg);
	else if (strcmp(what, "discard") == 0)
		put_code(&answer, lp_objects_discard(objects, &err), err.msg);
	else if (strcmp(what, "size") == 0)
		size(objects, &answer);
	else
		read_store(command, &answer);
	answer_send(&answer);
}

int main(void)
{
	static char line[LINE_BYTES];
	int status = 0;
	while (fgets(line, sizeof(line), stdin)) {
		LP_AUTO(lp_json_freep) struct json *doc = NULL;
		DIE_IF(lp_json_parse(line, strlen(line), TREE_BYTES, &doc, &err) != LP_OK);
		run(lp_json_root(doc));
	}
	lp_channel_close(&role);
	if (role_pid)
		DIE_IF(waitpid(role_pid, &status, 0) != role_pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the cluster role from a test: a step a line comes in as JSON, an event a line goes
 * out. The first line out is {"pid":N}, the role's. Ends when stdin ends. Besides steps there are
 * {"command":"watch","sources":[NAME],"kinds":[{"group":G,"kind":K}],"timeout_ms":N,"silence_ms":N},
 * which is told of by sightings, and {"command":"pause","pause_ms":N}, during which nothing is
 * read from the role.
 *
 *	driver KUBECONFIG CONTEXT NAMESPACE CONCURRENCY REQUEST_MS
 */
#include "tests/e2e/driver.h"

#include "agent/cluster/limits.h"
#include "agent/cluster/role.h"
#include "agent/cluster/sighting.h"
#include "platform/buf.h"
#include "platform/clock.h"

#include <poll.h>
#include <sys/wait.h>

#define LINE_BYTES (8u * LP_MIB)
#define TREE_BYTES (32u * LP_MIB)

static enum step_kind kind_of(const char *name)
{
	for (int kind = 0; kind < STEP_KIND_COUNT; kind++)
		if (strcmp(lp_step_kind_name((enum step_kind)kind), name) == 0)
			return (enum step_kind)kind;
	DIE_IF(true);
	return STEP_CONNECT;
}

static enum apply_how how_of(const char *name)
{
	for (int how = 0; how < APPLY_HOW_COUNT; how++)
		if (!*name || strcmp(lp_apply_how_name((enum apply_how)how), name) == 0)
			return (enum apply_how)how;
	DIE_IF(true);
	return APPLY_PLAIN;
}

static void key_of(const struct jval *object, struct object_key *ret)
{
	text_of(object, "group", ret->group, sizeof(ret->group));
	text_of(object, "version", ret->version, sizeof(ret->version));
	text_of(object, "kind", ret->kind, sizeof(ret->kind));
	text_of(object, "namespace", ret->ns, sizeof(ret->ns));
	text_of(object, "name", ret->name, sizeof(ret->name));
}

static void live_of(const struct jval *object, struct live *ret)
{
	const char *entry = lp_json_text(object, "entry");

	text_of(object, "version", ret->version, sizeof(ret->version));
	lp_json_int(lp_json_get(object, "generation"), &ret->generation);
	lp_unhex(entry, strlen(entry), ret->entry, sizeof(ret->entry));
}

static void lease_of(const struct jval *object, struct lease_order *ret)
{
	bool release = false;
	int64_t beat = 0;

	lp_json_bool(lp_json_get(object, "release"), &release);
	ret->wish = release ? LEASE_RELEASE : LEASE_TAKE;
	text_of(object, "holder", ret->holder, sizeof(ret->holder));
	text_of(object, "instance", ret->instance, sizeof(ret->instance));
	lp_json_int(lp_json_get(object, "duration_s"), &ret->duration_s);
	lp_json_int(lp_json_get(object, "transitions"), &ret->transitions);
	lp_json_int(lp_json_get(object, "beat"), &beat);
	ret->beat = (uint32_t)beat;
	lp_json_bool(lp_json_get(object, "renew"), &ret->renew);
	lp_json_bool(lp_json_get(object, "again"), &ret->again);
}

static void send_step(const struct jval *root, struct channel *ch)
{
	struct wire_writer w;
	struct step step = {0};
	int64_t id = 0;

	lp_json_int(lp_json_get(root, "id"), &id);
	step.id = (uint64_t)id;
	step.kind = kind_of(lp_json_text(root, "step"));
	text_of(root, "source", step.source, sizeof(step.source));
	key_of(lp_json_get(root, "key"), &step.key);
	text_of(root, "uid", step.uid, sizeof(step.uid));
	live_of(lp_json_get(root, "known"), &step.known);
	lp_json_bool(lp_json_get(root, "exact"), &step.exact);
	lp_json_bool(lp_json_get(root, "once"), &step.once);
	text_of(root, "default_ns", step.default_ns, sizeof(step.default_ns));
	step.how = how_of(lp_json_text(root, "how"));
	step.handed = lp_json_slice(lp_json_get(root, "handed"));
	step.body = lp_json_slice(lp_json_get(root, "body"));
	lease_of(lp_json_get(root, "lease"), &step.lease);
	lp_json_int(lp_json_get(root, "timeout_ms"), &step.timeout_ms);
	lp_wire_begin(&w, &ch->out, CLUSTER_STEP);
	lp_step_put(&w, &step);
	DIE_IF(lp_wire_end(&w, &err) != LP_OK);
	DIE_IF(lp_channel_flush(ch, &err) != LP_OK);
}

static void order_of(const struct jval *root, struct watch_order *ret)
{
	struct json_iter sources = lp_json_iter(lp_json_get(root, "sources"));
	struct json_iter kinds = lp_json_iter(lp_json_get(root, "kinds"));

	for (; lp_json_next(&sources); ret->source_count++) {
		DIE_IF(ret->source_count == LP_SOURCES_MAX);
		DIE_IF(lp_copy(ret->sources[ret->source_count], sizeof(ret->sources[0]),
			       lp_json_str(sources.value), &err) != LP_OK);
	}
	ret->kinds = calloc(lp_json_len(lp_json_get(root, "kinds")) + 1, sizeof(*ret->kinds));
	DIE_IF(!ret->kinds);
	while (lp_json_next(&kinds)) {
		struct watch_kind *kind = &ret->kinds[ret->kind_count++];
		text_of(kinds.value, "group", kind->group, sizeof(kind->group));
		text_of(kinds.value, "kind", kind->kind, sizeof(kind->kind));
	}
	lp_json_int(lp_json_get(root, "timeout_ms"), &ret->timeout_ms);
	lp_json_int(lp_json_get(root, "silence_ms"), &ret->silence_ms);
}

static void send_order(const struct jval *root, struct channel *ch)
{
	LP_AUTO(lp_watch_order_free) struct watch_order order = {0};
	struct wire_writer w;

	order_of(root, &order);
	lp_wire_begin(&w, &ch->out, CLUSTER_WATCH);
	lp_watch_order_put(&w, &order);
	DIE_IF(lp_wire_end(&w, &err) != LP_OK);
	DIE_IF(lp_channel_flush(ch, &err) != LP_OK);
}

static int64_t paused_until_ms; /* CLOCK_BOOTTIME */

/* One line of stdin: a step or an order into the channel, or a pause. */
static void take_line(const uint8_t *line, size_t n, struct channel *ch)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	int64_t pause_ms = 0;

	DIE_IF(lp_json_parse(line, n, TREE_BYTES, &doc, &err) != LP_OK);
	const struct jval *root = lp_json_root(doc);
	const char *command = lp_json_text(root, "command");
	if (strcmp(command, "watch") == 0) {
		send_order(root, ch);
	} else if (strcmp(command, "pause") == 0) {
		lp_json_int(lp_json_get(root, "pause_ms"), &pause_ms);
		paused_until_ms = lp_boot_ms() + pause_ms;
	} else {
		send_step(root, ch);
	}
}

static void put_key(struct json *doc, struct jval *to, const struct object_key *key)
{
	lp_json_put_str(doc, to, "group", key->group);
	lp_json_put_str(doc, to, "version", key->version);
	lp_json_put_str(doc, to, "kind", key->kind);
	lp_json_put_str(doc, to, "namespace", key->ns);
	lp_json_put_str(doc, to, "name", key->name);
}

static void put_live(struct json *doc, struct jval *to, const struct live *live)
{
	char hex[2 * sizeof(live->entry) + 1];

	lp_hex(live->entry, sizeof(live->entry), hex);
	lp_json_put_str(doc, to, "version", live->version);
	lp_json_put_int(doc, to, "generation", live->generation);
	lp_json_put_str(doc, to, "entry", hex);
}

static void put_lease(struct json *doc, struct jval *to, const struct lease *lease)
{
	lp_json_put_str(doc, to, "holder", lease->holder);
	lp_json_put_bool(doc, to, "same", lease->same);
	lp_json_put_int(doc, to, "duration_s", lease->duration_s);
	lp_json_put_int(doc, to, "transitions", lease->transitions);
	lp_json_put_int(doc, to, "servers", lease->servers);
}

static void print_event(const struct event *event)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);
	char config[2 * sizeof(event->config) + 1];

	DIE_IF(lp_json_new(LP_MIB, &doc, &err) != LP_OK);
	struct jval *root = lp_json_obj(doc);
	lp_json_put_int(doc, root, "id", (int64_t)event->id);
	lp_json_put_str(doc, root, "event", lp_event_kind_name(event->kind));
	lp_json_put_str(doc, root, "outcome", lp_outcome_name(event->outcome));
	lp_json_put_str(doc, root, "code", lp_code_name(event->code));
	lp_json_put_int(doc, root, "status", event->status);
	lp_json_put_int(doc, root, "retry_after_ms", event->retry_after_ms);
	put_key(doc, lp_json_put_obj(doc, root, "key"), &event->key);
	lp_json_put_bool(doc, root, "namespaced", event->scope == SCOPE_NAMESPACED);
	lp_json_put_str(doc, root, "resource", event->resource);
	lp_json_put_bool(doc, root, "preferred", event->preferred);
	lp_json_put_str(doc, root, "uid", event->uid);
	put_live(doc, lp_json_put_obj(doc, root, "live"), &event->live);
	put_lease(doc, lp_json_put_obj(doc, root, "lease"), &event->lease);
	lp_json_put_int(doc, root, "marks", event->marks);
	lp_json_put_str(doc, root, "manager", event->manager);
	lp_hex(event->config, sizeof(event->config), config);
	lp_json_put_str(doc, root, "config", config);
	lp_json_put_str(doc, root, "message", event->message);
	DIE_IF(lp_json_write(root, &text, &err) != LP_OK);
	printf("%s\n", lp_buf_text(&text));
	fflush(stdout);
}

static void print_sighting(const struct sighting *sighting)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_MIB);

	DIE_IF(lp_json_new(LP_MIB, &doc, &err) != LP_OK);
	struct jval *root = lp_json_obj(doc);
	lp_json_put_str(doc, root, "event", "sighting");
	lp_json_put_str(doc, root, "sighting", lp_sighting_kind_name(sighting->kind));
	put_key(doc, lp_json_put_obj(doc, root, "key"), &sighting->key);
	lp_json_put_str(doc, root, "part_of", sighting->part_of);
	lp_json_put_str(doc, root, "uid", sighting->uid);
	put_live(doc, lp_json_put_obj(doc, root, "live"), &sighting->live);
	lp_json_put_int(doc, root, "marks", sighting->marks);
	lp_json_put_str(doc, root, "manager", sighting->manager);
	lp_json_put_int(doc, root, "status", sighting->status);
	lp_json_put_str(doc, root, "message", sighting->message);
	DIE_IF(lp_json_write(root, &text, &err) != LP_OK);
	printf("%s\n", lp_buf_text(&text));
	fflush(stdout);
}

static void take_sighting(struct wire_reader *r)
{
	struct sighting sighting;

	lp_sighting_take(r, &sighting);
	DIE_IF(lp_wire_done(r, "sighting", &err) != LP_OK);
	print_sighting(&sighting);
}

static void print_events(struct channel *ch)
{
	struct wire_reader r;
	struct event event;
	bool found = true;

	for (;;) {
		DIE_IF(lp_channel_next(ch, &found, &r, &err) != LP_OK);
		if (!found)
			return;
		if (r.type == CLUSTER_REQUESTS)
			continue;
		if (r.type == CLUSTER_SIGHTING) {
			take_sighting(&r);
			continue;
		}
		DIE_IF(r.type != CLUSTER_EVENT);
		lp_event_take(&r, &event);
		DIE_IF(lp_wire_done(&r, "event", &err) != LP_OK);
		print_event(&event);
	}
}

/* What stdin has, line by line; false at its end. */
static bool take_lines(struct buf *in, struct channel *ch)
{
	uint8_t chunk[65536];
	ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));

	if (n <= 0)
		return false;
	DIE_IF(lp_buf_append(in, chunk, (size_t)n, &err) != LP_OK);
	for (uint8_t *end; in->len && (end = memchr(in->data, '\n', in->len));) {
		size_t line = (size_t)(end - in->data);
		take_line(in->data, line, ch);
		lp_buf_consume(in, line + 1);
	}
	return true;
}

static void send_setup(char **argv, struct channel *ch)
{
	struct cluster_setup setup = {.concurrency = (unsigned)strtoul(argv[4], NULL, 10),
				      .request_ms = strtoll(argv[5], NULL, 10)};
	struct wire_writer w;

	DIE_IF(lp_copy(setup.kubeconfig, sizeof(setup.kubeconfig), argv[1], &err) != LP_OK);
	DIE_IF(lp_copy(setup.context, sizeof(setup.context), argv[2], &err) != LP_OK);
	DIE_IF(lp_copy(setup.ns, sizeof(setup.ns), argv[3], &err) != LP_OK);
	lp_wire_begin(&w, &ch->out, CLUSTER_SETUP);
	lp_cluster_setup_put(&w, &setup);
	DIE_IF(lp_wire_end(&w, &err) != LP_OK);
	DIE_IF(lp_channel_flush(ch, &err) != LP_OK);
}

int main(int argc, char **argv)
{
	LP_AUTO(lp_channel_close) struct channel ch;
	LP_AUTO(lp_buf_free) struct buf in = LP_BUF(LINE_BYTES);
	bool closed = false;
	int status = 0;

	if (argc != 6) {
		fprintf(stderr,
			"usage: driver KUBECONFIG CONTEXT NAMESPACE CONCURRENCY REQUEST_MS\n");
		return 2;
	}
	pid_t pid = start_role(lp_cluster_role, &ch);
	printf("{\"pid\":%d}\n", (int)pid);
	fflush(stdout);
	send_setup(argv, &ch);
	while (!closed) {
		int64_t pause_ms = paused_until_ms - lp_boot_ms();
		struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
				      {.fd = pause_ms > 0 ? -1 : ch.fd, .events = POLLIN}};
		DIE_IF(poll(p, 2, pause_ms > 0 ? (int)pause_ms : -1) < 0);
		if (p[0].revents && !take_lines(&in, &ch))
			break;
		if (p[1].revents)
			DIE_IF(lp_channel_fill(&ch, &closed, &err) != LP_OK);
		print_events(&ch);
	}
	lp_channel_close(&ch);
	DIE_IF(waitpid(pid, &status, 0) != pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

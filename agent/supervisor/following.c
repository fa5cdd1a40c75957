/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the control socket that ask what happened, and those that follow what happens. */
#include "agent/supervisor/control.h"
#include "agent/supervisor/run.h"
#include "agent/supervisor/telling.h"

static void say_row(struct client *client, struct json *doc, struct jval *row)
{
	struct jval *line = lp_json_obj(doc);

	if (lp_json_put(doc, line, "event", row))
		lp_client_say(client, line);
	else
		lp_client_drop(client);
}

static int64_t number_of(const struct jval *request, const char *key, int64_t otherwise)
{
	int64_t number = 0;

	return lp_json_int(lp_json_get(request, key), &number) ? number : otherwise;
}

/* The rows that are there: {"count":50,"after":0,"since":0,"source":"site"}, each optional. */
static enum lp_code say_rows(struct client *client, const struct jval *request, int64_t *ret_seen,
			     struct err *err)
{
	struct supervisor *super = client->super;
	const struct held_repeats *held = lp_telling_held(super);
	struct happening_cursor cursor = {.source = lp_json_str(lp_json_get(request, "source")),
					  .since_s = number_of(request, "since", 0),
					  .id = number_of(request, "after", 0)};
	int64_t count = number_of(request, "count", LP_HAPPENINGS_KEPT);
	enum lp_code code;

	if (count < 0 || count > (int64_t)LP_HAPPENINGS_KEPT)
		count = LP_HAPPENINGS_KEPT;
	LP_TRY(lp_happening_newest(super->db, held, &cursor, (unsigned)count, err));
	while ((code = lp_happening_next(super->db, held, &cursor, err)) == LP_OK) {
		LP_AUTO(lp_json_freep) struct json *doc = NULL;
		LP_TRY(lp_json_new(16 * LP_KIB, &doc, err));
		say_row(client, doc, lp_happening_json(doc, &cursor.at));
		if (client->fd < 0)
			return LP_OK;
	}
	if (code == LP_NOT_FOUND)
		*ret_seen = cursor.id;
	return code == LP_NOT_FOUND ? LP_OK : code;
}

/* From where it goes on; a client that is cut off asks for what comes after it. */
static void begin_to_follow(struct client *client, int64_t seen)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	client->follows = true;
	if (lp_json_new(16 * LP_KIB, &doc, &err) != LP_OK) {
		lp_client_drop(client);
		return;
	}
	struct jval *line = lp_json_obj(doc);
	lp_json_put_int(doc, line, "seen", seen);
	lp_client_say(client, line);
}

static unsigned count_followers(const struct supervisor *super)
{
	unsigned n = 0;

	for (int i = 0; i < LP_CONTROL_CLIENTS; i++)
		n += super->control->clients[i].fd >= 0 && super->control->clients[i].follows;
	return n;
}

void lp_client_events(struct client *client, const struct jval *request)
{
	bool follow = false;
	int64_t seen = 0;
	struct err err = {0};

	lp_json_bool(lp_json_get(request, "follow"), &follow);
	if (follow && count_followers(client->super) >= LP_CONTROL_FOLLOW) {
		lp_client_finish(client, 2, "too many follow already; end one of the others");
		return;
	}
	enum lp_code code = say_rows(client, request, &seen, &err);
	if (client->fd < 0)
		return;
	if (code != LP_OK)
		lp_client_finish(client, 2, err.msg);
	else if (follow)
		begin_to_follow(client, seen);
	else
		lp_client_finish(client, 0, "");
}

bool lp_control_is_followed(const struct supervisor *super)
{
	return super->control && count_followers(super);
}

void lp_control_happening(struct supervisor *super, struct json *doc, struct jval *row)
{
	struct jval *line = lp_json_obj(doc);

	if (!lp_json_put(doc, line, "event", row))
		return;
	for (int i = 0; i < LP_CONTROL_CLIENTS; i++) {
		struct client *client = &super->control->clients[i];
		if (client->fd < 0 || !client->follows)
			continue;
		/* One that is cut off asks for what it has not got, once it reads on. */
		if (client->out.len > LP_CONTROL_BEHIND)
			lp_client_drop(client);
		else
			lp_client_say(client, line);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/status.h"

#include "agent/annotations.h"
#include "agent/cluster/skim.h"
#include "agent/precious.h"

#include <string.h>

#define TERMINATING_MS 2000 /* a namespace that goes takes some seconds */

/* Appends " text" to the message, cut where it ends. */
static void add_text(struct status *status, const char *text)
{
	size_t used = strlen(status->message);

	snprintf(status->message + used, sizeof(status->message) - used, "%s%s", used ? "; " : "",
		 text);
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with)
{
	size_t n = strlen(text), m = strlen(with);

	return n >= m && strcmp(text + n - m, with) == 0;
}

/*
 * Whether a cause is a field that cannot change. Narrow on purpose, because an object may be
 * deleted for it: the text behind the value, never one that may stand in the value.
 */
static bool is_fixed(const char *reason, const char *text)
{
	static const char *const endings[] = {
		": field is immutable",
		": field is immutable when `immutable` is set",
		" is immutable",
		" is immutable after creation",
		" may not change once set",
		" may not be changed in an update.",
		": cannot change roleRef",
	};
	static const char updates[] = "Forbidden: updates to ";

	if (strcmp(reason, "FieldValueInvalid") != 0 && strcmp(reason, "FieldValueForbidden") != 0)
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (ends(text, endings[i]))
			return true;
	return starts(text, "Forbidden: pod updates may not change fields other than") ||
	       (starts(text, updates) &&
		(ends(text, " are forbidden") || ends(text, " are forbidden.")));
}

/*
 * Causes are mostly in the message already; the ones that are not say what is wrong. A value
 * that they quote may be a whole pod, so what is long loses its middle.
 */
static void read_causes(struct slice causes, struct status *ret)
{
	struct skim_iter it = lp_skim_iter(causes);
	char text[300], field[200], reason[64], whole[sizeof(text) + sizeof(field) + 2];
	bool fixed = ret->code == 422, any = false;

	for (; lp_skim_next(&it); any = true) {
		lp_skim_str(lp_skim_get(it.value, "reason"), reason, sizeof(reason));
		if (!ret->cause[0])
			memcpy(ret->cause, reason, sizeof(ret->cause));
		lp_skim_cut_middle(lp_skim_get(it.value, "message"), text, sizeof(text));
		fixed = fixed && is_fixed(reason, text);
		lp_skim_cut(lp_skim_get(it.value, "field"), field, sizeof(field));
		if (!text[0] || strstr(ret->message, text))
			continue;
		snprintf(whole, sizeof(whole), "%s%s%s", field, field[0] ? ": " : "", text);
		add_text(ret, whole);
	}
	ret->immutable = fixed && any;
}

/* The first line of a body that is no Status, such as "404 page not found". */
static void read_plain(struct slice body, struct status *ret)
{
	size_t n = 0;

	for (; n < body.len && n < 200 && body.data[n] >= ' '; n++)
		ret->message[n] = (char)body.data[n];
	ret->message[n] = '\0';
	if (!n)
		snprintf(ret->message, sizeof(ret->message), "HTTP status %d", ret->code);
}

static bool is_secret(const struct object_key *key)
{
	return key && strcmp(key->kind, "Secret") == 0 && !key->group[0];
}

/* "expected string, got VALUE" without the value. */
static void hide_value(char *message)
{
	char *got = strstr(message, " got ");

	if (!got)
		return;
	while (got > message && got[-1] == ',')
		got--;
	*got = '\0';
}

/* The message; of one that is too long and comes with causes only what it is about. */
static void read_message(struct slice body, bool secret, struct status *ret)
{
	struct slice message = lp_skim_get(body, "message");
	struct slice causes = lp_skim_at(body, "details", "causes", NULL);

	if (message.len <= sizeof(ret->message) / 2 || !causes.len) {
		/* from its middle on it may be all value */
		(secret ? lp_skim_cut : lp_skim_cut_middle)(message, ret->message,
							    sizeof(ret->message));
		return;
	}
	char *colon;
	lp_skim_cut(message, ret->message, 200);
	colon = strstr(ret->message, ": ");
	if (colon)
		*colon = '\0';
}

static void read_status(struct slice body, bool secret, struct status *ret)
{
	struct slice details = lp_skim_get(body, "details");

	lp_skim_str(lp_skim_get(body, "reason"), ret->reason, sizeof(ret->reason));
	read_message(body, secret, ret);
	lp_skim_str(lp_skim_get(details, "kind"), ret->kind, sizeof(ret->kind));
	lp_skim_str(lp_skim_get(details, "name"), ret->name, sizeof(ret->name));
	read_causes(lp_skim_get(details, "causes"), ret);
	if (!ret->message[0])
		snprintf(ret->message, sizeof(ret->message), "HTTP status %d %s", ret->code,
			 ret->reason);
}

void lp_status_read(int code, struct slice body, const struct object_key *of, struct status *ret)
{
	*ret = (struct status){.code = code};
	if (lp_skim_whole(body) && lp_skim_is(lp_skim_get(body, "kind"), "Status"))
		read_status(body, is_secret(of), ret);
	else
		read_plain(body, ret);
	if (is_secret(of))
		hide_value(ret->message);
}

bool lp_status_no_kind(const struct status *status)
{
	return status->code == 404 && !status->name[0];
}

/* Whether the message has one of the texts (ended by NULL). */
static bool says(const struct status *status, const char *const *texts)
{
	for (; *texts; texts++)
		if (strstr(status->message, *texts))
			return true;
	return false;
}

/*
 * Of a 422: a field that cannot change. Narrow on purpose: every other 422 is a mistake in the
 * manifest, and must not be told as "delete it and apply again".
 */
static bool is_immutable(const struct status *status)
{
	static const char *const texts[] = {
		"field is immutable",          "may not change once set",
		"cannot change roleRef",       "updates to statefulset spec for fields other than",
		"is immutable after creation", NULL,
	};
	return status->immutable || says(status, texts);
}

/* 500, though the manifest is at fault: these come as plain Go errors. */
static bool is_bad_manifest(const struct status *status)
{
	static const char *const texts[] = {
		"field not declared in schema",
		"failed to create typed patch object",
		"failed to create manager for",
		"request is too large",
		"unable to decode",
		NULL,
	};
	return says(status, texts);
}

/* 500, though nothing can be stored at all: the words of etcd, and of kine in its place. */
static bool is_storage(const struct status *status)
{
	static const char *const texts[] = {
		"etcdserver: ",    "database is locked", "disk I/O error",         "disk is full",
		"rpc error: code", "transport: ",        "the database system is", NULL,
	};
	static const char *const webhook[] = {"failed calling webhook", NULL};
	return says(status, texts) && !says(status, webhook);
}

static bool is_terminating(const struct status *status)
{
	return strcmp(status->cause, "NamespaceTerminating") == 0 ||
	       strstr(status->message, "because it is being terminated") != NULL;
}

/* Appends advice to the server's words, when there is room. */
static void advise(struct event *event, const char *advice)
{
	size_t used = strlen(event->message);

	if (used + strlen(advice) + 3 < sizeof(event->message))
		snprintf(event->message + used, sizeof(event->message) - used, "; %s", advice);
}

static void failed(struct event *event, enum lp_code code, const char *advice)
{
	event->kind = EVENT_FAILED;
	event->code = code;
	if (advice)
		advise(event, advice);
}

static void retry(struct event *event, enum lp_code code, int64_t after_ms)
{
	event->kind = EVENT_RETRY;
	event->code = code;
	if (event->retry_after_ms < 0)
		event->retry_after_ms = after_ms;
}

/* What a person can do about a field that cannot change. */
static const char *way_out(const struct step *step)
{
	if (lp_is_precious(step->key.group, step->key.kind))
		return "this field cannot be changed in place: delete the object by hand, or give "
		       "it a new name";
	return "this field cannot be changed in place: delete the object by hand, or give it a new "
	       "name, or annotate it " LP_RECREATE_ANNOTATION
	       ": enabled, and limpet deletes it and makes it anew";
}

static void judge_forbidden(const struct status *status, const struct step *step,
			    struct event *event)
{
	if (is_terminating(status)) {
		retry(event, LP_TRANSIENT, TERMINATING_MS);
		return;
	}
	failed(event, LP_CONFIG,
	       step->kind == STEP_PRUNE ? "limpet's user needs the verbs get and delete there"
	       : step->kind == STEP_LEASE
		       ? "limpet's user needs the verbs get, create and patch there"
	       : step->kind == STEP_RECOVER || step->kind == STEP_SERVERS
		       ? "limpet's user needs the verb list there"
	       : step->how != APPLY_PLAIN
		       ? "limpet's user needs the verbs get, patch and create there"
		       : "limpet's user needs the verbs patch and create there");
}

static void judge_not_found(const struct status *status, struct event *event)
{
	if (strcmp(status->kind, "namespaces") == 0)
		failed(event, LP_CONFLICT, "it is neither in the revision nor in the cluster");
	else
		failed(event, LP_NOT_FOUND, NULL);
}

void lp_status_judge(const struct status *status, const struct step *step, int64_t retry_after_ms,
		     struct event *event)
{
	event->status = status->code;
	event->retry_after_ms = retry_after_ms;
	snprintf(event->message, sizeof(event->message), "%s", status->message);

	switch (status->code) {
	case 403:
		judge_forbidden(status, step, event);
		break;
	case 404:
		judge_not_found(status, event);
		break;
	case 408:
	case 409:
		retry(event, status->code == 409 ? LP_CONFLICT : LP_TRANSIENT, -1);
		break;
	case 413:
		failed(event, LP_LIMIT, "the API server takes 3 MiB and stores 1.5 MiB at most");
		break;
	case 401:
		retry(event, LP_CONFIG, -1);
		break;
	case 422:
		failed(event, LP_REJECTED, is_immutable(status) ? way_out(step) : NULL);
		break;
	case 429:
		retry(event, LP_TRANSIENT, -1);
		break;
	default:
		if (status->code < 500 || is_bad_manifest(status))
			failed(event, LP_REJECTED, NULL);
		else
			retry(event, LP_TRANSIENT, -1);
		if (event->kind == EVENT_RETRY && is_storage(status))
			event->status = 503; /* which it is for all objects */
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/binding.h"

#include "agent/trust/signers.h"
#include "platform/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- the audience --- */

static const char site_prefix[] = "site/", group_prefix[] = "group/";

const char *lp_binding_bad_audience(const char *text)
{
	const char *name = NULL;

	if (strncmp(text, site_prefix, strlen(site_prefix)) == 0)
		name = text + strlen(site_prefix);
	else if (strncmp(text, group_prefix, strlen(group_prefix)) == 0)
		name = text + strlen(group_prefix);
	if (!name || !*name)
		return "expected site/NAME or group/NAME, such as site/berlin or group/retail-*";
	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-*?") != strlen(name))
		return "expected a-z, 0-9, - and the wildcards * and ? in the name";
	if (strlen(name) > LP_AUDIENCE_TEXT - sizeof(group_prefix))
		return "too long: no site or group has a name of more than 63 letters";
	return NULL;
}

bool lp_binding_is_repo(const char *text)
{
	uint8_t bits[(LP_REPO_TEXT - 1) / 2];

	return lp_unhex(text, strlen(text), bits, sizeof(bits));
}

/* An entry holds neither ',' nor '!', so it is a pattern list of one pattern. */
static bool is_named(const struct audience *audience, const char *prefix, const char *name)
{
	for (size_t i = 0; i < audience->len; i++) {
		const char *entry = audience->list[i];
		size_t n = strlen(prefix);
		if (strncmp(entry, prefix, n) == 0 && lp_pattern_list_match(entry + n, name))
			return true;
	}
	return false;
}

bool lp_binding_audience_match(const struct audience *audience, const char *site,
			       char (*groups)[LP_NAME_MAX], size_t group_count)
{
	if (is_named(audience, site_prefix, site))
		return true;
	for (size_t i = 0; i < group_count; i++)
		if (is_named(audience, group_prefix, groups[i]))
			return true;
	return false;
}

/* --- the judgement --- */

LP_PRINTF(3, 4)
static enum verdict refuse(char reason[LP_REASON_TEXT], enum verdict verdict, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, LP_REASON_TEXT, fmt, args);
	va_end(args);
	return verdict;
}

static enum verdict refuse_unbound(const struct binding *b, const struct binding_policy *policy,
				   char reason[LP_REASON_TEXT])
{
	if (!b->present)
		return refuse(reason, VERDICT_UNBOUND,
			      "there is no " LP_BINDING_FILE " at the root of the path, and "
			      "trust.binding of this device demands one");
	if (!b->repo[0] || !b->audience.len)
		return refuse(reason, VERDICT_UNBOUND,
			      LP_BINDING_FILE " names no %s, and trust.binding of this device "
					      "demands it",
			      b->repo[0] ? "audience" : "repo");
	if (!policy->repo || !policy->repo[0])
		return refuse(reason, VERDICT_UNBOUND,
			      "trust.binding of this device is required, but it has no trust.repo "
			      "to compare with: write \"repo: %s\" there if that is its repository",
			      b->repo);
	return VERDICT_ACCEPTED;
}

static enum verdict refuse_audience(const struct binding *b, const struct binding_policy *policy,
				    char reason[LP_REASON_TEXT])
{
	const struct audience *audience = &b->audience;
	char names[LP_REASON_TEXT / 2] = "", more[32] = "";
	size_t at = 0, i = 0;

	for (; i < audience->len && at + LP_AUDIENCE_TEXT + 2 < sizeof(names); i++)
		at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", i ? ", " : "",
				       audience->list[i]);
	if (i < audience->len)
		snprintf(more, sizeof(more), " and %zu more", audience->len - i);
	return refuse(reason, VERDICT_WRONG_AUDIENCE,
		      "it is for %s%s; this is site/%s, in %zu group%s, and none of them is named",
		      names, more, policy->site, policy->group_count,
		      policy->group_count == 1 ? "" : "s");
}

enum verdict lp_binding_judge(const struct binding *b, const struct binding_policy *policy,
			      char reason[LP_REASON_TEXT])
{
	static const struct binding none;
	char expires[LP_TIME_TEXT], floor[LP_TIME_TEXT];

	reason[0] = '\0';
	if (!b)
		b = &none;
	enum verdict verdict =
		policy->required ? refuse_unbound(b, policy, reason) : VERDICT_ACCEPTED;
	if (verdict != VERDICT_ACCEPTED || !b->present)
		return verdict;
	if (policy->repo && policy->repo[0] && b->repo[0] && strcmp(policy->repo, b->repo) != 0)
		return refuse(reason, VERDICT_WRONG_REPO,
			      "it is of repository %s, and this device follows %s", b->repo,
			      policy->repo);
	if (b->audience.len && !lp_binding_audience_match(&b->audience, policy->site,
							  policy->groups, policy->group_count))
		return refuse_audience(b, policy, reason);
	if (b->expires_s && b->expires_s < policy->floor_s)
		return refuse(reason, VERDICT_EXPIRED, "it expired at %s, and it is %s at least",
			      lp_time_text(b->expires_s, expires),
			      lp_time_text(policy->floor_s, floor));
	return VERDICT_ACCEPTED;
}

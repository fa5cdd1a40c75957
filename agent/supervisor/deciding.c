/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/deciding.h"

#include "agent/annotations.h"
#include "agent/cluster/limits.h"
#include "agent/cluster/metadata.h"
#include "agent/cluster/skim.h"
#include "agent/pointers.h"

#include <string.h>

void lp_decision_free(struct decision *decision)
{
	lp_buf_free(&decision->handed);
}

static enum lp_code add_pointers(struct slice text, struct buf *to, struct err *err)
{
	struct slice pointer;
	size_t at = 0;

	while (lp_pointer_next(text, &at, &pointer)) {
		LP_TRY(lp_buf_append(to, pointer.data, pointer.len, err));
		LP_TRY(lp_buf_byte(to, '\n', err));
	}
	return LP_OK;
}

static enum lp_code add_own(const struct object_words *words, struct buf *to, struct err *err)
{
	char text[LP_IGNORE_TEXT_BYTES + 1]; /* unescaped, because an annotation may have lines */
	struct slice v = lp_skim_get(words->annotations, LP_IGNORE_ANNOTATION);

	if (!v.len || !lp_skim_str(v, text, sizeof(text)))
		return LP_OK;
	return add_pointers((struct slice){(const uint8_t *)text, strlen(text)}, to, err);
}

static bool rule_fits(const struct ignore_rule *rule, const struct object_key *key)
{
	return strcmp(rule->kind, key->kind) == 0 && lp_pattern_fits(rule->group, key->group) &&
	       lp_pattern_fits(rule->ns, key->ns) && lp_pattern_fits(rule->name, key->name);
}

static enum lp_code add_rules(const struct source_config *config, const struct object_key *key,
			      struct buf *to, struct err *err)
{
	for (size_t i = 0; i < config->ignore_count; i++)
		if (rule_fits(&config->ignore[i], key))
			LP_TRY(lp_buf_str(to, config->ignore[i].pointers, err));
	return LP_OK;
}

enum lp_code lp_decide(const struct source_config *config, const struct scaled *scaled,
		       const struct object_key *key, struct slice body, struct decision *ret,
		       struct err *err)
{
	const struct object_words words = lp_words_of(body);
	const unsigned where = ASKED_IN_REVISION;

	*ret = (struct decision){.handed = LP_BUF(LP_IGNORE_BYTES)};
	ret->leave = lp_words_ask(&words, ASKS_LEAVE, where);
	ret->make_only = lp_words_ask(&words, ASKS_ONCE, where);
	ret->no_wait = lp_words_ask(&words, ASKS_NO_WAIT, where);
	if (lp_words_ask(&words, ASKS_REPORT, where))
		ret->drift = DRIFT_MODE_REPORT;
	else if (lp_words_ask(&words, ASKS_HEAL, where))
		ret->drift = DRIFT_MODE_HEAL;
	if (lp_words_ask(&words, ASKS_IGNORE, where))
		LP_TRY(add_own(&words, &ret->handed, err));
	if (lp_scaled_has(scaled, key))
		LP_TRY(lp_buf_str(&ret->handed, LP_REPLICAS_POINTER "\n", err));
	return add_rules(config, key, &ret->handed, err);
}

enum drift_mode lp_drift_mode(const struct config *config, const struct source_config *source,
			      const struct decision *decision)
{
	if (decision && decision->drift != DRIFT_MODE_INHERIT)
		return decision->drift;
	return source->drift != DRIFT_MODE_INHERIT ? source->drift : config->drift;
}

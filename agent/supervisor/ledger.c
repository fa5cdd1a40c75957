/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/ledger.h"

#include "agent/supervisor/config_digest.h"
#include "agent/supervisor/walks.h"
#include "platform/clock.h"
#include "store/journal.h"
#include "store/kinds.h"
#include "store/state.h"

#include <string.h>

#define BATCH_ROWS 64 /* inventory rows that one commit (one fsync) takes */

enum lp_code lp_ledger_flush(struct ledger *ledger, struct err *err)
{
	if (!ledger->rows)
		return LP_OK;
	ledger->rows = 0;
	return lp_tx_commit(&ledger->tx, err);
}

void lp_ledger_close(struct ledger *ledger)
{
	lp_tx_end(&ledger->tx);
	ledger->rows = 0;
}

/* One more row for the transaction: begins it unless it is open. */
static enum lp_code add_row(struct ledger *ledger, struct err *err)
{
	if (!ledger->rows)
		LP_TRY(lp_tx_begin(ledger->db, &ledger->tx, err));
	ledger->rows++;
	return LP_OK;
}

/* One more row for the batch, which is committed when it is full. */
static enum lp_code open_batch(struct ledger *ledger, struct err *err)
{
	if (ledger->rows == BATCH_ROWS)
		LP_TRY(lp_ledger_flush(ledger, err));
	return add_row(ledger, err);
}

static enum lp_code make_row(struct ledger *ledger, const struct stored_object *object,
			     struct inventory_row *ret, struct err *err)
{
	*ret = (struct inventory_row){.key = object->key,
				      .scope = object->scope,
				      .stage = object->stage,
				      .wave = object->wave,
				      .kind_order = object->kind_order,
				      .state = LP_INVENTORY_PENDING};
	LP_TRY(lp_copy(ret->source, sizeof(ret->source), ledger->config->name, err));
	return lp_settle_key(ledger->db, ledger->config->ns, object->scope, &ret->key, err);
}

static bool restarts(const struct ledger *ledger)
{
	return ledger->config->config_digest && !ledger->config_stays;
}

/* What its pod template shows now; *ret is the digest of all that was sent. */
static enum lp_code put_config(struct ledger *ledger, const struct stored_object *object,
			       uint8_t ret[LP_STORE_DIGEST], struct err *err)
{
	const struct source_config *config = ledger->config;
	struct config_digest state;
	bool known;

	LP_TRY(lp_config_state(ledger->db, config->name, restarts(ledger), object, &state, &known,
			       err));
	lp_config_effective(object->digest, &state, ret);
	return known ? lp_config_digest_put(ledger->db, config->name, &object->key, &state, err)
		     : LP_OK;
}

static enum lp_code put_applied(struct ledger *ledger, const struct stored_object *object,
				const struct event *event, struct err *err)
{
	struct inventory_row row;

	LP_TRY(make_row(ledger, object, &row, err));
	row.state = LP_INVENTORY_APPLIED;
	row.revision = ledger->revision.id;
	memcpy(row.live, &event->live, sizeof(row.live));
	LP_TRY(lp_copy(row.uid, sizeof(row.uid), event->uid, err));
	LP_TRY(open_batch(ledger, err));
	LP_TRY(put_config(ledger, object, row.digest, err));
	return lp_inventory_put(ledger->db, &row, err);
}

/* A row for an object that may come to be, unless there is one. */
static enum lp_code put_pending(struct ledger *ledger, const struct stored_object *object,
				struct err *err)
{
	struct inventory_row row, old;

	if (object->scope == SCOPE_UNKNOWN)
		return LP_OK; /* nothing can be made before its kind is there */
	enum lp_code code =
		lp_inventory_get(ledger->db, ledger->config->name, &object->key, &old, err);
	if (code != LP_NOT_FOUND)
		return code;
	LP_TRY(make_row(ledger, object, &row, err));
	return lp_inventory_put(ledger->db, &row, err);
}

enum lp_code lp_ledger_begin(struct ledger *ledger, struct err *err)
{
	struct db *db = ledger->db;
	struct object_cursor objects = LP_OBJECTS(ledger->revision.id);
	struct intent intent = {.operation = LP_OP_APPLY,
				.revision = ledger->revision.id,
				.started_s = lp_wall_s()};
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	enum lp_code code;

	LP_TRY(lp_tx_begin(db, &tx, err));
	LP_TRY(lp_journal_begin(db, ledger->config->name, &intent, err));
	if (ledger->revision.state != LP_REVISION_APPLIED)
		LP_TRY(lp_revision_set_state(db, ledger->revision.id, LP_REVISION_APPLYING, "",
					     lp_wall_s(), err));
	while ((code = lp_object_next(db, &objects, err)) == LP_OK)
		LP_TRY(put_pending(ledger, &objects.at, err));
	if (code != LP_NOT_FOUND)
		return code;
	return lp_tx_commit(&tx, err);
}

enum lp_code lp_ledger_object(const struct ledger *ledger, const struct plan_object *object,
			      struct stored_object *ret, struct err *err)
{
	struct stored_key key;

	lp_key_to_store(&object->key, &key);
	enum lp_code code = lp_object_get(ledger->db, ledger->revision.id, &key, ret, err);
	if (code != LP_NOT_FOUND || strcmp(key.ns, ledger->config->ns) != 0)
		return code;
	/* it may be there as it was before its kind was known */
	key.ns[0] = '\0';
	code = lp_object_get(ledger->db, ledger->revision.id, &key, ret, err);
	if (code == LP_OK && ret->scope != SCOPE_UNKNOWN)
		return lp_err_set(err, LP_NOT_FOUND, "%s is of the cluster", key.name);
	return code;
}

enum lp_code lp_ledger_record(struct ledger *ledger, enum step_kind kind,
			      const struct plan_object *object, const struct event *event,
			      struct err *err)
{
	struct stored_object stored;
	struct stored_key key;

	if (kind == STEP_PRUNE) {
		lp_key_to_store(&object->key, &key);
		LP_TRY(open_batch(ledger, err));
		LP_TRY(lp_config_digest_delete(ledger->db, ledger->config->name, &key, err));
		return lp_inventory_delete(ledger->db, ledger->config->name, &key, err);
	}
	if (event->outcome == OUTCOME_GONE)
		return LP_OK; /* a Job that has finished: its row says that it was made */
	LP_TRY(lp_ledger_object(ledger, object, &stored, err));
	return put_applied(ledger, &stored, event, err);
}

enum lp_code lp_ledger_found(struct ledger *ledger, const struct event *event, bool *ret_new,
			     struct err *err)
{
	struct inventory_row row = {.scope = event->key.ns[0] ? SCOPE_NAMESPACED : SCOPE_CLUSTER,
				    .stage = STAGE_REST,
				    .state = LP_INVENTORY_APPLIED};
	struct inventory_row old;

	lp_key_to_store(&event->key, &row.key);
	enum lp_code code = lp_inventory_get(ledger->db, ledger->config->name, &row.key, &old, err);
	*ret_new = code == LP_NOT_FOUND;
	if (code != LP_NOT_FOUND)
		return code;
	LP_TRY(lp_copy(row.source, sizeof(row.source), ledger->config->name, err));
	LP_TRY(lp_copy(row.uid, sizeof(row.uid), event->uid, err));
	LP_TRY(add_row(ledger, err));
	return lp_inventory_put(ledger->db, &row, err);
}

enum lp_code lp_ledger_body(const struct ledger *ledger, const struct plan_object *object,
			    struct buf *body, struct err *err)
{
	const struct source_config *config = ledger->config;
	struct stored_object stored;
	struct config_digest state;

	LP_TRY(lp_ledger_object(ledger, object, &stored, err));
	LP_TRY(lp_object_body(ledger->db, config->name, &stored, body, err));
	LP_TRY(lp_config_state(ledger->db, config->name, restarts(ledger), &stored, &state, NULL,
			       err));
	return lp_config_put(&state, body, err);
}

enum lp_code lp_ledger_config(struct ledger *ledger, const struct object_key *key, bool there,
			      const uint8_t found[2 * LP_CONFIG_DIGEST], struct err *err)
{
	const struct source_config *config = ledger->config;
	struct config_digest state = lp_config_found(found, found + LP_CONFIG_DIGEST);
	uint8_t secret[LP_CONFIG_KEY];
	struct stored_object stored;
	struct stored_key stored_key;

	lp_key_to_store(key, &stored_key);
	if (!there) {
		state = (struct config_digest){0};
		LP_TRY(lp_object_get(ledger->db, ledger->revision.id, &stored_key, &stored, err));
		enum lp_code code = lp_config_key_get(ledger->db, config->name, secret, err);
		if (code != LP_OK && code != LP_NOT_FOUND)
			return code;
		if (code == LP_OK && config->config_digest && stored.use == CONFIG_USED) {
			lp_config_digest(secret, stored.content, state.shown);
			memcpy(state.made_for, state.shown, sizeof(state.made_for));
		}
	}
	LP_TRY(add_row(ledger, err));
	return lp_config_digest_put(ledger->db, config->name, &stored_key, &state, err);
}

static enum revision_state state_of(const struct plan_result *result)
{
	if (result->complete)
		return LP_REVISION_APPLIED;
	return result->stopped.code != LP_OK ? LP_REVISION_FAILED : LP_REVISION_INCOMPLETE;
}

enum lp_code lp_ledger_end(struct ledger *ledger, const struct plan_result *result,
			   const char *problems, const struct retention_config *keep,
			   struct err *err)
{
	const char *source = ledger->config->name;
	LP_AUTO(lp_tx_end) struct tx tx = {0};
	unsigned dropped = 0;

	LP_TRY(lp_ledger_flush(ledger, err));
	LP_TRY(lp_tx_begin(ledger->db, &tx, err));
	LP_TRY(lp_revision_set_state(ledger->db, ledger->revision.id, state_of(result),
				     result->stopped.code != LP_OK ? result->stopped.msg : problems,
				     lp_wall_s(), err));
	LP_TRY(lp_state_set_complete(ledger->db, source, result->complete, err));
	LP_TRY(lp_journal_clear(ledger->db, source, err));
	LP_TRY(lp_revision_gc(ledger->db, source, (uint64_t)keep->bytes, (unsigned)keep->revisions,
			      0, &dropped, err));
	return lp_tx_commit(&tx, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_UNIT_STORE_FIXTURE_H
#define LIMPET_TESTS_UNIT_STORE_FIXTURE_H
/* A store in a folder of its own, and revisions to put into it. */
#include "platform/clock.h"
#include "platform/crypto.h"
#include "store/floor.h"
#include "store/inventory.h"
#include "store/journal.h"
#include "store/kinds.h"
#include "store/refusal.h"
#include "store/revision.h"
#include "store/sql.h"
#include "store/state.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static char folder[64], path[96];
static struct db *db;

UNUSED static void remove_folder(void)
{
	struct err ignored;

	lp_db_close(&db);
	if (folder[0] && lp_dir_remove(folder, &ignored) != LP_OK)
		printf("left behind: %s: %s\n", folder, ignored.msg);
	folder[0] = '\0';
}

/* An empty folder; path is where the database will be. */
UNUSED static void start_empty(void)
{
	remove_folder();
	snprintf(folder, sizeof(folder), "/tmp/limpet-store-XXXXXX");
	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/limpet.db", folder);
}

UNUSED static void start(void)
{
	start_empty();
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
}

UNUSED static void reopen(void)
{
	lp_db_close(&db);
	CHECK_OK(lp_db_open(path, LP_DB_WRITE, &db, &err));
}

/* Object i: its body depends on i and salt, its place in the apply order on i alone. */
UNUSED static struct slice make_object(unsigned i, unsigned salt, struct stored_object *ret,
				       char json[4096], size_t pad)
{
	*ret = (struct stored_object){
		.scope = 1, .stage = (int)(i % 3), .kind_order = 100 - (int)i, .line = i + 1};
	snprintf(ret->key.group, sizeof(ret->key.group), "%s", i % 2 ? "apps" : "");
	snprintf(ret->key.version, sizeof(ret->key.version), "v1");
	snprintf(ret->key.kind, sizeof(ret->key.kind), "%s", i % 2 ? "Deployment" : "ConfigMap");
	snprintf(ret->key.ns, sizeof(ret->key.ns), "shop");
	snprintf(ret->key.name, sizeof(ret->key.name), "object-%u", i);
	snprintf(ret->file, sizeof(ret->file), "apps/%u.yaml", i);
	int n = snprintf(json, 4096, "{\"i\":%u,\"salt\":%u,\"pad\":\"%*s\"}", i, salt, (int)pad,
			 "");
	lp_sha256(json, (size_t)n, ret->digest);
	return (struct slice){(const uint8_t *)json, (size_t)n};
}

UNUSED static struct revision make_revision(const char *source, unsigned number)
{
	struct revision r = {.committed_s = 1000 + number};

	snprintf(r.source, sizeof(r.source), "%s", source);
	memset(r.tree, 3, sizeof(r.tree));
	for (unsigned i = 0; i < sizeof(number); i++) {
		r.commit[i] = (uint8_t)(number >> (8 * i));
		r.payload[i] = (uint8_t)(~number >> (8 * i));
	}
	snprintf(r.signer, sizeof(r.signer), "ann@example.org");
	snprintf(r.fingerprint, sizeof(r.fingerprint), "SHA256:abc");
	snprintf(r.subject, sizeof(r.subject), "change %u", number);
	return r;
}

/* Accepts a revision of count objects; those below fresh have a body that no other one has. */
static enum lp_code try_accept(const char *source, unsigned number, unsigned count, unsigned fresh,
			       int64_t *ret_id)
{
	LP_AUTO(lp_revision_abandon) struct revision_writer *w = NULL;
	struct revision r = make_revision(source, number);
	struct stored_object object;
	char json[4096];

	LP_TRY(lp_revision_begin(db, &r, &w, &err));
	for (unsigned i = 0; i < count; i++) {
		struct slice body = make_object(i, i < fresh ? number : 0, &object, json, 300);
		LP_TRY(lp_revision_add(w, &object, body, &err));
	}
	return lp_revision_commit(w, 2000 + number, ret_id, &err);
}

UNUSED static int64_t accept_revision(const char *source, unsigned number, unsigned count,
				      unsigned fresh)
{
	int64_t id = 0;

	CHECK_OK(try_accept(source, number, count, fresh, &id));
	return id;
}

/* A number out of the database, of a statement without parameters. */
UNUSED static int64_t number_of(const char *text)
{
	int64_t value = -1;

	CHECK_OK(lp_sql_number(db, text, &value, &err));
	return value;
}

UNUSED static struct buf file_of(const char *suffix)
{
	struct buf b = LP_BUF(64 * LP_MIB);
	char full[128];

	snprintf(full, sizeof(full), "%s%s", path, suffix);
	CHECK_OK(lp_file_read(full, &b, &err));
	return b;
}

UNUSED static bool file_exists(const char *suffix)
{
	char full[128];

	snprintf(full, sizeof(full), "%s%s", path, suffix);
	return access(full, F_OK) == 0;
}
#endif

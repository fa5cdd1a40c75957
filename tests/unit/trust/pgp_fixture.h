/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_TESTS_UNIT_TRUST_PGP_FIXTURE_H
#define LIMPET_TESTS_UNIT_TRUST_PGP_FIXTURE_H
/*
 * What make-pgp-fixtures made: its keys are of 2025-06-01, its commits are signed with
 * data_pgp/openpgp.keys at NOW_S, and certificates are imported then.
 */
#include "agent/trust/pgp_import.h"
#include "agent/trust/pgp_packet.h"
#include "tests/unit/trust/fixture.h"

#define NOW_S  1750000000 /* 2025-06-15T15:06:40Z */
#define MADE_S 1748736000 /* 2025-06-01T00:00:00Z */

static struct slice load_pgp(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "../data_pgp/%s", name);
	return load(path);
}

/* A piece of an array of bytes. */
#define BYTES(...) \
	((struct slice){(const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})})
#endif

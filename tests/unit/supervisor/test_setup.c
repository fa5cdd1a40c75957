/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/step.h"
#include "agent/config_keys.h"
#include "tests/unit/check.h"

/* The key with this name among keys. */
static const struct key *find(const struct key *keys, const char *name)
{
	while (keys->name && strcmp(keys->name, name) != 0)
		keys++;
	CHECK(keys->name != NULL);
	return keys;
}

static bool is_taken(int64_t concurrency)
{
	LP_AUTO(lp_buf_free) struct buf frame = LP_BUF(4096);
	struct cluster_setup setup = {.kubeconfig = "/k",
				      .ns = "limpet-system",
				      .concurrency = (unsigned)concurrency,
				      .request_ms = 1000};
	struct wire_writer w;

	lp_wire_begin(&w, &frame, CLUSTER_SETUP);
	lp_cluster_setup_put(&w, &setup);
	CHECK_OK(lp_wire_end(&w, &err));
	struct wire_reader r = {
		.type = CLUSTER_SETUP, .at = frame.data + 6, .end = frame.data + frame.len};
	lp_cluster_setup_take(&r, &setup);
	return lp_wire_done(&r, "setup", &err) == LP_OK;
}

static void whatever_the_configuration_accepts_the_cluster_role_takes(void)
{
	const struct key *key = find(find(lp_config_keys, "cluster")->keys, "concurrency");

	CHECK(is_taken(key->min) && is_taken(key->max));
	CHECK(!is_taken(key->min - 1) && !is_taken(key->max + 1));
}

int main(void)
{
	TEST(whatever_the_configuration_accepts_the_cluster_role_takes);
	return check_report();
}

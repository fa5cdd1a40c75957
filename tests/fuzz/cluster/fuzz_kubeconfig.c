/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LP_AUTO(lp_kubeconfig_free) struct kubeconfig config = {0};
	struct err err;

	/* no file that it names is there */
	if (lp_kubeconfig_parse((struct slice){data, size}, "/nonexistent/kubeconfig", "", &config,
				&err) == LP_OK &&
	    (!config.server[0] || (!config.token.len && !config.cert_pem.len)))
		__builtin_trap();
	return 0;
}

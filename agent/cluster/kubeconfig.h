/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_KUBECONFIG_H
#define LIMPET_AGENT_CLUSTER_KUBECONFIG_H
/*
 * kubeconfig: where the API server is and as whom we speak to it. What k3s
 * and kubeadm write, and what people make for a service account, is
 * understood; what would start a program or skip a check is refused by name.
 *
 * k3s rewrites its file at every start, tokens are rotated in theirs: a stamp
 * of each file that was read tells when it is time to read again.
 */
#include "platform/buf.h"
#include "platform/fs.h"
#include "platform/limits.h"

#define LP_KUBECONFIG_FILES 5 /* itself, CA, certificate, key, token */

/* What a file was like when it was read. */
struct file_stamp {
	char path[LP_PATH_MAX];
	uint64_t device, inode, bytes;
	int64_t modified_ns, changed_ns; /* the file system's clock */
};

struct kubeconfig {
	char server[LP_URL_MAX]; /* "https://127.0.0.1:6443", without a slash at the end */
	char user[LP_NAME_MAX];  /* the kubeconfig's name of the user */
	char proxy[LP_URL_MAX];  /* "" none */
	struct buf ca_pem;       /* empty: the system's */
	struct buf cert_pem, key_pem;
	struct buf token; /* without white space around it */
	struct file_stamp files[LP_KUBECONFIG_FILES];
	unsigned file_count;
};

/*
 * Reads path and what it names; context "" is its current-context. Every error names the
 * file and, inside it, the line. LP_CONFIG: not there, not readable, not a kubeconfig, something
 * missing, something that limpet does not do (exec, auth-provider, insecure-skip-tls-verify,
 * impersonation, user and password, tls-server-name). LP_LIMIT. *ret is the caller's to free in
 * every case; file_count says which files were looked at.
 */
LP_CHECKED enum lp_code lp_kubeconfig_load(const char *path, const char *context,
					   struct kubeconfig *ret, struct err *err);

/* The same for a text at hand; path is for messages and for relative names in it. */
LP_CHECKED enum lp_code lp_kubeconfig_parse(struct slice text, const char *path,
					    const char *context, struct kubeconfig *ret,
					    struct err *err);

/* Frees it and wipes its secrets; {0} is fine. For LP_AUTO. */
void lp_kubeconfig_free(struct kubeconfig *config);

/* Whether a file differs from its stamp (also: has gone, has appeared). */
bool lp_stamps_changed(const struct file_stamp *stamps, unsigned count);
#endif

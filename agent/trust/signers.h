/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_SIGNERS_H
#define LIMPET_AGENT_TRUST_SIGNERS_H
/*
 * Who may sign: the file that git calls gpg.ssh.allowedSignersFile, in OpenSSH's
 * format (ssh-keygen(1), ALLOWED SIGNERS). One unreadable line refuses the whole
 * file: a line that we skipped could be the one that limits a key.
 */
#include "agent/trust/cert.h"
#include "agent/trust/limits.h"
#include "platform/arena.h"

/* One line that names a key. Memory belongs to the arena of the set. */
struct signer {
	unsigned line;          /* in the file, from 1 */
	const char *principals; /* pattern list, as written */
	const char *namespaces; /* pattern list, or NULL: any */
	int64_t valid_after_s;  /* Unix seconds, inclusive; 0: always */
	int64_t valid_before_s; /* Unix seconds, inclusive; 0: for ever */
	bool cert_authority;    /* signs certificates only */
	struct ssh_key key;
};

struct signers {
	struct arena arena;
	struct signer *list; /* in the arena */
	size_t len;
	uint8_t digest[LP_SHA256_BYTES]; /* of the file's content */
};

/* Frees what s holds; {0} is fine. For LP_AUTO. */
void lp_signers_free(struct signers *s);

/*
 * Reads the text of an allowed_signers file; name is for messages. LP_CONFIG with
 * "name:line: what is wrong, what was expected" of the first bad line; LP_LIMIT; LP_INTERNAL.
 * On an error *ret is empty. A file without any key is an error too (LP_CONFIG).
 */
LP_CHECKED enum lp_code lp_signers_parse(struct slice text, const char *name, struct signers *ret,
					 struct err *err);

/* Reads a file. Errors of lp_file_read and lp_signers_parse. */
LP_CHECKED enum lp_code lp_signers_load(const char *path, struct signers *ret, struct err *err);

/*
 * Looks for a line that lets key sign in name_space at time_s (Unix seconds; 0: no date, by
 * which no valid-before is met).
 * VERDICT_ACCEPTED: *ret_signer is that line. VERDICT_EXPIRED_KEY or
 * VERDICT_NOT_YET_VALID_KEY: *ret_signer is the line that would have, at another time.
 * VERDICT_UNKNOWN_SIGNER: no line names the key for this namespace; *ret_signer is NULL, or
 * a line that has it, for other namespaces or for nobody that git would ask about.
 * VERDICT_UNSUPPORTED_KEY: the key is a certificate authority's only.
 */
enum verdict lp_signers_find(const struct signers *s, const struct ssh_key *key,
			     const char *name_space, int64_t time_s,
			     const struct signer **ret_signer);

/*
 * Looks for a cert-authority line of the authority in cert whose principals take in one of
 * the certificate's. As lp_signers_find, but VERDICT_UNKNOWN_SIGNER with a line: that line is
 * of the authority, and is for other namespaces or for other principals. With any line whose
 * principals do match, *ret_principal is the certificate's that does, as it stands there;
 * otherwise empty. Neither the certificate's times nor its signature are looked at.
 */
enum verdict lp_signers_find_cert(const struct signers *s, const struct ssh_cert *cert,
				  const char *name_space, int64_t time_s,
				  const struct signer **ret_signer, struct slice *ret_principal);

/* The first principal of the line, cut to fit; what people see as the signer. Returns to. */
const char *lp_signer_principal(const struct signer *s, char to[LP_SIGNER_TEXT]);

/* OpenSSH's match_pattern_list: comma-separated, * and ?, a matching !pattern refuses. */
bool lp_pattern_list_match(const char *list, const char *text);
#endif

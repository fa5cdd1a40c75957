/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_PGP_ARMOR_H
#define LIMPET_AGENT_TRUST_PGP_ARMOR_H
/*
 * OpenPGP's ASCII armor (RFC 4880, 6): of a signature in a commit, in the one
 * spelling that gpg gives it, and of key files, as people pass them on.
 */
#include "platform/buf.h"

#define LP_PGP_BEGIN_SIGNATURE "-----BEGIN PGP SIGNATURE-----"

/*
 * Appends to ret what the armor of a gpgsig header stands for; it is as it stands in the
 * commit (continuation lines begin with a space). It must be what gpg writes: no header line,
 * an empty line, 64 columns, the checksum on a line of its own, no byte before, between or
 * after. LP_REJECTED with what is wrong, LP_LIMIT past ret's ceiling, LP_INTERNAL.
 */
LP_CHECKED enum lp_code lp_pgp_unarmor_signature(struct slice armor, struct buf *ret,
						 struct err *err);

/*
 * Appends to ret the packets of a key file: as they are, or of each armored block of public
 * keys in it; header lines and text around the blocks are passed over. LP_REJECTED when there
 * is no block, one is broken, its checksum is wrong, or it holds secret keys; LP_LIMIT past
 * ret's ceiling, LP_INTERNAL.
 */
LP_CHECKED enum lp_code lp_pgp_unarmor_keys(struct slice file, struct buf *ret, struct err *err);
#endif

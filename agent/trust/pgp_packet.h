/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_TRUST_PGP_PACKET_H
#define LIMPET_AGENT_TRUST_PGP_PACKET_H
/*
 * OpenPGP's wire format (RFC 4880, 3 and 4): numbers, packets and subpackets,
 * taken from the front of a slice. Each of the lp_pgp_take functions leaves
 * *from as it was when there is too little, and says false.
 */
#include "platform/buf.h"

enum {
	PGP_SIGNATURE = 2,
	PGP_SECRET_KEY = 5,
	PGP_PUBLIC_KEY = 6,
	PGP_SECRET_SUBKEY = 7,
	PGP_MARKER = 10,
	PGP_TRUST = 12,
	PGP_USER_ID = 13,
	PGP_PUBLIC_SUBKEY = 14,
	PGP_USER_ATTRIBUTE = 17,
	PGP_PADDING = 21,
}; /* packet tags */

struct pgp_packet {
	unsigned tag;
	struct slice body; /* borrowed */
};

struct pgp_subpacket {
	unsigned type;
	bool critical;
	struct slice body; /* borrowed */
};

/* The next n bytes; *ret borrows from *from. */
bool lp_pgp_take(struct slice *from, size_t n, struct slice *ret);

/* The next byte. */
bool lp_pgp_take_u8(struct slice *from, unsigned *ret);

/* The next two bytes, the higher first. */
bool lp_pgp_take_u16(struct slice *from, unsigned *ret);

/* The next four bytes, the highest first. */
bool lp_pgp_take_u32(struct slice *from, uint32_t *ret);

/*
 * A positive number in its one spelling: as many bits as it says, none of them a zero in
 * front. *ret is without leading zeros and never empty.
 */
bool lp_pgp_take_mpi(struct slice *from, struct slice *ret);

/*
 * A packet, of the old or the new format. Never one of unknown or partial length; when strict
 * only with the shortest of the lengths that its format has.
 */
bool lp_pgp_take_packet(struct slice *from, bool strict, struct pgp_packet *ret);

/* A subpacket of a signature; strict as above. */
bool lp_pgp_take_subpacket(struct slice *from, bool strict, struct pgp_subpacket *ret);
#endif

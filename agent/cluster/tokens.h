/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLUSTER_TOKENS_H
#define LIMPET_AGENT_CLUSTER_TOKENS_H
/*
 * Takes JSON apart as it comes, in pieces of any size: values one behind the
 * other, strictly as RFC 8259 has them (but for UTF-8, which nobody checks).
 * Nothing is collected: keys, strings and numbers are told in pieces.
 */
#include "agent/cluster/limits.h"
#include "platform/buf.h"

enum token_kind {
	TOKEN_MORE, /* the input is used up */
	TOKEN_OBJECT,
	TOKEN_OBJECT_END,
	TOKEN_ARRAY,
	TOKEN_ARRAY_END,
	TOKEN_KEY,    /* a piece of it, unescaped */
	TOKEN_STRING, /* the same */
	TOKEN_PLAIN,  /* a piece of a number, true, false or null */
	TOKEN_RAW,    /* a piece of a value as written, after lp_tokens_pass */
	TOKEN_BAD,    /* no JSON; the reader is then of no more use */
	TOKEN_DEEP,   /* more brackets than LP_STREAM_DEPTH; the same */
};

struct token {
	enum token_kind kind;
	struct slice piece; /* KEY to RAW; may be empty; borrowed until the next call */
	bool ends;          /* KEY to RAW: nothing of it comes behind this piece */
};

/* {0} is a reader at the beginning. Its fields are its own, but for depth. */
struct tokens {
	unsigned depth; /* brackets that are open */
	uint8_t state;
	uint8_t number;                            /* where in a number's grammar */
	uint8_t digits;                            /* of a \u escape so far */
	bool key;                                  /* the string is a key */
	bool passing, passed_space;                /* see lp_tokens_pass */
	uint8_t utf8[8];                           /* what an escape stands for */
	uint16_t code, high;                       /* the escape; the first half of a pair, or 0 */
	unsigned base;                             /* depth of the value that is passed */
	const char *word;                          /* what must follow of true, false, null */
	uint8_t arrays[(LP_STREAM_DEPTH + 7) / 8]; /* a bit for each open bracket: '[' */
};

/* The next token of input, which is moved behind what was read of it. */
struct token lp_tokens_next(struct tokens *t, struct slice *input);

/*
 * Before a value (behind its key's last piece): it is not taken apart, but told as written in
 * pieces of TOKEN_RAW, without the space around it. It is checked all the same.
 */
void lp_tokens_pass(struct tokens *t);
#endif

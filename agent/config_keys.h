/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CONFIG_KEYS_H
#define LIMPET_AGENT_CONFIG_KEYS_H
/* The table of all configuration keys; only agent/config*.c and its test look at it. */
#include "agent/config.h"

enum key_type {
	KEY_TEXT,     /* any text that fits */
	KEY_NAME,     /* a DNS label: a-z, 0-9 and - */
	KEY_PATH,     /* an absolute path */
	KEY_FILE,     /* the same, of a file that must be there to be read */
	KEY_TREE,     /* a path inside the repository: relative, no ".." */
	KEY_REPO,     /* what limpet release --init made: 32 hex digits */
	KEY_URL,      /* https://, or http:// on loopback */
	KEY_BRANCH,   /* a branch name, ${site} allowed */
	KEY_DURATION, /* 300s, 10m */
	KEY_BYTES,    /* 32MiB */
	KEY_NUMBER,
	KEY_BOOL,
	KEY_WORD,     /* one of the key's words; the field is an int or enum */
	KEY_NAMES,    /* a list of names: struct config.groups */
	KEY_SOURCES,  /* the list of sources */
	KEY_IGNORE,   /* a list of ignore rules: struct source_config.ignore */
	KEY_POINTERS, /* a list of JSON pointers: struct ignore_rule.pointers */
	KEY_SECTION,  /* an object with keys of its own */
};

struct key_word {
	const char *name;
	int value;
};

struct key {
	const char *name;
	enum key_type type;
	size_t offset, size;  /* of the field in its section's struct */
	const char *fallback; /* the default as one would write it; NULL: required */
	int64_t min, max;     /* of numbers, milliseconds, bytes */
	const char *help;
	const struct key *keys;       /* of a section, ended by a key without a name */
	const struct key_word *words; /* of a KEY_WORD, ended by a word without a name */
};

extern const struct key lp_config_keys[];
extern const struct key lp_source_keys[];
#endif

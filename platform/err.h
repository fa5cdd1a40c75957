/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_ERR_H
#define LIMPET_PLATFORM_ERR_H
/*
 * Errors: the code tells the caller what to do, the text tells a person why.
 *
 * A struct err lives on the caller's stack and is the last parameter of every
 * function that can fail; nothing is allocated on the error path. The function
 * that fails sets it once; every boundary on the way up wraps it with what it
 * was doing: "apply shop/till: PATCH: connection refused". A failing branch is
 * one statement, because each function here returns the code it was given.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LP_CHECKED         __attribute__((warn_unused_result))
#define LP_PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))

/* Runs fn(&variable) when the variable leaves its scope: the only way to unwind. */
#define LP_AUTO(fn) __attribute__((cleanup(fn)))

/* Hands over what an LP_AUTO variable owns: yields the pointer and leaves NULL behind. */
#define LP_STEAL(pointer)                                \
	__extension__({                                  \
		__typeof__(pointer) stolen_ = (pointer); \
		(pointer) = NULL;                        \
		stolen_;                                 \
	})

/* Returns the code of a call that failed; its struct err is already set. */
#define LP_TRY(call)                         \
	do {                                 \
		enum lp_code code_ = (call); \
		if (code_ != LP_OK)          \
			return code_;        \
	} while (0)

enum lp_code {
	LP_OK = 0,
	LP_TRANSIENT, /* network, timeout, busy, disk full: retry with backoff */
	LP_REJECTED,  /* malformed, refused by a rule: never retry this input as it stands */
	LP_LIMIT,     /* a limit of limits.h was reached; the input is refused */
	LP_NOT_FOUND, /* what was asked for is not there */
	LP_CONFLICT,  /* the world changed under us: observe again, then plan again */
	LP_CORRUPT,   /* local state is unusable: put it aside and rebuild */
	LP_CONFIG,    /* a person must act: stay up, report, do nothing */
	LP_INTERNAL,  /* a bug or out of memory: exit, the supervisor starts the role again */
};

#define LP_ERR_MAX 1024 /* bytes of one message with its NUL; longer ones are cut */

struct err {
	enum lp_code code;
	int os_errno; /* 0, or the errno that caused it */
	char msg[LP_ERR_MAX];
};

/* Sets *err (never NULL) to code and the formatted text, and returns code. */
enum lp_code lp_err_set(struct err *err, enum lp_code code, const char *fmt, ...) LP_PRINTF(3, 4);

/* As lp_err_set, and appends ": " with the text of errnum (an errno value). */
enum lp_code lp_err_os(struct err *err, enum lp_code code, int errnum, const char *fmt, ...)
	LP_PRINTF(4, 5);

/* Puts the formatted text and ": " in front of the message; returns err's code. */
enum lp_code lp_err_wrap(struct err *err, const char *fmt, ...) LP_PRINTF(2, 3);

/* Out of memory, for what: LP_INTERNAL. */
enum lp_code lp_err_nomem(struct err *err, const char *what);

/* The code as a short lower-case word for logs and JSON: "transient"; never NULL. */
const char *lp_code_name(enum lp_code code);
#endif

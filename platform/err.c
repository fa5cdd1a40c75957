/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/err.h"

#include "platform/text.h"

#include <stdio.h>
#include <string.h>

LP_PRINTF(3, 0)
static void print(struct err *err, size_t at, const char *fmt, va_list args)
{
	if (at < sizeof(err->msg))
		vsnprintf(err->msg + at, sizeof(err->msg) - at, fmt, args);
	lp_trim_cut(err->msg);
}

enum lp_code lp_err_set(struct err *err, enum lp_code code, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	err->os_errno = 0;
	va_start(args, fmt);
	print(err, 0, fmt, args);
	va_end(args);
	return code;
}

enum lp_code lp_err_os(struct err *err, enum lp_code code, int errnum, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	err->os_errno = errnum;
	va_start(args, fmt);
	print(err, 0, fmt, args);
	va_end(args);
	size_t at = strlen(err->msg);
	snprintf(err->msg + at, sizeof(err->msg) - at, ": %s", strerror(errnum));
	return code;
}

enum lp_code lp_err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[LP_ERR_MAX];
	va_list args;

	memcpy(inner, err->msg, sizeof(inner));
	va_start(args, fmt);
	print(err, 0, fmt, args);
	va_end(args);
	size_t at = strlen(err->msg);
	snprintf(err->msg + at, sizeof(err->msg) - at, ": %s", inner);
	lp_trim_cut(err->msg);
	return err->code;
}

enum lp_code lp_err_nomem(struct err *err, const char *what)
{
	return lp_err_set(err, LP_INTERNAL, "%s: out of memory", what);
}

const char *lp_code_name(enum lp_code code)
{
	static const char *const names[] = {
		[LP_OK] = "ok",           [LP_TRANSIENT] = "transient", [LP_REJECTED] = "rejected",
		[LP_LIMIT] = "limit",     [LP_NOT_FOUND] = "not-found", [LP_CONFLICT] = "conflict",
		[LP_CORRUPT] = "corrupt", [LP_CONFIG] = "config",       [LP_INTERNAL] = "internal",
	};
	return code < sizeof(names) / sizeof(names[0]) ? names[code] : "unknown";
}

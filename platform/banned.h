/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_PLATFORM_BANNED_H
#define LIMPET_PLATFORM_BANNED_H
/*
 * Functions that do not compile here, after git's banned.h: each has a safe
 * neighbour. Included before every file of limpet by the build.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(name, use) lp_banned_##name##_use_##use
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef gmtime
#undef localtime
#undef ctime
#undef asctime
#undef atoi
#undef atol
#undef alloca
#define strcpy(x, y)     BANNED(strcpy, lp_copy)
#define strcat(x, y)     BANNED(strcat, lp_buf_printf)
#define strncpy(x, y, n) BANNED(strncpy, lp_copy)
#define strncat(x, y, n) BANNED(strncat, lp_buf_printf)
#define sprintf(...)     BANNED(sprintf, snprintf)
#define vsprintf(...)    BANNED(vsprintf, vsnprintf)
#define strtok(x, y)     BANNED(strtok, strtok_r)
#define gmtime(t)        BANNED(gmtime, gmtime_r)
#define localtime(t)     BANNED(localtime, gmtime_r)
#define ctime(t)         BANNED(ctime, strftime)
#define asctime(t)       BANNED(asctime, strftime)
#define atoi(x)          BANNED(atoi, strtoll)
#define atol(x)          BANNED(atol, strtoll)
#define alloca(n)        BANNED(alloca, struct_arena)
#endif

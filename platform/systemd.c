/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/systemd.h"

#include "platform/fs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define STATUS_BYTES 200

/* "/run/systemd/notify", or "@name" for one in the abstract namespace. */
static bool address_of(const char *path, struct sockaddr_un *to, socklen_t *ret_size)
{
	size_t n = strlen(path);

	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n < 2 || n >= sizeof(to->sun_path) || (path[0] != '/' && path[0] != '@'))
		return false;
	memcpy(to->sun_path, path, n);
	if (path[0] == '@')
		to->sun_path[0] = '\0';
	*ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (path[0] == '/'));
	return true;
}

enum lp_code lp_notify_open(struct notify *ret, struct err *err)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t size;

	ret->fd = -1;
	if (!path || !*path)
		return LP_OK;
	if (!address_of(path, &address, &size))
		return lp_err_set(err, LP_CONFIG, "NOTIFY_SOCKET=%s: not the address of a socket",
				  path);
	LP_AUTO(lp_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, size) != 0)
		return lp_err_os(err, LP_CONFIG, errno, "NOTIFY_SOCKET=%s", path);
	ret->fd = fd;
	fd = -1;
	return LP_OK;
}

void lp_notify_close(struct notify *notify)
{
	lp_close(&notify->fd);
}

static void tell(const struct notify *notify, const char *text)
{
	if (notify->fd < 0)
		return;
	/* A full queue drops it: a daemon that waits for its manager would be watched to death. */
	ssize_t ignored = send(notify->fd, text, strlen(text), MSG_NOSIGNAL);
	(void)ignored;
}

void lp_notify_ready(const struct notify *notify)
{
	tell(notify, "READY=1");
}

void lp_notify_reloading(const struct notify *notify)
{
	struct timespec t;
	char text[64];

	clock_gettime(CLOCK_MONOTONIC, &t); /* what the manager asks for, by this name */
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u);
	tell(notify, text);
}

void lp_notify_stopping(const struct notify *notify)
{
	tell(notify, "STOPPING=1");
}

/* How much of text fits into max bytes without cutting a UTF-8 character. */
static size_t cut(const char *text, size_t max)
{
	size_t n = strlen(text);

	if (n <= max)
		return n;
	for (n = max; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
		n--;
	return n;
}

void lp_notify_status(const struct notify *notify, const char *text)
{
	char line[sizeof("STATUS=") + STATUS_BYTES];

	snprintf(line, sizeof(line), "STATUS=%.*s", (int)cut(text, STATUS_BYTES), text);
	for (char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
	tell(notify, line);
}

void lp_notify_watchdog(const struct notify *notify)
{
	tell(notify, "WATCHDOG=1");
}

/* A whole decimal number; false when text is anything else. */
static bool number(const char *text, uint64_t *ret)
{
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && !*end;
}

int64_t lp_watchdog_ms(void)
{
	const char *pid_text = getenv("WATCHDOG_PID");
	uint64_t usec, pid;

	if (!number(getenv("WATCHDOG_USEC"), &usec) || usec > INT64_MAX)
		return 0;
	if (pid_text && (!number(pid_text, &pid) || pid != (uint64_t)getpid()))
		return 0;
	int64_t half_ms = (int64_t)(usec / 2000);
	return usec && !half_ms ? 1 : half_ms;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/fs.h"
#include "platform/systemd.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int manager = -1; /* the service manager's end */
static struct notify notify = {.fd = -1};
static char heard[512];

/* Makes this test the service manager; path with a leading @ is abstract. */
static void manage(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(path);

	lp_close(&manager);
	lp_notify_close(&notify);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(address.sun_path, path, n);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	else
		unlink(path);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	CHECK(bind(manager, (struct sockaddr *)&address, size) == 0);
	CHECK(setenv("NOTIFY_SOCKET", path, 1) == 0);
	CHECK_OK(lp_notify_open(&notify, &err));
	CHECK(notify.fd >= 0);
}

static const char *hear(void)
{
	ssize_t n = recv(manager, heard, sizeof(heard) - 1, 0);

	heard[n > 0 ? n : 0] = '\0';
	return heard;
}

static void path_of(char path[64], const char *name)
{
	snprintf(path, 64, "/tmp/limpet-test-%s-%d", name, (int)getpid());
}

static void the_manager_is_told_by_a_path(void)
{
	char path[64];

	path_of(path, "notify");
	manage(path);
	unlink(path);
	lp_notify_ready(&notify);
	CHECK_STR(hear(), "READY=1");
	lp_notify_stopping(&notify);
	CHECK_STR(hear(), "STOPPING=1");
	lp_notify_watchdog(&notify);
	CHECK_STR(hear(), "WATCHDOG=1");
	CHECK_STR(hear(), "");
}

static void the_manager_is_told_by_an_abstract_name(void)
{
	char name[64];

	snprintf(name, sizeof(name), "@limpet-test-%d", (int)getpid());
	manage(name);
	lp_notify_ready(&notify);
	CHECK_STR(hear(), "READY=1");
}

static void a_reload_names_the_moment_on_the_managers_clock(void)
{
	struct timespec before, after;
	uint64_t usec = 0;

	clock_gettime(CLOCK_MONOTONIC, &before);
	lp_notify_reloading(&notify);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK_HAS(hear(), "RELOADING=1\nMONOTONIC_USEC=");
	usec = strtoull(strrchr(heard, '=') + 1, NULL, 10);
	CHECK(usec >= (uint64_t)before.tv_sec * 1000000 + (uint64_t)before.tv_nsec / 1000);
	CHECK(usec <= (uint64_t)after.tv_sec * 1000000 + (uint64_t)after.tv_nsec / 1000);
}

static void a_status_is_one_line_of_at_most_200_bytes(void)
{
	char text[300], want[400];

	lp_notify_status(&notify, "37 objects, 2\nREADY=1\x7f");
	CHECK_STR(hear(), "STATUS=37 objects, 2 READY=1 ");
	memset(text, 'x', sizeof(text));
	text[200] = '\0';
	snprintf(want, sizeof(want), "STATUS=%s", text);
	lp_notify_status(&notify, text);
	CHECK_STR(hear(), want);
	text[200] = 'x';
	text[299] = '\0';
	lp_notify_status(&notify, text);
	CHECK_STR(hear(), want);
	/* a character of two bytes that begins at byte 199 is left out whole */
	memcpy(text + 199, "\xc3\xa4", 2);
	lp_notify_status(&notify, text);
	CHECK(strlen(hear()) == strlen("STATUS=") + 199);
}

static void without_a_manager_nothing_happens(void)
{
	lp_notify_close(&notify);
	CHECK(unsetenv("NOTIFY_SOCKET") == 0);
	CHECK_OK(lp_notify_open(&notify, &err));
	CHECK(notify.fd == -1);
	CHECK(setenv("NOTIFY_SOCKET", "", 1) == 0);
	CHECK_OK(lp_notify_open(&notify, &err));
	CHECK(notify.fd == -1);
	lp_notify_ready(&notify);
	lp_notify_reloading(&notify);
	lp_notify_status(&notify, "nobody hears");
	lp_notify_stopping(&notify);
	lp_notify_watchdog(&notify);
	lp_notify_close(&notify);
}

static void an_address_that_cannot_be_used_is_an_error(void)
{
	char lengthy[200] = "/";

	memset(lengthy + 1, 'x', sizeof(lengthy) - 2);
	static const char *const bad[] = {"relative/path", "/", "@", "vsock:2:1234"};
	for (size_t i = 0; i < 4; i++) {
		CHECK(setenv("NOTIFY_SOCKET", bad[i], 1) == 0);
		CHECK_CODE(lp_notify_open(&notify, &err), LP_CONFIG, "not the address of a socket");
		CHECK(notify.fd == -1);
	}
	CHECK(setenv("NOTIFY_SOCKET", lengthy, 1) == 0);
	CHECK_CODE(lp_notify_open(&notify, &err), LP_CONFIG, "not the address of a socket");
	CHECK(setenv("NOTIFY_SOCKET", "/no/such/socket", 1) == 0);
	CHECK_CODE(lp_notify_open(&notify, &err), LP_CONFIG, "NOTIFY_SOCKET=/no/such/socket: ");
	CHECK(notify.fd == -1 && err.os_errno == ENOENT);
}

static void a_manager_that_does_not_listen_holds_nobody_up(void)
{
	char name[64];

	snprintf(name, sizeof(name), "@limpet-test-full-%d", (int)getpid());
	manage(name);
	alarm(20);
	for (int i = 0; i < 100000; i++)
		lp_notify_watchdog(&notify);
	alarm(60);
	lp_close(&manager);
	lp_notify_ready(&notify); /* refused: no SIGPIPE, no error */
}

static int64_t watchdog(const char *usec, const char *pid)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (usec)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	return lp_watchdog_ms();
}

static void the_watchdog_is_fed_twice_as_often_as_asked(void)
{
	char me[16], other[16];

	snprintf(me, sizeof(me), "%d", (int)getpid());
	snprintf(other, sizeof(other), "%d", (int)getppid());
	CHECK(watchdog("120000000", NULL) == 60000);
	CHECK(watchdog("120000000", me) == 60000);
	CHECK(watchdog("120000000", other) == 0);
	CHECK(watchdog("1000", me) == 1); /* never 0 when somebody watches */
	CHECK(watchdog(NULL, me) == 0);
	CHECK(watchdog("0", me) == 0);
	CHECK(watchdog("", me) == 0);
	CHECK(watchdog("-5", me) == 0);
	CHECK(watchdog("12s", me) == 0);
	CHECK(watchdog("99999999999999999999999", me) == 0);
	CHECK(watchdog("18446744073709551615", me) == 0);
	CHECK(watchdog("120000000", "x") == 0);
}

int main(void)
{
	alarm(60);
	TEST(the_manager_is_told_by_a_path);
	TEST(the_manager_is_told_by_an_abstract_name);
	TEST(a_reload_names_the_moment_on_the_managers_clock);
	TEST(a_status_is_one_line_of_at_most_200_bytes);
	TEST(without_a_manager_nothing_happens);
	TEST(an_address_that_cannot_be_used_is_an_error);
	TEST(a_manager_that_does_not_listen_holds_nobody_up);
	TEST(the_watchdog_is_fed_twice_as_often_as_asked);
	lp_notify_close(&notify);
	lp_close(&manager);
	return check_report();
}

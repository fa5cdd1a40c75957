/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that a test sets, for LD_PRELOAD before a dynamic build: the file FAKE_CLOCK holds two
 * numbers of 64 bits, the wall clock's offset in seconds and the error in microseconds that the
 * kernel tells of it (16000000: nobody has set it). Both count as soon as they are written, also
 * behind walls. CLOCK_BOOTTIME goes on as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static const volatile struct {
	int64_t offset_s, error_us;
} * fake;

__attribute__((constructor)) static void start(void)
{
	const char *file = getenv("FAKE_CLOCK");
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*fake), PROT_READ, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		abort();
	close(fd);
	fake = map;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int result = (int)syscall(SYS_clock_gettime, clock, ret);

	if (result == 0 && clock == CLOCK_REALTIME)
		ret->tv_sec += fake->offset_s;
	return result;
}

int adjtimex(struct timex *clock)
{
	if (clock->modes) {
		errno = EPERM;
		return -1;
	}
	*clock = (struct timex){.maxerror = fake->error_us};
	return TIME_ERROR;
}

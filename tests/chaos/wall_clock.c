/* Preloaded: moves the wall clock of a process, and the one that counts while the machine sleeps, by the seconds
   that a shared file says. Other durations stay as they are.

   cc -shared -fPIC -O2 -o wall_clock.so wall_clock.c
   LD_PRELOAD=.../wall_clock.so WALL_CLOCK_FILE=.../offset (twice eight bytes, signed: CLOCK_REALTIME, CLOCK_BOOTTIME)
*/
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *offset;

__attribute__((constructor)) static void open_offset(void) {
    const char *path = getenv("WALL_CLOCK_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *at = mmap(NULL, 2 * sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED) offset = at;
}

static long moved(void) { return offset ? offset[0] : 0; }

static long slept(void) { return offset ? offset[1] : 0; }

int clock_gettime(clockid_t clock, struct timespec *at) {
    int result = (int)syscall(SYS_clock_gettime, clock, at);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += moved();
    if (result == 0 && clock == CLOCK_BOOTTIME) at->tv_sec += slept();
    return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

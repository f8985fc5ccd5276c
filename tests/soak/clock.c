/* A library to preload: it shifts or stops the wall clock of a process, but not its monotonic clocks.
 *
 * CLOCK names a file of two 64-bit numbers, which may change at any time: nanoseconds to add to the true time, and
 * the moment at which the clock is stopped, in nanoseconds since 1970, or 0.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile const long long *settings;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *memory = file < 0 ? MAP_FAILED : mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) settings = memory;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, now);
    if (status || !settings || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return status;
    long long stopped = settings[1];
    long long total = stopped ? stopped : now->tv_sec * 1000000000LL + now->tv_nsec + settings[0];
    now->tv_sec = total / 1000000000LL;
    now->tv_nsec = total % 1000000000LL;
    return 0;
}

int gettimeofday(struct timeval *now, void *zone) {
    (void)zone;
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *also) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (also) *also = exact.tv_sec;
    return exact.tv_sec;
}

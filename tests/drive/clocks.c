/*
 * clocks: a library to preload: time as a test wants it.
 *
 * The file that OCEANID_CLOCKS names holds two numbers, seconds that CLOCK_BOOTTIME and the wall
 * clock are ahead; it is read at every look, so a test moves them while the program runs. A host
 * that wakes up has slept: its CLOCK_BOOTTIME has jumped and the kernel fires the timers that are
 * due; in place of these firings a loop's poll never lasts longer than 50 ms here.
 */
#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SLICE_MS = 50 };

static void read_offsets(long long *ret_boot_s, long long *ret_wall_s)
{
    const char *path = getenv("OCEANID_CLOCKS");
    FILE *file = path != NULL ? fopen(path, "re") : NULL;

    *ret_boot_s = *ret_wall_s = 0;
    if (file == NULL)
        return;
    if (fscanf(file, "%lld %lld", ret_boot_s, ret_wall_s) != 2)
        *ret_boot_s = *ret_wall_s = 0;
    fclose(file);
}

int clock_gettime(clockid_t clock, struct timespec *ret_at)
{
    int (*next_fn)(clockid_t, struct timespec *);
    long long boot_s, wall_s;
    int result;

    *(void **)&next_fn = dlsym(RTLD_NEXT, "clock_gettime");
    result = next_fn(clock, ret_at);
    if (result != 0 || (clock != CLOCK_BOOTTIME && clock != CLOCK_REALTIME))
        return result;
    read_offsets(&boot_s, &wall_s);
    ret_at->tv_sec += (time_t)(clock == CLOCK_BOOTTIME ? boot_s : wall_s);
    return 0;
}

time_t time(time_t *ret_at)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    if (ret_at != NULL)
        *ret_at = at.tv_sec;
    return at.tv_sec;
}

int poll(struct pollfd *polls, nfds_t count, int timeout_ms)
{
    int (*next_fn)(struct pollfd *, nfds_t, int);

    *(void **)&next_fn = dlsym(RTLD_NEXT, "poll");
    if (count > 1 && timeout_ms > SLICE_MS)
        timeout_ms = SLICE_MS;
    return next_fn(polls, count, timeout_ms);
}

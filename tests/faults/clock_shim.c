/*
 * clock_shim: preloaded into one program of a test, it lets that program's clocks jump. Nobody
 * else's clock is touched, the machine's least of all.
 *
 * OCEANID_CLOCK_SHIM names a file of two numbers of 64 bits: nanoseconds that CLOCK_REALTIME and
 * CLOCK_BOOTTIME are ahead. A jump of CLOCK_BOOTTIME is what a process sees that was suspended: its
 * timers of that clock run out at once, as the kernel's do on resume, without any signal.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { TIMERS_MAX = 8, LOOK_EVERY_MS = 2, NS_A_SECOND = 1000000000 };

struct offsets {
    int64_t realtime, boottime;
};
static const volatile struct offsets none;
static const volatile struct offsets *offsets;

static struct timer {
    int fd;
    struct itimerspec wanted; /* absolute, by the shimmed clock; 0: not set */
} timers[TIMERS_MAX];
static int timers_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t to_ns(const struct timespec *at)
{
    return (int64_t)at->tv_sec * NS_A_SECOND + at->tv_nsec;
}

static struct timespec from_ns(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_A_SECOND, .tv_nsec = ns % NS_A_SECOND};
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    int64_t ahead = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? offsets->realtime
                    : clock == CLOCK_BOOTTIME                                 ? offsets->boottime
                                                                              : 0;

    if (syscall(SYS_clock_gettime, clock, at) != 0)
        return -1;
    *at = from_ns(to_ns(at) + ahead);
    return 0;
}

time_t time(time_t *to)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    if (to != NULL)
        *to = at.tv_sec;
    return at.tv_sec;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone)
{
    struct timespec at;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &at);
    to->tv_sec = at.tv_sec;
    to->tv_usec = at.tv_nsec / 1000;
    return 0;
}

/* ---- timers of CLOCK_BOOTTIME ---------------------------------------------------------------- */

static int arm(const struct timer *timer)
{
    struct itimerspec when = timer->wanted;
    int64_t at = to_ns(&when.it_value);

    if (at != 0) {
        at -= offsets->boottime;
        when.it_value = from_ns(at < 1 ? 1 : at);
    }
    return (int)syscall(SYS_timerfd_settime, timer->fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int timerfd_create(clockid_t clock, int flags)
{
    int fd = (int)syscall(SYS_timerfd_create, clock, flags);

    pthread_mutex_lock(&lock);
    if (fd >= 0 && clock == CLOCK_BOOTTIME && timers_count < TIMERS_MAX)
        timers[timers_count++].fd = fd;
    pthread_mutex_unlock(&lock);
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *before)
{
    int result = -2;

    pthread_mutex_lock(&lock);
    for (int i = 0; i < timers_count && (flags & TFD_TIMER_ABSTIME) != 0; i++) {
        if (timers[i].fd == fd) {
            timers[i].wanted = *when;
            result = arm(&timers[i]);
        }
    }
    pthread_mutex_unlock(&lock);
    return result != -2 ? result : (int)syscall(SYS_timerfd_settime, fd, flags, when, before);
}

/* What the kernel does on resume: what has run out meanwhile fires. */
static void *look_for_jumps(void *context)
{
    int64_t seen = offsets->boottime;

    (void)context;
    for (;;) {
        poll(NULL, 0, LOOK_EVERY_MS);
        if (offsets->boottime == seen)
            continue;
        seen = offsets->boottime;
        pthread_mutex_lock(&lock);
        for (int i = 0; i < timers_count; i++)
            arm(&timers[i]);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("OCEANID_CLOCK_SHIM");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    pthread_t looker;
    sigset_t all, before;

    offsets = &none;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof(*offsets), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped == MAP_FAILED)
        return;
    offsets = mapped;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* the program's signals are for its own threads */
    pthread_create(&looker, NULL, look_for_jumps, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_detach(looker);
}

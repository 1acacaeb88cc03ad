/*
 * turns: threads, poll and clock of the process under test.
 */
#include "tests/crash/turns.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "agent/guard/io/mailbox.h"
#include "common/io/clock.h"
#include "tests/crash/kernel.h"
#include "tests/crash/real.h"
#include "tests/crash/world.h"

enum { THREADS_MAX = 8, UNIX_BEGINS = 1800000000, BOOT_LASTS_S = 1000, MAIN = 0, CHILD_MS = 60000 };

/* Whose turn it is may pass; the others wait. Slot 0 is the thread that decides. */
static struct {
    sem_t turn;
    struct mailbox *waits_for; /* NULL: not yet at its mailbox, or at work */
    mono_t sleeps_until;
} threads[THREADS_MAX];
static int threads_count;
static _Thread_local int self = MAIN;
static mono_t timer_at; /* 0: not armed */
static turns_player_fn player;

void turns_set_player(turns_player_fn player_fn)
{
    player = player_fn;
}

/* ---- threads -------------------------------------------------------------------------------- */

static void wait_turn(void)
{
    while (sem_wait(&threads[self].turn) != 0)
        ;
}

static void give_turn(int to)
{
    sem_post(&threads[to].turn);
}

struct start {
    int number;
    void *(*main_fn)(void *context);
    void *context;
};

static void *run_thread(void *context)
{
    struct start start = *(struct start *)context;

    free(context);
    self = start.number;
    wait_turn();
    return start.main_fn(start.context);
}

void __wrap_mailbox_start_thread(void *(*main_fn)(void *context), void *context);
void __wrap_mailbox_start_thread(void *(*main_fn)(void *context), void *context)
{
    struct start *start = malloc(sizeof(*start));
    pthread_t thread;

    *start = (struct start){++threads_count, main_fn, context};
    if (threads_count >= THREADS_MAX || sem_init(&threads[threads_count].turn, 0, 0) != 0 ||
        pthread_create(&thread, NULL, run_thread, start) != 0)
        world_give_up("thread");
    pthread_detach(thread);
}

void *__wrap_mailbox_wait(struct mailbox *mailbox);
void *__wrap_mailbox_wait(struct mailbox *mailbox)
{
    void *item;

    threads[self].waits_for = mailbox;
    while ((item = mailbox_poll(mailbox)) == NULL) {
        give_turn(MAIN);
        wait_turn();
    }
    threads[self].waits_for = NULL;
    return item;
}

static bool has_work(int thread)
{
    struct pollfd look = {.fd = -1, .events = POLLIN};

    if (threads[thread].sleeps_until > world->now)
        return false;
    if (threads[thread].waits_for == NULL)
        return true;
    look.fd = threads[thread].waits_for->fd;
    return __real_poll(&look, 1, 0) > 0;
}

/* The seed says which thread is the fastest this time. */
static bool run_threads(void)
{
    static uint64_t random;
    bool worked = false;
    int from = 0;

    if (random == 0)
        random = world->fault.seed | 1;
    if ((world->fault.seed & 192) == 192)
        from = (int)(world_random(&random) % THREADS_MAX);
    for (int i = 0; i < threads_count; i++) {
        int thread = 1 + (from + i) % threads_count;

        if (!has_work(thread))
            continue;
        worked = true;
        give_turn(thread);
        wait_turn();
    }
    return worked;
}

/* ---- the clock ------------------------------------------------------------------------------ */

mono_t __wrap_clock_now(void);
mono_t __wrap_clock_now(void)
{
    return world->now;
}

int64_t __wrap_clock_unix(void);
int64_t __wrap_clock_unix(void)
{
    return UNIX_BEGINS + world->boots * BOOT_LASTS_S + world->now / 1000;
}

int64_t __wrap_clock_unix_us(void);
int64_t __wrap_clock_unix_us(void)
{
    return __wrap_clock_unix() * INT64_C(1000000);
}

void __wrap_clock_random(void *to, size_t len);
void __wrap_clock_random(void *to, size_t len)
{
    uint8_t *at = to;

    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(world_random(&world->random) >> 16);
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when,
                           struct itimerspec *ret_old);
int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when,
                           struct itimerspec *ret_old)
{
    (void)fd;
    (void)flags;
    (void)ret_old;
    timer_at = when->it_value.tv_sec * 1000 + when->it_value.tv_nsec / 1000000;
    return 0;
}

unsigned __wrap_alarm(unsigned seconds);
unsigned __wrap_alarm(unsigned seconds)
{
    (void)seconds; /* of the real clock: a busy machine would be taken for a slow boot */
    return 0;
}

static void advance(mono_t to)
{
    if (to > world->now)
        world->now = to;
}

/* A thread that sleeps in its work: the others go on. */
static int sleep_until(mono_t until)
{
    threads[self].sleeps_until = until;
    give_turn(MAIN);
    wait_turn();
    return 0;
}

static mono_t first_awake(mono_t until)
{
    for (int i = 1; i <= threads_count; i++) {
        if (threads[i].sleeps_until > world->now && threads[i].sleeps_until < until)
            until = threads[i].sleeps_until;
    }
    return until;
}

static int wait_for_time(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    mono_t until = timeout_ms < 0 ? INT64_MAX : world->now + timeout_ms;

    if (self == MAIN && player != NULL && timer_at > 0 && timer_at < until)
        until = timer_at;
    if (self == MAIN)
        until = first_awake(until);
    else if (count == 0)
        return sleep_until(until);
    if (until == INT64_MAX)
        world_give_up("it waits for ever");
    advance(until);
    return __real_poll(fds, count, 0);
}

/* A process of its own is at work at the other end: it takes no time of the world's clock. */
static bool waits_for_child(const struct pollfd *fds, nfds_t count)
{
    struct stat is;

    return world->forks && count == 1 && fds[0].fd >= 0 && fstat(fds[0].fd, &is) == 0 &&
           S_ISFIFO(is.st_mode);
}

static int wait_for_child(struct pollfd *fds)
{
    int ready = __real_poll(fds, 1, CHILD_MS);

    if (ready <= 0)
        world_give_up("a process of its own does not answer");
    return ready;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    bool decides = self == MAIN && player != NULL && count > 1;

    if (waits_for_child(fds, count))
        return wait_for_child(fds);
    for (;;) {
        bool moved = decides && run_threads();
        int ready;

        if (world->kernel_works)
            kernel_settle();
        ready = count > 0 ? __real_poll(fds, count, 0) : 0;

        if (ready != 0)
            return ready;
        if (!moved && !(decides && player()))
            return wait_for_time(fds, count, timeout_ms);
    }
}

/* The same, as _FORTIFY_SOURCE spells it. */
int __wrap___poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size);
int __wrap___poll_chk(struct pollfd *fds, nfds_t count, int timeout_ms, size_t size)
{
    if (count > size / sizeof(*fds))
        world_give_up("poll looks behind its descriptors");
    return __wrap_poll(fds, count, timeout_ms);
}

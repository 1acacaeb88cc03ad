/*
 * loop: the one place where the guard waits.
 */
#include "agent/guard/io/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/guard/io/notify.h"
#include "agent/guard/io/owned_drift.h"
#include "agent/guard/io/undo_text.h"
#include "common/core/mem.h"
#include "common/io/clock.h"

/* Within the unit's TimeoutStopSec=, of which ExecStopPost= has its own. */
enum { UNWATCHED_MS = 5000, STOP_WAITS_MS = 8000, UNHEARD_MS = 250 };

/* The unit's WatchdogSec= holds while anything is touched or about to be; else so many of it. */
enum { IDLE_WATCHDOGS = 3 };

enum slot {
    SLOT_SIGNAL,
    SLOT_TIMER,
    SLOT_LISTEN,
    SLOT_WATCH,
    SLOT_KEEP,
    SLOT_WORK,
    SLOT_WRITTEN,
    SLOT_REHEARSED,
    SLOT_TRUSTED,
    SLOT_DRIFT,
    SLOTS
};

struct loop {
    struct pollfd polls[SLOTS + CLIENTS_MAX];
    unsigned ids[CLIENTS_MAX]; /* client of each poll behind the slots */
    uint32_t clients_count;
    int signal_fd, timer_fd;
    uint64_t watchdog_us; /* the unit's; 0: nobody watches */
    bool is_ready;        /* what systemd was told last */
    bool idle;
    mono_t alive_at; /* when to tell it again */
};

struct loop *loop_open(struct err *err)
{
    struct loop *loop = mem_alloc(1, sizeof(*loop));
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit on files is a full disk like any other */
    loop->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    /* CLOCK_BOOTTIME: a lease that ran out while the host slept is seen when it wakes. */
    loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (sd_watchdog_enabled(0, &loop->watchdog_us) <= 0)
        loop->watchdog_us = 0;
    if (loop->signal_fd >= 0 && loop->timer_fd >= 0)
        return loop;
    err_set(err, ERR_SYSTEM, "signalfd, timerfd: %s", strerror(errno));
    free(loop);
    return NULL;
}

void loop_close(struct loop *loop)
{
    close(loop->signal_fd);
    close(loop->timer_fd);
    free(loop);
}

static void set_timer(const struct loop *loop, mono_t at)
{
    struct itimerspec when = {{0, 0}, {0, 0}};

    if (at != MONO_NEVER) {
        if (at < 1)
            at = 1;
        when.it_value.tv_sec = at / 1000;
        when.it_value.tv_nsec = at % 1000 * 1000000;
    }
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static mono_t next_deadline(const struct guard *guard)
{
    mono_t at = mono_min(keep_deadline(guard), files_deadline(guard));

    at = mono_min(at, owned_drift_deadline(guard));
    at = mono_min(at, undo_text_deadline(guard));
    if (guard->stop_by != 0)
        at = mono_min(at, guard->stop_by);
    return mono_min(at, trial_deadline(guard->trial));
}

static bool tell_ready(struct loop *loop)
{
    if (!loop->is_ready)
        loop->is_ready = notify_tell("READY=1\nSTATUS=");
    return loop->is_ready;
}

static bool tell_interval(uint64_t interval_us)
{
    char state[64];

    snprintf(state, sizeof(state), "WATCHDOG=1\nWATCHDOG_USEC=%llu",
             (unsigned long long)interval_us);
    return notify_tell(state);
}

/* Before it waits, so that the short interval holds before a prepare can be started: a guard that
 * is frozen from then on is ended in time. PID 1 is not waited for. Returns how long it may wait,
 * in milliseconds. */
static int tell_alive(struct loop *loop, const struct guard *guard)
{
    bool idle = guard->trial->state == TRIAL_IDLE;
    uint64_t interval_us = loop->watchdog_us * (idle ? IDLE_WATCHDOGS : 1);
    bool is_heard = tell_ready(loop);
    mono_t now = clock_now();

    if (loop->watchdog_us == 0)
        return is_heard ? UNWATCHED_MS : UNHEARD_MS; /* the clocks are looked at all the same */
    if (is_heard && (idle != loop->idle || now >= loop->alive_at)) {
        is_heard = tell_interval(interval_us);
        loop->idle = is_heard ? idle : loop->idle;
        loop->alive_at = is_heard ? now + (mono_t)(interval_us / 2000) : now;
    }
    return is_heard ? (int)(loop->alive_at - now) : UNHEARD_MS;
}

static void loop_wait(struct loop *loop, struct guard *guard)
{
    const int fds[SLOTS] = {
        loop->signal_fd,          loop->timer_fd,        guard->clients.listen_fd,
        keep_watch_fd(guard),     keep_worker_fd(guard), worker_fd(guard->worker),
        writer_fd(guard->writer), rehearsing_fd(guard),  trust_reader_fd(guard->trust_reader),
        owned_drift_fd(guard)};

    for (int i = 0; i < SLOTS; i++)
        loop->polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    loop->clients_count = guard->clients.count;
    for (uint32_t i = 0; i < loop->clients_count; i++) {
        loop->ids[i] = guard->clients.list[i].id;
        loop->polls[SLOTS + i] = (struct pollfd){.fd = guard->clients.list[i].fd, .events = POLLIN};
    }
    set_timer(loop, next_deadline(guard));
    if (poll(loop->polls, SLOTS + loop->clients_count, tell_alive(loop, guard)) < 0) {
        for (uint32_t i = 0; i < SLOTS + loop->clients_count; i++)
            loop->polls[i].revents = 0;
    }
}

/* Of those that have something the one that has waited longest; NULL: none. */
static const struct client *find_turn(const struct loop *loop, struct guard *guard)
{
    const struct client *first = NULL;

    for (uint32_t i = 0; i < loop->clients_count; i++) {
        const struct client *client = clients_find(&guard->clients, loop->ids[i]);

        if (loop->polls[SLOTS + i].revents != 0 && client != NULL &&
            (first == NULL || client->turn < first->turn))
            first = client;
    }
    return first;
}

/* One packet of one client: the clock and whatever else has come are looked at between any two,
 * however many connections the agent holds and whatever it sends. */
static void hear_client(const struct loop *loop, struct guard *guard)
{
    const struct client *client = guard->leaving ? NULL : find_turn(loop, guard);
    uint8_t *data;
    size_t len;

    if (client == NULL || !clients_receive(&guard->clients, client->id, &data, &len))
        return;
    admit_packet(guard, client, (struct bytes){data, len});
    free(data);
}

static void give_timeout(struct guard *guard)
{
    struct guard_event ev = {.kind = ON_TIMEOUT};

    if (clock_now() >= trial_deadline(guard->trial))
        guard_step(guard, &ev);
}

/* The open trial is taken back by this process, while it can; what is left then, or all of it
 * where this cannot, is ExecStopPost's: two that take it back, and neither relies on the other. */
static void take_signal(const struct loop *loop, struct guard *guard)
{
    struct guard_event ev = {.kind = ON_STOP};
    struct signalfd_siginfo told;

    while (read(loop->signal_fd, &told, sizeof(told)) > 0)
        ;
    guard->leaving = guard->stop_by != 0; /* told again */
    guard->stop_by = clock_now() + STOP_WAITS_MS;
    notify_tell("STOPPING=1");
    guard_step(guard, &ev);
}

static bool owes_an_end(const struct trial *trial)
{
    return trial_is_open(trial) || trial->state == TRIAL_CLOSING;
}

static void look_at_stop(struct guard *guard)
{
    if (guard->stop_by != 0 && (!owes_an_end(guard->trial) || clock_now() >= guard->stop_by))
        guard->leaving = true;
}

void loop_once(struct loop *loop, struct guard *guard)
{
    struct client *fresh;

    loop_wait(loop, guard);
    give_timeout(guard);
    if (loop->polls[SLOT_SIGNAL].revents != 0)
        take_signal(loop, guard);
    if (loop->polls[SLOT_WORK].revents != 0)
        carry_take_work(guard);
    if (loop->polls[SLOT_WRITTEN].revents != 0)
        carry_take_written(guard);
    if (loop->polls[SLOT_REHEARSED].revents != 0)
        rehearsing_take(guard);
    if (loop->polls[SLOT_TRUSTED].revents != 0)
        admit_take_trusted(guard);
    if (loop->polls[SLOT_DRIFT].revents != 0)
        owned_drift_take(guard);
    if (loop->polls[SLOT_WATCH].revents != 0)
        keep_take_watch(guard);
    if (loop->polls[SLOT_KEEP].revents != 0)
        keep_take_worker(guard);
    keep_tick(guard);
    files_tick(guard);
    undo_text_tick(guard);
    owned_drift_tick(guard);
    ends_tick(guard);
    hear_client(loop, guard);
    if (loop->polls[SLOT_LISTEN].revents != 0 && (fresh = clients_accept(&guard->clients)) != NULL)
        carry_greet(guard, fresh->id);
    look_at_stop(guard);
}
